// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps a multi-CPU test host that runs nested guests from freezing.
 *
 * QEMU's multi-threaded TCG now and then loses a pending-interrupt flag of a CPU while
 * that CPU runs an SVM guest; the CPU then sleeps or spins for good, although any later
 * interrupt to it would repair the loss. So every CPU carries a real-time thread that
 * wakes, at a slow beat, a real-time thread on each other CPU: each wake-up is an
 * inter-processor interrupt. 50 ms repairs a loss before anybody times out and costs
 * next to nothing; a beat ten times as fast was measured to starve the guests.
 *
 * QEMU before 8.1 also loses a store to code that another CPU is just translating. KVM
 * patches its own code when the number of vCPUs whose local APIC is software-disabled
 * moves from or to zero, which every guest's boot does, and a lost patch there is a
 * breakpoint nobody handles: an Oops. So this program also holds a vCPU that never runs.
 *
 * Not needed with one CPU or with hardware virtualization. Prints "ready" and runs until
 * it is killed.
 *
 * Entry points: main(); beat_thread() and listen_thread(), one of each per CPU.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define BEAT_NS		(50 * 1000 * 1000L)
#define PRIORITY	10

struct cpu {
	int index;
	int wake;	/* eventfd: the other CPUs' beats write, this CPU's listener reads */
};

static struct cpu *cpus;
static long cpu_count;

/* Bind the calling thread to @index, above every ordinary thread of that CPU. */
static void become_cpu(int index)
{
	struct sched_param param = { .sched_priority = PRIORITY };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(index, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set) ||
	    pthread_setschedparam(pthread_self(), SCHED_FIFO, &param)) {
		fprintf(stderr, "heartbeat: CPU %d: cannot become a real-time thread\n", index);
		exit(1);
	}
}

static void *listen_thread(void *arg)
{
	const struct cpu *self = arg;
	uint64_t beats;

	become_cpu(self->index);
	for (;;) {
		if (read(self->wake, &beats, sizeof(beats)) < 0 && errno != EINTR)
			exit(1);
	}
	return NULL;
}

static void beat_others(const struct cpu *self)
{
	const uint64_t one = 1;

	for (long i = 0; i < cpu_count; i++) {
		if (&cpus[i] != self && write(cpus[i].wake, &one, sizeof(one)) < 0)
			exit(1);
	}
}

static void *beat_thread(void *arg)
{
	const struct timespec period = { .tv_nsec = BEAT_NS };
	const struct cpu *self = arg;

	become_cpu(self->index);
	for (;;) {
		nanosleep(&period, NULL);
		beat_others(self);
	}
	return NULL;
}

static int start_thread(void *(*run)(void *), struct cpu *cpu)
{
	pthread_t thread;
	int err;

	err = pthread_create(&thread, NULL, run, cpu);
	if (err)
		fprintf(stderr, "heartbeat: CPU %d: %s\n", cpu->index, strerror(err));
	return err;
}

/* The descriptors stay open, and with them the machine, until the process ends. */
static int hold_vcpu(void)
{
	int kvm, vm;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return -1;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0 || ioctl(vm, KVM_CREATE_IRQCHIP, 0) < 0)
		return -1;
	return ioctl(vm, KVM_CREATE_VCPU, 0);
}

static int create_cpus(void)
{
	cpu_count = sysconf(_SC_NPROCESSORS_ONLN);
	cpus = calloc(cpu_count, sizeof(*cpus));
	if (!cpus)
		return -1;
	for (long i = 0; i < cpu_count; i++) {
		cpus[i].index = i;
		cpus[i].wake = eventfd(0, EFD_CLOEXEC);
		if (cpus[i].wake < 0)
			return -1;
	}
	return 0;
}

int main(void)
{
	if (hold_vcpu() < 0 || create_cpus()) {
		perror("heartbeat");
		return 1;
	}
	for (long i = 0; i < cpu_count; i++) {
		if (start_thread(listen_thread, &cpus[i]) || start_thread(beat_thread, &cpus[i]))
			return 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
