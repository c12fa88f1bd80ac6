// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) ringhost_net: registers the node /dev/ringhost-net.
 *
 * Runs at module load and unload. Entry points: module init and exit.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "net.h"

static struct miscdevice rh_net_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ringhost-net",
	.mode = 0660,
	.fops = &rh_net_fops,
};

static int __init rh_net_init(void)
{
	return misc_register(&rh_net_misc);
}
module_init(rh_net_init);

static void __exit rh_net_exit(void)
{
	misc_deregister(&rh_net_misc);
}
module_exit(rh_net_exit);

MODULE_DESCRIPTION("virtio network device backend");
MODULE_LICENSE("GPL");
MODULE_ALIAS("devname:ringhost-net");
