#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A stock QEMU that knows nothing of ringhost runs a guest over our nodes, which are
# mounted over the ones it opens. When vhost refuses to start, QEMU falls back to its
# own device without a word, so that packets flow proves nothing: our counters must
# rise while they do. Then the guest is stopped and continued, and still has a network.
# PACKED=on does the same with packed rings, QUEUES=2 with two queue pairs, VHOST=off with
# QEMU's own device, which reads and writes the tap's file, STOCK_TUN=yes over the kernel's tun.
set -uo pipefail

TAP=qemu0
HOST=10.98.0.1
GUEST=10.98.0.2
MIB=2
PACKED=${PACKED:-off}
QUEUES=${QUEUES:-1}
VHOST=${VHOST:-on}
STOCK_TUN=${STOCK_TUN:-no}
# Seconds; generous, because both machines may be emulated.
BOOT_PATIENCE=240
COMMAND_PATIENCE=90

qemu=
sum=
pids=()

# Bind mounts and the work folder vanish with this process's mount namespace.
[[ -n ${IN_NAMESPACE:-} ]] || IN_NAMESPACE=1 exec unshare --mount -- "$0" "$@"
. "$(dirname "$0")/../lib/cover.sh"
. "$(dirname "$0")/../lib/guest-kernel.sh"
. "$(dirname "$0")/../lib/ktap.sh"

# Wait for a command to succeed, for some seconds.
wait_for() {
	local end=$((SECONDS + $1))

	shift
	until "$@"; do
		((SECONDS < end)) || return
		sleep 0.2
	done
}

clean_up() {
	kill $qemu "${pids[@]}" 2> /dev/null
	wait
}

# ---- the guest, and its shell that takes commands from the serial line ----

# Expanded here but for what is escaped.
JOB="
ip addr add $GUEST/24 dev eth0
ip link set eth0 up
stty -echo
say ready
while read -r line; do
	eval \"\$line\" > /dev/null
	say status \$?
done"

# The pipes are opened for both directions so that neither open waits for QEMU.
start_guest() {
	local netdev="tap,id=net,ifname=$TAP,script=no,downscript=no,vhost=$VHOST"
	local device="virtio-net-pci,netdev=net,packed=$PACKED"

	if ((QUEUES > 1)); then
		netdev+=",queues=$QUEUES" device+=",mq=on,vectors=$((2 * QUEUES + 2))"
	fi
	mkfifo "$work"/{serial,monitor}.{in,out}
	exec {to_guest}<> "$work/serial.in" {console}<> "$work/serial.out"
	exec {to_monitor}<> "$work/monitor.in"
	qemu-system-x86_64 -accel kvm -accel tcg -cpu max -smp "$QUEUES" -m 256 -nodefaults -display none \
		-kernel "$GUEST_KERNEL" -initrd "$work/initrd" -append "console=ttyS0 quiet panic=-1" \
		-netdev "$netdev" -device "$device" -no-reboot \
		-serial "pipe:$work/serial" -monitor "pipe:$work/monitor" 2>&1 | sed 's/^/# qemu: /' &
	wait_for 10 tap_exists && qemu=$(pgrep -n -f "ifname=$TAP,")
}

guest_runs() {
	printf '%s\n' "$*" >&"$to_guest"
	wait_guest status $COMMAND_PATIENCE && ((answer == 0))
}

# ---- the host ----

tap_exists() {
	[[ -d /sys/class/net/$TAP ]]
}

qemu_is_gone() {
	[[ ! -d /proc/$qemu ]] && ! tap_exists
}

start_host() {
	mkdir -p "$work/www"
	ip addr add "$HOST/24" dev "$TAP" && ip link set "$TAP" up || return
	dd if=/dev/urandom of="$work/www/data" bs=1M count=$MIB status=none
	sum=$(md5sum < "$work/www/data")
	echo short > "$work/www/short"
	busybox httpd -f -p "$HOST:80" -h "$work/www" &
	pids+=($!)
	# An input that stays silent and open: at its end the other side would hang up.
	mkfifo "$work/silence"
	exec {silence}<> "$work/silence"
	busybox nc -l -p 9000 <&"$silence" > "$work/upload" &
	upload=$!
	pids+=($!)
}

# Of the first command that an emulated serial line carries the beginning gets lost now and then.
guest_boots() {
	start_guest && start_host && wait_guest ready $BOOT_PATIENCE &&
		{ guest_runs true || guest_runs true; }
}

# The character at a feature bit's place in sysfs; VIRTIO_F_RING_PACKED is bit 34.
ring_format_is_the_one_asked_for() {
	local bit=0

	[[ $PACKED == on ]] && bit=1
	guest_runs "[ \$(cut -c 35 /sys/bus/virtio/devices/virtio0/features) = $bit ]"
}

download_is_whole() {
	guest_runs "wget -q -O /data http://$HOST/data && md5sum < /data | grep -q ${sum%% *}"
}

upload_is_whole() {
	guest_runs "nc $HOST 9000 < /data" && wait "$upload" &&
		[[ $(md5sum < "$work/upload") == "$sum" ]]
}

# each COUNTER: one of our counters, of each queue pair. QEMU has one device of ours for each
# pair, and without vhost the tap's own counters are all there is.
each() {
	local descriptor

	if [[ $VHOST == off ]]; then
		ethtool -S "$TAP" | awk -v name="_${tap_names[$1]}:" '$1 ~ name "$" { print $2 }'
		return
	fi
	for descriptor in /proc/"$qemu"/fdinfo/*; do
		awk -v name="$1:" '$1 == name { print $2 }' "$descriptor" 2> /dev/null
	done
}

declare -A tap_names=([queue0.bytes_written]=tx_bytes [queue1.bytes_read]=rx_bytes
	[queue0.chains]=tx_packets [queue0.breaks]=tx_dropped [queue1.breaks]=rx_dropped)

counter() {
	each "$1" | awk '{ sum += $1 } END { print sum + 0 }'
}

# Everything the two transfers moved went through our rings.
counters_show_both_transfers() {
	local rx tx

	rx=$(counter queue0.bytes_written)
	tx=$(counter queue1.bytes_read)
	echo "# our counters: $rx bytes to the guest, $tx bytes from it"
	((rx > MIB << 20 && tx > MIB << 20)) &&
		(($(counter queue0.breaks) == 0 && $(counter queue1.breaks) == 0))
}

# The stack spreads connections over the queues by their ports.
every_queue_pair_is_used() {
	local i

	for ((i = 0; i < 8 * (QUEUES - 1); i++)); do
		guest_runs "wget -q -O /dev/null http://$HOST/short" || return
	done
	(($(each queue0.bytes_written | awk '$1 > 0' | wc -l) == QUEUES))
}

goes_on_after_a_stop() {
	local before

	printf 'stop\ncont\n' >&"$to_monitor"
	sleep 1
	before=$(counter queue0.chains)
	guest_runs "ping -c 3 -W 10 $HOST" && (($(counter queue0.chains) >= before + 3))
}

nothing_is_left() {
	printf 'quit\n' >&"$to_monitor"
	wait_for 20 qemu_is_gone && [[ $(< /sys/module/ringhost_net/refcnt) -eq 0 ]]
}

for program in qemu-system-x86_64 busybox cpio; do
	command -v "$program" > /dev/null || skip_all "no $program"
done
[[ -r $GUEST_KERNEL ]] || skip_all "no $GUEST_KERNEL"
work=$(mktemp -d)
mount -t tmpfs work "$work" || exit 1
trap clean_up EXIT
if [[ $STOCK_TUN == no ]]; then
	cover /dev/ringhost-tap /dev/net/tun tun || exit 1
else
	modprobe tun || skip_all 'no stock tun'
fi
cover /dev/ringhost-net /dev/vhost-net vhost_net || exit 1
make_initrd "$JOB" virtio_pci virtio_net || exit 1

expect guest_boots_over_our_nodes guest_boots
expect ring_format_is_the_one_asked_for ring_format_is_the_one_asked_for
expect download_is_whole download_is_whole
expect upload_is_whole upload_is_whole
expect counters_show_both_transfers counters_show_both_transfers
expect every_queue_pair_is_used every_queue_pair_is_used
expect goes_on_after_a_stop goes_on_after_a_stop
expect nothing_is_left nothing_is_left
finish
