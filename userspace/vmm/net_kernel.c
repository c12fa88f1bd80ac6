// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-net on /dev/ringhost-net over /dev/ringhost-tap: stages (1) to (5) are the
 * kernel's, this file hands the queues over and takes them back. On the loop's
 * thread; entry points: net_kernel_backend.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "kernel_queue.h"
#include "net.h"
#include "tap.h"

/**
 * struct net_kernel - an interface served by ringhost_net
 * @queues: its queues
 * @started: how many of them, counted from 0, may be running
 */
struct net_kernel {
	struct kernel_queues queues;
	unsigned int started;
};

static int net_kernel_open(struct net *net, const char *name)
{
	struct net_kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	if (!kernel)
		return rh_error(-ENOMEM, "out of memory");
	err = kernel_queues_open(&kernel->queues, &net->device, RINGHOST_NODE_NET, "ringhost_net");
	if (err)
		goto free_kernel;
	err = tap_open(RINGHOST_NODE_TAP, name, "load ringhost_tap or use backend=userspace");
	if (err < 0)
		goto close_queues;
	net->tap = err;
	net->backend_features = kernel->queues.features;
	net->state = kernel;
	return 0;

close_queues:
	kernel_queues_close(&kernel->queues);
free_kernel:
	free(kernel);
	return err;
}

static void net_kernel_stop(struct net *net)
{
	struct net_kernel *kernel = net->state;

	while (kernel->started)
		ringhost_net_stop(kernel->queues.handle, --kernel->started, NULL);
}

static int net_kernel_start(struct net *net)
{
	struct net_kernel *kernel = net->state;
	int err = kernel_queues_setup(&kernel->queues);

	for (unsigned int i = 0; i < net->device.queue_count && !err; i++) {
		if (net->device.queues[i].enabled)
			err = ringhost_net_start(kernel->queues.handle, i, net->tap);
		kernel->started = i + 1;
	}
	if (err)
		net_kernel_stop(net);
	return err;
}

static int net_kernel_stats(struct net *net, struct virtio_stats *stats)
{
	struct net_kernel *kernel = net->state;

	return kernel_queues_stats(&kernel->queues, stats);
}

static void net_kernel_close(struct net *net)
{
	struct net_kernel *kernel = net->state;

	kernel_queues_close(&kernel->queues);
	close(net->tap);
	free(kernel);
}

const struct net_backend net_kernel_backend = {
	.open = net_kernel_open,
	.start = net_kernel_start,
	.stop = net_kernel_stop,
	.stats = net_kernel_stats,
	.close = net_kernel_close,
};
