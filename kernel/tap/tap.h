/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private to ringhost_tap: the interface, its queues and its files.
 * The life of each is drawn in main.c; one section for each .c file.
 */
#ifndef RH_TAP_H
#define RH_TAP_H

#include <linux/etherdevice.h>
#include <linux/if_tun.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/ptr_ring.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/virtio_net.h>
#include <net/sock.h>

#include "../core/core.h"

#define RH_TAP_NAME "ringhost-tap"

/* What TUNGETFEATURES answers: all that works, and nothing else. */
#define RH_TAP_FEATURES (IFF_TAP | IFF_NO_PI | IFF_ONE_QUEUE | IFF_VNET_HDR | IFF_NO_CARRIER)
/* The part of it that an interface remembers, as of its last TUNSETIFF. */
#define RH_TAP_FLAGS (IFF_TAP | IFF_NO_PI | IFF_ONE_QUEUE | IFF_VNET_HDR)

/* Largest vnet header TUNSETVNETHDRSZ takes; the largest one defined has 24 bytes. */
#define RH_TAP_HEADER_MAX 128

/*
 * Per-queue counters: S(enum suffix, name in `ethtool -S`). tx is from the host
 * towards the fd, rx from the fd into the host. A reject_* counts packets
 * refused because of what the writer put in them.
 */
#define RH_TAP_STATS(S) \
	S(TX_PACKETS, tx_packets) \
	S(TX_BYTES, tx_bytes) \
	S(TX_DROPPED, tx_dropped)		/* no file attached, no memory, ring emptied */ \
	S(TX_STOPS, tx_stops)			/* ring full: the stack was told to wait */ \
	S(RX_PACKETS, rx_packets) \
	S(RX_BYTES, rx_bytes) \
	S(RX_DROPPED, rx_dropped)		/* interface down */ \
	S(REJECT_HEADER, reject_header)		/* shorter than its vnet header */ \
	S(REJECT_SHORT, reject_short)		/* shorter than an Ethernet header */ \
	S(REJECT_LONG, reject_long)		/* longer than any frame can be */ \
	S(REJECT_HDR_LEN, reject_hdr_len)	/* hdr_len beyond the frame */ \
	S(REJECT_CSUM, reject_csum)		/* checksum outside the frame or its headers */ \
	S(REJECT_GSO_TYPE, reject_gso_type)	/* unknown, or not the frame's protocol */ \
	S(REJECT_GSO_SIZE, reject_gso_size)	/* zero or reserved */ \
	S(REJECT_GSO_HEADERS, reject_gso_headers)	/* frame's headers deny the vnet header */

#define RH_TAP_STAT_ENUM(id, name) RH_TAP_STAT_##id,
enum rh_tap_stat {
	RH_TAP_STATS(RH_TAP_STAT_ENUM)
	RH_TAP_STAT_COUNT
};
#undef RH_TAP_STAT_ENUM

struct rh_tap;

/**
 * struct rh_tap_queue - packets from the interface to one file
 * @tap: the interface it is attached to, NULL when none or deleted; written under
 *	RTNL, read under RCU
 * @index: its slot in @tap->slots; changes under RTNL while @tap is NULL
 * @ring: skbs on their way to the file. Its producer_lock nests inside the netdev
 *	queue's lock, and inside its consumer_lock while it is resized.
 * @wq: readers, writers out of send buffer, and pollers
 * @wake_lock: protects @wake and @wake_context; innermost
 * @wake: tells the attached port consumer of packets; NULL when there is none
 * @wake_context: argument of @wake
 * @wake_armed: the consumer found too little and waits for @wake
 */
struct rh_tap_queue {
	struct rh_tap __rcu *tap;
	unsigned int index;
	struct ptr_ring ring;
	struct socket_wq wq;
	spinlock_t wake_lock;
	void (*wake)(void *context);
	void *wake_context;
	bool wake_armed;
};

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
 * @queue: the attached queue or NULL; written under RTNL, read under RCU
 * @stats: counters by enum rh_tap_stat
 */
struct rh_tap_slot {
	struct rh_tap_queue __rcu *queue;
	atomic64_t stats[RH_TAP_STAT_COUNT];
};

/**
 * struct rh_tap - an interface; the private part of its net_device
 * @dev: the net_device
 * @flags: IFF_*; written under RTNL, read anywhere
 * @header_len: length of the vnet header in bytes; written under RTNL, read anywhere
 * @little_endian: TUNSETVNETLE; written under RTNL, read anywhere
 * @sndbuf: send buffer for each attached file, in bytes; under RTNL
 * @owner: who may attach; under RTNL
 * @group: who may attach; under RTNL
 * @offloads: what TUNSETOFFLOAD allowed; under RTNL
 * @security: the security module's state; from ndo_init to ndo_uninit
 * @slot_count: entries of @slots; constant
 * @slots: one for each queue of the net_device
 */
struct rh_tap {
	struct net_device *dev;
	unsigned int flags;
	unsigned int header_len;
	bool little_endian;
	int sndbuf;
	kuid_t owner;
	kgid_t group;
	netdev_features_t offloads;
	void *security;
	unsigned int slot_count;
	struct rh_tap_slot slots[];
};

/**
 * struct rh_tap_format - how packets look to the file's owner
 * @header_len: bytes of vnet header before the frame; 0 if none
 * @little_endian: byte order of the vnet header
 */
struct rh_tap_format {
	size_t header_len;
	bool little_endian;
};

static inline struct rh_tap_file *rh_tap_file_of_queue(struct rh_tap_queue *queue)
{
	return container_of(queue, struct rh_tap_file, queue);
}

/* ---- file.c ---- */

extern const struct file_operations rh_tap_fops;

int rh_tap_file_init(void);
void rh_tap_file_exit(void);

/* ---- ioctl.c ---- */

long rh_tap_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* ---- netdev.c ---- */

int rh_tap_netdev_init(void);
void rh_tap_netdev_exit(void);
struct rh_tap *rh_tap_netdev_create(struct net *net, const char *name, unsigned int flags,
				    int ifindex);
bool rh_tap_netdev_is_tap(const struct net_device *dev);
int rh_tap_netdev_set_offloads(struct rh_tap *tap, unsigned long offloads);
int rh_tap_netdev_change_carrier(struct net_device *dev, bool carrier);
int rh_tap_netdev_receive(struct rh_tap_queue *queue, struct list_head *skbs);

/* ---- ethtool.c ---- */

extern const struct ethtool_ops rh_tap_ethtool_ops;

/* ---- queue.c ---- */

int rh_tap_queue_init(struct rh_tap_queue *queue);
void rh_tap_queue_exit(struct rh_tap_queue *queue);
int rh_tap_queue_resize(struct rh_tap_queue *queue, unsigned int packets);
void rh_tap_queue_attach(struct rh_tap_queue *queue, struct rh_tap *tap, unsigned int index);
void rh_tap_queue_detach(struct rh_tap_queue *queue);
netdev_tx_t rh_tap_queue_put(struct rh_tap_queue *queue, struct rh_tap_slot *slot,
			     struct netdev_queue *txq, struct sk_buff *skb);
unsigned int rh_tap_queue_take(struct rh_tap_queue *queue, struct sk_buff **skbs,
			       unsigned int max);
bool rh_tap_queue_has_packets(struct rh_tap_queue *queue);
void rh_tap_queue_count(struct rh_tap_queue *queue, enum rh_tap_stat stat);
bool rh_tap_queue_get_format(struct rh_tap_queue *queue, struct rh_tap_format *format);

static inline void rh_tap_slot_count(struct rh_tap_slot *slot, enum rh_tap_stat stat, s64 n)
{
	atomic64_add(n, &slot->stats[stat]);
}

/* ---- packet.c ---- */

struct sk_buff *rh_tap_packet_build(struct rh_tap_queue *queue, struct iov_iter *from,
				    const struct rh_tap_format *format, struct sock *sk,
				    bool nonblock);
ssize_t rh_tap_packet_copy_out(const struct sk_buff *skb, struct iov_iter *to,
			       const struct rh_tap_format *format);

/* ---- port.c ---- */

extern const struct rh_port_ops rh_tap_port_ops;

void rh_tap_port_init(void);
void rh_tap_port_exit(void);

#endif /* RH_TAP_H */
