// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there when a queue is set up, started or stopped: each allocation and
 * each copy of an argument fails once. A ring that cannot be pinned or mapped works without;
 * all else is refused, and changes nothing.
 */
#include "fault.h"
#include "rig.h"

#define RING 64

FIXTURE(queue) {
	struct rig rig;
	struct driver_queue *queue;
	int fd;
	unsigned int index;
};
FIXTURE_VARIANT(queue) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(queue, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(queue, net_tx) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(queue, net_rx) { RIG_NET_RX, DRIVER_FEATURES };

FIXTURE_SETUP(queue)
{
	FAULT_OR_SKIP();
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	self->queue = self->rig.queue;
	self->index = self->queue->index;
	self->fd = self->rig.driver.fd;
}

FIXTURE_TEARDOWN(queue)
{
	rig_exit(&self->rig);
}

TEST_F(queue, argument_that_cannot_be_read_changes_nothing)
{
	struct driver_queue *queue = self->queue;
	unsigned int time;

	EACH_FAULT(vhost_set_vring_num(self->fd, self->index, RING));
	EACH_FAULT(vhost_set_vring_base(self->fd, self->index, driver_base(queue)));
	EACH_FAULT(vhost_get_vring_base(self->fd, self->index));
	EACH_FAULT(vhost_set_vring_addr(self->fd, self->index, queue->desc, queue->avail,
					queue->used));
	EACH_FAULT(vhost_set_vring_kick(self->fd, self->index, queue->kick));
	EACH_FAULT(vhost_set_vring_call(self->fd, self->index, queue->call));
	EACH_FAULT(vhost_set_vring_err(self->fd, self->index, queue->error));
	EACH_FAULT(vhost_set_vring_busyloop(self->fd, self->index, 0));
	EACH_FAULT(vhost_get_vring_busyloop(self->fd, self->index, &time));
	rig_start(&self->rig);
	EXPECT_EQ(0, rig_works(&self->rig, queue));
}

TEST_F(queue, counters_are_answered_or_not)
{
	__u64 values[RINGHOST_STAT_COUNT];

	EACH_FAULT(vhost_get_vring_stats(self->fd, self->index, values, RINGHOST_STAT_COUNT));
}

static int use_and_stop(FIXTURE_DATA(queue) *self)
{
	EXPECT_EQ(0, rig_works(&self->rig, self->queue));
	EXPECT_EQ(0, rig_stop_queue(&self->rig, self->queue));
	return 0;
}

TEST_F(queue, start_works_without_what_cannot_be_mapped)
{
	EACH_FAULT_UNDO(rig_start_queue(&self->rig, self->queue), use_and_stop(self));
	EXPECT_LT(0, driver_stat(self->queue, RINGHOST_STAT_STARTS_UNMAPPED));
}

TEST_F(queue, stop_is_refused_or_done)
{
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->queue));
	EACH_FAULT_UNDO(rig_stop_queue(&self->rig, self->queue),
			rig_start_queue(&self->rig, self->queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->queue));
}

/* The device without an owner, and so without workers; then with what driver_init() gave it. */
static int set_up_anew(FIXTURE_DATA(queue) *self, uint64_t features)
{
	ASSERT_EQ(0, vhost_reset_owner(self->fd));
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	ASSERT_EQ(0, vhost_set_features(self->fd, features));
	ASSERT_EQ(0, guest_set_mem_table(&self->rig.driver.guest, self->fd));
	if (self->rig.flavour == RIG_BLK)
		ASSERT_EQ(0, vhost_blk_set_disk(self->fd, self->rig.driver.backend, 0, NULL));
	ASSERT_EQ(0, driver_set_queue(self->queue));
	return 0;
}

/* A worker made before the start failed stays for the next one: no leak, so it is ended here. */
static int start_first(FIXTURE_DATA(queue) *self, uint64_t features)
{
	int error = rig_start_queue(&self->rig, self->queue);

	if (error)
		set_up_anew(self, features);
	return error;
}

/* Only the first start makes the queue's worker. */
TEST_F_TIMEOUT(queue, first_start_is_refused_or_done, 60)
{
	EACH_FAULT_UNDO(start_first(self, variant->features),
			set_up_anew(self, variant->features));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->queue));
}

TEST_HARNESS_MAIN
