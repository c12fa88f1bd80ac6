// SPDX-License-Identifier: GPL-2.0-only
/*
 * VHOST_NET_SET_BACKEND: what it refuses, that taking the backend away never fails,
 * and that a queue goes on where it was when it gets a backend again. QEMU aborts
 * when -1 fails, and falls back to its own device silently when a start does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "packets.h"

#define RING 64
#define BUFFER 2048
#define SWAPS 200

FIXTURE(backend) {
	struct driver driver;
	struct pool pool;
	struct packet packet;
	char name[IFNAMSIZ];
};

FIXTURE_SETUP(backend)
{
	strcpy(self->name, "be%d");
	net_private_namespace();
	net_init(&self->driver, self->name, RING, NET_FEATURES);
}

FIXTURE_TEARDOWN(backend)
{
	driver_exit(&self->driver);
}

TEST_F(backend, refusals_have_names)
{
	int fd = self->driver.fd, tap = self->driver.backend;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int event = eventfd(0, EFD_CLOEXEC);
	int nameless = open(VHOST_NODE_TAP, O_RDWR | O_CLOEXEC);

	EXPECT_EQ(-ENOBUFS, vhost_net_set_backend(fd, 2, tap));
	EXPECT_EQ(-ENOBUFS, vhost_net_set_backend(fd, 2, -1));
	EXPECT_EQ(-ENOBUFS, vhost_net_set_backend(fd, UINT32_MAX, tap));
	EXPECT_EQ(-EBADF, vhost_net_set_backend(fd, NET_RX, 9999));
	EXPECT_EQ(-EBADF, vhost_net_set_backend(fd, NET_RX, -2));
	EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(fd, NET_RX, null));
	EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(fd, NET_RX, event));
	EXPECT_EQ(-ENOTSOCK, vhost_net_set_backend(fd, NET_RX, fd));
	EXPECT_EQ(-EBADFD, vhost_net_set_backend(fd, NET_RX, nameless));
	EXPECT_EQ(0, vhost_net_set_backend(fd, NET_RX, tap));
	EXPECT_EQ(0, net_works(&self->driver.queues[NET_RX], self->name));
	close(null);
	close(event);
	close(nameless);
}

TEST_F(backend, needs_a_ring)
{
	int fd = vhost_open(VHOST_NODE_NET);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, vhost_net_set_backend(fd, NET_RX, self->driver.backend));
	ASSERT_EQ(0, vhost_set_owner(fd));
	EXPECT_EQ(-EFAULT, vhost_net_set_backend(fd, NET_RX, self->driver.backend));
	EXPECT_EQ(-EFAULT, vhost_net_set_backend(fd, NET_TX, self->driver.backend));
	close(fd);
	net_start(&self->driver);
	EXPECT_EQ(0, net_works(&self->driver.queues[NET_RX], self->name));
}

TEST_F(backend, taking_away_never_fails)
{
	struct driver_queue *queue = &self->driver.queues[NET_TX];
	int fresh = vhost_open(VHOST_NODE_NET);

	/* Nothing set up at all. */
	ASSERT_LE(0, fresh);
	ASSERT_EQ(0, vhost_set_owner(fresh));
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_EQ(0, vhost_net_set_backend(fresh, i % 2, -1));
	close(fresh);
	/* Set up and never started; running; stopped. */
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_TX, -1));
		EXPECT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_TX, -1));
		EXPECT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_TX,
						   self->driver.backend));
		EXPECT_EQ(0, net_works(queue, self->name));
	}
	/* Broken. */
	driver_offer(queue, RING);
	driver_kick_always(queue);
	ASSERT_TRUE(driver_is_broken(queue, DRIVER_TIMEOUT));
	EXPECT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_TX, -1));
}

/* After a break the driver resets the ring, and the same queue works again. */
TEST_F(backend, broken_queue_recovers)
{
	struct driver_queue *queue = &self->driver.queues[NET_TX];

	net_start(&self->driver);
	driver_offer(queue, RING);
	driver_kick_always(queue);
	ASSERT_TRUE(driver_is_broken(queue, DRIVER_TIMEOUT));
	EXPECT_EQ(0, net_works(&self->driver.queues[NET_RX], self->name));
	ASSERT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_TX, -1));
	driver_reset_queue(queue);
	ASSERT_EQ(0, driver_set_queue(queue));
	ASSERT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_TX, self->driver.backend));
	EXPECT_EQ(0, net_works(queue, self->name));
}

TEST_F(backend, position_is_kept_over_stop_and_start)
{
	struct driver_queue *rx = &self->driver.queues[NET_RX];
	struct driver_queue *tx = &self->driver.queues[NET_TX];

	for (int i = 0; i < 3; i++) {
		net_start(&self->driver);
		ASSERT_EQ(0, net_works(rx, self->name));
		ASSERT_EQ(0, net_works(tx, self->name));
		ASSERT_EQ(0, net_works(tx, self->name));
		ASSERT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_RX, -1));
		ASSERT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_TX, -1));
		EXPECT_EQ(i + 1, vhost_get_vring_base(self->driver.fd, NET_RX));
		EXPECT_EQ(2 * (i + 1), vhost_get_vring_base(self->driver.fd, NET_TX));
	}
}

/* Buffers that were popped for a packet too large for them are not lost by a stop. */
TEST_F(backend, position_counts_only_used_chains)
{
	struct driver_queue *rx = &self->driver.queues[NET_RX];
	int host = net_host_socket(self->name);
	unsigned char frame[1000];

	net_start(&self->driver);
	pool_init(&self->pool, &self->driver, RING, 100);
	pool_post_some(&self->pool, 0, 5);
	net_fill_frame(frame, sizeof(frame), 1);
	host_send(host, frame, sizeof(frame));
	usleep(DRIVER_QUIET * 1000);
	ASSERT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_RX, -1));
	EXPECT_EQ(0, vhost_get_vring_base(self->driver.fd, NET_RX));
	EXPECT_EQ(0, driver_stat(rx, RINGHOST_STAT_CHAINS));
	close(host);
}

TEST_F(backend, port_gives_its_packets_to_one_queue)
{
	struct driver *first = &self->driver;
	static struct driver second;

	net_start(first);
	driver_init(&second, VHOST_NODE_NET, 2, RING, NET_FEATURES);
	EXPECT_EQ(-EBUSY, vhost_net_set_backend(second.fd, NET_RX, first->backend));
	/* Sending through it is for all. */
	EXPECT_EQ(0, vhost_net_set_backend(second.fd, NET_TX, first->backend));
	EXPECT_EQ(0, net_works(&second.queues[NET_TX], self->name));
	EXPECT_EQ(0, net_works(&first->queues[NET_RX], self->name));
	ASSERT_EQ(0, vhost_net_set_backend(first->fd, NET_RX, -1));
	ASSERT_EQ(0, vhost_net_set_backend(second.fd, NET_RX, first->backend));
	EXPECT_EQ(0, net_works(&second.queues[NET_RX], self->name));
	driver_exit(&second);
}

TEST_F(backend, failed_replacement_keeps_the_old_one)
{
	static struct driver other;
	char name[IFNAMSIZ] = "be%d";

	net_start(&self->driver);
	net_init(&other, name, RING, NET_FEATURES);
	net_start(&other);
	EXPECT_EQ(-EBUSY, vhost_net_set_backend(self->driver.fd, NET_RX, other.backend));
	EXPECT_EQ(-EBADF, vhost_net_set_backend(self->driver.fd, NET_TX, 9999));
	EXPECT_EQ(0, net_works(&self->driver.queues[NET_RX], self->name));
	EXPECT_EQ(0, net_works(&self->driver.queues[NET_TX], self->name));
	EXPECT_EQ(0, net_works(&other.queues[NET_RX], name));
	driver_exit(&other);
}

/* The device holds the tap itself: closing the descriptor it was named by changes nothing. */
TEST_F(backend, descriptor_may_be_closed)
{
	net_start(&self->driver);
	close(self->driver.backend);
	self->driver.backend = -1;
	EXPECT_EQ(0, net_works(&self->driver.queues[NET_RX], self->name));
	EXPECT_EQ(0, net_works(&self->driver.queues[NET_TX], self->name));
}

struct flood {
	int host;
	volatile bool stop;
};

static void *flood(void *context)
{
	struct flood *flood = context;
	unsigned char frame[200];

	net_fill_frame(frame, sizeof(frame), 1);
	while (!flood->stop)
		if (send(flood->host, frame, sizeof(frame), 0) < 0)
			usleep(100);
	return NULL;
}

/* Each swap under traffic from both taps; in the end both work. */
TEST_F(backend, replacing_under_load)
{
	static struct flood floods[2];
	struct driver *driver = &self->driver;
	int taps[2] = { driver->backend };
	char names[2][IFNAMSIZ] = { "", "be%d" };
	pthread_t threads[2];
	unsigned int received = 0;

	memcpy(names[0], self->name, IFNAMSIZ);
	taps[1] = net_open_tap(names[1], 0);
	net_set_up(names[1]);
	pool_init(&self->pool, driver, RING, BUFFER);
	net_start(driver);
	pool_post_some(&self->pool, 0, RING);
	for (int i = 0; i < 2; i++) {
		floods[i].host = net_host_socket(names[i]);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, flood, &floods[i]));
	}
	for (unsigned int i = 0; i < SWAPS; i++) {
		ASSERT_EQ(0, vhost_net_set_backend(driver->fd, NET_RX, taps[i % 2]));
		ASSERT_EQ(0, vhost_net_set_backend(driver->fd, NET_TX, taps[i % 2]));
		ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, true, DRIVER_TIMEOUT));
		EXPECT_EQ(200, self->packet.length);
		received++;
		driver_kick(&driver->queues[NET_RX]);
	}
	EXPECT_EQ(SWAPS, received);
	for (int i = 0; i < 2; i++) {
		floods[i].stop = true;
		pthread_join(threads[i], NULL);
		close(floods[i].host);
		ASSERT_EQ(0, vhost_net_set_backend(driver->fd, NET_TX, taps[i]));
		EXPECT_EQ(0, net_works(&driver->queues[NET_TX], names[i]));
	}
	EXPECT_EQ(0, driver_stat(&driver->queues[NET_RX], RINGHOST_STAT_BREAKS));
	close(taps[1]);
}

TEST_HARNESS_MAIN
