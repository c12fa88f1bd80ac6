// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ringhost command: one run of the machine from its parts, in mirror order; or one
 * look at machines that run (stat.c).
 * The main thread sets up, runs the event loop, and tears down.
 *
 * Entry point: main().
 */
#include <stdlib.h>

#include "err.h"
#include "machine.h"
#include "options.h"
#include "stat.h"

/* A reboot is a new machine: everything is released and made again. */
static int run(const struct options *options)
{
	enum vm_stop_reason why;
	int err;

	do
		err = machine_run(options, &why);
	while (!err && why == VM_STOP_REBOOT);
	return err;
}

int main(int argc, char **argv)
{
	struct options options;
	int err;

	err = options_parse(&options, argc, argv);
	if (!err)
		switch (options.command) {
		case COMMAND_HELP:
			err = options_help();
			break;
		case COMMAND_VERSION:
			err = options_version();
			break;
		case COMMAND_RUN:
			err = run(&options);
			break;
		case COMMAND_STAT:
			err = stat_run(&options);
			break;
		}
	options_free(&options);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
