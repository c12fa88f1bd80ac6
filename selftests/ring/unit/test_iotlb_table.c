// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vIOMMU's table: a translation that stays after it was taken back, or that moves by a
 * byte when a neighbour changes, lets the device write where the guest has forbidden it.
 * Each rule has a test, and random changes are compared with a model of single addresses;
 * last, chains that need translations which are not there.
 */
#include <time.h>

#include "harness.h"
#include "world.h"
#include "../../../kernel/core/iotlb.h"

#include <linux/vhost_types.h>

#define USER 0x10000000ul
#define LAST_ADDRESS (~0ull)

FIXTURE(iotlb) {
	struct rh_memory *table;
	struct rh_memory *spare;
	unsigned int hand;
	struct iovec iov[16];
};

FIXTURE_SETUP(iotlb)
{
	self->table = rh_iotlb_alloc();
	self->spare = rh_iotlb_alloc();
	ASSERT_NE(NULL, self->table);
	ASSERT_NE(NULL, self->spare);
}

FIXTURE_TEARDOWN(iotlb)
{
	rh_memory_free(self->table);
	rh_memory_free(self->spare);
}

static void flip(FIXTURE_DATA(iotlb) *self)
{
	struct rh_memory *old = self->table;

	self->table = self->spare;
	self->spare = old;
}

static int add(FIXTURE_DATA(iotlb) *self, u64 start, u64 last, u64 user, u32 access)
{
	struct rh_region entry = { start, last, user, access };
	int changed = rh_iotlb_update(self->spare, self->table, &entry, &self->hand);

	if (changed)
		flip(self);
	return changed;
}

static void forget(FIXTURE_DATA(iotlb) *self, u64 start, u64 last)
{
	rh_iotlb_invalidate(self->spare, self->table, start, last, &self->hand);
	flip(self);
}

/* Where one byte is; 0: nowhere; 1: there, but not for this access. */
static u64 find(FIXTURE_DATA(iotlb) *self, u64 address, u32 access)
{
	unsigned int hint = 0;
	int count = rh_memory_translate(self->table, &hint, address, 1, access, self->iov, 1);

	if (count == -EPERM)
		return 1;
	return count == 1 ? (u64)(unsigned long)self->iov[0].iov_base : 0;
}

static bool is_sound(const struct rh_memory *table)
{
	for (unsigned int i = 0; i < table->count; i++)
		if (table->regions[i].start > table->regions[i].last ||
		    (i && table->regions[i].start <= table->regions[i - 1].last))
			return false;
	return table->count <= RH_IOTLB_MAX;
}

TEST_F(iotlb, entry_translates_its_own_range_only)
{
	EXPECT_EQ(1, add(self, 0x2000, 0x2fff, USER, VHOST_ACCESS_RW));
	EXPECT_EQ(USER, find(self, 0x2000, VHOST_ACCESS_RW));
	EXPECT_EQ(USER + 0xfff, find(self, 0x2fff, VHOST_ACCESS_RW));
	EXPECT_EQ(0, find(self, 0x1fff, VHOST_ACCESS_RW));
	EXPECT_EQ(0, find(self, 0x3000, VHOST_ACCESS_RW));
}

TEST_F(iotlb, permission_is_kept_apart)
{
	add(self, 0x1000, 0x1fff, USER, VHOST_ACCESS_RO);
	add(self, 0x2000, 0x2fff, USER, VHOST_ACCESS_WO);
	EXPECT_EQ(USER, find(self, 0x1000, VHOST_ACCESS_RO));
	EXPECT_EQ(1, find(self, 0x1000, VHOST_ACCESS_WO));
	EXPECT_EQ(1, find(self, 0x1000, VHOST_ACCESS_RW));
	EXPECT_EQ(USER, find(self, 0x2000, VHOST_ACCESS_WO));
	EXPECT_EQ(1, find(self, 0x2000, VHOST_ACCESS_RO));
}

TEST_F(iotlb, update_replaces_just_what_it_names)
{
	add(self, 0x1000, 0x4fff, USER, VHOST_ACCESS_RW);
	EXPECT_EQ(1, add(self, 0x2000, 0x2fff, USER + 0x900000, VHOST_ACCESS_RO));
	EXPECT_EQ(3, self->table->count);
	EXPECT_EQ(USER + 0xfff, find(self, 0x1fff, VHOST_ACCESS_RW));
	EXPECT_EQ(USER + 0x900000, find(self, 0x2000, VHOST_ACCESS_RO));
	EXPECT_EQ(USER + 0x2000, find(self, 0x3000, VHOST_ACCESS_RW));
	add(self, 0, 0xffff, USER, VHOST_ACCESS_WO);
	EXPECT_EQ(1, self->table->count);
}

TEST_F(iotlb, same_translation_again_changes_nothing)
{
	add(self, 0x1000, 0x4fff, USER, VHOST_ACCESS_RW);
	EXPECT_EQ(0, add(self, 0x1000, 0x4fff, USER, VHOST_ACCESS_RW));
	EXPECT_EQ(0, add(self, 0x2000, 0x2fff, USER + 0x1000, VHOST_ACCESS_RW));
	EXPECT_EQ(1, add(self, 0x2000, 0x2fff, USER, VHOST_ACCESS_RW));
	EXPECT_EQ(1, add(self, 0x4000, 0x4fff, USER + 0x3000, VHOST_ACCESS_RO));
}

TEST_F(iotlb, invalidation_of_a_part_leaves_the_rest)
{
	add(self, 0x1000, 0x4fff, USER, VHOST_ACCESS_RW);
	forget(self, 0x2000, 0x2fff);
	EXPECT_EQ(USER + 0xfff, find(self, 0x1fff, VHOST_ACCESS_RW));
	EXPECT_EQ(0, find(self, 0x2000, VHOST_ACCESS_RW));
	EXPECT_EQ(0, find(self, 0x2fff, VHOST_ACCESS_RW));
	EXPECT_EQ(USER + 0x2000, find(self, 0x3000, VHOST_ACCESS_RW));
	forget(self, 0, 0x1fff);
	EXPECT_EQ(0, find(self, 0x1fff, VHOST_ACCESS_RW));
	EXPECT_EQ(USER + 0x2000, find(self, 0x3000, VHOST_ACCESS_RW));
}

TEST_F(iotlb, whole_address_space_can_be_forgotten)
{
	add(self, 0, 0xfff, USER, VHOST_ACCESS_RW);
	add(self, LAST_ADDRESS - 0xfff, LAST_ADDRESS, USER, VHOST_ACCESS_RW);
	EXPECT_EQ(USER + 0xfff, find(self, LAST_ADDRESS, VHOST_ACCESS_RW));
	forget(self, 0, LAST_ADDRESS);
	EXPECT_EQ(0, self->table->count);
	forget(self, 0, LAST_ADDRESS);
	EXPECT_EQ(0, self->table->count);
	add(self, 0, LAST_ADDRESS, USER, VHOST_ACCESS_RW);
	forget(self, LAST_ADDRESS, LAST_ADDRESS);
	forget(self, 0, 0);
	EXPECT_EQ(0, find(self, 0, VHOST_ACCESS_RW));
	EXPECT_EQ(USER + 1, find(self, 1, VHOST_ACCESS_RW));
	EXPECT_EQ(0, find(self, LAST_ADDRESS, VHOST_ACCESS_RW));
	EXPECT_EQ(USER - 2, find(self, LAST_ADDRESS - 1, VHOST_ACCESS_RW));
}

TEST_F(iotlb, full_table_loses_one_entry_for_each_new_one)
{
	for (u64 i = 0; i < 3 * RH_IOTLB_MAX; i++) {
		add(self, i * 0x2000, i * 0x2000 + 0xfff, USER + i, VHOST_ACCESS_RW);
		ASSERT_EQ(USER + i, find(self, i * 0x2000, VHOST_ACCESS_RW));
		ASSERT_EQ(i < RH_IOTLB_MAX ? i + 1 : RH_IOTLB_MAX, self->table->count);
	}
	EXPECT_TRUE(is_sound(self->table));
}

TEST_F(iotlb, splitting_an_entry_of_a_full_table_stays_in_bounds)
{
	for (u64 i = 0; i < RH_IOTLB_MAX; i++)
		add(self, i * 0x4000, i * 0x4000 + 0x2fff, USER, VHOST_ACCESS_RW);
	for (u64 i = 0; i < RH_IOTLB_MAX; i++) {
		if (i % 2)
			forget(self, i * 0x4000 + 0x1000, i * 0x4000 + 0x1fff);
		else
			add(self, i * 0x4000 + 0x1000, i * 0x4000 + 0x1fff, USER, VHOST_ACCESS_RO);
		ASSERT_TRUE(is_sound(self->table));
		ASSERT_EQ(i % 2 ? 0 : USER,
			  find(self, i * 0x4000 + 0x1000, VHOST_ACCESS_RO));
	}
}

TEST_F(iotlb, first_missing_address_is_named)
{
	add(self, 0x1000, 0x1fff, USER, VHOST_ACCESS_RW);
	add(self, 0x2000, 0x2fff, USER, VHOST_ACCESS_RW);
	add(self, LAST_ADDRESS - 0xfff, LAST_ADDRESS - 1, USER, VHOST_ACCESS_RW);
	EXPECT_EQ(0xfff, rh_memory_missing(self->table, 0xfff, 2));
	EXPECT_EQ(0x3000, rh_memory_missing(self->table, 0x1800, 0x4000));
	EXPECT_EQ(0x3000, rh_memory_missing(self->table, 0x1800, 0x1801));
	EXPECT_EQ(LAST_ADDRESS, rh_memory_missing(self->table, LAST_ADDRESS - 0xf, 0x10));
}

TEST_F(iotlb, no_memory_is_told)
{
	alloc_fails = true;
	EXPECT_NULL(rh_iotlb_alloc());
	alloc_fails = false;
}

#define SPACE 400

/* Few addresses, so that changes meet; none evicts, so that the model is exact. */
TEST_F(iotlb, random_changes_agree_with_the_model)
{
	static u64 users[SPACE];
	static u32 accesses[SPACE];
	unsigned int seed = time(NULL);

	TEST_LOG("seed %u", seed);
	srandom(seed);
	memset(users, 0, sizeof(users));
	for (unsigned int round = 0; round < 20000; round++) {
		u64 start = random() % SPACE, last = start + random() % (SPACE - start);
		u64 user = USER + random() % 100000;
		u32 access = 1 + random() % 3;
		bool adds = random() % 3;

		if (adds)
			add(self, start, last, user, access);
		else
			forget(self, start, last);
		for (u64 i = start; i <= last; i++) {
			users[i] = adds ? user + (i - start) : 0;
			accesses[i] = access;
		}
		ASSERT_TRUE(is_sound(self->table));
		for (unsigned int i = 0; i < 40; i++) {
			u64 address = random() % SPACE;
			u64 wanted = users[address];

			access = 1 + random() % 3;
			if (wanted && access & ~accesses[address])
				wanted = 1;
			ASSERT_EQ(wanted, find(self, address, access));
		}
	}
}

/* A ring whose descriptors hold the vIOMMU's addresses. */
FIXTURE(chain) {
	struct world world;
	struct rh_memory *memory;
	struct rh_memory *tables[2];
	unsigned int hand;
};
FIXTURE_VARIANT(chain) { bool packed; };
FIXTURE_VARIANT_ADD(chain, split) { false };
FIXTURE_VARIANT_ADD(chain, packed) { true };

FIXTURE_SETUP(chain)
{
	if (variant->packed)
		world_init_packed(&self->world, 16);
	else
		world_init(&self->world, 16);
	self->memory = self->world.memory;
	for (unsigned int i = 0; i < 2; i++) {
		self->tables[i] = rh_iotlb_alloc();
		ASSERT_NE(NULL, self->tables[i]);
	}
	self->world.memory = self->tables[0];
}

FIXTURE_TEARDOWN(chain)
{
	self->world.memory = self->memory;
	world_exit(&self->world);
	rh_memory_free(self->tables[0]);
	rh_memory_free(self->tables[1]);
}

static void map(FIXTURE_DATA(chain) *self, u64 start, u64 bytes, const void *user, u32 access)
{
	struct rh_region entry = { start, start + bytes - 1, (unsigned long)user, access };
	struct rh_memory *to = self->tables[self->world.memory == self->tables[0]];

	if (rh_iotlb_update(to, self->world.memory, &entry, &self->hand))
		self->world.memory = to;
}

static void offer(FIXTURE_DATA(chain) *self, bool packed, u64 address, u32 length, u16 flags)
{
	if (packed) {
		world_offer_packed(&self->world, address, length, flags, 3);
		return;
	}
	world_desc(&self->world, 3, address, length, flags, 0);
	world_offer(&self->world, 3);
}

TEST_F(chain, missing_translation_leaves_the_chain_on_the_ring)
{
	struct world *world = &self->world;

	offer(self, variant->packed, 0x7000, 0x20, VRING_DESC_F_WRITE);
	for (unsigned int i = 0; i < 3; i++) {
		ASSERT_EQ(-EAGAIN, world_pop(world));
		EXPECT_EQ(0x7000, world->ring.miss.address);
		EXPECT_EQ(VHOST_ACCESS_WO, world->ring.miss.access);
		EXPECT_EQ(0, world->ring.outstanding);
	}
	map(self, 0x7000, 0x10, world->first, VHOST_ACCESS_RW);
	ASSERT_EQ(-EAGAIN, world_pop(world));
	EXPECT_EQ(0x7010, world->ring.miss.address);
	map(self, 0x7010, 0x10, world->second, VHOST_ACCESS_WO);
	ASSERT_EQ(1, world_pop(world));
	ASSERT_EQ(2, world->chain.in_count);
	EXPECT_EQ(world->first, world->chain.in[0].iov_base);
	EXPECT_EQ(world->second, world->chain.in[1].iov_base);
	EXPECT_EQ(3, world->chain.head);
	EXPECT_EQ(0, world_pop(world));
}

TEST_F(chain, missing_indirect_table_is_asked_for_and_then_its_buffers)
{
	struct world *world = &self->world;
	struct vring_desc *table = (struct vring_desc *)world->first;

	*table = (struct vring_desc){ 0x9000, 0x40, VRING_DESC_F_WRITE, 0 };
	offer(self, variant->packed, 0x7000, sizeof(*table), VRING_DESC_F_INDIRECT);
	ASSERT_EQ(-EAGAIN, world_pop(world));
	EXPECT_EQ(0x7000, world->ring.miss.address);
	EXPECT_EQ(VHOST_ACCESS_RO, world->ring.miss.access);
	map(self, 0x7000, 0x1000, world->first, VHOST_ACCESS_RO);
	if (variant->packed)
		((struct vring_packed_desc *)table)->flags = VRING_DESC_F_WRITE;
	ASSERT_EQ(-EAGAIN, world_pop(world));
	EXPECT_EQ(0x9000, world->ring.miss.address);
	EXPECT_EQ(VHOST_ACCESS_WO, world->ring.miss.access);
	map(self, 0x9000, 0x1000, world->second, VHOST_ACCESS_RW);
	ASSERT_EQ(1, world_pop(world));
	EXPECT_EQ(world->second, world->chain.in[0].iov_base);
}

TEST_F(chain, entry_for_the_other_direction_breaks)
{
	struct world *world = &self->world;

	map(self, 0x7000, 0x1000, world->first, VHOST_ACCESS_RO);
	offer(self, variant->packed, 0x7000, 0x20, VRING_DESC_F_WRITE);
	EXPECT_EQ(-EPROTO, world_pop(world));
	EXPECT_STREQ("reject_iotlb_access", world_reject(world));
}

TEST_F(chain, buffer_that_wraps_is_refused_and_not_asked_for)
{
	struct world *world = &self->world;

	offer(self, variant->packed, LAST_ADDRESS - 0xf, 0x11, 0);
	EXPECT_EQ(-EPROTO, world_pop(world));
	EXPECT_STREQ("reject_address", world_reject(world));
}

TEST_F(chain, buffer_up_to_the_last_address_works)
{
	struct world *world = &self->world;

	offer(self, variant->packed, LAST_ADDRESS - 0xf, 0x10, 0);
	ASSERT_EQ(-EAGAIN, world_pop(world));
	EXPECT_EQ(LAST_ADDRESS - 0xf, world->ring.miss.address);
	map(self, LAST_ADDRESS - 0xfff, 0x1000, world->first, VHOST_ACCESS_RO);
	ASSERT_EQ(1, world_pop(world));
	EXPECT_EQ(world->first + 0xff0, world->chain.out[0].iov_base);
}

TEST_HARNESS_MAIN
