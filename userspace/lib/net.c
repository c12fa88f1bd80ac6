// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Stage (3), network: connect queues to a port. On the caller's thread. Entry
 * points: ringhost_net_start(), ringhost_net_stop().
 */
#include <linux/vhost.h>

#include "libringhost.h"
#include "device.h"

static int net_set_backend(struct ringhost_device *device, unsigned int index, int port)
{
	struct vhost_vring_file file = { .index = index, .fd = port };

	return ringhost_ioctl(device, VHOST_NET_SET_BACKEND, &file);
}

int ringhost_net_start(struct ringhost_device *device, unsigned int index, int port)
{
	return net_set_backend(device, index, port);
}

int ringhost_net_stop(struct ringhost_device *device, unsigned int index, uint32_t *base)
{
	int err = net_set_backend(device, index, VHOST_FILE_UNBIND);

	return err ? err : ringhost_get_base(device, index, base);
}
