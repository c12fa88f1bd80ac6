// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there when a queue that is busy is changed: each allocation and each copy
 * of an argument fails once, while chains go round. The queue goes on with what it had, or with
 * what it was given, and never stops over it.
 */
#include "fault.h"
#include "load.h"

#define RING 64
/* Chains: the load goes on. */
#define MANY 3

FIXTURE(busy) {
	struct rig rig;
	struct load load;
	int fd;
};
FIXTURE_VARIANT(busy) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(busy, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(busy, net_tx) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(busy, net_rx) { RIG_NET_RX, DRIVER_FEATURES };

FIXTURE_SETUP(busy)
{
	FAULT_OR_SKIP();
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	self->fd = self->rig.driver.fd;
	rig_start(&self->rig);
	load_init(&self->load, &self->rig);
}

FIXTURE_TEARDOWN(busy)
{
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
	rig_exit(&self->rig);
}

/*
 * The load ends with each call: requests under way hold pages, and what a call has left behind
 * would not be seen among them.
 */
static int under_load(FIXTURE_DATA(busy) *self, int (*call)(FIXTURE_DATA(busy) *self))
{
	int result;

	self->load.stop = false;
	load_start(&self->load);
	load_expect(&self->load, MANY);
	result = call(self);
	load_expect(&self->load, MANY);
	load_stop(&self->load);
	return result;
}

static int replace_memory(FIXTURE_DATA(busy) *self)
{
	return guest_set_mem_table(&self->rig.driver.guest, self->fd);
}

TEST_F(busy, memory_table_is_replaced_or_stays)
{
	EACH_FAULT(under_load(self, replace_memory));
}

static int move_ring(FIXTURE_DATA(busy) *self)
{
	struct driver_queue *queue = self->rig.queue;

	return vhost_set_vring_addr(self->fd, queue->index, queue->desc, queue->avail, queue->used);
}

/* It is mapped and pinned anew, or works without; moved once more, it is pinned again. */
TEST_F(busy, ring_moves_or_stays)
{
	EACH_FAULT_UNDO(under_load(self, move_ring), move_ring(self));
}

static int set_log(FIXTURE_DATA(busy) *self)
{
	/* Far more bits than the guest has pages. */
	static unsigned char bits[4096] __attribute__((aligned(4096)));

	return vhost_set_log_base(self->fd, bits);
}

TEST_F(busy, log_is_kept_or_not)
{
	ASSERT_EQ(0, vhost_set_features(self->fd, self->rig.driver.features |
					DRIVER_BIT(VHOST_F_LOG_ALL)));
	EACH_FAULT_UNDO(under_load(self, set_log), vhost_set_log_base(self->fd, NULL));
}

/* What has failed once does not fail again, so in the end the queue runs in any case. */
static int restart(FIXTURE_DATA(busy) *self)
{
	int error = rig_stop_queue(&self->rig, self->rig.queue);

	if (error)
		return error;
	error = rig_start_queue(&self->rig, self->rig.queue);
	if (error)
		ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	return error;
}

/* Restarted once more, it is mapped and pinned again. */
TEST_F(busy, queue_is_restarted_or_goes_on)
{
	EACH_FAULT_UNDO(under_load(self, restart), restart(self));
}

TEST_HARNESS_MAIN
