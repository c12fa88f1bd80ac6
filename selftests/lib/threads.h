/* SPDX-License-Identifier: GPL-2.0-only */
/* The device's worker threads, found by their names, and the test's. See threads.c. */
#ifndef SELFTESTS_THREADS_H
#define SELFTESTS_THREADS_H

#include <stdbool.h>
#include <sys/types.h>

unsigned int threads_count(const char *prefix);
bool threads_are_gone(const char *prefix);
pid_t threads_find(const char *prefix);
unsigned long long threads_time(pid_t thread);
unsigned long long threads_own_time(unsigned int *count);
void threads_share_a_processor(void);

#endif /* SELFTESTS_THREADS_H */
