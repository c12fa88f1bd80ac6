// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends that come while packets flow in both directions: the tap's interface is
 * deleted, the device is closed, its owner is killed. Nothing may be left behind
 * and what remains must still work. The runner looks at the kernel log.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "packets.h"

#define RING 64
#define BUFFER 2048
#define FRAME 200
#define CYCLES 30
/* Packets of one batch and more are left undelivered by each of these. */
#define STOPS 300
#define LEFT 64

/**
 * struct traffic - a device that is flooded from both sides
 * @driver: the device
 * @name: its tap
 * @host: packet socket on the tap
 * @host_thread: sends on @host until @stop
 * @guest_thread: plays the driver until @stop
 * @stop: tells them to end
 * @memory: one packet's
 */
struct traffic {
	struct driver driver;
	struct pool pool;
	char name[IFNAMSIZ];
	int host;
	pthread_t host_thread;
	pthread_t guest_thread;
	volatile bool stop;
	unsigned char *memory;
	struct packet packet;
};

static void *host_floods(void *context)
{
	struct traffic *traffic = context;
	unsigned char frame[FRAME];

	net_fill_frame(frame, FRAME, 1);
	while (!traffic->stop)
		if (send(traffic->host, frame, FRAME, 0) < 0)
			usleep(100);
	return NULL;
}

/* Keeps the transmit ring full and gives receive buffers back at once. */
static void *guest_floods(void *context)
{
	struct traffic *traffic = context;
	struct driver_queue *tx = &traffic->driver.queues[NET_TX];
	unsigned char frame[FRAME];
	struct driver_used used;

	net_fill_frame(frame, FRAME, 2);
	while (!traffic->stop) {
		while (packet_send(&traffic->driver, traffic->memory, NULL, frame, FRAME) >= 0)
			;
		driver_kick(tx);
		while (driver_reap(tx, &used))
			;
		while (!pool_receive(&traffic->pool, &traffic->packet, true, 0))
			;
		driver_kick(&traffic->driver.queues[NET_RX]);
		usleep(100);
	}
	return NULL;
}

static void traffic_start(struct traffic *traffic)
{
	memset(traffic, 0, sizeof(*traffic));
	strcpy(traffic->name, "td%d");
	net_init(&traffic->driver, traffic->name, RING, NET_FEATURES);
	net_start(&traffic->driver);
	traffic->host = net_host_socket(traffic->name);
	traffic->memory = guest_alloc(&traffic->driver.guest, BUFFER, 64);
	pool_init(&traffic->pool, &traffic->driver, RING, BUFFER);
	pool_post_some(&traffic->pool, 0, RING);
	ASSERT_EQ(0, pthread_create(&traffic->host_thread, NULL, host_floods, traffic));
	ASSERT_EQ(0, pthread_create(&traffic->guest_thread, NULL, guest_floods, traffic));
}

/* Let @packets more pass in each direction. */
static void traffic_flows(struct traffic *traffic, unsigned int packets)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct driver_queue *queue = &traffic->driver.queues[i];
		uint64_t start = driver_stat(queue, RINGHOST_STAT_CHAINS);
		unsigned int patience = DRIVER_TIMEOUT;

		while (driver_stat(queue, RINGHOST_STAT_CHAINS) < start + packets) {
			ASSERT_LT(0, patience--);
			usleep(1000);
		}
	}
}

static void traffic_end(struct traffic *traffic)
{
	traffic->stop = true;
	pthread_join(traffic->host_thread, NULL);
	pthread_join(traffic->guest_thread, NULL);
	close(traffic->host);
}

static void delete_interface(const char *name)
{
	char command[100];

	snprintf(command, sizeof(command), "ip link del %s", name);
	ASSERT_EQ(0, system(command));
}

/* What the sending side still offers is refused and given back; a new tap can follow. */
TEST_TIMEOUT(interface_deleted_under_load, 60)
{
	static struct traffic traffic;
	struct driver *driver = &traffic.driver;
	struct driver_queue *tx = &driver->queues[NET_TX];
	struct driver_used used;
	char name[IFNAMSIZ] = "td%d";
	int gone;

	net_private_namespace();
	traffic_start(&traffic);
	traffic_flows(&traffic, 500);
	delete_interface(traffic.name);
	usleep(DRIVER_QUIET * 1000);
	EXPECT_EQ(0, if_nametoindex(traffic.name));
	traffic_end(&traffic);
	while (tx->free_count < RING)
		ASSERT_TRUE(driver_wait(tx, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(0, driver_stat(&driver->queues[NET_RX], RINGHOST_STAT_BREAKS));
	EXPECT_EQ(0, driver_stat(tx, RINGHOST_STAT_BREAKS));

	gone = driver->backend;
	driver->backend = net_open_tap(name, 0);
	net_set_up(name);
	net_start(driver);
	EXPECT_EQ(0, net_works(tx, name));
	EXPECT_EQ(-EBADFD, vhost_net_set_backend(driver->fd, NET_RX, gone));
	close(gone);
	driver_exit(driver);
}

TEST_TIMEOUT(device_closed_under_load, 120)
{
	static struct traffic traffic;

	net_private_namespace();
	for (unsigned int i = 0; i < CYCLES; i++) {
		traffic_start(&traffic);
		traffic_flows(&traffic, 100);
		/* The threads go on with rings that nobody serves any more. */
		ASSERT_EQ(0, close(traffic.driver.fd));
		traffic_end(&traffic);
		traffic.driver.fd = -1;
		driver_exit(&traffic.driver);
		ASSERT_EQ(0, if_nametoindex(traffic.name));
	}
}

static long module_users(const char *module)
{
	int users = vhost_module_references(module);

	ASSERT_LE(0, users);
	return users;
}

static void kill_an_owner(long users)
{
	static struct traffic traffic;
	int pipes[2];
	char name[IFNAMSIZ] = "";
	pid_t child;

	ASSERT_EQ(0, pipe(pipes));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		traffic_start(&traffic);
		traffic_flows(&traffic, 100);
		ASSERT_EQ(IFNAMSIZ, write(pipes[1], traffic.name, IFNAMSIZ));
		for (;;)
			pause();
	}
	close(pipes[1]);
	ASSERT_EQ(IFNAMSIZ, read(pipes[0], name, IFNAMSIZ));
	EXPECT_LT(users, module_users("ringhost_net"));
	EXPECT_NE(0, if_nametoindex(name));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	close(pipes[0]);
	/* Files of a process are closed before it can be waited for. */
	EXPECT_EQ(users, module_users("ringhost_net"));
	EXPECT_EQ(0, if_nametoindex(name));
}

TEST_TIMEOUT(owner_killed_under_load, 120)
{
	long users = module_users("ringhost_net");

	net_private_namespace();
	for (unsigned int i = 0; i < 10; i++)
		kill_an_owner(users);
}

/* What is free but still counts as in use: a processor's own, and what KASAN holds back. */
static void slab_shrink(const char *cache)
{
	char path[100];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", cache);
	file = fopen(path, "w");
	if (!file)
		return;
	fputs("1", file);
	fclose(file);
}

/* Objects in use in one of the kernel's slab caches. */
static long slab_objects(const char *cache)
{
	char line[300], name[100];
	FILE *file;
	long active = -1, seen;

	slab_shrink(cache);
	file = fopen("/proc/slabinfo", "r");
	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%99s %ld", name, &seen) == 2 && !strcmp(name, cache))
			active = seen;
	fclose(file);
	return active;
}

/* Packets taken from the tap and not yet delivered go back to it by a stop, and with it. */
TEST_TIMEOUT(stop_leaks_no_undelivered_packets, 60)
{
	struct driver driver;
	char name[IFNAMSIZ] = "td%d";
	unsigned char frame[FRAME];
	long before, after;
	int host;

	net_private_namespace();
	net_init(&driver, name, RING, NET_FEATURES);
	host = net_host_socket(name);
	net_fill_frame(frame, FRAME, 1);
	before = slab_objects("skbuff_head_cache");
	if (before < 0)
		SKIP(return, "no skbuff_head_cache in /proc/slabinfo");
	for (unsigned int i = 0; i < STOPS; i++) {
		ASSERT_EQ(0, vhost_net_set_backend(driver.fd, NET_RX, driver.backend));
		/* A worker too slow to take them leaves no room for more: then fewer are sent. */
		for (unsigned int n = 0; n < LEFT; n++)
			if (send(host, frame, FRAME, 0) < 0)
				break;
		usleep(2000);
		ASSERT_EQ(0, vhost_net_set_backend(driver.fd, NET_RX, -1));
	}
	close(host);
	driver_exit(&driver);
	after = slab_objects("skbuff_head_cache");
	EXPECT_GT(STOPS * LEFT / 4, after - before) {
		TEST_LOG("%ld packets before, %ld after", before, after);
	}
}

/* The other way to stop: the owner gives the device up and takes it again. */
TEST_TIMEOUT(owner_reset_under_load, 60)
{
	static struct traffic traffic;

	net_private_namespace();
	traffic_start(&traffic);
	traffic_flows(&traffic, 100);
	ASSERT_EQ(0, vhost_reset_owner(traffic.driver.fd));
	traffic_end(&traffic);
	EXPECT_EQ(-EPERM, vhost_net_set_backend(traffic.driver.fd, NET_RX, -1));
	ASSERT_EQ(0, vhost_set_owner(traffic.driver.fd));
	EXPECT_EQ(-EFAULT, vhost_net_set_backend(traffic.driver.fd, NET_RX,
						 traffic.driver.backend));
	driver_exit(&traffic.driver);
}

TEST_HARNESS_MAIN
