// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checksums and segmentation, left to whoever the vnet header asks, in both
 * directions. The judge is the host's own TCP and UDP: it accepts what we write
 * only if every byte and checksum is right, and what it sends must become right
 * once we do what the header says, or be right already where we cannot.
 */
#include <sys/utsname.h>

#include "frames.h"
#include "tap.h"

#define PORT 5000
#define PEER_PORT 6000
#define BYTES 8000
#define SEQUENCE 1000000u
#define OFFLOADS (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)

FIXTURE(offload) {
	int fd;
	int listener;
	int connection;
	int udp;
	char name[IFNAMSIZ];
	unsigned char mac[ETH_ALEN];
	uint32_t sequence;
	uint32_t acknowledge;
	struct frame frame;
	struct frame received;
	unsigned char data[FRAME_BYTES];
};

FIXTURE_VARIANT(offload) {
	int family;
	unsigned int offloads;
};
FIXTURE_VARIANT_ADD(offload, ipv4_none) { 4, 0 };
FIXTURE_VARIANT_ADD(offload, ipv4_checksum) { 4, TUN_F_CSUM };
FIXTURE_VARIANT_ADD(offload, ipv4_all) { 4, OFFLOADS };
FIXTURE_VARIANT_ADD(offload, ipv6_none) { 6, 0 };
FIXTURE_VARIANT_ADD(offload, ipv6_all) { 6, OFFLOADS };
/* Segmentation, but of the other version of IP. */
FIXTURE_VARIANT_ADD(offload, ipv4_other) { 4, TUN_F_CSUM | TUN_F_TSO6 };
FIXTURE_VARIANT_ADD(offload, ipv6_other) { 6, TUN_F_CSUM | TUN_F_TSO4 };

static int host_socket(int family, int type)
{
	struct sockaddr_storage address;
	socklen_t length = frame_address(family, HOST_IPV4, HOST_IPV6, PORT, &address);
	int fd = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&address, length));
	return fd;
}

FIXTURE_SETUP(offload)
{
	struct ifreq request = { 0 };

	net_private_namespace();
	self->fd = tap_create(self->name, IFF_VNET_HDR);
	ASSERT_EQ(0, tap_set(self->fd, TUNSETOFFLOAD, variant->offloads));
	ASSERT_EQ(0, ioctl(self->fd, SIOCGIFHWADDR, &request));
	memcpy(self->mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	/* Frames of routers and of address detection would only be in the way. */
	ASSERT_TRUE(run("sysctl -qw net.ipv6.conf.%s.addr_gen_mode=1", self->name));
	ASSERT_TRUE(run("ip addr add " HOST_IPV4 "/24 dev %s", self->name));
	ASSERT_TRUE(run("ip addr add " HOST_IPV6 "/64 dev %s nodad", self->name));
	ASSERT_TRUE(run("ip link set %s up", self->name));
	ASSERT_TRUE(run("ip neigh add " PEER_IPV4 " lladdr 02:00:00:00:00:02 dev %s",
			self->name));
	ASSERT_TRUE(run("ip neigh add " PEER_IPV6 " lladdr 02:00:00:00:00:02 dev %s",
			self->name));
	self->listener = host_socket(variant->family, SOCK_STREAM);
	ASSERT_EQ(0, listen(self->listener, 1));
	self->udp = host_socket(variant->family, SOCK_DGRAM);
	self->connection = -1;
	self->sequence = SEQUENCE;
}

FIXTURE_TEARDOWN(offload)
{
	close(self->connection);
	close(self->listener);
	close(self->udp);
	close(self->fd);
}

/* ---- the peer ---- */

static struct frame_plan plan_of(FIXTURE_DATA(offload) *self, const FIXTURE_VARIANT(offload) *variant,
				 int protocol, uint8_t flags, size_t payload)
{
	return (struct frame_plan) {
		.destination = self->mac, .family = variant->family, .protocol = protocol,
		.source_port = PEER_PORT, .destination_port = PORT, .sequence = self->sequence,
		.acknowledge = self->acknowledge, .flags = flags, .payload = payload,
	};
}

static void transmit(FIXTURE_DATA(offload) *self)
{
	ASSERT_EQ(frame_written(&self->frame),
		  tap_write(self->fd, &self->frame, frame_written(&self->frame)));
}

static void send_tcp(FIXTURE_DATA(offload) *self, const FIXTURE_VARIANT(offload) *variant,
		     uint8_t flags)
{
	struct frame_plan plan = plan_of(self, variant, IPPROTO_TCP, flags, 0);

	frame_build(&self->frame, &plan);
	transmit(self);
}

/* Find the headers of a frame of the host; false for one that is not ours. */
static bool parse(struct frame *frame, int family, int protocol)
{
	frame->network = ETH_HLEN;
	frame->transport = ETH_HLEN + (family == 4 ? 20 : 40);
	if (frame->length < frame->transport + 8 || frame->bytes[ETH_HLEN] >> 4 != family ||
	    frame->bytes[ETH_HLEN + (family == 4 ? 9 : 6)] != protocol)
		return false;
	frame->payload = frame->transport +
			 (protocol == IPPROTO_TCP ? frame->bytes[frame->transport + 12] / 16 * 4 : 8);
	return frame->payload <= frame->length;
}

/* Read the host's next frame of a protocol into self->received. */
static void receive(FIXTURE_DATA(offload) *self, const FIXTURE_VARIANT(offload) *variant,
		    int protocol)
{
	int length;

	do {
		length = tap_read(self->fd, &self->received, sizeof(struct virtio_net_hdr) +
				  FRAME_BYTES, TAP_PATIENCE);
		ASSERT_LT(0, length);
		self->received.length = length - sizeof(struct virtio_net_hdr);
	} while (!parse(&self->received, variant->family, protocol));
}

static uint32_t get32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

static void connect_peer(FIXTURE_DATA(offload) *self, const FIXTURE_VARIANT(offload) *variant)
{
	send_tcp(self, variant, TH_SYN);
	receive(self, variant, IPPROTO_TCP);
	ASSERT_EQ(TH_SYN | TH_ACK, self->received.bytes[self->received.transport + 13]);
	self->sequence++;
	self->acknowledge = get32(self->received.bytes + self->received.transport + 4) + 1;
	send_tcp(self, variant, TH_ACK);
	self->connection = accept(self->listener, NULL, NULL);
	ASSERT_LE(0, self->connection);
}

/* The received frame's checksum is right, after doing what its vnet header says. */
static void expect_checksum(FIXTURE_DATA(offload) *self, const FIXTURE_VARIANT(offload) *variant,
			    int protocol)
{
	struct frame *frame = &self->received;

	if (!variant->offloads) {
		EXPECT_EQ(0, frame->header.flags);
	} else if (frame->header.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		EXPECT_EQ(frame->transport, frame->header.csum_start);
		EXPECT_EQ(frame_checksum_offset(protocol), frame->header.csum_offset);
		frame_finish_checksum(frame->bytes, frame->length, frame->header.csum_start,
				      frame->header.csum_offset);
	}
	EXPECT_TRUE(frame_checksum_is_right(frame->bytes, frame->network, frame->transport,
					    protocol, frame->length));
}

/* ---- from the peer into the host ---- */

TEST_F(offload, host_completes_the_checksum_of_a_datagram)
{
	struct frame_plan plan = plan_of(self, variant, IPPROTO_UDP, 0, 1000);

	plan.partial = true;
	frame_build(&self->frame, &plan);
	transmit(self);
	ASSERT_EQ(1000, host_read(self->udp, self->data, sizeof(self->data), TAP_PATIENCE));
	EXPECT_EQ(0, memcmp(self->frame.bytes + self->frame.payload, self->data, 1000));
}

TEST_F(offload, host_drops_a_datagram_with_a_wrong_checksum)
{
	struct frame_plan plan = plan_of(self, variant, IPPROTO_UDP, 0, 1000);

	frame_build(&self->frame, &plan);
	self->frame.bytes[self->frame.payload]++;
	transmit(self);
	EXPECT_EQ(-ETIMEDOUT, host_read(self->udp, self->data, sizeof(self->data), TAP_QUIET));
}

/* The claim that somebody has checked is not believed of a writer. */
TEST_F(offload, host_does_not_believe_that_a_checksum_is_valid)
{
	struct frame_plan plan = plan_of(self, variant, IPPROTO_UDP, 0, 1000);

	frame_build(&self->frame, &plan);
	self->frame.bytes[self->frame.payload]++;
	self->frame.header.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	transmit(self);
	EXPECT_EQ(-ETIMEDOUT, host_read(self->udp, self->data, sizeof(self->data), TAP_QUIET));
}

TEST_F(offload, host_takes_a_large_segment_whole)
{
	static const size_t sizes[] = { 4000, 20000, 60000 };
	struct frame_plan plan;

	connect_peer(self, variant);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		plan = plan_of(self, variant, IPPROTO_TCP, TH_ACK | TH_PUSH, sizes[i]);
		plan.partial = true;
		frame_build(&self->frame, &plan);
		self->frame.header.gso_type = variant->family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
					      VIRTIO_NET_HDR_GSO_TCPV6;
		self->frame.header.gso_size = 1400;
		self->frame.header.hdr_len = self->frame.payload;
		transmit(self);
		ASSERT_EQ(sizes[i], recv(self->connection, self->data, sizes[i], MSG_WAITALL));
		EXPECT_EQ(0, memcmp(self->frame.bytes + self->frame.payload, self->data, sizes[i]));
		self->sequence += sizes[i];
	}
}

TEST_F(offload, host_takes_a_large_datagram_in_pieces)
{
	struct frame_plan plan = plan_of(self, variant, IPPROTO_UDP, 0, 3500);
	size_t taken = 0, piece;

	plan.partial = true;
	frame_build(&self->frame, &plan);
	self->frame.header.gso_type = FRAME_GSO_UDP;
	self->frame.header.gso_size = 1000;
	self->frame.header.hdr_len = self->frame.payload;
	if (tap_write(self->fd, &self->frame, frame_written(&self->frame)) == -EINVAL)
		SKIP(return, "this kernel does not segment UDP");
	while (taken < plan.payload) {
		piece = plan.payload - taken < 1000 ? plan.payload - taken : 1000;
		ASSERT_EQ(piece, host_read(self->udp, self->data, sizeof(self->data),
					   TAP_PATIENCE));
		EXPECT_EQ(0, memcmp(self->frame.bytes + self->frame.payload + taken, self->data,
				    piece));
		taken += piece;
	}
	EXPECT_EQ(-ETIMEDOUT, host_read(self->udp, self->data, sizeof(self->data), 0));
}

/* ---- from the host to the peer ---- */

TEST_F(offload, datagram_from_the_host_has_a_checksum_or_asks_for_it)
{
	struct sockaddr_storage peer;
	socklen_t length = frame_address(variant->family, PEER_IPV4, PEER_IPV6, PEER_PORT, &peer);

	memset(self->data, 'x', 1000);
	ASSERT_EQ(1000, sendto(self->udp, self->data, 1000, 0, (struct sockaddr *)&peer, length));
	receive(self, variant, IPPROTO_UDP);
	if (variant->offloads)
		EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, self->received.header.flags);
	expect_checksum(self, variant, IPPROTO_UDP);
	EXPECT_EQ(0, memcmp(self->data, self->received.bytes + self->received.payload, 1000));
}

/* Largest segment to a peer that does not tell its own (RFC 9293, 3.7.1). */
static size_t mss(const FIXTURE_VARIANT(offload) *variant)
{
	return variant->family == 4 ? 536 : 1220;
}

static void check_segment(FIXTURE_DATA(offload) *self, const FIXTURE_VARIANT(offload) *variant,
			  size_t payload)
{
	const struct virtio_net_hdr header = self->received.header;

	expect_checksum(self, variant, IPPROTO_TCP);
	if (payload <= mss(variant)) {
		EXPECT_EQ(VIRTIO_NET_HDR_GSO_NONE, header.gso_type);
		return;
	}
	EXPECT_EQ(variant->family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		  header.gso_type);
	EXPECT_GE(mss(variant), header.gso_size);
	EXPECT_LT(0, header.gso_size);
	EXPECT_GE(self->received.length, header.hdr_len);
}

/* Take what the host sends, acknowledging it, and check every segment on the way. */
TEST_F(offload, stream_from_the_host_is_segmented_by_whom_it_should)
{
	size_t taken = 0, payload, largest = 0;

	connect_peer(self, variant);
	for (size_t i = 0; i < BYTES; i++)
		self->data[i] = i * 7;
	ASSERT_EQ(BYTES, send(self->connection, self->data, BYTES, 0));
	while (taken < BYTES) {
		receive(self, variant, IPPROTO_TCP);
		payload = self->received.length - self->received.payload;
		if (get32(self->received.bytes + self->received.transport + 4) !=
		    self->acknowledge || !payload)
			continue;	/* a retransmission, or an acknowledgement */
		check_segment(self, variant, payload);
		ASSERT_GE(BYTES, taken + payload);
		ASSERT_EQ(0, memcmp(self->data + taken,
				    self->received.bytes + self->received.payload, payload));
		largest = payload > largest ? payload : largest;
		taken += payload;
		self->acknowledge += payload;
		send_tcp(self, variant, TH_ACK);
	}
	TEST_LOG("largest segment %zu bytes", largest);
	if (variant->offloads & (variant->family == 4 ? TUN_F_TSO4 : TUN_F_TSO6))
		EXPECT_LT(mss(variant), largest);
	else
		EXPECT_GE(mss(variant), largest);
}

/* UDP segmentation came with 6.2; before, it must not be offered by half. */
TEST_F(offload, udp_segmentation_is_for_both_versions_of_ip_or_none)
{
	struct utsname kernel;
	bool offered;
	int major, minor;

	ASSERT_EQ(0, uname(&kernel));
	ASSERT_EQ(2, sscanf(kernel.release, "%d.%d", &major, &minor));
	offered = major > 6 || (major == 6 && minor >= 2);
	EXPECT_EQ(offered ? 0 : -EINVAL, tap_set(self->fd, TUNSETOFFLOAD,
						 TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6));
	EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_USO4));
	EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_USO6));
	EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNSETOFFLOAD, TUN_F_USO4 | TUN_F_USO6));
}

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* A datagram the host would segment: whole where allowed, else in correct pieces. */
TEST_F(offload, udp_segmentation_by_whom_it_should)
{
	bool whole = !tap_set(self->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_USO4 | TUN_F_USO6);
	struct sockaddr_storage peer;
	socklen_t length = frame_address(variant->family, PEER_IPV4, PEER_IPV6, PEER_PORT, &peer);

	if (!whole)
		ASSERT_EQ(0, tap_set(self->fd, TUNSETOFFLOAD, variant->offloads));
	ASSERT_EQ(0, setsockopt(self->udp, SOL_UDP, UDP_SEGMENT, &(int){ 1000 }, sizeof(int)));
	if (sendto(self->udp, self->data, 4000, 0, (struct sockaddr *)&peer, length) < 0 &&
	    !variant->offloads)
		SKIP(return, "this kernel segments UDP only where the device does checksums");
	for (size_t taken = 0; taken < 4000; ) {
		receive(self, variant, IPPROTO_UDP);
		taken += self->received.length - self->received.payload;
		if (!whole) {
			EXPECT_EQ(1000, self->received.length - self->received.payload);
			expect_checksum(self, variant, IPPROTO_UDP);
		} else {
			EXPECT_EQ(4000, taken);
			/* VIRTIO_NET_HDR_FRAME_GSO_UDP, which older headers lack. */
			EXPECT_EQ(5, self->received.header.gso_type);
			EXPECT_EQ(1000, self->received.header.gso_size);
		}
	}
}

TEST_HARNESS_MAIN
