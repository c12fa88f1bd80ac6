// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an owner may replace under a queue that is busy: ring addresses, memory
 * table, kick, call and error eventfds, worker, features. No chain is lost for it,
 * none comes back twice, no packet overtakes another. Each chain is numbered.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "stream.h"

#define RING 128
#define SECONDS 1
#define PAGE 4096
/* The same memory at other addresses. */
#define ALIASES 4

/**
 * struct aliases - other addresses of the ring's and the guest's memory
 * @desc: of the descriptor area
 * @avail: of the driver's area
 * @used: of the device's area
 * @main: of the guest's main region
 */
struct aliases {
	void *desc;
	void *avail;
	void *used;
	void *main;
};

FIXTURE(replace) {
	struct rig rig;
	struct stream stream;
	struct aliases aliases[ALIASES];
	int kicks[2];
	int calls[2];
	unsigned long count;
	volatile bool stop;
};
FIXTURE_VARIANT(replace) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(replace, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(replace, blk_packed) { RIG_BLK, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(replace, blk_packed_in_order) { RIG_BLK, DRIVER_PACKED_IN_ORDER };
FIXTURE_VARIANT_ADD(replace, net_tx) { RIG_NET_TX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(replace, net_tx_packed) { RIG_NET_TX, DRIVER_PACKED };
FIXTURE_VARIANT_ADD(replace, net_rx) { RIG_NET_RX, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(replace, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED };

/* A second mapping of shared memory: mremap() of no bytes. */
static void *alias_of(void *start, size_t size)
{
	void *alias = mremap(start, 0, size, MREMAP_MAYMOVE);

	ASSERT_NE(MAP_FAILED, alias);
	return alias;
}

FIXTURE_SETUP(replace)
{
	struct driver_queue *queue;

	rig_init(&self->rig, variant->flavour, RING, variant->features);
	stream_init(&self->stream, &self->rig);
	queue = self->rig.queue;
	for (unsigned int i = 0; i < ALIASES; i++) {
		self->aliases[i].desc = alias_of(queue->desc, PAGE);
		self->aliases[i].avail = alias_of(queue->avail, PAGE);
		self->aliases[i].used = alias_of(queue->used, PAGE);
		self->aliases[i].main = alias_of(self->rig.driver.guest.regions[0].user,
						 GUEST_MAIN_SIZE);
	}
	self->kicks[0] = queue->kick;
	self->calls[0] = queue->call;
	self->kicks[1] = eventfd(0, EFD_NONBLOCK);
	self->calls[1] = eventfd(0, EFD_NONBLOCK);
	ASSERT_LE(0, self->calls[1]);
	/* The driver signals both kick eventfds and listens to both call eventfds. */
	self->stream.kick = self->kicks[1];
	self->stream.call = self->calls[1];
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(replace)
{
	rig_exit(&self->rig);
}

static void move_ring(FIXTURE_DATA(replace) *self, unsigned int i)
{
	struct aliases *aliases = &self->aliases[i % ALIASES];

	ASSERT_EQ(0, vhost_set_vring_addr(self->rig.driver.fd, self->rig.queue->index,
					  aliases->desc, aliases->avail, aliases->used));
}

static void replace_memory(FIXTURE_DATA(replace) *self, unsigned int i)
{
	struct guest guest = self->rig.driver.guest;

	guest.regions[0].user = self->aliases[i % ALIASES].main;
	ASSERT_EQ(0, guest_set_mem_table(&guest, self->rig.driver.fd));
}

static void replace_kick(FIXTURE_DATA(replace) *self, unsigned int i)
{
	ASSERT_EQ(0, vhost_set_vring_kick(self->rig.driver.fd, self->rig.queue->index,
					  self->kicks[i % 2]));
}

static void replace_call(FIXTURE_DATA(replace) *self, unsigned int i)
{
	ASSERT_EQ(0, vhost_set_vring_call(self->rig.driver.fd, self->rig.queue->index,
					  self->calls[i % 2]));
}

/* Nobody keeps the descriptor: the device has the only reference. */
static void replace_error(FIXTURE_DATA(replace) *self, unsigned int i)
{
	int error = eventfd(i % 2, 0);

	ASSERT_LE(0, error);
	ASSERT_EQ(0, vhost_set_vring_err(self->rig.driver.fd, self->rig.queue->index, error));
	close(error);
}

static void repeat_features(FIXTURE_DATA(replace) *self, HARNESS_UNUSED unsigned int i)
{
	ASSERT_EQ(0, vhost_set_features(self->rig.driver.fd, self->rig.driver.features));
}

/* Refused while the queue runs, and nothing comes of it. */
static void refuse_size(FIXTURE_DATA(replace) *self, unsigned int i)
{
	struct driver_queue *queue = self->rig.queue;

	ASSERT_EQ(-EBUSY, vhost_set_vring_num(self->rig.driver.fd, queue->index, 64 << i % 2));
	ASSERT_EQ(-EBUSY, vhost_set_vring_base(self->rig.driver.fd, queue->index, i % 64));
}

/* The old one is freed at once, with whatever it had still to do. */
static void replace_worker(FIXTURE_DATA(replace) *self, HARNESS_UNUSED unsigned int i)
{
	unsigned int index = self->rig.queue->index;
	int fd = self->rig.driver.fd;
	int last = vhost_get_vring_worker(fd, index), next = vhost_new_worker(fd);

	ASSERT_LE(0, last);
	ASSERT_LE(0, next);
	ASSERT_EQ(0, vhost_attach_vring_worker(fd, index, next));
	ASSERT_EQ(0, vhost_free_worker(fd, last));
}

static void restart_neighbour(FIXTURE_DATA(replace) *self, HARNESS_UNUSED unsigned int i)
{
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.neighbour));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.neighbour));
}

typedef void (*replacement)(FIXTURE_DATA(replace) *self, unsigned int i);

static const replacement replacements[] = {
	move_ring, replace_memory, replace_kick, replace_call, replace_error, repeat_features,
	replace_worker, refuse_size, restart_neighbour,
};
#define REPLACEMENTS (sizeof(replacements) / sizeof(replacements[0]))

static void *replace_all_main(void *context)
{
	FIXTURE_DATA(replace) *self = context;
	unsigned int seed = time(NULL);

	TEST_LOG("seed %u", seed);
	for (; !self->stop; self->count++) {
		replacements[rand_r(&seed) % REPLACEMENTS](self, rand_r(&seed));
		if (rand_r(&seed) % 4 == 0)
			usleep(rand_r(&seed) % 300);
	}
	return NULL;
}

/* The queue is full all the time, while @main runs in another thread. */
static void run_against(FIXTURE_DATA(replace) *self, void *(*main)(void *context))
{
	time_t end = time(NULL) + SECONDS * harness_times() + 1;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, main, self));
	while (time(NULL) < end) {
		stream_offer(&self->stream, STREAM_SLOTS);
		if (!stream_is_done(&self->stream))
			stream_wait(&self->stream);
		else if (!stream_collect(&self->stream))
			usleep(200);
	}
	self->stop = true;
	ASSERT_EQ(0, pthread_join(thread, NULL));
	/* Nobody knows how many packets of a lossy stream are still to come: end it. */
	if (self->stream.lossy)
		ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	stream_collect(&self->stream);
	stream_finish(&self->stream);
	TEST_LOG("%lu replaced, %llu chains", self->count,
		 (unsigned long long)self->stream.returned);
	EXPECT_LT(10, self->count);
	EXPECT_LT(100, self->stream.returned);
}

/* Nothing moved the position but the chains themselves. */
static void expect_exact_position(struct rig *rig)
{
	ASSERT_EQ(0, rig_stop_queue(rig, rig->queue));
	EXPECT_EQ(driver_base(rig->queue), vhost_get_vring_base(rig->driver.fd,
								rig->queue->index));
}

TEST_F(replace, anything_under_full_load_loses_and_repeats_no_chain)
{
	run_against(self, replace_all_main);
	/* Receive buffers still lie in the ring, which a stop leaves there. */
	expect_exact_position(&self->rig);
}

static void *restart_main(void *context)
{
	FIXTURE_DATA(replace) *self = context;
	struct rig *rig = &self->rig;

	for (; !self->stop; self->count++) {
		ASSERT_EQ(0, rig_stop_queue(rig, rig->queue));
		ASSERT_LE(0, vhost_get_vring_base(rig->driver.fd, rig->queue->index));
		ASSERT_EQ(0, rig_start_queue(rig, rig->queue));
		usleep(2000);
	}
	return NULL;
}

TEST_F(replace, stop_and_start_under_full_load_loses_and_repeats_no_chain)
{
	/* A stop drops the packets that it finds half-way from the port to the ring. */
	self->stream.lossy = true;
	run_against(self, restart_main);
	expect_exact_position(&self->rig);
}

/* The queue runs without either eventfd for a while; what was missed is asked for later. */
static void *take_away_main(void *context)
{
	FIXTURE_DATA(replace) *self = context;
	unsigned int index = self->rig.queue->index;
	int fd = self->rig.driver.fd;

	for (; !self->stop; self->count++) {
		ASSERT_EQ(0, vhost_set_vring_kick(fd, index, -1));
		ASSERT_EQ(0, vhost_set_vring_call(fd, index, -1));
		ASSERT_EQ(0, vhost_set_vring_err(fd, index, -1));
		usleep(1000);
		ASSERT_EQ(0, vhost_set_vring_call(fd, index, self->calls[0]));
		ASSERT_EQ(0, vhost_set_vring_kick(fd, index, self->kicks[0]));
		/* As a VMM does: calls that went nowhere are made up for. */
		ASSERT_EQ(0, eventfd_write(self->calls[0], 1));
		usleep(1000);
	}
	return NULL;
}

TEST_F(replace, eventfds_taken_away_under_full_load_lose_no_chain)
{
	run_against(self, take_away_main);
}

TEST_HARNESS_MAIN
