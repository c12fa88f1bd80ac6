// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ring benchmark (userspace/bench) measures what nobody looks at otherwise: a run of
 * each kind that is too short to measure anything shows that its driver still offers what
 * the core takes, and that every chain comes back once, in order, with the right length.
 */
#include "harness.h"
#include "../../../userspace/bench/core.h"

static void run_all(const struct bench_shape *shape)
{
	for (const struct core_case *which = core_cases; which->format; which++) {
		ASSERT_EQ(0, core_run(which, shape, 1, 3));
		/* Enough batches for the ring to wrap several times. */
		ASSERT_EQ(0, core_run(which, shape, 16, 100));
	}
}

TEST(chains_of_one_come_back_in_every_format)
{
	run_all(&core_shape_one);
}

TEST(chains_of_three_come_back_in_every_format)
{
	run_all(&core_shape_three);
}

TEST(indirect_chains_come_back_in_every_format)
{
	run_all(&core_shape_indirect);
}

TEST(a_chain_that_is_refused_is_noticed)
{
	const struct bench_shape empty = { .count = 1 };

	for (const struct core_case *which = core_cases; which->format; which++)
		ASSERT_EQ(-EPROTO, core_run(which, &empty, 1, 1));
}

TEST_HARNESS_MAIN
