// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals become events of the loop, so that whatever is being done is finished first
 * and the terminal is always given back. Main thread.
 *
 * Entry points: signals_create(), signals_destroy().
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "err.h"
#include "loop.h"
#include "signals.h"
#include "util.h"
#include "vm.h"

/**
 * struct signals - the source of these events
 * @vm: what to stop
 * @asked: what SIGUSR2 does
 * @argument: its argument
 * @poll: watches @fd
 * @fd: signalfd
 */
struct signals {
	struct vm *vm;
	void (*asked)(void *argument);
	void *argument;
	struct loop_poll poll;
	int fd;
};

static void signal_ready(struct loop_poll *poll, uint32_t events)
{
	struct signals *signals = container_of(poll, struct signals, poll);
	struct signalfd_siginfo info;

	(void)events;
	while (read(signals->fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGUSR2)
			signals->asked(signals->argument);
		else
			vm_stop(signals->vm, VM_STOP_QUIT);
	}
}

static int open_signalfd(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void ignore_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
}

int signals_create(struct vm *vm, void (*asked)(void *argument), void *argument,
		   struct signals **out)
{
	struct signals *signals = calloc(1, sizeof(*signals));
	int err = -ENOMEM;

	if (!signals)
		goto report;
	signals->vm = vm;
	signals->asked = asked;
	signals->argument = argument;
	ignore_signals();
	signals->fd = open_signalfd();
	if (signals->fd < 0) {
		err = signals->fd;
		goto free_signals;
	}
	signals->poll = (struct loop_poll){
		.ready = signal_ready, .fd = signals->fd, .events = EPOLLIN,
	};
	err = loop_poll_start(vm->loop, &signals->poll);
	if (err)
		goto close_fd;
	*out = signals;
	return 0;

close_fd:
	close(signals->fd);
free_signals:
	free(signals);
report:
	return rh_error(err, "cannot watch for signals: %s", strerror(-err));
}

void signals_destroy(struct signals *signals)
{
	loop_poll_stop(&signals->poll);
	close(signals->fd);
	free(signals);
}
