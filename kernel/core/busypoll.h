/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * (1) Busy polling: looking for more before asking for a kick. See busypoll.c.
 */
#ifndef RH_BUSYPOLL_H
#define RH_BUSYPOLL_H

#include <linux/types.h>

struct rh_queue;

/**
 * struct rh_poll - a queue's busy polling; under the queue's lock
 * @limit: nanoseconds that a look may take, as the owner allows; 0: none is taken
 * @window: nanoseconds that the next look takes; 0: it would not pay
 * @empty_since: when the ring was found empty; 0: it was not since the last pop
 */
struct rh_poll {
	u64 limit;
	u64 window;
	u64 empty_since;
};

void rh_poll_set(struct rh_queue *queue, u32 microseconds);
u32 rh_poll_get(const struct rh_queue *queue);
bool rh_poll_finds_more(struct rh_queue *queue);
void rh_poll_learn(struct rh_queue *queue);

#endif /* RH_BUSYPOLL_H */
