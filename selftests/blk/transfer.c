// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads and writes move just the bytes they name, on every kind of disk;
 * virtio 1.3, 5.2.6.
 */
#include "disks.h"

#define RING 256
/* A place on the disk that is not its start. */
#define SECTOR 2048

FIXTURE(transfer) {
	struct disk disk;
	struct driver driver;
	struct driver_queue *queue;
};
FIXTURE_VARIANT(transfer) { enum disk_kind kind; };
FIXTURE_VARIANT_ADD(transfer, image) { DISK_IMAGE };
FIXTURE_VARIANT_ADD(transfer, ext4) { DISK_EXT4 };
FIXTURE_VARIANT_ADD(transfer, nullb) { DISK_NULLB };
FIXTURE_VARIANT_ADD(transfer, nullb_4k) { DISK_NULLB_4K };
FIXTURE_VARIANT_ADD(transfer, loop) { DISK_LOOP };

FIXTURE_SETUP(transfer)
{
	if (!disk_open(&self->disk, variant->kind))
		SKIP(return, "no such disk on this machine");
	blk_init(&self->driver, self->disk.fd, 0, 1, RING,
		 DRIVER_FEATURES | DRIVER_BIT(VIRTIO_BLK_F_FLUSH));
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
}

FIXTURE_TEARDOWN(transfer)
{
	if (self->queue)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

TEST_F(transfer, written_data_is_on_the_disk_and_reads_back)
{
	struct blk_request request;
	unsigned char *expected = malloc(65536), *seen = malloc(65536);

	disk_pattern(expected, 65536, 1);
	blk_request_init(&request, &self->driver, 65536);
	memcpy(request.data, expected, 65536);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_OUT, SECTOR));
	disk_peek(&self->disk, seen, 65536, SECTOR * BLK_SECTOR);
	EXPECT_EQ(0, memcmp(expected, seen, 65536));
	memset(request.data, 0, 65536);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_IN, SECTOR));
	EXPECT_EQ(0, memcmp(expected, request.data, 65536));
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_BLK_BOUNCED));
}

TEST_F(transfer, data_that_the_host_wrote_is_read)
{
	unsigned char *expected = malloc(65536);
	struct blk_request request;

	disk_pattern(expected, 65536, 2);
	disk_poke(&self->disk, expected, 65536, SECTOR * BLK_SECTOR);
	blk_request_init(&request, &self->driver, 65536);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_IN, SECTOR));
	EXPECT_EQ(0, memcmp(expected, request.data, 65536));
}

TEST_F(transfer, a_write_leaves_its_neighbours_alone)
{
	size_t block = self->disk.block;
	unsigned char expected[12288], seen[12288];
	struct blk_request request;

	disk_pattern(expected, sizeof(expected), 3);
	disk_poke(&self->disk, expected, sizeof(expected), SECTOR * BLK_SECTOR);
	blk_request_init(&request, &self->driver, block);
	memset(request.data, 0x5a, block);
	memset(expected + 4096, 0x5a, block);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_OUT,
					  SECTOR + 4096 / BLK_SECTOR));
	disk_peek(&self->disk, seen, sizeof(seen), SECTOR * BLK_SECTOR);
	EXPECT_EQ(0, memcmp(expected, seen, sizeof(seen)));
}

TEST_F(transfer, a_read_leaves_the_memory_around_it_alone)
{
	size_t block = self->disk.block;
	struct blk_request request;
	unsigned char *around;

	blk_request_init(&request, &self->driver, 3 * block);
	around = request.data;
	memset(around, 0x77, 3 * block);
	request.data += block;
	request.length = block;
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_IN, 0));
	for (size_t i = 0; i < block; i++) {
		ASSERT_EQ(0x77, around[i]);
		ASSERT_EQ(0x77, around[2 * block + i]);
	}
}

TEST_F(transfer, the_last_sector_is_part_of_the_disk)
{
	struct ringhost_blk_limits limits;
	struct blk_request request;

	ASSERT_EQ(0, vhost_blk_get_limits(self->driver.fd, &limits));
	blk_request_init(&request, &self->driver, self->disk.block);
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_OUT,
					  limits.capacity - self->disk.block / BLK_SECTOR));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_IN,
					  limits.capacity - self->disk.block / BLK_SECTOR));
}

TEST_F_TIMEOUT(transfer, the_largest_request_works, 60)
{
	struct ringhost_blk_limits limits;
	struct blk_request request;
	unsigned char *expected;

	ASSERT_EQ(0, vhost_blk_get_limits(self->driver.fd, &limits));
	expected = malloc(limits.max_request_bytes);
	blk_request_init(&request, &self->driver, limits.max_request_bytes);
	disk_pattern(expected, request.length, 7);
	memcpy(request.data, expected, request.length);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_OUT, 8));
	memset(request.data, 0, request.length);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_IN, 8));
	EXPECT_EQ(0, memcmp(expected, request.data, request.length));
}

#define PARALLEL 64

/* Completes all requests, in whatever order; returns how many had status 0. */
static unsigned int reap_all(struct driver_queue *queue, struct blk_request *requests)
{
	struct driver_used used;
	unsigned int good = 0;

	for (unsigned int i = 0; i < PARALLEL; i++) {
		ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
		for (unsigned int j = 0; j < PARALLEL; j++)
			if (requests[j].head == (int)used.head)
				good += *requests[j].status == VIRTIO_BLK_S_OK;
	}
	return good;
}

TEST_F_TIMEOUT(transfer, requests_in_parallel_do_not_mix, 60)
{
	struct blk_request requests[PARALLEL];
	unsigned char expected[16384];

	for (unsigned int i = 0; i < PARALLEL; i++) {
		blk_request_init(&requests[i], &self->driver, sizeof(expected));
		disk_pattern(requests[i].data, sizeof(expected), 100 + i);
		ASSERT_LE(0, blk_add(self->queue, &requests[i], VIRTIO_BLK_T_OUT, i * 32));
	}
	driver_kick(self->queue);
	ASSERT_EQ(PARALLEL, reap_all(self->queue, requests));
	for (unsigned int i = 0; i < PARALLEL; i++) {
		memset(requests[i].data, 0, sizeof(expected));
		ASSERT_LE(0, blk_add(self->queue, &requests[i], VIRTIO_BLK_T_IN, i * 32));
	}
	driver_kick(self->queue);
	ASSERT_EQ(PARALLEL, reap_all(self->queue, requests));
	for (unsigned int i = 0; i < PARALLEL; i++) {
		disk_pattern(expected, sizeof(expected), 100 + i);
		ASSERT_EQ(0, memcmp(expected, requests[i].data, sizeof(expected)));
	}
}

TEST_F(transfer, the_serial_is_told)
{
	struct blk_request request;
	struct driver_used used;

	blk_request_init(&request, &self->driver, 64);
	memset(request.data, 0x77, 64);
	ASSERT_LE(0, blk_add(self->queue, &request, VIRTIO_BLK_T_GET_ID, 0));
	driver_kick(self->queue);
	ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(VIRTIO_BLK_S_OK, *request.status);
	EXPECT_EQ(VIRTIO_BLK_ID_BYTES + 1, used.written);
	EXPECT_STREQ("selftest", (char *)request.data);
	EXPECT_EQ(0, request.data[VIRTIO_BLK_ID_BYTES - 1]);
	EXPECT_EQ(0x77, request.data[VIRTIO_BLK_ID_BYTES]);
	request.length = 4;
	memset(request.data, 0x77, 64);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_GET_ID, 0));
	EXPECT_EQ(0, memcmp(request.data, "self\x77", 5));
}

TEST_F(transfer, a_flush_is_answered)
{
	struct blk_request request;

	blk_request_init(&request, &self->driver, 0);
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_FLUSH, 0));
	EXPECT_EQ(1, driver_stat(self->queue, RINGHOST_STAT_BLK_FLUSHES));
}

TEST_HARNESS_MAIN
