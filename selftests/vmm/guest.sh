# SPDX-License-Identifier: GPL-2.0-only
#
# Nested guests of a distribution kernel and a busybox, for tests of the VMM; sourced
# after vmm.sh. The guest does what the test's job says and speaks on its console.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # for who sources this, and from vmm.sh

. "$(dirname "${BASH_SOURCE[0]}")/../lib/guest-kernel.sh"

# A line of the guest's that is meant for the test.
MARK='guest:'
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

unpack() {
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -qdc "$1" ;;
	*) cat "$1" ;;
	esac
}

# make_initrd JOB: an initramfs in $work/initrd whose init runs the shell commands JOB
make_initrd() {
	local root=$work/root path name

	mkdir -p "$root"/{bin,proc,sys,dev,tmp} && cp "$(command -v busybox)" "$root/bin/" || return
	cat > "$root/init" <<INIT
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
	chmod +x "$root/init"
	: > "$root/order"
	for path in $(guest_modules "${GUEST_MODULES[@]}"); do
		name=$(basename "${path%%.ko*}").ko
		unpack "$path" > "$root/$name" || return
		echo "$name" >> "$root/order"
	done
	(cd "$root" && find . | cpio -o -H newc --quiet) > "$work/initrd"
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
