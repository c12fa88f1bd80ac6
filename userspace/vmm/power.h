/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI's fixed hardware and the PC's reset ports. The same numbers stand in the
 * FADT (acpi.c) and in dsdt.asl.
 */
#ifndef RH_VMM_POWER_H
#define RH_VMM_POWER_H

#include <stdint.h>

struct power;
struct vm;

#define POWER_EVENT_PORT	0x600	/* PM1a event block, 4 bytes */
#define POWER_CONTROL_PORT	0x604	/* PM1a control block, 2 bytes */
#define POWER_TIMER_PORT	0x608	/* PM timer, 4 bytes */
#define POWER_RESET_PORT	0xCF9	/* reset control register */
#define POWER_RESET_VALUE	0x06	/* full reset, now */
#define POWER_SCI		9	/* never raised */

/* Put the registers on the bus. Return: 0 or -errno. */
int power_create(struct vm *vm, struct power **out);

/* The vCPUs have stopped. NULL is fine. */
void power_destroy(struct power *power);

#endif /* RH_VMM_POWER_H */
