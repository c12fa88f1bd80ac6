// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) Receive: packets from the port to the driver.
 *
 *	take a batch of packets from the port -> for each: gather as many of the
 *	driver's buffers as it needs, write header and data, hand them back -> publish
 *	the batch at once
 *
 * It sleeps for one of two reasons (with a vIOMMU the core adds a third, a translation that
 * is missing) and waits for that one only, so neither can keep the other awake:
 *	no packet	kicks stay disabled; the port wakes the queue
 *	no buffer	kicks are enabled; the packets wait in the batch and, behind it, in
 *			the port, which is asked for no more
 * A buffer that was popped for a packet which turned out not to fit is put back, so no
 * packet is lost for lack of buffers, only one that could never fit.
 *
 * Runs in the queue's worker, start and stop in the caller's context, all under the
 * queue's lock. Entry points: rh_rx_start(), rh_rx_stop(), rh_rx_process().
 */
#include <linux/skbuff.h>

#include "net.h"

static struct rh_queue *queue_of(struct rh_net_dev *net)
{
	return &net->queues[RH_NET_RX].queue;
}

/* Returns false when there is no packet to deliver: then the port's wake is armed. */
static bool fill_batch(struct rh_net_dev *net)
{
	struct rh_port *port = net->queues[RH_NET_RX].port;
	struct rh_rx *rx = &net->rx;

	if (rx->first < rx->count)
		return true;
	rx->first = 0;
	rx->count = port->ops->consume(port, rx->batch, RH_NET_BATCH);
	return rx->count;
}

static void put_back(struct rh_net_dev *net)
{
	rh_queue_rewind(queue_of(net), net->rx.mark);
	net->rx.chain_count = 0;
}

/* Hand the gathered chains back with @length bytes spread over them. */
static void push_chains(struct rh_net_dev *net, size_t length)
{
	struct rh_rx *rx = &net->rx;
	unsigned int i;

	for (i = 0; i < rx->chain_count; i++) {
		u32 written = min_t(size_t, length, rx->chains[i].room);

		rh_queue_push(queue_of(net), rx->chains[i].head, written);
		length -= written;
	}
}

/* Whether the packet at hand has all the chains it can ever get. */
static bool has_all_chains(const struct rh_queue *queue, const struct rh_rx *rx)
{
	if (!rh_queue_has_feature(queue, VIRTIO_NET_F_MRG_RXBUF))
		return rx->chain_count;
	return rx->chain_count == RH_RX_CHAINS_MAX || rx->entries >= queue->ring.num;
}

/* Note @chain for the packet at hand; false when there is no space to note it in. */
static bool add_chain(struct rh_net_dev *net, struct rh_chain *chain, size_t wanted)
{
	struct rh_rx *rx = &net->rx;
	unsigned int i;

	if (chain->out_count || !chain->in_count) {
		rh_queue_count(queue_of(net), REJECT_NET_HEADER, 1);
		chain->in_count = 0;
		chain->in_bytes = 0;
	}
	if (chain->in_count > RH_RX_RANGES_MAX - rx->range_count)
		return false;
	/* Mostly it is one: no call for it. */
	for (i = 0; i < chain->in_count; i++)
		rx->ranges[rx->range_count++] = chain->in[i];
	rx->chains[rx->chain_count].head = chain->head;
	rx->chains[rx->chain_count].room = min(chain->in_bytes, wanted);
	rx->chain_count++;
	rx->entries += chain->entries;
	rx->room += chain->in_bytes;
	return true;
}

/* A packet that no number of the driver's chains can take. */
static int give_up(struct rh_net_dev *net)
{
	if (net->rx.room)
		put_back(net);
	else	/* Without a writable byte they would stand in the way for good. */
		push_chains(net, 0);
	return -EMSGSIZE;
}

/*
 * Pop chains with room for @length bytes. Errors: ENOBUFS the driver offers too few now,
 * EMSGSIZE it could never offer enough, others as rh_queue_pop(). None leaves a chain
 * popped.
 */
static int gather(struct rh_net_dev *net, size_t length, struct rh_net_budget *budget)
{
	struct rh_queue *queue = queue_of(net);
	struct rh_rx *rx = &net->rx;
	struct rh_chain chain;
	struct rh_mark before;
	int ret;

	rx->mark = rh_queue_mark(queue);
	rx->chain_count = 0;
	rx->entries = 0;
	rx->range_count = 0;
	rx->room = 0;
	while (rx->room < length) {
		if (has_all_chains(queue, rx))
			return give_up(net);
		before = rh_queue_mark(queue);
		ret = rh_queue_pop(queue, &chain);
		rh_net_budget_charge(budget, 1, 0);
		if (ret <= 0) {
			put_back(net);
			return ret ?: -ENOBUFS;
		}
		if (!add_chain(net, &chain, length - rx->room)) {
			rh_queue_rewind(queue, before);
			return give_up(net);
		}
	}
	return 0;
}

/*
 * A header that says nothing cannot leave a checksum to the driver. Packet sockets hand out
 * packets that want one; cutting up large ones is left to whoever has them sent so.
 */
static int finish_checksum(struct sk_buff *skb)
{
	return skb->ip_summed == CHECKSUM_PARTIAL && !skb_is_gso(skb) ? skb_checksum_help(skb) : 0;
}

/* The header for @skb in the gathered chains; EINVAL for offloads virtio cannot express. */
static int make_header(struct rh_net_dev *net, struct sk_buff *skb,
		       struct virtio_net_hdr_mrg_rxbuf *header)
{
	bool little_endian = virtio_legacy_is_little_endian() ||
			     rh_queue_has_feature(queue_of(net), VIRTIO_F_VERSION_1);

	memset(header, 0, sizeof(*header));
	header->num_buffers = __cpu_to_virtio16(little_endian, net->rx.chain_count);
	if (rh_net_header_is_ours(queue_of(net)))
		return finish_checksum(skb);
	/* No driver negotiated a header with room for a tunnel's. */
	if (skb_is_gso(skb) &&
	    skb_shinfo(skb)->gso_type & (SKB_GSO_UDP_TUNNEL | SKB_GSO_UDP_TUNNEL_CSUM))
		return -EINVAL;
	return virtio_net_hdr_from_skb(skb, &header->hdr, little_endian, true, 0);
}

/*
 * Header and packet to where the chains are. What is copied is an skb's own linear part or a
 * local: there is no doubt what these bytes are part of, so no search for it.
 */
static int copy_packet(struct rh_net_dev *net, struct sk_buff *skb, size_t header_len)
{
	struct virtio_net_hdr_mrg_rxbuf header;
	struct rh_rx *rx = &net->rx;
	struct iov_iter to;
	int err;

	err = make_header(net, skb, &header);
	if (err)
		return err;
	if (rx->range_count == 1)
		iov_iter_ubuf(&to, ITER_DEST, rx->ranges[0].iov_base, rx->room);
	else
		iov_iter_init(&to, ITER_DEST, rx->ranges, rx->range_count, rx->room);
	if (_copy_to_iter(&header, header_len, &to) != header_len)
		return -EFAULT;
	if (skb_is_nonlinear(skb))
		return skb_copy_datagram_iter(skb, 0, &to, skb->len);
	return _copy_to_iter(skb->data, skb->len, &to) == skb->len ? 0 : -EFAULT;
}

static int drop(struct rh_net_dev *net, struct sk_buff **skb)
{
	rh_queue_count(queue_of(net), NET_DROPS, 1);
	kfree_skb(*skb);
	*skb = NULL;
	return 0;
}

/*
 * Deliver one packet, or drop and count it when it cannot be delivered ever: too large,
 * not expressible, or into memory that the owner unmapped (the buffers go back, as
 * with vhost-net); then *@skb is NULL. Errors keep the packet: ENOBUFS no buffers, others as
 * rh_queue_pop().
 */
static int deliver(struct rh_net_dev *net, struct sk_buff **skb, struct rh_net_budget *budget)
{
	size_t header_len = rh_net_header_length(queue_of(net));
	size_t length = header_len + (*skb)->len;
	int err;

	err = gather(net, length, budget);
	if (err == -EMSGSIZE)
		return drop(net, skb);
	if (err)
		return err;
	rh_net_budget_charge(budget, 0, length);
	err = copy_packet(net, *skb, header_len);
	/* Also after an error: who knows how far it got. */
	rh_queue_log_ranges(queue_of(net), net->rx.ranges, net->rx.range_count, length);
	if (err) {
		put_back(net);
		return drop(net, skb);
	}
	push_chains(net, length);
	return 0;
}

/* Free packets that were delivered. All at once: the slabs take them back in bulk. */
static void consume(struct sk_buff **skbs, unsigned int count)
{
	unsigned int i;

	/* The cache that gathers them is this CPU's and the softirqs'. */
	local_bh_disable();
	for (i = 0; i < count; i++)
		napi_consume_skb(skbs[i], 1);
	local_bh_enable();
}

static int deliver_batch(struct rh_net_dev *net, struct rh_net_budget *budget)
{
	struct rh_rx *rx = &net->rx;
	unsigned int begin = rx->first;
	int err = 0;

	while (rx->first < rx->count && !rh_net_budget_spent(budget)) {
		err = deliver(net, &rx->batch[rx->first], budget);
		if (err)
			break;
		rx->first++;
	}
	rh_queue_publish(queue_of(net));
	consume(rx->batch + begin, rx->first - begin);
	return err;
}

/**
 * rh_rx_process - deliver what the port has
 * @net: the device; its receive queue's lock is held
 *
 * Return: true to be run again because the budget is spent.
 */
bool rh_rx_process(struct rh_net_dev *net)
{
	struct rh_queue *queue = queue_of(net);
	struct rh_net_budget budget;
	int err;

	rh_net_budget_init(&budget);
	rh_queue_disable_kick(queue);
	while (!rh_net_budget_spent(&budget)) {
		if (!fill_batch(net))
			return false;
		err = deliver_batch(net, &budget);
		if (!err)
			continue;
		if (err != -ENOBUFS || !rh_queue_enable_kick(queue))
			return false;
		/* Buffers came while kicks were off. */
		rh_queue_disable_kick(queue);
	}
	return true;
}

/**
 * rh_rx_start - take the port
 * @net: the device; its receive queue's lock is held, the queue is about to run
 *
 * Return: 0, or -EBUSY when another queue receives from the port.
 */
int rh_rx_start(struct rh_net_dev *net)
{
	struct rh_port *port = net->queues[RH_NET_RX].port;

	net->rx.first = 0;
	net->rx.count = 0;
	return port->ops->attach(port, rh_net_wake, queue_of(net));
}

/**
 * rh_rx_stop - leave the port, and give back the packets taken from it
 * @net: the device; its receive queue's lock is held, the queue no longer runs
 */
void rh_rx_stop(struct rh_net_dev *net)
{
	struct rh_port *port = net->queues[RH_NET_RX].port;
	struct rh_rx *rx = &net->rx;

	port->ops->detach(port);
	if (rx->first < rx->count)
		port->ops->give_back(port, rx->batch + rx->first, rx->count - rx->first);
}
