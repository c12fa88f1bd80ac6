/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Byte queue limits: how much of what the stack sends waits in a queue's ring. See limits.c.
 * What runs for each packet is inline.
 */
#ifndef RH_TAP_LIMITS_H
#define RH_TAP_LIMITS_H

#include <linux/sizes.h>
#include <net/sch_generic.h>

#include "queue.h"

/*
 * The stack is told of so many bytes at once; sooner when the ring is empty or the clock
 * ticked. A limit settles at about twice of what it is told at once, and who waits for it is
 * woken as often, so each packet would be too often for a fast reader and this is not too
 * much for a slow one.
 */
#define RH_TAP_LIMITS_AT_ONCE SZ_64K

/* More in flight is not charged; the stack counts with 32 bits. */
#define RH_TAP_LIMITS_IN_FLIGHT SZ_1G

void rh_tap_limits_init(struct netdev_queue *txq);
void rh_tap_limits_tell(struct rh_tap_queue *queue, unsigned long bytes);
void rh_tap_limits_move(struct rh_tap_queue *queue, struct netdev_queue *txq);

/* A packet's position: how much was charged up to and with it. Nobody else uses cb there. */
static inline unsigned long *rh_tap_limits_position(const struct sk_buff *skb)
{
	return (unsigned long *)skb->cb;
}

static inline bool rh_tap_limits_may_charge(const struct rh_tap_limits *limits,
					    const struct netdev_queue *txq)
{
	/* Another when its slot is not ours any more, and none when a full ring is to drop. */
	if (unlikely(limits->txq != txq || !rcu_dereference_bh(txq->qdisc)->enqueue))
		return false;
	/* Who passes by the discipline does not heed a limit. */
	return likely(!netif_xmit_stopped(txq)) ||
	       limits->charged - READ_ONCE(limits->completed) < RH_TAP_LIMITS_IN_FLIGHT;
}

/**
 * rh_tap_limits_charge() - a packet of the stack is about to be stored
 * @queue: the queue
 * @txq: the netdev queue it came by, locked
 * @skb: the packet, for which there is room
 */
static inline void rh_tap_limits_charge(struct rh_tap_queue *queue, struct netdev_queue *txq,
					struct sk_buff *skb)
{
	struct rh_tap_limits *limits = &queue->limits;

	lockdep_assert_held(&queue->ring.producer_lock);
	if (rh_tap_limits_may_charge(limits, txq)) {
		limits->charged += skb->len;
		/* Before anyone can take it: no more can be complete than was sent. */
		netdev_tx_sent_queue(txq, skb->len);
	}
	*rh_tap_limits_position(skb) = limits->charged;
}

/* A packet for which nobody waits is about to be stored. */
static inline void rh_tap_limits_pass(struct rh_tap_queue *queue, struct sk_buff *skb)
{
	lockdep_assert_held(&queue->ring.producer_lock);
	*rh_tap_limits_position(skb) = queue->limits.charged;
}

/* Packets were taken; @last is the last of them. */
static inline void rh_tap_limits_complete(struct rh_tap_queue *queue, const struct sk_buff *last)
{
	struct rh_tap_limits *limits = &queue->limits;
	unsigned long bytes = *rh_tap_limits_position(last) - limits->completed;

	lockdep_assert_held(&queue->ring.consumer_lock);
	/* What is held back is told with a packet that is in the ring now. */
	if (bytes - 1 < RH_TAP_LIMITS_AT_ONCE - 1 && !time_is_before_jiffies(limits->told) &&
	    !__ptr_ring_empty(&queue->ring))
		return;
	/* Else they were not charged, or completed by a move. */
	if ((long)bytes > 0)
		rh_tap_limits_tell(queue, bytes);
}

#endif /* RH_TAP_LIMITS_H */
