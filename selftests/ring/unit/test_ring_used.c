// SPDX-License-Identifier: GPL-2.0-only
/*
 * Giving chains back: used entries appear in order, all of a batch at once,
 * and the driver is called, or kicks, exactly when it or we asked.
 */
#include "harness.h"
#include "world.h"

FIXTURE(used) { struct world world; };

/* A full ring of chains of one descriptor each, all of them popped. */
FIXTURE_SETUP(used)
{
	world_init(&self->world, WORLD_NUM);
	for (unsigned int i = 0; i < WORLD_NUM; i++) {
		world_desc(&self->world, i, WORLD_FIRST, 1, VRING_DESC_F_WRITE, 0);
		world_offer(&self->world, i);
	}
	for (unsigned int i = 0; i < WORLD_NUM; i++)
		ASSERT_EQ(1, world_pop(&self->world));
}

FIXTURE_TEARDOWN(used)
{
	world_exit(&self->world);
}

static void push(struct world *world, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		ASSERT_EQ(0, rh_ring_push(&world->ring, i, i + 1));
}

static void publish(struct world *world, unsigned int count)
{
	push(world, count);
	ASSERT_EQ(0, rh_ring_publish(&world->ring));
}

TEST_F(used, nothing_shows_before_publish)
{
	push(&self->world, WORLD_NUM);
	EXPECT_EQ(0, self->world.used->idx);
	EXPECT_TRUE(rh_ring_has_unpublished(&self->world.ring));
	ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	EXPECT_FALSE(rh_ring_has_unpublished(&self->world.ring));
	EXPECT_EQ(WORLD_NUM, self->world.used->idx);
	for (unsigned int i = 0; i < WORLD_NUM; i++) {
		ASSERT_EQ(i, self->world.used->ring[i].id);
		ASSERT_EQ(i + 1, self->world.used->ring[i].len);
	}
}

TEST_F(used, batch_costs_one_index_write)
{
	unsigned long before = user_accesses;

	publish(&self->world, RH_RING_BATCH - 1);
	EXPECT_EQ(before + 2, user_accesses);
}

TEST_F(used, entries_wrap_with_the_ring)
{
	publish(&self->world, WORLD_NUM - 10);
	for (unsigned int i = 0; i < WORLD_NUM - 10; i++)
		world_offer(&self->world, i);
	for (unsigned int i = 0; i < WORLD_NUM - 10; i++)
		ASSERT_EQ(1, world_pop(&self->world));
	publish(&self->world, 100);
	EXPECT_EQ(WORLD_NUM + 90, self->world.used->idx);
	for (unsigned int i = 0; i < 100; i++)
		ASSERT_EQ(i, self->world.used->ring[(WORLD_NUM - 10 + i) % WORLD_NUM].id);
}

TEST_F(used, resume_goes_on_at_the_drivers_index)
{
	self->world.used->idx = 0xfffe;
	self->world.ring.base = WORLD_NUM;
	ASSERT_EQ(0, rh_ring_resume(&self->world.ring));
	world_offer(&self->world, 5);
	ASSERT_EQ(1, world_pop(&self->world));
	ASSERT_EQ(0, rh_ring_push(&self->world.ring, 5, 9));
	ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	EXPECT_EQ(0xffff, self->world.used->idx);
	EXPECT_EQ(5, self->world.used->ring[0xfffe % WORLD_NUM].id);
}

TEST_F(used, ring_that_is_gone_is_told)
{
	user_area_remove(self->world.used);
	push(&self->world, RH_RING_BATCH - 1);
	EXPECT_EQ(-EFAULT, rh_ring_push(&self->world.ring, 0, 0));
	EXPECT_STREQ("reject_ring_fault", world_reject(&self->world));
	push(&self->world, 1);
	EXPECT_EQ(-EFAULT, rh_ring_publish(&self->world.ring));
	EXPECT_EQ(-EFAULT, rh_ring_enable_kick(&self->world.ring));
	EXPECT_EQ(-EFAULT, rh_ring_disable_kick(&self->world.ring));
	EXPECT_EQ(-EFAULT, rh_ring_resume(&self->world.ring));
	user_area_remove(self->world.avail);
	EXPECT_EQ(-EFAULT, rh_ring_needs_call(&self->world.ring));
}

TEST_F(used, flag_suppresses_calls)
{
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
	self->world.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	publish(&self->world, 1);
	EXPECT_EQ(0, rh_ring_needs_call(&self->world.ring));
	/* The other bits are reserved. */
	self->world.avail->flags = (__virtio16)~VRING_AVAIL_F_NO_INTERRUPT;
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
}

TEST_F(used, empty_ring_calls_whatever_the_flag_says)
{
	self->world.ring.call_on_empty = true;
	self->world.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
	/* Another chain is on offer, and known to be. */
	world_offer(&self->world, 0);
	world_offer(&self->world, 0);
	ASSERT_EQ(1, world_pop(&self->world));
	publish(&self->world, 1);
	EXPECT_EQ(0, rh_ring_needs_call(&self->world.ring));
	ASSERT_EQ(1, world_pop(&self->world));
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
}

TEST_F(used, empty_ring_calls_whatever_the_event_index_says)
{
	self->world.ring.call_on_empty = true;
	self->world.ring.event_idx = true;
	self->world.ring.call_first = false;
	self->world.avail->ring[WORLD_NUM] = 100;
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
	self->world.ring.call_on_empty = false;
	publish(&self->world, 1);
	EXPECT_EQ(0, rh_ring_needs_call(&self->world.ring));
}

TEST_F(used, event_index_suppresses_calls)
{
	__virtio16 *event = &self->world.avail->ring[WORLD_NUM];

	self->world.ring.event_idx = true;
	publish(&self->world, 1);
	/* Nobody knows what the driver has seen before: the first is always signalled. */
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
	*event = 5;
	publish(&self->world, 4);
	EXPECT_EQ(0, rh_ring_needs_call(&self->world.ring));
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
	publish(&self->world, 1);
	EXPECT_EQ(0, rh_ring_needs_call(&self->world.ring));
	*event = 9;
	publish(&self->world, 20);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
}

TEST_F(used, flag_is_ignored_with_an_event_index_and_the_index_without)
{
	self->world.avail->ring[WORLD_NUM] = 1000;
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
	self->world.ring.event_idx = true;
	self->world.avail->ring[WORLD_NUM] = 2;
	self->world.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
}

TEST_F(used, event_index_calls_over_the_wrap_of_the_index)
{
	self->world.ring.event_idx = true;
	self->world.ring.call_first = false;
	self->world.ring.used_next = 0xfffe;
	self->world.avail->ring[WORLD_NUM] = 0;
	publish(&self->world, 2);
	EXPECT_EQ(0, rh_ring_needs_call(&self->world.ring));
	publish(&self->world, 1);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
}

TEST_F(used, event_index_counts_all_that_was_published_since_it_was_asked)
{
	self->world.ring.event_idx = true;
	self->world.ring.call_first = false;
	self->world.avail->ring[WORLD_NUM] = 1;
	publish(&self->world, 2);
	publish(&self->world, 2);
	EXPECT_EQ(1, rh_ring_needs_call(&self->world.ring));
}

TEST_F(used, flag_suppresses_the_first_call_too)
{
	self->world.avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	publish(&self->world, 1);
	EXPECT_EQ(0, rh_ring_needs_call(&self->world.ring));
}

TEST_F(used, what_was_not_published_is_forgotten_with_the_next_start)
{
	push(&self->world, RH_RING_BATCH + 1);
	EXPECT_TRUE(rh_ring_has_unpublished(&self->world.ring));
	ASSERT_EQ(0, rh_ring_resume(&self->world.ring));
	EXPECT_FALSE(rh_ring_has_unpublished(&self->world.ring));
	EXPECT_EQ(0, self->world.ring.outstanding);
}

TEST_F(used, chains_may_come_back_in_any_order)
{
	ASSERT_EQ(0, rh_ring_push(&self->world.ring, 9, 90));
	ASSERT_EQ(0, rh_ring_push(&self->world.ring, 3, 30));
	ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	EXPECT_EQ(9, self->world.used->ring[0].id);
	EXPECT_EQ(90, self->world.used->ring[0].len);
	EXPECT_EQ(3, self->world.used->ring[1].id);
}

TEST_F(used, flag_asks_for_kicks)
{
	EXPECT_EQ(VRING_USED_F_NO_NOTIFY, self->world.used->flags);
	EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
	EXPECT_EQ(0, self->world.used->flags);
	EXPECT_EQ(0, rh_ring_disable_kick(&self->world.ring));
	EXPECT_EQ(VRING_USED_F_NO_NOTIFY, self->world.used->flags);
}

TEST_F(used, event_index_asks_for_kicks)
{
	__virtio16 *event = (__virtio16 *)&self->world.used->ring[WORLD_NUM];

	self->world.ring.event_idx = true;
	EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
	EXPECT_EQ(WORLD_NUM, *event);
	/* Who was given chains back waits for more than those. */
	world_unpop(&self->world, 7);
	EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
	EXPECT_EQ(WORLD_NUM, *event);
}

TEST_F(used, event_index_leaves_the_flags_alone)
{
	self->world.ring.event_idx = true;
	self->world.used->flags = 0;
	EXPECT_EQ(0, rh_ring_disable_kick(&self->world.ring));
	EXPECT_EQ(0, self->world.used->flags);
}

TEST_F(used, chain_offered_meanwhile_is_not_missed)
{
	publish(&self->world, WORLD_NUM);
	world_offer(&self->world, 0);
	EXPECT_EQ(1, rh_ring_enable_kick(&self->world.ring));
	EXPECT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
}

TEST_F(used, chains_given_back_are_no_news)
{
	publish(&self->world, WORLD_NUM - 3);
	world_unpop(&self->world, 3);
	EXPECT_EQ(0, rh_ring_enable_kick(&self->world.ring));
	world_offer(&self->world, 0);
	EXPECT_EQ(1, rh_ring_enable_kick(&self->world.ring));
}

TEST_F(used, big_endian_entries_are_written)
{
	self->world.ring.little_endian = false;
	publish(&self->world, 3);
	EXPECT_EQ(__builtin_bswap16(3), self->world.used->idx);
	EXPECT_EQ(__builtin_bswap32(2), self->world.used->ring[2].id);
	EXPECT_EQ(__builtin_bswap32(3), self->world.used->ring[2].len);
}

TEST_HARNESS_MAIN
