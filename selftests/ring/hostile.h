/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of hostile descriptors share: a running device with a past, the
 * raw ring of the queue under test, and what a refusal must look like.
 */
#ifndef RING_HOSTILE_H
#define RING_HOSTILE_H

#include "harness.h"
#include "rig.h"

#define RING 64
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT
#define ENTRY sizeof(struct vring_desc)
#define CHAIN_MAX 1024

/**
 * struct hostile - a running device about to be offered something bad
 * @rig: the device
 * @desc: the descriptor table; none is in use
 * @table: room for an indirect table
 * @table_address: its guest-physical address
 * @good: guest-physical address of a good page
 * @before: counters of the queue under test
 * @neighbour_before: counters of its neighbour
 */
struct hostile {
	struct rig rig;
	struct vring_desc *desc;
	struct vring_desc *table;
	uint64_t table_address;
	uint64_t good;
	struct driver_stats before;
	struct driver_stats neighbour_before;
};

static inline void hostile_init(struct hostile *self, enum rig_flavour flavour, uint64_t features)
{
	struct guest *guest = &self->rig.driver.guest;

	rig_init(&self->rig, flavour, RING, features);
	rig_start(&self->rig);
	self->desc = self->rig.queue->desc;
	self->table = guest_alloc(guest, 2 * CHAIN_MAX * ENTRY, 4096);
	self->table_address = guest_address(guest, self->table);
	self->good = guest_address(guest, guest_alloc(guest, 4096, 4096));
	/* The position is not 0 any more: a reject must keep it. */
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	driver_get_stats(self->rig.queue, &self->before);
	driver_get_stats(self->rig.neighbour, &self->neighbour_before);
}

/* Stop, empty the ring, start: a new life. */
static inline void hostile_repair(struct rig *rig)
{
	ASSERT_EQ(0, rig_stop_queue(rig, rig->queue));
	driver_reset_queue(rig->queue);
	ASSERT_EQ(0, driver_set_queue(rig->queue));
	ASSERT_EQ(0, rig_start_queue(rig, rig->queue));
	EXPECT_EQ(0, rig_works(rig, rig->queue));
}

/* What was offered last must be refused as @name, harm nobody else, and be repairable. */
static inline void hostile_expect(struct hostile *self, const char *name)
{
	struct driver_queue *queue = self->rig.queue;
	struct driver_used used;

	rig_provoke(&self->rig);
	EXPECT_TRUE(driver_is_broken(queue, DRIVER_TIMEOUT));
	EXPECT_STREQ(name, driver_rejected(queue, &self->before));
	EXPECT_EQ(self->before.value[RINGHOST_STAT_BREAKS] + 1,
		  driver_stat(queue, RINGHOST_STAT_BREAKS));
	/* Broken is broken: no second break, no used entry, whatever is kicked. */
	rig_provoke(&self->rig);
	EXPECT_FALSE(driver_is_broken(queue, 50));
	EXPECT_FALSE(driver_reap(queue, &used));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	EXPECT_STREQ("nothing", driver_rejected(self->rig.neighbour, &self->neighbour_before));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
	EXPECT_EQ(driver_base(queue), vhost_get_vring_base(self->rig.driver.fd, queue->index));
	hostile_repair(&self->rig);
}

#define EXPECT_REFUSED(name) hostile_expect(&self->hostile, name)
/* A descriptor of the ring, or of the indirect table: address, length, flags, next. */
#define DESC(index, ...) (self->hostile.desc[index] = (struct vring_desc){ __VA_ARGS__ })
#define TABLE(index, ...) (self->hostile.table[index] = (struct vring_desc){ __VA_ARGS__ })
#define OFFER(head) driver_offer(self->hostile.rig.queue, head)

#endif /* RING_HOSTILE_H */
