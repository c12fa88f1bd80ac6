// SPDX-License-Identifier: GPL-2.0-only
/*
 * IFF_NAPI_FRAGS: who tests the stack says with writev() how a packet lies in memory. It must
 * arrive whole whatever the layout, layouts that no packet can have must be refused, and what
 * the NAPI instance keeps of joined packets must not be lost.
 */
#include <sys/uio.h>

#include "frames.h"
#include "tap.h"

#define SEGMENTS_FLAGS (IFF_NAPI | IFF_NAPI_FRAGS)
#define PAYLOAD 3000
#define PIECES_MAX 40
#define PAGE 4096

FIXTURE(segments) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	struct iovec pieces[PIECES_MAX];
	unsigned char received[FRAME_BYTES];
};

FIXTURE_SETUP(segments)
{
	net_private_namespace();
	self->fd = tap_create(self->name, IFF_VNET_HDR | SEGMENTS_FLAGS);
	net_set_up(self->name);
	self->host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	ASSERT_LE(0, self->host);
}

FIXTURE_TEARDOWN(segments)
{
	close(self->host);
	close(self->fd);
}

static void build(FIXTURE_DATA(segments) *self, int number)
{
	frame_build(&self->frame, &(struct frame_plan){
		.family = 4, .protocol = IPPROTO_TCP, .payload = PAYLOAD, .source_port = 1000,
		.destination_port = 80, .sequence = 1 + number * PAYLOAD, .acknowledge = 1,
		.flags = TH_ACK,
	});
}

/* Write the first @length bytes in pieces of these @lengths, 0 ends; the last is the rest. */
static int write_pieces(FIXTURE_DATA(segments) *self, const size_t *lengths, size_t length)
{
	unsigned char *next = (unsigned char *)&self->frame;
	unsigned int count = 0;

	for (; *lengths && count < PIECES_MAX - 1; lengths++) {
		self->pieces[count++] = (struct iovec){ next, *lengths };
		next += *lengths;
		length -= *lengths;
	}
	if (length)
		self->pieces[count++] = (struct iovec){ next, length };
	return writev(self->fd, self->pieces, count) < 0 ? -errno : 0;
}

static void expect_received(FIXTURE_DATA(segments) *self)
{
	ASSERT_EQ(self->frame.length, host_read(self->host, self->received, FRAME_BYTES,
						TAP_PATIENCE));
	EXPECT_EQ(0, memcmp(self->frame.bytes, self->received, self->frame.length));
}

TEST_F(segments, of_any_layout_make_a_packet)
{
	static const size_t layouts[][6] = {
		{ 0 },			/* all in one */
		{ 10 },			/* the vnet header apart: all the frame in the second */
		{ 10, 1, 1, 1 },	/* no Ethernet header in the linear part */
		{ 10, 14, 20, 20 },
		{ 5, 5, 54 },
		{ 24, 100, 1000, 500, 7 },
		{ 3, 3, 3, 3, 3 },
	};

	for (unsigned int i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		build(self, 0);
		ASSERT_EQ(0, write_pieces(self, layouts[i], frame_written(&self->frame))) {
			TEST_LOG("layout %u", i);
		}
		expect_received(self);
	}
}

TEST_F(segments, that_fragments_cannot_hold_are_refused)
{
	const size_t pages[] = { 100, PAGE, PAGE, 0 }, more[] = { 100, PAGE + 1, 100, 0 };
	size_t many[PIECES_MAX] = { 0 };

	memset(&self->frame, 0, sizeof(self->frame));
	for (unsigned int i = 0; i < PIECES_MAX - 2; i++)
		many[i] = 50;
	EXPECT_EQ(0, write_pieces(self, pages, 100 + 2 * PAGE));
	EXPECT_EQ(-EINVAL, write_pieces(self, more, 300 + PAGE));
	EXPECT_EQ(-EMSGSIZE, write_pieces(self, many, 2000));
	EXPECT_EQ(-EMSGSIZE, write_pieces(self, more + 3, 10 + 65535));
	EXPECT_EQ(3, tap_counter(self->name, "reject_segments"));
	EXPECT_EQ(-EINVAL, write_pieces(self, more + 3, 10 + ETH_HLEN - 1));
	EXPECT_EQ(1, tap_counter(self->name, "reject_short"));
}

TEST_F(segments, in_missing_memory_are_a_fault)
{
	build(self, 0);
	self->pieces[0] = (struct iovec){ &self->frame, 100 };
	self->pieces[1] = (struct iovec){ NULL, 100 };
	EXPECT_EQ(-1, writev(self->fd, self->pieces, 2));
	EXPECT_EQ(EFAULT, errno);
}

/* Joined ones leave their heads behind, which the next packet and the last one must free. */
TEST_F(segments, of_a_stream_are_joined)
{
	const size_t layout[] = { 10, 14, 40, 1000, 0 };
	int total = 0, headers = 0;

	tap_mount_sysfs();
	tap_set_attribute(self->name, "gro_flush_timeout", 200000000);
	for (int i = 0; i < 4; i++) {
		build(self, i);
		ASSERT_EQ(0, write_pieces(self, layout, frame_written(&self->frame)));
	}
	headers = self->frame.payload;
	total = host_read(self->host, self->received, FRAME_BYTES, TAP_PATIENCE);
	EXPECT_LT(headers + PAYLOAD, total);
	EXPECT_EQ(4, tap_counter(self->name, "rx_packets"));
}

TEST_F(segments, are_for_administrators_of_frames)
{
	int fd = tap_open();
	char name[IFNAMSIZ] = "x";

	EXPECT_EQ(-EINVAL, tap_attach(fd, name, TAP_FLAGS | IFF_NAPI_FRAGS));
	EXPECT_EQ(-EINVAL, tap_attach(fd, name, IFF_TUN | IFF_NO_PI | SEGMENTS_FLAGS));
	close(fd);
	/* Who administers a namespace of his own is not meant. */
	ASSERT_EQ(0, unshare(CLONE_NEWUSER | CLONE_NEWNET));
	fd = tap_open();
	EXPECT_EQ(-EPERM, tap_attach(fd, name, TAP_FLAGS | SEGMENTS_FLAGS));
	EXPECT_EQ(0, tap_attach(fd, name, TAP_FLAGS | IFF_NAPI));
	close(fd);
}

TEST_HARNESS_MAIN
