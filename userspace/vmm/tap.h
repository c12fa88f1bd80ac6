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

/**
 * tap_open() - attach to a tap interface, making it if there is none
 * @node: TAP_NODE_STOCK or RINGHOST_NODE_TAP
 * @name: the interface
 * @missing: what to do when @node does not exist, for the message
 *
 * An interface that is made here is also set up, and goes with the descriptor; one
 * that was there before is left as it is.
 * Return: a non-blocking descriptor, or a negative errno after one line on stderr.
 */
int tap_open(const char *node, const char *name, const char *missing);

/**
 * tap_set_offload() - what the driver can receive
 * @fd: the tap
 * @features: features it accepted; 0 after a reset
 *
 * Return: 0 or -errno.
 */
int tap_set_offload(int fd, uint64_t features);

#endif /* RH_VMM_TAP_H */
