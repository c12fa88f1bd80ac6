/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (2) A device behind a vIOMMU: asks the owner for translations and is told of them. See
 * viommu.c and miss.c.
 */
#ifndef RH_VIOMMU_H
#define RH_VIOMMU_H

#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

struct rh_dev;
struct rh_memory;
struct rh_queue;

/**
 * enum rh_miss_state - what has become of a queue's question
 * @RH_MISS_NONE: there is none
 * @RH_MISS_ASKED: to be read by the owner
 * @RH_MISS_READ: was read
 */
enum rh_miss_state {
	RH_MISS_NONE,
	RH_MISS_ASKED,
	RH_MISS_READ,
};

/**
 * struct rh_viommu - a device's translations, and its questions
 * @table: in force while VIRTIO_F_ACCESS_PLATFORM is on, else NULL; under dev->lock
 * @spare: where the next change makes the next table; as @table
 * @hand: which entry a full table loses next; under dev->lock
 * @lock: protects each queue's miss and what follows; taken in workers, reads and polls,
 *	innermost
 * @readers: woken when a queue asks, and when nobody will any more
 * @on: questions may come
 * @v2: they are asked in the second format
 * @next: the queue whose question is read next, if it has one
 */
struct rh_viommu {
	struct rh_memory *table;
	struct rh_memory *spare;
	unsigned int hand;
	spinlock_t lock;
	wait_queue_head_t readers;
	bool on;
	bool v2;
	unsigned int next;
};

void rh_viommu_init(struct rh_dev *dev);
int rh_viommu_set(struct rh_dev *dev, bool on);
void rh_viommu_free(struct rh_dev *dev);

/* ---- miss.c ---- */

void rh_miss_enable(struct rh_dev *dev, bool on);
void rh_miss_set_v2(struct rh_dev *dev, bool v2);
void rh_miss_note(struct rh_queue *queue);
bool rh_miss_answer(struct rh_queue *queue);
void rh_miss_drop(struct rh_queue *queue);

#endif /* RH_VIOMMU_H */
