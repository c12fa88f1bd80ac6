// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-net, what both backends share: features, the configuration structure, the
 * tap's offloads, the control queue. Around stage (3); the data path is in the backends. On the loop's
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
	int err;

	net->active = virtio_accepted(device, VIRTIO_NET_F_MQ) ? net->pairs : 1;
	err = tap_set_offload(&net->tap, device->accepted);
	if (!err)
		err = net_control_start(&net->control, net);
	if (err)
		return err;
	err = net->backend->start(net);
	if (err)
		net_control_stop(&net->control);
	return err;
}

/* A new driver begins with one pair: 5.1.5. */
static void net_stop(struct virtio_device *device)
{
	struct net *net = net_of(device);

	net_control_stop(&net->control);
	net->backend->stop(net);
	tap_use_queues(&net->tap, 1);
	tap_set_offload(&net->tap, 0);
}

static int net_stats(struct virtio_device *device, struct virtio_stats *stats)
{
	struct net *net = net_of(device);

	net_control_stats(&net->control, stats);
	return net->backend->stats(net, stats);
}

/* The driver answers with VIRTIO_NET_CTRL_ANNOUNCE_ACK: 5.1.6.5.4. */
static void net_announce(struct virtio_device *device)
{
	if (!device->running || !virtio_accepted(device, VIRTIO_NET_F_GUEST_ANNOUNCE))
		return;
	net_of(device)->config.status |= htole16(VIRTIO_NET_S_ANNOUNCE);
	device->config_changed(device);
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
	.announce = net_announce,
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
	int err = 0;

	net->config.status = htole16(VIRTIO_NET_S_LINK_UP);
	net->config.max_virtqueue_pairs = htole16(net->pairs);
	net->device.config = &net->config;
	/* The fields of the features offered; the driver must not look further. */
	net->device.config_size = net->pairs > 1 ?
				  offsetof(struct virtio_net_config, mtu) :
				  offsetof(struct virtio_net_config, max_virtqueue_pairs);
	if (!options->mac_given)
		err = net_choose_mac(net->mac);
	else
		memcpy(net->mac, options->mac, sizeof(net->mac));
	memcpy(net->config.mac, net->mac, sizeof(net->mac));
	return err;
}

/* What the user asked for and who moves the packets has to have. */
static int net_ring_features(struct net *net, const struct net_options *options,
			     uint64_t *features)
{
	*features = 0;
	if (options->packed)
		*features |= VIRTIO_BIT(VIRTIO_F_RING_PACKED);
	if (options->in_order)
		*features |= VIRTIO_BIT(VIRTIO_F_IN_ORDER);
	if (*features & ~net->backend_features)
		return rh_error(-EOPNOTSUPP, "%s: its backend has no %s", net->device.name,
				*features & ~net->backend_features &
				VIRTIO_BIT(VIRTIO_F_RING_PACKED) ? "packed rings" : "use in order");
	return 0;
}

static int net_offer(struct net *net, const struct net_options *options)
{
	uint64_t rings;
	int err = net_ring_features(net, options, &rings);

	if (!err)
		net->device.offered = NET_TAP_FEATURES | NET_CONFIG_FEATURES | rings |
				      net_control_features(net->pairs) |
				      (NET_BACKEND_FEATURES & net->backend_features);
	return err;
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
	if (err)
		goto exit_device;
	err = net_offer(net, options);
	if (err)
		goto close_backend;
	return 0;

close_backend:
	net->backend->close(net);
exit_device:
	virtio_exit(&net->device);
	return err;
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
	net->pairs = options->pairs;
	net->control.net = net;
	net->device = (struct virtio_device) {
		.ops = &net_ops, .vm = vm, .type = VIRTIO_ID_NET,
		.queue_count = net->pairs * NET_PAIR + 1,
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
