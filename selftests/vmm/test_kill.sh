#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The VMM is killed at any moment: while it sets up, while the guest boots, while disk and
# network are busy. The modules let go of everything at once, so that they can be unloaded
# in the next moment. The kernel log is watched by whoever runs this.
set -uo pipefail
. "$(dirname "$0")/vmm.sh"
. "$here/guest.sh"

TAP=rhkill0
HOST=10.97.0.1
GUEST=10.97.0.2
# Moments after the start, in milliseconds: set-up and boot. Two more follow under load.
MOMENTS=(20 60 120 250 400 700 1200 2500 $((RANDOM % 3000)) $((RANDOM % 8000)))
BUILT=$(dirname "$RINGHOST")/modules/$(uname -r)

need_guest
[[ -e $BUILT/ringhost.ko ]] || skip_all "no modules in $BUILT"

make_initrd "
ip addr add $GUEST/24 dev eth0
ip link set eth0 up
(while :; do dd if=/dev/vda of=/dev/null bs=64k iflag=direct; done) 2> /dev/null &
(while :; do dd if=/dev/zero of=/dev/vdb bs=64k count=64 conv=fsync; done) 2> /dev/null &
until ping -c 1 -W 1 $HOST > /dev/null; do :; done
say busy
while :; do ping -q -c 100 -i 0 -s 1400 $HOST > /dev/null; done" "${GUEST_MODULES[@]}" ||
	skip_all 'cannot make an initramfs'

truncate -s 16M "$work/first"
device=$(make_nullb rhkill 16) || { device=$work/second ; truncate -s 16M "$device" ; }

# Give the interface its address as soon as the VMM has made it.
set_up_tap() {
	local tries

	for ((tries = 100; tries; tries--)); do
		ip addr add "$HOST/24" dev "$TAP" 2> /dev/null && ip link set "$TAP" up && return
		sleep 0.05
	done
}

start() {
	start_guest --cpus 2 --disk "path=$work/first" --disk "path=$device" \
		--net "tap=$TAP,mac=52:54:00:97:00:02"
}

# No second try: what a dead process still held would show here.
unload_all() {
	local index wrong=''

	for ((index = ${#MODULES[@]} - 1; index >= 0; index--)); do
		rmmod "${MODULES[index]}" 2>> "$work/rmmod" || wrong+=" ${MODULES[index]}"
	done
	[[ -z $wrong ]] || echo "still in use:$wrong"
}

load_all() {
	local module

	for module in "${MODULES[@]}"; do
		[[ -d /sys/module/$module ]] || insmod "$BUILT/$module.ko" || return
	done
}

workers() {
	grep -l '^rh-' /proc/[0-9]*/task/*/comm 2> /dev/null
}

# check NAME: after the VMM was killed
check() {
	local wrong

	wrong=$(workers)
	[[ ! -d /sys/class/net/$TAP ]] || wrong+=" $TAP is still there"
	[[ -z $wrong ]]
	result "$1.releases_everything" $? "$wrong"
	wrong=$(unload_all)
	[[ -z $wrong ]]
	result "$1.modules_unload_at_once" $? "$wrong"
	load_all
	result "$1.modules_load_again" $?
}

for moment in "${MOMENTS[@]}"; do
	start
	sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
	kill_guest
	check "killed_after_${moment}_ms"
done

for round in 1 2; do
	start
	set_up_tap &
	wait_guest busy "$BOOT_PATIENCE"
	result "busy_$round.guest_is_busy" $?
	sleep "0.$((RANDOM % 9 + 1))"
	kill_guest
	wait
	check "busy_$round"
done
[[ $device == /dev/* ]] && remove_nullb rhkill
finish
