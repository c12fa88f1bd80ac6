// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a leak in the host would show in. Not on the data path; runs in the test. Entry
 * points: usage_measure(), usage_returns_to(), usage_sum_of().
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "usage.h"
#include "vhost.h"

/* What ends by itself, such as a thread that is told to, has this many hundredths. */
#define PATIENCE 1000

/**
 * usage_sum_of() - add up what a file of the kernel's says
 * @path: the file
 * @key: what its lines of interest begin with; a number follows
 *
 * Return: the sum of the numbers; 0 if there is none.
 */
long usage_sum_of(const char *path, const char *key)
{
	char line[512];
	long value, sum = 0;
	FILE *file = fopen(path, "r");

	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)) &&
		    sscanf(line + strlen(key), "%ld", &value) == 1)
			sum += value;
	fclose(file);
	return sum;
}

static long entries_of(const char *path)
{
	DIR *folder = opendir(path);
	long count = 0;

	ASSERT_NE(NULL, folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

/* The kernel counts pages for each processor apart; have it add them up. */
static void refresh_vmstat(void)
{
	FILE *file = fopen("/proc/sys/vm/stat_refresh", "w");

	ASSERT_NE(NULL, file);
	fputs("1", file);
	fclose(file);
}

/**
 * usage_measure() - measure it
 * @usage: filled in
 */
void usage_measure(struct usage *usage)
{
	refresh_vmstat();
	usage->pins = usage_sum_of("/proc/vmstat", "nr_foll_pin_acquired ") -
		      usage_sum_of("/proc/vmstat", "nr_foll_pin_released ");
	usage->references = vhost_module_references("ringhost") +
			    vhost_module_references("ringhost_net") +
			    vhost_module_references("ringhost_blk") +
			    vhost_module_references("ringhost_tap");
	usage->descriptors = entries_of("/proc/self/fd");
	usage->threads = entries_of("/proc/self/task");
	usage->locked = usage_sum_of("/proc/self/status", "VmLck:");
	usage->pinned = usage_sum_of("/proc/self/status", "VmPin:");
}

/**
 * usage_returns_to() - wait until nothing is held that was not held
 * @before: earlier
 *
 * Return: whether that came true in time; what differs is printed.
 */
bool usage_returns_to(const struct usage *before)
{
	struct usage after;

	for (unsigned int i = 0; i < PATIENCE; i++) {
		usage_measure(&after);
		if (!memcmp(before, &after, sizeof(after)))
			return true;
		usleep(10000);
	}
	TEST_LOG("%s: %ld pins, %ld references, %ld descriptors, %ld threads, %ld and %ld KiB",
		 "before", before->pins, before->references, before->descriptors, before->threads,
		 before->locked, before->pinned);
	TEST_LOG("%s: %ld pins, %ld references, %ld descriptors, %ld threads, %ld and %ld KiB",
		 "after", after.pins, after.references, after.descriptors, after.threads,
		 after.locked, after.pinned);
	return false;
}
