// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) What queues ask of a vIOMMU's owner: each has at most one question open, the address
 * that it cannot go on without. So there is nothing to bound and nothing to fold.
 *
 *	 NONE -- a translation is missing --> ASKED -- read() --> READ
 *	   ^                                    |                  |
 *	   +-- the table has it; stop, move ----+------------------+
 *
 * An owner that never answers is asked once. Nobody waits for the answer but the queue,
 * which sleeps.
 *
 * Runs in workers, with the queue's lock held, in the owner's calls, and in read() and poll()
 * of whoever holds the descriptor. Entry points: rh_dev_read(), rh_dev_poll().
 */
#include <linux/export.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "core.h"

/**
 * rh_miss_note - ask for what a queue's ring could not translate
 * @queue: the queue; queue->ring.miss says what; its lock is held
 */
void rh_miss_note(struct rh_queue *queue)
{
	struct rh_viommu *viommu = &queue->dev->viommu;
	const struct rh_miss *miss = &queue->ring.miss;

	lockdep_assert_held(&queue->lock);
	spin_lock(&viommu->lock);
	if (queue->miss_state != RH_MISS_NONE && queue->miss.address == miss->address &&
	    queue->miss.access == miss->access) {
		spin_unlock(&viommu->lock);
		return;
	}
	queue->miss = *miss;
	queue->miss_state = RH_MISS_ASKED;
	spin_unlock(&viommu->lock);
	rh_queue_count(queue, IOTLB_MISSES, 1);
	wake_up_interruptible_poll(&viommu->readers, EPOLLIN | EPOLLRDNORM);
}

/**
 * rh_miss_drop - a queue asks no more
 * @queue: the queue; its lock is held
 */
void rh_miss_drop(struct rh_queue *queue)
{
	struct rh_viommu *viommu = &queue->dev->viommu;

	lockdep_assert_held(&queue->lock);
	spin_lock(&viommu->lock);
	queue->miss_state = RH_MISS_NONE;
	spin_unlock(&viommu->lock);
}

/**
 * rh_miss_answer - whether the table in force has what a queue has asked for
 * @queue: the queue; its lock is held
 *
 * Then the question is dropped, and the caller has the queue look again.
 */
bool rh_miss_answer(struct rh_queue *queue)
{
	struct rh_viommu *viommu = &queue->dev->viommu;
	unsigned int hint = 0;
	struct iovec range;
	bool answered;

	lockdep_assert_held(&queue->lock);
	spin_lock(&viommu->lock);
	/* Whatever the entry allows: one that allows too little is an answer, too. */
	answered = queue->miss_state != RH_MISS_NONE &&
		   rh_memory_translate(queue->iotlb, &hint, queue->miss.address, 1, 0, &range,
				       1) == 1;
	if (answered)
		queue->miss_state = RH_MISS_NONE;
	spin_unlock(&viommu->lock);
	return answered;
}

/**
 * rh_miss_enable - let readers wait for questions, or end their waiting
 * @dev: the device; its lock is held
 * @on: what is wanted
 */
void rh_miss_enable(struct rh_dev *dev, bool on)
{
	struct rh_viommu *viommu = &dev->viommu;

	spin_lock(&viommu->lock);
	viommu->on = on;
	spin_unlock(&viommu->lock);
	if (!on)
		wake_up_interruptible_poll(&viommu->readers, EPOLLIN | EPOLLRDNORM);
}

/**
 * rh_miss_set_v2 - choose the format of the questions
 * @dev: the device; its lock is held
 * @v2: struct vhost_msg_v2; else struct vhost_msg
 */
void rh_miss_set_v2(struct rh_dev *dev, bool v2)
{
	spin_lock(&dev->viommu.lock);
	dev->viommu.v2 = v2;
	spin_unlock(&dev->viommu.lock);
}

/* The queue that has waited longest for its question to be read, or NULL. */
static struct rh_queue *find_asking(struct rh_dev *dev)
{
	unsigned int i, index;

	lockdep_assert_held(&dev->viommu.lock);
	for (i = 0; i < dev->queue_count; i++) {
		index = (dev->viommu.next + i) % dev->queue_count;
		if (dev->queues[index]->miss_state == RH_MISS_ASKED)
			return dev->queues[index];
	}
	return NULL;
}

/* Both formats are one, but for the first word; see the assertions in viommu.c. */
static void fill_message(struct vhost_msg_v2 *message, const struct rh_miss *miss, bool v2)
{
	/* Each byte of it goes to userspace. */
	memset(message, 0, sizeof(*message));
	message->type = v2 ? VHOST_IOTLB_MSG_V2 : VHOST_IOTLB_MSG;
	message->iotlb.type = VHOST_IOTLB_MISS;
	message->iotlb.iova = miss->address;
	message->iotlb.perm = miss->access;
}

/* 0 with a message, -EAGAIN without, -EBADFD when none can come. */
static int take_message(struct rh_dev *dev, struct vhost_msg_v2 *message, struct rh_queue **from)
{
	struct rh_viommu *viommu = &dev->viommu;
	struct rh_queue *queue;
	int ret = -EAGAIN;

	spin_lock(&viommu->lock);
	queue = find_asking(dev);
	if (queue) {
		queue->miss_state = RH_MISS_READ;
		viommu->next = queue->index + 1;
		fill_message(message, &queue->miss, viommu->v2);
		*from = queue;
		ret = 0;
	} else if (!viommu->on) {
		ret = -EBADFD;
	}
	spin_unlock(&viommu->lock);
	return ret;
}

/* The reader could not have it. */
static void give_back(struct rh_dev *dev, struct rh_queue *queue)
{
	spin_lock(&dev->viommu.lock);
	if (queue->miss_state == RH_MISS_READ)
		queue->miss_state = RH_MISS_ASKED;
	spin_unlock(&dev->viommu.lock);
}

/**
 * rh_dev_read - read(): the next translation that a queue asks for
 * @file: the node, opened
 * @to: receives a struct vhost_msg, or vhost_msg_v2 if that was negotiated
 * @count: room at @to
 * @position: means nothing here
 *
 * Return: the message's size; -EINVAL less room than that, -EAGAIN none now and O_NONBLOCK,
 * -EBADFD none now and no vIOMMU, -ERESTARTSYS a signal came, -EFAULT; the message is kept.
 */
ssize_t rh_dev_read(struct file *file, char __user *to, size_t count, loff_t *position)
{
	struct rh_dev *dev = file->private_data;
	struct vhost_msg_v2 message;
	struct rh_queue *from;
	int ret, err;

	if (count < sizeof(message))
		return -EINVAL;
	ret = take_message(dev, &message, &from);
	if (ret && file->f_flags & O_NONBLOCK)
		return -EAGAIN;
	if (ret == -EAGAIN) {
		err = wait_event_interruptible(dev->viommu.readers,
			(ret = take_message(dev, &message, &from)) != -EAGAIN);
		if (err)
			return err;
	}
	if (ret)
		return ret;
	if (copy_to_user(to, &message, sizeof(message))) {
		give_back(dev, from);
		return -EFAULT;
	}
	return sizeof(message);
}
EXPORT_SYMBOL_GPL(rh_dev_read);

/**
 * rh_dev_poll - poll(): whether there is something to read
 * @file: the node, opened
 * @table: poll's
 *
 * Return: EPOLLIN if a translation is asked for.
 */
__poll_t rh_dev_poll(struct file *file, poll_table *table)
{
	struct rh_dev *dev = file->private_data;
	__poll_t mask;

	poll_wait(file, &dev->viommu.readers, table);
	spin_lock(&dev->viommu.lock);
	mask = find_asking(dev) ? EPOLLIN | EPOLLRDNORM : 0;
	spin_unlock(&dev->viommu.lock);
	return mask;
}
EXPORT_SYMBOL_GPL(rh_dev_poll);
