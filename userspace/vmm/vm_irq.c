// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stage (5), the last step to the guest: GSIs, and what each stands for.
 * KVM takes the table only as a whole, so a copy is kept and changed under a
 * lock; any thread may call.
 *
 * Entry points: vm_irq_init(), vm_irq_exit(), vm_msi_route(), vm_msi_unroute(),
 * vm_irqfd(), vm_irq_line().
 */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "err.h"
#include "vm.h"
#include "vm_irq.h"

#define PIC_LINES	16
#define IOAPIC_PINS	24
#define TIMER_PIN	2	/* the PC's timer, ISA line 0; acpi.c tells the guest */
#define ROUTES_MAX	(PIC_LINES + VM_GSI_MAX)

static void add_chip_route(struct vm *vm, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	vm->routes->entries[vm->routes->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

/*
 * GSI n is PIC line n and IOAPIC pin n, but for the timer: line 0 goes to pin 2,
 * where the PC has wired it ever since line 2 became the second PIC's cascade.
 */
static void add_isa_routes(struct vm *vm)
{
	uint32_t gsi;

	for (gsi = 0; gsi < PIC_LINES; gsi++)
		if (gsi != 2)
			add_chip_route(vm, gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER :
				       KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
	for (gsi = 0; gsi < IOAPIC_PINS; gsi++)
		if (gsi != TIMER_PIN)
			add_chip_route(vm, gsi, KVM_IRQCHIP_IOAPIC, gsi ? gsi : TIMER_PIN);
}

/* Caller holds routes_lock. */
static int set_routes(struct vm *vm)
{
	return ioctl(vm->vm_fd, KVM_SET_GSI_ROUTING, vm->routes) ? -errno : 0;
}

int vm_irq_init(struct vm *vm)
{
	int err;

	vm->routes = calloc(1, sizeof(*vm->routes) +
			    ROUTES_MAX * sizeof(vm->routes->entries[0]));
	if (!vm->routes)
		return rh_error(-ENOMEM, "out of memory");
	err = -pthread_mutex_init(&vm->routes_lock, NULL);
	if (err)
		goto free_routes;
	add_isa_routes(vm);
	err = set_routes(vm);
	if (err)
		goto destroy_lock;
	return 0;

destroy_lock:
	pthread_mutex_destroy(&vm->routes_lock);
free_routes:
	free(vm->routes);
	return rh_error(err, "cannot route interrupts: %s", strerror(-err));
}

void vm_irq_exit(struct vm *vm)
{
	pthread_mutex_destroy(&vm->routes_lock);
	free(vm->routes);
}

/* Caller holds routes_lock. */
static struct kvm_irq_routing_entry *find_msi(struct vm *vm, uint32_t gsi)
{
	struct kvm_irq_routing_entry *entry;
	uint32_t i;

	for (i = 0; i < vm->routes->nr; i++) {
		entry = &vm->routes->entries[i];
		if (entry->type == KVM_IRQ_ROUTING_MSI && entry->gsi == gsi)
			return entry;
	}
	return NULL;
}

/* Caller holds routes_lock. Devices ask a few dozen times in all: a scan is enough. */
static struct kvm_irq_routing_entry *alloc_msi(struct vm *vm)
{
	struct kvm_irq_routing_entry *entry;
	uint32_t gsi = VM_GSI_MSI_BASE;

	while (gsi < VM_GSI_MAX && find_msi(vm, gsi))
		gsi++;
	if (gsi == VM_GSI_MAX)
		return NULL;
	entry = &vm->routes->entries[vm->routes->nr++];
	*entry = (struct kvm_irq_routing_entry){ .gsi = gsi, .type = KVM_IRQ_ROUTING_MSI };
	return entry;
}

/* Caller holds routes_lock. */
static void remove_msi(struct vm *vm, struct kvm_irq_routing_entry *entry)
{
	*entry = vm->routes->entries[--vm->routes->nr];
}

static int change_msi(struct vm *vm, struct kvm_irq_routing_entry *entry, uint64_t addr,
		      uint32_t data)
{
	entry->u.msi = (struct kvm_irq_routing_msi){
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
	};
	return set_routes(vm);
}

static int route_new(struct vm *vm, uint32_t *gsi, uint64_t addr, uint32_t data)
{
	struct kvm_irq_routing_entry *entry = alloc_msi(vm);
	int err;

	if (!entry)
		return -ENOSPC;
	err = change_msi(vm, entry, addr, data);
	if (err)
		remove_msi(vm, entry);	/* KVM kept the table it had */
	else
		*gsi = entry->gsi;
	return err;
}

static int route_again(struct vm *vm, uint32_t gsi, uint64_t addr, uint32_t data)
{
	struct kvm_irq_routing_entry *entry = find_msi(vm, gsi);
	struct kvm_irq_routing_entry old;
	int err;

	if (!entry)
		return -ENOENT;
	old = *entry;
	err = change_msi(vm, entry, addr, data);
	if (err)
		*entry = old;
	return err;
}

int vm_msi_route(struct vm *vm, uint32_t *gsi, uint64_t addr, uint32_t data)
{
	int err;

	pthread_mutex_lock(&vm->routes_lock);
	if (*gsi == UINT32_MAX)
		err = route_new(vm, gsi, addr, data);
	else
		err = route_again(vm, *gsi, addr, data);
	pthread_mutex_unlock(&vm->routes_lock);
	return err;
}

void vm_msi_unroute(struct vm *vm, uint32_t gsi)
{
	struct kvm_irq_routing_entry *entry;

	pthread_mutex_lock(&vm->routes_lock);
	entry = find_msi(vm, gsi);
	if (entry) {
		remove_msi(vm, entry);
		/*
		 * KVM keeps the old table if it has no memory for the new one: harmless,
		 * nothing is left that could raise this GSI.
		 */
		set_routes(vm);
	}
	pthread_mutex_unlock(&vm->routes_lock);
}

int vm_irqfd(struct vm *vm, uint32_t gsi, int fd, bool add)
{
	struct kvm_irqfd irqfd = {
		.fd = (uint32_t)fd,
		.gsi = gsi,
		.flags = add ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
	};

	return ioctl(vm->vm_fd, KVM_IRQFD, &irqfd) ? -errno : 0;
}

int vm_irq_line(struct vm *vm, unsigned int irq, int level)
{
	struct kvm_irq_level line = { .irq = irq, .level = (uint32_t)level };

	if (irq >= PIC_LINES)
		return -EINVAL;
	return ioctl(vm->vm_fd, KVM_IRQ_LINE, &line) ? -errno : 0;
}
