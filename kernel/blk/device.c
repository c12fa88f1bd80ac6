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
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "blk.h"

static void replace_disk(struct rh_blk_dev *blk, struct rh_blk_disk *disk)
{
	lockdep_assert_held(&blk->dev.lock);
	swap(blk->disk, disk);
	if (disk)
		rh_blk_disk_close(disk);
}

/* RINGHOST_BLK_SET_DISK; an error leaves the previous disk attached. */
static long set_disk(struct rh_dev *dev, void __user *argument)
{
	struct rh_blk_disk *disk = NULL;
	struct ringhost_blk_disk wanted;

	if (copy_from_user(&wanted, argument, sizeof(wanted)))
		return -EFAULT;
	if (wanted.flags & ~RINGHOST_BLK_F_READONLY ||
	    memchr_inv(wanted.reserved, 0, sizeof(wanted.reserved)))
		return -EINVAL;
	if (wanted.fd != VHOST_FILE_UNBIND) {
		disk = rh_blk_disk_open(&wanted);
		if (IS_ERR(disk))
			return PTR_ERR(disk);
	}
	replace_disk(rh_blk_dev_of(dev), disk);
	return 0;
}

/* RINGHOST_BLK_GET_LIMITS */
static long get_limits(struct rh_dev *dev, void __user *argument)
{
	const struct rh_blk_disk *disk = rh_blk_dev_of(dev)->disk;
	struct ringhost_blk_limits limits = {};

	if (!disk)
		return -ENODEV;
	rh_blk_disk_limits(disk, &limits);
	return copy_to_user(argument, &limits, sizeof(limits)) ? -EFAULT : 0;
}

/* RINGHOST_SET_VRING_ENABLE */
static long set_enable(struct rh_queue *queue, union rh_vring_argument *arg)
{
	if (arg->state.num > 1)
		return -EINVAL;
	if (!arg->state.num) {
		rh_queue_stop(queue);
		return 0;
	}
	return rh_blk_dev_of(queue->dev)->disk ? rh_queue_start(queue) : -ENODEV;
}

static const struct rh_dev_ioctl blk_dev_ioctls[] = {
	{ RINGHOST_BLK_SET_DISK, RH_IOCTL_OWNER, set_disk, RH_IOCTL_STOPPED },
	{ RINGHOST_BLK_GET_LIMITS, RH_IOCTL_OWNER, get_limits },
	{ }
};

static const struct rh_vring_ioctl blk_vring_ioctls[] = {
	{ RINGHOST_SET_VRING_ENABLE, false, false, set_enable },
	{ }
};

static void blk_reset(struct rh_dev *dev)
{
	replace_disk(rh_blk_dev_of(dev), NULL);
}

static void blk_free(struct rh_dev *dev)
{
	kvfree(rh_blk_dev_of(dev));
}

/* What depends on the disk is offered all the same: the VMM leaves out what does not apply. */
static const struct rh_dev_ops blk_ops = {
	.owner = THIS_MODULE,
	.name = "blk",
	.features = RH_CORE_FEATURES |
		    BIT_ULL(VIRTIO_F_ANY_LAYOUT) |
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
	.free = blk_free,
	.dev_ioctls = blk_dev_ioctls,
	.vring_ioctls = blk_vring_ioctls,
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
	file->private_data = &blk->dev;
	return 0;
}

const struct file_operations rh_blk_fops = {
	.owner = THIS_MODULE,
	.open = blk_open,
	.release = rh_dev_release,
	.unlocked_ioctl = rh_dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read = rh_dev_read,
	.write = rh_dev_write,
	.poll = rh_dev_poll,
	.llseek = noop_llseek,
	.show_fdinfo = rh_dev_show_stats,
};
