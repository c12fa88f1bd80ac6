// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-blk on the event loop. Stages (2) to (4): chains become asynchronous
 * reads, writes and syncs straight from and to guest memory. On the loop's thread;
 * entry points: blk_user_backend, blk_user_run(), request_done().
 *
 * Requests popped in one turn are submitted together, those that completed in one
 * turn are published together. Each request reads what the driver wrote once: the
 * header is copied before it is looked at.
 */
#include <endian.h>
#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>

#include "blk.h"
#include "err.h"
#include "iov.h"
#include "user_queue.h"
#include "util.h"
#include "vm.h"

/* As many as a ring can hold; a driver that cheats waits. */
#define REQUESTS_MAX VIRTIO_QUEUE_SIZE_MAX
/* The kernel backend's limits. */
#define REQUEST_BYTES_MAX (4u << 20)
#define REQUEST_SEG_MAX (VIRTQUEUE_CHAIN_MAX - 2)

/**
 * struct request - one chain being served
 * @op: its I/O
 * @blk: its disk
 * @next: free list
 * @chain: where the driver put it
 * @data: the data part of @chain
 * @bytes: length of the data
 * @status: where the driver wants the status byte
 * @written: bytes the driver finds written when all went well, the status included
 */
struct request {
	struct loop_op op;
	struct blk *blk;
	struct request *next;
	struct virtqueue_chain chain;
	struct iov data;
	size_t bytes;
	unsigned char *status;
	uint32_t written;
};

/**
 * struct blk_user - a disk served by the event loop
 * @queue: its queue
 * @free: requests not in use
 * @in_flight: requests in the kernel's hands
 * @requests: all of them
 */
struct blk_user {
	struct user_queue queue;
	struct request *free;
	unsigned int in_flight;
	struct request requests[REQUESTS_MAX];
};

static struct blk_user *user_of(struct blk *blk)
{
	return blk->state;
}

static void request_put(struct request *request)
{
	struct blk_user *user = user_of(request->blk);

	request->next = user->free;
	user->free = request;
}

/* The one place where a request ends. */
static void request_complete(struct request *request, uint8_t status)
{
	struct blk_user *user = user_of(request->blk);
	uint32_t written = 0;

	if (request->status) {
		*request->status = status;
		written = status == VIRTIO_BLK_S_OK ? request->written : 1;
	}
	virtqueue_push(&user->queue.ring, &request->chain, written);
	request_put(request);
}

static void request_done(struct loop_op *op, int result)
{
	struct request *request = container_of(op, struct request, op);
	struct blk_user *user = user_of(request->blk);

	user->in_flight--;
	/* A short transfer hits the end of a file that somebody has cut. */
	request_complete(request, result >= 0 && (size_t)result == request->bytes ?
				  VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR);
	user_queue_schedule(&user->queue);
}

/* The descriptor that suits the request: see struct disk. */
static int request_fd(const struct request *request, uint64_t offset)
{
	const struct disk *disk = &request->blk->disk;
	uintptr_t memory = 0;

	if (disk->direct_fd < 0 || (offset | request->bytes) & (disk->offset_align - 1))
		return disk->fd;
	for (unsigned int i = 0; i < request->data.count; i++)
		memory |= (uintptr_t)request->data.entries[i].iov_base |
			  request->data.entries[i].iov_len;
	return memory & (disk->memory_align - 1) ? disk->fd : disk->direct_fd;
}

static bool request_in_range(const struct request *request, uint64_t sector)
{
	uint64_t capacity = request->blk->limits.capacity;
	uint64_t sectors = request->bytes / DISK_SECTOR;

	return request->bytes && request->bytes % DISK_SECTOR == 0 &&
	       request->bytes <= REQUEST_BYTES_MAX && sector < capacity &&
	       sectors <= capacity - sector;
}

static int request_read(struct request *request, uint64_t offset)
{
	return loop_readv(request->blk->device.vm->loop, &request->op,
			  request_fd(request, offset), request->data.entries,
			  request->data.count, offset);
}

static int request_write(struct request *request, uint64_t offset)
{
	/* A driver that cannot flush gets a write-through disk: 5.2.5. */
	bool flush = virtio_accepted(&request->blk->device, VIRTIO_BLK_F_FLUSH);

	return loop_writev(request->blk->device.vm->loop, &request->op,
			   request_fd(request, offset), request->data.entries,
			   request->data.count, offset, flush ? 0 : RWF_DSYNC);
}

/* Data goes where @readable or @writable says; the other part is not touched. */
static int request_start_io(struct request *request, const struct iov *data, bool write,
			    uint64_t sector)
{
	request->data = *data;
	request->bytes = iov_bytes(data);
	if (!request_in_range(request, sector))
		return -EINVAL;
	if (write && request->blk->disk.readonly)
		return -EROFS;
	request->written = 1 + (write ? 0 : request->bytes);
	return write ? request_write(request, sector * DISK_SECTOR) :
		       request_read(request, sector * DISK_SECTOR);
}

static int request_start_flush(struct request *request)
{
	request->bytes = 0;
	request->written = 1;
	return loop_fdatasync(request->blk->device.vm->loop, &request->op,
			      request->blk->disk.fd);
}

static void request_get_id(struct request *request, const struct iov *writable)
{
	size_t size = MIN(iov_bytes(writable), sizeof(request->blk->serial));

	iov_write(writable, request->blk->serial, size);
	request->written = 1 + size;
	request_complete(request, VIRTIO_BLK_S_OK);
}

static int request_dispatch(struct request *request, const struct virtio_blk_outhdr *header,
			    struct iov *readable, struct iov *writable)
{
	uint64_t sector = le64toh(header->sector);

	switch (le32toh(header->type)) {
	case VIRTIO_BLK_T_IN:
		return request_start_io(request, writable, false, sector);
	case VIRTIO_BLK_T_OUT:
		return request_start_io(request, readable, true, sector);
	case VIRTIO_BLK_T_FLUSH:
		return request_start_flush(request);
	case VIRTIO_BLK_T_GET_ID:
		request_get_id(request, writable);
		return 1;
	default:
		return -EOPNOTSUPP;
	}
}

static void request_start(struct request *request)
{
	struct virtqueue_chain *chain = &request->chain;
	struct iov readable = { chain->iov, chain->readable };
	struct iov writable = { chain->iov + chain->readable, chain->writable };
	struct virtio_blk_outhdr header;
	int err = -EINVAL;

	request->status = iov_take_last(&writable);
	if (request->status && iov_read(&readable, &header, sizeof(header))) {
		iov_drop(&readable, sizeof(header));
		err = request_dispatch(request, &header, &readable, &writable);
	}
	if (!err)
		user_of(request->blk)->in_flight++;
	else if (err < 0)
		request_complete(request, err == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP :
							       VIRTIO_BLK_S_IOERR);
}

static void blk_user_run(struct user_queue *queue)
{
	struct blk_user *user = container_of(queue, struct blk_user, queue);
	unsigned int budget = USER_QUEUE_BUDGET;

	while (user->free && user_queue_next(queue, &user->free->chain, &budget)) {
		struct request *request = user->free;

		user->free = request->next;
		request_start(request);
	}
}

static int blk_user_open(struct blk *blk)
{
	struct blk_user *user = calloc(1, sizeof(*user));

	if (!user)
		return rh_error(-ENOMEM, "out of memory");
	blk->state = user;
	user_queue_init(&user->queue, &blk->device.queues[0], blk_user_run);
	for (unsigned int i = 0; i < REQUESTS_MAX; i++) {
		user->requests[i].blk = blk;
		user->requests[i].op.done = request_done;
		request_put(&user->requests[i]);
	}
	blk->backend_features = ~0ULL;
	blk->limits = (struct ringhost_blk_limits) {
		.capacity = blk->disk.capacity,
		.logical_block_size = blk->disk.logical_block_size,
		.physical_block_size = blk->disk.physical_block_size,
		.max_request_bytes = REQUEST_BYTES_MAX,
		.seg_max = REQUEST_SEG_MAX,
		.queues = 1,
		.flags = (blk->disk.readonly ? RINGHOST_BLK_F_READONLY : 0) |
			 (blk->disk.direct_fd >= 0 ? RINGHOST_BLK_F_DIRECT : 0),
	};
	return 0;
}

static int blk_user_start(struct blk *blk)
{
	if (!blk->device.queues[0].enabled)
		return 0;
	return user_queue_start(&user_of(blk)->queue);
}

static bool blk_user_drained(void *argument)
{
	struct blk_user *user = argument;

	return !user->in_flight;
}

static void blk_user_stop(struct blk *blk)
{
	struct blk_user *user = user_of(blk);

	user_queue_stop(&user->queue);
	loop_wait(blk->device.vm->loop, blk_user_drained, user);
}

static int blk_user_stats(struct blk *blk, struct virtio_stats *stats)
{
	user_queue_stats(&user_of(blk)->queue, stats);
	return 0;
}

static void blk_user_close(struct blk *blk)
{
	free(blk->state);
}

const struct blk_backend blk_user_backend = {
	.open = blk_user_open,
	.start = blk_user_start,
	.stop = blk_user_stop,
	.stats = blk_user_stats,
	.close = blk_user_close,
};
