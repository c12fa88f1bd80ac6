// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host receive, stage (3): packets from a file into the host's stack.
 *
 *	one packet (write), or a batch (port inject)
 *		IP packets  -> those of a stream are joined: gro.c
 *		others      -> netif_receive_skb(), netif_receive_skb_list()
 *
 * rh_tap_receive() runs in process context, the rest under RTNL. Entry points: the functions
 * of the receive.c section in tap.h.
 */
#include "tap.h"

static void drop_packets(struct rh_tap_slot *slot, struct list_head *skbs)
{
	struct sk_buff *skb, *next;

	list_for_each_entry_safe(skb, next, skbs, list) {
		skb_list_del_init(skb);
		kfree_skb(skb);
		if (slot)
			rh_tap_slot_count(slot, RH_TAP_STAT_RX_DROPPED, 1);
	}
}

/* Whether a packet like this can be joined with others; not if it is charged to its writer. */
static bool can_join(const struct sk_buff *skb)
{
	if (skb->destructor)
		return false;
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
 * Make frames into packets that came in on the interface, and count them. Those that can be
 * joined move to @joinable. Returns how many those are.
 */
static unsigned int prepare(struct rh_tap *tap, unsigned int index, struct list_head *skbs,
			    struct list_head *joinable)
{
	const bool layer3 = READ_ONCE(tap->flags) & IFF_TUN;
	const bool flows = rh_tap_flows_matter(tap);
	struct rh_tap_slot *slot = &tap->slots[index];
	s64 packets = 0, bytes = 0;
	struct sk_buff *skb, *next;
	unsigned int count = 0;
	LIST_HEAD(strangers);

	list_for_each_entry_safe(skb, next, skbs, list) {
		unsigned int length = skb->len;

		if (!enter_interface(tap, skb, layer3)) {
			list_move_tail(&skb->list, &strangers);
			continue;
		}
		packets++;
		bytes += length;
		skb_record_rx_queue(skb, index);
		if (flows)
			rh_tap_flows_note(tap, skb, index);
		if (can_join(skb)) {
			list_move_tail(&skb->list, joinable);
			count++;
		}
	}
	rh_tap_slot_count(slot, RH_TAP_STAT_RX_PACKETS, packets);
	rh_tap_slot_count(slot, RH_TAP_STAT_RX_BYTES, bytes);
	drop_packets(slot, &strangers);
	return count;
}

static struct sk_buff *take_first(struct list_head *skbs)
{
	struct sk_buff *skb = list_first_entry(skbs, struct sk_buff, list);

	skb_list_del_init(skb);
	return skb;
}

static void receive_packets(struct rh_tap *tap, unsigned int index, struct list_head *skbs,
			    bool segments)
{
	struct rh_tap_gro *gro = &tap->slots[index].gro;
	unsigned int count;
	LIST_HEAD(joinable);

	if (rcu_access_pointer(tap->program))
		rh_tap_xdp_run(tap, index, skbs);
	count = prepare(tap, index, skbs, &joinable);
	if (count == 1 && likely(!segments))
		rh_tap_gro_receive(gro, take_first(&joinable));
	else if (count)
		rh_tap_gro_receive_batch(gro, &joinable, segments);
	if (list_is_singular(skbs))
		netif_receive_skb(take_first(skbs));
	else if (!list_empty(skbs))
		netif_receive_skb_list(skbs);
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
 * @skbs: list of skbs from rh_tap_packet_build(); consumed whatever happens
 *
 * Return: 0, -EBADFD when there is no interface, -EBUSY when the queue is disabled, -EIO
 * when the interface is down.
 */
int rh_tap_receive(struct rh_tap_queue *queue, struct list_head *skbs)
{
	unsigned int index;
	struct rh_tap *tap;
	int error;

	/* The stack takes packets in softirq context. */
	local_bh_disable();
	tap = rcu_dereference_bh(queue->tap);
	index = READ_ONCE(queue->index);
	error = cannot_receive(queue, tap);
	if (likely(!error))
		receive_packets(tap, index, skbs, READ_ONCE(queue->segments));
	else
		drop_packets(tap ? &tap->slots[index] : NULL, skbs);
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
