// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) One open /dev/ringhost-blk: its life and its ioctls.
 *
 *	           SET_DISK fd               SET_VRING_ENABLE 1
 *	 no disk --------------> attached ----------------------> queues run
 *	    ^                     |    ^                             |
 *	    |    SET_DISK -1      |    |     SET_VRING_ENABLE 0      |
 *	    +---------------------+    +-----------------------------+
 *	    +------------------ RESET_OWNER, close ------------------+
 *
 * Runs in the context of the caller of open, ioctl and close, the ioctls under dev.lock.
 * Entry points: rh_blk_fops; the rh_dev_ops at the bottom.
 */
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "blk.h"

/* Only starts and stops, which dev.lock excludes, change what is asked for here. */
static bool any_queue_runs(struct rh_blk_dev *blk)
{
	unsigned int i;

	lockdep_assert_held(&blk->dev.lock);
	for (i = 0; i < RH_BLK_QUEUES; i++)
		if (READ_ONCE(blk->queue_table[i]->state) != RH_QUEUE_STOPPED)
			return true;
	return false;
}

static void replace_disk(struct rh_blk_dev *blk, struct rh_blk_disk *disk)
{
	lockdep_assert_held(&blk->dev.lock);
	swap(blk->disk, disk);
	if (disk)
		rh_blk_disk_close(disk);
}

/* RINGHOST_BLK_SET_DISK; an error leaves the previous disk attached. */
static long set_disk(struct rh_blk_dev *blk, const void __user *argument)
{
	struct rh_blk_disk *disk = NULL;
	struct ringhost_blk_disk wanted;

	if (copy_from_user(&wanted, argument, sizeof(wanted)))
		return -EFAULT;
	if (wanted.flags & ~RINGHOST_BLK_F_READONLY ||
	    memchr_inv(wanted.reserved, 0, sizeof(wanted.reserved)))
		return -EINVAL;
	if (any_queue_runs(blk))
		return -EBUSY;
	if (wanted.fd != VHOST_FILE_UNBIND) {
		disk = rh_blk_disk_open(&wanted);
		if (IS_ERR(disk))
			return PTR_ERR(disk);
	}
	replace_disk(blk, disk);
	return 0;
}

/* RINGHOST_BLK_GET_LIMITS */
static long get_limits(struct rh_blk_dev *blk, void __user *argument)
{
	struct ringhost_blk_limits limits = {};

	if (!blk->disk)
		return -ENODEV;
	rh_blk_disk_limits(blk->disk, &limits);
	return copy_to_user(argument, &limits, sizeof(limits)) ? -EFAULT : 0;
}

/* RINGHOST_SET_VRING_ENABLE */
static long set_enable(struct rh_blk_dev *blk, const void __user *argument)
{
	struct vhost_vring_state state;
	struct rh_queue *queue;

	if (copy_from_user(&state, argument, sizeof(state)))
		return -EFAULT;
	if (state.index >= RH_BLK_QUEUES)
		return -ENOBUFS;
	if (state.num > 1)
		return -EINVAL;
	queue = blk->queue_table[array_index_nospec(state.index, RH_BLK_QUEUES)];
	if (!state.num) {
		rh_queue_stop(queue);
		return 0;
	}
	return blk->disk ? rh_queue_start(queue) : -ENODEV;
}

static long blk_backend_ioctl(struct rh_dev *dev, unsigned int cmd, unsigned long arg)
{
	struct rh_blk_dev *blk = rh_blk_dev_of(dev);

	switch (cmd) {
	case RINGHOST_BLK_SET_DISK:
		return set_disk(blk, (const void __user *)arg);
	case RINGHOST_BLK_GET_LIMITS:
		return get_limits(blk, (void __user *)arg);
	case RINGHOST_SET_VRING_ENABLE:
		return set_enable(blk, (const void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}

static void blk_reset(struct rh_dev *dev)
{
	replace_disk(rh_blk_dev_of(dev), NULL);
}

/* What depends on the disk is offered all the same: the VMM leaves out what does not apply. */
static const struct rh_dev_ops blk_ops = {
	.name = "blk",
	.features = RH_CORE_FEATURES |
		    BIT_ULL(VIRTIO_BLK_F_SEG_MAX) |
		    BIT_ULL(VIRTIO_BLK_F_RO) |
		    BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
		    BIT_ULL(VIRTIO_BLK_F_FLUSH) |
		    BIT_ULL(VIRTIO_BLK_F_TOPOLOGY) |
		    BIT_ULL(VIRTIO_BLK_F_MQ),
	.process = rh_blk_queue_process,
	.reap = rh_blk_queue_reap,
	.start = rh_blk_queue_start,
	.stop = rh_blk_queue_stop,
	.reset = blk_reset,
	.ioctl = blk_backend_ioctl,
};

static int blk_open(struct inode *inode, struct file *file)
{
	struct rh_blk_dev *blk;
	unsigned int i;

	blk = kvzalloc(sizeof(*blk), GFP_KERNEL_ACCOUNT);
	if (!blk)
		return -ENOMEM;
	for (i = 0; i < RH_BLK_QUEUES; i++) {
		init_llist_head(&blk->queues[i].done);
		INIT_LIST_HEAD(&blk->queues[i].idle);
		blk->queue_table[i] = &blk->queues[i].queue;
	}
	rh_dev_init(&blk->dev, &blk_ops, blk->queue_table, RH_BLK_QUEUES);
	file->private_data = blk;
	return 0;
}

static int blk_release(struct inode *inode, struct file *file)
{
	struct rh_blk_dev *blk = file->private_data;

	rh_dev_exit(&blk->dev);
	kvfree(blk);
	return 0;
}

static long blk_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct rh_blk_dev *blk = file->private_data;

	return rh_dev_ioctl(&blk->dev, cmd, arg);
}

static void blk_show_fdinfo(struct seq_file *seq, struct file *file)
{
	struct rh_blk_dev *blk = file->private_data;

	rh_dev_show_stats(seq, &blk->dev);
}

const struct file_operations rh_blk_fops = {
	.owner = THIS_MODULE,
	.open = blk_open,
	.release = blk_release,
	.unlocked_ioctl = blk_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
	.show_fdinfo = blk_show_fdinfo,
};
