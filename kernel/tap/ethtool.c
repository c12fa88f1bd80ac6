// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool shows of an interface, above all the counters of each queue.
 *
 * Runs under RTNL. Entry points: rh_tap_ethtool_ops, rh_tap_ethtool_init().
 */
#include <linux/ethtool.h>

#include "tap.h"

/* The only private flag: bit of its name in get_strings(). */
#define FLAG_DROP_WHEN_FULL BIT(0)

#define STAT_NAME(id, name) [RH_TAP_STAT_##id] = #name,
static const char *const stat_names[RH_TAP_STAT_COUNT] = {
	RH_TAP_STATS(STAT_NAME)
};
#undef STAT_NAME

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	const struct rh_tap *tap = netdev_priv(dev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, tap->flags & IFF_TUN ? "tun" : "tap", sizeof(info->bus_info));
}

static int get_sset_count(struct net_device *dev, int set)
{
	const struct rh_tap *tap = netdev_priv(dev);

	switch (set) {
	case ETH_SS_STATS:
		return tap->slots_used * RH_TAP_STAT_COUNT;
	case ETH_SS_PRIV_FLAGS:
		return 1;
	default:
		return -EOPNOTSUPP;
	}
}

static void get_stat_strings(const struct rh_tap *tap, u8 *strings)
{
	unsigned int queue, stat;

	for (queue = 0; queue < tap->slots_used; queue++) {
		for (stat = 0; stat < RH_TAP_STAT_COUNT; stat++) {
			snprintf(strings, ETH_GSTRING_LEN, "queue%u_%s", queue, stat_names[stat]);
			strings += ETH_GSTRING_LEN;
		}
	}
}

static void get_strings(struct net_device *dev, u32 set, u8 *strings)
{
	if (set == ETH_SS_STATS)
		get_stat_strings(netdev_priv(dev), strings);
	else if (set == ETH_SS_PRIV_FLAGS)
		strscpy((char *)strings, "drop-when-full", ETH_GSTRING_LEN);
}

static void get_stats(struct net_device *dev, struct ethtool_stats *request, u64 *values)
{
	const struct rh_tap *tap = netdev_priv(dev);
	unsigned int queue, stat;

	for (queue = 0; queue < tap->slots_used; queue++)
		for (stat = 0; stat < RH_TAP_STAT_COUNT; stat++)
			*values++ = atomic64_read(&tap->slots[queue].stats[stat]);
}

static void get_channels(struct net_device *dev, struct ethtool_channels *channels)
{
	const struct rh_tap *tap = netdev_priv(dev);

	channels->combined_count = tap->queue_count;
	channels->max_combined = tap->slot_count;
}

static u32 get_msglevel(struct net_device *dev)
{
	const struct rh_tap *tap = netdev_priv(dev);

	return tap->debug;
}

static void set_msglevel(struct net_device *dev, u32 value)
{
	struct rh_tap *tap = netdev_priv(dev);

	tap->debug = value;
}

static u32 get_private_flags(struct net_device *dev)
{
	const struct rh_tap *tap = netdev_priv(dev);

	return tap->drop_when_full ? FLAG_DROP_WHEN_FULL : 0;
}

static int set_private_flags(struct net_device *dev, u32 flags)
{
	struct rh_tap *tap = netdev_priv(dev);

	WRITE_ONCE(tap->drop_when_full, flags & FLAG_DROP_WHEN_FULL);
	rh_tap_slots_set_limits(tap);
	if (!tap->drop_when_full)
		return 0;
	/* Nobody stops a queue from then on; those that are stopped go on. */
	synchronize_net();
	if (netif_running(dev))
		netif_tx_wake_all_queues(dev);
	return 0;
}

static int get_coalesce(struct net_device *dev, struct ethtool_coalesce *coalesce,
			struct kernel_ethtool_coalesce *more, struct netlink_ext_ack *extack)
{
	const struct rh_tap *tap = netdev_priv(dev);

	coalesce->rx_max_coalesced_frames = tap->rx_frames;
	return 0;
}

/* Bounds how many packets wait for others, as in tun; here time bounds that, so it is only kept. */
static int set_coalesce(struct net_device *dev, struct ethtool_coalesce *coalesce,
			struct kernel_ethtool_coalesce *more, struct netlink_ext_ack *extack)
{
	struct rh_tap *tap = netdev_priv(dev);

	tap->rx_frames = min_t(u32, coalesce->rx_max_coalesced_frames, NAPI_POLL_WEIGHT);
	return 0;
}

static int get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *settings)
{
	const struct rh_tap *tap = netdev_priv(dev);

	*settings = tap->link;
	return 0;
}

/* There is no wire, so whatever is wanted can be told. */
static int set_link_ksettings(struct net_device *dev, const struct ethtool_link_ksettings *settings)
{
	struct rh_tap *tap = netdev_priv(dev);

	tap->link = *settings;
	return 0;
}

/* The interface is made: what tun tells of its link. */
void rh_tap_ethtool_init(struct rh_tap *tap)
{
	tap->link.base.speed = SPEED_10000;
	tap->link.base.duplex = DUPLEX_FULL;
	tap->link.base.port = PORT_TP;
	tap->link.base.autoneg = AUTONEG_DISABLE;
}

const struct ethtool_ops rh_tap_ethtool_ops = {
	.supported_coalesce_params = ETHTOOL_COALESCE_RX_MAX_FRAMES,
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = get_link_ksettings,
	.set_link_ksettings = set_link_ksettings,
	.get_coalesce = get_coalesce,
	.set_coalesce = set_coalesce,
	.get_msglevel = get_msglevel,
	.set_msglevel = set_msglevel,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_channels = get_channels,
	.get_priv_flags = get_private_flags,
	.set_priv_flags = set_private_flags,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_stats,
};
