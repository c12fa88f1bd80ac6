// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ethtool shows of an interface, above all the counters of each queue.
 *
 * Runs under RTNL. Entry point: rh_tap_ethtool_ops.
 */
#include <linux/ethtool.h>

#include "tap.h"

#define STAT_NAME(id, name) [RH_TAP_STAT_##id] = #name,
static const char *const stat_names[RH_TAP_STAT_COUNT] = {
	RH_TAP_STATS(STAT_NAME)
};
#undef STAT_NAME

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, "tap", sizeof(info->bus_info));
}

static int get_sset_count(struct net_device *dev, int set)
{
	const struct rh_tap *tap = netdev_priv(dev);

	return set == ETH_SS_STATS ? tap->slots_used * RH_TAP_STAT_COUNT : -EOPNOTSUPP;
}

static void get_strings(struct net_device *dev, u32 set, u8 *strings)
{
	const struct rh_tap *tap = netdev_priv(dev);
	unsigned int queue, stat;

	if (set != ETH_SS_STATS)
		return;
	for (queue = 0; queue < tap->slots_used; queue++) {
		for (stat = 0; stat < RH_TAP_STAT_COUNT; stat++) {
			snprintf(strings, ETH_GSTRING_LEN, "queue%u_%s", queue, stat_names[stat]);
			strings += ETH_GSTRING_LEN;
		}
	}
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

/* There is no wire; this is what tun says. */
static int get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *settings)
{
	settings->base.speed = SPEED_10000;
	settings->base.duplex = DUPLEX_FULL;
	settings->base.port = PORT_TP;
	settings->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

const struct ethtool_ops rh_tap_ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = get_link_ksettings,
	.get_msglevel = get_msglevel,
	.set_msglevel = set_msglevel,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_channels = get_channels,
	.get_sset_count = get_sset_count,
	.get_strings = get_strings,
	.get_ethtool_stats = get_stats,
};
