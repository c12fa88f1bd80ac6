// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there when a packet is written piece by piece (IFF_NAPI_FRAGS): each page and
 * each copy fails once. Such a packet is made in pieces as well, so nothing of those that it
 * had already may be left, and the NAPI instance must have no half of it.
 */
#include <sys/uio.h>

#include "fault.h"
#include "frames.h"
#include "tap.h"

#define PAYLOAD 3000
#define SEGMENT 1000
#define PIECES 5

FIXTURE(segments) {
	int fd;
	char name[IFNAMSIZ];
	struct frame frame;
};

FIXTURE_SETUP(segments)
{
	FAULT_OR_SKIP();
	net_private_namespace();
	self->fd = tap_create(self->name, IFF_VNET_HDR | IFF_NAPI | IFF_NAPI_FRAGS);
	net_set_up(self->name);
}

FIXTURE_TEARDOWN(segments)
{
	close(self->fd);
}

static void build(FIXTURE_DATA(segments) *self, bool gso)
{
	frame_build(&self->frame, &(struct frame_plan){
		.family = 4, .protocol = IPPROTO_TCP, .flags = TH_ACK, .payload = PAYLOAD,
		.partial = gso,
	});
	if (!gso)
		return;
	self->frame.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	self->frame.header.gso_size = SEGMENT;
	self->frame.header.hdr_len = self->frame.payload;
}

/* The headers in the first piece, or in several. */
static int write_pieces(FIXTURE_DATA(segments) *self, size_t first)
{
	unsigned char *next = (unsigned char *)&self->frame;
	size_t length = frame_written(&self->frame), piece = first;
	struct iovec pieces[PIECES];

	for (unsigned int i = 0; i < PIECES; i++) {
		pieces[i] = (struct iovec){ next, i + 1 < PIECES ? piece : length };
		next += piece;
		length -= piece;
		piece = 500;
	}
	return writev(self->fd, pieces, PIECES) < 0 ? -errno : 0;
}

TEST_F(segments, make_a_packet_or_not)
{
	build(self, false);
	EACH_FAULT(write_pieces(self, 100));
	EACH_FAULT(write_pieces(self, 20));
}

TEST_F(segments, make_a_packet_to_be_segmented_or_not)
{
	build(self, true);
	EACH_FAULT(write_pieces(self, 100));
}

TEST_HARNESS_MAIN
