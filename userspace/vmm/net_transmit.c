// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmitting on the event loop. Stages (2) to (4): chains of the transmit queue become
 * writes straight out of guest memory, submitted together once per turn of the loop. On
 * the loop's thread; entry points: net_transmit_run(), packet_done().
 *
 * Writes may end in any order. Their chains go back in the order they came in, which is
 * what IN_ORDER promises. No write waits: a tap whose send buffer is full would hold up the
 * others, and a reset, for as long as it likes, so it loses the packet instead.
 */
#include <sys/uio.h>

#include "iov.h"
#include "net.h"
#include "net_transmit.h"
#include "util.h"
#include "vm.h"

static struct packet *packet_at(struct net_transmit *transmit, unsigned int index)
{
	return &transmit->packets[(transmit->first + index) % NET_PACKETS_MAX];
}

/* A driver is not told whether its packet was sent. */
static void give_back(struct net_transmit *transmit)
{
	while (transmit->count && packet_at(transmit, 0)->done) {
		virtqueue_push(&transmit->queue.ring, &packet_at(transmit, 0)->chain, 0);
		transmit->first = (transmit->first + 1) % NET_PACKETS_MAX;
		transmit->count--;
	}
}

/* The one place where a packet ends. */
static void packet_complete(struct packet *packet, bool sent)
{
	if (!sent)
		packet->transmit->refused++;
	packet->done = true;
	give_back(packet->transmit);
}

static void packet_done(struct loop_op *op, int result)
{
	struct packet *packet = container_of(op, struct packet, op);

	packet->transmit->in_flight--;
	packet_complete(packet, result >= 0);
	user_queue_schedule(&packet->transmit->queue);
}

static void packet_start(struct packet *packet)
{
	struct net_transmit *transmit = packet->transmit;
	struct virtqueue_chain *chain = &packet->chain;
	struct iov iov = { chain->iov, chain->readable };

	packet->done = false;
	if (chain->writable || iov_bytes(&iov) <= TAP_HEADER_SIZE ||
	    loop_writev(transmit->net->device.vm->loop, &packet->op, transmit->tap, iov.entries,
			iov.count, 0, RWF_NOWAIT))
		packet_complete(packet, false);
	else
		transmit->in_flight++;
}

static void net_transmit_run(struct user_queue *queue)
{
	struct net_transmit *transmit = container_of(queue, struct net_transmit, queue);
	unsigned int budget = USER_QUEUE_BUDGET;

	while (transmit->count < NET_PACKETS_MAX &&
	       user_queue_next(queue, &packet_at(transmit, transmit->count)->chain, &budget))
		packet_start(packet_at(transmit, transmit->count++));
}

void net_transmit_init(struct net_transmit *transmit, struct net *net, unsigned int pair)
{
	transmit->net = net;
	transmit->tap = net->tap.fds[pair];
	user_queue_init(&transmit->queue, net_queue(net, pair, NET_TRANSMIT), net_transmit_run);
	for (unsigned int i = 0; i < NET_PACKETS_MAX; i++) {
		transmit->packets[i].transmit = transmit;
		transmit->packets[i].op.done = packet_done;
	}
}

int net_transmit_start(struct net_transmit *transmit)
{
	transmit->first = 0;
	transmit->count = 0;
	return user_queue_start(&transmit->queue);
}

static bool net_transmit_drained(void *argument)
{
	struct net_transmit *transmit = argument;

	return !transmit->in_flight;
}

void net_transmit_stop(struct net_transmit *transmit)
{
	user_queue_stop(&transmit->queue);
	loop_wait(transmit->net->device.vm->loop, net_transmit_drained, transmit);
}
