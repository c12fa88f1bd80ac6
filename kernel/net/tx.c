// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) Transmit: packets from the driver to the port.
 *
 *	pop a batch of chains -> the port builds an skb from each, straight out of the
 *	driver's memory -> they go to the host's network stack, a list of a few at a time ->
 *	the chains go back and are published at once
 *
 * Sleeps with kicks enabled when the ring is empty; nothing else makes it wait. A
 * packet that cannot be sent (malformed, refused by the port, in memory that the owner
 * unmapped) is counted and its chain completed: it must not stop the packets behind
 * it. vhost-net does the same with what its socket refuses.
 *
 * Runs in the queue's worker under the queue's lock. Entry point: rh_tx_process().
 */
#include <linux/err.h>

#include "net.h"

/* Returns NULL, having counted why, for what is not a packet. */
static struct sk_buff *build_packet(struct rh_net_queue *tx, const struct rh_chain *chain)
{
	size_t header_len = rh_net_header_length(&tx->queue);
	struct iov_iter from;
	struct sk_buff *skb;

	if (chain->in_count || chain->out_bytes <= header_len) {
		rh_queue_count(&tx->queue, REJECT_NET_HEADER, 1);
		return NULL;
	}
	iov_iter_init(&from, ITER_SOURCE, chain->out, chain->out_count, chain->out_bytes);
	if (rh_net_header_is_ours(&tx->queue)) {
		iov_iter_advance(&from, header_len);
		header_len = 0;
	}
	skb = tx->port->ops->build(tx->port, &from, header_len, tx->queue.ring.little_endian);
	if (IS_ERR(skb)) {
		rh_queue_count(&tx->queue, REJECT_NET_PACKET, 1);
		return NULL;
	}
	return skb;
}

static void inject(struct rh_net_queue *tx, struct list_head *skbs)
{
	if (list_empty(skbs))
		return;
	tx->port->ops->inject(tx->port, skbs);
	INIT_LIST_HEAD(skbs);
}

/* As rh_queue_pop(): positive when there may be more, 0 when the ring is empty. */
static int send_batch(struct rh_net_queue *tx, struct rh_net_budget *budget)
{
	struct rh_chain chain;
	struct sk_buff *skb;
	LIST_HEAD(skbs);
	size_t bytes = 0;
	unsigned int n;
	int ret = 1;

	for (n = 0; n < RH_NET_BATCH; n++) {
		ret = rh_queue_pop(&tx->queue, &chain);
		if (ret <= 0)
			break;
		skb = build_packet(tx, &chain);
		if (skb)
			list_add_tail(&skb->list, &skbs);
		rh_queue_push(&tx->queue, chain.head, 0);
		bytes += chain.out_bytes;
		if (n % RH_TX_INJECT == RH_TX_INJECT - 1)
			inject(tx, &skbs);
	}
	rh_net_budget_charge(budget, n + 1, bytes);
	inject(tx, &skbs);
	rh_queue_publish(&tx->queue);
	return ret;
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
		ret = send_batch(tx, &budget);
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
