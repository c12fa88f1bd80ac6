// SPDX-License-Identifier: GPL-2.0-only
/*
 * The switch that makes a full ring drop packets, as with tun, instead of stopping the
 * sender. Whoever uses it has a reader that may sleep for long, so turning it on has to set
 * free who waits already, and what is lost has to be counted.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "tap.h"

#define FRAME 60
#define RING 500
#define STREAM 5000
#define SWITCHES 100

FIXTURE(drop) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	unsigned char received[2048];
};

FIXTURE_SETUP(drop)
{
	net_private_namespace();
	self->fd = tap_create(self->name, 0);
	ASSERT_TRUE(run("tc qdisc replace dev %s root pfifo limit 5000", self->name));
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
}

FIXTURE_TEARDOWN(drop)
{
	close(self->host);
	close(self->fd);
}

/* Send up to @max frames with their numbers; returns how many the socket took. */
static unsigned int send_frames(FIXTURE_DATA(drop) *self, unsigned int first, unsigned int max)
{
	unsigned char frame[FRAME];
	unsigned int i;

	for (i = 0; i < max; i++) {
		net_fill_frame(frame, FRAME, 0);
		memcpy(frame + ETH_HLEN, &(unsigned int){ first + i }, sizeof(i));
		if (send(self->host, frame, FRAME, 0) < 0)
			break;
	}
	return i;
}

/* The number in the next frame, or -1 when there is none for @milliseconds. */
static int read_number(FIXTURE_DATA(drop) *self, int milliseconds)
{
	int number;

	if (tap_read(self->fd, self->received, sizeof(self->received), milliseconds) != FRAME)
		return -1;
	memcpy(&number, self->received + ETH_HLEN, sizeof(number));
	return number;
}

TEST_F(drop, full_ring_drops_counts_and_stops_nobody)
{
	tap_drop_when_full(self->name, true);
	EXPECT_EQ(5 * RING, send_frames(self, 0, 5 * RING));
	EXPECT_EQ(4 * RING, tap_counter(self->name, "tx_dropped"));
	EXPECT_EQ(0, tap_counter(self->name, "tx_stops"));
	for (int i = 0; i < RING; i++)
		ASSERT_EQ(i, read_number(self, TAP_PATIENCE));
	EXPECT_EQ(-1, read_number(self, 0));
}

TEST_F(drop, switch_shows_how_it_stands)
{
	for (unsigned int drops = 0; drops < 2; drops++) {
		struct ethtool_value value = { .cmd = ETHTOOL_GPFLAGS };

		tap_drop_when_full(self->name, drops);
		ethtool(self->name, &value);
		EXPECT_EQ(drops, value.data);
	}
}

TEST_F(drop, turning_it_on_sets_free_who_waits)
{
	unsigned int count = send_frames(self, 0, 20 * RING);

	ASSERT_GT(20 * RING, count);
	tap_drop_when_full(self->name, true);
	while (tap_counter(self->name, "tx_dropped") < count - RING)
		poll(NULL, 0, 1);
	EXPECT_EQ(5 * RING, send_frames(self, count, 5 * RING));
}

TEST_F(drop, turning_it_off_stops_senders_again)
{
	unsigned int count;

	tap_drop_when_full(self->name, true);
	tap_drop_when_full(self->name, false);
	count = send_frames(self, 0, 20 * RING);
	EXPECT_GT(20 * RING, count);
	EXPECT_LT(0, tap_counter(self->name, "tx_stops"));
	EXPECT_EQ(0, tap_counter(self->name, "tx_dropped"));
	for (unsigned int i = 0; i < count; i++)
		ASSERT_EQ(i, read_number(self, TAP_PATIENCE));
}

static atomic_bool switched;

static void *switch_it(void *data)
{
	FIXTURE_DATA(drop) *self = data;

	for (int i = 0; i < SWITCHES; i++)
		tap_drop_when_full(self->name, i % 2 == 0);
	switched = true;
	return NULL;
}

static void *send_meanwhile(void *data)
{
	struct pollfd poller = { .fd = ((FIXTURE_DATA(drop) *)data)->host, .events = POLLOUT };
	unsigned int next = 1;

	while (!switched)
		send_frames(data, 0, 1);
	while (next <= STREAM) {
		next += send_frames(data, next, STREAM + 1 - next);
		poll(&poller, 1, 10);
	}
	return NULL;
}

/* The last turn is to off: what is sent after it arrives complete. */
TEST_F_TIMEOUT(drop, it_is_switched_under_load, 120)
{
	pthread_t sender, switcher;
	int number;

	ASSERT_EQ(0, pthread_create(&switcher, NULL, switch_it, self));
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_meanwhile, self));
	do {
		number = read_number(self, TAP_PATIENCE);
		ASSERT_LE(0, number);
	} while (number == 0);
	for (int i = 1; i < STREAM; i++) {
		ASSERT_EQ(i, number);
		number = read_number(self, TAP_PATIENCE);
	}
	pthread_join(sender, NULL);
	pthread_join(switcher, NULL);
}

TEST_HARNESS_MAIN
