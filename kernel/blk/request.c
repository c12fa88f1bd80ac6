// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) Block requests: reads what a chain asks for, checks it, hands it to the disk's
 * backend, and answers the driver; virtio 1.3, 5.2.6.
 *
 * Header, data and status may lie in descriptors of any number and size. The header is
 * copied once and only the copy is used. Every refusal has its counter; the
 * queue goes on. The status byte is written in one function, answer(), and an errno
 * becomes a virtio status in one, status_of().
 *
 * All but rh_blk_request_complete(), which any context may call, runs in the worker
 * with the queue's lock held and the owner's mm in use. Entry points:
 * rh_blk_request_start() for a chain, rh_blk_request_answer() when its I/O has ended.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/virtio_byteorder.h>

#include "blk.h"

/* Pages for which a request has room without a further thought: 64 KiB, mostly. */
#define BVECS_SMALL 16
/* Small requests kept for reuse, per queue. */
#define IDLE_MAX 256

/**
 * struct command - what a chain asks for; exists while the chain is looked at
 * @queue: where it came from
 * @head: the chain's head
 * @type: VIRTIO_BLK_T_*
 * @sector: of 512 bytes
 * @status: where the status byte goes; NULL if the chain has no room for it
 * @from: the readable data
 * @to: the writable data
 * @written: bytes written to @to
 */
struct command {
	struct rh_blk_queue *queue;
	u16 head;
	u32 type;
	u64 sector;
	u8 __user *status;
	struct rh_blk_ranges from;
	struct rh_blk_ranges to;
	size_t written;
};

static u8 status_of(int error)
{
	switch (error) {
	case 0:
		return VIRTIO_BLK_S_OK;
	case -EOPNOTSUPP:
		return VIRTIO_BLK_S_UNSUPP;
	default:
		return VIRTIO_BLK_S_IOERR;
	}
}

/*
 * Give a chain back to the driver. After an error nobody knows which bytes were
 * written, so none is claimed but the status. If even that byte's memory is gone, the
 * owner has taken it away, and the chain is as finished as it can be.
 */
static void answer(struct rh_queue *queue, u16 head, u8 __user *status, int error, size_t written)
{
	u32 length = 0;

	if (status && !put_user(status_of(error), status)) {
		length = (error ? 0 : written) + sizeof(*status);
		rh_queue_log(queue, status, sizeof(*status));
	}
	rh_queue_push(queue, head, length);
}

/* Take the last writable byte off @to. */
static bool take_status(struct command *command)
{
	struct rh_blk_ranges *to = &command->to;
	struct iovec *last;

	if (!to->bytes)
		return false;
	last = &to->iov[to->count - 1];
	last->iov_len--;
	command->status = last->iov_base + last->iov_len;
	to->bytes--;
	if (!last->iov_len)
		to->count--;
	return true;
}

static void skip_bytes(struct rh_blk_ranges *ranges, size_t bytes)
{
	ranges->bytes -= bytes;
	while (ranges->count && bytes >= ranges->iov->iov_len) {
		bytes -= ranges->iov->iov_len;
		ranges->iov++;
		ranges->count--;
	}
	if (ranges->count) {
		ranges->iov->iov_base += bytes;
		ranges->iov->iov_len -= bytes;
	}
}

/* Take the header off @from. */
static bool take_header(struct command *command)
{
	struct rh_blk_ranges *from = &command->from;
	bool little = command->queue->queue.ring.little_endian;
	struct virtio_blk_outhdr header;
	struct iov_iter iter;

	iov_iter_init(&iter, ITER_SOURCE, from->iov, from->count, from->bytes);
	if (!copy_from_iter_full(&header, sizeof(header), &iter))
		return false;
	skip_bytes(from, sizeof(header));
	command->type = __virtio32_to_cpu(little, header.type);
	command->sector = __virtio64_to_cpu(little, header.sector);
	return true;
}

static int read_command(struct command *command, struct rh_blk_queue *queue,
			const struct rh_chain *chain)
{
	*command = (struct command) {
		.queue = queue,
		.head = chain->head,
		.from = { chain->out, chain->out_count, chain->out_bytes },
		.to = { chain->in, chain->in_count, chain->in_bytes },
	};
	if (!take_status(command)) {
		rh_queue_count(&queue->queue, REJECT_BLK_STATUS, 1);
		return -EIO;
	}
	if (!take_header(command)) {
		rh_queue_count(&queue->queue, REJECT_BLK_HEADER, 1);
		return -EIO;
	}
	return 0;
}

/* Whether the bytes are whole blocks, within the disk, and few enough for one request. */
static int check_io(const struct command *command, size_t bytes)
{
	const struct rh_blk_disk *disk = command->queue->disk;
	struct rh_queue *queue = &command->queue->queue;
	u64 sectors = disk->backend->bytes(disk) >> SECTOR_SHIFT;
	u32 block_sectors = disk->logical_block_size >> SECTOR_SHIFT;

	if (bytes > RH_BLK_REQUEST_BYTES_MAX || bytes & (disk->logical_block_size - 1) ||
	    command->sector & (block_sectors - 1)) {
		rh_queue_count(queue, REJECT_BLK_LENGTH, 1);
		return -EIO;
	}
	/* Not sector + length: a hostile sector wraps that. */
	if (command->sector > sectors || bytes >> SECTOR_SHIFT > sectors - command->sector) {
		rh_queue_count(queue, REJECT_BLK_RANGE, 1);
		return -EIO;
	}
	return 0;
}

static void init_request(struct rh_blk_request *request, unsigned int bvec_room)
{
	request->bvec_room = bvec_room;
	request->bvec_count = 0;
	request->bounced = false;
	request->ranges = (struct iovec *)&request->bvecs[bvec_room];
	request->range_count = 0;
	request->bytes = 0;
	request->error = 0;
}

/**
 * rh_blk_request_alloc - allocate a request
 * @bvecs: pages, and ranges, it shall have room for
 *
 * Return: the request, to be freed with kvfree(); NULL if there is no memory.
 */
struct rh_blk_request *rh_blk_request_alloc(unsigned int bvecs)
{
	struct rh_blk_request *request;
	size_t ranges = array_size(bvecs, sizeof(*request->ranges));

	request = kvmalloc(struct_size(request, bvecs, bvecs) + ranges,
			   GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (request)
		init_request(request, bvecs);
	return request;
}

/* A request for the command, or NULL if there is no memory, and the reserve is in use. */
static struct rh_blk_request *get_request(const struct command *command, unsigned int bvecs)
{
	struct rh_blk_queue *queue = command->queue;
	struct rh_blk_request *request = NULL;

	if (bvecs <= BVECS_SMALL)
		request = list_first_entry_or_null(&queue->idle, struct rh_blk_request, entry);
	if (request) {
		list_del(&request->entry);
		queue->idle_count--;
	} else {
		request = rh_blk_request_alloc(max(bvecs, BVECS_SMALL));
	}
	if (!request)
		swap(request, queue->reserve);
	if (!request)
		return NULL;
	init_request(request, request->bvec_room);
	request->queue = queue;
	request->type = command->type;
	request->head = command->head;
	request->status = command->status;
	request->durable = !rh_queue_has_feature(&queue->queue, VIRTIO_BLK_F_FLUSH);
	request->offset = command->sector << SECTOR_SHIFT;
	return request;
}

static void put_request(struct rh_blk_request *request)
{
	struct rh_blk_queue *queue = request->queue;

	if (!queue->reserve && request->bvec_room == RH_BLK_BVECS_MAX) {
		queue->reserve = request;
	} else if (request->bvec_room == BVECS_SMALL && queue->idle_count < IDLE_MAX) {
		list_add(&request->entry, &queue->idle);
		queue->idle_count++;
	} else {
		kvfree(request);
	}
}

static int begin_io(struct command *command, const struct rh_blk_ranges *data)
{
	struct rh_blk_queue *queue = command->queue;
	struct rh_blk_request *request;
	int err;

	err = check_io(command, data->bytes);
	if (err || !data->bytes)
		return err;
	request = get_request(command, rh_blk_pages_count(data));
	if (!request)
		return -ENOMEM;
	err = rh_blk_pages_map(request, data);
	if (err) {
		put_request(request);
		return err;
	}
	if (request->bounced)
		rh_queue_count(&queue->queue, BLK_BOUNCED, 1);
	if (rh_blk_request_is_write(request))
		rh_queue_count(&queue->queue, BLK_WRITES, 1);
	else
		rh_queue_count(&queue->queue, BLK_READS, 1);
	queue->disk->backend->submit(request);
	return -EIOCBQUEUED;
}

static int begin_write(struct command *command)
{
	const struct rh_blk_disk *disk = command->queue->disk;

	if (disk->readonly || !disk->backend->writable(disk)) {
		rh_queue_count(&command->queue->queue, REJECT_BLK_READONLY, 1);
		return -EIO;
	}
	return begin_io(command, &command->from);
}

static int begin_flush(struct command *command)
{
	struct rh_blk_request *request = get_request(command, 0);

	if (!request)
		return -ENOMEM;
	rh_queue_count(&command->queue->queue, BLK_FLUSHES, 1);
	command->queue->disk->backend->flush(request);
	return -EIOCBQUEUED;
}

static int get_id(struct command *command)
{
	struct rh_blk_ranges *to = &command->to;
	size_t bytes = min_t(size_t, to->bytes, RINGHOST_BLK_SERIAL_BYTES);
	struct iov_iter iter;

	iov_iter_init(&iter, ITER_DEST, to->iov, to->count, to->bytes);
	command->written = copy_to_iter(command->queue->disk->serial, bytes, &iter);
	rh_queue_log_ranges(&command->queue->queue, to->iov, to->count, command->written);
	return command->written == bytes ? 0 : -EFAULT;
}

/* 0: done; -EIOCBQUEUED: begun; other errors: refused. */
static int run_command(struct command *command)
{
	switch (command->type) {
	case VIRTIO_BLK_T_IN:
		return begin_io(command, &command->to);
	case VIRTIO_BLK_T_OUT:
		return begin_write(command);
	case VIRTIO_BLK_T_FLUSH:
		return begin_flush(command);
	case VIRTIO_BLK_T_GET_ID:
		return get_id(command);
	default:
		rh_queue_count(&command->queue->queue, REJECT_BLK_TYPE, 1);
		return -EOPNOTSUPP;
	}
}

/**
 * rh_blk_request_start - do what a chain asks for, or begin to
 * @queue: where the chain was popped
 * @chain: the chain; its arrays are changed
 *
 * Return: false if there is no memory for it now but requests in flight will give some
 * back: then the chain belongs back on the ring. With nothing in flight that would be
 * for ever, so the driver gets an error; it comes to that only when copies have to be
 * made and the owner has no memory left at all, for everything else has the reserve.
 */
bool rh_blk_request_start(struct rh_blk_queue *queue, struct rh_chain *chain)
{
	struct command command;
	int err;

	err = read_command(&command, queue, chain);
	if (!err)
		err = run_command(&command);
	if (err == -ENOMEM && queue->queue.inflight > 1)
		return false;
	if (err != -EIOCBQUEUED)
		answer(&queue->queue, command.head, command.status, err, command.written);
	return true;
}

/**
 * rh_blk_request_complete - the I/O of a request has ended
 * @request: the request; the worker's from now on
 * @error: 0 or an errno
 *
 * Any context.
 */
void rh_blk_request_complete(struct rh_blk_request *request, int error)
{
	struct rh_blk_queue *queue = request->queue;

	request->error = error;
	rh_queue_complete(&queue->queue, &queue->done, &request->done);
}

/**
 * rh_blk_request_answer - answer a request whose I/O has ended
 * @request: the request; gone afterwards
 */
void rh_blk_request_answer(struct rh_blk_request *request)
{
	struct rh_queue *queue = &request->queue->queue;
	int unmap_error = rh_blk_pages_unmap(request);
	int error = request->error ?: unmap_error;
	size_t written = rh_blk_request_is_write(request) ? 0 : request->bytes;

	if (error)
		rh_queue_count(queue, BLK_ERRORS, 1);
	answer(queue, request->head, request->status, error, written);
	put_request(request);
}
