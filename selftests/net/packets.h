/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets of any header length and buffer size, for the network tests: more
 * than lib/net.h needs for its one round trip.
 */
#ifndef SELFTESTS_NET_PACKETS_H
#define SELFTESTS_NET_PACKETS_H

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "harness.h"
#include "net.h"

#define POOL_MAX 4096

/**
 * struct pool - equal receive buffers of one driver
 * @driver: whose receive queue they are for
 * @size: of each, header included
 * @memory: all of them
 * @by_head: the buffer offered under a head
 */
struct pool {
	struct driver *driver;
	uint32_t size;
	unsigned char *memory;
	unsigned char *by_head[POOL_MAX];
};

/**
 * struct packet - what the driver has received
 * @header: as the device wrote it; num_buffers only where the header has it
 * @buffers: how many it came in
 * @length: of @frame
 * @frame: from the Ethernet header on
 */
struct packet {
	struct virtio_net_hdr_mrg_rxbuf header;
	unsigned int buffers;
	size_t length;
	unsigned char frame[NET_FRAME_MAX + 4096];
};

static inline size_t header_length(const struct driver *driver)
{
	return driver->features & (DRIVER_BIT(VIRTIO_F_VERSION_1) |
				   DRIVER_BIT(VIRTIO_NET_F_MRG_RXBUF)) ?
	       sizeof(struct virtio_net_hdr_mrg_rxbuf) : sizeof(struct virtio_net_hdr);
}

/* Offer a buffer of the pool; does not kick. */
static inline void pool_post(struct pool *pool, unsigned char *buffer)
{
	int head;

	memset(buffer, 0xa5, pool->size);
	head = net_post(pool->driver, buffer, pool->size);
	ASSERT_LE(0, head);
	pool->by_head[head] = buffer;
}

/* Buffers for @count posts; none is posted yet. */
static inline void pool_init(struct pool *pool, struct driver *driver, unsigned int count,
			     uint32_t size)
{
	ASSERT_GE(POOL_MAX, driver->queues[NET_RX].num);
	pool->driver = driver;
	pool->size = size;
	pool->memory = guest_alloc(&driver->guest, (size_t)count * size, 64);
}

static inline void pool_post_some(struct pool *pool, unsigned int first, unsigned int count)
{
	for (unsigned int i = first; i < first + count; i++)
		pool_post(pool, pool->memory + (size_t)i * pool->size);
	driver_kick(&pool->driver->queues[NET_RX]);
}

/* Append a used buffer to @packet as one run of bytes, header first. */
static inline int pool_take(struct pool *pool, const struct driver_used *used,
			    unsigned char *bytes, size_t *length)
{
	unsigned char *buffer = used->head < POOL_MAX ? pool->by_head[used->head] : NULL;

	if (!buffer || used->written > pool->size || *length + used->written > NET_FRAME_MAX + 4096)
		return -EPROTO;
	memcpy(bytes + *length, buffer, used->written);
	*length += used->written;
	return 0;
}

/**
 * pool_receive() - take one packet
 * @pool: the buffers
 * @packet: filled in
 * @repost: offer its buffers again
 * @milliseconds: patience
 *
 * Return: 0; -ETIMEDOUT; -EPROTO: what the device gave back is no packet, or did not
 * appear at once.
 */
static inline int pool_receive(struct pool *pool, struct packet *packet, bool repost,
			       int milliseconds)
{
	struct driver_queue *queue = &pool->driver->queues[NET_RX];
	size_t header = header_length(pool->driver);
	static unsigned char bytes[NET_FRAME_MAX + 4096];
	struct driver_used used;
	unsigned char *buffer;
	size_t length = 0;

	if (!driver_wait(queue, &used, milliseconds))
		return -ETIMEDOUT;
	memset(&packet->header, 0, sizeof(packet->header));
	for (packet->buffers = 1; ; packet->buffers++) {
		if (pool_take(pool, &used, bytes, &length))
			return -EPROTO;
		buffer = pool->by_head[used.head];
		if (repost)
			pool_post(pool, buffer);
		if (length >= header) {
			memcpy(&packet->header, bytes, header);
			if (packet->buffers >= packet->header.num_buffers)
				break;
		}
		if (!driver_reap(queue, &used))
			return -EPROTO;
	}
	packet->length = length - header;
	memcpy(packet->frame, bytes + header, packet->length);
	return 0;
}

/**
 * packet_send() - offer a packet to the device; does not kick
 * @driver: the device
 * @memory: in guest memory, room for header and frame
 * @header: or NULL for an empty one
 * @frame: from the Ethernet header on
 * @length: of @frame
 *
 * Return: the head, or -ENOSPC.
 */
static inline int packet_send(struct driver *driver, unsigned char *memory,
			      const struct virtio_net_hdr *header, const void *frame,
			      uint32_t length)
{
	struct driver_buffer whole = { memory, header_length(driver) + length, false };

	memset(memory, 0, header_length(driver));
	if (header)
		memcpy(memory, header, sizeof(*header));
	memcpy(memory + header_length(driver), frame, length);
	return driver_add(&driver->queues[NET_TX], &whole, 1);
}

/* Send a frame from the host, waiting for room. */
static inline void host_send(int host, const void *frame, size_t length)
{
	struct pollfd poller = { .fd = host, .events = POLLOUT };

	while (send(host, frame, length, 0) != (ssize_t)length) {
		ASSERT_TRUE(errno == EAGAIN || errno == ENOBUFS);
		ASSERT_LT(0, poll(&poller, 1, DRIVER_TIMEOUT));
	}
}

/* Receive a frame on the host; returns its length, or -ETIMEDOUT. */
static inline int host_receive(int host, void *frame, size_t room, int milliseconds)
{
	struct pollfd poller = { .fd = host, .events = POLLIN };

	if (poll(&poller, 1, milliseconds) <= 0)
		return -ETIMEDOUT;
	return recv(host, frame, room, 0);
}

#endif /* SELFTESTS_NET_PACKETS_H */
