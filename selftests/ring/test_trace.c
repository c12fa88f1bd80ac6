// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints: with them an operator follows one request through the five stages,
 * so each has to stand where it says and to name the right queue and chain; and those
 * that are off must not write.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define TRACEFS "/sys/kernel/tracing"
#define EVENTS TRACEFS "/events/ringhost"
#define TEXT_MAX (1 << 18)

FIXTURE(trace) { struct rig rig; char *text; unsigned int device; };
FIXTURE_VARIANT(trace) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(trace, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(trace, net_tx) { RIG_NET_TX };
FIXTURE_VARIANT_ADD(trace, net_rx) { RIG_NET_RX };

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	bool done;

	if (fd < 0)
		return false;
	done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return done;
}

static void read_file(const char *path, char *text)
{
	int fd = open(path, O_RDONLY);
	size_t length = 0;
	ssize_t got;

	ASSERT_LE(0, fd);
	while ((got = read(fd, text + length, TEXT_MAX - 1 - length)) > 0)
		length += got;
	text[length] = 0;
	close(fd);
}

/* The device's number in traces; fdinfo tells it. */
static unsigned int device_number(int fd)
{
	char path[60], line[200];
	unsigned int number = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file) && sscanf(line, "device: %u", &number) != 1)
		;
	fclose(file);
	return number;
}

FIXTURE_SETUP(trace)
{
	if (access(EVENTS, F_OK) && mount("tracefs", TRACEFS, "tracefs", 0, NULL) &&
	    errno != EBUSY)
		SKIP(return, "no tracefs: %s", strerror(errno));
	if (access(EVENTS, F_OK))
		SKIP(return, "the kernel has no trace events of modules");
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	self->device = device_number(self->rig.driver.fd);
	self->text = malloc(TEXT_MAX);
	ASSERT_NE(NULL, self->text);
	ASSERT_TRUE(write_file(TRACEFS "/trace", ""));
	/* The names of programs are not of interest, and cost a patch of the scheduler's code. */
	ASSERT_TRUE(write_file(TRACEFS "/options/record-cmd", "0"));
	ASSERT_TRUE(write_file(EVENTS "/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	write_file(EVENTS "/enable", "0");
	free(self->text);
	rig_exit(&self->rig);
}

/*
 * Lines of the trace with @event of @queue that hold @rest too. The trace's text is
 * "... rh_pop: device=1 queue=0 head=0 ...".
 */
static unsigned int count_events(const char *text, unsigned int device, unsigned int queue,
				 const char *event, const char *rest)
{
	const char *line, *end, *at;
	char wanted[100];
	unsigned int count = 0;

	snprintf(wanted, sizeof(wanted), " %s: device=%u queue=%u", event, device, queue);
	for (line = text; (at = strstr(line, wanted)); line = end) {
		end = strchrnul(at, '\n');
		at += strlen(wanted);
		if (*at != ' ' && *at != '\n')
			continue;
		if (memmem(at, end - at, rest, strlen(rest)))
			count++;
	}
	return count;
}

#define COUNT(event, rest) \
	count_events(self->text, self->device, self->rig.queue->index, event, rest)

/* One chain, from the kick to the call. Returns its head. */
static unsigned int run_one(struct rig *rig)
{
	struct driver_used used;

	ASSERT_LE(0, rig_add(rig));
	rig_provoke(rig);
	ASSERT_TRUE(driver_wait(rig->queue, &used, DRIVER_TIMEOUT));
	return used.head;
}

TEST_F(trace, one_request_shows_at_every_stage)
{
	char head[20];

	rig_start(&self->rig);
	snprintf(head, sizeof(head), "head=%u ", run_one(&self->rig));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	read_file(TRACEFS "/trace", self->text);
	EXPECT_EQ(1, COUNT("rh_kick", ""));
	EXPECT_LE(1, COUNT("rh_run_begin", ""));
	EXPECT_EQ(COUNT("rh_run_begin", ""), COUNT("rh_run_end", ""));
	EXPECT_LE(1, COUNT("rh_pop", head));
	EXPECT_EQ(1, COUNT("rh_push", head));
	EXPECT_EQ(1, COUNT("rh_publish", "chains=1 "));
	EXPECT_EQ(1, COUNT("rh_call", ""));
	EXPECT_EQ(0, COUNT("rh_call_suppressed", ""));
	EXPECT_EQ(0, COUNT("rh_break", ""));
}

TEST_F(trace, call_the_driver_does_not_want_shows_as_suppressed)
{
	rig_start(&self->rig);
	/* The first call after a start is never suppressed. */
	run_one(&self->rig);
	driver_want_call(self->rig.queue, false);
	ASSERT_LE(0, rig_add(&self->rig));
	rig_provoke(&self->rig);
	for (unsigned int i = 0; i < DRIVER_TIMEOUT / 10; i++) {
		if (driver_stat(self->rig.queue, RINGHOST_STAT_CALLS_SUPPRESSED))
			break;
		usleep(10000);
	}
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	read_file(TRACEFS "/trace", self->text);
	EXPECT_EQ(1, COUNT("rh_call_suppressed", ""));
	EXPECT_EQ(1, COUNT("rh_call", ""));
}

TEST_F(trace, broken_queue_shows_with_the_rejects_name)
{
	rig_start(&self->rig);
	driver_offer(self->rig.queue, RING);
	rig_provoke(&self->rig);
	ASSERT_TRUE(driver_is_broken(self->rig.queue, DRIVER_TIMEOUT));
	read_file(TRACEFS "/trace", self->text);
	EXPECT_EQ(1, COUNT("rh_break", " reason=reject_head"));
	EXPECT_EQ(1, COUNT("rh_break", ""));
}

TEST_F(trace, events_that_are_off_do_not_write)
{
	rig_start(&self->rig);
	ASSERT_TRUE(write_file(EVENTS "/enable", "0"));
	ASSERT_TRUE(write_file(TRACEFS "/trace", ""));
	run_one(&self->rig);
	read_file(TRACEFS "/trace", self->text);
	EXPECT_EQ(NULL, strstr(self->text, " rh_"));
}

TEST_HARNESS_MAIN
