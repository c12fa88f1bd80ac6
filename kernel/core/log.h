/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (3) and (4): the dirty log as one queue keeps it: turns what was written into guest pages.
 * See log.c.
 */
#ifndef RH_LOG_H
#define RH_LOG_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/uio.h>

#include "bitmap.h"
#include "memory.h"

/**
 * struct rh_log - what a queue logs, and where
 * @bitmap: where the bits go; NULL: nothing is logged
 * @memory: the table that says which guest pages an address of the owner is
 * @iotlb: with a vIOMMU, its translations, for a ring in several pieces; else NULL
 * @everything: VHOST_F_LOG_ALL: all writes are logged
 * @device_flag: VHOST_VRING_F_LOG was set with the ring's addresses
 * @device_given: @device_flag counts: writes to the ring's device area are logged as
 *	writes to @device_address, whatever the table says
 * @device_address: guest-physical
 * @hint: region of the last look-up in @memory
 * @iotlb_hint: region of the last look-up in @iotlb
 * @fresh: bits newly set since somebody last asked
 * @faults: writes that could not be logged since somebody last asked
 *
 * All under the queue's lock.
 */
struct rh_log {
	struct rh_bitmap *bitmap;
	const struct rh_memory *memory;
	const struct rh_memory *iotlb;
	bool everything;
	bool device_flag;
	bool device_given;
	u64 device_address;
	unsigned int hint;
	unsigned int iotlb_hint;
	u64 fresh;
	unsigned int faults;
};

static inline bool rh_log_is_on(const struct rh_log *log)
{
	return unlikely(log->bitmap);
}

void rh_log_guest(struct rh_log *log, u64 address, size_t bytes);
void rh_log_user(struct rh_log *log, const void __user *address, size_t bytes);
void rh_log_translated(struct rh_log *log, u64 address, size_t bytes);
void rh_log_ranges(struct rh_log *log, const struct iovec *iov, unsigned int count, size_t bytes);

#endif /* RH_LOG_H */
