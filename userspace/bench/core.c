// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core's ring code, unchanged and compiled as the kernel would, at work on a ring of the
 * benchmark's: stages (2) and (4) for every chain, the decision about a call for every batch.
 *
 * device_turn() is what callgrind counts, and nothing else is. The ring is mapped, as it
 * is in the kernel; in userspace a user copy would be no more than a memcpy(). Entry point:
 * core_run().
 */
#include "core.h"
#include "../../kernel/core/ring.h"
#include "../../selftests/ring/unit/unit.h"

#include <linux/vhost_types.h>

const struct core_case core_cases[] = {
	{ "split", false, false },
	{ "packed", true, false },
	{ "split-in-order", false, true },
	{ "packed-in-order", true, true },
	{ NULL, false, false },
};

const struct bench_shape core_shape_one = { 1, { 76 }, { false }, false };
const struct bench_shape core_shape_three = { 3, { 16, 512, 1 }, { false, true, true }, false };
const struct bench_shape core_shape_indirect = { 3, { 16, 512, 1 }, { false, true, true }, true };

/* Returns 0, or an error of the core's. */
__attribute__((noinline))
int device_turn(struct rh_ring *ring, const struct rh_memory *memory, unsigned int chains,
		u32 written)
{
	struct rh_chain chain;
	int ret;

	while (chains--) {
		ret = rh_ring_pop(ring, memory, &chain);
		if (ret != 1)
			return ret ?: -ENOENT;
		ret = rh_ring_push(ring, chain.head, written);
		if (ret)
			return ret;
	}
	ret = rh_ring_publish(ring);
	return ret ?: rh_ring_needs_call(ring);
}

static struct rh_memory *make_memory(const struct bench_driver *driver)
{
	struct vhost_memory *table = calloc(1, sizeof(*table) + sizeof(table->regions[0]));
	struct rh_memory *memory;

	if (!table)
		return ERR_PTR(-ENOMEM);
	table->nregions = 1;
	table->regions[0].guest_phys_addr = BENCH_GUEST_BASE;
	table->regions[0].memory_size = driver->guest_bytes;
	table->regions[0].userspace_addr = (unsigned long)driver->guest;
	user_area_add(table, sizeof(*table) + sizeof(table->regions[0]));
	memory = rh_memory_alloc(table);
	user_area_remove(table);
	free(table);
	return memory;
}

static int start_ring(struct rh_ring *ring, const struct core_case *which,
		      const struct bench_driver *driver)
{
	int err;

	*ring = (struct rh_ring) {
		.num = BENCH_NUM,
		.packed = which->packed,
		.in_order = which->in_order,
		.event_idx = true,
		.indirect = true,
		.little_endian = true,
		.desc.user = driver->desc,
		.driver.user = driver->avail,
		.device.user = driver->used,
	};
	err = rh_ring_alloc(ring);
	if (!err)
		err = rh_ring_map(ring, NULL);
	return err ?: rh_ring_resume(ring);
}

static int run_batches(struct bench_driver *driver, struct rh_ring *ring,
		       const struct rh_memory *memory, unsigned int batch, unsigned int batches)
{
	u32 written = driver->shape.count > 1 ? 513 : 0;
	int ret;

	while (batches--) {
		bench_driver_offer(driver, batch);
		ret = device_turn(ring, memory, batch, written);
		if (ret >= 0)
			ret = bench_driver_reap(driver, 0, written);
		if (ret)
			return ret;
	}
	return 0;
}

/**
 * core_run() - have the core serve batches of chains
 * @which: the format
 * @shape: what a chain looks like
 * @batch: chains in a batch; they fit the ring
 * @batches: how many
 *
 * Return: 0 if every chain came back as it should, else -errno.
 */
int core_run(const struct core_case *which, const struct bench_shape *shape, unsigned int batch,
	     unsigned int batches)
{
	struct bench_driver driver;
	struct rh_memory *memory;
	struct rh_ring ring;
	int ret;

	ret = bench_driver_init(&driver, shape, which->packed);
	if (ret)
		return ret;
	user_area_add(driver.guest, driver.guest_bytes);
	memory = make_memory(&driver);
	ret = IS_ERR(memory) ? PTR_ERR(memory) : start_ring(&ring, which, &driver);
	if (!ret) {
		ret = run_batches(&driver, &ring, memory, batch, batches);
		rh_ring_unmap(&ring, NULL);
		rh_ring_free(&ring);
		rh_memory_free(memory);
	}
	user_area_remove(driver.guest);
	bench_driver_exit(&driver);
	return ret;
}
