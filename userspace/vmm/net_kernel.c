// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-net on /dev/ringhost-net over /dev/ringhost-tap: stages (1) to (5) are the
 * kernel's, this file hands the queues over and takes them back, each pair by a node of
 * its own, which is how any client of vhost-net does it. On the loop's thread; entry points: net_kernel_backend.
 */
#include <errno.h>
#include <stdlib.h>

#include "err.h"
#include "kernel_queue.h"
#include "net.h"
#include "tap.h"

/**
 * struct net_kernel_pair - a pair of queues served by ringhost_net
 * @queues: the pair, which has a node of its own
 * @started: how many of them, counted from 0, may be running
 */
struct net_kernel_pair {
	struct kernel_queues queues;
	unsigned int started;
};

/**
 * struct net_kernel - an interface served by ringhost_net
 * @count: pairs that are open
 * @pairs: the pairs
 */
struct net_kernel {
	unsigned int count;
	struct net_kernel_pair pairs[TAP_QUEUES_MAX];
};

static void net_kernel_close_pairs(struct net_kernel *kernel)
{
	while (kernel->count)
		kernel_queues_close(&kernel->pairs[--kernel->count].queues);
}

static int net_kernel_open_pairs(struct net *net, struct net_kernel *kernel)
{
	for (; kernel->count < net->pairs; kernel->count++) {
		int err = kernel_queues_open(&kernel->pairs[kernel->count].queues, &net->device,
					     kernel->count * NET_PAIR, NET_PAIR,
					     RINGHOST_NODE_NET, "ringhost_net");

		if (err)
			return err;
	}
	return 0;
}

static int net_kernel_open(struct net *net, const char *name)
{
	struct net_kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	if (!kernel)
		return rh_error(-ENOMEM, "out of memory");
	err = net_kernel_open_pairs(net, kernel);
	if (!err)
		err = tap_open(&net->tap, RINGHOST_NODE_TAP, name, net->pairs,
			       "load ringhost_tap or use backend=userspace");
	if (err) {
		net_kernel_close_pairs(kernel);
		free(kernel);
		return err;
	}
	net->backend_features = kernel->pairs[0].queues.features;
	net->state = kernel;
	return 0;
}

static void net_kernel_stop(struct net *net)
{
	struct net_kernel *kernel = net->state;

	for (unsigned int i = 0; i < kernel->count; i++) {
		struct net_kernel_pair *pair = &kernel->pairs[i];

		while (pair->started)
			ringhost_net_stop(pair->queues.handle, --pair->started, NULL);
	}
}

static int net_kernel_start_pair(struct net_kernel_pair *pair, int tap)
{
	int err = kernel_queues_setup(&pair->queues);

	for (unsigned int i = 0; i < NET_PAIR && !err; i++) {
		if (kernel_queue_of(&pair->queues, i)->enabled)
			err = ringhost_net_start(pair->queues.handle, i, tap);
		pair->started = i + 1;
	}
	return err;
}

static int net_kernel_start(struct net *net)
{
	struct net_kernel *kernel = net->state;
	int err = 0;

	for (unsigned int i = 0; i < net->active && !err; i++)
		err = net_kernel_start_pair(&kernel->pairs[i], net->tap.fds[i]);
	if (err)
		net_kernel_stop(net);
	return err;
}

/* Its queues run on: without packets from the tap they have nothing to do. */
static int net_kernel_use_pairs(struct net *net, unsigned int pairs)
{
	return tap_use_queues(&net->tap, pairs);
}

static int net_kernel_stats(struct net *net, struct virtio_stats *stats)
{
	struct net_kernel *kernel = net->state;
	int err = 0;

	for (unsigned int i = 0; i < kernel->count && !err; i++)
		err = kernel_queues_stats(&kernel->pairs[i].queues, stats);
	return err;
}

static void net_kernel_close(struct net *net)
{
	struct net_kernel *kernel = net->state;

	net_kernel_close_pairs(kernel);
	tap_close(&net->tap);
	free(kernel);
}

const struct net_backend net_kernel_backend = {
	.open = net_kernel_open,
	.start = net_kernel_start,
	.use_pairs = net_kernel_use_pairs,
	.stop = net_kernel_stop,
	.stats = net_kernel_stats,
	.close = net_kernel_close,
};
