/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ringhost stat: what the queues of running devices are doing, from the fdinfo of their
 * nodes (Documentation/uapi/statistics.rst). stat.c finds the nodes, stat_print.c prints.
 */
#ifndef RH_VMM_STAT_H
#define RH_VMM_STAT_H

#include <stdbool.h>
#include <sys/types.h>

#include "options.h"

/* Lines of one node's fdinfo: sixteen queues with four times the counters there are. */
#define STAT_LINES_MAX 4096
/* A line of the device, not of a queue. */
#define STAT_DEVICE (-1)

/**
 * struct stat_line - one line of fdinfo
 * @queue: whose it is, or STAT_DEVICE
 * @name: what stands before the colon, without "queueN."
 * @value: what stands behind it
 */
struct stat_line {
	int queue;
	const char *name;
	const char *value;
};

/**
 * struct stat_node - an open node
 * @pid: the process
 * @command: its name: any bytes but NUL
 * @fd: the descriptor
 * @lines: its fdinfo; a queue's lines follow each other
 * @count: valid entries
 */
struct stat_node {
	pid_t pid;
	const char *command;
	int fd;
	struct stat_line lines[STAT_LINES_MAX];
	unsigned int count;
};

/**
 * stat_run() - the command: find the nodes and print them
 * @options: the checked command line
 *
 * Return: 0, or a negative errno after one line on stderr. Processes that end meanwhile
 * are no error; one that may not be looked at is an error if it was asked for by number,
 * and else one line for all of them.
 */
int stat_run(const struct options *options);

/* The value of a line, or NULL. */
const char *stat_value(const struct stat_node *node, int queue, const char *name);

/* ---- stat_print.c ---- */

void stat_print_begin(bool json);
void stat_print_node(const struct stat_node *node, bool json);
/* Return: 0, or -errno after one line on stderr: not all arrived. */
int stat_print_end(bool json);

#endif /* RH_VMM_STAT_H */
