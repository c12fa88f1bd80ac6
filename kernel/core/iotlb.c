// SPDX-License-Identifier: GPL-2.0-only
/*
 * (2) The table of a vIOMMU's translations: what memory.c searches instead of the guest's
 * memory table when VIRTIO_F_ACCESS_PLATFORM is on.
 *
 * A table in force is not changed. Each change makes a new one from it, in memory that is
 * there already, so that an invalidation cannot fail; message.c puts it in force.
 *
 * A change concerns exactly the range it names: of an entry that reaches beyond the range,
 * the rest stays. A full table loses one entry for each that is added, in turn: it is a
 * cache, what is lost is asked for again.
 *
 * Runs in the owner's write(), under dev->lock. Compiles unchanged in userspace.
 */
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "iotlb.h"

/* A change may put three entries in the place of one before the table is cut back. */
#define ROOM (RH_IOTLB_MAX + 2)

/**
 * rh_iotlb_alloc - make an empty table
 *
 * Return: the table, for rh_memory_free(); NULL if there is no memory.
 */
struct rh_memory *rh_iotlb_alloc(void)
{
	struct rh_memory *table;

	table = kvzalloc(struct_size(table, regions, ROOM), GFP_KERNEL_ACCOUNT);
	if (table)
		table->iotlb = true;
	return table;
}

/* The first entry that ends at @address or behind it. */
static unsigned int find_from(const struct rh_memory *table, u64 address)
{
	unsigned int low = 0, high = table->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (table->regions[middle].last < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void append(struct rh_memory *to, const struct rh_region *regions, unsigned int count)
{
	memcpy(&to->regions[to->count], regions, count * sizeof(*regions));
	to->count += count;
}

/* The part of @region from @start to @last, both inside. */
static void append_part(struct rh_memory *to, const struct rh_region *region, u64 start, u64 last)
{
	struct rh_region part = {
		.start = start,
		.last = last,
		.user = region->user + (start - region->start),
		.access = region->access,
	};

	append(to, &part, 1);
}

/* Drop entries until there are not too many, but not the one at @keep. */
static void evict(struct rh_memory *to, unsigned int keep, unsigned int *hand)
{
	unsigned int victim;

	while (to->count > RH_IOTLB_MAX) {
		victim = (*hand)++ % to->count;
		if (victim == keep)
			continue;
		to->count--;
		memmove(&to->regions[victim], &to->regions[victim + 1],
			(to->count - victim) * sizeof(to->regions[0]));
		if (victim < keep)
			keep--;
	}
}

/* @to becomes @from, with @entry or nothing from @start to @last. */
static void replace(struct rh_memory *to, const struct rh_memory *from, u64 start, u64 last,
		    const struct rh_region *entry, unsigned int *hand)
{
	unsigned int first = find_from(from, start), behind = find_from(from, last), keep;
	const struct rh_region *left = &from->regions[first], *right;

	if (behind < from->count && from->regions[behind].start <= last)
		behind++;
	to->count = 0;
	append(to, from->regions, first);
	if (first < behind && left->start < start)
		append_part(to, left, left->start, start - 1);
	keep = to->count;
	if (entry)
		append(to, entry, 1);
	if (first < behind) {
		right = &from->regions[behind - 1];
		if (right->last > last)
			append_part(to, right, last + 1, right->last);
	}
	append(to, &from->regions[behind], from->count - behind);
	evict(to, keep, hand);
}

/**
 * rh_iotlb_update - add a translation, in the place of what was there
 * @to: becomes the new table
 * @from: the old table
 * @entry: the translation
 * @hand: which entry a full table loses next; any value
 *
 * Return: 1, or 0 if the old table says the same already; then @to is left alone.
 */
int rh_iotlb_update(struct rh_memory *to, const struct rh_memory *from,
		    const struct rh_region *entry, unsigned int *hand)
{
	unsigned int index = find_from(from, entry->start);
	const struct rh_region *old = &from->regions[index];

	if (index < from->count && old->start <= entry->start && old->last >= entry->last &&
	    old->access == entry->access && entry->user - old->user == entry->start - old->start)
		return 0;
	replace(to, from, entry->start, entry->last, entry, hand);
	return 1;
}

/**
 * rh_iotlb_invalidate - forget a range
 * @to: becomes the new table
 * @from: the old table
 * @start: first address
 * @last: last address; not before @start
 * @hand: as for rh_iotlb_update(): where an entry becomes two, another may have to go
 */
void rh_iotlb_invalidate(struct rh_memory *to, const struct rh_memory *from, u64 start, u64 last,
			 unsigned int *hand)
{
	replace(to, from, start, last, NULL, hand);
}
