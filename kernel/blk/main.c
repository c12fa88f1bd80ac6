// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) ringhost_blk: registers the node /dev/ringhost-blk.
 *
 * Runs at module load and unload. Entry points: module init and exit.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "blk.h"

static struct miscdevice rh_blk_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ringhost-blk",
	.mode = 0660,
	.fops = &rh_blk_fops,
};

static int __init rh_blk_init(void)
{
	return misc_register(&rh_blk_misc);
}
module_init(rh_blk_init);

static void __exit rh_blk_exit(void)
{
	misc_deregister(&rh_blk_misc);
}
module_exit(rh_blk_exit);

MODULE_DESCRIPTION("virtio block device backend");
MODULE_LICENSE("GPL");
MODULE_ALIAS("devname:ringhost-blk");
