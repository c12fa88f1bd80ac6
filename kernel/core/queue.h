/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What device.c needs of queue.c beyond the public face.
 */
#ifndef RH_QUEUE_H
#define RH_QUEUE_H

#include "core.h"

void rh_queue_init(struct rh_queue *queue, struct rh_dev *dev, unsigned int index);
void rh_queue_reset(struct rh_queue *queue);
void rh_queue_lock(struct rh_queue *queue);
struct file *rh_queue_set_kick(struct rh_queue *queue, struct file *kick);
void rh_queue_move_ring(struct rh_queue *queue, const struct rh_ring *at);
void rh_queue_set_features(struct rh_queue *queue, u64 features);

#endif /* RH_QUEUE_H */
