/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An oracle for the dirty log: compares the guest's memory before and after, and asks for
 * the bit of each page that changed. Pages that the driver alone writes, which are those of
 * avail rings, of a split ring's descriptors and of a packed one's driver events, are left out.
 */
#ifndef RING_LOGGED_H
#define RING_LOGGED_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "harness.h"
#include "rig.h"

#define LOGGED_PAGE 4096ull
#define LOGGED_END (GUEST_FAR_START + GUEST_FAR_SIZE)
#define LOGGED_PAGES (LOGGED_END / LOGGED_PAGE)
#define LOGGED_BITS (8 * sizeof(unsigned long))
#define LOGGED_WORDS (LOGGED_PAGES / LOGGED_BITS + 1)
#define LOGGED_BYTES 8192
#define LOGGED_FEATURE DRIVER_BIT(VHOST_F_LOG_ALL)

/**
 * struct logged - a log and what it is held against
 * @driver: whose memory
 * @words: the log itself, shared with the device
 * @taken: bits taken out of it so far
 * @before: main memory, as far as given away, at the last logged_begin()
 * @bytes: of @before
 */
struct logged {
	struct driver *driver;
	unsigned long *words;
	unsigned long taken[LOGGED_WORDS];
	unsigned char *before;
	size_t bytes;
};

static inline unsigned long *logged_map(void)
{
	unsigned long *words = mmap(NULL, LOGGED_BYTES, PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, words);
	return words;
}

static inline void logged_init(struct logged *logged, struct driver *driver)
{
	memset(logged, 0, sizeof(*logged));
	logged->driver = driver;
	logged->words = logged_map();
	logged->before = malloc(GUEST_MAIN_SIZE);
	ASSERT_NE(NULL, logged->before);
}

static inline void logged_exit(struct logged *logged)
{
	munmap(logged->words, LOGGED_BYTES);
	free(logged->before);
}

/* Take the bits out, as QEMU and DPDK do. */
static inline void logged_take(struct logged *logged)
{
	for (unsigned int i = 0; i < LOGGED_WORDS; i++)
		logged->taken[i] |= __atomic_exchange_n(&logged->words[i], 0, __ATOMIC_SEQ_CST);
}

static inline void logged_forget(struct logged *logged)
{
	logged_take(logged);
	memset(logged->taken, 0, sizeof(logged->taken));
}

/* Nothing is logged, and what is in memory now is what it was before. */
static inline void logged_begin(struct logged *logged)
{
	logged_forget(logged);
	logged->bytes = logged->driver->guest.allocated;
	memcpy(logged->before, logged->driver->guest.regions[0].user, logged->bytes);
}

static inline bool logged_has(const struct logged *logged, uint64_t address)
{
	uint64_t page = address / LOGGED_PAGE;

	return logged->taken[page / LOGGED_BITS] >> page % LOGGED_BITS & 1;
}

/* Pages logged so far. */
static inline unsigned int logged_count(const struct logged *logged)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < LOGGED_WORDS; i++)
		count += __builtin_popcountl(logged->taken[i]);
	return count;
}

static inline bool logged_is_drivers(const struct logged *logged, const void *page)
{
	for (unsigned int i = 0; i < logged->driver->queue_count; i++) {
		const struct driver_queue *queue = &logged->driver->queues[i];

		const void *first = driver_is_packed(queue) ? (void *)queue->avail :
							      (void *)queue->desc;

		if (page >= first && page < (void *)queue->used)
			return true;
	}
	return false;
}

/* Pages that differ from @now, a copy of the memory as @before is, and were not logged. */
static inline unsigned int logged_missed_of(const struct logged *logged, const unsigned char *now)
{
	const unsigned char *user = logged->driver->guest.regions[0].user;
	unsigned int missed = 0;

	for (size_t at = 0; at < logged->bytes; at += LOGGED_PAGE) {
		size_t bytes = logged->bytes - at < LOGGED_PAGE ? logged->bytes - at : LOGGED_PAGE;

		if (logged_is_drivers(logged, user + at) ||
		    !memcmp(logged->before + at, now + at, bytes) ||
		    logged_has(logged, GUEST_MAIN_START + at))
			continue;
		if (!missed++)
			TEST_LOG("not logged: the page at offset %zx, and maybe more", at);
	}
	return missed;
}

/* Bits that stand for no guest memory; @except: guest address that is not meant. */
static inline unsigned int logged_stray(const struct logged *logged, uint64_t except)
{
	unsigned int stray = 0;

	for (uint64_t page = 0; page < LOGGED_WORDS * LOGGED_BITS; page++)
		if (logged_has(logged, page * LOGGED_PAGE) && page != except / LOGGED_PAGE &&
		    !guest_pointer(&logged->driver->guest, page * LOGGED_PAGE))
			stray++;
	return stray;
}

/* Pages that changed since logged_begin() without a bit. */
static inline unsigned int logged_missed(struct logged *logged)
{
	logged_take(logged);
	return logged_missed_of(logged, logged->driver->guest.regions[0].user);
}

#endif /* RING_LOGGED_H */
