#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# "ringhost stat" looks at processes that it has no say over: they vanish while it reads,
# they belong to others, they hold every kind of file. None of that may stop it, and its
# JSON stays JSON. What it says about queues is in stat_queues.c.
set -uo pipefail
. "$(dirname "$0")/vmm.sh"

[[ -x $RINGHOST ]] || skip_all "$RINGHOST is not built"
[[ -c /dev/ringhost-net && -c /dev/ringhost-blk ]] || skip_all "no ringhost nodes"

run() {
	timeout "$PATIENCE" "$RINGHOST" stat "$@" < /dev/null > "$work/out" 2> "$work/err"
	status=$?
}

# refused NAME PATTERN ARGUMENT...: one line on stderr, exit status 1
refused() {
	local name=$1 pattern=$2

	shift 2
	run "$@"
	((status == 1)) && (($(wc -l < "$work/err") == 1)) && grep -q "$pattern" "$work/err"
	result "$name" $? "$status" "$(< "$work/err")"
}

refused "process that does not exist is told" 'no such process' 4194304
refused "word that is no process is refused" 'not a process' 12x
refused "number that is no process is refused" 'not a process' 0
refused "huge number is refused" 'not a process' 99999999999999999999
refused "unknown option is refused" 'unknown option' --jsn
refused "two processes are refused" 'unexpected argument' 1 2
refused "process and all are refused" 'not both' --all 1

sleep 300 & idle=$!
run "$idle"
((status == 0)) && (($(wc -l < "$work/out") == 1))
result "process without a node is a table without rows" $? "$(< "$work/out")"
run --json "$idle"
[[ $status == 0 && $(tr -d '\n' < "$work/out") == '{"version": 1, "nodes": []}' ]]
result "process without a node is an empty list" $? "$(< "$work/out")"
kill "$idle"

# A node under another name, as QEMU opens it.
: > "$work/node"
mount --bind /dev/ringhost-net "$work/node"
exec 7<> "$work/node" 8<> /dev/ringhost-blk
umount -l "$work/node"
run --json $$
grep -q "\"pid\": $$, .*\"fd\": 7, .*\"backend\": \"net\"" "$work/out" &&
	grep -q "\"pid\": $$, .*\"fd\": 8, .*\"backend\": \"blk\"" "$work/out"
result "nodes are found by number, not by name" $? "$(< "$work/out")"
exec 7>&- 8>&-

if command -v setpriv > /dev/null; then
	timeout "$PATIENCE" setpriv --reuid 65534 --clear-groups --inh-caps=-all \
		"$RINGHOST" stat --all > "$work/out" 2> "$work/err"
	((!$?)) && grep -q 'may not be looked at' "$work/err"
	result "processes of others are counted, not fatal" $? "$(< "$work/err")"
	! timeout "$PATIENCE" setpriv --reuid 65534 --clear-groups --inh-caps=-all \
		"$RINGHOST" stat $$ > "$work/out" 2> "$work/err" && grep -qi 'permission' "$work/err"
	result "process of another user is told" $? "$(< "$work/err")"
else
	skip "processes of others are counted, not fatal" "no setpriv"
fi

# Processes that hold a node come and go all the time.
churn() {
	while [[ -e $work/churn ]]; do
		(exec 5<> /dev/ringhost-blk) &
		(exec 5<> /dev/ringhost-net) &
		wait
	done
}
: > "$work/churn"
churn & churner=$!
bad=()
for ((i = 0; i < 20; i++)); do
	run --json
	((status == 0)) || bad+=("exit status $status: $(< "$work/err")")
	[[ $(tail -n 1 "$work/out") == ']}' ]] || bad+=("ends with: $(tail -n 1 "$work/out")")
	if command -v python3 > /dev/null && ((i % 5 == 0)); then
		python3 -c 'import json, sys; json.load(sys.stdin)' < "$work/out" 2> "$work/json" ||
			bad+=("$(tail -n 1 "$work/json")")
	fi
done
rm "$work/churn"
wait "$churner"
((!${#bad[@]}))
result "processes that vanish are no error" $? "${bad[@]}"

timeout "$PATIENCE" "$RINGHOST" stat --json > /dev/full 2> "$work/err"
(($? == 1)) && grep -q stdout "$work/err"
result "output that does not arrive is an error" $? "$(< "$work/err")"

finish
