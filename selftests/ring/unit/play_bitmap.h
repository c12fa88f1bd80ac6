/* SPDX-License-Identifier: GPL-2.0-only */
/* The dirty log's memory, as the unit tests play it. See play_bitmap.c. */
#ifndef UNIT_PLAY_BITMAP_H
#define UNIT_PLAY_BITMAP_H

#include "unit.h"
#include "../../../kernel/core/bitmap.h"

#define PLAY_BITS 0x1000

/**
 * struct rh_bitmap - one bool for each page of guest memory
 * @set: the page was logged
 * @gone: the memory of the bitmap is not there
 */
struct rh_bitmap {
	bool set[PLAY_BITS];
	bool gone;
};

#endif /* UNIT_PLAY_BITMAP_H */
