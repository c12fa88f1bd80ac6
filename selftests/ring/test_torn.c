// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that goes away: the owner unmaps, or protects, parts of a ring that
 * runs, or the buffers of chains it has offered. The queue breaks, or the
 * request fails; nothing else notices.
 */
#include <string.h>
#include <sys/mman.h>

#include "harness.h"
#include "rig.h"
#include "usage.h"

#define RING 256
#define PAGE 4096

enum part { DESC, AVAIL, USED };
enum tear { UNMAP, NO_ACCESS, READ_ONLY };

FIXTURE(torn) {
	struct rig rig;
	void *part;
	struct driver_stats before;
};
FIXTURE_VARIANT(torn) {
	enum rig_flavour flavour;
	enum part part;
	enum tear tear;
	uint64_t features;
};
FIXTURE_VARIANT_ADD(torn, blk_desc) { RIG_BLK, DESC, UNMAP, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, blk_avail) { RIG_BLK, AVAIL, UNMAP, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, blk_used) { RIG_BLK, USED, UNMAP, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, blk_used_read_only) { RIG_BLK, USED, READ_ONLY, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, net_tx_desc) { RIG_NET_TX, DESC, NO_ACCESS, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, net_tx_avail) { RIG_NET_TX, AVAIL, UNMAP, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, net_tx_used) { RIG_NET_TX, USED, NO_ACCESS, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, net_rx_desc) { RIG_NET_RX, DESC, UNMAP, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, net_rx_avail) { RIG_NET_RX, AVAIL, NO_ACCESS, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, net_rx_used) { RIG_NET_RX, USED, READ_ONLY, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(torn, blk_packed_ring) { RIG_BLK, DESC, UNMAP, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(torn, blk_packed_ring_read_only) { RIG_BLK, DESC, READ_ONLY, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(torn, blk_packed_driver_event) { RIG_BLK, AVAIL, NO_ACCESS, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(torn, blk_packed_device_event) { RIG_BLK, USED, READ_ONLY, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(torn, net_tx_packed_ring) { RIG_NET_TX, DESC, NO_ACCESS, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(torn, net_rx_packed_ring) { RIG_NET_RX, DESC, UNMAP, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(torn, net_rx_packed_driver_event) { RIG_NET_RX, AVAIL, UNMAP, DRIVER_PACKED };

FIXTURE_SETUP(torn)
{
	struct driver_queue *queue;

	guest_forbid_pinning();
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
	queue = self->rig.queue;
	ASSERT_EQ(0, rig_works(&self->rig, queue));
	ASSERT_EQ(1, driver_stat(queue, RINGHOST_STAT_STARTS_UNMAPPED));
	/* Waits for the end of the worker's turn, in which it would take what is added next. */
	ASSERT_EQ(0, vhost_set_vring_err(self->rig.driver.fd, queue->index, queue->error));
	self->part = variant->part == DESC ? (void *)queue->desc :
		     variant->part == AVAIL ? (void *)queue->avail : (void *)queue->used;
	driver_get_stats(queue, &self->before);
}

FIXTURE_TEARDOWN(torn)
{
	rig_exit(&self->rig);
}

static void tear_away(void *part, enum tear tear)
{
	if (tear == UNMAP)
		ASSERT_EQ(0, munmap(part, PAGE));
	else
		ASSERT_EQ(0, mprotect(part, PAGE, tear == NO_ACCESS ? PROT_NONE : PROT_READ));
}

static void mend(void *part)
{
	ASSERT_EQ(part, mmap(part, PAGE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

TEST_F(torn, queue_breaks_and_can_be_repaired)
{
	struct driver_queue *queue = self->rig.queue;

	ASSERT_LE(0, rig_add(&self->rig));
	tear_away(self->part, variant->tear);
	rig_provoke(&self->rig);
	EXPECT_TRUE(driver_is_broken(queue, DRIVER_TIMEOUT));
	EXPECT_STREQ("reject_ring_fault", driver_rejected(queue, &self->before));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));

	mend(self->part);
	driver_reset_queue(queue);
	ASSERT_EQ(0, driver_set_queue(queue));
	ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	EXPECT_EQ(0, rig_works(&self->rig, queue));
}

TEST_F(torn, stopping_works_while_the_ring_is_gone)
{
	tear_away(self->part, variant->tear);
	EXPECT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	mend(self->part);
}

TEST_F(torn, closing_works_while_the_ring_is_gone)
{
	ASSERT_LE(0, rig_add(&self->rig));
	tear_away(self->part, variant->tear);
	rig_provoke(&self->rig);
}

/* A ring that is pinned and mapped outlives its place in the process. */
FIXTURE(pinned) { struct rig rig; };
FIXTURE_VARIANT(pinned) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(pinned, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(pinned, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(pinned, net_rx) { RIG_NET_RX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(pinned, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(pinned, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(pinned, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED };

FIXTURE_SETUP(pinned)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	ASSERT_EQ(1, driver_stat(self->rig.queue, RINGHOST_STAT_STARTS_MAPPED));
}

FIXTURE_TEARDOWN(pinned)
{
	rig_exit(&self->rig);
}

TEST_F(pinned, ring_torn_away_harms_nobody)
{
	struct driver_queue *queue = self->rig.queue;
	void *parts[] = { queue->desc, queue->avail, queue->used };

	ASSERT_LE(0, rig_add(&self->rig));
	for (unsigned int i = 0; i < 3; i++)
		tear_away(parts[i], UNMAP);
	driver_kick_always(queue);
	EXPECT_FALSE(driver_is_broken(queue, DRIVER_QUIET));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));

	for (unsigned int i = 0; i < 3; i++)
		mend(parts[i]);
	driver_reset_queue(queue);
	ASSERT_EQ(0, driver_set_queue(queue));
	ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	EXPECT_EQ(0, rig_works(&self->rig, queue));
}

/* Buffers, rather than the ring, that are not there. */
FIXTURE(buffers) { struct rig rig; struct usage before; };
FIXTURE_VARIANT(buffers) { enum rig_flavour flavour; enum tear tear; unsigned int at; };
FIXTURE_VARIANT_ADD(buffers, blk_unmapped) { RIG_BLK, UNMAP, 0 };
FIXTURE_VARIANT_ADD(buffers, blk_unmapped_from_its_middle_on) { RIG_BLK, UNMAP, PAGE };
FIXTURE_VARIANT_ADD(buffers, blk_protected) { RIG_BLK, NO_ACCESS, 0 };
FIXTURE_VARIANT_ADD(buffers, net_tx_unmapped) { RIG_NET_TX, UNMAP, 0 };
FIXTURE_VARIANT_ADD(buffers, net_rx_unmapped) { RIG_NET_RX, UNMAP, 0 };
FIXTURE_VARIANT_ADD(buffers, net_rx_read_only) { RIG_NET_RX, READ_ONLY, 0 };

FIXTURE_SETUP(buffers)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	rig_start(&self->rig);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	usage_measure(&self->before);
}

FIXTURE_TEARDOWN(buffers)
{
	rig_exit(&self->rig);
}

/* Repaired or not touched at all, the queue must come back to work. */
static void restart(struct rig *rig)
{
	ASSERT_EQ(0, rig_stop_queue(rig, rig->queue));
	driver_reset_queue(rig->queue);
	ASSERT_EQ(0, driver_set_queue(rig->queue));
	ASSERT_EQ(0, rig_start_queue(rig, rig->queue));
	EXPECT_EQ(0, rig_works(rig, rig->queue));
}

TEST_F(buffers, buffer_that_is_gone_harms_nobody)
{
	struct driver_queue *queue = self->rig.queue;
	unsigned int bytes = variant->at + PAGE;
	unsigned char *buffer = guest_alloc(&self->rig.driver.guest, bytes, PAGE);
	uint64_t drops = driver_stat(queue, RINGHOST_STAT_NET_DROPS);
	struct driver_used used;
	int head;

	guest_alloc(&self->rig.driver.guest, 0, PAGE);
	head = rig_add_split(&self->rig, buffer, bytes);
	ASSERT_LE(0, head);
	tear_away(buffer + variant->at, variant->tear);
	rig_provoke(&self->rig);
	/* The request or the packet fails; a buffer to receive into stays with the device. */
	if (variant->flavour == RIG_NET_RX) {
		EXPECT_FALSE(driver_wait(queue, &used, DRIVER_QUIET));
		EXPECT_EQ(drops + 1, driver_stat(queue, RINGHOST_STAT_NET_DROPS));
	} else {
		ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
		EXPECT_EQ(head, used.head);
	}
	EXPECT_EQ(0, driver_stat(queue, RINGHOST_STAT_BREAKS));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	restart(&self->rig);
	EXPECT_TRUE(usage_returns_to(&self->before));
}

TEST_HARNESS_MAIN
