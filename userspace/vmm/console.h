/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's console: its first serial port, wired to stdin and stdout.
 */
#ifndef RH_VMM_CONSOLE_H
#define RH_VMM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <termios.h>

#include "loop.h"
#include "serial.h"

struct vm;

#define CONSOLE_PENDING 4096

/**
 * struct console - both ends of the wire
 * @serial: the port
 * @vm: the VM
 * @output_lock: one byte is written at a time; outer to nothing. Never taken by the
 *	loop's thread, which must stay free to stop a vCPU that is stuck in a write
 * @output_gone: stdout cannot be written any more
 * @input: watches stdin; armed until its end
 * @input_open: stdin has not ended
 * @room: watches @room_fd
 * @room_fd: eventfd signalled when the port may take more
 * @pending: bytes read from stdin that the port had no room for, oldest first
 * @pending_count: how many
 * @escape: the last byte typed was Ctrl-A
 * @raw: the terminal was switched to raw mode
 * @saved: its settings before
 */
struct console {
	struct serial serial;
	struct vm *vm;
	pthread_mutex_t output_lock;
	bool output_gone;
	struct loop_poll input;
	bool input_open;
	struct loop_poll room;
	int room_fd;
	uint8_t pending[CONSOLE_PENDING];
	size_t pending_count;
	bool escape;
	bool raw;
	struct termios saved;
};

/**
 * console_create() - COM1 on the bus, stdin on the loop, a terminal in raw mode
 * @vm: the VM with its loop; on the loop's thread
 * @out: the console
 *
 * Return: 0, or a negative errno after one line on stderr, nothing left behind.
 */
int console_create(struct vm *vm, struct console **out);

/* Give the terminal back as it was. The vCPUs have stopped; on the loop's thread. NULL is fine. */
void console_destroy(struct console *console);

#endif /* RH_VMM_CONSOLE_H */
