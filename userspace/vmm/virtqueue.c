// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split virtqueue, device side. Stages (2), (4) and the decision of (5) of
 * backend=userspace. Runs on the loop's thread; entry points: virtqueue_pop(),
 * virtqueue_publish(), virtqueue_enable_notify().
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "virtqueue.h"
#include "vm.h"

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

static int queue_break(struct virtqueue *queue, const char *reason)
{
	queue->broken = reason;
	return -EPROTO;
}

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

static int chain_add(struct virtqueue *queue, struct virtqueue_chain *chain,
		     const struct vring_desc *descriptor)
{
	unsigned int count = chain->readable + chain->writable;
	void *buffer;

	if (count == VIRTQUEUE_CHAIN_MAX)
		return queue_break(queue, "a chain has too many descriptors");
	if (!descriptor->len)
		return queue_break(queue, "a descriptor has length 0");
	if (!(descriptor->flags & VRING_DESC_F_WRITE) && chain->writable)
		return queue_break(queue, "a readable descriptor follows a writable one");
	buffer = vm_translate(queue->vm, descriptor->addr, descriptor->len);
	if (!buffer)
		return queue_break(queue, "a buffer lies outside the guest's memory");
	chain->iov[count] = (struct iovec) { .iov_base = buffer, .iov_len = descriptor->len };
	if (descriptor->flags & VRING_DESC_F_WRITE)
		chain->writable++;
	else
		chain->readable++;
	return 0;
}

static int walk_into_table(struct virtqueue *queue, struct chain_walk *walk,
			   const struct vring_desc *descriptor)
{
	uint32_t entries = descriptor->len / sizeof(struct vring_desc);

	if (!queue->indirect)
		return queue_break(queue, "an indirect table was not negotiated");
	if (walk->indirect || descriptor->flags & VRING_DESC_F_NEXT)
		return queue_break(queue, "an indirect table is nested or not the last of its chain");
	if (!entries || descriptor->len % sizeof(struct vring_desc) ||
	    entries > VIRTQUEUE_CHAIN_MAX)
		return queue_break(queue, "an indirect table has a bad size");
	walk->table = vm_translate(queue->vm, descriptor->addr, descriptor->len);
	if (!walk->table)
		return queue_break(queue, "an indirect table lies outside the guest's memory");
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
			return queue_break(queue, "a descriptor index is out of range");
		if (!walk.left--)
			return queue_break(queue, "a chain loops");
		descriptor = load_descriptor(walk.table, index);
		if (descriptor.flags & VRING_DESC_F_INDIRECT) {
			err = walk_into_table(queue, &walk, &descriptor);
			index = 0;
		} else {
			err = chain_add(queue, chain, &descriptor);
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
		return queue_break(queue, "the available index is ahead by more than the ring");
	return queue->seen_available != queue->next_available;
}

int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	int err;

	if (queue->broken)
		return -EPROTO;
	err = queue_look(queue);
	if (err <= 0)
		return err;
	chain->head = load16(&queue->available->ring[queue->next_available & (queue->size - 1)]);
	chain->readable = 0;
	chain->writable = 0;
	err = chain_walk(queue, chain);
	if (err)
		return err;
	queue->next_available++;
	return 1;
}

void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written)
{
	struct vring_used_elem *entry = &queue->used->ring[queue->next_used & (queue->size - 1)];

	entry->id = htole32(head);
	entry->len = htole32(written);
	queue->next_used++;
	queue->chains++;
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

void virtqueue_publish(struct virtqueue *queue)
{
	uint16_t before = queue->published;
	uint64_t one = 1;

	if (queue->next_used == before)
		return;
	/* Pairs with the driver's barrier between used index and entry. */
	__atomic_store_n(&queue->used->idx, htole16(queue->next_used), __ATOMIC_RELEASE);
	queue->published = queue->next_used;
	if (queue->call < 0 || !queue_wants_call(queue, before))
		return;
	queue->calls++;
	if (write(queue->call, &one, sizeof(one)) < 0)
		return;		/* the counter is full, so it is signalled */
}

void virtqueue_disable_notify(struct virtqueue *queue)
{
	/* With EVENT_IDX the index at which a doorbell is wanted just falls behind. */
	if (!queue->event_index)
		store16(&queue->used->flags, VRING_USED_F_NO_NOTIFY);
}

bool virtqueue_enable_notify(struct virtqueue *queue)
{
	if (queue->event_index)
		store16((__virtio16 *)&queue->used->ring[queue->size], queue->next_available);
	else
		store16(&queue->used->flags, 0);
	/* Our wish first, then the index. Pairs with the driver's barrier the other way. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !queue->broken && load16(&queue->available->idx) != queue->next_available;
}
