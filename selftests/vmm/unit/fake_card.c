// SPDX-License-Identifier: GPL-2.0-only
/*
 * A network card of the fake machine. See fake_card.h.
 */
#include <errno.h>
#include <string.h>

#include "fake_card.h"

#define ANSWER 4000	/* behind the longest command */

void fake_add_card(struct fake *fake, unsigned int pairs)
{
	fake->options.nets[fake->options.net_count++] = (struct net_options) {
		.tap = "fake", .backend = BACKEND_USERSPACE, .pairs = pairs,
		.mac = { 0x52, 0x54, 0, 1, 2, 3 }, .mac_given = true,
	};
}

int fake_send_command(struct fake_queue *queue, uint64_t buffer, const void *command,
		      unsigned int bytes, unsigned int room)
{
	unsigned char *answer = fake_ram(queue->fake, buffer + ANSWER);
	struct vring_used_elem used;

	*answer = 0xee;
	memcpy(fake_ram(queue->fake, buffer), command, bytes);
	/* Cut in the middle of the header, as a driver may. */
	fake_descriptor(queue, 0, buffer, 1, VRING_DESC_F_NEXT, bytes > 1 ? 1 : 2);
	fake_descriptor(queue, 1, buffer + 1, bytes - 1, room ? VRING_DESC_F_NEXT : 0, 2);
	fake_descriptor(queue, 2, buffer + ANSWER, room, VRING_DESC_F_WRITE, 0);
	fake_offer(queue, 0);
	if (!fake_used(queue, &used))
		return -ETIMEDOUT;
	return used.len == room ? *answer : -EPROTO;
}

int fake_command(struct fake_queue *queue, uint64_t buffer, uint8_t group, uint8_t command,
		 const void *data, unsigned int bytes)
{
	unsigned char all[ANSWER] = { group, command };

	memcpy(all + 2, data, bytes);
	return fake_send_command(queue, buffer, all, bytes + 2, 1);
}
