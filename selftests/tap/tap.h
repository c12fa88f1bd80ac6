/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taps for the tests of the tap: files, interfaces and their counters. What
 * cannot go wrong in a sane test host ends the test if it does.
 */
#ifndef SELFTESTS_TAP_TAP_H
#define SELFTESTS_TAP_TAP_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>

#include "harness.h"
#include "net.h"
#include "shell.h"

#define TAP_NODE "/dev/ringhost-tap"
#define TAP_FLAGS (IFF_TAP | IFF_NO_PI)
/* Milliseconds: until something must have happened; and to believe that nothing will. */
#define TAP_PATIENCE 5000
#define TAP_QUIET 100

/* The headers of the C library may be older than the kernel. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif
#ifndef IFF_NO_CARRIER
#define IFF_NO_CARRIER 0x0040
#endif
#ifndef TUNSETCARRIER
#define TUNSETCARRIER _IOW('T', 226, int)
#endif

static inline int tap_open(void)
{
	int fd = open(TAP_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	ASSERT_LE(0, fd);
	return fd;
}

/* TUNSETIFF; @name is the wanted name and becomes the actual one. Returns 0 or -errno. */
static inline int tap_attach(int fd, char name[IFNAMSIZ], unsigned int flags)
{
	struct ifreq request = { .ifr_flags = flags };

	memcpy(request.ifr_name, name, IFNAMSIZ);
	if (ioctl(fd, TUNSETIFF, &request))
		return -errno;
	memcpy(name, request.ifr_name, IFNAMSIZ);
	return 0;
}

/* A new file with a new interface of exactly @flags, whose name goes to @name. */
static inline int tap_create_of(char name[IFNAMSIZ], unsigned int flags)
{
	int fd = tap_open();

	memset(name, 0, IFNAMSIZ);
	ASSERT_EQ(0, tap_attach(fd, name, flags));
	return fd;
}

/* The same for frames without packet information. */
static inline int tap_create(char name[IFNAMSIZ], unsigned int flags)
{
	return tap_create_of(name, TAP_FLAGS | flags);
}

/* TUNSETQUEUE with IFF_ATTACH_QUEUE or IFF_DETACH_QUEUE; returns 0 or -errno. */
static inline int tap_set_queue(int fd, unsigned int flags)
{
	return ioctl(fd, TUNSETQUEUE, &(struct ifreq){ .ifr_flags = flags }) ? -errno : 0;
}

/* An ioctl that takes or gives an int by pointer; returns 0 or -errno. */
static inline int tap_int(int fd, unsigned long cmd, int *value)
{
	return ioctl(fd, cmd, value) ? -errno : 0;
}

static inline int tap_set_int(int fd, unsigned long cmd, int value)
{
	return tap_int(fd, cmd, &value);
}

/* An ioctl that takes its argument by value; returns 0 or -errno. */
static inline int tap_set(int fd, unsigned long cmd, unsigned long value)
{
	return ioctl(fd, cmd, value) ? -errno : 0;
}

static inline void ethtool(const char *name, void *data)
{
	struct ifreq request = { .ifr_data = data };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, SIOCETHTOOL, &request));
	close(fd);
}

/*
 * Whether the interface, which is up, has a carrier. After a change the stack follows at
 * leisure and drops packets until then; to be asked makes it follow at once.
 */
static inline bool tap_has_carrier(const char *name)
{
	struct ethtool_value value = { .cmd = ETHTOOL_GLINK };

	ethtool(name, &value);
	return value.data;
}

static inline void tap_drop_when_full(const char *name, bool drop)
{
	ethtool(name, &(struct ethtool_value){ .cmd = ETHTOOL_SPFLAGS, .data = drop });
}

/* A counter of queue 0 as `ethtool -S` shows it. */
static inline uint64_t tap_counter(const char *name, const char *counter)
{
	struct { struct ethtool_gstrings head; char names[100][ETH_GSTRING_LEN]; } strings = {
		.head = { .cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS },
	};
	struct { struct ethtool_stats head; __u64 values[100]; } stats = {
		.head = { .cmd = ETHTOOL_GSTATS },
	};
	char wanted[ETH_GSTRING_LEN];

	snprintf(wanted, sizeof(wanted), "queue0_%s", counter);
	ethtool(name, &strings);
	ethtool(name, &stats);
	for (unsigned int i = 0; i < strings.head.len && i < 100; i++)
		if (!strcmp(strings.names[i], wanted))
			return stats.values[i];
	TEST_LOG("no counter %s", wanted);
	ASSERT_TRUE(false);
	return 0;
}

/* Show the test its own namespace's interfaces in /sys. */
static inline void tap_mount_sysfs(void)
{
	ASSERT_EQ(0, unshare(CLONE_NEWNS));
	ASSERT_EQ(0, mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	ASSERT_EQ(0, mount("sysfs", "/sys", "sysfs", 0, NULL));
}

/* Write to an attribute of the interface in /sys. */
static inline void tap_set_attribute(const char *name, const char *attribute,
				     unsigned long long value)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", name, attribute);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, dprintf(fd, "%llu", value));
	close(fd);
}

/* Read one packet, waiting for it; returns its length or -errno. */
static inline int tap_read(int fd, void *buffer, size_t room, int milliseconds)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	ssize_t length;

	if (poll(&poller, 1, milliseconds) <= 0)
		return -ETIMEDOUT;
	length = read(fd, buffer, room);
	return length < 0 ? -errno : length;
}

/* Write one packet; returns its length or -errno. */
static inline int tap_write(int fd, const void *packet, size_t length)
{
	ssize_t written = write(fd, packet, length);

	return written < 0 ? -errno : written;
}

/*
 * The host's side: all packets of a protocol that an interface gave the stack, as the stack
 * has them, each after its vnet header. Room for many.
 */
static inline int host_open(const char *name, unsigned int protocol)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, room = 64 << 20;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)));
	ASSERT_EQ(0, setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)));
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

/* Receive a frame on a socket; returns its length or -ETIMEDOUT. */
static inline int host_read(int host, void *buffer, size_t room, int milliseconds)
{
	struct pollfd poller = { .fd = host, .events = POLLIN };

	if (poll(&poller, 1, milliseconds) <= 0)
		return -ETIMEDOUT;
	return recv(host, buffer, room, 0);
}

#endif /* SELFTESTS_TAP_TAP_H */
