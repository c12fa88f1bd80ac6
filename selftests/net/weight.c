// SPDX-License-Identifier: GPL-2.0-only
/*
 * A run of a queue ends when its weight is used up, so that one queue cannot keep
 * the worker to itself. What is left must be handled without another kick or packet:
 * nobody would send one.
 */
#include <string.h>
#include <unistd.h>

#include "packets.h"

#define RING 1024
#define FRAME 100
/* Above the weight of a run, below what a tap's queue holds. */
#define PACKETS 450

FIXTURE(weight) {
	struct driver driver;
	struct pool pool;
	struct packet packet;
	unsigned char frame[FRAME];
	char name[IFNAMSIZ];
	int host;
};

FIXTURE_SETUP(weight)
{
	strcpy(self->name, "wgt%d");
	net_private_namespace();
	net_init(&self->driver, self->name, RING, NET_FEATURES);
	self->host = net_host_socket(self->name);
	net_fill_frame(self->frame, FRAME, 1);
}

FIXTURE_TEARDOWN(weight)
{
	close(self->host);
	driver_exit(&self->driver);
}

TEST_F(weight, waiting_packets_need_one_kick)
{
	struct driver_queue *queue = &self->driver.queues[NET_RX];
	uint64_t kicks;

	net_start(&self->driver);
	for (unsigned int i = 0; i < PACKETS; i++)
		host_send(self->host, self->frame, FRAME);
	usleep(DRIVER_QUIET * 1000);
	pool_init(&self->pool, &self->driver, RING, 2048);
	kicks = driver_stat(queue, RINGHOST_STAT_KICKS);
	pool_post_some(&self->pool, 0, RING);
	for (unsigned int i = 0; i < PACKETS; i++)
		ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, false, DRIVER_TIMEOUT));
	EXPECT_EQ(kicks + 1, driver_stat(queue, RINGHOST_STAT_KICKS));
	EXPECT_LT(0, driver_stat(queue, RINGHOST_STAT_REQUEUES));
	EXPECT_EQ(0, driver_stat(queue, RINGHOST_STAT_NET_DROPS));
}

/* Offered before the start, so that no kick at all announces them. */
TEST_F(weight, full_ring_needs_one_start)
{
	struct driver_queue *queue = &self->driver.queues[NET_TX];
	unsigned char *memory = guest_alloc(&self->driver.guest, NET_HEADER + FRAME, 64);
	struct driver_used used;

	for (unsigned int i = 0; i < RING; i++)
		ASSERT_LE(0, packet_send(&self->driver, memory, NULL, self->frame, FRAME));
	net_start(&self->driver);
	for (unsigned int i = 0; i < RING; i++)
		ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(0, driver_stat(queue, RINGHOST_STAT_KICKS));
	EXPECT_LT(0, driver_stat(queue, RINGHOST_STAT_REQUEUES));
	/* Used entries come in batches, and so do calls. */
	EXPECT_GT(RING / 16, driver_stat(queue, RINGHOST_STAT_PUBLISHES));
}

TEST_HARNESS_MAIN
