/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls that are not in ioctl.c itself. Each runs under RTNL; @tap is NULL if
 * the file has no interface.
 */
#ifndef RH_TAP_IOCTL_H
#define RH_TAP_IOCTL_H

#include "tap.h"

/**
 * union rh_tap_argument - a call's argument, as its function sees it
 * @value: the argument itself, of calls that pass no pointer
 * @number: what the pointer points to
 * @ifreq: what the pointer points to
 * @program: what the pointer points to
 */
union rh_tap_argument {
	unsigned long value;
	int number;
	struct ifreq ifreq;
	struct sock_fprog program;
};

/* ---- attach.c ---- */

int rh_tap_attach_interface(struct rh_tap_file *file, struct rh_tap *tap,
			    union rh_tap_argument *argument);
int rh_tap_attach_queue(struct rh_tap_file *file, struct rh_tap *tap,
			union rh_tap_argument *argument);
int rh_tap_attach_set_ifindex(struct rh_tap_file *file, struct rh_tap *tap,
			      union rh_tap_argument *argument);

/* ---- filter.c ---- */

int rh_tap_filter_detach(struct rh_tap_file *file, struct rh_tap *tap,
			 union rh_tap_argument *argument);
int rh_tap_filter_get(struct rh_tap_file *file, struct rh_tap *tap,
		      union rh_tap_argument *argument);
int rh_tap_filter_set_extended(struct rh_tap_file *file, struct rh_tap *tap,
			       union rh_tap_argument *argument);
int rh_tap_filter_set_steering(struct rh_tap_file *file, struct rh_tap *tap,
			       union rh_tap_argument *argument);

/* ---- type.c ---- */

int rh_tap_type_set(struct rh_tap_file *file, struct rh_tap *tap, union rh_tap_argument *argument);

#endif /* RH_TAP_IOCTL_H */
