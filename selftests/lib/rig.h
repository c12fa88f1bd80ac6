/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One face over the device flavours, for tests of what all queues have in
 * common: a running device, the queue under test and a neighbour of it. See
 * rig.c.
 */
#ifndef SELFTESTS_RIG_H
#define SELFTESTS_RIG_H

#include "blk.h"
#include "net.h"

/**
 * enum rig_flavour - what is under test
 * @RIG_BLK: queue 0 of a block device; its neighbour is queue 1
 * @RIG_NET_TX: the transmit queue; its neighbour is the receive queue
 * @RIG_NET_RX: the receive queue; its neighbour is the transmit queue
 */
enum rig_flavour {
	RIG_BLK,
	RIG_NET_TX,
	RIG_NET_RX,
};

/**
 * struct rig - a device under test
 * @driver: it
 * @flavour: what it is
 * @queue: the queue under test
 * @neighbour: another queue of the device
 * @tap: name of the interface of a network device
 * @host: packet socket on it, or -1
 */
struct rig {
	struct driver driver;
	enum rig_flavour flavour;
	struct driver_queue *queue;
	struct driver_queue *neighbour;
	char tap[IFNAMSIZ];
	int host;
};

void rig_init(struct rig *rig, enum rig_flavour flavour, unsigned int num, uint64_t features);
void rig_start(struct rig *rig);
void rig_exit(struct rig *rig);
int rig_start_queue(struct rig *rig, struct driver_queue *queue);
int rig_stop_queue(struct rig *rig, struct driver_queue *queue);
int rig_works(struct rig *rig, struct driver_queue *queue);
void rig_provoke(struct rig *rig);
int rig_add(struct rig *rig);
int rig_add_split(struct rig *rig, unsigned char *buffer, uint32_t length);
const char *rig_node(enum rig_flavour flavour);

#endif /* SELFTESTS_RIG_H */
