// SPDX-License-Identifier: GPL-2.0-only
/*
 * Systematic faults: fail-nth, where the kernel was built with fault injection. Not on the
 * data path; runs in the test. Entry points: FAULT_OR_SKIP(), EACH_FAULT().
 *
 *	first run, without a fault --> armed with 1 --> armed with 2 --> ... --> armed with n,
 *	                                  |   ^                                  but met no fault
 *	                       it failed  v   |
 *	                              again, without a fault
 *
 * Only what is called by a module fails: the filter of fail-nth looks for an address of
 * theirs on the stack. So nothing of the way to a call is counted that is none of ours, such
 * as the look-up of a path, nor what the test itself asks for meanwhile. Allocations of the
 * kernel's checkers on behalf of ours do count; they do without.
 *
 * Pressure is something else: of all that our modules ask for, whoever calls them, a share
 * fails, user copies apart. It ends by itself after a number of faults, should the test not
 * live to end it. All else that is set in debugfs stays set: it changes nothing for a thread
 * that is not armed.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault.h"

#define DEBUGFS "/sys/kernel/debug"
/* Modules lie in the last gigabyte, the kernel itself at most in its first half. */
#define MODULES_ALIGN 0x20000000ul
#define MODULES_END 0xffffffffff000000ul
/* Far more than any call has. */
#define NTH_MAX 2000
/* So many complaints show what is wrong. */
#define BAD_MAX 5

/* Those of memory come first. */
#define ATTRIBUTES 3
#define ATTRIBUTES_OF_MEMORY 2
static const char *const attributes[ATTRIBUTES] = {
	"failslab", "fail_page_alloc", "fail_usercopy",
};

/* The fail-nth of the thread that meets the faults; -1 until it is known. */
static int nth_fd = -1;
/* What nth grows by. */
static unsigned int stride = 1;

static bool set(const char *attribute, const char *knob, const char *format, unsigned long value)
{
	char path[200], text[32];
	bool done;
	int fd;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", attribute, knob);
	snprintf(text, sizeof(text), format, value);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

static unsigned long get(const char *attribute, const char *knob)
{
	char path[200];
	unsigned long value;
	FILE *file;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", attribute, knob);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	ASSERT_EQ(1, fscanf(file, "%lu", &value));
	fclose(file);
	return value;
}

/* Where the modules lie whose names begin with @prefix; 0 if there are none. */
static unsigned long find_modules(const char *prefix, unsigned long *end)
{
	unsigned long start = 0, address, size;
	FILE *modules = fopen("/proc/modules", "r");
	char line[512], name[64];

	while (modules && fgets(line, sizeof(line), modules)) {
		if (sscanf(line, "%63s %lu %*s %*s %*s %lx", name, &size, &address) != 3 ||
		    strncmp(name, prefix, strlen(prefix)) || !address)
			continue;
		if (!start || address < start)
			start = address;
		if (address + size > *end)
			*end = address + size;
	}
	if (modules)
		fclose(modules);
	return start;
}

/* Only what has an address in this range on its stack is to fail. */
static bool set_range(unsigned long start, unsigned long end)
{
	for (unsigned int i = 0; i < ATTRIBUTES; i++)
		if (!set(attributes[i], "require-start", "%#lx", start) ||
		    !set(attributes[i], "require-end", "%#lx", end))
			return false;
	return true;
}

/* Only what has none in this one; 0 and 0: all. */
static bool set_spared(unsigned long start, unsigned long end)
{
	for (unsigned int i = 0; i < ATTRIBUTES; i++)
		if (!set(attributes[i], "reject-start", "%#lx", start) ||
		    !set(attributes[i], "reject-end", "%#lx", end))
			return false;
	return true;
}

/* Where a function of the kernel's lies; 0 if there is none. */
static unsigned long find_function(const char *function, unsigned long *end)
{
	FILE *symbols = fopen("/proc/kallsyms", "r");
	unsigned long start = 0, address;
	char line[512], name[256];

	*end = 0;
	while (symbols && !*end && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%lx %*c %255s", &address, name) != 2)
			continue;
		if (start && address > start)
			*end = address;
		else if (!strcmp(name, function))
			start = address;
	}
	if (symbols)
		fclose(symbols);
	return start;
}

/* That of all modules, also of those yet to be loaded. */
static bool set_widest_range(void)
{
	unsigned long end = 0, start = find_modules("", &end);

	return start && set_range(start & ~(MODULES_ALIGN - 1), MODULES_END);
}

static bool set_knobs(void)
{
	const char *verbose = getenv("FAULT_VERBOSE");

	for (unsigned int i = 0; i < ATTRIBUTES; i++)
		if (!set(attributes[i], "probability", "%lu", 0) ||
		    !set(attributes[i], "task-filter", "%lu", 0) ||
		    !set(attributes[i], "verbose", "%lu", verbose ? atoi(verbose) : 0))
			return false;
	return set_spared(0, 0) && set("failslab", "ignore-gfp-wait", "%lu", 0) &&
	       set("fail_page_alloc", "ignore-gfp-wait", "%lu", 0) &&
	       set("fail_page_alloc", "ignore-gfp-highmem", "%lu", 0) &&
	       set("fail_page_alloc", "min-order", "%lu", 0);
}

static int open_nth(pid_t thread)
{
	char path[100];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/fail-nth", thread, thread);
	return open(path, O_RDWR | O_CLOEXEC);
}

/**
 * fault_missing() - make faults possible, if that can be
 *
 * They are the caller's own, until fault_in_thread() says otherwise.
 *
 * Return: NULL, or why it cannot be.
 */
const char *fault_missing(void)
{
	if (access("/proc/thread-self/fail-nth", W_OK))
		return "the kernel has no fault injection";
	if (!set_knobs())
		return "fault injection cannot be set up in " DEBUGFS;
	if (!set_widest_range())
		return "no module is loaded, or their addresses are hidden";
	fault_in_thread(syscall(SYS_gettid));
	return NULL;
}

/**
 * fault_in_thread() - have another thread meet the faults
 * @thread: its id
 *
 * EACH_FAULT() is then about a call that has this thread do something, and waits for it.
 */
void fault_in_thread(pid_t thread)
{
	if (nth_fd >= 0)
		close(nth_fd);
	nth_fd = open_nth(thread);
	ASSERT_LE(0, nth_fd);
}

/**
 * fault_spare() - have nothing fail on behalf of one function of the kernel's
 * @function: its name; NULL: have it fail again
 *
 * For a call that has the kernel do much at one place: all else of it can so be met in full.
 */
void fault_spare(const char *function)
{
	unsigned long start = 0, end = 0;

	if (function) {
		start = find_function(function, &end);
		ASSERT_NE(0, start);
	}
	ASSERT_TRUE(set_spared(start, end));
}

/**
 * fault_leave_out() - meet only some of the faults: the first, and then one in so many
 * @one_in: that number; 1: meet all
 */
void fault_leave_out(unsigned int one_in)
{
	stride = one_in;
}

static void write_nth(unsigned int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth);

	ASSERT_EQ(length, write(nth_fd, text, length));
}

static unsigned int read_nth(void)
{
	char text[16] = "";

	ASSERT_LT(0, pread(nth_fd, text, sizeof(text) - 1, 0));
	return atoi(text);
}

__attribute__((format(printf, 2, 3)))
static void complain(struct fault *fault, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	TEST_LOG("%s: fault %u: %s", fault->call, fault->nth, text);
	fault->bad++;
	harness_fail(false);
}

static bool is_documented(const struct fault *fault)
{
	for (const int *error = fault->errors; *error; error++)
		if (fault->result == -*error)
			return true;
	return false;
}

static void check_unarmed(struct fault *fault)
{
	if (fault->result < 0)
		complain(fault, "%s it fails with %s",
			 fault->run == FAULT_RUN_FIRST ? "before the first" : "after it",
			 strerror(-fault->result));
}

static void check_armed(struct fault *fault)
{
	if (fault->result >= 0) {
		fault->absorbed++;
	} else {
		fault->failed++;
		if (!is_documented(fault))
			complain(fault, "undocumented %s", strerror(-fault->result));
	}
	if (!usage_returns_to(&fault->before))
		complain(fault, "something is left, the call %s",
			 fault->result < 0 ? strerror(-fault->result) : "succeeded");
}

/* The end: a run has met no fault, or there were complaints enough. */
static bool conclude(struct fault *fault)
{
	if (!fault->bad && fault->result < 0)
		complain(fault, "without being met, %s", strerror(-fault->result));
	if (fault->nth == 1)
		complain(fault, "there is nothing that can fail");
	TEST_LOG("%s: %u faults, %u failures", fault->call, fault->failed + fault->absorbed,
		 fault->failed);
	return false;
}

static bool choose(struct fault *fault, enum fault_run run)
{
	if (run == FAULT_RUN_ARMED)
		fault->nth += fault->nth ? stride : 1;
	fault->run = run;
	fault->runs++;
	return true;
}

/**
 * fault_next() - judge the last run, and choose the next
 * @fault: only its call and its errnos are set, before the first
 *
 * Return: whether there is a next one.
 */
bool fault_next(struct fault *fault)
{
	if (!fault->runs)
		return choose(fault, FAULT_RUN_FIRST);
	if (fault->run == FAULT_RUN_ARMED) {
		if (!fault->injected || fault->nth >= NTH_MAX)
			return conclude(fault);
		check_armed(fault);
		if (fault->result < 0)
			return choose(fault, FAULT_RUN_AGAIN);
	} else {
		check_unarmed(fault);
		if (fault->run == FAULT_RUN_FIRST)
			usage_measure(&fault->before);
	}
	return fault->bad < BAD_MAX ? choose(fault, FAULT_RUN_ARMED) : conclude(fault);
}

/**
 * fault_arm() - before the call
 * @fault: as fault_next() left it
 */
void fault_arm(struct fault *fault)
{
	if (fault->run == FAULT_RUN_ARMED)
		write_nth(fault->nth);
}

/**
 * fault_disarm() - after the call
 * @fault: as fault_next() left it
 * @result: of the call
 */
void fault_disarm(struct fault *fault, long result)
{
	fault->result = result;
	if (fault->run != FAULT_RUN_ARMED)
		return;
	fault->injected = !read_nth();
	write_nth(0);
}

/**
 * fault_pressure() - have a share of all allocations of our modules fail from now on
 * @percent: the share
 * @times: after so many of either kind, from slabs or of pages, no more fail
 */
void fault_pressure(unsigned int percent, unsigned int times)
{
	unsigned long end = 0, start = find_modules("ringhost", &end);

	ASSERT_NE(0, start);
	ASSERT_TRUE(set_range(start, end));
	for (unsigned int i = 0; i < ATTRIBUTES_OF_MEMORY; i++) {
		ASSERT_TRUE(set(attributes[i], "times", "%lu", times));
		ASSERT_TRUE(set(attributes[i], "probability", "%lu", percent));
	}
}

/**
 * fault_pressure_end() - have nothing fail any more
 * @times: as it was said to fault_pressure()
 *
 * Return: how many allocations have failed.
 */
unsigned int fault_pressure_end(unsigned int times)
{
	unsigned int failed = 0;

	for (unsigned int i = 0; i < ATTRIBUTES_OF_MEMORY; i++) {
		ASSERT_TRUE(set(attributes[i], "probability", "%lu", 0));
		failed += times - get(attributes[i], "times");
	}
	ASSERT_TRUE(set_widest_range());
	TEST_LOG("%u allocations failed", failed);
	return failed;
}
