// SPDX-License-Identifier: GPL-2.0-only
/*
 * One line on stderr per error. Off the data path; any thread.
 *
 * Entry points: rh_error(), rh_warn().
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "err.h"

#define LINE_BYTES 1024

/*
 * One write() keeps lines whole. The text may quote a file name or an option as
 * given, so control characters are masked: a line stays one line, and nothing
 * reaches the terminal's escape parser. The carriage return is for a terminal
 * in raw mode.
 */
static void print_line(const char *fmt, va_list args)
{
	char line[LINE_BYTES];
	size_t prefix, length, i;
	int n;

	prefix = (size_t)snprintf(line, sizeof(line), "ringhost: ");
	n = vsnprintf(line + prefix, sizeof(line) - prefix - 2, fmt, args);
	if (n < 0)
		return;
	length = strlen(line);
	for (i = prefix; i < length; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	if (isatty(STDERR_FILENO))
		line[length++] = '\r';
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		return;	/* nowhere left to say it */
}

int rh_error(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line(fmt, args);
	va_end(args);
	return err < 0 ? err : -EINVAL;
}

void rh_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_line(fmt, args);
	va_end(args);
}
