#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The network card as a stock driver uses it: several pairs of queues, packed rings, and
# the control queue. The driver of a guest says nothing when a command is refused, so all is
# looked at from both ends: what the guest sends and hears, what the host sees of it, and
# the statistics file, which has to show every queue in use and no command refused.
set -uo pipefail
. "$(dirname "$0")/vmm.sh"
. "$(dirname "$0")/guest.sh"

PATH=$PATH:/usr/sbin
TAP=rhnet0
HOST=10.99.0.1 GUEST=10.99.0.2
# Addresses in the two VLANs of which the guest knows the first.
GUEST_5=10.99.5.2 GUEST_6=10.99.6.2
STRANGER=10.99.0.77 MAC=52:54:00:00:00:01 NEW_MAC=52:54:00:00:00:02
PACKETS=20

need_guest
command -v ethtool > /dev/null || skip_all 'no ethtool'

JOB="
HOST=$HOST PACKETS=$PACKETS
ip link set eth0 up
ip addr add $GUEST/24 dev eth0
"'
pairs() { ethtool -l eth0 | awk "/^Combined/ { n = \$2 } END { print n }"; }
# By the queue of one CPU; what comes back by way of another has to find its way as well.
reach() { taskset "$1" ping -c 2 -W 10 "$HOST" > /dev/null && echo yes || echo no; }
both() { echo "pairs $(pairs) reach $(reach 1) $(reach 2)"; }
say up "packed $(cut -c 35 /sys/bus/virtio/devices/virtio0/features)"
until ping -c 1 -W 1 "$HOST" > /dev/null; do :; done
say all "$(both)"
ethtool -L eth0 combined 1
say one "$(both)"
ethtool -L eth0 combined 2
say again "$(both)"

received() { cat /sys/class/net/eth0/statistics/rx_packets; }
echos() { awk "/^Icmp: [0-9]/ { print \$10 }" /proc/net/snmp; }
# listen WORD: let the host send, until it pings; leaves how much was heard
listen() {
	before=$(received) pings=$(echos)
	say "$1"
	until [ "$(echos)" -gt "$pings" ]; do usleep 50000; done
	[ $(($(received) - before)) -lt "$PACKETS" ] && heard=few || heard=all
}
listen filtering
ip link set eth0 promisc on
say filtered "$heard"
listen promiscuous
ip link set eth0 promisc off
say unfiltered "$heard"
vconfig add eth0 5 > /dev/null
ip link set eth0.5 up
ip addr add '"$GUEST_5"'/24 dev eth0.5
listen tagged
say untagged "$heard"
ethtool -K eth0 rx-gro-hw off
listen small
ip link set eth0 address '"$NEW_MAC"'
listen moved
poweroff -f
'

# add_program NAME: and its libraries, to the guest
add_program() {
	local path program

	program=$(command -v "$1") && install -D "$program" "$work/root/bin/$1" || return
	for path in $(ldd "$program" | grep -o '/[^ ]*'); do
		install -D "$path" "$work/root$path" || return
	done
}

# said NAME WORD TEXT: the guest says WORD, and then TEXT
said() {
	wait_guest "$2" "$BOOT_PATIENCE" && [[ $answer == " $3" ]]
	result "$1" $? "$answer"
}

wait_end() {
	wait "$pid"
	status=$?
	exec {console}<&-
	((status == 0)) && return
	echo "# exit status $status"
	return 1
}

# Every queue of both pairs has carried something, and who said so.
queues_were_used() {
	local backend=$1 queue chains

	for queue in 0 1 2 3; do
		chains=$(sed -n "s/^net0.queue$queue.chains //p" "$work/stats")
		((chains)) || { echo "# queue $queue: ${chains:-nothing}" ; return 1 ; }
	done
	grep -Eq "^${backend}_chains [1-9]" "$work/stats"
}

# Nobody has this address, and the host needs not ask who.
to_stranger() {
	local i

	for ((i = 0; i < PACKETS; i++)); do
		echo "$i" > "/dev/udp/$1/9"
	done
}

# signal ADDRESS: what the guest listens for
signal() {
	busybox ping -q -c 1 -W "$BOOT_PATIENCE" "$1" > /dev/null
}

add_vlan() {
	ip link add link "$TAP" name "$TAP.$1" type vlan id "$1" && ip link set "$TAP.$1" up &&
		ip addr add "10.99.$1.1/24" dev "$TAP.$1"
}

# heard NAME READY SENDTO SIGNALTO WORD TEXT: packets that the guest is to hear or not
heard() {
	wait_guest "$2" "$BOOT_PATIENCE"
	to_stranger "$3"
	signal "$4"
	said "$1" "$5" "$6"
}

segments() {
	ethtool -k "$TAP" | sed -n 's/^tcp-segmentation-offload: //p'
}

small_packets_only() {
	local before after

	before=$(segments)
	wait_guest small "$BOOT_PATIENCE"
	after=$(segments)
	signal "$GUEST"
	[[ $before == on && $after == off ]] && return
	echo "# segmentation $before, then $after"
	return 1
}

# The guest tells nobody that it has a new address, until it is asked to.
announces() {
	local end=$((SECONDS + PATIENCE))

	wait_guest moved "$BOOT_PATIENCE"
	[[ $(ip neigh show "$GUEST" dev "$TAP") == *"$MAC"* ]] || return
	kill -USR2 "$pid"
	until [[ $(ip neigh show "$GUEST" dev "$TAP") == *"$NEW_MAC"* ]]; do
		((SECONDS < end)) || return
		sleep 0.1
	done
	signal "$GUEST"
}

no_command_was_refused() {
	grep -Eq '^net0.control.commands [1-9]' "$work/stats" &&
		grep -Fxq 'net0.control.refused 0' "$work/stats"
}

check_control() {
	local name=$1

	ip neigh add "$STRANGER" lladdr 52:54:00:00:00:77 dev "$TAP"
	heard "${name}_hears_no_packets_for_others" filtering "$STRANGER" "$GUEST" filtered few
	heard "${name}_hears_them_in_promiscuous_mode" promiscuous "$STRANGER" "$GUEST" \
		unfiltered all
	add_vlan 5
	add_vlan 6
	ip neigh add "$GUEST_6" lladdr "$MAC" dev "$TAP.6"
	heard "${name}_hears_its_vlan_and_no_other" tagged "$GUEST_6" "$GUEST_5" untagged few
	small_packets_only
	result "${name}_can_switch_an_offload_off" $?
	announces
	result "${name}_announces_its_new_address" $? "$(ip neigh show dev "$TAP" 2> /dev/null)"
}

# run_guest NAME BACKEND PACKED OPTIONS
run_guest() {
	local name=$1 backend=$2 packed=$3 options=$4

	start_guest --cpus 2 --stats "$work/stats" \
		--net "tap=$TAP,mac=$MAC,backend=$backend,queues=2$options"
	said "${name}_negotiates_what_is_offered" up "packed $packed"
	ip addr add "$HOST/24" dev "$TAP"
	said "${name}_sends_by_two_pairs" all 'pairs 2 reach yes yes'
	said "${name}_goes_on_with_one_pair" one 'pairs 1 reach yes yes'
	said "${name}_goes_on_with_two_pairs_again" again 'pairs 2 reach yes yes'
	check_control "$name"
	wait_end
	result "${name}_ends_with_status_0" $?
	queues_were_used "$backend"
	result "${name}_used_all_its_queues" $? "$(grep '^net0' "$work/stats")"
	no_command_was_refused
	result "${name}_was_refused_no_command" $? "$(grep control "$work/stats")"
}

add_program ethtool && make_initrd "$JOB" "${GUEST_MODULES[@]}" 8021q ||
	skip_all 'the initramfs cannot be made'
modprobe -qa tun 8021q
if [[ -e /dev/ringhost-net && -e /dev/ringhost-tap ]]; then
	run_guest kernel_packed kernel 1 ,packed=on,in_order=on
else
	skip kernel_packed 'the modules are not loaded'
fi
run_guest userspace_packed userspace 1 ,packed=on,in_order=on
run_guest userspace_split userspace 0 ''
finish
