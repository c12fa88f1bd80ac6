// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a ring may lie, how large it may be, and where it starts: what the owner says in
 * VHOST_SET_VRING_NUM, _ADDR and _BASE. A base taken wrongly loses or repeats chains after
 * every stop; a size or an address let through is a write outside the ring.
 */
#include "harness.h"
#include "world.h"
#include "../../../kernel/core/format.h"

#define WRAP RH_PACKED_WRAP
#define BOTH(avail, used) ((u32)(used) << 16 | (avail))

static bool base_ok(bool packed, unsigned int num, u32 base)
{
	struct rh_ring ring = { .packed = packed, .num = num, .base = base };

	return rh_ring_base_ok(&ring);
}

TEST(split_ring_has_a_power_of_two_entries)
{
	for (unsigned int num = 1; num <= RH_RING_NUM_MAX; num <<= 1)
		EXPECT_TRUE(base_ok(false, num, 0));
	for (unsigned int num = 4; num < RH_RING_NUM_MAX; num <<= 1) {
		EXPECT_FALSE(base_ok(false, num - 1, 0));
		EXPECT_FALSE(base_ok(false, num + 1, 0));
	}
}

TEST(packed_ring_may_have_any_number_of_entries)
{
	static const unsigned int nums[] = { 1, 3, 7, 100, RH_RING_NUM_MAX };

	for (unsigned int i = 0; i < 5; i++)
		EXPECT_TRUE(base_ok(true, nums[i], WRAP));
}

TEST(split_base_is_an_index)
{
	EXPECT_TRUE(base_ok(false, 8, 0xffff));
	EXPECT_FALSE(base_ok(false, 8, 0x10000));
	EXPECT_FALSE(base_ok(false, 8, ~0u));
}

TEST(packed_base_lies_in_the_ring)
{
	EXPECT_TRUE(base_ok(true, 7, BOTH(WRAP | 6, WRAP | 6)));
	EXPECT_TRUE(base_ok(true, 7, BOTH(6, 0)));
	EXPECT_FALSE(base_ok(true, 7, BOTH(WRAP | 7, WRAP)));
	EXPECT_FALSE(base_ok(true, 7, BOTH(WRAP, WRAP | 7)));
	EXPECT_FALSE(base_ok(true, 7, BOTH(7, 0)));
	EXPECT_FALSE(base_ok(true, 7, BOTH(0, 7)));
}

static u32 resumed(struct world *world, u32 base, bool given)
{
	world->ring.base = base;
	world->ring.base_given = given;
	ASSERT_EQ(0, rh_ring_resume(&world->ring));
	return rh_ring_get_base(&world->ring);
}

TEST(packed_base_gives_both_positions)
{
	struct world world;

	world_init_packed(&world, 7);
	EXPECT_EQ(BOTH(WRAP, WRAP), resumed(&world, 0, false));
	EXPECT_EQ(BOTH(3, WRAP | 5), resumed(&world, BOTH(3, WRAP | 5), true));
	EXPECT_EQ(BOTH(0, 0), resumed(&world, 0, true));
	/* Who knows the low half only means an idle ring. */
	EXPECT_EQ(BOTH(WRAP | 3, WRAP | 3), resumed(&world, WRAP | 3, true));
	EXPECT_EQ(BOTH(3, 3), resumed(&world, 3, true));
	world_exit(&world);
}

TEST(split_base_is_the_avail_index_and_the_used_one_is_in_the_ring)
{
	struct world world;

	world_init(&world, 8);
	world.used->idx = 77;
	EXPECT_EQ(80, resumed(&world, 80, true));
	EXPECT_EQ(77, world.ring.used_next);
	world_exit(&world);
}

TEST(ring_lies_in_the_owners_half_of_the_address_space)
{
	static const u64 bad[] = { TASK_SIZE, TASK_SIZE - 1, ~0ull, 0xffff888000000000 };
	struct world worlds[2];

	world_init(&worlds[0], 8);
	world_exit(&worlds[0]);
	world_init_packed(&worlds[1], 8);
	world_exit(&worlds[1]);
	for (unsigned int i = 0; i < 2; i++) {
		struct rh_ring *ring = &worlds[i].ring;
		struct rh_area *areas[] = { &ring->desc, &ring->driver, &ring->device };

		EXPECT_TRUE(rh_ring_addresses_ok(ring));
		for (unsigned int j = 0; j < 3 * 4; j++) {
			void *good = areas[j % 3]->user;

			areas[j % 3]->user = (void *)bad[j / 3];
			EXPECT_FALSE(rh_ring_addresses_ok(ring));
			areas[j % 3]->user = good;
		}
		ring->num = 0;
		EXPECT_FALSE(rh_ring_addresses_ok(ring));
	}
}

/* virtio 1.3, 2.7 and 2.8: with the event words behind a split ring's two rings. */
TEST(areas_are_as_large_as_the_specification_says)
{
	size_t driver, device;

	EXPECT_EQ(16 * 256, rh_split_bytes(256, &driver, &device));
	EXPECT_EQ(6 + 2 * 256, driver);
	EXPECT_EQ(6 + 8 * 256, device);
	EXPECT_EQ(16 * 100, rh_packed_bytes(100, &driver, &device));
	EXPECT_EQ(4, driver);
	EXPECT_EQ(4, device);
}

TEST(no_memory_for_a_ring_is_told_and_leaves_nothing)
{
	struct rh_ring ring = { .num = 8, .packed = true, .in_order = true };

	for (unsigned int fail = 0; fail < 5; fail++) {
		alloc_countdown = fail + 1;
		EXPECT_EQ(-ENOMEM, rh_ring_alloc(&ring));
		EXPECT_NULL(ring.iov);
		EXPECT_NULL(ring.table);
		EXPECT_NULL(ring.slots);
		EXPECT_NULL(ring.order);
		EXPECT_NULL(ring.order_of);
	}
	alloc_countdown = 0;
	EXPECT_EQ(0, rh_ring_alloc(&ring));
	rh_ring_free(&ring);
}

TEST_HARNESS_MAIN
