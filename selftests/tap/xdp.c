// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDP programs of an interface: each verdict must be followed, for every packet whatever it
 * looks like, because a firewall that some packets do not meet is none. A program sees packets
 * as they would be on a wire: TX brings them back to us exactly as it saw them.
 */
#include "frames.h"
#include "usage.h"
#include "xdp.h"

#define FRAME 200
/* With the room around it this is the longest that a program is shown. */
#define LONGEST 64000

FIXTURE(xdp) {
	struct usage before;
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	struct frame received;
};

FIXTURE_SETUP(xdp)
{
	net_private_namespace();
	usage_measure(&self->before);
	self->fd = tap_create(self->name, IFF_VNET_HDR);
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
}

FIXTURE_TEARDOWN(xdp)
{
	close(self->host);
	close(self->fd);
	EXPECT_TRUE(usage_returns_to(&self->before));
}

/* Write a frame of another protocol, of @length bytes; returns as write(). */
static int write_frame(FIXTURE_DATA(xdp) *self, size_t length)
{
	memset(&self->frame.header, 0, sizeof(self->frame.header));
	self->frame.length = length;
	net_fill_frame(self->frame.bytes, length, length);
	return tap_write(self->fd, &self->frame, frame_written(&self->frame));
}

/* Read a frame back; returns its length, or -errno. */
static int read_back(FIXTURE_DATA(xdp) *self, int milliseconds)
{
	int length = tap_read(self->fd, &self->received, sizeof(struct virtio_net_hdr) + FRAME_BYTES,
			      milliseconds);

	return length < 0 ? length : length - (int)sizeof(struct virtio_net_hdr);
}

static bool is_unaltered(FIXTURE_DATA(xdp) *self, int length)
{
	return length == (int)self->frame.length &&
	       !memcmp(self->frame.bytes, self->received.bytes, length);
}

static int host_receives(FIXTURE_DATA(xdp) *self, int milliseconds)
{
	return host_read(self->host, self->received.bytes, FRAME_BYTES, milliseconds);
}

#define counter(which) tap_counter(self->name, which)

/* ---- verdicts ---- */

static const size_t lengths[] = { ETH_HLEN, 15, 60, FRAME, 1514, 3500, 4096, 9000, LONGEST };
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

TEST_F(xdp, passed_packets_of_any_length_arrive_unaltered)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_PASS));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		ASSERT_LT(0, write_frame(self, lengths[i]));
		EXPECT_TRUE(is_unaltered(self, host_receives(self, TAP_PATIENCE)));
	}
	EXPECT_EQ(LENGTHS, counter("rx_packets"));
	EXPECT_EQ(0, counter("xdp_errors"));
}

TEST_F(xdp, packets_sent_back_are_unaltered)
{
	size_t bytes = 0;

	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		ASSERT_LT(0, write_frame(self, lengths[i]));
		EXPECT_TRUE(is_unaltered(self, read_back(self, TAP_PATIENCE)));
		bytes += lengths[i];
	}
	EXPECT_EQ(-ETIMEDOUT, host_receives(self, 0));
	EXPECT_EQ(LENGTHS, counter("xdp_tx"));
	EXPECT_EQ(LENGTHS, counter("rx_packets"));
	EXPECT_EQ(LENGTHS, counter("tx_packets"));
	EXPECT_EQ(bytes, counter("rx_bytes"));
	EXPECT_EQ(bytes, counter("tx_bytes"));
}

TEST_F(xdp, dropped_packets_go_nowhere_and_are_counted)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_DROP));
	for (unsigned int i = 0; i < LENGTHS; i++)
		EXPECT_EQ(lengths[i] + sizeof(struct virtio_net_hdr), write_frame(self, lengths[i]));
	EXPECT_EQ(-ETIMEDOUT, host_receives(self, TAP_QUIET));
	EXPECT_EQ(-ETIMEDOUT, read_back(self, 0));
	EXPECT_EQ(LENGTHS, counter("xdp_drop"));
	EXPECT_EQ(0, counter("rx_packets"));
}

TEST_F(xdp, failed_and_unknown_verdicts_drop_and_are_errors)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_ABORTED));
	ASSERT_LT(0, write_frame(self, FRAME));
	xdp_attach(self->name, xdp_load_verdict(77));
	ASSERT_LT(0, write_frame(self, FRAME));
	/* Without bpf_redirect() there is nowhere to redirect to. */
	xdp_attach(self->name, xdp_load_verdict(XDP_REDIRECT));
	ASSERT_LT(0, write_frame(self, FRAME));
	EXPECT_EQ(-ETIMEDOUT, host_receives(self, TAP_QUIET));
	EXPECT_EQ(3, counter("xdp_errors"));
	EXPECT_EQ(0, counter("rx_packets"));
}

TEST_F(xdp, packets_too_long_for_a_program_do_not_pass)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_PASS));
	ASSERT_LT(0, write_frame(self, 65535));
	EXPECT_EQ(-ETIMEDOUT, host_receives(self, TAP_QUIET));
	EXPECT_EQ(1, counter("xdp_errors"));
}

TEST_F(xdp, packets_sent_back_to_a_full_ring_are_dropped)
{
	ASSERT_TRUE(run("ip link set %s txqueuelen 4", self->name));
	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	for (unsigned int i = 0; i < 10; i++)
		ASSERT_LT(0, write_frame(self, FRAME));
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_TRUE(is_unaltered(self, read_back(self, 0)));
	EXPECT_EQ(-ETIMEDOUT, read_back(self, 0));
	EXPECT_EQ(4, counter("xdp_tx"));
	EXPECT_EQ(6, counter("xdp_errors"));
}

TEST_F(xdp, packets_sent_back_meet_the_filters)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { .len = 1, .filter = code };

	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	ASSERT_EQ(0, ioctl(self->fd, TUNATTACHFILTER, &program));
	ASSERT_LT(0, write_frame(self, FRAME));
	EXPECT_EQ(-ETIMEDOUT, read_back(self, TAP_QUIET));
	EXPECT_EQ(1, counter("tx_filtered"));
}

/* The stack's queue waits while frames fill the ring, and goes on when they are read. */
TEST_F(xdp, host_sends_on_after_packets_sent_back_filled_the_ring)
{
	ASSERT_TRUE(run("ip link set %s txqueuelen 4", self->name));
	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	for (unsigned int i = 0; i < 4; i++)
		ASSERT_LT(0, write_frame(self, FRAME));
	net_fill_frame(self->received.bytes, FRAME, 9);
	ASSERT_EQ(FRAME, send(self->host, self->received.bytes, FRAME, 0));
	for (unsigned int i = 0; i < 5; i++)
		EXPECT_EQ(FRAME, read_back(self, TAP_PATIENCE));
	EXPECT_EQ(5, counter("tx_packets"));
}

/* A program for frames would take IP headers for Ethernet ones. */
TEST_F(xdp, interfaces_without_ethernet_take_no_native_program)
{
	char name[IFNAMSIZ] = "";
	int fd = tap_open(), program = xdp_load_verdict(XDP_DROP);

	ASSERT_EQ(0, tap_attach(fd, name, IFF_TUN | IFF_NO_PI));
	EXPECT_EQ(-EOPNOTSUPP, xdp_attach_as(name, program, XDP_FLAGS_DRV_MODE));
	close(program);
	close(fd);
}

/* ---- what a writer leaves to others is done before ---- */

static void write_ip(FIXTURE_DATA(xdp) *self, struct frame_plan plan, uint8_t gso_type,
		     uint16_t gso_size)
{
	plan.destination_port = 5000;
	plan.source_port = 6000;
	frame_build(&self->frame, &plan);
	self->frame.header.gso_type = gso_type;
	self->frame.header.gso_size = gso_size;
	ASSERT_EQ(frame_written(&self->frame),
		  tap_write(self->fd, &self->frame, frame_written(&self->frame)));
}

static const int protocols[] = { IPPROTO_TCP, IPPROTO_UDP };

TEST_F(xdp, program_sees_complete_checksums)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	for (unsigned int i = 0; i < 8; i++) {
		struct frame_plan plan = {
			.family = i & 1 ? 4 : 6, .protocol = protocols[i / 2 % 2],
			.payload = i & 4 ? 1001 : 8001, .partial = true,
		};

		write_ip(self, plan, VIRTIO_NET_HDR_GSO_NONE, 0);
		ASSERT_EQ((int)self->frame.length, read_back(self, TAP_PATIENCE));
		EXPECT_EQ(0, self->received.header.flags);
		EXPECT_TRUE(frame_checksum_is_right(self->received.bytes, self->frame.network,
						    self->frame.transport, plan.protocol,
						    self->frame.length));
	}
}

/* Read back the segments of self->frame; each must be right, and together they are the whole. */
static unsigned int expect_segments(FIXTURE_DATA(xdp) *self, size_t gso_size)
{
	const struct frame *whole = &self->frame;
	size_t taken = whole->payload, bytes;
	unsigned int count = 0;

	for (; taken < whole->length; taken += bytes, count++) {
		int length = read_back(self, TAP_PATIENCE);

		ASSERT_LT((int)whole->payload, length);
		bytes = length - whole->payload;
		EXPECT_EQ(VIRTIO_NET_HDR_GSO_NONE, self->received.header.gso_type);
		EXPECT_EQ(0, self->received.header.flags);
		EXPECT_GE(gso_size, bytes);
		ASSERT_GE(whole->length, taken + bytes);
		EXPECT_EQ(0, memcmp(self->received.bytes + whole->payload, whole->bytes + taken, bytes));
		EXPECT_TRUE(frame_checksum_is_right(self->received.bytes, whole->network,
						    whole->transport, IPPROTO_TCP, length));
	}
	return count;
}

TEST_F(xdp, program_sees_segments_instead_of_large_packets)
{
	static const size_t sizes[] = { 2500, 20000, 60000 };

	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	for (unsigned int i = 0; i < 12; i++) {
		struct frame_plan plan = {
			.family = i & 1 ? 4 : 6, .protocol = IPPROTO_TCP, .payload = sizes[i / 4],
			.tags = i & 2, .partial = true, .flags = TH_ACK, .sequence = 1,
		};

		write_ip(self, plan, plan.family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 :
			 VIRTIO_NET_HDR_GSO_TCPV6, 1400);
		EXPECT_EQ((plan.payload + 1399) / 1400, expect_segments(self, 1400));
	}
	EXPECT_EQ(0, counter("xdp_errors"));
}

TEST_F(xdp, segments_of_a_writer_without_checksum_are_right_as_well)
{
	struct frame_plan plan = { .family = 4, .protocol = IPPROTO_TCP, .payload = 5000,
				   .flags = TH_ACK };

	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	write_ip(self, plan, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	EXPECT_EQ(5, expect_segments(self, 1000));
}

TEST_F(xdp, large_packets_are_dropped_segment_by_segment)
{
	struct frame_plan plan = { .family = 4, .protocol = IPPROTO_TCP, .payload = 5000,
				   .flags = TH_ACK, .partial = true };

	xdp_attach(self->name, xdp_load_verdict(XDP_DROP));
	write_ip(self, plan, VIRTIO_NET_HDR_GSO_TCPV4, 1000);
	EXPECT_EQ(5, counter("xdp_drop"));
	EXPECT_EQ(0, counter("rx_packets"));
}

TEST_F(xdp, writer_cannot_have_a_packet_cut_into_thousands)
{
	struct frame_plan plan = { .family = 4, .protocol = IPPROTO_TCP, .payload = 60000,
				   .flags = TH_ACK, .partial = true };

	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	write_ip(self, plan, VIRTIO_NET_HDR_GSO_TCPV4, 20);
	EXPECT_EQ(-ETIMEDOUT, read_back(self, TAP_QUIET));
	EXPECT_EQ(1, counter("xdp_errors"));
}

TEST_HARNESS_MAIN
