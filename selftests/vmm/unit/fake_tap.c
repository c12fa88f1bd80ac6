// SPDX-License-Identifier: GPL-2.0-only
/*
 * A tap that is not there. See fake_tap.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_tap.h"

#define FDS_MAX 1024

struct fake_tap fake_tap;

/* The other end of each descriptor, for machines of more than one tap. */
static int ends[FDS_MAX];

static int take_failure(void)
{
	int fail = fake_tap.fail;

	fake_tap.fail = 0;
	return fail;
}

int tap_open(struct tap *tap, const char *node, const char *name, unsigned int queues,
	     const char *missing)
{
	(void)node;
	(void)name;
	(void)missing;
	fake_tap = (struct fake_tap) { .used = 1 };
	*tap = (struct tap) { .count = queues, .used = 1 };
	for (unsigned int i = 0; i < queues; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
			abort();
		if (pair[0] >= FDS_MAX)
			abort();
		tap->fds[i] = pair[0];
		ends[pair[0]] = pair[1];
		fake_tap.host[i] = pair[1];
	}
	return 0;
}

void tap_close(struct tap *tap)
{
	for (unsigned int i = 0; i < tap->count; i++) {
		close(ends[tap->fds[i]]);
		close(tap->fds[i]);
	}
	tap->count = 0;
}

int tap_use_queues(struct tap *tap, unsigned int queues)
{
	int fail = take_failure();

	fake_tap.filtered = false;
	if (!queues || queues > tap->count)
		abort();
	if (!fail)
		tap->used = queues;
	fake_tap.used = tap->used;
	return fail;
}

int tap_set_offload(struct tap *tap, uint64_t features)
{
	(void)tap;
	fake_tap.offload = features;
	return take_failure();
}

int tap_set_filter(struct tap *tap, const struct sock_fprog *program)
{
	(void)tap;
	fake_tap.filtered = program;
	if (program)
		fake_tap.filter = *program;
	return take_failure();
}
