// SPDX-License-Identifier: GPL-2.0-only
/*
 * ringhost stat's output: a table for people, or JSON for programs. In both every byte
 * that did not come from the kernel's own words is made harmless: names of processes may
 * hold quotes, line ends, escape sequences or no text at all.
 *
 * Runs on the main thread, on stdout. Entry points: stat_print_begin(), stat_print_node(),
 * stat_print_end().
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "err.h"
#include "ringhost.h"
#include "stat.h"
#include "util.h"

#define STAT_NAME(id, name) #name,
static const char *const counters[] = { RINGHOST_VRING_STATS(STAT_NAME) };
#undef STAT_NAME

/* Lines of a queue that are no counters. */
static const char *const facts[] = { "state", "format", "size", "mapped" };

/* Lines of any file's fdinfo; proc(5). */
static const char *const file_lines[] = { "pos", "flags", "mnt_id", "ino" };

/* No comma yet. */
static bool first_node;

/* As JSON has them: without a leading zero. */
static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text) && (*text != '0' || !text[1]);
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* Bytes of the UTF-8 character at @text; 0 if it is none (RFC 3629). */
static size_t character_length(const unsigned char *text)
{
	size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2 :
			text[0] >= 0xe0 && text[0] < 0xf0 ? 3 :
			text[0] >= 0xf0 && text[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if ((text[i] & 0xc0) != 0x80)
			return 0;
	/* Longer than needed, a surrogate, or past the last character. */
	if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
	    (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f))
		return 0;
	return length;
}

/* A JSON string; RFC 8259, section 7. What is no text shows as U+FFFD. */
static void print_string(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t length;

	putchar('"');
	for (; *at; at += MAX(length, (size_t)1)) {
		length = character_length(at);
		if (!length)
			printf("\\ufffd");
		else if (*at < 0x20 || *at == 0x7f)
			printf("\\u%04x", *at);
		else if (*at == '"' || *at == '\\')
			printf("\\%c", *at);
		else
			fwrite(at, 1, length, stdout);
	}
	putchar('"');
}

/* "name": value, the value as a number if it is one. */
static void print_member(const char *before, const char *name, const char *value)
{
	printf("%s", before);
	print_string(name);
	printf(": ");
	if (is_number(value))
		printf("%s", value);
	else
		print_string(value);
}

/* All counters this command knows, 0 if not shown; then those that only the kernel knows. */
static void print_counters(const struct stat_node *node, int queue)
{
	const char *before = "";

	printf(", \"counters\": {");
	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		print_member(before, counters[i], stat_value(node, queue, counters[i]) ?: "0");
		before = ", ";
	}
	for (unsigned int i = 0; i < node->count; i++) {
		const struct stat_line *line = &node->lines[i];

		if (line->queue == queue && !is_one_of(line->name, facts, ARRAY_SIZE(facts)) &&
		    !is_one_of(line->name, counters, ARRAY_SIZE(counters)))
			print_member(before, line->name, line->value);
	}
	printf("}");
}

static void print_queue_json(const struct stat_node *node, int queue)
{
	printf("{\"queue\": %d", queue);
	for (size_t i = 0; i < ARRAY_SIZE(facts); i++)
		if (stat_value(node, queue, facts[i]))
			print_member(", ", facts[i], stat_value(node, queue, facts[i]));
	print_counters(node, queue);
	printf("}");
}

static const char *text_of(const struct stat_node *node, int queue, const char *name)
{
	return stat_value(node, queue, name) ?: "-";
}

/* All that was refused on a queue, whatever for. */
static unsigned long long count_rejects(const struct stat_node *node, int queue)
{
	unsigned long long sum = 0;

	for (unsigned int i = 0; i < node->count; i++)
		if (node->lines[i].queue == queue && !strncmp(node->lines[i].name, "reject_", 7))
			sum += strtoull(node->lines[i].value, NULL, 10);
	return sum;
}

static const char *count_of(const struct stat_node *node, int queue, const char *name)
{
	return stat_value(node, queue, name) ?: "0";
}

/* A process's name in a table: one word of printable ASCII. */
static void mask_command(char *text, size_t room, const char *command)
{
	snprintf(text, room, "%s", command);
	for (; *text; text++)
		if (!isgraph((unsigned char)*text))
			*text = '?';
}

static void print_queue_row(const struct stat_node *node, int queue)
{
	char command[16];

	mask_command(command, sizeof(command), node->command);
	printf("%8d %-15s %4d %-4s %5d %-8s %-6s %6s %6s "
	       "%12s %15s %15s %10s %10s %10s %6s %7llu\n",
	       (int)node->pid, command, node->fd, text_of(node, STAT_DEVICE, "backend"), queue,
	       text_of(node, queue, "state"), text_of(node, queue, "format"),
	       text_of(node, queue, "size"), text_of(node, queue, "mapped"),
	       count_of(node, queue, "chains"), count_of(node, queue, "bytes_read"),
	       count_of(node, queue, "bytes_written"), count_of(node, queue, "kicks"),
	       count_of(node, queue, "calls"), count_of(node, queue, "calls_suppressed"),
	       count_of(node, queue, "breaks"), count_rejects(node, queue));
}

static void print_node_json(const struct stat_node *node)
{
	printf("%s\n{\"pid\": %d, \"command\": ", first_node ? "" : ",", (int)node->pid);
	print_string(node->command);
	printf(", \"fd\": %d", node->fd);
	for (unsigned int i = 0; i < node->count; i++)
		if (node->lines[i].queue == STAT_DEVICE &&
		    !is_one_of(node->lines[i].name, file_lines, ARRAY_SIZE(file_lines)))
			print_member(", ", node->lines[i].name, node->lines[i].value);
	printf(", \"queues\": [");
}

void stat_print_node(const struct stat_node *node, bool json)
{
	const char *before = "";
	int queue = STAT_DEVICE;

	if (json)
		print_node_json(node);
	for (unsigned int i = 0; i < node->count; i++) {
		if (node->lines[i].queue == queue || node->lines[i].queue == STAT_DEVICE)
			continue;
		queue = node->lines[i].queue;
		printf("%s", before);
		if (json)
			print_queue_json(node, queue);
		else
			print_queue_row(node, queue);
		before = json ? ",\n " : "";
	}
	if (json)
		printf("]}");
	first_node = false;
}

void stat_print_begin(bool json)
{
	first_node = true;
	if (json)
		printf("{\"version\": 1, \"nodes\": [");
	else
		printf("%8s %-15s %4s %-4s %5s %-8s %-6s %6s %6s "
		       "%12s %15s %15s %10s %10s %10s %6s %7s\n",
		       "PID", "COMMAND", "FD", "NODE", "QUEUE", "STATE", "FORMAT", "SIZE", "MAPPED",
		       "CHAINS", "READ", "WRITTEN", "KICKS", "CALLS", "SUPPRESSED", "BREAKS",
		       "REJECTS");
}

int stat_print_end(bool json)
{
	if (json)
		printf("\n]}\n");
	if (ferror(stdout) || fflush(stdout))
		return rh_error(-EIO, "stdout: cannot write");
	return 0;
}
