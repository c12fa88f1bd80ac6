// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets that XDP programs redirect, to the tap and away from it, one by one and in batches
 * of ringhost_net's. Their memory changes hands without the host's stack, so what goes wrong
 * is a page lost or freed twice: the tests also count pages.
 */
#include "driver.h"
#include "frames.h"
#include "pages.h"
#include "xdp.h"

#define FRAME 200
#define RING 64

FIXTURE(xdp_redirect) {
	int from;
	int to;
	char from_name[IFNAMSIZ];
	char to_name[IFNAMSIZ];
	struct frame frame;
	struct frame received;
};

FIXTURE_SETUP(xdp_redirect)
{
	net_private_namespace();
	self->from = tap_create(self->from_name, IFF_VNET_HDR);
	self->to = tap_create(self->to_name, IFF_VNET_HDR);
	net_set_up(self->from_name);
	net_set_up(self->to_name);
	net_set_mtu(self->to_name, 65521);
	xdp_attach(self->from_name, xdp_load_redirect(self->to_name));
}

FIXTURE_TEARDOWN(xdp_redirect)
{
	close(self->to);
	close(self->from);
}

static void write_frame(FIXTURE_DATA(xdp_redirect) *self, size_t length)
{
	memset(&self->frame.header, 0, sizeof(self->frame.header));
	self->frame.length = length;
	net_fill_frame(self->frame.bytes, length, length);
	ASSERT_LT(0, tap_write(self->from, &self->frame, frame_written(&self->frame)));
}

/* Whether the frame last written comes out of a file. */
static bool comes_to(FIXTURE_DATA(xdp_redirect) *self, int fd)
{
	int length = tap_read(fd, &self->received, sizeof(struct virtio_net_hdr) + FRAME_BYTES,
			      TAP_PATIENCE);

	return length == (int)frame_written(&self->frame) &&
	       !memcmp(self->frame.bytes, self->received.bytes, self->frame.length);
}

static bool comes_to_host(FIXTURE_DATA(xdp_redirect) *self, int host)
{
	return host_read(host, self->received.bytes, FRAME_BYTES, TAP_PATIENCE) ==
	       (int)self->frame.length &&
	       !memcmp(self->frame.bytes, self->received.bytes, self->frame.length);
}

static const size_t lengths[] = { ETH_HLEN, 60, FRAME, 1514, 3500, 9000, PAGES_LENGTH };
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

TEST_F(xdp_redirect, frames_come_out_of_another_tap_unaltered)
{
	size_t bytes = 0;

	for (unsigned int i = 0; i < LENGTHS; i++) {
		write_frame(self, lengths[i]);
		EXPECT_TRUE(comes_to(self, self->to));
		bytes += lengths[i];
	}
	EXPECT_EQ(LENGTHS, tap_counter(self->from_name, "xdp_redirect"));
	EXPECT_EQ(LENGTHS, tap_counter(self->from_name, "rx_packets"));
	EXPECT_EQ(bytes, tap_counter(self->from_name, "rx_bytes"));
	EXPECT_EQ(LENGTHS, tap_counter(self->to_name, "tx_packets"));
	EXPECT_EQ(bytes, tap_counter(self->to_name, "tx_bytes"));
}

TEST_F(xdp_redirect, frames_come_out_of_the_same_tap)
{
	xdp_attach(self->from_name, xdp_load_redirect(self->from_name));
	write_frame(self, FRAME);
	EXPECT_TRUE(comes_to(self, self->from));
}

TEST_F(xdp_redirect, large_packets_come_out_as_segments)
{
	const struct frame_plan plan = { .family = 4, .protocol = IPPROTO_TCP, .payload = 5000,
					 .flags = TH_ACK, .partial = true };
	int length;

	frame_build(&self->frame, &plan);
	self->frame.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	self->frame.header.gso_size = 1000;
	ASSERT_LT(0, tap_write(self->from, &self->frame, frame_written(&self->frame)));
	for (unsigned int i = 0; i < 5; i++) {
		length = tap_read(self->to, &self->received, sizeof(self->received), TAP_PATIENCE);
		EXPECT_EQ(sizeof(struct virtio_net_hdr) + self->frame.payload + 1000, length);
		EXPECT_EQ(0, self->received.header.flags);
		EXPECT_TRUE(frame_checksum_is_right(self->received.bytes, self->frame.network,
						    self->frame.transport, IPPROTO_TCP,
						    self->frame.payload + 1000));
	}
}

TEST_F(xdp_redirect, frames_without_room_are_dropped_and_counted)
{
	ASSERT_TRUE(run("ip link set %s txqueuelen 4", self->to_name));
	for (unsigned int i = 0; i < 10; i++)
		write_frame(self, FRAME);
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_TRUE(comes_to(self, self->to));
	EXPECT_EQ(-ETIMEDOUT, tap_read(self->to, &self->received, FRAME_BYTES, 0));
	EXPECT_EQ(6, tap_counter(self->to_name, "tx_dropped"));
}

TEST_F(xdp_redirect, frames_meet_the_filters_of_their_target)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { .len = 1, .filter = code };

	ASSERT_EQ(0, ioctl(self->to, TUNATTACHFILTER, &program));
	write_frame(self, FRAME);
	EXPECT_EQ(-ETIMEDOUT, tap_read(self->to, &self->received, FRAME_BYTES, TAP_QUIET));
	EXPECT_EQ(1, tap_counter(self->to_name, "tx_filtered"));
}

TEST_F(xdp_redirect, frames_to_an_interface_without_files_are_dropped)
{
	ASSERT_EQ(0, tap_set(self->to, TUNSETPERSIST, 1));
	close(self->to);
	write_frame(self, FRAME);
	EXPECT_EQ(1, tap_counter(self->to_name, "tx_dropped"));
	self->to = tap_open();
	ASSERT_EQ(0, tap_attach(self->to, self->to_name, TAP_FLAGS | IFF_VNET_HDR));
	write_frame(self, FRAME);
	EXPECT_TRUE(comes_to(self, self->to));
	ASSERT_EQ(0, tap_set(self->to, TUNSETPERSIST, 0));
}

TEST_F(xdp_redirect, frames_to_an_interface_that_is_down_are_errors)
{
	ASSERT_TRUE(run("ip link set %s down", self->to_name));
	write_frame(self, FRAME);
	EXPECT_EQ(1, tap_counter(self->from_name, "xdp_errors"));
	EXPECT_EQ(0, tap_counter(self->from_name, "rx_packets"));
}

TEST_F(xdp_redirect, frames_in_the_ring_go_with_their_queue)
{
	for (unsigned int i = 0; i < 10; i++)
		write_frame(self, lengths[i % LENGTHS]);
	ASSERT_TRUE(run("ip link set %s txqueuelen 4", self->to_name));
	EXPECT_EQ(6, tap_counter(self->to_name, "tx_dropped"));
	close(self->to);
	self->to = tap_open();
}

/* Another processor's thread makes the packet of it, after we have returned. */
TEST_F(xdp_redirect, frames_reach_the_stack_by_way_of_another_processor)
{
	int map = xdp_make_cpumap(), host = net_host_socket(self->from_name);

	xdp_attach(self->from_name, xdp_load_redirect_map(map));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		write_frame(self, lengths[i]);
		EXPECT_TRUE(comes_to_host(self, host));
	}
	xdp_detach(self->from_name);
	close(host);
	close(map);
}

/* Both ways between the tap and an interface of another kind. */
TEST_F(xdp_redirect, frames_pass_between_tap_and_veth)
{
	int host;

	if (!run("ip link add xdpa type veth peer name xdpb"))
		SKIP(return, "this kernel has no veth");
	net_set_up("xdpa");
	net_set_up("xdpb");
	/* Only then does it take frames. */
	ethtool("xdpb", &(struct ethtool_value){ .cmd = ETHTOOL_SGRO, .data = 1 });
	host = net_host_socket("xdpb");
	xdp_attach(self->from_name, xdp_load_redirect("xdpa"));
	write_frame(self, FRAME);
	EXPECT_TRUE(comes_to_host(self, host));
	xdp_attach("xdpa", xdp_load_redirect(self->to_name));
	for (unsigned int i = 0; i < 100; i++) {
		ASSERT_EQ(FRAME, send(host, self->frame.bytes, FRAME, 0));
		EXPECT_TRUE(comes_to(self, self->to));
	}
	close(host);
	EXPECT_TRUE(run("ip link del xdpa"));
}

/* ---- no page is lost ---- */

/* Have many long packets meet a verdict; none may stay. */
static void expect_no_page_is_lost(FIXTURE_DATA(xdp_redirect) *self)
{
	long before;

	write_frame(self, PAGES_LENGTH);
	before = pages_free();
	for (unsigned int i = 0; i < PAGES_ROUNDS; i++) {
		ASSERT_LT(0, tap_write(self->from, &self->frame, frame_written(&self->frame)));
		while (read(self->from, &self->received, sizeof(self->received)) > 0 ||
		       read(self->to, &self->received, sizeof(self->received)) > 0)
			;
	}
	EXPECT_GT(PAGES_LOST_KIB, before - pages_free());
}

TEST_F(xdp_redirect, no_page_is_lost_by_any_verdict)
{
	static const int verdicts[] = { XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT };

	for (unsigned int i = 0; i < 5; i++) {
		xdp_attach(self->from_name, xdp_load_verdict(verdicts[i]));
		expect_no_page_is_lost(self);
	}
}

TEST_F(xdp_redirect, no_page_is_lost_by_redirection)
{
	expect_no_page_is_lost(self);
	ASSERT_TRUE(run("ip link set %s mtu 1500", self->to_name));
	expect_no_page_is_lost(self);
	EXPECT_LT(PAGES_ROUNDS, tap_counter(self->from_name, "xdp_errors"));
}

TEST_HARNESS_MAIN
