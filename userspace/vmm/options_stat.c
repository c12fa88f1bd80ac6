// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line of "ringhost stat". Runs as options.c does. Entry point:
 * options_parse_stat().
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "options_stat.h"

static int parse_pid(struct options *options, const char *text)
{
	long pid;
	char *end;

	if (*text < '0' || *text > '9')
		return rh_error(-EINVAL, "stat %s: not a process", text);
	errno = 0;
	pid = strtol(text, &end, 10);
	if (*end || errno || pid < 1 || pid > INT_MAX)
		return rh_error(-EINVAL, "stat %s: not a process", text);
	options->pid = pid;
	return 0;
}

int options_parse_stat(struct options *options, int argc, char **argv)
{
	bool all = false;
	int err;

	for (int i = 0; i < argc; i++) {
		if (!strcmp(argv[i], "--json")) {
			options->json = true;
		} else if (!strcmp(argv[i], "--all")) {
			all = true;
		} else if (argv[i][0] == '-') {
			return rh_error(-EINVAL, "unknown option %s (see ringhost --help)",
					argv[i]);
		} else if (options->pid) {
			return rh_error(-EINVAL, "unexpected argument %s (see ringhost --help)",
					argv[i]);
		} else {
			err = parse_pid(options, argv[i]);
			if (err)
				return err;
		}
	}
	if (all && options->pid)
		return rh_error(-EINVAL, "stat takes a process or --all, not both");
	return 0;
}
