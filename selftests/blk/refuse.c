// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests that make no sense are refused one by one, each under its own name,
 * and the queue goes on; virtio 1.3, 5.2.6. Nothing reaches the disk.
 */
#include <sys/mman.h>

#include "disks.h"

#define RING 64
#define IMAGE_SECTORS 128ull

FIXTURE(refuse) {
	struct driver driver;
	struct driver_queue *queue;
	struct blk_request request;
	struct driver_stats before;
};

FIXTURE_SETUP(refuse)
{
	blk_init(&self->driver, blk_image(IMAGE_SECTORS * BLK_SECTOR), 0, 1, RING,
		 DRIVER_FEATURES | DRIVER_BIT(VIRTIO_BLK_F_FLUSH));
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
	blk_request_init(&self->request, &self->driver, (4 << 20) + 4096);
	self->request.length = BLK_SECTOR;
	driver_get_stats(self->queue, &self->before);
}

FIXTURE_TEARDOWN(refuse)
{
	EXPECT_EQ(0, blk_works(self->queue));
	driver_exit(&self->driver);
}

static void expect_refused(FIXTURE_DATA(refuse) *self, uint32_t type, uint64_t sector,
			   uint32_t length, const char *name)
{
	driver_get_stats(self->queue, &self->before);
	self->request.length = length;
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, type, sector));
	EXPECT_STREQ(name, driver_rejected(self->queue, &self->before)) {
		TEST_LOG("type %u sector %#llx length %u", type, (unsigned long long)sector,
			 length);
	}
}

/* Offer a chain of @count buffers and wait until it comes back. */
static struct driver_used offer(struct driver_queue *queue, struct driver_buffer *buffers,
				unsigned int count)
{
	struct driver_used used;

	ASSERT_LE(0, driver_add(queue, buffers, count));
	driver_kick(queue);
	ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
	return used;
}

TEST_F(refuse, sectors_past_the_end)
{
	static const uint64_t sectors[] = {
		IMAGE_SECTORS, IMAGE_SECTORS + 1, 1ull << 31, 1ull << 54,
	};

	for (unsigned int i = 0; i < 4; i++) {
		expect_refused(self, VIRTIO_BLK_T_IN, sectors[i], BLK_SECTOR, "reject_blk_range");
		expect_refused(self, VIRTIO_BLK_T_OUT, sectors[i], BLK_SECTOR, "reject_blk_range");
	}
}

TEST_F(refuse, requests_that_begin_inside_and_end_outside)
{
	expect_refused(self, VIRTIO_BLK_T_IN, IMAGE_SECTORS - 1, 2 * BLK_SECTOR,
		       "reject_blk_range");
	expect_refused(self, VIRTIO_BLK_T_OUT, 0, (IMAGE_SECTORS + 1) * BLK_SECTOR,
		       "reject_blk_range");
}

/* As sectors, or as bytes, these come round to the start of the disk. */
TEST_F(refuse, sectors_that_wrap_64_bits)
{
	static const uint64_t sectors[] = {
		~0ull, ~0ull - 1, 1ull << 55, (1ull << 55) + 1, 1ull << 63, ~0ull >> 9,
	};

	for (unsigned int i = 0; i < 6; i++) {
		expect_refused(self, VIRTIO_BLK_T_IN, sectors[i], 2 * BLK_SECTOR,
			       "reject_blk_range");
		expect_refused(self, VIRTIO_BLK_T_OUT, sectors[i], 2 * BLK_SECTOR,
			       "reject_blk_range");
	}
}

TEST_F(refuse, lengths_that_are_no_whole_sectors)
{
	expect_refused(self, VIRTIO_BLK_T_IN, 0, 1, "reject_blk_length");
	expect_refused(self, VIRTIO_BLK_T_IN, 0, BLK_SECTOR - 1, "reject_blk_length");
	expect_refused(self, VIRTIO_BLK_T_OUT, 0, BLK_SECTOR + 1, "reject_blk_length");
}

TEST_F(refuse, a_request_above_the_limit)
{
	struct ringhost_blk_limits limits;

	ASSERT_EQ(0, vhost_blk_get_limits(self->driver.fd, &limits));
	ASSERT_EQ(4 << 20, limits.max_request_bytes);
	expect_refused(self, VIRTIO_BLK_T_IN, 0, limits.max_request_bytes + BLK_SECTOR,
		       "reject_blk_length");
}

TEST_F(refuse, types_that_were_not_offered)
{
	/* 10, 14 and 15: lifetime, secure erase, zones, newer than some headers. */
	static const uint32_t types[] = {
		2, 3, 5, 10, VIRTIO_BLK_T_DISCARD,
		VIRTIO_BLK_T_WRITE_ZEROES, 14, 15, 0x80000000, ~0u,
	};

	for (unsigned int i = 0; i < 10; i++) {
		driver_get_stats(self->queue, &self->before);
		EXPECT_EQ(VIRTIO_BLK_S_UNSUPP,
			  blk_do(self->queue, &self->request, types[i], 0));
		EXPECT_STREQ("reject_blk_type", driver_rejected(self->queue, &self->before));
	}
}

TEST_F(refuse, a_chain_without_room_for_the_status)
{
	struct driver_buffer buffers[] = {
		{ self->request.header, 16, false }, { self->request.data, BLK_SECTOR, false },
	};

	self->request.header->type = VIRTIO_BLK_T_OUT;
	EXPECT_EQ(0, offer(self->queue, buffers, 2).written);
	EXPECT_STREQ("reject_blk_status", driver_rejected(self->queue, &self->before));
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_BLK_WRITES));
}

TEST_F(refuse, a_header_that_is_short_or_missing)
{
	struct driver_buffer buffers[] = {
		{ self->request.header, 15, false }, { self->request.status, 1, true },
	};

	*self->request.status = 0xee;
	EXPECT_EQ(1, offer(self->queue, buffers, 2).written);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, *self->request.status);
	EXPECT_STREQ("reject_blk_header", driver_rejected(self->queue, &self->before));

	driver_get_stats(self->queue, &self->before);
	*self->request.status = 0xee;
	EXPECT_EQ(1, offer(self->queue, buffers + 1, 1).written);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, *self->request.status);
	EXPECT_STREQ("reject_blk_header", driver_rejected(self->queue, &self->before));
}

TEST_F(refuse, no_data_is_no_work)
{
	EXPECT_EQ(0, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
	self->request.length = 0;
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 0));
	EXPECT_EQ(1, driver_stat(self->queue, RINGHOST_STAT_BLK_READS));
	EXPECT_EQ(0, driver_stat(self->queue, RINGHOST_STAT_BLK_WRITES));
}

/* The far region: part of the memory table, but gone or write-protected in the process. */
static unsigned char *spoil_far(struct driver *driver, int protection)
{
	struct guest_region *far = &driver->guest.regions[2];

	memset(far->user, 0x5a, far->size);
	if (protection == PROT_NONE)
		ASSERT_EQ(0, munmap(far->user, far->size));
	else
		ASSERT_EQ(0, mprotect(far->user, far->size, protection));
	return far->user;
}

TEST_F(refuse, a_header_in_memory_that_is_gone)
{
	struct driver_buffer buffers[] = {
		{ spoil_far(&self->driver, PROT_NONE), 16, false },
		{ self->request.status, 1, true },
	};

	*self->request.status = 0xee;
	EXPECT_EQ(1, offer(self->queue, buffers, 2).written);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, *self->request.status);
	EXPECT_STREQ("reject_blk_header", driver_rejected(self->queue, &self->before));
}

TEST_F(refuse, a_status_in_memory_that_is_gone)
{
	self->request.status = spoil_far(&self->driver, PROT_NONE);
	for (uint32_t type = 0; type < 12; type++) {
		struct driver_buffer buffers[] = {
			{ self->request.header, 16, false },
			{ self->request.data, BLK_SECTOR, type != VIRTIO_BLK_T_OUT },
			{ self->request.status, 1, true },
		};

		self->request.header->type = type;
		EXPECT_EQ(0, offer(self->queue, buffers, 3).written);
	}
}

TEST_F(refuse, a_status_in_write_protected_memory)
{
	unsigned char *status = spoil_far(&self->driver, PROT_READ);
	struct driver_buffer buffers[] = {
		{ self->request.header, 16, false }, { self->request.data, BLK_SECTOR, true },
		{ status, 1, true },
	};

	EXPECT_EQ(0, offer(self->queue, buffers, 3).written);
	EXPECT_EQ(0x5a, *status);
}

TEST_F(refuse, data_in_memory_that_is_gone)
{
	self->request.data = spoil_far(&self->driver, PROT_NONE);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 0));
	self->request.data += 1;
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR,
		  blk_do(self->queue, &self->request, VIRTIO_BLK_T_GET_ID, 0));
}

TEST_F(refuse, a_read_into_write_protected_memory)
{
	self->request.data = spoil_far(&self->driver, PROT_READ);
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
	EXPECT_EQ(0x5a, self->request.data[0]);
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 0));
}

TEST_F(refuse, data_whose_second_page_is_gone)
{
	struct guest_region *far = &self->driver.guest.regions[2];

	ASSERT_EQ(0, munmap(far->user + 4096, far->size - 4096));
	self->request.data = far->user;
	self->request.length = 8192;
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
	EXPECT_EQ(VIRTIO_BLK_S_IOERR, blk_do(self->queue, &self->request, VIRTIO_BLK_T_OUT, 0));
	self->request.length = 4096;
	EXPECT_EQ(VIRTIO_BLK_S_OK, blk_do(self->queue, &self->request, VIRTIO_BLK_T_IN, 0));
}

TEST_HARNESS_MAIN
