// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a writer claims in the vnet header, stage (3): believed only where the
 * packet agrees.
 *
 * Runs in the writer's process context. Entry points: rh_tap_header_apply(), and for
 * tunnel.c what finds a packet's headers.
 *
 * The writer is hostile. virtio_net_hdr_to_skb() checks that the vnet header is
 * consistent in itself; here it must also agree with the packet, so that nothing
 * behind us segments a packet by headers it does not have.
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "header.h"
#include "tap.h"

/* Checks that need no look into the packet. */
static int check_header(struct rh_tap_queue *queue, const struct rh_tap_header *header,
			const struct rh_tap_format *format, size_t length)
{
	const size_t network = format->layer3 ? 0 : ETH_HLEN;

	if (header->hdr_len > length)
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_HDR_LEN);
	if (!header->needs_csum)
		return 0;
	/* No network header with a checksummed payload is shorter than IPv4's. */
	if (header->csum_start < network + sizeof(struct iphdr) || header->csum_end > length ||
	    header->csum_end > RH_TAP_LINEAR_MAX)
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_CSUM);
	return 0;
}

/* The frame's network protocol behind its VLAN tags, and where its header starts. */
static __be16 frame_protocol(const struct sk_buff *skb, u32 *offset)
{
	const struct ethhdr *ethernet = (const struct ethhdr *)skb->data;
	__be16 protocol = ethernet->h_proto;
	const struct vlan_hdr *vlan;
	struct vlan_hdr copy;

	*offset = ETH_HLEN;
	while (eth_type_vlan(protocol) && *offset < ETH_HLEN + 2 * VLAN_HLEN) {
		vlan = skb_header_pointer(skb, *offset, sizeof(copy), &copy);
		if (!vlan)
			return 0;
		protocol = vlan->h_vlan_encapsulated_proto;
		*offset += VLAN_HLEN;
	}
	return protocol;
}

/* The same of a packet with or without an Ethernet header. */
__be16 rh_tap_header_find_network(const struct sk_buff *skb, const struct rh_tap_format *format,
				  u32 *offset)
{
	if (!format->layer3)
		return frame_protocol(skb, offset);
	*offset = 0;
	return skb->protocol;
}

static int transport_of_ipv4(const struct sk_buff *skb, u32 offset, u8 *protocol)
{
	const struct iphdr *ip;
	struct iphdr copy;

	ip = skb_header_pointer(skb, offset, sizeof(copy), &copy);
	if (!ip || ip->version != 4 || ip->ihl < 5 || ip_is_fragment(ip))
		return -EINVAL;
	*protocol = ip->protocol;
	return offset + ip->ihl * 4;
}

static int transport_of_ipv6(const struct sk_buff *skb, u32 offset, u8 *protocol)
{
	const struct ipv6hdr *ip;
	struct ipv6hdr copy;
	__be16 fragment;
	int transport;

	ip = skb_header_pointer(skb, offset, sizeof(copy), &copy);
	if (!ip || ip->version != 6)
		return -EINVAL;
	*protocol = ip->nexthdr;
	transport = ipv6_skip_exthdr(skb, offset + sizeof(copy), protocol, &fragment);
	return transport < 0 || fragment ? -EINVAL : transport;
}

/*
 * Where the transport header behind a network header starts, and its protocol; -EINVAL for
 * a fragment, or if there is no such network header.
 */
int rh_tap_header_find_transport(const struct sk_buff *skb, __be16 network_protocol, u32 network,
				 u8 *protocol)
{
	if (network_protocol == htons(ETH_P_IP))
		return transport_of_ipv4(skb, network, protocol);
	return transport_of_ipv6(skb, network, protocol);
}

static bool is_tcp_header(const struct sk_buff *skb, u32 offset)
{
	const struct tcphdr *tcp;
	struct tcphdr copy;

	tcp = skb_header_pointer(skb, offset, sizeof(copy), &copy);
	return tcp && tcp->doff >= 5 && offset + tcp->doff * 4 <= skb->len;
}

static bool is_udp_gso(const struct rh_tap_header *header)
{
	return header->gso_type != VIRTIO_NET_HDR_GSO_TCPV4 &&
	       header->gso_type != VIRTIO_NET_HDR_GSO_TCPV6;
}

/*
 * Find the transport header of a packet to be segmented, which must be where
 * the checksum starts and of the protocol the vnet header names.
 * Returns its offset or -EINVAL.
 */
static int find_transport(const struct sk_buff *skb, const struct rh_tap_header *header,
			  __be16 protocol, u32 network)
{
	u8 transport_protocol;
	int transport = rh_tap_header_find_transport(skb, protocol, network, &transport_protocol);

	if (transport < 0 || transport >= RH_TAP_LINEAR_MAX)
		return -EINVAL;
	if (header->needs_csum && header->csum_start != transport)
		return -EINVAL;
	if (is_udp_gso(header))
		return transport_protocol == IPPROTO_UDP ? transport : -EINVAL;
	if (transport_protocol != IPPROTO_TCP || !is_tcp_header(skb, transport))
		return -EINVAL;
	return transport;
}

/* Check a packet to be segmented; returns the offset of its transport header, the inner one. */
static int check_gso(struct rh_tap_queue *queue, const struct sk_buff *skb,
		     const struct rh_tap_header *header, const struct rh_tap_format *format)
{
	u32 network;
	__be16 protocol = rh_tap_header_find_network(skb, format, &network);
	int transport;

	if (header->tunnel && !rh_tap_tunnel_enter(skb, header, &protocol, &network))
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_TUNNEL);
	/* Also refuses what this kernel does not know, for it matches no protocol. */
	if (!virtio_net_hdr_match_proto(protocol, header->gso_type) ||
	    (header->ecn && is_udp_gso(header)))
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_GSO_TYPE);
	if (header->gso_size == 0 || header->gso_size == GSO_BY_FRAGS)
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_GSO_SIZE);
	transport = find_transport(skb, header, protocol, network);
	if (transport < 0)
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_GSO_HEADERS);
	return transport;
}

/*
 * The packet has no device yet, and the one it will have may be gone by then. Any does whose
 * namespace stays, for as long as the call takes.
 */
static int header_to_skb(struct sk_buff *skb, const struct rh_tap_header *header,
			 const struct rh_tap_format *format)
{
	struct virtio_net_hdr raw = header->raw;
	u32 network;
	int error;

	/* For it there are only packets in no tunnel. */
	raw.gso_type &= ~header->tunnel;
	if (!RH_COMPAT_VNET_HEADER_DISSECTS || raw.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return virtio_net_hdr_to_skb(skb, &raw, format->little_endian);
	skb->protocol = rh_tap_header_find_network(skb, format, &network);
	skb_set_network_header(skb, network);
	skb->dev = init_net.loopback_dev;
	error = virtio_net_hdr_to_skb(skb, &raw, format->little_endian);
	skb->dev = NULL;
	return error;
}

/* The last step for a packet in a tunnel. */
static int apply_tunnel(struct rh_tap_queue *queue, struct sk_buff *skb,
			const struct rh_tap_header *header)
{
	if (skb_is_gso(skb)) {
		rh_tap_tunnel_mark(skb, header);
		return 0;
	}
	/* A single segment: nobody would do the outer checksum. */
	return header->tunnel_csum ? rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_GSO_SIZE) : 0;
}

/**
 * rh_tap_header_apply() - check a packet's vnet header and do what it says
 * @queue: the queue, for its counters
 * @skb: the packet; without an Ethernet header its protocol is known
 * @header: the header, decoded
 * @format: how packets look
 *
 * Return: 0, or -EINVAL: refused and counted.
 */
int rh_tap_header_apply(struct rh_tap_queue *queue, struct sk_buff *skb,
			const struct rh_tap_header *header, const struct rh_tap_format *format)
{
	int transport = 0;
	int error = check_header(queue, header, format, skb->len);

	if (error)
		return error;
	/* An ECN bit alone is a type as well, and one that does not exist. */
	if (header->raw.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		transport = check_gso(queue, skb, header, format);
		if (transport < 0)
			return transport;
	}
	if (header_to_skb(skb, header, format))
		return rh_tap_queue_refuse(queue, transport ? RH_TAP_STAT_REJECT_GSO_HEADERS :
					   RH_TAP_STAT_REJECT_CSUM);
	/* Drivers behind us look here, and without NEEDS_CSUM it is not set. */
	if (transport)
		skb_set_transport_header(skb, transport);
	return header->tunnel ? apply_tunnel(queue, skb, header) : 0;
}
