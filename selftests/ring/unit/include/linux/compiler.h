/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's own header is not for userspace: see shim.h. */
#include "../shim.h"
