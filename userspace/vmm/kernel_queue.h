/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The queues of a device handed to a ringhost module, and the watch over them.
 * The counterpart of user_queue.h.
 */
#ifndef RH_VMM_KERNEL_QUEUE_H
#define RH_VMM_KERNEL_QUEUE_H

#include <stdint.h>

#include "libringhost.h"
#include "loop.h"
#include "virtio.h"

/**
 * struct kernel_queue - one queue
 * @owner: its device
 * @error_fd: eventfd the kernel signals when the driver broke the queue
 * @error: watches @error_fd
 * @seen: its counters when it was last found broken
 */
struct kernel_queue {
	struct kernel_queues *owner;
	int error_fd;
	struct loop_poll error;
	uint64_t seen[RINGHOST_STAT_COUNT];
};

/**
 * struct kernel_queues - queues of one device behind one open node
 * @device: whose they are
 * @first: the device's number of the node's queue 0
 * @handle: the module's device node
 * @features: what the module offers
 * @queues: the queues
 * @count: how many of them are set up
 */
struct kernel_queues {
	struct virtio_device *device;
	unsigned int first;
	struct ringhost_device *handle;
	uint64_t features;
	struct kernel_queue queues[VIRTIO_QUEUES_MAX];
	unsigned int count;
};

/**
 * kernel_queues_open() - open the module's node and watch every queue for errors
 * @kernel: zeroed
 * @device: after virtio_init()
 * @first: its first queue that is to be the node's
 * @count: how many of them
 * @node: RINGHOST_NODE_*
 * @module: its module's name, for the message
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int kernel_queues_open(struct kernel_queues *kernel, struct virtio_device *device,
		       unsigned int first, unsigned int count, const char *node,
		       const char *module);

/* Close the node: whatever still runs stops. Fine after a failed open. */
void kernel_queues_close(struct kernel_queues *kernel);

/**
 * kernel_queues_setup() - features, memory table, and every enabled queue
 * @kernel: the queues, stopped
 *
 * The last step, which differs between net and blk, is the caller's.
 * Return: 0 or -errno.
 */
int kernel_queues_setup(struct kernel_queues *kernel);

/* What the device knows about queue @index of the node. */
static inline struct virtio_queue *kernel_queue_of(struct kernel_queues *kernel, unsigned int index)
{
	return &kernel->device->queues[kernel->first + index];
}

/* Print the counters of every queue and add them up. Return: 0 or -errno. */
int kernel_queues_stats(struct kernel_queues *kernel, struct virtio_stats *stats);

#endif /* RH_VMM_KERNEL_QUEUE_H */
