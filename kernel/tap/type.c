// SPDX-License-Identifier: GPL-2.0-only
/*
 * An interface's link type (ARPHRD_*): what programs take its packets for. Those of a
 * tunnel that carries something else than Ethernet or IP set it.
 *
 * Runs in the caller's process context under RTNL, beside stage (3). Entry point:
 * rh_tap_type_set(), called by rh_tap_ioctl().
 */
#include <linux/if_arp.h>
#include <linux/in6.h>

#include "ioctl.h"

/**
 * struct type_address - how long addresses are
 * @type: on interfaces of this type
 * @length: in bytes
 */
struct type_address {
	u16 type;
	u8 length;
};

/* Where there are any. */
static const struct type_address addresses[] = {
	{ ARPHRD_ETHER, ETH_ALEN },
	{ ARPHRD_IEEE802, ETH_ALEN },
	{ ARPHRD_FDDI, ETH_ALEN },
	{ ARPHRD_HIPPI, ETH_ALEN },
	{ ARPHRD_IEEE802154_MONITOR, 8 },
	{ ARPHRD_TUNNEL, sizeof(struct in_addr) },
	{ ARPHRD_SIT, sizeof(struct in_addr) },
	{ ARPHRD_IPGRE, sizeof(struct in_addr) },
	{ ARPHRD_TUNNEL6, sizeof(struct in6_addr) },
	{ ARPHRD_IP6GRE, sizeof(struct in6_addr) },
	{ ARPHRD_ROSE, 5 },
	{ ARPHRD_NETROM, 7 },
	{ ARPHRD_LOCALTLK, 1 },
};

static u8 address_length(u16 type)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(addresses); i++)
		if (addresses[i].type == type)
			return addresses[i].length;
	return 0;
}

/*
 * Whose users in the kernel look no further than the type and take an interface's private
 * part for that of their own drivers, or miss it.
 */
static bool is_trusted_by_others(u16 type)
{
	return type == ARPHRD_6LOWPAN || type == ARPHRD_IEEE802154 || type == ARPHRD_CAIF;
}

/*
 * TUNSETLINK: by value, ARPHRD_*. Errors: EBUSY the interface is up, or something on top of
 * it does not agree; EINVAL the type is that of certain drivers.
 */
int rh_tap_type_set(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument)
{
	struct net_device *dev = tap->dev;
	u16 type = argument->value;
	int error;

	if (dev->flags & IFF_UP)
		return -EBUSY;
	if (is_trusted_by_others(type))
		return -EINVAL;
	error = notifier_to_errno(call_netdevice_notifiers(NETDEV_PRE_TYPE_CHANGE, dev));
	if (error)
		return error;
	dev->type = type;
	dev->addr_len = address_length(type);
	call_netdevice_notifiers(NETDEV_POST_TYPE_CHANGE, dev);
	return 0;
}
