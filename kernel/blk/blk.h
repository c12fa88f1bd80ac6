/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of ringhost_blk share; one section for each .c file.
 *
 * A request's way: queue.c pops its chain, request.c reads and checks it, pages.c
 * finds the guest's pages, bdev.c or file.c does the I/O; in whatever context that
 * ends, rh_blk_request_complete() hands the request back to the worker, where
 * request.c answers the driver.
 */
#ifndef RH_BLK_H
#define RH_BLK_H

#include <linux/bio.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/sizes.h>
#include <linux/workqueue.h>
#include <uapi/linux/virtio_blk.h>

#include "../core/core.h"

/* Queues of one open file. */
#define RH_BLK_QUEUES 16
/* Data descriptors of one request: those of a ring of 256, less header and status. */
#define RH_BLK_SEG_MAX 254
/*
 * Largest data length of one request. virtio has no field to tell it to the driver;
 * it is well above what Linux drivers send (1.25 MiB; 4 MiB from 6.15 on).
 */
#define RH_BLK_REQUEST_BYTES_MAX SZ_4M
/*
 * Most pages of one request: each range of the chain may begin and end inside one.
 */
#define RH_BLK_BVECS_MAX (RH_BLK_REQUEST_BYTES_MAX / PAGE_SIZE + 2 * RH_CHAIN_MAX)

struct block_device;
struct rh_blk_disk;
struct rh_blk_request;

/* ---- device.c: one open file ---- */

/**
 * struct rh_blk_queue - one queue of the device
 * @queue: the core's part; its lock protects all that has no other owner here
 * @disk: the device's disk, while the queue runs
 * @done: requests whose I/O has ended, for the worker to answer; any context adds
 * @idle: small requests ready for use
 * @idle_count: their number
 * @reserve: a request with room for anything, so that a queue without memory still
 *	makes progress; NULL while in use and while the queue is stopped
 * @bounced: bytes of bounce pages in use
 */
struct rh_blk_queue {
	struct rh_queue queue;
	struct rh_blk_disk *disk;
	struct llist_head done;
	struct list_head idle;
	unsigned int idle_count;
	struct rh_blk_request *reserve;
	size_t bounced;
};

/**
 * struct rh_blk_dev - one open file
 * @dev: the core's part
 * @queues: its queues
 * @queue_table: the same, for the core
 * @disk: what SET_DISK attached, or NULL; under dev.lock, changes only while no
 *	queue runs
 */
struct rh_blk_dev {
	struct rh_dev dev;
	struct rh_blk_queue queues[RH_BLK_QUEUES];
	struct rh_queue *queue_table[RH_BLK_QUEUES];
	struct rh_blk_disk *disk;
};

extern const struct file_operations rh_blk_fops;

static inline struct rh_blk_dev *rh_blk_dev_of(struct rh_dev *dev)
{
	return container_of(dev, struct rh_blk_dev, dev);
}

static inline struct rh_blk_queue *rh_blk_queue_of(struct rh_queue *queue)
{
	return container_of(queue, struct rh_blk_queue, queue);
}

/* ---- queue.c: pops chains and answers what has ended; queue->lock is held ---- */

int rh_blk_queue_start(struct rh_queue *queue);
void rh_blk_queue_stop(struct rh_queue *queue);
bool rh_blk_queue_process(struct rh_queue *queue);
void rh_blk_queue_reap(struct rh_queue *queue);

/* ---- request.c: what a chain asks for, and the answer ---- */

/**
 * struct rh_blk_request - one IN, OUT or FLUSH on its way through a backend
 * @queue: where it came from
 * @done: entry in queue->done
 * @entry: entry in queue->idle
 * @type: VIRTIO_BLK_T_IN, OUT or FLUSH
 * @head: the chain's head
 * @durable: the write has to be on stable storage when it completes
 * @status: where the driver expects the status byte: an address of the owner, found at
 *	submission, because the memory table may be another one at completion
 * @error: 0 or the errno of the I/O; valid once complete
 * @offset: first byte on the disk
 * @bytes: data length
 * @bounced: the data goes through pages of ours
 * @ranges: where the data is in the owner's memory; like @status it has to outlast the
 *	chain's arrays, for a copy and for the dirty log. Room for @bvec_room.
 * @range_count: entries at @ranges
 * @bio: bdev.c's bio, which uses @bvecs as its own table
 * @iocb: file.c's I/O that does not wait
 * @work: file.c: what has to block does so in a workqueue
 * @bvec_room: entries at @bvecs, which @ranges follow
 * @bvec_count: those in use
 * @bvecs: the data's pages, pinned or (@bounced) our own
 */
struct rh_blk_request {
	struct rh_blk_queue *queue;
	union {
		struct llist_node done;
		struct list_head entry;
	};
	u32 type;
	u16 head;
	bool durable;
	u8 __user *status;
	int error;
	loff_t offset;
	size_t bytes;
	bool bounced;
	struct iovec *ranges;
	unsigned int range_count;
	union {
		struct bio bio;
		struct {
			struct kiocb iocb;
			struct work_struct work;
		};
	};
	unsigned int bvec_room;
	unsigned int bvec_count;
	struct bio_vec bvecs[];
};

static inline bool rh_blk_request_is_write(const struct rh_blk_request *request)
{
	return request->type == VIRTIO_BLK_T_OUT;
}

struct rh_blk_request *rh_blk_request_alloc(unsigned int bvecs);
bool rh_blk_request_start(struct rh_blk_queue *queue, struct rh_chain *chain);
void rh_blk_request_complete(struct rh_blk_request *request, int error);
void rh_blk_request_answer(struct rh_blk_request *request);

/* ---- pages.c: the memory behind a request's data; worker, owner's mm in use ---- */

/**
 * struct rh_blk_ranges - a request's data in the owner's memory
 * @iov: the ranges; part of the chain's arrays, so valid until the next pop
 * @count: their number
 * @bytes: their sum
 */
struct rh_blk_ranges {
	struct iovec *iov;
	unsigned int count;
	size_t bytes;
};

unsigned int rh_blk_pages_count(const struct rh_blk_ranges *ranges);
int rh_blk_pages_map(struct rh_blk_request *request, const struct rh_blk_ranges *ranges);
int rh_blk_pages_unmap(struct rh_blk_request *request);

/* ---- disk.c: the file behind the device ---- */

/**
 * struct rh_blk_backend - a kind of disk; bdev.c and file.c mirror each other
 * @open: fill in what the file tells: the block sizes, @alignment, private fields
 * @close: undo @open
 * @bytes: the disk's size as it is now
 * @writable: whether writes are allowed now
 * @submit: begin an IN or OUT whose pages are mapped; ends in rh_blk_request_complete()
 * @flush: begin a FLUSH; ends in rh_blk_request_complete()
 *
 * @open and @close run in the owner's ioctls or the last close; the others in the
 * worker with the owner's mm in use, and do not wait for the I/O.
 */
struct rh_blk_backend {
	int (*open)(struct rh_blk_disk *disk);
	void (*close)(struct rh_blk_disk *disk);
	u64 (*bytes)(const struct rh_blk_disk *disk);
	bool (*writable)(const struct rh_blk_disk *disk);
	void (*submit)(struct rh_blk_request *request);
	void (*flush)(struct rh_blk_request *request);
};

/**
 * struct rh_blk_disk - an attached disk; constant while any queue runs
 * @backend: what kind it is
 * @file: the file, which keeps the disk open
 * @readonly: writes are refused
 * @direct: I/O can bypass the page cache
 * @logical_block_size: unit of requests in bytes; a power of two, at most a page
 * @physical_block_size: unit the disk works in, in bytes
 * @alignment: unit in bytes that each data range's address and length must be multiples of
 *	for I/O without a copy; a power of two
 * @serial: what GET_ID answers
 * @bdev: bdev.c: the device
 * @offset_alignment: file.c: unit of direct I/O in the file, in bytes
 * @workqueue: file.c: runs what has to block
 */
struct rh_blk_disk {
	const struct rh_blk_backend *backend;
	struct file *file;
	bool readonly;
	bool direct;
	u32 logical_block_size;
	u32 physical_block_size;
	u32 alignment;
	u8 serial[RINGHOST_BLK_SERIAL_BYTES];
	union {
		struct block_device *bdev;
		struct {
			u32 offset_alignment;
			struct workqueue_struct *workqueue;
		};
	};
};

struct rh_blk_disk *rh_blk_disk_open(const struct ringhost_blk_disk *wanted);
void rh_blk_disk_close(struct rh_blk_disk *disk);
void rh_blk_disk_limits(const struct rh_blk_disk *disk, struct ringhost_blk_limits *limits);

/* ---- bdev.c and file.c: the two kinds ---- */

extern const struct rh_blk_backend rh_blk_bdev;
extern const struct rh_blk_backend rh_blk_file;

#endif /* RH_BLK_H */
