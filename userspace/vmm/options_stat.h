/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line of "ringhost stat". See options_stat.c.
 */
#ifndef RH_VMM_OPTIONS_STAT_H
#define RH_VMM_OPTIONS_STAT_H

#include "options.h"

/**
 * options_parse_stat() - parse what follows "stat"
 * @options: receives json and pid
 * @argc: words in @argv
 * @argv: the words behind "stat"
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int options_parse_stat(struct options *options, int argc, char **argv);

#endif /* RH_VMM_OPTIONS_STAT_H */
