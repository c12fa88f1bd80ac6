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
 * @info_len: bytes of packet information (struct tun_pi), which goes first; 0 if none
 * @header_len: bytes of vnet header after it; 0 if none
 * @little_endian: byte order of the vnet header
 * @segments: they are to lie in memory as their writer's segments do (IFF_NAPI_FRAGS)
 * @layer3: packets begin with their network header (IFF_TUN), not an Ethernet header
 */
struct rh_tap_format {
	size_t info_len;
	size_t header_len;
	bool little_endian;
	bool layer3;
	bool segments;
};

/*
 * Whether a packet from rh_tap_packet_build() has no Ethernet header. Its file may have
 * another interface by the time it arrives, and one of the other mode cannot take it.
 */
static inline bool rh_tap_packet_is_layer3(const struct sk_buff *skb)
{
	return skb->cb[0];
}

static inline void rh_tap_packet_set_layer3(struct sk_buff *skb, bool layer3)
{
	skb->cb[0] = layer3;
}

struct sk_buff *rh_tap_packet_build(struct rh_tap_queue *queue, struct iov_iter *from,
				    const struct rh_tap_format *format, struct sock *sk,
				    bool nonblock);
ssize_t rh_tap_packet_copy_out(const struct sk_buff *skb, struct iov_iter *to,
			       const struct rh_tap_format *format);

#endif /* RH_TAP_PACKET_H */
