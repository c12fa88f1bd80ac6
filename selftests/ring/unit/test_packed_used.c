// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving chains of a packed ring back: one used descriptor a chain, as many entries on as
 * the chain took, with the device's wrap counter, and a batch hidden until all of it is
 * written (virtio 1.3, 2.8.1 to 2.8.8).
 */
#include "harness.h"
#include "world.h"

#define NUM 8
#define WRAP RH_PACKED_WRAP

FIXTURE(used) { struct world world; };

FIXTURE_SETUP(used)
{
	world_init_packed(&self->world, NUM);
}

FIXTURE_TEARDOWN(used)
{
	world_exit(&self->world);
}

/* Offer and pop a chain of @count buffers. */
static void take(struct world *world, unsigned int count, u16 id)
{
	for (unsigned int i = 0; i < count; i++)
		world_offer_packed(world, WORLD_FIRST, 64, VRING_DESC_F_WRITE |
				   (i + 1 < count ? VRING_DESC_F_NEXT : 0), id);
	ASSERT_EQ(1, world_pop(world));
}

static void push(struct world *world, u16 id, u32 written)
{
	ASSERT_EQ(0, rh_ring_push(&world->ring, id, written));
}

static void publish(struct world *world)
{
	ASSERT_EQ(0, rh_ring_publish(&world->ring));
}

TEST_F(used, used_descriptor_tells_name_and_length)
{
	take(&self->world, 1, 5);
	push(&self->world, 5, 17);
	EXPECT_FALSE(world_used_packed(&self->world, WRAP));
	publish(&self->world);
	EXPECT_TRUE(world_used_packed(&self->world, WRAP));
	EXPECT_EQ(5, self->world.packed[0].id);
	EXPECT_EQ(17, self->world.packed[0].len);
}

TEST_F(used, write_flag_tells_whether_anything_was_written)
{
	take(&self->world, 1, 0);
	take(&self->world, 1, 1);
	push(&self->world, 0, 1);
	push(&self->world, 1, 0);
	publish(&self->world);
	EXPECT_TRUE(self->world.packed[0].flags & VRING_DESC_F_WRITE);
	EXPECT_FALSE(self->world.packed[1].flags & VRING_DESC_F_WRITE);
}

TEST_F(used, next_used_descriptor_is_behind_all_entries_of_the_chain)
{
	take(&self->world, 3, 7);
	take(&self->world, 1, 2);
	push(&self->world, 7, 1);
	push(&self->world, 2, 2);
	publish(&self->world);
	EXPECT_EQ(7, self->world.packed[0].id);
	EXPECT_TRUE(world_used_packed(&self->world, WRAP | 3));
	EXPECT_EQ(2, self->world.packed[3].id);
	EXPECT_EQ(WRAP | 4, self->world.ring.used_next);
	EXPECT_EQ(0, self->world.ring.outstanding);
}

TEST_F(used, chains_may_come_back_in_any_order)
{
	take(&self->world, 3, 7);
	take(&self->world, 1, 2);
	push(&self->world, 2, 2);
	publish(&self->world);
	EXPECT_EQ(2, self->world.packed[0].id);
	push(&self->world, 7, 1);
	publish(&self->world);
	EXPECT_TRUE(world_used_packed(&self->world, WRAP | 1));
	EXPECT_EQ(7, self->world.packed[1].id);
	EXPECT_EQ(WRAP | 4, self->world.ring.used_next);
}

TEST_F(used, only_one_descriptor_of_a_chain_is_written)
{
	struct vring_packed_desc before[NUM];

	take(&self->world, 3, 7);
	memcpy(before, self->world.packed, sizeof(before));
	push(&self->world, 7, 1);
	publish(&self->world);
	EXPECT_EQ(0, memcmp(&before[1], &self->world.packed[1], (NUM - 1) * sizeof(before[0])));
	EXPECT_EQ(before[0].addr, self->world.packed[0].addr);
}

TEST_F(used, flags_follow_the_devices_wrap_counter)
{
	for (unsigned int round = 0; round < 4; round++) {
		u16 wrap = round % 2 ? 0 : WRAP;

		for (unsigned int i = 0; i < NUM; i++) {
			take(&self->world, 1, i);
			EXPECT_FALSE(world_used_packed(&self->world, i | wrap));
			push(&self->world, i, 1);
			publish(&self->world);
			EXPECT_TRUE(world_used_packed(&self->world, i | wrap));
			EXPECT_FALSE(world_used_packed(&self->world, i | (wrap ^ WRAP)));
		}
	}
}

static struct world *current;
static unsigned int seen_early;

/* Before each write: the driver looks. */
static void look(const volatile void *address, size_t size)
{
	(void)address;
	(void)size;
	seen_early += world_used_packed(current, WRAP | 6);
}

TEST_F(used, batch_is_hidden_until_its_last_write)
{
	take(&self->world, 6, 0);
	push(&self->world, 0, 1);
	publish(&self->world);
	take(&self->world, 1, 1);
	take(&self->world, 1, 2);
	take(&self->world, 2, 3);	/* into the next round */
	current = &self->world;
	user_access_hook = look;
	push(&self->world, 1, 1);
	push(&self->world, 2, 2);
	push(&self->world, 3, 3);
	publish(&self->world);
	user_access_hook = NULL;
	EXPECT_EQ(0, seen_early);
	EXPECT_TRUE(world_used_packed(&self->world, WRAP | 6));
	EXPECT_TRUE(world_used_packed(&self->world, WRAP | 7));
	EXPECT_TRUE(world_used_packed(&self->world, 0));
	EXPECT_EQ(2, self->world.ring.used_next);
}

TEST(more_than_a_batch_is_hidden_until_it_is_published)
{
	struct world world;

	world_init_packed(&world, 3 * RH_RING_BATCH);
	for (unsigned int i = 0; i < 3 * RH_RING_BATCH; i++)
		take(&world, 1, i);
	for (unsigned int i = 0; i < 3 * RH_RING_BATCH; i++)
		push(&world, i, 1);
	EXPECT_FALSE(world_used_packed(&world, WRAP));
	publish(&world);
	for (unsigned int i = 0; i < 3 * RH_RING_BATCH; i++) {
		EXPECT_TRUE(world_used_packed(&world, WRAP | i));
		EXPECT_EQ(i, world.packed[i].id);
	}
	EXPECT_EQ(0, world.ring.outstanding);
	world_exit(&world);
}

TEST_F(used, order_is_kept_where_it_was_agreed)
{
	rh_ring_free(&self->world.ring);
	self->world.ring.in_order = true;
	ASSERT_EQ(0, rh_ring_alloc(&self->world.ring));
	ASSERT_EQ(0, rh_ring_resume(&self->world.ring));
	take(&self->world, 3, 7);
	take(&self->world, 1, 2);
	push(&self->world, 2, 2);
	EXPECT_FALSE(rh_ring_has_unpublished(&self->world.ring));
	push(&self->world, 7, 1);
	publish(&self->world);
	EXPECT_EQ(7, self->world.packed[0].id);
	EXPECT_EQ(1, self->world.packed[0].len);
	EXPECT_EQ(2, self->world.packed[3].id);
	EXPECT_EQ(2, self->world.packed[3].len);
}

/* A driver that offers entries it has not got back overwrites itself, no more. */
TEST_F(used, more_than_a_round_at_once_keeps_the_position_in_the_ring)
{
	for (unsigned int i = 0; i < 5; i++)
		take(&self->world, NUM / 2, i);
	for (unsigned int i = 0; i < 5; i++)
		push(&self->world, i, 1);
	publish(&self->world);
	EXPECT_EQ(WRAP | NUM / 2, self->world.ring.used_next);
	EXPECT_EQ(self->world.ring.avail_next, self->world.ring.used_next);
}

TEST_F(used, ring_that_is_gone_is_told)
{
	take(&self->world, 1, 0);
	take(&self->world, 1, 1);
	push(&self->world, 0, 0);
	push(&self->world, 1, 0);
	user_area_remove(self->world.packed);
	EXPECT_EQ(-EFAULT, rh_ring_publish(&self->world.ring));
	EXPECT_STREQ("reject_ring_fault", world_reject(&self->world));
	user_area_remove(self->world.device_event);
	EXPECT_EQ(-EFAULT, rh_ring_enable_kick(&self->world.ring));
	EXPECT_EQ(-EFAULT, rh_ring_disable_kick(&self->world.ring));
	EXPECT_EQ(-EFAULT, rh_ring_resume(&self->world.ring));
	user_area_remove(self->world.driver_event);
	EXPECT_EQ(-EFAULT, rh_ring_needs_call(&self->world.ring));
}

TEST_HARNESS_MAIN
