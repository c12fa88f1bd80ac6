#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The stock `ip tuntap`, which knows only /dev/net/tun, over a bind mount: the simplest
# program of those that must run unmodified. What it makes and deletes must be ours.
set -uo pipefail

NODE=/dev/ringhost-tap

# Mounts and interfaces vanish with this process's namespaces.
if [[ -z ${IN_NAMESPACE:-} ]]; then
	IN_NAMESPACE=1 exec unshare --mount --net -- "$0" "$@"
fi
. "$(dirname "$0")/../lib/cover.sh"
. "$(dirname "$0")/../lib/ktap.sh"

is_ours() {
	ip -d link show "$1" 2> /dev/null | grep -q ringhost_tap
}

is_gone() {
	! ip link show "$1" > /dev/null 2>&1
}

attribute() {
	cat "/sys/class/net/$1/$2"
}

add() {
	ip tuntap add dev "$@"
}

belongs() {
	[[ $(attribute "$1" owner) == "$2" && $(attribute "$1" group) == "$3" ]]
}

# With the flags they have, for TUNSETIFF changes those that it is not given.
deletes_all() {
	ip tuntap del dev rht2 mode tap && ip tuntap del dev rht4 mode tap multi_queue &&
		ip tuntap del dev rht5 mode tap pi && ip tuntap del dev rht6 mode tap one_queue &&
		ip tuntap del dev rhn1 mode tun pi one_queue vnet_hdr multi_queue &&
		ip tuntap del dev rhn2 mode tun || return
	! ip -o link show | grep -q ': rh'
}

# IFF_TUN 0x0001, IFF_TAP 0x0002, IFF_MULTI_QUEUE 0x0100, IFF_PERSIST 0x0800, IFF_NO_PI 0x1000,
# IFF_ONE_QUEUE 0x2000, IFF_VNET_HDR 0x4000
has_flags() {
	[[ $(attribute "$1" tun_flags) == "$2" ]]
}

takes_address() {
	ip addr add 10.97.1.1/24 dev "$1" && ip link set "$1" up &&
		ip route get 10.97.1.2 | grep -q "dev $1 src 10.97.1.1"
}

cover "$NODE" /dev/net/tun tun || exit 1
mount -t sysfs sysfs /sys || exit 1

expect tap_is_made add rht0 mode tap
expect tap_is_ours is_ours rht0
expect tap_is_persistent_without_packet_information has_flags rht0 0x1802
expect vnet_header_is_passed_on eval 'add rht1 mode tap vnet_hdr && has_flags rht1 0x5802'
expect owner_and_group_are_kept eval 'add rht2 mode tap user 1000 group 1001 && belongs rht2 1000 1001'
expect interface_takes_address_and_route takes_address rht0
expect tap_is_deleted eval 'ip tuntap del dev rht0 mode tap && is_gone rht0'
expect link_is_deleted_by_rtnetlink eval 'ip link del rht1 && is_gone rht1'
expect several_queues_are_passed_on eval 'add rht4 mode tap multi_queue && has_flags rht4 0x1902'
expect packet_information_is_passed_on eval 'add rht5 mode tap pi && has_flags rht5 0x802'
expect one_queue_is_passed_on eval 'add rht6 mode tap one_queue && has_flags rht6 0x3802'
expect tun_is_made eval 'add rhn0 mode tun && is_ours rhn0 && has_flags rhn0 0x1801'
expect tun_takes_all_flags eval \
	'add rhn1 mode tun pi one_queue vnet_hdr multi_queue && has_flags rhn1 0x6901'
expect tun_is_kept_for_a_user eval 'add rhn2 mode tun user 1000 group 1001 && belongs rhn2 1000 1001'
expect tun_takes_address_and_route takes_address rhn0
expect tun_is_not_deleted_as_a_tap eval \
	'! ip tuntap del dev rhn0 mode tap 2> /dev/null && is_ours rhn0'
expect tun_is_deleted eval 'ip tuntap del dev rhn0 mode tun && is_gone rhn0'
expect every_mode_is_deleted deletes_all
finish
