// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vhost ioctls that set one queue up; linux/vhost.h, "Ring setup".
 *
 * Each argument begins with the queue's number. Run by the owner, under dev->lock;
 * what the worker reads changes under the queue's lock as well.
 */
#include <linux/align.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>
#include <linux/vhost.h>

#include "queue.h"
#include "vring.h"

static long set_num(struct rh_queue *queue, union rh_vring_argument *arg)
{
	unsigned int num = arg->state.num;

	if (!num || num > RH_RING_NUM_MAX)
		return -EINVAL;
	if (!is_power_of_2(num) && !rh_queue_has_feature(queue, VIRTIO_F_RING_PACKED))
		return -EINVAL;
	queue->ring.num = num;
	return 0;
}

/* The ring as it would be with the addresses given. */
static void ring_at(struct rh_ring *at, const struct rh_ring *ring,
		    const struct vhost_vring_addr *address)
{
	memset(at, 0, sizeof(*at));
	at->num = ring->num;
	at->packed = ring->packed;
	at->desc.address = address->desc_user_addr;
	at->driver.address = address->avail_user_addr;
	at->device.address = address->used_user_addr;
	rh_ring_place_as_given(at);
}

/* Legal on a running queue: it goes on at the same position of the new ring. */
static long set_addr(struct rh_queue *queue, union rh_vring_argument *arg)
{
	const struct vhost_vring_addr *address = &arg->address;
	bool log = address->flags & BIT(VHOST_VRING_F_LOG);
	struct rh_ring at;

	if (address->flags & ~BIT(VHOST_VRING_F_LOG))
		return -EOPNOTSUPP;
	if (!IS_ALIGNED(address->avail_user_addr, VRING_AVAIL_ALIGN_SIZE) ||
	    !IS_ALIGNED(address->used_user_addr, VRING_USED_ALIGN_SIZE) ||
	    !IS_ALIGNED(address->log_guest_addr, VRING_USED_ALIGN_SIZE))
		return -EINVAL;
	ring_at(&at, &queue->ring, address);
	if (queue->state != RH_QUEUE_STOPPED && !queue->iotlb &&
	    (!rh_ring_addresses_ok(&at) ||
	     (log && !rh_log_device_ok(queue->dev->bitmap, &at, address->log_guest_addr))))
		return -EINVAL;
	queue->ring.log.device_flag = log;
	queue->ring.log.device_address = address->log_guest_addr;
	rh_log_update(queue);
	rh_queue_move_ring(queue, &at);
	return 0;
}

static long set_base(struct rh_queue *queue, union rh_vring_argument *arg)
{
	if (arg->state.num > U16_MAX && !rh_queue_has_feature(queue, VIRTIO_F_RING_PACKED))
		return -EINVAL;
	queue->ring.base = arg->state.num;
	queue->ring.base_given = true;
	return 0;
}

static long get_base(struct rh_queue *queue, union rh_vring_argument *arg)
{
	arg->state.num = queue->begun ? rh_ring_get_base(&queue->ring) : queue->ring.base;
	return 0;
}

/* Replace an eventfd that we signal. */
static long set_signal(struct eventfd_ctx **slot, int fd)
{
	struct eventfd_ctx *context = NULL;

	if (fd != VHOST_FILE_UNBIND) {
		context = eventfd_ctx_fdget(fd);
		if (IS_ERR(context))
			return PTR_ERR(context);
	}
	swap(*slot, context);
	if (context)
		eventfd_ctx_put(context);
	return 0;
}

static long set_call(struct rh_queue *queue, union rh_vring_argument *arg)
{
	return set_signal(&queue->call, arg->file.fd);
}

static long set_error(struct rh_queue *queue, union rh_vring_argument *arg)
{
	return set_signal(&queue->error, arg->file.fd);
}

/* Takes the queue's lock itself, and drops the old file outside of it. */
static long set_kick(struct rh_queue *queue, union rh_vring_argument *arg)
{
	struct file *kick = NULL;

	if (arg->file.fd != VHOST_FILE_UNBIND) {
		kick = eventfd_fget(arg->file.fd);
		if (IS_ERR(kick))
			return PTR_ERR(kick);
	}
	kick = rh_kick_replace(queue, kick);
	if (kick)
		fput(kick);
	return 0;
}

static long attach_worker(struct rh_queue *queue, union rh_vring_argument *arg)
{
	return rh_pool_attach(queue, arg->worker.worker_id);
}

static long get_worker(struct rh_queue *queue, union rh_vring_argument *arg)
{
	return rh_pool_find(queue, &arg->worker.worker_id);
}

static long set_busyloop(struct rh_queue *queue, union rh_vring_argument *arg)
{
	rh_poll_set(queue, arg->state.num);
	return 0;
}

static long get_busyloop(struct rh_queue *queue, union rh_vring_argument *arg)
{
	arg->state.num = rh_poll_get(queue);
	return 0;
}

static long get_stats(struct rh_queue *queue, union rh_vring_argument *arg)
{
	u64 __user *values = u64_to_user_ptr(arg->stats.values);
	u32 count = min_t(u32, arg->stats.count, RINGHOST_STAT_COUNT);

	if (copy_to_user(values, queue->stats, count * sizeof(*values)))
		return -EFAULT;
	arg->stats.count = RINGHOST_STAT_COUNT;
	return 0;
}

static const struct rh_vring_ioctl vring_ioctls[] = {
	{ VHOST_SET_VRING_NUM, true, false, set_num, RH_IOCTL_STOPPED },
	{ VHOST_SET_VRING_ADDR, true, false, set_addr },
	{ VHOST_SET_VRING_BASE, true, false, set_base, RH_IOCTL_STOPPED },
	{ VHOST_GET_VRING_BASE, true, true, get_base },
	{ VHOST_SET_VRING_KICK, false, false, set_kick },
	{ VHOST_SET_VRING_CALL, true, false, set_call },
	{ VHOST_SET_VRING_ERR, true, false, set_error },
	{ VHOST_ATTACH_VRING_WORKER, true, false, attach_worker },
	{ VHOST_GET_VRING_WORKER, false, true, get_worker },
	{ VHOST_SET_VRING_BUSYLOOP_TIMEOUT, true, false, set_busyloop },
	{ VHOST_GET_VRING_BUSYLOOP_TIMEOUT, true, true, get_busyloop },
	{ RINGHOST_GET_VRING_STATS, false, true, get_stats },
	{ }
};

static const struct rh_vring_ioctl *find_ioctl(const struct rh_vring_ioctl *table, unsigned int cmd)
{
	for (; table && table->cmd; table++)
		if (table->cmd == cmd)
			return table;
	return NULL;
}

static long call_handler(const struct rh_vring_ioctl *ioctl, struct rh_queue *queue,
			 union rh_vring_argument *arg)
{
	long ret;

	/* Only a start or a stop, which dev->lock excludes, would change the answer. */
	if (ioctl->when == RH_IOCTL_STOPPED && READ_ONCE(queue->state) != RH_QUEUE_STOPPED)
		return -EBUSY;
	if (!ioctl->locked)
		return ioctl->handle(queue, arg);
	rh_queue_lock(queue);
	ret = ioctl->handle(queue, arg);
	mutex_unlock(&queue->lock);
	return ret;
}

/**
 * rh_vring_ioctl - serve an ioctl on one queue
 * @dev: the device; its lock is held, the caller is the owner
 * @cmd: the number
 * @argument: begins with the queue's number
 *
 * Return: 0; -ENOTTY not one of these, -EFAULT, -ENOBUFS no such queue, -EBUSY not
 * stopped; others by ioctl: NUM -EINVAL no power of two or above 32768; ADDR -EINVAL
 * misaligned, or (the bits of its dirty log as well) outside the process while running,
 * -EOPNOTSUPP flags other than VHOST_VRING_F_LOG; BASE -EINVAL above 0xffff; KICK, CALL,
 * ERR -EBADF no descriptor, -EINVAL no eventfd; ATTACH_VRING_WORKER -ENODEV no such
 * worker; GET_VRING_WORKER -EINVAL has none yet.
 */
long rh_vring_ioctl(struct rh_dev *dev, unsigned int cmd, void __user *argument)
{
	const struct rh_vring_ioctl *ioctl;
	union rh_vring_argument arg;
	unsigned int index;
	long ret;

	ioctl = find_ioctl(vring_ioctls, cmd) ?: find_ioctl(dev->ops->vring_ioctls, cmd);
	if (!ioctl)
		return -ENOTTY;
	if (copy_from_user(&arg, argument, _IOC_SIZE(cmd)))
		return -EFAULT;
	index = arg.state.index;
	if (index >= dev->queue_count)
		return -ENOBUFS;
	index = array_index_nospec(index, dev->queue_count);
	ret = call_handler(ioctl, dev->queues[index], &arg);
	if (!ret && ioctl->writes_back && copy_to_user(argument, &arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	return ret;
}
