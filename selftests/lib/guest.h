/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's memory as the userspace driver plays it. See guest.c. */
#ifndef SELFTESTS_GUEST_H
#define SELFTESTS_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/vhost.h>

#define GUEST_MIB		(1ull << 20)
/* Buffers and rings: what guest_alloc() gives away. */
#define GUEST_MAIN_START	(1 * GUEST_MIB)
#define GUEST_MAIN_SIZE		(32 * GUEST_MIB)
/* Guest-physically right behind the main region, but elsewhere in the process. */
#define GUEST_NEXT_START	(GUEST_MAIN_START + GUEST_MAIN_SIZE)
#define GUEST_NEXT_SIZE		(1 * GUEST_MIB)
/* Nothing here. */
#define GUEST_HOLE_START	(GUEST_NEXT_START + GUEST_NEXT_SIZE)
#define GUEST_HOLE_SIZE		(1 * GUEST_MIB)
/* Behind the hole. */
#define GUEST_FAR_START		(GUEST_HOLE_START + GUEST_HOLE_SIZE)
#define GUEST_FAR_SIZE		(1 * GUEST_MIB)
#define GUEST_REGIONS		3

/**
 * struct guest_region - a range of guest memory
 * @start: guest-physical address
 * @size: in bytes
 * @user: where it is mapped in this process
 */
struct guest_region {
	uint64_t start;
	uint64_t size;
	unsigned char *user;
};

/**
 * struct guest - guest memory: main and next are adjacent, then a hole, then far
 * @regions: in that order
 * @allocated: bytes of the main region given away
 */
struct guest {
	struct guest_region regions[GUEST_REGIONS];
	size_t allocated;
};

void guest_init(struct guest *guest);
void guest_exit(struct guest *guest);
void guest_forbid_pinning(void);
void guest_arm_guards(const struct guest *guest);
bool guest_guards_are_intact(const struct guest *guest);
int guest_set_mem_table(const struct guest *guest, int fd);
void *guest_alloc(struct guest *guest, size_t size, size_t alignment);
uint64_t guest_address(const struct guest *guest, const void *pointer);
void *guest_pointer(const struct guest *guest, uint64_t address);

#endif /* SELFTESTS_GUEST_H */
