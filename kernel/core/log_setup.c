// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log's switches: VHOST_SET_LOG_BASE and VHOST_SET_LOG_FD here, VHOST_F_LOG_ALL
 * (device.c) and VHOST_VRING_F_LOG (vring.c) by rh_log_update(); and what the owner hears.
 *
 *	a queue logs = (LOG_ALL, or its ring has VRING_F_LOG) and SET_LOG_BASE gave a bitmap
 *
 * A client that acknowledges LOG_ALL and never gives a bitmap has nothing logged. All may
 * change while queues run: a write and its note in the log are made under one hold of
 * the queue's lock, so what is written after the ioctl has returned is noted as it says.
 *
 * Runs in the owner's ioctls, or the last close, under dev->lock, except rh_log_settle(),
 * which ends each turn of a queue in its worker.
 */
#include <linux/eventfd.h>
#include <linux/overflow.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "queue.h"

/**
 * rh_log_memory_ok - whether each byte of a memory table has a bit where bits may be
 * @bitmap: the bitmap, or NULL
 * @memory: the table, or NULL
 * @features: nothing has to have a bit without VHOST_F_LOG_ALL among them
 */
bool rh_log_memory_ok(const struct rh_bitmap *bitmap, const struct rh_memory *memory,
		      u64 features)
{
	if (!bitmap || !memory || !memory->count || !(features & BIT_ULL(VHOST_F_LOG_ALL)))
		return true;
	/* Sorted by address, so the last one is the highest. */
	return rh_bitmap_covers(bitmap, memory->regions[memory->count - 1].last);
}

/**
 * rh_log_device_ok - the same for a ring's device area
 * @bitmap: the bitmap, or NULL
 * @ring: the ring; its size and format count
 * @address: guest-physical address of its device area
 */
bool rh_log_device_ok(const struct rh_bitmap *bitmap, const struct rh_ring *ring, u64 address)
{
	u64 last;

	if (!bitmap)
		return true;
	return !check_add_overflow(address, (u64)rh_ring_device_bytes(ring) - 1, &last) &&
	       rh_bitmap_covers(bitmap, last);
}

/**
 * rh_log_update - let a queue log as the device and its ring now say
 * @queue: the queue; its lock is held
 */
void rh_log_update(struct rh_queue *queue)
{
	struct rh_log *log = &queue->ring.log;
	struct rh_bitmap *bitmap = queue->dev->bitmap, *old = log->bitmap;

	lockdep_assert_held(&queue->lock);
	log->everything = rh_queue_has_feature(queue, VHOST_F_LOG_ALL);
	/* With a vIOMMU the address is not guest-physical; the table knows better. */
	log->device_given = log->device_flag &&
			    !rh_queue_has_feature(queue, VIRTIO_F_ACCESS_PLATFORM);
	if (!log->everything && !log->device_given)
		bitmap = NULL;
	if (bitmap == old)
		return;
	lockdep_assert_held(&queue->dev->lock);
	log->bitmap = bitmap;
	if (bitmap)
		rh_bitmap_use(bitmap);
	if (old)
		rh_bitmap_unuse(old);
}

/**
 * rh_log_settle - count and report what was logged, and what could not be
 * @queue: the queue; its lock is held
 *
 * A write that is missing from the log would be missing at the migration's other end, and
 * nobody would know: so the queue breaks, and the owner hears of it even if it stops.
 */
void rh_log_settle(struct rh_queue *queue)
{
	struct rh_log *log = &queue->ring.log;

	lockdep_assert_held(&queue->lock);
	if (log->fresh) {
		rh_queue_count(queue, LOGGED_PAGES, log->fresh);
		if (queue->log_event)
			rh_compat_eventfd_signal(queue->log_event);
		log->fresh = 0;
	}
	if (log->faults) {
		rh_queue_count(queue, LOG_FAULTS, log->faults);
		rh_queue_break(queue, RINGHOST_STAT_LOG_FAULTS);
		log->faults = 0;
	}
}

static void replace_bitmap(struct rh_dev *dev, struct rh_bitmap *bitmap)
{
	unsigned int i;

	swap(dev->bitmap, bitmap);
	for (i = 0; i < dev->queue_count; i++) {
		rh_queue_lock(dev->queues[i]);
		rh_log_update(dev->queues[i]);
		mutex_unlock(&dev->queues[i]->lock);
	}
	rh_bitmap_free(bitmap);
}

static void replace_event(struct rh_dev *dev, struct eventfd_ctx *event)
{
	unsigned int i;

	swap(dev->log_event, event);
	for (i = 0; i < dev->queue_count; i++) {
		rh_queue_lock(dev->queues[i]);
		dev->queues[i]->log_event = dev->log_event;
		mutex_unlock(&dev->queues[i]->lock);
	}
	if (event)
		eventfd_ctx_put(event);
}

/* Whether @bitmap can take all that the device's queues would log to it. */
static bool bitmap_ok(const struct rh_dev *dev, const struct rh_bitmap *bitmap)
{
	const struct rh_ring *ring;
	unsigned int i;

	if (!rh_log_memory_ok(bitmap, dev->memory, dev->features))
		return false;
	for (i = 0; i < dev->queue_count; i++) {
		ring = &dev->queues[i]->ring;
		/* A stopped queue's ring may be half set up; it is checked when it starts. */
		if (READ_ONCE(dev->queues[i]->state) != RH_QUEUE_STOPPED &&
		    ring->log.device_given &&
		    !rh_log_device_ok(bitmap, ring, ring->log.device_address))
			return false;
	}
	return true;
}

/**
 * rh_log_set_base - VHOST_SET_LOG_BASE: where the bits go from now on
 * @dev: the device; its lock is held, the caller is the owner
 * @argument: a u64, the address of bit 0; 0: nowhere
 *
 * When this returns nothing is written to the previous bitmap any more.
 *
 * Return: 0; -EFAULT argument, or bits would lie outside the process; -ENOMEM. Errors
 * change nothing.
 */
long rh_log_set_base(struct rh_dev *dev, void __user *argument)
{
	struct rh_bitmap *bitmap = NULL;
	u64 base;

	if (copy_from_user(&base, argument, sizeof(base)) || base > ULONG_MAX)
		return -EFAULT;
	if (base)
		bitmap = rh_bitmap_alloc(u64_to_user_ptr(base));
	if (IS_ERR(bitmap))
		return PTR_ERR(bitmap);
	if (!bitmap_ok(dev, bitmap)) {
		rh_bitmap_free(bitmap);
		return -EFAULT;
	}
	replace_bitmap(dev, bitmap);
	return 0;
}

/**
 * rh_log_set_fd - VHOST_SET_LOG_FD: an eventfd to signal when bits were set
 * @dev: the device; its lock is held, the caller is the owner
 * @argument: an int, the eventfd; -1: none
 *
 * Return: 0; -EFAULT argument, -EBADF no descriptor, -EINVAL no eventfd.
 */
long rh_log_set_fd(struct rh_dev *dev, void __user *argument)
{
	struct eventfd_ctx *event = NULL;
	int fd;

	if (get_user(fd, (int __user *)argument))
		return -EFAULT;
	if (fd != VHOST_FILE_UNBIND)
		event = eventfd_ctx_fdget(fd);
	if (IS_ERR(event))
		return PTR_ERR(event);
	replace_event(dev, event);
	return 0;
}

/**
 * rh_log_reset - forget all that was set up
 * @dev: the device; its lock is held, all queues have stopped, it still has its mm
 */
void rh_log_reset(struct rh_dev *dev)
{
	replace_bitmap(dev, NULL);
	replace_event(dev, NULL);
}
