/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (2) Guest memory: the table that maps the addresses in descriptors to the owner's.
 * See memory.c.
 */
#ifndef RH_MEMORY_H
#define RH_MEMORY_H

#include <linux/types.h>
#include <linux/uio.h>

/* Most regions of one table; QEMU asks for up to 509 with many memory slots. */
#define RH_MEMORY_REGIONS_MAX 509

struct vhost_memory;

/**
 * struct rh_region - one range of guest memory
 * @start: first guest-physical address
 * @last: last guest-physical address; not before @start
 * @user: owner's address of @start
 * @access: what a device may do there: VHOST_ACCESS_*
 */
struct rh_region {
	u64 start;
	u64 last;
	u64 user;
	u32 access;
};

/**
 * struct rh_memory - what a device may reach, by address; immutable while in force
 * @count: regions in the table
 * @iotlb: addresses are a vIOMMU's (iotlb.c), and one that is not here may be asked for;
 *	else they are guest-physical, and here is all there is
 * @aliased: some of the owner's memory is in more than one region
 * @regions: sorted by address, without overlap
 */
struct rh_memory {
	unsigned int count;
	bool iotlb;
	bool aliased;
	struct rh_region regions[];
};

struct rh_memory *rh_memory_alloc(const struct vhost_memory __user *user);
void rh_memory_free(struct rh_memory *memory);
int rh_memory_search(const struct rh_memory *memory, unsigned int *hint, u64 address, u32 length,
		     u32 access, struct iovec *iov, unsigned int room);
u64 rh_memory_missing(const struct rh_memory *memory, u64 address, u32 length);

/**
 * rh_memory_translate - turn a range of addresses into the owner's
 * @memory: the table
 * @hint: the caller's last hit; any value is safe
 * @address: first address
 * @length: bytes; not 0
 * @access: what is going to be done there: VHOST_ACCESS_*
 * @iov: receives one range for each region the range touches
 * @room: entries at @iov
 *
 * Return: the number of ranges; -EFAULT if a byte lies in no region, -EPERM if one lies in
 * a region that does not allow the access, -ENOBUFS if @room is too small.
 */
static inline int rh_memory_translate(const struct rh_memory *memory, unsigned int *hint,
				      u64 address, u32 length, u32 access, struct iovec *iov,
				      unsigned int room)
{
	const struct rh_region *region = &memory->regions[*hint];

	/* Consecutive look-ups mostly end in one region, and in the same one. */
	if (*hint >= memory->count || address < region->start || address > region->last ||
	    length - 1 > region->last - address || access & ~region->access || !room)
		return rh_memory_search(memory, hint, address, length, access, iov, room);
	iov->iov_base = (void __user *)(unsigned long)(region->user + (address - region->start));
	iov->iov_len = length;
	return 1;
}

#endif /* RH_MEMORY_H */
