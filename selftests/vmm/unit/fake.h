/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtual machine without a processor: guest RAM, the devices of the VMM on
 * their event loop, and a KVM that only takes notes. The test is the guest.
 */
#ifndef SELFTESTS_VMM_FAKE_H
#define SELFTESTS_VMM_FAKE_H

#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"
#include "vm.h"

/* Two pieces of RAM, each with an unmapped page before and behind it. */
#define FAKE_LOW 0x0ULL
#define FAKE_HIGH 0x100000000ULL
#define FAKE_BYTES 0x800000ULL

/* Slots of devices on the PCI bus when @options has two disks. */
#define FAKE_DISK 1
#define FAKE_READONLY 2

/**
 * struct fake - the machine
 * @vm: what the devices see
 * @options: which devices; set before fake_start()
 * @devices: the devices
 * @thread: runs the loop
 * @ready: the devices exist, or could not be made
 * @quiet: no processor will touch the devices again
 * @error: what came of it
 * @mapping: RAM and its guards
 * @next: next free byte of low RAM, for fake_alloc()
 */
struct fake {
	struct vm vm;
	struct options options;
	struct devices *devices;
	pthread_t thread;
	sem_t ready, quiet;
	int error;
	unsigned char *mapping;
	uint64_t next;
};

/* RAM only. @fake zeroed. */
void fake_init(struct fake *fake);
void fake_exit(struct fake *fake);

/* Devices and loop. Return: what devices_create() returned. */
int fake_start(struct fake *fake);
void fake_stop(struct fake *fake);

/* Two disks of @sectors sectors in unlinked files; the second is read-only. */
void fake_add_disks(struct fake *fake, unsigned int sectors);

/* Zeroed guest memory, aligned to 4096 bytes; its guest address. */
uint64_t fake_alloc(struct fake *fake, uint64_t size);
void *fake_ram(struct fake *fake, uint64_t guest);

/* What the guest does. */
uint32_t fake_config_read(struct fake *fake, unsigned int slot, unsigned int offset,
			  unsigned int len);
void fake_config_write(struct fake *fake, unsigned int slot, unsigned int offset, uint32_t value,
		       unsigned int len);
uint64_t fake_bar(struct fake *fake, unsigned int slot, unsigned int bar);
uint64_t fake_read(struct fake *fake, unsigned int slot, unsigned int offset, unsigned int len);
void fake_write(struct fake *fake, unsigned int slot, unsigned int offset, uint64_t value,
		unsigned int len);
unsigned int fake_capability(struct fake *fake, unsigned int slot, uint8_t id);

/* Decode the BARs, turn MSI-X on with vector n meaning message n. */
void fake_enable(struct fake *fake, unsigned int slot);

/**
 * struct fake_queue - a split virtqueue as its driver sees it
 * @fake, @slot, @index: whose it is
 * @size: entries
 * @descriptors, @available, @used: its rings
 * @taken: used entries the driver has seen
 */
struct fake_queue {
	struct fake *fake;
	unsigned int slot, index;
	uint16_t size;
	struct vring_desc *descriptors;
	struct vring_avail *available;
	struct vring_used *used;
	uint16_t taken;
};

/* Reset the device and accept all features but those of @without, and VERSION_1. */
void fake_negotiate(struct fake *fake, unsigned int slot, uint64_t without);

/* Set a queue up with vector @index + 1. */
void fake_queue_init(struct fake_queue *queue, struct fake *fake, unsigned int slot,
		     unsigned int index, uint16_t size);
void fake_driver_ok(struct fake *fake, unsigned int slot);

/* Fill descriptor @at in. */
void fake_descriptor(struct fake_queue *queue, unsigned int at, uint64_t address, uint32_t len,
		     uint16_t flags, uint16_t next);

/* Offer a chain and ring the doorbell as KVM would. */
void fake_offer(struct fake_queue *queue, uint16_t head);
void fake_kick(struct fake_queue *queue);

/* The next used entry, waiting for it up to five seconds. */
bool fake_used(struct fake_queue *queue, struct vring_used_elem *entry);

/* Whether an interrupt with this message arrives within @milliseconds. */
bool fake_interrupt(struct fake *fake, uint32_t message, int milliseconds);

/* ioeventfds there are now. */
unsigned int fake_ioeventfds(void);

#endif /* SELFTESTS_VMM_FAKE_H */
