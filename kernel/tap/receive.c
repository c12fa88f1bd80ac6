// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host receive, stage (3): packets from a file into the host's stack.
 *
 *	one packet (write), or a batch (port inject)
 *		an XDP program, if there is one: xdp.c
 *		what the stack may join  -> gro.c
 *		others                   -> netif_receive_skb()
 *
 * rh_tap_receive() runs in process context, the rest under RTNL. Entry points: the functions
 * of the receive.c section in tap.h.
 */
#include <linux/ip.h>

#include "../compat.h"
#include "tap.h"

/* Packets that an XDP program passed on, handed over at once. */
#define PASSED_MAX 16

static void drop_packet(struct rh_tap_slot *slot, struct sk_buff *skb)
{
	kfree_skb(skb);
	if (slot)
		rh_tap_slot_count(slot, RH_TAP_STAT_RX_DROPPED, 1);
}

/*
 * Whether a packet like this can be joined with others; not if it is charged to its writer. The
 * stack joins datagrams only if somebody asked for that, and then to look at each costs as much
 * as all the rest of its way. Those written in @segments go by the stack's path for such.
 */
static bool can_join(const struct sk_buff *skb, bool segments)
{
	const struct iphdr *ip = (const struct iphdr *)skb->data;

	if (skb->destructor)
		return false;
	if (!segments && skb->protocol == htons(ETH_P_IP) && skb_headlen(skb) >= sizeof(*ip) &&
	    ip->protocol == IPPROTO_UDP)
		return rh_compat_datagrams_join(skb->dev);
	return skb->protocol == htons(ETH_P_IP) || skb->protocol == htons(ETH_P_IPV6) ||
	       eth_type_vlan(skb->protocol);
}

/* Make it a packet that came in on the interface. Returns false if it cannot be one. */
static bool enter_interface(struct rh_tap *tap, struct sk_buff *skb, bool layer3)
{
	if (unlikely(rh_tap_packet_is_layer3(skb) != layer3))
		return false;
	if (!layer3) {
		skb->protocol = eth_type_trans(skb, tap->dev);
		return true;
	}
	rh_tap_packet_set_layer3(skb, false);
	skb->dev = tap->dev;
	skb_reset_mac_header(skb);
	return true;
}

/*
 * Make frames into packets that came in on the interface, and count them. Returns how many there
 * are still: what cannot be one is dropped.
 */
static unsigned int prepare(struct rh_tap *tap, unsigned int index, struct sk_buff **skbs,
			    unsigned int count)
{
	const bool layer3 = READ_ONCE(tap->flags) & IFF_TUN;
	const bool flows = rh_tap_flows_matter(tap);
	struct rh_tap_slot *slot = &tap->slots[index];
	unsigned int i, length, packets = 0;
	struct sk_buff *skb;
	s64 bytes = 0;

	for (i = 0; i < count; i++) {
		skb = skbs[i];
		length = skb->len;
		if (unlikely(!enter_interface(tap, skb, layer3))) {
			drop_packet(slot, skb);
			continue;
		}
		bytes += length;
		skb_record_rx_queue(skb, index);
		if (flows)
			rh_tap_flows_note(tap, skb, index);
		skbs[packets++] = skb;
	}
	rh_tap_slot_count(slot, RH_TAP_STAT_RX_PACKETS, packets);
	rh_tap_slot_count(slot, RH_TAP_STAT_RX_BYTES, bytes);
	return packets;
}

/* To the stack, in order within each flow: what can be joined goes together. */
static void receive_packets(struct rh_tap *tap, unsigned int index, struct sk_buff **skbs,
			    unsigned int count, bool segments)
{
	struct rh_tap_gro *gro = &tap->slots[index].gro;
	unsigned int i, joinable = 0;
	LIST_HEAD(batch);

	count = prepare(tap, index, skbs, count);
	for (i = 0; i < count; i++) {
		if (can_join(skbs[i], segments))
			skbs[joinable++] = skbs[i];
		else
			netif_receive_skb(skbs[i]);
	}
	if (joinable == 1 && likely(!segments)) {
		rh_tap_gro_receive(gro, skbs[0]);
		return;
	}
	for (i = 0; i < joinable; i++)
		list_add_tail(&skbs[i]->list, &batch);
	if (joinable)
		rh_tap_gro_receive_batch(gro, &batch, segments);
}

/* The same where there is, or was a moment ago, an XDP program; it makes more of some packets. */
static void receive_by_program(struct rh_tap *tap, unsigned int index, struct sk_buff **skbs,
			       unsigned int count, bool segments)
{
	struct sk_buff *passed[PASSED_MAX], *skb, *next;
	unsigned int i, n = 0;
	LIST_HEAD(list);

	for (i = 0; i < count; i++)
		list_add_tail(&skbs[i]->list, &list);
	rh_tap_xdp_run(tap, index, &list);
	list_for_each_entry_safe(skb, next, &list, list) {
		skb_list_del_init(skb);
		passed[n++] = skb;
		if (n == PASSED_MAX) {
			receive_packets(tap, index, passed, n, segments);
			n = 0;
		}
	}
	receive_packets(tap, index, passed, n, segments);
}

static int cannot_receive(const struct rh_tap_queue *queue, const struct rh_tap *tap)
{
	if (!tap)
		return -EBADFD;
	if (READ_ONCE(queue->disabled))
		return -EBUSY;
	return tap->dev->flags & IFF_UP ? 0 : -EIO;
}

/**
 * rh_tap_receive() - give packets to the host's stack
 * @queue: the queue they came by
 * @skbs: from rh_tap_packet_build(); consumed whatever happens
 * @count: of @skbs
 *
 * Return: 0, -EBADFD when there is no interface, -EBUSY when the queue is disabled, -EIO
 * when the interface is down.
 */
int rh_tap_receive(struct rh_tap_queue *queue, struct sk_buff **skbs, unsigned int count)
{
	unsigned int index, i;
	struct rh_tap *tap;
	bool segments;
	int error;

	/* The stack takes packets in softirq context. */
	local_bh_disable();
	tap = rcu_dereference_bh(queue->tap);
	index = READ_ONCE(queue->index);
	error = cannot_receive(queue, tap);
	segments = READ_ONCE(queue->segments);
	if (unlikely(error))
		for (i = 0; i < count; i++)
			drop_packet(tap ? &tap->slots[index] : NULL, skbs[i]);
	else if (unlikely(rcu_access_pointer(tap->program)))
		receive_by_program(tap, index, skbs, count, segments);
	else
		receive_packets(tap, index, skbs, count, segments);
	local_bh_enable();
	return error;
}

/* The interface is made. */
void rh_tap_receive_init(struct rh_tap *tap)
{
	unsigned int i;

	for (i = 0; i < tap->slot_count; i++)
		rh_tap_gro_init(&tap->slots[i].gro, tap->dev);
}

/* The interface goes, and has no queues any more; packets that wait are freed. */
void rh_tap_receive_exit(struct rh_tap *tap)
{
	unsigned int i;

	ASSERT_RTNL();
	for (i = 0; i < tap->slot_count; i++)
		rh_tap_gro_exit(&tap->slots[i].gro);
	/* One grace period for all of them. */
	synchronize_net();
}

/* The interface comes up. */
void rh_tap_receive_start(struct rh_tap *tap)
{
	unsigned int i;

	ASSERT_RTNL();
	for (i = 0; i < tap->slot_count; i++)
		rh_tap_gro_start(&tap->slots[i].gro);
}

/* The interface goes down: afterwards no packets wait. */
void rh_tap_receive_stop(struct rh_tap *tap)
{
	unsigned int i;

	ASSERT_RTNL();
	for (i = 0; i < tap->slot_count; i++)
		rh_tap_gro_stop(&tap->slots[i].gro);
}
