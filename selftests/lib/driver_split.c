// SPDX-License-Identifier: GPL-2.0-only
/*
 * The split format as the userspace driver uses it; virtio 1.3, 2.7. Mirrors
 * driver_packed.c. Runs in the test, called by driver.c alone, which describes
 * the functions.
 */
#include "driver.h"

void driver_split_offer(struct driver_queue *queue, unsigned int head)
{
	queue->avail->ring[queue->avail_next % queue->num] = head;
	queue->avail_next++;
	queue->unkicked++;
	/* Pairs with the device's acquire of the index: it sees the chain complete. */
	__atomic_store_n(&queue->avail->idx, queue->avail_next, __ATOMIC_RELEASE);
}

void driver_split_add(struct driver_queue *queue, unsigned int head,
		      const struct driver_buffer *buffers, unsigned int count)
{
	unsigned int index = head;

	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc *desc = &queue->desc[index];

		driver_fill(queue, desc, &buffers[i]);
		if (i + 1 == count)
			break;
		queue->link[index] = driver_take(queue);
		desc->flags |= VRING_DESC_F_NEXT;
		desc->next = queue->link[index];
		index = queue->link[index];
	}
	driver_split_offer(queue, head);
}

void driver_split_add_indirect(struct driver_queue *queue, unsigned int head,
			       struct vring_desc *table, unsigned int count)
{
	struct driver_buffer whole = { table, count * sizeof(*table), false };

	for (unsigned int i = 0; i + 1 < count; i++) {
		table[i].flags |= VRING_DESC_F_NEXT;
		table[i].next = i + 1;
	}
	driver_fill(queue, &queue->desc[head], &whole);
	queue->desc[head].flags |= VRING_DESC_F_INDIRECT;
	driver_split_offer(queue, head);
}

bool driver_split_kick_wanted(const struct driver_queue *queue)
{
	__u16 event = __atomic_load_n(driver_avail_event(queue), __ATOMIC_RELAXED);

	if (driver_has_feature(queue, VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(event, queue->avail_next,
					queue->avail_next - queue->unkicked);
	return !(__atomic_load_n(&queue->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
}

static void free_chain(struct driver_queue *queue, unsigned int head)
{
	unsigned int count = queue->chain_length[head];
	unsigned int index = head;

	queue->free_count += count;
	queue->chain_length[head] = 0;
	for (; count; count--) {
		driver_give(queue, index);
		index = queue->link[index];
	}
}

bool driver_split_reap(struct driver_queue *queue, struct driver_used *used)
{
	struct vring_used_elem *element = &queue->used->ring[queue->used_next % queue->num];

	/* Pairs with the device's release of the index: the entry is complete. */
	if (__atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE) == queue->used_next)
		return false;
	used->head = element->id;
	used->written = element->len;
	queue->used_next++;
	if (used->head < queue->num && queue->chain_length[used->head])
		free_chain(queue, used->head);
	return true;
}

void driver_split_want_call(struct driver_queue *queue, bool wanted)
{
	__u16 flags = wanted ? 0 : VRING_AVAIL_F_NO_INTERRUPT;

	if (driver_has_feature(queue, VIRTIO_RING_F_EVENT_IDX))
		driver_split_want_call_after(queue, wanted ? 0 : -1);
	else
		__atomic_store_n(&queue->avail->flags, flags, __ATOMIC_SEQ_CST);
}

void driver_split_want_call_after(struct driver_queue *queue, unsigned int entries)
{
	__u16 event = queue->used_next + entries;

	__atomic_store_n(driver_used_event(queue), event, __ATOMIC_SEQ_CST);
}
