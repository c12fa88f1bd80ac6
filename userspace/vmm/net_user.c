// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-net on the event loop over a stock tap: the pairs of queues, each of a receiving
 * half (net_receive.c) and a transmitting one (net_transmit.c). Around stages (2) to (4),
 * on the loop's thread; entry points: net_user_backend.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "err.h"
#include "net.h"
#include "net_receive.h"
#include "net_transmit.h"

/**
 * struct net_user_pair - one pair of queues
 * @receive: its receiving half
 * @transmit: its transmitting half
 */
struct net_user_pair {
	struct net_receive receive;
	struct net_transmit transmit;
};

/**
 * struct net_user - an interface served by the event loop
 * @count: how many pairs
 * @pairs: the pairs
 */
struct net_user {
	unsigned int count;
	struct net_user_pair pairs[];
};

static struct net_user *user_of(struct net *net)
{
	return net->state;
}

static int net_user_open(struct net *net, const char *name)
{
	struct net_user *user = calloc(1, sizeof(*user) + net->pairs * sizeof(user->pairs[0]));
	int err;

	if (!user)
		return rh_error(-ENOMEM, "out of memory");
	err = tap_open(&net->tap, TAP_NODE_STOCK, name, net->pairs, "load tun");
	if (err) {
		free(user);
		return err;
	}
	net->backend_features = ~0ULL;
	net->state = user;
	for (; user->count < net->pairs; user->count++) {
		struct net_user_pair *pair = &user->pairs[user->count];

		net_receive_init(&pair->receive, net, user->count);
		net_transmit_init(&pair->transmit, net, user->count);
	}
	return 0;
}

static void net_user_stop(struct net *net)
{
	struct net_user *user = user_of(net);

	for (unsigned int i = 0; i < user->count; i++) {
		net_receive_stop(&user->pairs[i].receive);
		net_transmit_stop(&user->pairs[i].transmit);
	}
}

static int net_user_start_pair(struct net *net, unsigned int index)
{
	struct net_user_pair *pair = &user_of(net)->pairs[index];
	int err = 0;

	if (net_queue(net, index, NET_RECEIVE)->enabled)
		err = net_receive_start(&pair->receive);
	if (!err && net_queue(net, index, NET_TRANSMIT)->enabled)
		err = net_transmit_start(&pair->transmit);
	return err;
}

/* Have the pairs watch the queues of the tap that are in use, and no others. */
static int net_user_listen(struct net *net, unsigned int pairs)
{
	struct net_user *user = user_of(net);
	int err = 0;

	for (unsigned int i = 0; i < user->count && !err; i++)
		err = net_receive_listen(&user->pairs[i].receive, i < pairs);
	return err;
}

static int net_user_start(struct net *net)
{
	int err = 0;

	for (unsigned int i = 0; i < net->active && !err; i++)
		err = net_user_start_pair(net, i);
	if (!err)
		err = net_user_listen(net, net->tap.used);
	if (err)
		net_user_stop(net);
	return err;
}

/* A queue out of use is an error to poll for: it is not watched before and afterwards. */
static int net_user_use_pairs(struct net *net, unsigned int pairs)
{
	int err = net_user_listen(net, pairs < net->tap.used ? pairs : net->tap.used);
	int listen_err;

	if (!err)
		err = tap_use_queues(&net->tap, pairs);
	listen_err = net_user_listen(net, net->tap.used);
	return err ? err : listen_err;
}

static void net_user_pair_stats(struct net *net, unsigned int index, struct virtio_stats *stats)
{
	struct net_user_pair *pair = &user_of(net)->pairs[index];
	const char *name = net->device.name;

	user_queue_stats(&pair->receive.queue, stats);
	fprintf(stats->out, "%s.queue%u.net_drops %" PRIu64 "\n", name,
		pair->receive.queue.queue->index, pair->receive.drops);
	user_queue_stats(&pair->transmit.queue, stats);
	fprintf(stats->out, "%s.queue%u.reject_net_packet %" PRIu64 "\n", name,
		pair->transmit.queue.queue->index, pair->transmit.refused);
}

static int net_user_stats(struct net *net, struct virtio_stats *stats)
{
	for (unsigned int i = 0; i < user_of(net)->count; i++)
		net_user_pair_stats(net, i, stats);
	return 0;
}

static void net_user_close(struct net *net)
{
	tap_close(&net->tap);
	free(net->state);
}

const struct net_backend net_user_backend = {
	.open = net_user_open,
	.start = net_user_start,
	.use_pairs = net_user_use_pairs,
	.stop = net_user_stop,
	.stats = net_user_stats,
	.close = net_user_close,
};
