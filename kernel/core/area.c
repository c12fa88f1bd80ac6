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

static unsigned int pages_of(const struct rh_area *area, size_t bytes)
{
	return DIV_ROUND_UP(offset_in_page(area->user) + bytes, PAGE_SIZE);
}

static int pin(struct rh_area *area, unsigned int count)
{
	unsigned long start = (unsigned long)area->user & PAGE_MASK;
	int pinned;

	area->pages = kvmalloc_array(count, sizeof(*area->pages), GFP_KERNEL_ACCOUNT);
	if (!area->pages)
		return -ENOMEM;
	pinned = pin_user_pages_fast(start, count, FOLL_WRITE | FOLL_LONGTERM, area->pages);
	if (pinned == count)
		return 0;
	if (pinned > 0)
		unpin_user_pages(area->pages, pinned);
	kvfree(area->pages);
	return pinned < 0 ? pinned : -EFAULT;
}

static void unpin(struct rh_area *area)
{
	unpin_user_pages_dirty_lock(area->pages, area->page_count, true);
	kvfree(area->pages);
}

/**
 * rh_area_map - pin and map an area's pages
 * @area: the area; not mapped
 * @mm: the owner's memory, which is current->mm
 * @bytes: its size
 *
 * Return: 0; -ENOMEM no memory or above the owner's limit, -EFAULT or -EINVAL no memory
 * there that can be pinned. Then the area is as before.
 */
int rh_area_map(struct rh_area *area, struct mm_struct *mm, size_t bytes)
{
	unsigned int count = pages_of(area, bytes);
	void *map;
	int err;

	err = account_locked_vm(mm, count, true);
	if (err)
		return err;
	err = pin(area, count);
	if (err)
		goto err_account;
	area->page_count = count;
	map = vmap(area->pages, count, VM_MAP, PAGE_KERNEL);
	if (!map) {
		err = -ENOMEM;
		goto err_unpin;
	}
	area->map = map + offset_in_page(area->user);
	return 0;

err_unpin:
	unpin(area);
err_account:
	account_locked_vm(mm, count, false);
	return err;
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
