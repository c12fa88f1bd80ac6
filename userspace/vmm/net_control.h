/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control queue of a network interface (virtio 1.3, 5.1.6.5). For net.c alone.
 */
#ifndef RH_VMM_NET_CONTROL_H
#define RH_VMM_NET_CONTROL_H

#include <stdint.h>

#include "user_queue.h"

struct net;

/**
 * struct net_control - the control queue
 * @queue: the queue, whichever of the device it is
 * @net: the interface
 * @serving: a command is being carried out; it may wait, and others come meanwhile
 * @refused: commands that were answered with VIRTIO_NET_ERR or could not be answered
 * @chain: the command being served
 */
struct net_control {
	struct user_queue queue;
	struct net *net;
	bool serving;
	uint64_t refused;
	struct virtqueue_chain chain;
};

/* What the driver may accept for the sake of this queue, on an interface of @pairs pairs. */
uint64_t net_control_features(unsigned int pairs);

/* Serve the queue behind @net->active pairs, if it is enabled. Return: 0 or -errno. */
int net_control_start(struct net_control *control, struct net *net);
void net_control_stop(struct net_control *control);

/* Print the counters. They are no part of the sums over the data path. */
void net_control_stats(struct net_control *control, struct virtio_stats *stats);

#endif /* RH_VMM_NET_CONTROL_H */
