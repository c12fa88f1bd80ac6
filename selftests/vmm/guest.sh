# SPDX-License-Identifier: GPL-2.0-only
#
# Nested guests of guest-kernel.sh for tests of the VMM; sourced after vmm.sh.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # for who sources this, and from vmm.sh

. "$(dirname "${BASH_SOURCE[0]}")/../lib/guest-kernel.sh"

GUEST_MODULES=(virtio_pci virtio_blk virtio_net)
# The emulated processor of a test host trips over xsave, and the AGP scan takes half a boot.
GUEST_APPEND="console=ttyS0 quiet panic=-1 noxsave pci=noearly"
BOOT_PATIENCE=180
MODULES=(ringhost ringhost_tap ringhost_net ringhost_blk)

need_guest() {
	local missing=''

	[[ -x $RINGHOST ]] || missing="$RINGHOST is not built"
	[[ -r $GUEST_KERNEL ]] || missing="no $GUEST_KERNEL"
	command -v busybox > /dev/null || missing='no busybox'
	have_kvm || missing='no /dev/kvm'
	[[ -z $missing ]] || skip_all "$missing"
}

# start_guest ARGUMENT...: in the background; leaves pid, and its console in $console
start_guest() {
	rm -f "$work/console"
	mkfifo "$work/console"
	"$RINGHOST" run --kernel "$GUEST_KERNEL" --initrd "$work/initrd" --mem 192M \
		--append "$GUEST_APPEND" "$@" < /dev/null > "$work/console" 2>&1 &
	pid=$!
	exec {console}< "$work/console"
}

# kill_guest: with SIGKILL, and wait until it has gone
kill_guest() {
	kill -KILL "$pid" 2> /dev/null
	wait "$pid" 2> /dev/null
	[[ -z ${console:-} ]] || exec {console}<&-
	console=''
}

# A null block device that keeps what is written: make_nullb NAME MIB; prints its path.
make_nullb() {
	local config=/sys/kernel/config/nullb/$1

	modprobe null_blk nr_devices=0 2> /dev/null
	mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config || return
	mkdir -p "$config" && echo 1 > "$config/memory_backed" && echo "$2" > "$config/size" &&
		echo 1 > "$config/power" || return
	echo "/dev/$1"
}

remove_nullb() {
	echo 0 > "/sys/kernel/config/nullb/$1/power"
	rmdir "/sys/kernel/config/nullb/$1"
}
