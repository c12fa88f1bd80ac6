// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network flavour of the userspace driver: joins a /dev/ringhost-net to a
 * tap of ours and moves frames between the rings and a packet socket on the
 * host's side of the tap. Runs in the test; a failure of the set-up ends the
 * test. Entry points: net_init(), net_send(), net_post(), net_works().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>

#include "harness.h"
#include "net.h"

/* A frame that fits every queue of the tests. */
#define WORKS_LENGTH 200
/* The tap's ring and the backend's batch may be full of them. */
#define EARLIER_FRAMES_MAX 1000

/* Whose taps net_open_tap() makes: ours, or the stock tun's. */
const char *net_tap_node = VHOST_NODE_TAP;

/**
 * net_private_namespace() - move to a network namespace of the test's own
 *
 * Interfaces vanish with the test, and no other program sends packets on them.
 */
void net_private_namespace(void)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
}

/**
 * net_make_namespace() - make a network namespace beside the test's own
 *
 * Return: a child that does nothing in it, and with which it ends.
 */
pid_t net_make_namespace(void)
{
	int ready[2];
	char byte;
	pid_t child;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		if (unshare(CLONE_NEWNET) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	close(ready[0]);
	return child;
}

/**
 * net_open_tap() - make or join a tap interface
 * @name: wanted name or pattern; the actual one is written back
 * @flags: beyond IFF_TAP, IFF_NO_PI and IFF_VNET_HDR
 *
 * Return: its file descriptor, with the header length of VERSION_1.
 */
int net_open_tap(char name[IFNAMSIZ], unsigned int flags)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags };
	int header = NET_HEADER;
	int fd = open(net_tap_node, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	ASSERT_LE(0, fd);
	memcpy(request.ifr_name, name, IFNAMSIZ);
	ASSERT_EQ(0, ioctl(fd, TUNSETIFF, &request));
	ASSERT_EQ(0, ioctl(fd, TUNSETVNETHDRSZ, &header));
	memcpy(name, request.ifr_name, IFNAMSIZ);
	return fd;
}

/* No IPv6: its router and neighbour packets would mix with the test's. */
static void disable_ipv6(const char *name)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	ASSERT_EQ(1, write(fd, "1", 1));
	close(fd);
}

/**
 * net_set_up() - set an interface up, without IPv6
 * @name: the interface
 */
void net_set_up(const char *name)
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	disable_ipv6(name);
	ASSERT_LE(0, fd);
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	ASSERT_EQ(0, ioctl(fd, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP;
	ASSERT_EQ(0, ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
}

/**
 * net_set_mtu() - have an interface carry longer packets
 * @name: the interface
 * @bytes: the longest
 */
void net_set_mtu(const char *name, int bytes)
{
	struct ifreq request = { .ifr_mtu = bytes };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ASSERT_LE(0, fd);
	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	ASSERT_EQ(0, ioctl(fd, SIOCSIFMTU, &request));
	close(fd);
}

/**
 * net_host_socket() - open the host's side: frames of NET_ETHERTYPE on an interface
 * @name: the interface
 *
 * Return: a packet socket that does not block; it sends and receives whole frames.
 */
int net_host_socket(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(NET_ETHERTYPE),
		.sll_ifindex = if_nametoindex(name),
	};
	int one = 1;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ASSERT_LE(0, fd);
	/* What we send ourselves must not come back. */
	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)));
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

/**
 * net_fill_frame() - make a broadcast Ethernet frame of NET_ETHERTYPE
 * @frame: written
 * @length: at least ETH_HLEN
 * @seed: different payloads for different seeds
 */
void net_fill_frame(unsigned char *frame, size_t length, unsigned int seed)
{
	static const unsigned char source[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x01 };
	uint16_t type = htons(NET_ETHERTYPE);

	memset(frame, 0xff, ETH_ALEN);
	memcpy(frame + ETH_ALEN, source, ETH_ALEN);
	memcpy(frame + 2 * ETH_ALEN, &type, sizeof(type));
	for (size_t i = ETH_HLEN; i < length; i++)
		frame[i] = seed * 31 + i * 7 + (i >> 8);
}

/**
 * net_init() - open and set up a network device over a new tap; no queue runs yet
 * @driver: to fill in
 * @name: of the tap; the actual one is written back
 * @num: ring entries of each queue
 * @features: to acknowledge; VERSION_1 among them
 */
void net_init(struct driver *driver, char name[IFNAMSIZ], unsigned int num, uint64_t features)
{
	driver_init(driver, VHOST_NODE_NET, 2, num, features);
	driver->backend = net_open_tap(name, 0);
	net_set_up(name);
}

/**
 * net_start() - attach the tap to both queues
 * @driver: from net_init()
 */
void net_start(struct driver *driver)
{
	ASSERT_EQ(0, vhost_net_set_backend(driver->fd, NET_RX, driver->backend));
	ASSERT_EQ(0, vhost_net_set_backend(driver->fd, NET_TX, driver->backend));
}

/**
 * net_post() - offer a buffer for received packets; does not kick
 * @driver: the device
 * @buffer: in guest memory
 * @length: of the buffer, header included
 *
 * Return: the head, or -ENOSPC.
 */
int net_post(struct driver *driver, void *buffer, uint32_t length)
{
	struct driver_buffer whole = { buffer, length, true };

	return driver_add(&driver->queues[NET_RX], &whole, 1);
}

/**
 * net_send() - offer a frame with an empty header, in guest memory of its own; does not kick
 * @driver: the device
 * @frame: from the Ethernet header on
 * @length: of the frame
 *
 * Return: the head, or -ENOSPC.
 */
int net_send(struct driver *driver, const void *frame, uint32_t length)
{
	unsigned char *packet = guest_alloc(&driver->guest, NET_HEADER + length, 16);
	struct driver_buffer buffers[] = {
		{ packet, NET_HEADER, false },
		{ packet + NET_HEADER, length, false },
	};

	memset(packet, 0, NET_HEADER);
	memcpy(packet + NET_HEADER, frame, length);
	return driver_add(&driver->queues[NET_TX], buffers, 2);
}

/* Frames of one process that all differ. */
static unsigned int next_seed(void)
{
	static unsigned int seed;

	return ++seed * 1000003 + getpid();
}

/* Returns whether the frame came; others are dropped. */
static bool host_receives(int host, const unsigned char *frame, size_t length)
{
	static unsigned char received[NET_FRAME_MAX];
	struct pollfd poller = { .fd = host, .events = POLLIN };

	while (poll(&poller, 1, DRIVER_TIMEOUT) > 0)
		if (recv(host, received, sizeof(received), 0) == (ssize_t)length &&
		    !memcmp(frame, received, length))
			return true;
	return false;
}

static int transmit_works(struct driver *driver, int host)
{
	unsigned char sent[WORKS_LENGTH];
	struct driver_used used;
	int head;

	net_fill_frame(sent, sizeof(sent), next_seed());
	head = net_send(driver, sent, sizeof(sent));
	if (head < 0)
		return head;
	driver_kick(&driver->queues[NET_TX]);
	if (!driver_wait(&driver->queues[NET_TX], &used, DRIVER_TIMEOUT))
		return -ETIMEDOUT;
	if (used.head != (unsigned int)head)
		return -EPROTO;
	return host_receives(host, sent, sizeof(sent)) ? 0 : -ENOMSG;
}

/* Post a buffer and wait for whatever comes into it; returns the bytes or -errno. */
static int receive_one(struct driver *driver, void *buffer, uint32_t room)
{
	struct driver_used used;
	int head = net_post(driver, buffer, room);

	if (head < 0)
		return head;
	driver_kick(&driver->queues[NET_RX]);
	if (!driver_wait(&driver->queues[NET_RX], &used, DRIVER_TIMEOUT))
		return -ETIMEDOUT;
	return used.head == (unsigned int)head ? (int)used.written : -EPROTO;
}

static int receive_works(struct driver *driver, int host)
{
	const uint32_t room = NET_HEADER + 2048;
	unsigned char *buffer = guest_alloc(&driver->guest, room, 16);
	unsigned char sent[WORKS_LENGTH];
	int length;

	net_fill_frame(sent, sizeof(sent), next_seed());
	if (send(host, sent, sizeof(sent), 0) != sizeof(sent))
		return -errno;
	/* Frames that a test sent earlier may come first. */
	for (unsigned int i = 0; i < EARLIER_FRAMES_MAX; i++) {
		length = receive_one(driver, buffer, room);
		if (length < 0)
			return length;
		if (length == NET_HEADER + WORKS_LENGTH &&
		    !memcmp(sent, buffer + NET_HEADER, sizeof(sent)))
			return 0;
	}
	return -EIO;
}

/**
 * net_works() - move one frame through a queue
 * @queue: an idle queue, either direction, with nothing posted
 * @name: of the tap
 *
 * Return: 0 if that works, -ETIMEDOUT if the chain did not come back, -EPROTO if
 * another did, -ENOMSG if the frame did not arrive at the host, -EIO if not in the ring.
 */
int net_works(struct driver_queue *queue, const char *name)
{
	int host = net_host_socket(name);
	int error = queue->index == NET_RX ? receive_works(queue->driver, host) :
		    transmit_works(queue->driver, host);

	close(host);
	return error;
}
