/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (2) The vIOMMU's translations that the owner has told us. See iotlb.c.
 */
#ifndef RH_IOTLB_H
#define RH_IOTLB_H

#include "memory.h"

/* Most entries of one table; as many as vhost has. */
#define RH_IOTLB_MAX 2048

struct rh_memory *rh_iotlb_alloc(void);
int rh_iotlb_update(struct rh_memory *to, const struct rh_memory *from,
		    const struct rh_region *entry, unsigned int *hand);
void rh_iotlb_invalidate(struct rh_memory *to, const struct rh_memory *from, u64 start, u64 last,
			 unsigned int *hand);

#endif /* RH_IOTLB_H */
