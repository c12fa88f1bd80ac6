// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench-core FORMAT SHAPE BATCH BATCHES: the core's ring code for scripts/bench-ring to count
 * under callgrind. Formats: split, packed, split-in-order, packed-in-order; shapes: one,
 * three, indirect.
 *
 * What the unit tests' shim checks is taken for granted here, so that it does not count.
 */
#include <stdio.h>

#include "core.h"
#include "../../selftests/ring/unit/unit.h"

bool alloc_fails;
unsigned int alloc_countdown;

void user_area_add(const void *start, size_t size)
{
	(void)start;
	(void)size;
}

void user_area_remove(const void *start)
{
	(void)start;
}

bool user_access(const volatile void *address, size_t size, bool write)
{
	(void)address;
	(void)size;
	(void)write;
	return true;
}

static const struct core_case *find_case(const char *format)
{
	const struct core_case *which = core_cases;

	while (which->format && strcmp(which->format, format))
		which++;
	return which->format ? which : NULL;
}

static const struct bench_shape *find_shape(const char *name)
{
	if (!strcmp(name, "one"))
		return &core_shape_one;
	if (!strcmp(name, "three"))
		return &core_shape_three;
	return strcmp(name, "indirect") ? NULL : &core_shape_indirect;
}

int main(int argc, char **argv)
{
	const struct core_case *which = argc == 5 ? find_case(argv[1]) : NULL;
	const struct bench_shape *shape = which ? find_shape(argv[2]) : NULL;
	int ret;

	if (!shape) {
		fputs("usage: bench-core FORMAT SHAPE BATCH BATCHES\n", stderr);
		return 2;
	}
	ret = core_run(which, shape, atoi(argv[3]), atoi(argv[4]));
	if (ret)
		fprintf(stderr, "bench-core: %s\n", strerror(-ret));
	return ret ? 1 : 0;
}
