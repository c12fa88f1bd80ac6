// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) Disks that are block devices: one bio a request, past the page cache. Mirrors
 * file.c function by function.
 *
 * The bio is part of the request and uses the request's bvecs as its table, whatever
 * their number: nothing is allocated or chained here, and the block layer splits the
 * bio as the device needs; of the errors of its parts it keeps one.
 *
 * Runs in the owner's ioctls (open, close) and in the worker (submit, flush), which waits
 * only where the block layer makes every submitter wait: for a free tag of a full
 * device. bdev_done() runs in any context. Entry points: rh_blk_bdev.
 */
#include <linux/bio.h>
#include <linux/blkdev.h>

#include "blk.h"

static int bdev_open(struct rh_blk_disk *disk)
{
	struct block_device *bdev = I_BDEV(disk->file->f_mapping->host);
	int err;

	disk->bdev = bdev;
	disk->direct = true;
	disk->logical_block_size = bdev_logical_block_size(bdev);
	disk->physical_block_size = bdev_physical_block_size(bdev);
	disk->alignment = max(disk->logical_block_size, bdev_dma_alignment(bdev) + 1);
	if (disk->logical_block_size > PAGE_SIZE)
		return -EINVAL;
	/* What the host has cached must not reach the device after the guest's writes. */
	err = sync_blockdev(bdev);
	if (err)
		return err;
	invalidate_bdev(bdev);
	return 0;
}

static void bdev_close(struct rh_blk_disk *disk)
{
	/* The host shall see what the guest has written, not what it read before. */
	if (!disk->readonly)
		invalidate_bdev(disk->bdev);
}

/* 0 once the medium is gone. */
static u64 bdev_bytes(const struct rh_blk_disk *disk)
{
	return bdev_nr_bytes(disk->bdev);
}

/* The block layer only warns of a write to a read-only device, then writes. */
static bool bdev_writable(const struct rh_blk_disk *disk)
{
	return !bdev_read_only(disk->bdev);
}

static void bdev_done(struct bio *bio)
{
	struct rh_blk_request *request = container_of(bio, struct rh_blk_request, bio);
	int error = blk_status_to_errno(bio->bi_status);

	bio_uninit(bio);
	rh_blk_request_complete(request, error);
}

static void bdev_submit(struct rh_blk_request *request)
{
	struct rh_blk_disk *disk = request->queue->disk;
	struct bio *bio = &request->bio;
	blk_opf_t opf = REQ_OP_READ;
	unsigned int i;

	if (rh_blk_request_is_write(request))
		opf = REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | (request->durable ? REQ_FUA : 0);
	bio_init(bio, disk->bdev, request->bvecs, request->bvec_count, opf);
	/* Each bvec is added where it already is. */
	for (i = 0; i < request->bvec_count; i++)
		__bio_add_page(bio, request->bvecs[i].bv_page, request->bvecs[i].bv_len,
			       request->bvecs[i].bv_offset);
	bio->bi_iter.bi_sector = request->offset >> SECTOR_SHIFT;
	bio->bi_end_io = bdev_done;
	submit_bio(bio);
}

/*
 * An empty write with a flush ahead: a bio may not carry REQ_OP_FLUSH. For a device without a
 * cache the block layer says yes before it notices that the device is gone.
 */
static void bdev_flush(struct rh_blk_request *request)
{
	struct bio *bio = &request->bio;

	if (!bdev_bytes(request->queue->disk)) {
		rh_blk_request_complete(request, -EIO);
		return;
	}
	bio_init(bio, request->queue->disk->bdev, NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH);
	bio->bi_end_io = bdev_done;
	submit_bio(bio);
}

const struct rh_blk_backend rh_blk_bdev = {
	.open = bdev_open,
	.close = bdev_close,
	.bytes = bdev_bytes,
	.writable = bdev_writable,
	.submit = bdev_submit,
	.flush = bdev_flush,
};
