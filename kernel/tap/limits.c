// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host transmit, stage (3): byte queue limits (BQL), so that what cannot be read yet waits in
 * the queueing discipline, where it is seen and can be told apart, and not in the ring.
 *
 * The stack keeps the limit, one for each netdev queue; we tell it what goes into the ring and
 * what comes out. The ring keeps order, so both are positions in one stream of bytes: each
 * packet bears how many bytes were charged up to and with it, and who takes it learns from
 * that what is complete, also of packets before it. What was never charged (XDP's frames, or
 * with a discipline that holds nothing) bears the position of the packet before.
 *
 * Runs with BHs disabled: charge and pass where packets are stored, complete where they are
 * taken; init and move in process context under RTNL. Entry points: the functions of limits.h.
 */
#include "limits.h"
#include "tap.h"

/*
 * Always allowed: two of the largest packets, one for the reader and one behind it. It is a
 * millisecond of a Gbit/s. To hold back less would cost more than it is good for: a packet
 * that waits in the discipline costs a tenth more than one that does not.
 */
#define LIMIT_MIN SZ_128K

/* The interface is made. */
void rh_tap_limits_init(struct netdev_queue *txq)
{
	netdev_queue_set_dql_min_limit(txq, LIMIT_MIN);
#ifdef CONFIG_BQL
	/* Nothing was completed, but with that the limit takes effect. */
	dql_completed(&txq->dql, 0);
#endif
}

/* The stack learns that the next @bytes are gone. */
void rh_tap_limits_tell(struct rh_tap_queue *queue, unsigned long bytes)
{
	struct rh_tap_limits *limits = &queue->limits;

	lockdep_assert_held(&queue->ring.consumer_lock);
	WRITE_ONCE(limits->completed, limits->completed + bytes);
	/* Nobody looks at the number of packets. */
	netdev_tx_completed_queue(limits->txq, 1, bytes);
	limits->told = jiffies;
}

/**
 * rh_tap_limits_move() - have another netdev queue charged from now on
 * @queue: the queue
 * @txq: may be that of before; NULL for none
 *
 * The one of before must not wait for this queue's reader, nor for packets that were dropped:
 * all is complete, even what is in the ring still.
 */
void rh_tap_limits_move(struct rh_tap_queue *queue, struct netdev_queue *txq)
{
	struct rh_tap_limits *limits = &queue->limits;

	ASSERT_RTNL();
	spin_lock_bh(&queue->ring.consumer_lock);
	spin_lock(&queue->ring.producer_lock);
	if (limits->charged != limits->completed)
		rh_tap_limits_tell(queue, limits->charged - limits->completed);
	limits->txq = txq;
	spin_unlock(&queue->ring.producer_lock);
	spin_unlock_bh(&queue->ring.consumer_lock);
}
