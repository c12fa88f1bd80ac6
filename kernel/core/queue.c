// SPDX-License-Identifier: GPL-2.0-only
/*
 * (1) kick, (2) pop, (4) publish and (5) call: one virtqueue between its ring
 * (ring.c), its worker (worker.c), its eventfds and its backend.
 *
 *	          start                    stop
 *	STOPPED --------> RUNNING -------------------> STOPPING
 *	   ^                 |                             |
 *	   |                 | ring content refused        | nothing in flight
 *	   |                 v                             |
 *	   |              BROKEN --------------------------+
 *	   +-----------------------------------------------+
 *
 * With a vIOMMU a running queue may be paused (place.c). Start and stop run in the owner's
 * ioctls, or the last close, under dev->lock. All else runs in the worker with the queue's
 * lock held, except the two ways to wake it, which come from any context: a kick, and
 * rh_queue_wake().
 */
#include <linux/eventfd.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/mm_types.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/virtio_byteorder.h>
#include <linux/virtio_config.h>

#include "core.h"
#include "queue.h"
#include "trace.h"

/**
 * rh_queue_wake - have the worker look at the queue
 * @queue: a queue that has been started
 *
 * Any context. The caller makes sure that the device is not freed meanwhile; for
 * completions rh_queue_complete() does.
 */
void rh_queue_wake(struct rh_queue *queue)
{
	/* The worker may be another one soon; pairs with synchronize_rcu() in pool.c. */
	rcu_read_lock();
	rh_worker_queue(rcu_dereference(queue->worker), &queue->work);
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(rh_queue_wake);

/**
 * rh_queue_complete - hand a finished request to the worker
 * @queue: its queue
 * @done: the backend's list of finished requests; its reap() empties it
 * @node: the request's entry
 *
 * Any context. The worker may reap the request, and a stop that waited for it may
 * return, before this function wakes the worker; the RCU read lock keeps queue and
 * worker until then. Pairs with synchronize_rcu() in dev_reset().
 */
void rh_queue_complete(struct rh_queue *queue, struct llist_head *done, struct llist_node *node)
{
	rcu_read_lock();
	llist_add(node, done);
	rh_queue_wake(queue);
	rcu_read_unlock();
}
EXPORT_SYMBOL_GPL(rh_queue_complete);

/**
 * rh_queue_lock - take the queue's lock in an ioctl, or in the last close
 * @queue: the queue
 *
 * The worker holds the lock while it waits for the owner's memory. An owner that is killed
 * meanwhile cannot provide that memory any more, so the worker stops waiting for it.
 */
void rh_queue_lock(struct rh_queue *queue)
{
	atomic_inc(&queue->lock_waiters);
	if (mutex_lock_killable(&queue->lock)) {
		/* Others may hold the descriptor: their death is no reason. */
		if (current->mm == queue->dev->mm)
			rh_pool_kill(queue->dev);
		mutex_lock(&queue->lock);
	}
	atomic_dec(&queue->lock_waiters);
}

/**
 * rh_queue_drain - wait until nothing is in flight
 * @queue: a queue that pops no more, and has been woken
 *
 * As rh_queue_lock() does.
 */
void rh_queue_drain(struct rh_queue *queue)
{
	/* The worker wakes us, with the lock held, after inflight has fallen to 0. */
	if (!wait_event_killable(queue->drained, !READ_ONCE(queue->inflight)))
		return;
	rh_pool_kill(queue->dev);
	wait_event_idle(queue->drained, !READ_ONCE(queue->inflight));
}

/**
 * rh_queue_break - this queue stops working, nothing else notices
 * @queue: the queue; its lock is held
 * @why: for the trace; the caller counts it
 *
 * The owner is told, also by a queue that does not run any more.
 */
void rh_queue_break(struct rh_queue *queue, enum ringhost_vring_stat why)
{
	lockdep_assert_held(&queue->lock);
	if (rh_queue_is_running(queue)) {
		queue->state = RH_QUEUE_BROKEN;
		rh_queue_count(queue, BREAKS, 1);
		trace_rh_break(queue, why);
	}
	if (queue->error)
		rh_compat_eventfd_signal(queue->error);
}

/**
 * rh_queue_failed - break a queue whose ring could not be used
 * @queue: the queue; its lock is held
 * @err: negative if so; ring.reject says why
 *
 * A stopping or broken queue's ring may be gone; that matters only to one that still runs.
 *
 * Return: whether it failed.
 */
bool rh_queue_failed(struct rh_queue *queue, int err)
{
	if (likely(err >= 0))
		return false;
	if (rh_queue_is_running(queue)) {
		rh_stat_add(&queue->stats[queue->ring.reject], 1);
		rh_queue_break(queue, queue->ring.reject);
	}
	return true;
}

/**
 * rh_queue_pop - take the next chain the driver has offered
 * @queue: the queue
 * @chain: receives the chain; its arrays are valid until the next pop
 *
 * A content that is refused breaks the queue. With a vIOMMU -EAGAIN means that the owner
 * has been asked for a translation; the queue is woken when it has answered.
 *
 * Return: 1 with a chain, 0 if there is none, -EAGAIN, other negative values: the queue is
 * broken.
 */
int rh_queue_pop(struct rh_queue *queue, struct rh_chain *chain)
{
	int ret;

	lockdep_assert_held(&queue->lock);
	if (!rh_queue_is_running(queue))
		return -ESHUTDOWN;
	ret = rh_ring_pop(&queue->ring, queue->iotlb ?: queue->memory, chain);
	if (ret == -EAGAIN) {
		rh_miss_note(queue);
		return ret;
	}
	if (rh_queue_failed(queue, ret) || !ret)
		return ret;
	if (unlikely(queue->poll.empty_since))
		rh_poll_learn(queue);
	queue->inflight++;
	rh_queue_count(queue, DESCRIPTORS, chain->descriptors);
	rh_queue_count(queue, BYTES_READ, chain->out_bytes);
	trace_rh_pop(queue, chain);
	return 1;
}
EXPORT_SYMBOL_GPL(rh_queue_pop);

/**
 * rh_queue_rewind - give back all chains popped since, untouched
 * @queue: the queue; nothing was pushed since
 * @mark: from rh_queue_mark()
 */
void rh_queue_rewind(struct rh_queue *queue, struct rh_mark mark)
{
	lockdep_assert_held(&queue->lock);
	rh_ring_rewind(&queue->ring, mark.position);
	queue->inflight = mark.inflight;
}
EXPORT_SYMBOL_GPL(rh_queue_rewind);

/**
 * rh_queue_push - a popped chain is done
 * @queue: the queue
 * @head: the chain's head
 * @written: bytes written to its buffers, from the first on
 *
 * The driver sees it with the next rh_queue_publish(), together with all others pushed
 * before that.
 */
void rh_queue_push(struct rh_queue *queue, u16 head, u32 written)
{
	lockdep_assert_held(&queue->lock);
	queue->inflight--;
	rh_queue_count(queue, CHAINS, 1);
	rh_queue_count(queue, BYTES_WRITTEN, written);
	trace_rh_push(queue, head, written);
	rh_queue_failed(queue, rh_ring_push(&queue->ring, head, written));
}
EXPORT_SYMBOL_GPL(rh_queue_push);

static void call_driver(struct rh_queue *queue, bool wanted)
{
	if (wanted && queue->call) {
		rh_queue_count(queue, CALLS, 1);
		trace_rh_call(queue);
		rh_compat_eventfd_signal(queue->call);
		return;
	}
	if (!wanted)
		rh_queue_count(queue, CALLS_SUPPRESSED, 1);
	trace_rh_call_suppressed(queue);
}

/**
 * rh_queue_publish - show the driver what was pushed, and call it if it wants that
 * @queue: the queue
 */
void rh_queue_publish(struct rh_queue *queue)
{
	unsigned int outstanding = queue->ring.outstanding;
	int ret;

	lockdep_assert_held(&queue->lock);
	if (!rh_ring_has_unpublished(&queue->ring))
		return;
	if (rh_queue_failed(queue, rh_ring_publish(&queue->ring)))
		return;
	rh_queue_count(queue, PUBLISHES, 1);
	trace_rh_publish(queue, outstanding - queue->ring.outstanding);
	ret = rh_ring_needs_call(&queue->ring);
	if (!rh_queue_failed(queue, ret))
		call_driver(queue, ret);
}
EXPORT_SYMBOL_GPL(rh_queue_publish);

/**
 * rh_queue_disable_kick - the worker will look without being kicked
 * @queue: the queue
 */
void rh_queue_disable_kick(struct rh_queue *queue)
{
	lockdep_assert_held(&queue->lock);
	rh_queue_failed(queue, rh_ring_disable_kick(&queue->ring));
}
EXPORT_SYMBOL_GPL(rh_queue_disable_kick);

/**
 * rh_queue_enable_kick - ask for a kick before the worker sleeps
 * @queue: the queue
 *
 * Return: true if chains have come that no kick may announce: disable and pop again.
 */
bool rh_queue_enable_kick(struct rh_queue *queue)
{
	int ret;

	lockdep_assert_held(&queue->lock);
	if (rh_poll_finds_more(queue))
		return true;
	ret = rh_ring_enable_kick(&queue->ring);
	return !rh_queue_failed(queue, ret) && ret;
}
EXPORT_SYMBOL_GPL(rh_queue_enable_kick);

static bool process(struct rh_queue *queue)
{
	bool again;

	trace_rh_run_begin(queue);
	again = queue->dev->ops->process(queue);
	trace_rh_run_end(queue, again);
	return again;
}

/* The queue's turn in its worker. */
static void queue_run(struct rh_work *work)
{
	struct rh_queue *queue = container_of(work, struct rh_queue, work);
	const struct rh_dev_ops *ops = queue->dev->ops;

	mutex_lock(&queue->lock);
	if (queue->state != RH_QUEUE_STOPPED && ops->reap)
		ops->reap(queue);
	if (rh_queue_is_running(queue) && !queue->paused && !rh_pool_is_orphan(queue) &&
	    process(queue)) {
		rh_queue_count(queue, REQUEUES, 1);
		rh_queue_wake(queue);
	}
	if (queue->ring.log.fresh || queue->ring.log.faults)
		rh_log_settle(queue);
	if (!queue->inflight)
		wake_up(&queue->drained);
	mutex_unlock(&queue->lock);
}

/**
 * rh_queue_set_features - put feature bits in force
 * @queue: the queue
 * @features: the bits
 *
 * Legal on a running queue; it is woken, because how it asks for kicks may have changed.
 */
void rh_queue_set_features(struct rh_queue *queue, u64 features)
{
	rh_queue_lock(queue);
	queue->features = features;
	queue->ring.little_endian = rh_queue_has_feature(queue, VIRTIO_F_VERSION_1) ||
				    virtio_legacy_is_little_endian();
	queue->ring.event_idx = rh_queue_has_feature(queue, VIRTIO_RING_F_EVENT_IDX);
	queue->ring.indirect = rh_queue_has_feature(queue, VIRTIO_RING_F_INDIRECT_DESC);
	queue->ring.call_on_empty = rh_queue_has_feature(queue, VIRTIO_F_NOTIFY_ON_EMPTY);
	rh_log_update(queue);
	if (queue->dev->ops->features_changed)
		queue->dev->ops->features_changed(queue);
	if (rh_queue_is_running(queue))
		rh_queue_wake(queue);
	mutex_unlock(&queue->lock);
}

static void release_ring(struct rh_queue *queue)
{
	rh_ring_unmap(&queue->ring, queue->dev->mm);
	rh_ring_free(&queue->ring);
}

static int prepare_ring(struct rh_queue *queue)
{
	int err;

	err = rh_ring_alloc(&queue->ring);
	if (err)
		return err;
	err = rh_queue_begin(queue);
	if (err)
		release_ring(queue);
	return err;
}

/* Whether the ring has a size, and addresses that can be the owner's; a vIOMMU's may be any. */
static bool ring_is_set(const struct rh_queue *queue)
{
	return queue->iotlb ? queue->ring.num : rh_ring_addresses_ok(&queue->ring);
}

static int queue_start_locked(struct rh_queue *queue)
{
	const struct rh_dev_ops *ops = queue->dev->ops;
	int err;

	if (queue->state != RH_QUEUE_STOPPED)
		return -EBUSY;
	/* The format is what was negotiated when the queue starts, for as long as it runs. */
	queue->ring.packed = rh_queue_has_feature(queue, VIRTIO_F_RING_PACKED);
	queue->ring.in_order = rh_queue_has_feature(queue, VIRTIO_F_IN_ORDER);
	if (!queue->memory || !ring_is_set(queue))
		return -EFAULT;
	if (queue->ring.log.device_given &&
	    !rh_log_device_ok(queue->dev->bitmap, &queue->ring, queue->ring.log.device_address))
		return -EFAULT;
	if (!rh_ring_base_ok(&queue->ring))
		return -EINVAL;
	err = rh_pool_provide(queue);
	if (!err)
		err = prepare_ring(queue);
	if (err)
		return err;
	err = ops->start ? ops->start(queue) : 0;
	if (err) {
		release_ring(queue);
		return err;
	}
	queue->state = RH_QUEUE_RUNNING;
	rh_kick_start(queue);
	rh_queue_go_on(queue);
	return 0;
}

/**
 * rh_queue_start - let the worker loose on the ring
 * @queue: the queue; dev->lock is held, the caller is the owner
 *
 * Return: 0; -EBUSY not stopped, -EINVAL size or base not of the ring's format, -EFAULT no
 * memory table or ring outside the process, -ENOMEM, or what the backend's start() says.
 */
int rh_queue_start(struct rh_queue *queue)
{
	int err;

	lockdep_assert_held(&queue->dev->lock);
	rh_queue_lock(queue);
	err = queue_start_locked(queue);
	mutex_unlock(&queue->lock);
	return err;
}
EXPORT_SYMBOL_GPL(rh_queue_start);

/**
 * rh_queue_stop - stop popping, wait for what is in flight, return to STOPPED
 * @queue: the queue, in any state; dev->lock is held
 *
 * Every chain popped has been published when this returns, so that the ring's position
 * is all there is to say about the queue. A disk that never answers keeps it waiting.
 */
void rh_queue_stop(struct rh_queue *queue)
{
	lockdep_assert_held(&queue->dev->lock);
	rh_queue_lock(queue);
	if (queue->state == RH_QUEUE_STOPPED) {
		mutex_unlock(&queue->lock);
		return;
	}
	rh_kick_stop(queue);
	if (queue->state == RH_QUEUE_RUNNING)
		queue->state = RH_QUEUE_STOPPING;
	mutex_unlock(&queue->lock);

	rh_queue_wake(queue);
	rh_queue_drain(queue);

	rh_queue_lock(queue);
	if (queue->dev->ops->stop)
		queue->dev->ops->stop(queue);
	if (queue->begun) {
		queue->ring.base = rh_ring_get_base(&queue->ring);
		queue->ring.base_given = true;
	}
	queue->begun = false;
	rh_miss_drop(queue);
	release_ring(queue);
	queue->state = RH_QUEUE_STOPPED;
	mutex_unlock(&queue->lock);
}
EXPORT_SYMBOL_GPL(rh_queue_stop);

/**
 * rh_queue_init - prepare a queue that its backend has zeroed
 * @queue: the queue
 * @dev: its device
 * @index: its number
 */
void rh_queue_init(struct rh_queue *queue, struct rh_dev *dev, unsigned int index)
{
	queue->dev = dev;
	queue->index = index;
	mutex_init(&queue->lock);
	init_waitqueue_head(&queue->drained);
	rh_work_init(&queue->work, queue_run);
	rh_kick_init(queue);
}

/**
 * rh_queue_reset - return a stopped queue to what rh_queue_init() left, worker apart
 * @queue: the queue; statistics stay
 */
void rh_queue_reset(struct rh_queue *queue)
{
	rh_queue_lock(queue);
	WARN_ON_ONCE(queue->state != RH_QUEUE_STOPPED);
	if (queue->call)
		eventfd_ctx_put(queue->call);
	if (queue->error)
		eventfd_ctx_put(queue->error);
	if (queue->kick)
		fput(queue->kick);
	queue->call = NULL;
	queue->error = NULL;
	queue->kick = NULL;
	queue->memory = NULL;
	rh_poll_set(queue, 0);
	memset(&queue->ring, 0, sizeof(queue->ring));
	mutex_unlock(&queue->lock);
}
