// SPDX-License-Identifier: GPL-2.0-only
/*
 * A busy queue changes its worker thread: no chain may be lost, delivered twice or out of
 * order, and what is freed may not be missed. The calls themselves are uapi/test_worker.c's.
 */
#include <stdio.h>

#include "threads.h"
#include "traffic.h"

#define RING 64
#define WORKERS 3
#define MOVES 150

FIXTURE(moving) {
	struct rig rig;
	struct traffic traffic;
	int fd;
	int id[WORKERS];
};
FIXTURE_VARIANT(moving) { enum rig_flavour flavour; uint64_t features; bool kthreads; };
FIXTURE_VARIANT_ADD(moving, blk) { RIG_BLK, DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(moving, net_tx) { RIG_NET_TX, DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(moving, net_rx) { RIG_NET_RX, DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(moving, blk_packed) { RIG_BLK, DRIVER_PACKED, false };
FIXTURE_VARIANT_ADD(moving, blk_kthreads) { RIG_BLK, DRIVER_FEATURES, true };
FIXTURE_VARIANT_ADD(moving, net_rx_kthreads) { RIG_NET_RX, DRIVER_FEATURES, true };

FIXTURE_SETUP(moving)
{
	if (variant->kthreads)
		driver_want_kthreads();
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	self->fd = self->rig.driver.fd;
	rig_start(&self->rig);
	for (unsigned int i = 0; i < WORKERS; i++) {
		self->id[i] = vhost_new_worker(self->fd);
		ASSERT_LE(0, self->id[i]);
	}
	traffic_init(&self->traffic, &self->rig, self->rig.queue);
	traffic_start(&self->traffic);
	traffic_wait(&self->traffic, 2);
}

FIXTURE_TEARDOWN(moving)
{
	traffic_stop(&self->traffic);
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
	rig_exit(&self->rig);
}

TEST_F_TIMEOUT(moving, from_worker_to_worker_loses_and_repeats_nothing, 90)
{
	for (unsigned int i = 0; i < MOVES; i++) {
		ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, self->rig.queue->index,
						       self->id[i % WORKERS]));
		if (i % 10 == 0)
			traffic_wait(&self->traffic, 1);
	}
	traffic_wait(&self->traffic, 2);
}

TEST_F_TIMEOUT(moving, away_from_workers_that_are_freed_at_once_loses_nothing, 90)
{
	int id, last = vhost_get_vring_worker(self->fd, self->rig.queue->index);

	for (unsigned int i = 0; i < MOVES / 3; i++) {
		id = vhost_new_worker(self->fd);
		ASSERT_LE(0, id);
		ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, self->rig.queue->index, id));
		ASSERT_EQ(0, vhost_free_worker(self->fd, last));
		last = id;
		if (i % 10 == 0)
			traffic_wait(&self->traffic, 1);
	}
	traffic_wait(&self->traffic, 2);
}

TEST_F_TIMEOUT(moving, while_the_neighbour_shares_and_stops_harms_neither, 90)
{
	struct rig *rig = &self->rig;

	for (unsigned int i = 0; i < MOVES / 6; i++) {
		int id = self->id[i % WORKERS];

		ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, rig->neighbour->index, id));
		ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, rig->queue->index, id));
		ASSERT_EQ(0, rig_stop_queue(rig, rig->neighbour));
		ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, rig->neighbour->index,
						       self->id[(i + 1) % WORKERS]));
		ASSERT_EQ(0, rig_start_queue(rig, rig->neighbour));
	}
	traffic_wait(&self->traffic, 2);
}

/* Its own worker sleeps from then on: the proof is its processor time. */
TEST_F(moving, to_another_worker_leaves_the_first_asleep)
{
	unsigned long long before;
	bool asleep = false;
	char name[32];
	pid_t first;

	snprintf(name, sizeof(name), "rh-%s-%d/%u", variant->flavour == RIG_BLK ? "blk" : "net",
		 getpid(), self->rig.queue->index);
	first = threads_find(name);
	ASSERT_LT(0, first);
	ASSERT_EQ(0, vhost_attach_vring_worker(self->fd, self->rig.queue->index, self->id[0]));
	/* What was queued with it before may take a while to have its turn. */
	for (unsigned int i = 0; i < 10 && !asleep; i++) {
		before = threads_time(first);
		traffic_wait(&self->traffic, 5);
		asleep = before == threads_time(first);
	}
	EXPECT_TRUE(asleep);
}

TEST_HARNESS_MAIN
