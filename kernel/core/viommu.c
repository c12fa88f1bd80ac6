// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) A device behind a vIOMMU: with VIRTIO_F_ACCESS_PLATFORM all addresses, the rings' too,
 * are the vIOMMU's, and the owner tells by write() what they are in its memory.
 *
 * A change makes a new table of the one in force and shows it to each queue in turn, as
 * VHOST_SET_MEM_TABLE does. So when write() returns the old translations are out of use;
 * place.c says what that means for a ring.
 *
 * Runs in the owner's ioctls and write(), or the last close, under dev->lock. Entry points:
 * rh_dev_write(), rh_viommu_set().
 */
#include <linux/export.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "iotlb.h"
#include "queue.h"
#include "vring.h"

/* One structure serves both formats. */
static_assert(sizeof(struct vhost_msg) == sizeof(struct vhost_msg_v2));
static_assert(offsetof(struct vhost_msg, iotlb) == offsetof(struct vhost_msg_v2, iotlb));

/* Have all queues use @table, of which the rest is not known. */
static void show_all(struct rh_dev *dev, struct rh_memory *table)
{
	unsigned int i;

	for (i = 0; i < dev->queue_count; i++)
		rh_queue_set_iotlb(dev->queues[i], table);
}

static void free_tables(struct rh_viommu *viommu)
{
	rh_memory_free(viommu->table);
	rh_memory_free(viommu->spare);
	viommu->table = NULL;
	viommu->spare = NULL;
}

static int alloc_tables(struct rh_viommu *viommu)
{
	if (viommu->table)
		return 0;
	viommu->table = rh_iotlb_alloc();
	viommu->spare = rh_iotlb_alloc();
	if (viommu->table && viommu->spare)
		return 0;
	free_tables(viommu);
	return -ENOMEM;
}

/**
 * rh_viommu_set - put a vIOMMU in force, or out of it
 * @dev: the device; its lock is held; while a queue runs the caller is the owner
 * @on: what is wanted
 *
 * Either way no translation is known afterwards: VHOST_SET_FEATURES is how clients begin
 * anew.
 *
 * Return: 0; -ENOMEM, and nothing has changed.
 */
int rh_viommu_set(struct rh_dev *dev, bool on)
{
	struct rh_viommu *viommu = &dev->viommu;

	lockdep_assert_held(&dev->lock);
	if (!on) {
		rh_viommu_free(dev);
		return 0;
	}
	if (alloc_tables(viommu))
		return -ENOMEM;
	viommu->spare->count = 0;
	rh_miss_enable(dev, true);
	show_all(dev, viommu->spare);
	swap(viommu->table, viommu->spare);
	return 0;
}

/**
 * rh_viommu_free - do without a vIOMMU
 * @dev: the device; its lock is held
 */
void rh_viommu_free(struct rh_dev *dev)
{
	if (!dev->viommu.table)
		return;
	show_all(dev, NULL);
	free_tables(&dev->viommu);
	rh_miss_enable(dev, false);
}

/**
 * rh_viommu_init - prepare a device that its backend has zeroed
 * @dev: the device
 */
void rh_viommu_init(struct rh_dev *dev)
{
	spin_lock_init(&dev->viommu.lock);
	init_waitqueue_head(&dev->viommu.readers);
}

/* The spare table, which is the one in force with the range changed, takes its place. */
static void show_change(struct rh_dev *dev, u64 start, u64 last)
{
	struct rh_viommu *viommu = &dev->viommu;
	unsigned int i;

	for (i = 0; i < dev->queue_count; i++)
		rh_queue_change_iotlb(dev->queues[i], viommu->spare, start, last);
	swap(viommu->table, viommu->spare);
}

static int update(struct rh_dev *dev, const struct vhost_iotlb_msg *message)
{
	struct rh_viommu *viommu = &dev->viommu;
	struct rh_region entry = {
		.start = message->iova,
		.user = message->uaddr,
		.access = message->perm,
	};

	if (!message->size || !message->perm || message->perm & ~VHOST_ACCESS_RW)
		return -EINVAL;
	if (check_add_overflow(message->iova, message->size - 1, &entry.last) ||
	    !access_ok((void __user *)(unsigned long)message->uaddr, message->size))
		return -EFAULT;
	if (rh_iotlb_update(viommu->spare, viommu->table, &entry, &viommu->hand))
		show_change(dev, entry.start, entry.last);
	return 0;
}

/*
 * The whole address space has a size that no message can say: from 0, size 0 is all of it,
 * as for vhost, and QEMU relies on that.
 */
static int invalidate(struct rh_dev *dev, const struct vhost_iotlb_msg *message)
{
	struct rh_viommu *viommu = &dev->viommu;
	u64 last = U64_MAX;

	if (!message->size && message->iova)
		return -EINVAL;
	if (message->size && check_add_overflow(message->iova, message->size - 1, &last))
		return -EFAULT;
	rh_iotlb_invalidate(viommu->spare, viommu->table, message->iova, last, &viommu->hand);
	show_change(dev, message->iova, last);
	return 0;
}

static int take_message(struct rh_dev *dev, const struct vhost_iotlb_msg *message)
{
	if (!rh_dev_is_owner(dev))
		return -EPERM;
	if (!dev->viommu.table)
		return -EFAULT;
	switch (message->type) {
	case VHOST_IOTLB_UPDATE:
		return update(dev, message);
	case VHOST_IOTLB_INVALIDATE:
		return invalidate(dev, message);
	default:
		return -EFAULT;
	}
}

/**
 * rh_dev_write - write(): the owner adds a translation or takes some back
 * @file: the node, opened
 * @from: a struct vhost_msg or vhost_msg_v2, whichever was negotiated
 * @count: bytes at @from; those behind the first message are left
 * @position: means nothing here
 *
 * Return: the message's size; -EINVAL fewer bytes than that, unknown format, size 0, unknown
 * permission; -EPERM not the owner; -EFAULT no vIOMMU, unknown type, a range that wraps or
 * is not in the process, or @from unreadable.
 */
ssize_t rh_dev_write(struct file *file, const char __user *from, size_t count, loff_t *position)
{
	struct rh_dev *dev = file->private_data;
	struct vhost_msg_v2 message;
	int err;

	if (count < sizeof(message))
		return -EINVAL;
	if (copy_from_user(&message, from, sizeof(message)))
		return -EFAULT;
	if (message.type != VHOST_IOTLB_MSG && message.type != VHOST_IOTLB_MSG_V2)
		return -EINVAL;
	mutex_lock(&dev->lock);
	err = take_message(dev, &message.iotlb);
	mutex_unlock(&dev->lock);
	return err ?: sizeof(message);
}
EXPORT_SYMBOL_GPL(rh_dev_write);
