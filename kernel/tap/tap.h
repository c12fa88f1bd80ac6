/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to ringhost_tap: the interface and its files; queues, packets and
 * counters have headers of their own. The life of each is drawn in main.c; one
 * section for each .c file.
 */
#ifndef RH_TAP_H
#define RH_TAP_H

#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/sock.h>

#include "../core/core.h"
#include "filter.h"
#include "flows.h"
#include "gro.h"
#include "packet.h"
#include "queue.h"
#include "stats.h"
#include "tunnel.h"
#include "xdp.h"

#define RH_TAP_NAME "ringhost-tap"

/* What TUNGETFEATURES answers: all that works, and nothing else. */
#define RH_TAP_FEATURES (IFF_TUN | IFF_TAP | RH_TAP_FLAGS | IFF_NO_CARRIER)
/* The part of it that an interface remembers, as of its last TUNSETIFF. */
#define RH_TAP_FLAGS (IFF_NO_PI | IFF_ONE_QUEUE | IFF_VNET_HDR | IFF_MULTI_QUEUE | IFF_NAPI | \
		      IFF_NAPI_FRAGS)

/* Largest vnet header TUNSETVNETHDRSZ takes; the largest one defined is tunnel.h's. */
#define RH_TAP_HEADER_MAX 128

/* As many as a guest can have processors; as in tun. */
#define RH_TAP_QUEUES_MAX 256

/**
 * struct rh_tap_file - one open file
 * @sk: accounts the memory of written packets (TUNSETSNDBUF) and holds the network
 *	namespace that opened the file; first, because sk_alloc() allocates all
 * @socket: what @sk needs of a socket: flags for a writer that waits
 * @queue: its queue
 * @port: the face shown to ringhost_net
 * @ifindex: what TUNSETIFINDEX asked for, 0 if nothing; under RTNL
 */
struct rh_tap_file {
	struct sock sk;
	struct socket socket;
	struct rh_tap_queue queue;
	struct rh_port port;
	int ifindex;
};

/**
 * struct rh_tap_slot - the interface's end of a queue; outlives the files
 * @queue: the queue in it or NULL; written under RTNL, read under RCU
 * @gro: joins received packets
 * @stats: counters by enum rh_tap_stat
 */
struct rh_tap_slot {
	struct rh_tap_queue __rcu *queue;
	struct rh_tap_gro gro;
	atomic64_t stats[RH_TAP_STAT_COUNT];
};

/**
 * struct rh_tap - an interface; the private part of its net_device
 * @dev: the net_device
 * @flags: IFF_*, of IFF_TUN and IFF_TAP always the same one; written under RTNL, read anywhere
 * @header_len: length of the vnet header in bytes; written under RTNL, read anywhere
 * @little_endian: TUNSETVNETLE; written under RTNL, read anywhere
 * @big_endian: TUNSETVNETBE; the same. @little_endian goes first
 * @debug: TUNSETDEBUG, kept for ethtool; under RTNL
 * @rx_frames: what ethtool was told to coalesce; under RTNL
 * @link: what ethtool tells of the link; under RTNL
 * @drop_when_full: as tun, drop what finds its ring full instead of stopping the sender;
 *	written under RTNL, read anywhere
 * @sndbuf: send buffer for each attached file, in bytes; under RTNL
 * @owner: who may attach; under RTNL
 * @group: who may attach; under RTNL
 * @offloads: what TUNSETOFFLOAD allowed; under RTNL
 * @security: the security module's state; from ndo_init to ndo_uninit
 * @filter: decides about packets to the files
 * @flows: queues by flow, where no steering program chooses
 * @program: XDP program that sees packets from the files first, or NULL; written under RTNL,
 *	read under RCU
 * @queue_count: queues with a slot, those from @slots[0] on; written under RTNL, read
 *	anywhere
 * @disabled_count: entries of @disabled; under RTNL
 * @disabled: queues without a slot, by their entry; under RTNL
 * @slot_count: entries of @slots; constant: RH_TAP_QUEUES_MAX, or 1 without
 *	IFF_MULTI_QUEUE
 * @slots_used: those that ever had a queue, at least 1; written under RTNL, read
 *	anywhere
 * @slots: one for each queue of the net_device
 */
struct rh_tap {
	struct net_device *dev;
	unsigned int flags;
	unsigned int header_len;
	bool little_endian;
	bool big_endian;
	u32 debug;
	u32 rx_frames;
	struct ethtool_link_ksettings link;
	bool drop_when_full;
	int sndbuf;
	kuid_t owner;
	kgid_t group;
	netdev_features_t offloads;
	void *security;
	struct rh_tap_filter filter;
	struct rh_tap_flows flows;
	struct bpf_prog __rcu *program;
	unsigned int queue_count;
	unsigned int disabled_count;
	struct list_head disabled;
	unsigned int slot_count;
	unsigned int slots_used;
	struct rh_tap_slot slots[];
};

static inline struct rh_tap_file *rh_tap_file_of_queue(struct rh_tap_queue *queue)
{
	return container_of(queue, struct rh_tap_file, queue);
}

/* Whether a flow's queue is to be chosen at all, and by nobody else. */
static inline bool rh_tap_flows_matter(const struct rh_tap *tap)
{
	return READ_ONCE(tap->queue_count) > 1 && !rcu_access_pointer(tap->filter.steering);
}

/* ---- file.c ---- */

extern const struct file_operations rh_tap_fops;

int rh_tap_file_init(void);
void rh_tap_file_exit(void);

/* ---- ioctl.c ---- */

long rh_tap_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* ---- link.c ---- */

extern const struct attribute_group rh_tap_link_attributes;
extern struct rtnl_link_ops rh_tap_link_ops;

int rh_tap_link_init(void);
void rh_tap_link_exit(void);

/* ---- netdev.c ---- */

struct rh_tap *rh_tap_netdev_create(struct net *net, const char *name, unsigned int flags,
				    int ifindex);
bool rh_tap_netdev_is_ours(const struct net_device *dev);
int rh_tap_netdev_change_carrier(struct net_device *dev, bool carrier);

/* ---- offload.c ---- */

void rh_tap_offload_init(struct net_device *dev);
netdev_features_t rh_tap_offload_fix(struct net_device *dev, netdev_features_t features);
int rh_tap_offload_set(struct rh_tap *tap, unsigned long offloads);

/* ---- ethtool.c ---- */

extern const struct ethtool_ops rh_tap_ethtool_ops;

void rh_tap_ethtool_init(struct rh_tap *tap);

/* ---- slots.c ---- */

int rh_tap_slots_attach(struct rh_tap *tap, struct rh_tap_queue *queue);
void rh_tap_slots_detach(struct rh_tap *tap, struct rh_tap_queue *queue);
void rh_tap_slots_detach_all(struct rh_tap *tap);
int rh_tap_slots_enable(struct rh_tap *tap, struct rh_tap_queue *queue);
void rh_tap_slots_disable(struct rh_tap *tap, struct rh_tap_queue *queue);
int rh_tap_slots_resize(struct rh_tap *tap);
void rh_tap_slots_set_limits(struct rh_tap *tap);
void rh_tap_slots_set_sndbuf(struct rh_tap *tap, int bytes);
void rh_tap_slots_wake_writers(struct rh_tap *tap);
void rh_tap_slots_set_filtered(struct rh_tap *tap);

static inline void rh_tap_slot_count(struct rh_tap_slot *slot, enum rh_tap_stat stat, s64 n)
{
	atomic64_add(n, &slot->stats[stat]);
}

/* ---- receive.c ---- */

void rh_tap_receive_init(struct rh_tap *tap);
void rh_tap_receive_exit(struct rh_tap *tap);
void rh_tap_receive_start(struct rh_tap *tap);
void rh_tap_receive_stop(struct rh_tap *tap);
int rh_tap_receive(struct rh_tap_queue *queue, struct sk_buff **skbs, unsigned int count);

/* ---- segments.c ---- */

struct sk_buff *rh_tap_segments_copy(struct rh_tap_queue *queue, struct iov_iter *from);
void rh_tap_segments_receive(struct napi_struct *napi, struct sk_buff *skb);

/* ---- port.c ---- */

extern const struct rh_port_ops rh_tap_port_ops;

void rh_tap_port_init(void);
void rh_tap_port_exit(void);

#endif /* RH_TAP_H */
