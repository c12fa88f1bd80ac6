/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (1) A device's workers: who runs which queue. See pool.c.
 */
#ifndef RH_POOL_H
#define RH_POOL_H

#include <linux/types.h>

#include "worker.h"

/* Workers of one device, made by default or by ioctl. */
#define RH_POOL_WORKERS_MAX 64

struct rh_dev;
struct rh_queue;

/**
 * struct rh_pool - the workers of one device
 * @kind: of the workers made from now on; under dev->lock
 * @workers: by id; NULL: the id is free; under dev->lock
 */
struct rh_pool {
	enum rh_worker_kind kind;
	struct rh_worker *workers[RH_POOL_WORKERS_MAX];
};

void rh_pool_init(struct rh_pool *pool);
int rh_pool_provide(struct rh_queue *queue);
int rh_pool_attach(struct rh_queue *queue, unsigned int id);
int rh_pool_find(struct rh_queue *queue, unsigned int *id);
bool rh_pool_is_orphan(const struct rh_queue *queue);
bool rh_pool_is_idle(const struct rh_queue *queue);
bool rh_pool_waits_for_owner(struct rh_dev *dev);
void rh_pool_kill(struct rh_dev *dev);
void rh_pool_free(struct rh_dev *dev);
long rh_pool_new_worker(struct rh_dev *dev, void __user *argument);
long rh_pool_free_worker(struct rh_dev *dev, void __user *argument);
long rh_pool_set_fork_from_owner(struct rh_dev *dev, void __user *argument);
long rh_pool_get_fork_from_owner(struct rh_dev *dev, void __user *argument);

#endif /* RH_POOL_H */
