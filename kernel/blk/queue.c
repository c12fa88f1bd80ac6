// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) to (4): one queue's turn: answers the requests whose I/O has ended, then pops
 * chains and begins their I/O, plugged per batch so that the block layer sees
 * neighbouring requests together. Never waits for I/O.
 *
 * What a guest can hold of the host is bounded: requests in flight and bytes of
 * bounce pages, per queue. A chain beyond that, or one there is no memory for, stays
 * on the ring; the next completion brings the worker back to it.
 *
 * Runs in the queue's worker with the queue's lock held and the owner's mm in use; start
 * and stop in the owner's ioctls or the last close. Entry points: those four of
 * struct rh_dev_ops.
 */
#include <linux/blkdev.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "blk.h"

/* Chains of one turn, after which others have theirs. */
#define QUEUE_BUDGET 128
/* Most requests in flight: what a deep queue of a fast disk needs. */
#define QUEUE_INFLIGHT_MAX 1024

/**
 * rh_blk_queue_start - make a queue ready to run
 * @queue: the queue
 *
 * Return: 0 or -ENOMEM.
 */
int rh_blk_queue_start(struct rh_queue *queue)
{
	struct rh_blk_queue *blk_queue = rh_blk_queue_of(queue);

	blk_queue->reserve = rh_blk_request_alloc(RH_BLK_BVECS_MAX);
	if (!blk_queue->reserve)
		return -ENOMEM;
	blk_queue->disk = rh_blk_dev_of(queue->dev)->disk;
	return 0;
}

/**
 * rh_blk_queue_stop - undo rh_blk_queue_start(); nothing is in flight any more
 * @queue: the queue
 */
void rh_blk_queue_stop(struct rh_queue *queue)
{
	struct rh_blk_queue *blk_queue = rh_blk_queue_of(queue);
	struct rh_blk_request *request, *next;

	list_for_each_entry_safe(request, next, &blk_queue->idle, entry)
		kvfree(request);
	INIT_LIST_HEAD(&blk_queue->idle);
	blk_queue->idle_count = 0;
	kvfree(blk_queue->reserve);
	blk_queue->reserve = NULL;
	blk_queue->disk = NULL;
}

/* Begin up to a budget of requests. Returns true if the budget was used up. */
static bool begin_requests(struct rh_queue *queue)
{
	struct rh_chain chain;
	struct rh_mark mark;
	unsigned int i;
	int ret;

	for (i = 0; i < QUEUE_BUDGET; i++) {
		if (queue->inflight >= QUEUE_INFLIGHT_MAX)
			return false;
		mark = rh_queue_mark(queue);
		ret = rh_queue_pop(queue, &chain);
		if (ret < 0)
			return false;
		if (!ret) {
			if (!rh_queue_enable_kick(queue))
				return false;
			rh_queue_disable_kick(queue);
		} else if (!rh_blk_request_start(rh_blk_queue_of(queue), &chain)) {
			rh_queue_rewind(queue, mark);
			return false;
		}
	}
	return true;
}

/**
 * rh_blk_queue_process - take what the driver has offered
 * @queue: the queue
 *
 * Return: true to be run again soon.
 */
bool rh_blk_queue_process(struct rh_queue *queue)
{
	struct blk_plug plug;
	bool more;

	rh_queue_disable_kick(queue);
	blk_start_plug(&plug);
	more = begin_requests(queue);
	blk_finish_plug(&plug);
	/* Those refused, or answered without I/O. */
	rh_queue_publish(queue);
	return more;
}

/**
 * rh_blk_queue_reap - answer the requests whose I/O has ended
 * @queue: the queue
 */
void rh_blk_queue_reap(struct rh_queue *queue)
{
	struct llist_node *done = llist_del_all(&rh_blk_queue_of(queue)->done);
	struct rh_blk_request *request, *next;

	llist_for_each_entry_safe(request, next, llist_reverse_order(done), done) {
		rh_blk_request_answer(request);
		/* The pages of a thousand large requests take a while. */
		cond_resched();
	}
	rh_queue_publish(queue);
}
