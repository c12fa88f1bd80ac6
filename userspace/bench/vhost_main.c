// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench-vhost PEER LOAD FORMAT RING BATCH: prints that, and what the worker of one queue spends
 * on a chain. Peers: ours, stock; loads: tx, runt, rx, get-id; formats: split, packed,
 * split-in-order, packed-in-order; ring: mapped, unmapped. Run by scripts/bench-ring in a
 * test host, as root.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vhost.h"

/* Chains of one measurement, in as many batches as that takes. */
#define CHAINS 3200

static const struct bench_load *const loads[] = {
	&bench_load_tx, &bench_load_runt, &bench_load_rx, &bench_load_get_id,
};

static const struct bench_load *find_load(const char *name)
{
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		if (!strcmp(loads[i]->name, name))
			return loads[i];
	return NULL;
}

int main(int argc, char **argv)
{
	struct bench_vhost vhost = { 0 };
	unsigned int batch;

	if (argc != 6 || !(vhost.load = find_load(argv[2]))) {
		fputs("usage: bench-vhost ours|stock tx|runt|rx|get-id FORMAT mapped|unmapped BATCH\n",
		      stderr);
		return 2;
	}
	vhost.stock = !strcmp(argv[1], "stock");
	vhost.in_order = strstr(argv[3], "in-order");
	vhost.mapped = !strcmp(argv[4], "mapped");
	batch = atoi(argv[5]);
	bench_vhost_open(&vhost, !strncmp(argv[3], "packed", strlen("packed")));
	printf("%s %s %s %s %u %.1f\n", argv[1], argv[2], argv[3], argv[4], batch,
	       bench_vhost_measure(&vhost, batch, CHAINS / batch));
	return 0;
}
