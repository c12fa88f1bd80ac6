/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The command line, checked. Runs on the main thread before anything is opened,
 * so a refused option leaves nothing behind.
 */
#ifndef RH_VMM_OPTIONS_H
#define RH_VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define OPTIONS_CPUS_MAX 64
#define OPTIONS_DISKS_MAX 12
#define OPTIONS_NETS_MAX 8
#define OPTIONS_PAIRS_MAX 8
#define OPTIONS_SERIAL_MAX 20	/* VIRTIO_BLK_ID_BYTES: virtio 1.3, 5.2.6 */
#define OPTIONS_MEM_MIN (32ULL << 20)

/** enum backend - who moves the data of a device */
enum backend {
	BACKEND_KERNEL,		/* a ringhost module; the default */
	BACKEND_USERSPACE,	/* the VMM's io_uring loop */
};

/**
 * struct disk_options - one --disk
 * @path: image file or block device; may hold any character but a comma
 * @serial: what the guest sees as the disk's serial, at most OPTIONS_SERIAL_MAX
 *	bytes of printable ASCII; "" when none was given
 * @readonly: the guest may not write
 * @backend: who serves it
 */
struct disk_options {
	const char *path;
	const char *serial;
	bool readonly;
	enum backend backend;
};

/**
 * struct net_options - one --net
 * @tap: interface name, 1 to IFNAMSIZ - 1 bytes, valid as a name
 * @mac: the guest's address when @mac_given; unicast, not all zero
 * @mac_given: else the device chooses one
 * @pairs: pairs of queues, 1 to OPTIONS_PAIRS_MAX
 * @packed: offer packed rings
 * @in_order: offer to use buffers in order
 * @backend: who serves it
 */
struct net_options {
	const char *tap;
	uint8_t mac[6];
	bool mac_given;
	unsigned int pairs;
	bool packed;
	bool in_order;
	enum backend backend;
};

/** enum command - what the command line asks for */
enum command {
	COMMAND_RUN,
	COMMAND_STAT,
	COMMAND_HELP,
	COMMAND_VERSION,
};

/**
 * struct options - a checked command line
 * @command: the verb
 * @kernel: path of the bzImage, never NULL for COMMAND_RUN
 * @initrd: path of the initramfs or NULL
 * @append: the guest's kernel command line, "" when none was given
 * @stats: path of the statistics file or NULL
 * @cpus: 1 to OPTIONS_CPUS_MAX
 * @mem: bytes, a multiple of the page size, OPTIONS_MEM_MIN to the host's RAM
 * @disks: in the order given
 * @disk_count: how many
 * @nets: in the order given
 * @net_count: how many
 * @json: COMMAND_STAT: print JSON
 * @pid: COMMAND_STAT: the one process to look at; 0: all
 * @copies: the strings that --disk and --net were split into; options_free()
 * @copy_count: how many
 *
 * Other strings point into argv.
 */
struct options {
	enum command command;
	const char *kernel;
	const char *initrd;
	const char *append;
	const char *stats;
	unsigned int cpus;
	uint64_t mem;
	struct disk_options disks[OPTIONS_DISKS_MAX];
	unsigned int disk_count;
	struct net_options nets[OPTIONS_NETS_MAX];
	unsigned int net_count;
	bool json;
	int pid;
	char *copies[OPTIONS_DISKS_MAX + OPTIONS_NETS_MAX];
	unsigned int copy_count;
};

/**
 * options_parse() - parse and check the command line
 * @options: filled in; call options_free() afterwards, also after an error
 * @argc: as main()
 * @argv: as main(); not modified, must outlive @options
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);

/* Print the text of --help, or the version, to stdout. Return: 0 or -errno. */
int options_help(void);
int options_version(void);

#endif /* RH_VMM_OPTIONS_H */
