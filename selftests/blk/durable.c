// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is acknowledged is durable when the driver may believe so: after a FLUSH where
 * that was negotiated, else at once; virtio 1.3, 5.2.6.2. Seen from below: in the
 * trace of what reaches a device that has a write cache.
 */
#include "disks.h"

#define RING 16
#define TRACING "/sys/kernel/tracing/"
/* The device accepts 8 MiB before it writes through; FUA and flush are for such. */
#define CACHED "memory_backed=1 cache_size=8"

FIXTURE(durable) {
	struct disk disk;
	struct driver driver;
	struct driver_queue *queue;
	struct blk_request request;
};
FIXTURE_VARIANT(durable) { bool image; };
FIXTURE_VARIANT_ADD(durable, nullb) { false };
FIXTURE_VARIANT_ADD(durable, ext4) { true };

FIXTURE_SETUP(durable)
{
	bool there = variant->image ? disk_open_ext4(&self->disk, CACHED) :
				      disk_open_nullb(&self->disk, CACHED);

	if (!there)
		SKIP(return, "no null_blk with a cache on this machine");
	if (access(TRACING "trace", F_OK) && mount("tracefs", TRACING, "tracefs", 0, NULL))
		SKIP(return, "no tracing on this machine");
}

static void start(FIXTURE_DATA(durable) *self, uint64_t features)
{
	blk_init(&self->driver, self->disk.fd, 0, 1, RING, DRIVER_FEATURES | features);
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
	blk_request_init(&self->request, &self->driver, 4096);
	syncfs(self->disk.host);
	ASSERT_EQ(0, disk_set_file(TRACING "tracing_on", "1"));
	/* The names of programs are not of interest, and cost a patch of the scheduler's code. */
	ASSERT_EQ(0, disk_set_file(TRACING "options/record-cmd", "0"));
	ASSERT_EQ(0, disk_set_file(TRACING "events/block/block_rq_issue/enable", "1"));
	/* This, and not truncate(), empties it. */
	ASSERT_EQ(0, close(open(TRACING "trace", O_WRONLY | O_TRUNC)));
}

FIXTURE_TEARDOWN(durable)
{
	disk_set_file(TRACING "events/block/block_rq_issue/enable", "0");
	if (self->queue)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

/* Requests issued whose flags match: a letter F before W, or alone, is a flush, after W FUA. */
static unsigned int count_forced(const char *pattern)
{
	char command[200], line[32];
	FILE *output;
	int count = -1;

	snprintf(command, sizeof(command),
		 "grep block_rq_issue " TRACING "trace | grep -cE ' %s [0-9]+ '", pattern);
	output = popen(command, "r");
	if (output && fgets(line, sizeof(line), output))
		count = atoi(line);
	if (output)
		pclose(output);
	ASSERT_LE(0, count);
	return count;
}

#define FLUSHES "F[FWRS]*"
#define FUA_WRITES "F?W[A-Z]*F[A-Z]*"
#define WRITES "F?W[A-Z]*"

TEST_F_TIMEOUT(durable, a_flush_reaches_the_device, 120)
{
	unsigned int before;

	start(self, DRIVER_BIT(VIRTIO_BLK_F_FLUSH));
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 8));
	EXPECT_LE(1, count_forced(WRITES));
	before = count_forced(FLUSHES);
	/* A file system's journal may have forced writes of its own by now. */
	if (!variant->image) {
		EXPECT_EQ(0, before);
		EXPECT_EQ(0, count_forced(FUA_WRITES));
	}
	self->request.length = 0;
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_FLUSH, 0));
	EXPECT_LT(before, count_forced(FLUSHES));
}

TEST_F_TIMEOUT(durable, without_flush_negotiated_every_write_is_through, 120)
{
	unsigned int before, through = 0;

	start(self, 0);
	for (unsigned int i = 1; i <= 3; i++) {
		before = through;
		ASSERT_EQ(VIRTIO_BLK_S_OK,
			  blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 8 * i));
		through = count_forced(FUA_WRITES) + count_forced(FLUSHES);
		EXPECT_LT(before, through);
	}
}

TEST_F_TIMEOUT(durable, misaligned_writes_are_as_durable, 120)
{
	start(self, 0);
	self->request.data++;
	self->request.length = 512;
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 8));
	EXPECT_LE(1, count_forced(FUA_WRITES) + count_forced(FLUSHES));
}

TEST_HARNESS_MAIN
