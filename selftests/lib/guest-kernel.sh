# SPDX-License-Identifier: GPL-2.0-only
#
# Which kernel the guests of a test run; sourced, not run.
# shellcheck shell=bash
# shellcheck disable=SC2034 # for who sources this

# That of the host, or, where the host has one made for it, the newest installed one: a
# guest is to be a stock guest, and with all checks in it, too, it would take minutes to boot.
GUEST_RELEASE=$(uname -r)
[[ -e /boot/vmlinuz-$GUEST_RELEASE ]] ||
	GUEST_RELEASE=$(cd /boot && printf '%s\n' vmlinuz-* | sed 's/^vmlinuz-//' | sort -V | tail -n 1)
GUEST_KERNEL=/boot/vmlinuz-$GUEST_RELEASE

# guest_modules MODULE...: print the files to load for them, in order.
guest_modules() {
	modprobe -S "$GUEST_RELEASE" -a --show-depends "$@" |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}
