/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue: the file's end of an interface. See queue.c.
 */
#ifndef RH_TAP_QUEUE_H
#define RH_TAP_QUEUE_H

#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/ptr_ring.h>
#include <linux/skbuff.h>

#include "stats.h"

struct rh_tap;
struct rh_tap_format;
struct rh_tap_slot;

/**
 * struct rh_tap_limits - what a queue has charged to its netdev queue (limits.h)
 * @txq: the netdev queue that stored packets are charged to, NULL for none; one queue at most
 *	charges it. Written under RTNL and both of the ring's locks, read under one of them
 * @charged: bytes ever charged; under the ring's producer_lock
 * @completed: how many of these @txq was told are gone; written under the ring's consumer_lock
 * @told: when @txq was told last, in jiffies; under the ring's consumer_lock
 */
struct rh_tap_limits {
	struct netdev_queue *txq;
	unsigned long charged;
	unsigned long completed ____cacheline_aligned_in_smp;
	unsigned long told;
};

/**
 * struct rh_tap_queue - packets from the interface to one file
 * @tap: the interface it belongs to, NULL when none or deleted; written under
 *	RTNL, read under RCU
 * @index: its slot in @tap->slots; written under RTNL, read anywhere. It changes
 *	when another queue leaves, so a reader may see the slot of before.
 * @disabled: it has no slot (TUNSETQUEUE), so that no packets pass it; written
 *	under RTNL, read anywhere
 * @filtered: TUNATTACHFILTER's program is for it, too; written under RTNL, read anywhere
 * @layer3: its interface is of IFF_TUN; written under RTNL, read anywhere
 * @segments: it joined with IFF_NAPI_FRAGS; written under RTNL, read anywhere
 * @entry: on @tap->disabled while @disabled; under RTNL
 * @ring: skbs on their way to the file. Its producer_lock nests inside the netdev
 *	queue's lock, and inside its consumer_lock while it is resized or moved.
 * @returned: packets that the port's consumer gave back, a batch of its at most; before those in
 *	@ring, and as them under its consumer_lock
 * @limits: what of @ring is charged to a netdev queue
 * @wq: readers, writers out of send buffer, pollers, and who wants SIGIO
 * @wake_lock: protects @wake and @wake_context; innermost
 * @wake: tells the attached port consumer of packets; NULL when there is none
 * @wake_context: argument of @wake
 * @wake_armed: the consumer found too little and waits for @wake
 */
struct rh_tap_queue {
	struct rh_tap __rcu *tap;
	unsigned int index;
	bool disabled;
	bool filtered;
	bool layer3;
	bool segments;
	struct list_head entry;
	struct ptr_ring ring;
	struct sk_buff_head returned;
	struct rh_tap_limits limits;
	struct socket_wq wq;
	spinlock_t wake_lock;
	void (*wake)(void *context);
	void *wake_context;
	bool wake_armed;
};

int rh_tap_queue_init(struct rh_tap_queue *queue);
void rh_tap_queue_exit(struct rh_tap_queue *queue);
netdev_tx_t rh_tap_queue_put(struct rh_tap_queue *queue, struct netdev_queue *txq,
			     struct sk_buff *skb);
int rh_tap_queue_resize(struct rh_tap_queue *queue, unsigned int packets);
void rh_tap_queue_purge(struct rh_tap_queue *queue, struct rh_tap_slot *slot);
bool rh_tap_queue_has_room(struct rh_tap_queue *queue);
bool rh_tap_queue_offer(struct rh_tap_queue *queue, struct sk_buff *skb);
void rh_tap_queue_notify(struct rh_tap_queue *queue);
void rh_tap_queue_give_back(struct rh_tap_queue *queue, struct sk_buff **skbs, unsigned int count);
unsigned int rh_tap_queue_take(struct rh_tap_queue *queue, struct sk_buff **skbs,
			       unsigned int max);
struct sk_buff *rh_tap_queue_take_one(struct rh_tap_queue *queue, struct rh_tap_format *format);
bool rh_tap_queue_has_packets(struct rh_tap_queue *queue);
void rh_tap_queue_count(struct rh_tap_queue *queue, enum rh_tap_stat stat);
void rh_tap_queue_count_lost(struct rh_tap_queue *queue, const struct sk_buff *skb);

/* Count a packet that is refused for what is in it. Returns -EINVAL. */
static inline int rh_tap_queue_refuse(struct rh_tap_queue *queue, enum rh_tap_stat reason)
{
	rh_tap_queue_count(queue, reason);
	return -EINVAL;
}

bool rh_tap_queue_has_program(const struct rh_tap_queue *queue);
bool rh_tap_queue_get_format(struct rh_tap_queue *queue, struct rh_tap_format *format);

#endif /* RH_TAP_QUEUE_H */
