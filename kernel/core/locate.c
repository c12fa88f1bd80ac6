// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) and (4): where a ring is when its addresses are a vIOMMU's. Each of its areas may be
 * scattered over the owner's memory; pinned pages are mapped together, so that the area
 * is in one piece again. Where pinning is not allowed one piece will do as well, by user
 * copies; more cannot.
 *
 * Runs in the owner's calls, as place.c does, its only caller. Compiles unchanged in
 * userspace.
 */
#include <linux/vhost_types.h>

#include "format.h"

#define PARTS 3

/**
 * struct part - one area of a ring
 * @area: it
 * @bytes: its size
 * @access: what the device does there: VHOST_ACCESS_*
 */
struct part {
	struct rh_area *area;
	size_t bytes;
	u32 access;
};

static void list_parts(struct rh_ring *ring, struct part *parts)
{
	size_t desc, driver, device;

	desc = rh_ring_bytes(ring, &driver, &device);
	parts[0] = (struct part) {
		&ring->desc, desc, ring->packed ? VHOST_ACCESS_RW : VHOST_ACCESS_RO
	};
	parts[1] = (struct part) { &ring->driver, driver, VHOST_ACCESS_RO };
	parts[2] = (struct part) { &ring->device, device, VHOST_ACCESS_WO };
}

/* Make one range of those that are neighbours in the owner's memory too. */
static unsigned int join(struct iovec *iov, unsigned int count)
{
	unsigned int i, last = 0;

	for (i = 1; i < count; i++) {
		if (iov[last].iov_base + iov[last].iov_len == iov[i].iov_base)
			iov[last].iov_len += iov[i].iov_len;
		else
			iov[++last] = iov[i];
	}
	return last + 1;
}

/* The number of ranges that are the part, in ring->iov; or as rh_ring_place(). */
static int find_part(struct rh_ring *ring, const struct rh_memory *iotlb, const struct part *part)
{
	const u64 address = part->area->address;
	int count;

	if (address + (part->bytes - 1) < address)
		return rh_ring_fault(ring);
	count = rh_memory_translate(iotlb, &ring->region_hint, address, part->bytes, part->access,
				    ring->iov, RH_CHAIN_MAX);
	if (count == -EFAULT)
		return rh_ring_miss(ring, rh_memory_missing(iotlb, address, part->bytes),
				    part->access);
	if (count == -EPERM)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_IOTLB_ACCESS);
	/* Words of the ring are read and written whole, so they must not lie askew. */
	if (count < 0 || (unsigned long)ring->iov->iov_base % sizeof(u16))
		return rh_ring_fault(ring);
	return join(ring->iov, count);
}

/* Find all parts, or say what keeps us; reach those in one piece by user copies. */
static int find_all(struct rh_ring *ring, const struct rh_memory *iotlb, const struct part *parts)
{
	int i, count;

	for (i = 0; i < PARTS; i++) {
		count = find_part(ring, iotlb, &parts[i]);
		if (count < 0)
			return count;
		parts[i].area->user = count == 1 ? ring->iov->iov_base : NULL;
	}
	return 0;
}

static int map_all(struct rh_ring *ring, const struct rh_memory *iotlb, const struct part *parts,
		   struct mm_struct *mm)
{
	int i, count, err = 0;

	for (i = 0; i < PARTS && !err; i++) {
		count = find_part(ring, iotlb, &parts[i]);
		err = count < 0 ? count : rh_area_map_ranges(parts[i].area, mm, ring->iov, count);
	}
	return err;
}

/**
 * rh_ring_place - find a ring's areas and make them reachable
 * @ring: the ring; allocated, not mapped
 * @iotlb: the translations known
 * @mm: the owner's memory, which is current->mm
 *
 * Return: 0; -EAGAIN: ring->miss is not known; -EPROTO or -EFAULT: the ring cannot be used
 * like this, ring->reject says why.
 */
int rh_ring_place(struct rh_ring *ring, const struct rh_memory *iotlb, struct mm_struct *mm)
{
	struct part parts[PARTS];
	int err;

	list_parts(ring, parts);
	err = find_all(ring, iotlb, parts);
	if (err)
		return err;
	if (!map_all(ring, iotlb, parts, mm))
		return 0;
	rh_ring_unmap(ring, mm);
	if (!ring->desc.user || !ring->driver.user || !ring->device.user)
		return rh_ring_fault(ring);
	return 0;
}

/**
 * rh_ring_displace - undo rh_ring_place(): no access reaches the areas any more
 * @ring: the ring, in place or not
 * @mm: the owner's memory
 */
void rh_ring_displace(struct rh_ring *ring, struct mm_struct *mm)
{
	rh_ring_unmap(ring, mm);
	ring->desc.user = NULL;
	ring->driver.user = NULL;
	ring->device.user = NULL;
}

/**
 * rh_ring_place_as_given - without a vIOMMU the areas are where the owner has said
 * @ring: the ring
 */
void rh_ring_place_as_given(struct rh_ring *ring)
{
	ring->desc.user = (void __user *)(unsigned long)ring->desc.address;
	ring->driver.user = (void __user *)(unsigned long)ring->driver.address;
	ring->device.user = (void __user *)(unsigned long)ring->device.address;
}

/**
 * rh_ring_touches - whether a range of a vIOMMU's addresses has a byte of the ring
 * @ring: the ring; has been in place since its addresses were set
 * @start: first address
 * @last: last address
 */
bool rh_ring_touches(struct rh_ring *ring, u64 start, u64 last)
{
	struct part parts[PARTS];
	int i;

	list_parts(ring, parts);
	for (i = 0; i < PARTS; i++)
		if (parts[i].area->address <= last &&
		    parts[i].area->address + (parts[i].bytes - 1) >= start)
			return true;
	return false;
}
