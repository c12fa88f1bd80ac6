#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A stock QEMU that knows nothing of ringhost runs a guest over our nodes, which are
# mounted over the ones it opens. When vhost refuses to start, QEMU falls back to its
# own device without a word, so that packets flow proves nothing: our counters must
# rise while they do. Then the guest is stopped and continued, and still has a network.
set -uo pipefail

KERNEL=/boot/vmlinuz-$(uname -r)
TAP=qemu0
HOST=10.98.0.1
GUEST=10.98.0.2
MODULES="virtio_pci virtio_net"
MIB=4
# Seconds; generous, because both machines may be emulated.
BOOT_PATIENCE=240
JOB_PATIENCE=60
TESTS=6
number=0

result() {
	local outcome=$1 name=$2

	number=$((number + 1))
	echo "$outcome $number $name"
}

expect() {
	local name=$1

	shift
	if "$@"; then
		result ok "$name"
	else
		result 'not ok' "$name"
	fi
}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

# Bind mounts and the work folder vanish with this process's mount namespace.
if [[ -z ${IN_NAMESPACE:-} ]]; then
	IN_NAMESPACE=1 exec unshare --mount -- "$0" "$@"
fi
echo "TAP version 13"
command -v qemu-system-x86_64 > /dev/null || skip_all "no qemu-system-x86_64"
command -v busybox > /dev/null || skip_all "no busybox"
[[ -r $KERNEL ]] || skip_all "no $KERNEL"
work=$(mktemp -d)
mount -t tmpfs work "$work" || exit 1

# --- the nodes QEMU opens -------------------------------------------------------------

cover() {
	mkdir -p "$(dirname "$2")"
	[[ -e $2 ]] || touch "$2"
	mount --bind "$1" "$2"
}

# --- the guest ------------------------------------------------------------------------

guest_modules() {
	local module

	for module in $MODULES; do
		modprobe --show-depends "$module" | awk '$1 == "insmod" { print $2 }'
	done | awk '!seen[$0]++'
}

# Each command from the serial line runs in the guest; its status comes back.
write_init() {
	cat <<-INIT
	#!/bin/busybox sh
	/bin/busybox --install /bin
	export PATH=/bin
	mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
	for module in \$(cat /order); do insmod /\$module || echo "no \$module"; done
	ip addr add $GUEST/24 dev eth0; ip link set eth0 up
	stty -echo
	echo guest: ready
	while read -r line; do eval "\$line" > /dev/null; echo "guest: status \$?"; done
	poweroff -f
	INIT
}

make_initrd() {
	local root=$work/root path

	mkdir -p "$root"/{bin,proc,sys,dev,tmp} || return
	cp "$(command -v busybox)" "$root/bin/" || return
	write_init > "$root/init"
	chmod +x "$root/init"
	: > "$root/order"
	for path in $(guest_modules); do
		case $path in
		*.xz) xz -dc "$path" > "$root/$(basename "${path%.xz}")" ;;
		*.zst) zstd -qdc "$path" > "$root/$(basename "${path%.zst}")" ;;
		*) cp "$path" "$root/" ;;
		esac || return
		path=$(basename "$path")
		echo "${path%.[xz]*}" >> "$root/order"
	done
	(cd "$root" && find . | cpio -o -H newc --quiet) > "$work/initrd"
}

start_guest() {
	mkfifo "$work/in" "$work/out"
	qemu-system-x86_64 -accel kvm -accel tcg -cpu max -m 256 -nodefaults -display none \
		-kernel "$KERNEL" -initrd "$work/initrd" -append "console=ttyS0 quiet panic=-1" \
		-netdev "tap,id=net,ifname=$TAP,script=no,downscript=no,vhost=on" \
		-device virtio-net-pci,netdev=net -no-reboot \
		-serial "pipe:$work/serial" -monitor "unix:$work/monitor,server,nowait" \
		2> "$work/errors" &
	qemu=$!
}

# Wait for a line of the guest; its rest is left in $answer.
wait_line() {
	local wanted=$1 patience=$2 line end=$((SECONDS + $2))

	while ((SECONDS < end)); do
		read -r -t $((end - SECONDS)) line <&"$from_guest" || break
		line=${line%$'\r'}
		if [[ $line == *"guest: $wanted"* ]]; then
			answer=${line##*guest: "$wanted"}
			return 0
		fi
		echo "# guest: $line"
	done
	echo "# no \"guest: $wanted\" within $patience seconds"
	return 1
}

guest_runs() {
	printf '%s\n' "$*" >&"$to_guest"
	wait_line status $JOB_PATIENCE && [[ $answer -eq 0 ]]
}

# --- the host -------------------------------------------------------------------------

start_host() {
	mkdir -p "$work/www"
	ip addr add "$HOST/24" dev "$TAP" && ip link set "$TAP" up || return
	dd if=/dev/urandom of="$work/www/data" bs=1M count=$MIB status=none
	sum=$(md5sum < "$work/www/data")
	busybox httpd -f -p "$HOST:80" -h "$work/www" &
	httpd=$!
	busybox nc -l -p 9000 < /dev/null > "$work/upload" &
	nc=$!
}

upload_is_whole() {
	wait "$nc"
	[[ $(md5sum < "$work/upload") == "$sum" ]]
}

# Our counters, of whichever of QEMU's descriptors is our device.
counter() {
	cat /proc/"$qemu"/fdinfo/* 2> /dev/null | awk -v name="$1:" '$1 == name { print $2; found = 1 }
		END { if (!found) print 0 }'
}

# Every frame of the two transfers went through our rings; 1514 bytes is the most a frame holds
# without offloads, 64 KiB with them.
counters_show_the_transfers() {
	local rx tx

	rx=$(counter queue0.bytes_written)
	tx=$(counter queue1.bytes_read)
	echo "# our counters: $rx bytes to the guest, $tx from it"
	((rx > MIB << 20 && tx > MIB << 20)) &&
		(($(counter queue0.breaks) == 0 && $(counter queue1.breaks) == 0))
}

monitor() {
	printf '%s\n' "$@" | busybox nc local:"$work/monitor" > /dev/null 2>&1 ||
		printf '%s\n' "$@" | timeout 5 python3 -c '
import socket, sys
monitor = socket.socket(socket.AF_UNIX)
monitor.connect(sys.argv[1])
monitor.recv(4096)
for line in sys.stdin:
    monitor.send(line.encode())
    monitor.recv(4096)
' "$work/monitor"
}

survives_stop_and_continue() {
	local before

	monitor stop cont
	before=$(counter queue0.chains)
	guest_runs "ping -c 3 -W 5 $HOST" && (($(counter queue0.chains) >= before + 3))
}

ends_cleanly() {
	exec {to_guest}>&-
	printf 'quit\n' | timeout 5 cat > /dev/null
	for ((i = 0; i < 100; i++)); do
		kill -0 "$qemu" 2> /dev/null || break
		sleep 0.2
	done
	! kill -0 "$qemu" 2> /dev/null && [[ ! -e /sys/class/net/$TAP ]]
}
