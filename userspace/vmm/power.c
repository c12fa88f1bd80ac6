// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power-off and reset, and the rest of ACPI's fixed hardware (ACPI 6.4, 4.8).
 * Off the data path; register accesses run on vCPU threads.
 *
 * No event is ever raised, so the status register reads 0 and the SCI stays low.
 *
 * Entry points: power_create(), power_destroy().
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus.h"
#include "power.h"
#include "util.h"
#include "vm.h"

#define ENABLE_OFFSET	2	/* of the enable register in the event block */

#define CONTROL_SCI_EN	0x0001	/* ACPI mode: the only one there is */
#define CONTROL_SLP_EN	0x2000
#define CONTROL_SLP_TYP(value) ((value) >> 10 & 7)
#define SLEEP_TYPE_S5	5	/* dsdt.asl: _S5 */

#define TIMER_HZ	3579545ULL
#define TIMER_MASK	0xFFFFFFU

#define RESET_NOW	0x04	/* rising edge resets */

#define I8042_PORT	0x64
#define I8042_RESET	0xFE	/* pulse the reset line */

/**
 * struct power - the registers
 * @vm: the VM
 * @ranges: what is on the bus
 * @enable: PM1a enable, kept for reading back
 */
struct power {
	struct vm *vm;
	struct bus_range ranges[5];
	_Atomic(uint16_t) enable;
};

/* A register narrower than the access reads as zeroes beyond its end. */
static void put_value(void *data, unsigned int len, uint32_t value)
{
	memset(data, 0, len);
	memcpy(data, &value, MIN(len, sizeof(value)));
}

static void access_event(void *device, uint64_t offset, void *data, unsigned int len, bool write)
{
	struct power *power = device;
	uint16_t enable = atomic_load(&power->enable);

	if (!write) {
		put_value(data, len, (uint32_t)enable << 8 * ENABLE_OFFSET >> 8 * offset);
	} else if (offset == ENABLE_OFFSET && len == sizeof(enable)) {
		memcpy(&enable, data, sizeof(enable));
		atomic_store(&power->enable, enable);
	}
}

static void access_control(void *device, uint64_t offset, void *data, unsigned int len,
			   bool write)
{
	struct power *power = device;
	uint16_t value = 0;

	if (!write) {
		put_value(data, len, CONTROL_SCI_EN >> 8 * offset);
		return;
	}
	/* a byte access to the upper half carries both fields, too */
	memcpy((char *)&value + offset, data, len);
	if ((value & CONTROL_SLP_EN) && CONTROL_SLP_TYP(value) == SLEEP_TYPE_S5)
		vm_stop(power->vm, VM_STOP_POWEROFF);
}

static void access_timer(void *device, uint64_t offset, void *data, unsigned int len, bool write)
{
	struct timespec now;
	uint64_t ticks;

	(void)device;
	if (write)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ticks = (uint64_t)now.tv_sec * TIMER_HZ + (uint64_t)now.tv_nsec * TIMER_HZ / 1000000000;
	put_value(data, len, ((uint32_t)ticks & TIMER_MASK) >> 8 * offset);
}

static void access_reset(void *device, uint64_t offset, void *data, unsigned int len, bool write)
{
	struct power *power = device;

	(void)offset;
	if (!write)
		put_value(data, len, 0);
	else if (*(uint8_t *)data & RESET_NOW)
		vm_stop(power->vm, VM_STOP_REBOOT);
}

/* What is left of the keyboard controller: idle, and able to reset the machine. */
static void access_i8042(void *device, uint64_t offset, void *data, unsigned int len, bool write)
{
	struct power *power = device;

	(void)offset;
	if (!write)
		put_value(data, len, 0);
	else if (*(uint8_t *)data == I8042_RESET)
		vm_stop(power->vm, VM_STOP_REBOOT);
}

int power_create(struct vm *vm, struct power **out)
{
	struct power *power = calloc(1, sizeof(*power));
	size_t i;
	int err;

	if (!power)
		return -ENOMEM;
	*power = (struct power){
		.vm = vm,
		.ranges = {
			{ POWER_EVENT_PORT, 4, access_event, power },
			{ POWER_CONTROL_PORT, 2, access_control, power },
			{ POWER_TIMER_PORT, 4, access_timer, power },
			{ POWER_RESET_PORT, 1, access_reset, power },
			{ I8042_PORT, 1, access_i8042, power },
		},
	};
	for (i = 0; i < ARRAY_SIZE(power->ranges); i++) {
		err = bus_add(&vm->pio, &power->ranges[i]);
		if (err)
			goto remove_ranges;
	}
	*out = power;
	return 0;

remove_ranges:
	while (i--)
		bus_remove(&vm->pio, &power->ranges[i]);
	free(power);
	return err;
}

void power_destroy(struct power *power)
{
	size_t i;

	if (!power)
		return;
	for (i = 0; i < ARRAY_SIZE(power->ranges); i++)
		bus_remove(&power->vm->pio, &power->ranges[i]);
	free(power);
}
