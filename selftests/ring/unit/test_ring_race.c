// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that changes the ring while we read it. Each field must be fetched
 * once and checked in the copy, so: no byte of the ring is read twice in one
 * pop, and whatever the guest writes at whatever moment, a chain that was
 * popped lies in its memory and every walk ends.
 */
#include <stdio.h>
#include <time.h>

#include "harness.h"
#include "world.h"

#define FUZZ_SECONDS 2
#define FUZZ_NUM 16

static struct world *current;

FIXTURE(race) { struct world world; };

FIXTURE_SETUP(race)
{
	world_init(&self->world, FUZZ_NUM);
	current = &self->world;
}

FIXTURE_TEARDOWN(race)
{
	world_exit(&self->world);
}

/* How often each byte of the descriptor table, and of the indirect one, was read. */
static unsigned char fetched[2][WORLD_REGION];

static void count_fetches(const volatile void *address, size_t size)
{
	const unsigned char *byte = (const unsigned char *)address;
	const unsigned char *desc = (const unsigned char *)current->desc;

	for (size_t i = 0; i < size; i++) {
		if (byte + i >= desc && byte + i < desc + FUZZ_NUM * sizeof(struct vring_desc))
			fetched[0][byte + i - desc]++;
		else if (byte + i >= current->first && byte + i < current->first + WORLD_REGION)
			fetched[1][byte + i - current->first]++;
	}
}

TEST_F(race, no_byte_is_fetched_twice)
{
	struct vring_desc *table = world_table(&self->world);

	self->world.desc[0].len = 4 * sizeof(*table);
	for (unsigned int i = 0; i < 4; i++)
		table[i] = (struct vring_desc){ WORLD_SECOND, 8, VRING_DESC_F_NEXT, i + 1 };
	table[3].flags = VRING_DESC_F_WRITE;
	world_desc(&self->world, 1, WORLD_SECOND, 8, VRING_DESC_F_NEXT, 0);
	world_offer(&self->world, 1);
	user_access_hook = count_fetches;
	ASSERT_EQ(1, world_pop(&self->world));
	EXPECT_EQ(5, self->world.chain.descriptors);
	for (unsigned int area = 0; area < 2; area++)
		for (unsigned int i = 0; i < WORLD_REGION; i++)
			ASSERT_GE(1, fetched[area][i]);
	EXPECT_EQ(1, fetched[1][0]);
}

/* The moment after a fetch is the moment before the next one. */
static void raise_length(const volatile void *address, size_t size)
{
	(void)address;
	(void)size;
	if (user_accesses % 2)
		current->desc[0].len = ~0u;
}

TEST_F(race, length_changed_after_the_check_does_not_count)
{
	for (unsigned int round = 0; round < 2; round++) {
		world_desc(&self->world, 0, WORLD_SECOND, 8, 0, 0);
		world_offer(&self->world, 0);
		user_accesses = round;
		user_access_hook = raise_length;
		if (world_pop(&self->world) == 1)
			EXPECT_EQ(8, self->world.chain.out[0].iov_len);
		else
			EXPECT_STREQ("reject_address", world_reject(&self->world));
		user_access_hook = NULL;
		world_seek(&self->world, self->world.avail->idx);
	}
}

static unsigned int turns;

/* A loop that the driver opens after the ring's whole length was walked. */
static void open_loop(const volatile void *address, size_t size)
{
	const bool packed = current->ring.packed;

	if (size < sizeof(struct vring_desc) || turns++ != current->ring.num)
		return;
	if (packed)
		((struct vring_packed_desc *)address)->flags &= ~VRING_DESC_F_NEXT;
	else
		((struct vring_desc *)address)->flags &= ~VRING_DESC_F_NEXT;
}

TEST_F(race, loop_opened_while_it_is_walked_is_no_longer_than_the_ring)
{
	for (unsigned int i = 0; i < FUZZ_NUM; i++)
		world_desc(&self->world, i, WORLD_FIRST, 1, VRING_DESC_F_NEXT, (i + 1) % FUZZ_NUM);
	world_offer(&self->world, 0);
	turns = 0;
	user_access_hook = open_loop;
	EXPECT_EQ(-EPROTO, world_pop(&self->world));
	EXPECT_STREQ("reject_chain_length", world_reject(&self->world));
}

TEST(packed_loop_opened_while_it_is_walked_is_no_longer_than_the_ring)
{
	struct world world;

	world_init_packed(&world, FUZZ_NUM);
	current = &world;
	for (unsigned int i = 0; i < FUZZ_NUM; i++)
		world_offer_packed(&world, WORLD_FIRST, 1, VRING_DESC_F_NEXT, 0);
	turns = 0;
	user_access_hook = open_loop;
	EXPECT_EQ(-EPROTO, world_pop(&world));
	EXPECT_STREQ("reject_chain_length", world_reject(&world));
	world_exit(&world);
}

static u64 random_address(void)
{
	static const u64 near[] = { 0, WORLD_FIRST, WORLD_SECOND, WORLD_HOLE, ~0ull };

	return near[random() % 5] + random() % 3 * 64 - random() % 3 * 16;
}

static struct vring_desc random_desc(void)
{
	static const u32 lengths[] = { 0, 1, 16, 32, 256, WORLD_REGION, 2 * WORLD_REGION, ~0u };
	static const u16 flags[] = { 0, VRING_DESC_F_WRITE, VRING_DESC_F_INDIRECT };

	return (struct vring_desc){
		.addr = random() % 4 ? WORLD_FIRST + random() % 8 * 16ull : random_address(),
		.len = lengths[random() % 4 ? 1 + random() % 4 : random() % 8],
		.flags = flags[random() % 8 ? random() % 2 : 2] |
			 (random() % 3 ? VRING_DESC_F_NEXT : 0),
		.next = random() % 8 ? random() % FUZZ_NUM : random(),
	};
}

/* Descriptors go where tables may be read from as well. */
static void scribble(struct world *world, unsigned int count)
{
	struct vring_desc *table = (struct vring_desc *)world->first;

	while (count--) {
		world->desc[random() % FUZZ_NUM] = random_desc();
		table[random() % 32] = random_desc();
		if (random() % 2)
			world->avail->ring[random() % FUZZ_NUM] = random() % (FUZZ_NUM + 1);
		if (!(random() % 64))
			world->avail->idx = random();
	}
}

static void scribble_sometimes(const volatile void *address, size_t size)
{
	(void)address;
	(void)size;
	if (!(random() % 3))
		scribble(current, 1);
}

static bool in_guest_memory(const struct world *world, const struct iovec *iov)
{
	const unsigned char *start = iov->iov_base;
	size_t size = iov->iov_len;

	if (!size || size > WORLD_REGION)
		return false;
	return (start >= world->first && start + size <= world->first + WORLD_REGION) ||
	       (start >= world->second && start + size <= world->second + WORLD_REGION);
}

static void check_chain(const struct world *world)
{
	const struct rh_chain *chain = &world->chain;
	size_t out = 0, in = 0;

	ASSERT_LE(1, chain->out_count + chain->in_count);
	ASSERT_GE(RH_CHAIN_MAX, chain->out_count + chain->in_count);
	ASSERT_GE(RH_CHAIN_MAX, chain->descriptors);
	ASSERT_GT(FUZZ_NUM, chain->head);
	for (unsigned int i = 0; i < chain->out_count; i++) {
		ASSERT_TRUE(in_guest_memory(world, &chain->out[i]));
		out += chain->out[i].iov_len;
	}
	for (unsigned int i = 0; i < chain->in_count; i++) {
		ASSERT_TRUE(in_guest_memory(world, &chain->in[i]));
		in += chain->in[i].iov_len;
	}
	ASSERT_EQ(chain->out_bytes, out);
	ASSERT_EQ(chain->in_bytes, in);
}

/* One pop against a ring that changes; returns whether a chain came. */
static bool fuzz_pop(struct world *world)
{
	unsigned long before = user_accesses;
	int result;

	user_access_hook = scribble_sometimes;
	result = world_pop(world);
	user_access_hook = NULL;
	/* Index, heads, each descriptor once, and the pieces of one table. */
	ASSERT_GE(2 + FUZZ_NUM + 3, user_accesses - before);
	if (result == 1) {
		check_chain(world);
		return true;
	}
	ASSERT_GE(0, result);
	if (result) {
		ASSERT_EQ(0, strncmp(world_reject(world), "reject_", strlen("reject_")));
		world_seek(world, world->avail->idx - 1);
	}
	return false;
}

TEST_F(race, random_rings_never_leave_guest_memory)
{
	unsigned int seed = time(NULL);
	unsigned long popped = 0, rounds = 0;
	time_t end = time(NULL) + FUZZ_SECONDS;

	TEST_LOG("seed %u", seed);
	srandom(seed);
	while (time(NULL) < end) {
		for (unsigned int i = 0; i < 1000; i++, rounds++) {
			scribble(&self->world, 8);
			self->world.avail->idx = self->world.ring.avail_next + 1;
			if (!fuzz_pop(&self->world))
				continue;
			popped++;
			ASSERT_EQ(0, rh_ring_push(&self->world.ring, self->world.chain.head, 0));
			ASSERT_EQ(0, rh_ring_publish(&self->world.ring));
		}
	}
	TEST_LOG("%lu rounds, %lu chains", rounds, popped);
	/* A fuzzer that is always refused tests nothing. */
	EXPECT_LT(rounds / 50, popped);
}

TEST_HARNESS_MAIN
