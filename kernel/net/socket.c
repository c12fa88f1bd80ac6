// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) Everything that vhost-net takes as a backend is a port here, too: queues of the kernel's
 * own tun and tap (macvtap, ipvtap) devices, and packet sockets (AF_PACKET, SOCK_RAW).
 *
 *	to the driver	packets are taken whole, out of the device's ring or the socket's
 *			receive queue, and rx.c delivers them as it does a tap's: so their
 *			header does not depend on what the owner set for his reads
 *	from the driver	one sendmsg() each, as if the owner wrote; where the socket has no
 *			room the chain stays in the ring until it has. Small packets to a
 *			tun or tap without a limit: one for many (xdp_batch.c)
 *
 * Functions of the tun and tap modules are looked up when a file may be theirs: whoever uses
 * neither need not load them. The file keeps them loaded from then on.
 *
 * Runs in the queue's worker, wake() in any context, set-up in the caller's; the ops of one
 * port are called under its queue's lock. Entry points: rh_socket_port_get().
 */
#include <linux/err.h>
#include <linux/if_packet.h>
#include <linux/if_tap.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/poll.h>
#include <linux/ptr_ring.h>
#include <linux/slab.h>
#include <net/sock.h>
#include <net/xdp.h>

#include "net.h"
#include "xdp_batch.h"
#include "../compat.h"

/**
 * struct rh_socket - a socket as the port of one queue
 * @port: for the queue
 * @file: the caller of rh_socket_port_get() holds it
 * @socket: of @file
 * @ring: where a tun or tap device puts packets for readers; NULL for a packet socket, which
 *	has its receive queue for them
 * @is_tun: @ring is a tun's
 * @wake_device: tells it that packets were taken from @ring; NULL where it need not know
 * @poll: how vfs_poll() has @entry added to the socket's wait queue
 * @entry: called for each of the socket's events
 * @head: the wait queue @entry is in; NULL while in none
 * @wake: what the queue attached; as @context constant while @entry is waiting
 * @context: its argument
 * @awaited: events (EPOLLIN, EPOLLOUT) that @wake is to be called for, once
 * @refused: packets of batches that the socket did not take, since the last flush
 * @batch: packets from the driver that wait for it
 */
struct rh_socket {
	struct rh_port port;
	struct file *file;
	struct socket *socket;
	struct ptr_ring *ring;
	bool is_tun;
	void (*wake_device)(struct file *file, int count);
	poll_table poll;
	wait_queue_entry_t entry;
	wait_queue_head_t *head;
	void (*wake)(void *context);
	void *context;
	atomic_t awaited;
	unsigned int refused;
	struct rh_xdp_batch batch;
};

static struct rh_socket *socket_of(struct rh_port *port)
{
	return container_of(port, struct rh_socket, port);
}

/* ---- events ---- */

static int socket_event(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct rh_socket *sock = container_of(entry, struct rh_socket, entry);
	int events = (__force int)key_to_poll(key);

	if (atomic_read(&sock->awaited) & events &&
	    atomic_fetch_andnot(events, &sock->awaited) & events)
		sock->wake(sock->context);
	return 0;
}

/* Whoever calls this looks again afterwards for what is awaited. */
static void await(struct rh_socket *sock, __poll_t event)
{
	atomic_or((__force int)event, &sock->awaited);
	/* Before that look; pairs with what orders the event before the look for who waits. */
	smp_mb__after_atomic();
}

static void add_entry(struct file *file, wait_queue_head_t *head, poll_table *poll)
{
	struct rh_socket *sock = container_of(poll, struct rh_socket, poll);

	sock->head = head;
	add_wait_queue(head, &sock->entry);
}

static void socket_detach(struct rh_port *port)
{
	struct rh_socket *sock = socket_of(port);

	if (sock->head)
		remove_wait_queue(sock->head, &sock->entry);
	sock->head = NULL;
}

static int socket_attach(struct rh_port *port, void (*wake)(void *context), void *context)
{
	struct rh_socket *sock = socket_of(port);

	sock->wake = wake;
	sock->context = context;
	atomic_set(&sock->awaited, (__force int)EPOLLIN);
	init_waitqueue_func_entry(&sock->entry, socket_event);
	init_poll_funcptr(&sock->poll, add_entry);
	vfs_poll(sock->file, &sock->poll);
	/* A tun without an interface has nothing to wait for. */
	return sock->head ? 0 : -EBADFD;
}

/* ---- to the driver ---- */

/* An XDP frame that another device redirected to a tun, as an skb; frees the frame. */
static struct sk_buff *skb_of_frame(struct xdp_frame *frame)
{
	struct sk_buff *skb = alloc_skb(frame->len, GFP_KERNEL);

	if (skb)
		skb_put_data(skb, frame->data, frame->len);
	xdp_return_frame(frame);
	return skb;
}

/* A tag that is beside the data, where hardware would add it, has its place in the data. */
static struct sk_buff *with_tag_inside(struct sk_buff *skb)
{
	return skb_vlan_tag_present(skb) ? __vlan_hwaccel_push_inside(skb) : skb;
}

static struct sk_buff *skb_of_entry(void *entry)
{
	return tun_is_xdp_frame(entry) ? skb_of_frame(tun_ptr_to_xdp(entry)) :
					 with_tag_inside(entry);
}

/*
 * What a tun counts when its reader takes a packet. XDP frames do not say whose they are. Under
 * the ring's consumer lock, for a device empties its rings before it goes; afterwards nothing may
 * ask the packet for its device.
 */
static void leave_device(struct rh_socket *sock, void *entry)
{
	struct sk_buff *skb = entry;

	if (tun_is_xdp_frame(entry))
		return;
	if (sock->is_tun && skb->dev)
		dev_sw_netstats_tx_add(skb->dev, 1, skb->len);
	skb->dev = NULL;
}

static unsigned int take_from_ring(struct rh_socket *sock, void **entries, unsigned int max)
{
	unsigned int count, i;

	spin_lock(&sock->ring->consumer_lock);
	count = __ptr_ring_consume_batched(sock->ring, entries, max);
	for (i = 0; i < count; i++)
		leave_device(sock, entries[i]);
	if (count && sock->wake_device)
		sock->wake_device(sock->file, count);
	spin_unlock(&sock->ring->consumer_lock);
	return count;
}

/* The next packet; an error of the past (an interface that was down) ends nothing. */
static struct sk_buff *take_from_queue(struct rh_socket *sock)
{
	struct sk_buff *skb;
	int err;

	skb = skb_recv_datagram(sock->socket->sk, MSG_DONTWAIT, &err);
	if (!skb && err != -EAGAIN)
		skb = skb_recv_datagram(sock->socket->sk, MSG_DONTWAIT, &err);
	return skb;
}

static unsigned int take(struct rh_socket *sock, void **entries, unsigned int max)
{
	unsigned int count;

	if (sock->ring)
		return take_from_ring(sock, entries, max);
	for (count = 0; count < max; count++) {
		entries[count] = take_from_queue(sock);
		if (!entries[count])
			break;
	}
	return count;
}

static unsigned int socket_consume(struct rh_port *port, struct sk_buff **skbs, unsigned int max)
{
	struct rh_socket *sock = socket_of(port);
	unsigned int taken = 0, count = 0, i;

	for (;;) {
		taken += take(sock, (void **)skbs + taken, max - taken);
		if (taken == max || atomic_read(&sock->awaited) & (__force int)EPOLLIN)
			break;
		await(sock, EPOLLIN);
	}
	for (i = 0; i < taken; i++) {
		skbs[count] = skb_of_entry(skbs[i]);
		if (skbs[count])
			count++;
	}
	return count;
}

static void free_packet(void *packet)
{
	kfree_skb(packet);
}

static void socket_give_back(struct rh_port *port, struct sk_buff **skbs, unsigned int count)
{
	struct rh_socket *sock = socket_of(port);

	if (sock->ring) {
		ptr_ring_unconsume(sock->ring, (void **)skbs, count, free_packet);
		return;
	}
	while (count)
		skb_queue_head(&sock->socket->sk->sk_receive_queue, skbs[--count]);
}

/* ---- from the driver ---- */

/*
 * Whether a packet may wait to be sent together with others. Nobody charges the socket for them,
 * so that is for sockets without a limit, as it is with vhost-net. And a tun would not even look
 * whether its interface is up: so the socket is asked, for each batch once.
 */
static bool may_wait(struct rh_socket *sock, size_t bytes)
{
	if (bytes > PAGE_SIZE)
		return false;
	if (sock->batch.count)
		return true;
	return sock->ring && READ_ONCE(sock->socket->sk->sk_sndbuf) == INT_MAX &&
	       vfs_poll(sock->file, NULL) & EPOLLOUT;
}

static void send_batch(struct rh_socket *sock)
{
	sock->refused += rh_xdp_batch_send(&sock->batch, sock->socket);
}

/*
 * Without MSG_MORE: what a tun keeps until there are more packets is charged to the socket, and
 * could be what leaves these no room.
 */
static int send_alone(struct rh_socket *sock, struct iov_iter *from)
{
	struct socket *socket = sock->socket;
	struct msghdr msg = {
		.msg_flags = MSG_DONTWAIT,
		.msg_iter = *from,
	};
	int ret = socket->ops->sendmsg(socket, &msg, iov_iter_count(from));

	/* As vhost-net: what there is no memory or no place in a queue for is tried again. */
	if (ret == -ENOMEM || ret == -ENOBUFS)
		return -EAGAIN;
	return min(ret, 0);
}

static int socket_send(struct rh_port *port, struct iov_iter *from, size_t header_len,
		       bool little_endian)
{
	struct rh_socket *sock = socket_of(port);
	size_t headroom = sock_flag(sock->socket->sk, SOCK_XDP) ? XDP_PACKET_HEADROOM : 0;
	int err;

	if (may_wait(sock, iov_iter_count(from))) {
		err = rh_xdp_batch_add(&sock->batch, from, header_len, little_endian, headroom);
		if (!err || err == -EFAULT)
			return err;
	}
	send_batch(sock);
	return send_alone(sock, from);
}

static unsigned int socket_flush(struct rh_port *port)
{
	struct rh_socket *sock = socket_of(port);
	unsigned int refused;

	send_batch(sock);
	refused = sock->refused;
	sock->refused = 0;
	return refused;
}

static bool socket_await_room(struct rh_port *port)
{
	struct rh_socket *sock = socket_of(port);

	await(sock, EPOLLOUT);
	return vfs_poll(sock->file, NULL) & (EPOLLOUT | EPOLLERR);
}

/* ---- set-up ---- */

static void socket_release(struct rh_port *port)
{
	rh_xdp_batch_exit(&socket_of(port)->batch);
	kfree(socket_of(port));
}

static const struct rh_port_ops socket_ops = {
	.consume = socket_consume,
	.give_back = socket_give_back,
	.send = socket_send,
	.flush = socket_flush,
	.await_room = socket_await_room,
	.attach = socket_attach,
	.detach = socket_detach,
	.release = socket_release,
};

/* Whether the file is a queue of a tun; then @sock is complete. */
static bool find_tun(struct rh_socket *sock)
{
	typeof(&tun_get_socket) get_socket = symbol_get(tun_get_socket);
	typeof(&tun_get_tx_ring) get_ring;

	if (!get_socket)
		return false;
	sock->socket = get_socket(sock->file);
	sock->is_tun = !IS_ERR(sock->socket);
	if (sock->is_tun) {
		get_ring = symbol_get(tun_get_tx_ring);
		sock->ring = get_ring(sock->file);
		symbol_put(tun_get_tx_ring);
		sock->wake_device = rh_compat_get_tun_wake();
		if (sock->wake_device)
			symbol_put(tun_wake_queue);
	}
	symbol_put(tun_get_socket);
	return sock->is_tun;
}

/* The same for a queue of a macvtap or ipvtap. */
static bool find_tap(struct rh_socket *sock)
{
	typeof(&tap_get_socket) get_socket = symbol_get(tap_get_socket);
	typeof(&tap_get_ptr_ring) get_ring;
	bool is_tap;

	if (!get_socket)
		return false;
	sock->socket = get_socket(sock->file);
	is_tap = !IS_ERR(sock->socket);
	if (is_tap) {
		get_ring = symbol_get(tap_get_ptr_ring);
		sock->ring = get_ring(sock->file);
		symbol_put(tap_get_ptr_ring);
	}
	symbol_put(tap_get_socket);
	return is_tap;
}

static bool find_packet_socket(struct rh_socket *sock)
{
	sock->socket = sock_from_file(sock->file);
	return sock->socket && sock->socket->sk->sk_family == AF_PACKET &&
	       sock->socket->sk->sk_type == SOCK_RAW;
}

/**
 * rh_socket_port_get - make a port of a file that vhost-net takes as a backend
 * @file: held by the caller, until after it called the port's release()
 *
 * Return: a port for one queue; ERR_PTR: -ENOTSOCK no such file, -ENOMEM.
 */
struct rh_port *rh_socket_port_get(struct file *file)
{
	struct rh_socket *sock = kzalloc(sizeof(*sock), GFP_KERNEL_ACCOUNT);

	if (!sock)
		return ERR_PTR(-ENOMEM);
	sock->port.ops = &socket_ops;
	sock->file = file;
	if (find_packet_socket(sock) || find_tun(sock) || find_tap(sock))
		return &sock->port;
	kfree(sock);
	return ERR_PTR(-ENOTSOCK);
}
