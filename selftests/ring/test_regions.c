// SPDX-License-Identifier: GPL-2.0-only
/*
 * What looks odd and is legal: buffers and tables that cross from one memory
 * region into the next, chains of many pieces, every shape of descriptor layout.
 * A refusal here would break honest guests with many memory slots.
 */
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "rig.h"

#define RING 256

FIXTURE(legal) {
	struct rig rig;
	struct driver_stats before;
};
FIXTURE_VARIANT(legal) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(legal, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(legal, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(legal, net_rx) { RIG_NET_RX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(legal, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(legal, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(legal, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED };

FIXTURE_SETUP(legal)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
	driver_get_stats(self->rig.queue, &self->before);
}

FIXTURE_TEARDOWN(legal)
{
	rig_exit(&self->rig);
}

static void expect_done(struct rig *rig, const struct driver_stats *before, int head)
{
	struct driver_used used;

	rig_provoke(rig);
	ASSERT_TRUE(driver_wait(rig->queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(head, used.head);
	EXPECT_STREQ("nothing", driver_rejected(rig->queue, before));
	EXPECT_EQ(before->value[RINGHOST_STAT_CHAINS] + 1,
		  driver_stat(rig->queue, RINGHOST_STAT_CHAINS));
}

/*
 * A buffer whose middle is the border of two regions. They are not neighbours in
 * this process, so the buffer is described by hand: where it begins is enough.
 */
static int add_over_border(struct rig *rig, uint32_t length)
{
	struct guest *guest = &rig->driver.guest;
	unsigned char *buffer = guest_pointer(guest, GUEST_NEXT_START - length / 2);
	unsigned char *end = guest_pointer(guest, GUEST_NEXT_START);
	unsigned char frame[2048];

	ASSERT_GE(sizeof(frame), length);
	net_fill_frame(frame, length, 5);
	memcpy(buffer, frame, length / 2);
	memcpy(end, frame + length / 2, length / 2);
	return rig_add_split(rig, buffer, length);
}

TEST_F(legal, buffer_over_adjacent_regions_works)
{
	int head = add_over_border(&self->rig, 1024);

	ASSERT_LE(0, head);
	expect_done(&self->rig, &self->before, head);
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_F(legal, ring_outside_the_memory_table_works)
{
	struct driver_queue *queue = self->rig.queue;
	struct guest other = { .allocated = 0 };

	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
	guest_init(&other);
	queue->desc = guest_alloc(&other, RING * sizeof(*queue->desc), 4096);
	queue->avail = guest_alloc(&other, 4096, 4096);
	queue->used = guest_alloc(&other, 4096, 4096);
	driver_reset_queue(queue);
	ASSERT_EQ(0, driver_set_queue(queue));
	ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	EXPECT_EQ(0, rig_works(&self->rig, queue));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
	guest_exit(&other);
}

TEST_F(legal, smallest_and_largest_rings_work)
{
	struct driver_queue *queue = self->rig.queue;
	/* A block request of three direct descriptors needs four entries. */
	unsigned int nums[] = { 4, 8, 32768 };

	for (unsigned int i = 0; i < sizeof(nums) / sizeof(nums[0]); i++) {
		ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
		driver_resize_queue(queue, nums[i]);
		ASSERT_EQ(0, driver_set_queue(queue));
		ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
		for (unsigned int j = 0; j < 20; j++)
			ASSERT_EQ(0, rig_works(&self->rig, queue));
	}
}

/* Block requests in every layout the specification allows; virtio 1.3, 2.7.4.2. */
FIXTURE(layout) { struct driver driver; };
FIXTURE_VARIANT(layout) {
	unsigned int header_pieces;
	unsigned int data_pieces;
	bool indirect;
};
FIXTURE_VARIANT_ADD(layout, header_in_bytes) { 16, 1, false };
FIXTURE_VARIANT_ADD(layout, data_in_bytes) { 1, 64, false };
FIXTURE_VARIANT_ADD(layout, data_in_bytes_indirect) { 1, 512, true };
FIXTURE_VARIANT_ADD(layout, all_in_bytes_indirect) { 16, 512, true };

FIXTURE_SETUP(layout)
{
	blk_init(&self->driver, blk_image(1 << 20), 0, 1, RING, DRIVER_FEATURES);
	blk_start(&self->driver);
}

FIXTURE_TEARDOWN(layout)
{
	driver_exit(&self->driver);
}

static unsigned int add_pieces(struct driver_buffer *buffers, unsigned char *start,
			       unsigned int length, unsigned int pieces, bool device_writes)
{
	for (unsigned int i = 0; i < pieces; i++) {
		unsigned int begin = length * i / pieces;

		buffers[i].pointer = start + begin;
		buffers[i].length = length * (i + 1) / pieces - begin;
		buffers[i].device_writes = device_writes;
	}
	return pieces;
}

/* One request in pieces; returns the status. */
static int do_in_pieces(struct driver *driver, struct blk_request *request,
			struct vring_desc *table, unsigned int header_pieces,
			unsigned int data_pieces)
{
	struct driver_buffer buffers[600];
	struct driver_used used;
	bool read = request->header->type == VIRTIO_BLK_T_IN;
	unsigned int count;

	count = add_pieces(buffers, (unsigned char *)request->header,
			   sizeof(*request->header), header_pieces, false);
	count += add_pieces(buffers + count, request->data, request->length, data_pieces, read);
	count += add_pieces(buffers + count, request->status, 1, 1, true);
	*request->status = 0xee;
	if (table)
		ASSERT_LE(0, driver_add_indirect(&driver->queues[0], table, buffers, count));
	else
		ASSERT_LE(0, driver_add(&driver->queues[0], buffers, count));
	driver_kick(&driver->queues[0]);
	ASSERT_TRUE(driver_wait(&driver->queues[0], &used, DRIVER_TIMEOUT));
	EXPECT_EQ(read ? request->length + 1 : 1, used.written);
	return *request->status;
}

TEST_F(layout, request_in_pieces_works)
{
	struct driver *driver = &self->driver;
	struct vring_desc *table = NULL;
	struct blk_request request;

	if (variant->indirect)
		table = guest_alloc(&driver->guest, 600 * sizeof(*table), 16);
	blk_request_init(&request, driver, BLK_SECTOR);
	for (unsigned int i = 0; i < BLK_SECTOR; i++)
		request.data[i] = i * 3;
	request.header->sector = 9;
	request.header->type = VIRTIO_BLK_T_OUT;
	EXPECT_EQ(0, do_in_pieces(driver, &request, table, variant->header_pieces,
				  variant->data_pieces));
	memset(request.data, 0, BLK_SECTOR);
	request.header->type = VIRTIO_BLK_T_IN;
	EXPECT_EQ(0, do_in_pieces(driver, &request, table, variant->header_pieces,
				  variant->data_pieces));
	for (unsigned int i = 0; i < BLK_SECTOR; i++)
		ASSERT_EQ((i * 3) % 256, request.data[i]);
}

TEST_HARNESS_MAIN
