/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A tap interface of the host, with a virtio-net header on every packet.
 */
#ifndef RH_VMM_TAP_H
#define RH_VMM_TAP_H

#include <stdint.h>

#define TAP_NODE_STOCK "/dev/net/tun"

/* Bytes of the header: that of a modern device, whatever is negotiated (5.1.6). */
#define TAP_HEADER_SIZE 12

/* Queues of an interface that one device uses. */
#define TAP_QUEUES_MAX 8

struct sock_fprog;

/**
 * struct tap - an interface of the host
 * @fds: its queues, non-blocking
 * @count: how many
 * @used: how many, from the first on, packets pass through
 */
struct tap {
	int fds[TAP_QUEUES_MAX];
	unsigned int count, used;
};

/**
 * tap_open() - attach to a tap interface, making it if there is none
 * @tap: out
 * @node: TAP_NODE_STOCK or RINGHOST_NODE_TAP
 * @name: the interface
 * @queues: how many, 1 to TAP_QUEUES_MAX; the first one is in use
 * @missing: what to do when @node does not exist, for the message
 *
 * An interface that is made here is also set up, and goes with the descriptors; one
 * that was there before is left as it is.
 * Return: 0, or a negative errno after one line on stderr.
 */
int tap_open(struct tap *tap, const char *node, const char *name, unsigned int queues,
	     const char *missing);

/* Close it; fine after a failed open. */
void tap_close(struct tap *tap);

/**
 * tap_use_queues() - change how many queues packets pass through
 * @tap: the tap
 * @queues: 1 to @tap->count
 *
 * What waits in a queue that goes out of use is lost. The filter is gone afterwards.
 * Return: 0 or -errno; @tap->used tells how far it came.
 */
int tap_use_queues(struct tap *tap, unsigned int queues);

/**
 * tap_set_offload() - what the driver can receive
 * @tap: the tap
 * @features: features it accepted, or offloads it has now; 0 after a reset
 *
 * Return: 0 or -errno.
 */
int tap_set_offload(struct tap *tap, uint64_t features);

/**
 * tap_set_filter() - which packets the driver is to get
 * @tap: the tap
 * @program: classic BPF over the Ethernet frame, NULL for all; stays where it is until
 *	it is replaced, because tun may look at it again
 *
 * Return: 0 or -errno.
 */
int tap_set_filter(struct tap *tap, const struct sock_fprog *program);

#endif /* RH_VMM_TAP_H */
