// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds the device's worker threads in /proc, whether they are threads of the kernel or of
 * the process that owns the device; and says where threads of the test's run. Runs in the
 * test. Entry points: all of it.
 */
#ifdef __x86_64__
#include <cpuid.h>
#endif
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "threads.h"

/* What is seen of each thread; returns false to end. */
typedef bool visit(void *context, pid_t thread, const char *name);

static bool visit_thread(const char *process, const char *thread, visit *see, void *context)
{
	char path[600], name[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/comm", process, thread);
	file = fopen(path, "r");
	if (!file)
		return true;
	if (fgets(name, sizeof(name), file))
		name[strcspn(name, "\n")] = 0;
	fclose(file);
	return see(context, atoi(thread), name);
}

static bool visit_process(const char *process, visit *see, void *context)
{
	char path[300];
	struct dirent *entry;
	bool more = true;
	DIR *threads;

	snprintf(path, sizeof(path), "/proc/%s/task", process);
	threads = opendir(path);
	if (!threads)
		return true;
	while (more && (entry = readdir(threads)))
		more = entry->d_name[0] == '.' || visit_thread(process, entry->d_name, see, context);
	closedir(threads);
	return more;
}

static void visit_all(visit *see, void *context)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	bool more = true;

	ASSERT_NE(NULL, processes);
	while (more && (entry = readdir(processes)))
		if (atoi(entry->d_name))
			more = visit_process(entry->d_name, see, context);
	closedir(processes);
}

struct search {
	const char *prefix;
	unsigned int count;
	pid_t found;
	unsigned long long time;
};

static bool count_one(void *context, pid_t thread, const char *name)
{
	struct search *search = context;

	if (strncmp(name, search->prefix, strlen(search->prefix)))
		return true;
	search->count++;
	search->found = thread;
	return true;
}

/**
 * threads_count() - how many threads have a name
 * @prefix: how it begins
 *
 * Return: their number.
 */
unsigned int threads_count(const char *prefix)
{
	struct search search = { .prefix = prefix };

	visit_all(count_one, &search);
	return search.count;
}

/**
 * threads_are_gone() - wait until no thread has a name
 * @prefix: how it begins
 *
 * A thread that has ended is seen until it is reaped, which nobody waits for.
 *
 * Return: whether that came true in time.
 */
bool threads_are_gone(const char *prefix)
{
	for (unsigned int i = 0; i < 100; i++) {
		if (!threads_count(prefix))
			return true;
		usleep(20000);
	}
	return false;
}

/**
 * threads_find() - the one thread with a name
 * @prefix: how it begins
 *
 * Return: its id; 0 if there is none, or more than one.
 */
pid_t threads_find(const char *prefix)
{
	struct search search = { .prefix = prefix };

	visit_all(count_one, &search);
	return search.count == 1 ? search.found : 0;
}

/**
 * threads_time() - processor time of a thread
 * @thread: its id
 *
 * Return: nanoseconds: the first word of its schedstat.
 */
unsigned long long threads_time(pid_t thread)
{
	unsigned long long time = 0;
	char path[100];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", thread);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	ASSERT_EQ(1, fscanf(file, "%llu", &time));
	fclose(file);
	return time;
}

static bool add_time(void *context, pid_t thread, const char *name)
{
	struct search *search = context;

	if (!strncmp(name, "rh-", 3) && strstr(name, search->prefix)) {
		search->count++;
		search->time += threads_time(thread);
	}
	return true;
}

/**
 * threads_own_time() - processor time of the workers of this process's devices
 * @count: receives their number
 *
 * Return: the sum, in nanoseconds.
 */
unsigned long long threads_own_time(unsigned int *count)
{
	char mark[32];
	struct search search = { .prefix = mark };

	snprintf(mark, sizeof(mark), "-%d/", getpid());
	visit_all(add_time, &search);
	*count = search.count;
	return search.time;
}

static bool is_emulated(void)
{
#ifdef __x86_64__
	unsigned int leaf, words[3];

	__cpuid(0x40000000, leaf, words[0], words[1], words[2]);
	return !memcmp(words, "TCGTCGTCGTCG", sizeof(words));
#else
	return false;
#endif
}

/**
 * threads_share_a_processor() - where processors are emulated, have all threads to come run on one
 *
 * For a test in which the kernel patches code while another thread runs it. Of two processors
 * that QEMU emulates, one now and then runs what stood there before, and the host dies of it.
 */
void threads_share_a_processor(void)
{
	cpu_set_t one;

	if (!is_emulated())
		return;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
}
