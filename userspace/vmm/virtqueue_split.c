// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split virtqueue (virtio 1.3, 2.7), device side. Stages (2), (4) and the decision
 * of (5) of queues served in userspace. Runs on the loop's thread; entry points:
 * virtqueue_split.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "virtqueue.h"
#include "virtqueue_format.h"

/**
 * struct chain_walk - progress along one chain
 * @table: descriptor table, or the indirect table once inside one
 * @entries: how many it has
 * @left: descriptors that may still come from it before this must be a loop
 * @indirect: inside an indirect table
 */
struct chain_walk {
	const struct vring_desc *table;
	uint32_t entries, left;
	bool indirect;
};

static uint16_t load16(const __virtio16 *field)
{
	return le16toh(__atomic_load_n(field, __ATOMIC_RELAXED));
}

static void store16(__virtio16 *field, uint16_t value)
{
	__atomic_store_n(field, htole16(value), __ATOMIC_RELAXED);
}

/*
 * The driver may change a descriptor while we look, so it is copied, once. An
 * indirect table may lie at any address.
 */
static struct vring_desc load_descriptor(const struct vring_desc *table, uint32_t index)
{
	struct vring_desc copy;

	memcpy(&copy, (const char *)table + index * sizeof(copy), sizeof(copy));
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return (struct vring_desc) {
		.addr = le64toh(copy.addr), .len = le32toh(copy.len),
		.flags = le16toh(copy.flags), .next = le16toh(copy.next),
	};
}

static int walk_into_table(struct virtqueue *queue, struct chain_walk *walk,
			   const struct vring_desc *descriptor)
{
	const void *table;
	int entries;

	if (walk->indirect || descriptor->flags & VRING_DESC_F_NEXT)
		return virtqueue_break(queue, "an indirect table is nested or not the last of its chain");
	entries = virtqueue_find_table(queue, descriptor->addr, descriptor->len, &table);
	if (entries < 0)
		return entries;
	walk->table = table;
	walk->entries = entries;
	walk->left = entries;
	walk->indirect = true;
	return 0;
}

static int chain_walk(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	struct chain_walk walk = {
		.table = queue->descriptors, .entries = queue->size, .left = queue->size,
	};
	uint16_t index = chain->head;

	for (;;) {
		struct vring_desc descriptor;
		int err;

		if (index >= walk.entries)
			return virtqueue_break(queue, "a descriptor index is out of range");
		if (!walk.left--)
			return virtqueue_break(queue, "a chain loops");
		descriptor = load_descriptor(walk.table, index);
		if (descriptor.flags & VRING_DESC_F_INDIRECT) {
			err = walk_into_table(queue, &walk, &descriptor);
			index = 0;
		} else {
			err = virtqueue_add(queue, chain, descriptor.addr, descriptor.len,
					    descriptor.flags & VRING_DESC_F_WRITE);
			if (!err && !(descriptor.flags & VRING_DESC_F_NEXT))
				return 0;
			index = descriptor.next;
		}
		if (err)
			return err;
	}
}

/* Whether a chain is there, looking at shared memory only when it must. */
static int queue_look(struct virtqueue *queue)
{
	if (queue->seen_available != queue->next_available)
		return 1;
	/* Pairs with the driver's barrier between ring entry and index. */
	queue->seen_available = le16toh(__atomic_load_n(&queue->available->idx,
							__ATOMIC_ACQUIRE));
	if ((uint16_t)(queue->seen_available - queue->next_available) > queue->size)
		return virtqueue_break(queue, "the available index is ahead by more than the ring");
	return queue->seen_available != queue->next_available;
}

static int split_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	int err = queue_look(queue);

	if (err <= 0)
		return err;
	chain->head = load16(&queue->available->ring[queue->next_available & (queue->size - 1)]);
	chain->slots = 1;
	err = chain_walk(queue, chain);
	if (err)
		return err;
	queue->next_available++;
	return 1;
}

static void split_push(struct virtqueue *queue, const struct virtqueue_chain *chain,
		       uint32_t written)
{
	struct vring_used_elem *entry = &queue->used->ring[queue->next_used & (queue->size - 1)];

	entry->id = htole32(chain->head);
	entry->len = htole32(written);
	queue->next_used++;
}

static bool queue_wants_call(struct virtqueue *queue, uint16_t before)
{
	/*
	 * Index first, then the driver's wish. Pairs with the driver's barrier between
	 * writing its wish and looking at the index once more.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!queue->event_index)
		return !(load16(&queue->available->flags) & VRING_AVAIL_F_NO_INTERRUPT);
	return vring_need_event(load16(&queue->available->ring[queue->size]), queue->published,
				before);
}

static bool split_publish(struct virtqueue *queue)
{
	uint16_t before = queue->published;

	if (queue->next_used == before)
		return false;
	/* Pairs with the driver's barrier between used index and entry. */
	__atomic_store_n(&queue->used->idx, htole16(queue->next_used), __ATOMIC_RELEASE);
	queue->published = queue->next_used;
	return queue_wants_call(queue, before);
}

static void split_disable_notify(struct virtqueue *queue)
{
	/* With EVENT_IDX the index at which a doorbell is wanted just falls behind. */
	if (!queue->event_index)
		store16(&queue->used->flags, VRING_USED_F_NO_NOTIFY);
}

static bool split_enable_notify(struct virtqueue *queue)
{
	if (queue->event_index)
		store16((__virtio16 *)&queue->used->ring[queue->size], queue->next_available);
	else
		store16(&queue->used->flags, 0);
	/* Our wish first, then the index. Pairs with the driver's barrier the other way. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(&queue->available->idx) != queue->next_available;
}

const struct virtqueue_format virtqueue_split = {
	.pop = split_pop,
	.push = split_push,
	.publish = split_publish,
	.disable_notify = split_disable_notify,
	.enable_notify = split_enable_notify,
};
