// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there when a disk is attached: each allocation and each copy of the
 * argument fails once. Then the disk that was attached before still is, and works.
 */
#include "disks.h"
#include "fault.h"

#define RING 64

FIXTURE(disk) {
	struct driver driver;
	struct disk disk;
};
FIXTURE_VARIANT(disk) { enum disk_kind kind; };
FIXTURE_VARIANT_ADD(disk, image) { DISK_IMAGE };
FIXTURE_VARIANT_ADD(disk, nullb) { DISK_NULLB };

FIXTURE_SETUP(disk)
{
	FAULT_OR_SKIP();
	if (!disk_open(&self->disk, variant->kind))
		SKIP(return, "no such disk here");
	blk_init(&self->driver, self->disk.fd, 0, 1, RING, DRIVER_FEATURES);
}

FIXTURE_TEARDOWN(disk)
{
	driver_exit(&self->driver);
	disk_close(&self->disk);
}

TEST_F(disk, is_attached_or_not)
{
	struct ringhost_blk_limits limits;
	int fd = self->driver.fd;

	EACH_FAULT(vhost_blk_set_disk(fd, self->disk.fd, 0, NULL));
	EACH_FAULT(vhost_blk_get_limits(fd, &limits));
	blk_start(&self->driver);
	EXPECT_EQ(0, blk_works(&self->driver.queues[0]));
}

TEST_HARNESS_MAIN
