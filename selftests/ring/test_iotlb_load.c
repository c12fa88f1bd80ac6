// SPDX-License-Identifier: GPL-2.0-only
/*
 * A vIOMMU whose owner changes its mind all the time while a disk is busy: what was written
 * is what is read, nothing is written to a place that was given up, no chain is lost, and
 * no queue sleeps on an answer that has come. An owner that never answers, or answers with
 * nonsense, hurts itself only.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "iommu.h"
#include "load.h"

#define RING 128
#define POISON 0x5a
#define PAGES 4

FIXTURE(busy) {
	struct rig rig;
	struct load load;
	struct iommu iommu;
	unsigned int seed;
	int fd;
};
FIXTURE_VARIANT(busy) { enum rig_flavour flavour; bool unpinned; };
FIXTURE_VARIANT_ADD(busy, blk) { RIG_BLK, false };
FIXTURE_VARIANT_ADD(busy, blk_unpinned) { RIG_BLK, true };
FIXTURE_VARIANT_ADD(busy, net_tx) { RIG_NET_TX, false };
FIXTURE_VARIANT_ADD(busy, net_rx) { RIG_NET_RX, false };

FIXTURE_SETUP(busy)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES | IOMMU_FEATURE);
	if (variant->unpinned)
		guest_forbid_pinning();
	iommu_init(&self->iommu, &self->rig.driver, true);
	iommu_start(&self->iommu);
	self->fd = self->rig.driver.fd;
	self->seed = time(NULL);
	TEST_LOG("seed %u", self->seed);
	rig_start(&self->rig);
	load_init(&self->load, &self->rig);
	load_start(&self->load);
	load_expect(&self->load, 10);
}

FIXTURE_TEARDOWN(busy)
{
	if (!self->load.stop)
		load_stop(&self->load);
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
	if (!self->iommu.stop)
		iommu_stop(&self->iommu);
	rig_exit(&self->rig);
}

static unsigned int used_pages(const FIXTURE_DATA(busy) *self)
{
	return self->rig.driver.guest.allocated / IOMMU_PAGE + 1;
}

TEST_F_TIMEOUT(busy, pages_can_be_forgotten_at_any_moment, 60)
{
	for (unsigned int i = 0; i < 200; i++)
		iommu_forget(&self->iommu, GUEST_MAIN_START +
			     rand_r(&self->seed) % used_pages(self) * IOMMU_PAGE,
			     (1 + rand_r(&self->seed) % 3) * IOMMU_PAGE);
	load_expect(&self->load, 10);
}

TEST_F_TIMEOUT(busy, everything_can_be_forgotten_at_any_moment, 60)
{
	for (unsigned int i = 0; i < 50; i++) {
		iommu_forget(&self->iommu, 0, 0);
		if (i % 10 == 0)
			load_expect(&self->load, 10);
	}
	load_expect(&self->load, 10);
}

TEST_F_TIMEOUT(busy, unneeded_translations_push_out_needed_ones, 60)
{
	const uint64_t base = 1ull << 40;

	for (uint64_t i = 0; i < 3000; i++)
		ASSERT_EQ(0, iommu_update(self->fd, true, base + i * 2 * IOMMU_PAGE, IOMMU_PAGE,
					  self->load.buffer, VHOST_ACCESS_RW));
	load_expect(&self->load, 10);
}

TEST_F_TIMEOUT(busy, queue_can_be_stopped_and_started_meanwhile, 60)
{
	for (unsigned int i = 0; i < 30; i++) {
		iommu_forget(&self->iommu, 0, i % 3 ? GUEST_MAIN_START + i * IOMMU_PAGE : 0);
		ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
		ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	}
	load_expect(&self->load, 10);
}

TEST_F_TIMEOUT(busy, features_can_be_set_again, 60)
{
	for (unsigned int i = 0; i < 20; i++)
		ASSERT_EQ(0, vhost_set_features(self->fd, self->rig.driver.features));
	load_expect(&self->load, 10);
}

TEST_F_TIMEOUT(busy, owner_that_never_answers_can_close, 60)
{
	iommu_stop(&self->iommu);
	iommu_forget(&self->iommu, 0, 0);
	load_stop(&self->load);
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
	EXPECT_TRUE(iommu_asked(self->fd, 0));
}

/* Any message at all, from a second thread as well; then the queue starts anew. */
static void *babble(void *context)
{
	FIXTURE_DATA(busy) *self = context;
	unsigned int seed = self->seed;

	for (unsigned int i = 0; i < 500; i++) {
		struct vhost_iotlb_msg message = {
			.iova = (uint64_t)rand_r(&seed) << (rand_r(&seed) % 34),
			.size = (uint64_t)rand_r(&seed) << (rand_r(&seed) % 34),
			.uaddr = (unsigned long)self->load.buffer +
				 ((uint64_t)(rand_r(&seed) % 4096) << (rand_r(&seed) % 52)),
			.perm = rand_r(&seed) % 5,
			.type = rand_r(&seed) % 7,
		};

		/* Never the load's memory, where a wrong answer is the owner's own fault. */
		if (message.type == VHOST_IOTLB_UPDATE)
			message.iova |= 1ull << 41;
		iommu_send(self->fd, i % 2, &message);
	}
	return NULL;
}

TEST_F_TIMEOUT(busy, nonsense_harms_nobody, 60)
{
	pthread_t other;

	ASSERT_EQ(0, pthread_create(&other, NULL, babble, self));
	self->seed++;
	babble(self);
	ASSERT_EQ(0, pthread_join(other, NULL));
	load_expect(&self->load, 10);
}

/*
 * Data on pages that move, on a queue of its own, while another one is busy: each page is
 * moved between the write that takes it and the read that fills it.
 */
FIXTURE(moving) {
	struct rig rig;
	struct load load;
	struct iommu iommu;
	struct blk_request request;
	unsigned char *at[PAGES];
};

FIXTURE_SETUP(moving)
{
	rig_init(&self->rig, RIG_BLK, RING, DRIVER_FEATURES | IOMMU_FEATURE);
	iommu_init(&self->iommu, &self->rig.driver, true);
	iommu_start(&self->iommu);
	rig_start(&self->rig);
	blk_request_init(&self->request, &self->rig.driver, PAGES * IOMMU_PAGE);
	for (unsigned int i = 0; i < PAGES; i++)
		self->at[i] = self->request.data + i * IOMMU_PAGE;
	guest_alloc(&self->rig.driver.guest, 0, IOMMU_PAGE);
	load_init(&self->load, &self->rig);
	load_start(&self->load);
}

FIXTURE_TEARDOWN(moving)
{
	load_stop(&self->load);
	iommu_stop(&self->iommu);
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
	EXPECT_EQ(0, driver_stat(self->rig.neighbour, RINGHOST_STAT_BREAKS));
	rig_exit(&self->rig);
}

static void fill(FIXTURE_DATA(moving) *self, unsigned int round)
{
	for (unsigned int i = 0; i < PAGES; i++)
		for (unsigned int j = 0; j < IOMMU_PAGE; j++)
			self->at[i][j] = round * 31 + i * 7 + j;
}

static bool is_filled(const FIXTURE_DATA(moving) *self, unsigned int round)
{
	for (unsigned int i = 0; i < PAGES; i++)
		for (unsigned int j = 0; j < IOMMU_PAGE; j++)
			if (self->at[i][j] != (unsigned char)(round * 31 + i * 7 + j))
				return false;
	return true;
}

static bool is_poison(const unsigned char *page)
{
	for (unsigned int i = 0; i < IOMMU_PAGE; i++)
		if (page[i] != POISON)
			return false;
	return true;
}

/* Every page of the request to another place; returns where they were. */
static void move(FIXTURE_DATA(moving) *self, unsigned char **spare)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		unsigned char *old = self->at[i];

		iommu_move(&self->iommu, self->request.data + i * IOMMU_PAGE, spare[i]);
		self->at[i] = spare[i];
		spare[i] = old;
		memset(old, POISON, IOMMU_PAGE);
	}
}

TEST_F_TIMEOUT(moving, data_is_right_and_nothing_touches_the_old_place, 60)
{
	struct driver_queue *queue = self->rig.neighbour;
	unsigned char *spare[PAGES];

	for (unsigned int i = 0; i < PAGES; i++)
		spare[i] = guest_alloc(&self->rig.driver.guest, IOMMU_PAGE, IOMMU_PAGE);
	for (unsigned int round = 0; round < 40; round++) {
		fill(self, round);
		ASSERT_EQ(0, blk_do(queue, &self->request, VIRTIO_BLK_T_OUT, 64));
		move(self, spare);
		ASSERT_EQ(0, blk_do(queue, &self->request, VIRTIO_BLK_T_IN, 64));
		ASSERT_TRUE(is_filled(self, round));
		for (unsigned int i = 0; i < PAGES; i++)
			ASSERT_TRUE(is_poison(spare[i]));
	}
	load_expect(&self->load, 10);
}

TEST_HARNESS_MAIN
