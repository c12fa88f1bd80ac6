/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue served on the event loop: virtqueue, doorbell, and when to work.
 * The counterpart of kernel_queue.h.
 */
#ifndef RH_VMM_USER_QUEUE_H
#define RH_VMM_USER_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "loop.h"
#include "virtqueue.h"

struct virtio_queue;
struct virtio_stats;

/* Chains taken in one go, before other queues get their turn. */
#define USER_QUEUE_BUDGET 256

/**
 * struct user_queue - one queue of a userspace backend
 * @run: does the work: pop, serve, push; may be called without need
 * @queue: what the driver said about it
 * @ring: its ring
 * @kick: watches its doorbell
 * @task: calls @run and publishes, once per turn of the loop
 * @running: between start and stop
 * @kicks: times the loop woke up for the doorbell
 * @chains_before: chains of the ring before the last start
 */
struct user_queue {
	void (*run)(struct user_queue *user);
	struct virtio_queue *queue;
	struct virtqueue ring;
	struct loop_poll kick;
	struct loop_task task;
	bool running;
	uint64_t kicks, chains_before;
};

/* @user: zeroed. */
void user_queue_init(struct user_queue *user, struct virtio_queue *queue,
		     void (*run)(struct user_queue *user));

/* Start with the first entry of the ring. Return: 0 or -errno. */
int user_queue_start(struct user_queue *user);

/* No @run comes any more; what it has in flight is its owner's to wait for. */
void user_queue_stop(struct user_queue *user);

/* Call @run at the end of this turn: a request is complete, data has arrived. */
void user_queue_schedule(struct user_queue *user);

/**
 * user_queue_next() - take the next chain for @run
 * @user: the queue
 * @chain: out
 * @budget: chains that may still be taken in this go; counted down. At 0 another
 *	go is scheduled.
 *
 * Turns doorbells off while there is work and on when there is none. Breaks the
 * device when the driver broke the ring.
 *
 * Return: whether there is a chain to serve.
 */
bool user_queue_next(struct user_queue *user, struct virtqueue_chain *chain,
		     unsigned int *budget);

/* Print the counters of the queue and add them up. */
void user_queue_stats(struct user_queue *user, struct virtio_stats *stats);

#endif /* RH_VMM_USER_QUEUE_H */
