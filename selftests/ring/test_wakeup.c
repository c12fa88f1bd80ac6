// SPDX-License-Identifier: GPL-2.0-only
/*
 * No wake-up is lost: bursts and pauses of random length, so that kicks and
 * calls meet the other side at every point of falling asleep. All waiting is on
 * events; a chain that stays away for want of one fails its round.
 */
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "stream.h"

#define RING 64
#define MILLISECONDS 1500

FIXTURE(wakeup) {
	struct rig rig;
	struct stream stream;
	unsigned int seed;
};
FIXTURE_VARIANT(wakeup) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(wakeup, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(wakeup, blk_plain) { RIG_BLK, DRIVER_PLAIN };
FIXTURE_VARIANT_ADD(wakeup, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(wakeup, blk_packed_plain) { RIG_BLK, DRIVER_PACKED_PLAIN };
FIXTURE_VARIANT_ADD(wakeup, blk_packed_in_order) { RIG_BLK, DRIVER_PACKED_IN_ORDER };
FIXTURE_VARIANT_ADD(wakeup, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(wakeup, net_tx_plain) { RIG_NET_TX, DRIVER_PLAIN };
FIXTURE_VARIANT_ADD(wakeup, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(wakeup, net_tx_packed_plain) { RIG_NET_TX, DRIVER_PACKED_PLAIN };
FIXTURE_VARIANT_ADD(wakeup, net_rx) { RIG_NET_RX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(wakeup, net_rx_plain) { RIG_NET_RX, DRIVER_PLAIN };
FIXTURE_VARIANT_ADD(wakeup, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(wakeup, net_rx_packed_plain) { RIG_NET_RX, DRIVER_PACKED_PLAIN };

FIXTURE_SETUP(wakeup)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	stream_init(&self->stream, &self->rig);
	rig_start(&self->rig);
	self->seed = time(NULL);
	TEST_LOG("seed %u", self->seed);
}

FIXTURE_TEARDOWN(wakeup)
{
	rig_exit(&self->rig);
}

static void pause_for_a_while(unsigned int *seed)
{
	unsigned int i, spins = rand_r(seed) % 3000;

	switch (rand_r(seed) % 4) {
	case 0:
		usleep(rand_r(seed) % 200);
		break;
	case 1:
		sched_yield();
		break;
	case 2:
		for (i = 0; i < spins; i++)
			__atomic_signal_fence(__ATOMIC_SEQ_CST);
	}
}

static void do_round(struct stream *stream, unsigned int *seed)
{
	unsigned int bursts = 1 + rand_r(seed) % 3;

	while (bursts--) {
		stream_offer(stream, 1 + rand_r(seed) % (rand_r(seed) % 4 ? 4 : STREAM_SLOTS));
		pause_for_a_while(seed);
		/* Take some without having wished for a call, as a driver that polls does. */
		if (rand_r(seed) % 2)
			stream_collect(stream);
	}
	while (!stream_is_done(stream))
		stream_wait(stream);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000ll + time.tv_nsec / 1000000;
}

TEST_F_TIMEOUT(wakeup, none_is_lost_whatever_the_pauses, 60)
{
	long long end = now() + MILLISECONDS * harness_times();
	unsigned long rounds = 0;

	for (; now() < end; rounds++)
		do_round(&self->stream, &self->seed);
	stream_finish(&self->stream);
	TEST_LOG("%lu rounds, %llu chains", rounds,
		 (unsigned long long)self->stream.returned);
	EXPECT_LT(20, rounds);
}

TEST_HARNESS_MAIN
