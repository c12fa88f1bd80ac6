/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The event loop: one io_uring, run by the main thread. All device code of the
 * VMM runs on it, so devices need no locks: a vCPU that touches a device register
 * has the access carried out there by loop_call() and waits for it.
 *
 * Requests queued by callbacks reach the kernel in one system call per turn.
 * Unless a call says otherwise it may be made on the loop's thread only: inside
 * a callback, or on the thread that calls loop_run(), before or after it.
 */
#ifndef RH_VMM_LOOP_H
#define RH_VMM_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct loop;

/**
 * struct loop_op - one request in flight
 * @done: called once with what the system call of the same name would have
 *	returned, or -errno; the loop does not touch the structure afterwards
 * @more: for the loop
 *
 * Embedded in the owner's request, which must stay where it is until @done.
 */
struct loop_op {
	void (*done)(struct loop_op *op, int result);
	bool more;
};

/**
 * struct loop_poll - a file descriptor being watched; the loop's while armed
 * @op: for the loop
 * @loop: the loop it was started on
 * @ready: called with the events (EPOLLIN ...) whenever they come up. Edge
 *	triggered: an event is reported when it happens, not for as long as it
 *	lasts, so read until -EAGAIN. An eventfd needs no read at all: each signal
 *	is an event. EPOLLERR alone, and nothing afterwards: the file cannot be
 *	polled any more. What is always ready (a regular file, /dev/null) must not
 *	be watched, it would keep the loop busy.
 * @fd: file descriptor, the owner's
 * @events: events watched
 * @armed: the kernel holds a reference
 * @stopping: no more callbacks
 */
struct loop_poll {
	struct loop_op op;
	struct loop *loop;
	void (*ready)(struct loop_poll *poll, uint32_t events);
	int fd;
	uint32_t events;
	bool armed, stopping;
};

/**
 * struct loop_task - work put off to the end of the current turn
 * @run: called once per loop_defer(), after the completions at hand were handled;
 *	where devices publish and signal a whole batch
 * @next: for the loop
 * @queued: waiting; a second loop_defer() then changes nothing
 */
struct loop_task {
	void (*run)(struct loop_task *task);
	struct loop_task *next;
	bool queued;
};

/**
 * loop_create() - make a loop
 * @loop: out
 *
 * The calling thread becomes the loop's thread.
 * Return: 0, or a negative errno after one line on stderr.
 */
int loop_create(struct loop **loop);

/* Nothing may be in flight or armed any more. NULL is fine. */
void loop_destroy(struct loop *loop);

/**
 * loop_run() - handle events until loop_quit()
 * @loop: the loop
 *
 * On return every waiting loop_call() has been carried out or refused, and later
 * ones are refused, so vCPU threads can be joined. If loop_quit() was called
 * before, returns without waiting for anything.
 *
 * Return: 0, or a negative errno when the kernel refused to go on.
 */
int loop_run(struct loop *loop);

/* Make loop_run() return soon. Any thread; safe in a signal handler. */
void loop_quit(struct loop *loop);

/**
 * loop_call() - run a function on the loop's thread and wait for it
 * @loop: the loop
 * @function: what to run
 * @argument: its argument
 *
 * Context: any thread; on the loop's own it is a plain call.
 * Return: 0, or -ESHUTDOWN: the loop has ended and @function was not run.
 */
int loop_call(struct loop *loop, void (*function)(void *argument), void *argument);

/* Run @task at the end of this turn. */
void loop_defer(struct loop *loop, struct loop_task *task);

/**
 * loop_wait() - handle completions until a condition holds
 * @loop: the loop
 * @finished: the condition
 * @argument: its argument
 *
 * For draining requests in flight when a device is reset or destroyed. Callbacks
 * of other devices run meanwhile; calls of vCPUs wait.
 */
void loop_wait(struct loop *loop, bool (*finished)(void *argument), void *argument);

/**
 * loop_poll_start() - watch a file descriptor until loop_poll_stop()
 * @loop: the loop
 * @poll: @ready, @fd and @events set, the rest zero
 *
 * Return: 0 or -errno.
 */
int loop_poll_start(struct loop *loop, struct loop_poll *poll);

/* Stop watching; no callback comes afterwards. Fine on one that never started. */
void loop_poll_stop(struct loop_poll *poll);

/*
 * Asynchronous I/O. @iov and the buffers must stay valid until @op->done. @flags:
 * RWF_*. Return: 0, then @done will be called; or -errno, then it will not.
 */
int loop_readv(struct loop *loop, struct loop_op *op, int fd, const struct iovec *iov,
	       unsigned int count, uint64_t offset);
int loop_writev(struct loop *loop, struct loop_op *op, int fd, const struct iovec *iov,
		unsigned int count, uint64_t offset, int flags);
int loop_fdatasync(struct loop *loop, struct loop_op *op, int fd);

#endif /* RH_VMM_LOOP_H */
