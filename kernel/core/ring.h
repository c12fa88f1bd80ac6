/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (2) and (4): a virtqueue as the device sees it, in either format; virtio 1.3,
 * 2.7 and 2.8. ring.c is the face; split.c and packed.c are the formats and
 * mirror each other; chain.c walks descriptors. format.h is for these alone.
 */
#ifndef RH_RING_H
#define RH_RING_H

#include <linux/types.h>
#include <linux/uio.h>
#include <linux/virtio_ring.h>

#include "../../uapi/ringhost.h"
#include "area.h"
#include "log.h"
#include "memory.h"

/* Largest ring; virtio 1.3, 2.7. */
#define RH_RING_NUM_MAX 32768
/* Most descriptors, and most address ranges, of one chain; the block layer's and UIO's own limit. */
#define RH_CHAIN_MAX UIO_MAXIOV
/* Heads fetched, and used entries written, with one access. */
#define RH_RING_BATCH 64
/* The wrap counter's bit in a packed ring's position. */
#define RH_PACKED_WRAP 0x8000

/**
 * struct rh_chain - one descriptor chain, translated
 * @head: names the chain: what rh_ring_push() wants back; split: its first descriptor's
 *	index, packed: its buffer ID
 * @out: ranges the driver filled for the device to read; user addresses
 * @in: ranges the device shall write; follow @out in the same array
 * @out_count: ranges in @out
 * @in_count: ranges in @in
 * @out_bytes: bytes in @out
 * @in_bytes: bytes in @in
 * @descriptors: descriptors walked
 * @entries: entries of the descriptor area it takes: those of an indirect table are not
 *	among them. The chains on offer at one time cannot take more than the ring has.
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
	unsigned int entries;
};

/**
 * struct rh_used - a chain to be given back
 * @head: its name
 * @slots: entries of the ring that it takes; split: 1, packed: its descriptors
 * @written: bytes written to its buffers
 */
struct rh_used {
	u16 head;
	u16 slots;
	u32 written;
};

/**
 * struct rh_order - a chain popped from a ring that is used in order
 * @used: what will be given back
 * @done: it was pushed
 */
struct rh_order {
	struct rh_used used;
	bool done;
};

/**
 * struct rh_position - where a ring's next pop is; see rh_ring_rewind()
 * @avail: ring->avail_next
 * @outstanding: ring->outstanding
 * @order_count: ring->order_count
 */
struct rh_position {
	u16 avail;
	unsigned int outstanding;
	unsigned int order_count;
};

/**
 * struct rh_miss - an address for which the vIOMMU's table has no translation
 * @address: the address
 * @access: what for: VHOST_ACCESS_*
 */
struct rh_miss {
	u64 address;
	u32 access;
};

/**
 * struct rh_ring - the device's side of one ring
 *
 * Set before the start:
 * @num: entries; split: a power of two
 * @base: position to start at, as VHOST_SET_VRING_BASE has it
 * @base_given: @base was set; else the ring starts as the driver initialises it
 * @packed: VIRTIO_F_RING_PACKED was negotiated
 * @in_order: VIRTIO_F_IN_ORDER was negotiated
 * @event_idx: VIRTIO_RING_F_EVENT_IDX was negotiated
 * @indirect: VIRTIO_RING_F_INDIRECT_DESC was negotiated
 * @call_on_empty: split: VIRTIO_F_NOTIFY_ON_EMPTY was negotiated
 * @little_endian: byte order of everything in the ring
 * @desc: the descriptor area; packed: the ring itself
 * @driver: the driver area; split: the avail ring
 * @device: the device area; split: the used ring
 * @log: notes our writes to the guest's memory; may change at any time, as may the areas
 *
 * A position is a free-running index in a split ring; in a packed one the entry's number
 * and, in bit 15, the wrap counter.
 *
 * @avail_next: position of the next chain to pop
 * @avail_seen: position up to which the driver is known to have offered chains
 * @heads: split: avail entries read ahead
 * @heads_first: split: position of heads[0]
 * @heads_count: split: valid entries in @heads
 * @outstanding: chains popped and not yet published; never more than @num, so that a
 *	driver that cheats cannot make us hold ever more
 * @used_next: position of the next used entry to publish
 * @pending: chains pushed and not yet written to the ring
 * @pending_count: valid entries in @pending
 * @staged: ring entries written from @used_next on, and not yet published
 * @staged_chains: the chains they are of
 * @staged_flags: packed: flags to be written last, to publish the first staged entry
 * @uncalled: ring entries published since the last decision about a call
 * @call_first: no decision has been made since the start
 * @slots: packed: ring entries taken by the chain of a buffer ID
 * @order: in order: chains popped and not yet pending, the oldest at @order_first
 * @order_of: in order: index in @order of the chain of a head
 * @order_first: index of the oldest, modulo @num
 * @order_count: valid entries
 * @iov: room for one chain's ranges, RH_CHAIN_MAX of them
 * @table: room for one indirect table, RH_CHAIN_MAX descriptors of either format
 * @region_hint: where the last translation hit
 * @reject: what rh_ring_pop() refused: an enum ringhost_vring_stat
 * @miss: what rh_ring_pop() could not translate
 */
struct rh_ring {
	unsigned int num;
	u32 base;
	bool base_given;
	bool packed;
	bool in_order;
	bool event_idx;
	bool indirect;
	bool call_on_empty;
	bool little_endian;
	struct rh_area desc;
	struct rh_area driver;
	struct rh_area device;
	struct rh_log log;

	u16 avail_next;
	u16 avail_seen;
	__virtio16 heads[RH_RING_BATCH];
	u16 heads_first;
	unsigned int heads_count;
	unsigned int outstanding;
	u16 used_next;
	struct rh_used pending[RH_RING_BATCH];
	unsigned int pending_count;
	unsigned int staged;
	unsigned int staged_chains;
	u16 staged_flags;
	unsigned int uncalled;
	bool call_first;
	u16 *slots;
	struct rh_order *order;
	u16 *order_of;
	unsigned int order_first;
	unsigned int order_count;
	struct iovec *iov;
	void *table;
	unsigned int region_hint;
	int reject;
	struct rh_miss miss;
};

/* ---- ring.c ---- */

int rh_ring_alloc(struct rh_ring *ring);
void rh_ring_free(struct rh_ring *ring);
bool rh_ring_base_ok(const struct rh_ring *ring);
int rh_ring_map(struct rh_ring *ring, struct mm_struct *mm);
void rh_ring_unmap(struct rh_ring *ring, struct mm_struct *mm);
bool rh_ring_addresses_ok(const struct rh_ring *ring);
size_t rh_ring_device_bytes(const struct rh_ring *ring);
int rh_ring_resume(struct rh_ring *ring);
u32 rh_ring_get_base(const struct rh_ring *ring);
void rh_ring_forget(struct rh_ring *ring);
int rh_ring_pop(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain);
void rh_ring_rewind(struct rh_ring *ring, struct rh_position position);
int rh_ring_push(struct rh_ring *ring, u16 head, u32 written);
int rh_ring_publish(struct rh_ring *ring);
int rh_ring_needs_call(struct rh_ring *ring);
int rh_ring_disable_kick(struct rh_ring *ring);
int rh_ring_has_more(struct rh_ring *ring);
int rh_ring_enable_kick(struct rh_ring *ring);

/* Where the next pop is, for rh_ring_rewind(). */
static inline struct rh_position rh_ring_position(const struct rh_ring *ring)
{
	return (struct rh_position) {
		.avail = ring->avail_next,
		.outstanding = ring->outstanding,
		.order_count = ring->order_count,
	};
}

/* ---- locate.c ---- */

int rh_ring_place(struct rh_ring *ring, const struct rh_memory *iotlb, struct mm_struct *mm);
void rh_ring_place_as_given(struct rh_ring *ring);
void rh_ring_displace(struct rh_ring *ring, struct mm_struct *mm);
bool rh_ring_touches(struct rh_ring *ring, u64 start, u64 last);

/* Whether rh_ring_publish() has anything to do. */
static inline bool rh_ring_has_unpublished(const struct rh_ring *ring)
{
	return ring->pending_count || ring->staged_chains;
}

#endif /* RH_RING_H */
