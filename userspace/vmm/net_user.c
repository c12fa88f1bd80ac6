// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-net on the event loop over a stock tap. Stages (2) to (4): chains of the
 * transmit queue become writes straight out of guest memory, submitted together
 * once per turn of the loop; receiving is in net_receive.c. On the loop's thread;
 * entry points: net_user_backend, net_transmit_run(), packet_done().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "err.h"
#include "iov.h"
#include "net.h"
#include "net_receive.h"
#include "tap.h"
#include "util.h"
#include "vm.h"

/* Packets submitted together. */
#define PACKETS_MAX 64

/**
 * struct packet - one packet being sent
 * @op: its write
 * @user: its interface
 * @next: free list
 * @chain: where the driver put it
 */
struct packet {
	struct loop_op op;
	struct net_user *user;
	struct packet *next;
	struct virtqueue_chain chain;
};

/**
 * struct net_user - an interface served by the event loop
 * @net: the interface
 * @receive: the receiving half
 * @transmit: transmit queue
 * @free: packets not in use
 * @in_flight: packets in the kernel's hands
 * @refused: packets that were malformed or that the tap did not take
 * @packets: all of them
 */
struct net_user {
	struct net *net;
	struct net_receive receive;
	struct user_queue transmit;
	struct packet *free;
	unsigned int in_flight;
	uint64_t refused;
	struct packet packets[PACKETS_MAX];
};

static struct net_user *user_of(struct net *net)
{
	return net->state;
}

static void packet_put(struct packet *packet)
{
	packet->next = packet->user->free;
	packet->user->free = packet;
}

/* The one place where a packet ends. A driver is not told whether it was sent. */
static void packet_complete(struct packet *packet, bool sent)
{
	struct net_user *user = packet->user;

	if (!sent)
		user->refused++;
	virtqueue_push(&user->transmit.ring, packet->chain.head, 0);
	packet_put(packet);
}

static void packet_done(struct loop_op *op, int result)
{
	struct packet *packet = container_of(op, struct packet, op);

	packet->user->in_flight--;
	packet_complete(packet, result >= 0);
	user_queue_schedule(&packet->user->transmit);
}

static void packet_start(struct packet *packet)
{
	struct net_user *user = packet->user;
	struct virtqueue_chain *chain = &packet->chain;
	struct iov iov = { chain->iov, chain->readable };

	if (chain->writable || iov_bytes(&iov) <= TAP_HEADER_SIZE ||
	    loop_writev(user->net->device.vm->loop, &packet->op, user->net->tap, iov.entries,
			iov.count, 0, 0))
		packet_complete(packet, false);
	else
		user->in_flight++;
}

static void net_transmit_run(struct user_queue *queue)
{
	struct net_user *user = container_of(queue, struct net_user, transmit);
	unsigned int budget = USER_QUEUE_BUDGET;

	while (user->free && user_queue_next(queue, &user->free->chain, &budget)) {
		struct packet *packet = user->free;

		user->free = packet->next;
		packet_start(packet);
	}
}

static int net_user_open(struct net *net, const char *name)
{
	struct net_user *user = calloc(1, sizeof(*user));
	int fd;

	if (!user)
		return rh_error(-ENOMEM, "out of memory");
	fd = tap_open(TAP_NODE_STOCK, name, "load tun");
	if (fd < 0) {
		free(user);
		return fd;
	}
	net->tap = fd;
	net->backend_features = ~0ULL;
	net->state = user;
	user->net = net;
	net_receive_init(&user->receive, net);
	user_queue_init(&user->transmit, &net->device.queues[NET_TRANSMIT], net_transmit_run);
	for (unsigned int i = 0; i < PACKETS_MAX; i++) {
		user->packets[i].user = user;
		user->packets[i].op.done = packet_done;
		packet_put(&user->packets[i]);
	}
	return 0;
}

static bool net_user_drained(void *argument)
{
	struct net_user *user = argument;

	return !user->in_flight;
}

static void net_user_stop(struct net *net)
{
	struct net_user *user = user_of(net);

	net_receive_stop(&user->receive);
	user_queue_stop(&user->transmit);
	loop_wait(net->device.vm->loop, net_user_drained, user);
}

static int net_user_start(struct net *net)
{
	struct net_user *user = user_of(net);
	int err = 0;

	if (net->device.queues[NET_RECEIVE].enabled)
		err = net_receive_start(&user->receive);
	if (!err && net->device.queues[NET_TRANSMIT].enabled)
		err = user_queue_start(&user->transmit);
	if (err)
		net_user_stop(net);
	return err;
}

static int net_user_stats(struct net *net, struct virtio_stats *stats)
{
	struct net_user *user = user_of(net);
	const char *name = net->device.name;

	user_queue_stats(&user->receive.queue, stats);
	fprintf(stats->out, "%s.queue%d.net_drops %" PRIu64 "\n", name, NET_RECEIVE,
		user->receive.drops);
	user_queue_stats(&user->transmit, stats);
	fprintf(stats->out, "%s.queue%d.reject_net_packet %" PRIu64 "\n", name, NET_TRANSMIT,
		user->refused);
	return 0;
}

static void net_user_close(struct net *net)
{
	close(net->tap);
	free(net->state);
}

const struct net_backend net_user_backend = {
	.open = net_user_open,
	.start = net_user_start,
	.stop = net_user_stop,
	.stats = net_user_stats,
	.close = net_user_close,
};
