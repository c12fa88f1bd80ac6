// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver and a device at work on one ring at the same time, each in a thread of its own:
 * no chain is lost, doubled or torn, and neither side sleeps for ever once the other has
 * something for it, however few calls and kicks they asked for. The driver is model.c's.
 *
 * Built twice: with the processor's own barriers, where two processors reorder what no
 * barrier holds, and for ThreadSanitizer, which sees what the barriers order (weak.c).
 */
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <linux/vhost_types.h>

#include "harness.h"
#include "model.h"
#include "weak.h"

#define CHAINS 60000
/* Who has slept so long, on a machine however busy, was forgotten. */
#define PATIENCE_MS 20000

FIXTURE(threads) {
	struct model model;
	struct rh_ring ring;
	struct rh_memory *memory;
	pthread_t device;
	int kick;
	int call;
	u16 held[MODEL_NUM_MAX];
	unsigned int held_count;
	u32 written[MODEL_NUM_MAX];
	unsigned long reaped;
	bool done;
	unsigned int driver_random;
	unsigned int device_random;
};

FIXTURE_VARIANT(threads) { bool packed, in_order, event_idx, mapped; unsigned int num; };
FIXTURE_VARIANT_ADD(threads, split) { .num = 64 };
FIXTURE_VARIANT_ADD(threads, split_event) { .event_idx = true, .mapped = true, .num = 8 };
FIXTURE_VARIANT_ADD(threads, split_in_order) { .in_order = true, .mapped = true, .num = 256 };
FIXTURE_VARIANT_ADD(threads, split_in_order_event) { .in_order = true, .event_idx = true, .num = 16 };
FIXTURE_VARIANT_ADD(threads, packed) { .packed = true, .mapped = true, .num = 64 };
FIXTURE_VARIANT_ADD(threads, packed_event) { .packed = true, .event_idx = true, .num = 7 };
FIXTURE_VARIANT_ADD(threads, packed_in_order) { .packed = true, .in_order = true, .num = 255 };
FIXTURE_VARIANT_ADD(threads, packed_in_order_event) { .packed = true, .in_order = true, .event_idx = true, .mapped = true, .num = 16 };

static FIXTURE_DATA(threads) *shared;

static unsigned int draw_from(unsigned int *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 8;
}

static unsigned int driver_draw(void)
{
	return draw_from(&shared->driver_random);
}

static unsigned int device_draw(void)
{
	return draw_from(&shared->device_random);
}

static struct rh_memory *make_memory(struct model *model)
{
	const size_t size = sizeof(struct vhost_memory) + sizeof(struct vhost_memory_region);
	struct vhost_memory *table = calloc(1, size);
	struct rh_memory *memory;

	ASSERT_NE(NULL, table);
	table->nregions = 1;
	table->regions[0].guest_phys_addr = MODEL_BASE;
	table->regions[0].memory_size = MODEL_MEMORY;
	table->regions[0].userspace_addr = (unsigned long)model->memory;
	user_area_add(table, size);
	memory = rh_memory_alloc(table);
	user_area_remove(table);
	free(table);
	return memory;
}

FIXTURE_SETUP(threads)
{
	unsigned int seed = time(NULL);

	TEST_LOG("seed %u", seed);
	shared = self;
	self->driver_random = seed;
	self->device_random = ~seed;
	self->model = (struct model){ .packed = variant->packed, .event_idx = variant->event_idx,
				      .indirect = true, .num = variant->num,
				      .start = variant->packed ? RH_PACKED_WRAP : 0xff00 };
	self->ring.in_order = variant->in_order;
	model_init(&self->model, &self->ring);
	self->memory = make_memory(&self->model);
	ASSERT_FALSE(IS_ERR(self->memory));
	self->kick = eventfd(0, EFD_CLOEXEC);
	self->call = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, self->kick);
	ASSERT_LE(0, self->call);
	ASSERT_EQ(0, rh_ring_alloc(&self->ring));
	if (variant->mapped)
		ASSERT_EQ(0, rh_ring_map(&self->ring, NULL));
}

FIXTURE_TEARDOWN(threads)
{
	rh_ring_free(&self->ring);
	rh_memory_free(self->memory);
	model_exit(&self->model);
	close(self->kick);
	close(self->call);
}

static void wake(int eventfd)
{
	const u64 one = 1;

	ASSERT_EQ(sizeof(one), write(eventfd, &one, sizeof(one)));
}

static void sleep_on(int eventfd)
{
	struct pollfd poll_fd = { eventfd, POLLIN, 0 };
	u64 count;

	weak_sleep();
	ASSERT_EQ(1, poll(&poll_fd, 1, PATIENCE_MS));
	ASSERT_EQ(sizeof(count), read(eventfd, &count, sizeof(count)));
}

/* Returns what the last pop did. */
static int device_pop(FIXTURE_DATA(threads) *self)
{
	unsigned int most = 1 + device_draw() % 32;
	struct rh_chain chain;
	int ret = 0;

	while (most-- && (ret = rh_ring_pop(&self->ring, self->memory, &chain)) > 0) {
		ASSERT_TRUE(model_offered(&self->model, &chain));
		for (unsigned int i = 0; i < chain.in_count; i++)
			memset(chain.in[i].iov_base, chain.head, chain.in[i].iov_len);
		self->held[self->held_count++] = chain.head;
	}
	ASSERT_LE(0, ret);
	return ret;
}

static void device_push(FIXTURE_DATA(threads) *self, unsigned int count)
{
	while (count-- && self->held_count) {
		unsigned int i = device_draw() % self->held_count;
		u16 head = self->held[i];

		self->written[head] = device_draw() % 1000;
		ASSERT_EQ(0, rh_ring_push(&self->ring, head, self->written[head]));
		self->held[i] = self->held[--self->held_count];
	}
	if (!rh_ring_has_unpublished(&self->ring))
		return;
	ASSERT_EQ(0, rh_ring_publish(&self->ring));
	if (rh_ring_needs_call(&self->ring))
		wake(self->call);
}

/* As the worker and a backend do it: until there is no more, then once more, then sleep. */
static void *run_device(void *data)
{
	FIXTURE_DATA(threads) *self = data;

	weak_thread(1);
	ASSERT_EQ(0, rh_ring_resume(&self->ring));
	while (!__atomic_load_n(&self->done, __ATOMIC_RELAXED)) {
		int ret = device_pop(self);

		device_push(self, ret ? device_draw() % 32 : MODEL_NUM_MAX);
		if (ret)
			continue;
		ret = rh_ring_enable_kick(&self->ring);
		ASSERT_LE(0, ret);
		if (!ret)
			sleep_on(self->kick);
		ASSERT_EQ(0, rh_ring_disable_kick(&self->ring));
	}
	return NULL;
}

static bool driver_offer(FIXTURE_DATA(threads) *self)
{
	unsigned int most = 1 + driver_draw() % 16, offered = 0;

	while (offered < most && self->model.offered < CHAINS &&
	       model_offer(&self->model, driver_draw))
		offered++;
	if (offered && model_wants_to_kick(&self->model))
		wake(self->kick);
	return offered;
}

static unsigned int driver_reap(FIXTURE_DATA(threads) *self)
{
	const struct model_chain *chain;
	unsigned int head, count = 0;
	u32 written;
	int ret;

	for (; (ret = model_reap(&self->model, &head, &written)) > 0; count++) {
		chain = &self->model.chains[head];
		ASSERT_EQ(self->written[head], written);
		if (self->ring.in_order)
			ASSERT_EQ(self->reaped + count, chain->serial);
		for (unsigned int i = chain->out_count; i < chain->count; i++)
			ASSERT_EQ((unsigned char)head, self->model.memory[chain->offset[i] +
									  chain->length[i] - 1]);
	}
	ASSERT_EQ(0, ret);
	self->reaped += count;
	return count;
}

/* A split ring with event indices can wait for more than the next chain. */
static void driver_wait(FIXTURE_DATA(threads) *self)
{
	unsigned int ahead = 0;

	if (!self->model.packed && self->model.event_idx)
		ahead = driver_draw() % (self->model.offered - self->reaped);
	model_ask_for_call(&self->model, ahead);
	if (!driver_reap(self))
		sleep_on(self->call);
	model_ask_for_call(&self->model, self->model.num - 1);
}

TEST_F_TIMEOUT(threads, nothing_is_lost_doubled_torn_or_slept_on, 120)
{
	weak_thread(0);
	ASSERT_EQ(0, pthread_create(&self->device, NULL, run_device, self));
	while (self->reaped < CHAINS) {
		bool busy = driver_offer(self);

		if (driver_draw() % 2)
			busy |= driver_reap(self);
		if (!busy && self->reaped < self->model.offered)
			driver_wait(self);
	}
	__atomic_store_n(&self->done, true, __ATOMIC_RELAXED);
	wake(self->kick);
	ASSERT_EQ(0, pthread_join(self->device, NULL));
	EXPECT_EQ(0, self->ring.outstanding);
}

TEST_HARNESS_MAIN
