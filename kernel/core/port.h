/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where packets come from and go to: the tap is one, the network backend uses it and makes
 * others of sockets.
 */
#ifndef RH_PORT_H
#define RH_PORT_H

#include <linux/fs.h>
#include <linux/list.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <linux/uio.h>

struct rh_port;

/**
 * struct rh_port_ops - a packet port
 * @consume: take up to @max packets that the host sent towards the guest, VLAN tags in
 *	the data; returns how many. One consumer at a time; process context.
 * @give_back: undo @consume for the last @count packets, which come first again then
 * @build: check one packet (a virtio_net_hdr of @header_len bytes, then the frame, or
 *	only the frame where @header_len is 0) and turn it into an skb that the caller
 *	owns. The header is little-endian, or in the host's byte order. Returns
 *	ERR_PTR(-EINVAL) for a packet the port refuses, -EFAULT for memory that is gone,
 *	-ENOMEM; process context, user memory of current->mm.
 * @inject: give skbs from @build to the host's network stack, consumed whatever happens;
 *	process context
 * @send: instead of @build and @inject: send one packet, as @build describes it. It may be
 *	copied and wait for @flush. -EAGAIN for now there is no room; other errors: it is
 *	refused.
 * @flush: with @send: send what waits. Returns how many packets were refused that @send
 *	took since the last @flush.
 * @await_room: with @send: have the @wake of @attach called when there is room again, or
 *	return true, for there is
 * @attach: take the port for one consumer: @wake is called, in any context, when packets
 *	arrive after @consume returned fewer than it was asked for. -EBUSY if taken. Needed
 *	before @consume and, where it is, before @send.
 * @detach: undo @attach; no @wake runs or will run when it returns; process context
 * @release: the port's user is done with it. Optional; ports without live as long as their file.
 */
struct rh_port_ops {
	unsigned int (*consume)(struct rh_port *port, struct sk_buff **skbs, unsigned int max);
	void (*give_back)(struct rh_port *port, struct sk_buff **skbs, unsigned int count);
	struct sk_buff *(*build)(struct rh_port *port, struct iov_iter *from, size_t header_len,
				 bool little_endian);
	void (*inject)(struct rh_port *port, struct sk_buff **skbs, unsigned int count);
	int (*send)(struct rh_port *port, struct iov_iter *from, size_t header_len,
		    bool little_endian);
	unsigned int (*flush)(struct rh_port *port);
	bool (*await_room)(struct rh_port *port);
	int (*attach)(struct rh_port *port, void (*wake)(void *context), void *context);
	void (*detach)(struct rh_port *port);
	void (*release)(struct rh_port *port);
};

/**
 * struct rh_port - embedded by the port's implementation
 * @ops: constant
 */
struct rh_port {
	const struct rh_port_ops *ops;
};

/**
 * struct rh_port_type - a kind of file that can be a port
 * @fops: identifies the file
 * @from_file: the port of such a file; ERR_PTR(-EBADFD) when it has none (yet). The
 *	port lives at least as long as the file.
 * @entry: the core's list
 */
struct rh_port_type {
	const struct file_operations *fops;
	struct rh_port *(*from_file)(struct file *file);
	struct list_head entry;
};

void rh_port_register(struct rh_port_type *type);
void rh_port_unregister(struct rh_port_type *type);
struct rh_port *rh_port_get(struct file *file);

#endif /* RH_PORT_H */
