// SPDX-License-Identifier: GPL-2.0-only
/*
 * What happens to packets that find no buffer, or none that fits: they wait as long
 * as waiting can help, and are dropped and counted only when it cannot. A buffer
 * that is no good must not stand in the way of the others.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "packets.h"

#define RING 16
#define BUFFER 256
#define PAGE 4096
/* More than the batch and the ring hold, fewer than the tap's queue. */
#define WAITING 300

FIXTURE(buffers) {
	struct driver driver;
	struct driver_queue *queue;
	struct pool pool;
	struct packet packet;
	unsigned char frame[PAGE];
	char name[IFNAMSIZ];
	int host;
};

FIXTURE_VARIANT(buffers) {
	uint64_t features;
	bool mergeable;
};

FIXTURE_VARIANT_ADD(buffers, single) { DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(buffers, mergeable) { NET_FEATURES, true };

FIXTURE_SETUP(buffers)
{
	strcpy(self->name, "buf%d");
	net_private_namespace();
	net_init(&self->driver, self->name, RING, variant->features);
	self->queue = &self->driver.queues[NET_RX];
	net_start(&self->driver);
	self->host = net_host_socket(self->name);
	pool_init(&self->pool, &self->driver, RING, BUFFER);
}

FIXTURE_TEARDOWN(buffers)
{
	close(self->host);
	driver_exit(&self->driver);
}

/* For the tests that need a ring of another kind. */
static FIXTURE_DATA(buffers) plain;

static void send_length(FIXTURE_DATA(buffers) *self, size_t length, unsigned int seed)
{
	net_fill_frame(self->frame, length, seed);
	host_send(self->host, self->frame, length);
}

/* The next packet is what send_length() sent last. */
static void expect_packet(FIXTURE_DATA(buffers) *self, size_t length, int line)
{
	ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, true, DRIVER_TIMEOUT)) {
		TEST_LOG("called in line %d", line);
	}
	driver_kick(self->queue);
	ASSERT_EQ(length, self->packet.length);
	EXPECT_EQ(0, memcmp(self->frame, self->packet.frame, length));
}

TEST_F(buffers, packets_wait_until_buffers_come)
{
	for (unsigned int i = 0; i < WAITING; i++)
		send_length(self, 100, i);
	usleep(DRIVER_QUIET * 1000);
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_CHAINS));
	pool_post_some(&self->pool, 0, RING / 2);
	for (unsigned int i = 0; i < WAITING; i++) {
		net_fill_frame(self->frame, 100, i);
		expect_packet(self, 100, __LINE__);
	}
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_NET_DROPS));
}

static void offer(FIXTURE_DATA(buffers) *self, void *memory, bool device_writes)
{
	struct driver_buffer buffer = { memory, BUFFER, device_writes };
	int head = driver_add(self->queue, &buffer, 1);

	ASSERT_LE(0, head);
	self->pool.by_head[head] = memory;
}

/* Given back empty, counted, and the packet takes what comes behind it. */
TEST_F(buffers, readable_buffer_is_refused)
{
	struct driver_stats before;
	struct driver_used used;

	driver_get_stats(self->queue, &before);
	offer(self, guest_alloc(&self->driver.guest, BUFFER, 64), false);
	driver_kick(self->queue);
	send_length(self, 100, 1);
	if (variant->mergeable) {
		usleep(DRIVER_QUIET * 1000);
		EXPECT_FALSE(driver_reap(self->queue, &used));
	} else {
		ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
		EXPECT_EQ(0, used.written);
		EXPECT_STREQ("reject_net_header", driver_rejected(self->queue, &before));
	}
	pool_post_some(&self->pool, 0, 4);
	for (unsigned int i = 0; i < 2; i++) {
		send_length(self, 100, 2);
		ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, false, DRIVER_TIMEOUT));
		EXPECT_EQ(100, self->packet.length);
	}
	EXPECT_LT(0, driver_stat(self->queue, RINGHOST_STAT_REJECT_NET_HEADER));
	EXPECT_FALSE(driver_is_broken(self->queue, 0));
}

/* The owner unmapped it: the packet is lost, the queue is not. */
TEST_F(buffers, buffer_in_missing_memory_costs_the_packet)
{
	unsigned char *page = guest_alloc(&self->driver.guest, PAGE, PAGE);

	offer(self, page, true);
	driver_kick(self->queue);
	ASSERT_EQ(0, munmap(page, PAGE));
	send_length(self, 100, 1);
	usleep(DRIVER_QUIET * 1000);
	EXPECT_EQ(1, driver_stat(self->queue, RINGHOST_STAT_NET_DROPS));
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_CHAINS));
	ASSERT_EQ(page, mmap(page, PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	send_length(self, 100, 2);
	expect_packet(self, 100, __LINE__);
}

/* A driver that writes more chains than the ring can hold breaks its queue, no more. */
TEST_F(buffers, avail_index_beyond_the_ring_breaks_the_queue)
{
	struct driver_stats before;

	driver_get_stats(self->queue, &before);
	pool_post_some(&self->pool, 0, RING);
	self->queue->avail->idx += 1;
	send_length(self, 100, 1);
	EXPECT_TRUE(driver_is_broken(self->queue, DRIVER_TIMEOUT));
	EXPECT_STREQ("reject_avail_index", driver_rejected(self->queue, &before));
	EXPECT_EQ(0, net_works(&self->driver.queues[NET_TX], self->name));
}

/* The buffer stays: a smaller packet takes it. */
TEST(packet_larger_than_a_single_buffer_is_dropped_and_counted)
{
	FIXTURE_DATA(buffers) *self = &plain;
	struct driver *driver = &self->driver;

	strcpy(self->name, "buf%d");
	net_private_namespace();
	net_init(driver, self->name, RING, DRIVER_FEATURES);
	self->queue = &driver->queues[NET_RX];
	net_start(driver);
	self->host = net_host_socket(self->name);
	pool_init(&self->pool, driver, RING, BUFFER);
	pool_post_some(&self->pool, 0, 1);
	send_length(self, BUFFER - NET_HEADER + 1, 1);
	send_length(self, BUFFER - NET_HEADER, 2);
	expect_packet(self, BUFFER - NET_HEADER, __LINE__);
	EXPECT_EQ(1, driver_stat(self->queue, RINGHOST_STAT_NET_DROPS));
	EXPECT_EQ(1, driver_stat(self->queue, RINGHOST_STAT_CHAINS));
	close(self->host);
	driver_exit(driver);
}

/* 8 buffers of 100 bytes are all this ring can ever hold. */
TEST(ring_too_small_for_a_packet_does_not_stall)
{
	static struct packet packet;
	static struct pool pool;
	unsigned char frame[1000];
	struct driver driver;
	char name[IFNAMSIZ] = "buf%d";
	int host;

	net_private_namespace();
	net_init(&driver, name, 8, NET_FEATURES);
	net_start(&driver);
	host = net_host_socket(name);
	pool_init(&pool, &driver, 8, 100);
	pool_post_some(&pool, 0, 8);
	net_fill_frame(frame, sizeof(frame), 1);
	host_send(host, frame, 800 - NET_HEADER + 1);
	host_send(host, frame, 800 - NET_HEADER);
	ASSERT_EQ(0, pool_receive(&pool, &packet, false, DRIVER_TIMEOUT));
	EXPECT_EQ(8, packet.header.num_buffers);
	EXPECT_EQ(800 - NET_HEADER, packet.length);
	EXPECT_EQ(1, driver_stat(&driver.queues[NET_RX], RINGHOST_STAT_NET_DROPS));
	close(host);
	driver_exit(&driver);
}

/* The same ring, full with half as many buffers, for each takes two descriptors. */
TEST(ring_too_small_with_buffers_in_pieces_does_not_stall)
{
	struct driver driver;
	struct driver_queue *queue = &driver.queues[NET_RX];
	struct driver_used used;
	unsigned char frame[1000], *memory;
	char name[IFNAMSIZ] = "buf%d";
	int host;

	net_private_namespace();
	net_init(&driver, name, 8, NET_FEATURES);
	net_start(&driver);
	host = net_host_socket(name);
	memory = guest_alloc(&driver.guest, 400, 64);
	for (unsigned int i = 0; i < 4; i++) {
		struct driver_buffer pieces[] = {
			{ memory + i * 100, 50, true },
			{ memory + i * 100 + 50, 50, true },
		};

		ASSERT_LE(0, driver_add(queue, pieces, 2));
	}
	driver_kick(queue);
	net_fill_frame(frame, sizeof(frame), 1);
	host_send(host, frame, 400 - NET_HEADER + 1);
	host_send(host, frame, 400 - NET_HEADER);
	ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(100, used.written);
	EXPECT_EQ(0, memcmp(frame, memory + NET_HEADER, 400 - NET_HEADER));
	EXPECT_EQ(1, driver_stat(queue, RINGHOST_STAT_NET_DROPS));
	close(host);
	driver_exit(&driver);
}

TEST_HARNESS_MAIN
