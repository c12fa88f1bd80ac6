// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network interface: the host stack's end of stage (3).
 *
 * ndo_start_xmit runs in softirq context, everything else under RTNL. Entry points:
 * the net_device operations, the rtnetlink operations, and the functions of the
 * netdev.c section in tap.h.
 */
#include <linux/if_arp.h>
#include <linux/security.h>
#include <net/ip_tunnels.h>
#include <net/rtnetlink.h>

#include "limits.h"
#include "tap.h"

/* ---- transmit: from the stack towards the file ---- */

static noinline netdev_tx_t drop(struct sk_buff *skb, enum rh_tap_stat reason)
{
	struct rh_tap *tap = netdev_priv(skb->dev);

	rh_tap_slot_count(&tap->slots[skb_get_queue_mapping(skb)], reason, 1);
	kfree_skb(skb);
	return NETDEV_TX_OK;
}

/* Apart, so that a packet of an interface without a filter pays for nothing but the question. */
static noinline netdev_tx_t filter_and_put(struct rh_tap_queue *queue, struct netdev_queue *txq,
					   struct sk_buff *skb)
{
	if (!rh_tap_filter_run(netdev_priv(txq->dev), queue, skb))
		return drop(skb, RH_TAP_STAT_TX_FILTERED);
	return rh_tap_queue_put(queue, txq, skb);
}

static netdev_tx_t netdev_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct rh_tap *tap = netdev_priv(dev);
	unsigned int index = skb_get_queue_mapping(skb);
	struct netdev_queue *txq = netdev_get_tx_queue(dev, index);
	struct rh_tap_queue *queue;

	/* The stack's transmit section is one of RCU. */
	queue = rcu_dereference_bh(tap->slots[index].queue);
	if (unlikely(!queue))
		return drop(skb, RH_TAP_STAT_TX_DROPPED);
	if (unlikely(READ_ONCE(tap->filter.active)))
		return filter_and_put(queue, txq, skb);
	return rh_tap_queue_put(queue, txq, skb);
}

/* ---- net_device operations ---- */

static int netdev_init(struct net_device *dev)
{
	struct rh_tap *tap = netdev_priv(dev);
	unsigned int i;
	int error;

	error = security_tun_dev_alloc_security(&tap->security);
	if (error)
		return error;
	error = rh_tap_flows_init(tap);
	if (error) {
		security_tun_dev_free_security(tap->security);
		return error;
	}
	rh_tap_receive_init(tap);
	for (i = 0; i < dev->num_tx_queues; i++)
		rh_tap_limits_init(netdev_get_tx_queue(dev, i));
	return 0;
}

/* The interface is going, by whatever way: its files lose it. */
static void netdev_uninit(struct net_device *dev)
{
	struct rh_tap *tap = netdev_priv(dev);

	rh_tap_slots_detach_all(tap);
	rh_tap_filter_exit(tap);
	rh_tap_receive_exit(tap);
	rh_tap_flows_exit(tap);
	security_tun_dev_free_security(tap->security);
}

static int netdev_open(struct net_device *dev)
{
	struct rh_tap *tap = netdev_priv(dev);

	rh_tap_receive_start(tap);
	netif_tx_start_all_queues(dev);
	/* poll() reports an interface that is down as not writable. */
	rh_tap_slots_wake_writers(tap);
	return 0;
}

static int netdev_stop(struct net_device *dev)
{
	rh_tap_receive_stop(netdev_priv(dev));
	return 0;
}

static s64 sum(const struct rh_tap_slot *slot, enum rh_tap_stat first, enum rh_tap_stat last)
{
	enum rh_tap_stat stat;
	s64 total = 0;

	for (stat = first; stat <= last; stat++)
		total += atomic64_read(&slot->stats[stat]);
	return total;
}

static void netdev_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	const struct rh_tap *tap = netdev_priv(dev);
	/* Not all who ask hold RTNL: sysfs does not. */
	const struct rh_tap_slot *slot, *end = tap->slots + READ_ONCE(tap->slots_used);

	for (slot = tap->slots; slot < end; slot++) {
		stats->tx_packets += atomic64_read(&slot->stats[RH_TAP_STAT_TX_PACKETS]);
		stats->tx_bytes += atomic64_read(&slot->stats[RH_TAP_STAT_TX_BYTES]);
		stats->tx_dropped += sum(slot, RH_TAP_STAT_TX_DROPPED, RH_TAP_STAT_TX_FILTERED);
		stats->rx_packets += atomic64_read(&slot->stats[RH_TAP_STAT_RX_PACKETS]);
		stats->rx_bytes += atomic64_read(&slot->stats[RH_TAP_STAT_RX_BYTES]);
		stats->rx_dropped += sum(slot, RH_TAP_STAT_RX_DROPPED, RH_TAP_STAT_XDP_ERRORS);
		stats->rx_length_errors += sum(slot, RH_TAP_STAT_REJECT_HEADER,
					       RH_TAP_STAT_REJECT_SEGMENTS);
		stats->rx_frame_errors += sum(slot, RH_TAP_STAT_REJECT_HDR_LEN,
					      RH_TAP_STAT_REJECT_TUNNEL);
	}
	stats->rx_errors = stats->rx_length_errors + stats->rx_frame_errors;
}

/* Every frame is handed over, so there is no filter to program. */
static void netdev_set_rx_mode(struct net_device *dev)
{
}

/* Returns 0, or -EPERM when it has no file that could be its wire. */
int rh_tap_netdev_change_carrier(struct net_device *dev, bool carrier)
{
	const struct rh_tap *tap = netdev_priv(dev);

	if (carrier && !tap->queue_count)
		return -EPERM;
	if (carrier)
		netif_carrier_on(dev);
	else
		netif_carrier_off(dev);
	return 0;
}

static const struct net_device_ops ethernet_ops = {
	.ndo_init = netdev_init,
	.ndo_uninit = netdev_uninit,
	.ndo_open = netdev_open,
	.ndo_stop = netdev_stop,
	.ndo_start_xmit = netdev_xmit,
	.ndo_select_queue = rh_tap_flows_select_queue,
	.ndo_features_check = passthru_features_check,
	.ndo_fix_features = rh_tap_offload_fix,
	.ndo_get_stats64 = netdev_get_stats64,
	.ndo_set_rx_mode = netdev_set_rx_mode,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_change_carrier = rh_tap_netdev_change_carrier,
	.ndo_bpf = rh_tap_xdp_command,
	.ndo_xdp_xmit = rh_tap_xdp_xmit,
};

/* Without addresses, and the stack removes VLAN tags that nobody could read. */
static const struct net_device_ops layer3_ops = {
	.ndo_init = netdev_init,
	.ndo_uninit = netdev_uninit,
	.ndo_open = netdev_open,
	.ndo_stop = netdev_stop,
	.ndo_start_xmit = netdev_xmit,
	.ndo_select_queue = rh_tap_flows_select_queue,
	.ndo_fix_features = rh_tap_offload_fix,
	.ndo_get_stats64 = netdev_get_stats64,
	.ndo_change_carrier = rh_tap_netdev_change_carrier,
};

bool rh_tap_netdev_is_ours(const struct net_device *dev)
{
	return dev->netdev_ops == &ethernet_ops || dev->netdev_ops == &layer3_ops;
}

/* ---- creation ---- */

/* IFF_TAP: frames, with their Ethernet headers. */
static void setup_ethernet(struct net_device *dev)
{
	ether_setup(dev);
	/* Which has set another. */
	dev->tx_queue_len = TUN_READQ_SIZE;
	dev->netdev_ops = &ethernet_ops;
	/* Packets stay in the ring, so none may be shared with the sender. */
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	rh_compat_set_xdp_features(dev);
	eth_hw_addr_random(dev);
}

/* IFF_TUN: packets of whatever protocol, without any header before them. */
static void setup_layer3(struct net_device *dev)
{
	dev->netdev_ops = &layer3_ops;
	/* Lets AF_PACKET sockets find the protocol of what they send. */
	dev->header_ops = &ip_tunnel_header_ops;
	dev->type = ARPHRD_NONE;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
	dev->mtu = ETH_DATA_LEN;
	dev->min_mtu = ETH_MIN_MTU;
}

static void setup_common(struct net_device *dev)
{
	dev->ethtool_ops = &rh_tap_ethtool_ops;
	dev->needs_free_netdev = true;
	dev->tx_queue_len = TUN_READQ_SIZE;
	dev->gro_flush_timeout = RH_TAP_GRO_TIMEOUT;
	rh_tap_offload_init(dev);
}

static void tap_setup(struct rh_tap *tap, struct net_device *dev, unsigned int flags,
		      unsigned int slot_count)
{
	tap->dev = dev;
	tap->flags = flags;
	tap->header_len = sizeof(struct virtio_net_hdr);
	rh_tap_ethtool_init(tap);
	tap->sndbuf = INT_MAX;
	tap->owner = INVALID_UID;
	tap->group = INVALID_GID;
	INIT_LIST_HEAD(&tap->disabled);
	tap->slot_count = slot_count;
	tap->slots_used = 1;
}

/**
 * rh_tap_netdev_create() - make an interface
 * @net: its network namespace
 * @name: name or template with %d
 * @flags: IFF_TUN or IFF_TAP, which it stays, and RH_TAP_FLAGS it starts with
 * @ifindex: wanted index, or 0
 *
 * Return: the registered interface or an ERR_PTR(): -ENOMEM, or what
 * register_netdevice() says (-EINVAL name, -EEXIST, -EBUSY index taken).
 */
struct rh_tap *rh_tap_netdev_create(struct net *net, const char *name, unsigned int flags,
				    int ifindex)
{
	unsigned int queues = flags & IFF_MULTI_QUEUE ? RH_TAP_QUEUES_MAX : 1;
	struct net_device *dev;
	struct rh_tap *tap;
	int error;

	ASSERT_RTNL();
	dev = alloc_netdev_mqs(struct_size(tap, slots, queues), name, NET_NAME_UNKNOWN,
			       setup_common, queues, queues);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	tap = netdev_priv(dev);
	if (flags & IFF_TUN)
		setup_layer3(dev);
	else
		setup_ethernet(dev);
	dev->max_mtu = ETH_MAX_MTU - dev->hard_header_len;
	tap_setup(tap, dev, flags, queues);
	dev_net_set(dev, net);
	dev->ifindex = ifindex;
	dev->rtnl_link_ops = &rh_tap_link_ops;
	dev->sysfs_groups[0] = &rh_tap_link_attributes;
	error = netif_set_real_num_queues(dev, 1, 1);
	if (!error)
		error = register_netdevice(dev);
	if (error) {
		free_netdev(dev);
		return ERR_PTR(error);
	}
	return tap;
}
