// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device status, features and queue set-up: what happens before stage (1) and
 * after stage (5). Runs on the loop's thread for a vCPU that waits, or for a
 * backend that found its queue broken. Entry points: virtio_set_status(),
 * virtio_break().
 *
 *	            ACKNOWLEDGE, DRIVER        FEATURES_OK         DRIVER_OK
 *	  reset ------------------------> set-up ----------> queues ---------> running
 *	    ^                                                                    |
 *	    +------------------ status = 0, from every state <-------------------+
 *
 * A driver can only add status bits, or write 0. Features freeze with FEATURES_OK,
 * a queue with its enable bit, everything with DRIVER_OK.
 */
#include <errno.h>
#include <linux/virtio_pci.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "err.h"
#include "virtio.h"
#include "vm.h"

#define VIRTIO_COMPLAINT_SECONDS 10

static void queue_reset(struct virtio_queue *queue)
{
	queue->size = VIRTIO_QUEUE_SIZE_MAX;
	queue->enabled = false;
	queue->descriptor_address = 0;
	queue->available_address = 0;
	queue->used_address = 0;
	queue->vector = VIRTIO_MSI_NO_VECTOR;
	queue->call = -1;
}

static void virtio_reset(struct virtio_device *device)
{
	if (device->running)
		device->ops->stop(device);
	device->running = false;
	for (unsigned int i = 0; i < device->queue_count; i++)
		queue_reset(&device->queues[i]);
	device->accepted = 0;
	device->status = 0;
}

int virtio_init(struct virtio_device *device)
{
	unsigned int count = device->queue_count;

	device->queue_count = 0;
	for (unsigned int i = 0; i < count; i++) {
		struct virtio_queue *queue = &device->queues[i];
		int kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (kick < 0) {
			int err = -errno;

			virtio_exit(device);
			return rh_error(err, "%s: cannot make an eventfd: %s", device->name,
					strerror(-err));
		}
		queue->device = device;
		queue->index = i;
		queue->kick = kick;
		device->queue_count++;
	}
	virtio_reset(device);
	return 0;
}

void virtio_exit(struct virtio_device *device)
{
	virtio_reset(device);
	for (unsigned int i = 0; i < device->queue_count; i++)
		close(device->queues[i].kick);
	device->queue_count = 0;
}

static bool may_complain(struct virtio_device *device)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (device->complained && now.tv_sec - device->complained < VIRTIO_COMPLAINT_SECONDS)
		return false;
	device->complained = now.tv_sec;
	return true;
}

void virtio_break(struct virtio_device *device, const char *fmt, ...)
{
	char reason[160];
	va_list arguments;

	if (device->status & VIRTIO_CONFIG_S_NEEDS_RESET)
		return;
	va_start(arguments, fmt);
	vsnprintf(reason, sizeof(reason), fmt, arguments);
	va_end(arguments);
	if (may_complain(device))
		rh_warn("%s: %s; the device needs a reset by its driver", device->name, reason);
	device->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	if (device->status & VIRTIO_CONFIG_S_DRIVER_OK)
		device->config_changed(device);
}

/* Host address of a part of a ring, or NULL: misaligned, or not wholly in guest RAM. */
static void *queue_map(struct virtio_queue *queue, uint64_t address, uint64_t size,
		       unsigned int align)
{
	if (address % align)
		return NULL;
	return vm_translate(queue->device->vm, address, size);
}

/* Sizes and alignments: 2.8.10.1, and the two event structures of 2.8.14. */
static bool queue_map_packed(struct virtio_queue *queue)
{
	const uint64_t event = sizeof(struct vring_packed_desc_event);

	queue->descriptors = queue_map(queue, queue->descriptor_address,
				       queue->size * sizeof(struct vring_packed_desc), 16);
	queue->available = queue_map(queue, queue->available_address, event, 4);
	queue->used = queue_map(queue, queue->used_address, event, 4);
	return queue->descriptors && queue->available && queue->used;
}

/* Sizes and alignments: 2.7. The last two bytes of the rings are for EVENT_IDX. */
static bool queue_map_split(struct virtio_queue *queue)
{
	uint64_t size = queue->size;

	queue->descriptors = queue_map(queue, queue->descriptor_address,
				       size * sizeof(struct vring_desc), 16);
	queue->available = queue_map(queue, queue->available_address,
				     sizeof(struct vring_avail) + size * 2 + 2, 2);
	queue->used = queue_map(queue, queue->used_address,
				sizeof(struct vring_used) + size * sizeof(struct vring_used_elem) + 2,
				4);
	return queue->descriptors && queue->available && queue->used;
}

static bool queue_map_rings(struct virtio_queue *queue)
{
	return virtio_accepted(queue->device, VIRTIO_F_RING_PACKED) ? queue_map_packed(queue) :
								      queue_map_split(queue);
}

static void virtio_start(struct virtio_device *device)
{
	int err;

	for (unsigned int i = 0; i < device->queue_count; i++) {
		if (device->queues[i].enabled && !queue_map_rings(&device->queues[i])) {
			virtio_break(device, "the driver placed queue %u outside its memory", i);
			return;
		}
	}
	err = device->ops->start(device);
	if (err)
		virtio_break(device, "its queues cannot be started: %s", strerror(-err));
	device->running = !err;
}

static bool virtio_features_fit(const struct virtio_device *device)
{
	return virtio_accepted(device, VIRTIO_F_VERSION_1) &&
	       !(device->accepted & ~device->offered);
}

void virtio_set_status(struct virtio_device *device, uint8_t status)
{
	uint8_t before = device->status;

	if (!status) {
		virtio_reset(device);
		return;
	}
	status |= before;
	if (!(before & VIRTIO_CONFIG_S_FEATURES_OK) && !virtio_features_fit(device))
		status &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!(status & VIRTIO_CONFIG_S_FEATURES_OK))
		status &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	/* NEEDS_RESET is ours alone. */
	device->status = (status & ~VIRTIO_CONFIG_S_NEEDS_RESET) |
			 (before & VIRTIO_CONFIG_S_NEEDS_RESET);
	if (~before & status & VIRTIO_CONFIG_S_DRIVER_OK)
		virtio_start(device);
}

void virtio_accept_features(struct virtio_device *device, uint32_t select, uint32_t features)
{
	unsigned int shift = select * 32;

	if (select > 1 || device->status & VIRTIO_CONFIG_S_FEATURES_OK)
		return;
	device->accepted &= ~(0xffffffffULL << shift);
	device->accepted |= (uint64_t)features << shift;
}

bool virtio_queue_changeable(const struct virtio_queue *queue)
{
	return !queue->enabled && !(queue->device->status & VIRTIO_CONFIG_S_DRIVER_OK);
}

void virtio_set_queue_size(struct virtio_queue *queue, uint16_t size)
{
	/* A packed ring may have any size: 2.8.10.1. */
	bool fits = !(size & (size - 1)) || virtio_accepted(queue->device, VIRTIO_F_RING_PACKED);

	if (size && fits && size <= VIRTIO_QUEUE_SIZE_MAX && virtio_queue_changeable(queue))
		queue->size = size;
}
