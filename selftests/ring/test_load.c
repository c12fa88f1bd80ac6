// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an owner may do to a queue that is busy: replace the memory table, change
 * features and eventfds, stop and start it, read its counters. That no chain is
 * lost meanwhile is test_replace.c's concern.
 */
#include "load.h"

#define RING 256
#define ROUNDS 200

FIXTURE(busy) {
	struct rig rig;
	struct load load;
	int fd;
};
FIXTURE_VARIANT(busy) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(busy, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(busy, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(busy, net_rx) { RIG_NET_RX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(busy, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(busy, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(busy, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED };

FIXTURE_SETUP(busy)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	self->fd = self->rig.driver.fd;
	rig_start(&self->rig);
	load_init(&self->load, &self->rig);
	load_start(&self->load);
	load_expect(&self->load, 10);
}

FIXTURE_TEARDOWN(busy)
{
	if (!self->load.stop)
		load_stop(&self->load);
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
	rig_exit(&self->rig);
}

TEST_F(busy, memory_table_can_be_replaced)
{
	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, guest_set_mem_table(&self->rig.driver.guest, self->fd));
	load_expect(&self->load, 10);
}

TEST_F(busy, same_features_can_be_set_again)
{
	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, vhost_set_features(self->fd, self->rig.driver.features));
	load_expect(&self->load, 10);
}

TEST_F(busy, kick_eventfd_can_be_set_again)
{
	struct driver_queue *queue = self->rig.queue;

	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, vhost_set_vring_kick(self->fd, queue->index, queue->kick));
	load_expect(&self->load, 10);
}

TEST_F(busy, call_and_error_eventfds_can_be_set_again)
{
	struct driver_queue *queue = self->rig.queue;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, vhost_set_vring_call(self->fd, queue->index, queue->call));
		ASSERT_EQ(0, vhost_set_vring_err(self->fd, queue->index, queue->error));
	}
	load_expect(&self->load, 10);
}

TEST_F(busy, ring_addresses_can_be_set_again)
{
	struct driver_queue *queue = self->rig.queue;

	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, vhost_set_vring_addr(self->fd, queue->index, queue->desc,
						  queue->avail, queue->used));
	load_expect(&self->load, 10);
}

TEST_F(busy, queue_can_be_stopped_and_started)
{
	for (unsigned int i = 0; i < 50; i++) {
		ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
		ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
		if (i % 10 == 0)
			load_expect(&self->load, 10);
	}
	load_expect(&self->load, 10);
}

TEST_F(busy, counters_can_be_read)
{
	uint64_t last = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t chains = driver_stat(self->rig.queue, RINGHOST_STAT_CHAINS);

		ASSERT_LE(last, chains);
		last = chains;
	}
}

TEST_F(busy, neighbour_can_be_used)
{
	for (unsigned int i = 0; i < 10; i++)
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	load_expect(&self->load, 10);
}

TEST_HARNESS_MAIN
