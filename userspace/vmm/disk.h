/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An image file or block device, opened, locked and measured; for both backends.
 */
#ifndef RH_VMM_DISK_H
#define RH_VMM_DISK_H

#include <stdbool.h>
#include <stdint.h>

struct disk_options;

#define DISK_SECTOR 512		/* virtio's unit: 5.2.4 */

/**
 * struct disk - an open disk
 * @path: for messages; the options' until disk_open() returns
 * @fd: opened through the page cache, and locked
 * @direct_fd: the same opened past the page cache, -1 where that is impossible
 * @readonly: the guest may not write
 * @capacity: sectors
 * @logical_block_size: unit of I/O the guest is told, bytes
 * @physical_block_size: unit the disk works in, bytes
 * @offset_align, @memory_align: what I/O on @direct_fd must be a multiple of
 */
struct disk {
	const char *path;
	int fd, direct_fd;
	bool readonly;
	uint64_t capacity;
	uint32_t logical_block_size, physical_block_size;
	uint32_t offset_align, memory_align;
};

/**
 * disk_open() - open what --disk names
 * @disk: out
 * @options: path and access
 *
 * A writable disk is taken for this process alone, a read-only one shared with
 * other readers.
 * Return: 0, or a negative errno after one line on stderr.
 */
int disk_open(struct disk *disk, const struct disk_options *options);
void disk_close(struct disk *disk);

#endif /* RH_VMM_DISK_H */
