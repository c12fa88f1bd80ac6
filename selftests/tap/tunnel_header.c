// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a writer says in the vnet header of a packet in a UDP tunnel is believed only where the
 * packet agrees, for the host copies and rewrites the headers that it names. Each lie is
 * refused under a name of its own. Where the kernel has no tunnels in the vnet header, all of
 * it is refused, by the calls as well. See vnet_header.c for packets in no tunnel, and
 * tunnel.c for what becomes of the honest.
 */
#include <time.h>

#include "tunnels.h"

#define PAYLOAD 4000
#define SEGMENT 1000
/* Of the packet that is lied about, IPv4 in IPv4: Ethernet, IP, UDP, VXLAN, Ethernet, IP, TCP. */
#define NETWORK 14
#define TRANSPORT 34
#define INNER_NETWORK 64
#define INNER_TRANSPORT 84

FIXTURE(tunnel_header) {
	int fd;
	char name[IFNAMSIZ];
	struct tunnel_frame frame;
	unsigned char seen[FRAME_BYTES];
};

FIXTURE_VARIANT(tunnel_header) { bool csum; };
FIXTURE_VARIANT_ADD(tunnel_header, plain) { false };
FIXTURE_VARIANT_ADD(tunnel_header, checksummed) { true };

FIXTURE_SETUP(tunnel_header)
{
	net_private_namespace();
	self->fd = tunnel_create(self->name, IFF_TAP);
}

FIXTURE_TEARDOWN(tunnel_header)
{
	close(self->fd);
}

static void build_of(FIXTURE_DATA(tunnel_header) *self, bool csum, int outer, int inner,
		     int protocol)
{
	tunnel_build(&self->frame, &(struct tunnel_plan){
		.outer = outer, .inner = inner, .protocol = protocol, .csum = csum,
		.payload = PAYLOAD, .size = SEGMENT,
	});
}

static void build(FIXTURE_DATA(tunnel_header) *self, const FIXTURE_VARIANT(tunnel_header) *variant)
{
	build_of(self, variant->csum, 4, 4, IPPROTO_TCP);
}

static int transmit(FIXTURE_DATA(tunnel_header) *self)
{
	return tap_write(self->fd, &self->frame, tunnel_written(&self->frame));
}

static void expect_refused(FIXTURE_DATA(tunnel_header) *self, const char *counter)
{
	uint64_t before = tap_counter(self->name, counter);
	uint64_t passed = tap_counter(self->name, "rx_packets");

	EXPECT_EQ(-EINVAL, transmit(self));
	EXPECT_EQ(before + 1, tap_counter(self->name, counter)) {
		TEST_LOG("not counted as %s", counter);
	}
	EXPECT_EQ(passed, tap_counter(self->name, "rx_packets"));
}

/* The honest one of the lies passes; where there are no tunnels the test ends here. */
#define BUILD_OR_SKIP() \
	do { \
		build(self, variant); \
		if (!tunnel_is_known()) \
			SKIP(return, "this kernel's vnet header has no tunnels"); \
		ASSERT_EQ(tunnel_written(&self->frame), transmit(self)); \
	} while (0)

/* ---- kernels with and without ---- */

TEST_F(tunnel_header, is_known_as_far_as_the_kernel_has_it)
{
	int taken = tunnel_is_known() ? 0 : -EINVAL;

	EXPECT_EQ(taken, tap_set(self->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 |
				 TUN_F_UDP_TUNNEL_GSO));
	EXPECT_EQ(taken, tap_set(self->fd, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	/* Room in the vnet header makes no difference: who asks for both may do so in any order. */
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETHDRSZ, 10));
	EXPECT_EQ(taken, tap_set(self->fd, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETHDRSZ, 24));
	build(self, variant);
	if (tunnel_is_known())
		EXPECT_EQ(tunnel_written(&self->frame), transmit(self));
	else
		expect_refused(self, "reject_gso_type");
}

TEST_F(tunnel_header, offload_needs_what_it_rests_on)
{
	static const unsigned int wrong[] = {
		TUN_F_UDP_TUNNEL_GSO, TUN_F_UDP_TUNNEL_GSO_CSUM,
		TUN_F_CSUM | TUN_F_UDP_TUNNEL_GSO, TUN_F_CSUM | TUN_F_UDP_TUNNEL_GSO_CSUM,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_UDP_TUNNEL_GSO_CSUM,
		TUN_F_TSO4 | TUN_F_UDP_TUNNEL_GSO, TUNNEL_OFFLOADS & ~TUN_F_CSUM,
	};

	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNSETOFFLOAD, wrong[i])) {
			TEST_LOG("%#x", wrong[i]);
		}
}

/* ---- lies ---- */

TEST_F(tunnel_header, without_room_for_its_offsets_is_refused)
{
	unsigned char packet[FRAME_BYTES];

	BUILD_OR_SKIP();
	for (int length = 10; length < 24; length++) {
		ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETHDRSZ, length));
		memcpy(packet, &self->frame.header, length);
		memcpy(packet + length, self->frame.bytes, self->frame.length);
		EXPECT_EQ(-EINVAL, tap_write(self->fd, packet, length + self->frame.length));
	}
	EXPECT_EQ(14, tap_counter(self->name, "reject_gso_type"));
}

TEST_F(tunnel_header, of_a_type_that_is_not_the_packets_is_refused)
{
	static const struct { uint8_t type; const char *counter; } lies[] = {
		{ TUNNEL_OVER_IPV4, "reject_gso_type" },
		{ TUNNEL_OVER_IPV4 | VIRTIO_NET_HDR_GSO_ECN, "reject_gso_type" },
		{ TUNNEL_OVER_IPV4 | 2, "reject_gso_type" },
		{ TUNNEL_OVER_IPV4 | VIRTIO_NET_HDR_GSO_TCPV6, "reject_gso_type" },
		{ TUNNEL_OVER_IPV4 | TUNNEL_UDP_L4 | VIRTIO_NET_HDR_GSO_ECN, "reject_gso_type" },
		{ TUNNEL_OVER_IPV4 | VIRTIO_NET_HDR_GSO_UDP, "reject_tunnel" },
		{ TUNNEL_OVER_IPV6 | VIRTIO_NET_HDR_GSO_TCPV4, "reject_tunnel" },
		{ TUNNEL_OVER_IPV4 | TUNNEL_OVER_IPV6 | VIRTIO_NET_HDR_GSO_TCPV4, "reject_tunnel" },
		{ TUNNEL_OVER_IPV4 | TUNNEL_UDP_L4, "reject_gso_headers" },
		/* The outer transport is UDP, and not where the checksum starts. */
		{ VIRTIO_NET_HDR_GSO_TCPV4, "reject_gso_headers" },
	};

	BUILD_OR_SKIP();
	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		self->frame.header.basic.gso_type = lies[i].type;
		expect_refused(self, lies[i].counter);
	}
}

TEST_F(tunnel_header, over_another_version_of_ip_is_refused)
{
	BUILD_OR_SKIP();
	build_of(self, variant->csum, 6, 4, IPPROTO_TCP);
	EXPECT_EQ(tunnel_written(&self->frame), transmit(self));
	self->frame.header.basic.gso_type ^= TUNNEL_OVER_IPV4 | TUNNEL_OVER_IPV6;
	expect_refused(self, "reject_tunnel");
	build_of(self, variant->csum, 4, 6, IPPROTO_UDP);
	EXPECT_EQ(tunnel_written(&self->frame), transmit(self));
	self->frame.header.basic.gso_type = VIRTIO_NET_HDR_GSO_TCPV4 | TUNNEL_OVER_IPV4;
	expect_refused(self, "reject_gso_type");
}

TEST_F(tunnel_header, without_a_checksum_left_to_us_is_refused)
{
	BUILD_OR_SKIP();
	self->frame.header.basic.flags &= ~VIRTIO_NET_HDR_F_NEEDS_CSUM;
	expect_refused(self, "reject_tunnel");
}

TEST_F(tunnel_header, with_wrong_offsets_is_refused)
{
	static const struct { uint16_t outer, inner; const char *counter; } lies[] = {
		{ 0, INNER_NETWORK, "reject_tunnel" },
		{ NETWORK, INNER_NETWORK, "reject_tunnel" },
		{ TRANSPORT - 1, INNER_NETWORK, "reject_tunnel" },
		{ TRANSPORT + 1, INNER_NETWORK, "reject_tunnel" },
		{ INNER_TRANSPORT, INNER_NETWORK, "reject_tunnel" },
		{ 0xffff, INNER_NETWORK, "reject_tunnel" },
		{ INNER_NETWORK, TRANSPORT, "reject_tunnel" },
		{ TRANSPORT, 0, "reject_tunnel" },
		/* There is an IP header, but it is the outer one. */
		{ TRANSPORT, NETWORK, "reject_tunnel" },
		{ TRANSPORT, TRANSPORT + 7, "reject_tunnel" },
		{ TRANSPORT, 0xffff, "reject_tunnel" },
		/* The last byte, whose upper half is 9. */
		{ TRANSPORT, INNER_TRANSPORT + 20 + PAYLOAD - 1, "reject_tunnel" },
		{ TRANSPORT, INNER_TRANSPORT + 20 + PAYLOAD, "reject_tunnel" },
		/* Whose half is 4, but there is no IP header. */
		{ TRANSPORT, INNER_TRANSPORT + 20 + 0x45, "reject_gso_headers" },
		{ TRANSPORT, INNER_TRANSPORT + 20 + 3840 + 0x45, "reject_gso_headers" },
	};

	BUILD_OR_SKIP();
	ASSERT_EQ(INNER_TRANSPORT + 20 + PAYLOAD, self->frame.length);
	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		self->frame.header.outer_transport = lies[i].outer;
		self->frame.header.inner_network = lies[i].inner;
		expect_refused(self, lies[i].counter);
	}
}

/* Each changes one byte of a good packet. */
TEST_F(tunnel_header, of_broken_headers_is_refused)
{
	static const struct { size_t offset; uint8_t value; const char *counter; } lies[] = {
		{ 12, 0x86, "reject_tunnel" },			/* no protocol */
		{ NETWORK, 0x65, "reject_tunnel" },		/* version 6 */
		{ NETWORK, 0x44, "reject_tunnel" },		/* header of 16 bytes */
		{ NETWORK, 0x46, "reject_tunnel" },		/* header of 24 bytes */
		{ NETWORK + 6, 0x20, "reject_tunnel" },		/* more fragments */
		{ NETWORK + 7, 0x01, "reject_tunnel" },		/* a later fragment */
		{ NETWORK + 9, IPPROTO_TCP, "reject_tunnel" },
		{ NETWORK + 9, 47, "reject_tunnel" },		/* GRE */
		{ INNER_NETWORK, 0x55, "reject_tunnel" },	/* version 5 */
		{ INNER_NETWORK, 0x65, "reject_gso_type" },	/* version 6, and TCP over 4 */
		{ INNER_NETWORK, 0x44, "reject_gso_headers" },
		{ INNER_NETWORK, 0x46, "reject_gso_headers" },
		{ INNER_NETWORK + 6, 0x20, "reject_gso_headers" },
		{ INNER_NETWORK + 7, 0x01, "reject_gso_headers" },
		{ INNER_NETWORK + 9, IPPROTO_UDP, "reject_gso_headers" },
		{ INNER_TRANSPORT + 12, 4 << 4, "reject_gso_headers" },
	};

	BUILD_OR_SKIP();
	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		build(self, variant);
		self->frame.bytes[lies[i].offset] = lies[i].value;
		expect_refused(self, lies[i].counter);
	}
}

TEST_F(tunnel_header, must_checksum_the_inner_transport_header)
{
	BUILD_OR_SKIP();
	self->frame.header.basic.csum_start += 2;
	expect_refused(self, "reject_gso_headers");
	self->frame.header.basic.csum_start = TRANSPORT;
	expect_refused(self, "reject_gso_headers");
	self->frame.header.basic.csum_start = INNER_TRANSPORT;
	self->frame.header.basic.csum_offset = 0;
	expect_refused(self, "reject_gso_headers");
	self->frame.header.basic.csum_offset = 0xffff;
	expect_refused(self, "reject_csum");
}

TEST_F(tunnel_header, with_impossible_sizes_is_refused)
{
	BUILD_OR_SKIP();
	self->frame.header.basic.gso_size = 0;
	expect_refused(self, "reject_gso_size");
	self->frame.header.basic.gso_size = 0xffff;
	expect_refused(self, "reject_gso_size");
	/* All in one segment: the outer checksum would be left undone. */
	self->frame.header.basic.gso_size = PAYLOAD;
	if (variant->csum)
		expect_refused(self, "reject_gso_size");
	else
		EXPECT_EQ(tunnel_written(&self->frame), transmit(self));
}

TEST_F(tunnel_header, cut_off_anywhere_is_refused)
{
	BUILD_OR_SKIP();
	self->frame.header.basic.hdr_len = 0;
	for (size_t length = ETH_HLEN; length < INNER_TRANSPORT + 20; length++)
		EXPECT_EQ(-EINVAL, tap_write(self->fd, &self->frame,
					     sizeof(self->frame.header) + length)) {
			TEST_LOG("%zu bytes", length);
		}
}

/* ---- garbage ---- */

/* A good packet with a few fields gone wild. */
static void make_garbage(struct tunnel_frame *frame, bool csum)
{
	struct tunnel_plan plan = {
		.outer = random() % 2 ? 4 : 6, .inner = random() % 2 ? 4 : 6, .csum = csum,
		.protocol = random() % 3 ? IPPROTO_TCP : IPPROTO_UDP, .tags = random() % 3,
		.payload = random() % 8 ? random() % 5000 : random() % 60000,
		.size = random() % 8 ? random() % 1500 + 1 : random(),
	};
	unsigned char *header = (unsigned char *)&frame->header;

	tunnel_build(frame, &plan);
	for (unsigned int i = random() % 3; i > 0; i--)
		header[random() % sizeof(frame->header)] = random();
	for (unsigned int i = random() % 4; i > 0; i--)
		frame->bytes[12 + random() % (frame->payload - 12)] = random();
}

TEST_F_TIMEOUT(tunnel_header, garbage_is_cut_up_or_refused, 120)
{
	unsigned int seed = time(NULL), passed = 0, refused = 0, forwarded = 0;
	char name[IFNAMSIZ];
	time_t end;
	int out;

	BUILD_OR_SKIP();
	out = tap_create(name, IFF_VNET_HDR);
	net_set_up(name);
	tap_has_carrier(name);
	tunnel_connect(self->name, name);
	TEST_LOG("seed %u", seed);
	srandom(seed);
	for (end = time(NULL) + 4; time(NULL) < end; ) {
		make_garbage(&self->frame, variant->csum);
		if (transmit(self) < 0) {
			ASSERT_EQ(EINVAL, errno);
			refused++;
		} else {
			passed++;
		}
		while (read(out, self->seen, FRAME_BYTES) > 0)
			forwarded++;
	}
	TEST_LOG("%u passed, %u refused, %u forwarded", passed, refused, forwarded);
	EXPECT_LT(0, passed);
	EXPECT_LT(0, refused);
	EXPECT_LT(passed / 2, forwarded);
	close(out);
}

TEST_HARNESS_MAIN
