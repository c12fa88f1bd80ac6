// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments of a stream are joined before the host's stack sees them, because the stack's
 * cost is by packet. Host receive, stage (3).
 *
 * A batch is joined and handed over at once. A packet that comes alone (write) can only be
 * joined if it waits for the next one, so it does that if there is reason to expect one: it
 * is TCP data without a flag, as from amid a stream, and the one before came less than
 * the timeout ago. So what begins a stream, what ends a request (PSH), and streams with gaps
 * wait for nothing. What waits is handed over when anything comes that the stack does not
 * join, and by a timer at the latest.
 *
 * Nothing may overtake what waits: while there is anything, all TCP takes this way. The NAPI
 * instance is used in place and kept scheduled meanwhile; its own timer would be set anew for
 * each packet, and lets a writer on another CPU by while it expires.
 *
 * The receive functions run in process context with softirqs off, the timer's in softirq
 * context, the rest under RTNL. Entry points: the functions of gro.h.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/sched/clock.h>
#include <linux/tcp.h>

#include "../compat.h"
#include "tap.h"

/* ---- which packets wait ---- */

/* The TCP header of a packet, or NULL: not TCP behind the headers that streams have. */
static const struct tcphdr *find_tcp(const struct sk_buff *skb)
{
	const struct ipv6hdr *ipv6 = (const struct ipv6hdr *)skb->data;
	const struct iphdr *ip = (const struct iphdr *)skb->data;
	unsigned int offset, headlen = skb_headlen(skb);

	if (skb->protocol == htons(ETH_P_IP) && headlen >= sizeof(*ip) &&
	    ip->protocol == IPPROTO_TCP)
		offset = ip->ihl * 4;
	else if (skb->protocol == htons(ETH_P_IPV6) && headlen >= sizeof(*ipv6) &&
		 ipv6->nexthdr == IPPROTO_TCP)
		offset = sizeof(*ipv6);
	else
		return NULL;
	if (headlen < offset + sizeof(struct tcphdr))
		return NULL;
	return (const struct tcphdr *)(skb->data + offset);
}

/* Data, and no flag that says that the stack should look at it. */
static bool is_amid_stream(const struct sk_buff *skb, const struct tcphdr *tcp)
{
	const unsigned int header = (const u8 *)tcp - skb->data + tcp->doff * 4;

	return (tcp_flag_word(tcp) & (TCP_FLAG_PSH | TCP_FLAG_SYN | TCP_FLAG_FIN | TCP_FLAG_RST |
				      TCP_FLAG_URG)) == 0 &&
	       skb->len > header && !skb_is_gso(skb);
}

static u64 timeout_of(const struct rh_tap_gro *gro)
{
	return READ_ONCE(gro->napi.dev->gro_flush_timeout);
}

/* Whether the next segment is likely to come before the timeout. */
static bool may_wait(struct rh_tap_gro *gro, const struct sk_buff *skb, const struct tcphdr *tcp)
{
	u64 now, last;

	if (!is_amid_stream(skb, tcp) || !(skb->dev->features & NETIF_F_GRO))
		return false;
	now = local_clock();
	last = READ_ONCE(gro->last);
	WRITE_ONCE(gro->last, now);
	/* Without a fine timer packets would wait for the next tick. */
	return last && now - last < timeout_of(gro) && timeout_of(gro) >= hrtimer_resolution;
}

/* ---- joining ---- */

/* Start to use the NAPI instance, unless the interface is down; or go on. */
static bool begin(struct rh_tap_gro *gro)
{
	lockdep_assert_held(&gro->lock);
	return gro->waiting || (gro->open && napi_schedule_prep(&gro->napi));
}

static void keep_waiting(struct rh_tap_gro *gro)
{
	lockdep_assert_held(&gro->lock);
	WRITE_ONCE(gro->waiting, true);
	if (gro->armed)
		return;
	gro->armed = true;
	hrtimer_start(&gro->timer, ns_to_ktime(timeout_of(gro)), HRTIMER_MODE_REL_PINNED_SOFT);
}

/* Hand everything over to the stack. */
static void finish(struct rh_tap_gro *gro)
{
	lockdep_assert_held(&gro->lock);
	if (!napi_complete_done(&gro->napi, 0)) {
		/* A console on the network polls; it knows no lock, and takes not long. */
		keep_waiting(gro);
		return;
	}
	/* All was handed over before; pairs with rh_tap_gro_receive(). */
	smp_store_release(&gro->waiting, false);
}

/* Whether a packet stayed with the NAPI instance, as itself or as part of another. */
static bool is_held(gro_result_t result)
{
	return result == GRO_HELD || result == GRO_MERGED || result == GRO_MERGED_FREE;
}

/**
 * rh_tap_gro_receive() - receive a packet that came alone
 * @gro: of its queue
 * @skb: the packet, consumed; its data is its network header
 */
void rh_tap_gro_receive(struct rh_tap_gro *gro, struct sk_buff *skb)
{
	const struct tcphdr *tcp = find_tcp(skb);
	bool wait = tcp && may_wait(gro, skb, tcp);

	/* Pairs with finish(): nothing that waited is still on its way. */
	if (!wait && !(tcp && smp_load_acquire(&gro->waiting))) {
		netif_receive_skb(skb);
		return;
	}
	spin_lock(&gro->lock);
	if (!begin(gro))
		netif_receive_skb(skb);
	else if (is_held(napi_gro_receive(&gro->napi, skb)) && wait)
		keep_waiting(gro);
	else
		finish(gro);
	spin_unlock(&gro->lock);
}

/* The packets of one list; those that lie in memory as @segments go a way of their own. */
static void join(struct rh_tap_gro *gro, struct list_head *skbs, bool segments)
{
	struct sk_buff *skb, *next;

	lockdep_assert_held(&gro->lock);
	list_for_each_entry_safe(skb, next, skbs, list) {
		skb_list_del_init(skb);
		if (segments)
			rh_tap_segments_receive(&gro->napi, skb);
		else
			napi_gro_receive(&gro->napi, skb);
	}
}

/**
 * rh_tap_gro_receive_batch() - receive packets that came together
 * @gro: of their queue
 * @skbs: the packets, consumed, at their network headers
 * @segments: they lie in memory as segments (IFF_NAPI_FRAGS)
 *
 * Such segments are there to test the joining, so all of them wait; that headers which are in
 * no one piece are those of a stream would be hard to tell.
 */
void rh_tap_gro_receive_batch(struct rh_tap_gro *gro, struct list_head *skbs, bool segments)
{
	spin_lock(&gro->lock);
	if (!begin(gro)) {
		netif_receive_skb_list(skbs);
	} else {
		join(gro, skbs, segments);
		if (segments && timeout_of(gro))
			keep_waiting(gro);
		else
			finish(gro);
	}
	spin_unlock(&gro->lock);
}

static enum hrtimer_restart expire(struct hrtimer *timer)
{
	struct rh_tap_gro *gro = container_of(timer, struct rh_tap_gro, timer);

	spin_lock(&gro->lock);
	gro->armed = false;
	if (gro->waiting)
		finish(gro);
	spin_unlock(&gro->lock);
	return HRTIMER_NORESTART;
}

/* ---- the interface's life ---- */

/* Nobody schedules it in a softirq; a console on the network asks all instances there are. */
static int poll_nothing(struct napi_struct *napi, int budget)
{
	return 0;
}

void rh_tap_gro_init(struct rh_tap_gro *gro, struct net_device *dev)
{
	spin_lock_init(&gro->lock);
	rh_compat_hrtimer_setup(&gro->timer, expire, CLOCK_MONOTONIC,
				HRTIMER_MODE_REL_PINNED_SOFT);
	/* As for transmit: there is nothing to poll for, so it is not to be found by busy pollers. */
	netif_napi_add_tx(dev, &gro->napi, poll_nothing);
}

/* The caller waits for a grace period before the interface is freed. */
void rh_tap_gro_exit(struct rh_tap_gro *gro)
{
	__netif_napi_del(&gro->napi);
}

/* The interface comes up. */
void rh_tap_gro_start(struct rh_tap_gro *gro)
{
	napi_enable(&gro->napi);
	spin_lock_bh(&gro->lock);
	gro->open = true;
	gro->last = 0;
	/* The timer may have been cancelled before it expired. */
	gro->armed = false;
	spin_unlock_bh(&gro->lock);
}

/**
 * rh_tap_gro_flush() - hand over what waits
 * @gro: of the queue
 *
 * Return: whether all is; false while a console on the network is in the way, and then the
 * timer will.
 */
bool rh_tap_gro_flush(struct rh_tap_gro *gro)
{
	bool done;

	spin_lock_bh(&gro->lock);
	if (gro->waiting)
		finish(gro);
	done = !gro->waiting;
	spin_unlock_bh(&gro->lock);
	return done;
}

/* The interface goes down: hands over what waits, and afterwards nothing does. */
void rh_tap_gro_stop(struct rh_tap_gro *gro)
{
	spin_lock_bh(&gro->lock);
	gro->open = false;
	spin_unlock_bh(&gro->lock);
	/* Without the timer nobody else would, and to disable the instance waits for that. */
	while (!rh_tap_gro_flush(gro))
		cpu_relax();
	hrtimer_cancel(&gro->timer);
	napi_disable(&gro->napi);
}
