/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Numbered chains through the queue under test: each must come back once, with
 * its own number, and packets in their order. See stream.c.
 *
 *	stream_init(&stream, &rig);
 *	... start the queues ...
 *	stream_offer(&stream, 10);
 *	while (!stream_is_done(&stream))
 *		stream_wait(&stream);
 */
#ifndef SELFTESTS_STREAM_H
#define SELFTESTS_STREAM_H

#include "rig.h"

/* Chains, and packets on their way, at most. */
#define STREAM_SLOTS 64
#define STREAM_RING_MAX 1024

/**
 * struct stream - numbered chains of one queue
 * @rig: the device; nobody else uses its queue
 * @memory: a slot for each chain
 * @idle: slots that no chain uses
 * @idle_count: how many there are
 * @slot_of: slot of the chain of a head, -1 if none is on offer
 * @kick: an eventfd that is signalled beside the queue's own, or -1
 * @call: an eventfd that may be signalled instead of the queue's own, or -1
 * @lossy: packets may be lost on the way to a receive queue, but not chains
 * @offered: chains offered
 * @returned: chains that came back
 * @sent: packets sent from the host's side
 * @arrived: packets that arrived, at whichever side receives
 */
struct stream {
	struct rig *rig;
	unsigned char *memory;
	unsigned int idle[STREAM_SLOTS];
	unsigned int idle_count;
	int slot_of[STREAM_RING_MAX];
	int kick;
	int call;
	bool lossy;
	volatile uint64_t offered;
	volatile uint64_t returned;
	uint64_t sent;
	uint64_t arrived;
};

void stream_init(struct stream *stream, struct rig *rig);
unsigned int stream_offer(struct stream *stream, unsigned int count);
bool stream_collect(struct stream *stream);
bool stream_is_done(const struct stream *stream);
void stream_wait(struct stream *stream);
void stream_finish(struct stream *stream);

#endif /* SELFTESTS_STREAM_H */
