/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What fuzz_ring.c shares with the guest it plays, fuzz_guest.c: the input, taken byte by
 * byte, and the memory both sides see.
 */
#ifndef UNIT_FUZZ_H
#define UNIT_FUZZ_H

#include <stdio.h>

#include "unit.h"
#include "../../../kernel/core/ring.h"

/* Two adjacent regions: the largest indirect table lies in both. */
#define FUZZ_BASE 0x10000
#define FUZZ_REGION 0x2000
#define FUZZ_MEMORY (2 * FUZZ_REGION)

/* Not the harness: one failed check ends the process, and libFuzzer keeps the input. */
#define CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
		abort(); \
	} } while (0)

/**
 * struct input - what the fuzzer gave, and how far it is used up
 * @at: next byte
 * @end: behind the last one
 */
struct input {
	const u8 *at;
	const u8 *end;
};

/* All of these: zeros where the input has ended. */

static inline u8 take8(struct input *input)
{
	return input->at < input->end ? *input->at++ : 0;
}

static inline u16 take16(struct input *input)
{
	u16 low = take8(input);

	return low | take8(input) << 8;
}

static inline u32 take32(struct input *input)
{
	u32 low = take16(input);

	return low | (u32)take16(input) << 16;
}

/**
 * struct fuzz_area - a part of the ring
 * @start: its memory, a heap block of exactly its size
 * @size: in bytes
 * @gone: the owner has unmapped it
 * @readonly: only the driver writes it
 */
struct fuzz_area {
	u8 *start;
	size_t size;
	bool gone;
	bool readonly;
};

/**
 * struct guest - a driver that knows the rules, and what is worth breaking
 * @input: decides
 * @ring: the device's side: size and format
 * @area: descriptor, driver and device area
 * @memory: its two regions
 * @table: the device's memory table
 * @regions: in the table at most; fewer are there while the vIOMMU's owner lags behind
 * @next: packed: position of the next descriptor
 */
struct guest {
	struct input *input;
	const struct rh_ring *ring;
	struct fuzz_area area[3];
	u8 *memory[2];
	struct rh_memory *table;
	unsigned int regions;
	u16 next;
};

void guest_init(struct guest *guest, struct rh_ring *ring, struct input *input);
void guest_exit(struct guest *guest);
void guest_act(struct guest *guest);
void guest_unmap(struct guest *guest, unsigned int area);
void guest_remap(struct guest *guest);
void guest_set_iommu(struct guest *guest, u8 how);
bool guest_allows(const struct guest *guest, const struct iovec *iov, u32 access);
bool guest_lacks(const struct guest *guest, const struct rh_miss *miss);

#endif /* UNIT_FUZZ_H */
