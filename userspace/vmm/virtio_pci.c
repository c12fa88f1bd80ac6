// SPDX-License-Identifier: GPL-2.0-only
/*
 * The modern PCI transport. It connects stage (1), the doorbell, to an ioeventfd
 * per queue, and stage (5) to a vector of MSI-X. Runs on the loop's thread for a
 * vCPU that waits. Entry points: transport_bar_access(), transport_config_*().
 *
 *	BAR 0, memory: 0x0000 common configuration   0x1000 ISR status
 *	               0x2000 device configuration   0x3000 doorbells
 *	BAR 1, memory: MSI-X table and pending bits
 *	BAR 2, ports:  the same doorbells again
 *
 * The doorbells in I/O ports stand first in the capability list, so a driver that
 * can use them does: a port write tells KVM everything by itself, while a write
 * to memory must first be decoded from the guest's instruction stream wherever the
 * processor has no short cut. Those in memory are for drivers without port access.
 */
#include <endian.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "err.h"
#include "msix.h"
#include "pci.h"
#include "util.h"
#include "virtio.h"
#include "virtio_pci.h"
#include "vm.h"

#define PCI_VENDOR_VIRTIO 0x1AF4
#define PCI_DEVICE_VIRTIO 0x1040	/* + device type; 4.1.2 */
#define PCI_SUBSYSTEM_VIRTIO 0x0040

#define BAR_REGISTERS 0
#define BAR_MSIX 1
#define BAR_PORTS 2

#define REGION_SHIFT 12
#define REGION_SIZE (1u << REGION_SHIFT)
enum { REGION_COMMON, REGION_ISR, REGION_DEVICE, REGION_NOTIFY, REGIONS };

#define NOTIFY_STRIDE 4		/* notify_off_multiplier: room for a 32-bit write */
#define NOTIFY_SIZE 128		/* a power of two */
_Static_assert(NOTIFY_STRIDE * VIRTIO_QUEUES_MAX <= NOTIFY_SIZE, "room for every doorbell");

#define ISR_CONFIG 2

/**
 * struct virtio_pci - one device on the bus
 * @function: its PCI function
 * @msix: one vector per queue and one for configuration changes
 * @device: the device behind it
 * @window: offset of the PCI configuration access capability, 4.1.4.9
 * @device_select, @driver_select, @queue_select: as in the common configuration
 * @config_vector: as in the common configuration
 * @isr: ISR status; only configuration changes get here, 4.1.4.5
 */
struct virtio_pci {
	struct pci_function function;
	struct msix msix;
	struct virtio_device *device;
	unsigned int window;
	uint32_t device_select, driver_select;
	uint16_t queue_select;
	uint16_t config_vector;
	uint8_t isr;
};

static struct virtio_pci *to_transport(struct pci_function *function)
{
	return container_of(function, struct virtio_pci, function);
}

static struct virtio_queue *selected_queue(struct virtio_pci *transport)
{
	if (transport->queue_select >= transport->device->queue_count)
		return NULL;
	return &transport->device->queues[transport->queue_select];
}

static uint32_t feature_half(uint64_t features, uint32_t select)
{
	return select < 2 ? features >> (32 * select) : 0;
}

/* A queue that does not exist has size 0 (4.1.4.3.1). */
static void common_snapshot_queue(struct virtio_pci *transport,
				  struct virtio_pci_common_cfg *common)
{
	struct virtio_queue *queue = selected_queue(transport);

	common->queue_msix_vector = htole16(VIRTIO_MSI_NO_VECTOR);
	if (!queue)
		return;
	common->queue_size = htole16(queue->size);
	common->queue_msix_vector = htole16(queue->vector);
	common->queue_enable = htole16(queue->enabled);
	common->queue_notify_off = htole16(queue->index);
	common->queue_desc_lo = htole32(queue->descriptor_address);
	common->queue_desc_hi = htole32(queue->descriptor_address >> 32);
	common->queue_avail_lo = htole32(queue->available_address);
	common->queue_avail_hi = htole32(queue->available_address >> 32);
	common->queue_used_lo = htole32(queue->used_address);
	common->queue_used_hi = htole32(queue->used_address >> 32);
}

static void common_read(struct virtio_pci *transport, uint32_t offset, void *data,
			unsigned int len)
{
	struct virtio_device *device = transport->device;
	struct virtio_pci_common_cfg common = {
		.device_feature_select = htole32(transport->device_select),
		.device_feature = htole32(feature_half(device->offered,
						       transport->device_select)),
		.guest_feature_select = htole32(transport->driver_select),
		.guest_feature = htole32(feature_half(device->accepted,
						      transport->driver_select)),
		.msix_config = htole16(transport->config_vector),
		.num_queues = htole16(device->queue_count),
		.device_status = device->status,
		.queue_select = htole16(transport->queue_select),
	};

	common_snapshot_queue(transport, &common);
	if (offset < sizeof(common))
		memcpy(data, (char *)&common + offset, MIN(len, sizeof(common) - offset));
}

/* What the driver reads back tells it whether the vector exists. */
static uint16_t usable_vector(struct virtio_pci *transport, uint16_t vector)
{
	return msix_fd(&transport->msix, vector) < 0 ? VIRTIO_MSI_NO_VECTOR : vector;
}

static void transport_set_status(struct virtio_pci *transport, uint8_t status)
{
	virtio_set_status(transport->device, status);
	if (status)
		return;
	transport->device_select = 0;
	transport->driver_select = 0;
	transport->queue_select = 0;
	transport->config_vector = VIRTIO_MSI_NO_VECTOR;
	transport->isr = 0;
}

static void set_queue_vector(struct virtio_pci *transport, struct virtio_queue *queue,
			     uint16_t vector)
{
	queue->vector = usable_vector(transport, vector);
	queue->call = msix_fd(&transport->msix, queue->vector);
}

static void set_low(uint64_t *address, uint32_t value)
{
	*address = (*address & ~0xffffffffULL) | value;
}

static void set_high(uint64_t *address, uint32_t value)
{
	*address = (*address & 0xffffffffULL) | (uint64_t)value << 32;
}

static void common_write8(struct virtio_pci *transport, uint32_t offset, uint8_t value)
{
	if (offset == VIRTIO_PCI_COMMON_STATUS)
		transport_set_status(transport, value);
}

static void common_write16(struct virtio_pci *transport, uint32_t offset, uint16_t value)
{
	struct virtio_queue *queue = selected_queue(transport);

	if (offset == VIRTIO_PCI_COMMON_Q_SELECT)
		transport->queue_select = value;
	else if (offset == VIRTIO_PCI_COMMON_MSIX)
		transport->config_vector = usable_vector(transport, value);
	else if (!queue || !virtio_queue_changeable(queue))
		return;
	else if (offset == VIRTIO_PCI_COMMON_Q_SIZE)
		virtio_set_queue_size(queue, value);
	else if (offset == VIRTIO_PCI_COMMON_Q_MSIX)
		set_queue_vector(transport, queue, value);
	else if (offset == VIRTIO_PCI_COMMON_Q_ENABLE)
		queue->enabled = value == 1;
}

static void common_write_address(struct virtio_queue *queue, uint32_t offset, uint32_t value)
{
	if (offset == VIRTIO_PCI_COMMON_Q_DESCLO)
		set_low(&queue->descriptor_address, value);
	else if (offset == VIRTIO_PCI_COMMON_Q_DESCHI)
		set_high(&queue->descriptor_address, value);
	else if (offset == VIRTIO_PCI_COMMON_Q_AVAILLO)
		set_low(&queue->available_address, value);
	else if (offset == VIRTIO_PCI_COMMON_Q_AVAILHI)
		set_high(&queue->available_address, value);
	else if (offset == VIRTIO_PCI_COMMON_Q_USEDLO)
		set_low(&queue->used_address, value);
	else if (offset == VIRTIO_PCI_COMMON_Q_USEDHI)
		set_high(&queue->used_address, value);
}

static void common_write32(struct virtio_pci *transport, uint32_t offset, uint32_t value)
{
	struct virtio_queue *queue = selected_queue(transport);

	if (offset == VIRTIO_PCI_COMMON_DFSELECT)
		transport->device_select = value;
	else if (offset == VIRTIO_PCI_COMMON_GFSELECT)
		transport->driver_select = value;
	else if (offset == VIRTIO_PCI_COMMON_GF)
		virtio_accept_features(transport->device, transport->driver_select, value);
	else if (queue && virtio_queue_changeable(queue))
		common_write_address(queue, offset, value);
}

/* A field is written with its own width (4.1.3.1); anything else changes nothing. */
static void common_write(struct virtio_pci *transport, uint32_t offset, const uint8_t *data,
			 unsigned int len)
{
	if (len == 1)
		common_write8(transport, offset, data[0]);
	else if (len == 2)
		common_write16(transport, offset, pci_get16(data));
	else if (len == 4)
		common_write32(transport, offset, pci_get32(data));
	else if (len == 8) {
		common_write32(transport, offset, pci_get32(data));
		common_write32(transport, offset + 4, pci_get32(data + 4));
	}
}

static void device_read(struct virtio_device *device, uint32_t offset, void *data,
			unsigned int len)
{
	if (offset < device->config_size)
		memcpy(data, (const char *)device->config + offset,
		       MIN(len, device->config_size - offset));
}

/* Only doorbells without an ioeventfd come here. A full counter is a doorbell too. */
static void notify_write(struct virtio_device *device, uint32_t offset)
{
	uint32_t index = offset / NOTIFY_STRIDE;
	uint64_t one = 1;

	if (index >= device->queue_count)
		return;
	device->queues[index].exits++;
	if (write(device->queues[index].kick, &one, sizeof(one)) < 0)
		return;
}

static void registers_read(struct virtio_pci *transport, unsigned int region, uint32_t offset,
			   void *data, unsigned int len)
{
	if (region == REGION_COMMON) {
		common_read(transport, offset, data, len);
	} else if (region == REGION_DEVICE) {
		device_read(transport->device, offset, data, len);
	} else if (region == REGION_ISR && offset == 0) {
		memcpy(data, &transport->isr, 1);
		transport->isr = 0;
	}
}

static void registers_access(struct virtio_pci *transport, uint32_t offset, void *data,
			     unsigned int len, bool write)
{
	unsigned int region = offset >> REGION_SHIFT;

	offset &= REGION_SIZE - 1;
	if (!write)
		registers_read(transport, region, offset, data, len);
	else if (region == REGION_COMMON)
		common_write(transport, offset, data, len);
	else if (region == REGION_NOTIFY)
		notify_write(transport->device, offset);
}

static void transport_bar_access(struct pci_function *function, unsigned int bar, uint32_t offset,
				 void *data, unsigned int len, bool write)
{
	struct virtio_pci *transport = to_transport(function);

	if (bar == BAR_REGISTERS)
		registers_access(transport, offset, data, len, write);
	else if (bar == BAR_MSIX)
		msix_access(&transport->msix, offset, data, len, write);
	else if (write)
		notify_write(transport->device, offset);
}

/*
 * Without an ioeventfd (another BAR lies at the same address, say) the doorbell
 * takes the long way and still works. So errors are no matter, in either
 * direction: a removal names our own eventfd and cannot hit another's.
 */
static void transport_bar_moved(struct pci_function *function, unsigned int bar, uint64_t base,
				bool decoded)
{
	struct virtio_device *device = to_transport(function)->device;
	bool ports = bar == BAR_PORTS;

	if (bar == BAR_MSIX)
		return;
	if (!ports)
		base += REGION_NOTIFY * REGION_SIZE;
	for (unsigned int i = 0; i < device->queue_count; i++)
		vm_ioeventfd(device->vm, base + i * NOTIFY_STRIDE, ports ? 2 : 0, ports,
			     device->queues[i].kick, decoded);
}

/* The access that the window capability describes, or nothing when it makes no sense. */
static void window_access(struct virtio_pci *transport, bool write)
{
	uint8_t *window = transport->function.config + transport->window;
	uint32_t offset = pci_get32(window + offsetof(struct virtio_pci_cap, offset));
	uint32_t len = pci_get32(window + offsetof(struct virtio_pci_cap, length));
	uint8_t bar = window[offsetof(struct virtio_pci_cap, bar)];
	uint8_t *data = window + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);

	if ((len == 1 || len == 2 || len == 4) && offset % len == 0)
		pci_bar_access(&transport->function, bar, offset, data, len, write);
}

static bool overlaps_window(struct virtio_pci *transport, unsigned int offset, unsigned int len)
{
	return pci_overlaps(offset, len, transport->window +
			    offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), 4);
}

static void transport_config_read(struct pci_function *function, unsigned int offset,
				  unsigned int len)
{
	if (overlaps_window(to_transport(function), offset, len))
		window_access(to_transport(function), false);
}

static void transport_config_written(struct pci_function *function, unsigned int offset,
				     unsigned int len)
{
	struct virtio_pci *transport = to_transport(function);

	msix_config_written(&transport->msix, offset, len);
	if (overlaps_window(transport, offset, len))
		window_access(transport, true);
}

static const struct pci_function_ops transport_ops = {
	.bar_access = transport_bar_access,
	.bar_moved = transport_bar_moved,
	.config_read = transport_config_read,
	.config_written = transport_config_written,
};

static void transport_config_changed(struct virtio_device *device)
{
	struct virtio_pci *transport = device->transport;
	int fd = msix_fd(&transport->msix, transport->config_vector);
	uint64_t one = 1;

	transport->isr |= ISR_CONFIG;
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;		/* full, so signalled */
}

static struct virtio_pci_cap vendor_capability(uint8_t type, uint8_t bar, uint32_t offset,
					       uint32_t length, uint8_t size)
{
	return (struct virtio_pci_cap) {
		.cap_len = size, .cfg_type = type, .bar = bar,
		.offset = htole32(offset), .length = htole32(length),
	};
}

static void add_region(struct pci_function *function, uint8_t type, unsigned int region,
		       uint32_t length)
{
	struct virtio_pci_cap capability = vendor_capability(type, BAR_REGISTERS,
			region << REGION_SHIFT, length, sizeof(capability));

	pci_add_capability(function, PCI_CAP_ID_VNDR, &capability, sizeof(capability));
}

static void add_doorbells(struct pci_function *function, uint8_t bar, uint32_t offset)
{
	struct virtio_pci_notify_cap capability = {
		.cap = vendor_capability(VIRTIO_PCI_CAP_NOTIFY_CFG, bar, offset, NOTIFY_SIZE,
					 sizeof(capability)),
		.notify_off_multiplier = htole32(NOTIFY_STRIDE),
	};

	pci_add_capability(function, PCI_CAP_ID_VNDR, &capability, sizeof(capability));
}

static void add_window(struct virtio_pci *transport)
{
	struct virtio_pci_cfg_cap capability = {
		.cap = vendor_capability(VIRTIO_PCI_CAP_PCI_CFG, 0, 0, 0, sizeof(capability)),
	};
	uint8_t *writable;

	transport->window = pci_add_capability(&transport->function, PCI_CAP_ID_VNDR, &capability,
					       sizeof(capability));
	writable = transport->function.writable + transport->window;
	writable[offsetof(struct virtio_pci_cap, bar)] = 0xff;
	memset(writable + offsetof(struct virtio_pci_cap, offset), 0xff, 12);
}

static void add_capabilities(struct virtio_pci *transport)
{
	struct pci_function *function = &transport->function;

	add_doorbells(function, BAR_PORTS, 0);
	add_doorbells(function, BAR_REGISTERS, REGION_NOTIFY << REGION_SHIFT);
	add_region(function, VIRTIO_PCI_CAP_COMMON_CFG, REGION_COMMON,
		   sizeof(struct virtio_pci_common_cfg));
	add_region(function, VIRTIO_PCI_CAP_ISR_CFG, REGION_ISR, 1);
	if (transport->device->config_size)
		add_region(function, VIRTIO_PCI_CAP_DEVICE_CFG, REGION_DEVICE,
			   transport->device->config_size);
	add_window(transport);
}

static uint32_t device_class(uint16_t type)
{
	switch (type) {
	case VIRTIO_ID_NET:
		return 0x020000;	/* Ethernet */
	case VIRTIO_ID_BLOCK:
		return 0x018000;	/* mass storage, other */
	default:
		return 0xff0000;	/* fits no class */
	}
}

static int transport_init(struct virtio_pci *transport, struct virtio_device *device)
{
	struct pci_function *function = &transport->function;
	struct pci_identity identity = {
		.vendor = PCI_VENDOR_VIRTIO, .device = PCI_DEVICE_VIRTIO + device->type,
		.subsystem_vendor = PCI_VENDOR_VIRTIO,
		.subsystem = PCI_SUBSYSTEM_VIRTIO + device->type,
		.class = device_class(device->type), .revision = 1,
	};

	transport->device = device;
	transport->config_vector = VIRTIO_MSI_NO_VECTOR;
	device->transport = transport;
	device->config_changed = transport_config_changed;
	pci_function_init(function, &transport_ops, &identity);
	pci_add_bar(function, BAR_REGISTERS, REGIONS << REGION_SHIFT, false);
	pci_add_bar(function, BAR_PORTS, NOTIFY_SIZE, true);
	add_capabilities(transport);
	return msix_init(&transport->msix, device->vm, function, BAR_MSIX,
			 device->queue_count + 1);
}

int virtio_pci_create(struct pci_bus *bus, struct virtio_device *device, struct virtio_pci **out)
{
	struct virtio_pci *transport = calloc(1, sizeof(*transport));
	int err;

	if (!transport)
		return rh_error(-ENOMEM, "out of memory");
	err = transport_init(transport, device);
	if (err) {
		rh_error(err, "%s: cannot make an eventfd: %s", device->name, strerror(-err));
		goto free_transport;
	}
	err = pci_add(bus, &transport->function);
	if (err) {
		rh_error(err, "%s: no room on the PCI bus", device->name);
		goto exit_msix;
	}
	*out = transport;
	return 0;

exit_msix:
	msix_exit(&transport->msix);
free_transport:
	free(transport);
	return err;
}

void virtio_pci_destroy(struct virtio_pci *transport)
{
	if (!transport)
		return;
	virtio_set_status(transport->device, 0);
	pci_remove(&transport->function);
	msix_exit(&transport->msix);
	free(transport);
}
