// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of fuzz_ring.c: memory, ring, and what a driver that is out for trouble does
 * to them: chains that are right, so that the device gets anywhere, and everything else.
 * The input decides. Entry points: guest_init(), guest_act().
 */
#include <linux/vhost_types.h>

#include "fuzz.h"
#include "../../../kernel/core/format.h"

static void *lend(size_t size, bool readonly)
{
	void *memory = calloc(1, size);

	CHECK(memory);
	user_area_add(memory, size);
	if (readonly)
		user_area_protect(memory);
	return memory;
}

static void make_table(struct guest *guest)
{
	const size_t size = sizeof(struct vhost_memory) + 2 * sizeof(struct vhost_memory_region);
	struct vhost_memory *user = lend(size, true);

	user->nregions = 2;
	for (unsigned int i = 0; i < 2; i++) {
		guest->memory[i] = lend(FUZZ_REGION, true);
		user->regions[i].guest_phys_addr = FUZZ_BASE + i * FUZZ_REGION;
		user->regions[i].memory_size = FUZZ_REGION;
		user->regions[i].userspace_addr = (unsigned long)guest->memory[i];
	}
	guest->table = rh_memory_alloc(user);
	CHECK(!IS_ERR(guest->table));
	guest->regions = guest->table->count;
	user_area_remove(user);
	free(user);
}

static void make_area(struct guest *guest, unsigned int i, struct rh_area *area, size_t size,
		      bool readonly)
{
	guest->area[i] = (struct fuzz_area){ lend(size, readonly), size, false, readonly };
	area->user = guest->area[i].start;
}

/**
 * guest_init() - make the memory and the ring's areas
 * @guest: to fill in
 * @ring: size and format are set; receives the areas
 * @input: decides what guest_act() does
 */
void guest_init(struct guest *guest, struct rh_ring *ring, struct input *input)
{
	size_t desc, driver, device;

	*guest = (struct guest){ .input = input, .ring = ring, .next = RH_PACKED_WRAP };
	user_areas_clear();
	make_table(guest);
	desc = ring->packed ? rh_packed_bytes(ring->num, &driver, &device) :
			      rh_split_bytes(ring->num, &driver, &device);
	make_area(guest, 0, &ring->desc, desc, !ring->packed);
	make_area(guest, 1, &ring->driver, driver, true);
	make_area(guest, 2, &ring->device, device, false);
}

/**
 * guest_exit() - free everything
 * @guest: from guest_init()
 */
void guest_exit(struct guest *guest)
{
	user_areas_clear();
	rh_memory_free(guest->table);
	for (unsigned int i = 0; i < 3; i++)
		free(guest->area[i].start);
	free(guest->memory[0]);
	free(guest->memory[1]);
}

/**
 * guest_unmap() - take a part of the ring away
 * @guest: the guest
 * @area: which
 */
void guest_unmap(struct guest *guest, unsigned int area)
{
	user_area_remove(guest->area[area].start);
	guest->area[area].gone = true;
}

/**
 * guest_remap() - undo every guest_unmap()
 * @guest: the guest
 */
void guest_remap(struct guest *guest)
{
	for (unsigned int i = 0; i < 3; i++) {
		struct fuzz_area *area = &guest->area[i];

		if (!area->gone)
			continue;
		user_area_add(area->start, area->size);
		if (area->readonly)
			user_area_protect(area->start);
		area->gone = false;
	}
}

/**
 * guest_set_iommu() - addresses are a vIOMMU's: some may be missing, some forbidden
 * @guest: the guest
 * @how: regions the table has, in the low bits; in the high ones, what is allowed
 */
void guest_set_iommu(struct guest *guest, u8 how)
{
	static const u32 access[] = { VHOST_ACCESS_RW, VHOST_ACCESS_RO, VHOST_ACCESS_WO,
				      VHOST_ACCESS_RW };

	guest->table->iotlb = true;
	guest->table->count = how % 4 ? guest->regions : how / 4 % 2;
	for (unsigned int i = 0; i < guest->regions; i++)
		guest->table->regions[i].access = access[how >> (4 + 2 * i) & 3];
}

/**
 * guest_allows() - whether a device may do this to a range of the owner's memory
 * @guest: the guest
 * @iov: the range
 * @access: VHOST_ACCESS_RO or VHOST_ACCESS_WO
 */
bool guest_allows(const struct guest *guest, const struct iovec *iov, u32 access)
{
	for (unsigned int i = 0; i < guest->table->count; i++) {
		size_t offset = (u8 *)iov->iov_base - guest->memory[i];

		if (iov->iov_len && offset < FUZZ_REGION && iov->iov_len <= FUZZ_REGION - offset)
			return !(access & ~guest->table->regions[i].access);
	}
	return false;
}

/**
 * guest_lacks() - whether it is right to ask for a translation
 * @guest: the guest
 * @miss: what is asked for
 */
bool guest_lacks(const struct guest *guest, const struct rh_miss *miss)
{
	const u64 end = FUZZ_BASE + guest->table->count * FUZZ_REGION;

	return guest->table->iotlb && (miss->address < FUZZ_BASE || miss->address >= end) &&
	       (miss->access == VHOST_ACCESS_RO || miss->access == VHOST_ACCESS_WO);
}

static u64 any_address(struct input *input)
{
	static const u64 near[] = { 0, FUZZ_BASE, FUZZ_BASE + FUZZ_REGION,
				    FUZZ_BASE + FUZZ_MEMORY, ~0ull };
	u8 kind = take8(input);

	if (kind < 192)
		return FUZZ_BASE + take16(input) % FUZZ_MEMORY;
	if (kind < 240)
		return near[kind % 5] + (s8)take8(input);
	return take32(input) | (u64)take32(input) << 32;
}

static u32 any_length(struct input *input)
{
	u8 kind = take8(input);

	if (kind < 160)
		return kind;
	if (kind < 200)
		return take8(input) * 16u;
	return kind < 250 ? take16(input) : take32(input);
}

/* Half of the flags a descriptor may have are a bad idea. */
static u16 any_flags(struct input *input)
{
	return take8(input) & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE | VRING_DESC_F_INDIRECT);
}

/* The guest's memory as one: what lies in one region only of two bytes on is the caller's. */
static void *at(struct guest *guest, unsigned int offset)
{
	return guest->memory[offset / FUZZ_REGION] + offset % FUZZ_REGION;
}

static void write_desc(struct guest *guest, void *to, u64 address, u32 length, u16 flags, u16 link)
{
	if (guest->ring->packed)
		*(struct vring_packed_desc *)to =
			(struct vring_packed_desc){ address, length, link, flags };
	else
		*(struct vring_desc *)to = (struct vring_desc){
			__cpu_to_virtio64(guest->ring->little_endian, address),
			__cpu_to_virtio32(guest->ring->little_endian, length),
			__cpu_to_virtio16(guest->ring->little_endian, flags),
			__cpu_to_virtio16(guest->ring->little_endian, link) };
}

static void *ring_desc(struct guest *guest, unsigned int index)
{
	return guest->area[0].start + index % guest->ring->num * sizeof(struct vring_desc);
}

/* Announce what starts at @head: split only. */
static void announce(struct guest *guest, u16 head)
{
	const bool little = guest->ring->little_endian;
	struct vring_avail *avail = (void *)guest->area[1].start;
	u16 index = __virtio16_to_cpu(little, avail->idx);

	avail->ring[index % guest->ring->num] = __cpu_to_virtio16(little, head);
	avail->idx = __cpu_to_virtio16(little, index + 1);
}

/* The next descriptor of a packed ring, available; or descriptor @index of a split one. */
static void put(struct guest *guest, u16 index, u64 address, u32 length, u16 flags, u16 link)
{
	const u16 own = BIT(VRING_PACKED_DESC_F_AVAIL), other = BIT(VRING_PACKED_DESC_F_USED);

	if (!guest->ring->packed) {
		write_desc(guest, ring_desc(guest, index), address, length, flags, link);
		return;
	}
	write_desc(guest, ring_desc(guest, guest->next & ~RH_PACKED_WRAP), address, length,
		   flags | (guest->next & RH_PACKED_WRAP ? own : other), link);
	guest->next++;
	if ((guest->next & ~RH_PACKED_WRAP) == guest->ring->num)
		guest->next = (guest->next & RH_PACKED_WRAP) ^ RH_PACKED_WRAP;
}

/* A chain by the rules, but for its name: that may be in use. */
static void offer_chain(struct guest *guest)
{
	const unsigned int num = guest->ring->num;
	u8 shape = take8(guest->input);
	u16 head = take16(guest->input) % num, count = 1 + shape % 4, writable = shape / 4 % 5;

	for (u16 i = 0; i < count; i++) {
		u16 flags = (i + 1 < count ? VRING_DESC_F_NEXT : 0) |
			    (i + writable >= count ? VRING_DESC_F_WRITE : 0);
		u64 address = FUZZ_BASE + take8(guest->input) % 64 * 256;

		put(guest, (head + i) % num, address, 1 + take8(guest->input), flags,
		    guest->ring->packed ? head : (head + i + 1) % num);
	}
	if (!guest->ring->packed)
		announce(guest, head);
}

/* An indirect table, at times the largest there may be, or one more. */
static void offer_table(struct guest *guest)
{
	u16 head = take16(guest->input) % guest->ring->num;
	u8 shape = take8(guest->input);
	unsigned int count = shape < 240 ? 1 + shape % 8 : RH_CHAIN_MAX + shape % 2;

	for (unsigned int i = 0; i < count && i < RH_CHAIN_MAX; i++)
		write_desc(guest, at(guest, i * sizeof(struct vring_desc)), FUZZ_BASE + i, 1 + i,
			   (i + 1 < count ? VRING_DESC_F_NEXT : 0) |
			   (i >= shape ? VRING_DESC_F_WRITE : 0), i + 1);
	put(guest, head, FUZZ_BASE, count * sizeof(struct vring_desc), VRING_DESC_F_INDIRECT, head);
	if (!guest->ring->packed)
		announce(guest, head);
}

/* A descriptor of any content: of the ring, or where tables are. */
static void scribble(struct guest *guest)
{
	u8 where = take8(guest->input);
	void *to = where % 2 ? at(guest, where / 2 * sizeof(struct vring_desc)) :
			       ring_desc(guest, where / 2);
	u64 address = any_address(guest->input);
	u32 length = any_length(guest->input);
	u16 flags = any_flags(guest->input);
	u16 link = take8(guest->input);

	if (link >= 240)
		link = take16(guest->input);
	if (guest->ring->packed)
		flags |= take8(guest->input) << 8 & (BIT(VRING_PACKED_DESC_F_AVAIL) |
						     BIT(VRING_PACKED_DESC_F_USED));
	write_desc(guest, to, address, length, flags, link);
}

static void offer_scribbled(struct guest *guest)
{
	u16 flags = any_flags(guest->input);
	u64 address = any_address(guest->input);
	u32 length = any_length(guest->input);
	u16 link = take16(guest->input);

	put(guest, link, address, length, flags, link);
	if (!guest->ring->packed)
		announce(guest, link);
}

/* Two bytes anywhere. */
static void poke(struct guest *guest)
{
	u8 where = take8(guest->input) % 5;
	u8 *start = where < 3 ? guest->area[where].start : guest->memory[where - 3];
	size_t size = where < 3 ? guest->area[where].size : FUZZ_REGION;
	u16 offset = take16(guest->input), value = take16(guest->input);

	memcpy(start + offset % (size - 1), &value, sizeof(value));
}

static void move_index(struct guest *guest)
{
	u16 value = take16(guest->input);

	if (guest->ring->packed)
		guest->next = value % guest->ring->num | (value & RH_PACKED_WRAP);
	else
		memcpy(guest->area[1].start + offsetof(struct vring_avail, idx), &value,
		       sizeof(value));
}

/**
 * guest_act() - do one thing
 * @guest: the guest
 */
void guest_act(struct guest *guest)
{
	static void (*const acts[])(struct guest *guest) = {
		offer_chain, offer_chain, offer_chain, offer_table,
		offer_scribbled, scribble, scribble, poke,
	};
	u8 which = take8(guest->input);

	if (which == 255)
		move_index(guest);
	else
		acts[which % 8](guest);
}
