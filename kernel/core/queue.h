/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core's files need of queue.c, place.c, kick.c and stats.c beyond the public face.
 */
#ifndef RH_QUEUE_H
#define RH_QUEUE_H

#include "core.h"

void rh_queue_init(struct rh_queue *queue, struct rh_dev *dev, unsigned int index);
void rh_queue_reset(struct rh_queue *queue);
void rh_queue_lock(struct rh_queue *queue);
void rh_queue_drain(struct rh_queue *queue);
bool rh_queue_failed(struct rh_queue *queue, int err);
void rh_queue_set_features(struct rh_queue *queue, u64 features);
void rh_queue_break(struct rh_queue *queue, enum ringhost_vring_stat why);

/* ---- device.c ---- */

int rh_devices_init(void);
void rh_devices_exit(void);
bool rh_dev_is_owner(const struct rh_dev *dev);

/* ---- place.c ---- */

int rh_queue_begin(struct rh_queue *queue);
void rh_queue_go_on(struct rh_queue *queue);
void rh_queue_move_ring(struct rh_queue *queue, const struct rh_ring *at);
void rh_queue_change_iotlb(struct rh_queue *queue, const struct rh_memory *iotlb, u64 start,
			   u64 last);
void rh_queue_set_iotlb(struct rh_queue *queue, const struct rh_memory *iotlb);

/* ---- kick.c ---- */

void rh_kick_init(struct rh_queue *queue);
void rh_kick_start(struct rh_queue *queue);
void rh_kick_stop(struct rh_queue *queue);
struct file *rh_kick_replace(struct rh_queue *queue, struct file *kick);

/* ---- stats.c ---- */

const char *rh_stat_name(unsigned int stat);

/* ---- log_setup.c ---- */

bool rh_log_memory_ok(const struct rh_bitmap *bitmap, const struct rh_memory *memory,
		      u64 features);
bool rh_log_device_ok(const struct rh_bitmap *bitmap, const struct rh_ring *ring, u64 address);
void rh_log_update(struct rh_queue *queue);
void rh_log_settle(struct rh_queue *queue);
long rh_log_set_base(struct rh_dev *dev, void __user *argument);
long rh_log_set_fd(struct rh_dev *dev, void __user *argument);
void rh_log_reset(struct rh_dev *dev);

#endif /* RH_QUEUE_H */
