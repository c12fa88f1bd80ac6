// SPDX-License-Identifier: GPL-2.0-only
/*
 * No page is lost on any way that reading and writing can fail, nor where it succeeds: each is
 * taken often enough with long packets that the loss of their pages would show. (XDP's ways are
 * in xdp_redirect.c.)
 */
#include <sys/uio.h>

#include "frames.h"
#include "pages.h"
#include "tap.h"

/* The most that one packet can have are 18. */
#define PIECES 16
#define PIECE (PAGES_LENGTH / PIECES)

FIXTURE(pages) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	struct frame received;
};

FIXTURE_VARIANT(pages) { unsigned int flags; };
FIXTURE_VARIANT_ADD(pages, whole) { 0 };
FIXTURE_VARIANT_ADD(pages, in_segments) { IFF_NAPI | IFF_NAPI_FRAGS };

FIXTURE_SETUP(pages)
{
	net_private_namespace();
	self->fd = tap_create(self->name, IFF_VNET_HDR | variant->flags);
	net_set_up(self->name);
	net_set_mtu(self->name, 65521);
	self->host = net_host_socket(self->name);
	self->frame.length = PAGES_LENGTH - sizeof(struct virtio_net_hdr);
	net_fill_frame(self->frame.bytes, self->frame.length, 1);
}

FIXTURE_TEARDOWN(pages)
{
	close(self->host);
	close(self->fd);
}

/* Write the frame as @count pieces, of which the last is at @last, unless NULL. */
static int write_pieces(FIXTURE_DATA(pages) *self, unsigned int count, void *last)
{
	struct iovec pieces[2 * PIECES];
	size_t length = PAGES_LENGTH / count;

	for (unsigned int i = 0; i < count; i++)
		pieces[i] = (struct iovec){ (char *)&self->frame + i * length, length };
	if (last)
		pieces[count - 1].iov_base = last;
	return writev(self->fd, pieces, count) < 0 ? -errno : 0;
}

static int write_frame(FIXTURE_DATA(pages) *self)
{
	return write_pieces(self, PIECES, NULL);
}

/* Do one thing often; returns nothing, for each must give @expected and lose nothing. */
#define EXPECT_NO_PAGE_LOST(expected, call) \
	do { \
		long before_; \
		\
		EXPECT_EQ(expected, call); \
		before_ = pages_free(); \
		for (unsigned int i_ = 0; i_ < PAGES_ROUNDS; i_++) \
			ASSERT_EQ(expected, call); \
		EXPECT_GT(PAGES_LOST_KIB, before_ - pages_free()); \
	} while (0)

static int write_and_receive(FIXTURE_DATA(pages) *self)
{
	int result = write_frame(self);

	if (host_read(self->host, self->received.bytes, FRAME_BYTES, TAP_PATIENCE) !=
	    (int)self->frame.length)
		return -ENOMSG;
	return result;
}

TEST_F(pages, of_written_packets_are_freed)
{
	EXPECT_NO_PAGE_LOST(0, write_and_receive(self));
}

TEST_F(pages, of_packets_partly_in_missing_memory_are_freed)
{
	EXPECT_NO_PAGE_LOST(-EFAULT, write_pieces(self, PIECES, (void *)8));
}

TEST_F(pages, of_packets_with_too_many_or_too_long_pieces_are_freed)
{
	if (!variant->flags)
		SKIP(return, "pieces mean nothing");
	EXPECT_NO_PAGE_LOST(-EMSGSIZE, write_pieces(self, 2 * PIECES, NULL));
	EXPECT_NO_PAGE_LOST(-EINVAL, write_pieces(self, 8, NULL));
}

TEST_F(pages, of_refused_packets_are_freed)
{
	self->frame.header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	self->frame.header.csum_start = 65000;
	EXPECT_NO_PAGE_LOST(-EINVAL, write_frame(self));
}

TEST_F(pages, of_packets_to_an_interface_that_is_down_are_freed)
{
	ASSERT_TRUE(run("ip link set %s down", self->name));
	EXPECT_NO_PAGE_LOST(-EIO, write_frame(self));
}

/* Have the host send the frame, and read it to @buffer. */
static int send_and_read(FIXTURE_DATA(pages) *self, void *buffer, size_t room)
{
	if (send(self->host, self->frame.bytes, self->frame.length, 0) < 0)
		return -errno;
	return tap_read(self->fd, buffer, room, TAP_PATIENCE);
}

TEST_F(pages, of_read_packets_are_freed)
{
	const int room = sizeof(struct virtio_net_hdr);

	EXPECT_NO_PAGE_LOST(PAGES_LENGTH,
			    send_and_read(self, &self->received, sizeof(self->received)));
	EXPECT_NO_PAGE_LOST(room + 100, send_and_read(self, &self->received, room + 100));
	EXPECT_NO_PAGE_LOST(-EINVAL, send_and_read(self, &self->received, room - 1));
	EXPECT_NO_PAGE_LOST(-EFAULT, send_and_read(self, NULL, sizeof(self->received)));
}

TEST_HARNESS_MAIN
