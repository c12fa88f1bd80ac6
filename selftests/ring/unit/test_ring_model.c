// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both formats against a reference driver (model.c), millions of random steps: every
 * chain arrives once and as it was offered, every one comes back once, in order where that
 * was negotiated, and neither side ever sleeps on the other. The device is stopped and
 * started in between, and now and then a driver with another ring, of any size and at any
 * position, follows. The seed is printed; MODEL_SEED in the environment repeats a run.
 */
#include <stdlib.h>
#include <time.h>

#include <linux/vhost_types.h>

#include "harness.h"
#include "model.h"

#define STEPS 1500000

static unsigned long long state;

static unsigned int draw(void)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return state >> 33;
}

FIXTURE(model) {
	struct model model;
	struct rh_ring ring;
	struct rh_memory *memory;
	unsigned int held[MODEL_NUM_MAX];
	u32 written[MODEL_NUM_MAX];
	unsigned int held_count;
	unsigned long popped;
	unsigned long reaped;
	unsigned long reaped_before;
	unsigned long wraps;
	bool asleep;
	bool called;
};

FIXTURE_VARIANT(model) { bool packed, in_order, event_idx, mapped; unsigned int num; };
FIXTURE_VARIANT_ADD(model, split) { .num = 64 };
FIXTURE_VARIANT_ADD(model, split_event) { .event_idx = true, .num = 8 };
FIXTURE_VARIANT_ADD(model, split_in_order) { .in_order = true, .event_idx = true, .num = 32 };
FIXTURE_VARIANT_ADD(model, split_mapped) { .mapped = true, .event_idx = true, .num = 256 };
FIXTURE_VARIANT_ADD(model, packed) { .packed = true, .num = 64 };
FIXTURE_VARIANT_ADD(model, packed_event) { .packed = true, .event_idx = true, .num = 13 };
FIXTURE_VARIANT_ADD(model, packed_in_order) { .packed = true, .in_order = true, .event_idx = true, .num = 31 };
FIXTURE_VARIANT_ADD(model, packed_mapped) { .packed = true, .mapped = true, .event_idx = true, .num = 256 };

static struct rh_memory *make_memory(struct model *model)
{
	struct vhost_memory *table = calloc(1, sizeof(*table) + sizeof(table->regions[0]));
	struct rh_memory *memory;

	table->nregions = 1;
	table->regions[0].guest_phys_addr = MODEL_BASE;
	table->regions[0].memory_size = MODEL_MEMORY;
	table->regions[0].userspace_addr = (unsigned long)model->memory;
	user_area_add(table, sizeof(*table) + sizeof(table->regions[0]));
	memory = rh_memory_alloc(table);
	user_area_remove(table);
	free(table);
	return memory;
}

static void start_device(FIXTURE_DATA(model) *self, const FIXTURE_VARIANT(model) *variant)
{
	ASSERT_TRUE(rh_ring_base_ok(&self->ring));
	ASSERT_EQ(0, rh_ring_alloc(&self->ring));
	if (variant->mapped)
		ASSERT_EQ(0, rh_ring_map(&self->ring, NULL));
	ASSERT_EQ(0, rh_ring_resume(&self->ring));
	self->asleep = false;
}

static void stop_device(FIXTURE_DATA(model) *self)
{
	rh_ring_unmap(&self->ring, NULL);
	rh_ring_free(&self->ring);
}

/* A driver with a new ring of @num entries, and the device started on it. */
static void set_up(FIXTURE_DATA(model) *self, const FIXTURE_VARIANT(model) *variant,
		   unsigned int num, u16 start)
{
	self->model = (struct model){ .packed = variant->packed, .event_idx = variant->event_idx,
				      .indirect = true, .num = num, .start = start };
	self->ring = (struct rh_ring){ .in_order = variant->in_order };
	model_init(&self->model, &self->ring);
	self->memory = make_memory(&self->model);
	ASSERT_FALSE(IS_ERR(self->memory));
	ASSERT_TRUE(rh_ring_addresses_ok(&self->ring));
	start_device(self, variant);
}

static void tear_down(FIXTURE_DATA(model) *self)
{
	stop_device(self);
	rh_memory_free(self->memory);
	model_exit(&self->model);
}

FIXTURE_SETUP(model)
{
	const char *seed = getenv("MODEL_SEED");

	state = seed ? strtoull(seed, NULL, 0) : (unsigned long long)time(NULL);
	TEST_LOG("seed %llu", state);
	user_access_hook = NULL;
	set_up(self, variant, variant->num, variant->packed ? RH_PACKED_WRAP : 0);
}

FIXTURE_TEARDOWN(model)
{
	tear_down(self);
}

/* Chains are popped in the order they were offered in; some are given back at once. */
static void device_pop(FIXTURE_DATA(model) *self)
{
	unsigned int most = 1 + draw() % 8;
	struct rh_position position = rh_ring_position(&self->ring);
	unsigned int before = self->held_count;
	struct rh_chain chain;
	int ret = 0;

	while (most-- && (ret = rh_ring_pop(&self->ring, self->memory, &chain)) > 0) {
		ASSERT_TRUE(model_offered(&self->model, &chain));
		ASSERT_EQ(self->popped + self->held_count - before,
			  self->model.chains[chain.head].serial);
		self->held[self->held_count++] = chain.head;
	}
	ASSERT_LE(0, ret);
	if (draw() % 4 == 0) {
		rh_ring_rewind(&self->ring, position);
		self->held_count = before;
	}
	self->popped += self->held_count - before;
	if (!ret && draw() % 2)
		self->asleep = !rh_ring_enable_kick(&self->ring);
}

/* Backends finish in any order. */
static void device_push(FIXTURE_DATA(model) *self)
{
	for (unsigned int n = draw() % 8; n && self->held_count; n--) {
		unsigned int i = draw() % self->held_count;
		unsigned int head = self->held[i];

		self->written[head] = draw() % 1000;
		ASSERT_EQ(0, rh_ring_push(&self->ring, head, self->written[head]));
		self->held[i] = self->held[--self->held_count];
	}
	if (rh_ring_has_unpublished(&self->ring) && draw() % 2) {
		ASSERT_EQ(0, rh_ring_publish(&self->ring));
		self->called |= rh_ring_needs_call(&self->ring);
	}
}

/* As GET_VRING_BASE does: what is held is finished, then the position is taken. */
static void device_restart(FIXTURE_DATA(model) *self, const FIXTURE_VARIANT(model) *variant)
{
	while (self->held_count || rh_ring_has_unpublished(&self->ring))
		device_push(self);
	self->ring.base = rh_ring_get_base(&self->ring);
	stop_device(self);
	/* Nothing but the base tells the next one where the ring stands. */
	self->ring.avail_next = draw();
	self->ring.used_next = draw();
	self->ring.avail_seen = draw();
	start_device(self, variant);
	self->called = true;
}

static void driver_offer(FIXTURE_DATA(model) *self)
{
	unsigned int n = draw() % 6, offered = 0;

	while (n-- && model_offer(&self->model, draw))
		offered++;
	/* Who sleeps with kicks enabled is kicked for the first chain after that. */
	if (offered && self->asleep) {
		ASSERT_TRUE(model_wants_to_kick(&self->model));
		self->asleep = false;
		ASSERT_EQ(0, rh_ring_disable_kick(&self->ring));
	} else if (offered) {
		model_wants_to_kick(&self->model);
	}
}

static void driver_reap(FIXTURE_DATA(model) *self, bool in_order)
{
	unsigned int head;
	u32 written;
	int ret;

	while ((ret = model_reap(&self->model, &head, &written)) > 0) {
		ASSERT_EQ(self->written[head], written);
		if (in_order)
			ASSERT_EQ(self->reaped, self->model.chains[head].serial);
		self->reaped++;
	}
	ASSERT_EQ(0, ret);
}

/* Ask, look once more, sleep: then the next used entry has to call. */
static void driver_sleep(FIXTURE_DATA(model) *self, bool in_order)
{
	unsigned long before;

	model_ask_for_call(&self->model, 0);
	driver_reap(self, in_order);
	model_ask_for_call(&self->model, 0);
	self->called = false;
	before = self->reaped;
	for (unsigned int n = draw() % 4; n; n--) {
		device_pop(self);
		device_push(self);
	}
	driver_reap(self, in_order);
	if (self->reaped != before)
		ASSERT_TRUE(self->called);
}

/* The driver takes back everything it offered. */
static void drain(FIXTURE_DATA(model) *self, bool in_order)
{
	while (self->reaped < self->model.offered) {
		device_pop(self);
		device_push(self);
		driver_reap(self, in_order);
	}
	ASSERT_EQ(self->popped, self->reaped);
}

static unsigned int draw_num(bool packed)
{
	return packed ? 1 + draw() % MODEL_NUM_MAX : 1u << draw() % 9;
}

/* Reset: another driver, another ring. */
static void reset(FIXTURE_DATA(model) *self, const FIXTURE_VARIANT(model) *variant)
{
	const unsigned int num = draw_num(variant->packed);
	u16 start = draw();

	drain(self, variant->in_order);
	if (variant->packed)
		start = start % num | (start & RH_PACKED_WRAP);
	tear_down(self);
	self->reaped_before += self->reaped;
	self->popped = self->reaped = 0;
	set_up(self, variant, num, start);
}

static void step(FIXTURE_DATA(model) *self, const FIXTURE_VARIANT(model) *variant)
{
	switch (draw() % 5) {
	case 0:
		driver_offer(self);
		break;
	case 1:
		device_pop(self);
		break;
	case 2:
		device_push(self);
		break;
	case 3:
		model_ask_for_call(&self->model, draw() % self->model.num);
		driver_reap(self, variant->in_order);
		break;
	default:
		driver_sleep(self, variant->in_order);
	}
}

TEST_F_TIMEOUT(model, nothing_is_lost_doubled_or_slept_on, 240)
{
	for (unsigned long i = 0; i < STEPS; i++) {
		u16 before = self->model.used;

		step(self, variant);
		self->wraps += self->model.used < before;
		if (draw() % 256 == 0)
			device_restart(self, variant);
		if (draw() % 65536 == 0)
			reset(self, variant);
	}
	drain(self, variant->in_order);
	EXPECT_LT(STEPS / 64, self->reaped_before + self->reaped);
	TEST_LOG("%lu chains, %lu wraps", self->reaped_before + self->reaped, self->wraps);
}

TEST_HARNESS_MAIN
