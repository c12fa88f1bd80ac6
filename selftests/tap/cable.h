/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A cable between two taps: what one's host sends, the other's receives, vnet header
 * included. A thread of the test's own moves the packets, as a guest or a VPN would.
 */
#ifndef SELFTESTS_TAP_CABLE_H
#define SELFTESTS_TAP_CABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "tap.h"

#define CABLE_PACKET_MAX (1 << 17)
/* Packets in one direction before the other has its turn. */
#define CABLE_BATCH 64

/**
 * struct cable - between two files that do not block
 * @ends: the files
 * @pull: an eventfd: written to end the thread
 * @moved: packets taken from each end
 * @refused: packets the other end did not take
 * @thread: moves packets
 * @packet: the one being moved
 */
struct cable {
	int ends[2];
	int pull;
	atomic_ulong moved[2];
	atomic_ulong refused;
	pthread_t thread;
	unsigned char packet[CABLE_PACKET_MAX];
};

static inline void cable_move(struct cable *cable, unsigned int from)
{
	ssize_t length;

	for (unsigned int i = 0; i < CABLE_BATCH; i++) {
		length = read(cable->ends[from], cable->packet, sizeof(cable->packet));
		if (length <= 0)
			return;
		cable->moved[from]++;
		if (write(cable->ends[!from], cable->packet, length) != length)
			cable->refused++;
	}
}

static inline void *cable_run(void *context)
{
	struct cable *cable = context;
	struct pollfd pollers[] = {
		{ .fd = cable->ends[0], .events = POLLIN },
		{ .fd = cable->ends[1], .events = POLLIN },
		{ .fd = cable->pull, .events = POLLIN },
	};

	while (poll(pollers, 3, -1) > 0 && !pollers[2].revents) {
		cable_move(cable, 0);
		cable_move(cable, 1);
	}
	return NULL;
}

/* A cable between two files, from now on. */
static inline struct cable *cable_plug(int one, int other)
{
	struct cable *cable = calloc(1, sizeof(*cable));

	ASSERT_TRUE(cable);
	cable->ends[0] = one;
	cable->ends[1] = other;
	cable->pull = eventfd(0, EFD_CLOEXEC);
	ASSERT_LE(0, cable->pull);
	ASSERT_EQ(0, pthread_create(&cable->thread, NULL, cable_run, cable));
	return cable;
}

static inline void cable_unplug(struct cable *cable)
{
	ASSERT_EQ(0, eventfd_write(cable->pull, 1));
	ASSERT_EQ(0, pthread_join(cable->thread, NULL));
	close(cable->pull);
	free(cable);
}

#endif /* SELFTESTS_TAP_CABLE_H */
