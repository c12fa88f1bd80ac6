// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage (1): address decoding of guest accesses that left KVM_RUN. Runs on vCPU
 * threads; ranges are added and removed by any thread (a vCPU that writes a BAR).
 *
 * Entry points: bus_init(), bus_exit(), bus_add(), bus_remove(), bus_access().
 */
#include <errno.h>
#include <string.h>

#include "bus.h"

/* Writers first: vCPUs that hammer a port must not keep the loop's thread waiting. */
int bus_init(struct bus *bus)
{
	pthread_rwlockattr_t attributes;
	int err = pthread_rwlockattr_init(&attributes);

	if (err)
		return -err;
	pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	bus->count = 0;
	err = pthread_rwlock_init(&bus->lock, &attributes);
	pthread_rwlockattr_destroy(&attributes);
	return -err;
}

void bus_exit(struct bus *bus)
{
	pthread_rwlock_destroy(&bus->lock);
}

int bus_add(struct bus *bus, const struct bus_range *range)
{
	int err = 0;

	/* base + size may be 2^64 exactly, which reads as 0 */
	if (!range->size || range->base + (range->size - 1) < range->base)
		return -EINVAL;
	pthread_rwlock_wrlock(&bus->lock);
	if (bus->count == BUS_RANGES_MAX)
		err = -ENOSPC;
	else
		bus->ranges[bus->count++] = *range;
	pthread_rwlock_unlock(&bus->lock);
	return err;
}

static bool same_range(const struct bus_range *a, const struct bus_range *b)
{
	return a->base == b->base && a->size == b->size && a->device == b->device;
}

int bus_remove(struct bus *bus, const struct bus_range *range)
{
	int err = -ENOENT;
	unsigned int i;

	pthread_rwlock_wrlock(&bus->lock);
	for (i = 0; i < bus->count; i++) {
		if (!same_range(&bus->ranges[i], range))
			continue;
		/* the order of the rest decides who wins an overlap: keep it */
		bus->count--;
		memmove(&bus->ranges[i], &bus->ranges[i + 1],
			(bus->count - i) * sizeof(bus->ranges[0]));
		err = 0;
		break;
	}
	pthread_rwlock_unlock(&bus->lock);
	return err;
}

/* The range is copied out: it may go away, or be added to, while its device runs. */
static bool find_range(struct bus *bus, uint64_t addr, unsigned int len, struct bus_range *found)
{
	const struct bus_range *range;
	bool hit = false;
	unsigned int i;

	pthread_rwlock_rdlock(&bus->lock);
	for (i = 0; i < bus->count && !hit; i++) {
		range = &bus->ranges[i];
		hit = addr >= range->base && len <= range->size &&
		      addr - range->base <= range->size - len;
		if (hit)
			*found = *range;
	}
	pthread_rwlock_unlock(&bus->lock);
	return hit;
}

bool bus_access(struct bus *bus, uint64_t addr, void *data, unsigned int len, bool write)
{
	struct bus_range range;

	if (!find_range(bus, addr, len, &range)) {
		if (!write)
			memset(data, 0xff, len);
		return false;
	}
	range.access(range.device, addr - range.base, data, len, write);
	return true;
}
