/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A driver for either ring format that is right by construction and random in what it
 * does: what test_ring_model.c and test_ring_threads.c hold the device's ring against. See
 * model.c.
 */
#ifndef UNIT_MODEL_H
#define UNIT_MODEL_H

#include "unit.h"
#include "../../../kernel/core/ring.h"

#define MODEL_NUM_MAX 256
#define MODEL_BUFFERS 4		/* most buffers of a chain */
#define MODEL_LENGTH 128		/* longest buffer */
#define MODEL_MEMORY 0x40000
#define MODEL_BASE 0x40000000	/* guest-physical start of the memory */

/**
 * struct model_chain - a chain as the driver offered it
 * @held: the device has it
 * @slots: ring entries it takes
 * @count: its buffers
 * @out_count: those the device reads, the first ones
 * @offset: of each buffer in the memory
 * @length: of each buffer
 * @serial: of all chains ever offered
 */
struct model_chain {
	bool held;
	unsigned int slots;
	unsigned int count;
	unsigned int out_count;
	u32 offset[MODEL_BUFFERS];
	u32 length[MODEL_BUFFERS];
	unsigned long serial;
};

/**
 * struct model - the driver's side, and the memory it shares with the device
 * @packed: format
 * @event_idx: how it asks for calls
 * @indirect: it uses indirect tables at times
 * @num: ring entries
 * @start: position to start at, as VHOST_SET_VRING_BASE has it
 * @memory: the guest's, with the indirect tables in it
 * @desc: descriptor area
 * @driver: driver area
 * @device: device area
 * @chains: by name: index of the first descriptor, or buffer ID
 * @free: entries of the ring not in use
 * @split_free: split: descriptors not in use
 * @avail: position of the next chain
 * @used: position of the next used entry
 * @unkicked: ring entries offered since the last decision about a kick
 * @offered: chains offered so far
 */
struct model {
	bool packed;
	bool event_idx;
	bool indirect;
	unsigned int num;
	u16 start;
	unsigned char *memory;
	void *desc;
	void *driver;
	void *device;
	struct model_chain chains[MODEL_NUM_MAX];
	unsigned int free;
	u16 split_free[MODEL_NUM_MAX];
	u16 avail;
	u16 used;
	unsigned int unkicked;
	unsigned long offered;
};

void model_init(struct model *model, struct rh_ring *ring);
void model_exit(struct model *model);
bool model_offer(struct model *model, unsigned int (*random)(void));
bool model_wants_to_kick(struct model *model);
void model_ask_for_call(struct model *model, unsigned int ahead);
bool model_offered(const struct model *model, const struct rh_chain *chain);
int model_reap(struct model *model, unsigned int *head, u32 *written);

#endif /* UNIT_MODEL_H */
