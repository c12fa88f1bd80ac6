/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (3) The network backend's private face: one device is one queue pair, queue 0
 * towards the driver (rx.c) and queue 1 from it (tx.c), each with a port of its
 * own behind it. device.c owns the ports; the worker of a queue uses them. socket.c makes
 * ports of what is no tap of ours.
 */
#ifndef RH_NET_H
#define RH_NET_H

#include <linux/sizes.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>
#include <linux/virtio_net.h>

#include "../core/core.h"

enum {
	RH_NET_RX,
	RH_NET_TX,
	RH_NET_QUEUES,
};

/* Packets taken from the port with one call; chains published at once. */
#define RH_NET_BATCH 64
/* Packets handed over at once to the host's stack: as many skbs as the CPU's caches hold anyway. */
#define RH_TX_INJECT 16
/*
 * Most chains, and most address ranges, that one packet to the driver may be spread
 * over: a 64 KiB packet in buffers of 64 bytes needs 1026. A packet that needs more
 * is dropped, as one larger than a single buffer is without mergeable buffers.
 */
#define RH_RX_CHAINS_MAX 2048
#define RH_RX_RANGES_MAX 2048

/* What one run of a queue may handle before the worker's other work gets its turn. */
#define RH_NET_CHAIN_WEIGHT 256
#define RH_NET_BYTE_WEIGHT SZ_512K

/**
 * struct rh_net_budget - what is left of one run of a queue
 * @chains: attempts to pop a chain, so that every loop ends whatever the driver does
 * @bytes: bytes of the packets in them
 */
struct rh_net_budget {
	size_t chains;
	size_t bytes;
};

/**
 * struct rh_rx_chain - a chain gathered for the packet at hand
 * @head: what rh_queue_push() wants back
 * @room: bytes of the packet it can take
 */
struct rh_rx_chain {
	u16 head;
	u32 room;
};

/**
 * struct rh_rx - what only the receive queue has; under the queue's lock
 * @batch: packets taken from the port and not yet delivered, from @first on
 * @first: next packet to deliver
 * @count: end of the valid packets in @batch
 * @mark: where the queue stood before the packet at hand
 * @chains: chains gathered for the packet at hand
 * @chain_count: valid entries in @chains
 * @entries: entries of the ring that they take
 * @ranges: their writable ranges
 * @range_count: valid entries in @ranges
 * @room: bytes in @ranges
 */
struct rh_rx {
	struct sk_buff *batch[RH_NET_BATCH];
	unsigned int first;
	unsigned int count;
	struct rh_mark mark;
	struct rh_rx_chain chains[RH_RX_CHAINS_MAX];
	unsigned int chain_count;
	unsigned int entries;
	struct iovec ranges[RH_RX_RANGES_MAX];
	unsigned int range_count;
	size_t room;
};

/**
 * struct rh_net_queue - one queue and its port
 * @queue: the core's part
 * @port: where packets come from or go to; NULL without a backend. Changed under
 *	dev->lock while the queue is stopped, so the worker needs no lock for it.
 * @file: keeps @port alive; NULL without a backend. As @port.
 */
struct rh_net_queue {
	struct rh_queue queue;
	struct rh_port *port;
	struct file *file;
};

/**
 * struct rh_net_dev - one open /dev/ringhost-net
 * @dev: the core's part
 * @queues: the pair
 * @queue_table: the pair as the core wants it
 * @rx: the receive queue's working state
 */
struct rh_net_dev {
	struct rh_dev dev;
	struct rh_net_queue queues[RH_NET_QUEUES];
	struct rh_queue *queue_table[RH_NET_QUEUES];
	struct rh_rx rx;
};

static inline struct rh_net_dev *rh_net_dev_of(struct rh_dev *dev)
{
	return container_of(dev, struct rh_net_dev, dev);
}

static inline struct rh_net_queue *rh_net_queue_of(struct rh_queue *queue)
{
	return container_of(queue, struct rh_net_queue, queue);
}

/* Bytes of the header before every packet in the ring; virtio 1.3, 5.1.6. */
static inline size_t rh_net_header_length(const struct rh_queue *queue)
{
	if (rh_queue_has_feature(queue, VIRTIO_NET_F_MRG_RXBUF) ||
	    rh_queue_has_feature(queue, VIRTIO_F_VERSION_1))
		return sizeof(struct virtio_net_hdr_mrg_rxbuf);
	return sizeof(struct virtio_net_hdr);
}

/* The header is ours to add and to strip: the port neither gives nor takes offloads. */
static inline bool rh_net_header_is_ours(const struct rh_queue *queue)
{
	return rh_queue_has_feature(queue, VHOST_NET_F_VIRTIO_NET_HDR);
}

static inline void rh_net_budget_init(struct rh_net_budget *budget)
{
	budget->chains = RH_NET_CHAIN_WEIGHT;
	budget->bytes = RH_NET_BYTE_WEIGHT;
}

static inline void rh_net_budget_charge(struct rh_net_budget *budget, size_t chains, size_t bytes)
{
	budget->chains -= min(budget->chains, chains);
	budget->bytes -= min(budget->bytes, bytes);
}

static inline bool rh_net_budget_spent(const struct rh_net_budget *budget)
{
	return !budget->chains || !budget->bytes;
}

extern const struct file_operations rh_net_fops;

void rh_net_wake(void *queue);

int rh_rx_start(struct rh_net_dev *net);
void rh_rx_stop(struct rh_net_dev *net);
bool rh_rx_process(struct rh_net_dev *net);

int rh_tx_start(struct rh_net_dev *net);
void rh_tx_stop(struct rh_net_dev *net);
bool rh_tx_process(struct rh_net_dev *net);

struct rh_port *rh_socket_port_get(struct file *file);

#endif /* RH_NET_H */
