/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring with its guest, for the unit tests of ring.c: two adjacent regions of
 * guest memory, a hole behind them, and a split ring in memory of its own. See
 * world.c.
 */
#ifndef UNIT_WORLD_H
#define UNIT_WORLD_H

#include "unit.h"
#include "../../../kernel/core/ring.h"
#include "../../../uapi/ringhost.h"

#define WORLD_REGION 0x10000
#define WORLD_FIRST 0x100000
#define WORLD_SECOND (WORLD_FIRST + WORLD_REGION)
#define WORLD_HOLE (WORLD_SECOND + WORLD_REGION)
#define WORLD_NUM 256

/**
 * struct world - what one test plays with
 * @ring: the code under test
 * @memory: table of the two regions
 * @chain: what the last pop() gave
 * @marks: where the ring stood before each of the last pops
 * @pops: how many there were
 * @first: the process's address of WORLD_FIRST
 * @second: that of WORLD_SECOND
 * @desc: the ring's descriptor table
 * @avail: the driver's ring
 * @used: the device's ring
 */
struct world {
	struct rh_ring ring;
	struct rh_memory *memory;
	struct rh_chain chain;
	struct rh_position marks[WORLD_NUM];
	unsigned int pops;
	unsigned char *first;
	unsigned char *second;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

void world_init(struct world *world, unsigned int num);
void world_exit(struct world *world);
void world_desc(struct world *world, unsigned int index, u64 address, u32 length, u16 flags,
		u16 next);
void world_offer(struct world *world, u16 head);
void world_unpop(struct world *world, unsigned int chains);
void world_seek(struct world *world, u16 position);
int world_pop(struct world *world);
struct vring_desc *world_table(struct world *world);
const char *world_reject(const struct world *world);

#endif /* UNIT_WORLD_H */
