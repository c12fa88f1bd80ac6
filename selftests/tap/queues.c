// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interfaces of several queues, each with a file of its own: they come, go and are
 * switched off and on (TUNSETQUEUE) at any time, and the stack spreads packets over
 * those that are there. A guest changes their number whenever it likes, so nothing
 * of this may be left to good manners.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include <linux/if_packet.h>

#include "tap.h"

#define FRAME 200
#define QUEUES_MAX 256
#define ROUNDS 10

FIXTURE(queues) {
	char name[IFNAMSIZ];
	int fd[QUEUES_MAX];
	unsigned char buffer[2048];
};

FIXTURE_SETUP(queues)
{
	const struct rlimit files = { 1024, 1024 };

	net_private_namespace();
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &files));
	for (int i = 0; i < QUEUES_MAX; i++)
		self->fd[i] = -1;
	self->fd[0] = tap_create(self->name, IFF_MULTI_QUEUE);
	net_set_up(self->name);
}

FIXTURE_TEARDOWN(queues)
{
	for (int i = 0; i < QUEUES_MAX; i++)
		if (self->fd[i] >= 0)
			close(self->fd[i]);
}

static int join(FIXTURE_DATA(queues) *self, int fd, unsigned int flags)
{
	char name[IFNAMSIZ];

	memcpy(name, self->name, IFNAMSIZ);
	return tap_attach(fd, name, TAP_FLAGS | flags);
}

/* Files [1, count) join as well. */
static void join_all(FIXTURE_DATA(queues) *self, int count)
{
	for (int i = 1; i < count; i++) {
		self->fd[i] = tap_open();
		ASSERT_EQ(0, join(self, self->fd[i], IFF_MULTI_QUEUE));
	}
}

static void leave(FIXTURE_DATA(queues) *self, int index)
{
	close(self->fd[index]);
	self->fd[index] = -1;
}

/* How many queues the stack knows of. */
static int queues_of(const char *name)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };

	ethtool(name, &channels);
	EXPECT_EQ(QUEUES_MAX, channels.max_combined);
	return channels.combined_count;
}

/* The host sends an IPv4/UDP packet, of a flow of its own for each @port. */
static void send_flow(int host, const char *name, unsigned int port)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = if_nametoindex(name),
		.sll_protocol = htons(ETH_P_IP),
	};
	unsigned char frame[FRAME] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45 };

	frame[17] = FRAME - ETH_HLEN;
	frame[22] = 64;
	frame[23] = IPPROTO_UDP;
	frame[29] = 1;
	frame[33] = 2;
	frame[34] = port >> 8;
	frame[35] = port;
	frame[39] = FRAME - ETH_HLEN - 20;
	while (sendto(host, frame, FRAME, 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		ASSERT_EQ(ENOBUFS, errno);
}

static void send_flows(const char *name, unsigned int count)
{
	int host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	ASSERT_LE(0, host);
	for (unsigned int port = 1; port <= count; port++)
		send_flow(host, name, port);
	close(host);
}

/* Packets of send_flows() that wait at a file. */
static unsigned int drain(FIXTURE_DATA(queues) *self, int fd)
{
	unsigned int count = 0;
	ssize_t length;

	while ((length = read(fd, self->buffer, sizeof(self->buffer))) > 0)
		count += length == FRAME && self->buffer[12] == 8 && self->buffer[13] == 0;
	EXPECT_EQ(EAGAIN, errno);
	return count;
}

/* ---- joining ---- */

TEST_F(queues, number_that_the_stack_uses_follows_the_files)
{
	EXPECT_EQ(1, queues_of(self->name));
	join_all(self, 4);
	EXPECT_EQ(4, queues_of(self->name));
	ASSERT_EQ(0, tap_set_queue(self->fd[1], IFF_DETACH_QUEUE));
	EXPECT_EQ(3, queues_of(self->name));
	leave(self, 0);
	EXPECT_EQ(2, queues_of(self->name));
	ASSERT_EQ(0, tap_set_queue(self->fd[1], IFF_ATTACH_QUEUE));
	EXPECT_EQ(3, queues_of(self->name));
}

TEST_F(queues, are_for_interfaces_made_for_several)
{
	char name[IFNAMSIZ];
	int single = tap_create(name, 0), fd = tap_open();

	EXPECT_EQ(-EINVAL, tap_attach(fd, name, TAP_FLAGS | IFF_MULTI_QUEUE));
	EXPECT_EQ(-EINVAL, join(self, fd, 0));
	EXPECT_EQ(-EINVAL, tap_set_queue(single, IFF_DETACH_QUEUE));
	EXPECT_EQ(0, join(self, fd, IFF_MULTI_QUEUE));
	close(single);
	close(fd);
}

TEST_F_TIMEOUT(queues, number_256_with_the_disabled_ones, 120)
{
	int fd = tap_open();

	join_all(self, QUEUES_MAX);
	EXPECT_EQ(QUEUES_MAX, queues_of(self->name));
	EXPECT_EQ(-E2BIG, join(self, fd, IFF_MULTI_QUEUE));
	ASSERT_EQ(0, tap_set_queue(self->fd[7], IFF_DETACH_QUEUE));
	EXPECT_EQ(-E2BIG, join(self, fd, IFF_MULTI_QUEUE));
	leave(self, 7);
	EXPECT_EQ(0, join(self, fd, IFF_MULTI_QUEUE));
	close(fd);
	EXPECT_TRUE(run("ip link del %s", self->name));
}

TEST_F(queues, newcomer_does_not_change_the_flags_of_all)
{
	struct ifreq request;

	self->fd[1] = tap_open();
	ASSERT_EQ(0, join(self, self->fd[1], IFF_MULTI_QUEUE | IFF_VNET_HDR));
	ASSERT_EQ(0, ioctl(self->fd[1], TUNGETIFF, &request));
	EXPECT_EQ(0, request.ifr_flags & IFF_VNET_HDR);
}

/* ---- packets ---- */

TEST_F(queues, share_the_packets_of_many_flows)
{
	unsigned int total = 0, busy = 0, count;

	join_all(self, 4);
	send_flows(self->name, 200);
	for (int i = 0; i < 4; i++) {
		count = drain(self, self->fd[i]);
		total += count;
		busy += count > 0;
	}
	EXPECT_EQ(200, total);
	EXPECT_LE(2, busy);
}

TEST_F(queues, that_are_disabled_get_nothing_and_the_rest_gets_all)
{
	join_all(self, 3);
	ASSERT_EQ(0, tap_set_queue(self->fd[1], IFF_DETACH_QUEUE));
	send_flows(self->name, 100);
	EXPECT_EQ(0, drain(self, self->fd[1]));
	EXPECT_EQ(100, drain(self, self->fd[0]) + drain(self, self->fd[2]));
}

TEST_F(queues, that_move_keep_their_packets)
{
	join_all(self, 2);
	send_flows(self->name, 100);
	EXPECT_LT(0, drain(self, self->fd[0]));
	leave(self, 0);
	EXPECT_LT(0, drain(self, self->fd[1]));
	send_flows(self->name, 100);
	EXPECT_EQ(100, drain(self, self->fd[1]));
}

TEST_F(queues, that_are_disabled_take_no_packets_to_the_host)
{
	join_all(self, 2);
	net_fill_frame(self->buffer, FRAME, 1);
	ASSERT_EQ(0, tap_set_queue(self->fd[1], IFF_DETACH_QUEUE));
	EXPECT_EQ(-EBUSY, tap_write(self->fd[1], self->buffer, FRAME));
	EXPECT_EQ(FRAME, tap_write(self->fd[0], self->buffer, FRAME));
	ASSERT_EQ(0, tap_set_queue(self->fd[1], IFF_ATTACH_QUEUE));
	EXPECT_EQ(FRAME, tap_write(self->fd[1], self->buffer, FRAME));
}

TEST_F(queues, may_all_be_disabled)
{
	ASSERT_EQ(0, tap_set_queue(self->fd[0], IFF_DETACH_QUEUE));
	send_flows(self->name, 10);
	EXPECT_EQ(0, drain(self, self->fd[0]));
	ASSERT_EQ(0, tap_set_queue(self->fd[0], IFF_ATTACH_QUEUE));
	send_flows(self->name, 10);
	EXPECT_EQ(10, drain(self, self->fd[0]));
}

/* ---- switching off and on ---- */

TEST_F(queues, that_are_disabled_follow_the_queue_length)
{
	/* Holds nothing back, so that what is beyond the ring is dropped. */
	ASSERT_TRUE(run("tc qdisc replace dev %s root noqueue", self->name));
	ASSERT_EQ(0, tap_set_queue(self->fd[0], IFF_DETACH_QUEUE));
	ASSERT_TRUE(run("ip link set %s txqueuelen 10", self->name));
	ASSERT_EQ(0, tap_set_queue(self->fd[0], IFF_ATTACH_QUEUE));
	send_flows(self->name, 30);
	EXPECT_EQ(10, drain(self, self->fd[0]));
}

/* Who waits to write is not told again when the queue is switched on. */
TEST_F(queues, that_are_disabled_learn_that_the_interface_is_up)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	ASSERT_LE(0, epoll);
	ASSERT_TRUE(run("ip link set %s down", self->name));
	ASSERT_EQ(0, tap_set_queue(self->fd[0], IFF_DETACH_QUEUE));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd[0], &event));
	ASSERT_EQ(0, epoll_wait(epoll, &event, 1, 0));
	net_set_up(self->name);
	EXPECT_EQ(1, epoll_wait(epoll, &event, 1, TAP_PATIENCE));
	close(epoll);
}

TEST_F(queues, are_switched_off_once_and_on_once)
{
	struct ifreq request;
	int fd = tap_open();

	EXPECT_EQ(-EINVAL, tap_set_queue(fd, IFF_ATTACH_QUEUE));
	EXPECT_EQ(-EINVAL, tap_set_queue(fd, IFF_DETACH_QUEUE));
	close(fd);
	EXPECT_EQ(-EINVAL, tap_set_queue(self->fd[0], 0));
	EXPECT_EQ(-EINVAL, tap_set_queue(self->fd[0], IFF_ATTACH_QUEUE));
	ASSERT_EQ(0, tap_set_queue(self->fd[0], IFF_DETACH_QUEUE));
	EXPECT_EQ(-EINVAL, tap_set_queue(self->fd[0], IFF_DETACH_QUEUE));
	EXPECT_EQ(-EEXIST, join(self, self->fd[0], IFF_MULTI_QUEUE));
	ASSERT_EQ(0, ioctl(self->fd[0], TUNGETIFF, &request));
	EXPECT_EQ(IFF_DETACH_QUEUE, request.ifr_flags & IFF_DETACH_QUEUE);
	ASSERT_EQ(0, tap_set_queue(self->fd[0], IFF_ATTACH_QUEUE));
	ASSERT_EQ(0, ioctl(self->fd[0], TUNGETIFF, &request));
	EXPECT_EQ(0, request.ifr_flags & IFF_DETACH_QUEUE);
}

TEST_F(queues, of_a_deleted_interface_are_free_again)
{
	join_all(self, 3);
	ASSERT_EQ(0, tap_set_queue(self->fd[1], IFF_DETACH_QUEUE));
	ASSERT_TRUE(run("ip link del %s", self->name));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(-EINVAL, tap_set_queue(self->fd[i], IFF_DETACH_QUEUE));
		EXPECT_EQ(-EINVAL, tap_set_queue(self->fd[i], IFF_ATTACH_QUEUE));
		EXPECT_EQ(-1, read(self->fd[i], self->buffer, FRAME));
		EXPECT_EQ(EBADFD, errno);
	}
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, join(self, self->fd[i], IFF_MULTI_QUEUE));
	EXPECT_EQ(3, queues_of(self->name));
}

TEST_F(queues, keep_their_interface_even_disabled)
{
	join_all(self, 2);
	ASSERT_EQ(0, tap_set_queue(self->fd[1], IFF_DETACH_QUEUE));
	leave(self, 0);
	EXPECT_NE(0, if_nametoindex(self->name));
	leave(self, 1);
	EXPECT_EQ(0, if_nametoindex(self->name));
}

TEST_F(queues, of_a_persistent_interface_come_back)
{
	join_all(self, 2);
	ASSERT_EQ(0, tap_set(self->fd[0], TUNSETPERSIST, 1));
	leave(self, 0);
	leave(self, 1);
	EXPECT_NE(0, if_nametoindex(self->name));
	self->fd[0] = tap_open();
	ASSERT_EQ(0, join(self, self->fd[0], IFF_MULTI_QUEUE));
	join_all(self, 3);
	EXPECT_EQ(3, queues_of(self->name));
	EXPECT_TRUE(tap_has_carrier(self->name));
	send_flows(self->name, 10);
	EXPECT_EQ(10, drain(self, self->fd[0]) + drain(self, self->fd[1]) +
		      drain(self, self->fd[2]));
}

/* ---- under load ---- */

static atomic_bool stop;

static void *flood(void *data)
{
	const char *name = data;
	int host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	unsigned int port = 0;

	fcntl(host, F_SETFL, O_NONBLOCK);
	while (!atomic_load(&stop)) {
		unsigned char frame[60] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45 };
		struct sockaddr_ll to = {
			.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(name),
		};

		frame[34] = ++port;
		sendto(host, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to));
	}
	close(host);
	return NULL;
}

/* Reads and writes whatever files there are; EBUSY, EBADF and EAGAIN come as they may. */
static void *echo(void *data)
{
	FIXTURE_DATA(queues) *self = data;
	unsigned char buffer[2048];

	while (!atomic_load(&stop)) {
		for (int i = 1; i < 4; i++) {
			ssize_t length = read(self->fd[i], buffer, sizeof(buffer));

			if (length > 0 && write(self->fd[i], buffer, length) < 0)
				continue;
		}
	}
	return NULL;
}

TEST_F_TIMEOUT(queues, come_and_go_under_load, 120)
{
	pthread_t sender, reader;

	join_all(self, 4);
	ASSERT_EQ(0, pthread_create(&sender, NULL, flood, self->name));
	ASSERT_EQ(0, pthread_create(&reader, NULL, echo, self));
	for (int round = 0; round < ROUNDS; round++) {
		int fd = tap_open();

		ASSERT_EQ(0, tap_set_queue(self->fd[1 + round % 3], IFF_DETACH_QUEUE));
		ASSERT_EQ(0, join(self, fd, IFF_MULTI_QUEUE));
		ASSERT_EQ(0, tap_set_queue(self->fd[0], IFF_DETACH_QUEUE));
		ASSERT_EQ(0, tap_set_queue(self->fd[1 + round % 3], IFF_ATTACH_QUEUE));
		close(fd);
		ASSERT_EQ(0, tap_set_queue(self->fd[0], IFF_ATTACH_QUEUE));
	}
	atomic_store(&stop, true);
	pthread_join(sender, NULL);
	pthread_join(reader, NULL);
	EXPECT_EQ(4, queues_of(self->name));
	for (int i = 0; i < 4; i++)
		drain(self, self->fd[i]);
	send_flows(self->name, 50);
	EXPECT_EQ(50, drain(self, self->fd[0]) + drain(self, self->fd[1]) +
		      drain(self, self->fd[2]) + drain(self, self->fd[3]));
}

TEST_F(queues, end_under_load_with_their_interface)
{
	pthread_t sender, reader;

	join_all(self, 4);
	ASSERT_EQ(0, pthread_create(&sender, NULL, flood, self->name));
	ASSERT_EQ(0, pthread_create(&reader, NULL, echo, self));
	usleep(100000);
	ASSERT_EQ(0, tap_set_queue(self->fd[2], IFF_DETACH_QUEUE));
	EXPECT_TRUE(run("ip link del %s", self->name));
	atomic_store(&stop, true);
	pthread_join(sender, NULL);
	pthread_join(reader, NULL);
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(-1, read(self->fd[i], self->buffer, FRAME));
		EXPECT_EQ(EBADFD, errno);
	}
}

TEST_HARNESS_MAIN
