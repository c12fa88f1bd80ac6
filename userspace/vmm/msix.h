/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * MSI-X of one PCI function: a table and a pending bit array in a BAR of their
 * own, an eventfd for each vector. Whoever wants to interrupt signals the
 * eventfd; while the vector is unmasked KVM listens on it, while it is masked the
 * eventfd's counter is the pending bit.
 */
#ifndef RH_VMM_MSIX_H
#define RH_VMM_MSIX_H

#include <stdbool.h>
#include <stdint.h>

struct pci_function;
struct vm;

#define MSIX_VECTORS_MAX 18	/* each queue of a device, and its configuration */

/**
 * struct msix_vector - one vector
 * @table: its table entry: address low and high, data, control
 * @fd: eventfd, non-blocking
 * @gsi: KVM's number for the message, UINT32_MAX before the first use
 * @attached: KVM listens on @fd
 */
struct msix_vector {
	uint32_t table[4];
	int fd;
	uint32_t gsi;
	bool attached;
};

/**
 * struct msix - all vectors of a function
 * @vm: its VM
 * @function: the function
 * @capability: offset of the capability in the configuration space
 * @enabled: the capability's enable bit, when it was last looked at
 * @count: number of vectors
 * @vectors: the vectors
 */
struct msix {
	struct vm *vm;
	struct pci_function *function;
	unsigned int capability;
	bool enabled;
	unsigned int count;
	struct msix_vector vectors[MSIX_VECTORS_MAX];
};

/**
 * msix_init() - give a function MSI-X
 * @msix: its MSI-X
 * @vm: the VM
 * @function: the function, not yet on the bus
 * @bar: a free BAR, whose accesses the function passes to msix_access()
 * @count: vectors, 1 to MSIX_VECTORS_MAX
 *
 * Return: 0, or a negative errno when eventfds ran out.
 */
int msix_init(struct msix *msix, struct vm *vm, struct pci_function *function, unsigned int bar,
	      unsigned int count);
void msix_exit(struct msix *msix);

/* An access inside the BAR; arguments as pci_function_ops.bar_access. */
void msix_access(struct msix *msix, uint32_t offset, void *data, unsigned int len, bool write);

/* The driver has changed these configuration bytes. */
void msix_config_written(struct msix *msix, unsigned int offset, unsigned int len);

/* The eventfd that raises @vector, or -1 when there is none such. */
int msix_fd(const struct msix *msix, unsigned int vector);

#endif /* RH_VMM_MSIX_H */
