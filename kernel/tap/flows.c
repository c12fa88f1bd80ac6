// SPDX-License-Identifier: GPL-2.0-only
/*
 * Automatic steering: the answer to a packet goes to the queue that the packet was written
 * to, because there the flow's user is, with its processor's caches. Stage (3).
 *
 * A table of one word for each of some hashes, and no list, lock or timer: two flows that
 * meet in a word take it from each other, and what is old or wrong costs a flow its queue,
 * never a packet. So guests may fill it as they like.
 *
 * rh_tap_flows_note() and rh_tap_flows_select_queue() run with BHs disabled, the rest under RTNL.
 * Entry points: the functions of flows.h.
 */
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/mm.h>

#include "tap.h"

#define ENTRIES 4096
/* About a second, in jiffies; of a power of two the compiler makes no division. */
#define SECOND roundup_pow_of_two(HZ)
/* Seconds without a packet; as in tun. */
#define AGE_MAX 3

/* An entry: the hash, the low bits of the second that it is of, the queue. */
#define HASH_SHIFT 32
#define SECOND_SHIFT 8
#define SECOND_MASK GENMASK(23, 0)
#define QUEUE_MASK GENMASK(7, 0)

static u32 now(void)
{
	return (jiffies / SECOND) & SECOND_MASK;
}

static u64 *place_of(const struct rh_tap *tap, u32 hash)
{
	return &tap->flows.entries[hash % ENTRIES];
}

/**
 * rh_tap_flows_note() - remember where a flow is written
 * @tap: an interface where that matters
 * @skb: a packet from a file, at its network header
 * @index: the slot it came by
 */
void rh_tap_flows_note(struct rh_tap *tap, struct sk_buff *skb, unsigned int index)
{
	u32 hash;
	u64 entry;

	skb_reset_network_header(skb);
	/* The same in both directions. */
	hash = __skb_get_hash_symmetric(skb);
	entry = (u64)hash << HASH_SHIFT | now() << SECOND_SHIFT | index;
	/* Most are there already; then no other processor has to fetch the line again. */
	if (READ_ONCE(*place_of(tap, hash)) != entry)
		WRITE_ONCE(*place_of(tap, hash), entry);
}

/* The slot where a packet's flow is written. -1: not known, not any more, or empty by now. */
static int find(const struct rh_tap *tap, const struct sk_buff *skb)
{
	u32 hash = __skb_get_hash_symmetric(skb);
	u64 entry = READ_ONCE(*place_of(tap, hash));
	u32 age = (now() - (u32)(entry >> SECOND_SHIFT)) & SECOND_MASK;
	unsigned int index = entry & QUEUE_MASK;

	if (entry >> HASH_SHIFT != hash || age > AGE_MAX || index >= READ_ONCE(tap->queue_count))
		return -1;
	return index;
}

/* ndo_select_queue: the one place where a packet's queue is chosen. */
u16 rh_tap_flows_select_queue(struct net_device *dev, struct sk_buff *skb,
			      struct net_device *subordinate)
{
	struct rh_tap *tap = netdev_priv(dev);
	int index = -1;

	if (rh_tap_flows_matter(tap))
		index = find(tap, skb);
	else if (rcu_access_pointer(tap->filter.steering))
		index = rh_tap_filter_steer(tap, skb);
	return index < 0 ? netdev_pick_tx(dev, skb, subordinate) : index;
}

/* The interface is made. Returns 0 or -ENOMEM. */
int rh_tap_flows_init(struct rh_tap *tap)
{
	BUILD_BUG_ON(RH_TAP_QUEUES_MAX - 1 > QUEUE_MASK);
	if (tap->slot_count == 1)
		return 0;
	tap->flows.entries = kvcalloc(ENTRIES, sizeof(*tap->flows.entries), GFP_KERNEL);
	return tap->flows.entries ? 0 : -ENOMEM;
}

/* The interface goes; neither side sends any more. */
void rh_tap_flows_exit(struct rh_tap *tap)
{
	kvfree(tap->flows.entries);
}
