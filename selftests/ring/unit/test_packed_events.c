// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who calls whom in a packed ring (virtio 1.3, 2.8.10 and 2.8.14): the driver's wish is
 * obeyed, over the ring's end too, where a position of this round and one of the last look
 * alike but for their wrap counters; and the device's own is what it means.
 */
#include "harness.h"
#include "world.h"

#define NUM 8
#define WRAP RH_PACKED_WRAP

FIXTURE(events) { struct world world; };

FIXTURE_SETUP(events)
{
	world_init_packed(&self->world, NUM);
}

FIXTURE_TEARDOWN(events)
{
	world_exit(&self->world);
}

/* Offer, pop and give back @chains chains of @count buffers; whether that needs a call. */
static int use(struct world *world, unsigned int chains, unsigned int count)
{
	while (chains--) {
		for (unsigned int i = 0; i < count; i++)
			world_offer_packed(world, WORLD_FIRST, 1,
					   i + 1 < count ? VRING_DESC_F_NEXT : 0, 0);
		ASSERT_EQ(1, world_pop(world));
		ASSERT_EQ(0, rh_ring_push(&world->ring, 0, 0));
		ASSERT_EQ(0, rh_ring_publish(&world->ring));
	}
	return rh_ring_needs_call(&world->ring);
}

static void ask(struct world *world, u16 position)
{
	world->driver_event->off_wrap = position;
	world->driver_event->flags = VRING_PACKED_EVENT_FLAG_DESC;
}

TEST_F(events, flags_enable_and_disable_calls)
{
	EXPECT_EQ(1, use(&self->world, 1, 1));
	self->world.driver_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	EXPECT_EQ(0, use(&self->world, 1, 1));
	self->world.driver_event->flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	EXPECT_EQ(1, use(&self->world, 1, 1));
}

TEST_F(events, flags_disable_the_first_call_too)
{
	self->world.driver_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	EXPECT_EQ(0, use(&self->world, 1, 1));
}

TEST_F(events, flags_enable_and_disable_calls_with_an_event_index_too)
{
	self->world.ring.event_idx = true;
	EXPECT_EQ(1, use(&self->world, 1, 1));
	self->world.driver_event->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	EXPECT_EQ(0, use(&self->world, 1, 1));
	self->world.driver_event->flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	EXPECT_EQ(1, use(&self->world, 1, 1));
}

TEST_F(events, position_counts_only_where_it_was_agreed)
{
	ask(&self->world, WRAP | 5);
	EXPECT_EQ(1, use(&self->world, 1, 1));
	EXPECT_EQ(1, use(&self->world, 1, 1));
}

TEST_F(events, reserved_flags_lose_no_call)
{
	self->world.ring.event_idx = true;
	self->world.driver_event->flags = 3;
	EXPECT_EQ(1, use(&self->world, 1, 1));
	EXPECT_EQ(1, use(&self->world, 1, 1));
}

TEST_F(events, first_use_after_the_start_calls)
{
	self->world.ring.event_idx = true;
	ask(&self->world, WRAP | 5);
	EXPECT_EQ(1, use(&self->world, 1, 1));
	EXPECT_EQ(0, use(&self->world, 1, 1));
}

TEST_F(events, position_calls_when_it_is_used_and_only_then)
{
	self->world.ring.event_idx = true;
	use(&self->world, 1, 1);
	ask(&self->world, WRAP | 3);
	EXPECT_EQ(0, use(&self->world, 2, 1));
	EXPECT_EQ(1, use(&self->world, 1, 1));
	EXPECT_EQ(0, use(&self->world, 1, 1));
}

TEST_F(events, position_within_a_chain_calls)
{
	self->world.ring.event_idx = true;
	use(&self->world, 1, 1);
	ask(&self->world, WRAP | 3);
	EXPECT_EQ(1, use(&self->world, 1, 4));
}

TEST_F(events, position_of_the_next_round_calls_in_the_next_round)
{
	self->world.ring.event_idx = true;
	use(&self->world, 4, 1);
	ask(&self->world, 1);
	EXPECT_EQ(0, use(&self->world, 4, 1));
	EXPECT_EQ(0, use(&self->world, 1, 1));
	EXPECT_EQ(1, use(&self->world, 1, 1));
}

TEST_F(events, position_before_the_rings_end_calls_from_behind_it)
{
	self->world.ring.event_idx = true;
	use(&self->world, 6, 1);
	ask(&self->world, WRAP | 7);
	EXPECT_EQ(1, use(&self->world, 1, 4));
	EXPECT_EQ(2, self->world.ring.used_next);
	/* All of a round later it is a position that has passed. */
	EXPECT_EQ(0, use(&self->world, 2, 1));
}

TEST_F(events, device_flags_enable_and_disable_kicks)
{
	EXPECT_EQ(VRING_PACKED_EVENT_FLAG_DISABLE, self->world.device_event->flags);
	EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
	EXPECT_EQ(VRING_PACKED_EVENT_FLAG_ENABLE, self->world.device_event->flags);
	EXPECT_EQ(0, rh_ring_disable_kick(&self->world.ring));
	EXPECT_EQ(VRING_PACKED_EVENT_FLAG_DISABLE, self->world.device_event->flags);
}

TEST_F(events, device_position_is_that_of_the_next_chain)
{
	self->world.ring.event_idx = true;
	for (unsigned int i = 0; i < 2 * NUM + 1; i++) {
		EXPECT_EQ(0, world_pop(&self->world));
		EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
		EXPECT_EQ(VRING_PACKED_EVENT_FLAG_DESC, self->world.device_event->flags);
		EXPECT_EQ(self->world.next, self->world.device_event->off_wrap);
		use(&self->world, 1, 1);
	}
}

TEST_F(events, with_a_position_disabling_kicks_writes_nothing)
{
	unsigned long before;

	self->world.ring.event_idx = true;
	before = user_accesses;
	EXPECT_EQ(0, rh_ring_disable_kick(&self->world.ring));
	EXPECT_EQ(before, user_accesses);
}

static struct world *current;

/* The driver looks before each write: a position that is valid is the right one. */
static void look(const volatile void *address, size_t size)
{
	(void)address;
	(void)size;
	if (current->device_event->flags == VRING_PACKED_EVENT_FLAG_DESC)
		EXPECT_EQ(current->next, current->device_event->off_wrap);
}

TEST_F(events, device_position_is_written_before_the_flags_that_make_it_valid)
{
	self->world.ring.event_idx = true;
	use(&self->world, 3, 1);
	EXPECT_EQ(0, world_pop(&self->world));
	current = &self->world;
	user_access_hook = look;
	EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
	user_access_hook = NULL;
}

TEST_F(events, chain_offered_meanwhile_is_not_missed)
{
	EXPECT_EQ(0, world_pop(&self->world));
	world_offer_packed(&self->world, WORLD_FIRST, 1, 0, 0);
	EXPECT_EQ(1, rh_ring_enable_kick(&self->world.ring));
	EXPECT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(0, world_pop(&self->world));
	EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
}

TEST_F(events, chains_given_back_are_no_news)
{
	world_offer_packed(&self->world, WORLD_FIRST, 1, 0, 0);
	ASSERT_EQ(1, world_pop(&self->world));
	ASSERT_EQ(0, world_pop(&self->world));
	world_unpop(&self->world, 2);
	EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
	world_offer_packed(&self->world, WORLD_FIRST, 1, 0, 1);
	EXPECT_EQ(1, rh_ring_enable_kick(&self->world.ring));
}

TEST_HARNESS_MAIN
