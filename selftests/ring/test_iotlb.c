// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device behind a vIOMMU: rings and buffers are where the owner says at this moment. What
 * is not translated yet makes the queue wait, asleep, and lose nothing; what was taken
 * back is not touched any more, above all the ring itself, which the kernel has mapped.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "iommu.h"
#include "rig.h"

#define RING 64
#define POISON 0xa5

FIXTURE(viommu) {
	struct rig rig;
	struct iommu iommu;
	struct driver_queue *queue;
	int fd;
};
FIXTURE_VARIANT(viommu) {
	enum rig_flavour flavour;
	bool v2;
	bool unpinned;
	uint64_t features;
};
FIXTURE_VARIANT_ADD(viommu, blk) { RIG_BLK, true, false, 0 };
FIXTURE_VARIANT_ADD(viommu, blk_v1) { RIG_BLK, false, false, 0 };
FIXTURE_VARIANT_ADD(viommu, blk_packed) { RIG_BLK, true, false, DRIVER_BIT(VIRTIO_F_RING_PACKED) };
FIXTURE_VARIANT_ADD(viommu, blk_unpinned) { RIG_BLK, true, true, 0 };
FIXTURE_VARIANT_ADD(viommu, net_tx) { RIG_NET_TX, true, false, 0 };
FIXTURE_VARIANT_ADD(viommu, net_rx) { RIG_NET_RX, true, false, 0 };

FIXTURE_SETUP(viommu)
{
	rig_init(&self->rig, variant->flavour, RING,
		 DRIVER_FEATURES | IOMMU_FEATURE | variant->features);
	if (variant->unpinned)
		guest_forbid_pinning();
	iommu_init(&self->iommu, &self->rig.driver, variant->v2);
	self->iommu.stop = true;
	self->queue = self->rig.queue;
	self->fd = self->rig.driver.fd;
}

FIXTURE_TEARDOWN(viommu)
{
	if (!self->iommu.stop)
		iommu_stop(&self->iommu);
	rig_exit(&self->rig);
}

static void start(FIXTURE_DATA(viommu) *self)
{
	iommu_start(&self->iommu);
	rig_start(&self->rig);
}

static int works(FIXTURE_DATA(viommu) *self)
{
	return rig_works(&self->rig, self->queue);
}

static uint64_t stat(FIXTURE_DATA(viommu) *self, enum ringhost_vring_stat stat)
{
	return driver_stat(self->queue, stat);
}

/* The pages of a queue's ring: split has three areas on pages of their own, packed as well. */
static void *ring_page(const struct driver_queue *queue, unsigned int part)
{
	void *const parts[] = { queue->desc, queue->avail, queue->used };

	return parts[part];
}

static uint64_t address_of(FIXTURE_DATA(viommu) *self, const void *pointer)
{
	return guest_address(&self->rig.driver.guest, pointer);
}

TEST_F(viommu, everything_is_found_by_asking)
{
	start(self);
	for (unsigned int i = 0; i < 5; i++)
		EXPECT_EQ(0, works(self));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	EXPECT_LT(3, stat(self, RINGHOST_STAT_IOTLB_MISSES));
	EXPECT_LE(stat(self, RINGHOST_STAT_IOTLB_MISSES), self->iommu.answers);
	EXPECT_EQ(0, stat(self, RINGHOST_STAT_BREAKS));
	EXPECT_EQ(!variant->unpinned, stat(self, RINGHOST_STAT_STARTS_MAPPED));
}

TEST_F(viommu, missing_buffer_makes_the_queue_sleep_and_loses_nothing)
{
	struct driver_stats before, after;
	struct driver_used used;

	start(self);
	ASSERT_EQ(0, works(self));
	iommu_stop(&self->iommu);
	driver_get_stats(self->queue, &before);
	/* On a page of its own. */
	guest_alloc(&self->rig.driver.guest, 0, IOMMU_PAGE);
	ASSERT_LE(0, rig_add(&self->rig));
	/* A receive queue looks for buffers when there is something to receive. */
	rig_provoke(&self->rig);
	ASSERT_TRUE(iommu_asked(self->fd, DRIVER_TIMEOUT));
	for (unsigned int i = 0; i < 10; i++)
		rig_provoke(&self->rig);
	EXPECT_FALSE(driver_wait(self->queue, &used, DRIVER_QUIET));
	driver_get_stats(self->queue, &after);
	EXPECT_EQ(before.value[RINGHOST_STAT_IOTLB_MISSES] + 1,
		  after.value[RINGHOST_STAT_IOTLB_MISSES]);
	EXPECT_EQ(0, after.value[RINGHOST_STAT_REQUEUES]);
	iommu_start(&self->iommu);
	EXPECT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(0, stat(self, RINGHOST_STAT_BREAKS));
}

TEST_F(viommu, entry_for_the_other_direction_breaks_the_queue)
{
	struct driver_stats before;

	start(self);
	ASSERT_EQ(0, works(self));
	driver_get_stats(self->queue, &before);
	self->iommu.access = variant->flavour == RIG_NET_TX ? VHOST_ACCESS_WO : VHOST_ACCESS_RO;
	iommu_forget(&self->iommu, address_of(self, guest_alloc(&self->rig.driver.guest, 1, 1)) &
		     ~(IOMMU_PAGE - 1), 16 * IOMMU_PAGE);
	ASSERT_LE(0, rig_add(&self->rig));
	rig_provoke(&self->rig);
	EXPECT_TRUE(driver_is_broken(self->queue, DRIVER_TIMEOUT));
	EXPECT_STREQ("reject_iotlb_access", driver_rejected(self->queue, &before));
	self->iommu.access = VHOST_ACCESS_RW;
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

TEST_F(viommu, ring_for_the_other_direction_breaks_the_queue)
{
	struct driver_stats before;

	self->iommu.access = VHOST_ACCESS_RO;
	driver_get_stats(self->queue, &before);
	iommu_start(&self->iommu);
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->queue));
	EXPECT_TRUE(driver_is_broken(self->queue, DRIVER_TIMEOUT));
	EXPECT_STREQ("reject_iotlb_access", driver_rejected(self->queue, &before));
}

/* A part of the ring vanishes: nothing is done until it is back, and then everything. */
TEST_F(viommu, ring_that_vanishes_comes_back)
{
	struct driver_used used;

	start(self);
	for (unsigned int part = 0; part < 3; part++) {
		ASSERT_EQ(0, works(self));
		iommu_stop(&self->iommu);
		iommu_forget(&self->iommu, address_of(self, ring_page(self->queue, part)), 1);
		ASSERT_LE(0, rig_add(&self->rig));
		rig_provoke(&self->rig);
		EXPECT_FALSE(driver_wait(self->queue, &used, DRIVER_QUIET / 3));
		EXPECT_TRUE(iommu_asked(self->fd, 0));
		iommu_start(&self->iommu);
		EXPECT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	}
	EXPECT_EQ(0, stat(self, RINGHOST_STAT_BREAKS));
}

static void *move_area(FIXTURE_DATA(viommu) *self, void *area)
{
	unsigned char *to = guest_alloc(&self->rig.driver.guest, IOMMU_PAGE, IOMMU_PAGE);

	iommu_move(&self->iommu, area, to);
	memcpy(to, area, IOMMU_PAGE);
	memset(area, POISON, IOMMU_PAGE);
	return to;
}

static bool is_poison(const unsigned char *page)
{
	for (unsigned int i = 0; i < IOMMU_PAGE; i++)
		if (page[i] != POISON)
			return false;
	return true;
}

/* Kilobytes that are pinned on this process's account. */
static long pinned(void)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[200];
	long kilobytes = -1;

	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "VmLck: %ld", &kilobytes);
	fclose(file);
	return kilobytes;
}

/* The device goes on in the new place, and leaves no byte in the old one. */
TEST_F(viommu, ring_that_moves_is_followed)
{
	void *old[] = { self->queue->desc, self->queue->avail, self->queue->used };
	long before;

	start(self);
	ASSERT_EQ(0, works(self));
	before = pinned();
	EXPECT_EQ(!variant->unpinned, before > 0);
	/*
	 * While one is under way the others are used in their old places, so no move may be
	 * seen half: each copy is made while the queue is paused.
	 */
	iommu_stop(&self->iommu);
	self->queue->desc = move_area(self, old[0]);
	self->queue->avail = move_area(self, old[1]);
	self->queue->used = move_area(self, old[2]);
	iommu_start(&self->iommu);
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_EQ(0, works(self));
	for (unsigned int i = 0; i < 3; i++)
		EXPECT_TRUE(is_poison(old[i]));
	/* The old places are not held. */
	EXPECT_EQ(before, pinned());
	EXPECT_EQ(0, stat(self, RINGHOST_STAT_BREAKS));
}

TEST_F(viommu, paused_queue_stops_and_goes_on_where_it_was)
{
	struct driver_used used;
	long long base;

	start(self);
	ASSERT_EQ(0, works(self));
	base = vhost_get_vring_base(self->fd, self->queue->index);
	iommu_stop(&self->iommu);
	iommu_forget(&self->iommu, 0, 0);
	ASSERT_LE(0, rig_add(&self->rig));
	rig_provoke(&self->rig);
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->queue));
	EXPECT_EQ(base, vhost_get_vring_base(self->fd, self->queue->index));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->queue));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->queue));
	EXPECT_EQ(base, vhost_get_vring_base(self->fd, self->queue->index));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->queue));
	iommu_start(&self->iommu);
	EXPECT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
}

TEST_F(viommu, ring_addresses_can_be_set_on_a_running_queue)
{
	struct driver_queue *queue = self->queue;

	start(self);
	for (unsigned int i = 0; i < 3; i++) {
		ASSERT_EQ(0, works(self));
		ASSERT_EQ(0, vhost_set_vring_addr(self->fd, queue->index,
						  (void *)address_of(self, queue->desc),
						  (void *)address_of(self, queue->avail),
						  (void *)address_of(self, queue->used)));
	}
	ASSERT_EQ(0, works(self));
}

/* The ring's addresses are read anew with each switch, so they are set anew. */
TEST_F(viommu, feature_can_be_switched_while_the_queue_runs)
{
	struct driver_queue *queue = self->queue;

	start(self);
	for (unsigned int i = 0; i < 3; i++) {
		ASSERT_EQ(0, works(self));
		ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.neighbour));
		/* Between the calls the guest's addresses are taken for the process's. */
		ASSERT_EQ(0, vhost_set_features(self->fd, self->rig.driver.features &
						~IOMMU_FEATURE));
		ASSERT_EQ(0, vhost_set_vring_addr(self->fd, queue->index, queue->desc, queue->avail,
						  queue->used));
		if (driver_is_broken(queue, 0)) {
			/* Nothing is mapped there. */
			ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
			ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
		}
		ASSERT_EQ(0, works(self));
		ASSERT_EQ(0, vhost_set_features(self->fd, self->rig.driver.features));
		ASSERT_EQ(0, vhost_set_vring_addr(self->fd, queue->index,
						  (void *)address_of(self, queue->desc),
						  (void *)address_of(self, queue->avail),
						  (void *)address_of(self, queue->used)));
	}
	ASSERT_EQ(0, works(self));
}

TEST_F(viommu, same_features_again_forget_all_translations)
{
	start(self);
	for (unsigned int i = 0; i < 3; i++) {
		unsigned long answers = self->iommu.answers;

		ASSERT_EQ(0, vhost_set_features(self->fd, self->rig.driver.features));
		ASSERT_EQ(0, works(self));
		EXPECT_LT(answers + 2, self->iommu.answers);
	}
}

/* A ring over pages that are no neighbours in the process. */
FIXTURE(scattered) {
	struct rig rig;
	struct iommu iommu;
};
FIXTURE_VARIANT(scattered) { bool unpinned; };
FIXTURE_VARIANT_ADD(scattered, pinned) { false };
FIXTURE_VARIANT_ADD(scattered, unpinned) { true };

/* Have the device reach a page at another address of the process, where it is as well. */
static void scatter(struct iommu *iommu, char *page)
{
	void *alias = mremap(page, 0, IOMMU_PAGE, MREMAP_MAYMOVE);

	ASSERT_NE(MAP_FAILED, alias);
	iommu_move(iommu, page, alias);
}

FIXTURE_SETUP(scattered)
{
	struct driver_queue *queue;

	/* 512 entries: more than one page of descriptors and of used entries. */
	rig_init(&self->rig, RIG_BLK, 512, DRIVER_FEATURES | IOMMU_FEATURE);
	if (variant->unpinned)
		guest_forbid_pinning();
	iommu_init(&self->iommu, &self->rig.driver, true);
	queue = self->rig.queue;
	scatter(&self->iommu, (char *)queue->desc + IOMMU_PAGE);
	scatter(&self->iommu, (char *)queue->used + IOMMU_PAGE);
	iommu_start(&self->iommu);
}

FIXTURE_TEARDOWN(scattered)
{
	iommu_stop(&self->iommu);
	rig_exit(&self->rig);
}

TEST_F(scattered, ring_is_one_piece_where_it_may_be_pinned)
{
	struct driver_queue *queue = self->rig.queue;
	struct driver_stats before;

	driver_get_stats(queue, &before);
	ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	if (variant->unpinned) {
		EXPECT_TRUE(driver_is_broken(queue, DRIVER_TIMEOUT));
		EXPECT_STREQ("reject_ring_fault", driver_rejected(queue, &before));
		return;
	}
	/* Twice around the ring. */
	for (unsigned int i = 0; i < 512; i++)
		ASSERT_EQ(0, rig_works(&self->rig, queue));
	EXPECT_EQ(1, driver_stat(queue, RINGHOST_STAT_STARTS_MAPPED));
}

TEST_HARNESS_MAIN
