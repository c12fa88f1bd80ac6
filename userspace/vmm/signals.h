/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signals, as events of the loop.
 */
#ifndef RH_VMM_SIGNALS_H
#define RH_VMM_SIGNALS_H

struct signals;
struct vm;

/**
 * signals_create() - let SIGTERM, SIGINT, SIGHUP and SIGQUIT stop the VM
 * @vm: the VM with its loop; on the loop's thread, before any other thread exists,
 *	since threads inherit the mask set here
 * @asked: called for SIGUSR2, on the loop's thread (SIGUSR1 is the vCPUs' own)
 * @argument: its argument
 * @out: to be destroyed
 *
 * The signals stay blocked: one that comes between two runs of a machine stops
 * the second. SIGPIPE and the terminal's job control are ignored: both show as
 * errors of the calls they are about.
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int signals_create(struct vm *vm, void (*asked)(void *argument), void *argument,
		   struct signals **out);
void signals_destroy(struct signals *signals);

#endif /* RH_VMM_SIGNALS_H */
