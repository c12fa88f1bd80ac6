/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Receiving on the event loop: from the tap into the driver's buffers. For
 * net_user.c alone.
 */
#ifndef RH_VMM_NET_RECEIVE_H
#define RH_VMM_NET_RECEIVE_H

#include "user_queue.h"
#include "virtio.h"

struct net;

/* Largest packet with segmentation offload, its header included (5.1.6.3.1). */
#define NET_PACKET_MAX (65550 + 12)

/* Entries readv() takes, but for the one of the spill. */
#define NET_RECEIVE_IOV 1023

/**
 * struct net_receive - the receiving half of a pair
 * @queue: receive queue
 * @net: the interface
 * @tap: watches the pair's queue of the tap
 * @listening: it does
 * @readable: the tap may have a packet
 * @mergeable: a packet may fill several buffers
 * @wanted: bytes of buffers that hold any packet the tap may have
 * @buffers: chains taken and not yet filled, a ring starting at @first
 * @first: the oldest of @buffers
 * @count: how many there are
 * @bytes: what they hold
 * @packet: length of a packet that was read but lies partly in @spill, 0 for none
 * @spilled: how many bytes of it do
 * @drops: packets larger than the driver's buffers
 * @iov: for readv()
 * @spill: where readv() puts what the buffers do not hold
 */
struct net_receive {
	struct user_queue queue;
	struct net *net;
	struct loop_poll tap;
	bool listening, readable, mergeable;
	size_t wanted;
	struct virtqueue_chain buffers[VIRTIO_QUEUE_SIZE_MAX];
	unsigned int first, count;
	size_t bytes;
	size_t packet, spilled;
	uint64_t drops;
	struct iovec iov[NET_RECEIVE_IOV + 1];
	unsigned char spill[NET_PACKET_MAX];
};

/* @receive: zeroed; @net->tap open. */
void net_receive_init(struct net_receive *receive, struct net *net, unsigned int pair);

/* Does not look at the tap until told to. Return: 0 or -errno. */
int net_receive_start(struct net_receive *receive);

/* Whether to look at the tap; nothing changes before the start. Return: 0 or -errno. */
int net_receive_listen(struct net_receive *receive, bool listen);
void net_receive_stop(struct net_receive *receive);

#endif /* RH_VMM_NET_RECEIVE_H */
