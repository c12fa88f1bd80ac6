/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the C library lacks and every file of the VMM may use.
 */
#ifndef RH_VMM_UTIL_H
#define RH_VMM_UTIL_H

#include <stddef.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* The structure of @type whose @member is at @pointer. */
#define container_of(pointer, type, member) \
	((type *)((char *)(pointer) - offsetof(type, member)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#endif /* RH_VMM_UTIL_H */
