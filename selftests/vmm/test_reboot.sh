#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A reboot is a new machine over the same disk and the same tap: everything is given
# back and taken again. A distribution kernel with two CPUs writes a mark to its disk
# and reboots; after that it has to find the mark, both CPUs, the clock and its network
# card again, and powers off. With each backend; afterwards nothing holds the modules.
set -uo pipefail
. "$(dirname "$0")/vmm.sh"
. "$(dirname "$0")/guest.sh"

need_guest

JOB='
ip link set eth0 up
carrier=$(cat /sys/class/net/eth0/carrier)
cpus=$(nproc)
clock=$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)
if [ "$(head -c 4 /dev/vda)" = mark ]; then
	say second "cpus $cpus carrier $carrier clock $clock"
	poweroff -f
fi
say first "cpus $cpus carrier $carrier clock $clock rtc $(cat /sys/class/rtc/rtc0/since_epoch)"
printf mark | dd of=/dev/vda bs=512 conv=sync,fsync 2> /dev/null
reboot -f
'

wait_end() {
	wait "$pid"
	status=$?
	exec {console}<&-
	((status == 0)) && return
	echo "# exit status $status"
	return 1
}

# The real-time clock, within a minute of the host's time.
clock_is_right() {
	local guest=${1##*rtc } host

	guest=${guest%% *}
	host=$(date -u +%s)
	[[ $guest =~ ^[0-9]+$ ]] && ((guest > host - 60 && guest < host + 60)) && return
	echo "# guest $guest, host $host"
	return 1
}

reboot_with() {
	local backend=$1

	truncate -s 0 "$work/disk"
	truncate -s 1M "$work/disk"
	start_guest --cpus 2 --disk "path=$work/disk,backend=$backend" \
		--net "tap=rhreboot0,backend=$backend"
	wait_guest first "$BOOT_PATIENCE" && [[ $answer == *'cpus 2 carrier 1 clock kvm-clock'* ]]
	result "guest_with_${backend}_backend_has_cpus_network_and_clock" $? "$answer"
	clock_is_right "$answer"
	result "guest_with_${backend}_backend_knows_the_time" $?
	wait_guest second "$BOOT_PATIENCE" && [[ $answer == *'cpus 2 carrier 1 clock kvm-clock'* ]]
	result "guest_with_${backend}_backend_is_whole_after_a_reboot" $? "$answer"
	wait_end
	result "machine_with_${backend}_backend_ends_with_status_0" $?
}

modules_unused() {
	[[ $(cat /sys/module/ringhost{_net,_blk,_tap}/refcnt | tr -d '\n') == 000 ]]
}

make_initrd "$JOB" "${GUEST_MODULES[@]}" || skip_all 'the initramfs cannot be made'
modprobe -q tun
reboot_with userspace
if [[ -e /dev/ringhost-blk && -e /dev/ringhost-net && -e /dev/ringhost-tap ]]; then
	reboot_with kernel
	modules_unused
	result nothing_holds_the_modules_afterwards $? "$(cat /sys/module/ringhost*/refcnt)"
else
	skip guest_with_kernel_backend 'the modules are not loaded'
fi
finish
