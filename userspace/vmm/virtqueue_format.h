/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the two formats of a virtqueue share. For virtqueue*.c alone.
 */
#ifndef RH_VMM_VIRTQUEUE_FORMAT_H
#define RH_VMM_VIRTQUEUE_FORMAT_H

#include "virtqueue.h"

/**
 * struct virtqueue_format - what differs between split and packed
 * @pop: as virtqueue_pop(), of a queue that is not broken, into an empty chain
 * @push: as virtqueue_push()
 * @publish: show the driver what was pushed. Return: whether it wants an interrupt
 * @disable_notify: as virtqueue_disable_notify()
 * @enable_notify: as virtqueue_enable_notify()
 */
struct virtqueue_format {
	int (*pop)(struct virtqueue *queue, struct virtqueue_chain *chain);
	void (*push)(struct virtqueue *queue, const struct virtqueue_chain *chain,
		     uint32_t written);
	bool (*publish)(struct virtqueue *queue);
	void (*disable_notify)(struct virtqueue *queue);
	bool (*enable_notify)(struct virtqueue *queue);
};

/* The driver has done @reason. Return: -EPROTO. */
int virtqueue_break(struct virtqueue *queue, const char *reason);

/* Append a buffer of the driver's to @chain. Return: 0, or -EPROTO it is none. */
int virtqueue_add(struct virtqueue *queue, struct virtqueue_chain *chain, uint64_t address,
		  uint32_t len, bool writable);

/* Find an indirect table. Return: its entries, 1 to VIRTQUEUE_CHAIN_MAX, or -EPROTO. */
int virtqueue_find_table(struct virtqueue *queue, uint64_t address, uint32_t len,
			 const void **table);

#endif /* RH_VMM_VIRTQUEUE_FORMAT_H */
