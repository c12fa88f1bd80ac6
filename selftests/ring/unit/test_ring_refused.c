// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a refused chain leaves behind: the ring stands before it, so that whoever asks for
 * the ring's base gets the position of the chain that is bad, whatever was wrong with it,
 * and what was popped before can still be given back.
 */
#include "harness.h"
#include "world.h"

#define NUM 4

FIXTURE(refused) { struct world world; };
FIXTURE_VARIANT(refused) { bool packed; };
FIXTURE_VARIANT_ADD(refused, split) { .packed = false };
FIXTURE_VARIANT_ADD(refused, packed) { .packed = true };

FIXTURE_SETUP(refused)
{
	if (variant->packed)
		world_init_packed(&self->world, NUM);
	else
		world_init(&self->world, NUM);
}

FIXTURE_TEARDOWN(refused)
{
	world_exit(&self->world);
}

static void offer(struct world *world, u64 address, u16 flags, u16 id)
{
	if (world->packed) {
		world_offer_packed(world, address, 1, flags, id);
		return;
	}
	world_desc(world, id, address, 1, flags, id);
	world_offer(world, id);
}

/* In order, so that names are noted. */
static void order(struct world *world)
{
	rh_ring_free(&world->ring);
	world->ring.in_order = true;
	ASSERT_EQ(0, rh_ring_alloc(&world->ring));
	ASSERT_EQ(0, rh_ring_resume(&world->ring));
}

/* The next pop fails for @reject and moves nothing. */
static void refuses(struct world *world, const char *reject)
{
	const u32 base = rh_ring_get_base(&world->ring);
	const unsigned int outstanding = world->ring.outstanding;

	ASSERT_EQ(-EPROTO, world_pop(world));
	EXPECT_STREQ(reject, world_reject(world));
	EXPECT_EQ(base, rh_ring_get_base(&world->ring));
	EXPECT_EQ(outstanding, world->ring.outstanding);
}

TEST_F(refused, bad_chain_leaves_the_position)
{
	offer(&self->world, WORLD_FIRST, 0, 1);
	offer(&self->world, WORLD_HOLE, 0, 2);
	ASSERT_EQ(1, world_pop(&self->world));
	refuses(&self->world, "reject_address");
	refuses(&self->world, "reject_address");
}

TEST_F(refused, chain_beyond_the_rings_size_leaves_the_position)
{
	for (unsigned int i = 0; i < NUM; i++) {
		offer(&self->world, WORLD_FIRST, 0, i);
		ASSERT_EQ(1, world_pop(&self->world));
	}
	EXPECT_EQ(NUM, self->world.ring.outstanding);
	offer(&self->world, WORLD_FIRST, 0, 0);
	refuses(&self->world, "reject_avail_index");
}

TEST_F(refused, name_held_in_order_leaves_the_position)
{
	order(&self->world);
	offer(&self->world, WORLD_FIRST, 0, 1);
	offer(&self->world, WORLD_FIRST, 0, 1);
	ASSERT_EQ(1, world_pop(&self->world));
	refuses(&self->world, "reject_head");
	/* Given back, the name is free again. */
	ASSERT_EQ(0, rh_ring_push(&self->world.ring, 1, 0));
	ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	EXPECT_EQ(1, world_pop(&self->world));
}

/* The chains held are in an array that is used round and round. */
TEST_F(refused, name_held_in_order_is_found_behind_the_arrays_end)
{
	order(&self->world);
	for (unsigned int i = 0; i < NUM - 1; i++) {
		offer(&self->world, WORLD_FIRST, 0, i);
		ASSERT_EQ(1, world_pop(&self->world));
		ASSERT_EQ(0, rh_ring_push(&self->world.ring, i, 0));
		ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	}
	offer(&self->world, WORLD_FIRST, 0, 0);
	offer(&self->world, WORLD_FIRST, 0, 1);
	ASSERT_EQ(1, world_pop(&self->world));
	ASSERT_EQ(1, world_pop(&self->world));
	offer(&self->world, WORLD_FIRST, 0, 1);
	refuses(&self->world, "reject_head");
}

TEST_F(refused, name_given_back_unpopped_is_free_in_order)
{
	order(&self->world);
	offer(&self->world, WORLD_FIRST, 0, 1);
	offer(&self->world, WORLD_FIRST, 0, 2);
	ASSERT_EQ(1, world_pop(&self->world));
	ASSERT_EQ(1, world_pop(&self->world));
	world_unpop(&self->world, 2);
	EXPECT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(0, world_pop(&self->world));
}

TEST_HARNESS_MAIN
