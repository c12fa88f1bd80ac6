/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio device without its transport: status, features, queues, configuration.
 * virtio_pci.c brings it to the guest, net.c, blk.c and rng.c are what it does.
 * Everything runs on the loop's thread. Sections are those of virtio 1.3.
 */
#ifndef RH_VMM_VIRTIO_H
#define RH_VMM_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <time.h>

struct vm;
struct virtio_device;

#define VIRTIO_QUEUES_MAX 17	/* a network card of 8 pairs, and its control queue */
#define VIRTIO_QUEUE_SIZE_MAX 256

#define VIRTIO_BIT(feature) (1ULL << (feature))

/* Features of the ring that both backends may have. */
#define VIRTIO_RING_FEATURES \
	(VIRTIO_BIT(VIRTIO_F_VERSION_1) | VIRTIO_BIT(VIRTIO_RING_F_INDIRECT_DESC) | \
	 VIRTIO_BIT(VIRTIO_RING_F_EVENT_IDX))

/**
 * struct virtio_queue - what the driver said about a queue
 * @device: its device
 * @index: which one
 * @size: entries, up to VIRTIO_QUEUE_SIZE_MAX; a power of two if split
 * @enabled: the driver has set it up; from then on it does not change
 * @descriptor_address, @available_address, @used_address: guest addresses
 * @descriptors, @available, @used: the same in this process, checked for size and
 *	alignment; while the device runs. Of a packed queue: the ring, and the event
 *	structures of driver and device
 * @vector: MSI-X vector the driver chose, VIRTIO_MSI_NO_VECTOR for none
 * @call: eventfd that raises @vector, the transport's; -1 for none
 * @kick: eventfd of the doorbell, for the life of the device
 * @exits: doorbells that reached us by a vCPU's exit instead of an ioeventfd
 */
struct virtio_queue {
	struct virtio_device *device;
	unsigned int index;
	uint16_t size;
	bool enabled;
	uint64_t descriptor_address, available_address, used_address;
	struct vring_desc *descriptors;
	struct vring_avail *available;
	struct vring_used *used;
	uint16_t vector;
	int call;
	int kick;
	uint64_t exits;
};

/**
 * struct virtio_stats - where statistics go, and their sums
 * @out: lines "name value"
 * @exits: doorbells of block and network queues that cost a vCPU's exit
 * @userspace_kicks: their doorbells that woke the event loop
 * @userspace_chains: their chains served by the event loop
 * @kernel_chains: their chains served by a module
 */
struct virtio_stats {
	FILE *out;
	uint64_t exits, userspace_kicks, userspace_chains, kernel_chains;
};

/**
 * struct virtio_device_ops - what a kind of device does
 * @start: the driver is ready: start every enabled queue. Return: 0, or a negative
 *	errno with nothing left running
 * @stop: stop every queue; on return no guest memory is touched any more
 * @stats: print the counters of every queue and add them up. Return: 0 or -errno
 * @announce: optional; have the driver tell the network where it is, if it can
 * @destroy: stop, close and free the device
 */
struct virtio_device_ops {
	int (*start)(struct virtio_device *device);
	void (*stop)(struct virtio_device *device);
	int (*stats)(struct virtio_device *device, struct virtio_stats *stats);
	void (*announce)(struct virtio_device *device);
	void (*destroy)(struct virtio_device *device);
};

/**
 * struct virtio_device - one device
 * @ops: what it does
 * @vm: its VM
 * @name: for messages and statistics, "disk0"
 * @type: VIRTIO_ID_*
 * @offered: features; the kind of device sets them before it is put on the bus
 * @accepted: features the driver wrote; valid once @status has FEATURES_OK
 * @status: device status, 2.1
 * @running: @ops->start succeeded and @ops->stop was not called yet
 * @config: configuration structure of the device type, constant
 * @config_size: its bytes
 * @queues: its queues
 * @queue_count: how many
 * @transport: how the driver reaches it, for the transport
 * @config_changed: transport: send a configuration change notification
 * @complained: when virtio_break() last printed something
 */
struct virtio_device {
	const struct virtio_device_ops *ops;
	struct vm *vm;
	char name[16];
	uint16_t type;
	uint64_t offered, accepted;
	uint8_t status;
	bool running;
	const void *config;
	unsigned int config_size;
	struct virtio_queue queues[VIRTIO_QUEUES_MAX];
	unsigned int queue_count;
	void *transport;
	void (*config_changed)(struct virtio_device *device);
	time_t complained;
};

/**
 * virtio_init() - fill a device in and make its doorbells
 * @device: zeroed, with @ops, @vm, @name, @type and @queue_count set
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int virtio_init(struct virtio_device *device);

/* Stop it if it runs, and close what virtio_init() opened. */
void virtio_exit(struct virtio_device *device);

/* The driver writes the device status; 0 resets the device. */
void virtio_set_status(struct virtio_device *device, uint8_t status);

/* The driver writes the half (@select 0 or 1) of the features it accepts. */
void virtio_accept_features(struct virtio_device *device, uint32_t select, uint32_t features);

/* The driver chooses a size; a bad one is ignored, which it sees when it reads back. */
void virtio_set_queue_size(struct virtio_queue *queue, uint16_t size);

/* Whether the driver may change this queue's set-up. */
bool virtio_queue_changeable(const struct virtio_queue *queue);

/**
 * virtio_break() - the driver has done something the device cannot go on after
 * @device: the device
 * @fmt: what; one line on stderr, but not more often than every ten seconds
 *
 * Sets DEVICE_NEEDS_RESET and notifies the driver (2.1.2). The VM goes on.
 */
void virtio_break(struct virtio_device *device, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline bool virtio_accepted(const struct virtio_device *device, unsigned int feature)
{
	return device->accepted & VIRTIO_BIT(feature);
}

#endif /* RH_VMM_VIRTIO_H */
