// SPDX-License-Identifier: GPL-2.0-only
/*
 * VHOST_SET_MEM_TABLE: what the owner says of the guest's memory is checked
 * once, here, and trusted by every queue afterwards.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define REGIONS_PROMISED 509
#define USER 0x10000000ull
#define KERNEL_ADDRESS 0xffff888000000000ull

FIXTURE(table) {
	int fd;
	struct vhost_memory *memory;
};
FIXTURE_VARIANT(table) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(table, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(table, net) { RIG_NET_TX };

FIXTURE_SETUP(table)
{
	self->fd = vhost_open(rig_node(variant->flavour));
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vhost_set_owner(self->fd));
	self->memory = calloc(1, sizeof(*self->memory) +
			      2 * REGIONS_PROMISED * sizeof(self->memory->regions[0]));
	ASSERT_NE(NULL, self->memory);
}

FIXTURE_TEARDOWN(table)
{
	free(self->memory);
	close(self->fd);
}

static void describe(struct vhost_memory *memory, __u64 start, __u64 size, __u64 user)
{
	memory->regions[memory->nregions++] =
		(struct vhost_memory_region){ start, size, user, 0 };
}

/* Sets a table of the one or two regions given. */
static int set_pair(int fd, struct vhost_memory *memory, __u64 start, __u64 size, __u64 user,
		    __u64 other_start, __u64 other_size)
{
	memory->nregions = 0;
	describe(memory, start, size, user);
	if (other_size)
		describe(memory, other_start, other_size, USER);
	return vhost_set_mem_table(fd, memory);
}

#define SET(...) set_pair(self->fd, self->memory, __VA_ARGS__)

TEST_F(table, no_region_is_legal)
{
	EXPECT_EQ(0, vhost_set_mem_table(self->fd, self->memory));
}

TEST_F(table, region_is_accepted_and_replaced)
{
	EXPECT_EQ(0, SET(0x1000, 0x1000, USER, 0, 0));
	EXPECT_EQ(0, SET(0x1000, 0x1000, USER, 0x2000, 0x1000));
	EXPECT_EQ(0, SET(~0ull - 0xfff, 0x1000, USER, 0, 0));
}

TEST_F(table, overlaps_are_refused)
{
	EXPECT_EQ(-EINVAL, SET(0x1000, 0x1000, USER, 0x1fff, 1));
	EXPECT_EQ(-EINVAL, SET(0x1000, 0x1000, USER, 0x1000, 0x1000));
	EXPECT_EQ(-EINVAL, SET(0x1000, 0x1000, USER, 0, 0x10000));
	EXPECT_EQ(-EINVAL, SET(0x1000, 0x1000, USER, 0x800, 0x801));
}

TEST_F(table, wraps_and_empty_regions_are_refused)
{
	EXPECT_EQ(-EINVAL, SET(0x1000, 0, USER, 0, 0));
	EXPECT_EQ(-EINVAL, SET(0, 0, USER, 0, 0));
	EXPECT_EQ(-EINVAL, SET(~0ull - 0xffe, 0x1000, USER, 0, 0));
	EXPECT_EQ(-EINVAL, SET(0x1000, ~0ull, USER, 0, 0));
}

TEST_F(table, memory_outside_the_process_is_refused)
{
	EXPECT_EQ(-EFAULT, SET(0x1000, 0x1000, KERNEL_ADDRESS, 0, 0));
	EXPECT_EQ(-EFAULT, SET(0x1000, 0x1000, ~0ull - 0x7ff, 0, 0));
	EXPECT_EQ(-EFAULT, SET(0x1000, ~0ull - 0x2000, USER, 0, 0));
}

TEST_F(table, as_many_regions_as_promised_work)
{
	for (unsigned int i = 0; i < REGIONS_PROMISED; i++)
		describe(self->memory, i * 0x2000, 0x1000, USER);
	EXPECT_EQ(0, vhost_set_mem_table(self->fd, self->memory));
}

TEST_F(table, absurd_numbers_of_regions_are_refused)
{
	self->memory->nregions = 2 * REGIONS_PROMISED;
	EXPECT_EQ(-E2BIG, vhost_set_mem_table(self->fd, self->memory));
	self->memory->nregions = ~0u;
	EXPECT_EQ(-E2BIG, vhost_set_mem_table(self->fd, self->memory));
}

TEST_F(table, padding_that_is_set_is_refused)
{
	self->memory->padding = 1;
	EXPECT_EQ(-EOPNOTSUPP, vhost_set_mem_table(self->fd, self->memory));
}

TEST_F(table, unreadable_table_is_refused)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vhost_memory *last = (struct vhost_memory *)(pages + 4096 - sizeof(*last));

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + 4096, 4096));
	last->nregions = 1;
	EXPECT_EQ(-EFAULT, vhost_set_mem_table(self->fd, last));
	EXPECT_EQ(-EFAULT, vhost_set_mem_table(self->fd, (struct vhost_memory *)8));
}

FIXTURE(live) { struct rig rig; };
FIXTURE_VARIANT(live) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(live, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(live, net_tx) { RIG_NET_TX };
FIXTURE_VARIANT_ADD(live, net_rx) { RIG_NET_RX };

FIXTURE_SETUP(live)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(live)
{
	rig_exit(&self->rig);
}

TEST_F(live, refused_table_leaves_the_old_one_in_force)
{
	struct vhost_memory memory = { .nregions = ~0u };

	EXPECT_EQ(-E2BIG, vhost_set_mem_table(self->rig.driver.fd, &memory));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_F(live, empty_table_refuses_every_buffer)
{
	struct vhost_memory memory = { .nregions = 0 };
	struct driver_stats before;

	driver_get_stats(self->rig.queue, &before);
	ASSERT_EQ(0, vhost_set_mem_table(self->rig.driver.fd, &memory));
	ASSERT_LE(0, rig_add(&self->rig));
	rig_provoke(&self->rig);
	EXPECT_TRUE(driver_is_broken(self->rig.queue, DRIVER_TIMEOUT));
	EXPECT_STREQ("reject_address", driver_rejected(self->rig.queue, &before));
}

TEST_HARNESS_MAIN
