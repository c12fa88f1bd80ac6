// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there when packets are moved: each allocation and each copy of a worker's
 * fails once; then some of many at the same time. A packet may be lost, then it is counted, and
 * no buffer is; the queue goes on. Memory that is not there when the backend is replaced under
 * a running queue leaves the one it had.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>

#include "fault.h"
#include "rig.h"
#include "threads.h"

#define RING 64
#define SMALL 200
/* Too long for one piece of memory. */
#define LARGE 20000
#define PRESSURE_PACKETS 300
#define PRESSURE_FAULTS 1000
/* Far fewer than fail, so that chance decides nothing. */
#define PRESSURE_FAULTS_MIN 20
/* Milliseconds between two looks. */
#define LOOK 10

FIXTURE(net) {
	struct rig rig;
	struct driver_queue *queue;
	unsigned char frame[LARGE];
	unsigned char *room;
	bool posted;
};
FIXTURE_VARIANT(net) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(net, tx) { RIG_NET_TX };
FIXTURE_VARIANT_ADD(net, rx) { RIG_NET_RX };

FIXTURE_SETUP(net)
{
	FAULT_OR_SKIP();
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	rig_start(&self->rig);
	self->queue = self->rig.queue;
	self->room = guest_alloc(&self->rig.driver.guest, NET_HEADER + LARGE, 16);
}

FIXTURE_TEARDOWN(net)
{
	rig_exit(&self->rig);
}

static void fault_in_worker(const struct driver_queue *queue)
{
	char name[40];
	pid_t worker;

	snprintf(name, sizeof(name), "rh-net-%d/%u", getpid(), queue->index);
	worker = threads_find(name);
	ASSERT_NE(0, worker);
	fault_in_thread(worker);
}

/* Whether the socket lost a packet, for lack of memory for its copy, since it was asked. */
static bool host_dropped(int host)
{
	struct tpacket_stats stats = { 0 };
	socklen_t length = sizeof(stats);

	ASSERT_EQ(0, getsockopt(host, SOL_PACKET, PACKET_STATISTICS, &stats, &length));
	return stats.tp_drops;
}

/* 0 if the frame arrived, -ENOBUFS if somebody counted that it did not. */
static int transmit(FIXTURE_DATA(net) *self, uint32_t length)
{
	uint64_t before = driver_stat(self->queue, RINGHOST_STAT_REJECT_NET_PACKET);
	struct pollfd poller = { .fd = self->rig.host, .events = POLLIN };
	int head = net_send(&self->rig.driver, self->frame, length);
	struct driver_used used;

	if (head < 0)
		return head;
	driver_kick(self->queue);
	if (!driver_wait(self->queue, &used, DRIVER_TIMEOUT))
		return -ETIMEDOUT;
	if (driver_stat(self->queue, RINGHOST_STAT_REJECT_NET_PACKET) != before ||
	    host_dropped(self->rig.host))
		return -ENOBUFS;
	if (poll(&poller, 1, DRIVER_TIMEOUT) != 1)
		return -ENOMSG;
	return recv(self->rig.host, self->frame, LARGE, 0) == (ssize_t)length ? 0 : -EPROTO;
}

/* 0 if the frame arrived, -ENOBUFS if it was dropped and counted; then the buffer stays. */
static int receive(FIXTURE_DATA(net) *self, uint32_t length)
{
	uint64_t before = driver_stat(self->queue, RINGHOST_STAT_NET_DROPS);
	struct driver_used used;

	if (!self->posted)
		ASSERT_LE(0, net_post(&self->rig.driver, self->room, NET_HEADER + LARGE));
	self->posted = true;
	driver_kick(self->queue);
	if (send(self->rig.host, self->frame, length, 0) != (ssize_t)length)
		return -EPROTO;
	for (unsigned int waited = 0; waited < DRIVER_TIMEOUT; waited += LOOK) {
		if (driver_wait(self->queue, &used, LOOK)) {
			self->posted = false;
			return used.written == NET_HEADER + length ? 0 : -EPROTO;
		}
		if (driver_stat(self->queue, RINGHOST_STAT_NET_DROPS) != before)
			return -ENOBUFS;
	}
	return -ETIMEDOUT;
}

static int move(FIXTURE_DATA(net) *self, uint32_t length)
{
	net_fill_frame(self->frame, length, length);
	return self->rig.flavour == RIG_NET_TX ? transmit(self, length) : receive(self, length);
}

TEST_F(net, packet_is_moved_or_counted_as_lost)
{
	EXPECT_EQ(0, move(self, SMALL));
	fault_in_worker(self->queue);
	EACH_FAULT(move(self, SMALL), ENOBUFS);
}

TEST_F(net, large_packet_is_moved_or_counted_as_lost)
{
	net_set_mtu(self->rig.tap, LARGE);
	EXPECT_EQ(0, move(self, LARGE));
	fault_in_worker(self->queue);
	EACH_FAULT(move(self, LARGE), ENOBUFS);
}

TEST_F_TIMEOUT(net, loses_no_buffer_under_pressure, 60)
{
	int result;

	if (self->rig.flavour == RIG_NET_RX)
		SKIP(return, "a packet that is received is only copied");
	net_set_mtu(self->rig.tap, LARGE);
	fault_pressure(30, PRESSURE_FAULTS);
	for (unsigned int i = 0; i < PRESSURE_PACKETS; i++) {
		result = move(self, i % 3 ? SMALL : LARGE);
		ASSERT_TRUE(result == 0 || result == -ENOBUFS) { TEST_LOG("%d", result); }
	}
	EXPECT_LE(PRESSURE_FAULTS_MIN, fault_pressure_end(PRESSURE_FAULTS));
	EXPECT_EQ(0, move(self, SMALL));
}

TEST_F(net, backend_is_replaced_or_stays)
{
	char name[IFNAMSIZ] = "other%d";
	int other = net_open_tap(name, 0), fd = self->rig.driver.fd;

	net_set_up(name);
	EACH_FAULT_UNDO(vhost_net_set_backend(fd, self->queue->index, other),
			rig_start_queue(&self->rig, self->queue));
	EXPECT_EQ(0, move(self, SMALL));
	close(other);
}

TEST_HARNESS_MAIN
