/* SPDX-License-Identifier: GPL-2.0-only */
/* The public header, and the kernel's own types: see shim.h. */
#include_next <linux/types.h>
#include "../shim.h"
