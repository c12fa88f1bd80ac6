// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames pass between the rings and the tap unaltered and in order, with every
 * header length and every kind of ring the device offers. All other network
 * tests build on that.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "packets.h"

#define RING 64
#define BUFFER 2048
#define BURST 1000

static const size_t lengths[] = { 60, 61, 64, 65, 128, 590, 1513, 1514 };
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

FIXTURE(round_trip) {
	struct driver driver;
	struct pool pool;
	struct packet packet;
	char name[IFNAMSIZ];
	int host;
	unsigned char *memory;
};

FIXTURE_VARIANT(round_trip) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(round_trip, legacy) { 0 };
FIXTURE_VARIANT_ADD(round_trip, legacy_mergeable) { DRIVER_BIT(VIRTIO_NET_F_MRG_RXBUF) };
FIXTURE_VARIANT_ADD(round_trip, modern) { DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(round_trip, event_idx) { DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(round_trip, mergeable) { NET_FEATURES };
FIXTURE_VARIANT_ADD(round_trip, header_ours) {
	NET_FEATURES | DRIVER_BIT(VHOST_NET_F_VIRTIO_NET_HDR)
};

FIXTURE_SETUP(round_trip)
{
	strcpy(self->name, "rt%d");
	net_private_namespace();
	net_init(&self->driver, self->name, RING, variant->features);
	net_start(&self->driver);
	self->host = net_host_socket(self->name);
	pool_init(&self->pool, &self->driver, RING, BUFFER);
	self->memory = guest_alloc(&self->driver.guest, RING * BUFFER, 64);
}

FIXTURE_TEARDOWN(round_trip)
{
	close(self->host);
	driver_exit(&self->driver);
}

TEST_F(round_trip, transmitted_frames_arrive_unaltered)
{
	struct driver_queue *queue = &self->driver.queues[NET_TX];
	unsigned char frame[BUFFER], received[BUFFER];
	struct driver_used used;
	int head;

	for (unsigned int i = 0; i < LENGTHS; i++) {
		net_fill_frame(frame, lengths[i], i);
		head = packet_send(&self->driver, self->memory, NULL, frame, lengths[i]);
		ASSERT_LE(0, head);
		driver_kick(queue);
		ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
		EXPECT_EQ(head, used.head);
		EXPECT_EQ(0, used.written);
		ASSERT_EQ(lengths[i], host_receive(self->host, received, BUFFER, DRIVER_TIMEOUT));
		EXPECT_EQ(0, memcmp(frame, received, lengths[i]));
	}
	EXPECT_EQ(LENGTHS, driver_stat(queue, RINGHOST_STAT_CHAINS));
}

TEST_F(round_trip, received_frames_arrive_unaltered)
{
	struct driver_queue *queue = &self->driver.queues[NET_RX];
	struct packet *packet = &self->packet;
	unsigned char frame[BUFFER];

	pool_post_some(&self->pool, 0, RING);
	for (unsigned int i = 0; i < LENGTHS; i++) {
		net_fill_frame(frame, lengths[i], i);
		host_send(self->host, frame, lengths[i]);
		ASSERT_EQ(0, pool_receive(&self->pool, packet, true, DRIVER_TIMEOUT));
		ASSERT_EQ(lengths[i], packet->length);
		EXPECT_EQ(0, memcmp(frame, packet->frame, lengths[i]));
		EXPECT_EQ(0, packet->header.hdr.flags);
		EXPECT_EQ(VIRTIO_NET_HDR_GSO_NONE, packet->header.hdr.gso_type);
		if (header_length(&self->driver) == sizeof(packet->header))
			EXPECT_EQ(1, packet->header.num_buffers);
	}
	EXPECT_EQ(LENGTHS, driver_stat(queue, RINGHOST_STAT_CHAINS));
	EXPECT_EQ(0, driver_stat(queue, RINGHOST_STAT_NET_DROPS));
}

static void number_frame(unsigned char *frame, size_t length, uint32_t number)
{
	net_fill_frame(frame, length, 0);
	memcpy(frame + 14, &number, sizeof(number));
}

static uint32_t frame_number(const unsigned char *frame)
{
	uint32_t number;

	memcpy(&number, frame + 14, sizeof(number));
	return number;
}

/* Keeps the ring as full as it gets; the host reads in between, so that nothing piles up. */
TEST_F(round_trip, transmit_burst_arrives_in_order)
{
	struct driver_queue *queue = &self->driver.queues[NET_TX];
	unsigned char frame[100], received[BUFFER];
	unsigned int sent = 0, seen = 0;
	struct driver_used used;

	while (seen < BURST) {
		for (; sent < BURST && sent < seen + RING; sent++) {
			number_frame(frame, sizeof(frame), sent);
			if (packet_send(&self->driver, self->memory + sent % RING * BUFFER, NULL,
					frame, sizeof(frame)) < 0)
				break;
		}
		/* All frames came before the chain of a single one did. */
		if (sent == seen) {
			ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
			continue;
		}
		driver_kick(queue);
		ASSERT_EQ(sizeof(frame), host_receive(self->host, received, BUFFER,
						      DRIVER_TIMEOUT));
		ASSERT_EQ(seen, frame_number(received));
		seen++;
		while (driver_reap(queue, &used))
			;
	}
	EXPECT_EQ(BURST, driver_stat(queue, RINGHOST_STAT_CHAINS));
}

TEST_F(round_trip, receive_burst_arrives_in_order)
{
	struct driver_queue *queue = &self->driver.queues[NET_RX];
	unsigned int sent = 0, seen = 0;
	unsigned char frame[100];

	pool_post_some(&self->pool, 0, RING);
	while (seen < BURST) {
		for (; sent < BURST && sent < seen + 2 * RING; sent++) {
			number_frame(frame, sizeof(frame), sent);
			host_send(self->host, frame, sizeof(frame));
		}
		ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, true, DRIVER_TIMEOUT));
		driver_kick(queue);
		ASSERT_EQ(seen, frame_number(self->packet.frame));
		seen++;
	}
	EXPECT_EQ(0, driver_stat(queue, RINGHOST_STAT_NET_DROPS));
}

TEST_HARNESS_MAIN
