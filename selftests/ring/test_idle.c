// SPDX-License-Identifier: GPL-2.0-only
/*
 * An idle queue costs nothing: its worker thread sleeps until a kick, a packet
 * or a completion. A worker that polls, or is woken for nothing, burns a
 * processor for every guest on the host.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define IDLE_SECONDS 2
/* Of the worker's processor time while idle: one thousandth. */
#define IDLE_LIMIT (IDLE_SECONDS * 1000000ull)

FIXTURE(idle) { struct rig rig; };
FIXTURE_VARIANT(idle) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(idle, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(idle, net) { RIG_NET_TX, NET_FEATURES };
FIXTURE_VARIANT_ADD(idle, blk_plain) { RIG_BLK, DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(idle, net_plain) { RIG_NET_TX, DRIVER_BIT(VIRTIO_F_VERSION_1) };
FIXTURE_VARIANT_ADD(idle, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(idle, net_packed_plain) { RIG_NET_TX, DRIVER_PACKED_PLAIN };

FIXTURE_SETUP(idle)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(idle)
{
	rig_exit(&self->rig);
}

/* Processor time of one thread in nanoseconds: the first word of its schedstat. */
static unsigned long long thread_time(const char *pid)
{
	unsigned long long time = 0;
	char path[300];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	ASSERT_EQ(1, fscanf(file, "%llu", &time));
	fclose(file);
	return time;
}

/* Sum over our workers; their names hold our process id. */
static unsigned long long worker_time(unsigned int *workers)
{
	char path[300], name[64], mark[32];
	unsigned long long time = 0;
	struct dirent *entry;
	DIR *processes = opendir("/proc");
	FILE *file;

	ASSERT_NE(NULL, processes);
	snprintf(mark, sizeof(mark), "-%d/", getpid());
	*workers = 0;
	while ((entry = readdir(processes))) {
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file) && !strncmp(name, "rh-", 3) &&
		    strstr(name, mark)) {
			time += thread_time(entry->d_name);
			++*workers;
		}
		fclose(file);
	}
	closedir(processes);
	return time;
}

static unsigned long long time_while_idle(void)
{
	unsigned int workers = 0;
	unsigned long long before = worker_time(&workers), after;

	EXPECT_LT(0, workers);
	sleep(IDLE_SECONDS);
	after = worker_time(&workers);
	TEST_LOG("%u workers, %llu us in %u s", workers, (after - before) / 1000, IDLE_SECONDS);
	return after - before;
}

TEST_F(idle, worker_sleeps_after_the_start)
{
	usleep(100000);
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

TEST_F(idle, worker_sleeps_after_work)
{
	unsigned int workers;

	for (unsigned int i = 0; i < 5; i++) {
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	}
	/* Proof that what is measured moves at all. */
	EXPECT_LT(0, worker_time(&workers));
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

TEST_F(idle, worker_sleeps_on_a_broken_queue)
{
	driver_offer(self->rig.queue, RING);
	driver_kick_always(self->rig.queue);
	EXPECT_TRUE(driver_is_broken(self->rig.queue, DRIVER_TIMEOUT));
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

TEST_F(idle, worker_sleeps_while_stopped)
{
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.neighbour));
	/* Kicks of a stopped queue wake nobody. */
	for (unsigned int i = 0; i < 100; i++)
		driver_kick_always(self->rig.queue);
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

/* Packets wait and the driver has posted nothing, or too little for one of them. */
FIXTURE(starved) { struct rig rig; };
FIXTURE_VARIANT(starved) { uint64_t features; };
FIXTURE_VARIANT_ADD(starved, mergeable) { NET_FEATURES };
FIXTURE_VARIANT_ADD(starved, mergeable_without_event_idx) {
	NET_FEATURES & ~DRIVER_BIT(VIRTIO_RING_F_EVENT_IDX)
};
FIXTURE_VARIANT_ADD(starved, mergeable_packed) { NET_FEATURES | DRIVER_PACKED };

FIXTURE_SETUP(starved)
{
	unsigned char frame[1000];

	rig_init(&self->rig, RIG_NET_RX, RING, variant->features);
	rig_start(&self->rig);
	net_fill_frame(frame, sizeof(frame), 1);
	for (unsigned int i = 0; i < 200; i++)
		send(self->rig.host, frame, sizeof(frame), MSG_DONTWAIT);
}

FIXTURE_TEARDOWN(starved)
{
	rig_exit(&self->rig);
}

TEST_F(starved, worker_sleeps_without_buffers)
{
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
}

TEST_F(starved, worker_sleeps_with_too_little_room_and_goes_on_with_more)
{
	struct driver *driver = &self->rig.driver;
	struct driver_used used;

	ASSERT_LE(0, net_post(driver, guest_alloc(&driver->guest, 700, 16), 700));
	driver_kick_always(self->rig.queue);
	EXPECT_GT(IDLE_LIMIT, time_while_idle());
	EXPECT_FALSE(driver_reap(self->rig.queue, &used));
	ASSERT_LE(0, net_post(driver, guest_alloc(&driver->guest, 700, 16), 700));
	driver_kick(self->rig.queue);
	/* Both buffers at once, with one packet. */
	ASSERT_TRUE(driver_wait(self->rig.queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(700, used.written);
	ASSERT_TRUE(driver_reap(self->rig.queue, &used));
	EXPECT_EQ(1000 + NET_HEADER - 700, used.written);
}

TEST_HARNESS_MAIN
