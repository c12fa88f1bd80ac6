// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packet information, the four bytes that old programs have before every packet because
 * they did not ask for IFF_NO_PI: the protocol in both directions, and whether the reader's
 * buffer was too short. See packets.c for everything that is the same with and without.
 */
#include <arpa/inet.h>

#include "tap.h"

#define FRAME 100
#define INFORMATION sizeof(struct tun_pi)

struct packet {
	struct tun_pi info;
	unsigned char bytes[2 * FRAME];
};

FIXTURE(info) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct packet packet;
};

FIXTURE_SETUP(info)
{
	net_private_namespace();
	self->fd = tap_create_of(self->name, IFF_TAP);
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
}

FIXTURE_TEARDOWN(info)
{
	close(self->host);
	close(self->fd);
}

static void send_from_host(FIXTURE_DATA(info) *self)
{
	unsigned char frame[FRAME];

	net_fill_frame(frame, FRAME, 1);
	ASSERT_EQ(FRAME, send(self->host, frame, FRAME, 0));
	memset(&self->packet, 0xa5, sizeof(self->packet));
}

TEST_F(info, tells_a_packets_protocol)
{
	send_from_host(self);
	ASSERT_EQ(INFORMATION + FRAME,
		  tap_read(self->fd, &self->packet, sizeof(self->packet), TAP_PATIENCE));
	EXPECT_EQ(0, self->packet.info.flags);
	EXPECT_EQ(htons(NET_ETHERTYPE), self->packet.info.proto);
}

TEST_F(info, tells_that_a_packet_was_cut_off)
{
	send_from_host(self);
	ASSERT_EQ(INFORMATION + FRAME - 1,
		  tap_read(self->fd, &self->packet, INFORMATION + FRAME - 1, TAP_PATIENCE));
	EXPECT_EQ(TUN_PKT_STRIP, self->packet.info.flags);
	send_from_host(self);
	ASSERT_EQ(INFORMATION + FRAME,
		  tap_read(self->fd, &self->packet, INFORMATION + FRAME, TAP_PATIENCE));
	EXPECT_EQ(0, self->packet.info.flags);
}

TEST_F(info, fits_a_reader_who_wants_no_more)
{
	send_from_host(self);
	ASSERT_EQ(INFORMATION, tap_read(self->fd, &self->packet, INFORMATION, TAP_PATIENCE));
	EXPECT_EQ(TUN_PKT_STRIP, self->packet.info.flags);
	send_from_host(self);
	EXPECT_EQ(-EINVAL, tap_read(self->fd, &self->packet, INFORMATION - 1, TAP_PATIENCE));
}

TEST_F(info, cut_short_is_refused)
{
	for (size_t length = 0; length < INFORMATION; length++)
		EXPECT_EQ(-EINVAL, tap_write(self->fd, &self->packet, length));
	EXPECT_EQ(INFORMATION, tap_counter(self->name, "reject_header"));
	EXPECT_EQ(0, tap_counter(self->name, "rx_packets"));
}

/* An Ethernet header says it as well, and is what counts. */
TEST_F(info, of_frames_is_not_believed)
{
	const struct tun_pi lie = { 0xffff, htons(ETH_P_IP) };

	net_fill_frame(self->packet.bytes, FRAME, 1);
	memcpy(&self->packet, &lie, sizeof(lie));
	ASSERT_EQ(INFORMATION + FRAME, tap_write(self->fd, &self->packet, INFORMATION + FRAME));
	EXPECT_EQ(FRAME, host_read(self->host, self->packet.bytes, FRAME, TAP_PATIENCE));
}

TEST_F(info, comes_and_goes_with_the_file)
{
	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 1));
	close(self->fd);
	self->fd = tap_open();
	ASSERT_EQ(0, tap_attach(self->fd, self->name, TAP_FLAGS));
	ASSERT_TRUE(tap_has_carrier(self->name));
	send_from_host(self);
	EXPECT_EQ(FRAME, tap_read(self->fd, &self->packet, sizeof(self->packet), TAP_PATIENCE));
	EXPECT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 0));
}

TEST_HARNESS_MAIN
