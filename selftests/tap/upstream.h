/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stock /dev/net/tun and ours side by side, each in a network namespace of its own, so
 * that names and indexes can be the same. See stock.h.
 */
#ifndef SELFTESTS_TAP_UPSTREAM_H
#define SELFTESTS_TAP_UPSTREAM_H

#include <arpa/inet.h>
#include <limits.h>
#include <sched.h>

#include <linux/if_packet.h>

#include "stock.h"
#include "tap.h"

#define STOCK_NODE "/dev/net/tun"
#define ARGUMENT_MAX 64

static const struct difference upstream_differences[] = {
	{ "vnet header of 129 bytes", 0, -EINVAL, "no kernel has one so long" },
	{ "byte order: big", -EINVAL, 0, "tun has it only if built so" },
	{ "byte order: big, back", -EINVAL, 0, "as above" },
	{ "link type of 6LoWPAN", 0, -EINVAL, "others would take our private memory for theirs" },
	{ "link type of IEEE 802.15.4", 0, -EINVAL, "as above" },
	{ "link type of CAIF", 0, -EINVAL, "as above" },
	{ "write: hdr_len below an Ethernet header", -EINVAL, 0, "a hint that does no harm" },
	{ "write: nothing but what goes before", 0, -EINVAL, "there is no packet" },
	{ "write: GSO of another transport", 0, -EINVAL, "others would believe it" },
	{ "write: checksum within the headers", 0, -EINVAL, "as above" },
	{ "write: tunnel without an Ethernet header", -EINVAL, 0, "it is as good as others" },
	{ "write: tunnel with other offsets", 0, -EINVAL, "others would believe them" },
	{ "write: tunnel around a single segment", 0, -EINVAL, "nobody would do its checksum" },
	{ "read with tunnels and a short vnet header", -EFAULT, 0, "the packet is in no tunnel" },
	{ "read to nowhere", 0, -EFAULT, "the packet did not arrive" },
	{ }
};

/**
 * struct upstream_side - one node
 * @ns: network namespace of its files
 * @fd: its first file
 * @host: packet socket on its interface
 */
struct upstream_side {
	int ns;
	int fd;
	int host;
};

/**
 * struct upstream - both nodes
 * @sides: by node
 */
struct upstream {
	struct upstream_side sides[NODES];
};

static inline void upstream_enter(const struct upstream *pair, unsigned int node)
{
	ASSERT_EQ(0, setns(pair->sides[node].ns, CLONE_NEWNET));
}

/* Another file of a node; the caller is in its namespace. */
static inline int upstream_open(unsigned int node)
{
	int fd = open(node == STOCK ? STOCK_NODE : TAP_NODE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	ASSERT_LE(0, fd);
	return fd;
}

/* Returns false where there is no stock node. */
static inline bool upstream_init(struct upstream *pair)
{
	if (system("modprobe -q tun") || access(STOCK_NODE, F_OK))
		return false;
	for (unsigned int i = 0; i < NODES; i++) {
		net_private_namespace();
		pair->sides[i].ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, pair->sides[i].ns);
		pair->sides[i].fd = upstream_open(i);
		pair->sides[i].host = -1;
	}
	return true;
}

static inline void upstream_exit(struct upstream *pair)
{
	for (unsigned int i = 0; i < NODES; i++) {
		close(pair->sides[i].host);
		close(pair->sides[i].fd);
		close(pair->sides[i].ns);
	}
}

static inline void upstream_compare(const char *step, const int result[NODES])
{
	stock_compare(upstream_differences, step, result);
}

/* One call on files of both; if both succeed the arguments then have to agree. */
static inline void upstream_call_on(const struct upstream *pair, const int fds[NODES],
				    const char *step, unsigned long request,
				    const void *argument, size_t size)
{
	unsigned char arguments[NODES][ARGUMENT_MAX] = { 0 };
	int result[NODES];

	for (unsigned int i = 0; i < NODES; i++) {
		upstream_enter(pair, i);
		memcpy(arguments[i], argument, size);
		result[i] = ioctl(fds[i], request, arguments[i]);
		if (result[i] < 0)
			result[i] = -errno;
	}
	upstream_compare(step, result);
	if (result[STOCK] >= 0 && result[OURS] >= 0)
		EXPECT_EQ(0, memcmp(arguments[STOCK], arguments[OURS], ARGUMENT_MAX)) {
			TEST_LOG("%s: the answers differ", step);
		}
}

static inline void upstream_call(const struct upstream *pair, const char *step,
				 unsigned long request, const void *argument, size_t size)
{
	const int fds[NODES] = { pair->sides[STOCK].fd, pair->sides[OURS].fd };

	upstream_call_on(pair, fds, step, request, argument, size);
}

static inline void upstream_int(const struct upstream *pair, const char *step,
				unsigned long request, int value)
{
	upstream_call(pair, step, request, &value, sizeof(value));
}

/* A call whose argument is the number or the address itself. */
static inline void upstream_value(const struct upstream *pair, const char *step,
				  unsigned long request, unsigned long value)
{
	int result[NODES];

	for (unsigned int i = 0; i < NODES; i++) {
		upstream_enter(pair, i);
		result[i] = tap_set(pair->sides[i].fd, request, value);
	}
	upstream_compare(step, result);
}

static inline struct ifreq upstream_ifreq(const char *name, unsigned int flags)
{
	struct ifreq request = { .ifr_flags = flags };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	return request;
}

/* TUNSETIFF on the first files, or those of @fds. */
static inline void upstream_attach(const struct upstream *pair, const int *fds, const char *step,
				   const char *name, unsigned int flags)
{
	const int own[NODES] = { pair->sides[STOCK].fd, pair->sides[OURS].fd };
	struct ifreq request = upstream_ifreq(name, flags);

	upstream_call_on(pair, fds ? fds : own, step, TUNSETIFF, &request, sizeof(request));
}

/* Set both interfaces up and look at what arrives there. */
static inline void upstream_set_up(struct upstream *pair, const char *name)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int one = 1, host;

	for (unsigned int i = 0; i < NODES; i++) {
		upstream_enter(pair, i);
		net_set_up(name);
		tap_has_carrier(name);
		host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		ASSERT_LE(0, host);
		address.sll_ifindex = if_nametoindex(name);
		ASSERT_EQ(0, setsockopt(host, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
					sizeof(one)));
		ASSERT_EQ(0, bind(host, (struct sockaddr *)&address, sizeof(address)));
		pair->sides[i].host = host;
	}
}

#endif /* SELFTESTS_TAP_UPSTREAM_H */
