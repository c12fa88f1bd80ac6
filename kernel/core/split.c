// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) pop and (4) publish for the split format; virtio 1.3, 2.7. Mirrors packed.c
 * function by function.
 *
 * Runs as ring.c does, and is called by it alone.
 */
#include <asm/byteorder.h>
#include <linux/minmax.h>
#include <linux/virtio_byteorder.h>

#include "format.h"

/* The event words are one entry past the end of either ring; virtio 1.3, 2.7.10. */
static size_t used_event(unsigned int num)
{
	return offsetof(struct vring_avail, ring) + num * sizeof(__virtio16);
}

static size_t avail_event(unsigned int num)
{
	return offsetof(struct vring_used, ring) + num * sizeof(struct vring_used_elem);
}

static int read16(const struct rh_ring *ring, const struct rh_area *area, size_t offset,
		  u16 *value)
{
	__virtio16 word;
	int err = rh_area_read16(area, offset, (__force __u16 *)&word);

	*value = err ? 0 : __virtio16_to_cpu(ring->little_endian, word);
	return err;
}

static int write16(struct rh_ring *ring, const struct rh_area *area, size_t offset,
		   u16 value)
{
	__virtio16 word = __cpu_to_virtio16(ring->little_endian, value);

	return rh_ring_write16(ring, area, offset, (__force __u16)word);
}

/**
 * rh_split_bytes - sizes of a ring's areas
 * @num: entries
 * @driver: receives the driver area's
 * @device: receives the device area's
 *
 * Return: the descriptor area's.
 */
size_t rh_split_bytes(unsigned int num, size_t *driver, size_t *device)
{
	*driver = used_event(num) + sizeof(__virtio16);
	*device = avail_event(num) + sizeof(__virtio16);
	return num * sizeof(struct vring_desc);
}

/**
 * rh_split_resume - take the positions from the base and from the used ring
 * @ring: the ring
 *
 * Return: 0 or -EFAULT.
 */
int rh_split_resume(struct rh_ring *ring)
{
	ring->avail_next = ring->base;
	return read16(ring, &ring->device, offsetof(struct vring_used, idx), &ring->used_next);
}

static bool head_is_cached(const struct rh_ring *ring)
{
	return (u16)(ring->avail_next - ring->heads_first) < ring->heads_count;
}

/* Copy as many heads as one access gives: up to a batch, up to the ring's end. */
static int read_heads(struct rh_ring *ring)
{
	u16 slot = ring->avail_next & (ring->num - 1);
	unsigned int count = (u16)(ring->avail_seen - ring->avail_next);

	count = min3(count, ring->num - slot, (unsigned int)RH_RING_BATCH);
	if (rh_area_read(&ring->driver, offsetof(struct vring_avail, ring[slot]), ring->heads,
			 count * sizeof(ring->heads[0])))
		return rh_ring_fault(ring);
	ring->heads_first = ring->avail_next;
	ring->heads_count = count;
	return 1;
}

/* 1: the head at avail_next is in ring->heads; 0: the driver has offered no more. */
static int fetch_heads(struct rh_ring *ring)
{
	if (head_is_cached(ring))
		return 1;
	if (ring->avail_seen == ring->avail_next) {
		if (read16(ring, &ring->driver, offsetof(struct vring_avail, idx),
			   &ring->avail_seen)) {
			ring->avail_seen = ring->avail_next;
			return rh_ring_fault(ring);
		}
		if (ring->avail_seen == ring->avail_next)
			return 0;
		if ((u16)(ring->avail_seen - ring->avail_next) > ring->num) {
			ring->avail_seen = ring->avail_next;
			return rh_ring_reject(ring, RINGHOST_STAT_REJECT_AVAIL_INDEX);
		}
		/*
		 * Heads and descriptors are read after the index that announced
		 * them; pairs with the driver's write barrier before it moves
		 * avail->idx (virtio 1.3, 2.7.13.3).
		 */
		smp_rmb();
	}
	return read_heads(ring);
}

static struct rh_descriptor decode(const struct rh_ring *ring, const struct vring_desc *raw)
{
	return (struct rh_descriptor) {
		.address = __virtio64_to_cpu(ring->little_endian, raw->addr),
		.length = __virtio32_to_cpu(ring->little_endian, raw->len),
		.flags = __virtio16_to_cpu(ring->little_endian, raw->flags),
		.link = __virtio16_to_cpu(ring->little_endian, raw->next),
	};
}

static int walk_table(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain,
		      const struct rh_descriptor *indirect)
{
	const struct vring_desc *table = ring->table;
	int size = rh_chain_read_table(ring, memory, chain, indirect);
	int visited = 0, next = 0;
	struct rh_descriptor desc;
	int err;

	if (size < 0)
		return size;
	do {
		if (next >= size)
			return rh_ring_reject(ring, RINGHOST_STAT_REJECT_NEXT);
		if (visited++ == size)
			return rh_ring_reject(ring, RINGHOST_STAT_REJECT_CHAIN_LENGTH);
		desc = decode(ring, &table[next]);
		if (desc.flags & VRING_DESC_F_INDIRECT)
			return rh_ring_reject(ring, RINGHOST_STAT_REJECT_INDIRECT_NESTED);
		err = rh_chain_add(ring, memory, chain, &desc);
		if (err)
			return err;
		next = desc.link;
	} while (desc.flags & VRING_DESC_F_NEXT);
	return 0;
}

static int walk_chain(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain)
{
	unsigned int visited = 0, next = chain->head;
	struct rh_descriptor desc;
	struct vring_desc raw;
	int err;

	do {
		if (next >= ring->num)
			return rh_ring_reject(ring, visited ? RINGHOST_STAT_REJECT_NEXT :
							      RINGHOST_STAT_REJECT_HEAD);
		if (visited++ == ring->num)
			return rh_ring_reject(ring, RINGHOST_STAT_REJECT_CHAIN_LENGTH);
		if (rh_area_read(&ring->desc, next * sizeof(raw), &raw, sizeof(raw)))
			return rh_ring_fault(ring);
		desc = decode(ring, &raw);
		err = desc.flags & VRING_DESC_F_INDIRECT ? walk_table(ring, memory, chain, &desc) :
							   rh_chain_add(ring, memory, chain, &desc);
		if (err)
			return err;
		next = desc.link;
		/* walk_table() has refused a table that is not the chain's last descriptor. */
	} while (desc.flags & VRING_DESC_F_NEXT);
	chain->entries = visited;
	return 0;
}

/**
 * rh_split_pop - see rh_ring_pop(), which accounts for what this finds
 * @ring: the ring
 * @memory: the guest's memory
 * @chain: its counts are zero; receives the chain
 *
 * Return: ring entries the chain takes, 1; 0 if there is none; -EAGAIN, -EPROTO or -EFAULT.
 */
int rh_split_pop(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain)
{
	__virtio16 head;
	int ret;

	ret = fetch_heads(ring);
	if (ret <= 0)
		return ret;
	head = ring->heads[(u16)(ring->avail_next - ring->heads_first)];
	chain->head = __virtio16_to_cpu(ring->little_endian, head);
	ret = walk_chain(ring, memory, chain);
	if (ret)
		return ret;
	ring->avail_next++;
	return 1;
}

static int write_used(struct rh_ring *ring, unsigned int slot, const struct vring_used_elem *from,
		      unsigned int count)
{
	if (!count)
		return 0;
	return rh_ring_write(ring, &ring->device, offsetof(struct vring_used, ring[slot]), from,
			     count * sizeof(*from));
}

/**
 * rh_split_stage - write the pending entries behind those already in the used ring
 * @ring: the ring
 *
 * Return: 0 or -EFAULT.
 */
int rh_split_stage(struct rh_ring *ring)
{
	struct vring_used_elem raw[RH_RING_BATCH];
	unsigned int slot = (ring->used_next + ring->staged) & (ring->num - 1);
	unsigned int count = ring->pending_count, i;
	unsigned int first = min(count, ring->num - slot);

	for (i = 0; i < count; i++) {
		raw[i].id = __cpu_to_virtio32(ring->little_endian, ring->pending[i].head);
		raw[i].len = __cpu_to_virtio32(ring->little_endian, ring->pending[i].written);
	}
	if (write_used(ring, slot, raw, first) || write_used(ring, 0, raw + first, count - first))
		return rh_ring_fault(ring);
	ring->staged += count;
	ring->staged_chains += count;
	return 0;
}

/**
 * rh_split_publish - let the driver see what is staged
 * @ring: the ring
 *
 * Return: 0 or -EFAULT.
 */
int rh_split_publish(struct rh_ring *ring)
{
	ring->used_next += ring->staged;
	/*
	 * Buffers and entries before the index; pairs with the driver's read
	 * barrier after it has seen used->idx move (virtio 1.3, 2.7.14).
	 */
	smp_wmb();
	if (write16(ring, &ring->device, offsetof(struct vring_used, idx), ring->used_next))
		return rh_ring_fault(ring);
	return 0;
}

/**
 * rh_split_needs_call - read the driver's wish; a full barrier is behind us
 * @ring: the ring
 *
 * Return: 1 or 0; -EFAULT.
 */
int rh_split_needs_call(struct rh_ring *ring)
{
	u16 word;

	/* Nothing left to pop, as far as is known: a call that no wish suppresses. */
	if (ring->call_on_empty && ring->avail_next == ring->avail_seen)
		return 1;
	if (!ring->event_idx) {
		if (read16(ring, &ring->driver, offsetof(struct vring_avail, flags), &word))
			return rh_ring_fault(ring);
		return !(word & VRING_AVAIL_F_NO_INTERRUPT);
	}
	if (read16(ring, &ring->driver, used_event(ring->num), &word))
		return rh_ring_fault(ring);
	return vring_need_event(word, ring->used_next, ring->used_next - ring->uncalled);
}

/**
 * rh_split_disable_kick - tell the driver that kicks are a waste
 * @ring: the ring
 *
 * With EVENT_IDX there is nothing to do: the event index stays behind.
 *
 * Return: 0 or -EFAULT.
 */
int rh_split_disable_kick(struct rh_ring *ring)
{
	if (ring->event_idx)
		return 0;
	if (write16(ring, &ring->device, offsetof(struct vring_used, flags),
		    VRING_USED_F_NO_NOTIFY))
		return rh_ring_fault(ring);
	return 0;
}

/**
 * rh_split_has_more - whether the driver has moved its index
 * @ring: the ring
 *
 * Return: 1 or 0; -EFAULT.
 */
int rh_split_has_more(struct rh_ring *ring)
{
	u16 index;

	if (read16(ring, &ring->driver, offsetof(struct vring_avail, idx), &index))
		return rh_ring_fault(ring);
	return index != ring->avail_seen;
}

/**
 * rh_split_enable_kick - ask for a kick, and look once more
 * @ring: the ring
 *
 * Return: as rh_ring_enable_kick().
 */
int rh_split_enable_kick(struct rh_ring *ring)
{
	int err;

	if (ring->event_idx)
		err = write16(ring, &ring->device, avail_event(ring->num), ring->avail_seen);
	else
		err = write16(ring, &ring->device, offsetof(struct vring_used, flags), 0);
	if (err)
		return rh_ring_fault(ring);
	/*
	 * Our wish is visible before the index is read; pairs with the driver's
	 * full barrier between moving avail->idx and reading the wish (virtio
	 * 1.3, 2.7.13.4).
	 */
	smp_mb();
	return rh_split_has_more(ring);
}
