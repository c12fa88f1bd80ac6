// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two devices, two descriptors, two threads: what one of them does to itself,
 * or to what both share, may not disturb the other beyond the shared thing.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "load.h"

#define RING 128

FIXTURE(pair) {
	struct rig rig;
	struct driver other;
	struct load load;
};
FIXTURE_VARIANT(pair) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(pair, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(pair, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(pair, net_rx) { RIG_NET_RX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(pair, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(pair, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(pair, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED };

FIXTURE_SETUP(pair)
{
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
	driver_init(&self->other, rig_node(variant->flavour), 2, RING, variant->features);
	load_init(&self->load, &self->rig);
}

FIXTURE_TEARDOWN(pair)
{
	driver_exit(&self->other);
	rig_exit(&self->rig);
}

/* A second device on the very same ring memory, disk or transmit port. */
static void share_ring(struct rig *rig, struct driver *other)
{
	struct driver_queue *queue = &other->queues[rig->queue->index];

	ASSERT_EQ(0, guest_set_mem_table(&rig->driver.guest, other->fd));
	ASSERT_EQ(0, vhost_set_vring_addr(other->fd, queue->index, rig->queue->desc,
					  rig->queue->avail, rig->queue->used));
	ASSERT_EQ(0, vhost_set_vring_kick(other->fd, queue->index, rig->queue->kick));
	if (rig->flavour == RIG_BLK) {
		ASSERT_EQ(0, vhost_blk_set_disk(other->fd, rig->driver.backend, 0, NULL));
		ASSERT_EQ(0, vhost_set_vring_enable(other->fd, queue->index, 1));
	} else if (rig->flavour == RIG_NET_TX) {
		ASSERT_EQ(0, vhost_net_set_backend(other->fd, queue->index, rig->driver.backend));
	}
}

TEST_F(pair, two_devices_on_one_ring_confuse_only_that_ring)
{
	struct driver_queue *queue = self->rig.queue;
	time_t end = time(NULL) + 3;

	share_ring(&self->rig, &self->other);
	while (time(NULL) < end) {
		for (unsigned int i = 0; i < RING; i++)
			queue->desc[i] = (struct vring_desc){ GUEST_FAR_START, 64, 0, 0 };
		for (unsigned int i = 0; i < RING / 2; i++)
			driver_offer(queue, i);
		rig_provoke(&self->rig);
		usleep(1000);
	}
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

/* Descriptors are shared by two threads that call everything at once. */
struct caller {
	struct rig *rig;
	unsigned int seed;
	time_t end;
};

static void call_once(struct rig *rig, unsigned int *seed)
{
	struct driver_queue *queue = rand_r(seed) % 2 ? rig->queue : rig->neighbour;
	int fd = rig->driver.fd;

	switch (rand_r(seed) % 10) {
	case 0:
		rig_start_queue(rig, queue);
		break;
	case 1:
		rig_stop_queue(rig, queue);
		break;
	case 2:
		guest_set_mem_table(&rig->driver.guest, fd);
		break;
	case 3:
		vhost_set_vring_kick(fd, queue->index, rand_r(seed) % 2 ? queue->kick : -1);
		break;
	case 4:
		vhost_set_vring_call(fd, queue->index, rand_r(seed) % 2 ? queue->call : -1);
		break;
	case 5:
		vhost_set_features(fd, rand_r(seed) % 2 ? rig->driver.features : 0);
		break;
	case 6:
		vhost_set_vring_base(fd, queue->index, queue->used->idx);
		break;
	case 7:
		vhost_set_vring_addr(fd, queue->index, queue->desc, queue->avail, queue->used);
		break;
	case 8:
		vhost_get_vring_base(fd, queue->index);
		break;
	default:
		eventfd_write(queue->kick, 1);
	}
}

static void *call_main(void *context)
{
	struct caller *caller = context;

	while (time(NULL) < caller->end)
		call_once(caller->rig, &caller->seed);
	return NULL;
}

TEST_F(pair, threads_that_race_on_one_descriptor_leave_a_device_that_works)
{
	struct rig *rig = &self->rig;
	struct caller callers[3];
	pthread_t threads[3];

	for (unsigned int i = 0; i < 3; i++) {
		callers[i] = (struct caller){ rig, i + 1, time(NULL) + 5 };
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, call_main, &callers[i]));
	}
	while (time(NULL) < callers[0].end) {
		load_fill(&self->load);
		usleep(1000);
		driver_reset_queue(rig->queue);
	}
	for (unsigned int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));

	ASSERT_EQ(0, vhost_set_features(rig->driver.fd, rig->driver.features));
	for (unsigned int i = 0; i < 2; i++) {
		ASSERT_EQ(0, rig_stop_queue(rig, &rig->driver.queues[i]));
		driver_reset_queue(&rig->driver.queues[i]);
		ASSERT_EQ(0, driver_set_queue(&rig->driver.queues[i]));
	}
	rig_start(rig);
	EXPECT_EQ(0, rig_works(rig, rig->queue));
	EXPECT_EQ(0, rig_works(rig, rig->neighbour));
}

TEST_F(pair, device_works_while_another_is_opened_and_closed)
{
	load_start(&self->load);
	for (unsigned int i = 0; i < 30; i++) {
		int fd = vhost_open(rig_node(variant->flavour));

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, vhost_set_owner(fd));
		close(fd);
	}
	load_expect(&self->load, 10);
	load_stop(&self->load);
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
}

TEST_HARNESS_MAIN
