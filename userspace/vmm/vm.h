/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The virtual machine: KVM's file descriptors, guest memory, the two buses,
 * interrupt routes, and the one way to stop. Created and destroyed by the main
 * thread; what is marked so may be called from any thread in between.
 */
#ifndef RH_VMM_VM_H
#define RH_VMM_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus.h"

struct kvm_irq_routing;
struct loop;
struct vcpu;

/* Guest physical address map. */
#define VM_RAM_LOW_END		0xC0000000ULL	/* RAM below 4 GiB ends here at the latest */
#define VM_PCI_MMIO_BASE	0xC0000000ULL	/* BARs; the DSDT's _CRS says the same */
#define VM_PCI_MMIO_END		0xFEC00000ULL	/* first address after them: the IOAPIC */
#define VM_IOAPIC_BASE		0xFEC00000ULL
#define VM_LAPIC_BASE		0xFEE00000ULL
#define VM_RAM_HIGH_BASE	0x100000000ULL

/* GSIs below are IOAPIC pins; message routes get numbers from here on. */
#define VM_GSI_MSI_BASE		24
#define VM_GSI_MAX		1024

/**
 * enum vm_stop_reason - why the vCPUs were stopped
 *
 * The first caller's reason stays, but VM_STOP_QUIT overrules VM_STOP_REBOOT.
 */
enum vm_stop_reason {
	VM_RUNNING,
	VM_STOP_POWEROFF,	/* the guest switched itself off */
	VM_STOP_REBOOT,		/* the guest asked for a reset */
	VM_STOP_QUIT,		/* SIGTERM, SIGINT, SIGHUP or the console escape */
	VM_STOP_ERROR,		/* already reported */
};

/**
 * struct vm_region - one piece of guest RAM
 * @guest: guest physical address, page aligned
 * @size: bytes, page aligned
 * @host: where it is mapped in this process
 */
struct vm_region {
	uint64_t guest, size;
	void *host;
};

/**
 * struct vm - one virtual machine
 * @kvm_fd: /dev/kvm
 * @vm_fd: KVM's VM
 * @ram: guest RAM, one private anonymous mapping of @ram_size bytes
 * @ram_size: bytes
 * @regions: where pieces of @ram lie in the guest; constant while it runs
 * @region_count: 1 or 2
 * @cpus: number of vCPUs
 * @pio: port I/O
 * @mmio: memory-mapped I/O
 * @loop: the event loop, run by the main thread; set before any device exists
 * @vcpus: @cpus of them, from vcpus_create() to vcpus_destroy()
 * @routes_lock: protects @routes
 * @routes: what was last given to KVM_SET_GSI_ROUTING
 * @stop: enum vm_stop_reason
 */
struct vm {
	int kvm_fd, vm_fd;
	void *ram;
	uint64_t ram_size;
	struct vm_region regions[2];
	unsigned int region_count;
	unsigned int cpus;
	struct bus pio, mmio;
	struct loop *loop;
	struct vcpu *vcpus;
	pthread_mutex_t routes_lock;
	struct kvm_irq_routing *routes;
	_Atomic(int) stop;
};

/**
 * vm_create() - open KVM, map RAM, set the interrupt controllers and timer up
 * @vm: zeroed; @loop already set
 * @cpus: number of vCPUs, which vcpus_create() makes later
 * @ram_size: bytes
 *
 * Return: 0, or a negative errno after one line on stderr, nothing left behind.
 */
int vm_create(struct vm *vm, unsigned int cpus, uint64_t ram_size);
void vm_destroy(struct vm *vm);

/**
 * vm_translate() - host address of guest memory
 * @vm: the VM
 * @guest: guest physical address
 * @size: bytes; 0 is refused
 *
 * Context: any thread.
 * Return: NULL unless the range lies wholly inside one region.
 */
void *vm_translate(struct vm *vm, uint64_t guest, uint64_t size);

/**
 * vm_ioeventfd() - let a guest write signal an eventfd without leaving the kernel
 * @vm: the VM
 * @addr: port or guest physical address
 * @len: 1, 2, 4, 8, or 0 for any length (MMIO only)
 * @pio: port I/O as opposed to MMIO
 * @fd: eventfd
 * @add: add or remove; a removal names the same values
 *
 * Context: any thread. Return: 0 or -errno.
 */
int vm_ioeventfd(struct vm *vm, uint64_t addr, unsigned int len, bool pio, int fd, bool add);

/**
 * vm_msi_route() - let a GSI stand for an MSI message
 * @vm: the VM
 * @gsi: UINT32_MAX allocates a number and stores it; otherwise a number so
 *	obtained, whose message is replaced
 * @addr: message address
 * @data: message data
 *
 * Context: any thread. Return: 0, -ENOENT unknown number, -ENOSPC, or -errno of KVM.
 */
int vm_msi_route(struct vm *vm, uint32_t *gsi, uint64_t addr, uint32_t data);

/* Give a number of vm_msi_route() back; its irqfd must have been removed. Any thread. */
void vm_msi_unroute(struct vm *vm, uint32_t gsi);

/* Let an eventfd raise a GSI without a visit to the VMM. Any thread. Return: 0 or -errno. */
int vm_irqfd(struct vm *vm, uint32_t gsi, int fd, bool add);

/* Set the level of an ISA interrupt line, 0 to 15. Any thread. Return: 0 or -errno. */
int vm_irq_line(struct vm *vm, unsigned int irq, int level);

/**
 * vm_stop() - end the run: vCPUs leave KVM_RUN, the loop quits
 * @vm: the VM
 * @why: not VM_RUNNING
 *
 * Context: any thread. Does not wait until they have stopped.
 * Return: whether this call was the first.
 */
bool vm_stop(struct vm *vm, enum vm_stop_reason why);

/* Whether, and why, the VM was stopped. Any thread. */
enum vm_stop_reason vm_stopped(struct vm *vm);

#endif /* RH_VMM_VM_H */
