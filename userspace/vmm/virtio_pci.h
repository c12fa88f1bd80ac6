/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The modern PCI transport of virtio (virtio 1.3, 4.1). No legacy interface.
 */
#ifndef RH_VMM_VIRTIO_PCI_H
#define RH_VMM_VIRTIO_PCI_H

struct pci_bus;
struct virtio_device;
struct virtio_pci;

/**
 * virtio_pci_create() - put a device on the PCI bus
 * @bus: the bus
 * @device: complete; stays the caller's, who stops and frees it only after
 *	virtio_pci_destroy()
 * @out: its transport
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int virtio_pci_create(struct pci_bus *bus, struct virtio_device *device, struct virtio_pci **out);

/* Take the device off the bus and reset it. NULL is fine. */
void virtio_pci_destroy(struct virtio_pci *transport);

#endif /* RH_VMM_VIRTIO_PCI_H */
