# SPDX-License-Identifier: GPL-2.0-only
#
# What may not appear in a kernel log; sourced by selftests/run and scripts/testhost.
# shellcheck shell=bash

# A processor or a thread that does not get on: also what a host says that its emulator froze.
STALL='INFO: task .* blocked for more than|detected stalls|self-detected stall|kthread starved|soft lockup'

# A breakpoint that nobody set: of two emulated processors one now and then runs code of the kernel's
# as it was before the other one patched it, breakpoints of the patching included.
STALE_CODE='Oops: int3'

# "[#1]" is the counter of an Oops of any kind.
SPLAT='WARNING:|BUG:|KASAN:|KCSAN:|UBSAN:|Oops|\[#[0-9]+\]|Kernel panic|general protection fault[,:]'
SPLAT+="|$STALL"
SPLAT+='|circular locking|recursive locking|inconsistent lock state|suspicious RCU|DEBUG_LOCKS_WARN_ON'
SPLAT+='|INFO: trying to register non-static key|unregister_netdevice: waiting'
SPLAT+='|unreferenced object|new suspected memory leaks|refcount_t:|list_(add|del) corruption'
SPLAT+='|scheduling while atomic|sleeping function called|Bad page (state|map)|ODEBUG:|testhost: ERROR:'

# What the kernel itself says of some processors, and what it says of a program, not of itself.
HARMLESS='Spectre V2 : WARNING:|traps: '

# splats FILE...: print the lines that are, from standard input without a FILE. Fails if none is.
splats() {
	grep -haE "$SPLAT" "$@" | grep -avE "$HARMLESS"
}
