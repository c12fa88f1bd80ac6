// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The device node: owner, features, memory. Set-up of stages (1) to (5), on the
 * caller's thread. Entry points: ringhost_open(), ringhost_close(),
 * ringhost_get_features(), ringhost_set_features(), ringhost_set_memory().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libringhost.h"
#include "device.h"

int ringhost_ioctl(struct ringhost_device *device, unsigned long request, void *argument)
{
	return ioctl(device->fd, request, argument) < 0 ? -errno : 0;
}

int ringhost_open(const char *node, struct ringhost_device **out)
{
	struct ringhost_device *device = malloc(sizeof(*device));
	int err;

	if (!device)
		return -ENOMEM;
	device->fd = open(node, O_RDWR | O_CLOEXEC);
	if (device->fd < 0) {
		err = -errno;
		goto free_device;
	}
	err = ringhost_ioctl(device, VHOST_SET_OWNER, NULL);
	if (err)
		goto close_fd;
	*out = device;
	return 0;

close_fd:
	close(device->fd);
free_device:
	free(device);
	return err;
}

void ringhost_close(struct ringhost_device *device)
{
	if (!device)
		return;
	close(device->fd);
	free(device);
}

int ringhost_get_features(struct ringhost_device *device, uint64_t *features)
{
	__u64 offered;
	int err = ringhost_ioctl(device, VHOST_GET_FEATURES, &offered);

	if (!err)
		*features = offered;
	return err;
}

int ringhost_set_features(struct ringhost_device *device, uint64_t features)
{
	__u64 accepted = features;

	return ringhost_ioctl(device, VHOST_SET_FEATURES, &accepted);
}

int ringhost_set_memory(struct ringhost_device *device, const struct ringhost_region *regions,
			size_t count)
{
	struct vhost_memory *table;
	int err;

	/* More than the kernel ever takes; keeps the size below from wrapping. */
	if (count > UINT16_MAX)
		return -E2BIG;
	table = calloc(1, sizeof(*table) + count * sizeof(table->regions[0]));
	if (!table)
		return -ENOMEM;
	table->nregions = count;
	for (size_t i = 0; i < count; i++) {
		table->regions[i].guest_phys_addr = regions[i].guest;
		table->regions[i].memory_size = regions[i].size;
		table->regions[i].userspace_addr = (uintptr_t)regions[i].host;
	}
	err = ringhost_ioctl(device, VHOST_SET_MEM_TABLE, table);
	free(table);
	return err;
}
