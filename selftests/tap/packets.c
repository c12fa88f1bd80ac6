// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading and writing: one call is one packet, whole and unchanged, in both
 * directions; what poll() says is what the next call does.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/uio.h>

#include "tap.h"

#define FRAME 100
#define LARGEST 65535
#define WAITING 600

FIXTURE(packets) {
	int fd;
	int host;
	int information;
	int header;
	char name[IFNAMSIZ];
	unsigned char sent[LARGEST + 100];
	unsigned char received[LARGEST + 100];
};

FIXTURE_VARIANT(packets) {
	unsigned int flags;
	int header;
};
FIXTURE_VARIANT_ADD(packets, bare) { IFF_NO_PI, 0 };
FIXTURE_VARIANT_ADD(packets, with_header) { IFF_NO_PI | IFF_VNET_HDR, 10 };
FIXTURE_VARIANT_ADD(packets, with_long_header) { IFF_NO_PI | IFF_VNET_HDR, 12 };
FIXTURE_VARIANT_ADD(packets, with_information) { 0, 0 };
FIXTURE_VARIANT_ADD(packets, with_information_and_header) { IFF_VNET_HDR, 12 };

FIXTURE_SETUP(packets)
{
	net_private_namespace();
	self->fd = tap_create_of(self->name, IFF_TAP | variant->flags);
	self->information = variant->flags & IFF_NO_PI ? 0 : sizeof(struct tun_pi);
	self->header = self->information + variant->header;
	if (variant->header)
		ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETHDRSZ, variant->header));
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
}

FIXTURE_TEARDOWN(packets)
{
	close(self->host);
	close(self->fd);
}

/* Put a frame of @length behind what goes before it into self->sent; returns it. */
static unsigned char *fill(FIXTURE_DATA(packets) *self, size_t length)
{
	struct tun_pi information = { .proto = htons(NET_ETHERTYPE) };

	memset(self->sent, 0, self->header);
	memcpy(self->sent, &information, self->information);
	net_fill_frame(self->sent + self->header, length, length);
	return self->sent + self->header;
}

static void send_from_host(FIXTURE_DATA(packets) *self, size_t length)
{
	ASSERT_EQ(length, send(self->host, fill(self, length), length, 0));
}

static void expect_frame(const unsigned char *expected, const unsigned char *seen, size_t length)
{
	EXPECT_EQ(0, memcmp(expected, seen, length));
}

TEST_F(packets, from_the_host_are_read_whole)
{
	static const size_t lengths[] = { 14, 15, 60, 61, 1000, 1514 };

	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		send_from_host(self, lengths[i]);
		memset(self->received, 0xa5, sizeof(self->received));
		ASSERT_EQ(self->header + lengths[i],
			  tap_read(self->fd, self->received, sizeof(self->received),
				   TAP_PATIENCE));
		expect_frame(self->sent, self->received, self->header + lengths[i]);
		EXPECT_EQ(0xa5, self->received[self->header + lengths[i]]);
	}
}

TEST_F(packets, written_reach_the_host_whole)
{
	static const size_t lengths[] = { 14, 15, 60, 1514, 3500, 4000, 9000, 40000, LARGEST };

	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		unsigned char *frame = fill(self, lengths[i]);

		ASSERT_EQ(self->header + lengths[i],
			  tap_write(self->fd, self->sent, self->header + lengths[i]));
		ASSERT_EQ(lengths[i], host_read(self->host, self->received,
						sizeof(self->received), TAP_PATIENCE));
		expect_frame(frame, self->received, lengths[i]);
	}
}

/* More than the memory that packets take turns in has room for. */
TEST_F(packets, that_wait_keep_their_bytes_whatever_comes_after_them)
{
	static const size_t lengths[] = { 60, 700, 1514 };
	int room = 16 << 20;

	ASSERT_EQ(0, setsockopt(self->host, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)));
	for (unsigned int i = 0; i < WAITING; i++) {
		size_t length = lengths[i % 3];

		net_fill_frame(fill(self, length), length, i);
		ASSERT_EQ(self->header + length,
			  tap_write(self->fd, self->sent, self->header + length));
	}
	for (unsigned int i = 0; i < WAITING; i++) {
		size_t length = lengths[i % 3];

		net_fill_frame(self->sent, length, i);
		ASSERT_EQ(length, host_read(self->host, self->received,
					    sizeof(self->received), TAP_PATIENCE));
		expect_frame(self->sent, self->received, length);
	}
}

TEST_F(packets, of_the_largest_mtu_are_read_whole)
{
	ASSERT_TRUE(run("ip link set %s mtu 65521", self->name));
	send_from_host(self, LARGEST);
	ASSERT_EQ(self->header + LARGEST,
		  tap_read(self->fd, self->received, sizeof(self->received), TAP_PATIENCE));
	expect_frame(self->sent, self->received, self->header + LARGEST);
}

TEST_F(packets, come_in_order)
{
	for (size_t i = 0; i < 100; i++)
		send_from_host(self, 60 + i);
	for (size_t i = 0; i < 100; i++)
		ASSERT_EQ(self->header + 60 + i, tap_read(self->fd, self->received,
							  sizeof(self->received), TAP_PATIENCE));
}

TEST_F(packets, are_gathered_and_scattered)
{
	struct iovec pieces[3] = {
		{ self->sent, 3 },
		{ self->sent + 3, 20 },
		{ self->sent + 23, self->header + FRAME - 23 },
	};
	unsigned char *frame = fill(self, FRAME);

	ASSERT_EQ(self->header + FRAME, writev(self->fd, pieces, 3));
	ASSERT_EQ(FRAME, host_read(self->host, self->received, FRAME, TAP_PATIENCE));
	expect_frame(frame, self->received, FRAME);

	send_from_host(self, FRAME);
	for (unsigned int i = 0; i < 3; i++)
		pieces[i].iov_base = self->received + ((unsigned char *)pieces[i].iov_base -
						       self->sent);
	memset(self->received, 0, sizeof(self->received));
	ASSERT_LT(0, poll(&(struct pollfd){ self->fd, POLLIN, 0 }, 1, TAP_PATIENCE));
	ASSERT_EQ(self->header + FRAME, readv(self->fd, pieces, 3));
	expect_frame(self->sent, self->received, self->header + FRAME);
}

TEST_F(packets, too_long_for_the_buffer_are_cut_off)
{
	const size_t room = self->header + 20;

	send_from_host(self, FRAME);
	send_from_host(self, 61);
	memset(self->received, 0xa5, sizeof(self->received));
	ASSERT_EQ(room, tap_read(self->fd, self->received, room, TAP_PATIENCE));
	EXPECT_EQ(0xa5, self->received[room]);
	/* The rest is gone; the next read gets the next packet. */
	EXPECT_EQ(self->header + 61,
		  tap_read(self->fd, self->received, sizeof(self->received), TAP_PATIENCE));
}

TEST_F(packets, need_room_for_what_goes_before_them)
{
	if (!self->header)
		SKIP(return, "nothing does");
	send_from_host(self, FRAME);
	EXPECT_EQ(-EINVAL, tap_read(self->fd, self->received, self->header - 1, TAP_PATIENCE));
}

TEST_F(packets, shorter_than_an_ethernet_header_are_refused)
{
	fill(self, FRAME);
	for (int length = 0; length < ETH_HLEN; length++)
		EXPECT_EQ(-EINVAL, tap_write(self->fd, self->sent, self->header + length));
	EXPECT_EQ(ETH_HLEN, tap_counter(self->name, "reject_short"));
	EXPECT_EQ(-ETIMEDOUT, host_read(self->host, self->received, FRAME, 0));
}

/*
 * The stack keeps some packets in a cache, which remembers them after they were taken from it, so
 * that kmemleak finds none missing. It finds some of many.
 */
TEST_F(packets, in_missing_memory_are_a_fault)
{
	fill(self, FRAME);
	for (unsigned int i = 0; i < 200; i++)
		ASSERT_EQ(-EFAULT, tap_write(self->fd, NULL, self->header + FRAME));
	send_from_host(self, FRAME);
	EXPECT_EQ(-EFAULT, tap_read(self->fd, NULL, self->header + FRAME, TAP_PATIENCE));
	/* And nothing is stuck after that. */
	send_from_host(self, FRAME);
	EXPECT_EQ(self->header + FRAME,
		  tap_read(self->fd, self->received, sizeof(self->received), TAP_PATIENCE));
}

TEST_F(packets, are_counted)
{
	uint64_t received = tap_counter(self->name, "rx_bytes");

	for (int i = 0; i < 10; i++) {
		fill(self, FRAME);
		tap_write(self->fd, self->sent, self->header + FRAME);
		send_from_host(self, FRAME);
		tap_read(self->fd, self->received, sizeof(self->received), TAP_PATIENCE);
	}
	EXPECT_EQ(10, tap_counter(self->name, "rx_packets"));
	EXPECT_EQ(received + 10 * FRAME, tap_counter(self->name, "rx_bytes"));
	EXPECT_EQ(10, tap_counter(self->name, "tx_packets"));
	EXPECT_EQ(10 * FRAME, tap_counter(self->name, "tx_bytes"));
	EXPECT_TRUE(run("ip -s link show %s | grep -qE '^ +1000 +10 +0 +0 '", self->name));
}

/* They are gone, and did not arrive. */
TEST_F(packets, that_could_not_be_read_are_counted_as_dropped)
{
	for (int i = 0; i < 10; i++) {
		send_from_host(self, FRAME);
		EXPECT_EQ(-EFAULT, tap_read(self->fd, NULL, self->header + FRAME, TAP_PATIENCE));
	}
	EXPECT_EQ(10, tap_counter(self->name, "tx_dropped"));
	EXPECT_EQ(0, tap_counter(self->name, "tx_packets"));
	EXPECT_EQ(0, tap_counter(self->name, "tx_bytes"));
}

TEST_F(packets, absent_ones_do_not_block_a_nonblocking_reader)
{
	EXPECT_EQ(-1, read(self->fd, self->received, FRAME));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(-1, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(ESPIPE, errno);
}

/* What poll() says without waiting. */
static short events(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN | POLLOUT };

	return poll(&poller, 1, 0) < 0 ? -1 : poller.revents;
}

TEST_F(packets, are_announced_by_poll)
{
	EXPECT_EQ(POLLOUT, events(self->fd));
	send_from_host(self, FRAME);
	EXPECT_EQ(POLLIN | POLLOUT, events(self->fd));
	tap_read(self->fd, self->received, sizeof(self->received), 0);
	EXPECT_EQ(POLLOUT, events(self->fd));
}

TEST_F(packets, to_an_interface_that_is_down_are_refused)
{
	ASSERT_TRUE(run("ip link set %s down", self->name));
	EXPECT_EQ(0, events(self->fd));
	fill(self, FRAME);
	EXPECT_EQ(-EIO, tap_write(self->fd, self->sent, self->header + FRAME));
	EXPECT_EQ(1, tap_counter(self->name, "rx_dropped"));
	ASSERT_TRUE(run("ip link set %s up", self->name));
	EXPECT_EQ(POLLOUT, events(self->fd));
	EXPECT_EQ(self->header + FRAME, tap_write(self->fd, self->sent, self->header + FRAME));
}

TEST_F(packets, without_an_interface_are_refused)
{
	int fd = tap_open();

	EXPECT_EQ(POLLERR, events(fd));
	EXPECT_EQ(-EBADFD, tap_write(fd, self->sent, FRAME));
	EXPECT_EQ(-1, read(fd, self->received, FRAME));
	EXPECT_EQ(EBADFD, errno);
	close(fd);
}

/* ---- blocking ---- */

static void *send_later(void *data)
{
	FIXTURE_DATA(packets) *self = data;

	usleep(200000);
	send(self->host, fill(self, FRAME), FRAME, 0);
	return NULL;
}

TEST_F(packets, that_come_late_wake_a_sleeping_reader)
{
	pthread_t sender;

	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_EQ(0, pthread_create(&sender, NULL, send_later, self));
	EXPECT_EQ(self->header + FRAME,
		  read(self->fd, self->received, sizeof(self->received)));
	pthread_join(sender, NULL);
}

static void ignore_signal(int signal)
{
	(void)signal;
}

TEST_F(packets, absent_ones_let_signals_through)
{
	struct sigaction action = { .sa_handler = ignore_signal };

	sigaction(SIGALRM, &action, NULL);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	alarm(1);
	EXPECT_EQ(-1, read(self->fd, self->received, FRAME));
	EXPECT_EQ(EINTR, errno);
}

TEST_HARNESS_MAIN
