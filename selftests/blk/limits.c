// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest can make the host hold is bounded, whatever the size of its ring: the
 * rest stays on the ring until there is room, and all of it is served in the end.
 */
#include "disks.h"

/* As kernel/blk/queue.c and pages.c have them. */
#define INFLIGHT_MAX 1024
#define BOUNCED_MAX (8 << 20)
#define RING 2048
#define MANY 1500
#define COPIES 20
#define COPY_BYTES (1 << 20)

FIXTURE(limits) {
	struct disk disk;
	struct driver driver;
	struct driver_queue *queue;
};

FIXTURE_SETUP(limits)
{
	if (!disk_open_nullb(&self->disk, "memory_backed=1 no_sched=1 hw_queue_depth=4096 "
			     "irqmode=2 completion_nsec=1000000000"))
		SKIP(return, "no null_blk on this machine");
	blk_init(&self->driver, self->disk.fd, 0, 1, RING, DRIVER_FEATURES);
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
}

FIXTURE_TEARDOWN(limits)
{
	if (self->queue)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

/* How many reads the device has begun when it has begun all it will for now. */
static uint64_t begun(struct driver_queue *queue)
{
	uint64_t before, reads = 0;

	do {
		before = reads;
		usleep(200000);
		reads = driver_stat(queue, RINGHOST_STAT_BLK_READS);
	} while (reads != before && !queue->used->idx);
	return reads;
}

static void expect_all_served(struct driver_queue *queue, unsigned int count)
{
	struct driver_used used;

	for (unsigned int i = 0; i < count; i++)
		ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
}

TEST_F_TIMEOUT(limits, requests_in_flight, 120)
{
	struct guest *guest = &self->driver.guest;
	struct vring_desc *tables = guest_alloc(guest, MANY * 3 * sizeof(*tables), 16);
	uint8_t *status = guest_alloc(guest, MANY, 1);
	struct blk_request request;

	blk_request_init(&request, &self->driver, BLK_SECTOR);
	memset(status, 0xee, MANY);
	for (unsigned int i = 0; i < MANY; i++) {
		struct driver_buffer buffers[] = {
			{ request.header, 16, false }, { request.data, BLK_SECTOR, true },
			{ status + i, 1, true },
		};

		ASSERT_LE(0, driver_add_indirect(self->queue, tables + 3 * i, buffers, 3));
	}
	driver_kick(self->queue);
	EXPECT_EQ(INFLIGHT_MAX, begun(self->queue));
	expect_all_served(self->queue, MANY);
	for (unsigned int i = 0; i < MANY; i++)
		ASSERT_EQ(VIRTIO_BLK_S_OK, status[i]);
}

TEST_F_TIMEOUT(limits, memory_for_copies, 120)
{
	struct blk_request requests[COPIES];

	for (unsigned int i = 0; i < COPIES; i++) {
		blk_request_init(&requests[i], &self->driver, COPY_BYTES + 8);
		requests[i].data += 8;
		requests[i].length = COPY_BYTES;
		ASSERT_LE(0, blk_add(self->queue, &requests[i], VIRTIO_BLK_T_IN, 0));
	}
	driver_kick(self->queue);
	EXPECT_EQ(BOUNCED_MAX / COPY_BYTES, begun(self->queue));
	expect_all_served(self->queue, COPIES);
	for (unsigned int i = 0; i < COPIES; i++)
		ASSERT_EQ(VIRTIO_BLK_S_OK, *requests[i].status);
	EXPECT_EQ(COPIES, driver_stat(self->queue, RINGHOST_STAT_BLK_BOUNCED));
}

TEST_HARNESS_MAIN
