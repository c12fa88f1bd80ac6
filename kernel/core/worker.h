/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (1) Worker threads: run queued work with the owner's memory in use. See worker.c.
 */
#ifndef RH_WORKER_H
#define RH_WORKER_H

#include <linux/llist.h>
#include <linux/types.h>

struct mm_struct;
struct rh_worker;

/**
 * struct rh_work - something a worker does when it is queued
 * @node: entry in the worker's list
 * @run: the work; in the worker's thread, without locks
 * @queued: bit 0: on the list and not yet taken off; cleared before @run is called
 */
struct rh_work {
	struct llist_node node;
	void (*run)(struct rh_work *work);
	unsigned long queued;
};

void rh_work_init(struct rh_work *work, void (*run)(struct rh_work *work));
struct rh_worker *rh_worker_create(struct mm_struct *mm, const char *name);
void rh_worker_kill(struct rh_worker *worker);
void rh_worker_destroy(struct rh_worker *worker);
void rh_worker_queue(struct rh_worker *worker, struct rh_work *work);

#endif /* RH_WORKER_H */
