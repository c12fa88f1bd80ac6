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
 * enum rh_worker_kind - what a worker's thread is
 * @RH_WORKER_KTHREAD: a thread of the kernel's, in the owner's control groups
 * @RH_WORKER_TASK: a thread of the owner's that never leaves the kernel; dies with it
 */
enum rh_worker_kind {
	RH_WORKER_KTHREAD,
	RH_WORKER_TASK,
};

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
struct rh_worker *rh_worker_create(struct mm_struct *mm, enum rh_worker_kind kind,
				   const char *name);
void rh_worker_kill(struct rh_worker *worker);
void rh_worker_destroy(struct rh_worker *worker);
void rh_worker_queue(struct rh_worker *worker, struct rh_work *work);
bool rh_worker_is_task(const struct rh_worker *worker);
bool rh_worker_is_dead(const struct rh_worker *worker);
bool rh_worker_is_idle(const struct rh_worker *worker);

#endif /* RH_WORKER_H */
