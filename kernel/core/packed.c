// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) pop and (4) publish for the packed format; virtio 1.3, 2.8. Mirrors split.c
 * function by function.
 *
 * Runs as ring.c does, and is called by it alone. Packed rings are little-endian always:
 * the format needs VERSION_1.
 */
#include <asm/byteorder.h>
#include <linux/minmax.h>
#include <linux/virtio_byteorder.h>

#include "format.h"

/* Ownership of a descriptor: both bits equal its wrap counter's value when it is used. */
#define FLAG_AVAIL BIT(VRING_PACKED_DESC_F_AVAIL)
#define FLAG_USED BIT(VRING_PACKED_DESC_F_USED)

static size_t desc_offset(u16 position)
{
	return (position & ~RH_PACKED_WRAP) * sizeof(struct vring_packed_desc);
}

/*
 * The position @slots entries on. An honest driver's chains never add up to more than one
 * round; whatever the sum, the result is an entry of the ring.
 */
static u16 advance(const struct rh_ring *ring, u16 position, unsigned int slots)
{
	unsigned int entry = (position & ~RH_PACKED_WRAP) + slots;
	u16 wrap = position & RH_PACKED_WRAP;

	if (entry < ring->num)
		return entry | wrap;
	if (entry / ring->num % 2)
		wrap ^= RH_PACKED_WRAP;
	return entry % ring->num | wrap;
}

static int read16(const struct rh_area *area, size_t offset, u16 *value)
{
	__le16 word;
	int err = rh_area_read16(area, offset, (__force __u16 *)&word);

	*value = err ? 0 : le16_to_cpu(word);
	return err;
}

static int write16(struct rh_ring *ring, const struct rh_area *area, size_t offset, u16 value)
{
	return rh_ring_write16(ring, area, offset, (__force __u16)cpu_to_le16(value));
}

/**
 * rh_packed_bytes - sizes of a ring's areas
 * @num: entries
 * @driver: receives the driver area's
 * @device: receives the device area's
 *
 * Return: the descriptor area's.
 */
size_t rh_packed_bytes(unsigned int num, size_t *driver, size_t *device)
{
	*driver = sizeof(struct vring_packed_desc_event);
	*device = sizeof(struct vring_packed_desc_event);
	return num * sizeof(struct vring_packed_desc);
}

/**
 * rh_packed_resume - take the positions from the base
 * @ring: the ring
 *
 * The used position is the base's high half. A client that knows only the low one leaves
 * it 0: the ring was idle, and both are equal. A ring without a base is new, its wrap
 * counters are 1.
 *
 * Return: 0.
 */
int rh_packed_resume(struct rh_ring *ring)
{
	ring->avail_next = ring->base_given ? ring->base : RH_PACKED_WRAP;
	ring->used_next = ring->base >> 16 ?: ring->avail_next;
	return 0;
}

/* 1: the driver has made the descriptor at @position available; 0: it has not. */
static int is_available(struct rh_ring *ring, u16 position)
{
	u16 flags;

	if (read16(&ring->desc, desc_offset(position) + offsetof(struct vring_packed_desc, flags),
		   &flags))
		return rh_ring_fault(ring);
	return !!(flags & FLAG_AVAIL) != !!(flags & FLAG_USED) &&
	       !!(flags & FLAG_AVAIL) == !!(position & RH_PACKED_WRAP);
}

static struct rh_descriptor decode(const struct vring_packed_desc *raw)
{
	return (struct rh_descriptor) {
		.address = le64_to_cpu(raw->addr),
		.length = le32_to_cpu(raw->len),
		.flags = le16_to_cpu(raw->flags),
		.link = le16_to_cpu(raw->id),
	};
}

/*
 * A packed table has no links: it is used from its first descriptor to its last. Of their
 * flags only WRITE means anything, the others are ignored (virtio 1.3, 2.8.7).
 */
static int walk_table(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain,
		      const struct rh_descriptor *indirect)
{
	const struct vring_packed_desc *table = ring->table;
	int size = rh_chain_read_table(ring, memory, chain, indirect);
	struct rh_descriptor desc;
	int i, err;

	for (i = 0; i < size; i++) {
		desc = decode(&table[i]);
		err = rh_chain_add(ring, memory, chain, &desc);
		if (err)
			return err;
	}
	return min(size, 0);
}

/* Returns the descriptors in the ring that the chain takes; its last one has the ID. */
static int walk_chain(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain)
{
	u16 position = ring->avail_next;
	struct vring_packed_desc raw;
	struct rh_descriptor desc;
	unsigned int visited = 0;
	int err;

	do {
		if (visited++ == ring->num)
			return rh_ring_reject(ring, RINGHOST_STAT_REJECT_CHAIN_LENGTH);
		if (rh_area_read(&ring->desc, desc_offset(position), &raw, sizeof(raw)))
			return rh_ring_fault(ring);
		desc = decode(&raw);
		err = desc.flags & VRING_DESC_F_INDIRECT ? walk_table(ring, memory, chain, &desc) :
							   rh_chain_add(ring, memory, chain, &desc);
		if (err)
			return err;
		position = advance(ring, position, 1);
		/* walk_table() has refused a table that is not the chain's last descriptor. */
	} while (desc.flags & VRING_DESC_F_NEXT);
	chain->head = desc.link;
	return visited;
}

/**
 * rh_packed_pop - see rh_ring_pop(), which accounts for what this finds
 * @ring: the ring
 * @memory: the guest's memory
 * @chain: its counts are zero; receives the chain
 *
 * Return: ring entries the chain takes; 0 if there is none; -EAGAIN, -EPROTO or -EFAULT.
 */
int rh_packed_pop(struct rh_ring *ring, const struct rh_memory *memory, struct rh_chain *chain)
{
	int ret = is_available(ring, ring->avail_next);

	if (!ret)
		ring->avail_seen = ring->avail_next;
	if (ret <= 0)
		return ret;
	/*
	 * The rest of the chain is read after the flags that announced it; pairs with
	 * the driver's write barrier before it sets them (virtio 1.3, 2.8.21.1).
	 */
	smp_rmb();
	ret = walk_chain(ring, memory, chain);
	if (ret < 0)
		return ret;
	if (chain->head >= ring->num)
		return rh_ring_reject(ring, RINGHOST_STAT_REJECT_HEAD);
	chain->entries = ret;
	ring->slots[chain->head] = ret;
	ring->avail_next = advance(ring, ring->avail_next, ret);
	return ret;
}

/* Flags of a used descriptor written at @position. */
static u16 used_flags(u16 position, u32 written)
{
	u16 flags = position & RH_PACKED_WRAP ? FLAG_AVAIL | FLAG_USED : 0;

	return written ? flags | VRING_DESC_F_WRITE : flags;
}

static int write_used(struct rh_ring *ring, u16 position, const struct rh_used *used)
{
	struct vring_packed_desc raw = {
		.len = cpu_to_le32(used->written),
		.id = cpu_to_le16(used->head),
		.flags = cpu_to_le16(used_flags(position, used->written)),
	};
	const size_t len = offsetof(struct vring_packed_desc, len);
	const size_t flags = offsetof(struct vring_packed_desc, flags);
	const void *from = (const void *)&raw + len;
	size_t at = desc_offset(position) + len;

	if (ring->staged_chains)
		return rh_ring_write(ring, &ring->desc, at, from, sizeof(raw) - len);
	/* The first of a batch keeps its old flags, and so hides the others, until the last. */
	ring->staged_flags = used_flags(position, used->written);
	return rh_ring_write(ring, &ring->desc, at, from, flags - len);
}

/**
 * rh_packed_stage - write the pending entries, hidden behind the first one's flags
 * @ring: the ring
 *
 * Return: 0 or -EFAULT.
 */
int rh_packed_stage(struct rh_ring *ring)
{
	unsigned int i;

	for (i = 0; i < ring->pending_count; i++) {
		if (write_used(ring, advance(ring, ring->used_next, ring->staged),
			       &ring->pending[i]))
			return rh_ring_fault(ring);
		ring->staged += ring->pending[i].slots;
		ring->staged_chains++;
	}
	return 0;
}

/**
 * rh_packed_publish - let the driver see what is staged
 * @ring: the ring
 *
 * Return: 0 or -EFAULT.
 */
int rh_packed_publish(struct rh_ring *ring)
{
	u16 first = ring->used_next;

	ring->used_next = advance(ring, first, ring->staged);
	/*
	 * Buffers and entries before the flags of the first; pairs with the driver's read
	 * barrier after it has seen them (virtio 1.3, 2.8.22).
	 */
	smp_wmb();
	if (write16(ring, &ring->desc, desc_offset(first) + offsetof(struct vring_packed_desc, flags),
		    ring->staged_flags))
		return rh_ring_fault(ring);
	return 0;
}

/**
 * rh_packed_needs_call - read the driver's wish; a full barrier is behind us
 * @ring: the ring
 *
 * Return: 1 or 0; -EFAULT.
 */
int rh_packed_needs_call(struct rh_ring *ring)
{
	unsigned int event, next = ring->used_next & ~RH_PACKED_WRAP;
	u16 flags, word;

	if (read16(&ring->driver, offsetof(struct vring_packed_desc_event, flags), &flags))
		return rh_ring_fault(ring);
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !ring->event_idx)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/*
	 * The position is read after the flags that made it valid; pairs with the driver's
	 * write barrier between writing the one and the other.
	 */
	smp_rmb();
	if (read16(&ring->driver, offsetof(struct vring_packed_desc_event, off_wrap), &word))
		return rh_ring_fault(ring);
	event = word & ~RH_PACKED_WRAP;
	/* A position of the previous round lies behind entry 0. */
	if ((word ^ ring->used_next) & RH_PACKED_WRAP)
		event -= ring->num;
	return vring_need_event(event, next, next - ring->uncalled);
}

/**
 * rh_packed_disable_kick - tell the driver that kicks are a waste
 * @ring: the ring
 *
 * With EVENT_IDX there is nothing to do: the event position stays behind.
 *
 * Return: 0 or -EFAULT.
 */
int rh_packed_disable_kick(struct rh_ring *ring)
{
	if (ring->event_idx)
		return 0;
	if (write16(ring, &ring->device, offsetof(struct vring_packed_desc_event, flags),
		    VRING_PACKED_EVENT_FLAG_DISABLE))
		return rh_ring_fault(ring);
	return 0;
}

/**
 * rh_packed_has_more - whether the driver has made the next descriptor available
 * @ring: the ring
 *
 * Return: 1 or 0; -EFAULT.
 */
int rh_packed_has_more(struct rh_ring *ring)
{
	return is_available(ring, ring->avail_seen);
}

static int write_wish(struct rh_ring *ring)
{
	const size_t flags = offsetof(struct vring_packed_desc_event, flags);

	if (!ring->event_idx)
		return write16(ring, &ring->device, flags, VRING_PACKED_EVENT_FLAG_ENABLE);
	if (write16(ring, &ring->device, offsetof(struct vring_packed_desc_event, off_wrap),
		    ring->avail_seen))
		return -EFAULT;
	/* The position before the flags that make it valid; pairs with the driver's read barrier. */
	smp_wmb();
	return write16(ring, &ring->device, flags, VRING_PACKED_EVENT_FLAG_DESC);
}

/**
 * rh_packed_enable_kick - ask for a kick, and look once more
 * @ring: the ring
 *
 * Return: as rh_ring_enable_kick().
 */
int rh_packed_enable_kick(struct rh_ring *ring)
{
	if (write_wish(ring))
		return rh_ring_fault(ring);
	/*
	 * Our wish is visible before the descriptor is read; pairs with the driver's
	 * full barrier between making it available and reading the wish (virtio
	 * 1.3, 2.8.21.3).
	 */
	smp_mb();
	return rh_packed_has_more(ring);
}
