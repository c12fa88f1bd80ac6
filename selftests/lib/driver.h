/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio driver in userspace: the guest's side of a device node, without a
 * guest. See driver.c.
 *
 *	struct driver driver;
 *	struct driver_buffer buffers[] = { { out, 16 }, { in, 512, true } };
 *	struct driver_used used;
 *
 *	driver_init(&driver, VHOST_NODE_BLK, 1, 64, DRIVER_FEATURES);
 *	... attach a backend, start the queue (see blk.h and net.h) ...
 *	head = driver_add(&driver.queues[0], buffers, 2);
 *	driver_kick(&driver.queues[0]);
 *	ASSERT_TRUE(driver_wait(&driver.queues[0], &used, DRIVER_TIMEOUT));
 *	driver_exit(&driver);
 */
#ifndef SELFTESTS_DRIVER_H
#define SELFTESTS_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "guest.h"
#include "vhost.h"

#define DRIVER_QUEUES_MAX	16
/* Milliseconds that something which should happen may take on an emulated machine. */
#define DRIVER_TIMEOUT		10000
/* Milliseconds to wait for something that should not happen. */
#define DRIVER_QUIET		300

#define DRIVER_BIT(bit)		(1ull << (bit))
#define DRIVER_FEATURES		(DRIVER_BIT(VIRTIO_F_VERSION_1) | \
				 DRIVER_BIT(VIRTIO_RING_F_INDIRECT_DESC) | \
				 DRIVER_BIT(VIRTIO_RING_F_EVENT_IDX))

/**
 * struct driver_buffer - one descriptor's worth of a chain
 * @pointer: in guest memory
 * @length: in bytes
 * @device_writes: the device writes it rather than reads it
 */
struct driver_buffer {
	void *pointer;
	uint32_t length;
	bool device_writes;
};

/**
 * struct driver_used - a chain that the device has given back
 * @head: what driver_add() returned
 * @written: bytes the device says it wrote
 */
struct driver_used {
	unsigned int head;
	uint32_t written;
};

/**
 * struct driver_queue - the driver's side of one split ring
 * @driver: the device
 * @index: its number in the device
 * @num: ring entries
 * @desc: descriptor table; free entries are linked by their next field
 * @avail: the driver's ring
 * @used: the device's ring
 * @free_head: first free descriptor
 * @free_count: how many there are
 * @chain_length: descriptors of the chain that starts at an index, 0 if none does
 * @avail_next: avail index of the next chain: what is or will be in avail->idx
 * @avail_kicked: @avail_next at the last decision about a kick
 * @used_next: used index of the next entry to reap
 * @kick: eventfd to the device
 * @call: eventfd from the device
 * @error: eventfd from the device: the queue is broken
 * @kicks: kicks sent
 * @kicks_suppressed: kicks that the device did not want
 */
struct driver_queue {
	struct driver *driver;
	unsigned int index;
	unsigned int num;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	unsigned int free_head;
	unsigned int free_count;
	uint16_t *chain_length;
	uint16_t avail_next;
	uint16_t avail_kicked;
	uint16_t used_next;
	int kick;
	int call;
	int error;
	unsigned long kicks;
	unsigned long kicks_suppressed;
};

/**
 * struct driver - an open device node with an owner, guest memory and queues
 * @fd: the node
 * @features: acknowledged
 * @guest: its memory
 * @backend: disk or port that the flavours attach; -1 if none
 * @queue_count: queues in use
 * @queues: the queues
 */
struct driver {
	int fd;
	uint64_t features;
	struct guest guest;
	int backend;
	unsigned int queue_count;
	struct driver_queue queues[DRIVER_QUEUES_MAX];
};

/**
 * struct driver_stats - all counters of a queue at one moment
 * @value: by enum ringhost_vring_stat
 */
struct driver_stats {
	__u64 value[RINGHOST_STAT_COUNT];
};

/* Set-up. A failure ends the test. */
void driver_init(struct driver *driver, const char *node, unsigned int queues, unsigned int num,
		 uint64_t features);
void driver_exit(struct driver *driver);
int driver_set_queue(struct driver_queue *queue);
void driver_reset_queue(struct driver_queue *queue);

/* Chains. */
int driver_add(struct driver_queue *queue, const struct driver_buffer *buffers,
	       unsigned int count);
int driver_add_indirect(struct driver_queue *queue, struct vring_desc *table,
			const struct driver_buffer *buffers, unsigned int count);
void driver_fill(const struct driver_queue *queue, struct vring_desc *desc,
		 const struct driver_buffer *buffer);
void driver_offer(struct driver_queue *queue, unsigned int head);
bool driver_kick(struct driver_queue *queue);
void driver_kick_always(struct driver_queue *queue);
bool driver_reap(struct driver_queue *queue, struct driver_used *used);
bool driver_wait(struct driver_queue *queue, struct driver_used *used, int milliseconds);
void driver_want_call(struct driver_queue *queue, bool wanted);

/* Eventfds and counters. */
bool driver_wait_event(int eventfd, int milliseconds);
bool driver_is_broken(struct driver_queue *queue, int milliseconds);
void driver_get_stats(struct driver_queue *queue, struct driver_stats *stats);
uint64_t driver_stat(struct driver_queue *queue, enum ringhost_vring_stat stat);
const char *driver_rejected(struct driver_queue *queue, const struct driver_stats *before);

/* The driver's and the device's event index; virtio 1.3, 2.7.10. */
#define driver_used_event(queue) (&(queue)->avail->ring[(queue)->num])
#define driver_avail_event(queue) ((__virtio16 *)&(queue)->used->ring[(queue)->num])

#endif /* SELFTESTS_DRIVER_H */
