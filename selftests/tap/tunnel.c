// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets in UDP tunnels, cut up by whoever the vnet header asks: the reader if it can, and
 * else the host, whose work must then be right to the last checksum. What one tap's file
 * writes leaves by another tap, so that every packet goes through both directions; and the
 * host's own packets go through a tunnel to a socket of another host.
 * See tunnel_header.c for headers that lie.
 */
#include "tunnels.h"

#define PAYLOAD 4500
#define SEGMENT 1000
#define NO_TUNNEL "this kernel's vnet header has no tunnels"

FIXTURE(tunnel) {
	int in;
	int out;
	char in_name[IFNAMSIZ];
	char out_name[IFNAMSIZ];
	struct tunnel_frame frame;
	struct tunnel_frame seen;
};

FIXTURE_VARIANT(tunnel) { struct tunnel_plan plan; };
FIXTURE_VARIANT_ADD(tunnel, tcp4_over_ipv4) { { 4, 4, IPPROTO_TCP, false, 0, PAYLOAD, SEGMENT } };
FIXTURE_VARIANT_ADD(tunnel, tcp6_over_ipv4) { { 4, 6, IPPROTO_TCP, true, 0, PAYLOAD, SEGMENT } };
FIXTURE_VARIANT_ADD(tunnel, tcp4_over_ipv6) { { 6, 4, IPPROTO_TCP, true, 0, PAYLOAD, SEGMENT } };
FIXTURE_VARIANT_ADD(tunnel, udp4_over_ipv4) { { 4, 4, IPPROTO_UDP, true, 0, PAYLOAD, SEGMENT } };
FIXTURE_VARIANT_ADD(tunnel, udp6_over_ipv6) { { 6, 6, IPPROTO_UDP, false, 0, PAYLOAD, SEGMENT } };
/* The network header is then not where the stack first looks for it. */
FIXTURE_VARIANT_ADD(tunnel, tagged) { { 6, 4, IPPROTO_TCP, true, 1, PAYLOAD, SEGMENT } };
FIXTURE_VARIANT_ADD(tunnel, tagged_twice) { { 6, 6, IPPROTO_TCP, false, 2, PAYLOAD, SEGMENT } };
FIXTURE_VARIANT_ADD(tunnel, large) { { 4, 4, IPPROTO_TCP, true, 0, 60000, 1400 } };

FIXTURE_SETUP(tunnel)
{
	self->in = self->out = -1;
	if (!tunnel_is_known())
		SKIP(return, NO_TUNNEL);
	net_private_namespace();
	self->in = tunnel_create(self->in_name, IFF_TAP);
	self->out = tunnel_create(self->out_name, IFF_TAP);
	tunnel_connect(self->in_name, self->out_name);
	tunnel_build(&self->frame, &variant->plan);
}

FIXTURE_TEARDOWN(tunnel)
{
	close(self->in);
	close(self->out);
}

static void transmit(FIXTURE_DATA(tunnel) *self)
{
	ASSERT_EQ(tunnel_written(&self->frame),
		  tap_write(self->in, &self->frame, tunnel_written(&self->frame)));
}

/* Read a packet with a vnet header of @header_len bytes into self->seen. */
static void receive(FIXTURE_DATA(tunnel) *self, size_t header_len)
{
	static unsigned char packet[FRAME_BYTES];
	int length = tap_read(self->out, packet, sizeof(packet), TAP_PATIENCE);

	ASSERT_LT((int)header_len, length);
	memset(&self->seen.header, 0, sizeof(self->seen.header));
	memcpy(&self->seen.header, packet, header_len);
	self->seen.length = length - header_len;
	memcpy(self->seen.bytes, packet + header_len, self->seen.length);
}

static void expect_whole(FIXTURE_DATA(tunnel) *self)
{
	receive(self, sizeof(struct tunnel_header));
	/* A hint, and the stack's own. */
	self->seen.header.basic.hdr_len = self->frame.header.basic.hdr_len;
	EXPECT_EQ(0, memcmp(&self->frame.header, &self->seen.header, sizeof(self->frame.header)));
	ASSERT_EQ(self->frame.length, self->seen.length);
	EXPECT_EQ(0, memcmp(self->frame.bytes, self->seen.bytes, self->frame.length));
}

static uint16_t get16(const unsigned char *bytes)
{
	return bytes[0] << 8 | bytes[1];
}

/* An IP header says how long the packet is, and IPv4's own checksum is right. */
static void check_network(const struct tunnel_frame *seen, size_t network)
{
	const unsigned char *ip = seen->bytes + network;

	if (*ip >> 4 == 4) {
		EXPECT_EQ(seen->length - network, get16(ip + 2));
		EXPECT_EQ(0xffff, frame_fold(frame_sum(ip, 20, 0)));
	} else {
		EXPECT_EQ(seen->length - network - 40, get16(ip + 4));
	}
}

/* self->seen is a right packet of a tunnel; returns the bytes of its payload. */
static size_t check_segment(FIXTURE_DATA(tunnel) *self, const struct tunnel_plan *plan,
			    size_t taken)
{
	const struct virtio_net_hdr header = self->seen.header.basic;
	struct tunnel_frame *seen = &self->seen, *frame = &self->frame;

	EXPECT_EQ(VIRTIO_NET_HDR_GSO_NONE, header.gso_type);
	EXPECT_EQ(0, header.flags & TUNNEL_F_CSUM);
	if (header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		frame_finish_checksum(seen->bytes, seen->length, header.csum_start,
				      header.csum_offset);
	ASSERT_LT(frame->payload, seen->length);
	check_network(seen, frame->network);
	check_network(seen, frame->inner_network);
	EXPECT_EQ(seen->length - frame->transport, get16(seen->bytes + frame->transport + 4));
	EXPECT_EQ(plan->csum, get16(seen->bytes + frame->transport + 6) != 0);
	if (plan->csum)
		EXPECT_TRUE(frame_checksum_is_right(seen->bytes, frame->network, frame->transport,
						    IPPROTO_UDP, seen->length));
	EXPECT_TRUE(frame_checksum_is_right(seen->bytes, frame->inner_network,
					    frame->inner_transport, plan->protocol, seen->length));
	if (plan->protocol == IPPROTO_TCP)
		EXPECT_EQ(taken, get16(seen->bytes + frame->inner_transport + 6));
	EXPECT_EQ(0, memcmp(seen->bytes + frame->payload, frame->bytes + frame->payload + taken,
			    seen->length - frame->payload));
	return seen->length - frame->payload;
}

/* What was written arrives in right segments; returns how many were left to checksum. */
static unsigned int expect_segments(FIXTURE_DATA(tunnel) *self, const struct tunnel_plan *plan,
				    size_t header_len)
{
	size_t taken = 0, bytes;
	unsigned int partial = 0;

	while (taken < plan->payload) {
		receive(self, header_len);
		partial += self->seen.header.basic.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
		bytes = check_segment(self, plan, taken);
		EXPECT_EQ(taken + plan->size < plan->payload ? plan->size : plan->payload - taken,
			  bytes);
		taken += bytes;
	}
	return partial;
}

TEST_F(tunnel, goes_whole_to_a_reader_that_can_cut_it_up)
{
	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	transmit(self);
	expect_whole(self);
}

/* Through the memory of a larger writer as well, whose header is in pieces. */
TEST_F(tunnel, goes_whole_with_longer_vnet_headers)
{
	unsigned char packet[64 + FRAME_BYTES] = { 0 };
	const int length = 64;

	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	ASSERT_EQ(0, tap_set_int(self->in, TUNSETVNETHDRSZ, length));
	memcpy(packet, &self->frame.header, sizeof(self->frame.header));
	memcpy(packet + length, self->frame.bytes, self->frame.length);
	ASSERT_EQ(length + self->frame.length,
		  tap_write(self->in, packet, length + self->frame.length));
	expect_whole(self);

	ASSERT_EQ(0, tap_set_int(self->out, TUNSETVNETHDRSZ, length));
	ASSERT_EQ(length + self->frame.length,
		  tap_write(self->in, packet, length + self->frame.length));
	ASSERT_EQ(length + self->frame.length,
		  tap_read(self->out, packet, sizeof(packet), TAP_PATIENCE));
	EXPECT_EQ(0, memcmp(packet + 20, &self->frame.header.outer_transport, 4));
	EXPECT_EQ(0, memcmp(packet + length, self->frame.bytes, self->frame.length));
}

TEST_F(tunnel, goes_in_segments_to_a_reader_without_offloads)
{
	transmit(self);
	EXPECT_EQ(0, expect_segments(self, &variant->plan, sizeof(struct tunnel_header)));
}

TEST_F(tunnel, goes_in_segments_to_a_reader_without_tunnels)
{
	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD, TUNNEL_OFFLOADS_PLAIN));
	transmit(self);
	EXPECT_LT(0, expect_segments(self, &variant->plan, sizeof(struct tunnel_header)));
}

TEST_F(tunnel, with_a_checksum_needs_a_reader_that_can_do_it)
{
	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD,
			     TUNNEL_OFFLOADS_PLAIN | TUN_F_UDP_TUNNEL_GSO));
	transmit(self);
	if (variant->plan.csum)
		expect_segments(self, &variant->plan, sizeof(struct tunnel_header));
	else
		expect_whole(self);
}

TEST_F(tunnel, needs_a_vnet_header_with_room_for_it)
{
	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	ASSERT_EQ(0, tap_set_int(self->out, TUNSETVNETHDRSZ, sizeof(struct tunnel_header) - 1));
	transmit(self);
	expect_segments(self, &variant->plan, sizeof(struct tunnel_header) - 1);
	ASSERT_EQ(0, tap_set_int(self->out, TUNSETVNETHDRSZ, sizeof(struct tunnel_header)));
	transmit(self);
	expect_whole(self);
}

/* It is already in the queue. */
TEST_F(tunnel, is_lost_when_the_vnet_header_shrinks_before_it_is_read)
{
	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	transmit(self);
	ASSERT_EQ(0, tap_set_int(self->out, TUNSETVNETHDRSZ, sizeof(struct virtio_net_hdr)));
	EXPECT_EQ(-EINVAL, tap_read(self->out, &self->seen, FRAME_BYTES, TAP_PATIENCE));
	EXPECT_EQ(-ETIMEDOUT, tap_read(self->out, &self->seen, FRAME_BYTES, 0));
}

TEST_F(tunnel, goes_in_segments_through_a_program)
{
	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	xdp_attach(self->in_name, xdp_load_verdict(XDP_PASS));
	transmit(self);
	expect_segments(self, &variant->plan, sizeof(struct tunnel_header));
}

/* Nothing is left to cut up, so nothing is said of a tunnel. */
TEST_F(tunnel, around_a_single_segment_is_no_tunnel)
{
	struct tunnel_plan plan = variant->plan;

	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	plan.payload = plan.size;
	plan.csum = false;
	tunnel_build(&self->frame, &plan);
	transmit(self);
	EXPECT_EQ(1, expect_segments(self, &plan, sizeof(struct tunnel_header)));
}

TEST_F(tunnel, goes_through_interfaces_without_ethernet)
{
	if (variant->plan.tags)
		SKIP(return, "no Ethernet header, no tag");
	close(self->in);
	close(self->out);
	self->in = tunnel_create(self->in_name, IFF_TUN);
	self->out = tunnel_create(self->out_name, IFF_TUN);
	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	tunnel_connect(self->in_name, self->out_name);
	tunnel_strip_ethernet(&self->frame);
	transmit(self);
	expect_whole(self);
	ASSERT_EQ(0, tap_set(self->out, TUNSETOFFLOAD, 0));
	transmit(self);
	expect_segments(self, &variant->plan, sizeof(struct tunnel_header));
}

/* ---- the host's own packets ---- */

#define UDP_SEGMENT_OPTION 103
#define UDP_GRO_OPTION 104

/* Outer headers, but for lengths and checksum: the other end takes them off unread. */
static const unsigned char headers[36] = {
	0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, IPPROTO_UDP, 0, 0, 10, 96, 0, 1, 10, 96, 0, 2,
	0, 3, TUNNEL_PORT >> 8, TUNNEL_PORT & 0xff, 0, 0, 0, 0, 8,
};

FIXTURE(hosts) {
	int sender;
	int receiver;
	int from;
	int to;
	unsigned char data[PAYLOAD];
	unsigned char packet[FRAME_BYTES];
};

FIXTURE_VARIANT(hosts) { unsigned int offloads; };
FIXTURE_VARIANT_ADD(hosts, with_tunnels) { TUNNEL_OFFLOADS };
FIXTURE_VARIANT_ADD(hosts, without_tunnels) { TUNNEL_OFFLOADS_PLAIN };

/* A host of its own behind a new tap, whose file goes to *fd; returns a socket of it. */
static int make_host(int *fd, unsigned int number, char name[IFNAMSIZ])
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(5000) };
	int host;

	net_private_namespace();
	*fd = tunnel_create(name, IFF_TAP);
	ASSERT_TRUE(run("ip link set %s address 02:00:00:00:00:0%u", name, number));
	ASSERT_TRUE(run("ip addr add 10.97.0.%u/24 dev %s", number, name));
	ASSERT_TRUE(run("ip neigh add 10.97.0.%u lladdr 02:00:00:00:00:0%u dev %s", 3 - number,
			3 - number, name));
	host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, host);
	ASSERT_EQ(0, bind(host, (struct sockaddr *)&address, sizeof(address)));
	return host;
}

FIXTURE_SETUP(hosts)
{
	char name[IFNAMSIZ];

	self->from = self->to = self->sender = self->receiver = -1;
	if (!tunnel_is_known())
		SKIP(return, NO_TUNNEL);
	self->sender = make_host(&self->from, 1, name);
	ASSERT_EQ(0, tap_set(self->from, TUNSETOFFLOAD, variant->offloads));
	tunnel_encapsulate(name, headers, sizeof(headers));
	self->receiver = make_host(&self->to, 2, name);
	tunnel_decapsulate(name, sizeof(headers));
	for (unsigned int i = 0; i < PAYLOAD; i++)
		self->data[i] = i * 7;
}

FIXTURE_TEARDOWN(hosts)
{
	close(self->from);
	close(self->to);
	close(self->sender);
	close(self->receiver);
}

/*
 * Carry one packet over; returns its vnet header. Of a segment the checksum is filled in, for
 * the receiver to judge.
 */
static struct tunnel_header carry(FIXTURE_DATA(hosts) *self)
{
	int length = tap_read(self->from, self->packet, sizeof(self->packet), TAP_PATIENCE);
	struct tunnel_header header;

	ASSERT_LT((int)sizeof(header), length);
	memcpy(&header, self->packet, sizeof(header));
	if (header.basic.gso_type == VIRTIO_NET_HDR_GSO_NONE) {
		frame_finish_checksum(self->packet + sizeof(header), length - sizeof(header),
				      header.basic.csum_start, header.basic.csum_offset);
		memset(self->packet, 0, sizeof(header));
	}
	ASSERT_EQ(length, tap_write(self->to, self->packet, length));
	return header;
}

static void expect_data(FIXTURE_DATA(hosts) *self, size_t from, size_t length)
{
	unsigned char data[PAYLOAD];

	ASSERT_EQ(length, host_read(self->receiver, data, sizeof(data), TAP_PATIENCE));
	EXPECT_EQ(0, memcmp(self->data + from, data, length));
}

TEST_F(hosts, exchange_segmented_datagrams_through_a_tunnel)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(5000) };
	bool whole = variant->offloads & TUN_F_UDP_TUNNEL_GSO;
	struct tunnel_header header;
	size_t step = whole ? PAYLOAD : SEGMENT, taken;

	inet_pton(AF_INET, "10.97.0.2", &peer.sin_addr);
	ASSERT_EQ(0, setsockopt(self->sender, SOL_UDP, UDP_SEGMENT_OPTION, &(int){ SEGMENT },
				sizeof(int)));
	ASSERT_EQ(0, setsockopt(self->receiver, SOL_UDP, UDP_GRO_OPTION, &(int){ 1 }, sizeof(int)));
	ASSERT_EQ(PAYLOAD, sendto(self->sender, self->data, PAYLOAD, 0, (struct sockaddr *)&peer,
				  sizeof(peer)));
	for (taken = 0; taken < PAYLOAD; taken += step) {
		header = carry(self);
		EXPECT_EQ(whole ? TUNNEL_UDP_L4 | TUNNEL_OVER_IPV4 : VIRTIO_NET_HDR_GSO_NONE,
			  header.basic.gso_type);
		EXPECT_EQ(whole ? ETH_HLEN + 20 : 0, header.outer_transport);
		EXPECT_EQ(whole ? ETH_HLEN + sizeof(headers) : 0, header.inner_network);
		EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, header.basic.flags);
		EXPECT_EQ(ETH_HLEN + sizeof(headers) + 20, header.basic.csum_start);
		expect_data(self, taken, step < PAYLOAD - taken ? step : PAYLOAD - taken);
	}
}

TEST_HARNESS_MAIN
