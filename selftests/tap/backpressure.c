// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reader that is slow, or stops for a while, must not cost packets: the ring
 * fills, the interface stops, the sender waits. What would lose packets is a
 * drop when the ring is full, or a wake-up lost between two CPUs.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tap.h"

#define FRAME 60
#define RING 500
#define STREAM 20000
#define RESIZES 15
#define PORT 5000

FIXTURE(backpressure) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	unsigned char received[2048];
};

FIXTURE_SETUP(backpressure)
{
	net_private_namespace();
	self->fd = tap_create(self->name, 0);
	/* The default discipline drops on purpose what waits too long. */
	ASSERT_TRUE(run("tc qdisc replace dev %s root pfifo limit 5000", self->name));
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
}

FIXTURE_TEARDOWN(backpressure)
{
	close(self->host);
	close(self->fd);
}

static void number_frame(unsigned char *frame, unsigned int number)
{
	net_fill_frame(frame, FRAME, 0);
	memcpy(frame + ETH_HLEN, &number, sizeof(number));
}

static unsigned int number_of(const unsigned char *frame)
{
	unsigned int number;

	memcpy(&number, frame + ETH_HLEN, sizeof(number));
	return number;
}

/* Send until the socket says that no more fits; returns how many. */
static unsigned int send_until_full(FIXTURE_DATA(backpressure) *self, unsigned int first)
{
	unsigned char frame[FRAME];
	unsigned int count;

	for (count = 0; count < 20 * RING; count++) {
		number_frame(frame, first + count);
		if (send(self->host, frame, FRAME, 0) < 0)
			break;
	}
	return count;
}

static void expect_numbers(FIXTURE_DATA(backpressure) *self, unsigned int first, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		ASSERT_EQ(FRAME, tap_read(self->fd, self->received, sizeof(self->received),
					  TAP_PATIENCE));
		ASSERT_EQ(first + i, number_of(self->received));
	}
}

static void expect_no_loss(FIXTURE_DATA(backpressure) *self)
{
	EXPECT_EQ(0, tap_counter(self->name, "tx_dropped"));
	EXPECT_TRUE(run("tc -s qdisc show dev %s | grep -q 'dropped 0,'", self->name));
}

TEST_F(backpressure, full_ring_stops_the_sender_and_loses_nothing)
{
	unsigned int count = send_until_full(self, 0);

	TEST_LOG("%u packets fit", count);
	EXPECT_LT(RING, count);
	EXPECT_GT(20 * RING, count);
	EXPECT_LT(0, tap_counter(self->name, "tx_stops"));
	expect_numbers(self, 0, count);
	EXPECT_EQ(-1, read(self->fd, self->received, sizeof(self->received)));
	expect_no_loss(self);
}

TEST_F(backpressure, sender_goes_on_when_there_is_room)
{
	unsigned int next = send_until_full(self, 0), read = 0;

	for (int round = 0; round < 20; round++) {
		expect_numbers(self, read, 100);
		read += 100;
		next += send_until_full(self, next);
	}
	EXPECT_LT(RING + 20 * 50, next);
	expect_numbers(self, read, next - read);
	expect_no_loss(self);
}

/* ---- at the same time ---- */

static void send_numbers(FIXTURE_DATA(backpressure) *self, unsigned int first, unsigned int count)
{
	unsigned char frame[FRAME];
	struct pollfd poller = { .fd = self->host, .events = POLLOUT };

	for (unsigned int i = 0; i < count; i++) {
		number_frame(frame, first + i);
		while (send(self->host, frame, FRAME, 0) < 0)
			poll(&poller, 1, 10);
	}
}

static void *send_stream(void *data)
{
	send_numbers(data, 0, STREAM);
	return NULL;
}

TEST_F_TIMEOUT(backpressure, stream_arrives_complete_and_in_order, 120)
{
	pthread_t sender;

	ASSERT_EQ(0, pthread_create(&sender, NULL, send_stream, self));
	expect_numbers(self, 0, STREAM);
	pthread_join(sender, NULL);
	expect_no_loss(self);
}

/* The smallest ring stops at every packet: the most chances to miss a wake-up. */
TEST_F_TIMEOUT(backpressure, stream_through_a_ring_of_one_arrives_complete, 120)
{
	pthread_t sender;

	ASSERT_TRUE(run("ip link set %s txqueuelen 1", self->name));
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_stream, self));
	expect_numbers(self, 0, STREAM);
	pthread_join(sender, NULL);
	expect_no_loss(self);
}

static atomic_bool resized;

static void *resize_ring(void *data)
{
	FIXTURE_DATA(backpressure) *self = data;

	for (int i = 0; i < RESIZES; i++)
		run("ip link set %s txqueuelen %d", self->name, 1 + i % 7 * 50);
	resized = true;
	return NULL;
}

static void *send_while_resized(void *data)
{
	while (!resized)
		send_numbers(data, 0, 1);
	send_numbers(data, 1, STREAM / 4);
	return NULL;
}

/*
 * Each change loses packets (the kernel itself empties the queueing discipline), but
 * never the wake-up of the sender: what is sent after all changes is complete.
 */
TEST_F_TIMEOUT(backpressure, stream_through_a_ring_that_changes_goes_on, 120)
{
	pthread_t sender, resizer;

	ASSERT_EQ(0, pthread_create(&resizer, NULL, resize_ring, self));
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_while_resized, self));
	do {
		ASSERT_EQ(FRAME, tap_read(self->fd, self->received, sizeof(self->received),
					  TAP_PATIENCE));
	} while (number_of(self->received) == 0);
	ASSERT_EQ(1, number_of(self->received));
	expect_numbers(self, 2, STREAM / 4 - 1);
	pthread_join(sender, NULL);
	pthread_join(resizer, NULL);
}

static void *send_datagrams(void *data)
{
	int fd = *(int *)data;
	unsigned char payload[1400] = "";
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	inet_pton(AF_INET, "10.97.0.2", &peer.sin_addr);
	for (unsigned int i = 0; i < STREAM / 4; i++) {
		memcpy(payload, &i, sizeof(i));
		sendto(fd, payload, sizeof(payload), 0, (struct sockaddr *)&peer, sizeof(peer));
	}
	return NULL;
}

/* A local UDP sender blocks on its own send buffer instead of losing datagrams. */
TEST_F_TIMEOUT(backpressure, udp_flood_of_a_local_sender_loses_nothing, 120)
{
	const size_t payload = ETH_HLEN + 20 + 8;
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pthread_t sender;
	unsigned int number;

	ASSERT_LE(0, udp);
	ASSERT_TRUE(run("ip addr add 10.97.0.1/24 dev %s", self->name));
	ASSERT_TRUE(run("ip neigh add 10.97.0.2 lladdr 02:00:00:00:00:02 dev %s", self->name));
	while (read(self->fd, self->received, sizeof(self->received)) > 0)
		;
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_datagrams, &udp));
	for (unsigned int i = 0; i < STREAM / 4; i++) {
		ASSERT_EQ(payload + 1400, tap_read(self->fd, self->received,
						   sizeof(self->received), TAP_PATIENCE));
		memcpy(&number, self->received + payload, sizeof(number));
		ASSERT_EQ(i, number);
	}
	pthread_join(sender, NULL);
	expect_no_loss(self);
	close(udp);
}

/*
 * Whoever shrinks the ring below what it holds learns from a counter what that cost.
 * What waits in the queueing discipline some kernels drop, too, when the length
 * changes, and others keep: then it comes after, and all of it.
 */
TEST_F(backpressure, packets_lost_by_a_shrinking_ring_are_counted)
{
	unsigned int sent, left = 0;

	sent = send_until_full(self, 0);
	ASSERT_TRUE(run("ip link set %s txqueuelen 10", self->name));
	while (tap_read(self->fd, self->received, sizeof(self->received), TAP_QUIET) > 0) {
		EXPECT_EQ(left < 10 ? left : left + RING - 10, number_of(self->received));
		left++;
	}
	EXPECT_TRUE(left == 10 || left == sent - (RING - 10)) {
		TEST_LOG("%u of %u left", left, sent);
	}
	EXPECT_EQ(RING - 10, tap_counter(self->name, "tx_dropped"));
	EXPECT_LT(10, send_until_full(self, 0));
}

/* A file that leaves a full ring behind must not leave the interface stopped. */
TEST_F(backpressure, next_file_of_a_persistent_interface_gets_packets)
{
	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 1));
	send_until_full(self, 0);
	close(self->fd);
	self->fd = tap_open();
	ASSERT_EQ(0, tap_attach(self->fd, self->name, TAP_FLAGS));
	EXPECT_EQ(RING, tap_counter(self->name, "tx_dropped"));
	EXPECT_TRUE(tap_has_carrier(self->name));
	EXPECT_LT(0, send_until_full(self, 7));
	EXPECT_EQ(FRAME, tap_read(self->fd, self->received, sizeof(self->received), TAP_PATIENCE));
}

/* With a discipline that holds nothing, waiting is impossible: drop, and say so. */
TEST_F(backpressure, without_a_queueing_discipline_drops_are_counted)
{
	unsigned char frame[FRAME];

	ASSERT_TRUE(run("tc qdisc replace dev %s root noqueue", self->name));
	for (unsigned int i = 0; i < RING + 50; i++) {
		number_frame(frame, i);
		send(self->host, frame, FRAME, 0);
	}
	EXPECT_EQ(50, tap_counter(self->name, "tx_dropped"));
	expect_numbers(self, 0, RING);
}

/* ---- the other direction ---- */

/*
 * A written packet counts until the stack lets it go. Here a bridge passes it on to
 * another tap, which nobody reads: behind its ring it waits in the discipline.
 */
/*
 * A second tap with a small send buffer, from which a bridge sends the packets to the first;
 * and a frame for it. Returns the file, or -1 where there are no bridges.
 */
static int make_charged(FIXTURE_DATA(backpressure) *self, unsigned char *frame, size_t length)
{
	char name[IFNAMSIZ];
	int fd = tap_create(name, 0);

	net_set_up(name);
	if (!run("ip link add br0 type bridge 2>/dev/null")) {
		close(fd);
		return -1;
	}
	ASSERT_TRUE(run("ip link set %s master br0 && ip link set %s master br0 &&"
			" ip link set br0 up", self->name, name));
	net_fill_frame(frame, length, 1);
	frame[0] = 0x02;	/* A broadcast would be cloned, and clones are not charged. */
	ASSERT_EQ(0, tap_set_int(fd, TUNSETSNDBUF, 20000));
	return fd;
}

TEST_F(backpressure, send_buffer_limits_what_a_writer_has_under_way)
{
	unsigned char frame[1500];
	int fd = make_charged(self, frame, sizeof(frame)), written = 0, result;
	struct pollfd poller = { .fd = fd, .events = POLLOUT };

	if (fd < 0)
		SKIP(return, "no bridge");
	do {
		result = tap_write(fd, frame, sizeof(frame));
	} while (result > 0 && ++written < 10 * RING);
	TEST_LOG("%d packets written", written);
	EXPECT_EQ(-EAGAIN, result);
	EXPECT_GT(RING + 30, written);
	EXPECT_EQ(0, poll(&poller, 1, 0));

	while (tap_read(self->fd, self->received, sizeof(self->received), TAP_QUIET) > 0)
		;
	EXPECT_EQ(1, poll(&poller, 1, TAP_PATIENCE));
	EXPECT_EQ(sizeof(frame), tap_write(fd, frame, sizeof(frame)));
	close(fd);
}

/* Closing the file while packets charged to it are still under way. */
TEST_F(backpressure, charged_packets_outlive_their_file)
{
	unsigned char frame[1500];
	int fd = make_charged(self, frame, sizeof(frame)), written = 0;

	if (fd < 0)
		SKIP(return, "no bridge");
	while (written < 10 * RING && tap_write(fd, frame, sizeof(frame)) > 0)
		written++;
	close(fd);
	for (int i = 0; i < written; i++)
		ASSERT_LT(0, tap_read(self->fd, self->received, sizeof(self->received),
				      TAP_PATIENCE));
}

TEST_HARNESS_MAIN
