// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory table: what a device may touch. A wrong bound here is a hole from
 * the guest into the owner's process, so each bound has a test, and random
 * tables are compared with a model that looks at one byte at a time.
 */
#include <stdio.h>
#include <time.h>

#include "harness.h"
#include "unit.h"
#include "../../../kernel/core/memory.h"

#include <linux/vhost_types.h>

#define USER_BASE 0x10000000ul

FIXTURE(table) {
	struct vhost_memory *user;
	struct rh_memory *memory;
	struct iovec iov[8];
	unsigned int hint;
};

static void describe(struct vhost_memory *user, unsigned int index, u64 start, u64 size,
		     u64 address)
{
	user->regions[index] = (struct vhost_memory_region){ start, size, address, 0 };
	if (user->nregions <= index)
		user->nregions = index + 1;
}

FIXTURE_SETUP(table)
{
	size_t size = sizeof(*self->user) + 600 * sizeof(self->user->regions[0]);

	self->user = calloc(1, size);
	ASSERT_NE(NULL, self->user);
	user_areas_clear();
	user_area_add(self->user, size);
	/* Out of order on purpose: 0x3000-0x4fff, a hole, 0x6000-0x6fff and 0x7000-0x7fff. */
	describe(self->user, 0, 0x7000, 0x1000, USER_BASE + 0x700000);
	describe(self->user, 1, 0x3000, 0x2000, USER_BASE + 0x300000);
	describe(self->user, 2, 0x6000, 0x1000, USER_BASE + 0x600000);
	self->memory = rh_memory_alloc(self->user);
	ASSERT_FALSE(IS_ERR(self->memory));
}

FIXTURE_TEARDOWN(table)
{
	rh_memory_free(self->memory);
	free(self->user);
}

static long alloc_error(struct vhost_memory *user)
{
	struct rh_memory *memory = rh_memory_alloc(user);

	if (IS_ERR(memory))
		return PTR_ERR(memory);
	rh_memory_free(memory);
	return 0;
}

#define TRANSLATE(address, length, room) \
	rh_memory_translate(self->memory, &self->hint, address, length, VHOST_ACCESS_RW, \
			    self->iov, room)

TEST_F(table, first_and_last_byte_are_found)
{
	ASSERT_EQ(1, TRANSLATE(0x3000, 1, 8));
	EXPECT_EQ(USER_BASE + 0x300000, self->iov[0].iov_base);
	EXPECT_EQ(1, self->iov[0].iov_len);
	ASSERT_EQ(1, TRANSLATE(0x4fff, 1, 8));
	EXPECT_EQ(USER_BASE + 0x301fff, self->iov[0].iov_base);
	ASSERT_EQ(1, TRANSLATE(0x3000, 0x2000, 8));
	EXPECT_EQ(0x2000, self->iov[0].iov_len);
}

TEST_F(table, byte_outside_every_region_is_refused)
{
	EXPECT_EQ(-EFAULT, TRANSLATE(0x2fff, 1, 8));
	EXPECT_EQ(-EFAULT, TRANSLATE(0x5000, 1, 8));
	EXPECT_EQ(-EFAULT, TRANSLATE(0x5fff, 1, 8));
	EXPECT_EQ(-EFAULT, TRANSLATE(0x8000, 1, 8));
	EXPECT_EQ(-EFAULT, TRANSLATE(0, 1, 8));
	EXPECT_EQ(-EFAULT, TRANSLATE(~0ull, 1, 8));
}

TEST_F(table, range_into_a_hole_is_refused)
{
	EXPECT_EQ(-EFAULT, TRANSLATE(0x4fff, 2, 8));
	EXPECT_EQ(-EFAULT, TRANSLATE(0x3000, 0xffffffff, 8));
	EXPECT_EQ(-EFAULT, TRANSLATE(0x2fff, 2, 8));
}

TEST_F(table, range_over_adjacent_regions_becomes_two)
{
	ASSERT_EQ(2, TRANSLATE(0x6ff0, 0x30, 8));
	EXPECT_EQ(USER_BASE + 0x600ff0, self->iov[0].iov_base);
	EXPECT_EQ(0x10, self->iov[0].iov_len);
	EXPECT_EQ(USER_BASE + 0x700000, self->iov[1].iov_base);
	EXPECT_EQ(0x20, self->iov[1].iov_len);
}

TEST_F(table, too_little_room_is_told)
{
	self->iov[1].iov_len = 77;
	EXPECT_EQ(-ENOBUFS, TRANSLATE(0x6ff0, 0x30, 1));
	EXPECT_EQ(77, self->iov[1].iov_len);
	EXPECT_EQ(-ENOBUFS, TRANSLATE(0x6000, 1, 0));
	/* Where the last hit answers, too. */
	ASSERT_EQ(1, TRANSLATE(0x6000, 1, 8));
	EXPECT_EQ(-ENOBUFS, TRANSLATE(0x6000, 1, 0));
}

TEST_F(table, any_hint_is_safe)
{
	unsigned int hints[] = { 0, 1, 2, 3, 509, ~0u };

	for (unsigned int i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		self->hint = hints[i];
		ASSERT_EQ(1, TRANSLATE(0x4000, 4, 8));
		EXPECT_EQ(USER_BASE + 0x301000, self->iov[0].iov_base);
	}
}

TEST_F(table, empty_table_holds_nothing)
{
	struct rh_memory *memory;

	self->user->nregions = 0;
	memory = rh_memory_alloc(self->user);
	ASSERT_FALSE(IS_ERR(memory));
	EXPECT_EQ(-EFAULT, rh_memory_translate(memory, &self->hint, 0, 1, VHOST_ACCESS_RO,
					       self->iov, 8));
	rh_memory_free(memory);
}

TEST_F(table, region_up_to_the_last_address_works)
{
	rh_memory_free(self->memory);
	self->user->nregions = 0;
	describe(self->user, 0, ~0ull - 0xfff, 0x1000, USER_BASE);
	describe(self->user, 1, 0, 0x1000, USER_BASE + 0x100000);
	self->memory = rh_memory_alloc(self->user);
	ASSERT_FALSE(IS_ERR(self->memory));
	ASSERT_EQ(1, TRANSLATE(~0ull, 1, 8));
	EXPECT_EQ(USER_BASE + 0xfff, self->iov[0].iov_base);
	ASSERT_EQ(1, TRANSLATE(~0ull - 0xfff, 0x1000, 8));
	/* The address space does not wrap around to 0. */
	EXPECT_EQ(-EFAULT, TRANSLATE(~0ull, 2, 8));
}

TEST_F(table, regions_that_wrap_or_are_empty_are_refused)
{
	describe(self->user, 0, 0x1000, 0, USER_BASE);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
	describe(self->user, 0, 0, 0, USER_BASE);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
	describe(self->user, 0, ~0ull - 0xffe, 0x1000, USER_BASE);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
	describe(self->user, 0, 1, ~0ull, USER_BASE);
	EXPECT_EQ(-EFAULT, alloc_error(self->user));
	describe(self->user, 0, 2, ~0ull, USER_BASE);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
}

TEST_F(table, empty_region_at_address_0_is_not_all_of_memory)
{
	self->user->nregions = 0;
	describe(self->user, 0, 0, 0, USER_BASE);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
}

/* Only a vIOMMU's table can have such a region: its size is no 64-bit number. */
TEST_F(table, region_of_all_addresses_works)
{
	struct rh_region *region = &self->memory->regions[0];

	self->memory->count = 1;
	region->start = 0;
	region->last = ~0ull;
	region->user = 0;
	for (unsigned int hint = 0; hint < 2; hint++) {
		self->hint = hint;
		ASSERT_EQ(1, TRANSLATE(0, 0x1000, 8));
		EXPECT_EQ(0x1000, self->iov[0].iov_len);
	}
	ASSERT_EQ(1, TRANSLATE(~0ull, 1, 8));
	EXPECT_EQ(1, self->iov[0].iov_len);
}

TEST_F(table, regions_outside_the_process_are_refused)
{
	describe(self->user, 0, 0x7000, 0x1000, TASK_SIZE - 0xfff);
	EXPECT_EQ(-EFAULT, alloc_error(self->user));
	describe(self->user, 0, 0x7000, 0x1000, ~0ull - 0xfff);
	EXPECT_EQ(-EFAULT, alloc_error(self->user));
	describe(self->user, 0, 0x7000, 0x1000, 0xffff888000000000);
	EXPECT_EQ(-EFAULT, alloc_error(self->user));
	describe(self->user, 0, 0x7000, 0x1000, TASK_SIZE - 0x1000);
	EXPECT_EQ(0, alloc_error(self->user));
}

TEST_F(table, overlaps_are_refused)
{
	describe(self->user, 3, 0x7fff, 0x10, USER_BASE);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
	describe(self->user, 3, 0x2fff, 2, USER_BASE);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
	describe(self->user, 3, 0x3800, 0x10, USER_BASE);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
	describe(self->user, 3, 0, 0x100000, USER_BASE);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
	describe(self->user, 3, 0x7000, 0x1000, USER_BASE + 0x700000);
	EXPECT_EQ(-EINVAL, alloc_error(self->user));
	describe(self->user, 3, 0x2fff, 1, USER_BASE);
	EXPECT_EQ(0, alloc_error(self->user));
}

TEST_F(table, as_many_regions_as_promised_work_and_no_more)
{
	self->user->nregions = 0;
	for (unsigned int i = 0; i < RH_MEMORY_REGIONS_MAX; i++)
		describe(self->user, i, i * 0x2000, 0x1000, USER_BASE);
	EXPECT_EQ(0, alloc_error(self->user));
	self->user->nregions++;
	EXPECT_EQ(-E2BIG, alloc_error(self->user));
	self->user->nregions = ~0u;
	EXPECT_EQ(-E2BIG, alloc_error(self->user));
}

TEST_F(table, bad_header_is_refused)
{
	self->user->padding = 1;
	EXPECT_EQ(-EOPNOTSUPP, alloc_error(self->user));
	EXPECT_EQ(-EFAULT, alloc_error((struct vhost_memory *)0x1000));
}

TEST_F(table, unreadable_regions_are_refused)
{
	user_areas_clear();
	user_area_add(self->user, sizeof(*self->user) + sizeof(self->user->regions[0]));
	EXPECT_EQ(-EFAULT, alloc_error(self->user));
}

TEST_F(table, no_memory_is_told)
{
	alloc_fails = true;
	EXPECT_EQ(-ENOMEM, alloc_error(self->user));
	alloc_fails = false;
}

/* One byte, the slow way; 0 if it is in no region. */
static u64 model(const struct vhost_memory *user, u64 address)
{
	for (unsigned int i = 0; i < user->nregions; i++) {
		const struct vhost_memory_region *region = &user->regions[i];

		if (address - region->guest_phys_addr < region->memory_size)
			return region->userspace_addr + (address - region->guest_phys_addr);
	}
	return 0;
}

/* Whether @count ranges are what the model says of each byte. */
static bool agrees(const struct vhost_memory *user, u64 address, u32 length,
		   const struct iovec *iov, int count)
{
	u32 done = 0;

	for (int i = 0; i < count; i++)
		for (size_t j = 0; j < iov[i].iov_len; j++, done++)
			if (model(user, address + done) != (unsigned long)iov[i].iov_base + j)
				return false;
	if (count >= 0)
		return done == length;
	for (done = 0; done < length; done++)
		if (!model(user, address + done))
			return true;
	return false;
}

/* Regions in a random order, some adjacent, some with gaps. */
static void random_table(struct vhost_memory *user)
{
	unsigned int count = 1 + random() % 12;
	u64 start = random() % 64;

	memset(user, 0, sizeof(*user));
	for (unsigned int i = 0; i < count; i++) {
		u64 size = 1 + random() % 40;

		describe(user, i, start, size, USER_BASE + random() % 100000 * 64);
		start += size + (random() % 2 ? random() % 20 : 0);
	}
	for (unsigned int i = 0; i < count; i++) {
		struct vhost_memory_region *other = &user->regions[random() % count];
		struct vhost_memory_region swap = user->regions[i];

		user->regions[i] = *other;
		*other = swap;
	}
}

TEST_F(table, random_tables_agree_with_the_model)
{
	struct iovec iov[16];
	unsigned int seed = time(NULL);

	TEST_LOG("seed %u", seed);
	srandom(seed);
	for (unsigned int round = 0; round < 3000; round++) {
		struct rh_memory *memory;

		random_table(self->user);
		memory = rh_memory_alloc(self->user);
		ASSERT_FALSE(IS_ERR(memory));
		for (unsigned int i = 0; i < 30; i++) {
			u64 address = random() % 700;
			u32 length = 1 + random() % 120;
			int count = rh_memory_translate(memory, &self->hint, address, length,
							VHOST_ACCESS_WO, iov, 16);

			ASSERT_TRUE(agrees(self->user, address, length, iov, count));
		}
		rh_memory_free(memory);
	}
}

TEST_HARNESS_MAIN
