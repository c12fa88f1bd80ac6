// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vnet header on interfaces of IFF_TUN: its offsets count from the network header on,
 * and are believed only where the packet agrees. See vnet_header.c for the same with
 * Ethernet headers, and for all that does not depend on them.
 */
#include "frames.h"
#include "tap.h"

#define PAYLOAD 4000
#define SEGMENT 1000
#define PORT 7000

FIXTURE(layer3_header) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	unsigned char received[FRAME_BYTES];
};

FIXTURE_SETUP(layer3_header)
{
	net_private_namespace();
	self->fd = tap_create_of(self->name, IFF_TUN | IFF_NO_PI | IFF_VNET_HDR);
	net_set_up(self->name);
	self->host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	ASSERT_LE(0, self->host);
}

FIXTURE_TEARDOWN(layer3_header)
{
	close(self->host);
	close(self->fd);
}

/* A packet to be segmented, and right. */
static void build(FIXTURE_DATA(layer3_header) *self, int family, int protocol, uint8_t type)
{
	frame_build(&self->frame, &(struct frame_plan){
		.family = family, .protocol = protocol, .payload = PAYLOAD, .flags = TH_ACK,
		.partial = true, .source_port = PORT, .destination_port = PORT,
	});
	frame_strip_ethernet(&self->frame);
	self->frame.header.gso_type = type;
	self->frame.header.gso_size = SEGMENT;
	self->frame.header.hdr_len = self->frame.payload;
}

static void expect_pass(FIXTURE_DATA(layer3_header) *self)
{
	ASSERT_EQ(frame_written(&self->frame),
		  tap_write(self->fd, &self->frame, frame_written(&self->frame)));
	ASSERT_EQ(self->frame.length, host_read(self->host, self->received, FRAME_BYTES,
						TAP_PATIENCE));
	EXPECT_EQ(0, memcmp(self->frame.bytes, self->received, self->frame.transport));
}

static void expect_refused(FIXTURE_DATA(layer3_header) *self, const char *counter)
{
	uint64_t before = tap_counter(self->name, counter);

	EXPECT_EQ(-EINVAL, tap_write(self->fd, &self->frame, frame_written(&self->frame)));
	EXPECT_EQ(before + 1, tap_counter(self->name, counter)) {
		TEST_LOG("not counted as %s", counter);
	}
	EXPECT_EQ(0, tap_counter(self->name, "rx_packets"));
}

TEST_F(layer3_header, asks_for_segments_of_both_ip_versions)
{
	build(self, 4, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV4);
	expect_pass(self);
	build(self, 6, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV6);
	expect_pass(self);
	self->frame.header.flags = 0;
	expect_pass(self);
}

TEST_F(layer3_header, of_the_other_ip_version_is_refused)
{
	build(self, 4, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV6);
	expect_refused(self, "reject_gso_type");
	build(self, 6, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV4);
	expect_refused(self, "reject_gso_type");
}

TEST_F(layer3_header, of_another_transport_is_refused)
{
	build(self, 4, IPPROTO_UDP, VIRTIO_NET_HDR_GSO_TCPV4);
	expect_refused(self, "reject_gso_headers");
}

TEST_F(layer3_header, counts_from_the_network_header)
{
	build(self, 4, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV4);
	self->frame.header.csum_start += ETH_HLEN;
	expect_refused(self, "reject_gso_headers");
	build(self, 4, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_NONE);
	self->frame.header.csum_start = sizeof(struct iphdr) - 1;
	expect_refused(self, "reject_csum");
	self->frame.header.csum_start = self->frame.length - 1;
	expect_refused(self, "reject_csum");
}

TEST_F(layer3_header, does_not_make_up_for_the_version)
{
	build(self, 4, IPPROTO_TCP, VIRTIO_NET_HDR_GSO_TCPV4);
	self->frame.bytes[0] = 0x55;
	expect_refused(self, "reject_version");
}

TEST_F(layer3_header, too_short_is_refused)
{
	EXPECT_EQ(-EINVAL, tap_write(self->fd, &self->frame, sizeof(self->frame.header) - 1));
	EXPECT_EQ(1, tap_counter(self->name, "reject_header"));
	EXPECT_EQ(-EINVAL, tap_write(self->fd, &self->frame, sizeof(self->frame.header)));
	EXPECT_EQ(1, tap_counter(self->name, "reject_short"));
}

/* What the stack leaves to the reader is told in offsets of the same kind. */
TEST_F(layer3_header, tells_a_reader_where_the_checksum_goes)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const size_t length = sizeof(struct iphdr) + sizeof(struct udphdr) + SEGMENT;
	struct frame *frame = &self->frame;

	ASSERT_TRUE(run("ip addr add " HOST_IPV4 "/24 dev %s", self->name));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETOFFLOAD, TUN_F_CSUM));
	inet_pton(AF_INET, PEER_IPV4, &peer.sin_addr);
	ASSERT_EQ(SEGMENT, sendto(host, self->received, SEGMENT, 0, (struct sockaddr *)&peer,
				  sizeof(peer)));
	ASSERT_EQ(sizeof(frame->header) + length,
		  tap_read(self->fd, frame, sizeof(*frame), TAP_PATIENCE));
	EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, frame->header.flags);
	EXPECT_EQ(sizeof(struct iphdr), frame->header.csum_start);
	frame_finish_checksum(frame->bytes, length, frame->header.csum_start,
			      frame->header.csum_offset);
	EXPECT_TRUE(frame_checksum_is_right(frame->bytes, 0, sizeof(struct iphdr), IPPROTO_UDP,
					    length));
	close(host);
}

TEST_HARNESS_MAIN
