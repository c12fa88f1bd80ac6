// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an owner may do to a queue that is busy: replace the memory table, change
 * features and eventfds, stop and start it, close it, and hand the same memory
 * to two devices. A guest may rewrite its descriptors at any moment.
 */
#include <stdlib.h>
#include <time.h>

#include "load.h"

#define RING 256
#define ROUNDS 200
/* A bit that is set in no address of the guest's memory. */
#define NOWHERE (1ull << 26)

FIXTURE(busy) {
	struct rig rig;
	struct load load;
	int fd;
};
FIXTURE_VARIANT(busy) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(busy, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(busy, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(busy, net_rx) { RIG_NET_RX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(busy, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(busy, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(busy, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED };

FIXTURE_SETUP(busy)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	self->fd = self->rig.driver.fd;
	rig_start(&self->rig);
	load_init(&self->load, &self->rig);
	load_start(&self->load);
	load_expect(&self->load, 10);
}

FIXTURE_TEARDOWN(busy)
{
	if (!self->load.stop)
		load_stop(&self->load);
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
	rig_exit(&self->rig);
}

TEST_F(busy, memory_table_can_be_replaced)
{
	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, guest_set_mem_table(&self->rig.driver.guest, self->fd));
	load_expect(&self->load, 10);
}

TEST_F(busy, same_features_can_be_set_again)
{
	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, vhost_set_features(self->fd, DRIVER_FEATURES));
	load_expect(&self->load, 10);
}

TEST_F(busy, kick_eventfd_can_be_set_again)
{
	struct driver_queue *queue = self->rig.queue;

	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, vhost_set_vring_kick(self->fd, queue->index, queue->kick));
	load_expect(&self->load, 10);
}

TEST_F(busy, call_and_error_eventfds_can_be_set_again)
{
	struct driver_queue *queue = self->rig.queue;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, vhost_set_vring_call(self->fd, queue->index, queue->call));
		ASSERT_EQ(0, vhost_set_vring_err(self->fd, queue->index, queue->error));
	}
	load_expect(&self->load, 10);
}

TEST_F(busy, ring_addresses_can_be_set_again)
{
	struct driver_queue *queue = self->rig.queue;

	for (unsigned int i = 0; i < ROUNDS; i++)
		ASSERT_EQ(0, vhost_set_vring_addr(self->fd, queue->index, queue->desc,
						  queue->avail, queue->used));
	load_expect(&self->load, 10);
}

TEST_F(busy, queue_can_be_stopped_and_started)
{
	for (unsigned int i = 0; i < 50; i++) {
		ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
		ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
		if (i % 10 == 0)
			load_expect(&self->load, 10);
	}
	load_expect(&self->load, 10);
}

TEST_F(busy, counters_can_be_read)
{
	uint64_t last = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		uint64_t chains = driver_stat(self->rig.queue, RINGHOST_STAT_CHAINS);

		ASSERT_LE(last, chains);
		last = chains;
	}
}

TEST_F(busy, neighbour_can_be_used)
{
	for (unsigned int i = 0; i < 10; i++)
		ASSERT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	load_expect(&self->load, 10);
}

/* A busy queue whose descriptors change behind its back. */
FIXTURE(rewritten) {
	struct rig rig;
	struct load load;
};
FIXTURE_VARIANT(rewritten) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(rewritten, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(rewritten, net_tx) { RIG_NET_TX };
FIXTURE_VARIANT_ADD(rewritten, net_rx) { RIG_NET_RX };

FIXTURE_SETUP(rewritten)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	rig_start(&self->rig);
	load_init(&self->load, &self->rig);
}

FIXTURE_TEARDOWN(rewritten)
{
	rig_exit(&self->rig);
}

/*
 * Never an address of the main region: the rings lie there, and a guest that has the
 * device write over its neighbour's ring breaks it itself.
 */
static void scribble(struct driver_queue *queue, unsigned int *seed)
{
	struct vring_desc *desc = &queue->desc[rand_r(seed) % queue->num];

	switch (rand_r(seed) % 6) {
	case 0:
		desc->addr = NOWHERE | (uint64_t)rand_r(seed) << (rand_r(seed) % 34);
		break;
	case 1:
		desc->len = rand_r(seed) << (rand_r(seed) % 2);
		break;
	case 2:
		desc->flags = rand_r(seed);
		break;
	case 3:
		desc->next = rand_r(seed) % (2 * queue->num);
		break;
	case 4:
		queue->avail->ring[rand_r(seed) % queue->num] = rand_r(seed) % (queue->num + 1);
		break;
	default:
		*desc = (struct vring_desc){ GUEST_FAR_START + rand_r(seed) % 65536 * 16,
					     rand_r(seed) % 4096, rand_r(seed) % 8,
					     rand_r(seed) % queue->num };
	}
}

/* The load offers good chains, this thread spoils them; a broken queue starts anew. */
TEST_F_TIMEOUT(rewritten, descriptors_while_the_queue_runs_harm_nobody, 60)
{
	struct driver_queue *queue = self->rig.queue;
	unsigned int seed = time(NULL);
	time_t end = time(NULL) + 8;

	TEST_LOG("seed %u", seed);
	while (time(NULL) < end) {
		ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
		driver_reset_queue(queue);
		ASSERT_EQ(0, driver_set_queue(queue));
		ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
		/* The free list lies in the descriptors, so nothing is added while they change. */
		for (unsigned int i = 0; i < 20 && !driver_is_broken(queue, 0); i++) {
			load_fill(&self->load);
			for (unsigned int j = 0; j < 50; j++)
				scribble(queue, &seed);
			driver_offer(queue, rand_r(&seed) % queue->num);
			driver_kick_always(queue);
		}
	}
	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
	EXPECT_LT(0, driver_stat(queue, RINGHOST_STAT_BREAKS));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
	driver_reset_queue(queue);
	ASSERT_EQ(0, driver_set_queue(queue));
	ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	EXPECT_EQ(0, rig_works(&self->rig, queue));
}

static void *scribble_main(void *context)
{
	struct load *load = context;
	unsigned int seed = time(NULL);

	while (!load->stop)
		scribble(load->rig->queue, &seed);
	return NULL;
}

TEST_F_TIMEOUT(rewritten, descriptors_from_another_thread_harm_nobody, 60)
{
	struct driver_queue *queue = self->rig.queue;
	pthread_t scribbler;
	time_t end;

	ASSERT_EQ(0, pthread_create(&scribbler, NULL, scribble_main, &self->load));
	for (end = time(NULL) + 5; time(NULL) < end;) {
		for (unsigned int i = 0; i < 100 && !driver_is_broken(queue, 0); i++) {
			driver_offer(queue, i % queue->num);
			rig_provoke(&self->rig);
		}
		ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
		queue->avail_next = 0;
		queue->avail->idx = 0;
		ASSERT_EQ(0, driver_set_queue(queue));
		ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	}
	self->load.stop = true;
	ASSERT_EQ(0, pthread_join(scribbler, NULL));
	EXPECT_LT(0, driver_stat(queue, RINGHOST_STAT_BREAKS));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

TEST_HARNESS_MAIN
