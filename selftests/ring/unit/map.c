// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mapping of a ring's areas, as the unit tests play it: the mapping of a range of
 * "user memory" is that memory itself. The kernel's is area.c.
 */
#include "shim.h"
#include "../../../kernel/core/area.h"

int rh_area_map(struct rh_area *area, struct mm_struct *mm, size_t bytes)
{
	(void)mm;
	(void)bytes;
	area->map = area->user;
	return 0;
}

/* Only what is in one piece can be its own mapping. */
int rh_area_map_ranges(struct rh_area *area, struct mm_struct *mm, const struct iovec *ranges,
		       unsigned int count)
{
	(void)mm;
	if (count != 1)
		return -EINVAL;
	area->map = ranges->iov_base;
	return 0;
}

void rh_area_unmap(struct rh_area *area, struct mm_struct *mm)
{
	(void)mm;
	area->map = NULL;
}
