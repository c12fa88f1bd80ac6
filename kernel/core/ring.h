/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (2) and (4): the split virtqueue as the device sees it; virtio 1.3, 2.7. See
 * ring.c.
 */
#ifndef RH_RING_H
#define RH_RING_H

#include <linux/types.h>
#include <linux/uio.h>
#include <linux/virtio_ring.h>

#include "memory.h"

/* Largest ring; virtio 1.3, 2.7. */
#define RH_RING_NUM_MAX 32768
/* Most descriptors, and most address ranges, of one chain; the block layer's and UIO's own limit. */
#define RH_CHAIN_MAX UIO_MAXIOV
/* Heads fetched, and used entries written, with one access. */
#define RH_RING_BATCH 64

/**
 * struct rh_chain - one descriptor chain, translated
 * @head: its first descriptor's index: what rh_queue_push() wants back
 * @out: ranges the driver filled for the device to read; user addresses
 * @in: ranges the device shall write; follow @out in the same array
 * @out_count: ranges in @out
 * @in_count: ranges in @in
 * @out_bytes: bytes in @out
 * @in_bytes: bytes in @in
 * @descriptors: descriptors walked
 *
 * The arrays belong to the ring and hold until the next pop.
 */
struct rh_chain {
	u16 head;
	struct iovec *out;
	struct iovec *in;
	unsigned int out_count;
	unsigned int in_count;
	size_t out_bytes;
	size_t in_bytes;
	unsigned int descriptors;
};

/**
 * struct rh_ring - the device's side of one split ring
 * @num: entries; a power of two
 * @desc: descriptor table, in the owner's memory
 * @avail: the driver's ring
 * @used: the device's ring
 * @little_endian: byte order of everything in the ring
 * @event_idx: VIRTIO_RING_F_EVENT_IDX was negotiated
 * @indirect: VIRTIO_RING_F_INDIRECT_DESC was negotiated
 * @avail_seen: the driver's index when last read
 * @avail_next: index of the next entry to pop
 * @heads: entries read ahead: those from @heads_first on, @heads_count of them
 * @heads_first: avail index of heads[0]
 * @heads_count: valid entries in @heads
 * @outstanding: chains popped and not yet published; never more than @num, so that staged
 *	entries fit the used ring whatever the driver does
 * @used_next: the used index as published: where the next batch begins
 * @used_signalled: @used_next when the driver was last signalled
 * @used_signalled_valid: @used_signalled means something
 * @pending: used entries pushed and not yet written to the used ring
 * @pending_count: valid entries in @pending
 * @staged: entries written to the used ring from @used_next on, not yet published
 * @iov: room for one chain's ranges, RH_CHAIN_MAX of them
 * @table: room for one indirect table, RH_CHAIN_MAX descriptors
 * @region_hint: where the last translation hit
 * @reject: what rh_ring_pop() refused: an enum ringhost_vring_stat
 */
struct rh_ring {
	unsigned int num;
	struct vring_desc __user *desc;
	struct vring_avail __user *avail;
	struct vring_used __user *used;
	bool little_endian;
	bool event_idx;
	bool indirect;
	u16 avail_seen;
	u16 avail_next;
	__virtio16 heads[RH_RING_BATCH];
	u16 heads_first;
	unsigned int heads_count;
	unsigned int outstanding;
	u16 used_next;
	u16 used_signalled;
	bool used_signalled_valid;
	struct vring_used_elem pending[RH_RING_BATCH];
	unsigned int pending_count;
	unsigned int staged;
	struct iovec *iov;
	struct vring_desc *table;
	unsigned int region_hint;
	int reject;
};

int rh_ring_alloc(struct rh_ring *ring);
void rh_ring_free(struct rh_ring *ring);
bool rh_ring_addresses_ok(const struct rh_ring *ring);
int rh_ring_resume(struct rh_ring *ring);
void rh_ring_rewind(struct rh_ring *ring, u16 avail_next);
int rh_ring_pop(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain);
void rh_ring_unpop(struct rh_ring *ring, unsigned int chains);
int rh_ring_push(struct rh_ring *ring, u16 head, u32 written);
int rh_ring_publish(struct rh_ring *ring);
int rh_ring_needs_call(struct rh_ring *ring);
int rh_ring_disable_kick(struct rh_ring *ring);
int rh_ring_enable_kick(struct rh_ring *ring);

/* Whether rh_ring_publish() has anything to do. */
static inline bool rh_ring_has_unpublished(const struct rh_ring *ring)
{
	return ring->pending_count || ring->staged;
}

#endif /* RH_RING_H */
