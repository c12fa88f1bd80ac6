/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stage (1), before the eventfd: guest accesses that leave KVM_RUN are handed
 * to the device that claims the address. One bus for I/O ports, one for MMIO.
 */
#ifndef RH_VMM_BUS_H
#define RH_VMM_BUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Devices and BARs of one VM; a guest cannot add ranges, only move them. */
#define BUS_RANGES_MAX 256

/**
 * struct bus_range - the addresses one device answers
 * @base: first address
 * @size: number of addresses, not 0
 * @access: called for each access that lies wholly inside the range, on the
 *	vCPU's thread, without any lock of the bus held; @offset + @len <= @size
 *	is guaranteed, @len is 1 to 8 (ports: 1, 2 or 4) and not necessarily
 *	aligned. A read fills all of @data.
 * @device: first argument of @access; must stay valid until the vCPUs have
 *	stopped, because a thread may still be inside @access after bus_remove()
 */
struct bus_range {
	uint64_t base, size;
	void (*access)(void *device, uint64_t offset, void *data, unsigned int len, bool write);
	void *device;
};

/**
 * struct bus - address decoder
 * @lock: protects @ranges and @count; never held while a device runs
 * @ranges: in the order they were added
 * @count: how many
 */
struct bus {
	pthread_rwlock_t lock;
	struct bus_range ranges[BUS_RANGES_MAX];
	unsigned int count;
};

int bus_init(struct bus *bus);
void bus_exit(struct bus *bus);

/**
 * bus_add() - claim addresses
 * @bus: the bus
 * @range: copied
 *
 * Ranges may overlap, since a guest can lay one BAR over another: an access goes
 * to the range added first among those that wholly contain it. The platform adds
 * its own before any BAR is decoded, so no BAR can hide it.
 *
 * Context: any thread, also from inside an access callback.
 * Return: 0, -EINVAL size 0 or end past 2^64, -ENOSPC table full.
 */
int bus_add(struct bus *bus, const struct bus_range *range);

/**
 * bus_remove() - give addresses up
 * @bus: the bus
 * @range: equal in base, size and device to what was added
 *
 * Return: 0, -ENOENT.
 */
int bus_remove(struct bus *bus, const struct bus_range *range);

/**
 * bus_access() - carry out one guest access
 * @bus: the bus
 * @addr: guest address or port
 * @data: bytes to write, or room for the bytes read
 * @len: 1 to 8
 * @write: direction
 *
 * A read that nobody claims gives all ones, a write is dropped.
 *
 * Return: whether a device answered.
 */
bool bus_access(struct bus *bus, uint64_t addr, void *data, unsigned int len, bool write);

#endif /* RH_VMM_BUS_H */
