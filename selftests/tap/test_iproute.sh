#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The stock `ip tuntap`, which knows only /dev/net/tun, over a bind mount: the simplest
# program of those that must run unmodified. What it makes and deletes must be ours.
set -uo pipefail
. "$(dirname "$0")/../lib/cover.sh"

TESTS=10
NODE=/dev/ringhost-tap
number=0

# Mounts and interfaces vanish with this process's namespaces.
if [[ -z ${IN_NAMESPACE:-} ]]; then
	IN_NAMESPACE=1 exec unshare --mount --net -- "$0" "$@"
fi

expect() {
	local name=$1

	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number $name"
	else
		echo "not ok $number $name"
	fi
}

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

add_fails() {
	! ip tuntap add dev "$@" 2> /dev/null
}

user_makes_link() {
	add "$1" mode tap user 1000 group 1001 &&
		[[ $(attribute "$1" owner) == 1000 && $(attribute "$1" group) == 1001 ]]
}

# IFF_TAP 0x0002, IFF_PERSIST 0x0800, IFF_NO_PI 0x1000, IFF_VNET_HDR 0x4000
has_flags() {
	[[ $(attribute "$1" tun_flags) == "$2" ]]
}

takes_address() {
	ip addr add 10.97.1.1/24 dev "$1" && ip link set "$1" up &&
		ip route get 10.97.1.2 | grep -q "dev $1 src 10.97.1.1"
}

echo "TAP version 13"
echo "1..$TESTS"
cover "$NODE" /dev/net/tun tun || exit 1
mount -t sysfs sysfs /sys || exit 1

expect tap_is_made add rht0 mode tap
expect tap_is_ours is_ours rht0
expect tap_is_persistent_without_packet_information has_flags rht0 0x1802
expect vnet_header_is_passed_on eval 'add rht1 mode tap vnet_hdr && has_flags rht1 0x5802'
expect owner_and_group_are_kept user_makes_link rht2
expect interface_takes_address_and_route takes_address rht0
expect tap_is_deleted eval 'ip tuntap del dev rht0 mode tap && is_gone rht0'
expect link_is_deleted_by_rtnetlink eval 'ip link del rht1 && is_gone rht1'
expect modes_that_do_not_exist_are_refused eval \
	'add_fails rht3 mode tun && is_gone rht3'
expect several_queues_are_passed_on eval 'add rht4 mode tap multi_queue && has_flags rht4 0x1902'
