/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets that are almost right: those that come furthest. */
#ifndef SELFTESTS_TAP_GARBAGE_H
#define SELFTESTS_TAP_GARBAGE_H

#include <stdlib.h>

#include "frames.h"

/* A good frame to @mac with a few fields gone wild. */
static inline void garbage_build(struct frame *frame, const unsigned char *mac)
{
	const struct frame_plan plan = {
		.destination = mac,
		.family = random() % 2 ? 4 : 6,
		.protocol = random() % 3 ? IPPROTO_TCP : IPPROTO_UDP,
		.options = random() % 4 ? 0 : 8 * (random() % 5),
		.payload = random() % 8 ? random() % 5000 : random() % 65000,
		.flags = random(),
		.partial = random() % 8,
	};
	unsigned char *header = (unsigned char *)&frame->header;

	frame_build(frame, &plan);
	if (random() % 8) {
		frame->header.gso_type = plan.protocol == IPPROTO_UDP ? FRAME_GSO_UDP :
			plan.family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
		frame->header.gso_size = random() % 8 ? random() % 1500 + 1 : random();
	}
	for (unsigned int i = random() % 3; i > 0; i--)
		header[random() % sizeof(frame->header)] = random();
	for (unsigned int i = random() % 4; i > 0; i--)
		frame->bytes[12 + random() % (frame->payload - 12)] = random();
}

#endif /* SELFTESTS_TAP_GARBAGE_H */
