/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One machine from power-on to power-off.
 */
#ifndef RH_VMM_MACHINE_H
#define RH_VMM_MACHINE_H

#include "options.h"
#include "vm.h"

/**
 * machine_run() - make a machine, run it, release it
 * @options: checked command line
 * @why: out: what ended it; never VM_STOP_ERROR when 0 is returned
 *
 * Return: 0, or a negative errno after one line on stderr. Nothing is left behind
 * in either case.
 */
int machine_run(const struct options *options, enum vm_stop_reason *why);

#endif /* RH_VMM_MACHINE_H */
