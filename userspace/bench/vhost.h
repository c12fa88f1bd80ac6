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
 * @calls: the driver waits for a call; else until the worker sleeps
 * @written: bytes the device writes for each packet
 * @posted: chains the device holds between two batches
 * @frame: of network loads, bytes of a frame
 * @gso_size: of network loads, payload of a segment of each frame; 0: it is one
 * @program: of network loads, the interface has an XDP program that drops all
 * @prepare: makes the backend, and fills the chains' buffers
 * @start: attaches the backend, which starts the queue
 * @send: optional; gives the device packets for @posted chains
 */
struct bench_load {
	const char *name;
	const char *node;
	const char *stock_node;
	unsigned int queue;
	uint64_t features;
	struct bench_shape shape;
	bool calls;
	uint32_t written;
	unsigned int posted;
	size_t frame;
	size_t gso_size;
	bool program;
	void (*prepare)(struct bench_vhost *vhost);
	void (*start)(struct bench_vhost *vhost);
	void (*send)(struct bench_vhost *vhost, unsigned int packets);
};

/**
 * struct bench_vhost - one open node
 * @load: what it is made to do
 * @stock: it is the kernel's own
 * @stock_tun: its port is
 * @in_order: VIRTIO_F_IN_ORDER is negotiated
 * @mapped: the ring is to be pinned and mapped; else the limit forbids that. Ours only.
 * @driver: the ring
 * @fd: the node
 * @backend: tap or disk
 * @host: packet socket on the tap
 * @kick: eventfd
 * @call: eventfd
 * @kick_count: kicks given
 * @call_count: calls taken
 */
struct bench_vhost {
	const struct bench_load *load;
	bool stock;
	bool stock_tun;
	bool in_order;
	bool mapped;
	struct bench_driver driver;
	int fd;
	int backend;
	int host;
	int kick;
	int call;
	uint64_t kick_count;
	uint64_t call_count;
};

/**
 * struct bench_figures - what was measured, for each packet or request
 * @time: the worker's nanoseconds; where the clock counts instructions, that many
 * @kicks: from the driver
 * @calls: from the device
 */
struct bench_figures {
	double time;
	double kicks;
	double calls;
};

extern const struct bench_load bench_load_get_id;
/* The last one has no name. */
extern const struct bench_load bench_net_loads[];

/* End the program with a message unless @condition holds; errno tells the rest. */
#define BENCH_CHECK(condition) \
	do { \
		if (!(condition)) \
			bench_fail(__FILE__, __LINE__, #condition); \
	} while (0)

void bench_fail(const char *file, int line, const char *condition) __attribute__((noreturn));
void bench_vhost_open(struct bench_vhost *vhost, bool packed);
struct bench_figures bench_vhost_measure(struct bench_vhost *vhost, unsigned int batch,
					 unsigned int batches);

#endif /* BENCH_VHOST_H */
