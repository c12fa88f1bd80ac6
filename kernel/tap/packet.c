// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets between user memory and skbs, stage (3): checks what a writer claims
 * in the vnet header, and says in it what is left to do for a reader.
 *
 * Runs in process context and may sleep on user memory, so never inside an RCU
 * read-side section. Entry points: rh_tap_packet_build() and
 * rh_tap_packet_copy_out().
 *
 * The writer is hostile. virtio_net_hdr_to_skb() checks that the vnet header is
 * consistent in itself; here it must also agree with the frame, so that nothing
 * behind us segments a packet by headers it does not have.
 */
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <net/ip.h>
#include <net/ipv6.h>

#include "tap.h"

/* The largest IP packet behind an Ethernet header and two VLAN tags. */
#define FRAME_MAX (ETH_HLEN + 2 * VLAN_HLEN + 65535)
/* Linear part of a large frame whose writer does not say how long its headers are. */
#define LINEAR_DEFAULT 128
/* Space for the headers of others, before the frame. */
#define HEADROOM (NET_SKB_PAD + NET_IP_ALIGN)
/* Longest linear part; the headers of any real packet end in it. */
#define LINEAR_MAX SKB_MAX_HEAD(HEADROOM)

/**
 * struct vnet_header - the writer's vnet header in the host's byte order
 * @raw: as written, for virtio_net_hdr_to_skb()
 * @gso_type: VIRTIO_NET_HDR_GSO_*, without ECN
 * @ecn: the ECN bit was set
 * @needs_csum: the checksum is left to us
 * @hdr_len: the writer's idea of the length of all headers
 * @csum_start: offset of the checksummed part in the frame
 * @csum_end: offset of the first byte after the checksum field
 * @gso_size: payload of one segment
 */
struct vnet_header {
	struct virtio_net_hdr raw;
	u8 gso_type;
	bool ecn;
	bool needs_csum;
	u32 hdr_len;
	u32 csum_start;
	u32 csum_end;
	u32 gso_size;
};

static int refuse(struct rh_tap_queue *queue, enum rh_tap_stat reason)
{
	rh_tap_queue_count(queue, reason);
	return -EINVAL;
}

static void decode_header(struct vnet_header *header, bool le)
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

/* Checks that need no look into the packet. */
static int check_length(struct rh_tap_queue *queue, size_t length,
			const struct rh_tap_format *format)
{
	if (format->header_len &&
	    (length < format->header_len || format->header_len < sizeof(struct virtio_net_hdr)))
		return refuse(queue, RH_TAP_STAT_REJECT_HEADER);
	length -= format->header_len;
	if (length < ETH_HLEN)
		return refuse(queue, RH_TAP_STAT_REJECT_SHORT);
	if (length > FRAME_MAX)
		return refuse(queue, RH_TAP_STAT_REJECT_LONG);
	return 0;
}

/* Checks that need no look into the frame. */
static int check_header(struct rh_tap_queue *queue, const struct vnet_header *header,
			size_t length)
{
	if (header->hdr_len > length)
		return refuse(queue, RH_TAP_STAT_REJECT_HDR_LEN);
	if (!header->needs_csum)
		return 0;
	/* No network header with a checksummed payload is shorter than IPv4's. */
	if (header->csum_start < ETH_HLEN + sizeof(struct iphdr) || header->csum_end > length ||
	    header->csum_end > LINEAR_MAX)
		return refuse(queue, RH_TAP_STAT_REJECT_CSUM);
	return 0;
}

/* How much of the frame is to lie in the linear part; the rest goes to pages. */
static size_t linear_length(const struct vnet_header *header, size_t length)
{
	size_t linear;

	if (length <= LINEAR_MAX)
		return length;
	linear = max3(header->hdr_len, header->csum_end, (u32)LINEAR_DEFAULT);
	return min_t(size_t, linear, LINEAR_MAX);
}

/* Charging a packet costs atomic operations on another CPU's cache lines. */
static bool is_charged(const struct sock *sk)
{
	return sk && READ_ONCE(sk->sk_sndbuf) != INT_MAX;
}

static struct sk_buff *alloc_packet(struct sock *sk, size_t linear, size_t length, bool nonblock)
{
	struct sk_buff *skb;
	int error;

	if (is_charged(sk))
		skb = sock_alloc_send_pskb(sk, HEADROOM + linear, length - linear, nonblock,
					   &error, PAGE_ALLOC_COSTLY_ORDER);
	else
		skb = alloc_skb_with_frags(HEADROOM + linear, length - linear,
					   PAGE_ALLOC_COSTLY_ORDER, &error, GFP_KERNEL);
	if (!skb)
		return ERR_PTR(error == -ENOBUFS ? -ENOMEM : error);
	skb_reserve(skb, HEADROOM);
	skb_put(skb, linear);
	skb->data_len = length - linear;
	skb->len = length;
	return skb;
}

/* Cut from a page that packets share, which is cheaper than an object of the slab's each. */
static struct sk_buff *alloc_linear(size_t length)
{
	unsigned int size = SKB_DATA_ALIGN(HEADROOM + length) +
			    SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct sk_buff *skb = NULL;
	void *data;

	/* The caches of the softirqs' are this CPU's and need no lock. */
	local_bh_disable();
	data = napi_alloc_frag(size);
	if (data)
		skb = napi_build_skb(data, size);
	if (data && !skb)
		skb_free_frag(data);
	local_bh_enable();
	if (!skb)
		return ERR_PTR(-ENOMEM);
	skb_reserve(skb, HEADROOM);
	skb_put(skb, length);
	return skb;
}

/* A small packet: vnet header and frame with one copy, the one in the other's headroom. */
static struct sk_buff *copy_linear(struct vnet_header *header, struct iov_iter *from,
				   const struct rh_tap_format *format)
{
	size_t length = iov_iter_count(from);
	struct sk_buff *skb = alloc_linear(length);
	struct page *page;

	if (IS_ERR(skb))
		return skb;
	/* As pages: there is no doubt what these bytes are part of, so no search for it. */
	page = virt_to_head_page(skb->data);
	if (copy_page_from_iter(page, skb->data - (u8 *)page_address(page), length, from) != length) {
		kfree_skb(skb);
		return ERR_PTR(-EFAULT);
	}
	if (format->header_len) {
		memcpy(&header->raw, skb->data, sizeof(header->raw));
		decode_header(header, format->little_endian);
		__skb_pull(skb, format->header_len);
	}
	return skb;
}

/* Any packet: the vnet header says how much of the frame is to lie in the linear part. */
static struct sk_buff *copy_scattered(struct vnet_header *header, struct iov_iter *from,
				      const struct rh_tap_format *format, struct sock *sk,
				      bool nonblock)
{
	size_t length = iov_iter_count(from) - format->header_len;
	struct sk_buff *skb;

	if (format->header_len) {
		if (!copy_from_iter_full(&header->raw, sizeof(header->raw), from))
			return ERR_PTR(-EFAULT);
		iov_iter_advance(from, format->header_len - sizeof(header->raw));
		decode_header(header, format->little_endian);
	}
	skb = alloc_packet(sk, linear_length(header, length), length, nonblock);
	if (!IS_ERR(skb) && skb_copy_datagram_from_iter(skb, 0, from, length)) {
		kfree_skb(skb);
		return ERR_PTR(-EFAULT);
	}
	return skb;
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

/* Where the transport header starts, and its protocol; -EINVAL for a fragment. */
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

static bool is_tcp_header(const struct sk_buff *skb, u32 offset)
{
	const struct tcphdr *tcp;
	struct tcphdr copy;

	tcp = skb_header_pointer(skb, offset, sizeof(copy), &copy);
	return tcp && tcp->doff >= 5 && offset + tcp->doff * 4 <= skb->len;
}

static bool is_udp_gso(const struct vnet_header *header)
{
	return header->gso_type != VIRTIO_NET_HDR_GSO_TCPV4 &&
	       header->gso_type != VIRTIO_NET_HDR_GSO_TCPV6;
}

/*
 * Find the transport header of a packet to be segmented, which must be where
 * the checksum starts and of the protocol the vnet header names.
 * Returns its offset or -EINVAL.
 */
static int find_transport(const struct sk_buff *skb, const struct vnet_header *header,
			  __be16 protocol, u32 network)
{
	u8 transport_protocol;
	int transport;

	if (protocol == htons(ETH_P_IP))
		transport = transport_of_ipv4(skb, network, &transport_protocol);
	else
		transport = transport_of_ipv6(skb, network, &transport_protocol);
	if (transport < 0 || transport >= LINEAR_MAX)
		return -EINVAL;
	if (header->needs_csum && header->csum_start != transport)
		return -EINVAL;
	if (is_udp_gso(header))
		return transport_protocol == IPPROTO_UDP ? transport : -EINVAL;
	if (transport_protocol != IPPROTO_TCP || !is_tcp_header(skb, transport))
		return -EINVAL;
	return transport;
}

/* Check a packet to be segmented; returns the offset of its transport header. */
static int check_gso(struct rh_tap_queue *queue, const struct sk_buff *skb,
		     const struct vnet_header *header)
{
	u32 network;
	__be16 protocol = frame_protocol(skb, &network);
	int transport;

	/* Also refuses what this kernel does not know, for it matches no protocol. */
	if (!virtio_net_hdr_match_proto(protocol, header->gso_type) ||
	    (header->ecn && is_udp_gso(header)))
		return refuse(queue, RH_TAP_STAT_REJECT_GSO_TYPE);
	if (header->gso_size == 0 || header->gso_size == GSO_BY_FRAGS)
		return refuse(queue, RH_TAP_STAT_REJECT_GSO_SIZE);
	transport = find_transport(skb, header, protocol, network);
	if (transport < 0)
		return refuse(queue, RH_TAP_STAT_REJECT_GSO_HEADERS);
	return transport;
}

/*
 * The packet has no device yet, and the one it will have may be gone by then. Any does whose
 * namespace stays, for as long as the call takes.
 */
static int header_to_skb(struct sk_buff *skb, const struct vnet_header *header, bool little_endian)
{
	u32 network;
	int error;

	if (!RH_COMPAT_VNET_HEADER_DISSECTS || header->raw.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		return virtio_net_hdr_to_skb(skb, &header->raw, little_endian);
	skb->protocol = frame_protocol(skb, &network);
	skb_set_network_header(skb, network);
	skb->dev = init_net.loopback_dev;
	error = virtio_net_hdr_to_skb(skb, &header->raw, little_endian);
	skb->dev = NULL;
	return error;
}

static int apply_header(struct rh_tap_queue *queue, struct sk_buff *skb,
			const struct vnet_header *header, bool little_endian)
{
	int transport = 0;
	int error = check_header(queue, header, skb->len);

	if (error)
		return error;
	/* An ECN bit alone is a type as well, and one that does not exist. */
	if (header->raw.gso_type != VIRTIO_NET_HDR_GSO_NONE) {
		transport = check_gso(queue, skb, header);
		if (transport < 0)
			return transport;
	}
	if (header_to_skb(skb, header, little_endian))
		return refuse(queue, transport ? RH_TAP_STAT_REJECT_GSO_HEADERS :
			      RH_TAP_STAT_REJECT_CSUM);
	/* Drivers behind us look here, and without NEEDS_CSUM it is not set. */
	if (transport)
		skb_set_transport_header(skb, transport);
	return 0;
}

/**
 * rh_tap_packet_build() - make a checked skb of what was written
 * @queue: the queue, for its counters
 * @from: vnet header and frame
 * @format: how they look
 * @sk: whom to charge, or NULL
 * @nonblock: do not wait for send buffer
 *
 * Return: the skb, starting at the Ethernet header, without device; or an ERR_PTR():
 * -EINVAL refused and counted, -EFAULT, -ENOMEM, -EAGAIN, -EINTR or -ERESTARTSYS
 * (send buffer).
 */
struct sk_buff *rh_tap_packet_build(struct rh_tap_queue *queue, struct iov_iter *from,
				    const struct rh_tap_format *format, struct sock *sk,
				    bool nonblock)
{
	size_t length = iov_iter_count(from);
	struct vnet_header header = {};
	struct sk_buff *skb;
	int error;

	error = check_length(queue, length, format);
	if (error)
		return ERR_PTR(error);
	if (length <= LINEAR_MAX && !is_charged(sk))
		skb = copy_linear(&header, from, format);
	else
		skb = copy_scattered(&header, from, format, sk, nonblock);
	if (IS_ERR(skb))
		return skb;
	error = apply_header(queue, skb, &header, format->little_endian);
	if (error) {
		kfree_skb(skb);
		return ERR_PTR(error);
	}
	return skb;
}

static bool copy_frame_out(const struct sk_buff *skb, struct iov_iter *to)
{
	size_t length = min_t(size_t, skb->len, iov_iter_count(to));

	/* Most packets are in one piece: then there is nothing to walk. */
	if (!skb_is_nonlinear(skb))
		return copy_to_iter(skb->data, length, to) == length;
	return !skb_copy_datagram_iter(skb, 0, to, skb->len);
}

/**
 * rh_tap_packet_copy_out() - write a packet to the reader's buffer
 * @skb: the packet
 * @to: the buffer; a frame too long for it is cut off
 * @format: how it is to look
 *
 * Return: the whole length, header included, or -EINVAL when not even the vnet
 * header fits, or -EFAULT.
 */
ssize_t rh_tap_packet_copy_out(const struct sk_buff *skb, struct iov_iter *to,
			       const struct rh_tap_format *format)
{
	struct virtio_net_hdr header;
	size_t rest;

	if (format->header_len) {
		if (iov_iter_count(to) < format->header_len)
			return -EINVAL;
		if (virtio_net_hdr_from_skb(skb, &header, format->little_endian, true, 0))
			return -EINVAL;
		if (copy_to_iter(&header, sizeof(header), to) != sizeof(header))
			return -EFAULT;
		rest = format->header_len - sizeof(header);
		if (rest && iov_iter_zero(rest, to) != rest)
			return -EFAULT;
	}
	if (!copy_frame_out(skb, to))
		return -EFAULT;
	return format->header_len + skb->len;
}
