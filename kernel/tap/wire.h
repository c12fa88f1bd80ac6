/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets as they would be on a wire. See wire.c.
 */
#ifndef RH_TAP_WIRE_H
#define RH_TAP_WIRE_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/xdp.h>

/* Space for what a program puts before a packet or after it. */
#define RH_TAP_WIRE_HEADROOM (XDP_PACKET_HEADROOM + NET_IP_ALIGN)
#define RH_TAP_WIRE_TAILROOM 128
/* Longest packet that has all of it in one page. */
#define RH_TAP_WIRE_LINEAR_MAX SKB_MAX_HEAD(RH_TAP_WIRE_HEADROOM + RH_TAP_WIRE_TAILROOM)

struct sk_buff *rh_tap_wire_segment(struct sk_buff *skb, struct net_device *dev);
struct sk_buff *rh_tap_wire_flatten(struct sk_buff *skb);

#endif /* RH_TAP_WIRE_H */
