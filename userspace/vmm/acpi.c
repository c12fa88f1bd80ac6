// SPDX-License-Identifier: GPL-2.0-only
/*
 * ACPI tables (ACPI 6.4, chapters 4 and 5), written between BOOT_FIRMWARE and
 * 1 MiB in the order they refer to each other, from the leaves up. Off the data
 * path; main thread, before the vCPUs run.
 *
 * Entry point: acpi_load().
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "acpi.h"
#include "boot.h"
#include "dsdt.hex"
#include "err.h"
#include "power.h"
#include "rtc.h"
#include "vm.h"

#define OEM_ID		"RINGHO"
#define OEM_TABLE_ID	"RINGHOST"
#define CREATOR_ID	"RING"
#define IOAPIC_ID	0xFE	/* clear of the LAPIC ids, which begin at 0 */
#define TIMER_IRQ	0
#define TIMER_GSI	2	/* as vm_irq.c wires it */
#define FACS_ALIGNMENT	64

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision;
	uint8_t checksum;
	char oem_id[6];
	char oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} __attribute__((packed));

/* 5.2.5.3 */
struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;		/* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt_address;
	uint32_t length;
	uint64_t xsdt_address;
	uint8_t extended_checksum;	/* of all */
	uint8_t reserved[3];
} __attribute__((packed));

/* 5.2.3.2 */
struct acpi_address {
	uint8_t space;
	uint8_t bits;
	uint8_t offset;
	uint8_t access;
	uint64_t address;
} __attribute__((packed));

/* 5.2.9; left zero: what this machine does not have */
struct acpi_fadt {
	struct acpi_header header;
	uint32_t facs, dsdt;
	uint8_t reserved0, profile;
	uint16_t sci;
	uint32_t smi_command;
	uint8_t acpi_enable, acpi_disable, s4bios_request, pstate_control;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control;
	uint32_t pm2_control, pm_timer, gpe0, gpe1;
	uint8_t pm1_event_length, pm1_control_length, pm2_control_length, pm_timer_length;
	uint8_t gpe0_length, gpe1_length, gpe1_base, cstate_control;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved1;
	uint32_t flags;
	struct acpi_address reset;
	uint8_t reset_value;
	uint16_t arm_boot_flags;
	uint8_t minor_revision;
	uint64_t x_facs, x_dsdt;
	struct acpi_address x_pm1a_event, x_pm1b_event, x_pm1a_control, x_pm1b_control;
	struct acpi_address x_pm2_control, x_pm_timer, x_gpe0, x_gpe1;
	struct acpi_address sleep_control, sleep_status;
	char hypervisor[8];
} __attribute__((packed));

/* 5.2.10 */
struct acpi_facs {
	char signature[4];
	uint32_t length;
	uint8_t rest[56];
} __attribute__((packed));

/* 5.2.12 and its entries */
struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic_address;
	uint32_t flags;
} __attribute__((packed));

struct acpi_madt_lapic {
	uint8_t type, length;
	uint8_t processor_uid, apic_id;
	uint32_t flags;
} __attribute__((packed));

struct acpi_madt_ioapic {
	uint8_t type, length;
	uint8_t id, reserved;
	uint32_t address, gsi_base;
} __attribute__((packed));

struct acpi_madt_override {
	uint8_t type, length;
	uint8_t bus, irq;
	uint32_t gsi;
	uint16_t flags;
} __attribute__((packed));

struct acpi_madt_lapic_nmi {
	uint8_t type, length;
	uint8_t processor_uid;
	uint16_t flags;
	uint8_t lint;
} __attribute__((packed));

enum {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_NMI = 4,
};

#define MADT_PC_COMPATIBLE	1	/* there are 8259s as well */
#define MADT_LAPIC_ENABLED	1
#define MADT_ALL_PROCESSORS	0xFF
#define INTI_EDGE_HIGH		0x5
#define INTI_LEVEL_HIGH		0xD

#define SPACE_IO		1
#define ACCESS_ANY		0

#define FADT_WBINVD		(1U << 0)
#define FADT_POWER_BUTTON	(1U << 4)	/* not a fixed feature */
#define FADT_SLEEP_BUTTON	(1U << 5)	/* likewise */
#define FADT_FIXED_RTC		(1U << 6)	/* RTC wake-up likewise */
#define FADT_RESET_REGISTER	(1U << 10)
#define BOOT_LEGACY_DEVICES	(1U << 0)	/* a serial port */
#define BOOT_NO_VGA		(1U << 2)
#define LATENCY_NO_C2		101
#define LATENCY_NO_C3		1001

_Static_assert(sizeof(struct acpi_header) == 36, "table header");
_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT revision 6");
_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");

/**
 * struct cursor - where the next table goes
 * @vm: the VM
 * @next: guest address
 */
struct cursor {
	struct vm *vm;
	uint64_t next;
};

static uint8_t checksum(const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;

	while (size--)
		sum += *bytes++;
	return (uint8_t)-sum;
}

/* Return: zeroed room of its own in guest memory, or NULL when the area is full. */
static void *take(struct cursor *cursor, size_t size, uint64_t alignment, uint64_t *address)
{
	void *room;

	*address = (cursor->next + alignment - 1) & ~(alignment - 1);
	if (*address > BOOT_KERNEL || size > BOOT_KERNEL - *address)
		return NULL;
	room = vm_translate(cursor->vm, *address, size);
	if (!room)
		return NULL;
	memset(room, 0, size);
	cursor->next = *address + size;
	return room;
}

static void *take_table(struct cursor *cursor, size_t size, uint64_t *address)
{
	return take(cursor, size, 16, address);
}

/* Last, when the body is complete: the checksum covers it. */
static void finish(struct acpi_header *header, const char *signature, uint8_t revision,
		   size_t size)
{
	memcpy(header->signature, signature, sizeof(header->signature));
	memcpy(header->oem_id, OEM_ID, sizeof(header->oem_id));
	memcpy(header->oem_table_id, OEM_TABLE_ID, sizeof(header->oem_table_id));
	memcpy(header->creator_id, CREATOR_ID, sizeof(header->creator_id));
	header->length = (uint32_t)size;
	header->revision = revision;
	header->oem_revision = 1;
	header->creator_revision = 1;
	header->checksum = 0;
	header->checksum = checksum(header, size);
}

static uint64_t add_dsdt(struct cursor *cursor)
{
	uint64_t address;
	void *table = take_table(cursor, sizeof(dsdt_aml_code), &address);

	if (!table)
		return 0;
	memcpy(table, dsdt_aml_code, sizeof(dsdt_aml_code));
	return address;
}

static uint64_t add_facs(struct cursor *cursor)
{
	uint64_t address;
	struct acpi_facs *facs = take(cursor, sizeof(*facs), FACS_ALIGNMENT, &address);

	if (!facs)
		return 0;
	memcpy(facs->signature, "FACS", sizeof(facs->signature));
	facs->length = sizeof(*facs);
	facs->rest[24] = 2;	/* version */
	return address;
}

static struct acpi_address io_address(uint16_t port, uint8_t bytes)
{
	return (struct acpi_address){
		.space = SPACE_IO,
		.bits = (uint8_t)(8 * bytes),
		.access = ACCESS_ANY,
		.address = port,
	};
}

static void fill_fixed_hardware(struct acpi_fadt *fadt)
{
	fadt->sci = POWER_SCI;
	fadt->pm1a_event = POWER_EVENT_PORT;
	fadt->pm1_event_length = 4;
	fadt->x_pm1a_event = io_address(POWER_EVENT_PORT, 4);
	fadt->pm1a_control = POWER_CONTROL_PORT;
	fadt->pm1_control_length = 2;
	fadt->x_pm1a_control = io_address(POWER_CONTROL_PORT, 2);
	fadt->pm_timer = POWER_TIMER_PORT;
	fadt->pm_timer_length = 4;
	fadt->x_pm_timer = io_address(POWER_TIMER_PORT, 4);
	fadt->reset = io_address(POWER_RESET_PORT, 1);
	fadt->reset.access = 1;
	fadt->reset_value = POWER_RESET_VALUE;
}

static uint64_t add_fadt(struct cursor *cursor, uint64_t facs, uint64_t dsdt)
{
	uint64_t address;
	struct acpi_fadt *fadt = take_table(cursor, sizeof(*fadt), &address);

	if (!fadt)
		return 0;
	fadt->facs = (uint32_t)facs;
	fadt->dsdt = (uint32_t)dsdt;
	fadt->x_dsdt = dsdt;
	fill_fixed_hardware(fadt);
	fadt->c2_latency = LATENCY_NO_C2;
	fadt->c3_latency = LATENCY_NO_C3;
	fadt->century = RTC_CENTURY;
	fadt->boot_flags = BOOT_LEGACY_DEVICES | BOOT_NO_VGA;
	fadt->flags = FADT_WBINVD | FADT_POWER_BUTTON | FADT_SLEEP_BUTTON | FADT_FIXED_RTC |
		      FADT_RESET_REGISTER;
	fadt->minor_revision = 4;
	memcpy(fadt->hypervisor, OEM_TABLE_ID, sizeof(fadt->hypervisor));
	finish(&fadt->header, "FACP", 6, sizeof(*fadt));
	return address;
}

static void *add_lapics(void *at, unsigned int cpus)
{
	struct acpi_madt_lapic *entry = at;
	unsigned int i;

	for (i = 0; i < cpus; i++)
		*entry++ = (struct acpi_madt_lapic){
			.type = MADT_LAPIC,
			.length = sizeof(*entry),
			.processor_uid = (uint8_t)i,
			.apic_id = (uint8_t)i,
			.flags = MADT_LAPIC_ENABLED,
		};
	return entry;
}

static void *add_ioapic(void *at)
{
	struct acpi_madt_ioapic *entry = at;

	*entry = (struct acpi_madt_ioapic){
		.type = MADT_IOAPIC,
		.length = sizeof(*entry),
		.id = IOAPIC_ID,
		.address = (uint32_t)VM_IOAPIC_BASE,
	};
	return entry + 1;
}

static void *add_override(void *at, uint8_t irq, uint32_t gsi, uint16_t flags)
{
	struct acpi_madt_override *entry = at;

	*entry = (struct acpi_madt_override){
		.type = MADT_OVERRIDE,
		.length = sizeof(*entry),
		.irq = irq,
		.gsi = gsi,
		.flags = flags,
	};
	return entry + 1;
}

static void *add_lapic_nmi(void *at)
{
	struct acpi_madt_lapic_nmi *entry = at;

	*entry = (struct acpi_madt_lapic_nmi){
		.type = MADT_LAPIC_NMI,
		.length = sizeof(*entry),
		.processor_uid = MADT_ALL_PROCESSORS,
		.lint = 1,
	};
	return entry + 1;
}

static uint64_t add_madt(struct cursor *cursor)
{
	const unsigned int cpus = cursor->vm->cpus;
	const size_t size = sizeof(struct acpi_madt) + cpus * sizeof(struct acpi_madt_lapic) +
			    sizeof(struct acpi_madt_ioapic) +
			    2 * sizeof(struct acpi_madt_override) +
			    sizeof(struct acpi_madt_lapic_nmi);
	uint64_t address;
	struct acpi_madt *madt = take_table(cursor, size, &address);
	void *entry;

	if (!madt)
		return 0;
	madt->lapic_address = (uint32_t)VM_LAPIC_BASE;
	madt->flags = MADT_PC_COMPATIBLE;
	entry = add_lapics(madt + 1, cpus);
	entry = add_ioapic(entry);
	entry = add_override(entry, TIMER_IRQ, TIMER_GSI, INTI_EDGE_HIGH);
	entry = add_override(entry, POWER_SCI, POWER_SCI, INTI_LEVEL_HIGH);
	add_lapic_nmi(entry);
	finish(&madt->header, "APIC", 5, size);
	return address;
}

static uint64_t add_xsdt(struct cursor *cursor, const uint64_t *tables, size_t count)
{
	const size_t size = sizeof(struct acpi_header) + count * sizeof(*tables);
	uint64_t address;
	struct acpi_header *xsdt = take_table(cursor, size, &address);

	if (!xsdt)
		return 0;
	memcpy(xsdt + 1, tables, count * sizeof(*tables));
	finish(xsdt, "XSDT", 1, size);
	return address;
}

static void fill_rsdp(struct acpi_rsdp *rsdp, uint64_t xsdt)
{
	memcpy(rsdp->signature, "RSD PTR ", sizeof(rsdp->signature));
	memcpy(rsdp->oem_id, OEM_ID, sizeof(rsdp->oem_id));
	rsdp->revision = 2;
	rsdp->length = sizeof(*rsdp);
	rsdp->xsdt_address = xsdt;
	rsdp->checksum = checksum(rsdp, 20);
	rsdp->extended_checksum = checksum(rsdp, sizeof(*rsdp));
}

int acpi_load(struct vm *vm)
{
	struct cursor cursor = { .vm = vm, .next = BOOT_FIRMWARE };
	uint64_t address, facs, dsdt, xsdt, tables[2];
	struct acpi_rsdp *rsdp = take_table(&cursor, sizeof(*rsdp), &address);

	facs = add_facs(&cursor);
	dsdt = add_dsdt(&cursor);
	tables[0] = add_fadt(&cursor, facs, dsdt);
	tables[1] = add_madt(&cursor);
	xsdt = add_xsdt(&cursor, tables, 2);
	if (!rsdp || !facs || !dsdt || !tables[0] || !tables[1] || !xsdt)
		return rh_error(-ENOSPC, "the ACPI tables do not fit");
	fill_rsdp(rsdp, xsdt);
	return 0;
}
