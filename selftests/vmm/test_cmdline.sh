#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The command line is input like any other. Whatever is wrong with it, or with the
# files it names, the answer is one line on stderr that says so, exit status 1, an
# empty stdout, and nothing left behind: no file, no process. Most cases need no KVM,
# because they are found before it is opened; the others say SKIP without it.
set -uo pipefail
. "$(dirname "$0")/vmm.sh"

[[ -x $RINGHOST ]] || skip_all "$RINGHOST is not built"

# Run the command with the arguments; leaves status, $work/out and $work/err.
run() {
	timeout "$PATIENCE" "$RINGHOST" "$@" < /dev/null > "$work/out" 2> "$work/err"
	status=$?
}

# What is wrong with the way the last run ended; nothing if it was a refusal. Builtins
# only: a hundred cases at a dozen processes each take minutes on an emulated machine.
judge_refusal() {
	local pattern=$1 left=("$work/empty/"*)

	mapfile -t lines < "$work/err"
	wrong=()
	((status == 1)) || wrong+=("exit status $status, not 1")
	((${#lines[@]} == 1)) || wrong+=("${#lines[@]} lines on stderr, not 1")
	[[ ${lines-} == "ringhost: "* ]] || wrong+=('no "ringhost: " on stderr')
	[[ ${lines-} =~ $pattern ]] || wrong+=("stderr does not say: $pattern")
	[[ ${lines-} == *[![:print:]]* ]] && wrong+=('stderr holds control characters')
	[[ -s $work/out ]] && wrong+=('something on stdout')
	((${#left[@]})) && wrong+=("left behind: ${left[*]}")
	((!${#wrong[@]}))
}

# refused NAME PATTERN ARGUMENT...
refused() {
	local name=$1 pattern=$2

	shift 2
	run "$@"
	judge_refusal "$pattern"
	result "$name" $? "${wrong[@]}" "${lines[@]:0:3}"
}

# The same, with what a valid command line needs before the arguments.
run_refused() {
	local name=$1 pattern=$2

	shift 2
	refused "$name" "$pattern" run --kernel "$kernel" "$@"
}

# answers NAME PATTERN ARGUMENT...: status 0, the pattern on stdout, silence on stderr
answers() {
	local name=$1 pattern=$2

	shift 2
	run "$@"
	((status == 0)) && grep -q "$pattern" "$work/out" && [[ ! -s $work/err ]]
	result "$name" $? "status $status" "$(< "$work/err")"
}

# damaged NAME PATTERN OFFSET HEX: the kernel file with some bytes changed
damaged() {
	local name=$1 pattern=$2

	shift 2
	cp "$kernel" "$work/damaged"
	while (($#)); do
		put "$work/damaged" "$1" "$2"
		shift 2
	done
	refused "$name" "$pattern" run --kernel "$work/damaged"
}

test_commands() {
	answers help_is_printed 'usage: ringhost run' --help
	answers help_after_run_is_printed 'usage: ringhost run' run --help
	answers version_is_printed '^ringhost [0-9]' --version
	refused nothing_at_all_is_refused 'no command'
	refused unknown_command_is_refused 'unknown command fly' fly
	refused empty_command_is_refused 'unknown command' ''
	refused unknown_option_is_refused 'unknown option --fly' run --fly
	refused unknown_short_option_is_refused 'unknown option -x' run -x
	refused missing_value_is_refused 'needs a value' run --kernel
	refused value_for_a_flag_is_refused 'takes no value' run --help=yes
	run_refused stray_argument_is_refused 'unexpected argument stray' stray
	refused control_characters_are_masked 'unknown command \?\[31m\?' $'\e[31m\n'
	refused very_long_argument_gives_one_line 'unknown command xxxx' \
		"$(head -c 100000 /dev/zero | tr '\0' x)"
}

test_numbers() {
	local value

	for value in 0 65 1000000 -1 +1 1.5 0x2 2cpus '' ' 2' 99999999999999999999; do
		run_refused "cpus_'$value'_is_refused" '^ringhost: --cpus' --cpus "$value"
	done
	for value in 0 1 31M 33554433 1000000G 17179869184G 18446744073709551616 -512M 512MB \
		512X M '' '512 M' 1e9; do
		run_refused "mem_'$value'_is_refused" '^ringhost: --mem' --mem "$value"
	done
}

test_disk_words() {
	local long

	long=$(head -c 21 /dev/zero | tr '\0' s)
	run_refused disk_without_path_is_refused 'path=FILE is missing' --disk readonly
	run_refused disk_with_empty_path_is_refused 'path is empty' --disk path=
	run_refused disk_with_two_paths_is_refused 'path given twice' --disk path=a,path=b
	run_refused disk_with_unknown_key_is_refused "unknown key 'colour=red'" \
		--disk path=a,colour=red
	run_refused disk_with_empty_word_is_refused "unknown key ''" --disk path=a,
	run_refused disk_with_unknown_backend_is_refused 'backend=fast' --disk path=a,backend=fast
	run_refused disk_with_long_serial_is_refused "serial=$long" --disk "path=a,serial=$long"
	run_refused disk_with_empty_serial_is_refused 'serial=' --disk path=a,serial=
	run_refused disk_with_control_in_serial_is_refused 'printable' --disk $'path=a,serial=a\tb'
	truncate -s 1M "$work/image"
	ln -s "$work/image" "$work/link"
	run_refused same_disk_twice_is_refused 'used by two disks' \
		--disk "path=$work/image" --disk "path=$work/image"
	run_refused same_disk_by_link_is_refused 'used by two disks' \
		--disk "path=$work/image" --disk "path=$work/link,readonly"
	run_refused too_many_disks_are_refused 'more than 12 disks' \
		$(seq -f '--disk path=d%g' 13)
}

test_net_words() {
	local mac value

	run_refused net_without_tap_is_refused 'tap=NAME is missing' --net backend=kernel
	run_refused net_with_empty_tap_is_refused 'tap=' --net tap=
	run_refused net_with_long_tap_is_refused '1 to 15 characters' --net tap=abcdefghijklmnop
	run_refused net_with_slash_in_tap_is_refused 'no interface name' --net tap=a/b
	run_refused net_with_dots_as_tap_is_refused 'no interface name' --net tap=..
	run_refused net_with_pattern_as_tap_is_refused 'no interface name' --net tap=tap%d
	run_refused net_with_blank_in_tap_is_refused 'no interface name' --net 'tap=a b'
	run_refused net_with_unknown_key_is_refused "unknown key 'speed=1'" --net tap=t0,speed=1
	run_refused net_with_unknown_backend_is_refused 'backend=' --net tap=t0,backend=
	for mac in '' 1 52:54:00:12:34 52:54:00:12:34:56:78 52:54:00:12:34:5g 52-54-00-12-34-56 \
		5254:00:12:34:56 52:54:00:12:34:5; do
		run_refused "net_with_mac_'$mac'_is_refused" 'not of the form' --net "tap=t0,mac=$mac"
	done
	for value in '' 0 9 10 -1 2x 0x2; do
		run_refused "net_with_queues_'$value'_is_refused" 'is not 1 to 8' \
			--net "tap=t0,queues=$value"
	done
	for value in packed= packed=yes in_order=1 in_order=ON; do
		run_refused "net_with_${value}_is_refused" 'neither on nor off' --net "tap=t0,$value"
	done
	run_refused net_with_multicast_mac_is_refused multicast --net tap=t0,mac=01:00:5e:00:00:01
	run_refused net_with_zero_mac_is_refused 'all zero' --net tap=t0,mac=00:00:00:00:00:00
	run_refused same_tap_twice_is_refused 'used twice' --net tap=t0 --net tap=t0
	run_refused same_mac_twice_is_refused 'has the mac of' \
		--net tap=t0,mac=52:54:00:00:00:01 --net tap=t1,mac=52:54:00:00:00:01
	run_refused too_many_nets_are_refused 'more than 8 network' $(seq -f '--net tap=t%g' 9)
}

test_kernel_files() {
	refused missing_kernel_option_is_refused 'kernel is missing' run --cpus 1
	refused kernel_given_twice_is_refused 'given twice' run --kernel a --kernel b
	refused empty_kernel_name_is_refused 'kernel: empty' run --kernel ''
	refused absent_kernel_is_refused 'No such file' run --kernel "$work/absent"
	refused kernel_that_is_a_folder_is_refused 'not a regular file' run --kernel "$work"
	mkfifo "$work/fifo"
	refused kernel_that_is_a_fifo_is_refused 'not a regular file' run --kernel "$work/fifo"
	refused kernel_that_is_a_device_is_refused 'not a regular file' run --kernel /dev/zero
	refused empty_kernel_is_refused 'not a bzImage' run --kernel "$work/nothing"
	refused text_as_kernel_is_refused 'not a bzImage' run --kernel "$here/vmm.sh"
	refused program_as_kernel_is_refused 'not a bzImage' run --kernel "$RINGHOST"
	head -c 600 "$kernel" > "$work/short"
	refused kernel_of_600_bytes_is_refused 'not a bzImage' run --kernel "$work/short"
}

test_kernel_headers() {
	damaged kernel_without_magic_is_refused 'not a bzImage' 0x202 00000000
	damaged kernel_without_boot_flag_is_refused 'not a bzImage' 0x1fe 0000
	damaged zimage_is_refused 'not a bzImage' 0x211 00
	damaged old_protocol_is_refused 'not a 64-bit kernel' 0x206 0b02
	damaged kernel_of_32_bits_is_refused 'not a 64-bit kernel' 0x236 0000
	damaged setup_past_the_end_is_refused 'not a bzImage' 0x1f1 ff
	damaged kernel_shorter_than_it_says_is_refused 'cut short' 0x1f4 ffffff7f
	damaged alignment_of_zero_is_refused 'damaged header' 0x230 00000000
	damaged alignment_of_three_is_refused 'damaged header' 0x230 03000000
	damaged alignment_of_2_gib_is_refused 'damaged header' 0x230 00000080
	damaged load_address_of_2_to_the_63_is_refused 'damaged header' 0x258 0000000000000080
	damaged load_address_of_all_ones_is_refused 'damaged header' 0x258 ffffffffffffffff
	damaged init_size_of_all_ones_is_refused 'needs at least' 0x260 ffffffff
}

test_kernel_memory() {
	cp "$kernel" "$work/large"
	put "$work/large" 0x260 00000004	# init_size 64 MiB
	refused kernel_larger_than_memory_is_refused 'at least 65 MiB' \
		run --kernel "$work/large" --mem 64M
	run_refused too_long_append_is_refused 'longer than the 2047 bytes' \
		--append "$(head -c 2048 /dev/zero | tr '\0' x)"
	run_refused append_given_twice_is_refused 'given twice' --append a --append b
}

test_initrd_files() {
	run_refused absent_initrd_is_refused 'No such file' --initrd "$work/absent"
	run_refused empty_initrd_is_refused 'initrd .*: empty' --initrd "$work/nothing"
	run_refused initrd_that_is_a_folder_is_refused 'not a regular file' --initrd "$work"
	truncate -s 64M "$work/initrd"
	run_refused initrd_larger_than_memory_is_refused 'do not fit' --initrd "$work/initrd" --mem 64M
	truncate -s 8E "$work/initrd" 2> /dev/null || truncate -s 8T "$work/initrd"
	run_refused initrd_of_absurd_size_is_refused 'do not fit' --initrd "$work/initrd"
	cp "$kernel" "$work/low"
	put "$work/low" 0x22c ffff0000		# initrd_addr_max 64 KiB
	refused initrd_limit_below_the_kernel_is_refused 'do not fit' \
		run --kernel "$work/low" --initrd "$kernel"
}

# Root reads everything, so this one is for somebody else.
test_unreadable() {
	local name=unreadable_kernel_is_refused

	((UID == 0)) || { skip "$name" 'not root' ; return ; }
	cp "$kernel" "$work/secret"
	chmod 600 "$work/secret"
	chmod 755 "$work"
	(cd / && timeout "$PATIENCE" setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$RINGHOST" run --kernel "$work/secret" < /dev/null > "$work/out" 2> "$work/err")
	status=$?
	judge_refusal 'Permission denied'
	result "$name" $? "${wrong[@]}" "${lines[@]:0:3}"
}

# A private /dev without the node, and one with the wrong file in its place.
test_no_kvm() {
	local setup name pattern command

	for setup in 'absent_kvm:No such file:true' 'wrong_kvm:not KVM.s:ln -s null /dev/kvm' \
		'kvm_without_permission:Permission denied:mknod -m 0 /dev/kvm c 10 232'; do
		IFS=: read -r name pattern command <<< "$setup"
		unshare --mount true 2> /dev/null ||
			{ skip "${name}_is_refused" 'no mount namespace' ; continue ; }
		timeout "$PATIENCE" unshare --mount bash -c "mount -t tmpfs none /dev &&
			mknod -m 666 /dev/null c 1 3 && $command && cd '$work/empty' &&
			exec setpriv --bounding-set -all --inh-caps -all \
			'$RINGHOST' run --kernel '$kernel' < /dev/null" > "$work/out" 2> "$work/err"
		status=$?
		judge_refusal "$pattern"
		result "${name}_is_refused" $? "${wrong[@]}" "${lines[@]:0:3}"
	done
}

# Found when the devices are made, that is with a KVM.
test_device_files() {
	local backend

	have_kvm || { skip device_files 'no /dev/kvm' ; return ; }
	truncate -s 1000 "$work/ragged"
	for backend in kernel userspace; do
		run_refused "absent_${backend}_disk_is_refused" 'No such file' \
			--disk "path=$work/absent,backend=$backend"
		run_refused "folder_as_${backend}_disk_is_refused" "$work is neither" \
			--disk "path=$work,backend=$backend"
		run_refused "device_as_${backend}_disk_is_refused" '/dev/zero is neither' \
			--disk "path=/dev/zero,backend=$backend"
		run_refused "empty_${backend}_disk_is_refused" "$work/nothing" \
			--disk "path=$work/nothing,backend=$backend"
		run_refused "ragged_${backend}_disk_is_refused" '1000 bytes' \
			--disk "path=$work/ragged,backend=$backend"
	done
	run_refused taken_tap_name_is_refused 'tap lo' --net tap=lo,backend=userspace
	if [[ -e /dev/ringhost-tap ]]; then
		run_refused taken_kernel_tap_name_is_refused 'tap lo' --net tap=lo
	else
		skip taken_kernel_tap_name_is_refused 'the modules are not loaded'
	fi
}

# A private /dev again, with KVM and what the case needs.
test_nodes() {
	local node option setup name pattern

	if ! have_kvm || ! unshare --mount true 2> /dev/null; then
		skip nodes 'no /dev/kvm, or no mount namespace'
		return
	fi
	for node in blk:--disk:path=$work/image net:--net:tap=rhtest0; do
		IFS=: read -r node option value <<< "$node"
		for setup in 'absent:no /dev/ringhost-:true' \
			"wrong:/dev/ringhost-:ln -s null /dev/ringhost-$node" \
			"forbidden:Permission denied:mknod -m 0 /dev/ringhost-$node c 1 3"; do
			IFS=: read -r name pattern command <<< "$setup"
			timeout "$PATIENCE" unshare --mount bash -c "mount -t tmpfs none /dev &&
				mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/kvm c 10 232 &&
				$command && exec setpriv --bounding-set -all --inh-caps -all \
				'$RINGHOST' run --kernel '$kernel' $option '$value' < /dev/null" \
				> "$work/out" 2> "$work/err"
			status=$?
			judge_refusal "$pattern"
			result "${name}_${node}_node_is_refused" $? "${wrong[@]}" "${lines[@]:0:3}"
		done
	done
}

mkdir "$work/empty"
: > "$work/nothing"
kernel=$work/kernel
make_kernel "$kernel"
cd "$work/empty" || exit 1
shopt -s nullglob dotglob

test_commands
test_numbers
test_disk_words
test_net_words
test_kernel_files
test_kernel_headers
test_kernel_memory
test_initrd_files
test_unreadable
test_no_kvm
test_device_files
test_nodes
finish
