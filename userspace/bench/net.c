// SPDX-License-Identifier: GPL-2.0-only
/*
 * The network loads: frames through a tap, ours or the kernel's own. UDP of 64 or 1514 bytes on
 * the wire, or TCP of 64 KiB that is to be segmented. A runt, shorter than an Ethernet header,
 * does not get as far as to be a packet: the tap refuses it.
 *
 * The same sink for both, and as cheap a one as there is: an interface that is up in an empty
 * namespace, and frames for another host, which the stack drops before it looks at them; or,
 * before the stack, an XDP program that drops all. The source is a packet socket, sending by the
 * benchmark's own thread.
 *
 * Runs in the benchmark's only thread. Entry point: bench_net_loads.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <linux/virtio_net.h>

#include "frames.h"
#include "vhost.h"

#define QUEUE_RX 0
#define QUEUE_TX 1
#define HEADER (sizeof(struct virtio_net_hdr_mrg_rxbuf))
#define RUNT 10
#define SMALL 64
#define FULL 1514
#define LARGE 65535
#define SEGMENT 1448
/* A buffer of a driver's with mergeable ones: for packets of usual size, and for large ones. */
#define BUFFER 1536
#define BUFFER_LARGE 4096

static const char interface[] = "bench0";

static void build_frame(const struct bench_load *load, struct frame *frame)
{
	const bool large = load->gso_size;
	const size_t transport = large ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	const struct frame_plan plan = {
		.destination = frame_peer_mac, .family = 4,
		.protocol = large ? IPPROTO_TCP : IPPROTO_UDP, .flags = TH_ACK, .partial = large,
		.payload = load->frame - ETH_HLEN - sizeof(struct iphdr) - transport,
	};

	frame_build(frame, &plan);
	if (!large)
		return;
	frame->header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	frame->header.gso_size = load->gso_size;
	frame->header.hdr_len = frame->payload;
}

/* The packet, its vnet header before it, over the buffers of each chain. */
static void fill_chains(struct bench_vhost *vhost, const struct frame *frame)
{
	static unsigned char packet[HEADER + FRAME_BYTES];
	const struct bench_shape *shape = &vhost->load->shape;
	const unsigned char *from;

	memset(packet, 0, HEADER);
	memcpy(packet, &frame->header, sizeof(frame->header));
	memcpy(packet + HEADER, frame->bytes, frame->length);
	for (unsigned int slot = 0; slot < BENCH_NUM; slot++) {
		from = packet;
		for (unsigned int i = 0; i < shape->count; i++) {
			memcpy(bench_driver_buffer(&vhost->driver, slot, i), from,
			       shape->length[i]);
			from += shape->length[i];
		}
	}
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

static int open_tap(const struct bench_vhost *vhost)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = HEADER;
	int fd = open(vhost->stock_tun ? "/dev/net/tun" : "/dev/ringhost-tap", O_RDWR | O_CLOEXEC);

	BENCH_CHECK(fd >= 0);
	strcpy(request.ifr_name, interface);
	BENCH_CHECK(!ioctl(fd, TUNSETIFF, &request));
	BENCH_CHECK(!ioctl(fd, TUNSETVNETHDRSZ, &header));
	BENCH_CHECK(!ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6));
	return fd;
}

static int open_socket(void)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = if_nametoindex(interface),
	};
	/* Protocol 0: it sends, and receives nothing. */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;

	BENCH_CHECK(fd >= 0);
	BENCH_CHECK(!setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)));
	BENCH_CHECK(!bind(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

/* The interface has the program for as long as this process lives. */
static void drop_all(void)
{
	const struct bpf_insn drop[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_DROP },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr program = {
		.prog_type = BPF_PROG_TYPE_XDP, .insns = (unsigned long)drop, .insn_cnt = 2,
		.license = (unsigned long)"GPL",
	};
	union bpf_attr link = {
		.link_create.target_ifindex = if_nametoindex(interface),
		.link_create.attach_type = BPF_XDP, .link_create.flags = XDP_FLAGS_DRV_MODE,
	};
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &program, sizeof(program));

	BENCH_CHECK(fd >= 0);
	link.link_create.prog_fd = fd;
	BENCH_CHECK(syscall(SYS_bpf, BPF_LINK_CREATE, &link, sizeof(link)) >= 0);
}

static void net_prepare(struct bench_vhost *vhost)
{
	static struct frame frame;

	BENCH_CHECK(!unshare(CLONE_NEWNET));
	vhost->backend = open_tap(vhost);
	set_up();
	vhost->host = open_socket();
	if (vhost->load->program)
		drop_all();
	build_frame(vhost->load, &frame);
	fill_chains(vhost, &frame);
}

static void net_start(struct bench_vhost *vhost)
{
	struct vhost_vring_file backend = { vhost->load->queue, vhost->backend };

	BENCH_CHECK(!ioctl(vhost->fd, VHOST_NET_SET_BACKEND, &backend));
}

static void net_send(struct bench_vhost *vhost, unsigned int packets)
{
	static struct frame frame;
	ssize_t length;

	if (!frame.length)
		build_frame(vhost->load, &frame);
	length = sizeof(frame.header) + frame.length;
	while (packets--)
		BENCH_CHECK(send(vhost->host, &frame, length, 0) == length);
}

#define NET_LOAD(direction) \
	.node = "/dev/ringhost-net", \
	.stock_node = "/dev/vhost-net", \
	.queue = QUEUE_##direction, \
	.features = 1ull << VIRTIO_NET_F_MRG_RXBUF, \
	.prepare = net_prepare, \
	.start = net_start

#define TX_LOAD(bytes) \
	NET_LOAD(TX), \
	.calls = true, \
	.frame = bytes

#define RX_LOAD(bytes, buffer) \
	NET_LOAD(RX), \
	.calls = true, \
	.frame = bytes, \
	.shape = { 1, { buffer }, { true }, false }, \
	.written = HEADER + (bytes), \
	.posted = BENCH_NUM / 2, \
	.send = net_send

#define LARGE_HEADERS (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr))

const struct bench_load bench_net_loads[] = {
	{ .name = "runt", NET_LOAD(TX), .frame = SMALL, .shape = { 1, { HEADER + RUNT }, { 0 }, false } },
	{ .name = "tx-64", TX_LOAD(SMALL), .shape = { 1, { HEADER + SMALL }, { 0 }, false } },
	{ .name = "tx-1500", TX_LOAD(FULL), .shape = { 1, { HEADER + FULL }, { 0 }, false } },
	/* As a Linux guest has it: headers, and the pages of a socket. */
	{
		.name = "tx-gso", TX_LOAD(LARGE), .gso_size = SEGMENT,
		.shape = {
			3, { HEADER + LARGE_HEADERS, 32768, LARGE - LARGE_HEADERS - 32768 }, { 0 }, false,
		},
	},
	{
		.name = "tx-64-xdp", TX_LOAD(SMALL), .program = true,
		.shape = { 1, { HEADER + SMALL }, { 0 }, false },
	},
	{ .name = "rx-64", RX_LOAD(SMALL, BUFFER) },
	{ .name = "rx-1500", RX_LOAD(FULL, BUFFER) },
	{ .name = "rx-gso", RX_LOAD(LARGE, BUFFER_LARGE), .gso_size = SEGMENT },
	{ .name = NULL },
};
