// SPDX-License-Identifier: GPL-2.0-only
/*
 * READ_ONCE(), WRITE_ONCE() and the barriers as ThreadSanitizer can judge them. It knows
 * nothing of fences; so this file, which is not instrumented, tells it what each barrier
 * orders, and no more:
 *
 *	- a write barrier marks what the thread has done so far; a marked write carries the
 *	  newest mark; who has read it and then passes a read barrier comes after that mark;
 *	- a marked write without a barrier orders nothing: what was written plainly before it
 *	  and is read plainly by the other thread is reported as a race;
 *	- a marked write may stay in a store buffer of one entry until the thread's next
 *	  marked write or barrier, or until it sleeps, and a marked read meanwhile may take
 *	  its time: a full barrier that is missing between a write and a read of something
 *	  else shows as a lost wake-up.
 *
 * Two threads, marked words of 16 bits. Entry points: the shim's macros.
 */
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include <sanitizer/tsan_interface.h>

#include "weak.h"

/* Words that can be told apart, well above the largest ring's entries. */
#define WORDS 4096
/* Marks told apart; an older one is taken for the newer one in its place. */
#define MARKS 1024

/**
 * struct stamp - who wrote a word last
 * @word: its address; NULL: a free entry
 * @thread: who
 * @mark: that thread's newest mark then; 0: none
 */
struct stamp {
	const volatile uint16_t *word;
	unsigned int thread;
	unsigned int mark;
};

static struct stamp stamps[WORDS];
static char marks[2][MARKS];
static char locked;

/**
 * struct weak - one thread
 * @thread: 0 or 1
 * @mark: marks made so far
 * @seen: the other's newest mark that a word read so far carried
 * @buffered: the marked write in the store buffer; NULL: none
 * @value: what it writes
 * @carries: its mark
 * @random: decides how long writes are buffered
 */
static __thread struct weak {
	unsigned int thread;
	unsigned int mark;
	unsigned int seen;
	volatile uint16_t *buffered;
	uint16_t value;
	unsigned int carries;
	unsigned int random;
} self;

static void lock(void)
{
	while (__atomic_test_and_set(&locked, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(void)
{
	__atomic_clear(&locked, __ATOMIC_RELEASE);
}

/* Under the lock. Entries are never given back: a test has one ring. */
static struct stamp *stamp_of(const volatile uint16_t *word)
{
	struct stamp *stamp;

	for (unsigned int i = 0; i < WORDS; i++) {
		stamp = &stamps[((uintptr_t)word / sizeof(*word) + i) % WORDS];
		if (!stamp->word)
			stamp->word = word;
		if (stamp->word == word)
			return stamp;
	}
	abort();
}

static void drain(void)
{
	volatile uint16_t *word = self.buffered;

	if (!word)
		return;
	lock();
	*word = self.value;
	*stamp_of(word) = (struct stamp){ word, self.thread, self.carries };
	unlock();
	self.buffered = NULL;
}

static unsigned int draw(void)
{
	self.random = self.random * 1103515245 + 12345;
	return self.random >> 16;
}

/**
 * weak_thread() - the calling thread takes part
 * @thread: 0 or 1
 */
void weak_thread(unsigned int thread)
{
	self = (struct weak){ .thread = thread, .random = thread + 1 };
}

/**
 * weak_sleep() - the calling thread is about to sleep: no store buffer lasts for ever
 */
void weak_sleep(void)
{
	drain();
}

/**
 * weak_read() - READ_ONCE()
 * @address: of a word
 *
 * Return: its value; the thread's own buffered write is seen.
 */
uint16_t weak_read(const volatile void *address)
{
	const volatile uint16_t *word = address;
	const struct stamp *stamp;
	uint16_t value;

	if (self.buffered == word)
		drain();
	lock();
	value = *word;
	stamp = stamp_of(word);
	if (stamp->thread != self.thread && stamp->mark > self.seen)
		self.seen = stamp->mark;
	unlock();
	if (self.buffered && draw() % 16 == 0)
		usleep(50);
	return value;
}

/**
 * weak_write() - WRITE_ONCE()
 * @address: of a word
 * @value: to write
 */
void weak_write(volatile void *address, uint16_t value)
{
	drain();
	self.buffered = address;
	self.value = value;
	self.carries = self.mark;
	if (draw() % 2)
		drain();
}

/**
 * weak_rmb() - smp_rmb(): what follows comes after all marks seen
 */
void weak_rmb(void)
{
	if (self.seen)
		__tsan_acquire(&marks[!self.thread][self.seen % MARKS]);
}

/**
 * weak_wmb() - smp_wmb(): a mark behind all that was done
 */
void weak_wmb(void)
{
	drain();
	__tsan_release(&marks[self.thread][++self.mark % MARKS]);
}
