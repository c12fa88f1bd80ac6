// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Stage (3), block: connect queues to a disk. On the caller's thread. Entry
 * points: ringhost_blk_set_disk(), ringhost_blk_get_limits(), ringhost_blk_start(),
 * ringhost_blk_stop().
 */
#include <linux/vhost.h>
#include <string.h>

#include "libringhost.h"
#include "device.h"

int ringhost_blk_set_disk(struct ringhost_device *device, int fd, uint32_t flags,
			  const char *serial)
{
	struct ringhost_blk_disk disk = { .fd = fd, .flags = flags };

	if (serial)
		memcpy(disk.serial, serial, strnlen(serial, sizeof(disk.serial)));
	return ringhost_ioctl(device, RINGHOST_BLK_SET_DISK, &disk);
}

int ringhost_blk_get_limits(struct ringhost_device *device, struct ringhost_blk_limits *limits)
{
	return ringhost_ioctl(device, RINGHOST_BLK_GET_LIMITS, limits);
}

static int blk_enable(struct ringhost_device *device, unsigned int index, unsigned int enable)
{
	struct vhost_vring_state state = { .index = index, .num = enable };

	return ringhost_ioctl(device, RINGHOST_SET_VRING_ENABLE, &state);
}

int ringhost_blk_start(struct ringhost_device *device, unsigned int index)
{
	return blk_enable(device, index, 1);
}

int ringhost_blk_stop(struct ringhost_device *device, unsigned int index, uint32_t *base)
{
	int err = blk_enable(device, index, 0);

	return err ? err : ringhost_get_base(device, index, base);
}
