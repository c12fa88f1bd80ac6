// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments of a TCP stream that are written one by one wait a moment for the next, so that
 * they reach the host's stack as one large packet. Only those may wait that somebody else
 * is certain to follow: what asks or answers must arrive at once, nothing may overtake what
 * waits, and what nobody follows comes by itself.
 *
 * The timeouts are long here, so that a slow host cannot make one expire by accident.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "frames.h"
#include "tap.h"

#define SEGMENTS 8
#define PAYLOAD 100
#define PORT 1000
#define OTHER_PORT 1001
#define NEVER 60000000000ull
#define SOON 300000000ull
#define STREAM 20000

FIXTURE(gro_wait) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	unsigned char received[FRAME_BYTES];
};

FIXTURE_VARIANT(gro_wait) {
	int family;
};

FIXTURE_VARIANT_ADD(gro_wait, ipv4) { .family = 4 };
FIXTURE_VARIANT_ADD(gro_wait, ipv6) { .family = 6 };

static void set_timeout(FIXTURE_DATA(gro_wait) *self, unsigned long long nanoseconds)
{
	tap_set_attribute(self->name, "gro_flush_timeout", nanoseconds);
}

FIXTURE_SETUP(gro_wait)
{
	net_private_namespace();
	tap_mount_sysfs();
	self->fd = tap_create(self->name, IFF_VNET_HDR | IFF_MULTI_QUEUE);
	net_set_up(self->name);
	self->host = host_open(self->name, variant->family == 4 ? ETH_P_IP : ETH_P_IPV6);
	set_timeout(self, NEVER);
}

FIXTURE_TEARDOWN(gro_wait)
{
	close(self->host);
	close(self->fd);
}

static void write_packet(FIXTURE_DATA(gro_wait) *self, const struct frame_plan *plan)
{
	frame_build(&self->frame, plan);
	ASSERT_EQ((int)frame_written(&self->frame),
		  tap_write(self->fd, &self->frame, frame_written(&self->frame)));
}

/* Segment @number of a stream to @port, with data unless it has SYN. */
static void write_segment(FIXTURE_DATA(gro_wait) *self, const FIXTURE_VARIANT(gro_wait) *variant,
			  uint16_t port, unsigned int number, uint8_t flags)
{
	write_packet(self, &(struct frame_plan){
		.family = variant->family, .protocol = IPPROTO_TCP,
		.payload = flags & TH_SYN ? 0 : PAYLOAD, .source_port = PORT,
		.destination_port = port, .sequence = number * PAYLOAD, .acknowledge = 1,
		.flags = flags,
	});
}

static void write_segments(FIXTURE_DATA(gro_wait) *self, const FIXTURE_VARIANT(gro_wait) *variant,
			   unsigned int first, unsigned int count)
{
	while (count--)
		write_segment(self, variant, PORT, first++, TH_ACK);
}

/* Payload bytes of the next packet, which is to @port and, if TCP, begins with @number. */
static int receive(FIXTURE_DATA(gro_wait) *self, uint16_t port, unsigned int number)
{
	size_t headers = sizeof(struct virtio_net_hdr) + self->frame.payload;
	const unsigned char *transport;
	uint32_t sequence;
	int length;

	length = host_read(self->host, self->received, sizeof(self->received), TAP_PATIENCE);
	transport = self->received + sizeof(struct virtio_net_hdr) + self->frame.transport;
	ASSERT_LT((int)(transport - self->received) + 8, length);
	EXPECT_EQ(port, transport[2] << 8 | transport[3]);
	memcpy(&sequence, transport + 4, sizeof(sequence));
	if (self->frame.payload - self->frame.transport == sizeof(struct tcphdr))
		EXPECT_EQ(number * PAYLOAD, ntohl(sequence));
	return length - headers;
}

static void expect_quiet(FIXTURE_DATA(gro_wait) *self)
{
	EXPECT_EQ(-ETIMEDOUT, host_read(self->host, self->received, sizeof(self->received),
					TAP_QUIET));
}

/* The first segment finds no stream; those after it wait. */
static void make_wait(FIXTURE_DATA(gro_wait) *self, const FIXTURE_VARIANT(gro_wait) *variant,
		      unsigned int count)
{
	write_segments(self, variant, 0, 1);
	EXPECT_EQ(PAYLOAD, receive(self, PORT, 0));
	write_segments(self, variant, 1, count);
	expect_quiet(self);
}

TEST_F(gro_wait, segments_wait_and_arrive_as_one_packet_with_the_push)
{
	const struct virtio_net_hdr *header = (void *)self->received;

	make_wait(self, variant, SEGMENTS - 1);
	write_segment(self, variant, PORT, SEGMENTS, TH_ACK | TH_PUSH);
	EXPECT_EQ(SEGMENTS * PAYLOAD, receive(self, PORT, 1));
	EXPECT_EQ(PAYLOAD, header->gso_size);
	EXPECT_EQ(SEGMENTS + 1, tap_counter(self->name, "rx_packets"));
}

TEST_F(gro_wait, stream_that_pauses_arrives_after_the_timeout)
{
	int payload = 0;

	set_timeout(self, SOON);
	for (int round = 0; round < 3; round++) {
		write_segments(self, variant, round * SEGMENTS, SEGMENTS);
		while (payload < (round + 1) * SEGMENTS * PAYLOAD)
			payload += receive(self, PORT, payload / PAYLOAD);
	}
}

/* A request of two segments, its answer, and so on: none of them waits for anything. */
TEST_F(gro_wait, requests_and_what_opens_and_closes_do_not_wait)
{
	static const uint8_t flags[] = {
		TH_SYN, TH_ACK | TH_PUSH, TH_ACK | TH_PUSH, TH_ACK | TH_FIN, TH_RST, TH_RST,
	};

	for (unsigned int i = 0; i < sizeof(flags); i++) {
		write_segment(self, variant, PORT, i, flags[i]);
		EXPECT_EQ(flags[i] & TH_SYN ? 0 : PAYLOAD, receive(self, PORT, i));
	}
	write_segment(self, variant, PORT, 0, TH_ACK);
	EXPECT_EQ(PAYLOAD, receive(self, PORT, 0));
}

/* They are what the other direction of a stream waits for. */
TEST_F(gro_wait, acknowledgements_do_not_wait)
{
	struct frame_plan plan = {
		.family = variant->family, .protocol = IPPROTO_TCP, .source_port = PORT,
		.destination_port = PORT, .sequence = 1 * PAYLOAD, .flags = TH_ACK,
	};

	make_wait(self, variant, 0);
	for (unsigned int i = 0; i < SEGMENTS; i++) {
		plan.acknowledge = i;
		write_packet(self, &plan);
		EXPECT_EQ(0, receive(self, PORT, 1));
	}
}

TEST_F(gro_wait, nothing_of_the_stream_overtakes_what_waits)
{
	struct frame_plan plan = {
		.family = variant->family, .protocol = IPPROTO_TCP, .source_port = PORT,
		.destination_port = PORT, .sequence = (SEGMENTS + 1) * PAYLOAD, .acknowledge = 1,
	};
	static const uint8_t flags[] = { TH_ACK, TH_SYN, TH_RST, TH_ACK | TH_URG };

	make_wait(self, variant, 0);
	for (unsigned int i = 0; i < sizeof(flags); i++) {
		write_segments(self, variant, 1, SEGMENTS);
		expect_quiet(self);
		plan.flags = flags[i];
		write_packet(self, &plan);
		EXPECT_EQ(SEGMENTS * PAYLOAD, receive(self, PORT, 1));
		EXPECT_EQ(0, receive(self, PORT, SEGMENTS + 1));
	}
}

TEST_F(gro_wait, datagram_passes_by_what_waits)
{
	make_wait(self, variant, SEGMENTS);
	write_packet(self, &(struct frame_plan){
		.family = variant->family, .protocol = IPPROTO_UDP, .payload = PAYLOAD,
		.source_port = PORT, .destination_port = OTHER_PORT,
	});
	EXPECT_EQ(PAYLOAD, receive(self, OTHER_PORT, 0));
	write_segment(self, variant, PORT, SEGMENTS + 1, TH_ACK | TH_PUSH);
	EXPECT_EQ((SEGMENTS + 1) * PAYLOAD, receive(self, PORT, 1));
}

/* ---- who wants no waiting ---- */

static void expect_each_alone(FIXTURE_DATA(gro_wait) *self,
			      const FIXTURE_VARIANT(gro_wait) *variant)
{
	for (unsigned int i = 0; i < SEGMENTS; i++) {
		write_segments(self, variant, i, 1);
		EXPECT_EQ(PAYLOAD, receive(self, PORT, i));
	}
}

TEST_F(gro_wait, timeout_of_zero_turns_it_off)
{
	set_timeout(self, 0);
	expect_each_alone(self, variant);
}

TEST_F(gro_wait, without_gro_nothing_waits)
{
	ethtool(self->name, &(struct ethtool_value){ .cmd = ETHTOOL_SGRO, .data = 0 });
	expect_each_alone(self, variant);
}

/* Else a writer could wait for the send buffer of packets that wait for the writer. */
TEST_F(gro_wait, segments_charged_to_their_writer_do_not_wait)
{
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETSNDBUF, 1500));
	expect_each_alone(self, variant);
}

/* ---- changes while segments wait ---- */

/* The host's socket tells that its interface went down. */
static void forget_errors(FIXTURE_DATA(gro_wait) *self)
{
	int error;

	ASSERT_EQ(0, getsockopt(self->host, SOL_SOCKET, SO_ERROR, &error,
				&(socklen_t){ sizeof(error) }));
}

TEST_F(gro_wait, interface_goes_down_and_up_with_segments_waiting)
{
	make_wait(self, variant, SEGMENTS);
	ASSERT_TRUE(run("ip link set %s down", self->name));
	forget_errors(self);
	EXPECT_EQ(SEGMENTS * PAYLOAD, receive(self, PORT, 1));
	ASSERT_TRUE(run("ip link set %s up", self->name));
	make_wait(self, variant, SEGMENTS);
	write_segment(self, variant, PORT, SEGMENTS + 1, TH_ACK | TH_PUSH);
	EXPECT_EQ((SEGMENTS + 1) * PAYLOAD, receive(self, PORT, 1));
}

/* The timer that was left when the interface went down is not the one that is needed now. */
TEST_F(gro_wait, stream_that_pauses_arrives_also_after_down_and_up)
{
	int payload = 0;

	make_wait(self, variant, SEGMENTS);
	ASSERT_TRUE(run("ip link set %s down && ip link set %s up", self->name, self->name));
	forget_errors(self);
	EXPECT_EQ(SEGMENTS * PAYLOAD, receive(self, PORT, 1));
	set_timeout(self, SOON);
	write_segments(self, variant, 0, SEGMENTS);
	while (payload < SEGMENTS * PAYLOAD)
		payload += receive(self, PORT, payload / PAYLOAD);
}

TEST_F(gro_wait, interface_is_deleted_with_segments_waiting)
{
	make_wait(self, variant, SEGMENTS);
	ASSERT_TRUE(run("ip link del %s", self->name));
}

TEST_F(gro_wait, last_file_is_closed_with_segments_waiting)
{
	make_wait(self, variant, SEGMENTS);
	close(self->fd);
	self->fd = -1;
}

/* The queue takes the slot of the one that leaves, and what waits must not stay behind. */
TEST_F(gro_wait, segments_of_a_queue_that_moves_arrive)
{
	char name[IFNAMSIZ];
	int fd = tap_open(), first = self->fd;

	memcpy(name, self->name, IFNAMSIZ);
	ASSERT_EQ(0, tap_attach(fd, name, TAP_FLAGS | IFF_VNET_HDR | IFF_MULTI_QUEUE));
	self->fd = fd;
	make_wait(self, variant, SEGMENTS);
	close(first);
	EXPECT_EQ(SEGMENTS * PAYLOAD, receive(self, PORT, 1));
	write_segment(self, variant, PORT, SEGMENTS + 1, TH_ACK);
	EXPECT_EQ(PAYLOAD, receive(self, PORT, SEGMENTS + 1));
}

static atomic_bool written;

static void *change_interface(void *data)
{
	FIXTURE_DATA(gro_wait) *self = data;

	for (unsigned int i = 0; !written; i++) {
		set_timeout(self, i % 3 * 50000ull);
		run("ip link set %s down && ip link set %s up", self->name, self->name);
	}
	return NULL;
}

/* Whoever writes meanwhile is told that it is down, and nothing hangs. */
TEST_F_TIMEOUT(gro_wait, interface_goes_up_and_down_under_a_stream, 120)
{
	pthread_t changer;

	ASSERT_EQ(0, pthread_create(&changer, NULL, change_interface, self));
	for (unsigned int i = 0; i < harness_repetitions(STREAM); i++) {
		frame_build(&self->frame, &(struct frame_plan){
			.family = variant->family, .protocol = IPPROTO_TCP, .payload = PAYLOAD,
			.sequence = i * PAYLOAD, .flags = TH_ACK,
		});
		(void)!write(self->fd, &self->frame, frame_written(&self->frame));
	}
	written = true;
	pthread_join(changer, NULL);
	/* And it still works. */
	set_timeout(self, 0);
	forget_errors(self);
	while (host_read(self->host, self->received, sizeof(self->received), TAP_QUIET) > 0)
		;
	expect_each_alone(self, variant);
}

static void *write_stream(void *data)
{
	FIXTURE_DATA(gro_wait) *self = data;
	const FIXTURE_VARIANT(gro_wait) ipv4 = { .family = 4 };

	for (unsigned int i = 0; i < STREAM / 4; i++) {
		write_segments(self, &ipv4, i, 1);
		/* Sometimes the timer is first, sometimes at the same time. */
		for (volatile unsigned int wait = i * 7919 % 3000; wait; wait--)
			;
	}
	return NULL;
}

/* The timer hands over on one processor while the writer writes on another. */
TEST_F_TIMEOUT(gro_wait, stream_arrives_in_order_whatever_its_pace, 120)
{
	int payload = 0;
	pthread_t writer;

	if (variant->family != 4)
		SKIP(return, "one IP version does");
	set_timeout(self, 100000);
	/* The reader needs the headers' lengths. */
	make_wait(self, variant, 0);
	ASSERT_EQ(0, pthread_create(&writer, NULL, write_stream, self));
	while (payload < STREAM / 4 * PAYLOAD)
		payload += receive(self, PORT, payload / PAYLOAD);
	pthread_join(writer, NULL);
}

TEST_HARNESS_MAIN
