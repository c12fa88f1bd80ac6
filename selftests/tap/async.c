// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers and writers that do not wait in read() and write(): io_uring, aio and RWF_NOWAIT. Each
 * must get the packet that read() would, be told when there is none, and come back when its
 * interface goes. What differs from read() is who retries, and when: the kernel, after poll().
 */
#include <linux/aio_abi.h>
#include <liburing.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "tap.h"

#define FRAME 100
#define REQUESTS 8

FIXTURE(async) {
	int fd;
	int host;
	char name[IFNAMSIZ];
	struct io_uring ring;
	aio_context_t aio;
	unsigned char sent[FRAME];
	unsigned char received[REQUESTS][FRAME];
};

FIXTURE_SETUP(async)
{
	net_private_namespace();
	self->fd = tap_create(self->name, 0);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	net_set_up(self->name);
	self->host = net_host_socket(self->name);
	ASSERT_EQ(0, io_uring_queue_init(REQUESTS, &self->ring, 0));
	ASSERT_EQ(0, syscall(SYS_io_setup, REQUESTS, &self->aio));
}

FIXTURE_TEARDOWN(async)
{
	syscall(SYS_io_destroy, self->aio);
	io_uring_queue_exit(&self->ring);
	close(self->host);
	close(self->fd);
}

static void send_from_host(FIXTURE_DATA(async) *self, unsigned int seed)
{
	net_fill_frame(self->sent, FRAME, seed);
	ASSERT_EQ(FRAME, send(self->host, self->sent, FRAME, 0));
}

static void expect_on_host(FIXTURE_DATA(async) *self)
{
	ASSERT_EQ(FRAME, host_read(self->host, self->received[0], FRAME, TAP_PATIENCE));
	EXPECT_EQ(0, memcmp(self->sent, self->received[0], FRAME));
}

/* ---- io_uring ---- */

static void submit_read(FIXTURE_DATA(async) *self, unsigned int number)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(&self->ring);

	io_uring_prep_read(entry, self->fd, self->received[number], FRAME, -1);
	io_uring_sqe_set_data(entry, (void *)(uintptr_t)(number + 1));
	ASSERT_EQ(1, io_uring_submit(&self->ring));
}

/* What the next request to end has become; @number tells which it was, unless NULL. */
static int await_result(FIXTURE_DATA(async) *self, unsigned int *number)
{
	struct __kernel_timespec patience = { .tv_sec = TAP_PATIENCE / 1000 };
	struct io_uring_cqe *entry;
	int result;

	ASSERT_EQ(0, io_uring_wait_cqe_timeout(&self->ring, &entry, &patience));
	result = entry->res;
	if (number)
		*number = entry->user_data - 1;
	io_uring_cqe_seen(&self->ring, entry);
	return result;
}

static bool nothing_ended(FIXTURE_DATA(async) *self)
{
	struct io_uring_cqe *entry;

	return io_uring_peek_cqe(&self->ring, &entry) == -EAGAIN;
}

TEST_F(async, uring_reads_wait_for_packets_of_their_own)
{
	unsigned int number;

	for (unsigned int i = 0; i < REQUESTS; i++)
		submit_read(self, i);
	EXPECT_TRUE(nothing_ended(self));
	for (unsigned int i = 0; i < REQUESTS; i++) {
		send_from_host(self, i);
		EXPECT_EQ(FRAME, await_result(self, &number));
		ASSERT_GT(REQUESTS, number);
		EXPECT_EQ(0, memcmp(self->sent, self->received[number], FRAME));
		EXPECT_TRUE(nothing_ended(self));
	}
	EXPECT_EQ(REQUESTS, tap_counter(self->name, "tx_packets"));
}

/* The ring waits, not the file. */
TEST_F(async, uring_read_waits_also_on_a_file_that_does_not_block)
{
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_NONBLOCK));
	submit_read(self, 0);
	EXPECT_TRUE(nothing_ended(self));
	send_from_host(self, 0);
	EXPECT_EQ(FRAME, await_result(self, NULL));
}

TEST_F(async, uring_read_that_is_not_to_wait_comes_back_at_once)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(&self->ring);

	io_uring_prep_read(entry, self->fd, self->received[0], FRAME, -1);
	entry->rw_flags = RWF_NOWAIT;
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EAGAIN, await_result(self, NULL));
}

TEST_F(async, uring_writes_reach_the_host_in_order)
{
	struct io_uring_sqe *entry;

	for (unsigned int i = 0; i < REQUESTS; i++) {
		entry = io_uring_get_sqe(&self->ring);
		net_fill_frame(self->received[i], FRAME, i);
		io_uring_prep_write(entry, self->fd, self->received[i], FRAME, i);
		entry->flags |= IOSQE_IO_LINK;
	}
	ASSERT_EQ(REQUESTS, io_uring_submit(&self->ring));
	for (unsigned int i = 0; i < REQUESTS; i++) {
		EXPECT_EQ(FRAME, await_result(self, NULL));
		net_fill_frame(self->sent, FRAME, i);
		expect_on_host(self);
	}
}

TEST_F(async, uring_write_that_is_refused_says_why)
{
	struct io_uring_sqe *entry = io_uring_get_sqe(&self->ring);

	io_uring_prep_write(entry, self->fd, self->sent, ETH_HLEN - 1, -1);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	EXPECT_EQ(-EINVAL, await_result(self, NULL));
}

TEST_F(async, uring_read_ends_with_its_interface)
{
	submit_read(self, 0);
	ASSERT_TRUE(run("ip link del %s", self->name));
	EXPECT_EQ(-EBADFD, await_result(self, NULL));
}

TEST_F(async, uring_read_that_is_cancelled_takes_no_packet)
{
	struct io_uring_sqe *entry;

	submit_read(self, 0);
	entry = io_uring_get_sqe(&self->ring);
	io_uring_prep_cancel(entry, (void *)1, 0);
	ASSERT_EQ(1, io_uring_submit(&self->ring));
	for (unsigned int i = 0; i < 2; i++) {
		unsigned int number;
		int result = await_result(self, &number);

		EXPECT_EQ(number == 0 ? -ECANCELED : 0, result);
	}
	send_from_host(self, 0);
	EXPECT_EQ(FRAME, tap_read(self->fd, self->received[0], FRAME, TAP_PATIENCE));
}

/* The ring's request holds the file; so both go when the test's process does. */
TEST_F(async, uring_read_that_nobody_awaits_does_not_keep_the_interface)
{
	submit_read(self, 0);
	close(self->fd);
	EXPECT_NE(0, if_nametoindex(self->name));
	io_uring_queue_exit(&self->ring);
	for (unsigned int i = 0; i < 250 && if_nametoindex(self->name); i++)
		usleep(20000);
	EXPECT_EQ(0, if_nametoindex(self->name));
	self->fd = -1;
	ASSERT_EQ(0, io_uring_queue_init(REQUESTS, &self->ring, 0));
}

/* ---- aio ---- */

/* Submit a request and wait for it; returns what became of it. */
static int aio(FIXTURE_DATA(async) *self, unsigned int operation, unsigned int flags, void *buffer,
	       size_t length)
{
	struct iocb request = {
		.aio_lio_opcode = operation, .aio_rw_flags = flags, .aio_fildes = self->fd,
		.aio_buf = (uintptr_t)buffer, .aio_nbytes = length,
	};
	struct timespec patience = { .tv_sec = TAP_PATIENCE / 1000 };
	struct iocb *requests = &request;
	struct io_event event;

	if (syscall(SYS_io_submit, self->aio, 1, &requests) != 1)
		return -errno;
	ASSERT_EQ(1, syscall(SYS_io_getevents, self->aio, 1, 1, &event, &patience));
	return event.res;
}

TEST_F(async, aio_writes_and_reads)
{
	net_fill_frame(self->sent, FRAME, 1);
	EXPECT_EQ(FRAME, aio(self, IOCB_CMD_PWRITE, 0, self->sent, FRAME));
	expect_on_host(self);
	EXPECT_EQ(-EINVAL, aio(self, IOCB_CMD_PWRITE, 0, self->sent, ETH_HLEN - 1));
	send_from_host(self, 2);
	EXPECT_EQ(FRAME, aio(self, IOCB_CMD_PREAD, 0, self->received[0], FRAME));
	EXPECT_EQ(0, memcmp(self->sent, self->received[0], FRAME));
	EXPECT_EQ(-EAGAIN, aio(self, IOCB_CMD_PREAD, RWF_NOWAIT, self->received[0], FRAME));
}

TEST_F(async, aio_poll_tells_of_a_packet)
{
	struct iocb request = {
		.aio_lio_opcode = IOCB_CMD_POLL, .aio_fildes = self->fd, .aio_buf = POLLIN,
	};
	struct timespec patience = { .tv_sec = TAP_PATIENCE / 1000 }, none = { 0 };
	struct iocb *requests = &request;
	struct io_event event;

	ASSERT_EQ(1, syscall(SYS_io_submit, self->aio, 1, &requests));
	EXPECT_EQ(0, syscall(SYS_io_getevents, self->aio, 1, 1, &event, &none));
	send_from_host(self, 1);
	ASSERT_EQ(1, syscall(SYS_io_getevents, self->aio, 1, 1, &event, &patience));
	EXPECT_EQ(POLLIN, event.res & POLLIN);
}

/* ---- RWF_NOWAIT, on a file that blocks ---- */

TEST_F(async, nowait_read_finds_a_packet_or_comes_back_at_once)
{
	struct iovec piece = { self->received[0], FRAME };

	EXPECT_EQ(-1, preadv2(self->fd, &piece, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(EAGAIN, errno);
	send_from_host(self, 3);
	EXPECT_EQ(FRAME, preadv2(self->fd, &piece, 1, -1, RWF_NOWAIT));
	EXPECT_EQ(0, memcmp(self->sent, self->received[0], FRAME));
}

/*
 * What holds send buffer is on its way: behind a bridge, in the discipline of an interface whose
 * ring is full.
 */
TEST_F(async, nowait_write_does_not_wait_for_send_buffer)
{
	struct iovec piece = { self->sent, FRAME };
	char name[IFNAMSIZ];
	int fd = tap_create(name, 0), count;

	if (!run("ip link add br0 type bridge 2> /dev/null"))
		SKIP(close(fd); return, "no bridge");
	ASSERT_EQ(0, fcntl(fd, F_SETFL, 0));
	ASSERT_TRUE(run("ip link set %s master br0 && ip link set %s master br0 txqueuelen 1 &&"
			" ip link set br0 up && tc qdisc replace dev %s root pfifo limit 5000",
			name, self->name, self->name));
	net_set_up(name);
	net_fill_frame(self->sent, FRAME, 4);
	self->sent[0] = 0x02;	/* A broadcast would be cloned, and clones are not charged. */
	/* The bridge passes nothing until it has seen both carriers. */
	for (count = 0; count < TAP_PATIENCE / 20; count++) {
		ASSERT_EQ(FRAME, tap_write(fd, self->sent, FRAME));
		if (tap_read(self->fd, self->received[0], FRAME, 20) == FRAME &&
		    !memcmp(self->sent, self->received[0], FRAME))
			break;
	}
	/* One of those may still be on its way. */
	net_fill_frame(self->sent, FRAME, 5);
	self->sent[0] = 0x02;
	ASSERT_EQ(0, tap_set_int(fd, TUNSETSNDBUF, 5000));
	for (count = 0; count < 1000; count++)
		if (pwritev2(fd, &piece, 1, -1, RWF_NOWAIT) != FRAME)
			break;
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_GT(1000, count);
	/* The bridge has something to say, too. */
	while (tap_read(self->fd, self->received[0], FRAME, TAP_QUIET) > 0)
		count -= !memcmp(self->sent, self->received[0], FRAME);
	EXPECT_EQ(0, count);
	EXPECT_EQ(FRAME, pwritev2(fd, &piece, 1, -1, RWF_NOWAIT));
	close(fd);
}

TEST_HARNESS_MAIN
