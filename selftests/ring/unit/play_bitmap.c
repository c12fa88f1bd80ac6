// SPDX-License-Identifier: GPL-2.0-only
/* The dirty log's memory, as the unit tests play it. The kernel's is bitmap.c of the core. */
#include "play_bitmap.h"

int rh_bitmap_set(struct rh_bitmap *bitmap, u64 first, u64 last)
{
	int fresh = 0;

	for (; first <= last; first++) {
		if (first >= PLAY_BITS || bitmap->gone)
			return -EFAULT;
		fresh += !bitmap->set[first];
		bitmap->set[first] = true;
	}
	return fresh;
}
