// SPDX-License-Identifier: GPL-2.0-only
/*
 * A packed ring with its guest, for the unit tests of ring.c. Single-threaded; a failure
 * of the set-up ends the test. Entry points: world_init_packed(), world_offer_packed();
 * the rest of world.c serves both formats.
 */
#include "harness.h"
#include "world.h"

#define FLAG_AVAIL (1 << VRING_PACKED_DESC_F_AVAIL)
#define FLAG_USED (1 << VRING_PACKED_DESC_F_USED)

/**
 * world_init_packed() - make guest memory and an empty packed ring that is ready to pop
 * @world: to fill in; free it with world_exit()
 * @num: ring entries
 */
void world_init_packed(struct world *world, unsigned int num)
{
	memset(world, 0, sizeof(*world));
	world_make_memory(world);
	world->packed = world_lend(num * sizeof(*world->packed));
	world->driver_event = world_lend(sizeof(*world->driver_event));
	world->device_event = world_lend(sizeof(*world->device_event));
	world->next = RH_PACKED_WRAP;
	world->ring.num = num;
	world->ring.packed = true;
	world->ring.desc.user = world->packed;
	world->ring.driver.user = world->driver_event;
	world->ring.device.user = world->device_event;
	world->ring.little_endian = true;
	world->ring.indirect = true;
	ASSERT_EQ(0, rh_ring_alloc(&world->ring));
	ASSERT_TRUE(rh_ring_addresses_ok(&world->ring));
	ASSERT_EQ(0, rh_ring_resume(&world->ring));
}

/**
 * world_offer_packed() - make the next descriptor available
 * @world: the world
 * @address: guest-physical
 * @length: in bytes
 * @flags: VRING_DESC_F_*
 * @id: buffer ID
 *
 * Return: its index.
 */
unsigned int world_offer_packed(struct world *world, u64 address, u32 length, u16 flags, u16 id)
{
	const unsigned int index = world->next & ~RH_PACKED_WRAP;

	flags |= world->next & RH_PACKED_WRAP ? FLAG_AVAIL : FLAG_USED;
	world->packed[index] = (struct vring_packed_desc){ address, length, id, flags };
	world->next = index + 1 < world->ring.num ? world->next + 1 :
						    (world->next & RH_PACKED_WRAP) ^ RH_PACKED_WRAP;
	return index;
}

/**
 * world_used_packed() - whether the driver sees a used descriptor
 * @world: the world
 * @position: where, with the wrap counter of that round
 */
bool world_used_packed(const struct world *world, u16 position)
{
	const u16 both = FLAG_AVAIL | FLAG_USED;
	u16 flags = world->packed[position & ~RH_PACKED_WRAP].flags & both;

	return flags == (position & RH_PACKED_WRAP ? both : 0);
}
