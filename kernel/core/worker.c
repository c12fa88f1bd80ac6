// SPDX-License-Identifier: GPL-2.0-only
/*
 * (1) Worker threads: run queued work in order, with the owner's memory in use, and sleep
 * while there is none. Of two kinds:
 *
 *	kthread		belongs to the kernel; joins the owner's control groups and borrows
 *			its memory. Signals and the freezer pass it by.
 *	task		belongs to the owner's process (a vhost_task): has its memory, limits,
 *			control groups and everything else, stops, freezes and dies with it.
 *
 *	task:	alive ---- owner killed, exits, or calls exec() ----> dead
 *		work runs in the task				      work runs in a workqueue
 *
 * The death of a task does not wait for the device's end: somebody else may hold the
 * descriptor, and I/O may be in flight. What is queued from then on, to be reaped or
 * flushed, runs in a workqueue, which borrows the owner's memory but waits for none of it:
 * a page that is not there is an error.
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
#include <linux/uaccess.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "worker.h"

/* Bit of rh_work.queued. */
#define WORK_QUEUED 0

/**
 * struct rh_worker - one thread
 * @thread: the thread, if it is the kernel's; else NULL
 * @task: the thread, if it is the owner's; else NULL
 * @mm: the owner's memory; the creator holds mm_users
 * @works: queued work, the newest first
 * @dead: @task takes no more work off @works, @orphan does; never unset
 * @orphan: runs @works in the place of a dead @task
 */
struct rh_worker {
	struct task_struct *thread;
	struct vhost_task *task;
	struct mm_struct *mm;
	struct llist_head works;
	bool dead;
	struct work_struct orphan;
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
		smp_mb__after_atomic();		/* as said above */
		work->run(work);
		cond_resched();
	}
}

static int thread_main(void *data)
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

static int create_thread(struct rh_worker *worker, const char *name)
{
	struct task_struct *thread = kthread_create(thread_main, worker, "%s", name);
	int err;

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	err = cgroup_attach_task_all(current, thread);
	if (err) {
		kthread_stop(thread);
		return err;
	}
	set_user_nice(thread, task_nice(current));
	worker->thread = thread;
	wake_up_process(thread);
	return 0;
}

/* The task's turn, about to sleep unless this returns true; pairs with vhost_task_wake(). */
static bool task_run(void *data)
{
	struct rh_worker *worker = data;
	struct llist_node *works = llist_del_all(&worker->works);

	if (!works)
		return false;
	__set_current_state(TASK_RUNNING);
	run_works(works);
	return true;
}

/* The task was killed and has had its last turn. */
static void task_killed(void *data)
{
	struct rh_worker *worker = data;

	WRITE_ONCE(worker->dead, true);
	/*
	 * Who queued work and did not see this yet has put it on the list before
	 * orphan_run() looks there. Pairs with llist_add() in rh_worker_queue().
	 */
	smp_mb();
	queue_work(system_unbound_wq, &worker->orphan);
}

static void orphan_run(struct work_struct *work)
{
	struct rh_worker *worker = container_of(work, struct rh_worker, orphan);
	struct llist_node *works = llist_del_all(&worker->works);

	kthread_use_mm(worker->mm);
	/* Who should provide the owner's pages is dead, and a workqueue cannot be killed. */
	pagefault_disable();
	run_works(works);
	pagefault_enable();
	kthread_unuse_mm(worker->mm);
}

static int create_task(struct rh_worker *worker, const char *name)
{
	struct vhost_task *task = vhost_task_create(task_run, task_killed, worker, name);

	/* NULL in kernels that do not tell why. */
	if (IS_ERR_OR_NULL(task))
		return task ? PTR_ERR(task) : -ENOMEM;
	worker->task = task;
	vhost_task_start(task);
	return 0;
}

/**
 * rh_worker_create - start a thread
 * @mm: the caller's memory, which it keeps alive
 * @kind: of the thread; RH_WORKER_TASK only where the kernel has it
 * @name: the thread's name
 *
 * The thread joins the caller's control groups and takes its nice value.
 *
 * Return: the worker; ERR_PTR: -ENOMEM, -EAGAIN the owner's limit of processes, or what the
 * control groups say.
 */
struct rh_worker *rh_worker_create(struct mm_struct *mm, enum rh_worker_kind kind,
				   const char *name)
{
	struct rh_worker *worker = kzalloc(sizeof(*worker), GFP_KERNEL_ACCOUNT);
	int err;

	if (!worker)
		return ERR_PTR(-ENOMEM);
	worker->mm = mm;
	init_llist_head(&worker->works);
	INIT_WORK(&worker->orphan, orphan_run);
	err = kind == RH_WORKER_TASK ? create_task(worker, name) : create_thread(worker, name);
	if (err) {
		kfree(worker);
		return ERR_PTR(err);
	}
	return worker;
}

/**
 * rh_worker_is_task - whether the thread belongs to the owner's process
 * @worker: the worker
 */
bool rh_worker_is_task(const struct rh_worker *worker)
{
	return worker->task;
}

/**
 * rh_worker_is_dead - whether the thread died with the owner
 * @worker: the worker
 */
bool rh_worker_is_dead(const struct rh_worker *worker)
{
	return READ_ONCE(worker->dead);
}

/**
 * rh_worker_is_idle - whether nothing waits for the worker, which may be at work
 * @worker: the worker
 */
bool rh_worker_is_idle(const struct rh_worker *worker)
{
	return llist_empty(&worker->works);
}

/**
 * rh_worker_kill - the owner dies: wait for its memory no longer
 * @worker: the worker
 *
 * A page of the owner's may be one that only the owner can provide (userfaultfd, or a
 * file system that it serves). From now on an access that would wait for such a page
 * fails. The thread itself goes on, and finishes what is in flight.
 *
 * A task needs no telling: what kills the owner kills it.
 */
void rh_worker_kill(struct rh_worker *worker)
{
	if (worker->thread)
		send_sig(SIGKILL, worker->thread, 1);
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
	/* A full barrier; pairs with smp_mb() in task_killed(). */
	llist_add(&work->node, &worker->works);
	if (worker->thread)
		wake_up_process(worker->thread);
	else if (!rh_worker_is_dead(worker))
		vhost_task_wake(worker->task);
	else
		queue_work(system_unbound_wq, &worker->orphan);
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
 *
 * Waits for a task whose process is stopped or frozen; see rh_dev_release().
 */
void rh_worker_destroy(struct rh_worker *worker)
{
	flush_worker(worker);
	if (worker->thread) {
		kthread_stop(worker->thread);
	} else {
		vhost_task_stop(worker->task);
		flush_work(&worker->orphan);
	}
	WARN_ON_ONCE(!llist_empty(&worker->works));
	kfree(worker);
}
