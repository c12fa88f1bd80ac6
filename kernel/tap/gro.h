/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Received packets that are joined, or wait to be. See gro.c.
 */
#ifndef RH_TAP_GRO_H
#define RH_TAP_GRO_H

#include <linux/hrtimer.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>

/* Nanoseconds that a segment may wait for the next one, unless gro_flush_timeout says else. */
#define RH_TAP_GRO_TIMEOUT 20000

/**
 * struct rh_tap_gro - what joins the packets of one queue
 * @napi: holds those that wait
 * @lock: protects @napi's packets and what follows; the stack runs inside it
 * @timer: ends the waiting
 * @open: the interface is up
 * @armed: @timer runs; it is not moved, so that it costs once for many packets
 * @waiting: packets may wait, and @napi is kept scheduled for them; read anywhere
 * @last: when the last segment from amid a stream came, by local_clock(); 0: none
 *	since the interface came up. Written and read anywhere
 */
struct rh_tap_gro {
	struct napi_struct napi;
	spinlock_t lock;
	struct hrtimer timer;
	bool open;
	bool armed;
	bool waiting;
	u64 last;
};

void rh_tap_gro_init(struct rh_tap_gro *gro, struct net_device *dev);
void rh_tap_gro_exit(struct rh_tap_gro *gro);
void rh_tap_gro_start(struct rh_tap_gro *gro);
void rh_tap_gro_stop(struct rh_tap_gro *gro);
bool rh_tap_gro_flush(struct rh_tap_gro *gro);
void rh_tap_gro_receive(struct rh_tap_gro *gro, struct sk_buff *skb);
void rh_tap_gro_receive_batch(struct rh_tap_gro *gro, struct list_head *skbs, bool segments);

#endif /* RH_TAP_GRO_H */
