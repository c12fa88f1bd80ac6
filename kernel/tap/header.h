/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vnet header of a packet that was written. See header.c.
 */
#ifndef RH_TAP_HEADER_H
#define RH_TAP_HEADER_H

#include <linux/skbuff.h>
#include <linux/virtio_net.h>

#include "packet.h"
#include "tunnel.h"

struct rh_tap_queue;

/* Space for the headers of others, before the packet. */
#define RH_TAP_HEADROOM (NET_SKB_PAD + NET_IP_ALIGN)
/* Longest linear part; the headers of any real packet end in it. */
#define RH_TAP_LINEAR_MAX SKB_MAX_HEAD(RH_TAP_HEADROOM)

/**
 * struct rh_tap_header - the writer's vnet header in the host's byte order
 * @raw: as written, for virtio_net_hdr_to_skb()
 * @gso_type: VIRTIO_NET_HDR_GSO_*, without ECN and tunnel
 * @ecn: the ECN bit was set
 * @needs_csum: the checksum is left to us
 * @hdr_len: the writer's idea of the length of all headers
 * @csum_start: offset of the checksummed part in the packet
 * @csum_end: offset of the first byte after the checksum field
 * @gso_size: payload of one segment
 * @tunnel: VIRTIO_NET_HDR_GSO_UDP_TUNNEL_*, 0 for a packet in none
 * @tunnel_csum: the checksum of the outer UDP header is left to us, too
 * @outer_transport: offset of the outer UDP header
 * @inner_network: offset of the inner network header
 */
struct rh_tap_header {
	struct virtio_net_hdr raw;
	u8 gso_type;
	bool ecn;
	bool needs_csum;
	u32 hdr_len;
	u32 csum_start;
	u32 csum_end;
	u32 gso_size;
	u8 tunnel;
	bool tunnel_csum;
	u32 outer_transport;
	u32 inner_network;
};

/* Whether it asks for nothing and claims nothing, whatever its byte order: none need look closer. */
static inline bool rh_tap_header_is_empty(const void *bytes)
{
	const struct virtio_net_hdr *raw = bytes;

	return !raw->flags && raw->gso_type == VIRTIO_NET_HDR_GSO_NONE && !raw->hdr_len;
}

/* Take a vnet header from where it was copied to. Here, because every packet passes it. */
static inline void rh_tap_header_decode(struct rh_tap_header *header, const void *bytes,
					const struct rh_tap_format *format)
{
	const struct virtio_net_hdr *raw = &header->raw;
	const bool le = format->little_endian;

	memcpy(&header->raw, bytes, sizeof(header->raw));
	header->gso_type = raw->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	header->ecn = raw->gso_type & VIRTIO_NET_HDR_GSO_ECN;
	header->needs_csum = raw->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
	header->hdr_len = __virtio16_to_cpu(le, raw->hdr_len);
	header->gso_size = __virtio16_to_cpu(le, raw->gso_size);
	if (header->needs_csum) {
		header->csum_start = __virtio16_to_cpu(le, raw->csum_start);
		header->csum_end = header->csum_start + __virtio16_to_cpu(le, raw->csum_offset) +
				   sizeof(__sum16);
	}
	if (rh_tap_tunnel_is_claimed(raw->gso_type, format->header_len))
		rh_tap_tunnel_decode(header, bytes);
}

/* Whether it asks for nothing and claims nothing that is wrong, as most do. */
static inline bool rh_tap_header_is_plain(const struct rh_tap_header *header, size_t length)
{
	return !header->needs_csum && header->raw.gso_type == VIRTIO_NET_HDR_GSO_NONE &&
	       header->hdr_len <= length;
}

__be16 rh_tap_header_find_network(const struct sk_buff *skb, const struct rh_tap_format *format,
				  u32 *offset);
int rh_tap_header_find_transport(const struct sk_buff *skb, __be16 network_protocol, u32 network,
				 u8 *protocol);
int rh_tap_header_apply(struct rh_tap_queue *queue, struct sk_buff *skb,
			const struct rh_tap_header *header, const struct rh_tap_format *format);

#endif /* RH_TAP_HEADER_H */
