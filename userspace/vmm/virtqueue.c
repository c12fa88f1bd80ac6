// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtqueue served in userspace: what its two formats share. Stages (2), (4) and (5)
 * of backend=userspace. Runs on the loop's thread; entry points: virtqueue_pop(),
 * virtqueue_publish(), virtqueue_enable_notify().
 */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <unistd.h>

#include "virtqueue.h"
#include "virtqueue_format.h"
#include "vm.h"

int virtqueue_break(struct virtqueue *queue, const char *reason)
{
	queue->broken = reason;
	return -EPROTO;
}

int virtqueue_add(struct virtqueue *queue, struct virtqueue_chain *chain, uint64_t address,
		  uint32_t len, bool writable)
{
	unsigned int count = chain->readable + chain->writable;
	void *buffer;

	if (count == VIRTQUEUE_CHAIN_MAX)
		return virtqueue_break(queue, "a chain has too many descriptors");
	if (!len)
		return virtqueue_break(queue, "a descriptor has length 0");
	if (!writable && chain->writable)
		return virtqueue_break(queue, "a readable descriptor follows a writable one");
	buffer = vm_translate(queue->vm, address, len);
	if (!buffer)
		return virtqueue_break(queue, "a buffer lies outside the guest's memory");
	chain->iov[count] = (struct iovec) { .iov_base = buffer, .iov_len = len };
	if (writable)
		chain->writable++;
	else
		chain->readable++;
	return 0;
}

int virtqueue_find_table(struct virtqueue *queue, uint64_t address, uint32_t len,
			 const void **table)
{
	uint32_t entries = len / sizeof(struct vring_desc);

	if (!queue->indirect)
		return virtqueue_break(queue, "an indirect table was not negotiated");
	if (!entries || len % sizeof(struct vring_desc) || entries > VIRTQUEUE_CHAIN_MAX)
		return virtqueue_break(queue, "an indirect table has a bad size");
	*table = vm_translate(queue->vm, address, len);
	if (!*table)
		return virtqueue_break(queue, "an indirect table lies outside the guest's memory");
	return entries;
}

int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	if (queue->broken)
		return -EPROTO;
	chain->readable = 0;
	chain->writable = 0;
	return queue->format->pop(queue, chain);
}

void virtqueue_push(struct virtqueue *queue, const struct virtqueue_chain *chain, uint32_t written)
{
	queue->format->push(queue, chain, written);
	queue->chains++;
}

void virtqueue_publish(struct virtqueue *queue)
{
	uint64_t one = 1;

	if (!queue->format->publish(queue) || queue->call < 0)
		return;
	queue->calls++;
	if (write(queue->call, &one, sizeof(one)) < 0)
		return;		/* the counter is full, so it is signalled */
}

void virtqueue_disable_notify(struct virtqueue *queue)
{
	queue->format->disable_notify(queue);
}

bool virtqueue_enable_notify(struct virtqueue *queue)
{
	return queue->format->enable_notify(queue) && !queue->broken;
}
