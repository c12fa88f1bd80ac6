// SPDX-License-Identifier: GPL-2.0-only
/*
 * An image file that becomes shorter under the guest: what is gone reads as an
 * error, not as old memory, and a write does not make the file grow again.
 */
#include <pthread.h>

#include "disks.h"

#define RING 128
#define FULL (8 << 20)
#define HALF (FULL / 2)
#define HALF_SECTOR (HALF / BLK_SECTOR)
#define REQUESTS 32
#define ROUNDS 60
/* On the disk, and in memory before a read. */
#define WRITTEN 0x5a
#define UNTOUCHED 0x77

FIXTURE(truncate) {
	struct disk disk;
	struct driver driver;
	struct driver_queue *queue;
	struct blk_request requests[REQUESTS];
	volatile bool stop;
};
FIXTURE_VARIANT(truncate) { enum disk_kind kind; };
FIXTURE_VARIANT_ADD(truncate, image) { DISK_IMAGE };
FIXTURE_VARIANT_ADD(truncate, ext4) { DISK_EXT4 };

FIXTURE_SETUP(truncate)
{
	char *data = malloc(FULL);

	if (!disk_open(&self->disk, variant->kind))
		SKIP(return, "no such disk on this machine");
	ASSERT_EQ(0, ftruncate(self->disk.fd, FULL));
	memset(data, WRITTEN, FULL);
	disk_poke(&self->disk, data, FULL, 0);
	free(data);
	blk_init(&self->driver, self->disk.fd, 0, 1, RING,
		 DRIVER_FEATURES | DRIVER_BIT(VIRTIO_BLK_F_FLUSH));
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
	for (unsigned int i = 0; i < REQUESTS; i++)
		blk_request_init(&self->requests[i], &self->driver, 16384);
}

FIXTURE_TEARDOWN(truncate)
{
	if (self->queue)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

static off_t size_of(int fd)
{
	struct stat stat;

	ASSERT_EQ(0, fstat(fd, &stat));
	return stat.st_size;
}

TEST_F(truncate, what_is_gone_reads_as_an_error)
{
	struct blk_request *request = &self->requests[0];

	ASSERT_EQ(0, ftruncate(self->disk.fd, HALF));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, request, VIRTIO_BLK_T_IN, HALF_SECTOR));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, request, VIRTIO_BLK_T_IN, HALF_SECTOR - 8));
	EXPECT_EQ(VIRTIO_BLK_S_OK,
		  blk_do(self->queue, request, VIRTIO_BLK_T_IN, HALF_SECTOR - 32));
}

TEST_F(truncate, a_write_does_not_make_the_file_grow)
{
	struct blk_request *request = &self->requests[0];

	ASSERT_EQ(0, ftruncate(self->disk.fd, HALF));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, request, VIRTIO_BLK_T_OUT, HALF_SECTOR));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, request, VIRTIO_BLK_T_OUT, HALF_SECTOR - 8));
	EXPECT_EQ(HALF, size_of(self->disk.fd));
	EXPECT_EQ(VIRTIO_BLK_S_OK,
		  blk_do(self->queue, request, VIRTIO_BLK_T_OUT, HALF_SECTOR - 32));
}

static void *shrinks_and_grows(void *context)
{
	FIXTURE_DATA(truncate) *self = context;

	while (!self->stop) {
		ASSERT_EQ(0, ftruncate(self->disk.fd, HALF));
		ASSERT_EQ(0, ftruncate(self->disk.fd, FULL));
	}
	return NULL;
}

/* A read that succeeded has replaced every byte: by what was written, or by a hole. */
static void check_read(const struct blk_request *request)
{
	if (*request->status == VIRTIO_BLK_S_IOERR)
		return;
	ASSERT_EQ(VIRTIO_BLK_S_OK, *request->status);
	for (unsigned int i = 0; i < request->length; i++)
		if (request->data[i] && request->data[i] != WRITTEN)
			ASSERT_EQ(WRITTEN, request->data[i]);
}

TEST_F_TIMEOUT(truncate, under_load_reads_are_whole_or_fail, 120)
{
	struct driver_used used;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, shrinks_and_grows, self));
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (unsigned int i = 0; i < REQUESTS; i++) {
			struct blk_request *request = &self->requests[i];

			memset(request->data, UNTOUCHED, request->length);
			ASSERT_LE(0, blk_add(self->queue, request, VIRTIO_BLK_T_IN,
					     HALF_SECTOR - 512 + i * 32));
			if (i % 8 == 7)
				driver_kick(self->queue);
		}
		for (unsigned int i = 0; i < REQUESTS; i++)
			ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
		for (unsigned int i = 0; i < REQUESTS; i++)
			check_read(&self->requests[i]);
	}
	self->stop = true;
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
