// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the stack may leave to the reader: checksums and segmentation, as TUNSETOFFLOAD says
 * and as far as the vnet header can tell of it. Stage (3).
 *
 * Runs under RTNL. Entry points: rh_tap_offload_set() called by rh_tap_ioctl(),
 * rh_tap_offload_fix(), which is a net_device operation, and rh_tap_offload_init().
 */
#include "tap.h"

#define OFFLOADS_TSO (TUN_F_TSO4 | TUN_F_TSO6)
#define TUNNEL_FEATURES (NETIF_F_GSO_UDP_TUNNEL | NETIF_F_GSO_UDP_TUNNEL_CSUM)
#define SEGMENT_FEATURES (NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_GSO_UDP_L4)
#define OFFLOAD_FEATURES \
	(NETIF_F_HW_CSUM | NETIF_F_TSO_ECN | SEGMENT_FEATURES | \
	 (RH_COMPAT_HAS_UDP_TUNNELS ? TUNNEL_FEATURES : 0))

/* The interface is being made. */
void rh_tap_offload_init(struct net_device *dev)
{
	dev->hw_features = NETIF_F_SG | NETIF_F_FRAGLIST | OFFLOAD_FEATURES;
	dev->features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HIGHDMA;
	dev->vlan_features = dev->features | OFFLOAD_FEATURES;
	/* As in tun: of packets in tunnels, too, the inner checksum may be left to the reader. */
	if (RH_COMPAT_HAS_UDP_TUNNELS)
		dev->hw_enc_features = dev->hw_features;
}

/* ndo_fix_features: without a vnet header that tells of it, nothing can be left to the reader. */
netdev_features_t rh_tap_offload_fix(struct net_device *dev, netdev_features_t features)
{
	const struct rh_tap *tap = netdev_priv(dev);
	netdev_features_t allowed = 0;

	if (tap->flags & IFF_VNET_HDR)
		allowed = tap->offloads;
	if (tap->header_len < RH_TAP_TUNNEL_HEADER)
		allowed &= ~TUNNEL_FEATURES;
	return features & (allowed | ~OFFLOAD_FEATURES);
}

/* Take what is meant by some bits of @offloads away from it. Returns the features. */
static netdev_features_t take_segmentation(unsigned long *offloads)
{
	netdev_features_t features = 0;

	if (*offloads & TUN_F_TSO4)
		features |= NETIF_F_TSO;
	if (*offloads & TUN_F_TSO6)
		features |= NETIF_F_TSO6;
	if (*offloads & OFFLOADS_TSO) {
		if (*offloads & TUN_F_TSO_ECN)
			features |= NETIF_F_TSO_ECN;
		*offloads &= ~(OFFLOADS_TSO | TUN_F_TSO_ECN);
	}
	if (RH_COMPAT_TUN_F_USO && (*offloads & RH_COMPAT_TUN_F_USO) == RH_COMPAT_TUN_F_USO) {
		features |= NETIF_F_GSO_UDP_L4;
		*offloads &= ~RH_COMPAT_TUN_F_USO;
	}
	return features;
}

/* The same for tunnels. */
static netdev_features_t take_tunnels(unsigned long *offloads)
{
	netdev_features_t features = NETIF_F_GSO_UDP_TUNNEL;

	if (!RH_COMPAT_HAS_UDP_TUNNELS || !(*offloads & TUN_F_UDP_TUNNEL_GSO))
		return 0;
	if (*offloads & TUN_F_UDP_TUNNEL_GSO_CSUM)
		features |= NETIF_F_GSO_UDP_TUNNEL_CSUM;
	*offloads &= ~(TUN_F_UDP_TUNNEL_GSO | TUN_F_UDP_TUNNEL_GSO_CSUM);
	return features;
}

/**
 * rh_tap_offload_set() - say what the reader can handle
 * @tap: the interface
 * @offloads: TUN_F_* bits. UFO is accepted and ignored; segmentation needs CSUM; ECN
 *	needs TSO; USO is for both IP versions or none; tunnels need TSO or USO, and with
 *	an outer checksum tunnels without. Tunnels count once the vnet header has room
 *	for them.
 *
 * Return: 0 or -EINVAL for a bit or combination that does not exist.
 */
int rh_tap_offload_set(struct rh_tap *tap, unsigned long offloads)
{
	netdev_features_t features = 0;

	ASSERT_RTNL();
	if (offloads & TUN_F_CSUM) {
		offloads &= ~(TUN_F_CSUM | TUN_F_UFO);
		features = NETIF_F_HW_CSUM | take_segmentation(&offloads);
		if (features & SEGMENT_FEATURES)
			features |= take_tunnels(&offloads);
	}
	if (offloads)
		return -EINVAL;

	tap->offloads = features;
	tap->dev->wanted_features &= ~OFFLOAD_FEATURES;
	tap->dev->wanted_features |= features;
	netdev_update_features(tap->dev);
	return 0;
}
