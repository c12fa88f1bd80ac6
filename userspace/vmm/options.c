// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line. Runs on the main thread before anything is opened; every
 * refusal is one line that quotes what was given. --disk and --net have a file of
 * their own, options_device.c, and so has the stat command, options_stat.c.
 *
 * Entry points: options_parse(), options_free(), options_help(), options_version().
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "options.h"
#include "options_device.h"
#include "options_stat.h"
#include "version.h"

static const char help_text[] =
	"ringhost - run a virtual machine on the host kernel's virtio backends\n"
	"\n"
	"usage: ringhost run --kernel BZIMAGE [OPTION]...\n"
	"       ringhost stat [--json] [PID | --all]\n"
	"       ringhost --help | --version\n"
	"\n"
	"  --kernel FILE     Linux bzImage for x86-64\n"
	"  --initrd FILE     initramfs\n"
	"  --append STRING   kernel command line\n"
	"  --cpus N          virtual CPUs, 1 to 64 (default 1)\n"
	"  --mem SIZE        memory: bytes, or with suffix K, M or G (default 512M)\n"
	"  --disk path=FILE[,readonly][,serial=TEXT][,backend=kernel|userspace]\n"
	"                    virtio disk; image file or block device; repeatable\n"
	"  --net tap=NAME[,mac=XX:XX:XX:XX:XX:XX][,queues=N][,packed=on|off]\n"
	"        [,in_order=on|off][,backend=kernel|userspace]\n"
	"                    virtio network card on a tap interface, with N pairs of\n"
	"                    queues (1 to 8, default 1), packed rings and use in order\n"
	"                    offered if on (default off); repeatable\n"
	"  --stats FILE      write counters to FILE at the end\n"
	"\n"
	"stat prints the counters of every open queue, of one process or (the default)\n"
	"of all, as a table or as JSON.\n"
	"\n"
	"backend=kernel (the default) hands the queues to /dev/ringhost-blk and\n"
	"/dev/ringhost-net; backend=userspace serves them with io_uring.\n"
	"\n"
	"The guest's first serial port is stdin and stdout. On a terminal, Ctrl-A x\n"
	"ends the machine and Ctrl-A Ctrl-A sends Ctrl-A. SIGTERM ends it too. SIGUSR2\n"
	"has the guest announce its network addresses, for a tap that has moved.\n"
	"Exit status: 0 after power-off or SIGTERM, 1 after an error.\n";

int options_help(void)
{
	if (fputs(help_text, stdout) == EOF || fflush(stdout))
		return rh_error(-errno, "stdout: %s", strerror(errno));
	return 0;
}

int options_version(void)
{
	if (printf("ringhost %s\n", RINGHOST_VERSION) < 0 || fflush(stdout))
		return rh_error(-errno, "stdout: %s", strerror(errno));
	return 0;
}

/* Decimal digits only: no sign, no blanks, no hexadecimal, unlike strtoull(). */
static int parse_digits(const char **text, uint64_t *value)
{
	const char *p = *text;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (*value = 0; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(*value, 10, value) ||
		    __builtin_add_overflow(*value, (uint64_t)(*p - '0'), value))
			return -ERANGE;
	*text = p;
	return 0;
}

static int parse_cpus(struct options *options, const char *text)
{
	const char *end = text;
	uint64_t cpus;

	if (parse_digits(&end, &cpus) || *end)
		return rh_error(-EINVAL, "--cpus %s: not a number", text);
	if (cpus < 1 || cpus > OPTIONS_CPUS_MAX)
		return rh_error(-ERANGE, "--cpus %s: must be 1 to %d", text, OPTIONS_CPUS_MAX);
	options->cpus = (unsigned int)cpus;
	return 0;
}

static int size_shift(const char *suffix)
{
	static const char units[] = "KMG";
	const char *unit;

	if (!*suffix)
		return 0;
	if (suffix[1])
		return -EINVAL;
	unit = strchr(units, *suffix & ~0x20);	/* k, m, g too */
	return unit && *unit ? 10 * (int)(unit - units + 1) : -EINVAL;
}

static uint64_t host_ram(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int parse_mem(struct options *options, const char *text)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const char *end = text;
	uint64_t size;
	int shift;

	if (parse_digits(&end, &size))
		return rh_error(-EINVAL, "--mem %s: not a size", text);
	shift = size_shift(end);
	if (shift < 0)
		return rh_error(shift, "--mem %s: not a size (suffixes are K, M and G)", text);
	if (size > UINT64_MAX >> shift || size << shift > host_ram())
		return rh_error(-ERANGE, "--mem %s: more than this host's %llu MiB", text,
				(unsigned long long)(host_ram() >> 20));
	options->mem = size << shift;
	if (options->mem < OPTIONS_MEM_MIN)
		return rh_error(-ERANGE, "--mem %s: less than %llu MiB", text,
				OPTIONS_MEM_MIN >> 20);
	if (options->mem % page)
		return rh_error(-EINVAL, "--mem %s: not a multiple of the page size, %llu", text,
				(unsigned long long)page);
	return 0;
}

/* Options that hold one string, which may be given once. */
static int parse_string(const char **slot, const char *name, const char *text)
{
	if (*slot)
		return rh_error(-EINVAL, "--%s given twice", name);
	if (!*text)
		return rh_error(-EINVAL, "--%s: empty", name);
	*slot = text;
	return 0;
}

enum {
	OPT_KERNEL = 1,
	OPT_INITRD,
	OPT_APPEND,
	OPT_CPUS,
	OPT_MEM,
	OPT_DISK,
	OPT_NET,
	OPT_STATS,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "kernel",	required_argument,	NULL, OPT_KERNEL },
	{ "initrd",	required_argument,	NULL, OPT_INITRD },
	{ "append",	required_argument,	NULL, OPT_APPEND },
	{ "cpus",	required_argument,	NULL, OPT_CPUS },
	{ "mem",	required_argument,	NULL, OPT_MEM },
	{ "disk",	required_argument,	NULL, OPT_DISK },
	{ "net",	required_argument,	NULL, OPT_NET },
	{ "stats",	required_argument,	NULL, OPT_STATS },
	{ "help",	no_argument,		NULL, OPT_HELP },
	{ "version",	no_argument,		NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

/* A word getopt does not know, which is in argv[optind - 1] unless it was a short option. */
static int refuse_option(int opt, char **argv)
{
	if (opt == ':')
		return rh_error(-EINVAL, "%s needs a value", argv[optind - 1]);
	if (optopt > OPT_VERSION)
		return rh_error(-EINVAL, "unknown option -%c (see ringhost --help)", optopt);
	if (optopt)
		return rh_error(-EINVAL, "%s takes no value", argv[optind - 1]);
	return rh_error(-EINVAL, "unknown option %s (see ringhost --help)", argv[optind - 1]);
}

static int parse_option(struct options *options, int opt, char **argv)
{
	switch (opt) {
	case OPT_KERNEL:
		return parse_string(&options->kernel, "kernel", optarg);
	case OPT_INITRD:
		return parse_string(&options->initrd, "initrd", optarg);
	case OPT_APPEND:
		if (options->append)
			return rh_error(-EINVAL, "--append given twice");
		options->append = optarg;
		return 0;
	case OPT_CPUS:
		return parse_cpus(options, optarg);
	case OPT_MEM:
		return parse_mem(options, optarg);
	case OPT_DISK:
		return options_add_disk(options, optarg);
	case OPT_NET:
		return options_add_net(options, optarg);
	case OPT_STATS:
		return parse_string(&options->stats, "stats", optarg);
	case OPT_HELP:
		options->command = COMMAND_HELP;
		return 0;
	case OPT_VERSION:
		options->command = COMMAND_VERSION;
		return 0;
	default:
		return refuse_option(opt, argv);
	}
}

/* "+" stops at the first word that is no option, ":" tells a missing value apart. */
static int parse_options(struct options *options, int argc, char **argv)
{
	int opt, err;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+:", long_options, NULL)) != -1) {
		err = parse_option(options, opt, argv);
		if (err || options->command != COMMAND_RUN)
			return err;
	}
	if (optind < argc)
		return rh_error(-EINVAL, "unexpected argument %s (see ringhost --help)",
				argv[optind]);
	return 0;
}

static int parse_command(struct options *options, int argc, char **argv)
{
	if (argc < 2)
		return rh_error(-EINVAL, "no command (see ringhost --help)");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
		options->command = COMMAND_HELP;
	else if (!strcmp(argv[1], "--version"))
		options->command = COMMAND_VERSION;
	else if (!strcmp(argv[1], "stat"))
		options->command = COMMAND_STAT;
	else if (strcmp(argv[1], "run"))
		return rh_error(-EINVAL, "unknown command %s (see ringhost --help)", argv[1]);
	return 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
	int err;

	memset(options, 0, sizeof(*options));
	options->cpus = 1;
	options->mem = 512ULL << 20;
	err = parse_command(options, argc, argv);
	if (!err && options->command == COMMAND_STAT)
		return options_parse_stat(options, argc - 2, argv + 2);
	if (err || options->command != COMMAND_RUN)
		return err;
	optind = 1;
	err = parse_options(options, argc - 1, argv + 1);
	if (err || options->command != COMMAND_RUN)
		return err;
	if (!options->kernel)
		return rh_error(-EINVAL, "--kernel is missing (see ringhost --help)");
	if (!options->append)
		options->append = "";
	return 0;
}

void options_free(struct options *options)
{
	while (options->copy_count)
		free(options->copies[--options->copy_count]);
}
