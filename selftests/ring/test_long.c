// SPDX-License-Identifier: GPL-2.0-only
/*
 * Endurance: a queue that is started and stopped, or whose positions wrap, for
 * as long as a guest lives, drifts in nothing: not in memory, pins, descriptors
 * or threads of the host, nor in its own counters and position. `make check`
 * does a hundredth of what `make check-long` does (HARNESS_TIMES=100): 300,000
 * starts and stops, and the wraps of 24 hours at 1000 chains a second.
 */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "stream.h"
#include "threads.h"
#include "usage.h"

#define RING 256
/* Of each of the four flavours and formats that are cycled. */
#define CYCLES 750
/* Of each of the variants below; all together 864,000. */
#define CHAINS (864000 / 12)
/* Pages of the kernel's own that other tasks may take meanwhile. */
#define SLAB_SLACK_KIB 8192

/**
 * struct endurance - what a leak would show in
 * @usage: what is quick to read
 * @slab: KiB of the kernel's unreclaimable slabs
 * @maps: ring areas mapped into the kernel
 * @workers: worker threads of anybody
 */
struct endurance {
	struct usage usage;
	long slab;
	long maps;
	long workers;
};

static long lines_with(const char *path, const char *text)
{
	char line[512];
	long count = 0;
	FILE *file = fopen(path, "r");

	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		count += !!strstr(line, text);
	fclose(file);
	return count;
}

static void measure(struct endurance *now)
{
	usage_measure(&now->usage);
	now->slab = usage_sum_of("/proc/meminfo", "SUnreclaim:");
	now->maps = lines_with("/proc/vmallocinfo", "rh_area_map");
	now->workers = threads_count("rh-");
}

static void expect_no_drift(const struct endurance *before)
{
	struct endurance after;

	measure(&after);
	EXPECT_EQ(before->usage.pins, after.usage.pins);
	EXPECT_EQ(before->maps, after.maps);
	EXPECT_EQ(before->usage.locked, after.usage.locked);
	EXPECT_EQ(before->usage.descriptors, after.usage.descriptors);
	EXPECT_EQ(before->workers, after.workers);
	EXPECT_GT(before->slab + SLAB_SLACK_KIB, after.slab);
	TEST_LOG("slabs grew by %ld KiB", after.slab - before->slab);
}

FIXTURE(cycles) {
	struct rig rig;
	struct stream stream;
};
FIXTURE_VARIANT(cycles) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(cycles, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(cycles, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(cycles, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(cycles, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED };

FIXTURE_SETUP(cycles)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	stream_init(&self->stream, &self->rig);
}

FIXTURE_TEARDOWN(cycles)
{
	rig_exit(&self->rig);
}

/* @count starts; one in five moves data, so that the position is never the same. */
static void cycle(FIXTURE_DATA(cycles) *self, unsigned int count)
{
	struct driver_queue *queue = self->rig.queue;
	int fd = self->rig.driver.fd;

	for (unsigned int i = 0; i < count; i++) {
		ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
		if (i % 5 == 0) {
			stream_offer(&self->stream, 1 + i % 7);
			while (!stream_is_done(&self->stream))
				stream_wait(&self->stream);
		}
		ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
		ASSERT_EQ(driver_base(queue), vhost_get_vring_base(fd, queue->index));
	}
}

TEST_F_TIMEOUT(cycles, of_start_and_stop_leave_nothing_behind, 120)
{
	unsigned int count = harness_repetitions(CYCLES);
	struct endurance before;

	/* The first ones bring up the worker and fill the kernel's caches. */
	cycle(self, 50);
	measure(&before);
	cycle(self, count);
	expect_no_drift(&before);
	EXPECT_EQ(50 + count, driver_stat(self->rig.queue, RINGHOST_STAT_STARTS_MAPPED));
	stream_finish(&self->stream);
}

/**
 * enum mode - what the driver wants to be called for
 * @CALLED: each batch
 * @CALLED_LATE: half of what is on its way
 * @POLLING: nothing; it looks
 */
enum mode {
	CALLED,
	CALLED_LATE,
	POLLING,
};

FIXTURE(wraps) {
	struct rig rig;
	struct stream stream;
};
FIXTURE_VARIANT(wraps) { enum rig_flavour flavour; uint64_t features; enum mode mode; };
FIXTURE_VARIANT_ADD(wraps, blk) { RIG_BLK, DRIVER_FEATURES, CALLED };
FIXTURE_VARIANT_ADD(wraps, blk_packed) { RIG_BLK, DRIVER_PACKED, CALLED };
FIXTURE_VARIANT_ADD(wraps, tx) { RIG_NET_TX, DRIVER_FEATURES, CALLED };
FIXTURE_VARIANT_ADD(wraps, tx_late) { RIG_NET_TX, DRIVER_FEATURES, CALLED_LATE };
FIXTURE_VARIANT_ADD(wraps, tx_polling) { RIG_NET_TX, DRIVER_FEATURES, POLLING };
FIXTURE_VARIANT_ADD(wraps, tx_flags) { RIG_NET_TX, DRIVER_PLAIN, CALLED };
FIXTURE_VARIANT_ADD(wraps, tx_flags_polling) { RIG_NET_TX, DRIVER_PLAIN, POLLING };
FIXTURE_VARIANT_ADD(wraps, tx_packed) { RIG_NET_TX, DRIVER_PACKED, CALLED };
FIXTURE_VARIANT_ADD(wraps, tx_packed_late) { RIG_NET_TX, DRIVER_PACKED, CALLED_LATE };
FIXTURE_VARIANT_ADD(wraps, tx_packed_polling) { RIG_NET_TX, DRIVER_PACKED, POLLING };
FIXTURE_VARIANT_ADD(wraps, tx_packed_flags) { RIG_NET_TX, DRIVER_PACKED_PLAIN, CALLED };
FIXTURE_VARIANT_ADD(wraps, rx_packed) { RIG_NET_RX, DRIVER_PACKED, CALLED };

FIXTURE_SETUP(wraps)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	stream_init(&self->stream, &self->rig);
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(wraps)
{
	rig_exit(&self->rig);
}

static void wait_for_some(struct stream *stream, enum mode mode)
{
	struct driver_queue *queue = stream->rig->queue;

	if (mode == CALLED) {
		stream_wait(stream);
		return;
	}
	if (mode == POLLING)
		driver_want_call(queue, false);
	else
		driver_want_call_after(queue, (stream->offered - stream->returned) / 2);
	/* A call for a later chain, or none, is no reason to leave what is there. */
	while (!stream_collect(stream) && mode == POLLING)
		sched_yield();
	if (mode == CALLED_LATE)
		driver_wait_event(queue->call, 10);
}

static unsigned long moved(const struct stream *stream)
{
	return stream->rig->flavour == RIG_NET_RX ? stream->arrived : stream->returned;
}

TEST_F_TIMEOUT(wraps, of_the_positions_lose_nothing, 120)
{
	unsigned long count = harness_repetitions(CHAINS);
	struct stream *stream = &self->stream;
	struct endurance before;

	measure(&before);
	while (moved(stream) < count) {
		stream_offer(stream, STREAM_SLOTS);
		if (!stream_is_done(stream))
			wait_for_some(stream, variant->mode);
	}
	stream_finish(stream);
	expect_no_drift(&before);
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	EXPECT_EQ(driver_base(self->rig.queue),
		  vhost_get_vring_base(self->rig.driver.fd, self->rig.queue->index));
	TEST_LOG("%lu chains", moved(stream));
}

TEST_HARNESS_MAIN
