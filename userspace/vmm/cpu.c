// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage (1), where the guest is: vCPU threads and their exits. A doorbell that
 * an ioeventfd caught never comes here; everything else goes to a bus.
 *
 * Runs on one thread per vCPU, but for creation and destruction (main thread)
 * and vcpus_kick() (any thread).
 *
 * Entry points: vcpus_create(), vcpus_start(), vcpus_kick(), vcpus_join(),
 * vcpus_destroy(), vcpus_exits().
 */
#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"
#include "cpu_state.h"
#include "err.h"
#include "vm.h"

/* Its only effect is that the system call the thread sleeps in returns. */
#define KICK_SIGNAL SIGUSR1

/* How long vcpus_join() waits before it kicks again. */
#define JOIN_NSEC 20000000L

static void handle_kick(int signal)
{
	(void)signal;
}

/* No SA_RESTART: a write() to a full stdout has to end as well. */
static int install_kick(void)
{
	struct sigaction action = { .sa_handler = handle_kick };

	return sigaction(KICK_SIGNAL, &action, NULL) ? -errno : 0;
}

/* Stop the VM. Of several vCPUs that fail at once, the first one says why. */
__attribute__((format(printf, 2, 3)))
static void fail(struct vcpu *vcpu, const char *fmt, ...)
{
	char what[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (vm_stop(vcpu->vm, VM_STOP_ERROR))
		rh_error(-EIO, "virtual CPU %u: %s", vcpu->index, what);
}

static void handle_io(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	char *data = (char *)run + run->io.data_offset;
	uint32_t i;

	for (i = 0; i < run->io.count; i++, data += run->io.size)
		bus_access(&vcpu->vm->pio, run->io.port, data, run->io.size,
			   run->io.direction == KVM_EXIT_IO_OUT);
}

static void handle_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	bus_access(&vcpu->vm->mmio, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
		   run->mmio.is_write);
}

static void handle_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		handle_io(vcpu);
		break;
	case KVM_EXIT_MMIO:
		handle_mmio(vcpu);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		fail(vcpu, "the guest crashed (triple fault)");
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fail(vcpu, "the hardware refuses its state (reason %#llx)",
		     run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		fail(vcpu, "KVM cannot go on (internal error %u)", run->internal.suberror);
		break;
	default:
		fail(vcpu, "unexpected KVM exit %u", run->exit_reason);
		break;
	}
}

static void run_once(struct vcpu *vcpu)
{
	if (ioctl(vcpu->fd, KVM_RUN, 0)) {
		if (errno != EINTR && errno != EAGAIN)
			fail(vcpu, "%s", strerror(errno));
		return;
	}
	atomic_store_explicit(&vcpu->exits, vcpu->exits + 1, memory_order_relaxed);
	handle_exit(vcpu);
}

static void *vcpu_thread(void *argument)
{
	struct vcpu *vcpu = argument;

	while (vm_stopped(vcpu->vm) == VM_RUNNING)
		run_once(vcpu);
	return NULL;
}

static int map_run(struct vcpu *vcpu)
{
	int size = ioctl(vcpu->vm->kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < (int)sizeof(*vcpu->run))
		return size < 0 ? -errno : -EINVAL;
	vcpu->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED)
		return -errno;
	vcpu->run_size = (size_t)size;
	return 0;
}

static void destroy_vcpu(struct vcpu *vcpu)
{
	munmap(vcpu->run, vcpu->run_size);
	close(vcpu->fd);
}

static int create_vcpu(struct vm *vm, unsigned int index)
{
	struct vcpu *vcpu = &vm->vcpus[index];
	int err;

	vcpu->vm = vm;
	vcpu->index = index;
	vcpu->fd = ioctl(vm->vm_fd, KVM_CREATE_VCPU, (unsigned long)index);
	if (vcpu->fd < 0) {
		err = -errno;
		goto report;
	}
	err = map_run(vcpu);
	if (err)
		goto close_fd;
	err = cpu_state_init(vcpu);
	if (err)
		goto unmap_run;
	return 0;

unmap_run:
	munmap(vcpu->run, vcpu->run_size);
close_fd:
	close(vcpu->fd);
report:
	return rh_error(err, "virtual CPU %u: cannot be set up: %s", index, strerror(-err));
}

int vcpus_create(struct vm *vm)
{
	unsigned int i;
	int err;

	vm->vcpus = calloc(vm->cpus, sizeof(*vm->vcpus));
	if (!vm->vcpus)
		return rh_error(-ENOMEM, "out of memory");
	for (i = 0; i < vm->cpus; i++) {
		err = create_vcpu(vm, i);
		if (err)
			goto destroy;
	}
	return 0;

destroy:
	while (i--)
		destroy_vcpu(&vm->vcpus[i]);
	free(vm->vcpus);
	vm->vcpus = NULL;
	return err;
}

static int start_vcpu(struct vcpu *vcpu)
{
	char name[16];	/* the kernel's limit */
	int err;

	err = -pthread_create(&vcpu->thread, NULL, vcpu_thread, vcpu);
	if (err)
		return rh_error(err, "virtual CPU %u: cannot start a thread: %s", vcpu->index,
				strerror(-err));
	vcpu->started = true;
	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	pthread_setname_np(vcpu->thread, name);
	return 0;
}

int vcpus_start(struct vm *vm)
{
	unsigned int i;
	int err = install_kick();

	if (err)
		return rh_error(err, "sigaction: %s", strerror(-err));
	for (i = 0; i < vm->cpus; i++) {
		err = start_vcpu(&vm->vcpus[i]);
		if (err)
			return err;
	}
	return 0;
}

/*
 * immediate_exit covers a thread about to enter KVM_RUN, the signal one that is
 * inside. It stays set: a stopped VM never runs again.
 *
 * vm_stop() of one vCPU can come while the main thread still starts others,
 * hence no signal here: started threads that miss immediate_exit because they
 * are in the guest are signalled by vcpus_join(), which the main thread reaches
 * as soon as the loop, stopped in the same breath, returns.
 */
void vcpus_kick(struct vm *vm)
{
	unsigned int i;

	if (!vm->vcpus)
		return;
	for (i = 0; i < vm->cpus; i++)
		vm->vcpus[i].run->immediate_exit = 1;
}

static void signal_vcpus(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->cpus; i++)
		if (vm->vcpus[i].started)
			pthread_kill(vm->vcpus[i].thread, KICK_SIGNAL);
}

/*
 * Again and again: the signal may have come just before the thread began a write().
 * And to all: the one waited for may itself wait for another in a write().
 */
static void join_vcpu(struct vcpu *vcpu)
{
	struct timespec until;

	do {
		signal_vcpus(vcpu->vm);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += JOIN_NSEC;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
	} while (pthread_timedjoin_np(vcpu->thread, NULL, &until));
	vcpu->started = false;
}

void vcpus_join(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->cpus; i++)
		if (vm->vcpus[i].started)
			join_vcpu(&vm->vcpus[i]);
}

void vcpus_destroy(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < vm->cpus; i++)
		destroy_vcpu(&vm->vcpus[i]);
	free(vm->vcpus);
	vm->vcpus = NULL;
}

uint64_t vcpus_exits(struct vm *vm)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < vm->cpus; i++)
		sum += atomic_load_explicit(&vm->vcpus[i].exits, memory_order_relaxed);
	return sum;
}
