/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vnet header of a packet that was written. See header.c.
 */
#ifndef RH_TAP_HEADER_H
#define RH_TAP_HEADER_H

#include <linux/skbuff.h>
#include <linux/virtio_net.h>

struct rh_tap_format;
struct rh_tap_queue;

/* Space for the headers of others, before the packet. */
#define RH_TAP_HEADROOM (NET_SKB_PAD + NET_IP_ALIGN)
/* Longest linear part; the headers of any real packet end in it. */
#define RH_TAP_LINEAR_MAX SKB_MAX_HEAD(RH_TAP_HEADROOM)

/**
 * struct rh_tap_header - the writer's vnet header in the host's byte order
 * @raw: as written, for virtio_net_hdr_to_skb()
 * @gso_type: VIRTIO_NET_HDR_GSO_*, without ECN
 * @ecn: the ECN bit was set
 * @needs_csum: the checksum is left to us
 * @hdr_len: the writer's idea of the length of all headers
 * @csum_start: offset of the checksummed part in the packet
 * @csum_end: offset of the first byte after the checksum field
 * @gso_size: payload of one segment
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
};

/* Fill in the rest from @raw. Here, because every packet passes it. */
static inline void rh_tap_header_decode(struct rh_tap_header *header, bool le)
{
	const struct virtio_net_hdr *raw = &header->raw;

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
}

/* Whether it asks for nothing and claims nothing that is wrong, as most do. */
static inline bool rh_tap_header_is_plain(const struct rh_tap_header *header, size_t length)
{
	return !header->needs_csum && header->raw.gso_type == VIRTIO_NET_HDR_GSO_NONE &&
	       header->hdr_len <= length;
}

int rh_tap_header_apply(struct rh_tap_queue *queue, struct sk_buff *skb,
			const struct rh_tap_header *header, const struct rh_tap_format *format);

#endif /* RH_TAP_HEADER_H */
