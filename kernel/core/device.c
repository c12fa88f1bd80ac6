// SPDX-License-Identifier: GPL-2.0-only
/*
 * One open device node: its owner, its memory table, its life; and the vhost ioctls
 * that concern the device as a whole. Those that concern one queue are in vring.c.
 *
 * Runs in the owner's ioctls, or in the last close. Entry points: rh_dev_init() from the
 * backend's open(); rh_dev_ioctl() and rh_dev_release(), operations of its file.
 */
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "core.h"
#include "queue.h"
#include "vring.h"

/* Words of 64 feature bits that a caller may pass: far more than there will be. */
#define FEATURE_WORDS_MAX 512

/* The last device's number; it wraps after four billion opens. */
static atomic_t last_id;

/* For the ends of devices that nobody waits for. */
static struct workqueue_struct *release_queue;

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
	rh_log_reset(dev);
	rh_viommu_free(dev);
	rh_miss_set_v2(dev, false);
	/* Completions that a stop overtook; pairs with rh_queue_complete(). */
	synchronize_rcu();
	for (i = 0; i < dev->queue_count; i++)
		rh_queue_reset(dev->queues[i]);
	rh_pool_free(dev);
	rh_memory_free(dev->memory);
	dev->memory = NULL;
	if (dev->mm)
		mmput(dev->mm);
	dev->mm = NULL;
	put_pid(dev->owner);
	dev->owner = NULL;
}

static void set_features(struct rh_dev *dev, u64 features)
{
	unsigned int i;

	dev->features = features;
	for (i = 0; i < dev->queue_count; i++)
		rh_queue_set_features(dev->queues[i], features);
}

/**
 * rh_dev_is_owner - whether the caller is a thread of the process that owns the device
 * @dev: the device; its lock is held
 */
bool rh_dev_is_owner(const struct rh_dev *dev)
{
	return dev->mm && dev->mm == current->mm;
}

/* Only the owner switches a vIOMMU on or off: that puts rings in place. */
static int change_features(struct rh_dev *dev, u64 features)
{
	int err;

	if (((features | dev->features) & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM)) && dev->mm &&
	    !rh_dev_is_owner(dev))
		return -EPERM;
	if (!rh_log_memory_ok(dev->bitmap, dev->memory, features))
		return -EFAULT;
	err = rh_viommu_set(dev, features & BIT_ULL(VIRTIO_F_ACCESS_PLATFORM));
	if (!err)
		set_features(dev, features);
	return err;
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
	return change_features(dev, features);
}

/*
 * The first word is what VHOST_GET_FEATURES gives, all others are 0: no feature has a
 * higher number.
 */
static long get_features_array_ioctl(struct rh_dev *dev, void __user *argument)
{
	struct vhost_features_array __user *array = argument;
	u64 count;

	if (get_user(count, &array->count))
		return -EFAULT;
	if (count > FEATURE_WORDS_MAX)
		return -E2BIG;
	if (!count)
		return 0;
	if (put_user(dev->ops->features, &array->features[0]) ||
	    clear_user(&array->features[1], (count - 1) * sizeof(u64)))
		return -EFAULT;
	return 0;
}

/* As VHOST_SET_FEATURES with the first word; without one no feature is wanted. */
static long set_features_array_ioctl(struct rh_dev *dev, void __user *argument)
{
	struct vhost_features_array __user *array = argument;
	u64 count, i, word, features = 0;

	if (get_user(count, &array->count))
		return -EFAULT;
	if (count > FEATURE_WORDS_MAX)
		return -E2BIG;
	for (i = 0; i < count; i++) {
		if (get_user(word, &array->features[i]))
			return -EFAULT;
		if (word & ~(i ? 0 : dev->ops->features))
			return -EOPNOTSUPP;
		features |= word;
	}
	return change_features(dev, features);
}

#define BACKEND_FEATURES BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2)

static long get_backend_features_ioctl(struct rh_dev *dev, void __user *argument)
{
	return put_user((u64)BACKEND_FEATURES, (u64 __user *)argument);
}

static long set_backend_features_ioctl(struct rh_dev *dev, void __user *argument)
{
	u64 features;

	if (get_user(features, (u64 __user *)argument))
		return -EFAULT;
	if (features & ~BACKEND_FEATURES)
		return -EOPNOTSUPP;
	rh_miss_set_v2(dev, features & BIT_ULL(VHOST_BACKEND_F_IOTLB_MSG_V2));
	return 0;
}

static long set_owner_ioctl(struct rh_dev *dev, void __user *argument)
{
	dev->mm = get_task_mm(current);
	if (!dev->mm)
		return -EINVAL;
	dev->owner = get_pid(task_tgid(current));
	return 0;
}

static long reset_owner_ioctl(struct rh_dev *dev, void __user *argument)
{
	dev_reset(dev);
	rh_pool_init(&dev->pool);
	set_features(dev, 0);
	return 0;
}

static long set_mem_table_ioctl(struct rh_dev *dev, void __user *argument)
{
	struct rh_memory *memory = rh_memory_alloc(argument);
	unsigned int i;

	if (IS_ERR(memory))
		return PTR_ERR(memory);
	if (!rh_log_memory_ok(dev->bitmap, memory, dev->features)) {
		rh_memory_free(memory);
		return -EFAULT;
	}
	for (i = 0; i < dev->queue_count; i++) {
		rh_queue_lock(dev->queues[i]);
		dev->queues[i]->memory = memory;
		dev->queues[i]->ring.log.memory = memory;
		mutex_unlock(&dev->queues[i]->lock);
	}
	rh_memory_free(dev->memory);
	dev->memory = memory;
	return 0;
}

static const struct rh_dev_ioctl dev_ioctls[] = {
	{ VHOST_GET_FEATURES, RH_IOCTL_ANYONE, get_features_ioctl },
	{ VHOST_SET_FEATURES, RH_IOCTL_ANYONE, set_features_ioctl },
	{ VHOST_GET_FEATURES_ARRAY, RH_IOCTL_ANYONE, get_features_array_ioctl },
	{ VHOST_SET_FEATURES_ARRAY, RH_IOCTL_ANYONE, set_features_array_ioctl },
	{ VHOST_GET_BACKEND_FEATURES, RH_IOCTL_ANYONE, get_backend_features_ioctl },
	{ VHOST_SET_BACKEND_FEATURES, RH_IOCTL_ANYONE, set_backend_features_ioctl },
	{ VHOST_SET_OWNER, RH_IOCTL_ANYONE, set_owner_ioctl, RH_IOCTL_UNOWNED },
	{ VHOST_RESET_OWNER, RH_IOCTL_OWNER, reset_owner_ioctl },
	{ VHOST_SET_MEM_TABLE, RH_IOCTL_OWNER, set_mem_table_ioctl },
	{ VHOST_SET_FORK_FROM_OWNER, RH_IOCTL_ANYONE, rh_pool_set_fork_from_owner,
	  RH_IOCTL_UNOWNED },
	{ VHOST_GET_FORK_FROM_OWNER, RH_IOCTL_ANYONE, rh_pool_get_fork_from_owner },
	{ VHOST_NEW_WORKER, RH_IOCTL_OWNER, rh_pool_new_worker },
	{ VHOST_FREE_WORKER, RH_IOCTL_OWNER, rh_pool_free_worker },
	{ VHOST_SET_LOG_BASE, RH_IOCTL_OWNER, rh_log_set_base },
	{ VHOST_SET_LOG_FD, RH_IOCTL_OWNER, rh_log_set_fd },
	{ }
};

static const struct rh_dev_ioctl *find_ioctl(const struct rh_dev_ioctl *table, unsigned int cmd)
{
	for (; table && table->cmd; table++)
		if (table->cmd == cmd)
			return table;
	return NULL;
}

/* Only starts and stops, which dev->lock excludes, change what is asked for here. */
static bool any_queue_runs(const struct rh_dev *dev)
{
	unsigned int i;

	lockdep_assert_held(&dev->lock);
	for (i = 0; i < dev->queue_count; i++)
		if (READ_ONCE(dev->queues[i]->state) != RH_QUEUE_STOPPED)
			return true;
	return false;
}

static bool is_time(const struct rh_dev *dev, enum rh_ioctl_when when)
{
	switch (when) {
	case RH_IOCTL_UNOWNED:
		return !dev->mm;
	case RH_IOCTL_STOPPED:
		return !any_queue_runs(dev);
	default:
		return true;
	}
}

static long ioctl_locked(struct rh_dev *dev, unsigned int cmd, void __user *argument)
{
	const struct rh_dev_ioctl *ioctl;

	ioctl = find_ioctl(dev_ioctls, cmd) ?: find_ioctl(dev->ops->dev_ioctls, cmd);
	if (!(ioctl && ioctl->who == RH_IOCTL_ANYONE) && !rh_dev_is_owner(dev))
		return -EPERM;
	if (!ioctl)
		return rh_vring_ioctl(dev, cmd, argument);
	return is_time(dev, ioctl->when) ? ioctl->handle(dev, argument) : -EBUSY;
}

/**
 * rh_dev_ioctl - serve an ioctl of a device node
 * @file: the node, opened
 * @cmd: a vhost or ringhost number, or one of the backend's
 * @arg: its argument
 *
 * Return: 0 or the ioctl's result; -EPERM if it needs the owner and the caller is not,
 * -EBUSY in the wrong state, -ENOTTY unknown; others as the ioctl says.
 */
long rh_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct rh_dev *dev = file->private_data;
	long ret;

	mutex_lock(&dev->lock);
	ret = ioctl_locked(dev, cmd, (void __user *)arg);
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
	rh_viommu_init(dev);
	rh_pool_init(&dev->pool);
	for (i = 0; i < queue_count; i++)
		rh_queue_init(queues[i], dev, i);
	set_features(dev, 0);
}
EXPORT_SYMBOL_GPL(rh_dev_init);

static void dev_exit(struct rh_dev *dev)
{
	mutex_lock(&dev->lock);
	/* The owner may be dead already, or never come back to provide its memory. */
	rh_pool_kill(dev);
	dev_reset(dev);
	mutex_unlock(&dev->lock);
	dev->ops->free(dev);
}

static void release_run(struct work_struct *work)
{
	struct rh_dev *dev = container_of(work, struct rh_dev, release);
	struct module *owner = dev->ops->owner;

	dev_exit(dev);
	module_put(owner);
}

/**
 * rh_dev_release - the last close: stop and release everything, and free the device
 * @inode: the node
 * @file: the node, opened; nobody else uses it
 *
 * Done when this returns, unless a process that is not the owner has the last descriptor
 * while the owner lives and has lent its threads: whether these run, the owner decides,
 * who may be stopped or frozen, and nobody else's close shall wait for that. Then the device
 * goes when they do.
 */
int rh_dev_release(struct inode *inode, struct file *file)
{
	struct rh_dev *dev = file->private_data;

	if (!rh_pool_waits_for_owner(dev)) {
		dev_exit(dev);
		return 0;
	}
	__module_get(dev->ops->owner);
	INIT_WORK(&dev->release, release_run);
	queue_work(release_queue, &dev->release);
	return 0;
}
EXPORT_SYMBOL_GPL(rh_dev_release);

/**
 * rh_devices_init - when the module is loaded
 *
 * Return: 0 or -ENOMEM.
 */
int __init rh_devices_init(void)
{
	release_queue = alloc_workqueue("ringhost", WQ_UNBOUND, 0);
	return release_queue ? 0 : -ENOMEM;
}

/**
 * rh_devices_exit - undo rh_devices_init()
 *
 * No device is left, but the end of release_run() may still be running.
 */
void rh_devices_exit(void)
{
	destroy_workqueue(release_queue);
}
