/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs and address lists that decide which packets reach the files. See filter.c.
 */
#ifndef RH_TAP_FILTER_H
#define RH_TAP_FILTER_H

#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/skbuff.h>

struct rh_tap;
struct rh_tap_file;
struct rh_tap_queue;

/* Addresses compared one by one; as in tun. */
#define RH_TAP_FILTER_EXACT 8

/**
 * struct rh_tap_addresses - the destinations of TUNSETTXFILTER; never changes
 * @rcu: frees it
 * @count: entries of @exact
 * @exact: addresses that pass
 * @mask: multicast addresses that pass, by the six highest bits of their CRC
 */
struct rh_tap_addresses {
	struct rcu_head rcu;
	unsigned int count;
	u8 exact[RH_TAP_FILTER_EXACT][ETH_ALEN];
	u32 mask[2];
};

/**
 * struct rh_tap_filter - what is asked about a packet on its way to the files
 * @active: there is one of the first three; written under RTNL, read anywhere
 * @addresses: TUNSETTXFILTER; NULL: all pass. Written under RTNL, read under RCU, as
 *	are the programs
 * @classic: TUNATTACHFILTER; says how much of a packet passes, of queues it is for
 * @extended: TUNSETFILTEREBPF; the same, of all queues
 * @steering: TUNSETSTEERINGEBPF; says which queue
 * @classic_source: as the caller of TUNATTACHFILTER named it; under RTNL
 */
struct rh_tap_filter {
	bool active;
	struct rh_tap_addresses __rcu *addresses;
	struct bpf_prog __rcu *classic;
	struct bpf_prog __rcu *extended;
	struct bpf_prog __rcu *steering;
	struct sock_fprog classic_source;
};

bool rh_tap_filter_run(struct rh_tap *tap, const struct rh_tap_queue *queue, struct sk_buff *skb);
bool rh_tap_filter_is_attached(const struct rh_tap *tap, const struct rh_tap_queue *queue);
int rh_tap_filter_steer(struct rh_tap *tap, struct sk_buff *skb);
void rh_tap_filter_exit(struct rh_tap *tap);
long rh_tap_filter_set_addresses(struct rh_tap_file *file, void __user *user);
long rh_tap_filter_attach(struct rh_tap_file *file, void __user *user);

#endif /* RH_TAP_FILTER_H */
