/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (3) and (4): the dirty log's memory, a bitmap in the owner's memory with one bit for
 * each 4 KiB of guest memory. See bitmap.c.
 */
#ifndef RH_BITMAP_H
#define RH_BITMAP_H

#include <linux/types.h>

/* Bytes of guest memory behind a bit, as a power of two: the ABI's, whatever the page size. */
#define RH_BITMAP_PAGE_SHIFT 12

struct rh_bitmap;

struct rh_bitmap *rh_bitmap_alloc(void __user *base);
void rh_bitmap_free(struct rh_bitmap *bitmap);
void rh_bitmap_use(struct rh_bitmap *bitmap);
void rh_bitmap_unuse(struct rh_bitmap *bitmap);
bool rh_bitmap_covers(const struct rh_bitmap *bitmap, u64 address);
int rh_bitmap_set(struct rh_bitmap *bitmap, u64 first, u64 last);

#endif /* RH_BITMAP_H */
