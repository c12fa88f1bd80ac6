// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a ring is when its addresses are a vIOMMU's: each part is found or asked for, with
 * the access that it needs, and nothing else is ever taken for the ring.
 */
#include "harness.h"
#include "world.h"
#include "../../../kernel/core/iotlb.h"

#include <linux/vhost_types.h>

#define DESC 0x10000
#define DRIVER 0x20000
#define DEVICE 0x30000
#define LAST_ADDRESS (~0ull)

FIXTURE(ring) {
	struct world world;
	struct rh_memory *table;
	struct rh_memory *spare;
	unsigned int hand;
};

FIXTURE_SETUP(ring)
{
	world_init(&self->world, 16);
	self->table = rh_iotlb_alloc();
	self->spare = rh_iotlb_alloc();
	ASSERT_NE(NULL, self->table);
	ASSERT_NE(NULL, self->spare);
	self->world.ring.desc.address = DESC;
	self->world.ring.driver.address = DRIVER;
	self->world.ring.device.address = DEVICE;
}

FIXTURE_TEARDOWN(ring)
{
	rh_ring_displace(&self->world.ring, NULL);
	rh_memory_free(self->table);
	rh_memory_free(self->spare);
	world_exit(&self->world);
}

static void map(FIXTURE_DATA(ring) *self, u64 start, u64 bytes, const void *user, u32 access)
{
	struct rh_region entry = { start, start + bytes - 1, (unsigned long)user, access };
	struct rh_memory *old = self->table;

	if (rh_iotlb_update(self->spare, old, &entry, &self->hand)) {
		self->table = self->spare;
		self->spare = old;
	}
}

static int place(FIXTURE_DATA(ring) *self)
{
	self->world.ring.reject = -1;
	return rh_ring_place(&self->world.ring, self->table, NULL);
}

static void map_all(FIXTURE_DATA(ring) *self)
{
	map(self, DESC, 0x1000, self->world.desc, VHOST_ACCESS_RO);
	map(self, DRIVER, 0x1000, self->world.avail, VHOST_ACCESS_RO);
	map(self, DEVICE, 0x1000, self->world.used, VHOST_ACCESS_WO);
}

#define EXPECT_MISS(wanted, how) do { \
	EXPECT_EQ(-EAGAIN, place(self)); \
	EXPECT_EQ(wanted, self->world.ring.miss.address); \
	EXPECT_EQ(how, self->world.ring.miss.access); \
} while (0)

TEST_F(ring, each_part_is_asked_for_with_its_access)
{
	EXPECT_MISS(DESC, VHOST_ACCESS_RO);
	map(self, DESC, 0x80, self->world.desc, VHOST_ACCESS_RO);
	EXPECT_MISS(DESC + 0x80, VHOST_ACCESS_RO);
	map(self, DESC, 0x100, self->world.desc, VHOST_ACCESS_RO);
	EXPECT_MISS(DRIVER, VHOST_ACCESS_RO);
	map(self, DRIVER, 0x1000, self->world.avail, VHOST_ACCESS_RO);
	EXPECT_MISS(DEVICE, VHOST_ACCESS_WO);
	map(self, DEVICE, 0x1000, self->world.used, VHOST_ACCESS_WO);
	ASSERT_EQ(0, place(self));
	EXPECT_EQ(self->world.desc, self->world.ring.desc.map);
	EXPECT_EQ(self->world.avail, self->world.ring.driver.map);
	EXPECT_EQ(self->world.used, self->world.ring.device.map);
}

TEST_F(ring, packed_descriptors_are_read_and_written)
{
	self->world.ring.packed = true;
	EXPECT_MISS(DESC, VHOST_ACCESS_RW);
	map_all(self);
	EXPECT_EQ(-EPROTO, place(self));
	EXPECT_STREQ("reject_iotlb_access", world_reject(&self->world));
	self->world.ring.packed = false;
}

TEST_F(ring, part_for_the_other_direction_is_refused)
{
	map_all(self);
	map(self, DEVICE, 0x1000, self->world.used, VHOST_ACCESS_RO);
	EXPECT_EQ(-EPROTO, place(self));
	EXPECT_STREQ("reject_iotlb_access", world_reject(&self->world));
}

TEST_F(ring, neighbours_in_the_process_are_one_piece)
{
	map_all(self);
	map(self, DESC + 0x40, 0x20, (char *)self->world.desc + 0x40, VHOST_ACCESS_RW);
	ASSERT_EQ(0, place(self));
	EXPECT_EQ(self->world.desc, self->world.ring.desc.map);
}

/* Scattered within a page: neither mapped pages nor user copies make one piece of it. */
TEST_F(ring, pieces_that_cannot_be_joined_are_refused)
{
	map_all(self);
	map(self, DESC + 0x40, 0x20, self->world.first, VHOST_ACCESS_RW);
	EXPECT_EQ(-EFAULT, place(self));
	EXPECT_STREQ("reject_ring_fault", world_reject(&self->world));
	EXPECT_NULL(self->world.ring.driver.map);
	EXPECT_NULL(self->world.ring.device.map);
}

TEST_F(ring, part_that_wraps_is_refused_and_not_asked_for)
{
	self->world.ring.desc.address = LAST_ADDRESS - 0xfe;
	EXPECT_EQ(-EFAULT, place(self));
	EXPECT_STREQ("reject_ring_fault", world_reject(&self->world));
	self->world.ring.desc.address = LAST_ADDRESS - 0xff;
	EXPECT_MISS(LAST_ADDRESS - 0xff, VHOST_ACCESS_RO);
}

TEST_F(ring, words_askew_are_refused)
{
	map_all(self);
	map(self, DRIVER, 0x1000, (char *)self->world.avail + 1, VHOST_ACCESS_RO);
	EXPECT_EQ(-EFAULT, place(self));
	EXPECT_STREQ("reject_ring_fault", world_reject(&self->world));
}

TEST_F(ring, its_own_bytes_touch_it_and_no_others)
{
	struct rh_ring *ring = &self->world.ring;

	EXPECT_TRUE(rh_ring_touches(ring, DESC, DESC));
	EXPECT_TRUE(rh_ring_touches(ring, DESC + 0xff, DESC + 0xff));
	EXPECT_TRUE(rh_ring_touches(ring, 0, LAST_ADDRESS));
	EXPECT_TRUE(rh_ring_touches(ring, DRIVER, DRIVER));
	EXPECT_TRUE(rh_ring_touches(ring, DEVICE, LAST_ADDRESS));
	EXPECT_FALSE(rh_ring_touches(ring, 0, DESC - 1));
	EXPECT_FALSE(rh_ring_touches(ring, DESC + 0x100, DRIVER - 1));
	EXPECT_FALSE(rh_ring_touches(ring, LAST_ADDRESS, LAST_ADDRESS));
}

TEST_F(ring, displaced_ring_is_nowhere)
{
	map_all(self);
	ASSERT_EQ(0, place(self));
	rh_ring_displace(&self->world.ring, NULL);
	EXPECT_NULL(self->world.ring.desc.map);
	EXPECT_NULL(self->world.ring.desc.user);
	EXPECT_NULL(self->world.ring.device.map);
	EXPECT_NULL(self->world.ring.device.user);
}

TEST_HARNESS_MAIN
