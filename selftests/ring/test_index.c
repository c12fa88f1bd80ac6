// SPDX-License-Identifier: GPL-2.0-only
/*
 * Positions in the ring: the 16-bit indices wrap, a queue that was stopped goes
 * on where it stood, and with EVENT_IDX neither side is woken more often than
 * it asked for.
 */
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 256
#define WRAP 65536

FIXTURE(index) {
	struct rig rig;
	unsigned char *buffer;
};
FIXTURE_VARIANT(index) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(index, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(index, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(index, blk_plain) { RIG_BLK, DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(index, net_tx_plain) { RIG_NET_TX, DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(index, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(index, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(index, blk_packed_plain) { RIG_BLK, DRIVER_PACKED_PLAIN };
FIXTURE_VARIANT_ADD(index, net_tx_packed_plain) { RIG_NET_TX, DRIVER_PACKED_PLAIN };
FIXTURE_VARIANT_ADD(index, blk_in_order) { RIG_BLK, DRIVER_IN_ORDER };
FIXTURE_VARIANT_ADD(index, blk_packed_in_order) { RIG_BLK, DRIVER_PACKED_IN_ORDER };

FIXTURE_SETUP(index)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	/* One chain's worth of memory, offered over and over. */
	self->buffer = guest_alloc(&self->rig.driver.guest, 4096, 4096);
	net_fill_frame(self->buffer + NET_HEADER, 100, 1);
}

FIXTURE_TEARDOWN(index)
{
	rig_exit(&self->rig);
}

/* A chain in memory that is never given up: a frame, or a request to read a sector. */
static int add(struct rig *rig, unsigned char *buffer)
{
	struct driver_buffer packet = { buffer, NET_HEADER + 100, false };
	struct driver_buffer request[] = {
		{ buffer, sizeof(struct virtio_blk_outhdr), false },
		{ buffer + 1024, BLK_SECTOR, true },
		{ buffer + 2048, 1, true },
	};

	if (rig->flavour == RIG_BLK)
		return driver_add(rig->queue, request, 3);
	return driver_add(rig->queue, &packet, 1);
}

/* Moves @count chains through the queue, as many at a time as fit. */
static void move(struct rig *rig, unsigned char *buffer, unsigned int count)
{
	unsigned int offered = 0, done = 0;
	struct driver_used used;

	if (rig->flavour == RIG_BLK)
		memset(buffer, 0, sizeof(struct virtio_blk_outhdr));
	while (done < count) {
		while (offered < count && add(rig, buffer) >= 0)
			offered++;
		driver_kick(rig->queue);
		ASSERT_TRUE(driver_wait(rig->queue, &used, DRIVER_TIMEOUT));
		do
			done++;
		while (driver_reap(rig->queue, &used));
	}
}

TEST_F_TIMEOUT(index, indices_wrap, 240)
{
	struct driver_queue *queue = self->rig.queue;
	/* Where a chain takes long, the first one is near the end. */
	bool near = variant->flavour == RIG_BLK || harness_slowness() > 1;
	unsigned int count = near ? 3000 : WRAP + 3000;

	if (near && !driver_is_packed(queue)) {
		queue->avail_next = WRAP - 1000;
		queue->used_next = queue->avail_next;
		queue->avail->idx = queue->avail_next;
		queue->used->idx = queue->avail_next;
		ASSERT_EQ(0, driver_set_queue(queue));
	}
	rig_start(&self->rig);
	move(&self->rig, self->buffer, count);
	EXPECT_EQ(count, driver_stat(queue, RINGHOST_STAT_CHAINS));
	EXPECT_EQ(0, driver_stat(queue, RINGHOST_STAT_BREAKS));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
	EXPECT_EQ(driver_base(queue), vhost_get_vring_base(self->rig.driver.fd, queue->index));
	if (!driver_is_packed(queue))
		EXPECT_GT(WRAP - 1000, queue->used->idx);
}

TEST_F(index, stopped_queue_goes_on_where_it_stood)
{
	struct driver_queue *queue = self->rig.queue;
	unsigned int total = 0;

	for (unsigned int round = 1; round < 12; round++) {
		ASSERT_EQ(0, driver_set_queue(queue));
		rig_start(&self->rig);
		move(&self->rig, self->buffer, round * 17);
		total += round * 17;
		ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
		ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.neighbour));
		ASSERT_EQ(driver_base(queue), vhost_get_vring_base(self->rig.driver.fd,
								   queue->index));
	}
	EXPECT_EQ(total, driver_stat(queue, RINGHOST_STAT_CHAINS));
}

TEST_F(index, chains_offered_while_stopped_are_not_lost)
{
	struct driver_used used;

	rig_start(&self->rig);
	move(&self->rig, self->buffer, 5);
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	ASSERT_LE(0, add(&self->rig, self->buffer));
	ASSERT_LE(0, add(&self->rig, self->buffer));
	/* No kick: what start finds is enough. */
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_TRUE(driver_wait(self->rig.queue, &used, DRIVER_TIMEOUT));
	EXPECT_TRUE(driver_wait(self->rig.queue, &used, DRIVER_TIMEOUT));
}

TEST_F(index, stop_waits_for_what_is_under_way)
{
	struct driver_queue *queue = self->rig.queue;

	rig_start(&self->rig);
	for (unsigned int round = 0; round < 20; round++) {
		struct driver_used used;
		long base;

		while (add(&self->rig, self->buffer) >= 0)
			;
		driver_kick(queue);
		ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
		base = vhost_get_vring_base(self->rig.driver.fd, queue->index);
		while (driver_reap(queue, &used))
			;
		/* All that was taken was given back, and nothing else. */
		ASSERT_EQ(driver_base(queue), base);
		ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	}
}

TEST_F(index, driver_that_wants_no_calls_gets_none)
{
	struct driver_queue *queue = self->rig.queue;
	struct driver_used used;
	uint64_t calls;

	rig_start(&self->rig);
	/* The first call after a start may come in any case. */
	move(&self->rig, self->buffer, 1);
	driver_want_call(queue, false);
	while (driver_wait_event(queue->call, 0))
		;
	calls = driver_stat(queue, RINGHOST_STAT_CALLS);
	for (unsigned int i = 0; i < 20; i++)
		ASSERT_LE(0, add(&self->rig, self->buffer));
	driver_kick_always(queue);
	EXPECT_FALSE(driver_wait_event(queue->call, DRIVER_QUIET));
	for (unsigned int i = 0; i < 20; i++)
		ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(calls, driver_stat(queue, RINGHOST_STAT_CALLS));
	EXPECT_LT(0, driver_stat(queue, RINGHOST_STAT_CALLS_SUPPRESSED));
}

TEST_F(index, device_asks_for_fewer_kicks_than_chains)
{
	struct driver_queue *queue = self->rig.queue;

	rig_start(&self->rig);
	move(&self->rig, self->buffer, 2000);
	EXPECT_EQ(queue->kicks, driver_stat(queue, RINGHOST_STAT_KICKS));
	EXPECT_GT(2000, queue->kicks);
	/* Idle again, it wants the next one. */
	usleep(DRIVER_QUIET * 1000);
	ASSERT_LE(0, add(&self->rig, self->buffer));
	EXPECT_TRUE(driver_kick(queue));
}

/* With EVENT_IDX the driver may ask to be called once a whole batch is done. */
FIXTURE(event) {
	struct rig rig;
	unsigned char *buffer;
};
FIXTURE_VARIANT(event) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(event, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(event, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(event, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(event, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED };

FIXTURE_SETUP(event)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	self->buffer = guest_alloc(&self->rig.driver.guest, 4096, 4096);
	net_fill_frame(self->buffer + NET_HEADER, 100, 1);
}

FIXTURE_TEARDOWN(event)
{
	rig_exit(&self->rig);
}

TEST_F(event, call_comes_for_the_entry_that_was_asked_for)
{
	struct driver_queue *queue = self->rig.queue;
	/* In a packed ring a block request takes three entries. */
	unsigned int each = driver_is_packed(queue) && variant->flavour == RIG_BLK ? 3 : 1;
	struct driver_used used;
	uint64_t calls;

	rig_start(&self->rig);
	move(&self->rig, self->buffer, 1);
	while (driver_wait_event(queue->call, 0))
		;
	driver_want_call_after(queue, 19 * each);
	calls = driver_stat(queue, RINGHOST_STAT_CALLS);
	for (unsigned int i = 0; i < 20; i++) {
		ASSERT_LE(0, add(&self->rig, self->buffer));
		driver_kick_always(queue);
		usleep(2000);
	}
	EXPECT_TRUE(driver_wait_event(queue->call, DRIVER_TIMEOUT));
	EXPECT_EQ(calls + 1, driver_stat(queue, RINGHOST_STAT_CALLS));
	for (unsigned int i = 0; i < 20; i++)
		ASSERT_TRUE(driver_reap(queue, &used));
}

TEST_HARNESS_MAIN
