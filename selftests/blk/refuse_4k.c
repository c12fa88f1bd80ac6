// SPDX-License-Identifier: GPL-2.0-only
/*
 * On a disk with blocks of 4096 bytes a request is whole blocks, or it is refused
 * before the block layer sees it and writes to the kernel's log.
 */
#include "disks.h"

FIXTURE(blocks) {
	struct disk disk;
	struct driver driver;
	struct driver_queue *queue;
	struct blk_request request;
};

FIXTURE_SETUP(blocks)
{
	if (!disk_open(&self->disk, DISK_NULLB_4K))
		SKIP(return, "no null_blk on this machine");
	blk_init(&self->driver, self->disk.fd, 0, 1, 16, DRIVER_FEATURES);
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
	blk_request_init(&self->request, &self->driver, 8192);
}

FIXTURE_TEARDOWN(blocks)
{
	if (self->queue)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

static void expect_refused(FIXTURE_DATA(blocks) *self, uint64_t sector, uint32_t length)
{
	struct driver_stats before;

	driver_get_stats(self->queue, &before);
	self->request.length = length;
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, sector));
	EXPECT_STREQ("reject_blk_length", driver_rejected(self->queue, &before));
}

TEST_F(blocks, the_limits_tell_the_block_size)
{
	struct ringhost_blk_limits limits;

	ASSERT_EQ(0, vhost_blk_get_limits(self->driver.fd, &limits));
	EXPECT_EQ(4096, limits.logical_block_size);
	EXPECT_EQ(4096, limits.physical_block_size);
	EXPECT_EQ(DISK_BYTES / BLK_SECTOR, limits.capacity);
	EXPECT_EQ(RINGHOST_BLK_F_BDEV | RINGHOST_BLK_F_DIRECT, limits.flags);
}

TEST_F(blocks, parts_of_blocks_are_refused)
{
	expect_refused(self, 0, 512);
	expect_refused(self, 0, 4096 + 512);
	expect_refused(self, 1, 4096);
	expect_refused(self, 7, 8192);
	self->request.length = 4096;
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 8));
}

/* Aligned for memory access, but a block then begins in the middle of a page. */
TEST_F(blocks, buffers_off_the_block_size_are_copied)
{
	unsigned char expected[4096];

	self->request.data += 512;
	self->request.length = 4096;
	disk_pattern(expected, 4096, 1);
	memcpy(self->request.data, expected, 4096);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 16));
	memset(self->request.data, 0, 4096);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 16));
	EXPECT_EQ(0, memcmp(expected, self->request.data, 4096));
	EXPECT_EQ(2, driver_stat(self->queue, RINGHOST_STAT_BLK_BOUNCED));
}

TEST_HARNESS_MAIN
