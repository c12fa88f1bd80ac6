// SPDX-License-Identifier: GPL-2.0-only
/*
 * A request may lie in memory as the driver likes: any number of descriptors of any
 * size, header and status anywhere in them; virtio 1.3, 2.7.4. What suits the disk is
 * not copied, the rest is, and counted.
 */
#include "disks.h"

#define RING 256
#define PIECES_MAX 254
/* A place on the disk that is not its start. */
#define SECTOR 2048

FIXTURE(layout) {
	struct disk disk;
	struct driver driver;
	struct driver_queue *queue;
};
FIXTURE_VARIANT(layout) { enum disk_kind kind; };
FIXTURE_VARIANT_ADD(layout, image) { DISK_IMAGE };
FIXTURE_VARIANT_ADD(layout, ext4) { DISK_EXT4 };
FIXTURE_VARIANT_ADD(layout, nullb) { DISK_NULLB };
FIXTURE_VARIANT_ADD(layout, nullb_4k) { DISK_NULLB_4K };
FIXTURE_VARIANT_ADD(layout, loop) { DISK_LOOP };

FIXTURE_SETUP(layout)
{
	if (!disk_open(&self->disk, variant->kind))
		SKIP(return, "no such disk on this machine");
	blk_init(&self->driver, self->disk.fd, 0, 1, RING,
		 DRIVER_FEATURES | DRIVER_BIT(VIRTIO_BLK_F_FLUSH));
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
}

FIXTURE_TEARDOWN(layout)
{
	if (self->queue)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

static void *alloc(struct driver *driver, size_t bytes)
{
	return guest_alloc(&driver->guest, bytes, 4096);
}

/* Kick, wait for @head and return its status. */
static int finish(struct driver_queue *queue, int head, uint8_t *status, uint32_t written)
{
	struct driver_used used;

	ASSERT_LE(0, head);
	driver_kick(queue);
	ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(head, used.head);
	EXPECT_EQ(written, used.written);
	return *status;
}

/* Blocks in reverse order in memory, so that none continues the one before. */
static void reversed_blocks(struct driver_buffer *pieces, unsigned char *data, size_t block,
			    bool device_writes)
{
	for (unsigned int i = 0; i < PIECES_MAX; i++)
		pieces[i] = (struct driver_buffer){ data + (PIECES_MAX - 1 - i) * block, block,
						    device_writes };
}

TEST_F(layout, many_segments_in_an_indirect_table_keep_their_order)
{
	size_t block = self->disk.block, bytes = PIECES_MAX * block;
	struct driver_buffer buffers[PIECES_MAX + 2];
	struct vring_desc *table = alloc(&self->driver, sizeof(*table) * (PIECES_MAX + 2));
	unsigned char *data = alloc(&self->driver, bytes), *seen = malloc(bytes);
	struct blk_request request;
	int head;

	blk_request_init(&request, &self->driver, 0);
	*request.header = (struct virtio_blk_outhdr){ VIRTIO_BLK_T_OUT, 0, SECTOR };
	buffers[0] = (struct driver_buffer){ request.header, 16, false };
	buffers[PIECES_MAX + 1] = (struct driver_buffer){ request.status, 1, true };
	disk_pattern(data, bytes, 4);
	reversed_blocks(buffers + 1, data, block, false);
	head = driver_add_indirect(self->queue, table, buffers, PIECES_MAX + 2);
	ASSERT_EQ(VIRTIO_BLK_S_OK, finish(self->queue, head, request.status, 1));
	bytes &= ~4095ul;
	disk_peek(&self->disk, seen, bytes, SECTOR * BLK_SECTOR);
	for (size_t i = 0; i < bytes / block; i++)
		ASSERT_EQ(0, memcmp(seen + i * block, buffers[i + 1].pointer, block));

	memcpy(seen, data, PIECES_MAX * block);
	memset(data, 0, PIECES_MAX * block);
	request.header->type = VIRTIO_BLK_T_IN;
	reversed_blocks(buffers + 1, data, block, true);
	head = driver_add_indirect(self->queue, table, buffers, PIECES_MAX + 2);
	ASSERT_EQ(VIRTIO_BLK_S_OK, finish(self->queue, head, request.status,
					  PIECES_MAX * block + 1));
	EXPECT_EQ(0, memcmp(seen, data, PIECES_MAX * block));
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_BLK_BOUNCED));
}

/* Cut @buffer into @count pieces of odd lengths. */
static void cut(struct driver_buffer *pieces, unsigned int count, struct driver_buffer buffer)
{
	for (unsigned int i = 0; i < count; i++) {
		uint32_t length = i + 1 < count ? buffer.length / (count - i) | 1 : buffer.length;

		pieces[i] = (struct driver_buffer){ buffer.pointer, length, buffer.device_writes };
		buffer.pointer = (char *)buffer.pointer + length;
		buffer.length -= length;
	}
}

TEST_F(layout, header_data_and_status_may_be_cut_anywhere)
{
	unsigned char *out = alloc(&self->driver, 16 + 8192), *in = alloc(&self->driver, 8193);
	unsigned char expected[8192], seen[8192];
	struct virtio_blk_outhdr header = { VIRTIO_BLK_T_OUT, 0, SECTOR };
	struct driver_buffer buffers[16];

	disk_pattern(expected, 8192, 5);
	memcpy(out, &header, 16);
	memcpy(out + 16, expected, 8192);
	in[0] = 0xee;
	/* The header spans descriptors and the last of them runs into the data. */
	cut(buffers, 3, (struct driver_buffer){ out, 9, false });
	cut(buffers + 3, 7, (struct driver_buffer){ out + 9, 7 + 8192, false });
	buffers[10] = (struct driver_buffer){ in, 1, true };
	ASSERT_EQ(VIRTIO_BLK_S_OK, finish(self->queue, driver_add(self->queue, buffers, 11),
					  in, 1));
	disk_peek(&self->disk, seen, 8192, SECTOR * BLK_SECTOR);
	ASSERT_EQ(0, memcmp(expected, seen, 8192));

	/* Data and status share a descriptor. */
	header.type = VIRTIO_BLK_T_IN;
	memcpy(out, &header, 16);
	memset(in, 0xee, 8193);
	buffers[0] = (struct driver_buffer){ out, 16, false };
	cut(buffers + 1, 5, (struct driver_buffer){ in, 8193, true });
	ASSERT_EQ(VIRTIO_BLK_S_OK, finish(self->queue, driver_add(self->queue, buffers, 6),
					  in + 8192, 8193));
	EXPECT_EQ(0, memcmp(expected, in, 8192));
}

TEST_F(layout, misaligned_buffers_are_copied_and_counted)
{
	bool through_cache = variant->kind == DISK_IMAGE;
	unsigned char *expected = malloc(65536);
	struct blk_request request;

	blk_request_init(&request, &self->driver, 65536 + 1);
	request.data++;
	request.length--;
	disk_pattern(expected, 65536, 6);
	memcpy(request.data, expected, 65536);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_OUT, SECTOR));
	memset(request.data, 0, 65536);
	ASSERT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &request, VIRTIO_BLK_T_IN, SECTOR));
	EXPECT_EQ(0, memcmp(expected, request.data, 65536));
	if (!through_cache)
		EXPECT_EQ(2, driver_stat(self->queue, RINGHOST_STAT_BLK_BOUNCED));
}

TEST_HARNESS_MAIN
