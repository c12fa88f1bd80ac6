// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) and (4): the dirty log's memory. The owner gives an address only; how much of it is
 * used follows from the guest addresses that are written to. Bits are set while the
 * owner takes them out, so both sides use atomic operations on whole words.
 *
 * A page of the bitmap, which stands for 128 MiB of the guest, is pinned when its first bit
 * is set and stays so until nobody logs any more, or another bitmap replaces this one. The
 * pages count against the owner's RLIMIT_MEMLOCK; where that, or the kind of memory,
 * forbids it, each write pins and unpins its page. An owner that maps other memory at the
 * address has to say so by VHOST_SET_LOG_BASE.
 *
 * rh_bitmap_set() runs with the owner's mm in use: in workers, of several queues at a time,
 * and in the ioctl that starts a queue. All else in the owner's ioctls or the last close.
 */
#include <linux/bitops.h>
#include <linux/capability.h>
#include <linux/highmem.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/xarray.h>

#include "bitmap.h"

/**
 * struct rh_bitmap - a bitmap in the owner's memory
 * @base: address of bit 0; constant
 * @mm: the owner's memory, which the device keeps alive; constant
 * @owner: whose limit counts; constant
 * @unlimited: the owner may pin what it likes; constant
 * @users: queues that log to it; under dev->lock
 * @transient: a page could not be kept pinned, and no more are tried; any user sets it
 * @pages: the pinned pages, by their distance from the first; any user adds, none is
 *	taken away before the last user has gone
 */
struct rh_bitmap {
	unsigned long base;
	struct mm_struct *mm;
	struct task_struct *owner;
	bool unlimited;
	unsigned int users;
	bool transient;
	struct xarray pages;
};

/**
 * rh_bitmap_alloc - describe a bitmap; its memory is not looked at
 * @base: address of bit 0, in the memory of the caller, who is the owner
 *
 * Return: the bitmap; ERR_PTR: -EFAULT not in the process's half, -ENOMEM.
 */
struct rh_bitmap *rh_bitmap_alloc(void __user *base)
{
	struct rh_bitmap *bitmap;

	if (!access_ok(base, 1))
		return ERR_PTR(-EFAULT);
	bitmap = kzalloc(sizeof(*bitmap), GFP_KERNEL_ACCOUNT);
	if (!bitmap)
		return ERR_PTR(-ENOMEM);
	bitmap->base = (unsigned long)base;
	bitmap->mm = current->mm;
	bitmap->owner = get_task_struct(current->group_leader);
	bitmap->unlimited = capable(CAP_IPC_LOCK);
	xa_init(&bitmap->pages);
	return bitmap;
}

static int account(struct rh_bitmap *bitmap, unsigned long pages, bool add)
{
	int err;

	mmap_write_lock(bitmap->mm);
	err = __account_locked_vm(bitmap->mm, pages, add, bitmap->owner, bitmap->unlimited);
	mmap_write_unlock(bitmap->mm);
	return err;
}

static void unpin_all(struct rh_bitmap *bitmap)
{
	unsigned long index, count = 0;
	struct page *page;

	xa_for_each(&bitmap->pages, index, page) {
		unpin_user_pages_dirty_lock(&page, 1, true);
		count++;
	}
	xa_destroy(&bitmap->pages);
	if (count)
		account(bitmap, count, false);
	bitmap->transient = false;
}

/**
 * rh_bitmap_free - free a bitmap without users
 * @bitmap: the bitmap, or NULL
 */
void rh_bitmap_free(struct rh_bitmap *bitmap)
{
	if (!bitmap)
		return;
	WARN_ON_ONCE(bitmap->users);
	put_task_struct(bitmap->owner);
	kfree(bitmap);
}

/**
 * rh_bitmap_use - a queue begins to log
 * @bitmap: the bitmap; dev->lock is held
 */
void rh_bitmap_use(struct rh_bitmap *bitmap)
{
	bitmap->users++;
}

/**
 * rh_bitmap_unuse - a queue logs no more; with the last one the pages are unpinned
 * @bitmap: the bitmap; dev->lock is held
 */
void rh_bitmap_unuse(struct rh_bitmap *bitmap)
{
	if (!--bitmap->users)
		unpin_all(bitmap);
}

/**
 * rh_bitmap_covers - whether a guest address has a bit that can be the owner's memory
 * @bitmap: the bitmap
 * @address: guest-physical; all below it are asked for as well
 */
bool rh_bitmap_covers(const struct rh_bitmap *bitmap, u64 address)
{
	/* Below 2^49, so the sum cannot wrap where a long has 64 bits. */
	u64 bytes = (address >> RH_BITMAP_PAGE_SHIFT) / BITS_PER_BYTE + 1;

	return bytes <= ULONG_MAX && access_ok((void __user *)bitmap->base, bytes);
}

static struct page *pin(unsigned long address, unsigned int flags)
{
	struct page *page;
	int pinned = pin_user_pages_fast(address & PAGE_MASK, 1, FOLL_WRITE | flags, &page);

	if (pinned == 1)
		return page;
	return ERR_PTR(pinned < 0 ? pinned : -EFAULT);
}

/* Pin a page for good. Another queue may do the same, and be first. */
static struct page *keep_page(struct rh_bitmap *bitmap, unsigned long index, unsigned long address)
{
	struct page *page, *other;
	int err;

	err = account(bitmap, 1, true);
	if (err)
		return ERR_PTR(err);
	page = pin(address, FOLL_LONGTERM);
	if (IS_ERR(page))
		goto err_account;
	other = xa_cmpxchg(&bitmap->pages, index, NULL, page, GFP_KERNEL_ACCOUNT);
	if (!other)
		return page;
	unpin_user_pages_dirty_lock(&page, 1, false);
	page = xa_is_err(other) ? ERR_PTR(xa_err(other)) : other;
err_account:
	account(bitmap, 1, false);
	return page;
}

/* The kept page that holds @address; ERR_PTR if it cannot be kept. */
static struct page *find_page(struct rh_bitmap *bitmap, unsigned long address)
{
	unsigned long index = (address >> PAGE_SHIFT) - (bitmap->base >> PAGE_SHIFT);
	struct page *page = xa_load(&bitmap->pages, index);

	if (page)
		return page;
	if (READ_ONCE(bitmap->transient))
		return ERR_PTR(-ENOMEM);
	page = keep_page(bitmap, index, address);
	if (IS_ERR(page))
		WRITE_ONCE(bitmap->transient, true);
	return page;
}

/* Returns how many of the bits were not set before. A bit that is set costs no atomic access. */
static int set_bits(struct page *page, unsigned int bit, unsigned int count)
{
	unsigned long *words = kmap_local_page(page);
	int fresh = 0;

	for (; count; bit++, count--)
		if (!test_bit(bit, words) && !test_and_set_bit(bit, words))
			fresh++;
	kunmap_local(words);
	return fresh;
}

static int set_in_page(struct rh_bitmap *bitmap, unsigned long address, unsigned int bit,
		       unsigned int count)
{
	struct page *page = find_page(bitmap, address);
	int fresh;

	if (!IS_ERR(page))
		return set_bits(page, bit, count);
	page = pin(address, 0);
	if (IS_ERR(page))
		return PTR_ERR(page);
	fresh = set_bits(page, bit, count);
	unpin_user_pages_dirty_lock(&page, 1, true);
	cond_resched();
	return fresh;
}

/**
 * rh_bitmap_set - set bits
 * @bitmap: the bitmap
 * @first: the first bit
 * @last: the last bit; not before @first; both at most 2^52 - 1
 *
 * What the bits tell of was written, and is visible, before: see rh_log_guest().
 *
 * Return: how many were not set before; -EFAULT, or what pinning says: a page of the
 * bitmap is not there, and bits from it on are not set.
 */
int rh_bitmap_set(struct rh_bitmap *bitmap, u64 first, u64 last)
{
	unsigned int bit, count;
	unsigned long address;
	int fresh = 0, ret;

	while (first <= last) {
		if (check_add_overflow(bitmap->base, first / BITS_PER_BYTE, &address))
			return -EFAULT;
		bit = offset_in_page(address) * BITS_PER_BYTE + first % BITS_PER_BYTE;
		count = min_t(u64, last - first + 1, PAGE_SIZE * BITS_PER_BYTE - bit);
		ret = set_in_page(bitmap, address, bit, count);
		if (ret < 0)
			return ret;
		fresh += ret;
		first += count;
	}
	return fresh;
}
