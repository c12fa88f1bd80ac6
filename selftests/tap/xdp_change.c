// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDP programs that change packets, and programs that change: a packet's bounds move while its
 * writer's vnet header says where checksums lie, which the host must not believe any more; and
 * programs come and go while packets pass, of which none may get lost or be seen by nobody.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "bpf.h"
#include "frames.h"
#include "threads.h"
#include "usage.h"
#include "xdp.h"

#define FRAME 200
#define ROUNDS 100

FIXTURE(xdp_change) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	struct frame received;
	atomic_bool over;
	uint64_t written;
};

FIXTURE_SETUP(xdp_change)
{
	net_private_namespace();
	self->fd = tap_create(self->name, IFF_VNET_HDR);
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
}

FIXTURE_TEARDOWN(xdp_change)
{
	close(self->host);
	close(self->fd);
}

static void write_frame(FIXTURE_DATA(xdp_change) *self, size_t length)
{
	memset(&self->frame.header, 0, sizeof(self->frame.header));
	self->frame.length = length;
	net_fill_frame(self->frame.bytes, length, length);
	ASSERT_LT(0, tap_write(self->fd, &self->frame, frame_written(&self->frame)));
}

static int read_back(FIXTURE_DATA(xdp_change) *self)
{
	int length = tap_read(self->fd, &self->received, sizeof(struct virtio_net_hdr) + FRAME_BYTES,
			      TAP_PATIENCE);

	return length < 0 ? length : length - (int)sizeof(struct virtio_net_hdr);
}

#define counter(which) tap_counter(self->name, which)

/* ---- bounds ---- */

static const size_t lengths[] = { 60, FRAME, 1514, 3400, 9000, 60000 };
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

TEST_F(xdp_change, head_moves_both_ways)
{
	xdp_attach(self->name, xdp_load_adjust(XDP_CALL_ADJUST_HEAD, 20, XDP_TX));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		write_frame(self, lengths[i]);
		ASSERT_EQ((int)lengths[i] - 20, read_back(self));
		EXPECT_EQ(0, memcmp(self->frame.bytes + 20, self->received.bytes, lengths[i] - 20));
	}
	xdp_attach(self->name, xdp_load_adjust(XDP_CALL_ADJUST_HEAD, -100, XDP_TX));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		write_frame(self, lengths[i]);
		ASSERT_EQ((int)lengths[i] + 100, read_back(self));
		EXPECT_EQ(0, memcmp(self->frame.bytes, self->received.bytes + 100, lengths[i]));
	}
	EXPECT_EQ(0, counter("xdp_errors"));
}

TEST_F(xdp_change, tail_moves_both_ways)
{
	static const unsigned char zero[100];

	xdp_attach(self->name, xdp_load_adjust(XDP_CALL_ADJUST_TAIL, -20, XDP_TX));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		write_frame(self, lengths[i]);
		ASSERT_EQ((int)lengths[i] - 20, read_back(self));
		EXPECT_EQ(0, memcmp(self->frame.bytes, self->received.bytes, lengths[i] - 20));
	}
	xdp_attach(self->name, xdp_load_adjust(XDP_CALL_ADJUST_TAIL, 100, XDP_TX));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		write_frame(self, lengths[i]);
		ASSERT_EQ((int)lengths[i] + 100, read_back(self));
		EXPECT_EQ(0, memcmp(self->frame.bytes, self->received.bytes, lengths[i]));
		EXPECT_EQ(0, memcmp(zero, self->received.bytes + lengths[i], sizeof(zero)));
	}
	EXPECT_EQ(0, counter("xdp_errors"));
}

/* As much as XDP promises, of which the kernel keeps some for itself. */
TEST_F(xdp_change, head_has_the_room_that_programs_rely_on)
{
	xdp_attach(self->name, xdp_load_adjust(XDP_CALL_ADJUST_HEAD, -192, XDP_TX));
	write_frame(self, FRAME);
	EXPECT_EQ(FRAME + 192, read_back(self));
	xdp_attach(self->name, xdp_load_adjust(XDP_CALL_ADJUST_HEAD, -1000, XDP_TX));
	write_frame(self, FRAME);
	EXPECT_EQ(1, counter("xdp_errors"));
}

TEST_F(xdp_change, packets_moved_by_a_program_pass_on)
{
	unsigned char *bytes = self->received.bytes;

	/* From the longer one the program takes the first header: the second must be there. */
	xdp_attach(self->name, xdp_load_adjust(XDP_CALL_ADJUST_HEAD, 16, XDP_PASS));
	memset(&self->frame.header, 0, sizeof(self->frame.header));
	self->frame.length = FRAME + 16;
	net_fill_frame(self->frame.bytes + 16, FRAME, 1);
	ASSERT_LT(0, tap_write(self->fd, &self->frame, frame_written(&self->frame)));
	ASSERT_EQ(FRAME, host_read(self->host, bytes, FRAME_BYTES, TAP_PATIENCE));
	EXPECT_EQ(0, memcmp(self->frame.bytes + 16, bytes, FRAME));
	EXPECT_EQ(FRAME, counter("rx_bytes"));
}

TEST_F(xdp_change, packets_with_metadata_pass_unaltered)
{
	xdp_attach(self->name, xdp_load_adjust(XDP_CALL_ADJUST_META, -32, XDP_PASS));
	for (unsigned int i = 0; i < LENGTHS; i++) {
		write_frame(self, lengths[i]);
		ASSERT_EQ((int)lengths[i], host_read(self->host, self->received.bytes, FRAME_BYTES,
						     TAP_PATIENCE));
		EXPECT_EQ(0, memcmp(self->frame.bytes, self->received.bytes, lengths[i]));
	}
	EXPECT_EQ(0, counter("xdp_errors"));
}

/* ---- checksums and segmentation that the vnet header names, in bytes that are gone ---- */

static void write_ip(FIXTURE_DATA(xdp_change) *self, int protocol, size_t payload, bool partial,
		     uint16_t gso_size)
{
	const struct frame_plan plan = {
		.family = 4, .protocol = protocol, .payload = payload, .partial = partial,
		.source_port = 6000, .destination_port = 5000, .flags = TH_ACK,
	};

	frame_build(&self->frame, &plan);
	self->frame.header.gso_type = gso_size ? VIRTIO_NET_HDR_GSO_TCPV4 :
				      VIRTIO_NET_HDR_GSO_NONE;
	self->frame.header.gso_size = gso_size;
	ASSERT_EQ(frame_written(&self->frame),
		  tap_write(self->fd, &self->frame, frame_written(&self->frame)));
}

/* A splat of the host's, which the runner looks for, would be the failure. */
TEST_F(xdp_change, checksum_outside_what_is_left_of_a_packet_harms_nobody)
{
	static const struct { int function; int by; } moves[] = {
		{ XDP_CALL_ADJUST_HEAD, 150 }, { XDP_CALL_ADJUST_HEAD, 35 },
		{ XDP_CALL_ADJUST_TAIL, -170 }, { XDP_CALL_ADJUST_TAIL, -100 },
	};

	for (unsigned int i = 0; i < 4; i++) {
		xdp_attach(self->name, xdp_load_adjust(moves[i].function, moves[i].by, XDP_PASS));
		write_ip(self, IPPROTO_UDP, 150, true, 0);
		write_ip(self, IPPROTO_TCP, 150, true, 0);
		write_ip(self, IPPROTO_TCP, 150, false, 40);
		write_ip(self, IPPROTO_TCP, 1500, true, 140);
		xdp_attach(self->name, xdp_load_adjust(moves[i].function, moves[i].by, XDP_TX));
		write_ip(self, IPPROTO_UDP, 150, true, 0);
		EXPECT_LT(0, read_back(self));
		EXPECT_EQ(0, self->received.header.flags);
	}
}

/* ---- programs come and go ---- */

static void *write_until_over(void *data)
{
	FIXTURE_DATA(xdp_change) *self = data;

	while (!atomic_load(&self->over)) {
		write_frame(self, lengths[self->written % 4]);
		self->written++;
		/* What was sent back, so that the ring has room. */
		while (read(self->fd, &self->received, sizeof(self->received)) > 0)
			;
	}
	return NULL;
}

TEST_F(xdp_change, program_is_replaced_under_load)
{
	static const int verdicts[] = { XDP_PASS, XDP_DROP, XDP_TX, XDP_ABORTED };
	pthread_t writer;

	threads_share_a_processor();
	ASSERT_EQ(0, pthread_create(&writer, NULL, write_until_over, self));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		xdp_attach(self->name, xdp_load_verdict(verdicts[i % 4]));
		if (i % 5 == 0)
			xdp_detach(self->name);
	}
	atomic_store(&self->over, true);
	pthread_join(writer, NULL);
	EXPECT_LT(0, self->written);
	EXPECT_EQ(self->written, counter("rx_packets") + counter("xdp_drop") +
		  counter("xdp_errors"));
}

/* Attach a program and give it away; returns its id. */
static unsigned int attach_for_good(const char *name, int verdict)
{
	int program = xdp_load_verdict(verdict);
	unsigned int id = bpf_id(program);

	xdp_attach(name, program);
	return id;
}

TEST_F(xdp_change, program_lives_until_replaced_detached_or_without_interface)
{
	unsigned int first = attach_for_good(self->name, XDP_PASS), second, third;

	EXPECT_TRUE(bpf_is_alive(first));
	second = attach_for_good(self->name, XDP_DROP);
	EXPECT_FALSE(bpf_is_alive(first));
	EXPECT_TRUE(bpf_is_alive(second));
	xdp_detach(self->name);
	EXPECT_FALSE(bpf_is_alive(second));
	third = attach_for_good(self->name, XDP_DROP);
	ASSERT_TRUE(run("ip link del %s", self->name));
	EXPECT_FALSE(bpf_is_alive(third));
}

TEST_F(xdp_change, program_goes_with_the_last_file)
{
	unsigned int id = attach_for_good(self->name, XDP_TX);

	write_frame(self, FRAME);
	close(self->fd);
	EXPECT_FALSE(bpf_is_alive(id));
	self->fd = tap_open();
}

/* Without a program packets are as ever: nothing is cut up, no checksum is filled in. */
TEST_F(xdp_change, nothing_is_left_of_a_program)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_DROP));
	xdp_detach(self->name);
	write_ip(self, IPPROTO_TCP, 5000, true, 1000);
	EXPECT_EQ(1, counter("rx_packets"));
	EXPECT_EQ(0, counter("xdp_drop"));
}

/* What administrators look at is the kernel's, but only if the interface says the truth. */
TEST_F(xdp_change, stock_tools_show_and_detach_it)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_DROP));
	EXPECT_TRUE(run("ip -d link show %s | grep -q 'prog/xdp id'", self->name));
	EXPECT_FALSE(run("ip -d link show %s | grep -q xdpgeneric", self->name));
	ASSERT_TRUE(run("ip link set %s xdpdrv off", self->name));
	EXPECT_FALSE(run("ip -d link show %s | grep -q xdp", self->name));
	write_frame(self, FRAME);
	EXPECT_EQ(0, counter("xdp_drop"));
}

TEST_HARNESS_MAIN
