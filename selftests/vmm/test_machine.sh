#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How a run of the machine begins and ends, with guests of a few instructions: power-off,
# reboot, crash, signals, a console that is closed, stuck or a terminal, and a guest that
# touches every port. After each the status is right, the end is prompt, the terminal is
# as it was. Thirty reboots leave no descriptor and no memory behind.
set -uo pipefail
. "$(dirname "$0")/vmm.sh"

[[ -x $RINGHOST ]] || skip_all "$RINGHOST is not built"
have_kvm || skip_all 'no /dev/kvm'

# Seconds that an end may take once it is due.
PROMPT=10

# 32-bit accesses at 1, 4, 7 ... 65533: every port, at every alignment.
IN_ALL_PORTS=ba01000000ed83c20381fa0000010075f4
OUT_ALL_PORTS=31c0ba01000000ef83c20381fa0000010075f4
# Unclaimed MMIO must read as all ones, else crash: CMP AL; JE over the crash.
READ_MMIO=48bf000000f0000000008a073cff740a${TRIPLE_FAULT}

# run CODE [ARGUMENT]...: to its end; leaves status, $work/out, $work/err
run() {
	make_kernel "$work/kernel" "$1"
	shift
	timeout "$PATIENCE" "$RINGHOST" run --kernel "$work/kernel" --mem 32M "$@" \
		< /dev/null > "$work/out" 2> "$work/err"
	status=$?
}

# start CODE [ARGUMENT]...: in the background; leaves pid. Redirect at the call, stdin
# too: a background job has none of its own.
start() {
	make_kernel "$work/kernel" "$1"
	shift
	"$RINGHOST" run --kernel "$work/kernel" --mem 32M "$@" &
	pid=$!
}

# until_true COMMAND...: within the patience
until_true() {
	local tries

	for ((tries = PATIENCE * 10; tries; tries--)); do
		"$@" && return
		sleep 0.1
	done
	return 1
}

bytes_in() {
	(($(stat -c %s "$1") >= $2))
}

gone() {
	[[ ! -d /proc/$pid || $(awk '{ print $3 }' "/proc/$pid/stat" 2> /dev/null) == Z ]]
}

# Signal the process and wait; leaves status, 124 if it was not prompt.
stop() {
	local tries

	kill "-$1" "$pid"
	for ((tries = PROMPT * 10; tries; tries--)); do
		gone && break
		sleep 0.1
	done
	gone || kill -KILL "$pid"
	wait "$pid" 2> /dev/null
	status=$?
	((tries)) || status=124
}

detail() {
	echo "status $status" "out: $(head -c 200 "$work/out" | tr '\0' .)" \
		"err: $(head -c 300 "$work/err")"
}

test_ends() {
	run "$OUT_A$POWER_OFF$HALT"
	((status == 0)) && [[ $(< "$work/out") == A && ! -s $work/err ]]
	result power_off_ends_with_status_0 $? "$(detail)"

	run "$TRIPLE_FAULT"
	((status == 1)) && (($(wc -l < "$work/err") == 1)) && grep -q 'triple fault' "$work/err"
	result crash_of_the_guest_is_one_line_and_status_1 $? "$(detail)"

	run "$OUT_A$POWER_OFF$HALT" --stats "$work/stats"
	((status == 0)) && grep -Eq '^exits_total [1-9]' "$work/stats"
	result stats_file_is_written $? "$(detail)"

	run "$POWER_OFF$HALT" --stats "$work/absent/stats"
	((status == 1)) && (($(wc -l < "$work/err") == 1)) && grep -q 'stats' "$work/err"
	result stats_file_that_cannot_be_written_is_one_line $? "$(detail)"
}

test_hostile_guests() {
	run "$IN_ALL_PORTS$POWER_OFF$HALT"
	((status == 0)) && [[ ! -s $work/err ]]
	result reading_every_port_is_harmless $? "$(detail)"

	run "$OUT_ALL_PORTS$POWER_OFF$HALT"
	((status == 0)) && [[ ! -s $work/err ]]
	result writing_every_port_is_harmless $? "$(detail)"

	run "$READ_MMIO$POWER_OFF$HALT"
	((status == 0)) && [[ ! -s $work/err ]]
	result unclaimed_memory_reads_as_all_ones $? "$(detail)"
}

test_signals() {
	local signal

	for signal in TERM INT HUP QUIT; do
		start "$OUT_A$SPIN" --cpus 2 < /dev/null > "$work/out" 2> "$work/err"
		until_true bytes_in "$work/out" 1
		stop "$signal"
		((status == 0)) && [[ ! -s $work/err ]]
		result "sig${signal,,}_ends_a_busy_guest" $? "$(detail)"
	done
	start "$OUT_A$HALT" --cpus 64 < /dev/null > "$work/out" 2> "$work/err"
	until_true bytes_in "$work/out" 1
	stop TERM
	((status == 0)) && [[ ! -s $work/err ]]
	result sigterm_ends_64_cpus $? "$(detail)"
}

# In ticks of 10 ms, all threads.
cpu_time() {
	awk '{ print $14 + $15 }' "/proc/$pid/stat"
}

# idle NAME: with the stdin at hand
idle() {
	local before after

	start "$OUT_A$HALT" --cpus 4 <&0 > "$work/out" 2> "$work/err"
	until_true bytes_in "$work/out" 1
	sleep 1
	before=$(cpu_time)
	sleep 3
	after=$(cpu_time)
	stop TERM
	((after - before <= 3))
	result "$1" $? "$((after - before)) ticks in 3 s"
}

# The guest reads nothing, and stdin is at its end, or full, or both.
test_idle() {
	idle idle_guest_costs_nothing_with_null_as_stdin < /dev/null
	idle idle_guest_costs_nothing_with_endless_stdin < /dev/zero
	idle idle_guest_costs_nothing_with_a_file_as_stdin < "$RINGHOST"
	idle idle_guest_costs_nothing_with_an_ended_pipe_as_stdin < <(:)
	idle idle_guest_costs_nothing_with_a_full_pipe_as_stdin < <(cat /dev/zero)
}

descriptors() {
	ls "/proc/$pid/fd" | wc -l
}

peak_memory_kib() {
	awk '/^VmHWM/ { print $2 }' "/proc/$pid/status"
}

# Each boot says A once, so the output counts them.
test_reboots() {
	local fds_early fds_late memory_early memory_late

	start "$OUT_A$RESET$HALT" < /dev/null > "$work/out" 2> "$work/err"
	until_true bytes_in "$work/out" 5
	kill -STOP "$pid"
	fds_early=$(descriptors) memory_early=$(peak_memory_kib)
	kill -CONT "$pid"
	until_true bytes_in "$work/out" 35
	result reset_starts_the_guest_again $? "$(detail)"
	kill -STOP "$pid"
	fds_late=$(descriptors) memory_late=$(peak_memory_kib)
	kill -CONT "$pid"
	stop TERM
	((status == 0))
	result sigterm_ends_a_guest_that_reboots $? "$(detail)"
	# more are open in the middle of a run than between two, hence the slack
	((fds_late <= fds_early + 20 && memory_late <= memory_early + 1024))
	result thirty_reboots_leave_nothing_behind $? \
		"descriptors $fds_early then $fds_late, KiB $memory_early then $memory_late"
}

test_streams() {
	run "$OUT_A$POWER_OFF$HALT" <&-
	((status == 0)) && [[ $(< "$work/out") == A ]]
	result closed_stdin_is_fine $? "$(detail)"

	: > "$work/out"
	start "$OUT_A$POWER_OFF$HALT" < /dev/null > /dev/full 2> "$work/err"
	wait "$pid"
	status=$?
	((status == 0)) && (($(wc -l < "$work/err") == 1))
	result full_stdout_is_one_line_and_the_guest_goes_on $? "$(detail)"

	# says A for ever into a pipe nobody reads
	mkfifo "$work/pipe"
	exec 9<> "$work/pipe"
	start "66baf803b041eeebfd" --cpus 2 < /dev/null > "$work/pipe" 2> "$work/err"
	sleep 3
	stop TERM
	exec 9>&-
	((status == 0))
	result sigterm_ends_a_guest_stuck_in_output $? "$(detail)"
}

# The guest's A is the last that was said on the terminal.
said_a() {
	[[ $(tail -c 1 "$work/out") == A ]]
}

# terminal CODE COMMAND: on a pseudo terminal, until COMMAND ends it; settings before and
# after. The shell is dash, because bash itself puts the terminal right after a job.
terminal() {
	make_kernel "$work/kernel" "$1"
	cat > "$work/session" <<SESSION
stty -a > "$work/before"
sh -c 'echo \$\$ > "$work/pid" ; exec "$RINGHOST" run --kernel "$work/kernel" --mem 32M' \
	2> "$work/err"
echo \$? > "$work/status"
stty -a > "$work/after"
SESSION
	: > "$work/out"
	rm -f "$work/before" "$work/after"
	eval "$2" |
		timeout "$PATIENCE" script -qfec "sh $work/session" "$work/out" > /dev/null 2>&1
	status=$(< "$work/status")
}

test_terminal() {
	command -v script > /dev/null || { skip terminal 'no script command' ; return ; }
	terminal "$OUT_A$HALT" "until_true said_a ; printf '\\001x' ; until_true test -s $work/after"
	((status == 0)) && cmp -s "$work/before" "$work/after"
	result escape_ends_the_guest_and_restores_the_terminal $? "$(detail)"
	terminal "$OUT_A$HALT" 'until_true said_a ; kill -TERM $(< "$work/pid")'
	((status == 0)) && cmp -s "$work/before" "$work/after"
	result sigterm_restores_the_terminal $? "$(detail)"
	terminal "$OUT_A$TRIPLE_FAULT" ':'
	((status == 1)) && cmp -s "$work/before" "$work/after"
	result crash_restores_the_terminal $? "$(detail)"
}

test_ends
test_hostile_guests
test_signals
test_idle
test_reboots
test_streams
test_terminal
finish
