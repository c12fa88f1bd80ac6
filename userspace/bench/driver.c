// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's side of a ring, opposite of stages (2) and (4): fills the ring with chains of
 * one shape, and checks that the device gives back each of them, in order. Kicks, and waiting for
 * calls, are the caller's. Both formats, with event indexes; virtio 1.3, 2.7 and 2.8.
 *
 * Runs in a benchmark's only thread, before and after the device's turn, and is no part of
 * what is measured. Little-endian machines only. Entry points: bench_driver_init(),
 * bench_driver_offer(), bench_driver_reap(); for events bench_driver_wants_kick() and
 * bench_driver_ask_call().
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "driver.h"

#define FLAG_AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define FLAG_USED (1u << VRING_PACKED_DESC_F_USED)
/* Pages of the three areas, each with room for either format. */
#define AREA 8192

static uint64_t guest_address(const struct bench_driver *driver, const void *pointer)
{
	return BENCH_GUEST_BASE + ((const unsigned char *)pointer - driver->guest);
}

/**
 * bench_driver_buffer() - where a buffer is
 * @driver: the driver
 * @slot: ring entry of the chain's first descriptor
 * @buffer: which of the chain
 *
 * Return: its first byte; a @buffer behind the last is the chain's indirect table.
 */
unsigned char *bench_driver_buffer(struct bench_driver *driver, unsigned int slot,
				   unsigned int buffer)
{
	return driver->guest + 3 * AREA + slot * driver->slot + buffer * driver->buffer;
}

static size_t round_up(size_t value, size_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* Room for the longest shape there is, so that few shapes differ in where chains lie. */
static void lay_out(struct bench_driver *driver)
{
	const struct bench_shape *shape = &driver->shape;
	size_t longest = 0;

	for (unsigned int i = 0; i < shape->count; i++)
		if (shape->length[i] > longest)
			longest = shape->length[i];
	driver->buffer = round_up(longest, 1024);
	driver->slot = round_up(BENCH_BUFFERS_MAX * (driver->buffer + sizeof(struct vring_desc)),
				4096);
	driver->guest_bytes = 3 * AREA + BENCH_NUM * driver->slot;
}

/**
 * bench_driver_init() - make guest memory and an empty ring in it
 * @driver: to fill in
 * @shape: of every chain
 * @packed: the format
 *
 * Return: 0 or -ENOMEM.
 */
int bench_driver_init(struct bench_driver *driver, const struct bench_shape *shape, bool packed)
{
	memset(driver, 0, sizeof(*driver));
	driver->packed = packed;
	driver->shape = *shape;
	lay_out(driver);
	driver->guest = mmap(NULL, driver->guest_bytes, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (driver->guest == MAP_FAILED)
		return -ENOMEM;
	driver->desc = driver->guest;
	driver->avail = driver->guest + AREA;
	driver->used = driver->guest + 2 * AREA;
	if (packed)
		((struct vring_packed_desc_event *)driver->avail)->flags =
			VRING_PACKED_EVENT_FLAG_DISABLE;
	else
		((struct vring_avail *)driver->avail)->flags = VRING_AVAIL_F_NO_INTERRUPT;
	return 0;
}

/**
 * bench_driver_exit() - free everything
 * @driver: from bench_driver_init()
 */
void bench_driver_exit(struct bench_driver *driver)
{
	munmap(driver->guest, driver->guest_bytes);
}

/* Describe buffer @i of the chain at ring entry @slot; an indirect chain's only one is its table. */
static struct vring_desc describe(struct bench_driver *driver, unsigned int slot, unsigned int i)
{
	const struct bench_shape *shape = &driver->shape;

	return (struct vring_desc) {
		.addr = guest_address(driver, bench_driver_buffer(driver, slot, i)),
		.len = shape->length[i],
		.flags = (shape->device_writes[i] ? VRING_DESC_F_WRITE : 0) |
			 (i + 1 < shape->count ? VRING_DESC_F_NEXT : 0),
		.next = i + 1,
	};
}

/* Write the chain's table, in guest memory, and describe it. */
static struct vring_desc describe_table(struct bench_driver *driver, unsigned int slot)
{
	struct vring_desc *table = (void *)bench_driver_buffer(driver, slot, BENCH_BUFFERS_MAX);
	struct vring_packed_desc *packed = (void *)table;
	unsigned int count = driver->shape.count;

	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc desc = describe(driver, slot, i);

		if (driver->packed)
			packed[i] = (struct vring_packed_desc) {
				.addr = desc.addr,
				.len = desc.len,
				.flags = desc.flags & VRING_DESC_F_WRITE,
			};
		else
			table[i] = desc;
	}
	return (struct vring_desc) {
		.addr = guest_address(driver, table),
		.len = count * sizeof(*table),
		.flags = VRING_DESC_F_INDIRECT,
	};
}

/* Packed: the flags that make an entry available; both bits are of the round's wrap counter. */
static uint16_t available(unsigned int entry)
{
	return entry / BENCH_NUM % 2 ? FLAG_USED : FLAG_AVAIL;
}

static void write_packed(struct bench_driver *driver, const struct vring_desc *desc, uint16_t id)
{
	struct vring_packed_desc *ring = driver->desc;
	struct vring_packed_desc *to = &ring[driver->next % BENCH_NUM];

	to->addr = desc->addr;
	to->len = desc->len;
	to->id = id;
	__atomic_store_n(&to->flags, desc->flags | available(driver->next), __ATOMIC_RELEASE);
}

static void write_split(struct bench_driver *driver, struct vring_desc desc)
{
	struct vring_desc *ring = driver->desc;

	desc.next = (driver->next + 1) % BENCH_NUM;
	ring[driver->next % BENCH_NUM] = desc;
}

static void offer_one(struct bench_driver *driver)
{
	unsigned int slot = driver->next % BENCH_NUM, number = driver->offered % BENCH_NUM;
	unsigned int count = driver->shape.indirect ? 1 : driver->shape.count;
	struct vring_avail *avail = driver->avail;

	driver->heads[number] = driver->packed ? number : slot;
	if (!driver->packed)
		avail->ring[number] = slot;
	for (unsigned int i = 0; i < count; i++, driver->next++) {
		struct vring_desc desc = driver->shape.indirect ? describe_table(driver, slot) :
								  describe(driver, slot, i);

		if (driver->packed)
			write_packed(driver, &desc, number);
		else
			write_split(driver, desc);
	}
	driver->offered++;
}

/**
 * bench_driver_offer() - offer chains, all at once
 * @driver: the driver; all offered before have been reaped
 * @chains: how many; they fit the ring
 *
 * A packed ring shows them one by one; the device does not run meanwhile.
 */
void bench_driver_offer(struct bench_driver *driver, unsigned int chains)
{
	struct vring_avail *avail = driver->avail;

	while (chains--)
		offer_one(driver);
	/* Pairs with the device's read barrier after it has seen the index. */
	if (!driver->packed)
		__atomic_store_n(&avail->idx, driver->offered, __ATOMIC_RELEASE);
}

/* Where the words of the events lie: the driver's wish, and the device's. */

static uint16_t *used_event(const struct bench_driver *driver)
{
	return &((struct vring_avail *)driver->avail)->ring[BENCH_NUM];
}

static uint16_t *avail_event(const struct bench_driver *driver)
{
	return (uint16_t *)&((struct vring_used *)driver->used)->ring[BENCH_NUM];
}

static bool wants_kick_packed(const struct bench_driver *driver)
{
	const struct vring_packed_desc_event *event = driver->used;
	uint16_t flags = __atomic_load_n(&event->flags, __ATOMIC_RELAXED);
	uint16_t off_wrap = __atomic_load_n(&event->off_wrap, __ATOMIC_RELAXED);
	uint16_t next = driver->next % BENCH_NUM, entry = off_wrap & ~(1u << 15);

	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags == VRING_PACKED_EVENT_FLAG_ENABLE;
	/* Of the round before? The wrap counter of the first round is 1. */
	if (off_wrap >> 15 == driver->next / BENCH_NUM % 2)
		entry -= BENCH_NUM;
	return vring_need_event(entry, next, next - (driver->next - driver->told));
}

/**
 * bench_driver_wants_kick() - whether the device asked for a kick
 * @driver: the driver; chains have been offered since this was last called
 *
 * Return: whether it asked to be told of one of those chains.
 */
bool bench_driver_wants_kick(struct bench_driver *driver)
{
	bool wants;

	/* Chains before the device's wish; pairs with its barrier between wish and last look. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (driver->packed)
		wants = wants_kick_packed(driver);
	else
		wants = vring_need_event(__atomic_load_n(avail_event(driver), __ATOMIC_RELAXED),
					 driver->offered, driver->told);
	driver->told = driver->packed ? driver->next : driver->offered;
	return wants;
}

/**
 * bench_driver_ask_call() - ask for one call when chains are back
 * @driver: the driver
 * @left: how many may stay with the device; fewer than it has
 *
 * The caller looks once more before it waits.
 */
void bench_driver_ask_call(struct bench_driver *driver, unsigned int left)
{
	unsigned int chains = driver->offered - driver->reaped - left;
	unsigned int entries = driver->shape.indirect ? 1 : driver->shape.count;
	struct vring_packed_desc_event *event = driver->avail;
	unsigned int last;

	if (driver->packed) {
		last = driver->used_next + (chains - 1) * entries;
		event->off_wrap = last % BENCH_NUM | (last / BENCH_NUM % 2 ? 0 : 1u << 15);
		__atomic_store_n(&event->flags, VRING_PACKED_EVENT_FLAG_DESC, __ATOMIC_RELEASE);
	} else {
		__atomic_store_n(used_event(driver), driver->reaped + chains - 1, __ATOMIC_RELAXED);
	}
	/* The wish before the last look; pairs with the device's barrier between used and wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static uint32_t writable(const struct bench_shape *shape)
{
	uint32_t bytes = 0;

	for (unsigned int i = 0; i < shape->count; i++)
		bytes += shape->device_writes[i] ? shape->length[i] : 0;
	return bytes;
}

/**
 * bench_driver_chains() - chains that a packet is spread over
 * @driver: the driver
 * @written: bytes the device writes for it
 */
unsigned int bench_driver_chains(const struct bench_driver *driver, uint32_t written)
{
	uint32_t room = writable(&driver->shape);

	return written > room ? (written + room - 1) / room : 1;
}

/* What the device must have written to the next chain: all but a packet's last are full. */
static uint32_t expected(const struct bench_driver *driver, uint32_t written)
{
	unsigned int chains = bench_driver_chains(driver, written);
	uint32_t room = writable(&driver->shape);

	return driver->reaped % chains < chains - 1 ? room : written - (chains - 1) * room;
}

static bool reap_split(struct bench_driver *driver, uint32_t *id, uint32_t *written)
{
	const struct vring_used *used = driver->used;
	const struct vring_used_elem *element = &used->ring[driver->reaped % BENCH_NUM];

	/* Pairs with the device's write barrier before the index. */
	if (__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE) == (uint16_t)driver->reaped)
		return false;
	*id = element->id;
	*written = element->len;
	driver->used_next++;
	return true;
}

static bool reap_packed(struct bench_driver *driver, uint32_t *id, uint32_t *written)
{
	const struct vring_packed_desc *ring = driver->desc;
	const struct vring_packed_desc *entry = &ring[driver->used_next % BENCH_NUM];
	uint16_t both = FLAG_AVAIL | FLAG_USED;
	uint16_t expected = driver->used_next / BENCH_NUM % 2 ? 0 : both;

	/* Pairs with the device's write barrier before the flags. */
	if ((__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) & both) != expected)
		return false;
	*id = entry->id;
	*written = entry->len;
	driver->used_next += driver->shape.indirect ? 1 : driver->shape.count;
	return true;
}

/**
 * bench_driver_reap() - take chains that the device has given back
 * @driver: the driver
 * @left: how many of those offered are to stay with the device
 * @written: bytes the device must have written for each packet: to one chain, or to as many as
 *	that takes
 *
 * Return: 0 when the others are back; -EAGAIN not yet all, -EPROTO one was not the next or
 * has another length.
 */
int bench_driver_reap(struct bench_driver *driver, unsigned int left, uint32_t written)
{
	uint32_t id, length;

	while (driver->offered - driver->reaped > left) {
		if (!(driver->packed ? reap_packed(driver, &id, &length) :
				       reap_split(driver, &id, &length)))
			return -EAGAIN;
		if (id != driver->heads[driver->reaped % BENCH_NUM] ||
		    length != expected(driver, written))
			return -EPROTO;
		driver->reaped++;
	}
	return 0;
}
