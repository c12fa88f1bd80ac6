// SPDX-License-Identifier: GPL-2.0-only
/*
 * (1) A device's workers: who runs which queue.
 *
 * A worker has an id, the lowest that was free. A queue that starts without a worker gets
 * one of its own, made by default; VHOST_NEW_WORKER makes more, and any number of queues
 * may be attached to any of them. There is no other difference: whoever made it, a worker
 * lives until VHOST_FREE_WORKER, which refuses while a queue is attached,
 * VHOST_RESET_OWNER or the last close.
 *
 * A queue changes its worker at any time. What was queued with the old one runs there once
 * more; that both run the queue at the same time is ruled out by the queue's lock. Who wakes a
 * queue finds its worker under the RCU read lock, so a grace period after its last queue has
 * left nobody queues work with a worker any more, and it can be freed.
 *
 * Runs in the owner's ioctls, or in the last close, under dev->lock. Entry points: the
 * prototypes of pool.h.
 */
#include <linux/mm_types.h>
#include <linux/nospec.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "core.h"
#include "pool.h"

/* dev->lock keeps it. */
static struct rh_worker *worker_of(const struct rh_queue *queue)
{
	return rcu_dereference_protected(queue->worker, lockdep_is_held(&queue->dev->lock));
}

static int free_id(const struct rh_pool *pool)
{
	unsigned int id;

	for (id = 0; id < RH_POOL_WORKERS_MAX; id++)
		if (!pool->workers[id])
			return id;
	return -ENOSPC;
}

static struct rh_worker *find_worker(const struct rh_dev *dev, unsigned int id)
{
	if (id >= RH_POOL_WORKERS_MAX)
		return NULL;
	return dev->pool.workers[array_index_nospec(id, RH_POOL_WORKERS_MAX)];
}

/* Returns the id of a new worker named after the device, the owner and @prefix @number. */
static int add_worker(struct rh_dev *dev, const char *prefix, int number)
{
	struct rh_worker *worker;
	enum rh_worker_kind kind_of = dev->pool.kind;
	int id = free_id(&dev->pool);
	char name[32];

	lockdep_assert_held(&dev->lock);
	if (id < 0)
		return id;
	snprintf(name, sizeof(name), "rh-%s-%d/%s%d", dev->ops->name, task_tgid_nr(current), prefix,
		 number < 0 ? id : number);
	/* Who shares the owner's memory but not its process may end before it. */
	if (task_tgid(current) != dev->owner)
		kind_of = RH_WORKER_KTHREAD;
	worker = rh_worker_create(dev->mm, kind_of, name);
	if (IS_ERR(worker))
		return PTR_ERR(worker);
	dev->pool.workers[id] = worker;
	return id;
}

/**
 * rh_pool_init - prepare a device's pool, or make it as new after rh_pool_free()
 * @pool: the pool
 */
void rh_pool_init(struct rh_pool *pool)
{
	pool->kind = RH_COMPAT_HAS_VHOST_TASK ? RH_WORKER_TASK : RH_WORKER_KTHREAD;
}

/**
 * rh_pool_provide - make sure that a queue has a worker
 * @queue: the queue, which is about to start; its lock is held
 *
 * Return: 0; -ENOSPC too many workers, or as rh_worker_create().
 */
int rh_pool_provide(struct rh_queue *queue)
{
	int id;

	lockdep_assert_held(&queue->lock);
	if (worker_of(queue))
		return 0;
	id = add_worker(queue->dev, "", queue->index);
	if (id < 0)
		return id;
	rcu_assign_pointer(queue->worker, queue->dev->pool.workers[id]);
	return 0;
}

/**
 * rh_pool_attach - have another worker run a queue from now on
 * @queue: the queue, in any state; its lock is held
 * @id: the worker
 *
 * Return: 0; -ENODEV no such worker.
 */
int rh_pool_attach(struct rh_queue *queue, unsigned int id)
{
	struct rh_worker *worker = find_worker(queue->dev, id);

	lockdep_assert_held(&queue->dev->lock);
	lockdep_assert_held(&queue->lock);
	if (!worker)
		return -ENODEV;
	rcu_assign_pointer(queue->worker, worker);
	return 0;
}

/**
 * rh_pool_find - which worker runs a queue
 * @queue: the queue
 * @id: receives the worker's id
 *
 * Return: 0; -EINVAL none yet: the queue never started, nor was it attached.
 */
int rh_pool_find(struct rh_queue *queue, unsigned int *id)
{
	const struct rh_pool *pool = &queue->dev->pool;
	struct rh_worker *worker = worker_of(queue);

	if (!worker)
		return -EINVAL;
	for (*id = 0; pool->workers[*id] != worker;)
		++*id;
	return 0;
}

/**
 * rh_pool_is_orphan - whether a queue's worker died with the owner
 * @queue: the queue, started; its lock is held
 *
 * Such a queue finishes what is in flight and begins nothing.
 */
bool rh_pool_is_orphan(const struct rh_queue *queue)
{
	return rh_worker_is_dead(rcu_dereference_protected(queue->worker,
							   lockdep_is_held(&queue->lock)));
}

/**
 * rh_pool_is_idle - whether a queue's worker has no other work waiting
 * @queue: the queue, started; its lock is held
 */
bool rh_pool_is_idle(const struct rh_queue *queue)
{
	return rh_worker_is_idle(rcu_dereference_protected(queue->worker,
							   lockdep_is_held(&queue->lock)));
}

/**
 * rh_pool_waits_for_owner - whether the end of the workers may take another process's help
 * @dev: the device; nobody else uses it
 *
 * A task runs, and ends, only while its process is neither stopped nor frozen.
 */
bool rh_pool_waits_for_owner(struct rh_dev *dev)
{
	unsigned int id;

	if (task_tgid(current) == dev->owner)
		return false;
	for (id = 0; id < RH_POOL_WORKERS_MAX; id++) {
		struct rh_worker *worker = dev->pool.workers[id];

		if (worker && rh_worker_is_task(worker) && !rh_worker_is_dead(worker))
			return true;
	}
	return false;
}

/**
 * rh_pool_kill - rh_worker_kill() for all workers
 * @dev: the device
 *
 * All, because a queue that has moved may run on its former worker once more.
 */
void rh_pool_kill(struct rh_dev *dev)
{
	unsigned int id;

	lockdep_assert_held(&dev->lock);
	for (id = 0; id < RH_POOL_WORKERS_MAX; id++)
		if (dev->pool.workers[id])
			rh_worker_kill(dev->pool.workers[id]);
}

/* Nobody can reach it any more. */
static void remove_worker(struct rh_dev *dev, unsigned int id)
{
	struct rh_worker *worker = dev->pool.workers[id];

	dev->pool.workers[id] = NULL;
	rh_worker_destroy(worker);
}

/**
 * rh_pool_free - end all workers
 * @dev: the device; its queues are stopped, and nobody can still wake them
 */
void rh_pool_free(struct rh_dev *dev)
{
	unsigned int i;

	lockdep_assert_held(&dev->lock);
	for (i = 0; i < dev->queue_count; i++)
		RCU_INIT_POINTER(dev->queues[i]->worker, NULL);
	for (i = 0; i < RH_POOL_WORKERS_MAX; i++)
		if (dev->pool.workers[i])
			remove_worker(dev, i);
}

/**
 * rh_pool_new_worker - VHOST_NEW_WORKER
 * @dev: the device
 * @argument: receives the worker's id in a struct vhost_worker_state
 *
 * Return: 0; -ENOSPC too many workers, -EFAULT, or as rh_worker_create().
 */
long rh_pool_new_worker(struct rh_dev *dev, void __user *argument)
{
	struct vhost_worker_state state;
	int id = add_worker(dev, "w", -1);

	if (id < 0)
		return id;
	state.worker_id = id;
	if (!copy_to_user(argument, &state, sizeof(state)))
		return 0;
	remove_worker(dev, id);
	return -EFAULT;
}

static bool is_attached(const struct rh_dev *dev, const struct rh_worker *worker)
{
	unsigned int i;

	for (i = 0; i < dev->queue_count; i++)
		if (worker_of(dev->queues[i]) == worker)
			return true;
	return false;
}

/**
 * rh_pool_free_worker - VHOST_FREE_WORKER
 * @dev: the device
 * @argument: the worker's id in a struct vhost_worker_state
 *
 * Return: 0; -EFAULT, -ENODEV no such worker, -EBUSY a queue is attached to it.
 */
long rh_pool_free_worker(struct rh_dev *dev, void __user *argument)
{
	struct vhost_worker_state state;
	struct rh_worker *worker;

	if (copy_from_user(&state, argument, sizeof(state)))
		return -EFAULT;
	worker = find_worker(dev, state.worker_id);
	if (!worker)
		return -ENODEV;
	if (is_attached(dev, worker))
		return -EBUSY;
	/* Who found it before its last queue left; pairs with rh_queue_wake(). */
	synchronize_rcu();
	remove_worker(dev, state.worker_id);
	return 0;
}

/**
 * rh_pool_set_fork_from_owner - VHOST_SET_FORK_FROM_OWNER, before VHOST_SET_OWNER
 * @dev: the device
 * @argument: a __u8: VHOST_FORK_OWNER_TASK or VHOST_FORK_OWNER_KTHREAD
 *
 * Return: 0; -EFAULT, -EINVAL another value, or tasks where the kernel has none.
 */
long rh_pool_set_fork_from_owner(struct rh_dev *dev, void __user *argument)
{
	u8 value;

	if (get_user(value, (u8 __user *)argument))
		return -EFAULT;
	switch (value) {
	case VHOST_FORK_OWNER_KTHREAD:
		dev->pool.kind = RH_WORKER_KTHREAD;
		return 0;
	case VHOST_FORK_OWNER_TASK:
		if (!RH_COMPAT_HAS_VHOST_TASK)
			return -EINVAL;
		dev->pool.kind = RH_WORKER_TASK;
		return 0;
	default:
		return -EINVAL;
	}
}

/**
 * rh_pool_get_fork_from_owner - VHOST_GET_FORK_FROM_OWNER
 * @dev: the device
 * @argument: receives a __u8
 *
 * Return: 0 or -EFAULT.
 */
long rh_pool_get_fork_from_owner(struct rh_dev *dev, void __user *argument)
{
	u8 value = dev->pool.kind == RH_WORKER_TASK ? VHOST_FORK_OWNER_TASK :
						      VHOST_FORK_OWNER_KTHREAD;

	return put_user(value, (u8 __user *)argument);
}
