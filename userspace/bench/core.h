/* SPDX-License-Identifier: GPL-2.0-only */
/* The core's ring code at work on a ring of the benchmark's. See core.c. */
#ifndef BENCH_CORE_H
#define BENCH_CORE_H

#include <stdbool.h>

#include "driver.h"

/**
 * struct core_case - one thing to measure
 * @format: as the command line and the tables name it
 * @packed: the ring's format
 * @in_order: VIRTIO_F_IN_ORDER is negotiated
 */
struct core_case {
	const char *format;
	bool packed;
	bool in_order;
};

extern const struct core_case core_cases[];
extern const struct bench_shape core_shape_one, core_shape_three, core_shape_indirect;

int core_run(const struct core_case *which, const struct bench_shape *shape, unsigned int batch,
	     unsigned int batches);

#endif /* BENCH_CORE_H */
