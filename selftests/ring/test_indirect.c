// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile indirect tables: a table is a second place where a guest may hide a
 * loop, a wrong length or one more table. What is refused breaks that queue
 * alone, as in test_descriptors.c.
 */
#include "hostile.h"

FIXTURE(indirect) { struct hostile hostile; };
FIXTURE_VARIANT(indirect) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(indirect, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(indirect, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(indirect, net_rx) { RIG_NET_RX, DRIVER_FEATURES };

FIXTURE_SETUP(indirect)
{
	hostile_init(&self->hostile, variant->flavour, variant->features);
}

FIXTURE_TEARDOWN(indirect)
{
	rig_exit(&self->hostile.rig);
}

TEST_F(indirect, loop_in_an_indirect_table_breaks_the_queue)
{
	TABLE(0, self->hostile.good, 64, NEXT, 1);
	TABLE(1, self->hostile.good, 64, NEXT, 0);
	DESC(0, self->hostile.table_address, 2 * ENTRY, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_chain_length");
}

TEST_F(indirect, next_outside_an_indirect_table_breaks_the_queue)
{
	TABLE(0, self->hostile.good, 64, NEXT, 2);
	DESC(0, self->hostile.table_address, 2 * ENTRY, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_next");
}

TEST_F(indirect, huge_indirect_table_breaks_the_queue)
{
	DESC(0, self->hostile.table_address, (CHAIN_MAX + 1) * ENTRY, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_indirect_size");
}

TEST_F(indirect, largest_indirect_length_breaks_the_queue)
{
	DESC(0, self->hostile.table_address, 0xfffffff0, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_indirect_size");
}

TEST_F(indirect, ragged_indirect_table_breaks_the_queue)
{
	DESC(0, self->hostile.table_address, ENTRY + 1, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_indirect_size");
}

TEST_F(indirect, empty_indirect_table_breaks_the_queue)
{
	DESC(0, self->hostile.table_address, 0, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_indirect_size");
}

TEST_F(indirect, nested_indirect_table_breaks_the_queue)
{
	TABLE(0, self->hostile.table_address, ENTRY, INDIRECT, 0);
	DESC(0, self->hostile.table_address, ENTRY, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_indirect_nested");
}

TEST_F(indirect, indirect_table_with_a_next_breaks_the_queue)
{
	TABLE(0, self->hostile.good, 64, 0, 0);
	DESC(0, self->hostile.table_address, ENTRY, INDIRECT | NEXT, 1);
	DESC(1, self->hostile.good, 64, WRITE, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_indirect_nested");
}

TEST_F(indirect, indirect_table_outside_memory_breaks_the_queue)
{
	DESC(0, GUEST_HOLE_START - ENTRY, 2 * ENTRY, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_address");
}

TEST_F(indirect, chain_longer_than_the_limit_breaks_the_queue)
{
	for (unsigned int i = 0; i < CHAIN_MAX; i++)
		TABLE(i, self->hostile.good, 1, NEXT, i + 1);
	self->hostile.table[CHAIN_MAX - 1].flags = 0;
	DESC(0, self->hostile.good, 1, NEXT, 1);
	DESC(1, self->hostile.table_address, CHAIN_MAX * ENTRY, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_chain_length");
}

TEST_F(indirect, zero_length_in_an_indirect_table_breaks_the_queue)
{
	TABLE(0, self->hostile.good, 64, NEXT, 1);
	TABLE(1, self->hostile.good, 0, WRITE, 0);
	DESC(0, self->hostile.table_address, 2 * ENTRY, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_zero_length");
}

/* Without the feature there are no tables. */
FIXTURE(plain) { struct hostile hostile; };
FIXTURE_VARIANT(plain) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(plain, blk) { RIG_BLK, DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(plain, net_tx) { RIG_NET_TX, DRIVER_BIT(VIRTIO_F_VERSION_1) };

FIXTURE_SETUP(plain)
{
	hostile_init(&self->hostile, variant->flavour, variant->features);
}

FIXTURE_TEARDOWN(plain)
{
	rig_exit(&self->hostile.rig);
}

TEST_F(plain, indirect_table_that_is_not_negotiated_breaks_the_queue)
{
	TABLE(0, self->hostile.good, 64, 0, 0);
	DESC(0, self->hostile.table_address, ENTRY, INDIRECT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_indirect_feature");
}

TEST_HARNESS_MAIN
