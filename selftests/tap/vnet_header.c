// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a writer claims in the vnet header is believed only where the frame
 * agrees. Each lie is refused under a name of its own and never reaches the
 * stack; each honest header of the same kind passes, so that a check that
 * refuses everything fails here as well. Then garbage: whatever it is, the host
 * forwards it or refuses it, and lives.
 */
#include <time.h>

#include "garbage.h"
#include "tap.h"

FIXTURE(vnet_header) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	unsigned char received[FRAME_BYTES];
};

FIXTURE_SETUP(vnet_header)
{
	net_private_namespace();
	self->fd = tap_create(self->name, IFF_VNET_HDR);
	net_set_up(self->name);
	self->host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	ASSERT_LE(0, self->host);
}

FIXTURE_TEARDOWN(vnet_header)
{
	close(self->host);
	close(self->fd);
}

static void build(FIXTURE_DATA(vnet_header) *self, int family, int protocol, bool partial)
{
	frame_build(&self->frame, &(struct frame_plan){
		.family = family, .protocol = protocol, .payload = 4000, .flags = TH_ACK,
		.partial = partial, .source_port = 1, .destination_port = 2,
	});
}

static void segment(FIXTURE_DATA(vnet_header) *self, uint8_t type, uint16_t size)
{
	self->frame.header.gso_type = type;
	self->frame.header.gso_size = size;
	self->frame.header.hdr_len = self->frame.payload;
}

static void expect_pass(FIXTURE_DATA(vnet_header) *self)
{
	ASSERT_EQ(frame_written(&self->frame),
		  tap_write(self->fd, &self->frame, frame_written(&self->frame)));
	ASSERT_EQ(self->frame.length, host_read(self->host, self->received, FRAME_BYTES,
						TAP_PATIENCE));
	EXPECT_EQ(0, memcmp(self->frame.bytes, self->received, self->frame.transport));
}

static void expect_refused_of(FIXTURE_DATA(vnet_header) *self, size_t length, const char *counter)
{
	uint64_t before = tap_counter(self->name, counter);
	uint64_t passed = tap_counter(self->name, "rx_packets");

	EXPECT_EQ(-EINVAL, tap_write(self->fd, &self->frame, length));
	EXPECT_EQ(before + 1, tap_counter(self->name, counter)) {
		TEST_LOG("not counted as %s", counter);
	}
	EXPECT_EQ(passed, tap_counter(self->name, "rx_packets"));
}

static void expect_refused(FIXTURE_DATA(vnet_header) *self, const char *counter)
{
	expect_refused_of(self, frame_written(&self->frame), counter);
}

/* ---- lengths ---- */

TEST_F(vnet_header, cut_short_is_refused)
{
	build(self, 4, IPPROTO_TCP, false);
	expect_refused_of(self, 0, "reject_header");
	expect_refused_of(self, 1, "reject_header");
	expect_refused_of(self, sizeof(struct virtio_net_hdr) - 1, "reject_header");
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETHDRSZ, 24));
	expect_refused_of(self, 23, "reject_header");
}

TEST_F(vnet_header, before_a_short_frame_is_refused)
{
	build(self, 4, IPPROTO_TCP, false);
	for (size_t length = 0; length < ETH_HLEN; length++)
		expect_refused_of(self, sizeof(struct virtio_net_hdr) + length, "reject_short");
	EXPECT_EQ(sizeof(struct virtio_net_hdr) + ETH_HLEN,
		  tap_write(self->fd, &self->frame, sizeof(struct virtio_net_hdr) + ETH_HLEN));
}

TEST_F(vnet_header, before_a_frame_too_long_is_refused)
{
	const size_t longest = sizeof(struct virtio_net_hdr) + ETH_HLEN + 8 + 65535;

	build(self, 4, IPPROTO_TCP, false);
	expect_refused_of(self, longest + 1, "reject_long");
	EXPECT_EQ(longest, tap_write(self->fd, &self->frame, longest));
}

TEST_F(vnet_header, length_of_headers_is_within_the_frame)
{
	build(self, 4, IPPROTO_TCP, true);
	self->frame.header.hdr_len = self->frame.length;
	expect_pass(self);
	self->frame.header.hdr_len = self->frame.length + 1;
	expect_refused(self, "reject_hdr_len");
	self->frame.header.hdr_len = 0xffff;
	expect_refused(self, "reject_hdr_len");
	self->frame.header.hdr_len = 1;
	expect_pass(self);
}

/* ---- checksum ---- */

TEST_F(vnet_header, checksum_within_the_frame_passes)
{
	build(self, 4, IPPROTO_UDP, true);
	expect_pass(self);
	build(self, 6, IPPROTO_TCP, true);
	expect_pass(self);
}

TEST_F(vnet_header, checksum_outside_the_frame_is_refused)
{
	static const struct { uint16_t start, offset; } lies[] = {
		{ 0xffff, 0 }, { 34, 0xffff }, { 0xffff, 0xffff }, { 4054, 0 }, { 4052, 1 },
		{ 34, 4054 - 34 - 1 },
	};

	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		build(self, 4, IPPROTO_TCP, true);
		ASSERT_EQ(4054, self->frame.length);
		self->frame.header.csum_start = lies[i].start;
		self->frame.header.csum_offset = lies[i].offset;
		expect_refused(self, "reject_csum");
	}
}

TEST_F(vnet_header, checksum_inside_the_headers_before_it_is_refused)
{
	for (uint16_t start = 0; start < ETH_HLEN + 20; start++) {
		build(self, 4, IPPROTO_TCP, true);
		self->frame.header.csum_start = start;
		expect_refused(self, "reject_csum");
	}
}

/* The headers of any real packet end in the linear part of an skb. */
TEST_F(vnet_header, checksum_deep_in_a_large_frame_is_refused)
{
	frame_build(&self->frame, &(struct frame_plan){
		.family = 4, .protocol = IPPROTO_TCP, .payload = 65000, .partial = true });
	self->frame.header.csum_start = 60000;
	expect_refused(self, "reject_csum");
}

/* Without the flag the fields mean nothing (virtio 1.3, 5.1.6.2.2). */
TEST_F(vnet_header, checksum_fields_without_the_flag_are_ignored)
{
	build(self, 4, IPPROTO_TCP, false);
	self->frame.header.csum_start = 0xffff;
	self->frame.header.csum_offset = 0xffff;
	expect_pass(self);
}

/* ---- segmentation ---- */

TEST_F(vnet_header, segmentation_that_fits_the_frame_passes)
{
	build(self, 4, IPPROTO_TCP, true);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	expect_pass(self);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN, 1000);
	expect_pass(self);
	build(self, 6, IPPROTO_TCP, true);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV6, 1000);
	expect_pass(self);
	/* Allowed by tun, and by drivers older than the rule against it. */
	build(self, 4, IPPROTO_TCP, false);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	expect_pass(self);
}

TEST_F(vnet_header, segmentation_behind_options_and_tags_passes)
{
	const struct frame_plan plans[] = {
		{ .family = 4, .protocol = IPPROTO_TCP, .options = 8, .payload = 4000 },
		{ .family = 6, .protocol = IPPROTO_TCP, .options = 16, .payload = 4000 },
		{ .family = 4, .protocol = IPPROTO_TCP, .tags = 1, .payload = 4000 },
		{ .family = 6, .protocol = IPPROTO_TCP, .tags = 2, .payload = 4000 },
	};

	for (unsigned int i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		struct frame_plan plan = plans[i];

		plan.partial = true;
		frame_build(&self->frame, &plan);
		segment(self, plan.family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
			VIRTIO_NET_HDR_GSO_TCPV6, 1000);
		EXPECT_EQ(frame_written(&self->frame),
			  tap_write(self->fd, &self->frame, frame_written(&self->frame))) {
			TEST_LOG("plan %u", i);
		}
	}
}

TEST_F(vnet_header, segmentation_of_an_unknown_kind_is_refused)
{
	static const uint8_t types[] = {
		2, 6, 0x7f, 0xff, VIRTIO_NET_HDR_GSO_ECN,
		VIRTIO_NET_HDR_GSO_UDP | VIRTIO_NET_HDR_GSO_ECN,
	};

	for (unsigned int i = 0; i < sizeof(types); i++) {
		build(self, 4, IPPROTO_TCP, true);
		segment(self, types[i], 1000);
		expect_refused(self, "reject_gso_type");
	}
}

TEST_F(vnet_header, segmentation_of_another_protocol_is_refused)
{
	build(self, 6, IPPROTO_TCP, true);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	expect_refused(self, "reject_gso_type");
	build(self, 4, IPPROTO_TCP, true);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV6, 1000);
	expect_refused(self, "reject_gso_type");
	/* Neither IPv4 nor IPv6. */
	build(self, 4, IPPROTO_TCP, true);
	frame_put16(self->frame.bytes + 12, ETH_P_ARP);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	expect_refused(self, "reject_gso_type");
}

TEST_F(vnet_header, segmentation_to_impossible_sizes_is_refused)
{
	build(self, 4, IPPROTO_TCP, true);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV4, 0);
	expect_refused(self, "reject_gso_size");
	segment(self, VIRTIO_NET_HDR_GSO_TCPV4, 0xffff);
	expect_refused(self, "reject_gso_size");
}

TEST_F(vnet_header, segmentation_must_checksum_the_transport_header)
{
	build(self, 4, IPPROTO_TCP, true);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	self->frame.header.csum_start += 2;
	expect_refused(self, "reject_gso_headers");
	self->frame.header.csum_start -= 2;
	self->frame.header.csum_offset = 0;
	expect_refused(self, "reject_gso_headers");
}

/* Each changes one byte of a good IPv4 TCP frame. */
TEST_F(vnet_header, segmentation_by_broken_ipv4_headers_is_refused)
{
	static const struct { size_t offset; uint8_t value; } lies[] = {
		{ 14, 0x65 },			/* version 6 */
		{ 14, 0x44 },			/* header of 16 bytes */
		{ 14, 0x4f },			/* header of 60: transport elsewhere */
		{ 14 + 6, 0x20 },		/* more fragments */
		{ 14 + 7, 0x01 },		/* a later fragment */
		{ 14 + 9, IPPROTO_UDP },
		{ 34 + 12, 4 << 4 },		/* TCP header of 16 bytes */
	};

	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		build(self, 4, IPPROTO_TCP, true);
		segment(self, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
		self->frame.bytes[lies[i].offset] = lies[i].value;
		expect_refused(self, "reject_gso_headers");
	}
}

TEST_F(vnet_header, segmentation_by_broken_ipv6_headers_is_refused)
{
	static const struct { size_t offset; uint8_t value; } lies[] = {
		{ 14, 0x45 },			/* version 4 */
		{ 14 + 6, IPPROTO_UDP },
		{ 14 + 6, IPPROTO_FRAGMENT },
		{ 14 + 6, IPPROTO_HOPOPTS },	/* a header that is none */
	};

	for (unsigned int i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		build(self, 6, IPPROTO_TCP, true);
		segment(self, VIRTIO_NET_HDR_GSO_TCPV6, 1000);
		self->frame.bytes[lies[i].offset] = lies[i].value;
		expect_refused(self, "reject_gso_headers");
	}
}

TEST_F(vnet_header, segmentation_of_a_frame_without_headers_is_refused)
{
	build(self, 4, IPPROTO_TCP, false);
	segment(self, VIRTIO_NET_HDR_GSO_TCPV4, 8);
	self->frame.header.hdr_len = 0;
	for (size_t length = ETH_HLEN; length < 34 + 20; length++)
		expect_refused_of(self, sizeof(struct virtio_net_hdr) + length,
				  "reject_gso_headers");
}

TEST_F(vnet_header, segmentation_of_udp_needs_the_checksum)
{
	build(self, 4, IPPROTO_UDP, true);
	segment(self, FRAME_GSO_UDP, 1000);
	if (tap_write(self->fd, &self->frame, frame_written(&self->frame)) < 0)
		SKIP(return, "this kernel does not segment UDP");
	build(self, 4, IPPROTO_UDP, false);
	segment(self, FRAME_GSO_UDP, 1000);
	expect_refused(self, "reject_gso_headers");
}

/* ---- garbage ---- */

/* A second tap without offloads, where the host must segment all that it forwards. */
static int forward_to_second_tap(FIXTURE_DATA(vnet_header) *self, unsigned char mac[ETH_ALEN])
{
	char name[IFNAMSIZ];
	struct ifreq request = { 0 };
	int fd = tap_create(name, IFF_VNET_HDR);

	ASSERT_TRUE(run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1"));
	ASSERT_TRUE(run("ip addr add 10.96.0.1/24 dev %s && ip link set %s up", self->name,
			self->name));
	ASSERT_TRUE(run("ip addr add 10.97.0.254/24 dev %s && ip link set %s up", name, name));
	ASSERT_TRUE(run("ip neigh add " HOST_IPV4 " lladdr 02:00:00:00:00:09 dev %s", name));
	ASSERT_TRUE(run("ip -6 addr add fd97::fe/64 dev %s nodad", name));
	ASSERT_TRUE(run("ip neigh add " HOST_IPV6 " lladdr 02:00:00:00:00:09 dev %s", name));
	ASSERT_EQ(0, ioctl(self->fd, SIOCGIFHWADDR, &request));
	memcpy(mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return fd;
}

TEST_F_TIMEOUT(vnet_header, garbage_is_forwarded_or_refused, 120)
{
	unsigned int seed = time(NULL), passed = 0, refused = 0, forwarded = 0;
	unsigned char mac[ETH_ALEN];
	int out = forward_to_second_tap(self, mac), result;
	time_t end = time(NULL) + 5;

	TEST_LOG("seed %u", seed);
	srandom(seed);
	while (time(NULL) < end) {
		garbage_build(&self->frame, mac);
		result = tap_write(self->fd, &self->frame, frame_written(&self->frame));
		if (result < 0) {
			ASSERT_EQ(-EINVAL, result);
			refused++;
		} else {
			passed++;
		}
		while (read(out, self->received, FRAME_BYTES) > 0)
			forwarded++;
	}
	TEST_LOG("%u passed, %u refused, %u forwarded", passed, refused, forwarded);
	EXPECT_LT(0, passed);
	EXPECT_LT(0, refused);
	EXPECT_LT(0, forwarded);
	close(out);
}

TEST_HARNESS_MAIN
