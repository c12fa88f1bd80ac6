# SPDX-License-Identifier: GPL-2.0-only
#
# Guests of a distribution kernel and a busybox, whichever VMM runs them; sourced, not run.
# The guest does what the test's job says and speaks on its console.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # for who sources this, and work, console from there

# That of the host, or, where the host has one made for it, the newest installed one: a
# guest is to be a stock guest, and with all checks in it, too, it would take minutes to boot.
GUEST_RELEASE=$(uname -r)
[[ -e /boot/vmlinuz-$GUEST_RELEASE ]] ||
	GUEST_RELEASE=$(cd /boot && printf '%s\n' vmlinuz-* | sed 's/^vmlinuz-//' | sort -V | tail -n 1)
GUEST_KERNEL=/boot/vmlinuz-$GUEST_RELEASE
# A line of the guest's that is meant for the test.
MARK='guest:'

# guest_modules MODULE...: print the files to load for them, in order.
guest_modules() {
	modprobe -S "$GUEST_RELEASE" -a --show-depends "$@" |
		awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

unpack() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -qdc "$1" ;;
	*) cat "$1" ;;
	esac
}

# write_init JOB: what runs in the guest
write_init() {
	cat <<INIT
#!/bin/busybox sh
/bin/busybox --install /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in \$(cat /order); do insmod "/\$module"; done
say() { echo "$MARK \$*"; }
$1
poweroff -f
INIT
}

# make_initrd JOB MODULE...: an initramfs in $work/initrd whose init loads the modules and
# runs the shell commands JOB
make_initrd() {
	local job=$1 root=$work/root path name

	shift
	mkdir -p "$root"/{bin,proc,sys,dev,tmp} && cp "$(command -v busybox)" "$root/bin/" || return
	write_init "$job" > "$root/init"
	chmod +x "$root/init"
	: > "$root/order"
	for path in $(guest_modules "$@"); do
		name=$(basename "${path%%.ko*}").ko
		unpack "$path" > "$root/$name" || return
		echo "$name" >> "$root/order"
	done
	(cd "$root" && find . | cpio -o -H newc --quiet) > "$work/initrd"
}

# wait_guest WORD SECONDS: for a line "guest: WORD ..."; leaves the rest in $answer
wait_guest() {
	local end=$((SECONDS + $2)) line

	while ((SECONDS < end)) && read -r -t $((end - SECONDS)) -u "$console" line; do
		line=${line%$'\r'}
		answer=${line##*"$MARK $1"}
		[[ $answer != "$line" ]] && return
		[[ $line == *"$MARK"* ]] || echo "# console: $line"
	done
	echo "# the guest did not say \"$1\" in time"
	return 1
}
