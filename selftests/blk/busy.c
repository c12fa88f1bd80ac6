// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends that come while requests are in flight: the queue is stopped, the device
 * is reset or closed, its owner is killed, its memory is taken away. Every request
 * popped is answered, none is touched afterwards, and the disk is let go.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "disks.h"

#define RING 256
#define REQUESTS 64
#define BYTES 4096
/* On the disk, and in memory before a read. */
#define WRITTEN 0x5a
#define UNTOUCHED 0x77

FIXTURE(busy) {
	struct disk disk;
	struct driver driver;
	struct driver_queue *queue;
	struct blk_request requests[REQUESTS];
};
FIXTURE_VARIANT(busy) {
	bool image;
	unsigned int milliseconds;
	const char *attributes;
};
/* Long enough for the test to do its deed while all are in flight. */
FIXTURE_VARIANT_ADD(busy, nullb) {
	false, 200, "memory_backed=1 hw_queue_depth=64 irqmode=2 completion_nsec=200000000",
};
FIXTURE_VARIANT_ADD(busy, ext4) {
	true, 100, "memory_backed=1 hw_queue_depth=64 irqmode=2 completion_nsec=100000000",
};

FIXTURE_SETUP(busy)
{
	static unsigned char data[REQUESTS * BYTES];
	bool there = variant->image ? disk_open_ext4(&self->disk, variant->attributes) :
				      disk_open_nullb(&self->disk, variant->attributes);

	if (!there)
		SKIP(return, "no such disk on this machine");
	memset(data, WRITTEN, sizeof(data));
	disk_poke(&self->disk, data, sizeof(data), 0);
	blk_init(&self->driver, self->disk.fd, 0, 1, RING,
		 DRIVER_FEATURES | DRIVER_BIT(VIRTIO_BLK_F_FLUSH));
	blk_start(&self->driver);
	self->queue = &self->driver.queues[0];
	for (unsigned int i = 0; i < REQUESTS; i++)
		blk_request_init(&self->requests[i], &self->driver, BYTES);
}

FIXTURE_TEARDOWN(busy)
{
	if (self->queue)
		driver_exit(&self->driver);
	disk_close(&self->disk);
}

/* Offer all requests, and wait until the device has popped them. */
static void make_busy(struct driver_queue *queue, struct blk_request *requests)
{
	uint64_t before = driver_stat(queue, RINGHOST_STAT_BLK_READS);

	for (unsigned int i = 0; i < REQUESTS; i++) {
		memset(requests[i].data, UNTOUCHED, BYTES);
		ASSERT_LE(0, blk_add(queue, &requests[i], VIRTIO_BLK_T_IN, i * BYTES / BLK_SECTOR));
	}
	driver_kick(queue);
	for (unsigned int i = 0; i < 1000; i++) {
		if (driver_stat(queue, RINGHOST_STAT_BLK_READS) >= before + REQUESTS)
			return;
		usleep(1000);
	}
	ASSERT_EQ(before + REQUESTS, driver_stat(queue, RINGHOST_STAT_BLK_READS));
}

/* Every request was answered with its data. */
static void expect_all_read(const struct blk_request *requests)
{
	for (unsigned int i = 0; i < REQUESTS; i++) {
		ASSERT_EQ(VIRTIO_BLK_S_OK, *requests[i].status);
		ASSERT_EQ(WRITTEN, requests[i].data[0]);
		ASSERT_EQ(WRITTEN, requests[i].data[BYTES - 1]);
	}
}

/* Nothing of the device writes to the requests' memory any more. */
static void expect_quiet(const struct blk_request *requests, unsigned int milliseconds)
{
	for (unsigned int i = 0; i < REQUESTS; i++) {
		memset(requests[i].data, UNTOUCHED, BYTES);
		*requests[i].status = UNTOUCHED;
	}
	usleep(2000 * milliseconds);
	for (unsigned int i = 0; i < REQUESTS; i++) {
		ASSERT_EQ(UNTOUCHED, *requests[i].status);
		ASSERT_EQ(UNTOUCHED, requests[i].data[0]);
	}
}

TEST_F_TIMEOUT(busy, stop_waits_for_every_request_and_tells_the_position, 120)
{
	int fd = self->driver.fd;

	make_busy(self->queue, self->requests);
	EXPECT_GT(REQUESTS, self->queue->used->idx);
	ASSERT_EQ(0, vhost_set_vring_enable(fd, 0, 0));
	EXPECT_EQ(REQUESTS, self->queue->used->idx);
	EXPECT_EQ(REQUESTS, vhost_get_vring_base(fd, 0));
	expect_all_read(self->requests);
	expect_quiet(self->requests, variant->milliseconds);
}

TEST_F_TIMEOUT(busy, requests_offered_while_stopped_are_served_after_the_start, 120)
{
	struct driver_used used;
	int fd = self->driver.fd;

	make_busy(self->queue, self->requests);
	ASSERT_EQ(0, vhost_set_vring_enable(fd, 0, 0));
	for (unsigned int i = 0; i < REQUESTS; i++)
		ASSERT_TRUE(driver_reap(self->queue, &used));
	for (unsigned int i = 0; i < REQUESTS; i++) {
		memset(self->requests[i].data, UNTOUCHED, BYTES);
		blk_add(self->queue, &self->requests[i], VIRTIO_BLK_T_IN, i * BYTES / BLK_SECTOR);
	}
	driver_kick_always(self->queue);
	usleep(2000 * variant->milliseconds);
	EXPECT_EQ(REQUESTS, self->queue->used->idx);
	ASSERT_EQ(0, vhost_set_vring_enable(fd, 0, 1));
	for (unsigned int i = 0; i < REQUESTS; i++)
		ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	expect_all_read(self->requests);
}

TEST_F_TIMEOUT(busy, reset_waits_for_every_request, 120)
{
	make_busy(self->queue, self->requests);
	ASSERT_EQ(0, vhost_reset_owner(self->driver.fd));
	expect_all_read(self->requests);
	expect_quiet(self->requests, variant->milliseconds);
}

TEST_F_TIMEOUT(busy, close_waits_for_every_request, 120)
{
	make_busy(self->queue, self->requests);
	ASSERT_EQ(0, close(self->driver.fd));
	expect_all_read(self->requests);
	expect_quiet(self->requests, variant->milliseconds);
	self->driver.fd = dup(0);
}

/* The child has everything; that it is gone at the end shows in the teardown's umount. */
TEST_F_TIMEOUT(busy, the_owner_may_be_killed, 120)
{
	struct blk_request *requests = self->requests;
	int status, ready[2];
	pid_t child;

	driver_exit(&self->driver);
	self->queue = NULL;
	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct driver driver;

		blk_init(&driver, dup(self->disk.host), 0, 1, RING, DRIVER_FEATURES);
		blk_start(&driver);
		for (unsigned int i = 0; i < REQUESTS; i++)
			blk_request_init(&requests[i], &driver, BYTES);
		make_busy(&driver.queues[0], requests);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &status, 1));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFSIGNALED(status));
}

TEST_F_TIMEOUT(busy, memory_may_be_unmapped, 120)
{
	struct guest_region *main_region = &self->driver.guest.regions[0];
	unsigned char *first = self->requests[0].data;
	size_t rest = main_region->user + main_region->size - first;

	make_busy(self->queue, self->requests);
	/* Data and most status bytes; the ring stays. */
	ASSERT_EQ(0, munmap(first, rest));
	for (unsigned int i = 0; i < 5000 && self->queue->used->idx < REQUESTS; i++)
		usleep(1000);
	EXPECT_EQ(REQUESTS, self->queue->used->idx);
}

/* The same guest addresses elsewhere in the process: answers go where the requests came from. */
TEST_F_TIMEOUT(busy, the_memory_table_may_be_replaced, 120)
{
	struct guest other = self->driver.guest;
	struct driver_used used;
	size_t size = GUEST_MAIN_SIZE;
	unsigned char touched = 0;

	other.regions[0].user = mmap(NULL, size, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, other.regions[0].user);
	make_busy(self->queue, self->requests);
	ASSERT_EQ(0, guest_set_mem_table(&other, self->driver.fd));
	for (unsigned int i = 0; i < REQUESTS; i++)
		ASSERT_TRUE(driver_wait(self->queue, &used, DRIVER_TIMEOUT));
	expect_all_read(self->requests);
	for (size_t i = 0; i < size && !touched; i++)
		touched = other.regions[0].user[i];
	EXPECT_EQ(0, touched);
}

TEST_HARNESS_MAIN
