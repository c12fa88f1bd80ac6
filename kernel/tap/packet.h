/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets between user memory and skbs. See packet.c.
 */
#ifndef RH_TAP_PACKET_H
#define RH_TAP_PACKET_H

#include <linux/skbuff.h>
#include <linux/uio.h>
#include <net/sock.h>

struct rh_tap_queue;

/**
 * struct rh_tap_format - how packets look to the file's owner
 * @header_len: bytes of vnet header before the frame; 0 if none
 * @little_endian: byte order of the vnet header
 */
struct rh_tap_format {
	size_t header_len;
	bool little_endian;
};

struct sk_buff *rh_tap_packet_build(struct rh_tap_queue *queue, struct iov_iter *from,
				    const struct rh_tap_format *format, struct sock *sk,
				    bool nonblock);
ssize_t rh_tap_packet_copy_out(const struct sk_buff *skb, struct iov_iter *to,
			       const struct rh_tap_format *format);

#endif /* RH_TAP_PACKET_H */
