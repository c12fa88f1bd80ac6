// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core module. It registers no device of its own: the network, block and
 * tap modules do, and call the functions of core.h.
 */
#include <linux/build_bug.h>
#include <linux/module.h>

#include "core.h"
#include "queue.h"

/* The ABI has the same layout for every caller; a change here breaks them all. */
static_assert(sizeof(struct ringhost_vring_stats) == 16);
static_assert(sizeof(struct ringhost_blk_disk) == 64);
static_assert(sizeof(struct ringhost_blk_limits) == 64);

static int __init ringhost_init(void)
{
	return rh_devices_init();
}
module_init(ringhost_init);

static void __exit ringhost_exit(void)
{
	rh_devices_exit();
}
module_exit(ringhost_exit);

MODULE_DESCRIPTION("ringhost: in-kernel virtio device backends, ring core");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");
