/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (2) and (4): one part of a ring in the owner's memory, and how to reach it: through a
 * kernel mapping of its pinned pages where there is one (area.c), by user copies
 * with the owner's mm in use where there is none.
 *
 * Every value read is a copy: the owner may change the original at any time.
 */
#ifndef RH_AREA_H
#define RH_AREA_H

#include <linux/errno.h>
#include <linux/types.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

struct mm_struct;
struct page;

/**
 * struct rh_area - a range of the owner's memory
 * @address: its first byte as the owner has given it; with a vIOMMU one of the vIOMMU's
 *	addresses
 * @user: its first byte; NULL with a vIOMMU: not known, or in more pieces than one
 * @map: the same byte in a kernel mapping; NULL: reached by user copies
 * @pages: the pinned pages behind @map
 * @page_count: their number
 */
struct rh_area {
	u64 address;
	void __user *user;
	void *map;
	struct page **pages;
	unsigned int page_count;
};

/* All of these: 0 or -EFAULT; @offset and what follows it lie in the area. */

static inline int rh_area_read16(const struct rh_area *area, size_t offset, __u16 *value)
{
	if (!area->map)
		return get_user(*value, (__u16 __user *)(area->user + offset));
	*value = READ_ONCE(*(__u16 *)(area->map + offset));
	return 0;
}

static inline int rh_area_write16(const struct rh_area *area, size_t offset, __u16 value)
{
	if (!area->map)
		return put_user(value, (__u16 __user *)(area->user + offset));
	WRITE_ONCE(*(__u16 *)(area->map + offset), value);
	return 0;
}

static inline int rh_area_read(const struct rh_area *area, size_t offset, void *to, size_t bytes)
{
	if (!area->map)
		return copy_from_user(to, area->user + offset, bytes) ? -EFAULT : 0;
	memcpy(to, area->map + offset, bytes);
	/* What is checked is the copy: the compiler may not read the original again. */
	barrier();
	return 0;
}

static inline int rh_area_write(const struct rh_area *area, size_t offset, const void *from,
				size_t bytes)
{
	if (!area->map)
		return copy_to_user(area->user + offset, from, bytes) ? -EFAULT : 0;
	memcpy(area->map + offset, from, bytes);
	return 0;
}

int rh_area_map(struct rh_area *area, struct mm_struct *mm, size_t bytes);
int rh_area_map_ranges(struct rh_area *area, struct mm_struct *mm, const struct iovec *ranges,
		       unsigned int count);
void rh_area_unmap(struct rh_area *area, struct mm_struct *mm);

#endif /* RH_AREA_H */
