/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ethernet frames with IP, TCP and UDP inside, right or left to be finished by
 * whoever the vnet header asks: for the tests of offloads and of bad headers.
 */
#ifndef SELFTESTS_TAP_FRAMES_H
#define SELFTESTS_TAP_FRAMES_H

#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/virtio_net.h>

#define FRAME_BYTES 70000
/* VIRTIO_NET_HDR_GSO_UDP_L4, which older headers lack. */
#define FRAME_GSO_UDP 5
/* The test's own host is .1, and the peer behind the tap .2. */
#define HOST_IPV4 "10.97.0.1"
#define PEER_IPV4 "10.97.0.2"
#define HOST_IPV6 "fd97::1"
#define PEER_IPV6 "fd97::2"

/**
 * struct frame_plan - what frame_build() is to build
 * @destination: Ethernet address; NULL: broadcast
 * @family: 4 or 6
 * @protocol: IPPROTO_TCP or IPPROTO_UDP
 * @tags: VLAN tags before the IP header
 * @options: bytes of IPv4 options or of an IPv6 hop-by-hop header; a multiple of 8
 * @payload: bytes after the TCP or UDP header
 * @source_port: of the peer
 * @destination_port: of the host
 * @sequence: TCP's
 * @acknowledge: TCP's
 * @flags: TCP's TH_*
 * @partial: leave the checksum to the reader: only the pseudo header's is filled in
 */
struct frame_plan {
	const unsigned char *destination;
	int family;
	int protocol;
	unsigned int tags;
	unsigned int options;
	size_t payload;
	uint16_t source_port;
	uint16_t destination_port;
	uint32_t sequence;
	uint32_t acknowledge;
	uint8_t flags;
	bool partial;
};

/**
 * struct frame - a packet as it is written to a tap
 * @header: the vnet header
 * @bytes: the frame
 * @length: of @bytes
 * @network: offset of the IP header
 * @transport: offset of the TCP or UDP header
 * @payload: offset of the payload
 */
struct frame {
	struct virtio_net_hdr header;
	unsigned char bytes[FRAME_BYTES];
	size_t length;
	size_t network;
	size_t transport;
	size_t payload;
} __attribute__((packed));

static const unsigned char frame_peer_mac[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x02 };

/* An address of either family; returns its length. */
static inline socklen_t frame_address(int family, const char *ipv4, const char *ipv6,
				      uint16_t port, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	if (family == 4) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		inet_pton(AF_INET, ipv4, &four->sin_addr);
		return sizeof(*four);
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	inet_pton(AF_INET6, ipv6, &six->sin6_addr);
	return sizeof(*six);
}

static inline uint32_t frame_sum(const void *bytes, size_t length, uint32_t sum)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? byte[i] : byte[i] << 8;
	return sum;
}

static inline uint16_t frame_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The unfolded sum of the pseudo header for what is behind @transport. */
static inline uint32_t frame_pseudo_sum(const unsigned char *bytes, size_t network,
					int protocol, size_t length)
{
	if (bytes[network] >> 4 == 4)
		return frame_sum(bytes + network + 12, 8, protocol + length);
	return frame_sum(bytes + network + 8, 32, protocol + length);
}

/* Whether the TCP or UDP checksum is complete and right. */
static inline bool frame_checksum_is_right(const unsigned char *bytes, size_t network,
					   size_t transport, int protocol, size_t length)
{
	uint32_t sum = frame_pseudo_sum(bytes, network, protocol, length - transport);

	return frame_fold(frame_sum(bytes + transport, length - transport, sum)) == 0xffff;
}

/* Do what NEEDS_CSUM asks for. */
static inline void frame_finish_checksum(unsigned char *bytes, size_t length, uint16_t start,
					 uint16_t offset)
{
	uint16_t check = htons(~frame_fold(frame_sum(bytes + start, length - start, 0)));

	memcpy(bytes + start + offset, &check, sizeof(check));
}

static inline size_t frame_checksum_offset(int protocol)
{
	return protocol == IPPROTO_TCP ? offsetof(struct tcphdr, th_sum) :
	       offsetof(struct udphdr, uh_sum);
}

static inline void frame_put16(unsigned char *bytes, uint16_t value)
{
	bytes[0] = value >> 8;
	bytes[1] = value;
}

static inline void frame_build_ethernet(struct frame *frame, const struct frame_plan *plan)
{
	unsigned char *bytes = frame->bytes;
	size_t offset = 2 * ETH_ALEN;

	memset(bytes, 0xff, ETH_ALEN);
	if (plan->destination)
		memcpy(bytes, plan->destination, ETH_ALEN);
	memcpy(bytes + ETH_ALEN, frame_peer_mac, ETH_ALEN);
	for (unsigned int i = 0; i < plan->tags; i++) {
		frame_put16(bytes + offset, i + 1 < plan->tags ? ETH_P_8021AD : ETH_P_8021Q);
		frame_put16(bytes + offset + 2, 100 + i);
		offset += 4;
	}
	frame_put16(bytes + offset, plan->family == 4 ? ETH_P_IP : ETH_P_IPV6);
	frame->network = offset + 2;
}

static inline void frame_build_ipv4(struct frame *frame, const struct frame_plan *plan)
{
	struct iphdr *ip = (struct iphdr *)(frame->bytes + frame->network);
	struct iphdr fields = {
		.version = 4, .ihl = 5 + plan->options / 4, .ttl = 64,
		/* As real ones: without DF, a stack joins no segments whose ID does not count up. */
		.frag_off = htons(IP_DF), .protocol = plan->protocol,
		.tot_len = htons(frame->length - frame->network),
	};

	inet_pton(AF_INET, PEER_IPV4, &fields.saddr);
	inet_pton(AF_INET, HOST_IPV4, &fields.daddr);
	memcpy(ip, &fields, sizeof(fields));
	memset(ip + 1, 1, plan->options);	/* IPOPT_NOOP */
	frame_put16((unsigned char *)ip + offsetof(struct iphdr, check),
		    ~frame_fold(frame_sum(ip, fields.ihl * 4, 0)));
}

static inline void frame_build_ipv6(struct frame *frame, const struct frame_plan *plan)
{
	unsigned char *ip = frame->bytes + frame->network, *options = ip + sizeof(struct ip6_hdr);
	struct ip6_hdr fields = {
		.ip6_flow = htonl(6 << 28), .ip6_hlim = 64,
		.ip6_nxt = plan->options ? IPPROTO_HOPOPTS : plan->protocol,
		.ip6_plen = htons(frame->length - frame->network - sizeof(fields)),
	};

	inet_pton(AF_INET6, PEER_IPV6, &fields.ip6_src);
	inet_pton(AF_INET6, HOST_IPV6, &fields.ip6_dst);
	memcpy(ip, &fields, sizeof(fields));
	if (!plan->options)
		return;
	memset(options, 0, plan->options);	/* IP6OPT_PAD1 */
	options[0] = plan->protocol;
	options[1] = plan->options / 8 - 1;
}

static inline void frame_build_transport(struct frame *frame, const struct frame_plan *plan)
{
	unsigned char *bytes = frame->bytes + frame->transport;
	size_t length = frame->length - frame->transport;

	memset(bytes, 0, frame->payload - frame->transport);
	frame_put16(bytes, plan->source_port);
	frame_put16(bytes + 2, plan->destination_port);
	if (plan->protocol == IPPROTO_UDP) {
		frame_put16(bytes + 4, length);
	} else {
		frame_put16(bytes + 4, plan->sequence >> 16);
		frame_put16(bytes + 6, plan->sequence);
		frame_put16(bytes + 8, plan->acknowledge >> 16);
		frame_put16(bytes + 10, plan->acknowledge);
		bytes[12] = 5 << 4;
		bytes[13] = plan->flags;
		frame_put16(bytes + 14, 60000);
	}
	frame_put16(bytes + frame_checksum_offset(plan->protocol),
		    frame_fold(frame_pseudo_sum(frame->bytes, frame->network, plan->protocol,
						length)));
}

/**
 * frame_build() - make a frame from the peer to the host
 * @frame: filled in, with an empty vnet header unless the plan is partial
 * @plan: what it is to be
 */
static inline void frame_build(struct frame *frame, const struct frame_plan *plan)
{
	size_t offset = frame_checksum_offset(plan->protocol);

	memset(&frame->header, 0, sizeof(frame->header));
	frame_build_ethernet(frame, plan);
	frame->transport = frame->network + plan->options +
			   (plan->family == 4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr));
	frame->payload = frame->transport + (plan->protocol == IPPROTO_TCP ?
			 sizeof(struct tcphdr) : sizeof(struct udphdr));
	frame->length = frame->payload + plan->payload;
	if (plan->family == 4)
		frame_build_ipv4(frame, plan);
	else
		frame_build_ipv6(frame, plan);
	frame_build_transport(frame, plan);
	for (size_t i = 0; i < plan->payload; i++)
		frame->bytes[frame->payload + i] = plan->sequence + i;

	if (plan->partial) {
		frame->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
		frame->header.csum_start = frame->transport;
		frame->header.csum_offset = offset;
	} else {
		frame_finish_checksum(frame->bytes, frame->length, frame->transport, offset);
	}
}

/* TCP over IPv4, to be cut into segments of @segment bytes if that is not 0. */
static inline void frame_build_tcp(struct frame *frame, size_t payload, size_t segment,
				   bool partial)
{
	const struct frame_plan plan = {
		.family = 4, .protocol = IPPROTO_TCP, .flags = TH_ACK, .payload = payload,
		.partial = partial,
	};

	frame_build(frame, &plan);
	if (!segment)
		return;
	frame->header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	frame->header.gso_size = segment;
	frame->header.hdr_len = frame->payload;
}

/* Make it a packet for an interface of IFF_TUN. */
static inline void frame_strip_ethernet(struct frame *frame)
{
	frame->length -= ETH_HLEN;
	frame->network -= ETH_HLEN;
	frame->transport -= ETH_HLEN;
	frame->payload -= ETH_HLEN;
	if (frame->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		frame->header.csum_start -= ETH_HLEN;
	memmove(frame->bytes, frame->bytes + ETH_HLEN, frame->length);
}

/* Bytes to write to a tap with a vnet header of the shortest kind. */
static inline size_t frame_written(const struct frame *frame)
{
	return sizeof(frame->header) + frame->length;
}

#endif /* SELFTESTS_TAP_FRAMES_H */
