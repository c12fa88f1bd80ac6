#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A write that the guest was told is safe is safe: the guest writes blocks, each with
# fsync, and says so; the VMM is killed with SIGKILL as soon as some such line is seen;
# every block the guest spoke of must be in the image. One guest has three disks: a block
# device and an image file on the kernel backend, and one on the userspace backend.
set -uo pipefail
. "$(dirname "$0")/vmm.sh"
. "$here/guest.sh"

MIB=32
BLOCK=4096
# Blocks after which to kill: early, and with many in the images.
KILL_AFTER=(2 20)

need_guest

# Block N is filled with its number, so each has one right content.
# shellcheck disable=SC2016 # for the guest's shell, not ours
make_initrd '
say ready
number=0
while :; do
	number=$((number + 1))
	yes "block $number" | head -c 4096 > /tmp/block
	for disk in vda vdb vdc; do
		dd if=/tmp/block of=/dev/$disk bs=4096 seek=$number conv=notrunc,fsync 2> /dev/null ||
			say failed $disk
	done
	say synced $number
done' "${GUEST_MODULES[@]}" || skip_all 'cannot make an initramfs'

# Direct I/O needs a file system on a real device; without one, files in memory must do.
make_images() {
	local below

	device=$(make_nullb rhdurable0 "$MIB") || device=$work/device
	[[ -b $device ]] || truncate -s "${MIB}M" "$device"
	mkdir "$work/ext4"
	below=$(make_nullb rhdurable1 "$MIB") && mke2fs -q -t ext4 -F "$below" > /dev/null 2>&1 &&
		mount "$below" "$work/ext4"
	kernel_file=$work/ext4/kernel
	userspace_file=$work/ext4/userspace
	truncate -s 8M "$kernel_file" "$userspace_file"
}

remove_images() {
	umount "$work/ext4" 2> /dev/null
	remove_nullb rhdurable0
	remove_nullb rhdurable1
}

block_is_right() {
	cmp -s <(yes "block $2" | head -c "$BLOCK") \
		<(dd if="$1" bs="$BLOCK" skip="$2" count=1 iflag=fullblock status=none)
}

# check NAME IMAGE LAST: blocks 1 to LAST
check() {
	local block lost=''

	for ((block = 1; block <= $3; block++)); do
		block_is_right "$2" "$block" || lost+=" $block"
	done
	[[ -z $lost ]]
	result "$1" $? "lost of $3 blocks:$lost"
}

# durable AFTER
durable() {
	local last=$1 image line

	for image in "$device" "$kernel_file" "$userspace_file"; do
		dd if=/dev/zero of="$image" bs=1M count=1 conv=notrunc status=none
	done
	start_guest --disk "path=$device" --disk "path=$kernel_file" \
		--disk "path=$userspace_file,backend=userspace"
	wait_guest ready "$BOOT_PATIENCE" && wait_guest "synced $1" "$PATIENCE"
	result "after_$1.guest_writes" $?
	# What it said meanwhile counts as well.
	while read -r -t 0.01 -u "$console" line; do
		[[ $line =~ synced\ ([0-9]+) ]] && last=${BASH_REMATCH[1]}
	done
	kill_guest
	check "after_$1.synced_blocks_are_on_the_kernel_device" "$device" "$last"
	check "after_$1.synced_blocks_are_in_the_kernel_file" "$kernel_file" "$last"
	check "after_$1.synced_blocks_are_in_the_userspace_file" "$userspace_file" "$last"
}

make_images
for after in "${KILL_AFTER[@]}"; do
	durable "$after"
done
remove_images
finish
