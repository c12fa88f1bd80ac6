/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Transmitting on the event loop: from the driver's buffers to the tap. For
 * net_user.c alone.
 */
#ifndef RH_VMM_NET_TRANSMIT_H
#define RH_VMM_NET_TRANSMIT_H

#include "loop.h"
#include "user_queue.h"

struct net;
struct net_transmit;

/* Packets submitted together. */
#define NET_PACKETS_MAX 64

/**
 * struct packet - one packet being sent
 * @op: its write
 * @transmit: whose it is
 * @done: its write has ended
 * @chain: where the driver put it
 */
struct packet {
	struct loop_op op;
	struct net_transmit *transmit;
	bool done;
	struct virtqueue_chain chain;
};

/**
 * struct net_transmit - the transmitting half of a pair
 * @queue: transmit queue
 * @net: the interface
 * @tap: the pair's queue of the tap
 * @packets: those taken and not given back, a ring starting at @first
 * @first: the oldest of @packets
 * @count: how many there are
 * @in_flight: packets in the kernel's hands
 * @refused: packets that were malformed or that the tap did not take
 */
struct net_transmit {
	struct user_queue queue;
	struct net *net;
	int tap;
	struct packet packets[NET_PACKETS_MAX];
	unsigned int first, count;
	unsigned int in_flight;
	uint64_t refused;
};

/* @transmit: zeroed; @net->tap open. */
void net_transmit_init(struct net_transmit *transmit, struct net *net, unsigned int pair);

/* Return: 0 or -errno. */
int net_transmit_start(struct net_transmit *transmit);

/* Return when no packet is in flight any more. */
void net_transmit_stop(struct net_transmit *transmit);

#endif /* RH_VMM_NET_TRANSMIT_H */
