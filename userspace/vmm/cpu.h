/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Virtual CPUs: one thread each, in KVM_RUN most of the time. The main thread
 * creates, starts, joins and destroys them, in this order.
 */
#ifndef RH_VMM_CPU_H
#define RH_VMM_CPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct kvm_run;
struct vm;

/**
 * struct vcpu - one virtual CPU
 * @vm: the VM
 * @index: number, which is also its APIC id
 * @fd: KVM's vCPU
 * @run: KVM's shared page, @run_size bytes
 * @run_size: bytes mapped
 * @thread: who runs it, while @started
 * @started: @thread exists and has not been joined
 * @exits: times KVM_RUN returned; written by @thread alone
 */
struct vcpu {
	struct vm *vm;
	unsigned int index;
	int fd;
	struct kvm_run *run;
	size_t run_size;
	pthread_t thread;
	bool started;
	_Atomic(uint64_t) exits;
};

/**
 * vcpus_create() - create vm->cpus vCPUs; the first is ready to enter the kernel
 * @vm: with RAM, and the boot data in place
 *
 * Return: 0, or a negative errno after one line on stderr, nothing left behind.
 */
int vcpus_create(struct vm *vm);

/*
 * Start the threads. The caller has blocked the signals it handles itself. After
 * an error (one line on stderr) vcpus_join() is still due.
 */
int vcpus_start(struct vm *vm);

/* Make every vCPU leave KVM_RUN and look at vm_stopped(). Any thread; see vm_stop(). */
void vcpus_kick(struct vm *vm);

/* Wait until all threads have ended; vm_stop() was called and the loop has ended. */
void vcpus_join(struct vm *vm);
void vcpus_destroy(struct vm *vm);

/* Times KVM_RUN returned, all vCPUs. Any thread. */
uint64_t vcpus_exits(struct vm *vm);

#endif /* RH_VMM_CPU_H */
