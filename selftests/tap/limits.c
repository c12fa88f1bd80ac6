// SPDX-License-Identifier: GPL-2.0-only
/*
 * Byte queue limits: what waits in a ring is counted against its netdev queue, in bytes, and
 * who sends more than the limit waits in the queueing discipline. Every way out of the ring
 * must be counted, for a byte that is forgotten stops the queue for good, and one that is
 * counted twice stops the kernel.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

#include <linux/if_packet.h>

#include "tap.h"
#include "xdp.h"

#define FRAME 1000
/* Always allowed, and so is the packet that passes it. */
#define LIMIT (128 << 10)
#define SMALL_LIMIT (2 * FRAME)
#define QUEUES 2
#define FLOWS 40
#define ROUNDS 8

FIXTURE(limits) {
	int fd[QUEUES];
	int host;
	char name[IFNAMSIZ];
	unsigned char buffer[2 * FRAME];
};

FIXTURE_SETUP(limits)
{
	net_private_namespace();
	tap_mount_sysfs();
	self->fd[0] = tap_create(self->name, IFF_MULTI_QUEUE);
	self->fd[1] = -1;
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
	if (!run("test -d /sys/class/net/%s/queues/tx-0/byte_queue_limits", self->name))
		SKIP(return, "a kernel without byte queue limits");
}

FIXTURE_TEARDOWN(limits)
{
	close(self->host);
	for (int i = 0; i < QUEUES; i++)
		if (self->fd[i] >= 0)
			close(self->fd[i]);
}

/* Bytes of one of the interface's queues that were sent and are not complete. */
static unsigned int in_flight(FIXTURE_DATA(limits) *self, unsigned int queue)
{
	unsigned int bytes = 0;
	char path[200];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues/tx-%u/byte_queue_limits/inflight",
		 self->name, queue);
	file = fopen(path, "re");
	ASSERT_NE(NULL, file);
	ASSERT_EQ(1, fscanf(file, "%u", &bytes));
	fclose(file);
	return bytes;
}

/* It counts from the next packet on that is complete. */
static void set_limit(FIXTURE_DATA(limits) *self, unsigned int queue, unsigned int bytes)
{
	char attribute[100];

	snprintf(attribute, sizeof(attribute), "queues/tx-%u/byte_queue_limits/limit_min", queue);
	tap_set_attribute(self->name, attribute, 0);
	snprintf(attribute, sizeof(attribute), "queues/tx-%u/byte_queue_limits/limit_max", queue);
	tap_set_attribute(self->name, attribute, bytes);
}

static void send_frames(FIXTURE_DATA(limits) *self, unsigned int first, unsigned int count)
{
	net_fill_frame(self->buffer, FRAME, 0);
	for (unsigned int i = first; i < first + count; i++) {
		memcpy(self->buffer + ETH_HLEN, &i, sizeof(i));
		ASSERT_EQ(FRAME, send(self->host, self->buffer, FRAME, 0));
	}
}

static void expect_frames(FIXTURE_DATA(limits) *self, int fd, unsigned int first,
			  unsigned int count)
{
	for (unsigned int i = first; i < first + count; i++) {
		ASSERT_EQ(FRAME, tap_read(fd, self->buffer, sizeof(self->buffer), TAP_PATIENCE));
		ASSERT_EQ(0, memcmp(self->buffer + ETH_HLEN, &i, sizeof(i)));
	}
}

/* Read what there is; returns how many packets. */
static unsigned int drain(FIXTURE_DATA(limits) *self, int fd)
{
	unsigned int count = 0;

	while (tap_read(fd, self->buffer, sizeof(self->buffer), TAP_QUIET) > 0)
		count++;
	return count;
}

/* More than fits the smallest limit there is; returns how many. */
static unsigned int send_too_much(FIXTURE_DATA(limits) *self)
{
	const unsigned int count = LIMIT / FRAME + 50;

	send_frames(self, 0, count);
	EXPECT_LE(LIMIT, in_flight(self, 0));
	EXPECT_GE(LIMIT + FRAME, in_flight(self, 0));
	return count;
}

/* ---- one queue ---- */

TEST_F(limits, bytes_are_in_flight_until_they_are_read)
{
	EXPECT_EQ(0, in_flight(self, 0));
	send_frames(self, 0, 3);
	EXPECT_EQ(3 * FRAME, in_flight(self, 0));
	expect_frames(self, self->fd[0], 0, 3);
	EXPECT_EQ(0, in_flight(self, 0));
}

TEST_F(limits, bytes_are_told_before_too_many_were_read)
{
	send_frames(self, 0, 100);
	expect_frames(self, self->fd[0], 0, 90);
	EXPECT_GT(100 * FRAME - (64 << 10), in_flight(self, 0));
	expect_frames(self, self->fd[0], 90, 10);
	EXPECT_EQ(0, in_flight(self, 0));
}

TEST_F(limits, sender_waits_for_the_reader_long_before_the_ring_is_full)
{
	unsigned int count = send_too_much(self);

	EXPECT_EQ(0, tap_counter(self->name, "tx_stops"));
	expect_frames(self, self->fd[0], 0, count);
	EXPECT_EQ(0, in_flight(self, 0));
	EXPECT_EQ(0, tap_counter(self->name, "tx_dropped"));
}

TEST_F(limits, small_limit_holds_and_loses_nothing)
{
	set_limit(self, 0, SMALL_LIMIT);
	send_frames(self, 0, 1);
	expect_frames(self, self->fd[0], 0, 1);
	send_frames(self, 0, 50);
	for (int i = 0; i < 50; i++) {
		EXPECT_GE(SMALL_LIMIT + FRAME, in_flight(self, 0));
		expect_frames(self, self->fd[0], i, 1);
	}
	EXPECT_EQ(0, in_flight(self, 0));
}

TEST_F(limits, nothing_is_charged_without_a_queueing_discipline)
{
	ASSERT_TRUE(run("tc qdisc replace dev %s root noqueue", self->name));
	send_frames(self, 0, LIMIT / FRAME + 50);
	EXPECT_EQ(0, in_flight(self, 0));
	expect_frames(self, self->fd[0], 0, LIMIT / FRAME + 50);
	EXPECT_EQ(0, tap_counter(self->name, "tx_dropped"));
}

/* Who passes by the discipline is not stopped, but counted. */
TEST_F(limits, packets_that_bypass_the_discipline_are_counted)
{
	int one = 1;

	ASSERT_EQ(0, setsockopt(self->host, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)));
	send_frames(self, 0, 2 * LIMIT / FRAME);
	EXPECT_EQ(2 * LIMIT / FRAME * FRAME, in_flight(self, 0));
	expect_frames(self, self->fd[0], 0, 2 * LIMIT / FRAME);
	EXPECT_EQ(0, in_flight(self, 0));
}

/* Frames of XDP are in the same ring, and nobody waits for them. */
TEST_F(limits, frames_of_a_program_are_not_charged)
{
	int program = xdp_load_verdict(XDP_TX);

	ASSERT_EQ(0, xdp_attach_as(self->name, program, XDP_FLAGS_DRV_MODE));
	net_fill_frame(self->buffer, FRAME, 7);
	ASSERT_EQ(FRAME, tap_write(self->fd[0], self->buffer, FRAME));
	EXPECT_EQ(0, in_flight(self, 0));
	send_frames(self, 0, 2);
	net_fill_frame(self->buffer, FRAME, 7);
	ASSERT_EQ(FRAME, tap_write(self->fd[0], self->buffer, FRAME));
	ASSERT_EQ(FRAME, tap_write(self->fd[0], self->buffer, FRAME));
	EXPECT_EQ(2 * FRAME, in_flight(self, 0));
	EXPECT_EQ(5, drain(self, self->fd[0]));
	EXPECT_EQ(0, in_flight(self, 0));
	close(program);
}

/* ---- packets that are not read ---- */

/* Of what was sent before nothing counts, and what is sent now does. */
static void expect_counting_from_nothing(FIXTURE_DATA(limits) *self)
{
	drain(self, self->fd[0]);
	EXPECT_EQ(0, in_flight(self, 0));
	send_frames(self, 0, 5);
	EXPECT_EQ(5 * FRAME, in_flight(self, 0));
	expect_frames(self, self->fd[0], 0, 5);
	EXPECT_EQ(0, in_flight(self, 0));
}

TEST_F(limits, packets_lost_by_a_shrinking_ring_are_not_in_flight)
{
	send_too_much(self);
	ASSERT_TRUE(run("ip link set %s txqueuelen 10", self->name));
	expect_counting_from_nothing(self);
}

TEST_F(limits, next_file_of_a_persistent_interface_begins_at_nothing)
{
	ASSERT_EQ(0, tap_set(self->fd[0], TUNSETPERSIST, 1));
	send_too_much(self);
	close(self->fd[0]);
	EXPECT_EQ(0, in_flight(self, 0));
	self->fd[0] = tap_open();
	ASSERT_EQ(0, tap_attach(self->fd[0], self->name, TAP_FLAGS | IFF_MULTI_QUEUE));
	ASSERT_TRUE(tap_has_carrier(self->name));
	expect_counting_from_nothing(self);
}

TEST_F(limits, dropping_when_full_frees_who_waits_and_charges_nothing)
{
	unsigned int count = send_too_much(self);

	tap_drop_when_full(self->name, true);
	EXPECT_EQ(0, in_flight(self, 0));
	expect_frames(self, self->fd[0], 0, count);
	send_frames(self, 0, count);
	EXPECT_EQ(0, in_flight(self, 0));

	tap_drop_when_full(self->name, false);
	send_frames(self, count, 5);
	EXPECT_EQ(5 * FRAME, in_flight(self, 0));
	expect_frames(self, self->fd[0], 0, count + 5);
	EXPECT_EQ(0, in_flight(self, 0));
}

/* ---- several queues ---- */

static void join(FIXTURE_DATA(limits) *self, int index)
{
	char name[IFNAMSIZ];

	memcpy(name, self->name, IFNAMSIZ);
	self->fd[index] = tap_open();
	ASSERT_EQ(0, tap_attach(self->fd[index], name, TAP_FLAGS | IFF_MULTI_QUEUE));
}

/* Datagrams of many flows, so that each queue gets some. What does not fit is not sent. */
static void send_flows(FIXTURE_DATA(limits) *self)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = if_nametoindex(self->name),
		.sll_protocol = htons(ETH_P_IP),
	};
	unsigned char frame[200] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 186,
				     0, 0, 0, 0, 64, IPPROTO_UDP, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2,
				     0, 0, 0, 0, 0, 166 };

	for (unsigned int port = 1; port <= FLOWS; port++) {
		frame[35] = port;
		sendto(self->host, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to));
	}
}

/* Two queues whose limit is small, and both are stopped. */
static void stop_both(FIXTURE_DATA(limits) *self)
{
	join(self, 1);
	for (int i = 0; i < QUEUES; i++)
		set_limit(self, i, 200);
	send_flows(self);
	for (int i = 0; i < QUEUES; i++)
		EXPECT_LT(0, drain(self, self->fd[i]));
	send_flows(self);
	for (int i = 0; i < QUEUES; i++)
		EXPECT_LE(200, in_flight(self, i));
}

/* Packets come to the file by the interface's queue, and are counted there. */
static void expect_work(FIXTURE_DATA(limits) *self, int index, int queue)
{
	drain(self, self->fd[index]);
	EXPECT_EQ(0, in_flight(self, queue));
	send_flows(self);
	EXPECT_LT(0, in_flight(self, queue));
	EXPECT_LT(0, drain(self, self->fd[index]));
	EXPECT_EQ(0, in_flight(self, queue));
}

TEST_F(limits, queue_that_was_disabled_begins_at_nothing)
{
	stop_both(self);
	ASSERT_EQ(0, tap_set_queue(self->fd[1], IFF_DETACH_QUEUE));
	EXPECT_LT(0, in_flight(self, 0));
	ASSERT_EQ(0, tap_set_queue(self->fd[1], IFF_ATTACH_QUEUE));
	expect_work(self, 1, 1);
	expect_work(self, 0, 0);
}

/* Its reader must not hold up who has the netdev queue next. */
TEST_F(limits, queue_that_moves_leaves_nothing_behind)
{
	stop_both(self);
	close(self->fd[0]);
	EXPECT_EQ(0, in_flight(self, 0));
	join(self, 0);
	EXPECT_EQ(0, in_flight(self, 1));
	expect_work(self, 0, 1);
	expect_work(self, 1, 0);
}

/* ---- all at once ---- */

static atomic_bool stop;

static void *send_meanwhile(void *data)
{
	while (!atomic_load(&stop))
		send_flows(data);
	return NULL;
}

static void *read_meanwhile(void *data)
{
	FIXTURE_DATA(limits) *self = data;
	unsigned char buffer[2 * FRAME];

	while (!atomic_load(&stop))
		for (int i = 0; i < QUEUES; i++)
			for (int n = 0; n < 20 && read(self->fd[i], buffer, sizeof(buffer)) > 0; n++)
				;
	return NULL;
}

TEST_F_TIMEOUT(limits, hold_when_queues_come_and_go_under_load, 120)
{
	pthread_t sender, reader;

	stop_both(self);
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_meanwhile, self));
	ASSERT_EQ(0, pthread_create(&reader, NULL, read_meanwhile, self));
	for (int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, tap_set_queue(self->fd[i % 2], IFF_DETACH_QUEUE));
		ASSERT_TRUE(run("ip link set %s txqueuelen %d", self->name, 20 + i));
		tap_drop_when_full(self->name, true);
		ASSERT_EQ(0, tap_set_queue(self->fd[i % 2], IFF_ATTACH_QUEUE));
		tap_drop_when_full(self->name, false);
	}
	atomic_store(&stop, true);
	pthread_join(sender, NULL);
	pthread_join(reader, NULL);
	for (int i = 0; i < 2 * QUEUES; i++)
		drain(self, self->fd[i % QUEUES]);
	/* The last one to be switched on is behind the other. */
	expect_work(self, ROUNDS % 2, 0);
	expect_work(self, !(ROUNDS % 2), 1);
}

TEST_HARNESS_MAIN
