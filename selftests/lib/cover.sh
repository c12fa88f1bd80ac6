# SPDX-License-Identifier: GPL-2.0-only
#
# Common to the tests that put our nodes in the place of the stock ones; sourced, not run.
# shellcheck shell=bash

# cover NODE STOCK MODULE: NODE in the place of STOCK, as seen in the caller's mount namespace.
# What is covered is the stock module's own node: a file made in /dev instead would be seen
# by all, and keep that module from making its node ever after.
cover() {
	[[ -e $2 ]] || modprobe "$3" || return
	mount --bind "$1" "$2"
}
