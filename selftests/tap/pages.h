/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether pages get lost: kmemleak does not know of the pages of long packets. What is done
 * often enough, with packets so long, shows in the host's free memory if it loses any.
 */
#ifndef SELFTESTS_TAP_PAGES_H
#define SELFTESTS_TAP_PAGES_H

#include "usage.h"

/* Bytes of a packet that takes 64 KiB, and how many such packets would be noticed. */
#define PAGES_LENGTH 60000
#define PAGES_ROUNDS 1000
#define PAGES_LOST_KIB (PAGES_ROUNDS * 64 / 2)

/* KiB. */
static inline long pages_free(void)
{
	return usage_sum_of("/proc/meminfo", "MemFree:");
}

#endif /* SELFTESTS_TAP_PAGES_H */
