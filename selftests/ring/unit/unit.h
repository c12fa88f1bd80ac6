/* SPDX-License-Identifier: GPL-2.0-only */
/* What the unit tests share: the memory the code under test may touch. See unit.c. */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include "shim.h"

#define USER_AREAS 8

void user_area_add(const void *start, size_t size);
void user_area_protect(const void *start);
void user_area_remove(const void *start);
void user_areas_clear(void);

/* Runs before each access that is allowed: the hostile guest's turn. */
extern void (*user_access_hook)(const volatile void *address, size_t size);
/* Accesses allowed and refused so far. */
extern unsigned long user_accesses;
extern unsigned long user_refusals;

#endif /* UNIT_UNIT_H */
