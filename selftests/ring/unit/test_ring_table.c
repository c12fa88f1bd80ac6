// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the flags around an indirect table mean, and which must be ignored (virtio 1.3,
 * 2.7.5.3 and 2.8.7): the WRITE flag of the descriptor that refers to one, and in a packed
 * ring's table all but WRITE. A device that minds them refuses drivers that are right.
 */
#include "harness.h"
#include "world.h"

FIXTURE(table) { struct world world; };
FIXTURE_VARIANT(table) { bool packed; };
FIXTURE_VARIANT_ADD(table, split) { .packed = false };
FIXTURE_VARIANT_ADD(table, packed) { .packed = true };

FIXTURE_SETUP(table)
{
	if (variant->packed)
		world_init_packed(&self->world, 8);
	else
		world_init(&self->world, 8);
}

FIXTURE_TEARDOWN(table)
{
	world_exit(&self->world);
}

/* Descriptor @index of the table at the start of guest memory: its buffer is as long. */
static void fill(struct world *world, unsigned int index, u16 flags)
{
	const u64 address = WORLD_SECOND + index * 0x100;

	if (world->packed)
		((struct vring_packed_desc *)world->first)[index] =
			(struct vring_packed_desc){ address, index + 1, 0xffff, flags };
	else
		((struct vring_desc *)world->first)[index] =
			(struct vring_desc){ address, index + 1, flags, index + 1 };
}

/* Make a chain of one direct buffer, if @direct, and then the table. */
static void offer(struct world *world, bool direct, unsigned int count, u16 flags)
{
	const u32 length = count * sizeof(struct vring_desc);

	flags |= VRING_DESC_F_INDIRECT;
	if (world->packed) {
		if (direct)
			world_offer_packed(world, WORLD_SECOND, 1, VRING_DESC_F_NEXT, 3);
		world_offer_packed(world, WORLD_FIRST, length, flags, 3);
		return;
	}
	world_desc(world, 3, WORLD_SECOND, 1, VRING_DESC_F_NEXT, 4);
	world_desc(world, 4, WORLD_FIRST, length, flags, 0);
	world_offer(world, direct ? 3 : 4);
}

TEST_F(table, takes_one_entry_of_the_ring)
{
	fill(&self->world, 0, VRING_DESC_F_NEXT);
	fill(&self->world, 1, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE);
	fill(&self->world, 2, VRING_DESC_F_WRITE);
	offer(&self->world, false, 3, 0);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(1, self->world.chain.entries);
	EXPECT_EQ(3, self->world.chain.descriptors);
	EXPECT_EQ(1, self->world.chain.out_bytes);
	EXPECT_EQ(5, self->world.chain.in_bytes);
	EXPECT_EQ(0, world_pop(&self->world));
}

TEST_F(table, write_flag_of_the_descriptor_that_refers_to_it_is_ignored)
{
	fill(&self->world, 0, VRING_DESC_F_NEXT);
	fill(&self->world, 1, VRING_DESC_F_WRITE);
	offer(&self->world, false, 2, VRING_DESC_F_WRITE);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(1, self->world.chain.out_count);
	EXPECT_EQ(1, self->world.chain.in_count);
}

TEST_F(table, may_follow_direct_descriptors)
{
	fill(&self->world, 0, VRING_DESC_F_NEXT);
	fill(&self->world, 1, VRING_DESC_F_WRITE);
	offer(&self->world, true, 2, 0);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(2, self->world.chain.entries);
	EXPECT_EQ(2, self->world.chain.out_count);
	EXPECT_EQ(1, self->world.chain.in_count);
}

TEST_F(table, empty_ragged_and_huge_ones_are_refused)
{
	static const u32 lengths[] = { 0, 15, 17, (RH_CHAIN_MAX + 1) * 16 };

	for (unsigned int i = 0; i < 4; i++) {
		offer(&self->world, false, 1, 0);
		if (variant->packed)
			self->world.packed[0].len = lengths[i];
		else
			self->world.desc[4].len = lengths[i];
		EXPECT_EQ(-EPROTO, world_pop(&self->world));
		EXPECT_STREQ("reject_indirect_size", world_reject(&self->world));
	}
}

TEST_F(table, that_is_not_the_last_descriptor_is_refused)
{
	fill(&self->world, 0, 0);
	offer(&self->world, false, 1, VRING_DESC_F_NEXT);
	EXPECT_EQ(-EPROTO, world_pop(&self->world));
	EXPECT_STREQ("reject_indirect_nested", world_reject(&self->world));
}

TEST_F(table, that_was_not_negotiated_is_refused)
{
	self->world.ring.indirect = false;
	fill(&self->world, 0, 0);
	offer(&self->world, false, 1, 0);
	EXPECT_EQ(-EPROTO, world_pop(&self->world));
	EXPECT_STREQ("reject_indirect_feature", world_reject(&self->world));
}

TEST_F(table, longest_one_works)
{
	for (unsigned int i = 0; i < RH_CHAIN_MAX; i++) {
		fill(&self->world, i, i + 1 < RH_CHAIN_MAX ? VRING_DESC_F_NEXT : 0);
		if (variant->packed)
			((struct vring_packed_desc *)self->world.first)[i].addr = WORLD_SECOND;
		else
			((struct vring_desc *)self->world.first)[i].addr = WORLD_SECOND;
	}
	offer(&self->world, false, RH_CHAIN_MAX, 0);
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(RH_CHAIN_MAX, self->world.chain.out_count);
	/* A direct buffer before it is one too many. */
	offer(&self->world, true, RH_CHAIN_MAX, 0);
	EXPECT_EQ(-EPROTO, world_pop(&self->world));
	EXPECT_STREQ("reject_chain_length", world_reject(&self->world));
}

/* A table in two regions takes two ranges to be read: they must not lie behind the last one. */
TEST(table_without_room_for_its_ranges_is_refused)
{
	struct world world;

	world_init(&world, RH_CHAIN_MAX);
	for (unsigned int i = 0; i < RH_CHAIN_MAX - 1; i++)
		world_desc(&world, i, WORLD_FIRST, 1, VRING_DESC_F_NEXT, i + 1);
	world_desc(&world, RH_CHAIN_MAX - 1, WORLD_SECOND - sizeof(struct vring_desc),
		   2 * sizeof(struct vring_desc), VRING_DESC_F_INDIRECT, 0);
	world_offer(&world, 0);
	EXPECT_EQ(-EPROTO, world_pop(&world));
	EXPECT_STREQ("reject_chain_length", world_reject(&world));
	world_exit(&world);
}

TEST(other_flags_than_write_are_ignored_in_a_packed_table)
{
	struct world world;

	world_init_packed(&world, 8);
	fill(&world, 0, 0);
	fill(&world, 1, VRING_DESC_F_INDIRECT | 0x8080);
	fill(&world, 2, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT);
	offer(&world, false, 3, 0);
	ASSERT_EQ(1, world_pop(&world));
	EXPECT_EQ(3, world.chain.head);
	EXPECT_EQ(2, world.chain.out_count);
	EXPECT_EQ(1, world.chain.in_count);
	EXPECT_EQ(3, world.chain.in_bytes);
	world_exit(&world);
}

TEST_HARNESS_MAIN
