/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets in a UDP tunnel that are to be cut up. See tunnel.c.
 */
#ifndef RH_TAP_TUNNEL_H
#define RH_TAP_TUNNEL_H

#include <linux/if_tun.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>

#include "../compat.h"

struct rh_tap_format;
struct rh_tap_header;

/* Shortest vnet header that can tell of tunnels, with their offsets at its end. */
#define RH_TAP_TUNNEL_HEADER sizeof(struct virtio_net_hdr_v1_hash_tunnel)
/* The stack's types of segmentation that are of a tunnel, whatever is in it. */
#define RH_TAP_TUNNEL_TYPES (SKB_GSO_UDP_TUNNEL | SKB_GSO_UDP_TUNNEL_CSUM)

/* Whether a vnet header of @header_len bytes with @gso_type tells of a tunnel. */
static inline bool rh_tap_tunnel_is_claimed(u8 gso_type, size_t header_len)
{
	return RH_COMPAT_HAS_UDP_TUNNELS && unlikely(gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL) &&
	       header_len >= RH_TAP_TUNNEL_HEADER;
}

/* Whether a packet of the stack's needs a vnet header that tells of a tunnel. */
static inline bool rh_tap_tunnel_is_needed(const struct sk_buff *skb)
{
	return RH_COMPAT_HAS_UDP_TUNNELS && skb_is_gso(skb) &&
	       unlikely(skb_shinfo(skb)->gso_type & RH_TAP_TUNNEL_TYPES);
}

void rh_tap_tunnel_decode(struct rh_tap_header *header, const void *bytes);
bool rh_tap_tunnel_enter(const struct sk_buff *skb, const struct rh_tap_header *header,
			 __be16 *protocol, u32 *network);
void rh_tap_tunnel_mark(struct sk_buff *skb, const struct rh_tap_header *header);
int rh_tap_tunnel_describe(const struct sk_buff *skb, const struct rh_tap_format *format,
			   struct virtio_net_hdr_v1_hash_tunnel *raw);

#endif /* RH_TAP_TUNNEL_H */
