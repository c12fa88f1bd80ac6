// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-blk, what both backends share: the disk, features, the configuration
 * structure. Around stage (3); the data path is in the backends. On the loop's
 * thread; entry points: blk_create() and the device's operations.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blk.h"
#include "err.h"
#include "options.h"
#include "vm.h"

static int blk_start(struct virtio_device *device)
{
	struct blk *blk = blk_of(device);

	return blk->backend->start(blk);
}

static void blk_stop(struct virtio_device *device)
{
	struct blk *blk = blk_of(device);

	blk->backend->stop(blk);
}

static int blk_stats(struct virtio_device *device, struct virtio_stats *stats)
{
	struct blk *blk = blk_of(device);

	return blk->backend->stats(blk, stats);
}

static void blk_destroy(struct virtio_device *device)
{
	struct blk *blk = blk_of(device);

	virtio_exit(device);
	blk->backend->close(blk);
	disk_close(&blk->disk);
	free(blk);
}

static const struct virtio_device_ops blk_ops = {
	.start = blk_start,
	.stop = blk_stop,
	.stats = blk_stats,
	.destroy = blk_destroy,
};

/* Powers of two between the logical and the physical block. */
static uint8_t physical_exponent(const struct ringhost_blk_limits *limits)
{
	uint8_t exponent = 0;

	while ((uint64_t)limits->logical_block_size << (exponent + 1) <=
	       limits->physical_block_size)
		exponent++;
	return exponent;
}

static void blk_offer(struct blk *blk)
{
	const struct ringhost_blk_limits *limits = &blk->limits;
	uint64_t features = VIRTIO_RING_FEATURES | VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) |
			    VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) |
			    VIRTIO_BIT(VIRTIO_BLK_F_TOPOLOGY) | VIRTIO_BIT(VIRTIO_BLK_F_FLUSH);

	if (limits->flags & RINGHOST_BLK_F_READONLY)
		features |= VIRTIO_BIT(VIRTIO_BLK_F_RO);
	blk->device.offered = features & blk->backend_features;
	blk->config = (struct virtio_blk_config) {
		.capacity = htole64(limits->capacity),
		.seg_max = htole32(limits->seg_max),
		.blk_size = htole32(limits->logical_block_size),
		.physical_block_exp = physical_exponent(limits),
		.min_io_size = htole16(1u << physical_exponent(limits)),
	};
	blk->device.config = &blk->config;
	/* The fields of the features offered; the driver must not look further. */
	blk->device.config_size = offsetof(struct virtio_blk_config, wce);
}

static int blk_init(struct blk *blk, const struct disk_options *options)
{
	int err = disk_open(&blk->disk, options);

	if (err)
		return err;
	memcpy(blk->serial, options->serial, strnlen(options->serial, sizeof(blk->serial)));
	err = virtio_init(&blk->device);
	if (err)
		goto close_disk;
	err = blk->backend->open(blk);
	if (err)
		goto exit_device;
	blk_offer(blk);
	return 0;

exit_device:
	virtio_exit(&blk->device);
close_disk:
	disk_close(&blk->disk);
	return err;
}

int blk_create(struct vm *vm, const struct disk_options *options, unsigned int index,
	       struct virtio_device **out)
{
	struct blk *blk = calloc(1, sizeof(*blk));
	int err;

	if (!blk)
		return rh_error(-ENOMEM, "out of memory");
	blk->backend = options->backend == BACKEND_KERNEL ? &blk_kernel_backend :
							    &blk_user_backend;
	blk->device = (struct virtio_device) {
		.ops = &blk_ops, .vm = vm, .type = VIRTIO_ID_BLOCK, .queue_count = 1,
	};
	snprintf(blk->device.name, sizeof(blk->device.name), "disk%u", index);
	err = blk_init(blk, options);
	if (err) {
		free(blk);
		return err;
	}
	*out = &blk->device;
	return 0;
}
