// SPDX-License-Identifier: GPL-2.0-only
/*
 * The event loop. Stages (1) to (5) of backend=userspace, and every access of the
 * guest to a device register, whatever the backend. Runs on the main thread;
 * entry points: loop_run(), and loop_call() from the vCPU threads.
 */
#include <errno.h>
#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "err.h"
#include "loop.h"
#include "util.h"

/*
 * Submissions go to the kernel when the queue is full or the turn ends. The
 * completion queue holds the deepest case, every queue of 20 devices full of
 * requests, so it cannot overflow.
 */
#define LOOP_SUBMISSIONS 1024
#define LOOP_COMPLETIONS 16384

/**
 * struct loop_request - a loop_call() in progress, on its caller's stack
 * @function: what to run
 * @argument: its argument
 * @next: the request that came after it
 * @state: 0 waiting, 1 carried out, -errno refused
 */
struct loop_request {
	void (*function)(void *argument);
	void *argument;
	struct loop_request *next;
	int state;
};

/**
 * struct loop - the event loop
 * @ring: used by @thread only, and told so: completions are then delivered when
 *	the loop asks for them and never interrupt a vCPU
 * @thread: the loop's thread
 * @wake_fd: eventfd that ends a wait for completions
 * @wake: watches @wake_fd
 * @quit: loop_quit() was called
 * @tasks: loop_defer()ed, first to run first
 * @tasks_tail: where the next one goes
 * @lock: protects @requests, @requests_tail, @closed and their state
 * @answered: a request's state changed
 * @requests: waiting loop_call()s, oldest first
 * @requests_tail: where the next one goes
 * @closed: loop_call() is refused
 */
struct loop {
	struct io_uring ring;
	pthread_t thread;
	int wake_fd;
	struct loop_poll wake;
	atomic_bool quit;
	struct loop_task *tasks, **tasks_tail;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct loop_request *requests, **requests_tail;
	bool closed;
};

/* The eventfd did its work by waking the loop. */
static void loop_woken(struct loop_poll *poll, uint32_t events)
{
	(void)poll;
	(void)events;
}

static int loop_ring_init(struct io_uring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
			 IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
		.cq_entries = LOOP_COMPLETIONS,
	};
	int err = io_uring_queue_init_params(LOOP_SUBMISSIONS, ring, &params);

	if (err == -EPERM)
		return rh_error(err, "io_uring is switched off (sysctl kernel.io_uring_disabled)");
	if (err)
		return rh_error(err, "cannot set io_uring up, Linux 6.1 or later is needed: %s",
				strerror(-err));
	return 0;
}

int loop_create(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return rh_error(-ENOMEM, "out of memory");
	loop->thread = pthread_self();
	loop->tasks_tail = &loop->tasks;
	loop->requests_tail = &loop->requests;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->answered, NULL);
	err = loop_ring_init(&loop->ring);
	if (err)
		goto free_loop;
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->wake_fd < 0) {
		err = rh_error(-errno, "cannot make an eventfd: %s", strerror(errno));
		goto exit_ring;
	}
	loop->wake = (struct loop_poll) {
		.ready = loop_woken, .fd = loop->wake_fd, .events = EPOLLIN,
	};
	err = loop_poll_start(loop, &loop->wake);
	if (err) {
		rh_error(err, "cannot poll an eventfd: %s", strerror(-err));
		goto close_wake;
	}
	*out = loop;
	return 0;

close_wake:
	close(loop->wake_fd);
exit_ring:
	io_uring_queue_exit(&loop->ring);
free_loop:
	free(loop);
	return err;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	loop_poll_stop(&loop->wake);
	close(loop->wake_fd);
	io_uring_queue_exit(&loop->ring);
	pthread_cond_destroy(&loop->answered);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

/* An eventfd write can only fail when the counter is full: then it is awake. */
static void loop_wake(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t written = write(loop->wake_fd, &one, sizeof(one));

	(void)written;
}

void loop_quit(struct loop *loop)
{
	atomic_store(&loop->quit, true);
	loop_wake(loop);
}

static void loop_run_tasks(struct loop *loop)
{
	struct loop_task *task = loop->tasks;

	/* A task that defers itself again waits for the next turn. */
	loop->tasks = NULL;
	loop->tasks_tail = &loop->tasks;
	while (task) {
		struct loop_task *next = task->next;

		task->queued = false;
		task->run(task);
		task = next;
	}
}

static void loop_reap(struct loop *loop)
{
	struct io_uring_cqe *cqe;

	/* One at a time: a callback may come back here through loop_wait(). */
	while (!io_uring_peek_cqe(&loop->ring, &cqe)) {
		struct loop_op *op = io_uring_cqe_get_data(cqe);
		int result = cqe->res;
		bool more = cqe->flags & IORING_CQE_F_MORE;

		io_uring_cqe_seen(&loop->ring, cqe);
		if (!op)
			continue;
		op->more = more;
		op->done(op, result);
	}
	loop_run_tasks(loop);
}

/* One turn: submit what was queued, wait for something, handle it. */
static int loop_turn(struct loop *loop)
{
	int err;

	if (loop->tasks)
		err = io_uring_submit_and_get_events(&loop->ring);
	else
		err = io_uring_submit_and_wait(&loop->ring, 1);
	loop_reap(loop);
	return err == -EINTR || err == -EAGAIN || err == -EBUSY ? 0 : err;
}

void loop_wait(struct loop *loop, bool (*finished)(void *argument), void *argument)
{
	/* An error (out of memory, say) does not excuse returning: buffers are in use. */
	while (!finished(argument))
		loop_turn(loop);
}

static void loop_answer(struct loop *loop, struct loop_request *request, int state)
{
	/* Once the state is set the request may be gone: its caller returns. */
	pthread_mutex_lock(&loop->lock);
	request->state = state;
	pthread_cond_broadcast(&loop->answered);
	pthread_mutex_unlock(&loop->lock);
}

static struct loop_request *loop_take_requests(struct loop *loop, bool close)
{
	struct loop_request *requests;

	pthread_mutex_lock(&loop->lock);
	requests = loop->requests;
	loop->requests = NULL;
	loop->requests_tail = &loop->requests;
	loop->closed = close;
	pthread_mutex_unlock(&loop->lock);
	return requests;
}

/*
 * Until none is left: the wake-up of one that came during a loop_wait() of
 * another is spent.
 */
static void loop_run_requests(struct loop *loop)
{
	struct loop_request *request;

	while ((request = loop_take_requests(loop, false))) {
		while (request) {
			struct loop_request *next = request->next;

			request->function(request->argument);
			loop_answer(loop, request, 1);
			request = next;
		}
	}
}

static void loop_refuse_requests(struct loop *loop)
{
	struct loop_request *request = loop_take_requests(loop, true);

	while (request) {
		struct loop_request *next = request->next;

		loop_answer(loop, request, -ESHUTDOWN);
		request = next;
	}
}

int loop_run(struct loop *loop)
{
	int err = 0;

	/* Requests first: one that waited may have used up the wake-up of loop_quit(). */
	for (;;) {
		loop_run_requests(loop);
		if (atomic_exchange(&loop->quit, false) || err < 0)
			break;
		err = loop_turn(loop);
	}
	loop_refuse_requests(loop);
	return err < 0 ? rh_error(err, "the event loop failed: %s", strerror(-err)) : 0;
}

int loop_call(struct loop *loop, void (*function)(void *argument), void *argument)
{
	struct loop_request request = { .function = function, .argument = argument };

	if (pthread_equal(pthread_self(), loop->thread)) {
		function(argument);
		return 0;
	}
	pthread_mutex_lock(&loop->lock);
	if (loop->closed) {
		pthread_mutex_unlock(&loop->lock);
		return -ESHUTDOWN;
	}
	*loop->requests_tail = &request;
	loop->requests_tail = &request.next;
	/* One wake-up serves all that queue up before the loop looks. */
	if (loop->requests == &request)
		loop_wake(loop);
	while (!request.state)
		pthread_cond_wait(&loop->answered, &loop->lock);
	pthread_mutex_unlock(&loop->lock);
	return request.state < 0 ? request.state : 0;
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*loop->tasks_tail = task;
	loop->tasks_tail = &task->next;
}

/* Room for one more submission, making it by submitting if need be. */
static struct io_uring_sqe *loop_sqe(struct loop *loop)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop->ring);

	if (sqe)
		return sqe;
	io_uring_submit(&loop->ring);
	return io_uring_get_sqe(&loop->ring);
}

static int loop_poll_arm(struct loop_poll *poll)
{
	struct io_uring_sqe *sqe = loop_sqe(poll->loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_poll_multishot(sqe, poll->fd, poll->events);
	io_uring_sqe_set_data(sqe, &poll->op);
	poll->armed = true;
	return 0;
}

static void loop_poll_done(struct loop_op *op, int result)
{
	struct loop_poll *poll = container_of(op, struct loop_poll, op);

	poll->armed = op->more;
	if (poll->stopping)
		return;
	/* The kernel may end a multishot poll at any time; then it is up to us. */
	if (!poll->armed && (result < 0 || loop_poll_arm(poll)))
		result = EPOLLERR;
	poll->ready(poll, result);
}

int loop_poll_start(struct loop *loop, struct loop_poll *poll)
{
	poll->loop = loop;
	poll->op.done = loop_poll_done;
	poll->stopping = false;
	return loop_poll_arm(poll);
}

/**
 * struct loop_removal - the end of a poll in the making
 * @op: the request to remove it
 * @result: what the kernel answered to @op
 * @done: it has
 */
struct loop_removal {
	struct loop_op op;
	int result;
	bool done;
};

static void loop_removal_done(struct loop_op *op, int result)
{
	struct loop_removal *removal = container_of(op, struct loop_removal, op);

	removal->result = result;
	removal->done = true;
}

static bool loop_removal_answered(void *argument)
{
	struct loop_removal *removal = argument;

	return removal->done;
}

static bool loop_poll_stopped(void *argument)
{
	struct loop_poll *poll = argument;

	return !poll->armed;
}

static int loop_poll_remove(struct loop_poll *poll)
{
	struct loop_removal removal = { .op.done = loop_removal_done };
	struct io_uring_sqe *sqe;

	while (!(sqe = loop_sqe(poll->loop)))
		loop_turn(poll->loop);
	io_uring_prep_poll_remove(sqe, (uintptr_t)&poll->op);
	io_uring_sqe_set_data(sqe, &removal.op);
	loop_wait(poll->loop, loop_removal_answered, &removal);
	return removal.result;
}

/*
 * The kernel answers -EALREADY while an event of this poll is being handled, after
 * which a multishot poll may well go on: any signal, for one, is an event to a
 * signalfd until it has looked which one it was. So ask until it is gone.
 */
void loop_poll_stop(struct loop_poll *poll)
{
	poll->stopping = true;
	while (poll->armed && loop_poll_remove(poll) == -EALREADY)
		;
	loop_wait(poll->loop, loop_poll_stopped, poll);
}

int loop_readv(struct loop *loop, struct loop_op *op, int fd, const struct iovec *iov,
	       unsigned int count, uint64_t offset)
{
	struct io_uring_sqe *sqe = loop_sqe(loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_readv(sqe, fd, iov, count, offset);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int loop_writev(struct loop *loop, struct loop_op *op, int fd, const struct iovec *iov,
		unsigned int count, uint64_t offset, int flags)
{
	struct io_uring_sqe *sqe = loop_sqe(loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_writev2(sqe, fd, iov, count, offset, flags);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}

int loop_fdatasync(struct loop *loop, struct loop_op *op, int fd)
{
	struct io_uring_sqe *sqe = loop_sqe(loop);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, op);
	return 0;
}
