// SPDX-License-Identifier: GPL-2.0-only
/*
 * Popping chains off a split ring: what a driver may offer, and what is
 * refused, each under its name. The ring's position must not move on a refusal,
 * so that whoever repairs the ring goes on where it stood.
 */
#include "harness.h"
#include "world.h"

#define OUT 0
#define IN VRING_DESC_F_WRITE
#define NEXT VRING_DESC_F_NEXT
#define INDIRECT VRING_DESC_F_INDIRECT
#define ENTRY sizeof(struct vring_desc)

FIXTURE(pop) { struct world world; };

FIXTURE_SETUP(pop)
{
	world_init(&self->world, WORLD_NUM);
}

FIXTURE_TEARDOWN(pop)
{
	world_exit(&self->world);
}

#define DESC(...) world_desc(&self->world, __VA_ARGS__)
#define EXPECT_REFUSED(name) do { \
	u16 position_ = self->world.ring.avail_next; \
	EXPECT_GT(0, world_pop(&self->world)); \
	EXPECT_STREQ(name, world_reject(&self->world)); \
	EXPECT_EQ(position_, self->world.ring.avail_next); \
	} while (0)

TEST_F(pop, empty_ring_gives_nothing)
{
	EXPECT_EQ(0, world_pop(&self->world));
	EXPECT_EQ(0, world_pop(&self->world));
}

TEST_F(pop, chain_is_translated_and_counted)
{
	struct rh_chain *chain = &self->world.chain;

	DESC(7, WORLD_FIRST + 0x10, 0x20, NEXT | OUT, 3);
	DESC(3, WORLD_FIRST + 0x100, 0x200, NEXT | OUT, 250);
	DESC(250, WORLD_SECOND, 0x1000, IN, 0);
	world_offer(&self->world, 7);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(7, chain->head);
	EXPECT_EQ(2, chain->out_count);
	EXPECT_EQ(1, chain->in_count);
	EXPECT_EQ(0x220, chain->out_bytes);
	EXPECT_EQ(0x1000, chain->in_bytes);
	EXPECT_EQ(3, chain->descriptors);
	EXPECT_EQ(self->world.first + 0x10, chain->out[0].iov_base);
	EXPECT_EQ(self->world.first + 0x100, chain->out[1].iov_base);
	EXPECT_EQ(self->world.second, chain->in[0].iov_base);
	EXPECT_EQ(0, world_pop(&self->world));
}

TEST_F(pop, indirect_chain_equals_a_direct_one)
{
	struct vring_desc *table = world_table(&self->world);
	struct rh_chain *chain = &self->world.chain;

	self->world.desc[0].len = 3 * ENTRY;
	table[0] = (struct vring_desc){ WORLD_FIRST + 0x100, 16, NEXT, 2 };
	table[2] = (struct vring_desc){ WORLD_FIRST + 0x200, 32, IN, 0 };
	world_offer(&self->world, 0);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(0, chain->head);
	EXPECT_EQ(16, chain->out_bytes);
	EXPECT_EQ(32, chain->in_bytes);
	EXPECT_EQ(2, chain->descriptors);
}

TEST_F(pop, table_may_follow_direct_descriptors)
{
	struct vring_desc *table = world_table(&self->world);

	table[0] = (struct vring_desc){ WORLD_SECOND, 8, IN, 0 };
	DESC(9, WORLD_FIRST + 0x100, 4, NEXT, 0);
	world_offer(&self->world, 9);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(4, self->world.chain.out_bytes);
	EXPECT_EQ(8, self->world.chain.in_bytes);
}

TEST_F(pop, table_over_two_regions_is_read_whole)
{
	u64 address = WORLD_SECOND - ENTRY;
	struct vring_desc last = { WORLD_FIRST, 5, IN, 0 };
	struct vring_desc first = { WORLD_FIRST + 0x100, 3, NEXT, 1 };

	memcpy(self->world.first + WORLD_REGION - ENTRY, &first, ENTRY);
	memcpy(self->world.second, &last, ENTRY);
	DESC(0, address, 2 * ENTRY, INDIRECT, 0);
	world_offer(&self->world, 0);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(3, self->world.chain.out_bytes);
	EXPECT_EQ(5, self->world.chain.in_bytes);
}

TEST_F(pop, longest_chain_works_and_one_more_is_refused)
{
	struct vring_desc *table = world_table(&self->world);

	self->world.desc[0].len = RH_CHAIN_MAX * ENTRY;
	for (unsigned int i = 0; i < RH_CHAIN_MAX; i++)
		table[i] = (struct vring_desc){ WORLD_SECOND, 1, NEXT, i + 1 };
	table[RH_CHAIN_MAX - 1].flags = 0;
	world_offer(&self->world, 0);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(RH_CHAIN_MAX, self->world.chain.out_count);

	DESC(1, WORLD_SECOND, 1, NEXT, 0);
	world_offer(&self->world, 1);
	EXPECT_REFUSED("reject_chain_length");
}

TEST_F(pop, more_ranges_than_room_are_refused)
{
	struct vring_desc *table = world_table(&self->world);

	/* Each buffer touches two regions, so half as many descriptors fill the room. */
	self->world.desc[0].len = RH_CHAIN_MAX * ENTRY;
	for (unsigned int i = 0; i < RH_CHAIN_MAX; i++)
		table[i] = (struct vring_desc){ WORLD_SECOND - 1, 2, NEXT, i + 1 };
	table[RH_CHAIN_MAX - 1].flags = 0;
	world_offer(&self->world, 0);
	EXPECT_REFUSED("reject_chain_length");
	table[RH_CHAIN_MAX / 2 - 1].flags = 0;
	EXPECT_EQ(1, world_pop(&self->world));
}

TEST_F(pop, head_outside_the_table_is_refused)
{
	world_offer(&self->world, WORLD_NUM);
	EXPECT_REFUSED("reject_head");
	self->world.avail->ring[0] = 0xffff;
	/* What was read ahead is what counts until the position is set anew. */
	world_seek(&self->world, 0);
	EXPECT_REFUSED("reject_head");
}

TEST_F(pop, next_outside_the_table_is_refused)
{
	DESC(0, WORLD_FIRST, 1, NEXT, WORLD_NUM);
	world_offer(&self->world, 0);
	EXPECT_REFUSED("reject_next");
	self->world.desc[0].next = 0xffff;
	EXPECT_REFUSED("reject_next");
}

TEST_F(pop, next_outside_an_indirect_table_is_refused)
{
	struct vring_desc *table = world_table(&self->world);

	self->world.desc[0].len = 2 * ENTRY;
	table[0] = (struct vring_desc){ WORLD_FIRST, 1, NEXT, 2 };
	world_offer(&self->world, 0);
	EXPECT_REFUSED("reject_next");
}

TEST_F(pop, loops_are_refused)
{
	struct vring_desc *table = world_table(&self->world);

	DESC(1, WORLD_FIRST, 1, NEXT, 2);
	DESC(2, WORLD_FIRST, 1, NEXT, 1);
	DESC(3, WORLD_FIRST, 1, NEXT, 3);
	world_offer(&self->world, 1);
	EXPECT_REFUSED("reject_chain_length");
	world_seek(&self->world, 0);
	self->world.avail->ring[0] = 3;
	EXPECT_REFUSED("reject_chain_length");
	table[0] = (struct vring_desc){ WORLD_FIRST, 1, NEXT, 0 };
	self->world.avail->ring[0] = 0;
	world_seek(&self->world, 0);
	EXPECT_REFUSED("reject_chain_length");
}

TEST_F(pop, zero_length_is_refused)
{
	struct vring_desc *table = world_table(&self->world);

	DESC(1, WORLD_FIRST, 0, 0, 0);
	world_offer(&self->world, 1);
	EXPECT_REFUSED("reject_zero_length");
	table[0] = (struct vring_desc){ WORLD_FIRST, 0, 0, 0 };
	self->world.avail->ring[0] = 0;
	world_seek(&self->world, 0);
	EXPECT_REFUSED("reject_zero_length");
}

TEST_F(pop, readable_after_writable_is_refused)
{
	DESC(0, WORLD_FIRST, 1, NEXT | IN, 1);
	DESC(1, WORLD_FIRST, 1, OUT, 0);
	world_offer(&self->world, 0);
	EXPECT_REFUSED("reject_order");
}

TEST_F(pop, buffer_outside_memory_is_refused)
{
	u64 bad[] = { 0, WORLD_FIRST - 1, WORLD_HOLE, WORLD_HOLE - 1, ~0ull, ~0ull - 1,
		      (unsigned long)self->world.first };

	DESC(0, 0, 2, 0, 0);
	world_offer(&self->world, 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		self->world.desc[0].addr = bad[i];
		EXPECT_REFUSED("reject_address");
	}
	self->world.desc[0].addr = WORLD_FIRST;
	self->world.desc[0].len = ~0u;
	EXPECT_REFUSED("reject_address");
	self->world.desc[0].len = 2 * WORLD_REGION;
	EXPECT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(2, self->world.chain.out_count);
}

TEST_F(pop, table_that_is_not_negotiated_is_refused)
{
	world_table(&self->world);
	self->world.ring.indirect = false;
	world_offer(&self->world, 0);
	EXPECT_REFUSED("reject_indirect_feature");
}

TEST_F(pop, empty_ragged_and_huge_tables_are_refused)
{
	u32 bad[] = { 0, 1, ENTRY - 1, ENTRY + 1, (RH_CHAIN_MAX + 1) * ENTRY, ~0u, ~0u - 15 };

	world_table(&self->world);
	world_offer(&self->world, 0);
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		self->world.desc[0].len = bad[i];
		EXPECT_REFUSED("reject_indirect_size");
	}
}

TEST_F(pop, nested_and_continued_tables_are_refused)
{
	struct vring_desc *table = world_table(&self->world);

	table[0] = (struct vring_desc){ WORLD_FIRST, ENTRY, INDIRECT, 0 };
	world_offer(&self->world, 0);
	EXPECT_REFUSED("reject_indirect_nested");
	table[0] = (struct vring_desc){ WORLD_FIRST, 1, 0, 0 };
	self->world.desc[0].flags |= NEXT;
	EXPECT_REFUSED("reject_indirect_nested");
}

TEST_F(pop, table_outside_memory_is_refused)
{
	DESC(0, WORLD_HOLE - ENTRY, 2 * ENTRY, INDIRECT, 0);
	world_offer(&self->world, 0);
	EXPECT_REFUSED("reject_address");
	user_area_remove(self->world.second);
	self->world.desc[0].len = ENTRY;
	EXPECT_REFUSED("reject_address");
}

TEST_F(pop, index_that_ran_ahead_is_refused)
{
	DESC(0, WORLD_FIRST, 1, 0, 0);
	self->world.avail->idx = WORLD_NUM + 1;
	EXPECT_REFUSED("reject_avail_index");
	self->world.avail->idx = 0x8000;
	EXPECT_REFUSED("reject_avail_index");
	self->world.avail->idx = 0xffff;
	EXPECT_REFUSED("reject_avail_index");
	self->world.avail->idx = WORLD_NUM;
	EXPECT_EQ(1, world_pop(&self->world));
}

TEST_F(pop, ring_that_is_gone_is_refused)
{
	DESC(0, WORLD_FIRST, 1, 0, 0);
	world_offer(&self->world, 0);
	user_area_remove(self->world.desc);
	EXPECT_REFUSED("reject_ring_fault");
	user_area_remove(self->world.avail);
	world_seek(&self->world, 0);
	EXPECT_REFUSED("reject_ring_fault");
}

TEST_F(pop, heads_are_fetched_in_batches)
{
	unsigned long before;

	DESC(0, WORLD_FIRST, 1, 0, 0);
	for (unsigned int i = 0; i < RH_RING_BATCH; i++)
		world_offer(&self->world, 0);
	before = user_accesses;
	for (unsigned int i = 0; i < RH_RING_BATCH; i++)
		ASSERT_EQ(1, world_pop(&self->world));
	/* The index once, the heads once, each descriptor once. */
	EXPECT_EQ(before + 2 + RH_RING_BATCH, user_accesses);
}

TEST_F(pop, batch_of_heads_ends_at_the_rings_end)
{
	for (unsigned int i = 0; i < WORLD_NUM; i++)
		DESC(i, WORLD_FIRST, i + 1, 0, 0);
	world_seek(&self->world, WORLD_NUM - 5);
	self->world.avail->idx = WORLD_NUM - 5;
	for (unsigned int i = 0; i < 20; i++)
		world_offer(&self->world, i);
	for (unsigned int i = 0; i < 20; i++) {
		ASSERT_EQ(1, world_pop(&self->world));
		ASSERT_EQ(i, self->world.chain.head);
	}
}

TEST_F(pop, index_wraps)
{
	world_seek(&self->world, 0xfff0);
	self->world.avail->idx = 0xfff0;
	for (unsigned int i = 0; i < WORLD_NUM; i++)
		DESC(i, WORLD_FIRST, i + 1, 0, 0);
	for (unsigned int i = 0; i < 1000; i++) {
		world_offer(&self->world, i % WORLD_NUM);
		ASSERT_EQ(1, world_pop(&self->world));
		ASSERT_EQ(i % WORLD_NUM, self->world.chain.head);
		ASSERT_EQ(i % WORLD_NUM + 1, self->world.chain.out_bytes);
		ASSERT_EQ(0, rh_ring_push(&self->world.ring, self->world.chain.head, 0));
		ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	}
	EXPECT_EQ((u16)(0xfff0 + 1000), self->world.ring.avail_next);
	EXPECT_EQ(0, world_pop(&self->world));
}

TEST_F(pop, what_was_given_back_is_popped_again)
{
	for (unsigned int i = 0; i < WORLD_NUM; i++) {
		DESC(i, WORLD_FIRST, 1, 0, 0);
		world_offer(&self->world, i);
	}
	/* More than one batch of heads, so that those read ahead are gone. */
	for (unsigned int i = 0; i < 200; i++)
		ASSERT_EQ(1, world_pop(&self->world));
	world_unpop(&self->world, 199);
	for (unsigned int i = 1; i < WORLD_NUM; i++) {
		ASSERT_EQ(1, world_pop(&self->world));
		ASSERT_EQ(i, self->world.chain.head);
	}
	EXPECT_EQ(0, world_pop(&self->world));
}

TEST_F(pop, ring_may_be_as_small_as_one_entry)
{
	world_exit(&self->world);
	world_init(&self->world, 1);
	DESC(0, WORLD_FIRST, 1, 0, 0);
	for (unsigned int i = 0; i < 5; i++) {
		world_offer(&self->world, 0);
		ASSERT_EQ(1, world_pop(&self->world));
		ASSERT_EQ(0, rh_ring_push(&self->world.ring, 0, 0));
		ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
	}
}

TEST_F(pop, largest_ring_works)
{
	world_exit(&self->world);
	world_init(&self->world, RH_RING_NUM_MAX);
	DESC(RH_RING_NUM_MAX - 1, WORLD_FIRST, 1, 0, 0);
	for (unsigned int i = 0; i < RH_RING_NUM_MAX; i++)
		world_offer(&self->world, RH_RING_NUM_MAX - 1);
	for (unsigned int i = 0; i < RH_RING_NUM_MAX; i++)
		ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(0, world_pop(&self->world));
}

TEST_F(pop, big_endian_ring_is_understood)
{
	self->world.ring.little_endian = false;
	self->world.desc[1] = (struct vring_desc){
		__builtin_bswap64(WORLD_FIRST + 8), __builtin_bswap32(6), __builtin_bswap16(IN), 0
	};
	self->world.avail->ring[0] = __builtin_bswap16(1);
	self->world.avail->idx = __builtin_bswap16(1);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(1, self->world.chain.head);
	EXPECT_EQ(6, self->world.chain.in_bytes);
}

TEST_HARNESS_MAIN
