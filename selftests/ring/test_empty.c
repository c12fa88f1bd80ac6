// SPDX-License-Identifier: GPL-2.0-only
/*
 * VIRTIO_F_NOTIFY_ON_EMPTY: legacy drivers that suppress calls count on one all the same
 * when the device has taken the last chain; without it they would wait for ever for room.
 */
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define EMPTY DRIVER_BIT(VIRTIO_F_NOTIFY_ON_EMPTY)
#define V1 DRIVER_BIT(VIRTIO_F_VERSION_1)
#define EVENT DRIVER_BIT(VIRTIO_RING_F_EVENT_IDX)
/* A driver of the time before virtio 1. */
#define LEGACY (EMPTY | DRIVER_BIT(VIRTIO_F_ANY_LAYOUT))

FIXTURE(empty) { struct rig rig; };
FIXTURE_VARIANT(empty) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(empty, blk) { RIG_BLK, EMPTY | V1 };
FIXTURE_VARIANT_ADD(empty, blk_event_index) { RIG_BLK, EMPTY | V1 | EVENT };
FIXTURE_VARIANT_ADD(empty, blk_legacy) { RIG_BLK, LEGACY };
FIXTURE_VARIANT_ADD(empty, net_tx) { RIG_NET_TX, EMPTY | V1 };
FIXTURE_VARIANT_ADD(empty, net_tx_event_index) { RIG_NET_TX, EMPTY | V1 | EVENT };
FIXTURE_VARIANT_ADD(empty, net_rx) { RIG_NET_RX, EMPTY | V1 };

FIXTURE_SETUP(empty)
{
	struct driver_used used;

	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
	/* The first call after a start comes anyway. */
	ASSERT_LE(0, rig_add(&self->rig));
	rig_provoke(&self->rig);
	ASSERT_TRUE(driver_wait(self->rig.queue, &used, DRIVER_TIMEOUT));
	driver_want_call(self->rig.queue, false);
}

FIXTURE_TEARDOWN(empty)
{
	rig_exit(&self->rig);
}

/* One more chain without a wish for a call: how many calls came. */
static uint64_t calls_for_one(struct rig *rig)
{
	uint64_t before = driver_stat(rig->queue, RINGHOST_STAT_CALLS);
	struct driver_used used;

	ASSERT_LE(0, rig_add(rig));
	rig_provoke(rig);
	for (unsigned int i = 0; i < DRIVER_TIMEOUT / 10 && !driver_reap(rig->queue, &used); i++)
		usleep(10000);
	/* What was published was decided about when the queue has stopped. */
	ASSERT_EQ(0, rig_stop_queue(rig, rig->queue));
	return driver_stat(rig->queue, RINGHOST_STAT_CALLS) - before;
}

TEST_F(empty, last_chain_calls_though_calls_are_suppressed)
{
	EXPECT_EQ(1, calls_for_one(&self->rig));
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_CALLS_SUPPRESSED));
}

TEST_F(empty, without_the_feature_the_wish_holds)
{
	ASSERT_EQ(0, vhost_set_features(self->rig.driver.fd, variant->features & ~EMPTY));
	EXPECT_EQ(0, calls_for_one(&self->rig));
	EXPECT_EQ(1, driver_stat(self->rig.queue, RINGHOST_STAT_CALLS_SUPPRESSED));
}

TEST_HARNESS_MAIN
