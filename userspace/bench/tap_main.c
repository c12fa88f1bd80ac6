// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench-tap PEER ROW: prints both, and what a packet costs or how many percent are lost. Peers:
 * ours, stock; without arguments it lists the rows. Run by scripts/bench-tap in a test
 * host, as root.
 */
#include "tap.h"

static const struct bench_row rows[] = {
	{ "write-64", 64, 0, 1, bench_tap_write },
	{ "write-1500", 1514, 0, 1, bench_tap_write },
	{ "write-gso", 65535, 1448, 1, bench_tap_write },
	{ "send-64", 64, 0, 1, bench_tap_send },
	{ "send-1500", 1514, 0, 1, bench_tap_send },
	{ "send-gso", 65535, 1448, 1, bench_tap_send },
	{ "read-64", 64, 0, 1, bench_tap_read },
	{ "read-1500", 1514, 0, 1, bench_tap_read },
	{ "read-gso", 65535, 1448, 1, bench_tap_read },
	{ "write-64-q2", 64, 0, 2, bench_tap_write },
	{ "write-1500-q2", 1514, 0, 2, bench_tap_write },
	{ "write-gso-q2", 65535, 1448, 2, bench_tap_write },
	{ "send-64-q2", 64, 0, 2, bench_tap_send },
	{ "send-1500-q2", 1514, 0, 2, bench_tap_send },
	{ "send-gso-q2", 65535, 1448, 2, bench_tap_send },
	{ "read-64-q2", 64, 0, 2, bench_tap_read },
	{ "read-1500-q2", 1514, 0, 2, bench_tap_read },
	{ "read-gso-q2", 65535, 1448, 2, bench_tap_read },
	{ "stream-100", 100, 0, 1, bench_tap_stream },
	{ "stream-500", 500, 0, 1, bench_tap_stream },
	{ "flood-64", 64, 0, 1, bench_tap_flood },
	{ "flood-1400", 1400, 0, 1, bench_tap_flood },
};

static const struct bench_row *find_row(const char *name)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, name))
			return &rows[i];
	return NULL;
}

static int list_rows(void)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		puts(rows[i].name);
	return 0;
}

int main(int argc, char **argv)
{
	static struct bench_tap tap;

	if (argc == 1)
		return list_rows();
	if (argc != 3 || !(tap.row = find_row(argv[2]))) {
		fputs("usage: bench-tap [ours|stock ROW]\n", stderr);
		return 2;
	}
	tap.stock = !strcmp(argv[1], "stock");
	bench_tap_open(&tap);
	printf("%s %s %.1f\n", argv[1], tap.row->name, tap.row->run(&tap));
	return 0;
}
