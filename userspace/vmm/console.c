// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's console on stdin and stdout. Off the data path. Output runs on vCPU
 * threads and blocks when stdout does: nothing is lost, and the guest waits as it
 * would for a slow wire. Input runs on the loop's thread and waits in turn while
 * the guest does not read.
 *
 * Entry points: console_create(), console_destroy().
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "console.h"
#include "err.h"
#include "util.h"
#include "vm.h"

#define COM1_PORT	0x3F8
#define COM1_IRQ	4

#define ESCAPE_BYTE	0x01	/* Ctrl-A */
#define ESCAPE_QUIT	'x'

/* How often a blocked write looks whether the VM has been stopped. */
#define OUTPUT_POLL_MSEC 100

/* Return: whether to try again. */
static bool wait_for_stdout(struct console *console)
{
	struct pollfd pollfd = { .fd = STDOUT_FILENO, .events = POLLOUT };

	poll(&pollfd, 1, OUTPUT_POLL_MSEC);
	return vm_stopped(console->vm) == VM_RUNNING;
}

/*
 * A stopped VM gives up: whoever stopped it should not wait for a reader. Once
 * stdout is gone (closed pipe, full disk) the guest runs on without a console.
 */
static void write_byte(struct console *console, uint8_t byte)
{
	ssize_t n;

	do {
		n = write(STDOUT_FILENO, &byte, 1);
		if (n == 1)
			return;
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			console->output_gone = true;
			rh_warn("stdout: %s; console output is dropped from here on",
				strerror(errno));
			return;
		}
	} while (wait_for_stdout(console));
}

static void transmit(void *owner, uint8_t byte)
{
	struct console *console = owner;

	pthread_mutex_lock(&console->output_lock);
	if (!console->output_gone)
		write_byte(console, byte);
	pthread_mutex_unlock(&console->output_lock);
}

/* On a vCPU's thread: the bytes are waiting on the loop's. */
static void port_ready(void *owner)
{
	struct console *console = owner;
	const uint64_t one = 1;

	/* fails only when the counter is full, and then the loop is awake already */
	if (write(console->room_fd, &one, sizeof(one)) < 0)
		return;
}

static void feed_port(struct console *console)
{
	size_t count = serial_room(&console->serial);

	if (count > console->pending_count)
		count = console->pending_count;
	if (!count)
		return;
	serial_receive(&console->serial, console->pending, count);
	console->pending_count -= count;
	memmove(console->pending, console->pending + count, console->pending_count);
}

/* Ctrl-A x ends the VM, Ctrl-A Ctrl-A is Ctrl-A, Ctrl-A anything else is dropped. */
static void take_byte(struct console *console, uint8_t byte)
{
	if (console->raw && !console->escape && byte == ESCAPE_BYTE) {
		console->escape = true;
		return;
	}
	if (console->escape) {
		console->escape = false;
		if (byte == ESCAPE_QUIT)
			vm_stop(console->vm, VM_STOP_QUIT);
		if (byte != ESCAPE_BYTE)
			return;
	}
	console->pending[console->pending_count++] = byte;
}

/* Whether a read() would not wait. stdin is shared with others, so it stays blocking. */
static bool input_waits(void)
{
	struct pollfd pollfd = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&pollfd, 1, 0) > 0;
}

/* Return: whether there may be more. */
static bool read_input(struct console *console)
{
	uint8_t bytes[256];
	size_t limit = MIN(sizeof(bytes), CONSOLE_PENDING - console->pending_count);
	ssize_t n, i;

	if (!limit || !input_waits())
		return false;
	n = read(STDIN_FILENO, bytes, limit);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (n <= 0) {
		console->input_open = false;
		return false;
	}
	for (i = 0; i < n; i++)
		take_byte(console, bytes[i]);
	return true;
}

static void pump_input(struct console *console)
{
	do
		feed_port(console);
	while (console->input_open && read_input(console));
}

static void input_ready(struct loop_poll *poll, uint32_t events)
{
	(void)events;
	pump_input(container_of(poll, struct console, input));
}

static void room_ready(struct loop_poll *poll, uint32_t events)
{
	(void)events;
	pump_input(container_of(poll, struct console, room));
}

/* Anything that is no terminal stays as it is; so does one we are not in the foreground of. */
static void set_raw(struct console *console)
{
	struct termios raw;

	if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
	    tcgetattr(STDIN_FILENO, &console->saved))
		return;
	raw = console->saved;
	cfmakeraw(&raw);
	console->raw = !tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

static void restore_terminal(struct console *console)
{
	/* without draining: a terminal that is held must not hold us */
	if (console->raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &console->saved);
}

/*
 * Whether stdin can become ready, as opposed to always being so: a regular file
 * or /dev/null would keep the loop busy for ever. epoll refuses those.
 */
static bool input_can_wait(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);
	bool can_wait;

	if (fd < 0)
		return false;
	can_wait = !epoll_ctl(fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
	close(fd);
	return can_wait;
}

/*
 * What cannot be watched is read as far as the guest takes it, and then whenever
 * the guest has taken more.
 */
static int start_input(struct console *console)
{
	int err;

	console->room = (struct loop_poll){
		.ready = room_ready, .fd = console->room_fd, .events = EPOLLIN,
	};
	err = loop_poll_start(console->vm->loop, &console->room);
	if (err)
		return err;
	console->input = (struct loop_poll){
		.ready = input_ready, .fd = STDIN_FILENO, .events = EPOLLIN,
	};
	console->input_open = true;
	if (input_can_wait()) {
		err = loop_poll_start(console->vm->loop, &console->input);
		if (err) {
			loop_poll_stop(&console->room);
			return err;
		}
	}
	pump_input(console);
	return 0;
}

int console_create(struct vm *vm, struct console **out)
{
	struct console *console = calloc(1, sizeof(*console));
	int err = -ENOMEM;

	if (!console)
		goto report;
	console->vm = vm;
	console->room_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (console->room_fd < 0) {
		err = -errno;
		goto free_console;
	}
	err = -pthread_mutex_init(&console->output_lock, NULL);
	if (err)
		goto close_room;
	console->serial = (struct serial){
		.transmit = transmit, .ready = port_ready, .owner = console,
	};
	err = serial_init(&console->serial, vm, COM1_PORT, COM1_IRQ);
	if (err)
		goto destroy_lock;
	set_raw(console);
	err = start_input(console);
	if (err)
		goto restore;
	*out = console;
	return 0;

restore:
	restore_terminal(console);
	serial_exit(&console->serial);
destroy_lock:
	pthread_mutex_destroy(&console->output_lock);
close_room:
	close(console->room_fd);
free_console:
	free(console);
report:
	return rh_error(err, "cannot set the console up: %s", strerror(-err));
}

void console_destroy(struct console *console)
{
	if (!console)
		return;
	loop_poll_stop(&console->input);
	loop_poll_stop(&console->room);
	restore_terminal(console);
	serial_exit(&console->serial);
	pthread_mutex_destroy(&console->output_lock);
	close(console->room_fd);
	free(console);
}
