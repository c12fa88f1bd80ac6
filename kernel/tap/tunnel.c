// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets in a UDP tunnel (VXLAN, GENEVE and the like) that are to be cut up, stage (3): each
 * segment gets a copy of the tunnel's headers.
 *
 *	outer network header, and all before it
 *	outer UDP header			outer_th_offset
 *	the tunnel's own, of whatever kind
 *	inner network header			inner_nh_offset
 *	inner TCP or UDP header			csum_start
 *
 * Nobody looks at what is between the two UDP and network headers. The rest is checked like
 * any packet's: what follows the inner network header by header.c, what is before it here.
 *
 * Runs in the writer's or reader's process context. Entry points: the functions of tunnel.h.
 */
#include <linux/udp.h>

#include "header.h"
#include "tap.h"

/* Take what a vnet header tells of a tunnel; @bytes has the header, a claimed one. */
void rh_tap_tunnel_decode(struct rh_tap_header *header, const void *bytes)
{
	struct virtio_net_hdr_v1_hash_tunnel raw;

	memcpy(&raw, bytes, sizeof(raw));
	header->tunnel = header->raw.gso_type & VIRTIO_NET_HDR_GSO_UDP_TUNNEL;
	header->gso_type &= ~VIRTIO_NET_HDR_GSO_UDP_TUNNEL;
	header->tunnel_csum = header->raw.flags & VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	/* These two are little endian whatever the others are (virtio 1.4, 5.1.6). */
	header->outer_transport = le16_to_cpu(raw.outer_th_offset);
	header->inner_network = le16_to_cpu(raw.inner_nh_offset);
}

/* Whether the outer headers are those that the vnet header names. */
static bool is_outer(const struct sk_buff *skb, const struct rh_tap_header *header,
		     __be16 protocol, u32 network)
{
	const __be16 named = header->tunnel == VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 ?
			     htons(ETH_P_IP) : htons(ETH_P_IPV6);
	u8 transport_protocol;
	int transport;

	if (header->tunnel == VIRTIO_NET_HDR_GSO_UDP_TUNNEL || protocol != named)
		return false;
	transport = rh_tap_header_find_transport(skb, protocol, network, &transport_protocol);
	return transport >= 0 && transport == header->outer_transport &&
	       transport_protocol == IPPROTO_UDP;
}

/**
 * rh_tap_tunnel_enter() - check the outer headers of a packet
 * @skb: the packet
 * @header: its vnet header, which tells of a tunnel
 * @protocol: of the outer network header; becomes that of the inner one
 * @network: offset of the outer network header; becomes that of the inner one
 *
 * Return: false if they are not what the vnet header says, or it says what cannot be: there
 * the checksum is always left to us, and IP fragments are no segments.
 */
bool rh_tap_tunnel_enter(const struct sk_buff *skb, const struct rh_tap_header *header,
			 __be16 *protocol, u32 *network)
{
	const u8 *version;
	u8 copy;

	if (!header->needs_csum || header->gso_type == VIRTIO_NET_HDR_GSO_UDP ||
	    !is_outer(skb, header, *protocol, *network) ||
	    header->inner_network < header->outer_transport + sizeof(struct udphdr))
		return false;
	version = skb_header_pointer(skb, header->inner_network, sizeof(copy), &copy);
	if (!version || (*version >> 4 != 4 && *version >> 4 != 6))
		return false;
	*protocol = *version >> 4 == 4 ? htons(ETH_P_IP) : htons(ETH_P_IPV6);
	*network = header->inner_network;
	return true;
}

/**
 * rh_tap_tunnel_mark() - tell the stack of the tunnel
 * @skb: the packet, checked, which is to be cut up and looks as if there was none
 * @header: its vnet header
 */
void rh_tap_tunnel_mark(struct sk_buff *skb, const struct rh_tap_header *header)
{
	const bool ipv4 = skb->data[header->inner_network] >> 4 == 4;

	skb_set_inner_protocol(skb, ipv4 ? htons(ETH_P_IP) : htons(ETH_P_IPV6));
	/* An inner Ethernet header belongs to the tunnel: it is copied like all of that. */
	skb_set_inner_mac_header(skb, header->inner_network);
	skb_set_inner_network_header(skb, header->inner_network);
	skb_set_inner_transport_header(skb, header->csum_start);
	skb_set_transport_header(skb, header->outer_transport);
	skb->encapsulation = 1;
	skb_shinfo(skb)->gso_type |= header->tunnel_csum ? SKB_GSO_UDP_TUNNEL_CSUM :
							   SKB_GSO_UDP_TUNNEL;
}

/**
 * rh_tap_tunnel_describe() - tell the reader of the tunnel
 * @skb: a packet of the stack's that needs it
 * @format: how packets look
 * @raw: its vnet header, with all else filled in
 *
 * Return: 0, or -EINVAL: no header can tell of this one.
 */
int rh_tap_tunnel_describe(const struct sk_buff *skb, const struct rh_tap_format *format,
			   struct virtio_net_hdr_v1_hash_tunnel *raw)
{
	struct virtio_net_hdr *basic = (struct virtio_net_hdr *)raw;
	u32 network;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return -EINVAL;
	/* As the reader will find it: the skb's own idea may be that of a VLAN tag. */
	switch (rh_tap_header_find_network(skb, format, &network)) {
	case htons(ETH_P_IP):
		basic->gso_type |= VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4;
		break;
	case htons(ETH_P_IPV6):
		basic->gso_type |= VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6;
		break;
	default:
		return -EINVAL;
	}
	if (skb_shinfo(skb)->gso_type & SKB_GSO_UDP_TUNNEL_CSUM)
		basic->flags |= VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM;
	raw->outer_th_offset = cpu_to_le16(skb_transport_offset(skb));
	raw->inner_nh_offset = cpu_to_le16(skb_inner_network_offset(skb));
	return 0;
}
