/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Many packets for a port of a given kind with one kick, and what the host sees of them: for the
 * tests of packets that go to a socket in batches.
 */
#ifndef SELFTESTS_BURST_H
#define SELFTESTS_BURST_H

#include "ports.h"

/* Two batches. */
#define BURST_RING 128
#define BURST_BUFFER 2048
#define BURST_MTU 9000
#define BURST_ROOM (NET_HEADER + BURST_MTU + ETH_HLEN)
#define BURST_PAGE 4096
/* More than all packets of a test take. */
#define BURST_RECEIVE_BUFFER (16 << 20)

/**
 * struct burst - a driver, its port and the host's side of that
 * @kind: of the port
 * @driver: the device
 * @queue: its transmit queue
 * @pool: of its receive queue; nothing is posted
 * @packet: from there
 * @name: the interface where the host receives what the guest sends
 * @host: a socket that does
 * @memory: of packets
 * @frame: the one made last
 * @received: by the host
 */
struct burst {
	enum port_kind kind;
	struct driver driver;
	struct driver_queue *queue;
	struct pool pool;
	struct packet packet;
	char name[IFNAMSIZ];
	int host;
	unsigned char *memory;
	unsigned char frame[BURST_ROOM];
	unsigned char received[BURST_ROOM];
};

/* The interface whose queue is the port. */
static inline const char *burst_port_name(const struct burst *burst)
{
	return port_is_stacked(burst->kind) ? PORT_NAME : burst->name;
}

/* What the host receives from now on; a socket remembers when its interface was down. */
static inline void burst_open_host(struct burst *burst)
{
	int bytes = BURST_RECEIVE_BUFFER;

	port_set_up(burst->kind, burst->name);
	if (burst->host >= 0)
		close(burst->host);
	burst->host = net_host_socket(burst->name);
	ASSERT_EQ(0, setsockopt(burst->host, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)));
}

/* Give the driver a new port; returns false if this kernel has none of the kind. */
static inline bool burst_open_port(struct burst *burst)
{
	strcpy(burst->name, "");
	if (!port_open(&burst->driver, burst->kind, burst->name))
		return false;
	net_set_mtu(burst->name, BURST_MTU);
	if (port_is_stacked(burst->kind)) {
		net_set_mtu(PORT_NEAR, BURST_MTU);
		net_set_mtu(PORT_NAME, BURST_MTU);
	}
	burst_open_host(burst);
	net_start(&burst->driver);
	return true;
}

/* Returns false if this kernel has no such port. */
static inline bool burst_init(struct burst *burst, enum port_kind kind, uint64_t features)
{
	net_private_namespace();
	burst->kind = kind;
	burst->host = -1;
	driver_init(&burst->driver, VHOST_NODE_NET, 2, BURST_RING, features);
	burst->queue = &burst->driver.queues[NET_TX];
	if (!burst_open_port(burst))
		return false;
	pool_init(&burst->pool, &burst->driver, BURST_RING, BURST_BUFFER);
	burst->memory = guest_alloc(&burst->driver.guest, BURST_RING * BURST_ROOM, BURST_PAGE);
	return true;
}

static inline void burst_exit(struct burst *burst)
{
	if (burst->host >= 0)
		close(burst->host);
	driver_exit(&burst->driver);
}

/* burst->frame becomes frame @number of a test. */
static inline void burst_make(struct burst *burst, unsigned int number, size_t length)
{
	net_fill_frame(burst->frame, length, number);
	memcpy(burst->frame + ETH_HLEN, &number, sizeof(number));
}

/* Offer burst->frame to the device; does not kick. */
static inline void burst_offer(struct burst *burst, unsigned int number,
			       const struct virtio_net_hdr *header, size_t length)
{
	ASSERT_LE(0, packet_send(&burst->driver, burst->memory + number % BURST_RING * BURST_ROOM,
				 header, burst->frame, length));
}

/* Offer frames @first and so on, all of @length bytes. */
static inline void burst_offer_frames(struct burst *burst, unsigned int first, unsigned int count,
				      size_t length)
{
	for (unsigned int i = first; i < first + count; i++) {
		burst_make(burst, i, length);
		burst_offer(burst, i, NULL, length);
	}
}

/* The device gets @count chains at once, and gives them back. */
static inline void burst_pass(struct burst *burst, unsigned int count)
{
	struct driver_used used;

	driver_kick(burst->queue);
	while (count--)
		ASSERT_TRUE(driver_wait(burst->queue, &used, DRIVER_TIMEOUT));
}

/* The next that the host receives is burst->frame. */
static inline void burst_expect(struct burst *burst, size_t length)
{
	unsigned int number;

	memcpy(&number, burst->frame + ETH_HLEN, sizeof(number));
	ASSERT_EQ((int)length, host_receive(burst->host, burst->received, BURST_ROOM,
					    DRIVER_TIMEOUT)) { TEST_LOG("frame %u", number); }
	ASSERT_EQ(0, memcmp(burst->frame, burst->received, length)) {
		TEST_LOG("frame %u", number);
	}
}

static inline void burst_expect_frames(struct burst *burst, unsigned int first,
				       unsigned int count, size_t length)
{
	for (unsigned int i = first; i < first + count; i++) {
		burst_make(burst, i, length);
		burst_expect(burst, length);
	}
}

/* There is nothing more for the host. */
static inline void burst_expect_end(struct burst *burst)
{
	EXPECT_GT(0, host_receive(burst->host, burst->received, BURST_ROOM, 0));
}

static inline uint64_t burst_refused(struct burst *burst)
{
	return driver_stat(burst->queue, RINGHOST_STAT_REJECT_NET_PACKET);
}

#endif /* SELFTESTS_BURST_H */
