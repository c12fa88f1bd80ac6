/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctl tables' rows, and the vring ioctls. See device.c and vring.c.
 */
#ifndef RH_VRING_H
#define RH_VRING_H

#include "core.h"

/**
 * enum rh_ioctl_who - who may call an ioctl
 * @RH_IOCTL_ANYONE: whoever holds the descriptor
 * @RH_IOCTL_OWNER: a thread of the process that called VHOST_SET_OWNER
 */
enum rh_ioctl_who {
	RH_IOCTL_ANYONE,
	RH_IOCTL_OWNER,
};

/**
 * struct rh_dev_ioctl - an ioctl on the device
 * @cmd: its number
 * @who: who may call it
 * @handle: does it; dev->lock is held
 */
struct rh_dev_ioctl {
	unsigned int cmd;
	enum rh_ioctl_who who;
	long (*handle)(struct rh_dev *dev, void __user *argument);
};

long rh_vring_ioctl(struct rh_dev *dev, unsigned int cmd, void __user *argument);

#endif /* RH_VRING_H */
