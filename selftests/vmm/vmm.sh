# SPDX-License-Identifier: GPL-2.0-only
#
# Common to the tests of the ringhost command; sourced, not run. Gives a work folder
# that vanishes with the test, the results of ktap.sh, and guests of a few instructions that
# come as a bzImage of our own making, so that no distribution kernel is needed.
# shellcheck shell=bash
# shellcheck disable=SC2034 # for who sources this

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../lib/ktap.sh"
RINGHOST=${RINGHOST:-$(dirname "$(dirname "$here")")/build/ringhost}
# Seconds; generous, because the machine may be emulated.
PATIENCE=${PATIENCE:-60}

# KVM as such: a machine that has the node can still be unable to run a guest.
have_kvm() {
	[[ -c /dev/kvm && -r /dev/kvm && -w /dev/kvm ]]
}

# put FILE OFFSET HEX: bytes into a file
put() {
	local escaped='' i

	for ((i = 0; i < ${#3}; i += 2)); do
		escaped+="\\x${3:i:2}"
	done
	printf '%b' "$escaped" | dd of="$1" bs=1 seek=$(($2)) conv=notrunc status=none
}

# make_kernel FILE [HEX]: a bzImage whose 64-bit entry is HEX, or an endless HLT.
# 20 KiB, one setup sector, runs at 1 MiB, claims 1 MiB of memory. Little-endian.
make_kernel() {
	[[ -e $work/template ]] || make_template "$work/template"
	cp "$work/template" "$1"
	put "$1" 0x600 "${2:-$HALT}"
}

make_template() {
	truncate -s 20480 "$1"
	put "$1" 0x1f1 01		# setup_sects
	put "$1" 0x1fe 55aa		# boot_flag
	put "$1" 0x200 eb66		# jump: the header ends at 0x268
	put "$1" 0x202 48647253		# HdrS
	put "$1" 0x206 0f02		# version 2.15
	put "$1" 0x211 01		# loadflags: LOADED_HIGH
	put "$1" 0x22c ffffff7f		# initrd_addr_max
	put "$1" 0x230 00001000		# kernel_alignment
	put "$1" 0x236 0100		# xloadflags: 64-bit entry
	put "$1" 0x238 ff070000		# cmdline_size
	put "$1" 0x258 0000100000000000	# pref_address
	put "$1" 0x260 00001000		# init_size
}

# Machine code to build entries from.
OUT_A=66baf803b041ee			# 'A' to the serial port
POWER_OFF=66ba040666b8003466ef		# 0x3400 to PM1a control: S5
RESET=66baf90cb006ee			# 6 to port 0xCF9
TRIPLE_FAULT=6a006a000f011c240f0b	# LIDT of zeroes, then UD2
SPIN=ebfe
HALT=f4ebfd

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
