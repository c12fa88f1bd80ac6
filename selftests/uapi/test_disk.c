// SPDX-License-Identifier: GPL-2.0-only
/*
 * ringhost-blk's own ioctls: attaching a disk, asking what it can do, starting
 * and stopping queues; each error of uapi/ringhost.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk.h"
#include "harness.h"

#define RING 64
#define DISK_BYTES (1 << 20)

FIXTURE(disk) {
	struct driver driver;
	int fd;
	int image;
};

FIXTURE_SETUP(disk)
{
	driver_init(&self->driver, VHOST_NODE_BLK, 2, RING, DRIVER_FEATURES);
	self->fd = self->driver.fd;
	self->image = blk_image(DISK_BYTES);
}

FIXTURE_TEARDOWN(disk)
{
	close(self->image);
	driver_exit(&self->driver);
}

/* The image again, through another open file. */
static int reopen(int fd, int flags)
{
	char path[40];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	ASSERT_LE(0, again);
	return again;
}

TEST_F(disk, nothing_works_without_a_disk)
{
	struct ringhost_blk_limits limits;

	EXPECT_EQ(-ENODEV, vhost_blk_get_limits(self->fd, &limits));
	EXPECT_EQ(-ENODEV, vhost_set_vring_enable(self->fd, 0, 1));
	EXPECT_EQ(0, vhost_set_vring_enable(self->fd, 0, 0));
	EXPECT_EQ(0, vhost_blk_set_disk(self->fd, -1, 0, NULL));
}

TEST_F(disk, limits_describe_the_image)
{
	struct ringhost_blk_limits limits;

	ASSERT_EQ(0, ftruncate(self->image, DISK_BYTES + 513));
	ASSERT_EQ(0, vhost_blk_set_disk(self->fd, self->image, 0, NULL));
	memset(&limits, 0xff, sizeof(limits));
	ASSERT_EQ(0, vhost_blk_get_limits(self->fd, &limits));
	EXPECT_EQ(DISK_BYTES / BLK_SECTOR + 1, limits.capacity);
	EXPECT_LE(BLK_SECTOR, limits.logical_block_size);
	EXPECT_LE(limits.logical_block_size, limits.physical_block_size);
	EXPECT_LE(4096, limits.max_request_bytes);
	EXPECT_LT(0, limits.seg_max);
	EXPECT_LE(2, limits.queues);
	EXPECT_FALSE(limits.flags & (RINGHOST_BLK_F_READONLY | RINGHOST_BLK_F_BDEV));
	for (unsigned int i = 0; i < 8; i++)
		EXPECT_EQ(0, limits.reserved[i]);
	EXPECT_EQ(-EFAULT, vhost_blk_get_limits(self->fd, (void *)8));
}

TEST_F(disk, promised_queues_exist_and_no_more)
{
	struct ringhost_blk_limits limits;

	ASSERT_EQ(0, vhost_blk_set_disk(self->fd, self->image, 0, NULL));
	ASSERT_EQ(0, vhost_blk_get_limits(self->fd, &limits));
	EXPECT_EQ(0, vhost_set_vring_num(self->fd, limits.queues - 1, RING));
	EXPECT_EQ(-ENOBUFS, vhost_set_vring_num(self->fd, limits.queues, RING));
	EXPECT_EQ(-ENOBUFS, vhost_set_vring_enable(self->fd, limits.queues, 1));
	EXPECT_EQ(-ENOBUFS, vhost_set_vring_enable(self->fd, limits.queues, 0));
}

TEST_F(disk, flags_and_reserved_words_are_checked)
{
	struct ringhost_blk_disk disk = { .fd = self->image };

	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(self->fd, self->image, 1u << 31, NULL));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(self->fd, self->image, RINGHOST_BLK_F_BDEV, NULL));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(self->fd, self->image, RINGHOST_BLK_F_DIRECT, NULL));
	for (unsigned int i = 0; i < 9; i++) {
		disk.reserved[i] = 1;
		EXPECT_EQ(-1, ioctl(self->fd, RINGHOST_BLK_SET_DISK, &disk));
		EXPECT_EQ(EINVAL, errno);
		disk.reserved[i] = 0;
	}
	EXPECT_EQ(-1, ioctl(self->fd, RINGHOST_BLK_SET_DISK, 8));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(disk, what_is_no_disk_is_refused)
{
	int folder = open("/tmp", O_RDONLY | O_DIRECTORY);
	int null = open("/dev/null", O_RDWR);
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(self->fd, folder, RINGHOST_BLK_F_READONLY, NULL));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(self->fd, null, 0, NULL));
	EXPECT_GT(0, vhost_blk_set_disk(self->fd, pipes[0], RINGHOST_BLK_F_READONLY, NULL));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(self->fd, self->driver.queues[0].call, 0, NULL));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(self->fd, self->fd, 0, NULL));
	close(folder);
	EXPECT_EQ(-EBADF, vhost_blk_set_disk(self->fd, folder, 0, NULL));
	EXPECT_EQ(-EBADF, vhost_blk_set_disk(self->fd, -2, 0, NULL));
	close(null);
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F(disk, rights_of_the_descriptor_are_kept)
{
	int readable = reopen(self->image, O_RDONLY);
	int writable = reopen(self->image, O_WRONLY);
	int path = reopen(self->image, O_PATH);
	struct ringhost_blk_limits limits;

	EXPECT_EQ(-EROFS, vhost_blk_set_disk(self->fd, readable, 0, NULL));
	EXPECT_EQ(-EACCES, vhost_blk_set_disk(self->fd, writable, 0, NULL));
	EXPECT_EQ(-EBADF, vhost_blk_set_disk(self->fd, path, 0, NULL));
	ASSERT_EQ(0, vhost_blk_set_disk(self->fd, readable, RINGHOST_BLK_F_READONLY, NULL));
	ASSERT_EQ(0, vhost_blk_get_limits(self->fd, &limits));
	EXPECT_TRUE(limits.flags & RINGHOST_BLK_F_READONLY);
	close(path);
	close(writable);
	close(readable);
}

TEST_F(disk, disk_cannot_change_while_a_queue_runs)
{
	ASSERT_EQ(0, vhost_blk_set_disk(self->fd, self->image, 0, NULL));
	ASSERT_EQ(0, vhost_set_vring_enable(self->fd, 1, 1));
	EXPECT_EQ(-EBUSY, vhost_blk_set_disk(self->fd, self->image, 0, NULL));
	EXPECT_EQ(-EBUSY, vhost_blk_set_disk(self->fd, -1, 0, NULL));
	EXPECT_EQ(0, blk_works(&self->driver.queues[1]));
	ASSERT_EQ(0, vhost_set_vring_enable(self->fd, 1, 0));
	EXPECT_EQ(0, vhost_blk_set_disk(self->fd, self->image, 0, NULL));
	EXPECT_EQ(0, vhost_blk_set_disk(self->fd, -1, 0, NULL));
	EXPECT_EQ(-ENODEV, vhost_set_vring_enable(self->fd, 1, 1));
}

TEST_F(disk, enable_takes_zero_and_one)
{
	ASSERT_EQ(0, vhost_blk_set_disk(self->fd, self->image, 0, NULL));
	EXPECT_EQ(-EINVAL, vhost_set_vring_enable(self->fd, 0, 2));
	EXPECT_EQ(-EINVAL, vhost_set_vring_enable(self->fd, 0, ~0u));
	EXPECT_EQ(0, vhost_set_vring_enable(self->fd, 0, 0));
	EXPECT_EQ(0, vhost_set_vring_enable(self->fd, 0, 1));
	EXPECT_EQ(0, blk_works(&self->driver.queues[0]));
	EXPECT_EQ(0, vhost_set_vring_enable(self->fd, 0, 0));
	EXPECT_EQ(0, vhost_set_vring_enable(self->fd, 0, 0));
	EXPECT_EQ(-1, ioctl(self->fd, RINGHOST_SET_VRING_ENABLE, 8));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(disk, queue_without_ring_or_memory_does_not_start)
{
	int fd = vhost_open(VHOST_NODE_BLK);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, vhost_set_owner(fd));
	ASSERT_EQ(0, vhost_blk_set_disk(fd, self->image, 0, NULL));
	EXPECT_EQ(-EFAULT, vhost_set_vring_enable(fd, 0, 1));
	ASSERT_EQ(0, guest_set_mem_table(&self->driver.guest, fd));
	EXPECT_EQ(-EFAULT, vhost_set_vring_enable(fd, 0, 1));
	close(fd);
}

TEST_F(disk, disk_outlives_its_descriptor)
{
	ASSERT_EQ(0, vhost_blk_set_disk(self->fd, self->image, 0, NULL));
	close(self->image);
	self->image = open("/dev/null", O_RDWR);
	ASSERT_EQ(0, vhost_set_vring_enable(self->fd, 0, 1));
	EXPECT_EQ(0, blk_works(&self->driver.queues[0]));
}

TEST_HARNESS_MAIN
