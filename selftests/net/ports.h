/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Ports of every kind, each with an interface on which the host sees what passes: for tests of
 * what is not our tap. A kind that the kernel does not have is skipped.
 */
#ifndef SELFTESTS_PORTS_H
#define SELFTESTS_PORTS_H

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/if_tun.h>

#include "packets.h"
#include "../tap/xdp.h"

#define PORT_NODE_TUN "/dev/net/tun"
/* Of a macvtap or ipvtap and of the cable behind it, whose far end is the host's. */
#define PORT_NAME "port"
#define PORT_NEAR "near"
#define PORT_FAR "far"

enum port_kind {
	TAP,
	TUN,
	MACVTAP,
	IPVTAP,
	PACKET_SOCKET,
};

/* It is an interface on top of one end of a cable. */
static inline bool port_is_stacked(enum port_kind kind)
{
	return kind == MACVTAP || kind == IPVTAP;
}

/* What is before each frame when the owner reads or writes. */
static inline size_t port_header(const struct driver *driver)
{
	return driver->features & DRIVER_BIT(VHOST_NET_F_VIRTIO_NET_HDR) ? 0 :
	       header_length(driver);
}

/* A file of the stock tun's or a macvtap's; @name is the wanted and becomes the actual name. */
static inline int port_open_queue(const struct driver *driver, const char *node,
				  char name[IFNAMSIZ])
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int header = port_header(driver);
	int fd = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return fd;
	if (header)
		request.ifr_flags |= IFF_VNET_HDR;
	memcpy(request.ifr_name, name, IFNAMSIZ);
	ASSERT_EQ(0, ioctl(fd, TUNSETIFF, &request));
	if (header)
		ASSERT_EQ(0, ioctl(fd, TUNSETVNETHDRSZ, &header));
	memcpy(name, request.ifr_name, IFNAMSIZ);
	return fd;
}

/* Two ends of a cable: what is sent on one is received on the other. */
static inline bool port_make_cable(char name[IFNAMSIZ])
{
	if (!run("ip link add " PORT_NEAR " type veth peer name " PORT_FAR " 2> /dev/null"))
		return false;
	strcpy(name, PORT_FAR);
	net_set_up(PORT_NEAR);
	return true;
}

/* The host sees at @name what passes a macvtap or ipvtap; @type is the kind and its mode. */
static inline int port_open_stacked(const struct driver *driver, const char *type,
				    char name[IFNAMSIZ])
{
	char node[40], own_name[IFNAMSIZ] = PORT_NAME;
	int unlimited = INT_MAX, fd;

	if (!port_make_cable(name) ||
	    !run("ip link add link " PORT_NEAR " name " PORT_NAME " type %s 2> /dev/null", type))
		return -1;
	net_set_up(PORT_NAME);
	snprintf(node, sizeof(node), "/dev/tap%u", if_nametoindex(PORT_NAME));
	fd = port_open_queue(driver, node, own_name);
	/* As clients do, and as a tun has it from the beginning. */
	if (fd >= 0)
		ASSERT_EQ(0, ioctl(fd, TUNSETSNDBUF, &unlimited));
	return fd;
}

/* It gets all packets, as it would for a guest; others than a test's there are none. */
static inline int port_open_packet_socket(char name[IFNAMSIZ], int header)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
	};
	int fd, one = 1;

	if (!port_make_cable(name))
		return -1;
	address.sll_ifindex = if_nametoindex(PORT_NEAR);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)));
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&address, sizeof(address)));
	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &header, sizeof(header)));
	return fd;
}

/**
 * port_open() - open a port for a driver whose features are known
 * @driver: its backend becomes the port
 * @kind: of the port
 * @name: wanted name; written back: the interface where the host sends and receives
 *
 * Return: false if this kernel has none of the kind.
 */
static inline bool port_open(struct driver *driver, enum port_kind kind, char name[IFNAMSIZ])
{
	switch (kind) {
	case TAP:
		driver->backend = net_open_tap(name, 0);
		break;
	case TUN:
		run("modprobe -q tun");
		driver->backend = port_open_queue(driver, PORT_NODE_TUN, name);
		break;
	case MACVTAP:
		driver->backend = port_open_stacked(driver, "macvtap mode passthru", name);
		break;
	case IPVTAP:
		driver->backend = port_open_stacked(driver, "ipvtap mode l2", name);
		break;
	case PACKET_SOCKET:
		driver->backend = port_open_packet_socket(name, port_header(driver));
		break;
	}
	return driver->backend >= 0;
}

/* Until the stack knows that the other end of a cable is up, it drops what is sent. */
static inline void port_set_up(enum port_kind kind, const char *name)
{
	net_set_up(name);
	ASSERT_TRUE(tap_has_carrier(name));
	if (port_is_stacked(kind) || kind == PACKET_SOCKET)
		ASSERT_TRUE(tap_has_carrier(PORT_NEAR));
	if (port_is_stacked(kind))
		ASSERT_TRUE(tap_has_carrier(PORT_NAME));
}

#endif /* SELFTESTS_PORTS_H */
