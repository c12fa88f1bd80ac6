// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) pop: what both ring formats do with a descriptor once it is copied: bound it,
 * translate it, append it to the chain, or copy the indirect table it points to.
 *
 * Runs as ring.c does. Called by split.c and packed.c.
 */
#include <linux/vhost_types.h>

#include "format.h"

static unsigned int chain_ranges(const struct rh_chain *chain)
{
	return chain->out_count + chain->in_count;
}

/* What a translation's failure means for the queue. */
static int refuse(struct rh_ring *ring, const struct rh_memory *memory,
		  const struct rh_descriptor *desc, u32 access, int err)
{
	if (err == -ENOBUFS)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_CHAIN_LENGTH);
	if (err == -EPERM)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_IOTLB_ACCESS);
	if (!memory->iotlb || desc->address + (desc->length - 1) < desc->address)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_ADDRESS);
	return rh_ring_miss(ring, rh_memory_missing(memory, desc->address, desc->length), access);
}

/**
 * rh_chain_add - translate one buffer and append it to the chain
 * @ring: the ring
 * @memory: the guest's memory
 * @chain: the chain so far
 * @desc: the buffer
 *
 * Return: 0; -EPROTO with ring->reject set, or -EAGAIN with ring->miss set.
 */
int rh_chain_add(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain,
		 const struct rh_descriptor *desc)
{
	u32 access = desc->flags & VRING_DESC_F_WRITE ? VHOST_ACCESS_WO : VHOST_ACCESS_RO;
	unsigned int used = chain_ranges(chain);
	int count;

	if (!desc->length)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_ZERO_LENGTH);
	if (++chain->descriptors > RH_CHAIN_MAX)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_CHAIN_LENGTH);
	if (!(desc->flags & VRING_DESC_F_WRITE) && chain->in_count)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_ORDER);
	count = rh_memory_translate(memory, &ring->region_hint, desc->address, desc->length,
				    access, ring->iov + used, RH_CHAIN_MAX - used);
	if (count < 0)
		return refuse(ring, memory, desc, access, count);
	if (desc->flags & VRING_DESC_F_WRITE) {
		chain->in_count += count;
		chain->in_bytes += desc->length;
	} else {
		chain->out_count += count;
		chain->out_bytes += desc->length;
	}
	return 0;
}

/**
 * rh_chain_read_table - copy a whole indirect table to ring->table
 * @ring: the ring
 * @memory: the guest's memory
 * @chain: the chain so far
 * @desc: the descriptor that points to the table
 *
 * Return: the table's number of descriptors; -EPROTO with ring->reject set, or -EAGAIN with
 * ring->miss set.
 */
int rh_chain_read_table(struct rh_ring *ring, const struct rh_memory *memory,
			const struct rh_chain *chain, const struct rh_descriptor *desc)
{
	unsigned int used = chain_ranges(chain);
	unsigned int size = desc->length / sizeof(struct vring_desc);
	struct iovec *pieces = ring->iov + used;	/* free until the first buffer is added */
	void *to = ring->table;
	int count, i;

	if (!ring->indirect)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_INDIRECT_FEATURE);
	if (desc->flags & VRING_DESC_F_NEXT)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_INDIRECT_NESTED);
	if (!size || desc->length % sizeof(struct vring_desc) || size > RH_CHAIN_MAX)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_INDIRECT_SIZE);
	count = rh_memory_translate(memory, &ring->region_hint, desc->address, desc->length,
				    VHOST_ACCESS_RO, pieces, RH_CHAIN_MAX - used);
	if (count < 0)
		return refuse(ring, memory, desc, VHOST_ACCESS_RO, count);
	for (i = 0; i < count; i++) {
		if (copy_from_user(to, pieces[i].iov_base, pieces[i].iov_len))
			return rh_ring_reject(ring, RINGHOST_STAT_REJECT_ADDRESS);
		to += pieces[i].iov_len;
	}
	return size;
}
