/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A ring with its guest, for the unit tests of ring.c: two adjacent regions of
 * guest memory, a hole behind them, and a ring in memory of its own. See world.c for the
 * split format, world_packed.c for the packed one.
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
 * @desc: split: the ring's descriptor table
 * @avail: split: the driver's ring
 * @used: split: the device's ring
 * @packed: packed: the ring
 * @driver_event: packed: the driver's wish
 * @device_event: packed: the device's wish
 * @next: packed: position of the driver's next descriptor
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
	struct vring_packed_desc *packed;
	struct vring_packed_desc_event *driver_event;
	struct vring_packed_desc_event *device_event;
	u16 next;
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
void *world_lend(size_t size);
void world_make_memory(struct world *world);

/* ---- world_packed.c ---- */

void world_init_packed(struct world *world, unsigned int num);
unsigned int world_offer_packed(struct world *world, u64 address, u32 length, u16 flags, u16 id);
bool world_used_packed(const struct world *world, u16 position);

#endif /* UNIT_WORLD_H */
