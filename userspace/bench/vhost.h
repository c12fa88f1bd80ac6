/* SPDX-License-Identifier: GPL-2.0-only */
/* A vhost device node driven by the benchmark. See vhost.c, and net.c and blk.c for what it is. */
#ifndef BENCH_VHOST_H
#define BENCH_VHOST_H

#include <stdbool.h>
#include <stdint.h>

#include "driver.h"

struct bench_vhost;

/**
 * struct bench_load - what the device is made to do
 * @name: as the command line has it
 * @node: our node
 * @stock_node: the node of the kernel's own that does the same; NULL if there is none
 * @queue: the queue under test
 * @features: feature bits beyond those of the ring
 * @shape: of every chain
 * @written: bytes the device writes to each
 * @posted: chains the device holds between two batches
 * @prepare: makes the backend, and fills the chains' buffers
 * @start: attaches the backend, which starts the queue
 * @send: optional; gives the device something to do with @posted chains
 */
struct bench_load {
	const char *name;
	const char *node;
	const char *stock_node;
	unsigned int queue;
	uint64_t features;
	struct bench_shape shape;
	uint32_t written;
	unsigned int posted;
	void (*prepare)(struct bench_vhost *vhost);
	void (*start)(struct bench_vhost *vhost);
	void (*send)(struct bench_vhost *vhost, unsigned int packets);
};

/**
 * struct bench_vhost - one open node
 * @load: what it is made to do
 * @stock: it is the kernel's own
 * @in_order: VIRTIO_F_IN_ORDER is negotiated
 * @mapped: the ring is to be pinned and mapped; else the limit forbids that. Ours only.
 * @driver: the ring
 * @fd: the node
 * @backend: tap or disk
 * @host: packet socket on the tap
 * @kick: eventfd
 */
struct bench_vhost {
	const struct bench_load *load;
	bool stock;
	bool in_order;
	bool mapped;
	struct bench_driver driver;
	int fd;
	int backend;
	int host;
	int kick;
};

extern const struct bench_load bench_load_tx, bench_load_runt, bench_load_rx, bench_load_get_id;

/* End the program with a message unless @condition holds; errno tells the rest. */
#define BENCH_CHECK(condition) \
	do { \
		if (!(condition)) \
			bench_fail(__FILE__, __LINE__, #condition); \
	} while (0)

void bench_fail(const char *file, int line, const char *condition) __attribute__((noreturn));
void bench_vhost_open(struct bench_vhost *vhost, bool packed);
double bench_vhost_measure(struct bench_vhost *vhost, unsigned int batch, unsigned int batches);

#endif /* BENCH_VHOST_H */
