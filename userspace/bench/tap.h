/* SPDX-License-Identifier: GPL-2.0-only */
/* A tap driven by the benchmark, ours or the kernel's own. See tap.c and tap_flow.c. */
#ifndef BENCH_TAP_H
#define BENCH_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "frames.h"

/* Does not return when @condition is false: nothing here fails in a sane test host. */
#define BENCH_CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: %s: %m\n", __FILE__, __LINE__, #condition); \
		exit(1); \
	} \
} while (0)

#define BENCH_QUEUES 2

struct bench_tap;

/**
 * struct bench_row - what is measured
 * @name: as the command line has it
 * @size: bytes of a frame, of a TCP segment's payload or of a datagram's
 * @gso_size: payload of one segment of each frame; 0: it is one
 * @queues: of the tap, each with a file and a flow of its own; packets take turns
 * @run: measures it
 */
struct bench_row {
	const char *name;
	size_t size;
	size_t gso_size;
	unsigned int queues;
	double (*run)(struct bench_tap *tap);
};

/**
 * struct bench_tap - the tap at work, in a network namespace of its own
 * @row: what is measured
 * @stock: it is the kernel's own
 * @fds: its files, one for each queue, which do not block
 * @host: a packet socket on the interface
 * @frame: room for a packet with its vnet header
 */
struct bench_tap {
	const struct bench_row *row;
	bool stock;
	int fds[BENCH_QUEUES];
	int host;
	struct frame frame;
};

void bench_tap_open(struct bench_tap *tap);
void bench_tap_add_address(void);
uint64_t bench_tap_now(void);

double bench_tap_write(struct bench_tap *tap);
double bench_tap_send(struct bench_tap *tap);
double bench_tap_read(struct bench_tap *tap);
double bench_tap_stream(struct bench_tap *tap);
double bench_tap_flood(struct bench_tap *tap);

#endif /* BENCH_TAP_H */
