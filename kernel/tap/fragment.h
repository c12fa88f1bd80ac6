/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory for small packets. See fragment.c.
 */
#ifndef RH_TAP_FRAGMENT_H
#define RH_TAP_FRAGMENT_H

#include <linux/types.h>

void *rh_tap_fragment_alloc(unsigned int size);
void rh_tap_fragment_exit(void);

#endif /* RH_TAP_FRAGMENT_H */
