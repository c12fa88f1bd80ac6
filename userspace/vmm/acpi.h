/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI tables: processors, interrupt controllers, fixed hardware, and the DSDT.
 */
#ifndef RH_VMM_ACPI_H
#define RH_VMM_ACPI_H

struct vm;

/*
 * Write the tables into guest memory, the RSDP at BOOT_FIRMWARE, where the zero
 * page says it is. Main thread, before the vCPUs run. Return: 0, or a negative
 * errno after one line on stderr.
 */
int acpi_load(struct vm *vm);

#endif /* RH_VMM_ACPI_H */
