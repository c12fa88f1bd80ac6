// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) The memory behind a request's data. Where addresses and lengths suit the disk,
 * the guest's pages are pinned and the disk reads and writes them itself. Otherwise
 * the data goes through pages of our own, a copy that is counted and limited.
 *
 * Runs in the worker with the queue's lock held and the owner's mm in use. Entry points:
 * rh_blk_pages_map() before the I/O, rh_blk_pages_unmap() after it.
 */
#include <linux/mm.h>

#include "blk.h"

/* Pages pinned with one call. */
#define PIN_BATCH 32
/* Most bytes of bounce pages a queue may use at a time; one request always may. */
#define BOUNCED_MAX SZ_8M

/**
 * rh_blk_pages_count - most entries a request needs
 * @ranges: its data
 *
 * Return: the number of pages the ranges touch, each range on its own; at least as many
 * as a copy of them needs.
 */
unsigned int rh_blk_pages_count(const struct rh_blk_ranges *ranges)
{
	unsigned int i, count = 0;

	for (i = 0; i < ranges->count; i++)
		count += DIV_ROUND_UP(offset_in_page(ranges->iov[i].iov_base) +
				      ranges->iov[i].iov_len, PAGE_SIZE);
	return count;
}

static bool needs_bounce(const struct rh_blk_disk *disk, const struct rh_blk_ranges *ranges)
{
	unsigned long bits = 0;
	unsigned int i;

	for (i = 0; i < ranges->count; i++)
		bits |= (unsigned long)ranges->iov[i].iov_base | ranges->iov[i].iov_len;
	return bits & (disk->alignment - 1);
}

/* Pages a bvec touches. */
static unsigned long bvec_pages(const struct bio_vec *bvec)
{
	return DIV_ROUND_UP(bvec->bv_offset + bvec->bv_len, PAGE_SIZE);
}

/* Whether @page goes on where the bvec ends, in the same compound page. */
static bool bvec_continues(const struct bio_vec *bvec, struct page *page)
{
	return page_folio(page) == page_folio(bvec->bv_page) &&
	       page_to_pfn(page) == page_to_pfn(bvec->bv_page) + bvec_pages(bvec) &&
	       offset_in_page(bvec->bv_offset + bvec->bv_len) == 0;
}

/*
 * Append part of a pinned page. Bvecs below @first belong to other ranges, which have
 * pins of their own on their pages: those are not joined, so that each bvec holds just
 * one pin on each of its pages.
 */
static void add_page(struct rh_blk_request *request, unsigned int first, struct page *page,
		     size_t bytes, size_t offset)
{
	unsigned int count = request->bvec_count;
	struct bio_vec *bvec = &request->bvecs[count];

	if (count > first && bvec_continues(bvec - 1, page)) {
		bvec[-1].bv_len += bytes;
		return;
	}
	bvec_set_page(bvec, page, bytes, offset);
	request->bvec_count++;
}

static int pin_range(struct rh_blk_request *request, unsigned long start, size_t bytes)
{
	unsigned int gup_flags = rh_blk_request_is_write(request) ? 0 : FOLL_WRITE;
	unsigned int first = request->bvec_count;
	struct page *pages[PIN_BATCH];
	size_t offset, part;
	int i, wanted, pinned;

	while (bytes) {
		wanted = min_t(size_t, PIN_BATCH,
			       DIV_ROUND_UP(offset_in_page(start) + bytes, PAGE_SIZE));
		pinned = pin_user_pages_fast(start, wanted, gup_flags, pages);
		if (pinned <= 0)
			return pinned ?: -EFAULT;
		rh_queue_count(&request->queue->queue, PINS, pinned);
		for (i = 0; i < pinned; i++) {
			offset = offset_in_page(start);
			part = min_t(size_t, bytes, PAGE_SIZE - offset);
			add_page(request, first, pages[i], part, offset);
			start += part;
			bytes -= part;
		}
	}
	return 0;
}

static void unpin(struct rh_blk_request *request, bool dirty)
{
	unsigned int i;

	for (i = 0; i < request->bvec_count; i++) {
		const struct bio_vec *bvec = &request->bvecs[i];

		unpin_user_page_range_dirty_lock(bvec->bv_page, bvec_pages(bvec), dirty);
	}
}

static int pin(struct rh_blk_request *request, const struct rh_blk_ranges *ranges)
{
	unsigned int i;
	int err;

	for (i = 0; i < ranges->count; i++) {
		err = pin_range(request, (unsigned long)ranges->iov[i].iov_base,
				ranges->iov[i].iov_len);
		if (err) {
			unpin(request, false);
			return err;
		}
	}
	return 0;
}

static void bounce_free(struct rh_blk_request *request)
{
	unsigned int i;

	for (i = 0; i < request->bvec_count; i++)
		__free_page(request->bvecs[i].bv_page);
	request->queue->bounced -= request->bytes;
}

/*
 * Own pages for all the data. They are zeroed: should a disk claim to have read what it
 * has not, the guest must not see the host's memory.
 */
static int bounce_alloc(struct rh_blk_request *request)
{
	size_t left = request->bytes, part;
	struct page *page;

	while (left) {
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
		if (!page)
			return -ENOMEM;
		part = min_t(size_t, left, PAGE_SIZE);
		bvec_set_page(&request->bvecs[request->bvec_count++], page, part, 0);
		left -= part;
	}
	return 0;
}

/* Copy between the driver's ranges and our pages. */
static int bounce_copy(struct rh_blk_request *request)
{
	bool write = rh_blk_request_is_write(request);
	struct iov_iter iter;
	unsigned int i;
	size_t copied;

	iov_iter_init(&iter, write ? ITER_SOURCE : ITER_DEST, request->ranges,
		      request->range_count, request->bytes);
	for (i = 0; i < request->bvec_count; i++) {
		const struct bio_vec *bvec = &request->bvecs[i];

		copied = write ? copy_page_from_iter(bvec->bv_page, 0, bvec->bv_len, &iter) :
				 copy_page_to_iter(bvec->bv_page, 0, bvec->bv_len, &iter);
		if (copied != bvec->bv_len)
			return -EFAULT;
	}
	return 0;
}

static int bounce(struct rh_blk_request *request)
{
	struct rh_blk_queue *queue = request->queue;
	int err;

	if (queue->bounced && queue->bounced + request->bytes > BOUNCED_MAX)
		return -ENOMEM;
	request->bounced = true;
	queue->bounced += request->bytes;
	err = bounce_alloc(request);
	if (!err && rh_blk_request_is_write(request))
		err = bounce_copy(request);
	if (err)
		bounce_free(request);
	return err;
}

/**
 * rh_blk_pages_map - fill a request's bvecs with pages that hold, or receive, its data
 * @request: the request, with room for rh_blk_pages_count()
 * @ranges: its data
 *
 * Return: 0; -ENOMEM no memory, or the limit of copies is reached; -EFAULT the owner
 * has no such memory.
 */
int rh_blk_pages_map(struct rh_blk_request *request, const struct rh_blk_ranges *ranges)
{
	request->bytes = ranges->bytes;
	/* The chain's arrays do not last until a read has ended. */
	memcpy(request->ranges, ranges->iov, ranges->count * sizeof(*ranges->iov));
	request->range_count = ranges->count;
	if (needs_bounce(request->queue->disk, ranges))
		return bounce(request);
	return pin(request, ranges);
}

/**
 * rh_blk_pages_unmap - give the pages back after the I/O, with what was read into them
 * @request: the request
 *
 * Return: 0 or -EFAULT: the owner has taken away the memory to copy to.
 */
int rh_blk_pages_unmap(struct rh_blk_request *request)
{
	bool write = rh_blk_request_is_write(request);
	int err = 0;

	if (!request->bounced) {
		unpin(request, !write);
	} else {
		if (!write && !request->error)
			err = bounce_copy(request);
		bounce_free(request);
	}
	/* Also after an error: the disk may have written some of it. */
	if (!write)
		rh_queue_log_ranges(&request->queue->queue, request->ranges,
				    request->range_count, request->bytes);
	return err;
}
