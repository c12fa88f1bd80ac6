/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI bus 0: configuration mechanism #1, a host bridge, and type 0 functions
 * whose BARs the guest sizes and moves. Everything runs on the loop's thread.
 */
#ifndef RH_VMM_PCI_H
#define RH_VMM_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "bus.h"

struct vm;

#define PCI_SLOTS 32
#define PCI_BARS 6
#define PCI_CONFIG_SIZE 256

/* The DSDT's _CRS says the same; ports below belong to the platform. */
#define PCI_PORT_BASE 0xC000
#define PCI_PORT_END 0x10000

struct pci_bus;
struct pci_function;

/**
 * struct pci_function_ops - what a kind of function adds to a plain one
 * @bar_access: an access inside a BAR. @len is 1 to 8, any alignment; the access
 *	lies wholly inside the BAR. @data holds zeroes when a read begins.
 * @bar_moved: the BAR is now decoded at @base, or no longer at @base
 * @config_read: the driver is about to read these configuration bytes; optional
 * @config_written: the driver has changed these configuration bytes; optional
 */
struct pci_function_ops {
	void (*bar_access)(struct pci_function *function, unsigned int bar, uint32_t offset,
			   void *data, unsigned int len, bool write);
	void (*bar_moved)(struct pci_function *function, unsigned int bar, uint64_t base,
			  bool decoded);
	void (*config_read)(struct pci_function *function, unsigned int offset, unsigned int len);
	void (*config_written)(struct pci_function *function, unsigned int offset,
			       unsigned int len);
};

/**
 * struct pci_bar - one base address register, 32 bits wide
 * @function: whose it is
 * @size: bytes or ports, a power of two; 0 there is none
 * @port: I/O ports as opposed to memory
 * @decoded: on the bus, as @range
 * @range: where, while @decoded
 */
struct pci_bar {
	struct pci_function *function;
	uint32_t size;
	bool port, decoded;
	struct bus_range range;
};

/**
 * struct pci_function - a function in the making, then on the bus
 * @ops: its kind
 * @bus: its bus, from pci_add()
 * @config: configuration space as the guest reads it
 * @writable: bits of @config the guest may change
 * @bars: BARs
 * @capabilities: where the next capability goes
 * @last_capability: the one that will point to it
 */
struct pci_function {
	const struct pci_function_ops *ops;
	struct pci_bus *bus;
	uint8_t config[PCI_CONFIG_SIZE];
	uint8_t writable[PCI_CONFIG_SIZE];
	struct pci_bar bars[PCI_BARS];
	unsigned int capabilities, last_capability;
};

/**
 * struct pci_identity - the fixed part of the configuration header
 * @vendor, @device, @subsystem_vendor, @subsystem, @class, @revision: as in there
 */
struct pci_identity {
	uint16_t vendor, device, subsystem_vendor, subsystem;
	uint32_t class;
	uint8_t revision;
};

/**
 * pci_create() - make the bus with its host bridge and claim 0xCF8 to 0xCFF
 * @vm: the VM
 * @out: the bus
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int pci_create(struct vm *vm, struct pci_bus **out);

/* Only after vCPUs and functions are gone. NULL is fine. */
void pci_destroy(struct pci_bus *bus);

/* Start a function: clears it and fills the header in. */
void pci_function_init(struct pci_function *function, const struct pci_function_ops *ops,
		       const struct pci_identity *identity);

/* Give it a BAR; @size is a power of two, at least 16 bytes or 4 ports. */
void pci_add_bar(struct pci_function *function, unsigned int bar, uint32_t size, bool port);

/**
 * pci_add_capability() - append a capability
 * @function: the function, not yet on the bus
 * @id: PCI_CAP_ID_*
 * @body: the capability with its two header bytes, which are filled in here
 * @size: bytes of @body; the sum for one function must fit, which is up to the
 *	caller's layout and not to the guest
 *
 * Return: its offset in the configuration space.
 */
unsigned int pci_add_capability(struct pci_function *function, uint8_t id, const void *body,
				unsigned int size);

/**
 * pci_add() - put a function on the bus
 * @bus: the bus
 * @function: complete; stays the caller's, until pci_remove()
 *
 * Gives its BARs addresses, as firmware would; decoding is off.
 * Return: 0, -ENOSPC no slot or no room for a BAR.
 */
int pci_add(struct pci_bus *bus, struct pci_function *function);

/* Take it off the bus again: its BARs are no longer decoded. */
void pci_remove(struct pci_function *function);

/**
 * pci_bar_access() - carry out an access inside a BAR
 * @function: the function
 * @bar: the BAR; an absent one reads as all ones
 * @offset: inside the BAR
 * @data: bytes to write, or room for the bytes read
 * @len: 1, 2, 4 or 8
 * @write: direction
 */
void pci_bar_access(struct pci_function *function, unsigned int bar, uint32_t offset, void *data,
		    unsigned int len, bool write);

/* Whether [@offset, @offset + @len) and [@start, @start + @size) share a byte. */
static inline bool pci_overlaps(unsigned int offset, unsigned int len, unsigned int start,
				unsigned int size)
{
	return offset < start + size && start < offset + len;
}

/* Little-endian fields of the configuration space. */
static inline uint16_t pci_get16(const uint8_t *bytes)
{
	return bytes[0] | bytes[1] << 8;
}

static inline uint32_t pci_get32(const uint8_t *bytes)
{
	return pci_get16(bytes) | (uint32_t)pci_get16(bytes + 2) << 16;
}

static inline void pci_put16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = value;
	bytes[1] = value >> 8;
}

static inline void pci_put32(uint8_t *bytes, uint32_t value)
{
	pci_put16(bytes, value);
	pci_put16(bytes + 2, value >> 16);
}

#endif /* RH_VMM_PCI_H */
