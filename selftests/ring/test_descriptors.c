// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile descriptor chains. The guest writes whatever it likes into its ring;
 * each thing that is refused breaks that queue, under one name, fires the error
 * eventfd, leaves the neighbour alone, and is repaired by stop and start.
 */
#include "hostile.h"

/* The last guest-physical address. */
#define TOP (~0ull)

FIXTURE(direct) { struct hostile hostile; };
FIXTURE_VARIANT(direct) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(direct, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(direct, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(direct, net_rx) { RIG_NET_RX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(direct, blk_plain) { RIG_BLK, DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(direct, net_tx_plain) { RIG_NET_TX, DRIVER_BIT(VIRTIO_F_VERSION_1) };

FIXTURE_SETUP(direct)
{
	hostile_init(&self->hostile, variant->flavour, variant->features);
}

FIXTURE_TEARDOWN(direct)
{
	rig_exit(&self->hostile.rig);
}

TEST_F(direct, head_outside_the_table_breaks_the_queue)
{
	OFFER(RING);
	EXPECT_REFUSED("reject_head");
}

TEST_F(direct, largest_head_breaks_the_queue)
{
	OFFER(0xffff);
	EXPECT_REFUSED("reject_head");
}

TEST_F(direct, next_outside_the_table_breaks_the_queue)
{
	DESC(0, self->hostile.good, 64, NEXT, RING);
	OFFER(0);
	EXPECT_REFUSED("reject_next");
}

TEST_F(direct, descriptor_that_is_its_own_next_breaks_the_queue)
{
	DESC(0, self->hostile.good, 64, NEXT, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_chain_length");
}

TEST_F(direct, loop_of_descriptors_breaks_the_queue)
{
	for (unsigned int i = 0; i < 8; i++)
		DESC(i, self->hostile.good, 64, NEXT, (i + 1) % 8);
	OFFER(3);
	EXPECT_REFUSED("reject_chain_length");
}

TEST_F(direct, buffer_into_a_hole_breaks_the_queue)
{
	DESC(0, GUEST_HOLE_START - 16, 32, WRITE, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_address");
}

TEST_F(direct, buffer_in_a_hole_breaks_the_queue)
{
	DESC(0, GUEST_HOLE_START + 4096, 64, 0, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_address");
}

TEST_F(direct, buffer_past_the_last_region_breaks_the_queue)
{
	DESC(0, GUEST_FAR_START + GUEST_FAR_SIZE - 16, 17, 0, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_address");
}

TEST_F(direct, address_that_wraps_breaks_the_queue)
{
	DESC(0, TOP - 15, 64, WRITE, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_address");
}

TEST_F(direct, address_of_the_process_breaks_the_queue)
{
	DESC(0, (unsigned long)self->hostile.table, 64, WRITE, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_address");
}

TEST_F(direct, largest_length_breaks_the_queue)
{
	DESC(0, self->hostile.good, 0xffffffff, WRITE, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_address");
}

TEST_F(direct, zero_length_breaks_the_queue)
{
	DESC(0, self->hostile.good, 0, 0, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_zero_length");
}

TEST_F(direct, readable_after_writable_breaks_the_queue)
{
	DESC(0, self->hostile.good, 64, NEXT | WRITE, 1);
	DESC(1, self->hostile.good, 64, 0, 0);
	OFFER(0);
	EXPECT_REFUSED("reject_order");
}

TEST_F(direct, index_that_ran_ahead_breaks_the_queue)
{
	DESC(0, self->hostile.good, 64, 0, 0);
	self->hostile.rig.queue->avail_next += RING;
	OFFER(0);
	EXPECT_REFUSED("reject_avail_index");
}

TEST_F(direct, index_that_went_back_breaks_the_queue)
{
	self->hostile.rig.queue->avail_next -= 2;
	OFFER(0);
	EXPECT_REFUSED("reject_avail_index");
}

TEST_HARNESS_MAIN
