/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets as they would be on a wire. See wire.c.
 */
#ifndef RH_TAP_WIRE_H
#define RH_TAP_WIRE_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>

struct sk_buff *rh_tap_wire_segment(struct sk_buff *skb, struct net_device *dev);
struct sk_buff *rh_tap_wire_flatten(struct sk_buff *skb);

#endif /* RH_TAP_WIRE_H */
