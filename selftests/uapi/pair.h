/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stock /dev/vhost-net and ours side by side. See stock.h.
 */
#ifndef SELFTESTS_PAIR_H
#define SELFTESTS_PAIR_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/if_tun.h>

#include "harness.h"
#include "net.h"
#include "stock.h"

#define STOCK_NODE "/dev/vhost-net"
#define STOCK_TUN "/dev/net/tun"
#define KERNEL_HALF 0xffff888000000000ull
#define PAIR_ARGUMENT_MAX 4096

/**
 * struct pair - both nodes
 * @fd: by node
 * @tap: by node: a tap that it takes as backend
 */
struct pair {
	int fd[NODES];
	int tap[NODES];
};

extern const struct difference differences[];

static inline int pair_open_tap(const char *node)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ioctl(fd, TUNSETIFF, &request));
	return fd;
}

/* Returns false where there is no stock node. */
static inline bool pair_init(struct pair *pair)
{
	if (system("modprobe -q tun && modprobe -q vhost_net") || access(STOCK_NODE, F_OK))
		return false;
	net_private_namespace();
	pair->fd[STOCK] = open(STOCK_NODE, O_RDWR | O_CLOEXEC);
	pair->fd[OURS] = open(VHOST_NODE_NET, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, pair->fd[STOCK]);
	ASSERT_LE(0, pair->fd[OURS]);
	pair->tap[STOCK] = pair_open_tap(STOCK_TUN);
	pair->tap[OURS] = pair_open_tap(VHOST_NODE_TAP);
	return true;
}

static inline void pair_exit(struct pair *pair)
{
	for (unsigned int i = 0; i < NODES; i++) {
		close(pair->fd[i]);
		close(pair->tap[i]);
	}
}

/* One call with an argument for each node; if both succeed the arguments then have to agree. */
static inline void pair_call_two(struct pair *pair, const char *step, unsigned long request,
				 const void *stock, const void *ours, size_t size, bool same)
{
	unsigned char argument[NODES][PAIR_ARGUMENT_MAX];
	int result[NODES];

	memcpy(argument[STOCK], stock, size);
	memcpy(argument[OURS], ours, size);
	for (unsigned int i = 0; i < NODES; i++)
		result[i] = ioctl(pair->fd[i], request, argument[i]) ? -errno : 0;
	stock_compare(differences, step, result);
	if (same && !result[STOCK] && !result[OURS])
		EXPECT_EQ(0, memcmp(argument[STOCK], argument[OURS], size)) {
			TEST_LOG("%s: the answers differ", step);
		}
}

static inline void pair_call(struct pair *pair, const char *step, unsigned long request,
			     const void *argument, size_t size)
{
	pair_call_two(pair, step, request, argument, argument, size, true);
}

/* A call whose argument is the number or the address itself. */
static inline void pair_call_raw(struct pair *pair, const char *step, unsigned long request,
				 unsigned long argument)
{
	int result[NODES];

	for (unsigned int i = 0; i < NODES; i++)
		result[i] = ioctl(pair->fd[i], request, argument) ? -errno : 0;
	stock_compare(differences, step, result);
}

static inline void pair_state(struct pair *pair, const char *step, unsigned long request,
			      unsigned int index, unsigned int num)
{
	struct vhost_vring_state state = { .index = index, .num = num };

	pair_call(pair, step, request, &state, sizeof(state));
}

static inline void pair_file(struct pair *pair, const char *step, unsigned long request,
			     unsigned int index, int fd)
{
	struct vhost_vring_file file = { .index = index, .fd = fd };

	pair_call(pair, step, request, &file, sizeof(file));
}

#endif /* SELFTESTS_PAIR_H */
