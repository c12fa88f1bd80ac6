// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues that share a worker take turns, however much one of them offers: what the other waits is
 * bounded by the flooding queue's weight, counted in its requests and not in time. The device
 * itself takes the measurement: the neighbour's request writes the flooded queue's used
 * index to the disk.
 */
#include <sched.h>

#include "../blk/disks.h"
#include "threads.h"

#define RING 4096
#define CHAIN 3
#define CHAINS (RING / CHAIN)
/* Chains of one turn; see kernel/blk/queue.c. */
#define TURN 128
#define SECTOR 5

FIXTURE(share) {
	struct disk disk;
	struct driver driver;
	struct driver_queue *flooded, *neighbour;
};
FIXTURE_VARIANT(share) { bool kthreads; };
FIXTURE_VARIANT_ADD(share, preferred) { false };
FIXTURE_VARIANT_ADD(share, kthreads) { true };

/* On one processor the worker cannot begin before both kicks were made. */
static void share_processor(int id)
{
	char name[32];
	cpu_set_t one;
	pid_t worker;

	snprintf(name, sizeof(name), "rh-blk-%d/w%d", getpid(), id);
	worker = threads_find(name);
	ASSERT_LT(0, worker);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	ASSERT_EQ(0, sched_setaffinity(worker, sizeof(one), &one));
}

FIXTURE_SETUP(share)
{
	int id;

	/* Its I/O is done when it is submitted. */
	if (!disk_open_nullb(&self->disk, "memory_backed=1 blocksize=512 irqmode=0"))
		SKIP(return, "no null_blk");
	if (variant->kthreads)
		driver_want_kthreads();
	blk_init(&self->driver, self->disk.fd, 0, 2, RING, DRIVER_BIT(VIRTIO_F_VERSION_1));
	self->flooded = &self->driver.queues[0];
	self->neighbour = &self->driver.queues[1];
	id = vhost_new_worker(self->driver.fd);
	ASSERT_LE(0, id);
	share_processor(id);
	ASSERT_EQ(0, vhost_attach_vring_worker(self->driver.fd, 0, id));
	ASSERT_EQ(0, vhost_attach_vring_worker(self->driver.fd, 1, id));
	blk_start(&self->driver);
	ASSERT_EQ(0, blk_works(self->flooded));
	ASSERT_EQ(0, blk_works(self->neighbour));
}

FIXTURE_TEARDOWN(share)
{
	if (self->flooded)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

/* Requests that are answered without I/O, so that only the weight ends a turn. */
static void fill(struct driver *driver, struct driver_queue *queue)
{
	struct blk_request request;

	blk_request_init(&request, driver, 20);
	for (unsigned int i = 0; i < CHAINS; i++)
		ASSERT_LE(0, blk_add(queue, &request, VIRTIO_BLK_T_GET_ID, 0));
}

/* Both kicks before the worker's first turn. */
static void kick_both(struct driver_queue *first, struct driver_queue *second)
{
	struct sched_param real_time = { .sched_priority = 1 }, normal = { 0 };

	ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &real_time));
	driver_kick_always(first);
	driver_kick_always(second);
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &normal));
}

/* Returns the index that the neighbour's write found. */
static uint16_t read_index(FIXTURE_DATA(share) *self)
{
	struct blk_request request;
	uint16_t index;

	blk_request_init(&request, &self->driver, BLK_SECTOR);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->neighbour, &request, VIRTIO_BLK_T_IN, SECTOR));
	memcpy(&index, request.data + offsetof(struct vring_used, idx), sizeof(index));
	return index;
}

TEST_F(share, a_flooding_queue_holds_up_its_neighbour_for_one_turn)
{
	uint16_t before = self->flooded->used_next, index;
	struct blk_request write;
	struct driver_used used;

	blk_request_init(&write, &self->driver, 0);
	write.data = (unsigned char *)self->flooded->used;
	write.length = BLK_SECTOR;
	fill(&self->driver, self->flooded);
	ASSERT_LE(0, blk_add(self->neighbour, &write, VIRTIO_BLK_T_OUT, SECTOR));
	kick_both(self->flooded, self->neighbour);
	for (unsigned int i = 0; i < CHAINS; i++)
		ASSERT_TRUE(driver_wait(self->flooded, &used, DRIVER_TIMEOUT));
	ASSERT_TRUE(driver_wait(self->neighbour, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(VIRTIO_BLK_S_OK, *write.status);
	index = read_index(self);
	TEST_LOG("the neighbour's request came after %u of %u", (uint16_t)(index - before), CHAINS);
	EXPECT_GE(2 * TURN, (uint16_t)(index - before));
	EXPECT_LE(CHAINS / TURN - 1, driver_stat(self->flooded, RINGHOST_STAT_REQUEUES));
}

TEST_HARNESS_MAIN
