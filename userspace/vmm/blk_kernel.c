// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-blk on /dev/ringhost-blk: stages (1) to (5) are the kernel's, this file
 * hands the queues over and takes them back. On the loop's thread; entry points:
 * blk_kernel_backend.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk.h"
#include "err.h"
#include "kernel_queue.h"

/**
 * struct blk_kernel - a disk served by ringhost_blk
 * @queues: its queues
 * @started: how many of them, counted from 0, may be running
 */
struct blk_kernel {
	struct kernel_queues queues;
	unsigned int started;
};

static int blk_kernel_set_disk(struct blk *blk, struct ringhost_device *handle)
{
	uint32_t flags = blk->disk.readonly ? RINGHOST_BLK_F_READONLY : 0;
	int err = ringhost_blk_set_disk(handle, blk->disk.fd, flags, blk->serial);

	return err ? err : ringhost_blk_get_limits(handle, &blk->limits);
}

static int blk_kernel_open(struct blk *blk)
{
	struct blk_kernel *kernel = calloc(1, sizeof(*kernel));
	int err;

	if (!kernel)
		return rh_error(-ENOMEM, "out of memory");
	err = kernel_queues_open(&kernel->queues, &blk->device, 0, blk->device.queue_count,
				 RINGHOST_NODE_BLK, "ringhost_blk");
	if (err)
		goto free_kernel;
	err = blk_kernel_set_disk(blk, kernel->queues.handle);
	if (err) {
		rh_error(err, "%s: %s refuses the disk: %s", blk->device.name,
			 RINGHOST_NODE_BLK, strerror(-err));
		goto close_queues;
	}
	blk->backend_features = kernel->queues.features;
	blk->state = kernel;
	return 0;

close_queues:
	kernel_queues_close(&kernel->queues);
free_kernel:
	free(kernel);
	return err;
}

static void blk_kernel_stop(struct blk *blk)
{
	struct blk_kernel *kernel = blk->state;

	while (kernel->started)
		ringhost_blk_stop(kernel->queues.handle, --kernel->started, NULL);
}

static int blk_kernel_start(struct blk *blk)
{
	struct blk_kernel *kernel = blk->state;
	int err = kernel_queues_setup(&kernel->queues);

	for (unsigned int i = 0; i < blk->device.queue_count && !err; i++) {
		if (blk->device.queues[i].enabled)
			err = ringhost_blk_start(kernel->queues.handle, i);
		kernel->started = i + 1;
	}
	if (err)
		blk_kernel_stop(blk);
	return err;
}

static int blk_kernel_stats(struct blk *blk, struct virtio_stats *stats)
{
	struct blk_kernel *kernel = blk->state;

	return kernel_queues_stats(&kernel->queues, stats);
}

static void blk_kernel_close(struct blk *blk)
{
	struct blk_kernel *kernel = blk->state;

	kernel_queues_close(&kernel->queues);
	free(kernel);
}

const struct blk_backend blk_kernel_backend = {
	.open = blk_kernel_open,
	.start = blk_kernel_start,
	.stop = blk_kernel_stop,
	.stats = blk_kernel_stats,
	.close = blk_kernel_close,
};
