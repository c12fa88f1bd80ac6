// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there when a packet is written to the tap or read from it: each allocation
 * and each copy fails once. The writer is told, and nothing of the packet is left; a packet that
 * the reader was not given is lost, and the next one comes.
 */
#include <linux/if_packet.h>

#include "fault.h"
#include "frames.h"
#include "tap.h"

#define SMALL 200
/* In pages, for the most part. */
#define LARGE 20000
#define SEGMENT 1000

FIXTURE(packet) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	unsigned char received[FRAME_BYTES];
};

FIXTURE_SETUP(packet)
{
	const int yes = 1;

	FAULT_OR_SKIP();
	net_private_namespace();
	self->fd = tap_create(self->name, IFF_VNET_HDR);
	ASSERT_EQ(0, tap_set(self->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4));
	net_set_mtu(self->name, LARGE + 100);
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
	ASSERT_EQ(0, setsockopt(self->host, SOL_PACKET, PACKET_VNET_HDR, &yes, sizeof(yes)));
}

FIXTURE_TEARDOWN(packet)
{
	close(self->host);
	close(self->fd);
}

/* TCP of @payload bytes, whole or to be segmented. */
static void build(FIXTURE_DATA(packet) *self, size_t payload, bool gso)
{
	frame_build_tcp(&self->frame, payload, gso ? SEGMENT : 0, gso);
}

static int write_frame(FIXTURE_DATA(packet) *self)
{
	return tap_write(self->fd, &self->frame, frame_written(&self->frame));
}

static void write_each_kind(FIXTURE_DATA(packet) *self)
{
	build(self, SMALL, false);
	EACH_FAULT(write_frame(self));
	build(self, LARGE, false);
	EACH_FAULT(write_frame(self));
	build(self, LARGE, true);
	EACH_FAULT(write_frame(self));
}

TEST_F(packet, is_written_or_not)
{
	write_each_kind(self);
}

/* Allocated in another way. */
TEST_F(packet, that_is_charged_is_written_or_not)
{
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETSNDBUF, 1 << 20));
	write_each_kind(self);
}

/* The protocol is not that of the socket: who segments has to know it. */
static int send_frame(FIXTURE_DATA(packet) *self)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = ETH_ALEN,
		.sll_ifindex = if_nametoindex(self->name),
	};

	return sendto(self->host, &self->frame, frame_written(&self->frame), 0,
		      (struct sockaddr *)&to, sizeof(to));
}

/* A packet that cannot be given is lost, as with tun; the next one can. */
static void read_each(FIXTURE_DATA(packet) *self, const char *kind)
{
	static const int errors[] = { EFAULT, ENOMEM, 0 };
	struct fault fault = { .call = kind, .errors = errors };
	int result, length = frame_written(&self->frame);

	while (fault_next(&fault)) {
		ASSERT_EQ(length, send_frame(self));
		fault_arm(&fault);
		result = tap_read(self->fd, self->received, sizeof(self->received), TAP_PATIENCE);
		fault_disarm(&fault, result);
		EXPECT_TRUE(result < 0 || result == length) { TEST_LOG("%d bytes", result); }
	}
}

TEST_F(packet, is_read_or_lost)
{
	build(self, SMALL, false);
	read_each(self, "read: a small one");
	build(self, LARGE, false);
	read_each(self, "read: a large one");
	build(self, LARGE, true);
	read_each(self, "read: one to be segmented");
}

TEST_HARNESS_MAIN
