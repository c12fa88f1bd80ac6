// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tracepoints' bodies, which trace.h turns into code here and nowhere else.
 *
 * They run where the tracepoints stand. Entry points: none of its own.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
