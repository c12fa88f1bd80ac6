// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host receive, stage (3): packets as they would be on a wire, for XDP programs.
 *
 * A writer may leave segmentation and checksums to us. A program has no way to see that, and
 * may change the packet: then what the vnet header said is wrong, and a frame on its way to
 * another device has no place to say it at all. So the work is done before the program runs.
 * It also needs the packet in one piece, with room before it, in memory that is made of pages
 * and nobody else's.
 *
 * Runs with BHs disabled. Entry points: rh_tap_wire_segment(), rh_tap_wire_flatten().
 */
#include <net/sock.h>

#include "tap.h"
#include "wire.h"

/* Most packets to cut one into: a writer's segments of one byte would cost us too much. */
#define SEGMENTS_MAX 512
/* As long as this, whatever a program adds, a frame's length fits the 16 bits it has in XDP. */
#define BUFFER_MAX SZ_64K

/**
 * rh_tap_wire_segment() - cut up a packet that its writer left to us to cut up
 * @skb: from rh_tap_packet_build(), consumed whatever happens
 * @dev: where it came in
 *
 * Return: the packets, by their next pointers; NULL when they would be too many, are not
 * what its headers say, or there is no memory.
 */
struct sk_buff *rh_tap_wire_segment(struct sk_buff *skb, struct net_device *dev)
{
	struct sk_buff *segments = NULL;

	if (likely(!skb_is_gso(skb)))
		return skb;
	if (DIV_ROUND_UP(skb->len, skb_shinfo(skb)->gso_size) <= SEGMENTS_MAX) {
		skb->dev = dev;
		skb_reset_mac_header(skb);
		skb->protocol = eth_hdr(skb)->h_proto;
		/* VLAN tags are found from here on. */
		skb_set_network_header(skb, ETH_HLEN);
		segments = skb_gso_segment(skb, 0);
	}
	if (IS_ERR_OR_NULL(segments)) {
		kfree_skb(skb);
		return NULL;
	}
	consume_skb(skb);
	return segments;
}

/* An empty packet with room for @length bytes. */
static struct sk_buff *alloc_flat(unsigned int length)
{
	unsigned int size = SKB_DATA_ALIGN(RH_TAP_WIRE_HEADROOM + length + RH_TAP_WIRE_TAILROOM) +
			    SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct sk_buff *skb = NULL;
	void *data;

	if (size > BUFFER_MAX)
		return NULL;
	if (size <= PAGE_SIZE) {
		data = napi_alloc_frag(size);
	} else {
		size = PAGE_SIZE << get_order(size);
		data = (void *)__get_free_pages(GFP_ATOMIC | __GFP_COMP | __GFP_NOWARN,
						get_order(size));
	}
	if (data)
		skb = napi_build_skb(data, size);
	if (data && !skb)
		skb_free_frag(data);
	if (skb)
		skb_reserve(skb, RH_TAP_WIRE_HEADROOM);
	return skb;
}

/* As rh_tap_packet_build() makes most packets of an interface that has a program. */
static bool is_flat(const struct sk_buff *skb)
{
	return !skb_is_nonlinear(skb) && skb->head_frag && !skb_cloned(skb) && !skb_shared(skb) &&
	       skb_headroom(skb) >= XDP_PACKET_HEADROOM;
}

/**
 * rh_tap_wire_flatten() - fill in a packet's checksum, and have it in one piece
 * @skb: a packet that is not to be cut up, consumed if it is not returned
 *
 * Return: @skb, or a copy charged to the same socket; NULL when it is too long or there is
 * no memory.
 */
struct sk_buff *rh_tap_wire_flatten(struct sk_buff *skb)
{
	struct sk_buff *copy;

	if (skb->ip_summed == CHECKSUM_PARTIAL && skb_checksum_help(skb)) {
		kfree_skb(skb);
		return NULL;
	}
	/* That it is right is nothing to rely on when a program had it. */
	skb->ip_summed = CHECKSUM_NONE;
	if (is_flat(skb))
		return skb;
	copy = alloc_flat(skb->len);
	if (!copy) {
		kfree_skb(skb);
		return NULL;
	}
	skb_copy_bits(skb, 0, skb_put(copy, skb->len), skb->len);
	if (skb->destructor == sock_wfree)
		skb_set_owner_w(copy, skb->sk);
	consume_skb(skb);
	return copy;
}
