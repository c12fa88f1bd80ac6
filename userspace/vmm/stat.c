// SPDX-License-Identifier: GPL-2.0-only
/*
 * ringhost stat: walks /proc for processes that have a node of ours open and reads the
 * node's fdinfo. It neither stops nor asks them: the device is not disturbed.
 *
 * All that is read may be odd: a process vanishes between two looks, its name holds
 * any byte, its descriptors lead to files that do not answer, most of it may not be read.
 *
 * Runs in a process of its own, on the main thread. Entry point: stat_run().
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "err.h"
#include "options.h"
#include "stat.h"
#include "util.h"

/* More text than the largest device has. */
#define TEXT_MAX (1 << 20)
#define COMMAND_MAX 64
#define PATH_BYTES 64

/* Whatever path a node was opened by, its number is this. */
static const char *const node_names[] = { "ringhost-net", "ringhost-blk" };

/**
 * struct walk - one run of the command
 * @json: print JSON
 * @nodes: device number of each of node_names; 0 where there is no such device
 * @text: room for one fdinfo
 * @node: the one at hand
 */
struct walk {
	bool json;
	dev_t nodes[ARRAY_SIZE(node_names)];
	char text[TEXT_MAX];
	struct stat_node node;
};

/* Returns the bytes read, @text then ends with NUL; or -errno. */
static ssize_t read_text(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got = 0;

	if (fd < 0)
		return -errno;
	while (length < room - 1) {
		got = read(fd, text + length, room - 1 - length);
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	if (got < 0)
		got = -errno;
	close(fd);
	text[length] = 0;
	return got < 0 ? got : (ssize_t)length;
}

static void find_node_numbers(struct walk *walk)
{
	unsigned int major, minor;
	char path[PATH_BYTES], text[PATH_BYTES];

	for (size_t i = 0; i < ARRAY_SIZE(node_names); i++) {
		snprintf(path, sizeof(path), "/sys/class/misc/%s/dev", node_names[i]);
		if (read_text(path, text, sizeof(text)) > 0 &&
		    sscanf(text, "%u:%u", &major, &minor) == 2)
			walk->nodes[i] = makedev(major, minor);
	}
}

/* Whether /proc/@pid/fd/@fd is a node of ours. Asks no remote file system. */
static bool is_node(const struct walk *walk, pid_t pid, int fd)
{
	char path[PATH_BYTES];
	struct statx status;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, fd);
	if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) ||
	    !S_ISCHR(status.stx_mode))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(node_names); i++)
		if (walk->nodes[i] &&
		    walk->nodes[i] == makedev(status.stx_rdev_major, status.stx_rdev_minor))
			return true;
	return false;
}

/* "queueN.name" is a line of queue N. Returns where the name begins. */
static char *parse_queue(char *name, int *queue)
{
	unsigned int number;
	int length = 0;

	*queue = STAT_DEVICE;
	if (sscanf(name, "queue%5u.%n", &number, &length) != 1 || !length)
		return name;
	*queue = (int)number;
	return name + length;
}

/* Cut @text up into lines, names and values. Lines without a colon are no news. */
static void parse_text(struct stat_node *node, char *text)
{
	char *line, *value;

	node->count = 0;
	while ((line = strsep(&text, "\n")) && node->count < STAT_LINES_MAX) {
		struct stat_line *entry = &node->lines[node->count];

		value = strchr(line, ':');
		if (!value)
			continue;
		*value++ = 0;
		entry->name = parse_queue(line, &entry->queue);
		entry->value = value + strspn(value, " \t");
		node->count++;
	}
}

const char *stat_value(const struct stat_node *node, int queue, const char *name)
{
	for (unsigned int i = 0; i < node->count; i++)
		if (node->lines[i].queue == queue && !strcmp(node->lines[i].name, name))
			return node->lines[i].value;
	return NULL;
}

/* The process's name, without the line's end that the kernel adds. */
static void read_command(pid_t pid, char *command, size_t room)
{
	char path[PATH_BYTES];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	length = read_text(path, command, room);
	command[MAX(length - 1, 0)] = 0;
}

/* A descriptor that was closed, or a process that ended, is nothing to print. */
static void visit_fd(struct walk *walk, pid_t pid, int fd)
{
	char path[PATH_BYTES], command[COMMAND_MAX];

	if (!is_node(walk, pid, fd))
		return;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)pid, fd);
	if (read_text(path, walk->text, TEXT_MAX) <= 0)
		return;
	parse_text(&walk->node, walk->text);
	/* The number may be another file's by now. */
	if (!stat_value(&walk->node, STAT_DEVICE, "backend"))
		return;
	read_command(pid, command, sizeof(command));
	walk->node.pid = pid;
	walk->node.fd = fd;
	walk->node.command = command;
	stat_print_node(&walk->node, walk->json);
}

/* A folder's entry that is a number and nothing else; -1 for others. */
static int number_of(const char *name)
{
	char *end;
	long number;

	if (!isdigit((unsigned char)*name))
		return -1;
	errno = 0;
	number = strtol(name, &end, 10);
	return *end || errno || number > INT_MAX ? -1 : (int)number;
}

/* Returns 0, or -errno if the process's descriptors cannot be listed. */
static int visit_process(struct walk *walk, pid_t pid)
{
	char path[PATH_BYTES];
	struct dirent *entry;
	DIR *folder;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)pid);
	folder = opendir(path);
	if (!folder)
		return -errno;
	while ((entry = readdir(folder))) {
		fd = number_of(entry->d_name);
		if (fd >= 0)
			visit_fd(walk, pid, fd);
	}
	closedir(folder);
	return 0;
}

static int visit_all(struct walk *walk)
{
	DIR *folder = opendir("/proc");
	unsigned int denied = 0;
	struct dirent *entry;
	int pid, err;

	if (!folder)
		return rh_error(-errno, "/proc: %s", strerror(errno));
	while ((entry = readdir(folder))) {
		pid = number_of(entry->d_name);
		err = pid > 0 ? visit_process(walk, pid) : 0;
		if (err == -EACCES || err == -EPERM)
			denied++;
	}
	closedir(folder);
	if (denied)
		rh_warn("%u processes may not be looked at by this user", denied);
	return 0;
}

static int visit_one(struct walk *walk, pid_t pid)
{
	int err = visit_process(walk, pid);

	if (err == -ENOENT || err == -ESRCH)
		return rh_error(err, "stat %d: no such process", (int)pid);
	return err ? rh_error(err, "stat %d: %s", (int)pid, strerror(-err)) : 0;
}

int stat_run(const struct options *options)
{
	struct walk *walk = calloc(1, sizeof(*walk));
	int err, end;

	if (!walk)
		return rh_error(-ENOMEM, "%s", strerror(ENOMEM));
	walk->json = options->json;
	find_node_numbers(walk);
	stat_print_begin(walk->json);
	err = options->pid ? visit_one(walk, options->pid) : visit_all(walk);
	end = stat_print_end(walk->json);
	free(walk);
	return err ?: end;
}
