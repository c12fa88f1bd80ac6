// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stages (1) and (5) at the guest's side: ioeventfds turn doorbells into kicks,
 * irqfds and MSI routes turn calls into interrupts. Also the VM itself: KVM's
 * descriptors, guest memory, stopping. See vm.h for which thread may call what.
 *
 * Entry points: everything in vm.h but the interrupt routes (vm_irq.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cpu.h"
#include "err.h"
#include "loop.h"
#include "util.h"
#include "vm.h"
#include "vm_irq.h"

/*
 * Two places KVM needs for itself on Intel hosts without unrestricted guest:
 * four pages below 4 GiB that no guest memory and no BAR can occupy.
 */
#define IDENTITY_MAP_BASE	0xFFFBC000ULL
#define TSS_BASE		0xFFFBD000UL

struct capability {
	int number;
	const char *name;
};

static const struct capability needed[] = {
	{ KVM_CAP_IRQCHIP, "an in-kernel interrupt controller" },
	{ KVM_CAP_USER_MEMORY, "user memory" },
	{ KVM_CAP_SET_TSS_ADDR, "a TSS address" },
	{ KVM_CAP_EXT_CPUID, "extended CPUID" },
	{ KVM_CAP_PIT2, "an in-kernel timer" },
	{ KVM_CAP_IRQ_ROUTING, "interrupt routing" },
	{ KVM_CAP_IRQFD, "irqfd" },
	{ KVM_CAP_IOEVENTFD, "ioeventfd" },
	{ KVM_CAP_IMMEDIATE_EXIT, "immediate exit" },
};

static int check_capabilities(int kvm_fd, unsigned int cpus)
{
	int version = ioctl(kvm_fd, KVM_GET_API_VERSION, 0);
	int limit;
	size_t i;

	if (version < 0)
		return rh_error(-ENODEV, "/dev/kvm: not KVM's device node");
	if (version != KVM_API_VERSION)
		return rh_error(-ENOTSUP, "/dev/kvm: API version %d, not %d", version,
				KVM_API_VERSION);
	for (i = 0; i < ARRAY_SIZE(needed); i++)
		if (ioctl(kvm_fd, KVM_CHECK_EXTENSION, needed[i].number) <= 0)
			return rh_error(-ENOTSUP, "/dev/kvm does not offer %s", needed[i].name);
	limit = ioctl(kvm_fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);
	if (limit > 0 && cpus > (unsigned int)limit)
		return rh_error(-ERANGE, "--cpus %u: /dev/kvm allows at most %d", cpus, limit);
	return 0;
}

static int open_kvm(struct vm *vm, unsigned int cpus)
{
	int err;

	vm->kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm_fd < 0) {
		err = -errno;
		return rh_error(err, "/dev/kvm: %s", strerror(-err));
	}
	err = check_capabilities(vm->kvm_fd, cpus);
	if (err)
		goto close_kvm;
	do {
		vm->vm_fd = ioctl(vm->kvm_fd, KVM_CREATE_VM, 0);
	} while (vm->vm_fd < 0 && errno == EINTR);
	if (vm->vm_fd < 0) {
		err = -errno;
		rh_error(err, "cannot create a virtual machine: %s", strerror(-err));
		goto close_kvm;
	}
	return 0;

close_kvm:
	close(vm->kvm_fd);
	return err;
}

/*
 * Anonymous and not reserved: pages exist once the guest touches them, and
 * options.c has checked the size against the host's RAM.
 */
static int map_ram(struct vm *vm, uint64_t size)
{
	const uint64_t low = size < VM_RAM_LOW_END ? size : VM_RAM_LOW_END;
	int err;

	vm->ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (vm->ram == MAP_FAILED) {
		err = -errno;
		return rh_error(err, "cannot map %llu MiB of guest memory: %s",
				(unsigned long long)(size >> 20), strerror(-err));
	}
	vm->ram_size = size;
	/* huge pages are a wish; a core file of the guest's memory helps nobody */
	madvise(vm->ram, size, MADV_HUGEPAGE);
	madvise(vm->ram, size, MADV_DONTDUMP);
	vm->regions[0] = (struct vm_region){ .guest = 0, .size = low, .host = vm->ram };
	vm->region_count = 1;
	if (size > low)
		vm->regions[vm->region_count++] = (struct vm_region){
			.guest = VM_RAM_HIGH_BASE,
			.size = size - low,
			.host = (char *)vm->ram + low,
		};
	return 0;
}

static int give_ram(struct vm *vm)
{
	struct kvm_userspace_memory_region slot;
	unsigned int i;
	int err;

	for (i = 0; i < vm->region_count; i++) {
		slot = (struct kvm_userspace_memory_region){
			.slot = i,
			.guest_phys_addr = vm->regions[i].guest,
			.memory_size = vm->regions[i].size,
			.userspace_addr = (uintptr_t)vm->regions[i].host,
		};
		if (ioctl(vm->vm_fd, KVM_SET_USER_MEMORY_REGION, &slot)) {
			err = -errno;
			return rh_error(err, "KVM refuses the guest memory: %s", strerror(-err));
		}
	}
	return 0;
}

/* The order matters: addresses before the chips, the PIT after its interrupt controller. */
static int create_chips(struct vm *vm)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	uint64_t identity = IDENTITY_MAP_BASE;
	int err;

	if (ioctl(vm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) ||
	    ioctl(vm->vm_fd, KVM_SET_TSS_ADDR, TSS_BASE) ||
	    ioctl(vm->vm_fd, KVM_CREATE_IRQCHIP, 0) ||
	    ioctl(vm->vm_fd, KVM_CREATE_PIT2, &pit)) {
		err = -errno;
		return rh_error(err, "cannot set up the virtual machine: %s", strerror(-err));
	}
	return 0;
}

static int init_buses(struct vm *vm)
{
	int err = bus_init(&vm->pio);

	if (err)
		return rh_error(err, "out of memory");
	err = bus_init(&vm->mmio);
	if (err) {
		bus_exit(&vm->pio);
		return rh_error(err, "out of memory");
	}
	return 0;
}

static void exit_buses(struct vm *vm)
{
	bus_exit(&vm->mmio);
	bus_exit(&vm->pio);
}

static void close_kvm(struct vm *vm)
{
	close(vm->vm_fd);
	close(vm->kvm_fd);
}

int vm_create(struct vm *vm, unsigned int cpus, uint64_t ram_size)
{
	int err;

	vm->cpus = cpus;
	atomic_init(&vm->stop, VM_RUNNING);
	err = init_buses(vm);
	if (err)
		return err;
	err = open_kvm(vm, cpus);
	if (err)
		goto exit_buses;
	err = map_ram(vm, ram_size);
	if (err)
		goto close_kvm;
	err = give_ram(vm);
	if (err)
		goto unmap_ram;
	err = create_chips(vm);
	if (err)
		goto unmap_ram;
	err = vm_irq_init(vm);
	if (err)
		goto unmap_ram;
	return 0;

unmap_ram:
	munmap(vm->ram, vm->ram_size);
close_kvm:
	close_kvm(vm);
exit_buses:
	exit_buses(vm);
	return err;
}

void vm_destroy(struct vm *vm)
{
	vm_irq_exit(vm);
	/* KVM lets go of the memory with its last descriptor, so unmapping comes after */
	close_kvm(vm);
	munmap(vm->ram, vm->ram_size);
	exit_buses(vm);
}

void *vm_translate(struct vm *vm, uint64_t guest, uint64_t size)
{
	const struct vm_region *region;
	unsigned int i;

	for (i = 0; i < vm->region_count; i++) {
		region = &vm->regions[i];
		if (guest >= region->guest && size && size <= region->size &&
		    guest - region->guest <= region->size - size)
			return (char *)region->host + (guest - region->guest);
	}
	return NULL;
}

int vm_ioeventfd(struct vm *vm, uint64_t addr, unsigned int len, bool pio, int fd, bool add)
{
	struct kvm_ioeventfd ioeventfd = {
		.addr = addr,
		.len = len,
		.fd = fd,
		.flags = (pio ? KVM_IOEVENTFD_FLAG_PIO : 0) |
			 (add ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return ioctl(vm->vm_fd, KVM_IOEVENTFD, &ioeventfd) ? -errno : 0;
}

bool vm_stop(struct vm *vm, enum vm_stop_reason why)
{
	int running = VM_RUNNING, reboot = VM_STOP_REBOOT;

	if (atomic_compare_exchange_strong(&vm->stop, &running, (int)why)) {
		vcpus_kick(vm);
		loop_quit(vm->loop);
		return true;
	}
	/* a signal taken while a reboot winds up must not be lost */
	if (why == VM_STOP_QUIT)
		atomic_compare_exchange_strong(&vm->stop, &reboot, (int)why);
	return false;
}

enum vm_stop_reason vm_stopped(struct vm *vm)
{
	return (enum vm_stop_reason)atomic_load(&vm->stop);
}
