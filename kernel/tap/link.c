// SPDX-License-Identifier: GPL-2.0-only
/*
 * An interface among the others of the system: rtnetlink, sysfs, and the events
 * that concern all interfaces.
 *
 * Runs under RTNL, sysfs in the reader's context. Beside stage (3). Entry points:
 * rh_tap_link_ops, rh_tap_link_attributes, the notifier, and rh_tap_link_init() and
 * rh_tap_link_exit() from main.c.
 */
#include <net/rtnetlink.h>

#include "tap.h"

struct rtnl_link_ops rh_tap_link_ops = {
	/* Without .setup, "ip link add" is refused: an interface needs its file. */
	.kind = "ringhost_tap",
	.dellink = unregister_netdevice_queue,
};

static ssize_t tun_flags_show(struct device *device, struct device_attribute *attribute, char *text)
{
	const struct rh_tap *tap = netdev_priv(to_net_dev(device));

	return sysfs_emit(text, "0x%x\n", READ_ONCE(tap->flags));
}
static DEVICE_ATTR_RO(tun_flags);

static ssize_t owner_show(struct device *device, struct device_attribute *attribute, char *text)
{
	const struct rh_tap *tap = netdev_priv(to_net_dev(device));

	if (!uid_valid(tap->owner))
		return sysfs_emit(text, "-1\n");
	return sysfs_emit(text, "%u\n", from_kuid_munged(current_user_ns(), tap->owner));
}
static DEVICE_ATTR_RO(owner);

static ssize_t group_show(struct device *device, struct device_attribute *attribute, char *text)
{
	const struct rh_tap *tap = netdev_priv(to_net_dev(device));

	if (!gid_valid(tap->group))
		return sysfs_emit(text, "-1\n");
	return sysfs_emit(text, "%u\n", from_kgid_munged(current_user_ns(), tap->group));
}
static DEVICE_ATTR_RO(group);

static struct attribute *link_attributes[] = {
	&dev_attr_tun_flags.attr,
	&dev_attr_owner.attr,
	&dev_attr_group.attr,
	NULL
};

const struct attribute_group rh_tap_link_attributes = {
	.attrs = link_attributes,
};

static int handle_event(struct notifier_block *block, unsigned long event, void *info)
{
	struct net_device *dev = netdev_notifier_info_to_dev(info);

	if (event != NETDEV_CHANGE_TX_QUEUE_LEN || !rh_tap_netdev_is_tap(dev))
		return NOTIFY_DONE;
	return notifier_from_errno(rh_tap_slots_resize(netdev_priv(dev)));
}

static struct notifier_block link_notifier = {
	.notifier_call = handle_event,
};

int rh_tap_link_init(void)
{
	int error;

	error = rtnl_link_register(&rh_tap_link_ops);
	if (error)
		return error;
	error = register_netdevice_notifier(&link_notifier);
	if (error)
		rtnl_link_unregister(&rh_tap_link_ops);
	return error;
}

void rh_tap_link_exit(void)
{
	unregister_netdevice_notifier(&link_notifier);
	/* Deletes the interfaces that are left: persistent ones, for no file is open. */
	rtnl_link_unregister(&rh_tap_link_ops);
}
