// SPDX-License-Identifier: GPL-2.0-only
/*
 * RINGHOST_GET_VRING_STATS: programs built against an older or newer header
 * must get what both know; and the counters agree with what was done, also in
 * the text of fdinfo.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define UNTOUCHED 0x5a5a5a5a5a5a5a5aull

FIXTURE(stats) { struct rig rig; int fd; unsigned int index; };
FIXTURE_VARIANT(stats) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(stats, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(stats, net_tx) { RIG_NET_TX };
FIXTURE_VARIANT_ADD(stats, net_rx) { RIG_NET_RX };

FIXTURE_SETUP(stats)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	rig_start(&self->rig);
	self->fd = self->rig.driver.fd;
	self->index = self->rig.queue->index;
}

FIXTURE_TEARDOWN(stats)
{
	rig_exit(&self->rig);
}

TEST_F(stats, only_as_much_as_there_is_room_for_is_written)
{
	__u64 values[RINGHOST_STAT_COUNT + 8];

	memset(values, 0x5a, sizeof(values));
	EXPECT_EQ(RINGHOST_STAT_COUNT, vhost_get_vring_stats(self->fd, self->index, values, 0));
	EXPECT_EQ(UNTOUCHED, values[0]);
	EXPECT_EQ(RINGHOST_STAT_COUNT, vhost_get_vring_stats(self->fd, self->index, values, 3));
	EXPECT_NE(UNTOUCHED, values[2]);
	EXPECT_EQ(UNTOUCHED, values[3]);
	EXPECT_EQ(RINGHOST_STAT_COUNT, vhost_get_vring_stats(self->fd, self->index, values,
							     RINGHOST_STAT_COUNT + 8));
	EXPECT_EQ(UNTOUCHED, values[RINGHOST_STAT_COUNT]);
	EXPECT_EQ(RINGHOST_STAT_COUNT, vhost_get_vring_stats(self->fd, self->index, NULL, 0));
}

TEST_F(stats, bad_address_is_refused)
{
	EXPECT_EQ(-EFAULT, vhost_get_vring_stats(self->fd, self->index, NULL, 4));
	EXPECT_EQ(-EFAULT, vhost_get_vring_stats(self->fd, self->index, NULL, ~0u));
	EXPECT_EQ(-EFAULT, vhost_get_vring_stats(self->fd, self->index,
						 (void *)0xffff888000000000ul, 4));
}

TEST_F(stats, counters_agree_with_what_was_done)
{
	struct driver_queue *queue = self->rig.queue;
	struct driver_stats before, after;
	unsigned int chains = 0;

	driver_get_stats(queue, &before);
	for (unsigned int i = 0; i < 10; i++)
		ASSERT_EQ(0, rig_works(&self->rig, queue));
	chains = queue->used_next;
	driver_get_stats(queue, &after);
#define ROSE(id) (after.value[RINGHOST_STAT_##id] - before.value[RINGHOST_STAT_##id])
	EXPECT_EQ(chains, ROSE(CHAINS));
	EXPECT_LE(chains, ROSE(DESCRIPTORS));
	EXPECT_LE(1, ROSE(PUBLISHES));
	EXPECT_GE(chains, ROSE(PUBLISHES));
	EXPECT_EQ(queue->kicks, ROSE(KICKS));
	EXPECT_EQ(ROSE(PUBLISHES), ROSE(CALLS) + ROSE(CALLS_SUPPRESSED));
	EXPECT_EQ(0, ROSE(BREAKS));
	EXPECT_STREQ("nothing", driver_rejected(queue, &before));
	if (variant->flavour == RIG_NET_RX)
		EXPECT_LT(0, ROSE(BYTES_WRITTEN));
	else
		EXPECT_LT(0, ROSE(BYTES_READ));
}

TEST_F(stats, neighbours_are_counted_apart)
{
	struct driver_stats before;

	driver_get_stats(self->rig.neighbour, &before);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(before.value[RINGHOST_STAT_CHAINS],
		  driver_stat(self->rig.neighbour, RINGHOST_STAT_CHAINS));
}

TEST_F(stats, fdinfo_shows_the_same)
{
	unsigned long long chains, shown = ~0ull;
	char path[60], line[200], wanted[60];
	FILE *file;

	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	chains = driver_stat(self->rig.queue, RINGHOST_STAT_CHAINS);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	snprintf(wanted, sizeof(wanted), "queue%u.chains: %%llu", self->index);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file) && sscanf(line, wanted, &shown) != 1)
		;
	fclose(file);
	EXPECT_EQ(chains, shown);
}

TEST_HARNESS_MAIN
