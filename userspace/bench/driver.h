/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's side of a ring in plain memory, for the benchmarks: small, quick, and strict
 * about what it gets back. See driver.c.
 */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/virtio_ring.h>

/* Ring entries of every benchmark. */
#define BENCH_NUM 256
/* Most buffers of one chain. */
#define BENCH_BUFFERS_MAX 3
/* Guest memory: a hole at address 0, then one region. */
#define BENCH_GUEST_BASE 0x100000

/**
 * struct bench_shape - what every chain of a benchmark looks like
 * @count: buffers
 * @length: bytes of each
 * @device_writes: each: for the device to write
 * @indirect: in an indirect table
 */
struct bench_shape {
	unsigned int count;
	uint32_t length[BENCH_BUFFERS_MAX];
	bool device_writes[BENCH_BUFFERS_MAX];
	bool indirect;
};

/**
 * struct bench_driver - a ring and the guest memory it is in
 * @packed: its format
 * @shape: of every chain
 * @guest: guest memory, at BENCH_GUEST_BASE for the device
 * @guest_bytes: its size
 * @buffer: bytes from one buffer of a chain to the next; behind the last is the chain's table
 * @slot: bytes from one chain to the next
 * @desc: the descriptor area
 * @avail: the driver area
 * @used: the device area
 * @next: ring entries used so far; the next chain starts there, modulo BENCH_NUM
 * @offered: chains offered so far
 * @told: ring entries used when the driver last thought of a kick
 * @used_next: ring entries given back so far
 * @reaped: chains given back so far
 * @heads: names of the chains offered, by number modulo BENCH_NUM
 */
struct bench_driver {
	bool packed;
	struct bench_shape shape;
	unsigned char *guest;
	size_t guest_bytes;
	size_t buffer;
	size_t slot;
	void *desc;
	void *avail;
	void *used;
	unsigned int next;
	unsigned int offered;
	unsigned int told;
	unsigned int used_next;
	unsigned int reaped;
	uint16_t heads[BENCH_NUM];
};

int bench_driver_init(struct bench_driver *driver, const struct bench_shape *shape, bool packed);
void bench_driver_exit(struct bench_driver *driver);
unsigned char *bench_driver_buffer(struct bench_driver *driver, unsigned int slot,
				   unsigned int buffer);
void bench_driver_offer(struct bench_driver *driver, unsigned int chains);
bool bench_driver_wants_kick(struct bench_driver *driver);
void bench_driver_ask_call(struct bench_driver *driver, unsigned int left);
int bench_driver_reap(struct bench_driver *driver, unsigned int left, uint32_t written);
unsigned int bench_driver_chains(const struct bench_driver *driver, uint32_t written);

#endif /* BENCH_DRIVER_H */
