/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What device.c and vring.c need of queue.c, kick.c and stats.c beyond the public face.
 */
#ifndef RH_QUEUE_H
#define RH_QUEUE_H

#include "core.h"

void rh_queue_init(struct rh_queue *queue, struct rh_dev *dev, unsigned int index);
void rh_queue_reset(struct rh_queue *queue);
void rh_queue_lock(struct rh_queue *queue);
void rh_queue_move_ring(struct rh_queue *queue, const struct rh_ring *at);
void rh_queue_set_features(struct rh_queue *queue, u64 features);

/* ---- kick.c ---- */

void rh_kick_init(struct rh_queue *queue);
void rh_kick_start(struct rh_queue *queue);
void rh_kick_stop(struct rh_queue *queue);
struct file *rh_kick_replace(struct rh_queue *queue, struct file *kick);

/* ---- stats.c ---- */

const char *rh_stat_name(unsigned int stat);

#endif /* RH_QUEUE_H */
