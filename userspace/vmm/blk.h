/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio-blk (virtio 1.3, 5.2): one disk. blk.c is what both backends share,
 * blk_kernel.c and blk_user.c mirror each other function by function.
 */
#ifndef RH_VMM_BLK_H
#define RH_VMM_BLK_H

#include <linux/virtio_blk.h>

#include "disk.h"
#include "libringhost.h"
#include "virtio.h"

struct blk;

/**
 * struct blk_backend - who serves the disk
 * @open: take the disk, fill in @blk->limits and @blk->backend_features, set
 *	@blk->state. Return: 0, or a negative errno after one line on stderr
 * @start: the driver is ready: serve every enabled queue. Return: 0, or -errno with
 *	nothing running
 * @stop: let every request in flight end, then leave the queues alone
 * @stats: print and add up. Return: 0 or -errno
 * @close: undo @open
 */
struct blk_backend {
	int (*open)(struct blk *blk);
	int (*start)(struct blk *blk);
	void (*stop)(struct blk *blk);
	int (*stats)(struct blk *blk, struct virtio_stats *stats);
	void (*close)(struct blk *blk);
};

extern const struct blk_backend blk_kernel_backend;
extern const struct blk_backend blk_user_backend;

/**
 * struct blk - one disk of the guest
 * @device: the virtio device
 * @backend: who serves it
 * @state: the backend's
 * @disk: the image or device behind it
 * @serial: answer to GET_ID, padded with NUL
 * @limits: what the backend can do
 * @backend_features: features the backend takes part in
 * @config: what the driver reads
 */
struct blk {
	struct virtio_device device;
	const struct blk_backend *backend;
	void *state;
	struct disk disk;
	char serial[VIRTIO_BLK_ID_BYTES];
	struct ringhost_blk_limits limits;
	uint64_t backend_features;
	struct virtio_blk_config config;
};

static inline struct blk *blk_of(struct virtio_device *device)
{
	return (struct blk *)((char *)device - offsetof(struct blk, device));
}

/**
 * blk_create() - open a disk and make its device
 * @vm: the VM
 * @options: the disk
 * @index: its number, for the name
 * @out: the device
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int blk_create(struct vm *vm, const struct disk_options *options, unsigned int index,
	       struct virtio_device **out);

#endif /* RH_VMM_BLK_H */
