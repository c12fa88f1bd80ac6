/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (2) and (4): what the files behind ring.h share: refusals, writes to the ring, and the
 * faces of the two formats.
 */
#ifndef RH_FORMAT_H
#define RH_FORMAT_H

#include "ring.h"

/* Refuse the ring's content and say why. */
static inline int rh_ring_reject(struct rh_ring *ring, enum ringhost_vring_stat why)
{
	ring->reject = why;
	return -EPROTO;
}

/* Ask for a translation. */
static inline int rh_ring_miss(struct rh_ring *ring, u64 address, u32 access)
{
	ring->miss = (struct rh_miss) { .address = address, .access = access };
	return -EAGAIN;
}

/* The ring's own memory is gone. */
static inline int rh_ring_fault(struct rh_ring *ring)
{
	rh_ring_reject(ring, RINGHOST_STAT_REJECT_RING_FAULT);
	return -EFAULT;
}

void rh_ring_log(struct rh_ring *ring, const struct rh_area *area, size_t offset, size_t bytes);

/* All writes to a ring are made by these two: 0 or -EFAULT. @area is one of the ring's. */

static inline int rh_ring_write16(struct rh_ring *ring, const struct rh_area *area, size_t offset,
				  u16 value)
{
	int err = rh_area_write16(area, offset, value);

	if (rh_log_is_on(&ring->log))
		rh_ring_log(ring, area, offset, sizeof(value));
	return err;
}

static inline int rh_ring_write(struct rh_ring *ring, const struct rh_area *area, size_t offset,
				const void *from, size_t bytes)
{
	int err = rh_area_write(area, offset, from, bytes);

	if (rh_log_is_on(&ring->log))
		rh_ring_log(ring, area, offset, bytes);
	return err;
}

/**
 * struct rh_descriptor - a descriptor of either format, copied, its byte order settled
 * @address: guest-physical
 * @length: bytes
 * @flags: VRING_DESC_F_*
 * @link: split: index of the next one; packed: buffer ID
 */
struct rh_descriptor {
	u64 address;
	u32 length;
	u16 flags;
	u16 link;
};

/* ---- chain.c ---- */

int rh_chain_add(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain,
		 const struct rh_descriptor *desc);
int rh_chain_read_table(struct rh_ring *ring, const struct rh_memory *memory,
			const struct rh_chain *chain, const struct rh_descriptor *desc);

/* ---- split.c ---- */

size_t rh_split_bytes(unsigned int num, size_t *driver, size_t *device);
int rh_split_resume(struct rh_ring *ring);
int rh_split_pop(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain);
int rh_split_stage(struct rh_ring *ring);
int rh_split_publish(struct rh_ring *ring);
int rh_split_needs_call(struct rh_ring *ring);
int rh_split_disable_kick(struct rh_ring *ring);
int rh_split_has_more(struct rh_ring *ring);
int rh_split_enable_kick(struct rh_ring *ring);

/* ---- packed.c ---- */

size_t rh_packed_bytes(unsigned int num, size_t *driver, size_t *device);
int rh_packed_resume(struct rh_ring *ring);
int rh_packed_pop(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain);
int rh_packed_stage(struct rh_ring *ring);
int rh_packed_publish(struct rh_ring *ring);
int rh_packed_needs_call(struct rh_ring *ring);
int rh_packed_disable_kick(struct rh_ring *ring);
int rh_packed_has_more(struct rh_ring *ring);
int rh_packed_enable_kick(struct rh_ring *ring);

/* The size of the descriptor area, and of the two others. */
static inline size_t rh_ring_bytes(const struct rh_ring *ring, size_t *driver, size_t *device)
{
	return ring->packed ? rh_packed_bytes(ring->num, driver, device) :
			      rh_split_bytes(ring->num, driver, device);
}

#endif /* RH_FORMAT_H */
