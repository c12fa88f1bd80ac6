// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) One open /dev/ringhost-net: its life, and VHOST_NET_SET_BACKEND, which puts
 * a port behind a queue and starts it.
 *
 *	            SET_BACKEND fd                    SET_BACKEND other fd
 *	 no port ---------------------> queue runs ------------------------> queue runs
 *	    ^        (start)                |        (stop, swap, start)
 *	    +-------------------------------+
 *	       SET_BACKEND -1, RESET_OWNER, close (stop)
 *
 * Runs in the context of the caller of open, ioctl and close; the rh_dev_ops at the
 * bottom also in the queues' workers. Entry points: rh_net_fops.
 */
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "net.h"

static bool net_process(struct rh_queue *queue)
{
	struct rh_net_dev *net = rh_net_dev_of(queue->dev);

	return queue->index == RH_NET_RX ? rh_rx_process(net) : rh_tx_process(net);
}

/* The port has what a queue waits for, packets or room; any context. */
void rh_net_wake(void *queue)
{
	rh_queue_wake(queue);
}

static int net_start(struct rh_queue *queue)
{
	struct rh_net_dev *net = rh_net_dev_of(queue->dev);

	return queue->index == RH_NET_RX ? rh_rx_start(net) : rh_tx_start(net);
}

static void net_stop(struct rh_queue *queue)
{
	struct rh_net_dev *net = rh_net_dev_of(queue->dev);

	if (queue->index == RH_NET_RX)
		rh_rx_stop(net);
	else
		rh_tx_stop(net);
}

static struct rh_port *port_of_file(struct file *file)
{
	struct rh_port *port = rh_port_get(file);

	return port == ERR_PTR(-ENOTSOCK) ? rh_socket_port_get(file) : port;
}

static void put_port(struct rh_port *port, struct file *file)
{
	if (port && port->ops->release)
		port->ops->release(port);
	if (file)
		fput(file);
}

static void drop_port(struct rh_net_queue *net_queue)
{
	rh_queue_stop(&net_queue->queue);
	put_port(net_queue->port, net_queue->file);
	net_queue->port = NULL;
	net_queue->file = NULL;
}

/*
 * Put @port behind the queue and run it. When that fails the queue goes on with
 * the port it had: @port and @file stay the caller's.
 */
static int replace_port(struct rh_net_queue *net_queue, struct rh_port *port, struct file *file)
{
	struct rh_net_queue old = { .port = net_queue->port, .file = net_queue->file };
	int err;

	rh_queue_stop(&net_queue->queue);
	net_queue->port = port;
	net_queue->file = file;
	err = rh_queue_start(&net_queue->queue);
	if (!err) {
		put_port(old.port, old.file);
		return 0;
	}
	net_queue->port = old.port;
	net_queue->file = old.file;
	if (old.port && rh_queue_start(&net_queue->queue))
		drop_port(net_queue);
	return err;
}

/*
 * VHOST_NET_SET_BACKEND. With fd -1 the queue stops, which cannot fail. Else errors, all of
 * which leave the queue as it was: EBADF no such file, ENOTSOCK the file is no port, EBADFD
 * a tap or tun without an interface, EBUSY another queue receives from the port, EFAULT ring
 * addresses unusable, ENOMEM; and what rh_queue_start() adds.
 */
static long set_backend(struct rh_queue *queue, union rh_vring_argument *arg)
{
	struct rh_net_queue *net_queue = rh_net_queue_of(queue);
	struct rh_port *port;
	struct file *file;
	int err;

	if (arg->file.fd == VHOST_FILE_UNBIND) {
		drop_port(net_queue);
		return 0;
	}
	file = fget(arg->file.fd);
	if (!file)
		return -EBADF;
	port = port_of_file(file);
	if (IS_ERR(port)) {
		fput(file);
		return PTR_ERR(port);
	}
	err = replace_port(net_queue, port, file);
	if (err)
		put_port(port, file);
	return err;
}

static const struct rh_vring_ioctl net_vring_ioctls[] = {
	{ VHOST_NET_SET_BACKEND, false, false, set_backend },
	{ }
};

static void net_reset(struct rh_dev *dev)
{
	struct rh_net_dev *net = rh_net_dev_of(dev);
	unsigned int i;

	for (i = 0; i < RH_NET_QUEUES; i++)
		drop_port(&net->queues[i]);
}

static void net_free(struct rh_dev *dev)
{
	kvfree(rh_net_dev_of(dev));
}

static const struct rh_dev_ops net_ops = {
	.owner = THIS_MODULE,
	.name = "net",
	/* Any layout is taken always: its bit is VHOST_NET_F_VIRTIO_NET_HDR here. */
	.features = RH_CORE_FEATURES |
		    BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) |
		    BIT_ULL(VHOST_NET_F_VIRTIO_NET_HDR),
	.process = net_process,
	.start = net_start,
	.stop = net_stop,
	.reset = net_reset,
	.free = net_free,
	.vring_ioctls = net_vring_ioctls,
};

static int net_open(struct inode *inode, struct file *file)
{
	struct rh_net_dev *net;
	unsigned int i;

	net = kvzalloc(sizeof(*net), GFP_KERNEL_ACCOUNT);
	if (!net)
		return -ENOMEM;
	for (i = 0; i < RH_NET_QUEUES; i++)
		net->queue_table[i] = &net->queues[i].queue;
	rh_dev_init(&net->dev, &net_ops, net->queue_table, RH_NET_QUEUES);
	file->private_data = &net->dev;
	return 0;
}

const struct file_operations rh_net_fops = {
	.owner = THIS_MODULE,
	.open = net_open,
	.release = rh_dev_release,
	.unlocked_ioctl = rh_dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read = rh_dev_read,
	.write = rh_dev_write,
	.poll = rh_dev_poll,
	.llseek = noop_llseek,
	.show_fdinfo = rh_dev_show_stats,
};
