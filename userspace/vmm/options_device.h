/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The values of --disk and --net: key=value lists separated by commas.
 * Part of options.c, main thread only.
 */
#ifndef RH_VMM_OPTIONS_DEVICE_H
#define RH_VMM_OPTIONS_DEVICE_H

#include "options.h"

/*
 * Append one device to @options. @text is copied, and the copy freed by
 * options_free(). Return: 0, or a negative errno after one line on stderr.
 */
int options_add_disk(struct options *options, const char *text);
int options_add_net(struct options *options, const char *text);

#endif /* RH_VMM_OPTIONS_DEVICE_H */
