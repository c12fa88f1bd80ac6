/* SPDX-License-Identifier: GPL-2.0-only */
/* Commands of the host's, for what is simpler said in a line of shell. */
#ifndef SELFTESTS_SHELL_H
#define SELFTESTS_SHELL_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Run a command line, of 500 characters at most; returns whether it succeeded. */
__attribute__((format(printf, 1, 2)))
static inline bool run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command) == 0;
}

#endif /* SELFTESTS_SHELL_H */
