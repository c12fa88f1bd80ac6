// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flows between the owner of a tap and sockets of the host: a stream of small TCP segments
 * that the owner writes, to a real receiver, and a flood of datagrams from a local sender to
 * an owner who reads slowly.
 *
 * Runs in the benchmark's thread, the flood's sender in a child. Entry points, both rows'
 * functions: bench_tap_stream(), bench_tap_flood().
 */
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define PORT 5001
#define PEER_PORT 40000
#define SEQUENCE 1000
/* Segments between two looks at what the host answered; they fit its window. */
#define BURST 64
#define WARM_UP_BURSTS 8
#define BURSTS 32
#define DATAGRAMS 20000
/* Milliseconds without a packet: the sender is done. */
#define QUIET 200
/* Turns of a loop that a slow reader spends on each packet. */
#define DELAY 3000

static unsigned char packet[sizeof(struct virtio_net_hdr) + FRAME_BYTES];

static void write_segment(struct bench_tap *tap, uint32_t sequence, uint32_t acknowledge,
			  uint8_t flags, size_t payload)
{
	struct ifreq request = { 0 };
	const struct frame_plan plan = {
		.destination = (unsigned char *)request.ifr_hwaddr.sa_data, .family = 4, .protocol = IPPROTO_TCP,
		.payload = payload, .source_port = PEER_PORT, .destination_port = PORT,
		.sequence = sequence, .acknowledge = acknowledge, .flags = flags, .partial = true,
	};

	BENCH_CHECK(!ioctl(tap->fds[0], SIOCGIFHWADDR, &request));
	frame_build(&tap->frame, &plan);
	BENCH_CHECK(write(tap->fds[0], &tap->frame, frame_written(&tap->frame)) > 0);
}

static int open_listener(void)
{
	struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	BENCH_CHECK(fd >= 0 && !bind(fd, (struct sockaddr *)&local, sizeof(local)));
	BENCH_CHECK(!listen(fd, 1));
	return fd;
}

/* The host's sequence number in its answer to our SYN. */
static uint32_t read_syn_ack(struct bench_tap *tap)
{
	const unsigned char *frame = packet + sizeof(struct virtio_net_hdr);
	const unsigned char *tcp = frame + ETH_HLEN + sizeof(struct iphdr);
	struct pollfd poller = { .fd = tap->fds[0], .events = POLLIN };
	uint32_t sequence;

	do {
		BENCH_CHECK(poll(&poller, 1, 5000) == 1);
		BENCH_CHECK(read(tap->fds[0], packet, sizeof(packet)) > 0);
	} while (frame[ETH_HLEN + 9] != IPPROTO_TCP || tcp[13] != (TH_SYN | TH_ACK));
	memcpy(&sequence, tcp + 4, sizeof(sequence));
	return ntohl(sequence);
}

/* One segment after another with the sequence numbers in order: one addition each. */
static void write_burst(struct bench_tap *tap, uint32_t *sequence)
{
	unsigned char *field = tap->frame.bytes + tap->frame.transport + 4;
	ssize_t length = frame_written(&tap->frame);

	for (unsigned int i = 0; i < BURST; i++) {
		frame_put16(field, *sequence >> 16);
		frame_put16(field + 2, *sequence);
		BENCH_CHECK(write(tap->fds[0], &tap->frame, length) == length);
		*sequence += tap->row->size;
	}
}

/* What a VPN or a VMM does in turns: packets in, packets out, and the receiver reads. */
static void run_bursts(struct bench_tap *tap, int receiver, unsigned int bursts,
		       uint32_t *sequence)
{
	static unsigned char data[FRAME_BYTES];
	ssize_t length = BURST * tap->row->size;

	while (bursts--) {
		write_burst(tap, sequence);
		BENCH_CHECK(recv(receiver, data, length, MSG_WAITALL) == length);
		while (read(tap->fds[0], packet, sizeof(packet)) > 0)
			;
	}
}

/* The cost of a segment for all: writer, stack, receiver, acknowledgements read. */
double bench_tap_stream(struct bench_tap *tap)
{
	int listener = open_listener(), receiver;
	uint32_t sequence = SEQUENCE, theirs;
	uint64_t start;

	bench_tap_add_address();
	write_segment(tap, sequence++, 0, TH_SYN, 0);
	theirs = read_syn_ack(tap) + 1;
	write_segment(tap, sequence, theirs, TH_ACK, 0);
	receiver = accept(listener, NULL, NULL);
	BENCH_CHECK(receiver >= 0);
	/* The first segment with data makes the frame that all others are copies of. */
	write_segment(tap, sequence, theirs, TH_ACK, tap->row->size);
	BENCH_CHECK(recv(receiver, packet, tap->row->size, MSG_WAITALL) > 0);
	sequence += tap->row->size;

	run_bursts(tap, receiver, WARM_UP_BURSTS, &sequence);
	start = bench_tap_now();
	run_bursts(tap, receiver, BURSTS, &sequence);
	return (double)(bench_tap_now() - start) / (BURSTS * BURST);
}

/* ---- a flood ---- */

static void send_datagrams(size_t size)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, PEER_IPV4, &peer.sin_addr);
	BENCH_CHECK(fd >= 0 && !connect(fd, (struct sockaddr *)&peer, sizeof(peer)));
	for (unsigned int i = 0; i < DATAGRAMS; i++)
		send(fd, packet, size, 0);
	_exit(0);
}

/* Percent of the datagrams of a local sender that a slow reader does not get. */
double bench_tap_flood(struct bench_tap *tap)
{
	ssize_t wanted = sizeof(struct virtio_net_hdr) + ETH_HLEN + sizeof(struct iphdr) +
			 sizeof(struct udphdr) + tap->row->size;
	struct pollfd poller = { .fd = tap->fds[0], .events = POLLIN };
	unsigned int received = 0;
	pid_t sender;

	bench_tap_add_address();
	sender = fork();
	BENCH_CHECK(sender >= 0);
	if (!sender)
		send_datagrams(tap->row->size);
	while (poll(&poller, 1, QUIET) == 1) {
		received += read(tap->fds[0], packet, sizeof(packet)) == wanted;
		for (volatile unsigned int i = 0; i < DELAY; i++)
			;
	}
	BENCH_CHECK(waitpid(sender, NULL, 0) == sender);
	return 100.0 * (DATAGRAMS - received) / DATAGRAMS;
}
