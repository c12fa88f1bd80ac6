// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a slow reader costs with the queueing discipline that interfaces get by themselves
 * (fq_codel). The tap drops nothing and stops the queue, so that senders wait in the discipline;
 * but that drops on purpose what waited too long for too long. The page of the tap says so, and
 * here it is held to it. All other tests of back pressure take a discipline that never does.
 */
#include <time.h>

#include "tap.h"

#define FRAME 60
#define MOST 20000
/* Milliseconds for which packets may be late before fq_codel drops the first. */
#define PATIENCE_OF_FQ_CODEL 100
#define SLOW_READS 300

FIXTURE(discipline) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	unsigned char packet[FRAME];
};

FIXTURE_SETUP(discipline)
{
	net_private_namespace();
	self->fd = tap_create(self->name, 0);
	ASSERT_TRUE(run("tc qdisc replace dev %s root fq_codel", self->name));
	net_set_up(self->name);
	tap_has_carrier(self->name);
	self->host = net_host_socket(self->name);
	net_fill_frame(self->packet, FRAME, 0);
}

FIXTURE_TEARDOWN(discipline)
{
	close(self->host);
	close(self->fd);
}

/* Packets that the discipline dropped since the interface is there. */
static int dropped_by_discipline(const char *name)
{
	char command[100];
	int count = -1;
	FILE *output;

	snprintf(command, sizeof(command), "tc -s qdisc show dev %s | grep -o 'dropped [0-9]*'",
		 name);
	output = popen(command, "r");
	ASSERT_NE(NULL, output);
	ASSERT_EQ(1, fscanf(output, "dropped %d", &count));
	pclose(output);
	return count;
}

/* As many as the socket takes: more than the ring holds. */
static int send_until_full(FIXTURE_DATA(discipline) *self)
{
	int count = 0;

	while (count < MOST && send(self->host, self->packet, FRAME, 0) == FRAME)
		count++;
	EXPECT_LT(0, tap_counter(self->name, "tx_stops"));
	EXPECT_GT(MOST, count);
	return count;
}

static int read_all(FIXTURE_DATA(discipline) *self)
{
	unsigned char received[FRAME];
	int count = 0;

	while (tap_read(self->fd, received, FRAME, TAP_QUIET) == FRAME)
		count++;
	return count;
}

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

TEST_F(discipline, fq_codel_drops_nothing_when_a_reader_pauses)
{
	int sent = send_until_full(self), arrived, dropped;
	long long took;

	usleep(3 * PATIENCE_OF_FQ_CODEL * 1000);
	took = milliseconds();
	arrived = read_all(self);
	/* The last read waited in vain. */
	took = milliseconds() - took - TAP_QUIET;
	dropped = dropped_by_discipline(self->name);
	EXPECT_EQ(sent, arrived + dropped);
	EXPECT_EQ(0, tap_counter(self->name, "tx_dropped"));
	/* On a host so slow that the reader was late afterwards, too, some may be lost. */
	if (took < PATIENCE_OF_FQ_CODEL)
		EXPECT_EQ(0, dropped);
	else
		TEST_LOG("%lld ms for %d packets, of which %d lost", took, sent, dropped);
}

TEST_F(discipline, fq_codel_drops_when_a_reader_is_slow_and_the_tap_does_not)
{
	int sent = send_until_full(self), arrived = 0, dropped;
	unsigned char received[FRAME];

	for (int i = 0; i < SLOW_READS; i++) {
		usleep(1000);
		arrived += tap_read(self->fd, received, FRAME, TAP_PATIENCE) == FRAME;
	}
	arrived += read_all(self);
	dropped = dropped_by_discipline(self->name);
	TEST_LOG("%d of %d dropped", dropped, sent);
	EXPECT_LT(0, dropped);
	EXPECT_EQ(sent, arrived + dropped);
	EXPECT_EQ(0, tap_counter(self->name, "tx_dropped"));
}

TEST_HARNESS_MAIN
