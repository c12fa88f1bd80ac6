// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-net, what both backends share: features, the configuration structure, the
 * tap's offloads. Around stage (3); the data path is in the backends. On the loop's
 * thread; entry points: net_create() and the device's operations.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "err.h"
#include "net.h"
#include "options.h"
#include "tap.h"
#include "vm.h"

/* What the tap does for the backend, by the header that goes with each packet. */
#define NET_TAP_FEATURES \
	(VIRTIO_BIT(VIRTIO_NET_F_CSUM) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM) | \
	 VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO4) | VIRTIO_BIT(VIRTIO_NET_F_HOST_TSO6) | \
	 VIRTIO_BIT(VIRTIO_NET_F_HOST_ECN) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4) | \
	 VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6) | VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN))

/* What net.c does. */
#define NET_CONFIG_FEATURES \
	(VIRTIO_BIT(VIRTIO_NET_F_MAC) | VIRTIO_BIT(VIRTIO_NET_F_STATUS))

/* What the backend must do. */
#define NET_BACKEND_FEATURES (VIRTIO_RING_FEATURES | VIRTIO_BIT(VIRTIO_NET_F_MRG_RXBUF))

static int net_start(struct virtio_device *device)
{
	struct net *net = net_of(device);
	int err = tap_set_offload(net->tap, device->accepted);

	return err ? err : net->backend->start(net);
}

static void net_stop(struct virtio_device *device)
{
	struct net *net = net_of(device);

	net->backend->stop(net);
	tap_set_offload(net->tap, 0);
}

static int net_stats(struct virtio_device *device, struct virtio_stats *stats)
{
	struct net *net = net_of(device);

	return net->backend->stats(net, stats);
}

static void net_destroy(struct virtio_device *device)
{
	struct net *net = net_of(device);

	virtio_exit(device);
	net->backend->close(net);
	free(net);
}

static const struct virtio_device_ops net_ops = {
	.start = net_start,
	.stop = net_stop,
	.stats = net_stats,
	.destroy = net_destroy,
};

/* An address of our own making: unicast, locally administered. */
static int net_choose_mac(uint8_t mac[6])
{
	if (getrandom(mac, 6, 0) != 6)
		return -EIO;
	mac[0] = (mac[0] & ~0x01) | 0x02;
	return 0;
}

static int net_configure(struct net *net, const struct net_options *options)
{
	net->config.status = htole16(VIRTIO_NET_S_LINK_UP);
	net->device.config = &net->config;
	/* The fields of the features offered; the driver must not look further. */
	net->device.config_size = offsetof(struct virtio_net_config, max_virtqueue_pairs);
	if (!options->mac_given)
		return net_choose_mac(net->config.mac);
	memcpy(net->config.mac, options->mac, sizeof(net->config.mac));
	return 0;
}

static int net_init(struct net *net, const struct net_options *options)
{
	int err = net_configure(net, options);

	if (err)
		return rh_error(err, "%s: no random numbers for its address", net->device.name);
	err = virtio_init(&net->device);
	if (err)
		return err;
	err = net->backend->open(net, options->tap);
	if (err) {
		virtio_exit(&net->device);
		return err;
	}
	net->device.offered = NET_TAP_FEATURES | NET_CONFIG_FEATURES |
			      (NET_BACKEND_FEATURES & net->backend_features);
	return 0;
}

int net_create(struct vm *vm, const struct net_options *options, unsigned int index,
	       struct virtio_device **out)
{
	struct net *net = calloc(1, sizeof(*net));
	int err;

	if (!net)
		return rh_error(-ENOMEM, "out of memory");
	net->backend = options->backend == BACKEND_KERNEL ? &net_kernel_backend :
							    &net_user_backend;
	net->device = (struct virtio_device) {
		.ops = &net_ops, .vm = vm, .type = VIRTIO_ID_NET, .queue_count = NET_QUEUES,
	};
	snprintf(net->device.name, sizeof(net->device.name), "net%u", index);
	err = net_init(net, options);
	if (err) {
		free(net);
		return err;
	}
	*out = &net->device;
	return 0;
}
