// SPDX-License-Identifier: GPL-2.0-only
/*
 * MSI-X. Stage (5): where the call eventfd of a queue becomes an interrupt. Runs
 * on the loop's thread when the driver touches the table; an interrupt itself goes
 * from the eventfd through KVM without this file. Entry points: msix_access(),
 * msix_config_written().
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "msix.h"
#include "pci.h"
#include "util.h"
#include "vm.h"

#define MSIX_TABLE_OFFSET 0
#define MSIX_PENDING_OFFSET 0x800
#define MSIX_BAR_SIZE 0x1000

/* Words of a table entry. */
enum { TABLE_ADDRESS_LOW, TABLE_ADDRESS_HIGH, TABLE_DATA, TABLE_CONTROL };

static uint16_t msix_flags(const struct msix *msix)
{
	return pci_get16(msix->function->config + msix->capability + PCI_MSIX_FLAGS);
}

static bool msix_delivers(const struct msix *msix, const struct msix_vector *vector)
{
	uint16_t flags = msix_flags(msix);

	return (flags & PCI_MSIX_FLAGS_ENABLE) && !(flags & PCI_MSIX_FLAGS_MASKALL) &&
	       !(vector->table[TABLE_CONTROL] & PCI_MSIX_ENTRY_CTRL_MASKBIT);
}

/* Take the pending bit. Return: whether it was set. */
static bool vector_take_pending(struct msix_vector *vector)
{
	uint64_t count;

	return read(vector->fd, &count, sizeof(count)) == sizeof(count);
}

static bool vector_is_pending(const struct msix_vector *vector)
{
	struct pollfd poller = { .fd = vector->fd, .events = POLLIN };

	return !vector->attached && poll(&poller, 1, 0) == 1;
}

static int vector_route(struct msix *msix, struct msix_vector *vector)
{
	uint64_t address = (uint64_t)vector->table[TABLE_ADDRESS_HIGH] << 32 |
			   vector->table[TABLE_ADDRESS_LOW];

	return vm_msi_route(msix->vm, &vector->gsi, address, vector->table[TABLE_DATA]);
}

static void vector_attach(struct msix *msix, struct msix_vector *vector)
{
	uint64_t one = 1;
	bool pending;

	/* An address KVM refuses is the guest's mistake: its interrupt stays pending. */
	if (vector_route(msix, vector))
		return;
	/* What comes between the next two lines, KVM finds in the eventfd. */
	pending = vector_take_pending(vector);
	vector->attached = !vm_irqfd(msix->vm, vector->gsi, vector->fd, true);
	if (pending && write(vector->fd, &one, sizeof(one)) < 0)
		return;	/* the counter is full, so it is signalled */
}

static void vector_detach(struct msix *msix, struct msix_vector *vector)
{
	if (!vector->attached)
		return;
	vm_irqfd(msix->vm, vector->gsi, vector->fd, false);
	vector->attached = false;
}

static void vector_update(struct msix *msix, struct msix_vector *vector)
{
	if (!msix_delivers(msix, vector))
		vector_detach(msix, vector);
	else if (!vector->attached)
		vector_attach(msix, vector);
	else if (vector_route(msix, vector))
		vector_detach(msix, vector);
}

static void msix_table_access(struct msix *msix, uint32_t offset, uint32_t *value, bool write)
{
	struct msix_vector *vector = &msix->vectors[offset / PCI_MSIX_ENTRY_SIZE];
	unsigned int word = offset % PCI_MSIX_ENTRY_SIZE / 4;

	if (!write) {
		*value = vector->table[word];
		return;
	}
	if (word == TABLE_ADDRESS_LOW)
		*value &= ~3u;
	if (word == TABLE_CONTROL)
		*value &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	vector->table[word] = *value;
	vector_update(msix, vector);
}

static uint32_t msix_pending(const struct msix *msix)
{
	uint32_t bits = 0;

	for (unsigned int i = 0; i < msix->count; i++)
		bits |= (uint32_t)vector_is_pending(&msix->vectors[i]) << i;
	return bits;
}

static void msix_word_access(struct msix *msix, uint32_t offset, void *data, bool write)
{
	uint32_t value = 0;

	memcpy(&value, data, sizeof(value));
	if (offset < MSIX_TABLE_OFFSET + msix->count * PCI_MSIX_ENTRY_SIZE)
		msix_table_access(msix, offset - MSIX_TABLE_OFFSET, &value, write);
	else if (offset == MSIX_PENDING_OFFSET)
		value = msix_pending(msix);
	else
		value = 0;
	if (!write)
		memcpy(data, &value, sizeof(value));
}

void msix_access(struct msix *msix, uint32_t offset, void *data, unsigned int len, bool write)
{
	/* PCI 3.0, 6.8.2: drivers use aligned words of 32 or 64 bits. */
	if ((len != 4 && len != 8) || offset % len)
		return;
	for (unsigned int i = 0; i < len; i += 4)
		msix_word_access(msix, offset + i, (char *)data + i, write);
}

void msix_config_written(struct msix *msix, unsigned int offset, unsigned int len)
{
	bool enabled = msix_flags(msix) & PCI_MSIX_FLAGS_ENABLE;

	if (!pci_overlaps(offset, len, msix->capability + PCI_MSIX_FLAGS, 2))
		return;
	for (unsigned int i = 0; i < msix->count; i++) {
		/* What was signalled while there was no MSI-X went nowhere. */
		if (enabled && !msix->enabled)
			vector_take_pending(&msix->vectors[i]);
		vector_update(msix, &msix->vectors[i]);
	}
	msix->enabled = enabled;
}

int msix_fd(const struct msix *msix, unsigned int vector)
{
	return vector < msix->count ? msix->vectors[vector].fd : -1;
}

static void msix_add_capability(struct msix *msix, unsigned int bar)
{
	uint8_t capability[PCI_CAP_MSIX_SIZEOF] = { 0 };
	unsigned int offset;

	pci_put16(capability + PCI_MSIX_FLAGS, msix->count - 1);
	pci_put32(capability + PCI_MSIX_TABLE, MSIX_TABLE_OFFSET | bar);
	pci_put32(capability + PCI_MSIX_PBA, MSIX_PENDING_OFFSET | bar);
	offset = pci_add_capability(msix->function, PCI_CAP_ID_MSIX, capability,
				    sizeof(capability));
	pci_put16(msix->function->writable + offset + PCI_MSIX_FLAGS,
		  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	msix->capability = offset;
}

int msix_init(struct msix *msix, struct vm *vm, struct pci_function *function, unsigned int bar,
	      unsigned int count)
{
	*msix = (struct msix) { .vm = vm, .function = function };
	for (; msix->count < count; msix->count++) {
		struct msix_vector *vector = &msix->vectors[msix->count];
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (fd < 0) {
			int err = -errno;

			msix_exit(msix);
			return err;
		}
		vector->fd = fd;
		vector->gsi = UINT32_MAX;
		vector->table[TABLE_CONTROL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
	pci_add_bar(function, bar, MSIX_BAR_SIZE, false);
	msix_add_capability(msix, bar);
	return 0;
}

void msix_exit(struct msix *msix)
{
	for (unsigned int i = 0; i < msix->count; i++) {
		struct msix_vector *vector = &msix->vectors[i];

		vector_detach(msix, vector);
		if (vector->gsi != UINT32_MAX)
			vm_msi_unroute(msix->vm, vector->gsi);
		close(vector->fd);
	}
	msix->count = 0;
}
