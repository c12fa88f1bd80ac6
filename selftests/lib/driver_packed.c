// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packed format as the userspace driver uses it; virtio 1.3, 2.8. Mirrors
 * driver_split.c. Runs in the test, called by driver.c, which describes the
 * functions; hostile tests call driver_packed_offer() themselves.
 */
#include <string.h>

#include "driver.h"

#define FLAG_AVAIL (1 << VRING_PACKED_DESC_F_AVAIL)
#define FLAG_USED (1 << VRING_PACKED_DESC_F_USED)
#define OWNER (FLAG_AVAIL | FLAG_USED)

static struct vring_packed_desc *entry(struct driver_queue *queue, uint16_t position)
{
	return &queue->ring[position & ~DRIVER_WRAP];
}

/**
 * driver_packed_advance() - the position some entries on
 * @queue: the queue
 * @position: of one of its entries
 * @entries: at most as many as the ring has
 *
 * Return: the position.
 */
uint16_t driver_packed_advance(const struct driver_queue *queue, uint16_t position,
			       unsigned int entries)
{
	unsigned int index = (position & ~DRIVER_WRAP) + entries;
	uint16_t wrap = position & DRIVER_WRAP;

	if (index >= queue->num) {
		index -= queue->num;
		wrap ^= DRIVER_WRAP;
	}
	return index | wrap;
}

/**
 * driver_packed_flags() - the flags that make a descriptor available
 * @position: where the descriptor is
 *
 * Return: the two bits of ownership.
 */
uint16_t driver_packed_flags(uint16_t position)
{
	return position & DRIVER_WRAP ? FLAG_AVAIL : FLAG_USED;
}

/* Hand @count entries from the next one on to the device; only the first is still hidden. */
static void publish(struct driver_queue *queue, uint16_t first_flags, unsigned int count)
{
	struct vring_packed_desc *first = entry(queue, queue->avail_next);

	queue->avail_next = driver_packed_advance(queue, queue->avail_next, count);
	queue->unkicked += count;
	/* Pairs with the device's read barrier behind the flags: it sees the chain complete. */
	__atomic_store_n(&first->flags, first_flags, __ATOMIC_RELEASE);
}

/**
 * driver_packed_offer() - offer a chain descriptor by descriptor
 * @queue: the queue
 * @descs: anything; the bits of ownership are set as they must be
 * @count: at most as many as the ring has
 */
void driver_packed_offer(struct driver_queue *queue, const struct vring_packed_desc *descs,
			 unsigned int count)
{
	uint16_t position = queue->avail_next, flags, first_flags = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct vring_packed_desc *to = entry(queue, position);

		flags = (descs[i].flags & ~OWNER) | driver_packed_flags(position);
		to->addr = descs[i].addr;
		to->len = descs[i].len;
		to->id = descs[i].id;
		if (i)
			to->flags = flags;
		else
			first_flags = flags;
		position = driver_packed_advance(queue, position, 1);
	}
	publish(queue, first_flags, count);
}

void driver_packed_offer_head(struct driver_queue *queue, unsigned int head)
{
	struct vring_packed_desc desc = *entry(queue, queue->avail_next);

	desc.id = head;
	driver_packed_offer(queue, &desc, 1);
}

/* @desc as driver_fill() left it, in the other format. */
static struct vring_packed_desc convert(const struct vring_desc *desc, unsigned int id)
{
	return (struct vring_packed_desc){
		.addr = desc->addr, .len = desc->len, .id = id, .flags = desc->flags,
	};
}

void driver_packed_add(struct driver_queue *queue, unsigned int head,
		       const struct driver_buffer *buffers, unsigned int count)
{
	struct vring_packed_desc descs[count];
	struct vring_desc desc;

	for (unsigned int i = 0; i < count; i++) {
		driver_fill(queue, &desc, &buffers[i]);
		if (i + 1 < count)
			desc.flags |= VRING_DESC_F_NEXT;
		descs[i] = convert(&desc, head);
	}
	driver_packed_offer(queue, descs, count);
}

void driver_packed_add_indirect(struct driver_queue *queue, unsigned int head,
				struct vring_desc *table, unsigned int count)
{
	struct driver_buffer whole = { table, count * sizeof(*table), false };
	struct vring_packed_desc packed;
	struct vring_desc desc;

	/* Entries of a table have no owner and no NEXT; virtio 1.3, 2.8.7. */
	for (unsigned int i = 0; i < count; i++) {
		packed = convert(&table[i], 0);
		memcpy(&table[i], &packed, sizeof(packed));
	}
	driver_fill(queue, &desc, &whole);
	desc.flags |= VRING_DESC_F_INDIRECT;
	packed = convert(&desc, head);
	driver_packed_offer(queue, &packed, 1);
}

bool driver_packed_kick_wanted(const struct driver_queue *queue)
{
	struct vring_packed_desc_event *wish = queue->device_event;
	uint16_t flags = __atomic_load_n(&wish->flags, __ATOMIC_ACQUIRE);
	uint16_t next = queue->avail_next & ~DRIVER_WRAP, event, word;

	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	/* After the flags that make it valid; pairs with the device's write barrier. */
	word = __atomic_load_n(&wish->off_wrap, __ATOMIC_RELAXED);
	event = word & ~DRIVER_WRAP;
	/* A position of the round before lies behind entry 0. */
	if ((word ^ queue->avail_next) & DRIVER_WRAP)
		event -= queue->num;
	return vring_need_event(event, next, next - queue->unkicked);
}

bool driver_packed_reap(struct driver_queue *queue, struct driver_used *used)
{
	struct vring_packed_desc *desc = entry(queue, queue->used_next);
	/* Pairs with the device's write barrier before the flags: the entry is complete. */
	uint16_t flags = __atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE);
	unsigned int entries = 1;

	if ((flags & OWNER) != (queue->used_next & DRIVER_WRAP ? OWNER : 0))
		return false;
	used->head = desc->id;
	used->written = flags & VRING_DESC_F_WRITE ? desc->len : 0;
	if (used->head < queue->num && queue->chain_length[used->head]) {
		entries = queue->chain_length[used->head];
		queue->chain_length[used->head] = 0;
		queue->free_count += entries;
		driver_give(queue, used->head);
	}
	queue->used_next = driver_packed_advance(queue, queue->used_next, entries);
	return true;
}

void driver_packed_want_call(struct driver_queue *queue, bool wanted)
{
	__u16 flags = wanted ? VRING_PACKED_EVENT_FLAG_ENABLE : VRING_PACKED_EVENT_FLAG_DISABLE;

	if (wanted && driver_has_feature(queue, VIRTIO_RING_F_EVENT_IDX))
		driver_packed_want_call_after(queue, 0);
	else
		__atomic_store_n(&queue->driver_event->flags, flags, __ATOMIC_SEQ_CST);
}

void driver_packed_want_call_after(struct driver_queue *queue, unsigned int entries)
{
	uint16_t event = driver_packed_advance(queue, queue->used_next, entries);

	__atomic_store_n(&queue->driver_event->off_wrap, event, __ATOMIC_RELAXED);
	/* The position before the flags that make it valid; pairs with the device's read barrier. */
	__atomic_store_n(&queue->driver_event->flags, VRING_PACKED_EVENT_FLAG_DESC,
			 __ATOMIC_RELEASE);
}
