// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * One virtqueue: where it lies, which eventfds are its kick (1) and call (5), and
 * what it counted. On the caller's thread. Entry points: ringhost_queue_setup(),
 * ringhost_queue_stats(), ringhost_stat_name().
 */
#include <errno.h>
#include <linux/vhost.h>
#include <string.h>

#include "libringhost.h"
#include "device.h"

static int queue_set_fd(struct ringhost_device *device, unsigned long request, unsigned int index,
			int fd)
{
	struct vhost_vring_file file = { .index = index, .fd = fd };

	return ringhost_ioctl(device, request, &file);
}

static int queue_set_state(struct ringhost_device *device, unsigned long request,
			   unsigned int index, unsigned int num)
{
	struct vhost_vring_state state = { .index = index, .num = num };

	return ringhost_ioctl(device, request, &state);
}

static int queue_set_addresses(struct ringhost_device *device, const struct ringhost_queue *queue)
{
	struct vhost_vring_addr addresses = {
		.index = queue->index,
		.desc_user_addr = (uintptr_t)queue->descriptors,
		.avail_user_addr = (uintptr_t)queue->available,
		.used_user_addr = (uintptr_t)queue->used,
	};

	return ringhost_ioctl(device, VHOST_SET_VRING_ADDR, &addresses);
}

int ringhost_queue_setup(struct ringhost_device *device, const struct ringhost_queue *queue)
{
	unsigned int index = queue->index;
	int err = queue_set_fd(device, VHOST_SET_VRING_CALL, index, queue->call);

	if (!err)
		err = queue_set_fd(device, VHOST_SET_VRING_ERR, index, queue->error);
	if (!err)
		err = queue_set_state(device, VHOST_SET_VRING_NUM, index, queue->size);
	if (!err)
		err = queue_set_state(device, VHOST_SET_VRING_BASE, index, queue->base);
	if (!err)
		err = queue_set_addresses(device, queue);
	if (!err)
		err = queue_set_fd(device, VHOST_SET_VRING_KICK, index, queue->kick);
	return err;
}

int ringhost_get_base(struct ringhost_device *device, unsigned int index, uint32_t *base)
{
	struct vhost_vring_state state = { .index = index };
	int err = ringhost_ioctl(device, VHOST_GET_VRING_BASE, &state);

	if (!err && base)
		*base = state.num;
	return err;
}

int ringhost_queue_stats(struct ringhost_device *device, unsigned int index,
			 uint64_t values[RINGHOST_STAT_COUNT])
{
	struct ringhost_vring_stats stats = {
		.index = index,
		.count = RINGHOST_STAT_COUNT,
		.values = (uintptr_t)values,
	};

	memset(values, 0, RINGHOST_STAT_COUNT * sizeof(values[0]));
	return ringhost_ioctl(device, RINGHOST_GET_VRING_STATS, &stats);
}

#define STAT_NAME(id, name) [RINGHOST_STAT_##id] = #name,

const char *ringhost_stat_name(unsigned int stat)
{
	static const char *const names[] = { RINGHOST_VRING_STATS(STAT_NAME) };

	return stat < RINGHOST_STAT_COUNT ? names[stat] : NULL;
}
