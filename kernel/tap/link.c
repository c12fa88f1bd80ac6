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

static size_t get_size(const struct net_device *dev)
{
	return nla_total_size(sizeof(u32)) +	/* IFLA_TUN_OWNER */
	       nla_total_size(sizeof(u32)) +	/* IFLA_TUN_GROUP */
	       nla_total_size(sizeof(u8)) +	/* IFLA_TUN_TYPE */
	       nla_total_size(sizeof(u8)) +	/* IFLA_TUN_PI */
	       nla_total_size(sizeof(u8)) +	/* IFLA_TUN_VNET_HDR */
	       nla_total_size(sizeof(u8)) +	/* IFLA_TUN_PERSIST */
	       nla_total_size(sizeof(u8)) +	/* IFLA_TUN_MULTI_QUEUE */
	       nla_total_size(sizeof(u32)) +	/* IFLA_TUN_NUM_QUEUES */
	       nla_total_size(sizeof(u32));	/* IFLA_TUN_NUM_DISABLED_QUEUES */
}

static int fill_users(struct sk_buff *skb, const struct rh_tap *tap)
{
	if (uid_valid(tap->owner) &&
	    nla_put_u32(skb, IFLA_TUN_OWNER, from_kuid_munged(current_user_ns(), tap->owner)))
		return -EMSGSIZE;
	if (gid_valid(tap->group) &&
	    nla_put_u32(skb, IFLA_TUN_GROUP, from_kgid_munged(current_user_ns(), tap->group)))
		return -EMSGSIZE;
	return 0;
}

static int fill_queues(struct sk_buff *skb, const struct rh_tap *tap)
{
	if (!(tap->flags & IFF_MULTI_QUEUE))
		return 0;
	if (nla_put_u32(skb, IFLA_TUN_NUM_QUEUES, tap->queue_count) ||
	    nla_put_u32(skb, IFLA_TUN_NUM_DISABLED_QUEUES, tap->disabled_count))
		return -EMSGSIZE;
	return 0;
}

/* The same attributes as tun's. */
static int fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	const struct rh_tap *tap = netdev_priv(dev);
	unsigned int flags = tap->flags;

	if (nla_put_u8(skb, IFLA_TUN_TYPE, flags & TUN_TYPE_MASK) ||
	    nla_put_u8(skb, IFLA_TUN_PI, !(flags & IFF_NO_PI)) ||
	    nla_put_u8(skb, IFLA_TUN_VNET_HDR, !!(flags & IFF_VNET_HDR)) ||
	    nla_put_u8(skb, IFLA_TUN_PERSIST, !!(flags & IFF_PERSIST)) ||
	    nla_put_u8(skb, IFLA_TUN_MULTI_QUEUE, !!(flags & IFF_MULTI_QUEUE)) ||
	    fill_users(skb, tap) || fill_queues(skb, tap))
		return -EMSGSIZE;
	return 0;
}

/*
 * Not of tun's kind, for only one module can register a kind, and the other would
 * not load.
 */
struct rtnl_link_ops rh_tap_link_ops = {
	/* Without .setup, "ip link add" is refused: an interface needs its file. */
	.kind = "ringhost_tap",
	.get_size = get_size,
	.fill_info = fill_info,
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

	if (event != NETDEV_CHANGE_TX_QUEUE_LEN || !rh_tap_netdev_is_ours(dev))
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
