#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The module goes when nobody holds it, and takes with it what has no owner any more:
# an open file keeps it, a persistent interface does not. Afterwards it is loaded again.
set -uo pipefail

ROUNDS=5
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
module=${RINGHOST_MODULES:-$here/../../build/modules/$(uname -r)}/ringhost_tap.ko
. "$here/../lib/ktap.sh"

is_loaded() {
	[[ -e /sys/module/ringhost_tap ]]
}

load() {
	is_loaded || insmod "$module"
}

make_persistent() {
	# As ip tuntap would, whatever is mounted on /dev/net/tun here.
	unshare --mount -- bash -c ". '$here/../lib/cover.sh'"'
		cover /dev/ringhost-tap /dev/net/tun tun && ip tuntap add dev '"$1"' mode tap'
}

# The open file is this shell's descriptor 9.
open_file_holds() {
	local status=1

	exec 9<> /dev/ringhost-tap
	rmmod ringhost_tap 2> /dev/null || status=0
	exec 9>&-
	return $status
}

unload_with_interfaces() {
	make_persistent rhu0 && make_persistent rhu1 && ip link set rhu0 up &&
		rmmod ringhost_tap && ! is_loaded &&
		! ip link show rhu0 > /dev/null 2>&1 && ! ip link show rhu1 > /dev/null 2>&1
}

unload_and_load() {
	local round

	for ((round = 0; round < ROUNDS; round++)); do
		rmmod ringhost_tap && [[ ! -e /dev/ringhost-tap ]] && load &&
			[[ -c /dev/ringhost-tap ]] || return 1
	done
}

[[ -r $module ]] || skip_all "no $module"
expect open_file_keeps_the_module open_file_holds
expect module_is_unloaded_with_persistent_interfaces unload_with_interfaces
expect module_is_loaded_again load
expect module_is_unloaded_and_loaded_in_turn unload_and_load
expect device_works_afterwards make_persistent rhu2
ip link del rhu2 2> /dev/null
finish
