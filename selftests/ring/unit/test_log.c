// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dirty log's look-up: from what was written, by the owner's address, to the guest pages
 * that have to be sent again. A page too few corrupts a migrated guest.
 */
#include "harness.h"
#include "play_bitmap.h"
#include "../../../kernel/core/log.h"

#define PAGE 4096ul
/* Of the owner; nothing is touched there. */
#define USER 0x700000000000ul
#define USER_FAR 0x7000f0000000ul

/* Regions of 4, 4, 4 and 8 pages; in the process the third is the first, the fourth adjoins it. */
static struct {
	struct rh_memory memory;
	struct rh_region regions[4];
} table = {
	.regions = {
		{ 0x010000, 0x013fff, USER },
		{ 0x100000, 0x103fff, USER_FAR },
		{ 0x200000, 0x203fff, USER },
		{ 0x300000, 0x307fff, USER + 4 * PAGE },
	},
};

FIXTURE(log) {
	struct rh_bitmap bitmap;
	struct rh_log log;
};
FIXTURE_VARIANT(log) { unsigned int hint; };
FIXTURE_VARIANT_ADD(log, first_hint) { 0 };
FIXTURE_VARIANT_ADD(log, other_hint) { 3 };
FIXTURE_VARIANT_ADD(log, wild_hint) { ~0u };

FIXTURE_SETUP(log)
{
	table.memory.count = 4;
	table.memory.aliased = true;
	memset(&self->bitmap, 0, sizeof(self->bitmap));
	self->log = (struct rh_log){ .bitmap = &self->bitmap, .memory = &table.memory,
				     .everything = true, .hint = variant->hint };
}

FIXTURE_TEARDOWN(log)
{
}

/* Whether the pages from @first to @last, and no others, are logged; forgets them. */
static unsigned int logged(struct rh_bitmap *bitmap, u64 first, u64 last)
{
	unsigned int wrong = 0;

	for (u64 page = 0; page < PLAY_BITS; page++)
		wrong += bitmap->set[page] != (page >= first / PAGE && page <= last / PAGE);
	memset(bitmap->set, 0, sizeof(bitmap->set));
	return wrong;
}

TEST_F(log, byte_sets_its_page)
{
	rh_log_user(&self->log, (void *)USER_FAR, 1);
	EXPECT_EQ(0, logged(&self->bitmap, 0x100000, 0x100000));
	rh_log_user(&self->log, (void *)(USER_FAR + 4 * PAGE - 1), 1);
	EXPECT_EQ(0, logged(&self->bitmap, 0x103fff, 0x103fff));
	EXPECT_EQ(2, self->log.fresh);
}

TEST_F(log, two_bytes_over_a_boundary_set_both_pages)
{
	rh_log_user(&self->log, (void *)(USER_FAR + PAGE - 1), 2);
	EXPECT_EQ(0, logged(&self->bitmap, 0x100fff, 0x101000));
}

TEST_F(log, nothing_written_sets_nothing)
{
	rh_log_user(&self->log, (void *)USER_FAR, 0);
	rh_log_guest(&self->log, 0, 0);
	EXPECT_EQ(0, logged(&self->bitmap, PLAY_BITS * PAGE, 0));
	EXPECT_EQ(0, self->log.fresh);
}

TEST_F(log, page_in_two_regions_sets_both)
{
	rh_log_user(&self->log, (void *)(USER + PAGE), 8);
	EXPECT_TRUE(self->bitmap.set[0x11]);
	EXPECT_TRUE(self->bitmap.set[0x201]);
	EXPECT_EQ(2, self->log.fresh);
}

TEST_F(log, write_over_regions_sets_pages_of_each)
{
	rh_log_user(&self->log, (void *)(USER + 3 * PAGE), 2 * PAGE);
	EXPECT_TRUE(self->bitmap.set[0x13]);
	EXPECT_TRUE(self->bitmap.set[0x203]);
	EXPECT_TRUE(self->bitmap.set[0x300]);
	EXPECT_EQ(3, self->log.fresh);
}

TEST_F(log, region_last_hit_does_not_hide_its_neighbour)
{
	table.memory.aliased = false;
	table.regions[2].user = USER_FAR + 0x100000;
	rh_log_user(&self->log, (void *)(USER + 3 * PAGE), 8);
	EXPECT_EQ(0, logged(&self->bitmap, 0x13000, 0x13000));
	rh_log_user(&self->log, (void *)(USER + 3 * PAGE), 2 * PAGE);
	EXPECT_TRUE(self->bitmap.set[0x13]);
	EXPECT_TRUE(self->bitmap.set[0x300]);
	rh_log_user(&self->log, (void *)(USER_FAR + 8), 8);
	EXPECT_TRUE(self->bitmap.set[0x100]);
	table.regions[2].user = USER;
}

TEST_F(log, memory_that_is_not_the_guests_sets_nothing)
{
	rh_log_user(&self->log, (void *)(USER - PAGE), PAGE);
	rh_log_user(&self->log, (void *)(USER_FAR + 4 * PAGE), 100 * PAGE);
	EXPECT_EQ(0, logged(&self->bitmap, PLAY_BITS * PAGE, 0));
	EXPECT_EQ(0, self->log.faults);
	/* What surrounds the guest's sets only the guest's. */
	rh_log_user(&self->log, (void *)(USER_FAR - 7), 4 * PAGE + 14);
	EXPECT_EQ(0, logged(&self->bitmap, 0x100000, 0x103fff));
}

TEST_F(log, ranges_are_logged_as_far_as_written)
{
	struct iovec ranges[] = {
		{ (void *)USER_FAR, 100 },
		{ (void *)(USER_FAR + 2 * PAGE), PAGE + 1 },
		{ (void *)(USER_FAR + PAGE), 1 },
	};

	rh_log_ranges(&self->log, ranges, 3, 100);
	EXPECT_EQ(0, logged(&self->bitmap, 0x100000, 0x100000));
	rh_log_ranges(&self->log, ranges, 3, 101);
	EXPECT_TRUE(self->bitmap.set[0x102]);
	EXPECT_FALSE(self->bitmap.set[0x103]);
	rh_log_ranges(&self->log, ranges, 3, 100 + PAGE + 2);
	EXPECT_EQ(0, logged(&self->bitmap, 0x100000, 0x103000));
}

/* VHOST_VRING_F_LOG without VHOST_F_LOG_ALL. */
TEST_F(log, buffers_are_not_logged_for_the_ring_alone)
{
	struct iovec range = { (void *)USER_FAR, 100 };

	self->log.everything = false;
	rh_log_ranges(&self->log, &range, 1, 100);
	EXPECT_EQ(0, self->log.fresh);
}

TEST_F(log, failure_is_counted)
{
	self->bitmap.gone = true;
	rh_log_user(&self->log, (void *)USER_FAR, 1);
	EXPECT_EQ(1, self->log.faults);
	EXPECT_EQ(0, self->log.fresh);
}

TEST_F(log, without_a_table_nothing_is_the_guests)
{
	self->log.memory = NULL;
	rh_log_user(&self->log, (void *)USER, 1);
	EXPECT_EQ(0, self->log.fresh);
}

TEST_HARNESS_MAIN
