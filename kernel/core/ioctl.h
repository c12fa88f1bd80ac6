/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rows of the ioctl tables: the core's in device.c and vring.c, and each backend's
 * own. Documentation/uapi names every one of them, and a test compares.
 *
 * Who may call, and in which state, is said by the row and checked before the handler
 * runs, so no handler does.
 */
#ifndef RH_IOCTL_H
#define RH_IOCTL_H

#include <linux/types.h>
#include <linux/vhost.h>

#include "../../uapi/ringhost.h"
#include "../compat.h"

struct rh_dev;
struct rh_queue;

/**
 * enum rh_ioctl_who - who may call an ioctl; others get -EPERM
 * @RH_IOCTL_OWNER: a thread of the process that called VHOST_SET_OWNER
 * @RH_IOCTL_ANYONE: whoever holds the descriptor
 */
enum rh_ioctl_who {
	RH_IOCTL_OWNER,
	RH_IOCTL_ANYONE,
};

/**
 * enum rh_ioctl_when - in which state an ioctl is allowed; in others it gets -EBUSY
 * @RH_IOCTL_ALWAYS: in any
 * @RH_IOCTL_UNOWNED: before VHOST_SET_OWNER
 * @RH_IOCTL_STOPPED: while the queue, or for a device's ioctl every queue, is stopped
 */
enum rh_ioctl_when {
	RH_IOCTL_ALWAYS,
	RH_IOCTL_UNOWNED,
	RH_IOCTL_STOPPED,
};

/**
 * struct rh_dev_ioctl - an ioctl on the device; a table of them ends with an empty row
 * @cmd: its number, which tells the argument's size
 * @who: who may call it
 * @handle: does it; dev->lock is held
 * @when: in which state
 */
struct rh_dev_ioctl {
	unsigned int cmd;
	enum rh_ioctl_who who;
	long (*handle)(struct rh_dev *dev, void __user *argument);
	enum rh_ioctl_when when;
};

/* The argument of an ioctl on one queue; all begin with the queue's number. */
union rh_vring_argument {
	struct vhost_vring_state state;
	struct vhost_vring_addr address;
	struct vhost_vring_file file;
	struct ringhost_vring_stats stats;
	struct vhost_vring_worker worker;
};

/**
 * struct rh_vring_ioctl - an ioctl on one queue, by the owner; a table of them ends with an
 *	empty row
 * @cmd: its number, which tells the argument's size
 * @locked: runs under the queue's lock, not only under dev->lock
 * @writes_back: the argument goes back to the caller; not told by the number, because
 *	linux/vhost.h calls some that only read "IOWR"
 * @handle: does it
 * @when: in which state
 */
struct rh_vring_ioctl {
	unsigned int cmd;
	bool locked;
	bool writes_back;
	long (*handle)(struct rh_queue *queue, union rh_vring_argument *arg);
	enum rh_ioctl_when when;
};

#endif /* RH_IOCTL_H */
