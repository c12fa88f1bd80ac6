/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the supported kernels (6.1, 6.12), each under the name of
 * the thing that differs. No other file looks at the kernel's version.
 */
#ifndef RH_COMPAT_H
#define RH_COMPAT_H

#include <linux/eventfd.h>
#include <linux/version.h>

/* Signal an eventfd by one; the count argument went away in 6.8. */
static inline void rh_compat_eventfd_signal(struct eventfd_ctx *context)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(context);
#else
	eventfd_signal(context, 1);
#endif
}

#endif /* RH_COMPAT_H */
