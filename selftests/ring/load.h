/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue kept busy from a thread, for tests of what may happen meanwhile. All
 * its chains use memory that is never given up, so nothing runs out.
 */
#ifndef RING_LOAD_H
#define RING_LOAD_H

#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define LOAD_FRAME 200

/**
 * struct load - the thread and what it works on
 * @rig: the device; the thread alone uses its queue under test
 * @buffer: a page of guest memory
 * @frame: what it sends from the host's side
 * @stop: set to make it end
 * @done: chains that came back
 * @thread: the thread
 */
struct load {
	struct rig *rig;
	unsigned char *buffer;
	unsigned char frame[LOAD_FRAME];
	volatile bool stop;
	volatile unsigned long done;
	pthread_t thread;
};

static inline void load_init(struct load *load, struct rig *rig)
{
	load->rig = rig;
	load->stop = false;
	load->done = 0;
	load->buffer = guest_alloc(&rig->driver.guest, 4096, 4096);
	net_fill_frame(load->frame, sizeof(load->frame), 3);
	memset(load->buffer, 0, 4096);
	if (rig->flavour == RIG_NET_TX)
		memcpy(load->buffer + NET_HEADER, load->frame, sizeof(load->frame));
}

/* Offer a chain: a read of sector 0, a frame to send, or a buffer to receive into. */
static inline int load_add(struct load *load)
{
	unsigned char *buffer = load->buffer;
	struct driver_buffer request[] = {
		{ buffer, sizeof(struct virtio_blk_outhdr), false },
		{ buffer + 1024, BLK_SECTOR, true },
		{ buffer + 2048, 1, true },
	};
	struct driver_buffer packet = { buffer, NET_HEADER + LOAD_FRAME, false };
	struct driver_buffer room = { buffer, 4096, true };

	switch (load->rig->flavour) {
	case RIG_BLK:
		return driver_add(load->rig->queue, request, 3);
	case RIG_NET_TX:
		return driver_add(load->rig->queue, &packet, 1);
	case RIG_NET_RX:
		return driver_add(load->rig->queue, &room, 1);
	}
	return -1;
}

static inline void load_fill(struct load *load)
{
	while (load_add(load) >= 0)
		;
	driver_kick(load->rig->queue);
	if (load->rig->flavour == RIG_NET_RX)
		for (unsigned int i = 0; i < 16; i++)
			send(load->rig->host, load->frame, sizeof(load->frame), MSG_DONTWAIT);
}

static inline void *load_main(void *context)
{
	struct load *load = context;
	struct driver_used used;

	while (!load->stop) {
		load_fill(load);
		if (!driver_wait(load->rig->queue, &used, 10))
			continue;
		do
			load->done++;
		while (driver_reap(load->rig->queue, &used));
	}
	return NULL;
}

static inline void load_start(struct load *load)
{
	ASSERT_EQ(0, pthread_create(&load->thread, NULL, load_main, load));
}

static inline void load_stop(struct load *load)
{
	load->stop = true;
	ASSERT_EQ(0, pthread_join(load->thread, NULL));
}

/* Wait until at least @more chains have come back, or fail. */
static inline void load_expect(struct load *load, unsigned long more)
{
	unsigned long target = load->done + more;

	for (unsigned int i = 0; i < DRIVER_TIMEOUT / 10 && load->done < target; i++)
		usleep(10000);
	ASSERT_LE(target, load->done);
}

#endif /* RING_LOAD_H */
