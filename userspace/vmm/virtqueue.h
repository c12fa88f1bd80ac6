/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device side of a virtqueue, split (virtio 1.3, 2.7) or packed (2.8), for queues
 * served in userspace. One thread. Guest memory is hostile: every field is read once,
 * then checked.
 */
#ifndef RH_VMM_VIRTQUEUE_H
#define RH_VMM_VIRTQUEUE_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct virtqueue_format;
struct vm;

extern const struct virtqueue_format virtqueue_split;
extern const struct virtqueue_format virtqueue_packed;

/* Descriptors of one chain, those of an indirect table included. */
#define VIRTQUEUE_CHAIN_MAX 256

/**
 * struct virtqueue - a running virtqueue
 * @format: &virtqueue_split or &virtqueue_packed
 * @vm: whose memory the descriptors name
 * @descriptors, @available, @used: the rings in this process; packed: the ring, and the
 *	event structures of driver and device
 * @size: entries; a power of two if split
 * @event_index, @indirect: VIRTIO_RING_F_* the driver accepted
 * @available_wrap, @used_wrap: packed: wrap counters of @next_available and @next_used,
 *	true at first
 * @call: eventfd that interrupts the driver, -1 for none
 * @next_available: next entry of the available ring to take
 * @seen_available: split: how far the available ring was filled when last looked at
 * @next_used: next entry of the used ring to fill
 * @published: split: used index the driver sees; packed: first slot it does not see
 * @published_flags: packed: what makes that slot visible
 * @unpublished: packed: slots used from @published on
 * @chains: chains served so far
 * @calls: times @call was signalled
 * @broken: what the driver did wrong, NULL so far nothing
 */
struct virtqueue {
	const struct virtqueue_format *format;
	struct vm *vm;
	struct vring_desc *descriptors;
	struct vring_avail *available;
	struct vring_used *used;
	uint16_t size;
	bool event_index, indirect;
	bool available_wrap, used_wrap;
	int call;
	uint16_t next_available, seen_available;
	uint16_t next_used, published;
	uint16_t published_flags, unpublished;
	uint64_t chains, calls;
	const char *broken;
};

/**
 * struct virtqueue_chain - one request of the driver
 * @head: names it to the driver
 * @slots: entries of a packed ring that it takes; 1 of a split one
 * @readable: entries of @iov the device may read; they come first
 * @writable: entries of @iov the device may write
 * @iov: buffers in this process, none of them empty
 */
struct virtqueue_chain {
	uint16_t head, slots;
	unsigned int readable, writable;
	struct iovec iov[VIRTQUEUE_CHAIN_MAX];
};

/**
 * virtqueue_pop() - take the next chain
 * @queue: the queue
 * @chain: out; the caller's until virtqueue_push()
 *
 * Return: 1; 0 there is none; -EPROTO @queue->broken says why, and the queue
 * gives nothing more.
 */
int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain);

/* Give a chain back, in which @written bytes were written; not yet visible. */
void virtqueue_push(struct virtqueue *queue, const struct virtqueue_chain *chain, uint32_t written);

/* Show the driver what was pushed, and interrupt it if it wants that. */
void virtqueue_publish(struct virtqueue *queue);

/* Tell the driver that no doorbell is needed for now. */
void virtqueue_disable_notify(struct virtqueue *queue);

/**
 * virtqueue_enable_notify() - ask for a doorbell with the next chain
 * @queue: the queue
 *
 * Return: whether there is a chain already; its doorbell may never come.
 */
bool virtqueue_enable_notify(struct virtqueue *queue);

#endif /* RH_VMM_VIRTQUEUE_H */
