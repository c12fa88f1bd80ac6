// SPDX-License-Identifier: GPL-2.0-only
/*
 * VIRTIO_F_RING_RESET: a guest may reset one queue and set it up anew, of another size
 * and at other addresses, while the device's other queues go on. Nothing of the old
 * ring may show in the new one, and the neighbours must not be stopped for it.
 */
#include <errno.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define RESET DRIVER_BIT(VIRTIO_F_RING_RESET)
#define NET_SPLIT (NET_FEATURES | RESET)
#define NET_PACKED (NET_FEATURES | RESET | DRIVER_BIT(VIRTIO_F_RING_PACKED))

FIXTURE(reset) { struct rig rig; };
FIXTURE_VARIANT(reset) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(reset, blk) { RIG_BLK, DRIVER_FEATURES | RESET };
FIXTURE_VARIANT_ADD(reset, blk_packed) { RIG_BLK, DRIVER_PACKED | RESET };
FIXTURE_VARIANT_ADD(reset, net_tx) { RIG_NET_TX, NET_SPLIT };
FIXTURE_VARIANT_ADD(reset, net_tx_packed) { RIG_NET_TX, NET_PACKED };
FIXTURE_VARIANT_ADD(reset, net_rx) { RIG_NET_RX, NET_SPLIT };
FIXTURE_VARIANT_ADD(reset, net_rx_packed) { RIG_NET_RX, NET_PACKED };

FIXTURE_SETUP(reset)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(reset)
{
	rig_exit(&self->rig);
}

static uint64_t starts(struct driver_queue *queue)
{
	return driver_stat(queue, RINGHOST_STAT_STARTS_MAPPED) +
	       driver_stat(queue, RINGHOST_STAT_STARTS_UNMAPPED);
}

/* Stop the queue and start it as a new one of @num entries, elsewhere. */
static void reset_queue(struct rig *rig, unsigned int num)
{
	ASSERT_EQ(0, rig_stop_queue(rig, rig->queue));
	driver_resize_queue(rig->queue, num);
	ASSERT_EQ(0, driver_set_queue(rig->queue));
	ASSERT_EQ(0, rig_start_queue(rig, rig->queue));
}

TEST_F(reset, queue_works_with_another_size_and_place)
{
	const unsigned int sizes[] = { 16, 256, 4, 64, 8 };

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		for (unsigned int n = 0; n < 3; n++)
			ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
		reset_queue(&self->rig, sizes[i]);
		EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue)) {
			TEST_LOG("size %u", sizes[i]);
		}
	}
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
}

TEST_F(reset, packed_queue_takes_sizes_that_are_no_power_of_two)
{
	if (!driver_is_packed(self->rig.queue)) {
		ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
		driver_resize_queue(self->rig.queue, 24);
		EXPECT_EQ(-EINVAL, driver_set_queue(self->rig.queue));
		return;
	}
	reset_queue(&self->rig, 24);
	for (unsigned int n = 0; n < 30; n++)
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_F(reset, neighbour_goes_on_meanwhile)
{
	struct driver_queue *neighbour = self->rig.neighbour;

	ASSERT_EQ(0, rig_works(&self->rig, neighbour));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, neighbour));
	driver_resize_queue(self->rig.queue, 2 * RING);
	ASSERT_EQ(0, driver_set_queue(self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, neighbour));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, neighbour));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(1, starts(neighbour));
	EXPECT_EQ(2, starts(self->rig.queue));
}

TEST_F(reset, broken_queue_is_repaired)
{
	driver_offer(self->rig.queue, RING);
	rig_provoke(&self->rig);
	ASSERT_TRUE(driver_is_broken(self->rig.queue, DRIVER_TIMEOUT));
	reset_queue(&self->rig, RING / 2);
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

TEST_F(reset, chains_under_way_do_not_reach_the_new_ring)
{
	struct driver_used used;

	/* For a receive queue these stay on the ring, for others some may be under way. */
	for (unsigned int i = 0; i < RING / 4; i++)
		ASSERT_LE(0, rig_add(&self->rig));
	driver_kick_always(self->rig.queue);
	reset_queue(&self->rig, RING);
	EXPECT_FALSE(driver_reap(self->rig.queue, &used));
	EXPECT_FALSE(driver_wait_event(self->rig.queue->error, 0));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
}

TEST_HARNESS_MAIN
