// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtual machine without a processor. See fake.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "devices.h"
#include "fake.h"
#include "harness.h"
#include "loop.h"

#define GUARD 4096
#define RINGS_AVAILABLE 0x2000
#define RINGS_USED 0x4000
#define RINGS_BYTES 0x6000

/* What KVM was told; one machine at a time. */
static pthread_mutex_t notes_lock = PTHREAD_MUTEX_INITIALIZER;
static struct { uint64_t address; bool port; int fd; } doorbells[64];
static struct { uint32_t message; int fd; bool used; } messages[64];

static void open_fd(int fd)
{
	if (fcntl(fd, F_GETFD) < 0)
		abort();	/* a closed descriptor was handed to KVM */
}

void *vm_translate(struct vm *vm, uint64_t guest, uint64_t size)
{
	for (unsigned int i = 0; i < vm->region_count; i++) {
		struct vm_region *region = &vm->regions[i];

		if (guest >= region->guest && guest - region->guest < region->size && size &&
		    size <= region->size - (guest - region->guest))
			return (char *)region->host + (guest - region->guest);
	}
	return NULL;
}

int vm_ioeventfd(struct vm *vm, uint64_t addr, unsigned int len, bool pio, int fd, bool add)
{
	int err = add ? -ENOSPC : -ENOENT;

	(void)vm;
	(void)len;
	open_fd(fd);
	pthread_mutex_lock(&notes_lock);
	for (unsigned int i = 0; i < 64 && err; i++) {
		bool same = doorbells[i].fd && doorbells[i].address == addr &&
			    doorbells[i].port == pio;

		if (add && same) {
			err = -EEXIST;
			break;
		}
		if (add ? doorbells[i].fd : !same || doorbells[i].fd != fd)
			continue;
		doorbells[i].fd = add ? fd : 0;
		doorbells[i].address = addr;
		doorbells[i].port = pio;
		err = 0;
	}
	pthread_mutex_unlock(&notes_lock);
	return err;
}

int vm_msi_route(struct vm *vm, uint32_t *gsi, uint64_t addr, uint32_t data)
{
	int err = 0;

	(void)vm;
	/* KVM refuses some addresses, too. */
	if (addr >> 32 == 0xbad)
		return -EINVAL;
	pthread_mutex_lock(&notes_lock);
	if (*gsi == UINT32_MAX) {
		uint32_t i = 0;

		while (i < 64 && messages[i].used)
			i++;
		err = i == 64 ? -ENOSPC : 0;
		*gsi = i;
	}
	if (!err) {
		messages[*gsi].used = true;
		messages[*gsi].message = data;
	}
	pthread_mutex_unlock(&notes_lock);
	return err;
}

void vm_msi_unroute(struct vm *vm, uint32_t gsi)
{
	(void)vm;
	if (messages[gsi].fd)
		abort();	/* its irqfd is still there */
	messages[gsi].used = false;
}

int vm_irqfd(struct vm *vm, uint32_t gsi, int fd, bool add)
{
	(void)vm;
	open_fd(fd);
	pthread_mutex_lock(&notes_lock);
	messages[gsi].fd = add ? fd : 0;
	pthread_mutex_unlock(&notes_lock);
	return 0;
}

unsigned int fake_ioeventfds(void)
{
	unsigned int count = 0;

	pthread_mutex_lock(&notes_lock);
	for (unsigned int i = 0; i < 64; i++)
		count += doorbells[i].fd != 0;
	pthread_mutex_unlock(&notes_lock);
	return count;
}

static int message_fd(uint32_t message)
{
	int fd = -1;

	pthread_mutex_lock(&notes_lock);
	for (unsigned int i = 0; i < 64; i++) {
		if (messages[i].used && messages[i].fd && messages[i].message == message)
			fd = messages[i].fd;
	}
	pthread_mutex_unlock(&notes_lock);
	return fd;
}

bool fake_interrupt(struct fake *fake, uint32_t message, int milliseconds)
{
	struct pollfd poller = { .fd = message_fd(message), .events = POLLIN };
	uint64_t count;

	(void)fake;
	/* A message that nobody listens to cannot arrive: poll() skips it. */
	return poll(&poller, 1, milliseconds) == 1 &&
	       read(poller.fd, &count, sizeof(count)) == sizeof(count);
}

void fake_init(struct fake *fake)
{
	unsigned char *low, *high;

	fake->mapping = mmap(NULL, 2 * FAKE_BYTES + 3 * GUARD, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fake->mapping == MAP_FAILED)
		abort();
	low = fake->mapping + GUARD;
	high = low + FAKE_BYTES + GUARD;
	if (mprotect(low, FAKE_BYTES, PROT_READ | PROT_WRITE) ||
	    mprotect(high, FAKE_BYTES, PROT_READ | PROT_WRITE))
		abort();
	fake->vm.regions[0] = (struct vm_region) { FAKE_LOW, FAKE_BYTES, low };
	fake->vm.regions[1] = (struct vm_region) { FAKE_HIGH, FAKE_BYTES, high };
	fake->vm.region_count = 2;
	fake->next = 0x1000;
}

void fake_exit(struct fake *fake)
{
	munmap(fake->mapping, 2 * FAKE_BYTES + 3 * GUARD);
}

/* The loop belongs to the thread that creates it. */
static void *fake_run(void *argument)
{
	struct fake *fake = argument;

	fake->error = loop_create(&fake->vm.loop);
	if (!fake->error)
		fake->error = devices_create(&fake->vm, &fake->options, &fake->devices);
	sem_post(&fake->ready);
	if (!fake->error)
		fake->error = loop_run(fake->vm.loop);
	sem_wait(&fake->quiet);
	devices_destroy(fake->devices);
	loop_destroy(fake->vm.loop);
	return NULL;
}

int fake_start(struct fake *fake)
{
	if (bus_init(&fake->vm.pio) || bus_init(&fake->vm.mmio))
		abort();
	sem_init(&fake->ready, 0, 0);
	sem_init(&fake->quiet, 0, 0);
	if (pthread_create(&fake->thread, NULL, fake_run, fake))
		abort();
	sem_wait(&fake->ready);
	return fake->error;
}

void fake_stop(struct fake *fake)
{
	if (!fake->error)
		loop_quit(fake->vm.loop);
	sem_post(&fake->quiet);
	pthread_join(fake->thread, NULL);
	bus_exit(&fake->vm.pio);
	bus_exit(&fake->vm.mmio);
}

/* The files have no names, so they go with the test however it ends. */
void fake_add_disks(struct fake *fake, unsigned int sectors)
{
	static char paths[2][32];

	for (unsigned int i = 0; i < 2; i++) {
		int fd = memfd_create("disk", 0);

		if (fd < 0 || ftruncate(fd, sectors * 512ULL))
			abort();
		snprintf(paths[i], sizeof(paths[i]), "/proc/self/fd/%d", fd);
		fake->options.disks[fake->options.disk_count++] = (struct disk_options) {
			.path = paths[i], .serial = i ? "" : "SERIAL", .readonly = i,
			.backend = BACKEND_USERSPACE,
		};
	}
}

void *fake_ram(struct fake *fake, uint64_t guest)
{
	return vm_translate(&fake->vm, guest, 1);
}

uint64_t fake_alloc(struct fake *fake, uint64_t size)
{
	uint64_t guest = fake->next;

	fake->next += (size + 4095) & ~4095ULL;
	if (fake->next > FAKE_BYTES)
		abort();
	memset(fake_ram(fake, guest), 0, size);
	return guest;
}

/* Guests lock these two registers as well. */
static pthread_mutex_t config_lock = PTHREAD_MUTEX_INITIALIZER;

static void config_access(struct fake *fake, unsigned int slot, unsigned int offset, void *data,
			  unsigned int len, bool write)
{
	uint32_t address = 0x80000000u | slot << 11 | (offset & 0xfc);

	pthread_mutex_lock(&config_lock);
	bus_access(&fake->vm.pio, 0xcf8, &address, 4, true);
	bus_access(&fake->vm.pio, 0xcfc + (offset & 3), data, len, write);
	pthread_mutex_unlock(&config_lock);
}

uint32_t fake_config_read(struct fake *fake, unsigned int slot, unsigned int offset,
			  unsigned int len)
{
	uint32_t value = 0;

	config_access(fake, slot, offset, &value, len, false);
	return value;
}

void fake_config_write(struct fake *fake, unsigned int slot, unsigned int offset, uint32_t value,
		       unsigned int len)
{
	config_access(fake, slot, offset, &value, len, true);
}

uint64_t fake_bar(struct fake *fake, unsigned int slot, unsigned int bar)
{
	uint32_t value = fake_config_read(fake, slot, PCI_BASE_ADDRESS_0 + 4 * bar, 4);

	return value & 1 ? value & ~3u : value & ~15u;
}

uint64_t fake_read(struct fake *fake, unsigned int slot, unsigned int offset, unsigned int len)
{
	uint64_t value = 0;

	bus_access(&fake->vm.mmio, fake_bar(fake, slot, 0) + offset, &value, len, false);
	return value;
}

void fake_write(struct fake *fake, unsigned int slot, unsigned int offset, uint64_t value,
		unsigned int len)
{
	bus_access(&fake->vm.mmio, fake_bar(fake, slot, 0) + offset, &value, len, true);
}

unsigned int fake_capability(struct fake *fake, unsigned int slot, uint8_t id)
{
	unsigned int at = fake_config_read(fake, slot, PCI_CAPABILITY_LIST, 1);

	/* Once the loop has ended, every byte reads as 0xff. */
	while (at && at != 0xff && fake_config_read(fake, slot, at, 1) != id)
		at = fake_config_read(fake, slot, at + 1, 1);
	return at;
}

void fake_enable(struct fake *fake, unsigned int slot)
{
	unsigned int msix = fake_capability(fake, slot, PCI_CAP_ID_MSIX);
	unsigned int count = (fake_config_read(fake, slot, msix + 2, 2) & 0x7ff) + 1;

	fake_config_write(fake, slot, PCI_COMMAND, 7, 2);
	fake_config_write(fake, slot, msix + 2, PCI_MSIX_FLAGS_ENABLE, 2);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t entry[4] = { 0xfee00000, 0, slot << 8 | i, 0 };

		for (unsigned int j = 0; j < 4; j++)
			bus_access(&fake->vm.mmio, fake_bar(fake, slot, 1) + 16 * i + 4 * j,
				   &entry[j], 4, true);
	}
}

void fake_negotiate(struct fake *fake, unsigned int slot, uint64_t without)
{
	fake_write(fake, slot, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	fake_write(fake, slot, VIRTIO_PCI_COMMON_STATUS, 3, 1);
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t features;

		fake_write(fake, slot, VIRTIO_PCI_COMMON_DFSELECT, i, 4);
		features = fake_read(fake, slot, VIRTIO_PCI_COMMON_DF, 4);
		fake_write(fake, slot, VIRTIO_PCI_COMMON_GFSELECT, i, 4);
		fake_write(fake, slot, VIRTIO_PCI_COMMON_GF, features & ~(without >> 32 * i), 4);
	}
	fake_write(fake, slot, VIRTIO_PCI_COMMON_MSIX, 0, 2);
	fake_write(fake, slot, VIRTIO_PCI_COMMON_STATUS, 11, 1);
}

static void write_address(struct fake_queue *queue, unsigned int offset, uint64_t address)
{
	fake_write(queue->fake, queue->slot, offset, address & 0xffffffff, 4);
	fake_write(queue->fake, queue->slot, offset + 4, address >> 32, 4);
}

void fake_queue_init(struct fake_queue *queue, struct fake *fake, unsigned int slot,
		     unsigned int index, uint16_t size)
{
	uint64_t rings = fake_alloc(fake, RINGS_BYTES);

	*queue = (struct fake_queue) {
		.fake = fake, .slot = slot, .index = index, .size = size,
		.descriptors = fake_ram(fake, rings),
		.available = fake_ram(fake, rings + RINGS_AVAILABLE),
		.used = fake_ram(fake, rings + RINGS_USED),
	};
	fake_write(fake, slot, VIRTIO_PCI_COMMON_Q_SELECT, index, 2);
	fake_write(fake, slot, VIRTIO_PCI_COMMON_Q_SIZE, size, 2);
	fake_write(fake, slot, VIRTIO_PCI_COMMON_Q_MSIX, index + 1, 2);
	write_address(queue, VIRTIO_PCI_COMMON_Q_DESCLO, rings);
	write_address(queue, VIRTIO_PCI_COMMON_Q_AVAILLO, rings + RINGS_AVAILABLE);
	write_address(queue, VIRTIO_PCI_COMMON_Q_USEDLO, rings + RINGS_USED);
	fake_write(fake, slot, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
}

void fake_driver_ok(struct fake *fake, unsigned int slot)
{
	fake_write(fake, slot, VIRTIO_PCI_COMMON_STATUS, 15, 1);
}

void fake_descriptor(struct fake_queue *queue, unsigned int at, uint64_t address, uint32_t len,
		     uint16_t flags, uint16_t next)
{
	queue->descriptors[at] = (struct vring_desc) { address, len, flags, next };
}

void fake_kick(struct fake_queue *queue)
{
	uint64_t address = fake_bar(queue->fake, queue->slot, 2) + 4 * queue->index;
	uint16_t value = queue->index;
	uint64_t one = 1;
	int fd = 0;

	pthread_mutex_lock(&notes_lock);
	for (unsigned int i = 0; i < 64; i++) {
		if (doorbells[i].fd && doorbells[i].port && doorbells[i].address == address)
			fd = doorbells[i].fd;
	}
	if (fd && write(fd, &one, sizeof(one)) < 0)
		abort();
	pthread_mutex_unlock(&notes_lock);
	if (!fd)
		bus_access(&queue->fake->vm.pio, address, &value, 2, true);
}

void fake_offer(struct fake_queue *queue, uint16_t head)
{
	uint16_t index = queue->available->idx;

	queue->available->ring[index % queue->size] = head;
	__atomic_store_n(&queue->available->idx, index + 1, __ATOMIC_RELEASE);
	fake_kick(queue);
}

bool fake_used(struct fake_queue *queue, struct vring_used_elem *entry)
{
	for (unsigned int i = 0; i < 5000; i++) {
		if (__atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE) != queue->taken) {
			*entry = queue->used->ring[queue->taken++ % queue->size];
			return true;
		}
		usleep(1000);
	}
	return false;
}
