// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) and (4): pins a ring's pages for as long as its queue runs and maps them into the
 * kernel, so that the fast path touches no user memory and cannot fault.
 *
 * The pages count against the owner's RLIMIT_MEMLOCK. Where that, or the kind of memory,
 * forbids it, the area stays unmapped and user copies serve; nothing else changes.
 *
 * Runs in the owner's ioctls; unmapping also in the last close. The queue's lock is held.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "area.h"

static unsigned int pages_of(const struct iovec *range)
{
	return DIV_ROUND_UP(offset_in_page(range->iov_base) + range->iov_len, PAGE_SIZE);
}

/* The pages the ranges touch; 0 if they would not be in one piece when these are mapped. */
static unsigned int count_pages(const struct iovec *ranges, unsigned int count)
{
	unsigned int i, pages = 0;

	for (i = 0; i < count; i++) {
		if (i && offset_in_page(ranges[i].iov_base))
			return 0;
		if (i + 1 < count && offset_in_page(ranges[i].iov_base + ranges[i].iov_len))
			return 0;
		pages += pages_of(&ranges[i]);
	}
	return pages;
}

static int pin_range(const struct iovec *range, struct page **pages)
{
	unsigned long start = (unsigned long)range->iov_base & PAGE_MASK;
	int count = pages_of(range);
	int pinned = pin_user_pages_fast(start, count, FOLL_WRITE | FOLL_LONGTERM, pages);

	if (pinned == count)
		return 0;
	if (pinned > 0)
		unpin_user_pages(pages, pinned);
	return pinned < 0 ? pinned : -EFAULT;
}

static int pin(struct rh_area *area, const struct iovec *ranges, unsigned int count)
{
	unsigned int i, pinned = 0;
	int err;

	area->pages = kvmalloc_array(area->page_count, sizeof(*area->pages), GFP_KERNEL_ACCOUNT);
	if (!area->pages)
		return -ENOMEM;
	for (i = 0; i < count; i++) {
		err = pin_range(&ranges[i], area->pages + pinned);
		if (err)
			goto err_unpin;
		pinned += pages_of(&ranges[i]);
	}
	return 0;

err_unpin:
	unpin_user_pages(area->pages, pinned);
	kvfree(area->pages);
	return err;
}

static void unpin(struct rh_area *area)
{
	unpin_user_pages_dirty_lock(area->pages, area->page_count, true);
	kvfree(area->pages);
}

/**
 * rh_area_map_ranges - pin and map the pages of an area that may be scattered
 * @area: the area; not mapped
 * @mm: the owner's memory, which is current->mm
 * @ranges: where it is
 * @count: entries at @ranges, one at least
 *
 * Return: 0; -ENOMEM no memory or above the owner's limit, -EFAULT or -EINVAL no memory
 * there that can be pinned, or a range that ends or begins within a page where another
 * goes on. Then the area is as before.
 */
int rh_area_map_ranges(struct rh_area *area, struct mm_struct *mm, const struct iovec *ranges,
		       unsigned int count)
{
	void *map;
	int err;

	area->page_count = count_pages(ranges, count);
	if (!area->page_count)
		return -EINVAL;
	err = account_locked_vm(mm, area->page_count, true);
	if (err)
		return err;
	err = pin(area, ranges, count);
	if (err)
		goto err_account;
	map = vmap(area->pages, area->page_count, VM_MAP, PAGE_KERNEL);
	if (!map) {
		err = -ENOMEM;
		goto err_unpin;
	}
	area->map = map + offset_in_page(ranges->iov_base);
	return 0;

err_unpin:
	unpin(area);
err_account:
	account_locked_vm(mm, area->page_count, false);
	return err;
}

/**
 * rh_area_map - pin and map an area's pages
 * @area: the area; not mapped
 * @mm: the owner's memory, which is current->mm
 * @bytes: its size
 *
 * Return: as rh_area_map_ranges().
 */
int rh_area_map(struct rh_area *area, struct mm_struct *mm, size_t bytes)
{
	struct iovec whole = { area->user, bytes };

	return rh_area_map_ranges(area, mm, &whole, 1);
}

/**
 * rh_area_unmap - undo rh_area_map()
 * @area: the area, mapped or not
 * @mm: as then
 */
void rh_area_unmap(struct rh_area *area, struct mm_struct *mm)
{
	if (!area->map)
		return;
	vunmap((void *)((unsigned long)area->map & PAGE_MASK));
	unpin(area);
	account_locked_vm(mm, area->page_count, false);
	area->map = NULL;
}
