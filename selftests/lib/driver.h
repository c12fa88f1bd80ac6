/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio driver in userspace: the guest's side of a device node, without a
 * guest. VIRTIO_F_RING_PACKED among the features decides on the format of all
 * rings. See driver.c.
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
#define DRIVER_PLAIN		DRIVER_BIT(VIRTIO_F_VERSION_1)
#define DRIVER_PACKED		(DRIVER_FEATURES | DRIVER_BIT(VIRTIO_F_RING_PACKED))
#define DRIVER_PACKED_PLAIN	(DRIVER_PLAIN | DRIVER_BIT(VIRTIO_F_RING_PACKED))
#define DRIVER_IN_ORDER		(DRIVER_FEATURES | DRIVER_BIT(VIRTIO_F_IN_ORDER))
#define DRIVER_PACKED_IN_ORDER	(DRIVER_PACKED | DRIVER_BIT(VIRTIO_F_IN_ORDER))
/* The wrap counter's bit in a position of a packed ring. */
#define DRIVER_WRAP		0x8000

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
 * struct driver_queue - the driver's side of one ring
 * @driver: the device
 * @index: its number in the device
 * @num: ring entries
 * @desc: split: descriptor table
 * @ring: packed: the ring
 * @avail: split: the driver's ring
 * @driver_event: packed: what calls the driver wants
 * @used: split: the device's ring
 * @device_event: packed: what kicks the device wants
 * @free: free descriptors (split) or buffer IDs (packed), those longest free first
 * @free_taken: index in @free of the next one to take
 * @free_given: index in @free of the next one to be given back
 * @free_count: free ring entries
 * @link: split: the descriptor that follows a descriptor in its chain
 * @chain_length: ring entries of the chain of a head, 0 if there is none
 * @avail_next: position of the next chain to offer
 * @unkicked: ring entries, split: chains, offered since the last decision about a kick
 * @used_next: position of the next chain to reap
 * @kick: eventfd to the device
 * @call: eventfd from the device
 * @error: eventfd from the device: the queue is broken
 * @kicks: kicks sent
 * @kicks_suppressed: kicks that the device did not want
 *
 * A position is a free-running index in a split ring; in a packed one it is the entry's
 * number and, in bit 15, the wrap counter. The areas have room for a ring of either format.
 */
struct driver_queue {
	struct driver *driver;
	unsigned int index;
	unsigned int num;
	union {
		struct vring_desc *desc;
		struct vring_packed_desc *ring;
	};
	union {
		struct vring_avail *avail;
		struct vring_packed_desc_event *driver_event;
	};
	union {
		struct vring_used *used;
		struct vring_packed_desc_event *device_event;
	};
	uint16_t *free;
	unsigned int free_taken;
	unsigned int free_given;
	unsigned int free_count;
	uint16_t *link;
	uint16_t *chain_length;
	uint16_t avail_next;
	uint16_t unkicked;
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
void driver_want_kthreads(void);
void driver_init(struct driver *driver, const char *node, unsigned int queues, unsigned int num,
		 uint64_t features);
void driver_init_fd(struct driver *driver, int fd, unsigned int queues, unsigned int num,
		    uint64_t features);
void driver_exit(struct driver *driver);
int driver_set_queue(struct driver_queue *queue);
void driver_reset_queue(struct driver_queue *queue);
void driver_resize_queue(struct driver_queue *queue, unsigned int num);
uint32_t driver_base(const struct driver_queue *queue);
bool driver_is_packed(const struct driver_queue *queue);

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
void driver_want_call_after(struct driver_queue *queue, unsigned int entries);

/* Eventfds and counters. */
bool driver_wait_event(int eventfd, int milliseconds);
bool driver_is_broken(struct driver_queue *queue, int milliseconds);
void driver_get_stats(struct driver_queue *queue, struct driver_stats *stats);
uint64_t driver_stat(struct driver_queue *queue, enum ringhost_vring_stat stat);
const char *driver_rejected(struct driver_queue *queue, const struct driver_stats *before);

/* ---- driver_packed.c, for hostile tests ---- */

uint16_t driver_packed_advance(const struct driver_queue *queue, uint16_t position,
			       unsigned int entries);
uint16_t driver_packed_flags(uint16_t position);
void driver_packed_offer(struct driver_queue *queue, const struct vring_packed_desc *descs,
			 unsigned int count);

/* ---- for driver.c: what depends on the format ---- */

unsigned int driver_take(struct driver_queue *queue);
void driver_give(struct driver_queue *queue, unsigned int head);

void driver_split_add(struct driver_queue *queue, unsigned int head,
		      const struct driver_buffer *buffers, unsigned int count);
void driver_split_add_indirect(struct driver_queue *queue, unsigned int head,
			       struct vring_desc *table, unsigned int count);
void driver_split_offer(struct driver_queue *queue, unsigned int head);
bool driver_split_kick_wanted(const struct driver_queue *queue);
bool driver_split_reap(struct driver_queue *queue, struct driver_used *used);
void driver_split_want_call(struct driver_queue *queue, bool wanted);
void driver_split_want_call_after(struct driver_queue *queue, unsigned int entries);

void driver_packed_add(struct driver_queue *queue, unsigned int head,
		       const struct driver_buffer *buffers, unsigned int count);
void driver_packed_add_indirect(struct driver_queue *queue, unsigned int head,
				struct vring_desc *table, unsigned int count);
void driver_packed_offer_head(struct driver_queue *queue, unsigned int head);
bool driver_packed_kick_wanted(const struct driver_queue *queue);
bool driver_packed_reap(struct driver_queue *queue, struct driver_used *used);
void driver_packed_want_call(struct driver_queue *queue, bool wanted);
void driver_packed_want_call_after(struct driver_queue *queue, unsigned int entries);

static inline bool driver_has_feature(const struct driver_queue *queue, unsigned int bit)
{
	return queue->driver->features & DRIVER_BIT(bit);
}

/* Split rings: the driver's and the device's event index; virtio 1.3, 2.7.10. */
#define driver_used_event(queue) (&(queue)->avail->ring[(queue)->num])
#define driver_avail_event(queue) ((__virtio16 *)&(queue)->used->ring[(queue)->num])

#endif /* SELFTESTS_DRIVER_H */
