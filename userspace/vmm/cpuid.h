/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * CPUID as a guest sees it. Part of cpu.c; main thread.
 */
#ifndef RH_VMM_CPUID_H
#define RH_VMM_CPUID_H

struct vcpu;

/*
 * Give a vCPU what KVM supports on this host, with its own place in a topology
 * of one socket and one thread per core. Return: 0 or -errno.
 */
int cpuid_init(struct vcpu *vcpu);

#endif /* RH_VMM_CPUID_H */
