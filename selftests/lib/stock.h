/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A stock node and ours side by side: each call goes to both, and what they answer is
 * compared. Where we differ on purpose, a test's list says how and why, and exactly that
 * answer is expected of both.
 */
#ifndef SELFTESTS_STOCK_H
#define SELFTESTS_STOCK_H

#include <string.h>

#include "harness.h"

enum { STOCK, OURS, NODES };

/**
 * struct difference - a step that the two nodes answer differently, on purpose
 * @step: its name; NULL ends a list
 * @stock: what the stock node returns: a result or -errno
 * @ours: what ours returns
 * @why: the reason, which the node's page below Documentation/uapi gives as well
 */
struct difference {
	const char *step;
	int stock;
	int ours;
	const char *why;
};

/* The nodes' results of a step are as they must be. */
static inline void stock_compare(const struct difference *difference, const char *step,
				 const int result[NODES])
{
	while (difference->step && strcmp(difference->step, step))
		difference++;
	EXPECT_EQ(difference->step ? difference->stock : result[STOCK], result[STOCK]) {
		TEST_LOG("%s, stock", step);
	}
	EXPECT_EQ(difference->step ? difference->ours : result[STOCK], result[OURS]) {
		TEST_LOG("%s", step);
	}
}

#endif /* SELFTESTS_STOCK_H */
