// SPDX-License-Identifier: GPL-2.0-only
/*
 * I/O is asynchronous: many requests to a slow disk take about as long as one, and
 * while they wait, the queue does other work.
 */
#include <time.h>

#include "disks.h"

#define RING 128
#define REQUESTS 32

FIXTURE(slow) {
	unsigned int delay;
	struct disk disk;
	struct driver driver;
	struct driver_queue *queue;
};
FIXTURE_VARIANT(slow) {
	bool image;
	unsigned int milliseconds;
};
FIXTURE_VARIANT_ADD(slow, nullb) {
	false, 100,
};
/* Making its file system takes many requests, so this one is less slow. */
FIXTURE_VARIANT_ADD(slow, ext4) {
	true, 40,
};

/* On a slow kernel the disk is slower as well, so that it is the disk that is waited for. */
FIXTURE_SETUP(slow)
{
	char attributes[100];
	bool there;

	self->delay = variant->milliseconds * harness_slowness();
	snprintf(attributes, sizeof(attributes),
		 "memory_backed=1 hw_queue_depth=64 irqmode=2 completion_nsec=%u000000",
		 self->delay);
	there = variant->image ? disk_open_ext4(&self->disk, attributes) :
				 disk_open_nullb(&self->disk, attributes);
	if (!there)
		SKIP(return, "no such disk on this machine");
	blk_init(&self->driver, self->disk.fd, 0, 1, RING,
		 DRIVER_FEATURES | DRIVER_BIT(VIRTIO_BLK_F_FLUSH));
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
}

FIXTURE_TEARDOWN(slow)
{
	if (self->queue)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000ll + time.tv_nsec / 1000000;
}

/* Milliseconds that REQUESTS requests of @type take, 4 KiB each, far from one another. */
static long long time_requests(FIXTURE_DATA(slow) *self, uint32_t type)
{
	struct blk_request requests[REQUESTS];
	struct driver_used used;
	long long start;

	for (unsigned int i = 0; i < REQUESTS; i++) {
		blk_request_init(&requests[i], &self->driver, 4096);
		ASSERT_LE(0, blk_add(self->queue, &requests[i], type, i * 512));
	}
	start = now();
	driver_kick(self->queue);
	for (unsigned int i = 0; i < REQUESTS; i++)
		ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	for (unsigned int i = 0; i < REQUESTS; i++)
		ASSERT_EQ(VIRTIO_BLK_S_OK, *requests[i].status);
	return now() - start;
}

/* One after the other they would take REQUESTS delays; a busy machine needs its time, too. */
static void expect_about_one_delay(long long milliseconds, unsigned int delay)
{
	TEST_LOG("%u requests with a delay of %u ms each took %lld ms", REQUESTS, delay,
		 milliseconds);
	EXPECT_LE(delay * 9 / 10, milliseconds);
	EXPECT_GT(delay * REQUESTS / 2, milliseconds);
}

TEST_F_TIMEOUT(slow, many_reads_take_about_as_long_as_one, 120)
{
	expect_about_one_delay(time_requests(self, VIRTIO_BLK_T_IN), self->delay);
}

TEST_F_TIMEOUT(slow, many_writes_take_about_as_long_as_one, 120)
{
	expect_about_one_delay(time_requests(self, VIRTIO_BLK_T_OUT), self->delay);
}

TEST_F_TIMEOUT(slow, others_are_answered_while_a_read_waits, 120)
{
	struct blk_request read, id;
	struct driver_used used;

	blk_request_init(&read, &self->driver, 4096);
	blk_request_init(&id, &self->driver, 20);
	ASSERT_LE(0, blk_add(self->queue, &read, VIRTIO_BLK_T_IN, 0));
	ASSERT_LE(0, blk_add(self->queue, &id, VIRTIO_BLK_T_GET_ID, 0));
	driver_kick(self->queue);
	ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(id.head, used.head);
	ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(read.head, used.head);
}

/* Writes to a frozen file system wait; the queue does not. */
TEST(a_frozen_file_system_holds_up_writes_alone)
{
	struct blk_request write, read;
	struct driver_used used;
	struct driver driver;
	struct disk disk;

	memset(&disk, 0, sizeof(disk));
	if (!disk_open(&disk, DISK_EXT4))
		SKIP(return, "no ext4 on this machine");
	blk_init(&driver, disk.fd, 0, 1, RING, DRIVER_FEATURES | DRIVER_BIT(VIRTIO_BLK_F_FLUSH));
	blk_start(&driver);
	blk_request_init(&write, &driver, 4096);
	blk_request_init(&read, &driver, 4096);
	ASSERT_TRUE(run("fsfreeze -f %s", disk.mount));
	blk_add(&driver.queues[0], &write, VIRTIO_BLK_T_OUT, 0);
	blk_add(&driver.queues[0], &read, VIRTIO_BLK_T_IN, 64);
	driver_kick(&driver.queues[0]);
	EXPECT_TRUE(driver_wait(&driver.queues[0], &used, DRIVER_TIMEOUT));
	EXPECT_EQ(read.head, used.head);
	EXPECT_FALSE(driver_wait(&driver.queues[0], &used, DRIVER_QUIET));
	EXPECT_TRUE(run("fsfreeze -u %s", disk.mount));
	EXPECT_TRUE(driver_wait(&driver.queues[0], &used, DRIVER_TIMEOUT));
	EXPECT_EQ(VIRTIO_BLK_S_OK, *write.status);
	driver_exit(&driver);
	disk_close(&disk);
}

TEST_HARNESS_MAIN
