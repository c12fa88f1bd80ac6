// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench-vhost PEER LOAD FORMAT RING BATCH: prints that, what the worker of one queue spends
 * on each packet or request, and how many kicks and calls go with it. Peers: ours, stock, and
 * ours-tun, which is ours over the stock tun; loads: see net.c, and get-id; formats: split,
 * packed, split-in-order, packed-in-order; ring: mapped, unmapped. Run by scripts/bench-ring and
 * scripts/bench-net in a test host, as root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vhost.h"

/* Packets or requests of one measurement, in as many batches as that takes. */
#define COUNT 3200

static const struct bench_load *find_load(const char *name)
{
	const struct bench_load *load;

	if (!strcmp(bench_load_get_id.name, name))
		return &bench_load_get_id;
	for (load = bench_net_loads; load->name; load++)
		if (!strcmp(load->name, name))
			return load;
	return NULL;
}

int main(int argc, char **argv)
{
	struct bench_vhost vhost = { 0 };
	struct bench_figures figures;
	unsigned int batch;

	if (argc != 6 || !(vhost.load = find_load(argv[2]))) {
		fputs("usage: bench-vhost ours|ours-tun|stock LOAD FORMAT mapped|unmapped BATCH\n", stderr);
		return 2;
	}
	vhost.stock = !strcmp(argv[1], "stock");
	vhost.stock_tun = strcmp(argv[1], "ours");
	vhost.in_order = strstr(argv[3], "in-order");
	vhost.mapped = !strcmp(argv[4], "mapped");
	batch = atoi(argv[5]);
	bench_vhost_open(&vhost, !strncmp(argv[3], "packed", strlen("packed")));
	figures = bench_vhost_measure(&vhost, batch, COUNT / batch);
	printf("%s %s %s %s %u %.1f %.4f %.4f\n", argv[1], argv[2], argv[3], argv[4], batch,
	       figures.time, figures.kicks, figures.calls);
	return 0;
}
