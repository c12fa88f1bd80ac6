// SPDX-License-Identifier: GPL-2.0-only
/*
 * Busy polling saves the notifications of a driver that comes back soon, and must cost
 * nothing else: not for a driver that does not, not for a neighbour, and not for an owner
 * whose calls need the queue. Whoever polls without a bound takes a processor for good.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"
#include "threads.h"

#define RING 64
#define ROUNDS 200
/* Microseconds that no round trip takes, slow machines included. */
#define LONG 500000
/* Microseconds that no driver is as fast as. */
#define SHORT 1

FIXTURE(polling) { struct rig rig; };
FIXTURE_VARIANT(polling) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(polling, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(polling, blk_plain) { RIG_BLK, DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(polling, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(polling, net_tx) { RIG_NET_TX, NET_FEATURES };

FIXTURE_SETUP(polling)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(polling)
{
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
	rig_exit(&self->rig);
}

static void allow(struct rig *rig, unsigned int microseconds)
{
	ASSERT_EQ(0, vhost_set_vring_busyloop(rig->driver.fd, rig->queue->index, microseconds));
}

static uint64_t looks(struct rig *rig)
{
	return driver_stat(rig->queue, RINGHOST_STAT_POLLS);
}

static uint64_t hits(struct rig *rig)
{
	return driver_stat(rig->queue, RINGHOST_STAT_POLL_HITS);
}

static bool one_processor(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) < 2;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

TEST_F_TIMEOUT(polling, driver_that_comes_back_soon_is_found, 60)
{
	/* The worker leaves its processor to a driver that has no other. */
	if (one_processor())
		SKIP(return, "takes two processors");
	allow(&self->rig, LONG);
	for (unsigned int i = 0; i < ROUNDS && hits(&self->rig) < 10; i++)
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_LE(10, hits(&self->rig));
	EXPECT_LE(hits(&self->rig), looks(&self->rig));
}

TEST_F(polling, without_leave_nothing_is_looked_at)
{
	unsigned int microseconds = 1;

	EXPECT_EQ(0, vhost_get_vring_busyloop(self->rig.driver.fd, self->rig.queue->index,
					      &microseconds));
	EXPECT_EQ(0, microseconds);
	for (unsigned int i = 0; i < ROUNDS / 4; i++)
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, looks(&self->rig));
}

TEST_F(polling, driver_slower_than_the_limit_is_not_looked_for)
{
	allow(&self->rig, SHORT);
	for (unsigned int i = 0; i < ROUNDS / 4; i++)
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, looks(&self->rig));
}

TEST_F_TIMEOUT(polling, idle_queue_is_looked_at_once_more_and_then_sleeps, 60)
{
	unsigned long long before;
	unsigned int workers;
	uint64_t seen;

	allow(&self->rig, LONG);
	for (unsigned int i = 0; i < ROUNDS / 10; i++)
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	usleep(2 * LONG);
	seen = looks(&self->rig);
	before = threads_own_time(&workers);
	usleep(2 * LONG);
	EXPECT_EQ(seen, looks(&self->rig));
	/* Of a second. */
	EXPECT_GT(1000000, threads_own_time(&workers) - before);
}

TEST_F_TIMEOUT(polling, ioctls_and_stop_do_not_wait_for_the_look, 60)
{
	const unsigned int pause = 3, index = self->rig.queue->index;
	double start;

	if (one_processor())
		SKIP(return, "takes two processors");
	/* After a pause of three seconds the worker is ready to look for six. */
	allow(&self->rig, 100000000);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	sleep(pause);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	start = now();
	EXPECT_LE(0, vhost_get_vring_base(self->rig.driver.fd, index));
	EXPECT_EQ(0, vhost_set_vring_call(self->rig.driver.fd, index, self->rig.queue->call));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	EXPECT_GT(pause, now() - start);
	EXPECT_LE(1, looks(&self->rig));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_F_TIMEOUT(polling, neighbour_on_the_same_worker_does_not_wait_for_the_look, 60)
{
	const unsigned int pause = 3;
	int worker = vhost_get_vring_worker(self->rig.driver.fd, self->rig.queue->index);
	double start;

	if (one_processor())
		SKIP(return, "takes two processors");
	ASSERT_LE(0, worker);
	ASSERT_EQ(0, vhost_attach_vring_worker(self->rig.driver.fd, self->rig.neighbour->index,
					       worker));
	allow(&self->rig, 100000000);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	sleep(pause);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	start = now();
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	EXPECT_GT(pause, now() - start);
}

TEST_F(polling, timeout_is_kept_and_queues_that_do_not_exist_are_refused)
{
	unsigned int microseconds = 0;
	int fd = self->rig.driver.fd;

	allow(&self->rig, 12345);
	EXPECT_EQ(0, vhost_get_vring_busyloop(fd, self->rig.queue->index, &microseconds));
	EXPECT_EQ(12345, microseconds);
	EXPECT_EQ(-ENOBUFS, vhost_set_vring_busyloop(fd, DRIVER_QUEUES_MAX, 1));
	EXPECT_EQ(-ENOBUFS, vhost_get_vring_busyloop(fd, DRIVER_QUEUES_MAX, &microseconds));
}

TEST_HARNESS_MAIN
