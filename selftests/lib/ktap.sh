# SPDX-License-Identifier: GPL-2.0-only
#
# Results of the tests that are shell scripts, as KTAP; sourced, not run, which begins them.
# A test ends with finish, or with skip_all before it has results.
# shellcheck shell=bash

number=0
failures=0
echo "KTAP version 1"

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

# result NAME STATUS [DETAIL]...
result() {
	local name=$1 status=$2 outcome=ok

	shift 2
	((status)) && outcome='not ok' && ((++failures))
	echo "$outcome $((++number)) $name"
	((status)) && (($#)) && printf '%s\n' "$@" | sed 's/^/# /'
	return 0
}

# expect NAME COMMAND...: that it succeeds
expect() {
	local name=$1 status=0

	shift
	"$@" || status=$?
	result "$name" "$status"
}

skip() {
	echo "ok $((++number)) $1 # SKIP $2"
}

finish() {
	echo "1..$number"
	((!failures))
	exit
}
