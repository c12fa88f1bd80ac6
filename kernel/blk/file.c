// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) Disks that are image files: one kiocb a request, past the page cache where the
 * file system can. Mirrors bdev.c function by function.
 *
 *	file_submit() --- direct, NOWAIT ---> file_iocb_done() ---> complete
 *	     |                                     |
 *	     | cannot                              | would block, or was cut short
 *	     v                                     v
 *	file_work(): in a workqueue, waits; direct or through the page cache ---> complete
 *
 * So the worker never waits for the file system's locks, its block maps or the disk. A
 * read or write is whole or has failed: a file that was truncated under the guest
 * reads as errors, and writes do not make it grow again.
 *
 * Runs in the owner's ioctls (open, close), in the worker (submit, flush), in a
 * workqueue; file_iocb_done() in any context. Entry points: rh_blk_file.
 */
#include <linux/blkdev.h>
#include <linux/cred.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include "blk.h"

/* Most requests of a disk that wait for the file system at a time. */
#define FILE_WORKS_MAX 64
/* The unit of requests, whatever the file system's: images are partitioned for it. */
#define FILE_BLOCK_SIZE SECTOR_SIZE

/*
 * How direct I/O has to be aligned. File systems that do not tell follow their device;
 * where all this is wrong, the I/O fails with EINVAL and file_work() goes through
 * the page cache.
 */
static void find_alignment(struct rh_blk_disk *disk)
{
	const struct block_device *bdev = file_inode(disk->file)->i_sb->s_bdev;
	u32 offset = bdev ? bdev_logical_block_size((struct block_device *)bdev) : SECTOR_SIZE;
	u32 memory = offset;
	struct kstat stat;

	disk->direct = disk->file->f_mode & FMODE_CAN_ODIRECT;
	if (!vfs_getattr(&disk->file->f_path, &stat, STATX_DIOALIGN, AT_STATX_SYNC_AS_STAT) &&
	    stat.result_mask & STATX_DIOALIGN) {
		offset = stat.dio_offset_align;
		memory = stat.dio_mem_align;
	}
	if (!is_power_of_2(offset) || !is_power_of_2(memory))
		disk->direct = false;
	disk->offset_alignment = offset;
	disk->alignment = disk->direct ? max(offset, memory) : 1;
}

static int file_open(struct rh_blk_disk *disk)
{
	const struct file *file = disk->file;

	if (!file->f_op->read_iter || (!disk->readonly && !file->f_op->write_iter))
		return -EINVAL;
	disk->logical_block_size = FILE_BLOCK_SIZE;
	disk->physical_block_size = clamp_t(u32, i_blocksize(file_inode(file)),
					    FILE_BLOCK_SIZE, SZ_64K);
	find_alignment(disk);
	/* One per disk: a file system that hangs delays no other disk. */
	disk->workqueue = alloc_workqueue("ringhost_blk", WQ_UNBOUND, FILE_WORKS_MAX);
	return disk->workqueue ? 0 : -ENOMEM;
}

static void file_close(struct rh_blk_disk *disk)
{
	destroy_workqueue(disk->workqueue);
}

/* As it is now: the file may be truncated at any time. */
static u64 file_bytes(const struct rh_blk_disk *disk)
{
	return i_size_read(file_inode(disk->file));
}

/* A file opened for writing stays writable. */
static bool file_writable(const struct rh_blk_disk *disk)
{
	return true;
}

/* Read or write what is left after @done bytes, with the rights the file was opened with. */
static ssize_t do_io(struct rh_blk_request *request, struct kiocb *iocb, size_t done)
{
	struct file *file = iocb->ki_filp;
	bool write = rh_blk_request_is_write(request);
	const struct cred *cred;
	struct iov_iter iter;
	ssize_t ret;

	if (write && request->offset + request->bytes > file_bytes(request->queue->disk))
		return -EIO;
	iov_iter_bvec(&iter, write ? ITER_SOURCE : ITER_DEST, request->bvecs, request->bvec_count,
		      request->bytes);
	iov_iter_advance(&iter, done);
	cred = override_creds(file->f_cred);
	if (write)
		ret = rh_compat_vfs_iocb_iter_write(file, iocb, &iter);
	else
		ret = vfs_iocb_iter_read(file, iocb, &iter);
	revert_creds(cred);
	return ret;
}

static void init_iocb(struct kiocb *iocb, const struct rh_blk_request *request, size_t done,
		      int flags, void (*complete)(struct kiocb *iocb, long ret))
{
	struct file *file = request->queue->disk->file;

	if (rh_blk_request_is_write(request)) {
		flags |= IOCB_WRITE | (file->f_iocb_flags & (IOCB_DSYNC | IOCB_SYNC));
		if (request->durable)
			flags |= IOCB_DSYNC;
	}
	*iocb = (struct kiocb) {
		.ki_filp = file,
		.ki_pos = request->offset + done,
		.ki_flags = flags,
		.ki_complete = complete,
	};
}

/*
 * Not with request->iocb: after a NOWAIT attempt the file system may still look at that one,
 * in the worker that submitted it.
 */
static int wait_for_io(struct rh_blk_request *request, int flags)
{
	struct kiocb iocb;
	size_t done = 0;
	ssize_t ret;

	while (done < request->bytes) {
		init_iocb(&iocb, request, done, flags, NULL);
		ret = do_io(request, &iocb, done);
		if (ret <= 0)
			return ret ?: -EIO;
		done += ret;
	}
	return 0;
}

static bool can_be_direct(const struct rh_blk_request *request)
{
	const struct rh_blk_disk *disk = request->queue->disk;

	return disk->direct &&
	       !((request->offset | request->bytes) & (disk->offset_alignment - 1));
}

static void file_work(struct work_struct *work)
{
	struct rh_blk_request *request = container_of(work, struct rh_blk_request, work);
	int err = -EINVAL;

	if (request->type == VIRTIO_BLK_T_FLUSH) {
		err = vfs_fsync(request->queue->disk->file, 1);
	} else {
		if (can_be_direct(request))
			err = wait_for_io(request, IOCB_DIRECT);
		if (err == -EINVAL)
			err = wait_for_io(request, 0);
	}
	rh_blk_request_complete(request, err);
}

static void queue_file_work(struct rh_blk_request *request)
{
	INIT_WORK(&request->work, file_work);
	queue_work(request->queue->disk->workqueue, &request->work);
}

/* A NOWAIT attempt ended with @ret: with all, with an error, or with the need to wait. */
static void file_io_ended(struct rh_blk_request *request, ssize_t ret)
{
	if (ret == request->bytes)
		rh_blk_request_complete(request, 0);
	else if (ret >= 0 || ret == -EAGAIN || ret == -EINVAL || ret == -EOPNOTSUPP)
		queue_file_work(request);
	else
		rh_blk_request_complete(request, ret);
}

static void file_iocb_done(struct kiocb *iocb, long ret)
{
	struct rh_blk_request *request = container_of(iocb, struct rh_blk_request, iocb);

	if (rh_blk_request_is_write(request))
		kiocb_end_write(iocb);
	file_io_ended(request, ret);
}

/*
 * Whether it is worth trying without waiting. A frozen file system makes writers
 * wait until it is thawed, whatever their flags.
 */
static bool can_be_nowait(const struct rh_blk_request *request)
{
	const struct file *file = request->queue->disk->file;

	if (!(file->f_mode & FMODE_NOWAIT) || !can_be_direct(request))
		return false;
	return !rh_blk_request_is_write(request) ||
	       READ_ONCE(file_inode(file)->i_sb->s_writers.frozen) == SB_UNFROZEN;
}

static void file_submit(struct rh_blk_request *request)
{
	ssize_t ret;

	if (!can_be_nowait(request)) {
		queue_file_work(request);
		return;
	}
	init_iocb(&request->iocb, request, 0, IOCB_DIRECT | IOCB_NOWAIT, file_iocb_done);
	ret = do_io(request, &request->iocb, 0);
	if (ret != -EIOCBQUEUED)
		file_io_ended(request, ret);
}

static void file_flush(struct rh_blk_request *request)
{
	queue_file_work(request);
}

const struct rh_blk_backend rh_blk_file = {
	.open = file_open,
	.close = file_close,
	.bytes = file_bytes,
	.writable = file_writable,
	.submit = file_submit,
	.flush = file_flush,
};
