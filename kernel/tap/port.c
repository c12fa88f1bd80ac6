// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file as a port of ringhost_net: packets in batches, without system calls.
 *
 * Stage (3). Runs in the worker of a ringhost_net queue, process context; the
 * consumer holds the file, so the queue outlives every call. The interface may
 * vanish at any time: then consume finds nothing and inject drops.
 * Entry points: rh_tap_port_ops, port_from_file().
 */
#include "tap.h"

static struct rh_tap_queue *queue_of_port(struct rh_port *port)
{
	return &container_of(port, struct rh_tap_file, port)->queue;
}

static unsigned int port_consume(struct rh_port *port, struct sk_buff **skbs, unsigned int max)
{
	struct rh_tap_queue *queue = queue_of_port(port);
	unsigned int count = 0;

	for (;;) {
		count += rh_tap_queue_take(queue, skbs + count, max - count);
		if (count == max)
			return count;
		if (READ_ONCE(queue->wake_armed))
			return count;
		WRITE_ONCE(queue->wake_armed, true);
		/* Armed before the second look; pairs with P1 in queue.c. */
		smp_mb();
	}
}

static void port_give_back(struct rh_port *port, struct sk_buff **skbs, unsigned int count)
{
	rh_tap_queue_give_back(queue_of_port(port), skbs, count);
}

/*
 * The caller knows what its guest negotiated; the file's owner need not. Nor is there packet
 * information, which is for the file's owner alone.
 */
static struct sk_buff *port_build(struct rh_port *port, struct iov_iter *from, size_t header_len,
				  bool little_endian)
{
	struct rh_tap_queue *queue = queue_of_port(port);
	const struct rh_tap_format format = {
		.header_len = header_len,
		.little_endian = little_endian,
		.layer3 = READ_ONCE(queue->layer3),
	};

	return rh_tap_packet_build(queue, from, &format, NULL, true);
}

static void port_inject(struct rh_port *port, struct sk_buff **skbs, unsigned int count)
{
	rh_tap_receive(queue_of_port(port), skbs, count);
}

static int port_attach(struct rh_port *port, void (*wake)(void *context), void *context)
{
	struct rh_tap_queue *queue = queue_of_port(port);
	int error = -EBUSY;

	spin_lock_irq(&queue->wake_lock);
	if (!queue->wake) {
		queue->wake = wake;
		queue->wake_context = context;
		WRITE_ONCE(queue->wake_armed, true);
		error = 0;
	}
	spin_unlock_irq(&queue->wake_lock);
	return error;
}

static void port_detach(struct rh_port *port)
{
	struct rh_tap_queue *queue = queue_of_port(port);

	spin_lock_irq(&queue->wake_lock);
	queue->wake = NULL;
	queue->wake_context = NULL;
	WRITE_ONCE(queue->wake_armed, false);
	spin_unlock_irq(&queue->wake_lock);
}

const struct rh_port_ops rh_tap_port_ops = {
	.consume = port_consume,
	.give_back = port_give_back,
	.build = port_build,
	.inject = port_inject,
	.attach = port_attach,
	.detach = port_detach,
};

static struct rh_port *port_from_file(struct file *filp)
{
	struct rh_tap_file *file = filp->private_data;

	if (!rcu_access_pointer(file->queue.tap))
		return ERR_PTR(-EBADFD);
	return &file->port;
}

static struct rh_port_type port_type = {
	.fops = &rh_tap_fops,
	.from_file = port_from_file,
};

void rh_tap_port_init(void)
{
	rh_port_register(&port_type);
}

void rh_tap_port_exit(void)
{
	rh_port_unregister(&port_type);
}
