// SPDX-License-Identifier: GPL-2.0-only
/*
 * All devices of a VM. Off the data path, on the loop's thread, before and after the
 * guest runs. Entry points: devices_create(), devices_destroy(), devices_announce(),
 * devices_stats().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "blk.h"
#include "devices.h"
#include "err.h"
#include "net.h"
#include "options.h"
#include "pci.h"
#include "rng.h"
#include "virtio.h"
#include "virtio_pci.h"
#include "vm.h"

#define DEVICES_MAX (OPTIONS_DISKS_MAX + OPTIONS_NETS_MAX + 1)

/**
 * struct slot - one device with its transport
 * @device: the device
 * @transport: its place on the PCI bus
 */
struct slot {
	struct virtio_device *device;
	struct virtio_pci *transport;
};

/**
 * struct devices - all devices of a VM
 * @bus: the PCI bus
 * @slots: the devices, in the order of their place on the bus
 * @count: how many
 */
struct devices {
	struct pci_bus *bus;
	struct slot slots[DEVICES_MAX];
	unsigned int count;
};

/* @device goes with @devices from here on, also when this fails. */
static int add_device(struct devices *devices, struct virtio_device *device)
{
	struct slot *slot = &devices->slots[devices->count++];

	slot->device = device;
	return virtio_pci_create(devices->bus, device, &slot->transport);
}

/* Disks first: a guest that counts sees the same numbers with and without --net. */
static int add_devices(struct devices *devices, struct vm *vm, const struct options *options)
{
	struct virtio_device *device;
	int err = 0;

	for (unsigned int i = 0; i < options->disk_count && !err; i++) {
		err = blk_create(vm, &options->disks[i], i, &device);
		if (!err)
			err = add_device(devices, device);
	}
	for (unsigned int i = 0; i < options->net_count && !err; i++) {
		err = net_create(vm, &options->nets[i], i, &device);
		if (!err)
			err = add_device(devices, device);
	}
	if (!err)
		err = rng_create(vm, &device);
	if (!err)
		err = add_device(devices, device);
	return err;
}

int devices_create(struct vm *vm, const struct options *options, struct devices **out)
{
	struct devices *devices = calloc(1, sizeof(*devices));
	int err;

	if (!devices)
		return rh_error(-ENOMEM, "out of memory");
	err = pci_create(vm, &devices->bus);
	if (!err)
		err = add_devices(devices, vm, options);
	if (err) {
		devices_destroy(devices);
		return err;
	}
	*out = devices;
	return 0;
}

void devices_destroy(struct devices *devices)
{
	if (!devices)
		return;
	while (devices->count) {
		struct slot *slot = &devices->slots[--devices->count];

		virtio_pci_destroy(slot->transport);
		slot->device->ops->destroy(slot->device);
	}
	pci_destroy(devices->bus);
	free(devices);
}

void devices_announce(struct devices *devices)
{
	for (unsigned int i = 0; i < devices->count; i++) {
		struct virtio_device *device = devices->slots[i].device;

		if (device->ops->announce)
			device->ops->announce(device);
	}
}

int devices_stats(struct devices *devices, FILE *out)
{
	struct virtio_stats stats = { .out = out };

	for (unsigned int i = 0; i < devices->count; i++) {
		struct virtio_device *device = devices->slots[i].device;
		int err = device->ops->stats(device, &stats);

		if (err)
			return err;
		for (unsigned int j = 0; device->type != VIRTIO_ID_RNG && j < device->queue_count; j++)
			stats.exits += device->queues[j].exits;
	}
	fprintf(out, "exits_userspace_datapath %" PRIu64 "\n", stats.exits);
	fprintf(out, "userspace_kicks %" PRIu64 "\n", stats.userspace_kicks);
	fprintf(out, "userspace_chains %" PRIu64 "\n", stats.userspace_chains);
	fprintf(out, "kernel_chains %" PRIu64 "\n", stats.kernel_chains);
	return 0;
}
