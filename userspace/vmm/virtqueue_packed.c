// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packed virtqueue (virtio 1.3, 2.8), device side. Stages (2), (4) and the decision
 * of (5) of queues served in userspace. Runs on the loop's thread; entry points:
 * virtqueue_packed.
 *
 * There is one ring. The driver makes a slot available by its flags, and we write what
 * is used into the slots of what we took before, in the order of completion. A batch
 * becomes visible with the flags of its first slot, which are therefore written last.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "virtqueue.h"
#include "virtqueue_format.h"

#define DESC_F_AVAILABLE (1u << VRING_PACKED_DESC_F_AVAIL)
#define DESC_F_USED (1u << VRING_PACKED_DESC_F_USED)

static struct vring_packed_desc *packed_ring(struct virtqueue *queue)
{
	return (struct vring_packed_desc *)queue->descriptors;
}

static struct vring_packed_desc_event *driver_event(struct virtqueue *queue)
{
	return (struct vring_packed_desc_event *)queue->available;
}

static struct vring_packed_desc_event *device_event(struct virtqueue *queue)
{
	return (struct vring_packed_desc_event *)queue->used;
}

/* As in the split ring: copied once, because the driver may change it meanwhile. */
static struct vring_packed_desc load_descriptor(const void *table, uint32_t index)
{
	struct vring_packed_desc copy;

	memcpy(&copy, (const char *)table + index * sizeof(copy), sizeof(copy));
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return (struct vring_packed_desc) {
		.addr = le64toh(copy.addr), .len = le32toh(copy.len),
		.id = le16toh(copy.id), .flags = le16toh(copy.flags),
	};
}

static void advance(const struct virtqueue *queue, uint16_t *position, bool *wrap, uint16_t slots)
{
	*position += slots;
	if (*position < queue->size)
		return;
	*position -= queue->size;
	*wrap = !*wrap;
}

static bool is_available(struct virtqueue *queue)
{
	struct vring_packed_desc *slot = &packed_ring(queue)[queue->next_available];
	/* Pairs with the driver's barrier between a descriptor and its flags. */
	uint16_t flags = le16toh(__atomic_load_n(&slot->flags, __ATOMIC_ACQUIRE));

	return !!(flags & DESC_F_AVAILABLE) == queue->available_wrap &&
	       !!(flags & DESC_F_USED) != queue->available_wrap;
}

/* In a table the order is that of the entries, and only WRITE has a meaning: 2.8.7. */
static int add_table(struct virtqueue *queue, struct virtqueue_chain *chain,
		     const struct vring_packed_desc *descriptor)
{
	const void *table;
	int entries, err = 0;

	if (descriptor->flags & VRING_DESC_F_NEXT)
		return virtqueue_break(queue, "an indirect table is nested or not the last of its chain");
	entries = virtqueue_find_table(queue, descriptor->addr, descriptor->len, &table);
	if (entries < 0)
		return entries;
	for (int i = 0; i < entries && !err; i++) {
		struct vring_packed_desc entry = load_descriptor(table, i);

		err = virtqueue_add(queue, chain, entry.addr, entry.len,
				    entry.flags & VRING_DESC_F_WRITE);
	}
	return err;
}

/* The driver makes the first slot available last, so the others need no look at theirs. */
static int packed_walk(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	uint16_t at = queue->next_available;

	for (chain->slots = 1;; chain->slots++) {
		struct vring_packed_desc descriptor = load_descriptor(packed_ring(queue), at);
		int err;

		if (descriptor.flags & VRING_DESC_F_INDIRECT)
			err = add_table(queue, chain, &descriptor);
		else
			err = virtqueue_add(queue, chain, descriptor.addr, descriptor.len,
					    descriptor.flags & VRING_DESC_F_WRITE);
		if (err)
			return err;
		chain->head = descriptor.id;
		if (!(descriptor.flags & VRING_DESC_F_NEXT))
			return 0;
		if (chain->slots == queue->size)
			return virtqueue_break(queue, "a chain is longer than the ring");
		at = at + 1 == queue->size ? 0 : at + 1;
	}
}

static int packed_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	int err;

	if (!is_available(queue))
		return 0;
	err = packed_walk(queue, chain);
	if (err)
		return err;
	advance(queue, &queue->next_available, &queue->available_wrap, chain->slots);
	return 1;
}

static void packed_push(struct virtqueue *queue, const struct virtqueue_chain *chain,
			uint32_t written)
{
	struct vring_packed_desc *slot = &packed_ring(queue)[queue->next_used];
	uint16_t flags = (queue->used_wrap ? DESC_F_AVAILABLE | DESC_F_USED : 0) |
			 (written ? VRING_DESC_F_WRITE : 0);

	slot->id = htole16(chain->head);
	slot->len = htole32(written);
	if (queue->unpublished) {
		slot->flags = htole16(flags);
	} else {
		queue->published = queue->next_used;
		queue->published_flags = flags;
	}
	queue->unpublished += chain->slots;
	advance(queue, &queue->next_used, &queue->used_wrap, chain->slots);
}

/* Whether the slot at which the driver wants an interrupt is among the last @slots: 2.8.10. */
static bool wants_call(struct virtqueue *queue, uint16_t slots)
{
	struct vring_packed_desc_event *event = driver_event(queue);
	uint16_t flags, wish, at;

	/*
	 * Flags of the slot first, then the driver's wish. Pairs with the driver's barrier
	 * between writing its wish and looking at the slot once more.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	flags = le16toh(__atomic_load_n(&event->flags, __ATOMIC_ACQUIRE));
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !queue->event_index)
		return true;
	wish = le16toh(__atomic_load_n(&event->off_wrap, __ATOMIC_RELAXED));
	at = wish & ~(1u << VRING_PACKED_EVENT_F_WRAP_CTR);
	/* A wish from before the ring's end lies before its beginning. */
	if (wish >> VRING_PACKED_EVENT_F_WRAP_CTR != queue->used_wrap)
		at -= queue->size;
	return vring_need_event(at, queue->next_used, queue->next_used - slots);
}

static bool packed_publish(struct virtqueue *queue)
{
	uint16_t slots = queue->unpublished;

	if (!slots)
		return false;
	/* Pairs with the driver's barrier between the flags and the rest of a slot. */
	__atomic_store_n(&packed_ring(queue)[queue->published].flags,
			 htole16(queue->published_flags), __ATOMIC_RELEASE);
	queue->unpublished = 0;
	return wants_call(queue, slots);
}

static void packed_disable_notify(struct virtqueue *queue)
{
	__atomic_store_n(&device_event(queue)->flags, htole16(VRING_PACKED_EVENT_FLAG_DISABLE),
			 __ATOMIC_RELAXED);
}

static bool packed_enable_notify(struct virtqueue *queue)
{
	struct vring_packed_desc_event *event = device_event(queue);
	uint16_t flags = VRING_PACKED_EVENT_FLAG_ENABLE;

	if (queue->event_index) {
		uint16_t wish = queue->next_available |
				queue->available_wrap << VRING_PACKED_EVENT_F_WRAP_CTR;

		__atomic_store_n(&event->off_wrap, htole16(wish), __ATOMIC_RELAXED);
		flags = VRING_PACKED_EVENT_FLAG_DESC;
	}
	/* Pairs with the driver's barrier between these flags and the offset. */
	__atomic_store_n(&event->flags, htole16(flags), __ATOMIC_RELEASE);
	/* Our wish first, then the slot. Pairs with the driver's barrier the other way. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return is_available(queue);
}

const struct virtqueue_format virtqueue_packed = {
	.pop = packed_pop,
	.push = packed_push,
	.publish = packed_publish,
	.disable_notify = packed_disable_notify,
	.enable_notify = packed_enable_notify,
};
