// SPDX-License-Identifier: GPL-2.0-only
/*
 * (1) Busy polling: a worker that finds its ring empty looks again for a while before it asks
 * for a kick and sleeps. A chain found that way costs neither side a notification.
 *
 * How long it looks follows from how long the ring was empty the last time: twice that, so
 * that a steady driver is found, or not at all where that was longer than the owner allows
 * (VHOST_SET_VRING_BUSYLOOP_TIMEOUT). So an idle queue costs one look and no more.
 *
 *	window	^ limit
 *		|	  pause <= limit: twice the pause, falling by halves at most
 *		0 ------- pause > limit: none, until a pause is short again
 *
 * A look ends at once for whatever else there is to do: other work of the worker, another
 * program that wants the processor, an ioctl that waits for the queue, a signal. Only the
 * ring is looked at: a receive queue that lacks packets sleeps until its port wakes it.
 *
 * Runs in the queue's worker, the settings in the owner's ioctls, all under the queue's lock.
 */
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "queue.h"

/**
 * rh_poll_set - how long a look may take
 * @queue: the queue
 * @microseconds: that long; 0: never look
 */
void rh_poll_set(struct rh_queue *queue, u32 microseconds)
{
	lockdep_assert_held(&queue->lock);
	queue->poll = (struct rh_poll) { .limit = (u64)microseconds * NSEC_PER_USEC };
}

/**
 * rh_poll_get - what rh_poll_set() set
 * @queue: the queue
 */
u32 rh_poll_get(const struct rh_queue *queue)
{
	lockdep_assert_held(&queue->lock);
	return div_u64(queue->poll.limit, NSEC_PER_USEC);
}

/* Whether nobody needs the worker, the processor or the queue's lock. */
static bool may_go_on(const struct rh_queue *queue)
{
	return !need_resched() && !signal_pending(current) &&
	       !atomic_read(&queue->lock_waiters) && rh_pool_is_idle(queue);
}

/* As rh_ring_has_more(), after up to the window's time. */
static int look(struct rh_queue *queue, u64 end)
{
	int ret;

	do {
		ret = rh_ring_has_more(&queue->ring);
		if (ret)
			break;
		cpu_relax();
	} while (may_go_on(queue) && ktime_get_ns() < end);
	return ret;
}

/**
 * rh_poll_finds_more - look for chains that were not there yet
 * @queue: the queue, found empty, its kicks disabled
 *
 * Return: true if there are; false also where looking is not worth it, or not possible.
 */
bool rh_poll_finds_more(struct rh_queue *queue)
{
	struct rh_poll *poll = &queue->poll;
	u64 now;

	lockdep_assert_held(&queue->lock);
	if (!poll->limit)
		return false;
	now = ktime_get_ns();
	if (!poll->empty_since)
		poll->empty_since = now;
	if (!poll->window)
		return false;
	rh_queue_count(queue, POLLS, 1);
	if (look(queue, now + poll->window) <= 0)
		return false;
	rh_queue_count(queue, POLL_HITS, 1);
	return true;
}

/**
 * rh_poll_learn - the ring is no longer empty
 * @queue: the queue, which had found it so
 */
void rh_poll_learn(struct rh_queue *queue)
{
	struct rh_poll *poll = &queue->poll;
	u64 pause = ktime_get_ns() - poll->empty_since;

	lockdep_assert_held(&queue->lock);
	poll->empty_since = 0;
	if (pause > poll->limit)
		poll->window = 0;
	else
		poll->window = min(poll->limit, max(poll->window / 2, 2 * pause));
}
