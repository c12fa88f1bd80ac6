// SPDX-License-Identifier: GPL-2.0-only
/*
 * Popping from a packed ring: which descriptors are available, what belongs to a chain and
 * what its name is (virtio 1.3, 2.8.1 to 2.8.7). A flag taken from the wrong round, or a
 * name from the wrong descriptor, gives the guest memory back that it never gave.
 */
#include "harness.h"
#include "world.h"

#define NUM 5
#define FLAG_AVAIL (1 << VRING_PACKED_DESC_F_AVAIL)
#define FLAG_USED (1 << VRING_PACKED_DESC_F_USED)

FIXTURE(packed) { struct world world; };

FIXTURE_SETUP(packed)
{
	world_init_packed(&self->world, NUM);
}

FIXTURE_TEARDOWN(packed)
{
	world_exit(&self->world);
}

#define OFFER(address, flags, id) world_offer_packed(&self->world, address, 8, flags, id)

#define EXPECT_REFUSED(name) do { \
	EXPECT_EQ(-EPROTO, world_pop(&self->world)); \
	EXPECT_STREQ(name, world_reject(&self->world)); } while (0)

static void give_back(struct world *world)
{
	ASSERT_EQ(0, rh_ring_push(&world->ring, world->chain.head, 0));
	ASSERT_EQ(0, rh_ring_publish(&world->ring));
}

TEST_F(packed, empty_ring_gives_nothing)
{
	EXPECT_EQ(0, world_pop(&self->world));
}

TEST_F(packed, only_avail_set_and_used_clear_is_available_in_the_first_round)
{
	static const u16 not_available[] = { 0, FLAG_USED, FLAG_AVAIL | FLAG_USED };
	unsigned int at = OFFER(WORLD_FIRST, 0, 1);

	for (unsigned int i = 0; i < 3; i++) {
		self->world.packed[at].flags = not_available[i];
		EXPECT_EQ(0, world_pop(&self->world));
	}
	self->world.packed[at].flags = FLAG_AVAIL;
	EXPECT_EQ(1, world_pop(&self->world));
}

TEST_F(packed, only_used_set_and_avail_clear_is_available_in_the_second_round)
{
	static const u16 not_available[] = { 0, FLAG_AVAIL, FLAG_AVAIL | FLAG_USED };

	for (unsigned int i = 0; i < NUM; i++) {
		OFFER(WORLD_FIRST, 0, 1);
		ASSERT_EQ(1, world_pop(&self->world));
		give_back(&self->world);
	}
	OFFER(WORLD_FIRST, 0, 1);
	for (unsigned int i = 0; i < 3; i++) {
		self->world.packed[0].flags = not_available[i];
		EXPECT_EQ(0, world_pop(&self->world));
	}
	self->world.packed[0].flags = FLAG_USED;
	EXPECT_EQ(1, world_pop(&self->world));
}

TEST_F(packed, chain_is_translated_and_counted)
{
	OFFER(WORLD_FIRST + 16, VRING_DESC_F_NEXT, 3);
	OFFER(WORLD_SECOND, VRING_DESC_F_WRITE, 3);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(3, self->world.chain.head);
	EXPECT_EQ(2, self->world.chain.descriptors);
	EXPECT_EQ(2, self->world.chain.entries);
	ASSERT_EQ(1, self->world.chain.out_count);
	ASSERT_EQ(1, self->world.chain.in_count);
	EXPECT_EQ((intptr_t)self->world.first + 16, (intptr_t)self->world.chain.out[0].iov_base);
	EXPECT_EQ((intptr_t)self->world.second, (intptr_t)self->world.chain.in[0].iov_base);
	EXPECT_EQ(8, self->world.chain.in_bytes);
	EXPECT_EQ(0, world_pop(&self->world));
}

TEST_F(packed, name_is_the_last_descriptors_id)
{
	OFFER(WORLD_FIRST, VRING_DESC_F_NEXT, 0xffff);
	OFFER(WORLD_FIRST, VRING_DESC_F_NEXT, 1);
	OFFER(WORLD_FIRST, 0, 2);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(2, self->world.chain.head);
}

TEST_F(packed, id_outside_the_ring_is_refused)
{
	OFFER(WORLD_FIRST, 0, NUM - 1);
	EXPECT_EQ(1, world_pop(&self->world));
	OFFER(WORLD_FIRST, 0, NUM);
	EXPECT_REFUSED("reject_head");
}

TEST_F(packed, chain_goes_on_at_the_rings_start)
{
	for (unsigned int i = 0; i < NUM - 2; i++) {
		OFFER(WORLD_FIRST, 0, i);
		ASSERT_EQ(1, world_pop(&self->world));
		give_back(&self->world);
	}
	for (unsigned int i = 0; i < 4; i++)
		OFFER(WORLD_FIRST + i, i < 3 ? VRING_DESC_F_NEXT : 0, 4);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(4, self->world.chain.out_count);
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ((intptr_t)self->world.first + i,
			  (intptr_t)self->world.chain.out[i].iov_base);
	/* Entry 2 of the second round: the wrap counter has changed. */
	EXPECT_EQ(2, self->world.ring.avail_next);
}

TEST_F(packed, chain_as_long_as_the_ring_works_and_one_more_is_refused)
{
	for (unsigned int i = 0; i < NUM; i++)
		OFFER(WORLD_FIRST, i < NUM - 1 ? VRING_DESC_F_NEXT : 0, 0);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(NUM, self->world.chain.entries);
	give_back(&self->world);
	for (unsigned int i = 0; i < NUM; i++)
		OFFER(WORLD_FIRST, VRING_DESC_F_NEXT, 0);
	EXPECT_REFUSED("reject_chain_length");
}

TEST_F(packed, flags_are_read_before_anything_else)
{
	unsigned int at = OFFER(WORLD_FIRST, 0, 0);
	unsigned long before = user_accesses;

	self->world.packed[at].flags = 0;
	EXPECT_EQ(0, world_pop(&self->world));
	EXPECT_EQ(before + 1, user_accesses);
	self->world.packed[at].flags = FLAG_AVAIL;
	EXPECT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(before + 3, user_accesses);
}

TEST_F(packed, what_was_given_back_is_popped_again)
{
	OFFER(WORLD_FIRST, VRING_DESC_F_NEXT, 3);
	OFFER(WORLD_FIRST, 0, 3);
	OFFER(WORLD_SECOND, 0, 4);
	ASSERT_EQ(1, world_pop(&self->world));
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(2, self->world.ring.outstanding);
	EXPECT_EQ(0, world_pop(&self->world));
	world_unpop(&self->world, 3);
	EXPECT_EQ(0, self->world.ring.outstanding);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(3, self->world.chain.head);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(4, self->world.chain.head);
}

TEST_F(packed, ring_that_is_gone_is_refused)
{
	OFFER(WORLD_FIRST, 0, 0);
	user_area_remove(self->world.packed);
	EXPECT_EQ(-EFAULT, world_pop(&self->world));
	EXPECT_STREQ("reject_ring_fault", world_reject(&self->world));
}

TEST(smallest_and_largest_ring_work)
{
	static const unsigned int nums[] = { 1, 3, RH_RING_NUM_MAX };

	for (unsigned int i = 0; i < 3; i++) {
		struct world world;

		world_init_packed(&world, nums[i]);
		for (unsigned int j = 0; j < 2 * nums[i] + 1; j++) {
			world_offer_packed(&world, WORLD_FIRST, 1, 0, j % nums[i]);
			ASSERT_EQ(1, world_pop(&world));
			ASSERT_EQ(j % nums[i], world.chain.head);
			give_back(&world);
			ASSERT_EQ(0, world_pop(&world));
		}
		EXPECT_EQ(nums[i] > 1 ? RH_PACKED_WRAP | 1 : 0, world.ring.avail_next);
		EXPECT_EQ(world.ring.avail_next, world.ring.used_next);
		world_exit(&world);
	}
}

TEST_HARNESS_MAIN
