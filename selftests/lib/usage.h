/* SPDX-License-Identifier: GPL-2.0-only */
/* What a leak in the host would show in, to be compared before and after. See usage.c. */
#ifndef SELFTESTS_USAGE_H
#define SELFTESTS_USAGE_H

#include <stdbool.h>

/**
 * struct usage - what is quick enough to read after each call
 * @pins: pages pinned and not unpinned since boot, from anybody
 * @references: to our modules, such as open files
 * @descriptors: of this process
 * @threads: of this process
 * @locked: KiB accounted to it as locked
 * @pinned: KiB accounted to it as pinned
 */
struct usage {
	long pins;
	long references;
	long descriptors;
	long threads;
	long locked;
	long pinned;
};

void usage_measure(struct usage *usage);
bool usage_returns_to(const struct usage *before);
long usage_sum_of(const char *path, const char *key);

#endif /* SELFTESTS_USAGE_H */
