// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there when a disk is attached: each allocation and each copy of the
 * argument fails once. Then the disk that was attached before still is, and works.
 *
 * And when its requests are worked on: each of the worker's fails once, then some of many at
 * the same time. No request is lost: each is answered, as done or with an error, and the next
 * one works. What a workqueue does for the worker meets faults under pressure only.
 */
#include "disks.h"
#include "fault.h"
#include "threads.h"

#define RING 64
#define BIG (256 << 10)
#define PRESSURE_REQUESTS 200
#define PRESSURE_FAULTS 1000
/* Far fewer than fail, so that chance decides nothing. */
#define PRESSURE_FAULTS_MIN 10

FIXTURE(disk) {
	struct driver driver;
	struct disk disk;
	struct blk_request request;
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
	blk_request_init(&self->request, &self->driver, BIG);
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

/* A request that ends with a status, as a call. */
static int request(FIXTURE_DATA(disk) *self, uint32_t type, unsigned int offset, uint32_t length)
{
	struct blk_request part = self->request;
	int status;

	part.data += offset;
	part.length = length;
	*part.status = 0xff;
	status = blk_do(&self->driver.queues[0], &part, type, 0);
	if (status <= 0)
		return status;
	return status == VIRTIO_BLK_S_IOERR ? -EIO : -EPROTO;
}

static void start_in_worker(FIXTURE_DATA(disk) *self)
{
	char name[32];
	pid_t worker;

	blk_start(&self->driver);
	snprintf(name, sizeof(name), "rh-blk-%d/", getpid());
	worker = threads_find(name);
	ASSERT_NE(0, worker);
	fault_in_thread(worker);
}

/* Small and aligned, and of more pages than a request has room for at hand. */
TEST_F(disk, request_is_done_or_answered_with_an_error)
{
	start_in_worker(self);
	EACH_FAULT(request(self, VIRTIO_BLK_T_OUT, 0, 4096), EIO);
	EACH_FAULT(request(self, VIRTIO_BLK_T_IN, 0, 4096), EIO);
	EACH_FAULT(request(self, VIRTIO_BLK_T_OUT, 0, BIG), EIO);
	EACH_FAULT(request(self, VIRTIO_BLK_T_IN, 0, BIG), EIO);
	EACH_FAULT(request(self, VIRTIO_BLK_T_FLUSH, 0, 0), EIO);
	EACH_FAULT(request(self, VIRTIO_BLK_T_GET_ID, 0, RINGHOST_BLK_SERIAL_BYTES), EIO);
}

/* What has to be copied is copied through pages that are allocated for it. */
TEST_F(disk, copied_request_is_done_or_answered_with_an_error)
{
	start_in_worker(self);
	EACH_FAULT(request(self, VIRTIO_BLK_T_OUT, 1, 4 * 4096), EIO);
	EACH_FAULT(request(self, VIRTIO_BLK_T_IN, 1, 4 * 4096), EIO);
}

/* Offer as many requests as the ring takes; returns how many. */
static unsigned int offer(FIXTURE_DATA(disk) *self, unsigned int round)
{
	struct blk_request part = self->request;
	unsigned int count = 0;

	part.data += round % 2;
	part.length = round % 3 ? 4096 : 64 << 10;
	while (blk_add(&self->driver.queues[0], &part, round % 2 ? VIRTIO_BLK_T_IN :
		       VIRTIO_BLK_T_OUT, 0) >= 0)
		count++;
	driver_kick(&self->driver.queues[0]);
	return count;
}

TEST_F_TIMEOUT(disk, loses_no_request_under_pressure, 60)
{
	struct driver_queue *queue = &self->driver.queues[0];
	struct driver_used used;

	blk_start(&self->driver);
	fault_pressure(20, PRESSURE_FAULTS);
	for (unsigned int done = 0, round = 0; done < PRESSURE_REQUESTS; round++)
		for (unsigned int left = offer(self, round); left; left--, done++)
			ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
	EXPECT_LE(PRESSURE_FAULTS_MIN, fault_pressure_end(PRESSURE_FAULTS));
	EXPECT_EQ(0, blk_works(queue));
}

TEST_HARNESS_MAIN
