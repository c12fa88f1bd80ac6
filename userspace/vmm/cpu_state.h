/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a virtual CPU is like before its first instruction: CPUID, MSRs,
 * registers. Part of cpu.c; main thread.
 */
#ifndef RH_VMM_CPU_STATE_H
#define RH_VMM_CPU_STATE_H

struct vcpu;

/*
 * Set a fresh vCPU up: the first to enter the kernel loaded by boot_load(), the
 * others to wait for the first one's startup message. Return: 0 or -errno.
 */
int cpu_state_init(struct vcpu *vcpu);

#endif /* RH_VMM_CPU_STATE_H */
