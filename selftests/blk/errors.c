// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk that fails: the driver learns of it for the requests concerned and for no
 * others, also when only a part of a request fails or the whole disk goes away.
 */
#include "disks.h"

#define RING 64
#define BAD_SECTOR 4096

FIXTURE(errors) {
	struct disk disk;
	struct driver driver;
	struct driver_queue *queue;
	struct blk_request request;
};

FIXTURE_SETUP(errors)
{
	if (!disk_open(&self->disk, DISK_NULLB))
		SKIP(return, "no null_blk on this machine");
	blk_init(&self->driver, self->disk.fd, 0, 1, RING,
		 DRIVER_FEATURES | DRIVER_BIT(VIRTIO_BLK_F_FLUSH));
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
	blk_request_init(&self->request, &self->driver, 1 << 20);
	ASSERT_EQ(0, nullb_set(self->disk.name, "badblocks", "+4096-4103"));
}

FIXTURE_TEARDOWN(errors)
{
	if (self->queue)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

TEST_F(errors, a_bad_sector_is_an_error_and_its_neighbours_are_not)
{
	self->request.length = 4096;
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, BAD_SECTOR));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, BAD_SECTOR));
	EXPECT_EQ(2, driver_stat(self->queue, RINGHOST_STAT_BLK_ERRORS));
	EXPECT_EQ(VIRTIO_BLK_S_OK,
		  blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, BAD_SECTOR - 8));
	EXPECT_EQ(VIRTIO_BLK_S_OK,
		  blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, BAD_SECTOR + 8));
}

/* The block layer splits a request of 1 MiB; one of the parts fails, first, amid or last. */
TEST_F(errors, a_request_fails_as_a_whole)
{
	static const unsigned int before[] = { 0, 1024, 2040 };
	struct driver_used used;

	for (unsigned int i = 0; i < 3; i++) {
		ASSERT_LE(0, blk_add(self->queue, &self->request, VIRTIO_BLK_T_IN,
				     BAD_SECTOR - before[i]));
		driver_kick(self->queue);
		ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
		EXPECT_EQ(VIRTIO_BLK_S_IOERR, *self->request.status);
		EXPECT_EQ(1, used.written);
	}
	EXPECT_EQ(3, driver_stat(self->queue, RINGHOST_STAT_BLK_ERRORS));
}

TEST_F(errors, a_misaligned_request_fails_alike)
{
	self->request.data++;
	self->request.length = 8192;
	memset(self->request.data, 0x77, 8192);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, BAD_SECTOR - 8));
	EXPECT_EQ(0x77, self->request.data[0]);
}

TEST_F(errors, a_disk_that_went_away_fails_everything)
{
	self->request.length = 4096;
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
	ASSERT_EQ(0, nullb_set(self->disk.name, "power", "0"));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, &self->request, VIRTIO_BLK_T_FLUSH, 0));
	EXPECT_EQ(VIRTIO_BLK_S_OK,
		  blk_do(self->queue, &self->request, VIRTIO_BLK_T_GET_ID, 0));
}

/* The block layer would warn, and then write all the same. */
TEST_F(errors, a_device_that_became_read_only_is_not_written)
{
	struct ringhost_blk_limits limits;
	struct driver_stats before;

	self->request.length = 4096;
	driver_get_stats(self->queue, &before);
	ASSERT_TRUE(run("blockdev --setro /dev/%s", self->disk.name));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 0));
	EXPECT_STREQ("reject_blk_readonly", driver_rejected(self->queue, &before));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
	ASSERT_EQ(0, vhost_blk_get_limits(self->driver.fd, &limits));
	EXPECT_TRUE(limits.flags & RINGHOST_BLK_F_READONLY);
}

TEST_HARNESS_MAIN
