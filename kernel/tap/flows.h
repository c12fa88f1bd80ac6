/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * On which queue each flow was written last. See flows.c.
 */
#ifndef RH_TAP_FLOWS_H
#define RH_TAP_FLOWS_H

#include <linux/skbuff.h>
#include <linux/types.h>

struct net_device;
struct rh_tap;

/**
 * struct rh_tap_flows - what is remembered of an interface's flows
 * @entries: by hash; each is written and read as a whole, by anyone at any time. NULL on an
 *	interface that can have one queue only
 */
struct rh_tap_flows {
	u64 *entries;
};

int rh_tap_flows_init(struct rh_tap *tap);
void rh_tap_flows_exit(struct rh_tap *tap);
void rh_tap_flows_note(struct rh_tap *tap, struct sk_buff *skb, unsigned int index);
u16 rh_tap_flows_select_queue(struct net_device *dev, struct sk_buff *skb,
			      struct net_device *subordinate);

#endif /* RH_TAP_FLOWS_H */
