/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A network card of the fake machine, and commands on its control queue.
 */
#ifndef SELFTESTS_VMM_FAKE_CARD_H
#define SELFTESTS_VMM_FAKE_CARD_H

#include "fake.h"

/* A card with backend=userspace over a fake tap; before fake_start(). */
void fake_add_card(struct fake *fake, unsigned int pairs);

/**
 * fake_send_command() - send a command and wait for the answer
 * @queue: the control queue
 * @buffer: a page of guest memory to use
 * @command: header and data
 * @bytes: their length
 * @room: writable bytes for the answer, 0 or 1
 *
 * Return: the answer, 0xee if there was no room for it, or a negative errno.
 */
int fake_send_command(struct fake_queue *queue, uint64_t buffer, const void *command,
		      unsigned int bytes, unsigned int room);

/* The same with header and data apart, and room for the answer. */
int fake_command(struct fake_queue *queue, uint64_t buffer, uint8_t group, uint8_t command,
		 const void *data, unsigned int bytes);

#endif /* SELFTESTS_VMM_FAKE_CARD_H */
