// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hostile driver with a second processor: while a queue runs, another thread
 * rewrites descriptors, heads, indices, flags, event words and indirect tables.
 * Whatever the device reads when, only that queue breaks, its error eventfd
 * fires once for each break, a restart repairs it, its neighbour goes on, and
 * no byte outside the guest's memory changes.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define RING 64
#define MILLISECONDS 1500
/* A bit that is set in no address of the guest's memory. */
#define NOWHERE (1ull << 26)
/* The hostile driver's buffers and tables: far from the rings, which it must not ruin itself. */
#define PLAYGROUND GUEST_FAR_SIZE

FIXTURE(rewritten) {
	struct rig rig;
	struct load load;
	unsigned char *playground;
	unsigned int seed;
	uint64_t errors;
	volatile bool stop;
};
FIXTURE_VARIANT(rewritten) { enum rig_flavour flavour; uint64_t features; bool unmapped; };
FIXTURE_VARIANT_ADD(rewritten, blk) { RIG_BLK, DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(rewritten, blk_unmapped) { RIG_BLK, DRIVER_FEATURES, true };
FIXTURE_VARIANT_ADD(rewritten, blk_packed) { RIG_BLK, DRIVER_PACKED, false };
FIXTURE_VARIANT_ADD(rewritten, blk_packed_unmapped) { RIG_BLK, DRIVER_PACKED, true };
FIXTURE_VARIANT_ADD(rewritten, blk_in_order) { RIG_BLK, DRIVER_IN_ORDER, false };
FIXTURE_VARIANT_ADD(rewritten, blk_packed_in_order) { RIG_BLK, DRIVER_PACKED_IN_ORDER, false };
FIXTURE_VARIANT_ADD(rewritten, net_tx) { RIG_NET_TX, DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(rewritten, net_tx_unmapped) { RIG_NET_TX, DRIVER_FEATURES, true };
FIXTURE_VARIANT_ADD(rewritten, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED, false };
FIXTURE_VARIANT_ADD(rewritten, net_tx_packed_unmapped) { RIG_NET_TX, DRIVER_PACKED, true };
FIXTURE_VARIANT_ADD(rewritten, net_rx) { RIG_NET_RX, DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(rewritten, net_rx_unmapped) { RIG_NET_RX, DRIVER_FEATURES, true };
FIXTURE_VARIANT_ADD(rewritten, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED, false };
FIXTURE_VARIANT_ADD(rewritten, net_rx_packed_unmapped) { RIG_NET_RX, DRIVER_PACKED, true };

FIXTURE_SETUP(rewritten)
{
	if (variant->unmapped)
		guest_forbid_pinning();
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	guest_arm_guards(&self->rig.driver.guest);
	load_init(&self->load, &self->rig);
	self->playground = guest_pointer(&self->rig.driver.guest, GUEST_FAR_START);
	/* The good buffers end where the region does: one that is made longer leaves it. */
	memcpy(self->playground + PLAYGROUND - 4096, self->load.buffer, 4096);
	self->load.buffer = self->playground + PLAYGROUND - 4096;
	rig_start(&self->rig);
	ASSERT_EQ(1, driver_stat(self->rig.queue, variant->unmapped ?
				 RINGHOST_STAT_STARTS_UNMAPPED : RINGHOST_STAT_STARTS_MAPPED));
	self->seed = time(NULL);
	TEST_LOG("seed %u", self->seed);
}

FIXTURE_TEARDOWN(rewritten)
{
	rig_exit(&self->rig);
}

/* In the playground, over its end, or in no memory at all. */
static uint64_t any_address(unsigned int *seed)
{
	switch (rand_r(seed) % 8) {
	case 0:
		return NOWHERE | (uint64_t)rand_r(seed) << (rand_r(seed) % 34);
	case 1:
		return GUEST_FAR_START + PLAYGROUND - rand_r(seed) % 64;
	default:
		return GUEST_FAR_START + rand_r(seed) % PLAYGROUND / 16 * 16;
	}
}

static uint32_t any_length(unsigned int *seed)
{
	return rand_r(seed) % 4 ? (uint32_t)rand_r(seed) % 256 * 16 :
				  (uint32_t)rand_r(seed) << (rand_r(seed) % 2);
}

/* A descriptor of either format: one more that is good, or one of its fields. */
static void rewrite_desc(struct driver_queue *queue, struct vring_desc *desc, unsigned int *seed)
{
	unsigned int wild = rand_r(seed) % 16 ? queue->num : 65536;
	uint16_t owner = driver_is_packed(queue) ? driver_packed_flags(rand_r(seed)) : 0;

	switch (rand_r(seed) % 6) {
	case 0:
		desc->addr = any_address(seed);
		break;
	case 1:
		desc->len = any_length(seed);
		break;
	case 2:
		desc->flags = rand_r(seed);
		break;
	case 3:
		desc->next = rand_r(seed) % wild;
		break;
	default:
		*desc = (struct vring_desc){ any_address(seed), any_length(seed),
					     rand_r(seed) % 8, rand_r(seed) % queue->num };
		if (driver_is_packed(queue))
			*(struct vring_packed_desc *)desc = (struct vring_packed_desc){
				any_address(seed), 16, rand_r(seed) % wild,
				owner | rand_r(seed) % 8,
			};
	}
}

/* Heads, indices, flags and event words of a split ring; the event structures of a packed one. */
static void rewrite_words(struct driver_queue *queue, unsigned int *seed)
{
	bool packed = driver_is_packed(queue);
	size_t avail = packed ? 4 : 6 + 2 * queue->num;
	size_t used = packed ? 4 : 6 + 8 * queue->num;
	uint16_t value = rand_r(seed), *word;

	if (rand_r(seed) % 4)
		value %= queue->num;
	if (rand_r(seed) % 2)
		word = (uint16_t *)queue->avail + rand_r(seed) % (avail / 2);
	else
		word = (uint16_t *)queue->used + rand_r(seed) % (used / 2);
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static void rewrite_once(FIXTURE_DATA(rewritten) *self, unsigned int *seed)
{
	struct driver_queue *queue = self->rig.queue;
	struct vring_desc *table = (struct vring_desc *)self->playground;

	switch (rand_r(seed) % 8) {
	case 0:
		/* What indirect descriptors point to, and what buffers hold. */
		rewrite_desc(queue, &table[rand_r(seed) % (PLAYGROUND / sizeof(*table))], seed);
		break;
	case 1:
		rewrite_words(queue, seed);
		break;
	default:
		rewrite_desc(queue, &queue->desc[rand_r(seed) % queue->num], seed);
	}
}

static void *rewrite_main(void *context)
{
	FIXTURE_DATA(rewritten) *self = context;
	unsigned int seed = self->seed;

	while (!self->stop) {
		for (unsigned int i = rand_r(&seed) % 64; i; i--)
			rewrite_once(self, &seed);
		/* Leave the device, on the same processor perhaps, some good chains. */
		usleep(rand_r(&seed) % 400);
	}
	return NULL;
}

/* Signals of the error eventfd since the last time. */
static uint64_t count_errors(struct driver_queue *queue)
{
	uint64_t count = 0;

	return read(queue->error, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* Memory for a round trip is used again and again. */
static int works(struct rig *rig, struct driver_queue *queue)
{
	size_t allocated = rig->driver.guest.allocated;
	int error = rig_works(rig, queue);

	rig->driver.guest.allocated = allocated;
	return error;
}

static void repair(FIXTURE_DATA(rewritten) *self)
{
	struct rig *rig = &self->rig;

	ASSERT_EQ(0, rig_stop_queue(rig, rig->queue));
	driver_reset_queue(rig->queue);
	ASSERT_EQ(0, driver_set_queue(rig->queue));
	ASSERT_EQ(0, rig_start_queue(rig, rig->queue));
}

/* Offer good and bad chains until the queue breaks, or for a while. */
static void drive(FIXTURE_DATA(rewritten) *self)
{
	struct driver_queue *queue = self->rig.queue;
	struct driver_used used;
	uint64_t errors = 0;

	for (unsigned int i = 0; i < 30 && !errors; i++) {
		load_fill(&self->load);
		if (i % 4 == 0)
			driver_offer(queue, i % queue->num);
		rig_provoke(&self->rig);
		driver_wait_event(queue->call, 2);
		for (unsigned int j = 0; j < queue->num && driver_reap(queue, &used); j++)
			;
		errors = count_errors(queue);
	}
	self->errors += errors;
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000ll + time.tv_nsec / 1000000;
}

TEST_F_TIMEOUT(rewritten, ring_breaks_alone_can_be_repaired_and_writes_nowhere_else, 60)
{
	long long end = now() + MILLISECONDS * harness_times();
	struct rig *rig = &self->rig;
	unsigned long rounds;
	pthread_t thread;
	uint64_t breaks;

	ASSERT_EQ(0, pthread_create(&thread, NULL, rewrite_main, self));
	for (rounds = 0; now() < end; rounds++) {
		drive(self);
		/* A round trip through the host's network takes longer than a break. */
		if (rounds % 8 == 0)
			ASSERT_EQ(0, works(rig, rig->neighbour));
		repair(self);
	}
	self->stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	repair(self);
	self->errors += count_errors(rig->queue);
	breaks = driver_stat(rig->queue, RINGHOST_STAT_BREAKS);
	TEST_LOG("%lu rounds, %llu breaks", rounds, (unsigned long long)breaks);
	EXPECT_LT(0, breaks);
	EXPECT_EQ(breaks, self->errors);
	EXPECT_EQ(0, driver_stat(rig->neighbour, RINGHOST_STAT_BREAKS));
	EXPECT_EQ(0, works(rig, rig->queue));
	EXPECT_EQ(0, works(rig, rig->neighbour));
	EXPECT_TRUE(guest_guards_are_intact(&rig->driver.guest));
}

TEST_HARNESS_MAIN
