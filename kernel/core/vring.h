/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What device.c needs of vring.c.
 */
#ifndef RH_VRING_H
#define RH_VRING_H

#include "core.h"

long rh_vring_ioctl(struct rh_dev *dev, unsigned int cmd, void __user *argument);

#endif /* RH_VRING_H */
