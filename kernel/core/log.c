// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) and (4): notes in the dirty log what was just written to the guest's memory.
 *
 * Writers know the owner's address of what they wrote, with or without a vIOMMU, so it is
 * looked up in the memory table the other way round. The same memory may appear in several
 * regions; then all its guest addresses are logged. Memory that is in no region is not the
 * guest's, and nothing has to be done for it.
 *
 * Runs where the write did: in the worker or the ioctl that starts a queue, with the queue's
 * lock held and the owner's mm in use. A failure is only counted here; log_setup.c tells
 * the owner. Compiles unchanged in userspace for the unit tests.
 */
#include <linux/export.h>
#include <linux/minmax.h>
#include <linux/vhost_types.h>

#include "log.h"

/* A ring's pieces are whole pages, and no write to a ring is as long as one. */
#define TRANSLATED_PIECES 2

/**
 * rh_log_guest - log a write by its guest-physical address
 * @log: the log; on
 * @address: the first byte; that of the last one does not wrap
 * @bytes: how many
 */
void rh_log_guest(struct rh_log *log, u64 address, size_t bytes)
{
	int fresh;

	if (!bytes)
		return;
	/*
	 * The write is visible before its bit is looked at, which may be set already; pairs
	 * with the owner's atomic exchange of the word, after which it reads the page.
	 */
	smp_mb();
	fresh = rh_bitmap_set(log->bitmap, address >> RH_BITMAP_PAGE_SHIFT,
			      (address + bytes - 1) >> RH_BITMAP_PAGE_SHIFT);
	if (fresh < 0)
		log->faults++;
	else
		log->fresh += fresh;
}

static u64 user_last(const struct rh_region *region)
{
	return region->user + (region->last - region->start);
}

/* Log the part of a write that lies in one region. */
static void log_in_region(struct rh_log *log, const struct rh_region *region, u64 first, u64 last)
{
	first = max(first, region->user);
	last = min(last, user_last(region));
	if (first <= last)
		rh_log_guest(log, region->start + (first - region->user), last - first + 1);
}

/* Whether the region last hit is all there is to look at. */
static bool hint_suffices(const struct rh_log *log, u64 first, u64 last)
{
	const struct rh_memory *memory = log->memory;
	const struct rh_region *region = &memory->regions[log->hint];

	return !memory->aliased && log->hint < memory->count && first >= region->user &&
	       last <= user_last(region);
}

/**
 * rh_log_user - log a write by the owner's address
 * @log: the log; on
 * @address: the first byte
 * @bytes: how many; the range lies in the owner's half of the address space
 */
void rh_log_user(struct rh_log *log, const void __user *address, size_t bytes)
{
	const struct rh_memory *memory = log->memory;
	u64 first = (unsigned long)address;
	u64 last = first + bytes - 1;
	unsigned int i;

	if (!memory || !bytes)
		return;
	if (hint_suffices(log, first, last)) {
		log_in_region(log, &memory->regions[log->hint], first, last);
		return;
	}
	for (i = 0; i < memory->count; i++) {
		const struct rh_region *region = &memory->regions[i];

		if (first >= region->user && first <= user_last(region))
			log->hint = i;
		log_in_region(log, region, first, last);
	}
}

/**
 * rh_log_translated - log a write by the vIOMMU's address
 * @log: the log; on
 * @address: the first byte
 * @bytes: how many; no more than a batch of ring entries
 */
void rh_log_translated(struct rh_log *log, u64 address, size_t bytes)
{
	struct iovec pieces[TRANSLATED_PIECES];
	int i, count = -EFAULT;

	if (log->iotlb)
		count = rh_memory_translate(log->iotlb, &log->iotlb_hint, address, bytes,
					    VHOST_ACCESS_WO, pieces, TRANSLATED_PIECES);
	if (count < 0)
		log->faults++;
	for (i = 0; i < count; i++)
		rh_log_user(log, pieces[i].iov_base, pieces[i].iov_len);
}

/**
 * rh_log_ranges - log a write to the beginning of a row of buffers
 * @log: the log; on
 * @iov: the ranges, by the owner's addresses
 * @count: their number
 * @bytes: how many were written; at most what the ranges hold
 */
void rh_log_ranges(struct rh_log *log, const struct iovec *iov, unsigned int count, size_t bytes)
{
	size_t part;

	/* VHOST_VRING_F_LOG alone is about the ring. */
	if (!log->everything)
		return;
	for (; count && bytes; iov++, count--) {
		part = min_t(size_t, bytes, iov->iov_len);
		rh_log_user(log, iov->iov_base, part);
		bytes -= part;
	}
}
EXPORT_SYMBOL_GPL(rh_log_ranges);
