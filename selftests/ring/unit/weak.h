/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Marked accesses and barriers of two threads, for ThreadSanitizer: see weak.c. Without
 * UNIT_WEAK the shim's are the processor's own, and there is nothing to set up.
 */
#ifndef UNIT_WEAK_H
#define UNIT_WEAK_H

#include <stdint.h>

#ifdef UNIT_WEAK
void weak_thread(unsigned int thread);
void weak_sleep(void);
uint16_t weak_read(const volatile void *address);
void weak_write(volatile void *address, uint16_t value);
void weak_rmb(void);
void weak_wmb(void);
#else
static inline void weak_thread(unsigned int thread)
{
	(void)thread;
}

static inline void weak_sleep(void)
{
}
#endif

#endif /* UNIT_WEAK_H */
