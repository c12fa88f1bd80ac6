// SPDX-License-Identifier: GPL-2.0-only
/*
 * An idle queue costs nothing: its worker thread sleeps until a kick, a packet
 * or a completion. A worker that polls, or is woken for nothing, burns a
 * processor for every guest on the host.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"
#include "threads.h"

#define RING 64
#define IDLE_SECONDS 1
/* Of the worker's processor time while idle: one thousandth. */
#define IDLE_LIMIT (IDLE_SECONDS * 1000000ull)

FIXTURE(idle) { struct rig rig; };
FIXTURE_VARIANT(idle) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(idle, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(idle, net) { RIG_NET_TX, NET_FEATURES };
FIXTURE_VARIANT_ADD(idle, blk_plain) { RIG_BLK, DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(idle, net_plain) { RIG_NET_TX, DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(idle, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(idle, net_packed_plain) { RIG_NET_TX, DRIVER_PACKED_PLAIN };

FIXTURE_SETUP(idle)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(idle)
{
	rig_exit(&self->rig);
}

static unsigned long long time_while_idle(void)
{
	unsigned int workers = 0;
	unsigned long long before = threads_own_time(&workers), after;

	EXPECT_LT(0, workers);
	sleep(IDLE_SECONDS);
	after = threads_own_time(&workers);
	TEST_LOG("%u workers, %llu us in %u s", workers, (after - before) / 1000, IDLE_SECONDS);
	return after - before;
}

TEST_F(idle, worker_sleeps_after_the_start)
{
	usleep(100000);
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

TEST_F(idle, worker_sleeps_after_work)
{
	unsigned int workers;

	for (unsigned int i = 0; i < 5; i++) {
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	}
	/* Proof that what is measured moves at all. */
	EXPECT_LT(0, threads_own_time(&workers));
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

TEST_F(idle, worker_sleeps_on_a_broken_queue)
{
	driver_offer(self->rig.queue, RING);
	driver_kick_always(self->rig.queue);
	EXPECT_TRUE(driver_is_broken(self->rig.queue, DRIVER_TIMEOUT));
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

TEST_F(idle, worker_sleeps_while_stopped)
{
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.neighbour));
	/* Kicks of a stopped queue wake nobody. */
	for (unsigned int i = 0; i < 100; i++)
		driver_kick_always(self->rig.queue);
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

/* Packets wait and the driver has posted nothing, or too little for one of them. */
FIXTURE(starved) { struct rig rig; };
FIXTURE_VARIANT(starved) { uint64_t features; };
FIXTURE_VARIANT_ADD(starved, mergeable) { NET_FEATURES };
FIXTURE_VARIANT_ADD(starved, mergeable_without_event_idx) {
	NET_FEATURES & ~DRIVER_BIT(VIRTIO_RING_F_EVENT_IDX)
};
FIXTURE_VARIANT_ADD(starved, mergeable_packed) { NET_FEATURES | DRIVER_PACKED };

FIXTURE_SETUP(starved)
{
	unsigned char frame[1000];

	rig_init(&self->rig, RIG_NET_RX, RING, variant->features);
	rig_start(&self->rig);
	net_fill_frame(frame, sizeof(frame), 1);
	for (unsigned int i = 0; i < 200; i++)
		send(self->rig.host, frame, sizeof(frame), MSG_DONTWAIT);
}

FIXTURE_TEARDOWN(starved)
{
	rig_exit(&self->rig);
}

TEST_F(starved, worker_sleeps_without_buffers)
{
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

TEST_F(starved, worker_sleeps_with_too_little_room_and_goes_on_with_more)
{
	struct driver *driver = &self->rig.driver;
	struct driver_used used;

	ASSERT_LE(0, net_post(driver, guest_alloc(&driver->guest, 700, 16), 700));
	driver_kick_always(self->rig.queue);
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
	EXPECT_FALSE(driver_reap(self->rig.queue, &used));
	ASSERT_LE(0, net_post(driver, guest_alloc(&driver->guest, 700, 16), 700));
	driver_kick(self->rig.queue);
	/* Both buffers at once, with one packet. */
	ASSERT_TRUE(driver_wait(self->rig.queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(700, used.written);
	ASSERT_TRUE(driver_reap(self->rig.queue, &used));
	EXPECT_EQ(1000 + NET_HEADER - 700, used.written);
}

TEST_HARNESS_MAIN
