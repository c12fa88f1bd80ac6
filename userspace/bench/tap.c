// SPDX-License-Identifier: GPL-2.0-only
/*
 * One packet at a time through a tap, ours or the kernel's own, by the system calls every
 * program uses. The sink of written packets is as cheap as the host's stack has one: an
 * interface that is up, without address, in an empty namespace.
 *
 * Runs in the benchmark's only thread. Entry points: bench_tap_open() and the rows' functions
 * bench_tap_write(), bench_tap_send(), bench_tap_read().
 */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/if_tun.h>

#include "tap.h"

/* For local experiments; nothing in the host speaks it. */
#define ETHERTYPE 0x88b5
/* The source port of the first queue's flow. */
#define PORT 40000
#define HEADER sizeof(struct virtio_net_hdr)
/* Packets measured; the first ones, which find cold caches, are not among them. */
#define WARM_UP 256
#define PACKETS 2048
/* Packets and bytes in the ring at once: as many as no sender has to wait for. */
#define BATCH 64
#define BATCH_BYTES (128 << 10)

/* Nanoseconds; in a test host with a clock that counts instructions, instructions. */
uint64_t bench_tap_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void set_up(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/bench0/disable_ipv6", O_WRONLY);

	/* The host sends nothing of its own there. */
	if (fd >= 0) {
		BENCH_CHECK(write(fd, "1", 1) == 1);
		close(fd);
	}
	BENCH_CHECK(!system("ip link set bench0 up"));
}

/* The address and the peer that frames.h knows. */
void bench_tap_add_address(void)
{
	BENCH_CHECK(!system("ip address add " HOST_IPV4 "/24 dev bench0 && "
			    "ip neighbour add " PEER_IPV4 " lladdr 02:00:00:00:00:02 dev bench0"));
}

static int open_file(const struct bench_tap *tap)
{
	struct ifreq request = {
		.ifr_name = "bench0",
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR,
	};
	int fd = open(tap->stock ? "/dev/net/tun" : "/dev/ringhost-tap",
		      O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (tap->row->queues > 1)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	BENCH_CHECK(fd >= 0 && !ioctl(fd, TUNSETIFF, &request));
	BENCH_CHECK(!ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6));
	return fd;
}

static void open_socket(struct bench_tap *tap)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = if_nametoindex("bench0"),
	};
	int one = 1;

	/* Protocol 0: it sends, and receives nothing. */
	tap->host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	BENCH_CHECK(tap->host >= 0);
	BENCH_CHECK(!setsockopt(tap->host, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)));
	BENCH_CHECK(!bind(tap->host, (struct sockaddr *)&address, sizeof(address)));
}

void bench_tap_open(struct bench_tap *tap)
{
	BENCH_CHECK(!unshare(CLONE_NEWNET));
	for (unsigned int i = 0; i < tap->row->queues; i++)
		tap->fds[i] = open_file(tap);
	set_up();
	open_socket(tap);
}

/*
 * A frame without meaning; with several queues, where it needs a flow, a datagram; or a TCP
 * segment to be split further. As it is for another host, the stack looks at no more of it.
 */
static void fill_frame(struct bench_tap *tap)
{
	const bool large = tap->row->gso_size;
	const size_t transport = large ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	const struct frame_plan plan = {
		.destination = frame_peer_mac, .family = 4,
		.protocol = large ? IPPROTO_TCP : IPPROTO_UDP, .flags = TH_ACK, .partial = true,
		.payload = tap->row->size - ETH_HLEN - sizeof(struct iphdr) - transport,
	};

	frame_build(&tap->frame, &plan);
	if (large) {
		tap->frame.header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		tap->frame.header.gso_size = tap->row->gso_size;
		tap->frame.header.hdr_len = tap->frame.payload;
	} else {
		memset(&tap->frame.header, 0, sizeof(tap->frame.header));
		if (tap->row->queues == 1)
			frame_put16(tap->frame.bytes + 2 * ETH_ALEN, ETHERTYPE);
	}
}

/* The queue whose turn it is; the frame becomes one of its flow. */
static int next_queue(struct bench_tap *tap, unsigned int turn)
{
	unsigned int queue = turn % tap->row->queues;

	frame_put16(tap->frame.bytes + tap->frame.transport, PORT + queue);
	return tap->fds[queue];
}

static void write_frames(struct bench_tap *tap, unsigned int count)
{
	ssize_t length = frame_written(&tap->frame);

	while (count--)
		BENCH_CHECK(write(next_queue(tap, count), &tap->frame, length) == length);
}

static void send_frames(struct bench_tap *tap, unsigned int count)
{
	ssize_t length = frame_written(&tap->frame);

	while (count--) {
		next_queue(tap, count);
		BENCH_CHECK(send(tap->host, &tap->frame, length, 0) == length);
	}
}

static void read_frames(struct bench_tap *tap, unsigned int count)
{
	static unsigned char packet[HEADER + FRAME_BYTES];
	ssize_t length = frame_written(&tap->frame);

	while (count--)
		BENCH_CHECK(read(next_queue(tap, count), packet, sizeof(packet)) == length);
}

/* From the file into the host's stack. */
double bench_tap_write(struct bench_tap *tap)
{
	uint64_t start;

	fill_frame(tap);
	write_frames(tap, WARM_UP);
	start = bench_tap_now();
	write_frames(tap, PACKETS);
	return (double)(bench_tap_now() - start) / PACKETS;
}

/**
 * struct out_times - what packets take on their way out
 * @sending: into the ring, all together
 * @reading: from there
 */
struct out_times {
	uint64_t sending;
	uint64_t reading;
};

static struct out_times time_out(struct bench_tap *tap, unsigned int count)
{
	unsigned int batch = BATCH;
	struct out_times times = { 0 };
	uint64_t start, middle;

	while (batch * tap->row->size > BATCH_BYTES)
		batch /= 2;
	for (unsigned int i = 0; i < count; i += batch) {
		start = bench_tap_now();
		send_frames(tap, batch);
		middle = bench_tap_now();
		read_frames(tap, batch);
		times.sending += middle - start;
		times.reading += bench_tap_now() - middle;
	}
	return times;
}

static struct out_times measure_out(struct bench_tap *tap)
{
	fill_frame(tap);
	/* A flow that is written on a queue is answered there. */
	write_frames(tap, tap->row->queues);
	time_out(tap, WARM_UP);
	return time_out(tap, PACKETS);
}

/* From a packet socket of the host into the ring. */
double bench_tap_send(struct bench_tap *tap)
{
	return (double)measure_out(tap).sending / PACKETS;
}

/* From the ring to the reader. */
double bench_tap_read(struct bench_tap *tap)
{
	return (double)measure_out(tap).reading / PACKETS;
}
