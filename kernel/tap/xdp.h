/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * XDP programs on an interface. See xdp.c.
 */
#ifndef RH_TAP_XDP_H
#define RH_TAP_XDP_H

#include <linux/list.h>
#include <linux/netdevice.h>
#include <net/xdp.h>

struct rh_tap;

int rh_tap_xdp_command(struct net_device *dev, struct netdev_bpf *command);
int rh_tap_xdp_xmit(struct net_device *dev, int count, struct xdp_frame **frames, u32 flags);
void rh_tap_xdp_run(struct rh_tap *tap, unsigned int index, struct list_head *skbs);

#endif /* RH_TAP_XDP_H */
