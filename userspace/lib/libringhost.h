/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * libringhost: hand a virtqueue over to the host kernel.
 *
 * For any VMM, or any other program that owns a virtqueue. The library is a
 * typed face of the vhost ABI (<linux/vhost.h>) as ringhost's device nodes speak
 * it, plus ringhost's own calls (ringhost.h of the kernel interface). It prints
 * nothing, keeps no state but the file descriptor, and starts no thread. Calls
 * return 0 or a negative errno.
 *
 * The order that works:
 *
 *	ringhost_open()			a node; the calling process becomes its owner
 *	ringhost_get_features()		what the kernel offers
 *	ringhost_blk_set_disk()		blk: which disk
 *	ringhost_set_features()		what the driver accepted
 *	ringhost_set_memory()		where the driver's memory is mapped
 *	ringhost_queue_setup()		each queue
 *	ringhost_net_start() or ringhost_blk_start()	each queue, last
 *	...
 *	ringhost_net_stop() or ringhost_blk_stop()	drains, says where to go on
 *	ringhost_close()
 *
 * After a stop the same sequence from ringhost_set_features() on starts again.
 * Calls on one device must not overlap in time; different devices are
 * independent. Every call but ringhost_open() answers -EPERM in a process other
 * than the owner.
 */
#ifndef LIBRINGHOST_H
#define LIBRINGHOST_H

#include <stddef.h>
#include <stdint.h>

/* The kernel interface, from uapi/: limits, counters, flags. */
#include "ringhost.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RINGHOST_NODE_NET "/dev/ringhost-net"
#define RINGHOST_NODE_BLK "/dev/ringhost-blk"
#define RINGHOST_NODE_TAP "/dev/ringhost-tap"

/* Both positions of a new packed queue: entry 0, wrap counter 1. */
#define RINGHOST_BASE_PACKED 0x80008000u

struct ringhost_device;

/**
 * struct ringhost_region - one piece of the driver's memory
 * @guest: address the driver uses
 * @size: bytes, not 0
 * @host: where it is mapped in this process
 */
struct ringhost_region {
	uint64_t guest;
	uint64_t size;
	void *host;
};

/**
 * struct ringhost_queue - one virtqueue, split or packed, ready to be handed over
 * @index: which one of the device, from 0
 * @size: entries up to 32768; a power of two if split
 * @base: where to go on: for a new queue 0 if split, RINGHOST_BASE_PACKED if packed;
 *	else what the stop returned
 * @descriptors: descriptor table, 16-byte aligned; @available: 2; @used: 4.
 *	Addresses in this process. The kernel uses them until the queue stops. Packed:
 *	the ring, and the event structures of driver and device, 4-byte aligned
 * @kick: eventfd the driver's notifications arrive on
 * @call: eventfd that interrupts the driver, or -1
 * @error: eventfd signalled when the driver broke the queue, or -1
 */
struct ringhost_queue {
	unsigned int index;
	unsigned int size;
	uint32_t base;
	void *descriptors;
	void *available;
	void *used;
	int kick;
	int call;
	int error;
};

/**
 * ringhost_open() - open a device and become its owner
 * @node: RINGHOST_NODE_NET or RINGHOST_NODE_BLK, or another path
 * @device: out
 *
 * Return: 0; -ENOENT the module is not loaded; -EACCES; -ENOMEM; -ENOTTY this is
 * no vhost device; or what else open() or VHOST_SET_OWNER answered.
 */
int ringhost_open(const char *node, struct ringhost_device **device);

/* Stop everything, release it, free @device. NULL is fine. */
void ringhost_close(struct ringhost_device *device);

/**
 * ringhost_get_features() - virtio and ring features the kernel offers
 * @device: the device
 * @features: out; bit n is virtio feature n. VHOST_F_LOG_ALL and
 *	VHOST_NET_F_VIRTIO_NET_HDR are in there, not for the driver's eyes.
 */
int ringhost_get_features(struct ringhost_device *device, uint64_t *features);

/**
 * ringhost_set_features() - what the driver accepted
 * @device: the device, no queue running
 * @features: a subset of the offer
 *
 * Return: 0, -EOPNOTSUPP a feature was not offered.
 */
int ringhost_set_features(struct ringhost_device *device, uint64_t features);

/**
 * ringhost_set_memory() - where the driver's memory is mapped
 * @device: the device
 * @regions: pieces, in any order, not overlapping
 * @count: how many; the kernel takes at least 64
 *
 * Return: 0, -E2BIG too many, -EINVAL, -EFAULT not mapped, -ENOMEM.
 */
int ringhost_set_memory(struct ringhost_device *device, const struct ringhost_region *regions,
			size_t count);

/**
 * ringhost_queue_setup() - describe a queue, without starting it
 * @device: the device
 * @queue: the queue; not needed afterwards, but the memory and descriptors it
 *	names are
 *
 * Return: 0, -ENOBUFS no such queue, -EBUSY it runs, -EINVAL, -EFAULT, -EBADF.
 */
int ringhost_queue_setup(struct ringhost_device *device, const struct ringhost_queue *queue);

/**
 * ringhost_queue_stats() - read the counters of a queue
 * @device: the device
 * @index: the queue
 * @values: out: indexed by enum ringhost_vring_stat; counters that the running
 *	kernel does not know are 0
 *
 * The counters are counted from the opening of the device.
 * Return: 0, -ENOBUFS no such queue.
 */
int ringhost_queue_stats(struct ringhost_device *device, unsigned int index,
			 uint64_t values[RINGHOST_STAT_COUNT]);

/* Name of a counter, "chains" and so on; NULL past the end. */
const char *ringhost_stat_name(unsigned int stat);

/**
 * ringhost_net_start() - connect a queue to a port and start it
 * @device: a ringhost-net device
 * @index: the queue; even ones receive, odd ones transmit
 * @port: a ringhost-tap descriptor with a virtio-net header, or a socket or tap
 *	that vhost-net would take; the kernel keeps a reference of its own
 *
 * Return: 0, -EBADF, -EFAULT the queue was not set up, -ENOTSOCK no port.
 */
int ringhost_net_start(struct ringhost_device *device, unsigned int index, int port);

/**
 * ringhost_net_stop() - stop a queue
 * @device: a ringhost-net device
 * @index: the queue, which need not run
 * @base: out, NULL for whom it does not matter: where to go on
 *
 * On return the kernel touches neither the queue nor its buffers.
 */
int ringhost_net_stop(struct ringhost_device *device, unsigned int index, uint32_t *base);

/**
 * ringhost_blk_set_disk() - attach a disk
 * @device: a ringhost-blk device, no queue running
 * @fd: block device or regular file; the kernel keeps a reference of its own.
 *	-1 detaches
 * @flags: RINGHOST_BLK_F_READONLY or 0
 * @serial: what the driver's GET_ID request answers, cut off after
 *	RINGHOST_BLK_SERIAL_BYTES; NULL for none
 *
 * Return: 0, -EBUSY, -EBADF, -EINVAL no disk, -EACCES not opened for reading,
 * -EROFS neither writable nor read-only by @flags.
 */
int ringhost_blk_set_disk(struct ringhost_device *device, int fd, uint32_t flags,
			  const char *serial);

/* What the attached disk can do. Return: 0, -ENODEV no disk. */
int ringhost_blk_get_limits(struct ringhost_device *device, struct ringhost_blk_limits *limits);

/* Start a queue that was set up. Return: 0, -ENODEV no disk, -EFAULT not set up. */
int ringhost_blk_start(struct ringhost_device *device, unsigned int index);

/**
 * ringhost_blk_stop() - stop a queue
 * @device: a ringhost-blk device
 * @index: the queue, which need not run
 * @base: out, NULL for whom it does not matter: where to go on
 *
 * Returns when every request in flight has been completed to the driver.
 */
int ringhost_blk_stop(struct ringhost_device *device, unsigned int index, uint32_t *base);

#ifdef __cplusplus
}
#endif

#endif /* LIBRINGHOST_H */
