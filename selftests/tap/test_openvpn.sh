#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# A VPN, OpenVPN, between two hosts over a bind mount: a program that knows only /dev/net/tun
# and moves other people's packets through it, in both modes. The hosts are two network
# namespaces with a virtual cable between them.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

PORT=5300
declare -A pids=()

# Mounts, interfaces and namespaces vanish with this process's own.
if [[ -z ${IN_NAMESPACE:-} ]]; then
	IN_NAMESPACE=1 exec unshare --mount --net -- "$0" "$@"
fi
. "$here/../lib/cover.sh"
. "$here/../lib/ktap.sh"

# eventually COMMAND...: it succeeds within the time that a slow machine may need.
eventually() {
	local i

	for ((i = 0; i < 100; i++)); do
		"$@" > /dev/null 2>&1 && return
		sleep 0.2
	done
	return 1
}

on() {
	local host=$1

	shift
	ip netns exec "$host" "$@"
}

make_hosts() {
	mount -t tmpfs tmpfs /run &&
		ip netns add one && ip netns add two &&
		ip link add wire netns one type veth peer name wire netns two &&
		on one ip addr add 192.0.2.1/24 dev wire && on two ip addr add 192.0.2.2/24 dev wire &&
		on one ip link set wire up && on two ip link set wire up &&
		on one ip link set lo up && on two ip link set lo up
}

# start_vpn HOST ADDRESS PEER TYPE IFCONFIG...
start_vpn() {
	local host=$1 address=$2 peer=$3 type=$4

	shift 4
	ip netns exec "$host" openvpn --dev vpn0 --dev-type "$type" --local "$address" --remote "$peer" \
		--proto udp --port 1194 --secret "$scratch/key" --cipher AES-256-CBC --auth SHA256 \
		--ifconfig "$@" --persist-tun --persist-key --verb 3 \
		--log "$scratch/$type-$host.log" > /dev/null 2>&1 &
	pids[$host]=$!
}

tap_vpn_comes_up() {
	start_vpn one 192.0.2.1 192.0.2.2 tap 10.99.0.1 255.255.255.0
	start_vpn two 192.0.2.2 192.0.2.1 tap 10.99.0.2 255.255.255.0
	eventually on one busybox ping -q -c 1 -W 1 10.99.0.2
}

tun_vpn_comes_up() {
	start_vpn one 192.0.2.1 192.0.2.2 tun 10.99.0.1 10.99.0.2
	start_vpn two 192.0.2.2 192.0.2.1 tun 10.99.0.2 10.99.0.1
	eventually on one busybox ping -q -c 1 -W 1 10.99.0.2
}

is_ours() {
	on "$1" ip -d link show vpn0 | grep -q ringhost_tap
}

interfaces_are_ours() {
	is_ours one && is_ours two
}

is_listening() {
	on two ss -Hltn sport = ":$PORT" | grep -q .
}

send_file() {
	eventually is_listening &&
		timeout 60 ip netns exec one busybox nc 10.99.0.2 "$PORT" < "$scratch/sent"
}

# The receiver's input must not end, for then the sender does not wait.
file_arrives() {
	local receiver

	ip netns exec two busybox nc -l -p "$PORT" <> "$scratch/open" > "$scratch/received" &
	receiver=$!
	send_file || kill "$receiver"
	wait "$receiver" && cmp "$scratch/sent" "$scratch/received"
}

restarted_vpn_works() {
	kill -USR1 "${pids[one]}" && sleep 1 && eventually on one busybox ping -q -c 1 -W 1 10.99.0.2
}

end_vpn() {
	kill "${pids[@]}" || return
	wait "${pids[@]}"
	! on one ip link show vpn0 > /dev/null 2>&1 && ! on two ip link show vpn0 > /dev/null 2>&1
}

clean_up() {
	kill "${pids[@]}" 2> /dev/null
	((!failures)) || sed 's/^/# /' "$scratch"/*.log
	rm -rf "$scratch"
}

command -v openvpn > /dev/null || skip_all 'no openvpn'
scratch=$(mktemp -d)
trap clean_up EXIT
openvpn --genkey secret "$scratch/key" && mkfifo "$scratch/open" &&
	head -c 300000 /dev/urandom > "$scratch/sent" &&
	cover /dev/ringhost-tap /dev/net/tun tun && make_hosts || exit 1
expect bridged_vpn_comes_up tap_vpn_comes_up
expect its_interfaces_are_ours interfaces_are_ours
expect file_arrives_over_the_bridged_vpn file_arrives
expect restarted_vpn_works_over_the_same_interface restarted_vpn_works
expect interfaces_go_with_the_vpn end_vpn
expect routed_vpn_comes_up tun_vpn_comes_up
expect file_arrives_over_the_routed_vpn file_arrives
expect interfaces_go_with_the_routed_vpn end_vpn
finish
