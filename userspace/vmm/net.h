/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-net (virtio 1.3, 5.1): one interface with pairs of queues and a control queue.
 * net.c is what both backends share, net_kernel.c and net_user.c mirror each other
 * function by function, net_control.c serves the control queue with either.
 */
#ifndef RH_VMM_NET_H
#define RH_VMM_NET_H

#include <linux/virtio_net.h>
#include <stddef.h>

#include "net_control.h"
#include "net_filter.h"
#include "tap.h"
#include "virtio.h"

struct net;
struct net_options;

/* Pair n has the queues 2n and 2n + 1. */
enum { NET_RECEIVE, NET_TRANSMIT, NET_PAIR };

/**
 * struct net_backend - who moves the packets
 * @open: attach to the tap @name with @net->pairs queues, fill in @net->tap and
 *	@net->backend_features, set @net->state. Return: 0, or a negative errno after one
 *	line on stderr
 * @start: the driver is ready: serve every enabled queue of the first @net->active
 *	pairs. Return: 0, or -errno with nothing running
 * @use_pairs: have packets go by the first @pairs pairs. Return: 0 or -errno
 * @stop: leave the queues alone
 * @stats: print and add up. Return: 0 or -errno
 * @close: undo @open
 */
struct net_backend {
	int (*open)(struct net *net, const char *name);
	int (*start)(struct net *net);
	int (*use_pairs)(struct net *net, unsigned int pairs);
	void (*stop)(struct net *net);
	int (*stats)(struct net *net, struct virtio_stats *stats);
	void (*close)(struct net *net);
};

extern const struct net_backend net_kernel_backend;
extern const struct net_backend net_user_backend;

/**
 * struct net - one network interface of the guest
 * @device: the virtio device
 * @backend: who moves the packets
 * @state: the backend's
 * @tap: the host's end, with a queue for each pair
 * @pairs: pairs of queues that there are
 * @active: pairs that the driver knows of: one if it has not accepted VIRTIO_NET_F_MQ
 * @control: the control queue, which comes behind the active pairs
 * @filter: which packets the driver wants
 * @mac: the address it has after a reset
 * @backend_features: features the backend takes part in
 * @config: what the driver reads
 */
struct net {
	struct virtio_device device;
	const struct net_backend *backend;
	void *state;
	struct tap tap;
	unsigned int pairs, active;
	struct net_control control;
	struct net_filter filter;
	uint8_t mac[ETH_ALEN];
	uint64_t backend_features;
	struct virtio_net_config config;
};

static inline struct net *net_of(struct virtio_device *device)
{
	return (struct net *)((char *)device - offsetof(struct net, device));
}

/* Queue @half, NET_RECEIVE or NET_TRANSMIT, of pair @pair. */
static inline struct virtio_queue *net_queue(struct net *net, unsigned int pair, unsigned int half)
{
	return &net->device.queues[pair * NET_PAIR + half];
}

/**
 * net_create() - attach to a tap and make the device
 * @vm: the VM
 * @options: the interface
 * @index: its number, for the name
 * @out: the device
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int net_create(struct vm *vm, const struct net_options *options, unsigned int index,
	       struct virtio_device **out);

#endif /* RH_VMM_NET_H */
