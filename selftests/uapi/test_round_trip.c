// SPDX-License-Identifier: GPL-2.0-only
/*
 * The shortest proof that data moves: one block request and one frame in each
 * direction, over every shape of ring. Part of the smoke test.
 */
#include <string.h>
#include <unistd.h>

#include "blk.h"
#include "harness.h"
#include "net.h"

#define DISK_BYTES (1 << 20)
#define RING 64

FIXTURE(trip) { struct driver driver; };
FIXTURE_VARIANT(trip) { uint64_t features; };
FIXTURE_VARIANT_ADD(trip, plain) { DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(trip, event_idx) { DRIVER_FEATURES };

FIXTURE_SETUP(trip)
{
	net_private_namespace();
}

FIXTURE_TEARDOWN(trip)
{
	driver_exit(&self->driver);
}

TEST_F(trip, blk_writes_and_reads_a_sector)
{
	struct driver_queue *queue = &self->driver.queues[0];

	blk_init(&self->driver, blk_image(DISK_BYTES), 0, 1, RING, variant->features);
	blk_start(&self->driver);
	EXPECT_EQ(0, blk_works(queue));
	EXPECT_EQ(2, driver_stat(queue, RINGHOST_STAT_CHAINS));
	EXPECT_EQ(1, driver_stat(queue, RINGHOST_STAT_BLK_WRITES));
	EXPECT_EQ(1, driver_stat(queue, RINGHOST_STAT_BLK_READS));
}

TEST_F(trip, net_moves_a_frame_each_way)
{
	struct driver *driver = &self->driver;
	char name[IFNAMSIZ] = "rh%d";

	net_init(driver, name, RING, variant->features | DRIVER_BIT(VIRTIO_NET_F_MRG_RXBUF));
	net_start(driver);
	EXPECT_EQ(0, net_works(&driver->queues[NET_TX], name));
	EXPECT_EQ(0, net_works(&driver->queues[NET_RX], name));
	EXPECT_EQ(1, driver_stat(&driver->queues[NET_TX], RINGHOST_STAT_CHAINS));
	EXPECT_EQ(1, driver_stat(&driver->queues[NET_RX], RINGHOST_STAT_CHAINS));
}

TEST_HARNESS_MAIN
