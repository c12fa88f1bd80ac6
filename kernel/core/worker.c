// SPDX-License-Identifier: GPL-2.0-only
/*
 * (1) Worker threads: a kernel thread that borrows the owner's memory and runs
 * queued work, in order, sleeping while there is none.
 *
 * rh_worker_queue() may be called in any context, interrupts included. Everything
 * else is called from the owner's ioctls or from the last close. The creator keeps
 * mm_users of the mm until the worker is destroyed.
 *
 * Nobody may queue work while rh_worker_destroy() runs; pool.c and device.c see to
 * that (see rh_queue_complete() for the one that is hard to see).
 */
#include <linux/cgroup.h>
#include <linux/completion.h>
#include <linux/kthread.h>
#include <linux/mm_types.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "worker.h"

/* Bit of rh_work.queued. */
#define WORK_QUEUED 0

/**
 * struct rh_worker - one thread
 * @task: the thread
 * @mm: the owner's memory; the creator holds mm_users
 * @works: queued work, the newest first
 */
struct rh_worker {
	struct task_struct *task;
	struct mm_struct *mm;
	struct llist_head works;
};

/**
 * rh_work_init - prepare work to be queued
 * @work: the work
 * @run: called in the worker's thread for each time the work was queued, though being
 *	queued twice before it runs is once
 */
void rh_work_init(struct rh_work *work, void (*run)(struct rh_work *work))
{
	work->run = run;
	work->queued = 0;
}

static void run_works(struct llist_node *newest)
{
	struct rh_work *work, *next;

	llist_for_each_entry_safe(work, next, llist_reverse_order(newest), node) {
		/*
		 * From here on the work may be queued again; what its queuer did
		 * before is visible to run(). Pairs with test_and_set_bit() in
		 * rh_worker_queue().
		 */
		clear_bit(WORK_QUEUED, &work->queued);
		smp_mb__after_atomic();
		work->run(work);
		cond_resched();
	}
}

static int worker_main(void *data)
{
	struct rh_worker *worker = data;
	struct llist_node *works;

	/* See rh_worker_kill(). */
	allow_signal(SIGKILL);
	kthread_use_mm(worker->mm);
	for (;;) {
		/* Before looking at the list; pairs with wake_up_process(). */
		set_current_state(TASK_IDLE);
		works = llist_del_all(&worker->works);
		if (works) {
			__set_current_state(TASK_RUNNING);
			run_works(works);
		} else if (kthread_should_stop()) {
			break;
		} else {
			schedule();
		}
	}
	__set_current_state(TASK_RUNNING);
	kthread_unuse_mm(worker->mm);
	return 0;
}

/**
 * rh_worker_create - start a thread
 * @mm: the caller's memory, which it keeps alive
 * @name: the thread's name
 *
 * The thread joins the caller's control groups and takes its nice value.
 *
 * Return: the worker; ERR_PTR: -ENOMEM, or what the control groups say.
 */
struct rh_worker *rh_worker_create(struct mm_struct *mm, const char *name)
{
	struct rh_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	int err;

	if (!worker)
		return ERR_PTR(-ENOMEM);
	worker->mm = mm;
	init_llist_head(&worker->works);
	worker->task = kthread_create(worker_main, worker, "%s", name);
	if (IS_ERR(worker->task)) {
		err = PTR_ERR(worker->task);
		goto err_free;
	}
	err = cgroup_attach_task_all(current, worker->task);
	if (err)
		goto err_stop;
	set_user_nice(worker->task, task_nice(current));
	wake_up_process(worker->task);
	return worker;

err_stop:
	kthread_stop(worker->task);
err_free:
	kfree(worker);
	return ERR_PTR(err);
}

/**
 * rh_worker_kill - the owner dies: wait for its memory no longer
 * @worker: the worker
 *
 * A page of the owner's may be one that only the owner can provide (userfaultfd, or a
 * file system that it serves). From now on an access that would wait for such a page
 * fails. The thread itself goes on, and finishes what is in flight.
 */
void rh_worker_kill(struct rh_worker *worker)
{
	send_sig(SIGKILL, worker->task, 1);
}

/**
 * rh_worker_queue - have work run soon
 * @worker: the worker
 * @work: the work; nothing happens if it is queued already
 *
 * Any context.
 */
void rh_worker_queue(struct rh_worker *worker, struct rh_work *work)
{
	if (test_and_set_bit(WORK_QUEUED, &work->queued))
		return;
	llist_add(&work->node, &worker->works);
	wake_up_process(worker->task);
}

/* Work that tells when it has run. */
struct flush {
	struct rh_work work;
	struct completion done;
};

static void flush_run(struct rh_work *work)
{
	complete(&container_of(work, struct flush, work)->done);
}

/* Wait until everything queued so far has run; what waits for an owner that is killed gives up. */
static void flush_worker(struct rh_worker *worker)
{
	struct flush flush;

	rh_work_init(&flush.work, flush_run);
	init_completion(&flush.done);
	rh_worker_queue(worker, &flush.work);
	if (!wait_for_completion_killable(&flush.done))
		return;
	rh_worker_kill(worker);
	wait_for_completion(&flush.done);
}

/**
 * rh_worker_destroy - run what is queued, then end the thread
 * @worker: the worker; nobody queues work to it any more
 */
void rh_worker_destroy(struct rh_worker *worker)
{
	flush_worker(worker);
	kthread_stop(worker->task);
	WARN_ON_ONCE(!llist_empty(&worker->works));
	kfree(worker);
}
