// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network loads: frames of 64 bytes through a tap, ours or the kernel's own. The same sink
 * for both, and as cheap a one as the host's stack has: an interface that is up, without
 * address, in an empty namespace, and a protocol that nobody speaks. A runt, shorter than an
 * Ethernet header, does not get that far: the tap refuses it.
 *
 * Runs in the benchmark's only thread. Entry points: bench_load_tx, _runt, _rx.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>

#include "vhost.h"

#define QUEUE_RX 0
#define QUEUE_TX 1
#define HEADER (sizeof(struct virtio_net_hdr_mrg_rxbuf))
#define FRAME 64
#define RUNT 10
/* For local experiments; nothing in the host speaks it. */
#define ETHERTYPE 0x88b5

static const char interface[] = "bench0";

static void fill_frame(unsigned char *frame)
{
	static const unsigned char ethernet[ETH_HLEN] = {
		2, 0, 0, 0, 0, 2,  2, 0, 0, 0, 0, 1,  ETHERTYPE >> 8, ETHERTYPE & 0xff,
	};

	memset(frame, 0, FRAME);
	memcpy(frame, ethernet, sizeof(ethernet));
}

/* The host sends nothing of its own there. */
static void disable_ipv6(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/bench0/disable_ipv6", O_WRONLY);

	if (fd < 0)
		return;
	BENCH_CHECK(write(fd, "1", 1) == 1);
	close(fd);
}

static void set_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = { .ifr_flags = IFF_UP };

	disable_ipv6();
	strcpy(request.ifr_name, interface);
	BENCH_CHECK(fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
}

static int open_tap(bool stock)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = HEADER;
	int fd = open(stock ? "/dev/net/tun" : "/dev/ringhost-tap", O_RDWR | O_CLOEXEC);

	BENCH_CHECK(fd >= 0);
	strcpy(request.ifr_name, interface);
	BENCH_CHECK(!ioctl(fd, TUNSETIFF, &request));
	BENCH_CHECK(!ioctl(fd, TUNSETVNETHDRSZ, &header));
	return fd;
}

static int open_socket(void)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = if_nametoindex(interface),
	};
	/* Protocol 0: it sends, and receives nothing. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	BENCH_CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static void net_prepare(struct bench_vhost *vhost)
{
	BENCH_CHECK(!unshare(CLONE_NEWNET));
	vhost->backend = open_tap(vhost->stock);
	set_up();
	vhost->host = open_socket();
	for (unsigned int i = 0; i < BENCH_NUM; i++)
		fill_frame(bench_driver_buffer(&vhost->driver, i, 0) + HEADER);
}

static void net_start(struct bench_vhost *vhost)
{
	struct vhost_vring_file backend = { vhost->load->queue, vhost->backend };

	BENCH_CHECK(!ioctl(vhost->fd, VHOST_NET_SET_BACKEND, &backend));
}

static void net_send(struct bench_vhost *vhost, unsigned int packets)
{
	unsigned char frame[FRAME];

	fill_frame(frame);
	while (packets--)
		BENCH_CHECK(send(vhost->host, frame, sizeof(frame), 0) == sizeof(frame));
}

const struct bench_load bench_load_tx = {
	.name = "tx",
	.node = "/dev/ringhost-net",
	.stock_node = "/dev/vhost-net",
	.queue = QUEUE_TX,
	.features = 1ull << VIRTIO_NET_F_MRG_RXBUF,
	.shape = { 1, { HEADER + FRAME }, { false }, false },
	.prepare = net_prepare,
	.start = net_start,
};

const struct bench_load bench_load_runt = {
	.name = "runt",
	.node = "/dev/ringhost-net",
	.stock_node = "/dev/vhost-net",
	.queue = QUEUE_TX,
	.features = 1ull << VIRTIO_NET_F_MRG_RXBUF,
	.shape = { 1, { HEADER + RUNT }, { false }, false },
	.prepare = net_prepare,
	.start = net_start,
};

const struct bench_load bench_load_rx = {
	.name = "rx",
	.node = "/dev/ringhost-net",
	.stock_node = "/dev/vhost-net",
	.queue = QUEUE_RX,
	.features = 1ull << VIRTIO_NET_F_MRG_RXBUF,
	.shape = { 1, { BENCH_BUFFER }, { true }, false },
	.written = HEADER + FRAME,
	.posted = BENCH_NUM / 2,
	.prepare = net_prepare,
	.start = net_start,
	.send = net_send,
};
