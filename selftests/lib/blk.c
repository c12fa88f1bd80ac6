// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block flavour of the userspace driver: attaches an image to a
 * /dev/ringhost-blk and makes requests. Runs in the test; a failure of the
 * set-up ends the test. Entry points: blk_init(), blk_do().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blk.h"
#include "harness.h"

/* No device writes this status: it tells that nobody wrote one. */
#define STATUS_UNTOUCHED 0xee

/**
 * blk_image() - make an unnamed image file of zeroes
 * @bytes: its size
 *
 * Return: its file descriptor, opened for reading and writing.
 */
int blk_image(size_t bytes)
{
	char path[] = "/tmp/selftest-disk-XXXXXX";
	int fd = mkstemp(path);

	ASSERT_LE(0, fd);
	unlink(path);
	ASSERT_EQ(0, ftruncate(fd, bytes));
	return fd;
}

/**
 * blk_init() - open and set up a block device with a disk; no queue runs yet
 * @driver: to fill in
 * @disk: file descriptor, which driver_exit() closes
 * @flags: RINGHOST_BLK_F_READONLY or 0
 * @queues: how many
 * @num: ring entries of each
 * @features: to acknowledge
 */
void blk_init(struct driver *driver, int disk, unsigned int flags, unsigned int queues,
	      unsigned int num, uint64_t features)
{
	driver_init(driver, VHOST_NODE_BLK, queues, num, features);
	driver->backend = disk;
	ASSERT_EQ(0, vhost_blk_set_disk(driver->fd, disk, flags, "selftest"));
}

/**
 * blk_start() - start every queue
 * @driver: from blk_init()
 */
void blk_start(struct driver *driver)
{
	for (unsigned int i = 0; i < driver->queue_count; i++)
		ASSERT_EQ(0, vhost_set_vring_enable(driver->fd, i, 1));
}

/**
 * blk_request_init() - take guest memory for a request
 * @request: to fill in
 * @driver: whose memory
 * @length: bytes of data
 */
void blk_request_init(struct blk_request *request, struct driver *driver, uint32_t length)
{
	request->header = guest_alloc(&driver->guest, sizeof(*request->header), 16);
	request->status = guest_alloc(&driver->guest, 1, 1);
	request->data = guest_alloc(&driver->guest, length, 4096);
	request->length = length;
	request->head = -1;
}

static bool device_writes_data(uint32_t type)
{
	return type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
}

/**
 * blk_add() - offer a request; does not kick
 * @queue: the queue
 * @request: its memory; @request->length bytes are read or written
 * @type: VIRTIO_BLK_T_*
 * @sector: where, in units of 512 bytes
 *
 * Return: the head, or -ENOSPC if the ring is too full.
 */
int blk_add(struct driver_queue *queue, struct blk_request *request, uint32_t type,
	    uint64_t sector)
{
	struct driver_buffer buffers[] = {
		{ request->header, sizeof(*request->header), false },
		{ request->data, request->length, device_writes_data(type) },
		{ request->status, 1, true },
	};
	unsigned int count = 3;

	request->header->type = type;
	request->header->ioprio = 0;
	request->header->sector = sector;
	*request->status = STATUS_UNTOUCHED;
	if (!request->length)
		buffers[--count - 1] = buffers[2];
	request->head = driver_add(queue, buffers, count);
	return request->head;
}

/**
 * blk_do() - make a request and wait for it; no other may be under way
 * @queue: the queue
 * @request: its memory
 * @type: VIRTIO_BLK_T_*
 * @sector: where, in units of 512 bytes
 *
 * Return: the status byte, -ETIMEDOUT, -ENOSPC, or -EPROTO if another chain came back.
 */
int blk_do(struct driver_queue *queue, struct blk_request *request, uint32_t type,
	   uint64_t sector)
{
	struct driver_used used;
	int head = blk_add(queue, request, type, sector);

	if (head < 0)
		return head;
	driver_kick(queue);
	if (!driver_wait(queue, &used, DRIVER_TIMEOUT))
		return -ETIMEDOUT;
	if (used.head != (unsigned int)head)
		return -EPROTO;
	return *request->status;
}

/**
 * blk_works() - write a sector and read it back
 * @queue: an idle queue of a disk of at least 8 sectors
 *
 * Return: 0 if that works, otherwise as blk_do(), or -EIO for wrong data.
 */
int blk_works(struct driver_queue *queue)
{
	static unsigned int generation;
	struct blk_request request;
	unsigned char pattern;
	int status;

	pattern = ++generation * 7 + getpid();
	blk_request_init(&request, queue->driver, BLK_SECTOR);
	memset(request.data, pattern, request.length);
	status = blk_do(queue, &request, VIRTIO_BLK_T_OUT, 7);
	if (status)
		return status;
	memset(request.data, ~pattern, request.length);
	status = blk_do(queue, &request, VIRTIO_BLK_T_IN, 7);
	if (status)
		return status;
	for (unsigned int i = 0; i < request.length; i++)
		if (request.data[i] != pattern)
			return -EIO;
	return 0;
}
