// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets laid out in memory as their writer's segments are (IFF_NAPI_FRAGS), stage (3): the
 * first in the linear part, each further one in a fragment of its own. So an administrator
 * can show the stack every layout that a network card could make of a packet.
 *
 * rh_tap_segments_copy() runs in the writer's process context and may sleep on user memory,
 * rh_tap_segments_receive() in softirq context by whoever owns the NAPI instance. Entry
 * points: these two.
 */
#include "header.h"
#include "tap.h"

/* Longest packet, as in tun. */
#define LENGTH_MAX (ETH_MAX_MTU - RH_TAP_HEADROOM)

/* Room for one segment of its own. Returns 0; -EINVAL too long; -ENOMEM. */
static int add_fragment(struct sk_buff *skb, size_t length)
{
	struct page *page;
	void *data;

	if (length > PAGE_SIZE)
		return -EINVAL;
	data = netdev_alloc_frag(length);
	if (!data)
		return -ENOMEM;
	page = virt_to_head_page(data);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page, data - page_address(page), length,
			length);
	return 0;
}

static int add_fragments(struct sk_buff *skb, struct iov_iter *from)
{
	size_t length;
	int error;

	while (iov_iter_count(from)) {
		length = iov_iter_single_seg_count(from);
		if (skb_shinfo(skb)->nr_frags == MAX_SKB_FRAGS)
			return -EMSGSIZE;
		error = add_fragment(skb, length);
		if (error)
			return error;
		iov_iter_advance(from, length);
	}
	return 0;
}

/* A packet with room for what is written, laid out alike; or an ERR_PTR(). */
static struct sk_buff *alloc_segments(const struct iov_iter *from)
{
	size_t linear = iov_iter_single_seg_count(from);
	struct iov_iter rest = *from;
	struct sk_buff *skb;
	int error;

	if (iov_iter_count(from) > LENGTH_MAX)
		return ERR_PTR(-EMSGSIZE);
	/* The Ethernet header is to be linear at the end. */
	skb = alloc_skb(RH_TAP_HEADROOM + max_t(size_t, linear, ETH_HLEN), GFP_KERNEL);
	if (!skb)
		return ERR_PTR(-ENOMEM);
	skb_reserve(skb, RH_TAP_HEADROOM);
	skb_put(skb, linear);
	iov_iter_advance(&rest, linear);
	error = add_fragments(skb, &rest);
	if (error) {
		kfree_skb(skb);
		return ERR_PTR(error);
	}
	return skb;
}

/**
 * rh_tap_segments_copy() - take a packet as it was written
 * @queue: the queue, for its counters
 * @from: the frame, without what goes before it
 *
 * Return: the skb, whose Ethernet header is linear, or an ERR_PTR(): -EMSGSIZE for too many
 * segments or bytes and -EINVAL for a segment longer than a page, both counted; -EFAULT;
 * -ENOMEM.
 */
struct sk_buff *rh_tap_segments_copy(struct rh_tap_queue *queue, struct iov_iter *from)
{
	struct sk_buff *skb = alloc_segments(from);

	if (IS_ERR(skb)) {
		if (PTR_ERR(skb) != -ENOMEM)
			rh_tap_queue_count(queue, RH_TAP_STAT_REJECT_SEGMENTS);
		return skb;
	}
	if (skb_copy_datagram_from_iter(skb, 0, from, skb->len)) {
		kfree_skb(skb);
		return ERR_PTR(-EFAULT);
	}
	if (!pskb_may_pull(skb, ETH_HLEN)) {
		kfree_skb(skb);
		return ERR_PTR(-ENOMEM);
	}
	return skb;
}

/* Give a packet that entered its interface to the stack as drivers of such cards do. */
void rh_tap_segments_receive(struct napi_struct *napi, struct sk_buff *skb)
{
	/* The head of one before that was joined is kept for another; ours has its own. */
	napi_free_frags(napi);
	__skb_push(skb, ETH_HLEN);
	napi->skb = skb;
	napi_gro_frags(napi);
}
