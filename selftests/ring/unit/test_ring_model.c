// SPDX-License-Identifier: GPL-2.0-only
/*
 * Both formats against a reference driver (model.c), millions of random steps: every
 * chain arrives once and as it was offered, every one comes back once, in order where that
 * was negotiated, and neither side ever sleeps on the other. The seed is printed.
 */
#include <time.h>

#include <linux/vhost_types.h>

#include "harness.h"
#include "model.h"

#define STEPS 600000

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

FIXTURE_SETUP(model)
{
	state = time(NULL);
	TEST_LOG("seed %llu", state);
	user_access_hook = NULL;
	self->model = (struct model){ .packed = variant->packed, .event_idx = variant->event_idx,
				      .indirect = true, .num = variant->num };
	model_init(&self->model, &self->ring);
	self->ring.in_order = variant->in_order;
	self->memory = make_memory(&self->model);
	ASSERT_FALSE(IS_ERR(self->memory));
	ASSERT_TRUE(rh_ring_addresses_ok(&self->ring));
	ASSERT_TRUE(rh_ring_base_ok(&self->ring));
	ASSERT_EQ(0, rh_ring_alloc(&self->ring));
	if (variant->mapped)
		ASSERT_EQ(0, rh_ring_map(&self->ring, NULL));
	ASSERT_EQ(0, rh_ring_resume(&self->ring));
}

FIXTURE_TEARDOWN(model)
{
	rh_ring_unmap(&self->ring, NULL);
	rh_ring_free(&self->ring);
	rh_memory_free(self->memory);
	model_exit(&self->model);
}

/* The chain is, byte for byte, what the driver offered under this name. */
static void check_chain(FIXTURE_DATA(model) *self, const struct rh_chain *chain)
{
	const struct model_chain *offered = &self->model.chains[chain->head];

	ASSERT_TRUE(offered->held);
	ASSERT_EQ(offered->count, chain->out_count + chain->in_count);
	ASSERT_EQ(offered->out_count, chain->out_count);
	for (unsigned int i = 0; i < offered->count; i++) {
		ASSERT_EQ((intptr_t)(self->model.memory + offered->offset[i]),
			  (intptr_t)chain->out[i].iov_base);
		ASSERT_EQ(offered->length[i], chain->out[i].iov_len);
	}
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
		check_chain(self, &chain);
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

TEST_F_TIMEOUT(model, nothing_is_lost_doubled_or_slept_on, 240)
{
	for (unsigned long step = 0; step < STEPS; step++) {
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
	EXPECT_LT(STEPS / 8, self->reaped);
	TEST_LOG("%lu chains", self->reaped);
}

TEST_HARNESS_MAIN
