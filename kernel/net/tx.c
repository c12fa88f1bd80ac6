// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) Transmit: packets from the driver to the port.
 *
 *	pop a batch of chains -> the port builds an skb from each, straight out of the
 *	driver's memory -> they go to the host's network stack, a list of a few at a time ->
 *	the chains go back and are published at once
 *
 * A port that takes messages (socket.c) gets one packet after the other instead.
 *
 * Sleeps with kicks enabled when the ring is empty. The only other thing it waits for, with
 * kicks disabled, is room in a port that takes messages. A packet that cannot be sent
 * (malformed, refused by the port, in memory that the owner unmapped) is counted and its
 * chain completed: it must not stop the packets behind it. vhost-net does the same with what
 * its socket refuses.
 *
 * Runs in the queue's worker under the queue's lock. Entry points: rh_tx_process(),
 * rh_tx_start(), rh_tx_stop().
 */
#include <linux/err.h>

#include "net.h"

/*
 * Have @from be what the port is to get of a chain. Returns how long a header it begins with, or
 * EINVAL, having counted why, for what is not a packet.
 */
static int find_packet(struct rh_net_queue *tx, const struct rh_chain *chain,
		       struct iov_iter *from)
{
	size_t header_len = rh_net_header_length(&tx->queue);

	if (chain->in_count || chain->out_bytes <= header_len) {
		rh_queue_count(&tx->queue, REJECT_NET_HEADER, 1);
		return -EINVAL;
	}
	if (chain->out_count == 1)
		iov_iter_ubuf(from, ITER_SOURCE, chain->out->iov_base, chain->out_bytes);
	else
		iov_iter_init(from, ITER_SOURCE, chain->out, chain->out_count, chain->out_bytes);
	if (!rh_net_header_is_ours(&tx->queue))
		return header_len;
	iov_iter_advance(from, header_len);
	return 0;
}

/* Returns NULL, having counted why, for what is not a packet. */
static struct sk_buff *build_packet(struct rh_net_queue *tx, const struct rh_chain *chain)
{
	struct iov_iter from;
	struct sk_buff *skb;
	int header_len;

	header_len = find_packet(tx, chain, &from);
	if (header_len < 0)
		return NULL;
	skb = tx->port->ops->build(tx->port, &from, header_len, tx->queue.ring.little_endian);
	if (IS_ERR(skb)) {
		rh_queue_count(&tx->queue, REJECT_NET_PACKET, 1);
		return NULL;
	}
	return skb;
}

static void inject(struct rh_net_queue *tx, struct sk_buff **skbs, unsigned int count)
{
	if (count)
		tx->port->ops->inject(tx->port, skbs, count);
}

/* As rh_queue_pop(): positive when there may be more, 0 when the ring is empty. */
static int send_batch(struct rh_net_queue *tx, struct rh_net_budget *budget)
{
	struct sk_buff *skbs[RH_TX_INJECT], *skb;
	unsigned int n, count = 0;
	struct rh_chain chain;
	size_t bytes = 0;
	int ret = 1;

	for (n = 0; n < RH_NET_BATCH; n++) {
		ret = rh_queue_pop(&tx->queue, &chain);
		if (ret <= 0)
			break;
		skb = build_packet(tx, &chain);
		if (skb)
			skbs[count++] = skb;
		rh_queue_push(&tx->queue, chain.head, 0);
		bytes += chain.out_bytes;
		if (count == RH_TX_INJECT) {
			inject(tx, skbs, count);
			count = 0;
		}
	}
	rh_net_budget_charge(budget, n + 1, bytes);
	inject(tx, skbs, count);
	rh_queue_publish(&tx->queue);
	return ret;
}

/* One message; returns false if the port has no room for it. */
static bool send_packet(struct rh_net_queue *tx, const struct rh_chain *chain)
{
	struct iov_iter from;
	int header_len, err;

	header_len = find_packet(tx, chain, &from);
	if (header_len < 0)
		return true;
	err = tx->port->ops->send(tx->port, &from, header_len, tx->queue.ring.little_endian);
	if (err && err != -EAGAIN)
		rh_queue_count(&tx->queue, REJECT_NET_PACKET, 1);
	return err != -EAGAIN;
}

/* As send_batch(), to a port that takes messages; also EAGAIN: its wake is armed. */
static int send_messages(struct rh_net_queue *tx, struct rh_net_budget *budget)
{
	struct rh_chain chain;
	struct rh_mark before;
	bool sent = true;
	size_t bytes = 0;
	unsigned int n;
	int ret = 1;

	for (n = 0; n < RH_NET_BATCH && sent; n++) {
		before = rh_queue_mark(&tx->queue);
		ret = rh_queue_pop(&tx->queue, &chain);
		if (ret <= 0)
			break;
		sent = send_packet(tx, &chain);
		if (sent)
			rh_queue_push(&tx->queue, chain.head, 0);
		else
			rh_queue_rewind(&tx->queue, before);
		bytes += chain.out_bytes;
	}
	rh_net_budget_charge(budget, n + 1, bytes);
	rh_queue_count(&tx->queue, REJECT_NET_PACKET, tx->port->ops->flush(tx->port));
	rh_queue_publish(&tx->queue);
	return sent || tx->port->ops->await_room(tx->port) ? ret : -EAGAIN;
}

/**
 * rh_tx_start - have the port say when it has room again, if it can be without
 * @net: the device; its transmit queue's lock is held, the queue is about to run
 *
 * Return: 0, or -EBADFD when the port is a tun without an interface.
 */
int rh_tx_start(struct rh_net_dev *net)
{
	struct rh_net_queue *tx = &net->queues[RH_NET_TX];

	return tx->port->ops->send ? tx->port->ops->attach(tx->port, rh_net_wake, &tx->queue) : 0;
}

/**
 * rh_tx_stop - undo rh_tx_start()
 * @net: the device; its transmit queue's lock is held, the queue no longer runs
 */
void rh_tx_stop(struct rh_net_dev *net)
{
	struct rh_net_queue *tx = &net->queues[RH_NET_TX];

	if (tx->port->ops->send)
		tx->port->ops->detach(tx->port);
}

/**
 * rh_tx_process - send what the driver has queued
 * @net: the device; its transmit queue's lock is held
 *
 * Return: true to be run again because the budget is spent.
 */
bool rh_tx_process(struct rh_net_dev *net)
{
	struct rh_net_queue *tx = &net->queues[RH_NET_TX];
	struct rh_net_budget budget;
	int ret;

	rh_net_budget_init(&budget);
	rh_queue_disable_kick(&tx->queue);
	while (!rh_net_budget_spent(&budget)) {
		ret = tx->port->ops->send ? send_messages(tx, &budget) : send_batch(tx, &budget);
		if (ret < 0)
			return false;
		if (ret)
			continue;
		if (!rh_queue_enable_kick(&tx->queue))
			return false;
		/* Chains came while kicks were off. */
		rh_queue_disable_kick(&tx->queue);
	}
	return true;
}
