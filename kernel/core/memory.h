/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (2) Guest memory: the table that maps guest-physical ranges to the owner's
 * addresses. See memory.c.
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
 */
struct rh_region {
	u64 start;
	u64 last;
	u64 user;
};

/**
 * struct rh_memory - the guest's memory, immutable once made
 * @count: regions in the table
 * @regions: sorted by address, without overlap
 */
struct rh_memory {
	unsigned int count;
	struct rh_region regions[];
};

struct rh_memory *rh_memory_alloc(const struct vhost_memory __user *user);
void rh_memory_free(struct rh_memory *memory);
int rh_memory_translate(const struct rh_memory *memory, unsigned int *hint, u64 address, u32 length,
			struct iovec *iov, unsigned int room);

#endif /* RH_MEMORY_H */
