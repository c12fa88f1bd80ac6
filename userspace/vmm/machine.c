// SPDX-License-Identifier: GPL-2.0-only
/*
 * One machine: its parts made in order, the event loop run, the parts released
 * in the opposite order. Main thread. Files and the command line are checked
 * before KVM is opened; the terminal changes last, so that errors find it as it was.
 *
 * Entry point: machine_run().
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "acpi.h"
#include "boot.h"
#include "console.h"
#include "cpu.h"
#include "devices.h"
#include "err.h"
#include "loop.h"
#include "machine.h"
#include "power.h"
#include "rtc.h"
#include "signals.h"

/**
 * struct machine - the parts, in the order they are made
 * @options: command line
 * @signals: termination signals, taken by the loop
 * @vm: KVM, memory, loop
 * @power: ACPI fixed hardware
 * @rtc: clock
 * @devices: PCI and virtio
 * @console: serial port and terminal
 */
struct machine {
	const struct options *options;
	struct vm vm;
	struct signals *signals;
	struct power *power;
	struct rtc *rtc;
	struct devices *devices;
	struct console *console;
};

static int load_memory(struct machine *machine, const struct boot *boot)
{
	int err = boot_load(boot, &machine->vm);

	return err ? err : acpi_load(&machine->vm);
}

/* Ports first, so that no BAR can be laid over them: bus_add(). */
static int create_platform(struct machine *machine)
{
	int err;

	err = power_create(&machine->vm, &machine->power);
	if (!err)
		err = rtc_create(&machine->vm, &machine->rtc);
	if (err)
		rh_error(err, "cannot set the platform up: %s", strerror(-err));
	return err;
}

static void destroy_platform(struct machine *machine)
{
	rtc_destroy(machine->rtc);
	power_destroy(machine->power);
}

static int write_stats(struct machine *machine)
{
	const char *path = machine->options->stats;
	FILE *file;
	int err;

	if (!path)
		return 0;
	file = fopen(path, "we");
	if (!file)
		return rh_error(-errno, "--stats %s: %s", path, strerror(errno));
	fprintf(file, "exits_total %llu\n", (unsigned long long)vcpus_exits(&machine->vm));
	err = devices_stats(machine->devices, file);
	if (err) {
		fclose(file);
		return rh_error(err, "--stats %s: a device does not answer: %s", path,
				strerror(-err));
	}
	err = ferror(file) ? -EIO : 0;
	if (fclose(file))
		err = -errno;
	return err ? rh_error(err, "--stats %s: %s", path, strerror(-err)) : 0;
}

/* From the first guest instruction to the last. */
static int run_vcpus(struct machine *machine)
{
	struct vm *vm = &machine->vm;
	int err;

	err = vcpus_start(vm);
	if (err)
		vm_stop(vm, VM_STOP_ERROR);
	if (loop_run(vm->loop)) {
		vm_stop(vm, VM_STOP_ERROR);
		err = -EIO;
	}
	vcpus_join(vm);
	if (!err && vm_stopped(vm) == VM_STOP_ERROR)
		err = -EIO;
	return err;
}

/* Caller has created everything up to the devices. */
static int run_machine(struct machine *machine)
{
	struct vm *vm = &machine->vm;
	int err, stats_err;

	err = vcpus_create(vm);
	if (err)
		return err;
	err = console_create(vm, &machine->console);
	if (err)
		goto destroy_vcpus;
	err = run_vcpus(machine);
	console_destroy(machine->console);
	stats_err = write_stats(machine);
	if (!err)
		err = stats_err;

destroy_vcpus:
	vcpus_destroy(vm);
	return err;
}

static int create_and_run(struct machine *machine, const struct boot *boot)
{
	int err;

	err = vm_create(&machine->vm, machine->options->cpus, machine->options->mem);
	if (err)
		return err;
	err = load_memory(machine, boot);
	if (err)
		goto destroy_vm;
	err = create_platform(machine);
	if (err)
		goto destroy_platform;
	err = devices_create(&machine->vm, machine->options, &machine->devices);
	if (err)
		goto destroy_platform;
	err = run_machine(machine);
	devices_destroy(machine->devices);
	machine->devices = NULL;

destroy_platform:
	destroy_platform(machine);
destroy_vm:
	vm_destroy(&machine->vm);
	return err;
}

/* There may be no devices, before and after the guest runs. */
static void machine_announce(void *argument)
{
	struct machine *machine = argument;

	if (machine->devices)
		devices_announce(machine->devices);
}

int machine_run(const struct options *options, enum vm_stop_reason *why)
{
	struct machine machine = { .options = options };
	struct boot boot;
	int err;

	err = boot_open(&boot, options);
	if (err)
		return err;
	err = loop_create(&machine.vm.loop);
	if (err)
		goto close_boot;
	err = signals_create(&machine.vm, machine_announce, &machine, &machine.signals);
	if (err)
		goto destroy_loop;
	err = create_and_run(&machine, &boot);
	signals_destroy(machine.signals);
	/* only now, since a signal may have been taken until the last moment */
	*why = vm_stopped(&machine.vm);

destroy_loop:
	loop_destroy(machine.vm.loop);
close_boot:
	boot_close(&boot);
	return err;
}
