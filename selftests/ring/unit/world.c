// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring with its guest, for the unit tests of ring.c. Single-threaded; a
 * failure of the set-up ends the test. Entry points: world_init(), world_desc(),
 * world_offer(), world_pop().
 */
#include "harness.h"
#include "world.h"

#include <linux/vhost_types.h>

#define STAT_NAME(id, name) [RINGHOST_STAT_##id] = #name,
static const char *const stat_names[RINGHOST_STAT_COUNT] = {
	RINGHOST_VRING_STATS(STAT_NAME)
};

/**
 * world_lend() - memory that the code under test may touch
 * @size: in bytes
 *
 * A heap block of exactly the right size: the sanitizer sees a byte too far.
 *
 * Return: the memory, zeroed.
 */
void *world_lend(size_t size)
{
	void *memory = calloc(1, size);

	ASSERT_NE(NULL, memory);
	user_area_add(memory, size);
	return memory;
}

/**
 * world_make_memory() - make the two regions and their table, and nothing else lent
 * @world: receives them
 */
void world_make_memory(struct world *world)
{
	const size_t size = sizeof(struct vhost_memory) + 2 * sizeof(struct vhost_memory_region);
	struct vhost_memory *table;

	user_areas_clear();
	user_access_hook = NULL;
	world->first = world_lend(WORLD_REGION);
	world->second = world_lend(WORLD_REGION);
	table = world_lend(size);
	table->nregions = 2;
	table->regions[0].guest_phys_addr = WORLD_FIRST;
	table->regions[0].memory_size = WORLD_REGION;
	table->regions[0].userspace_addr = (unsigned long)world->first;
	table->regions[1].guest_phys_addr = WORLD_SECOND;
	table->regions[1].memory_size = WORLD_REGION;
	table->regions[1].userspace_addr = (unsigned long)world->second;
	world->memory = rh_memory_alloc(table);
	ASSERT_FALSE(IS_ERR(world->memory));
	user_area_remove(table);
	free(table);
}

/**
 * world_init() - make guest memory and an empty ring that is ready to pop
 * @world: to fill in
 * @num: ring entries
 */
void world_init(struct world *world, unsigned int num)
{
	memset(world, 0, sizeof(*world));
	world_make_memory(world);
	world->desc = world_lend(num * sizeof(*world->desc));
	world->avail = world_lend(sizeof(*world->avail) + (num + 1) * sizeof(world->avail->ring[0]));
	world->used = world_lend(sizeof(*world->used) + num * sizeof(world->used->ring[0]) +
			   sizeof(__u16));
	world->ring.num = num;
	world->ring.desc.user = world->desc;
	world->ring.driver.user = world->avail;
	world->ring.device.user = world->used;
	world->ring.little_endian = true;
	world->ring.indirect = true;
	ASSERT_EQ(0, rh_ring_alloc(&world->ring));
	ASSERT_TRUE(rh_ring_addresses_ok(&world->ring));
	ASSERT_EQ(0, rh_ring_resume(&world->ring));
}

/**
 * world_exit() - free everything
 * @world: from world_init()
 */
void world_exit(struct world *world)
{
	user_access_hook = NULL;
	user_areas_clear();
	rh_ring_free(&world->ring);
	rh_memory_free(world->memory);
	free(world->first);
	free(world->second);
	free(world->desc);
	free(world->avail);
	free(world->used);
	free(world->packed);
	free(world->driver_event);
	free(world->device_event);
}

/**
 * world_desc() - write a descriptor
 * @world: the world
 * @index: which
 * @address: guest-physical
 * @length: in bytes
 * @flags: VRING_DESC_F_*
 * @next: index of the next one
 */
void world_desc(struct world *world, unsigned int index, u64 address, u32 length, u16 flags,
		u16 next)
{
	world->desc[index] = (struct vring_desc){ address, length, flags, next };
}

/**
 * world_offer() - put a head into the avail ring
 * @world: the world
 * @head: any value
 */
void world_offer(struct world *world, u16 head)
{
	world->avail->ring[world->avail->idx % world->ring.num] = head;
	world->avail->idx++;
}

/**
 * world_pop() - pop into the world's chain
 * @world: the world
 *
 * Return: as rh_ring_pop().
 */
int world_pop(struct world *world)
{
	world->ring.reject = -1;
	world->marks[world->pops++ % WORLD_NUM] = rh_ring_position(&world->ring);
	return rh_ring_pop(&world->ring, world->memory, &world->chain);
}

/**
 * world_table() - make descriptor 0 refer to an indirect table
 * @world: the world
 *
 * Return: the table, at the start of the first region; its size is desc[0].len.
 */
struct vring_desc *world_table(struct world *world)
{
	world_desc(world, 0, WORLD_FIRST, sizeof(struct vring_desc), VRING_DESC_F_INDIRECT, 0);
	return (struct vring_desc *)world->first;
}

/**
 * world_reject() - why the last pop was refused
 * @world: the world
 *
 * Return: name of the counter, or "nothing".
 */
const char *world_reject(const struct world *world)
{
	if (world->ring.reject < 0 || world->ring.reject >= RINGHOST_STAT_COUNT)
		return "nothing";
	return stat_names[world->ring.reject];
}

/**
 * world_seek() - have the ring go on elsewhere, with nothing read ahead or held
 * @world: the world
 * @position: avail index of the next chain
 */
void world_seek(struct world *world, u16 position)
{
	world->ring.avail_next = position;
	world->ring.outstanding = 0;
	rh_ring_forget(&world->ring);
}

/**
 * world_unpop() - give chains back
 * @world: the world
 * @chains: how many of the last pops, all successful
 */
void world_unpop(struct world *world, unsigned int chains)
{
	world->pops -= chains;
	rh_ring_rewind(&world->ring, world->marks[world->pops % WORLD_NUM]);
}
