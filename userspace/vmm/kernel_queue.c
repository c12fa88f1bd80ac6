// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues handed to the kernel. Set-up of all stages for backend=kernel, and the
 * error eventfd; the data path itself never comes here. Runs on the loop's thread;
 * entry points: kernel_queues_setup(), kernel_queue_failed().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "err.h"
#include "kernel_queue.h"
#include "util.h"
#include "vm.h"

/* Name of the refusal that a broken queue has counted since it was last asked. */
static const char *kernel_queue_reason(struct kernel_queues *kernel, unsigned int index)
{
	struct kernel_queue *queue = &kernel->queues[index];
	const char *reason = "cause unknown";
	uint64_t values[RINGHOST_STAT_COUNT];

	if (ringhost_queue_stats(kernel->handle, index, values))
		return reason;
	for (unsigned int i = RINGHOST_STAT_REJECT_AVAIL_INDEX;
	     i <= RINGHOST_STAT_REJECT_RING_FAULT; i++) {
		if (values[i] != queue->seen[i])
			reason = ringhost_stat_name(i);
	}
	memcpy(queue->seen, values, sizeof(values));
	return reason;
}

static void kernel_queue_failed(struct loop_poll *poll, uint32_t events)
{
	struct kernel_queue *queue = container_of(poll, struct kernel_queue, error);
	struct kernel_queues *kernel = queue->owner;
	unsigned int index = queue - kernel->queues;

	(void)events;
	/* A signal from before the last reset is about a queue that is no more. */
	if (kernel->device->running)
		virtio_break(kernel->device, "the driver broke queue %u (%s)",
			     kernel->first + index, kernel_queue_reason(kernel, index));
}

static int kernel_queue_watch(struct kernel_queues *kernel, struct kernel_queue *queue)
{
	int err;

	queue->owner = kernel;
	queue->error_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->error_fd < 0)
		return -errno;
	queue->error = (struct loop_poll) {
		.ready = kernel_queue_failed, .fd = queue->error_fd, .events = EPOLLIN,
	};
	err = loop_poll_start(kernel->device->vm->loop, &queue->error);
	if (err)
		close(queue->error_fd);
	return err;
}

static int kernel_queues_watch(struct kernel_queues *kernel, unsigned int count)
{
	while (kernel->count < count) {
		int err = kernel_queue_watch(kernel, &kernel->queues[kernel->count]);

		if (err)
			return err;
		kernel->count++;
	}
	return 0;
}

static int open_failed(const char *name, const char *node, const char *module, int err)
{
	if (err == -ENOENT || err == -ENODEV || err == -ENXIO)
		return rh_error(err, "%s: there is no %s: load %s or use backend=userspace", name,
				node, module);
	return rh_error(err, "%s: cannot use %s: %s", name, node, strerror(-err));
}

int kernel_queues_open(struct kernel_queues *kernel, struct virtio_device *device,
		       unsigned int first, unsigned int count, const char *node,
		       const char *module)
{
	int err = ringhost_open(node, &kernel->handle);

	if (err)
		return open_failed(device->name, node, module, err);
	kernel->device = device;
	kernel->first = first;
	err = ringhost_get_features(kernel->handle, &kernel->features);
	if (!err)
		err = kernel_queues_watch(kernel, count);
	if (err) {
		kernel_queues_close(kernel);
		return open_failed(device->name, node, module, err);
	}
	return 0;
}

void kernel_queues_close(struct kernel_queues *kernel)
{
	for (unsigned int i = 0; i < kernel->count; i++) {
		loop_poll_stop(&kernel->queues[i].error);
		close(kernel->queues[i].error_fd);
	}
	kernel->count = 0;
	ringhost_close(kernel->handle);
	kernel->handle = NULL;
}

static int kernel_queues_set_memory(struct kernel_queues *kernel)
{
	struct vm *vm = kernel->device->vm;
	struct ringhost_region regions[ARRAY_SIZE(vm->regions)];

	for (unsigned int i = 0; i < vm->region_count; i++) {
		regions[i].guest = vm->regions[i].guest;
		regions[i].size = vm->regions[i].size;
		regions[i].host = vm->regions[i].host;
	}
	return ringhost_set_memory(kernel->handle, regions, vm->region_count);
}

static int kernel_queue_setup(struct kernel_queues *kernel, unsigned int index)
{
	const struct virtio_queue *queue = kernel_queue_of(kernel, index);
	bool packed = virtio_accepted(kernel->device, VIRTIO_F_RING_PACKED);

	return ringhost_queue_setup(kernel->handle, &(struct ringhost_queue) {
		.index = index, .size = queue->size, .base = packed ? RINGHOST_BASE_PACKED : 0,
		.descriptors = queue->descriptors, .available = queue->available,
		.used = queue->used, .kick = queue->kick, .call = queue->call,
		.error = kernel->queues[index].error_fd,
	});
}

int kernel_queues_setup(struct kernel_queues *kernel)
{
	uint64_t features = kernel->device->accepted & kernel->features;
	int err = ringhost_set_features(kernel->handle, features);

	if (!err)
		err = kernel_queues_set_memory(kernel);
	for (unsigned int i = 0; i < kernel->count && !err; i++) {
		if (kernel_queue_of(kernel, i)->enabled)
			err = kernel_queue_setup(kernel, i);
	}
	return err;
}

int kernel_queues_stats(struct kernel_queues *kernel, struct virtio_stats *stats)
{
	for (unsigned int i = 0; i < kernel->count; i++) {
		uint64_t values[RINGHOST_STAT_COUNT];
		int err = ringhost_queue_stats(kernel->handle, i, values);

		if (err)
			return err;
		for (unsigned int stat = 0; stat < RINGHOST_STAT_COUNT; stat++)
			fprintf(stats->out, "%s.queue%u.%s %" PRIu64 "\n", kernel->device->name,
				kernel->first + i, ringhost_stat_name(stat), values[stat]);
		stats->kernel_chains += values[RINGHOST_STAT_CHAINS];
	}
	return 0;
}
