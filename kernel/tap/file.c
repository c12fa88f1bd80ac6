// SPDX-License-Identifier: GPL-2.0-only
/*
 * The character device: the owner's end of stage (3) when no backend takes the
 * packets.
 *
 * Runs in the caller's process context. Entry points: the file operations, and
 * rh_tap_file_init() and rh_tap_file_exit() from main.c.
 */
#include <linux/cred.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "tap.h"

static struct proto file_proto = {
	.name = "ringhost_tap",
	.owner = THIS_MODULE,
	.obj_size = sizeof(struct rh_tap_file),
};

static int file_open(struct inode *inode, struct file *filp)
{
	struct net *net = current->nsproxy->net_ns;
	struct rh_tap_file *file;
	struct sock *sk;
	int error;

	sk = sk_alloc(net, AF_UNSPEC, GFP_KERNEL, &file_proto, 0);
	if (!sk)
		return -ENOMEM;
	file = container_of(sk, struct rh_tap_file, sk);
	error = rh_tap_queue_init(&file->queue);
	if (error) {
		sk_free(sk);
		return error;
	}
	/* Programs and rules of the host that ask for a packet's user mean the opener. */
	sock_init_data_uid(NULL, sk, current_fsuid());
	/* A writer that waits for send buffer, and poll(), wait where readers do. */
	sk_set_socket(sk, &file->socket);
	rcu_assign_pointer(sk->sk_wq, &file->queue.wq);
	sk->sk_sndbuf = INT_MAX;
	file->port.ops = &rh_tap_port_ops;
	filp->private_data = file;
	/* Nothing has a place in the file; but as in tun, pread() and pwrite() may name one. */
	filp->f_mode |= FMODE_NOWAIT | FMODE_STREAM;
	return 0;
}

static void leave_interface(struct rh_tap *tap, struct rh_tap_queue *queue)
{
	rh_tap_slots_detach(tap, queue);
	if (tap->queue_count || tap->disabled_count) {
		netdev_state_change(tap->dev);
	} else if (tap->flags & IFF_PERSIST) {
		netif_carrier_off(tap->dev);
		netdev_state_change(tap->dev);
	} else {
		unregister_netdevice(tap->dev);
	}
}

static int file_release(struct inode *inode, struct file *filp)
{
	struct rh_tap_file *file = filp->private_data;
	struct rh_tap *tap;

	rtnl_lock();
	tap = rtnl_dereference(file->queue.tap);
	if (tap)
		leave_interface(tap, &file->queue);
	rtnl_unlock();

	rh_tap_queue_exit(&file->queue);
	/* Written packets still on their way through the stack keep the memory. */
	sock_put(&file->sk);
	return 0;
}

static bool is_nonblocking(const struct kiocb *iocb)
{
	return (iocb->ki_filp->f_flags & O_NONBLOCK) || (iocb->ki_flags & IOCB_NOWAIT);
}

/* Whether the wait is over: *skb is a packet, or the interface is gone. */
static bool wait_is_over(struct rh_tap_queue *queue, struct sk_buff **skb,
			 struct rh_tap_format *format)
{
	*skb = rh_tap_queue_take_one(queue, format);
	return *skb || !rcu_access_pointer(queue->tap);
}

static ssize_t file_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct rh_tap_file *file = iocb->ki_filp->private_data;
	struct rh_tap_queue *queue = &file->queue;
	size_t room = iov_iter_count(to);
	struct rh_tap_format format;
	struct sk_buff *skb;
	ssize_t length;
	int error;

	if (!rcu_access_pointer(queue->tap))
		return -EBADFD;
	/* Nothing is asked for, so nothing is taken. */
	if (!room)
		return 0;
	skb = rh_tap_queue_take_one(queue, &format);
	if (!skb) {
		if (is_nonblocking(iocb) && rcu_access_pointer(queue->tap))
			return -EAGAIN;
		error = wait_event_interruptible(queue->wq.wait,
						 wait_is_over(queue, &skb, &format));
		if (error)
			return error;
	}
	if (!skb)
		return -EBADFD;

	length = rh_tap_packet_copy_out(skb, to, &format);
	if (length < 0) {
		rh_tap_queue_count_lost(queue, skb);
		kfree_skb(skb);
		return length;
	}
	consume_skb(skb);
	/* What did not fit is cut off, as on any packet-oriented file. */
	return min_t(size_t, length, room);
}

static ssize_t file_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct rh_tap_file *file = iocb->ki_filp->private_data;
	size_t length = iov_iter_count(from);
	struct rh_tap_format format;
	struct sk_buff *skb;
	int error;

	if (!rh_tap_queue_get_format(&file->queue, &format))
		return -EBADFD;
	skb = rh_tap_packet_build(&file->queue, from, &format, &file->sk, is_nonblocking(iocb));
	if (IS_ERR(skb))
		return PTR_ERR(skb);
	error = rh_tap_receive(&file->queue, &skb, 1);
	return error ? error : length;
}

/* A packet can be written: the interface is up and the send buffer is not full. */
static bool is_writable(struct rh_tap_file *file)
{
	struct rh_tap *tap;
	bool writable;

	rcu_read_lock();
	tap = rcu_dereference(file->queue.tap);
	writable = tap && (tap->dev->flags & IFF_UP) && sock_writeable(&file->sk);
	rcu_read_unlock();
	return writable;
}

static __poll_t file_poll(struct file *filp, poll_table *wait)
{
	struct rh_tap_file *file = filp->private_data;
	struct rh_tap_queue *queue = &file->queue;
	__poll_t events = 0;

	poll_wait(filp, &queue->wq.wait, wait);
	/* On the wait queue before looking; pairs with P1 in queue.c. */
	smp_mb();
	if (!rcu_access_pointer(queue->tap))
		return EPOLLERR;
	if (rh_tap_queue_has_packets(queue))
		events |= EPOLLIN | EPOLLRDNORM;
	if (is_writable(file))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

static int file_fasync(int fd, struct file *filp, int on)
{
	struct rh_tap_file *file = filp->private_data;
	int result;

	result = on ? rh_compat_allocate_file_owner(filp) : 0;
	if (result)
		return result;
	result = fasync_helper(fd, filp, on, &file->queue.wq.fasync_list);
	if (result < 0)
		return result;
	/* With the flag the socket tells of space in the send buffer itself. */
	if (file->queue.wq.fasync_list)
		sock_set_flag(&file->sk, SOCK_FASYNC);
	else
		sock_reset_flag(&file->sk, SOCK_FASYNC);
	/* As in tun, the signals are for who asks, until F_SETOWN. */
	if (on)
		__f_setown(filp, task_pid(current), PIDTYPE_TGID, 0);
	return 0;
}

/* /proc/PID/fdinfo: `ip tuntap` finds an interface's processes by this line of tun's. */
static void file_show_fdinfo(struct seq_file *seq, struct file *filp)
{
	struct rh_tap_file *file = filp->private_data;
	const struct rh_tap *tap;

	rtnl_lock();
	tap = rtnl_dereference(file->queue.tap);
	seq_printf(seq, "iff:\t%s\n", tap ? tap->dev->name : "");
	rtnl_unlock();
}

const struct file_operations rh_tap_fops = {
	.owner = THIS_MODULE,
	.open = file_open,
	.release = file_release,
	.read_iter = file_read_iter,
	.write_iter = file_write_iter,
	.poll = file_poll,
	.fasync = file_fasync,
	.show_fdinfo = file_show_fdinfo,
	.unlocked_ioctl = rh_tap_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice file_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = RH_TAP_NAME,
	.nodename = RH_TAP_NAME,
	/* As tun's: who may make or join an interface TUNSETIFF decides. */
	.mode = 0666,
	.fops = &rh_tap_fops,
};

int rh_tap_file_init(void)
{
	return misc_register(&file_device);
}

void rh_tap_file_exit(void)
{
	misc_deregister(&file_device);
}
