/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt routes: part of the VM, split off by topic. The calls for devices
 * are in vm.h.
 */
#ifndef RH_VMM_VM_IRQ_H
#define RH_VMM_VM_IRQ_H

struct vm;

/*
 * Route the ISA lines to the PICs and the IOAPIC. Needs the interrupt
 * controllers. Return: 0, or a negative errno after one line on stderr.
 */
int vm_irq_init(struct vm *vm);
void vm_irq_exit(struct vm *vm);

#endif /* RH_VMM_VM_IRQ_H */
