// SPDX-License-Identifier: GPL-2.0-only
/*
 * RINGHOST_BLK_SET_DISK, GET_LIMITS and SET_VRING_ENABLE do what uapi/ringhost.h
 * says, error for error. The rights of the file descriptor are the rights of the
 * guest: a disk opened for reading is never written.
 */
#include <sys/ioctl.h>
#include <sys/vfs.h>

#include "disks.h"

#define RING 16
#define IMAGE_BYTES (1 << 20)

FIXTURE(set_disk) {
	struct driver driver;
	char path[32];
	int fd;
};

FIXTURE_SETUP(set_disk)
{
	driver_init(&self->driver, VHOST_NODE_BLK, 2, RING, DRIVER_FEATURES);
	snprintf(self->path, sizeof(self->path), "/tmp/rhdisk-XXXXXX");
	self->fd = mkstemp(self->path);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, IMAGE_BYTES));
}

FIXTURE_TEARDOWN(set_disk)
{
	driver_exit(&self->driver);
	unlink(self->path);
}

static int reopened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	ASSERT_LE(0, fd);
	return fd;
}

TEST_F(set_disk, needs_a_file_that_can_be_a_disk)
{
	int fd = self->driver.fd, pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EBADF, vhost_blk_set_disk(fd, 1000, 0, ""));
	EXPECT_EQ(-EBADF, vhost_blk_set_disk(fd, -2, 0, ""));
	EXPECT_EQ(-EBADF, vhost_blk_set_disk(fd, reopened(self->path, O_PATH), 0, ""));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(fd, pipes[1], 0, ""));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(fd, fd, 0, ""));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(fd, reopened("/tmp", O_RDONLY), 0, ""));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(fd, reopened("/dev/zero", O_RDWR), 0, ""));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(fd, reopened(self->path, O_RDWR | O_APPEND), 0, ""));
	EXPECT_EQ(0, vhost_blk_set_disk(fd, self->fd, 0, ""));
}

TEST_F(set_disk, the_rights_of_the_file_decide)
{
	int fd = self->driver.fd;

	EXPECT_EQ(-EACCES, vhost_blk_set_disk(fd, reopened(self->path, O_WRONLY), 0, ""));
	EXPECT_EQ(-EACCES, vhost_blk_set_disk(fd, reopened(self->path, O_WRONLY),
					      RINGHOST_BLK_F_READONLY, ""));
	EXPECT_EQ(-EROFS, vhost_blk_set_disk(fd, reopened(self->path, O_RDONLY), 0, ""));
	EXPECT_EQ(0, vhost_blk_set_disk(fd, reopened(self->path, O_RDONLY),
					RINGHOST_BLK_F_READONLY, ""));
}

TEST_F(set_disk, unknown_flags_and_reserved_fields_are_refused)
{
	struct ringhost_blk_disk disk = { .fd = self->fd };

	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(self->driver.fd, self->fd, RINGHOST_BLK_F_BDEV, ""));
	EXPECT_EQ(-EINVAL, vhost_blk_set_disk(self->driver.fd, self->fd, 1u << 31, ""));
	for (unsigned int i = 0; i < 9; i++) {
		disk.reserved[i] = 1;
		EXPECT_EQ(-1, ioctl(self->driver.fd, RINGHOST_BLK_SET_DISK, &disk));
		EXPECT_EQ(EINVAL, errno);
		disk.reserved[i] = 0;
	}
	EXPECT_EQ(0, ioctl(self->driver.fd, RINGHOST_BLK_SET_DISK, &disk));
	EXPECT_EQ(-1, ioctl(self->driver.fd, RINGHOST_BLK_SET_DISK, NULL));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(set_disk, without_a_disk_nothing_starts)
{
	struct ringhost_blk_limits limits;
	int fd = self->driver.fd;

	EXPECT_EQ(-ENODEV, vhost_set_vring_enable(fd, 0, 1));
	EXPECT_EQ(-ENODEV, vhost_blk_get_limits(fd, &limits));
	EXPECT_EQ(0, vhost_set_vring_enable(fd, 0, 0));
	EXPECT_EQ(0, vhost_blk_set_disk(fd, self->fd, 0, ""));
	EXPECT_EQ(0, vhost_blk_set_disk(fd, -1, 0, ""));
	EXPECT_EQ(-ENODEV, vhost_set_vring_enable(fd, 0, 1));
}

TEST_F(set_disk, queues_are_switched_by_number)
{
	int fd = self->driver.fd;

	ASSERT_EQ(0, vhost_blk_set_disk(fd, self->fd, 0, ""));
	EXPECT_EQ(-ENOBUFS, vhost_set_vring_enable(fd, 16, 1));
	EXPECT_EQ(-ENOBUFS, vhost_set_vring_enable(fd, ~0u, 0));
	EXPECT_EQ(-EINVAL, vhost_set_vring_enable(fd, 0, 2));
	EXPECT_EQ(-EFAULT, vhost_set_vring_enable(fd, 15, 1));
	EXPECT_EQ(0, vhost_set_vring_enable(fd, 1, 1));
	EXPECT_EQ(-EBUSY, vhost_set_vring_enable(fd, 1, 1));
	EXPECT_EQ(0, blk_works(&self->driver.queues[1]));
	EXPECT_EQ(0, vhost_set_vring_enable(fd, 1, 0));
	EXPECT_EQ(0, vhost_set_vring_enable(fd, 1, 0));
}

TEST_F(set_disk, a_disk_in_use_is_not_replaced)
{
	int fd = self->driver.fd, other = reopened(self->path, O_RDWR);

	ASSERT_EQ(0, vhost_blk_set_disk(fd, self->fd, 0, ""));
	ASSERT_EQ(0, vhost_set_vring_enable(fd, 1, 1));
	EXPECT_EQ(-EBUSY, vhost_blk_set_disk(fd, other, 0, ""));
	EXPECT_EQ(-EBUSY, vhost_blk_set_disk(fd, -1, 0, ""));
	EXPECT_EQ(0, blk_works(&self->driver.queues[1]));
	ASSERT_EQ(0, vhost_set_vring_enable(fd, 1, 0));
	EXPECT_EQ(0, vhost_blk_set_disk(fd, other, 0, ""));
}

TEST_F(set_disk, an_error_leaves_the_previous_disk)
{
	struct ringhost_blk_limits limits;

	ASSERT_EQ(0, vhost_blk_set_disk(self->driver.fd, self->fd, 0, ""));
	EXPECT_EQ(-EBADF, vhost_blk_set_disk(self->driver.fd, 1000, 0, ""));
	EXPECT_EQ(0, vhost_blk_get_limits(self->driver.fd, &limits));
}

TEST_F(set_disk, limits_of_an_image)
{
	struct ringhost_blk_limits limits;

	ASSERT_EQ(0, ftruncate(self->fd, IMAGE_BYTES + 511));
	ASSERT_EQ(0, vhost_blk_set_disk(self->driver.fd, self->fd, RINGHOST_BLK_F_READONLY, ""));
	memset(&limits, 0xff, sizeof(limits));
	ASSERT_EQ(0, vhost_blk_get_limits(self->driver.fd, &limits));
	EXPECT_EQ(IMAGE_BYTES / BLK_SECTOR, limits.capacity);
	EXPECT_EQ(BLK_SECTOR, limits.logical_block_size);
	EXPECT_LE(BLK_SECTOR, limits.physical_block_size);
	EXPECT_EQ(254, limits.seg_max);
	EXPECT_EQ(16, limits.queues);
	EXPECT_EQ(RINGHOST_BLK_F_READONLY, limits.flags & ~RINGHOST_BLK_F_DIRECT);
	for (unsigned int i = 0; i < 8; i++)
		EXPECT_EQ(0, limits.reserved[i]);
}

/* @fd's disk refuses writes, reads all the same, and the file does not change. */
static void expect_readonly(FIXTURE_DATA(set_disk) *self, int fd)
{
	struct driver_queue *queue = &self->driver.queues[0];
	struct blk_request request;
	struct driver_stats before;
	char seen = 1;

	ASSERT_EQ(0, vhost_blk_set_disk(self->driver.fd, fd, RINGHOST_BLK_F_READONLY, ""));
	ASSERT_EQ(0, vhost_set_vring_enable(self->driver.fd, 0, 1));
	blk_request_init(&request, &self->driver, BLK_SECTOR);
	memset(request.data, 0x5a, BLK_SECTOR);
	driver_get_stats(queue, &before);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(queue, &request, VIRTIO_BLK_T_OUT, 3));
	EXPECT_STREQ("reject_blk_readonly", driver_rejected(queue, &before));
	EXPECT_EQ(1, pread(self->fd, &seen, 1, 3 * BLK_SECTOR));
	EXPECT_EQ(0, seen);
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(queue, &request, VIRTIO_BLK_T_IN, 3));
	EXPECT_EQ(0, request.data[0]);
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(queue, &request, VIRTIO_BLK_T_FLUSH, 0));
}

TEST_F(set_disk, a_file_opened_for_reading_is_never_written)
{
	expect_readonly(self, reopened(self->path, O_RDONLY));
}

TEST_F(set_disk, a_disk_flagged_read_only_is_never_written)
{
	expect_readonly(self, self->fd);
}

TEST_F(set_disk, reset_lets_go_of_the_disk)
{
	char mount_point[] = "/tmp/rhmount-XXXXXX", path[64];
	int fd;

	ASSERT_NE(NULL, mkdtemp(mount_point));
	ASSERT_EQ(0, mount("none", mount_point, "tmpfs", 0, NULL));
	snprintf(path, sizeof(path), "%s/disk", mount_point);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, IMAGE_BYTES));
	ASSERT_EQ(0, vhost_blk_set_disk(self->driver.fd, fd, 0, ""));
	close(fd);
	ASSERT_EQ(0, vhost_set_vring_enable(self->driver.fd, 0, 1));
	EXPECT_EQ(-1, umount(mount_point));
	EXPECT_EQ(0, vhost_reset_owner(self->driver.fd));
	EXPECT_EQ(0, umount(mount_point));
	rmdir(mount_point);
}

TEST_HARNESS_MAIN
