// SPDX-License-Identifier: GPL-2.0-only
/*
 * The header before a transmitted packet: short, absent, garbage or cut into any
 * pieces. A packet that is refused is counted and given back, and the queue goes on:
 * a guest must not be able to stop its own queue with one bad packet, nor get anything
 * but a packet to the host.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "packets.h"

#define RING 256
#define FRAME 100
#define PAGE 4096

FIXTURE(header) {
	struct driver driver;
	struct driver_queue *queue;
	struct driver_stats before;
	unsigned char *memory;
	unsigned char frame[FRAME];
	char name[IFNAMSIZ];
	int host;
};

FIXTURE_VARIANT(header) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(header, of_the_driver) { NET_FEATURES };
FIXTURE_VARIANT_ADD(header, ours) {
	NET_FEATURES | DRIVER_BIT(VHOST_NET_F_VIRTIO_NET_HDR)
};

FIXTURE_SETUP(header)
{
	strcpy(self->name, "hdr%d");
	net_private_namespace();
	net_init(&self->driver, self->name, RING, variant->features);
	self->queue = &self->driver.queues[NET_TX];
	net_start(&self->driver);
	self->host = net_host_socket(self->name);
	self->memory = guest_alloc(&self->driver.guest, 4 * PAGE, PAGE);
	net_fill_frame(self->frame, FRAME, 1);
	memset(self->memory, 0, PAGE);
	memcpy(self->memory + NET_HEADER, self->frame, FRAME);
	driver_get_stats(self->queue, &self->before);
}

FIXTURE_TEARDOWN(header)
{
	/* Whatever happened: the queue still works. */
	EXPECT_EQ(0, net_works(self->queue, self->name));
	close(self->host);
	driver_exit(&self->driver);
}

static bool ours(const FIXTURE_VARIANT(header) *variant)
{
	return variant->features & DRIVER_BIT(VHOST_NET_F_VIRTIO_NET_HDR);
}

/* Offer a chain and wait for it to come back. */
static void transmit(FIXTURE_DATA(header) *self, const struct driver_buffer *buffers,
		     unsigned int count)
{
	struct driver_used used;
	int head = driver_add(self->queue, buffers, count);

	ASSERT_LE(0, head);
	driver_kick(self->queue);
	ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(head, used.head);
	EXPECT_EQ(0, used.written);
}

static void expect_refused(FIXTURE_DATA(header) *self, const char *reject)
{
	unsigned char received[PAGE];

	EXPECT_STREQ(reject, driver_rejected(self->queue, &self->before));
	EXPECT_GT(0, host_receive(self->host, received, PAGE, DRIVER_QUIET));
	EXPECT_FALSE(driver_is_broken(self->queue, 0));
}

static void expect_arrival(FIXTURE_DATA(header) *self)
{
	unsigned char received[PAGE];

	ASSERT_EQ(FRAME, host_receive(self->host, received, PAGE, DRIVER_TIMEOUT));
	EXPECT_EQ(0, memcmp(self->frame, received, FRAME));
	EXPECT_STREQ("nothing", driver_rejected(self->queue, &self->before));
}

TEST_F(header, shorter_than_itself_is_refused)
{
	struct driver_buffer buffer = { self->memory, NET_HEADER - 1, false };

	transmit(self, &buffer, 1);
	expect_refused(self, "reject_net_header");
}

TEST_F(header, without_a_frame_is_refused)
{
	struct driver_buffer buffer = { self->memory, NET_HEADER, false };

	transmit(self, &buffer, 1);
	expect_refused(self, "reject_net_header");
}

TEST_F(header, with_half_an_ethernet_header_is_refused)
{
	struct driver_buffer buffer = { self->memory, NET_HEADER + 13, false };

	transmit(self, &buffer, 1);
	expect_refused(self, "reject_net_packet");
}

TEST_F(header, in_a_writable_buffer_is_refused)
{
	struct driver_buffer buffer = { self->memory, NET_HEADER + FRAME, true };

	transmit(self, &buffer, 1);
	expect_refused(self, "reject_net_header");
}

TEST_F(header, before_a_writable_buffer_is_refused)
{
	struct driver_buffer buffers[] = {
		{ self->memory, NET_HEADER + FRAME, false },
		{ self->memory + PAGE, FRAME, true },
	};

	transmit(self, buffers, 2);
	expect_refused(self, "reject_net_header");
}

TEST_F(header, in_missing_memory_is_refused)
{
	struct driver_buffer buffers[] = {
		{ self->memory, NET_HEADER, false },
		{ self->memory + PAGE, FRAME, false },
	};

	ASSERT_EQ(0, munmap(self->memory + PAGE, PAGE));
	transmit(self, buffers, 2);
	expect_refused(self, "reject_net_packet");
}

TEST_F(header, longer_than_any_packet_is_refused)
{
	struct driver_buffer buffer = {
		guest_alloc(&self->driver.guest, 2 << 20, PAGE), 2 << 20, false
	};

	transmit(self, &buffer, 1);
	expect_refused(self, "reject_net_packet");
}

/* Every header no device can act on; where the header is ours it is not even looked at. */
TEST_F(header, with_impossible_offloads_is_refused)
{
	static const struct virtio_net_hdr garbage[] = {
		{ .gso_type = 0x7f, .gso_size = 1000 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = FRAME, .csum_offset = 16 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 0xffff, .csum_offset = 2 },
		{ .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 14, .csum_offset = 0xffff },
		{ .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 0 },
	};
	struct driver_buffer buffer = { self->memory, NET_HEADER + FRAME, false };

	for (unsigned int i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		memcpy(self->memory, &garbage[i], sizeof(garbage[i]));
		driver_get_stats(self->queue, &self->before);
		transmit(self, &buffer, 1);
		if (ours(variant))
			expect_arrival(self);
		else
			expect_refused(self, "reject_net_packet");
	}
}

TEST_F(header, and_frame_in_one_buffer)
{
	struct driver_buffer buffer = { self->memory, NET_HEADER + FRAME, false };

	transmit(self, &buffer, 1);
	expect_arrival(self);
}

TEST_F(header, in_three_pieces_the_last_with_the_frame)
{
	struct driver_buffer buffers[] = {
		{ self->memory, 1, false },
		{ self->memory + 1, 7, false },
		{ self->memory + 8, NET_HEADER + FRAME - 8, false },
	};

	transmit(self, buffers, 3);
	expect_arrival(self);
}

TEST_F(header, and_frame_byte_by_byte)
{
	struct driver_buffer buffers[NET_HEADER + FRAME];

	for (unsigned int i = 0; i < NET_HEADER + FRAME; i++)
		buffers[i] = (struct driver_buffer) { self->memory + i, 1, false };
	transmit(self, buffers, NET_HEADER + FRAME);
	expect_arrival(self);
}

TEST_F(header, and_frame_in_an_indirect_table)
{
	struct vring_desc *table = guest_alloc(&self->driver.guest, 2 * sizeof(*table), 16);
	struct driver_buffer buffers[] = {
		{ self->memory, NET_HEADER, false },
		{ self->memory + NET_HEADER, FRAME, false },
	};
	struct driver_used used;

	ASSERT_LE(0, driver_add_indirect(self->queue, table, buffers, 2));
	driver_kick(self->queue);
	ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	expect_arrival(self);
}

TEST_HARNESS_MAIN
