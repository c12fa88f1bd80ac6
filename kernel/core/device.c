// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open device node: its owner, its memory table, its life; and the vhost ioctls
 * that concern the device as a whole. Those that concern one queue are in vring.c.
 *
 * Runs in the owner's ioctls, or in the last close. Entry points: rh_dev_init() and
 * rh_dev_exit() from the backend's open() and release(), rh_dev_ioctl().
 */
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "core.h"
#include "queue.h"
#include "vring.h"

/* The last device's number; it wraps after four billion opens. */
static atomic_t last_id;

static void stop_all(struct rh_dev *dev)
{
	unsigned int i;

	for (i = 0; i < dev->queue_count; i++)
		rh_queue_stop(dev->queues[i]);
}

/* Drop everything the owner has set, worker threads and address space included. */
static void dev_reset(struct rh_dev *dev)
{
	unsigned int i;

	lockdep_assert_held(&dev->lock);
	stop_all(dev);
	if (dev->ops->reset)
		dev->ops->reset(dev);
	/* Completions that a stop overtook; pairs with rh_queue_complete(). */
	synchronize_rcu();
	for (i = 0; i < dev->queue_count; i++) {
		rh_queue_reset(dev->queues[i]);
		rh_worker_destroy(dev->queues[i]->worker);
		dev->queues[i]->worker = NULL;
	}
	rh_memory_free(dev->memory);
	dev->memory = NULL;
	if (dev->mm)
		mmput(dev->mm);
	dev->mm = NULL;
}

static void set_features(struct rh_dev *dev, u64 features)
{
	unsigned int i;

	dev->features = features;
	for (i = 0; i < dev->queue_count; i++)
		rh_queue_set_features(dev->queues[i], features);
}

static long get_features_ioctl(struct rh_dev *dev, void __user *argument)
{
	return put_user(dev->ops->features, (u64 __user *)argument);
}

static long set_features_ioctl(struct rh_dev *dev, void __user *argument)
{
	u64 features;

	if (get_user(features, (u64 __user *)argument))
		return -EFAULT;
	if (features & ~dev->ops->features)
		return -EOPNOTSUPP;
	set_features(dev, features);
	return 0;
}

/* No backend feature exists yet; asking and setting none is how clients begin. */
static long get_backend_features_ioctl(struct rh_dev *dev, void __user *argument)
{
	return put_user((u64)0, (u64 __user *)argument);
}

static long set_backend_features_ioctl(struct rh_dev *dev, void __user *argument)
{
	u64 features;

	if (get_user(features, (u64 __user *)argument))
		return -EFAULT;
	return features ? -EOPNOTSUPP : 0;
}

static long set_owner_ioctl(struct rh_dev *dev, void __user *argument)
{
	if (dev->mm)
		return -EBUSY;
	dev->mm = get_task_mm(current);
	return dev->mm ? 0 : -EINVAL;
}

static long reset_owner_ioctl(struct rh_dev *dev, void __user *argument)
{
	dev_reset(dev);
	set_features(dev, 0);
	return 0;
}

static long set_mem_table_ioctl(struct rh_dev *dev, void __user *argument)
{
	struct rh_memory *memory = rh_memory_alloc(argument);
	unsigned int i;

	if (IS_ERR(memory))
		return PTR_ERR(memory);
	for (i = 0; i < dev->queue_count; i++) {
		rh_queue_lock(dev->queues[i]);
		dev->queues[i]->memory = memory;
		mutex_unlock(&dev->queues[i]->lock);
	}
	rh_memory_free(dev->memory);
	dev->memory = memory;
	return 0;
}

static const struct rh_dev_ioctl dev_ioctls[] = {
	{ VHOST_GET_FEATURES, RH_IOCTL_ANYONE, get_features_ioctl },
	{ VHOST_SET_FEATURES, RH_IOCTL_ANYONE, set_features_ioctl },
	{ VHOST_GET_BACKEND_FEATURES, RH_IOCTL_ANYONE, get_backend_features_ioctl },
	{ VHOST_SET_BACKEND_FEATURES, RH_IOCTL_ANYONE, set_backend_features_ioctl },
	{ VHOST_SET_OWNER, RH_IOCTL_ANYONE, set_owner_ioctl },
	{ VHOST_RESET_OWNER, RH_IOCTL_OWNER, reset_owner_ioctl },
	{ VHOST_SET_MEM_TABLE, RH_IOCTL_OWNER, set_mem_table_ioctl },
};

static const struct rh_dev_ioctl *find_ioctl(unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(dev_ioctls); i++)
		if (dev_ioctls[i].cmd == cmd)
			return &dev_ioctls[i];
	return NULL;
}

static bool is_owner(const struct rh_dev *dev)
{
	return dev->mm && dev->mm == current->mm;
}

static long ioctl_locked(struct rh_dev *dev, unsigned int cmd, unsigned long arg)
{
	const struct rh_dev_ioctl *ioctl = find_ioctl(cmd);
	long ret;

	if (ioctl && ioctl->who == RH_IOCTL_ANYONE)
		return ioctl->handle(dev, (void __user *)arg);
	if (!is_owner(dev))
		return -EPERM;
	if (ioctl)
		return ioctl->handle(dev, (void __user *)arg);
	ret = rh_vring_ioctl(dev, cmd, (void __user *)arg);
	if (ret == -ENOIOCTLCMD && dev->ops->ioctl)
		ret = dev->ops->ioctl(dev, cmd, arg);
	return ret == -ENOIOCTLCMD ? -ENOTTY : ret;
}

/**
 * rh_dev_ioctl - serve an ioctl of a device node
 * @dev: the device
 * @cmd: a vhost or ringhost number, or one of the backend's
 * @arg: its argument
 *
 * Return: 0 or the ioctl's result; -EPERM if it needs the owner and the caller is not,
 * -ENOTTY unknown; others as the ioctl says.
 */
long rh_dev_ioctl(struct rh_dev *dev, unsigned int cmd, unsigned long arg)
{
	long ret;

	mutex_lock(&dev->lock);
	ret = ioctl_locked(dev, cmd, arg);
	mutex_unlock(&dev->lock);
	return ret;
}
EXPORT_SYMBOL_GPL(rh_dev_ioctl);

/**
 * rh_dev_init - prepare a device that its backend has zeroed
 * @dev: the device
 * @ops: the backend
 * @queues: its queues; the array lives as long as the device
 * @queue_count: their number
 */
void rh_dev_init(struct rh_dev *dev, const struct rh_dev_ops *ops,
		 struct rh_queue **queues, unsigned int queue_count)
{
	unsigned int i;

	dev->id = atomic_inc_return(&last_id);
	dev->ops = ops;
	dev->queues = queues;
	dev->queue_count = queue_count;
	mutex_init(&dev->lock);
	for (i = 0; i < queue_count; i++)
		rh_queue_init(queues[i], dev, i);
	set_features(dev, 0);
}
EXPORT_SYMBOL_GPL(rh_dev_init);

/**
 * rh_dev_exit - stop and release everything; the backend may free the device afterwards
 * @dev: the device; nobody else uses it
 */
void rh_dev_exit(struct rh_dev *dev)
{
	unsigned int i;

	/* The owner may be dead already, or never come back to provide its memory. */
	for (i = 0; i < dev->queue_count; i++)
		rh_worker_kill(dev->queues[i]->worker);
	mutex_lock(&dev->lock);
	dev_reset(dev);
	mutex_unlock(&dev->lock);
}
EXPORT_SYMBOL_GPL(rh_dev_exit);
