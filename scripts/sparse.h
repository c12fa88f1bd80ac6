/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Read by sparse before each file: what the headers of newer kernels say in a way that the
 * sparse of Debian 12 does not follow. The compiler never sees this.
 */

/* It keeps qualifiers, which only matters for what is assigned to. */
#define __typeof_unqual__ __typeof__

/* Of a literal, the number that static_assert() compares it with. */
#define __builtin_strlen(string) (sizeof(string) - 1)
