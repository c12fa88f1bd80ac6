// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) and (4): puts a queue's ring in place when it starts, moves, or loses or gets the
 * translations of a vIOMMU.
 *
 * With a vIOMMU a queue can run without its ring:
 *
 *	          all areas are translated
 *	 paused ----------------------------> at work
 *	    ^  asks for what is missing          |
 *	    +------------------------------------+
 *	       a translation of the ring changes: no more pops; once all that was popped
 *	       is published the ring is unmapped
 *
 * So a paused queue has nothing in flight, and can be stopped at any moment with a position
 * that is right.
 *
 * Runs in the owner's ioctls and write(), under dev->lock, so that pages are pinned on the
 * owner's account. Entry points: all that are not static; see queue.h.
 */
#include "format.h"
#include "queue.h"
#include "viommu.h"

/* Returns 0, or an error as rh_ring_place(). */
static int place_ring(struct rh_queue *queue)
{
	struct rh_ring *ring = &queue->ring;

	if (queue->iotlb)
		return rh_ring_place(ring, queue->iotlb, queue->dev->mm);
	if (!rh_ring_addresses_ok(ring))
		return rh_ring_fault(ring);
	/* Mapped if that is allowed; it works without. */
	rh_ring_map(ring, queue->dev->mm);
	return 0;
}

static void count_start(struct rh_queue *queue)
{
	const struct rh_ring *ring = &queue->ring;

	if (!ring->desc.map) {
		rh_queue_count(queue, STARTS_UNMAPPED, 1);
		return;
	}
	rh_queue_count(queue, STARTS_MAPPED, 1);
	rh_queue_count(queue, PINS, ring->desc.page_count + ring->driver.page_count +
				    ring->device.page_count);
}

/* The ring is in place, perhaps a new one: nothing read ahead of it counts. */
static int take_up(struct rh_queue *queue)
{
	if (queue->begun) {
		rh_ring_forget(&queue->ring);
		return 0;
	}
	if (rh_ring_resume(&queue->ring))
		return rh_ring_fault(&queue->ring);
	queue->begun = true;
	return 0;
}

/**
 * rh_queue_begin - put a starting queue's ring in place
 * @queue: the queue; its lock is held
 *
 * With a vIOMMU the ring may not be there yet; that is no error, the queue is paused then.
 *
 * Return: 0; -EFAULT the ring is not in the owner's memory.
 */
int rh_queue_begin(struct rh_queue *queue)
{
	int err;

	lockdep_assert_held(&queue->lock);
	queue->begun = false;
	queue->paused = queue->iotlb;
	if (queue->paused)
		return 0;
	err = place_ring(queue);
	if (!err)
		err = take_up(queue);
	if (!err)
		count_start(queue);
	return err;
}

/**
 * rh_queue_go_on - end a queue's pause if its ring can be put in place
 * @queue: the queue; its lock is held
 *
 * Otherwise the owner is asked for what is missing.
 */
void rh_queue_go_on(struct rh_queue *queue)
{
	int err;

	lockdep_assert_held(&queue->lock);
	if (!queue->paused || !rh_queue_is_running(queue))
		return;
	err = place_ring(queue);
	if (err == -EAGAIN) {
		rh_miss_note(queue);
		return;
	}
	if (!err)
		err = take_up(queue);
	if (rh_queue_failed(queue, err))
		return;
	count_start(queue);
	queue->paused = false;
	rh_queue_wake(queue);
}

/*
 * Pop no more, and wait for what is in flight: it is published to the ring that is still
 * there. Drops the lock meanwhile; dev->lock keeps all others away.
 */
static void pause(struct rh_queue *queue)
{
	lockdep_assert_held(&queue->dev->lock);
	queue->paused = true;
	mutex_unlock(&queue->lock);
	rh_queue_wake(queue);
	rh_queue_drain(queue);
	rh_queue_lock(queue);
}

/**
 * rh_queue_move_ring - put the ring's areas elsewhere
 * @queue: the queue, in any state; its lock is held, though dropped meanwhile with a vIOMMU;
 *	the caller is the owner
 * @at: has the new areas, unmapped
 *
 * A running queue goes on there at the same position.
 */
void rh_queue_move_ring(struct rh_queue *queue, const struct rh_ring *at)
{
	const bool live = queue->state != RH_QUEUE_STOPPED;
	struct rh_ring *ring = &queue->ring;

	lockdep_assert_held(&queue->lock);
	if (live && queue->iotlb)
		pause(queue);
	rh_ring_unmap(ring, queue->dev->mm);
	ring->desc = at->desc;
	ring->driver = at->driver;
	ring->device = at->device;
	if (!live)
		return;
	if (queue->iotlb) {
		rh_ring_displace(ring, queue->dev->mm);
		rh_miss_drop(queue);
		rh_queue_go_on(queue);
		return;
	}
	place_ring(queue);
	count_start(queue);
	rh_ring_forget(ring);
	rh_queue_wake(queue);
}

/**
 * rh_queue_change_iotlb - put a changed table of translations in force
 * @queue: the queue
 * @iotlb: the table
 * @start: first address that changed
 * @last: last address that changed
 *
 * When this returns the queue's worker uses none of the old translations, with one
 * exception: a request in flight ends in the memory that it began with.
 */
void rh_queue_change_iotlb(struct rh_queue *queue, const struct rh_memory *iotlb, u64 start,
			   u64 last)
{
	lockdep_assert_held(&queue->dev->lock);
	rh_queue_lock(queue);
	if (queue->state != RH_QUEUE_STOPPED && rh_ring_touches(&queue->ring, start, last)) {
		pause(queue);
		rh_ring_displace(&queue->ring, queue->dev->mm);
	}
	queue->iotlb = iotlb;
	queue->ring.log.iotlb = iotlb;
	if (rh_miss_answer(queue) && !queue->paused)
		rh_queue_wake(queue);
	rh_queue_go_on(queue);
	mutex_unlock(&queue->lock);
}

/**
 * rh_queue_set_iotlb - switch to a vIOMMU's addresses and back, or to another table
 * @queue: the queue
 * @iotlb: the table, or NULL for none: addresses are what they are without
 */
void rh_queue_set_iotlb(struct rh_queue *queue, const struct rh_memory *iotlb)
{
	lockdep_assert_held(&queue->dev->lock);
	rh_queue_lock(queue);
	if (queue->state != RH_QUEUE_STOPPED)
		pause(queue);
	rh_ring_displace(&queue->ring, queue->dev->mm);
	queue->iotlb = iotlb;
	queue->ring.log.iotlb = iotlb;
	rh_miss_drop(queue);
	if (!iotlb)
		rh_ring_place_as_given(&queue->ring);
	rh_queue_go_on(queue);
	mutex_unlock(&queue->lock);
}
