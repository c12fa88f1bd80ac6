// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tap interfaces, the stock kind and ours: the same ioctls. Behind stage (3),
 * before any guest runs, on the main thread. Entry points in tap.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "err.h"
#include "tap.h"
#include "virtio.h"

static int tap_open_node(const char *node, const char *name, const char *missing)
{
	int fd = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd >= 0)
		return fd;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return rh_error(-errno, "tap %s: there is no %s: %s", name, node, missing);
	return rh_error(-errno, "tap %s: cannot open %s: %s", name, node, strerror(errno));
}

/* IFF_TUN_EXCL is not asked for: a persistent interface made beforehand is welcome. */
static int tap_attach(int fd, const char *name, bool several)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	if (several)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (!ioctl(fd, TUNSETIFF, &request))
		return 0;
	switch (errno) {
	case EBUSY:
		return rh_error(-EBUSY, "tap %s is in use", name);
	case EINVAL:
		return rh_error(-EINVAL, "tap %s: there is another kind of interface of that name,"
				" or one made for %s", name, several ? "one queue" : "several queues");
	case EPERM:
		return rh_error(-EPERM, "tap %s: not permitted (CAP_NET_ADMIN, or an interface of"
				" your own made beforehand)", name);
	default:
		return rh_error(-errno, "tap %s: %s", name, strerror(errno));
	}
}

static int tap_set_header(int fd, const char *name)
{
	int size = TAP_HEADER_SIZE;

	if (ioctl(fd, TUNSETVNETHDRSZ, &size))
		return rh_error(-errno, "tap %s: no packet header of %d bytes: %s", name, size,
				strerror(errno));
	return 0;
}

static int tap_set_up(const char *name)
{
	struct ifreq request = { 0 };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (sock < 0)
		return rh_error(-errno, "tap %s: cannot make a socket: %s", name, strerror(errno));
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(sock, SIOCGIFFLAGS, &request)) {
		err = -errno;
	} else {
		request.ifr_flags |= IFF_UP;
		if (ioctl(sock, SIOCSIFFLAGS, &request))
			err = -errno;
	}
	close(sock);
	return err ? rh_error(err, "tap %s: cannot set it up: %s", name, strerror(-err)) : 0;
}

static int tap_add_queue(struct tap *tap, const char *node, const char *name, bool several,
			 const char *missing)
{
	int fd = tap_open_node(node, name, missing);
	int err;

	if (fd < 0)
		return fd;
	err = tap_attach(fd, name, several);
	if (err) {
		close(fd);
		return err;
	}
	tap->fds[tap->count++] = fd;
	tap->used = tap->count;
	return 0;
}

int tap_set_filter(struct tap *tap, const struct sock_fprog *program)
{
	int err = program ? ioctl(tap->fds[0], TUNATTACHFILTER, program) :
			    ioctl(tap->fds[0], TUNDETACHFILTER, NULL);

	return err ? -errno : 0;
}

static int tap_switch_queue(int fd, short flag)
{
	struct ifreq request = { .ifr_flags = flag };

	return ioctl(fd, TUNSETQUEUE, &request) ? -errno : 0;
}

/*
 * The filter goes first: while there is one, tun answers to a queue that is to come back
 * into use that it has, and has not.
 */
int tap_use_queues(struct tap *tap, unsigned int queues)
{
	tap_set_filter(tap, NULL);
	for (; tap->used < queues; tap->used++) {
		int err = tap_switch_queue(tap->fds[tap->used], IFF_ATTACH_QUEUE);

		if (err)
			return err;
	}
	for (; tap->used > queues; tap->used--) {
		int err = tap_switch_queue(tap->fds[tap->used - 1], IFF_DETACH_QUEUE);

		if (err)
			return err;
	}
	return 0;
}

static int tap_use_first(struct tap *tap, const char *name)
{
	int err = tap_use_queues(tap, 1);

	return err ? rh_error(err, "tap %s: cannot take queues out of use: %s", name,
			      strerror(-err)) : 0;
}

int tap_open(struct tap *tap, const char *node, const char *name, unsigned int queues,
	     const char *missing)
{
	bool existed = if_nametoindex(name);
	int err = 0;

	*tap = (struct tap) { .count = 0 };
	while (tap->count < queues && !err)
		err = tap_add_queue(tap, node, name, queues > 1, missing);
	if (!err)
		err = tap_set_header(tap->fds[0], name);
	if (!err && !existed)
		err = tap_set_up(name);
	if (!err)
		err = tap_use_first(tap, name);
	if (err)
		tap_close(tap);
	return err;
}

void tap_close(struct tap *tap)
{
	for (unsigned int i = 0; i < tap->count; i++)
		close(tap->fds[i]);
	tap->count = 0;
}

/* Segmentation comes only together with checksums: 5.1.3.1. */
int tap_set_offload(struct tap *tap, uint64_t features)
{
	unsigned int offload = 0;

	if (features & VIRTIO_BIT(VIRTIO_NET_F_GUEST_CSUM)) {
		offload |= TUN_F_CSUM;
		if (features & VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO4))
			offload |= TUN_F_TSO4;
		if (features & VIRTIO_BIT(VIRTIO_NET_F_GUEST_TSO6))
			offload |= TUN_F_TSO6;
		if (offload != TUN_F_CSUM && features & VIRTIO_BIT(VIRTIO_NET_F_GUEST_ECN))
			offload |= TUN_F_TSO_ECN;
	}
	return ioctl(tap->fds[0], TUNSETOFFLOAD, (unsigned long)offload) ? -errno : 0;
}
