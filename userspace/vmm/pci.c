// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI bus 0. Not on the data path: it decides where the doorbells of stage (1)
 * lie. A vCPU enters through the ports 0xCF8 to 0xCFF or a BAR on one of the
 * buses and waits while the loop's thread does the work. Entry points:
 * pci_port_access(), pci_window_access(); for devices see pci.h.
 *
 * Nothing the guest writes is trusted: offsets and lengths are bounded here,
 * before any function sees them, and a BAR is decoded only inside the window
 * that the firmware tables give to PCI.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "loop.h"
#include "pci.h"
#include "util.h"
#include "vm.h"

#define PCI_PORT_ADDRESS 0xCF8
#define PCI_ADDRESS_ENABLE (1u << 31)
#define PCI_ADDRESS_BITS 0x80FFFFFCu
#define PCI_DATA_OFFSET 4	/* 0xCFC */

#define PCI_CLASS_HOST_BRIDGE 0x060000

/**
 * struct pci_bus - bus 0
 * @vm: its VM
 * @ports: 0xCF8 to 0xCFF
 * @address: what the guest last wrote to 0xCF8; any vCPU's thread
 * @next_memory: where the next memory BAR goes
 * @next_port: where the next port BAR goes
 * @bridge: the host bridge
 * @functions: by slot; @bridge is number 0
 */
struct pci_bus {
	struct vm *vm;
	struct bus_range ports;
	_Atomic(uint32_t) address;
	uint64_t next_memory, next_port;
	struct pci_function bridge;
	struct pci_function *functions[PCI_SLOTS];
};

/**
 * struct pci_request - a vCPU's access on its way to the loop's thread
 * @function: for the configuration space
 * @bar: for a BAR
 * @offset, @data, @len, @write: the access, @offset counting from the start of either
 */
struct pci_request {
	struct pci_function *function;
	struct pci_bar *bar;
	uint32_t offset;
	void *data;
	unsigned int len;
	bool write;
};

static struct bus *bar_bus(struct pci_bar *bar)
{
	struct vm *vm = bar->function->bus->vm;

	return bar->port ? &vm->pio : &vm->mmio;
}

static unsigned int bar_index(const struct pci_bar *bar)
{
	return bar - bar->function->bars;
}

void pci_bar_access(struct pci_function *function, unsigned int bar, uint32_t offset, void *data,
		    unsigned int len, bool write)
{
	uint32_t size = bar < PCI_BARS ? function->bars[bar].size : 0;

	if (!write)
		memset(data, 0, len);
	if (len <= size && offset <= size - len)
		function->ops->bar_access(function, bar, offset, data, len, write);
	else if (!write)
		memset(data, 0xff, len);
}

static void pci_window_request(void *argument)
{
	struct pci_request *request = argument;

	pci_bar_access(request->bar->function, bar_index(request->bar), request->offset,
		       request->data, request->len, request->write);
}

static void pci_window_access(void *device, uint64_t offset, void *data, unsigned int len,
			      bool write)
{
	struct pci_bar *bar = device;
	struct pci_request request = {
		.bar = bar, .offset = offset, .data = data, .len = len, .write = write,
	};

	if (loop_call(bar->function->bus->vm->loop, pci_window_request, &request) && !write)
		memset(data, 0xff, len);
}

static void bar_withdraw(struct pci_bar *bar)
{
	bar->decoded = false;
	bar->function->ops->bar_moved(bar->function, bar_index(bar), bar->range.base, false);
	bus_remove(bar_bus(bar), &bar->range);
}

static void bar_decode(struct pci_bar *bar, uint64_t base)
{
	bar->range = (struct bus_range) {
		.base = base, .size = bar->size, .access = pci_window_access, .device = bar,
	};
	/* A full table cannot be the guest's doing; without the range it reads as all ones. */
	if (bus_add(bar_bus(bar), &bar->range))
		return;
	bar->decoded = true;
	bar->function->ops->bar_moved(bar->function, bar_index(bar), base, true);
}

static uint8_t *bar_register(struct pci_bar *bar)
{
	return bar->function->config + PCI_BASE_ADDRESS_0 + 4 * bar_index(bar);
}

/* Where the registers want the BAR to be, or 0 for nowhere. */
static uint64_t bar_wanted(struct pci_bar *bar)
{
	uint16_t command = pci_get16(bar->function->config + PCI_COMMAND);
	uint64_t base = pci_get32(bar_register(bar)) & ~(uint64_t)(bar->size - 1);
	uint64_t low = bar->port ? PCI_PORT_BASE : VM_PCI_MMIO_BASE;
	uint64_t high = bar->port ? PCI_PORT_END : VM_PCI_MMIO_END;

	if (!(command & (bar->port ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)))
		return 0;
	return base >= low && base + bar->size <= high ? base : 0;
}

static void pci_move_bars(struct pci_function *function)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		struct pci_bar *bar = &function->bars[i];
		uint64_t wanted = bar->size ? bar_wanted(bar) : 0;

		if (bar->decoded && bar->range.base == wanted)
			continue;
		if (bar->decoded)
			bar_withdraw(bar);
		if (wanted)
			bar_decode(bar, wanted);
	}
}

static void pci_config_write(struct pci_function *function, unsigned int offset,
			     const uint8_t *data, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		uint8_t writable = function->writable[offset + i];
		uint8_t *byte = &function->config[offset + i];

		*byte = (*byte & ~writable) | (data[i] & writable);
	}
	if (pci_overlaps(offset, len, PCI_COMMAND, 2) ||
	    pci_overlaps(offset, len, PCI_BASE_ADDRESS_0, 4 * PCI_BARS))
		pci_move_bars(function);
	if (function->ops->config_written)
		function->ops->config_written(function, offset, len);
}

static void pci_config_read(struct pci_function *function, unsigned int offset, uint8_t *data,
			    unsigned int len)
{
	if (function->ops->config_read)
		function->ops->config_read(function, offset, len);
	memcpy(data, function->config + offset, len);
}

/* The function that this value of the address register names, NULL for none. */
static struct pci_function *pci_addressed(const struct pci_bus *bus, uint32_t address)
{
	/* Bus number and function number must be 0. */
	if (!(address & PCI_ADDRESS_ENABLE) || (address & 0x00FF0700))
		return NULL;
	return bus->functions[(address >> 11) & (PCI_SLOTS - 1)];
}

static void pci_config_request(void *argument)
{
	struct pci_request *request = argument;

	if (request->write)
		pci_config_write(request->function, request->offset, request->data, request->len);
	else
		pci_config_read(request->function, request->offset, request->data, request->len);
}

static void pci_address_access(struct pci_bus *bus, uint64_t offset, void *data, unsigned int len,
			       bool write)
{
	uint8_t bytes[4];

	if (!write) {
		pci_put32(bytes, bus->address);
		memcpy(data, bytes + offset, len);
	} else if (len == 4) {
		/* Only a 32-bit write is meant for this register. */
		bus->address = pci_get32(data) & PCI_ADDRESS_BITS;
	}
}

/*
 * Only a function that exists is worth a visit to the loop's thread: some kernels
 * look at 8192 absent ones before they find the first. Functions do not come or
 * go while vCPUs run.
 */
static void pci_data_access(struct pci_bus *bus, uint64_t offset, void *data, unsigned int len,
			    bool write)
{
	const uint32_t address = bus->address;
	struct pci_request request = {
		.function = pci_addressed(bus, address),
		.offset = (address & 0xFC) + offset,
		.data = data, .len = len, .write = write,
	};

	if (request.function && !loop_call(bus->vm->loop, pci_config_request, &request))
		return;
	if (!write)
		memset(data, 0xff, len);
}

static void pci_port_access(void *device, uint64_t offset, void *data, unsigned int len,
			    bool write)
{
	struct pci_bus *bus = device;

	if (offset + len <= PCI_DATA_OFFSET)
		pci_address_access(bus, offset, data, len, write);
	else if (offset >= PCI_DATA_OFFSET)
		pci_data_access(bus, offset - PCI_DATA_OFFSET, data, len, write);
	else if (!write)
		memset(data, 0xff, len);	/* astride the two */
}

void pci_function_init(struct pci_function *function, const struct pci_function_ops *ops,
		       const struct pci_identity *identity)
{
	uint8_t *config = function->config;

	memset(function, 0, sizeof(*function));
	function->ops = ops;
	pci_put16(config + PCI_VENDOR_ID, identity->vendor);
	pci_put16(config + PCI_DEVICE_ID, identity->device);
	config[PCI_REVISION_ID] = identity->revision;
	config[PCI_CLASS_PROG] = identity->class;
	pci_put16(config + PCI_CLASS_DEVICE, identity->class >> 8);
	pci_put16(config + PCI_SUBSYSTEM_VENDOR_ID, identity->subsystem_vendor);
	pci_put16(config + PCI_SUBSYSTEM_ID, identity->subsystem);
	pci_put16(function->writable + PCI_COMMAND,
		  PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_PARITY |
		  PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE);
	function->writable[PCI_CACHE_LINE_SIZE] = 0xff;
	function->writable[PCI_INTERRUPT_LINE] = 0xff;
	function->capabilities = PCI_STD_HEADER_SIZEOF;
	function->last_capability = PCI_CAPABILITY_LIST;
}

void pci_add_bar(struct pci_function *function, unsigned int index, uint32_t size, bool port)
{
	struct pci_bar *bar = &function->bars[index];

	bar->function = function;
	bar->size = size;
	bar->port = port;
	if (port)
		*bar_register(bar) = PCI_BASE_ADDRESS_SPACE_IO;
	pci_put32(function->writable + PCI_BASE_ADDRESS_0 + 4 * index, ~(size - 1));
}

unsigned int pci_add_capability(struct pci_function *function, uint8_t id, const void *body,
				unsigned int size)
{
	unsigned int offset = function->capabilities;

	memcpy(function->config + offset, body, size);
	function->config[offset + PCI_CAP_LIST_ID] = id;
	function->config[offset + PCI_CAP_LIST_NEXT] = 0;
	function->config[function->last_capability] = offset;
	function->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	function->last_capability = offset + PCI_CAP_LIST_NEXT;
	function->capabilities = (offset + size + 3) & ~3u;
	return offset;
}

static int bar_place(struct pci_bus *bus, struct pci_bar *bar)
{
	uint64_t *next = bar->port ? &bus->next_port : &bus->next_memory;
	uint64_t end = bar->port ? PCI_PORT_END : VM_PCI_MMIO_END;
	/* Every memory BAR gets pages of its own, so that a guest can map it alone. */
	uint64_t align = MAX(bar->size, bar->port ? 1u : 4096u);
	uint64_t base = (*next + align - 1) & ~(align - 1);

	if (base + align > end)
		return -ENOSPC;
	*next = base + align;
	pci_put32(bar_register(bar), base | *bar_register(bar));
	return 0;
}

int pci_add(struct pci_bus *bus, struct pci_function *function)
{
	unsigned int slot = 0;

	while (slot < PCI_SLOTS && bus->functions[slot])
		slot++;
	if (slot == PCI_SLOTS)
		return -ENOSPC;
	function->bus = bus;
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		if (function->bars[i].size && bar_place(bus, &function->bars[i]))
			return -ENOSPC;
	}
	bus->functions[slot] = function;
	return 0;
}

void pci_remove(struct pci_function *function)
{
	struct pci_bus *bus = function->bus;

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		if (function->bars[i].decoded)
			bar_withdraw(&function->bars[i]);
	}
	for (unsigned int slot = 0; slot < PCI_SLOTS; slot++) {
		if (bus->functions[slot] == function)
			bus->functions[slot] = NULL;
	}
}

/* The bridge has no BARs and no capabilities: nothing to add. */
static const struct pci_function_ops bridge_ops;

int pci_create(struct vm *vm, struct pci_bus **out)
{
	/* Red Hat's generic host bridge: guests know it and work around nothing. */
	static const struct pci_identity identity = {
		.vendor = 0x1b36, .device = 0x0008, .class = PCI_CLASS_HOST_BRIDGE,
	};
	struct pci_bus *bus = calloc(1, sizeof(*bus));
	int err;

	if (!bus)
		return rh_error(-ENOMEM, "out of memory");
	bus->vm = vm;
	bus->next_memory = VM_PCI_MMIO_BASE;
	bus->next_port = PCI_PORT_BASE;
	pci_function_init(&bus->bridge, &bridge_ops, &identity);
	pci_add(bus, &bus->bridge);
	bus->ports = (struct bus_range) {
		.base = PCI_PORT_ADDRESS, .size = 8, .access = pci_port_access, .device = bus,
	};
	err = bus_add(&vm->pio, &bus->ports);
	if (err) {
		rh_error(err, "cannot place the PCI configuration ports: %s", strerror(-err));
		free(bus);
		return err;
	}
	*out = bus;
	return 0;
}

void pci_destroy(struct pci_bus *bus)
{
	if (!bus)
		return;
	bus_remove(&bus->vm->pio, &bus->ports);
	free(bus);
}
