// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-blk with backend=userspace, from the driver's side: data arrives whole
 * however the driver cuts and aligns it, what must be refused is, and a reset
 * waits for what is in flight.
 */
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "devices.h"
#include "fake.h"
#include "harness.h"
#include "loop.h"

#define SECTORS 2048
#define SIZE 64
#define NEXT VRING_DESC_F_NEXT
#define WRITE VRING_DESC_F_WRITE

FIXTURE(disk) {
	struct fake fake;
	struct fake_queue queue;
	uint64_t header, data, status;
	int image;
	char stats[4096];
};

static void begin(struct fake *fake, struct fake_queue *queue, unsigned int slot,
		  uint64_t without)
{
	fake_enable(fake, slot);
	fake_negotiate(fake, slot, without);
	fake_queue_init(queue, fake, slot, 0, SIZE);
	fake_driver_ok(fake, slot);
}

FIXTURE_SETUP(disk)
{
	fake_init(&self->fake);
	fake_add_disks(&self->fake, SECTORS);
	self->image = open(self->fake.options.disks[0].path, O_RDWR);
	ASSERT_LE(0, self->image);
	ASSERT_EQ(0, fake_start(&self->fake));
	self->header = fake_alloc(&self->fake, 4096);
	self->data = fake_alloc(&self->fake, 0x100000);
	self->status = fake_alloc(&self->fake, 4096);
	begin(&self->fake, &self->queue, FAKE_DISK, 0);
}

FIXTURE_TEARDOWN(disk)
{
	fake_stop(&self->fake);
	fake_exit(&self->fake);
	close(self->image);
}

#define RAM(guest) ((unsigned char *)fake_ram(&self->fake, guest))

static void set_header(struct fake *fake, uint64_t at, uint32_t type, uint64_t sector)
{
	struct virtio_blk_outhdr header = { .type = type, .sector = sector };

	memcpy(fake_ram(fake, at), &header, sizeof(header));
}

/* Wait for one request. Return: bytes written, or -1. */
static int finish(struct fake_queue *queue)
{
	struct vring_used_elem used;

	return fake_used(queue, &used) ? (int)used.len : -1;
}

/* A request of three descriptors. Return: bytes written, or -1. */
static int request(FIXTURE_DATA(disk) *self, uint32_t type, uint64_t sector, uint64_t data,
		   uint32_t len)
{
	bool in = type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;

	set_header(&self->fake, self->header, type, sector);
	*RAM(self->status) = 0xee;
	fake_descriptor(&self->queue, 0, self->header, 16, NEXT, len ? 1 : 2);
	fake_descriptor(&self->queue, 1, data, len, NEXT | (in ? WRITE : 0), 2);
	fake_descriptor(&self->queue, 2, self->status, 1, WRITE, 0);
	fake_offer(&self->queue, 0);
	return finish(&self->queue);
}

#define EXPECT_REQUEST(answer, length, ...) do { \
	EXPECT_EQ(length, request(self, __VA_ARGS__)); \
	EXPECT_EQ(answer, *RAM(self->status)); \
	} while (0)
#define OK VIRTIO_BLK_S_OK
#define IOERR VIRTIO_BLK_S_IOERR
#define UNSUPP VIRTIO_BLK_S_UNSUPP

static void fill(unsigned char *bytes, size_t size, unsigned int seed)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (i * 7 + i / 512 * 13 + seed) & 0xff;
}

TEST_F(disk, write_reaches_the_image_and_comes_back)
{
	unsigned char image[4096];

	fill(RAM(self->data), 4096, 1);
	EXPECT_REQUEST(OK, 1, VIRTIO_BLK_T_OUT, 100, self->data, 4096);
	ASSERT_EQ(4096, pread(self->image, image, 4096, 100 * 512));
	EXPECT_EQ(0, memcmp(image, RAM(self->data), 4096));
	EXPECT_REQUEST(OK, 4097, VIRTIO_BLK_T_IN, 100, self->data + 8192, 4096);
	EXPECT_EQ(0, memcmp(RAM(self->data), RAM(self->data + 8192), 4096));
	EXPECT_TRUE(fake_interrupt(&self->fake, FAKE_DISK << 8 | 1, 5000));
}

TEST_F(disk, write_and_read_at_odd_addresses)
{
	fill(RAM(self->data + 3), 1024, 2);
	EXPECT_REQUEST(OK, 1, VIRTIO_BLK_T_OUT, 7, self->data + 3, 1024);
	EXPECT_REQUEST(OK, 1025, VIRTIO_BLK_T_IN, 7, self->data + 8193, 1024);
	EXPECT_EQ(0, memcmp(RAM(self->data + 3), RAM(self->data + 8193), 1024));
}

TEST_F(disk, header_data_and_status_may_be_cut_anywhere)
{
	fill(RAM(self->data), 2048, 3);
	EXPECT_REQUEST(OK, 1, VIRTIO_BLK_T_OUT, 0, self->data, 2048);
	set_header(&self->fake, self->header, VIRTIO_BLK_T_IN, 0);
	fake_descriptor(&self->queue, 0, self->header, 5, NEXT, 1);
	fake_descriptor(&self->queue, 1, self->header + 5, 11, NEXT, 2);
	fake_descriptor(&self->queue, 2, self->data + 4096, 1, NEXT | WRITE, 3);
	fake_descriptor(&self->queue, 3, self->data + 4097, 2048, WRITE, 0);
	fake_offer(&self->queue, 0);
	EXPECT_EQ(2049, finish(&self->queue));
	EXPECT_EQ(0, memcmp(RAM(self->data), RAM(self->data + 4096), 2048));
	EXPECT_EQ(OK, *RAM(self->data + 4096 + 2048));
}

TEST_F(disk, data_may_share_the_header_descriptor)
{
	fill(RAM(self->data + 16), 512, 4);
	set_header(&self->fake, self->data, VIRTIO_BLK_T_OUT, 9);
	fake_descriptor(&self->queue, 0, self->data, 528, NEXT, 1);
	fake_descriptor(&self->queue, 1, self->status, 1, WRITE, 0);
	fake_offer(&self->queue, 0);
	EXPECT_EQ(1, finish(&self->queue));
	EXPECT_REQUEST(OK, 513, VIRTIO_BLK_T_IN, 9, self->data + 4096, 512);
	EXPECT_EQ(0, memcmp(RAM(self->data + 16), RAM(self->data + 4096), 512));
}

TEST_F(disk, flush_and_serial_number)
{
	EXPECT_REQUEST(OK, 1, VIRTIO_BLK_T_FLUSH, 0, 0, 0);
	EXPECT_REQUEST(OK, 21, VIRTIO_BLK_T_GET_ID, 0, self->data, 20);
	EXPECT_STREQ("SERIAL", (char *)RAM(self->data));
	EXPECT_REQUEST(OK, 4, VIRTIO_BLK_T_GET_ID, 0, self->data + 64, 3);
	EXPECT_EQ(0, memcmp("SER", RAM(self->data + 64), 4));
}

TEST_F(disk, unknown_requests_are_unsupported)
{
	EXPECT_REQUEST(UNSUPP, 1, VIRTIO_BLK_T_DISCARD, 0, self->data, 16);
	EXPECT_REQUEST(UNSUPP, 1, 0xffffffff, 0, self->data, 512);
}

TEST_F(disk, requests_past_the_end_fail)
{
	EXPECT_REQUEST(OK, 513, VIRTIO_BLK_T_IN, SECTORS - 1, self->data, 512);
	EXPECT_REQUEST(IOERR, 1, VIRTIO_BLK_T_IN, SECTORS - 1, self->data, 1024);
	EXPECT_REQUEST(IOERR, 1, VIRTIO_BLK_T_OUT, SECTORS, self->data, 512);
	EXPECT_REQUEST(IOERR, 1, VIRTIO_BLK_T_OUT, UINT64_MAX, self->data, 512);
	EXPECT_REQUEST(IOERR, 1, VIRTIO_BLK_T_IN, UINT64_MAX / 512 + 1, self->data, 512);
}

TEST_F(disk, lengths_that_are_no_sectors_fail)
{
	EXPECT_REQUEST(IOERR, 1, VIRTIO_BLK_T_IN, 0, self->data, 511);
	EXPECT_REQUEST(IOERR, 1, VIRTIO_BLK_T_OUT, 0, self->data, 513);
	EXPECT_REQUEST(IOERR, 1, VIRTIO_BLK_T_OUT, 0, 0, 0);
}

TEST_F(disk, request_without_status_or_header_ends)
{
	fake_descriptor(&self->queue, 0, self->header, 16, 0, 0);
	fake_offer(&self->queue, 0);
	EXPECT_EQ(0, finish(&self->queue));
	*RAM(self->status) = 0xee;
	fake_descriptor(&self->queue, 0, self->header, 15, NEXT, 1);
	fake_descriptor(&self->queue, 1, self->status, 1, WRITE, 0);
	fake_offer(&self->queue, 0);
	EXPECT_EQ(1, finish(&self->queue));
	EXPECT_EQ(IOERR, *RAM(self->status));
}

TEST_F(disk, read_only_disk_says_so_and_refuses_writes)
{
	begin(&self->fake, &self->queue, FAKE_READONLY, 0);
	fake_write(&self->fake, FAKE_READONLY, VIRTIO_PCI_COMMON_DFSELECT, 0, 4);
	EXPECT_NE(0, fake_read(&self->fake, FAKE_READONLY, VIRTIO_PCI_COMMON_DF, 4) &
		     1 << VIRTIO_BLK_F_RO);
	EXPECT_REQUEST(IOERR, 1, VIRTIO_BLK_T_OUT, 0, self->data, 512);
	EXPECT_REQUEST(OK, 513, VIRTIO_BLK_T_IN, 0, self->data, 512);
}

TEST_F(disk, write_through_without_flush)
{
	begin(&self->fake, &self->queue, FAKE_DISK, 1ULL << VIRTIO_BLK_F_FLUSH);
	EXPECT_REQUEST(OK, 1, VIRTIO_BLK_T_OUT, 0, self->data, 512);
}

TEST_F(disk, configuration_tells_capacity_and_limits)
{
	unsigned int base = 0x2000;

	EXPECT_EQ(SECTORS, fake_read(&self->fake, FAKE_DISK, base, 8));
	EXPECT_EQ(254, fake_read(&self->fake, FAKE_DISK, base + 12, 4));
	EXPECT_EQ(512, fake_read(&self->fake, FAKE_DISK, base + 20, 4));
	fake_write(&self->fake, FAKE_DISK, base, 1, 8);
	EXPECT_EQ(SECTORS, fake_read(&self->fake, FAKE_DISK, base, 8));
}

static void offer_reads(FIXTURE_DATA(disk) *self, unsigned int count)
{
	set_header(&self->fake, self->header, VIRTIO_BLK_T_IN, 0);
	for (unsigned int i = 0; i < count; i++) {
		fake_descriptor(&self->queue, 3 * i, self->header, 16, NEXT, 3 * i + 1);
		fake_descriptor(&self->queue, 3 * i + 1, self->data + 0x8000 * i, 0x8000,
				NEXT | WRITE, 3 * i + 2);
		fake_descriptor(&self->queue, 3 * i + 2, self->status + i, 1, WRITE, 0);
		fake_offer(&self->queue, 3 * i);
	}
}

TEST_F(disk, many_requests_at_once_all_complete)
{
	bool seen[SIZE] = { 0 };

	for (unsigned int round = 0; round < 200; round++) {
		memset(seen, 0, sizeof(seen));
		offer_reads(self, 20);
		for (unsigned int i = 0; i < 20; i++) {
			struct vring_used_elem used;

			ASSERT_TRUE(fake_used(&self->queue, &used));
			ASSERT_GT(SIZE, used.id);
			ASSERT_FALSE(seen[used.id]);
			seen[used.id] = true;
			ASSERT_EQ(0x8001, used.len);
		}
	}
}

TEST_F(disk, nothing_is_written_after_a_reset)
{
	for (unsigned int round = 0; round < 100; round++) {
		uint64_t next = self->fake.next;

		offer_reads(self, 20);
		fake_write(&self->fake, FAKE_DISK, VIRTIO_PCI_COMMON_STATUS, 0, 1);
		ASSERT_EQ(0, fake_read(&self->fake, FAKE_DISK, VIRTIO_PCI_COMMON_STATUS, 1));
		memset(RAM(self->data), 0xaa, 0x100000);
		usleep(1000);
		for (unsigned int i = 0; i < 0xa0000; i += 512)
			ASSERT_EQ(0xaa, RAM(self->data)[i]);
		begin(&self->fake, &self->queue, FAKE_DISK, 0);
		self->fake.next = next;
	}
}

static bool needs_reset(struct fake *fake)
{
	return fake_read(fake, FAKE_DISK, VIRTIO_PCI_COMMON_STATUS, 1) &
	       VIRTIO_CONFIG_S_NEEDS_RESET;
}

/* Break the queue and start again, @rounds times. */
static void break_and_reset(FIXTURE_DATA(disk) *self, unsigned int rounds)
{
	while (rounds--) {
		uint64_t next = self->fake.next;

		fake_offer(&self->queue, SIZE);
		for (unsigned int i = 0; i < 500 && !needs_reset(&self->fake); i++)
			usleep(10000);
		ASSERT_TRUE(needs_reset(&self->fake));
		begin(&self->fake, &self->queue, FAKE_DISK, 0);
		self->fake.next = next;
	}
}

TEST_F(disk, broken_queue_works_again_after_a_reset)
{
	for (unsigned int round = 0; round < 20; round++) {
		break_and_reset(self, 1);
		EXPECT_REQUEST(OK, 513, VIRTIO_BLK_T_IN, 0, self->data, 512);
	}
}

/* What the loop counts as wake-ups of the disk's doorbell. */
static void read_kicks(void *argument)
{
	FIXTURE_DATA(disk) *self = argument;
	FILE *out = fmemopen(self->stats, sizeof(self->stats), "w");

	devices_stats(self->fake.devices, out);
	fclose(out);
}

/* The doorbell of a broken queue stayed watched once more after each reset. */
TEST_F(disk, doorbell_is_watched_once_however_often_the_queue_broke)
{
	unsigned int kicks;

	break_and_reset(self, 50);
	ASSERT_EQ(0, loop_call(self->fake.vm.loop, read_kicks, self));
	ASSERT_EQ(1, sscanf(strstr(self->stats, "disk0.queue0.kicks"), "%*s %u", &kicks));
	EXPECT_GE(200, kicks);
}

TEST_HARNESS_MAIN
