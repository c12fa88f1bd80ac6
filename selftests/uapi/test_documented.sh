#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The pages below Documentation/uapi are the interface's description, so they may not fall
# behind the code: every ioctl of the kernel's tables, every counter and every tracepoint
# has to be named there, and they may name no ioctl of ours that is gone.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pages=$root/Documentation/uapi
. "$root/selftests/lib/ktap.sh"

# Names that the rows of the ioctl tables begin with.
table_ioctls() {
	grep -rhoE '^	\{ (VHOST|RINGHOST)_[A-Z_0-9]+,' "$root"/kernel | tr -d '\t {,' | sort -u
}

# Rows of the tap's table, and the calls that it handles apart.
tap_ioctls() {
	grep -hoE '^	\{ (TUN|SIOC)[A-Z]+,|cmd == (TUN|SIOC)[A-Z]+' "$root/kernel/tap/ioctl.c" |
		grep -oE '(TUN|SIOC)[A-Z]+' | sort -u
}

tap_counters() {
	sed -nE 's/^	S\([A-Z_0-9]+, ([a-z_0-9]+)\).*/\1/p' "$root/kernel/tap/stats.h"
}

counters() {
	sed -nE 's/^	S\([A-Z_0-9]+, ([a-z_0-9]+)\).*/\1/p' "$root/uapi/ringhost.h"
}

tracepoints() {
	grep -oE '^(TRACE_EVENT\(|DEFINE_EVENT\(rh_queue_event, )rh_[a-z_]+' \
		"$root/kernel/core/trace.h" | grep -oE 'rh_[a-z_]+$'
}

# Print the words of stdin that the pages do not hold as ``word``; fails if stdin is empty.
missing() {
	local word any=1

	while read -r word; do
		any=0
		grep -qF -- "\`\`$word\`\`" "$@" || echo "$word"
	done
	return "$any"
}

# compare NAME COMMAND PAGE...
compare() {
	local name=$1 list=$2 left found

	shift 2
	left=$("$list" | missing "$@")
	found=$?
	[[ $found -eq 0 && -z $left ]]
	result "$name" $? ${left:+"not named: $left"} "words found: $(("$found" == 0))"
}

compare "every ioctl of the tables is documented" table_ioctls "$pages/vhost.rst" "$pages/blk.rst"
compare "every ioctl of the tap is documented" tap_ioctls "$pages/tap.rst"
compare "every counter of the tap is documented" tap_counters "$pages/tap.rst"
compare "every counter is documented" counters "$pages/statistics.rst"
compare "every tracepoint is documented" tracepoints "$pages/statistics.rst"

gone=$(grep -rhoE '``RINGHOST_(GET|SET|BLK)_[A-Z_]+``' "$pages" | tr -d '`' | sort -u |
	grep -vE '^RINGHOST_BLK_F_' | grep -vxFf <(table_ioctls))
[[ -z $gone ]]
result "every ioctl of ours that is documented exists" $? "$gone"

finish
