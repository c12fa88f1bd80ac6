// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues that come and go under a program: what it sends back goes to the ring of a queue that
 * may be gone by then, and what it redirects to a queue chosen anew each time. Every packet that
 * a writer was told is taken has to be in one counter, and every one that went to a ring
 * in the reader's hands or counted as dropped.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "figures.h"
#include "threads.h"
#include "usage.h"
#include "xdp.h"

#define QUEUES 3
#define FRAME 200
#define ROUNDS 60
/* So few fit into a ring that some find it full before they are read. */
#define RING 8
#define UNREAD 100

FIXTURE(xdp_queues) {
	struct usage before;
	int queues[QUEUES];
	int target;
	int host;
	char name[IFNAMSIZ];
	char target_name[IFNAMSIZ];
	unsigned char frame[FRAME];
	unsigned char received[2048];
	atomic_bool over;
	uint64_t written;
	uint64_t read;
};

static int open_queue(FIXTURE_DATA(xdp_queues) *self)
{
	int fd = tap_open();

	ASSERT_EQ(0, tap_attach(fd, self->name, TAP_FLAGS | IFF_MULTI_QUEUE));
	return fd;
}

FIXTURE_SETUP(xdp_queues)
{
	net_private_namespace();
	usage_measure(&self->before);
	strcpy(self->name, "queues%d");
	for (unsigned int i = 0; i < QUEUES; i++)
		self->queues[i] = open_queue(self);
	self->target = tap_create(self->target_name, 0);
	ASSERT_TRUE(run("ip link set %s txqueuelen %d && ip link set %s txqueuelen %d", self->name, RING,
			self->target_name, RING));
	net_set_up(self->name);
	net_set_up(self->target_name);
	/* Packets that pass have a receiver: otherwise the stack drops them, and counts that, too. */
	self->host = net_host_socket(self->name);
	net_fill_frame(self->frame, FRAME, 1);
}

FIXTURE_TEARDOWN(xdp_queues)
{
	for (unsigned int i = 0; i < QUEUES; i++)
		close(self->queues[i]);
	close(self->target);
	close(self->host);
	EXPECT_TRUE(usage_returns_to(&self->before));
}

#define total(counter) counter_total(self->name, counter)

static void drain(FIXTURE_DATA(xdp_queues) *self, int fd)
{
	while (read(fd, self->received, sizeof(self->received)) > 0)
		self->read++;
}

static void drain_all(FIXTURE_DATA(xdp_queues) *self)
{
	for (unsigned int i = 0; i < QUEUES; i++)
		drain(self, self->queues[i]);
	drain(self, self->target);
}

/* The first byte of the payload is the verdict of a program that asks for it. */
static void *write_until_over(void *data)
{
	static const int verdicts[] = { XDP_TX, XDP_PASS, XDP_TX, XDP_DROP, XDP_TX, XDP_ABORTED };
	FIXTURE_DATA(xdp_queues) *self = data;

	for (unsigned int i = 0; !self->over; i++) {
		self->frame[ETH_HLEN] = verdicts[i % 6];
		if (tap_write(self->queues[i % QUEUES], self->frame, FRAME) == FRAME)
			self->written++;
		if (i % UNREAD == 0)
			drain_all(self);
	}
	return NULL;
}

/* The file of the last queue is replaced under its number, so that the writer finds it always. */
static void replace_last(FIXTURE_DATA(xdp_queues) *self)
{
	int fd = tap_open(), *last = &self->queues[QUEUES - 1];

	ASSERT_EQ(*last, dup3(fd, *last, O_CLOEXEC));
	close(fd);
	ASSERT_EQ(0, tap_attach(*last, self->name, TAP_FLAGS | IFF_MULTI_QUEUE));
}

/* Write while the first queue is disabled and enabled and the last one comes and goes. */
static void change_under_load(FIXTURE_DATA(xdp_queues) *self)
{
	pthread_t writer;

	threads_share_a_processor();
	ASSERT_EQ(0, pthread_create(&writer, NULL, write_until_over, self));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, tap_set_queue(self->queues[0], i % 2 ? IFF_ATTACH_QUEUE :
					   IFF_DETACH_QUEUE));
		if (i % 3 == 0)
			replace_last(self);
	}
	self->over = true;
	pthread_join(writer, NULL);
	EXPECT_LT(0, self->written);
}

static void expect_that_all_written_is_counted(FIXTURE_DATA(xdp_queues) *self)
{
	EXPECT_EQ(self->written, total("rx_packets") + total("xdp_drop") + total("xdp_errors"));
	EXPECT_TRUE(figures_agree(self->name));
}

TEST_F_TIMEOUT(xdp_queues, packets_sent_back_find_their_queue_or_are_counted, 60)
{
	xdp_attach(self->name, xdp_load_ask_packet(ETH_HLEN));
	change_under_load(self);
	drain_all(self);
	expect_that_all_written_is_counted(self);
	EXPECT_LT(0, total("xdp_tx"));
	EXPECT_EQ(self->read, total("tx_packets"));
	EXPECT_EQ(total("xdp_tx"), total("tx_packets") + total("tx_dropped"));
	EXPECT_LT(0, total("xdp_errors"));
}

/* From a tap whose queues stay, to one whose queues do not. */
TEST_F_TIMEOUT(xdp_queues, packets_redirected_find_a_queue_or_are_counted, 60)
{
	uint64_t redirected;

	xdp_attach(self->name, xdp_load_redirect(self->name));
	change_under_load(self);
	drain_all(self);
	expect_that_all_written_is_counted(self);
	redirected = total("xdp_redirect");
	EXPECT_LT(0, redirected);
	EXPECT_EQ(self->read, total("tx_packets"));
	EXPECT_EQ(redirected, total("tx_packets") + total("tx_dropped"));
	EXPECT_LT(0, total("tx_dropped"));
}

TEST_F_TIMEOUT(xdp_queues, packets_redirected_to_another_tap_all_arrive, 60)
{
	xdp_attach(self->name, xdp_load_redirect(self->target_name));
	change_under_load(self);
	drain_all(self);
	expect_that_all_written_is_counted(self);
	EXPECT_EQ(self->read, counter_total(self->target_name, "tx_packets"));
	EXPECT_EQ(total("xdp_redirect"), counter_total(self->target_name, "tx_packets") +
		  counter_total(self->target_name, "tx_dropped"));
	EXPECT_EQ(self->written, total("xdp_redirect"));
}

/* A queue that comes when there is a program already. */
TEST_F(xdp_queues, queue_that_comes_later_meets_the_program)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_DROP));
	replace_last(self);
	for (unsigned int i = 0; i < QUEUES; i++)
		ASSERT_EQ(FRAME, tap_write(self->queues[i], self->frame, FRAME));
	EXPECT_EQ(QUEUES, total("xdp_drop"));
	EXPECT_EQ(0, total("rx_packets"));
}

TEST_HARNESS_MAIN
