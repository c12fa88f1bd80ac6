// SPDX-License-Identifier: GPL-2.0-only
/*
 * The block load: GET_ID requests, which need no I/O, so that the ring is most of the work.
 * The kernel has no vhost-blk of its own to compare with.
 *
 * Runs in the benchmark's only thread. Entry point: bench_load_get_id.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/virtio_blk.h>

#include "ringhost.h"
#include "vhost.h"

static void blk_prepare(struct bench_vhost *vhost)
{
	const struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_GET_ID };

	vhost->backend = memfd_create("bench", MFD_CLOEXEC);
	BENCH_CHECK(vhost->backend >= 0 && !ftruncate(vhost->backend, 1 << 20));
	for (unsigned int i = 0; i < BENCH_NUM; i++)
		memcpy(bench_driver_buffer(&vhost->driver, i, 0), &header, sizeof(header));
}

static void blk_start(struct bench_vhost *vhost)
{
	struct ringhost_blk_disk disk = { .fd = vhost->backend, .serial = "bench" };
	struct vhost_vring_state on = { vhost->load->queue, 1 };

	BENCH_CHECK(!ioctl(vhost->fd, RINGHOST_BLK_SET_DISK, &disk));
	BENCH_CHECK(!ioctl(vhost->fd, RINGHOST_SET_VRING_ENABLE, &on));
}

const struct bench_load bench_load_get_id = {
	.name = "get-id",
	.node = "/dev/ringhost-blk",
	.shape = {
		.count = 3,
		.length = { sizeof(struct virtio_blk_outhdr), VIRTIO_BLK_ID_BYTES, 1 },
		.device_writes = { false, true, true },
	},
	.written = VIRTIO_BLK_ID_BYTES + 1,
	.prepare = blk_prepare,
	.start = blk_start,
};
