// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) The guest's memory table: made from VHOST_SET_MEM_TABLE, then read by
 * every queue's worker for each descriptor. With a vIOMMU iotlb.c makes the tables.
 *
 * A table never changes; a new one replaces it as a whole (device.c). It is
 * checked when it is made: regions are sorted, do not overlap, do not wrap and
 * lie in the owner's half of the address space. So translation only searches.
 *
 * rh_memory_alloc() runs in the owner's ioctl, rh_memory_translate() in workers.
 */
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/uaccess.h>
#include <linux/vhost_types.h>

#include "memory.h"

static int compare_regions(const void *a, const void *b)
{
	const struct rh_region *first = a, *second = b;

	return first->start < second->start ? -1 : first->start > second->start;
}

static int read_region(struct rh_region *region, const struct vhost_memory_region __user *user)
{
	struct vhost_memory_region entry;

	if (copy_from_user(&entry, user, sizeof(entry)))
		return -EFAULT;
	if (!entry.memory_size ||
	    check_add_overflow(entry.guest_phys_addr, entry.memory_size - 1, &region->last))
		return -EINVAL;
	if (!access_ok((void __user *)(unsigned long)entry.userspace_addr, entry.memory_size))
		return -EFAULT;
	region->start = entry.guest_phys_addr;
	region->user = entry.userspace_addr;
	region->access = VHOST_ACCESS_RW;
	return 0;
}

static int read_regions(struct rh_memory *memory, const struct vhost_memory __user *user)
{
	unsigned int i;
	int err;

	for (i = 0; i < memory->count; i++) {
		err = read_region(&memory->regions[i], &user->regions[i]);
		if (err)
			return err;
	}
	sort(memory->regions, memory->count, sizeof(memory->regions[0]), compare_regions, NULL);
	for (i = 1; i < memory->count; i++)
		if (memory->regions[i].start <= memory->regions[i - 1].last)
			return -EINVAL;
	return 0;
}

static bool regions_share(const struct rh_region *a, const struct rh_region *b)
{
	return a->user <= b->user + (b->last - b->start) &&
	       b->user <= a->user + (a->last - a->start);
}

static bool any_region_aliased(const struct rh_memory *memory)
{
	unsigned int i, j;

	for (i = 1; i < memory->count; i++)
		for (j = 0; j < i; j++)
			if (regions_share(&memory->regions[i], &memory->regions[j]))
				return true;
	return false;
}

/**
 * rh_memory_alloc - make a memory table from the owner's description
 * @user: argument of VHOST_SET_MEM_TABLE
 *
 * Return: the table; ERR_PTR: -EFAULT unreadable or outside the process,
 * -EOPNOTSUPP padding set, -E2BIG too many regions, -EINVAL a region that is empty,
 * wraps or overlaps another, -ENOMEM.
 */
struct rh_memory *rh_memory_alloc(const struct vhost_memory __user *user)
{
	struct vhost_memory header;
	struct rh_memory *memory;
	int err;

	if (copy_from_user(&header, user, sizeof(header)))
		return ERR_PTR(-EFAULT);
	if (header.padding)
		return ERR_PTR(-EOPNOTSUPP);
	if (header.nregions > RH_MEMORY_REGIONS_MAX)
		return ERR_PTR(-E2BIG);
	memory = kvzalloc(struct_size(memory, regions, header.nregions), GFP_KERNEL_ACCOUNT);
	if (!memory)
		return ERR_PTR(-ENOMEM);
	memory->count = header.nregions;
	err = read_regions(memory, user);
	if (err) {
		rh_memory_free(memory);
		return ERR_PTR(err);
	}
	memory->aliased = any_region_aliased(memory);
	return memory;
}

/**
 * rh_memory_free - free a table that no queue uses any more
 * @memory: the table, or NULL
 */
void rh_memory_free(struct rh_memory *memory)
{
	kvfree(memory);
}

static bool region_holds(const struct rh_region *region, u64 address)
{
	return address >= region->start && address <= region->last;
}

/* The region that holds @address, or NULL. */
static const struct rh_region *find_region(const struct rh_memory *memory, unsigned int *hint,
					   u64 address)
{
	unsigned int low = 0, high = memory->count, middle;

	if (*hint < memory->count && region_holds(&memory->regions[*hint], address))
		return &memory->regions[*hint];
	while (low < high) {
		middle = low + (high - low) / 2;
		if (address > memory->regions[middle].last) {
			low = middle + 1;
		} else if (address < memory->regions[middle].start) {
			high = middle;
		} else {
			*hint = middle;
			return &memory->regions[middle];
		}
	}
	return NULL;
}

/**
 * rh_memory_search - rh_memory_translate() where the last hit does not help
 * @memory: as there
 * @hint: as there
 * @address: as there
 * @length: as there
 * @access: as there
 * @iov: as there
 * @room: as there
 *
 * Return: as there.
 */
int rh_memory_search(const struct rh_memory *memory, unsigned int *hint, u64 address, u32 length,
		     u32 access, struct iovec *iov, unsigned int room)
{
	const struct rh_region *region;
	unsigned int count = 0;
	u64 left = length, piece;

	while (left) {
		region = find_region(memory, hint, address);
		if (!region)
			return -EFAULT;
		if (access & ~region->access)
			return -EPERM;
		if (count == room)
			return -ENOBUFS;
		piece = min(left - 1, region->last - address) + 1;
		iov[count].iov_base = (void __user *)(unsigned long)(region->user +
								     (address - region->start));
		iov[count].iov_len = piece;
		count++;
		left -= piece;
		address += piece;
		if (left && !address)	/* wrapped past the last address */
			return -EFAULT;
	}
	return count;
}

/**
 * rh_memory_missing - where a translation failed
 * @memory: the table
 * @address: first address
 * @length: bytes; not 0, the range does not wrap and is not all in the table
 *
 * Return: the range's first address that lies in no region.
 */
u64 rh_memory_missing(const struct rh_memory *memory, u64 address, u32 length)
{
	const struct rh_region *region;
	u64 last = address + (length - 1);
	unsigned int hint = 0;

	for (region = find_region(memory, &hint, address); region && region->last < last;
	     region = find_region(memory, &hint, address))
		address = region->last + 1;
	return address;
}
