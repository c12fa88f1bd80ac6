// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log and the ring itself: whatever the device writes to a ring, its page is
 * noted. The ring is compared before and after each step, so that no write can be
 * forgotten, in either format, at its end and over the wrap.
 */
#include "harness.h"
#include "play_bitmap.h"
#include "world.h"

#include <linux/vhost_types.h>

/* Many pages of ring. */
#define NUM 4096
#define PAGE 4096u
/* Guest-physical: the ring, the second half of the device's part, and that part as given. */
#define RING_DESC 0x400000
#define RING_DEVICE 0x500000
#define RING_HALF 0x600000
#define GIVEN 0x700100

/**
 * struct part - a part of the ring before a step
 * @now: the part
 * @before: its content then
 * @bytes: its size
 */
struct part {
	unsigned char *now;
	unsigned char *before;
	size_t bytes;
};

FIXTURE(ring_log) {
	struct world world;
	struct rh_bitmap bitmap;
	struct part desc;
	struct part device;
	unsigned int offered;
};
FIXTURE_VARIANT(ring_log) { bool packed; bool event_idx; bool given; };
FIXTURE_VARIANT_ADD(ring_log, split) { false, false, false };
FIXTURE_VARIANT_ADD(ring_log, split_event) { false, true, false };
FIXTURE_VARIANT_ADD(ring_log, split_given) { false, true, true };
FIXTURE_VARIANT_ADD(ring_log, packed) { true, false, false };
FIXTURE_VARIANT_ADD(ring_log, packed_event) { true, true, false };
FIXTURE_VARIANT_ADD(ring_log, packed_given) { true, true, true };

static void make_part(struct part *part, void *now, size_t bytes)
{
	*part = (struct part){ now, malloc(bytes), bytes };
	ASSERT_NE(NULL, part->before);
}

static void add_region(struct vhost_memory *table, u64 start, const unsigned char *user,
		       size_t bytes)
{
	table->regions[table->nregions++] = (struct vhost_memory_region){
		.guest_phys_addr = start, .memory_size = bytes,
		.userspace_addr = (unsigned long)user };
}

/* The buffers' regions, and the ring unless its place in the guest is given in another way. */
static void set_table(FIXTURE_DATA(ring_log) *self, bool given)
{
	struct vhost_memory *table = world_lend(sizeof(*table) + 5 * sizeof(table->regions[0]));
	size_t half = self->device.bytes / 2;

	add_region(table, WORLD_FIRST, self->world.first, WORLD_REGION);
	add_region(table, RING_DESC, self->desc.now, self->desc.bytes);
	if (!given) {
		add_region(table, RING_HALF, self->device.now + half, self->device.bytes - half);
		add_region(table, RING_DEVICE, self->device.now, half);
	}
	rh_memory_free(self->world.memory);
	self->world.memory = rh_memory_alloc(table);
	ASSERT_FALSE(IS_ERR(self->world.memory));
	user_area_remove(table);
	free(table);
}

FIXTURE_SETUP(ring_log)
{
	struct world *world = &self->world;
	struct rh_ring *ring = &world->ring;

	if (variant->packed)
		world_init_packed(world, NUM);
	else
		world_init(world, NUM);
	make_part(&self->desc, ring->desc.user, NUM * sizeof(struct vring_desc));
	make_part(&self->device, ring->device.user, rh_ring_device_bytes(ring));
	set_table(self, variant->given);
	memset(&self->bitmap, 0, sizeof(self->bitmap));
	ring->event_idx = variant->event_idx;
	ring->log = (struct rh_log){
		.bitmap = &self->bitmap, .memory = world->memory, .everything = true,
		.device_given = variant->given, .device_address = GIVEN,
	};
	self->offered = 0;
}

FIXTURE_TEARDOWN(ring_log)
{
	EXPECT_EQ(0, self->world.ring.log.faults);
	free(self->desc.before);
	free(self->device.before);
	world_exit(&self->world);
}

static void remember(FIXTURE_DATA(ring_log) *self)
{
	memset(self->bitmap.set, 0, sizeof(self->bitmap.set));
	memcpy(self->desc.before, self->desc.now, self->desc.bytes);
	memcpy(self->device.before, self->device.now, self->device.bytes);
}

/* Guest-physical address of a byte of the device's part. */
static u64 device_address(const FIXTURE_DATA(ring_log) *self, size_t offset)
{
	size_t half = self->device.bytes / 2;

	if (self->world.ring.log.device_given)
		return GIVEN + offset;
	return offset < half ? RING_DEVICE + offset : RING_HALF + (offset - half);
}

/* The bytes that changed since remember() on pages that were not logged. */
static unsigned int missed(const FIXTURE_DATA(ring_log) *self)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < self->desc.bytes; i++)
		if (self->desc.now[i] != self->desc.before[i])
			count += !self->bitmap.set[(RING_DESC + i) / PAGE];
	for (i = 0; i < self->device.bytes; i++)
		if (self->device.now[i] != self->device.before[i])
			count += !self->bitmap.set[device_address(self, i) / PAGE];
	return count;
}

static unsigned int logged(const FIXTURE_DATA(ring_log) *self)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < PLAY_BITS; i++)
		count += self->bitmap.set[i];
	return count;
}

static void offer_and_pop(FIXTURE_DATA(ring_log) *self, unsigned int count)
{
	struct world *world = &self->world;

	for (unsigned int i = 0; i < count; i++) {
		u16 head = self->offered++ % NUM;

		if (world->packed) {
			world_offer_packed(world, WORLD_FIRST, 1, VRING_DESC_F_WRITE, head);
		} else {
			world_desc(world, head, WORLD_FIRST, 1, VRING_DESC_F_WRITE, 0);
			world_offer(world, head);
		}
	}
	for (unsigned int i = 0; i < count; i++)
		ASSERT_EQ(1, world_pop(world));
	ASSERT_EQ(0, world_pop(world));
}

static void push(FIXTURE_DATA(ring_log) *self, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ASSERT_EQ(0, rh_ring_push(&self->world.ring,
					  (self->offered - count + i) % NUM, 1));
}

TEST_F(ring_log, each_write_to_the_ring_is_noted_round_after_round)
{
	struct rh_ring *ring = &self->world.ring;
	unsigned int seed = 5;

	/* More than sixteen bits of positions. */
	while (self->offered < 80000) {
		unsigned int count = 1 + rand_r(&seed) % 200;

		offer_and_pop(self, count);
		remember(self);
		push(self, count);
		ASSERT_EQ(0, rh_ring_publish(ring));
		ASSERT_EQ(0, missed(self));
		ASSERT_LE(1, logged(self));
		ASSERT_GE(4, logged(self));
		remember(self);
		ASSERT_EQ(0, rh_ring_enable_kick(ring));
		ASSERT_EQ(0, missed(self));
		ASSERT_LE(1, logged(self));
		ASSERT_GE(2, logged(self));
		remember(self);
		ASSERT_EQ(0, rh_ring_disable_kick(ring));
		ASSERT_EQ(0, missed(self));
	}
}

TEST_F(ring_log, whole_ring_at_once_is_noted)
{
	offer_and_pop(self, 100);
	push(self, 100);
	ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	offer_and_pop(self, NUM);
	remember(self);
	push(self, NUM);
	ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	EXPECT_EQ(0, missed(self));
}

TEST_F(ring_log, start_is_noted)
{
	self->world.ring.base = variant->packed ? 0x80008000 : 0;
	remember(self);
	ASSERT_EQ(0, rh_ring_resume(&self->world.ring));
	EXPECT_EQ(0, missed(self));
	EXPECT_EQ(!variant->event_idx, logged(self));
}

TEST_F(ring_log, what_is_off_notes_nothing)
{
	self->world.ring.log.bitmap = NULL;
	offer_and_pop(self, 10);
	push(self, 10);
	ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	EXPECT_EQ(0, logged(self));
	EXPECT_EQ(0, self->world.ring.log.fresh);
}

/* VHOST_VRING_F_LOG without VHOST_F_LOG_ALL. */
TEST_F(ring_log, device_area_alone_can_be_noted)
{
	self->world.ring.log.everything = false;
	self->world.ring.log.device_given = true;
	offer_and_pop(self, 300);
	remember(self);
	push(self, 300);
	ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	ASSERT_LE(0, rh_ring_enable_kick(&self->world.ring));
	memcpy(self->desc.before, self->desc.now, self->desc.bytes);
	EXPECT_EQ(0, missed(self));
	for (unsigned int i = 0; i < PLAY_BITS; i++)
		EXPECT_TRUE(!self->bitmap.set[i] || i >= GIVEN / PAGE);
}

TEST_F(ring_log, lost_log_is_counted)
{
	self->bitmap.gone = true;
	offer_and_pop(self, 10);
	push(self, 10);
	ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	EXPECT_LT(0, self->world.ring.log.faults);
	self->world.ring.log.faults = 0;
}

TEST_HARNESS_MAIN
