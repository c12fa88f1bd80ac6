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
 * Not needed with one CPU or with hardware virtualization. Runs until it is killed.
 *
 * Entry points: main(); beat_thread() and listen_thread(), one of each per CPU.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
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

int main(void)
{
	cpu_count = sysconf(_SC_NPROCESSORS_ONLN);
	cpus = calloc(cpu_count, sizeof(*cpus));
	if (!cpus)
		return 1;
	for (long i = 0; i < cpu_count; i++) {
		cpus[i].index = i;
		cpus[i].wake = eventfd(0, EFD_CLOEXEC);
		if (cpus[i].wake < 0) {
			perror("heartbeat: eventfd");
			return 1;
		}
	}
	for (long i = 0; i < cpu_count; i++) {
		if (start_thread(listen_thread, &cpus[i]) || start_thread(beat_thread, &cpus[i]))
			return 1;
	}
	for (;;)
		pause();
}
