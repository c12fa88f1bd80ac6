// SPDX-License-Identifier: GPL-2.0-only
/*
 * (1) kick: a queue listens to the eventfd that its driver's doorbell signals.
 *
 * kick_wake() runs in any context, under the eventfd's wait queue lock; all else in the
 * owner's ioctls, or the last close, under the queue's lock. Entry points: rh_kick_start()
 * and rh_kick_stop() from queue.c, rh_kick_replace() from vring.c.
 */
#include <linux/eventfd.h>
#include <linux/poll.h>

#include "queue.h"
#include "trace.h"

/* The kick eventfd was signalled; its wait queue's lock is held, in any context. */
static int kick_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct rh_queue *queue = container_of(wait, struct rh_queue, kick_wait);

	if (!(key_to_poll(key) & EPOLLIN))
		return 0;
	rh_queue_count(queue, KICKS, 1);
	trace_rh_kick(queue);
	rh_queue_wake(queue);
	return 0;
}

static void kick_found(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct rh_queue *queue = container_of(table, struct rh_queue, kick_table);

	queue->kick_head = head;
	add_wait_queue(head, &queue->kick_wait);
}

/**
 * rh_kick_start - listen to the kick eventfd, if there is one and the queue runs
 * @queue: the queue; its lock is held
 *
 * A kick that was signalled before, or while nobody listened, is not lost: the queue is
 * woken at once.
 */
void rh_kick_start(struct rh_queue *queue)
{
	if (queue->kick && !queue->kick_head && rh_queue_is_running(queue))
		vfs_poll(queue->kick, &queue->kick_table);
	rh_queue_wake(queue);
}

/**
 * rh_kick_stop - undo rh_kick_start(); no kick wakes the queue any more
 * @queue: the queue; its lock is held
 */
void rh_kick_stop(struct rh_queue *queue)
{
	if (queue->kick_head)
		remove_wait_queue(queue->kick_head, &queue->kick_wait);
	queue->kick_head = NULL;
}

/**
 * rh_kick_replace - replace the kick eventfd
 * @queue: the queue
 * @kick: the eventfd's file, whose reference passes to the queue; or NULL
 *
 * Return: the previous one, whose reference passes to the caller; or NULL.
 */
struct file *rh_kick_replace(struct rh_queue *queue, struct file *kick)
{
	struct file *previous;

	rh_queue_lock(queue);
	rh_kick_stop(queue);
	previous = queue->kick;
	queue->kick = kick;
	if (rh_queue_is_running(queue))
		rh_kick_start(queue);
	mutex_unlock(&queue->lock);
	return previous;
}

/**
 * rh_kick_init - prepare a queue to listen
 * @queue: the queue, zeroed
 */
void rh_kick_init(struct rh_queue *queue)
{
	init_waitqueue_func_entry(&queue->kick_wait, kick_wake);
	init_poll_funcptr(&queue->kick_table, kick_found);
}
