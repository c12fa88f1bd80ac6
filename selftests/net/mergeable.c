// SPDX-License-Identifier: GPL-2.0-only
/*
 * A packet may be spread over many small buffers, must then appear at once with
 * the right count in its header, and must wait, not vanish, when there are too few
 * of them. vhost-net got each of these wrong at one time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "packets.h"

#define RING 2048
#define TINY 64
#define JUMBO_MTU 9000
#define JUMBO (JUMBO_MTU + ETH_HLEN)
/* The largest frame a tap of default limits takes whole. */
#define GSO_FRAME 65535
#define GSO_SIZE 1448
#define TCP_HEADERS (ETH_HLEN + sizeof(struct iphdr) + sizeof(struct tcphdr))

FIXTURE(mergeable) {
	struct driver driver;
	struct pool pool;
	struct packet packet;
	unsigned char frame[NET_FRAME_MAX];
	char name[IFNAMSIZ];
	int host;
};

FIXTURE_VARIANT(mergeable) {
	uint64_t features;
};

FIXTURE_VARIANT_ADD(mergeable, event_idx) { NET_FEATURES };
FIXTURE_VARIANT_ADD(mergeable, flags) {
	DRIVER_BIT(VIRTIO_F_VERSION_1) | DRIVER_BIT(VIRTIO_NET_F_MRG_RXBUF)
};

static void set_mtu(const char *name, int mtu)
{
	struct ifreq request = { .ifr_mtu = mtu };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ASSERT_LE(0, fd);
	strcpy(request.ifr_name, name);
	ASSERT_EQ(0, ioctl(fd, SIOCSIFMTU, &request));
	close(fd);
}

FIXTURE_SETUP(mergeable)
{
	strcpy(self->name, "mrg%d");
	net_private_namespace();
	net_init(&self->driver, self->name, RING, variant->features);
	set_mtu(self->name, JUMBO_MTU);
	net_start(&self->driver);
	self->host = net_host_socket(self->name);
	pool_init(&self->pool, &self->driver, RING, TINY);
}

FIXTURE_TEARDOWN(mergeable)
{
	close(self->host);
	driver_exit(&self->driver);
}

static unsigned int buffers_for(size_t frame)
{
	return (NET_HEADER + frame + TINY - 1) / TINY;
}

/* Lengths around each multiple of the buffer's size, where an off-by-one would show. */
TEST_F(mergeable, header_counts_the_buffers)
{
	pool_post_some(&self->pool, 0, RING);
	for (size_t length = 5 * TINY - NET_HEADER - 2; length <= 7 * TINY; length++) {
		net_fill_frame(self->frame, length, length);
		host_send(self->host, self->frame, length);
		ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, true, DRIVER_TIMEOUT));
		ASSERT_EQ(buffers_for(length), self->packet.header.num_buffers);
		ASSERT_EQ(length, self->packet.length);
		ASSERT_EQ(0, memcmp(self->frame, self->packet.frame, length));
		driver_kick(&self->driver.queues[NET_RX]);
	}
}

TEST_F(mergeable, jumbo_frame_in_tiny_buffers)
{
	pool_post_some(&self->pool, 0, RING);
	net_fill_frame(self->frame, JUMBO, 1);
	host_send(self->host, self->frame, JUMBO);
	ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, false, DRIVER_TIMEOUT));
	EXPECT_EQ(buffers_for(JUMBO), self->packet.header.num_buffers);
	ASSERT_EQ(JUMBO, self->packet.length);
	EXPECT_EQ(0, memcmp(self->frame, self->packet.frame, JUMBO));
	EXPECT_EQ(NET_HEADER + JUMBO, driver_stat(&self->driver.queues[NET_RX],
						  RINGHOST_STAT_BYTES_WRITTEN));
}

/* A TCP segment that only a segmenting device can send, and the header that says so. */
static void fill_gso(unsigned char *frame, size_t length, struct virtio_net_hdr *header)
{
	struct iphdr *ip = (struct iphdr *)(frame + ETH_HLEN);
	struct tcphdr *tcp = (struct tcphdr *)(ip + 1);
	uint16_t type = htons(ETH_P_IP);

	net_fill_frame(frame, length, 3);
	memcpy(frame + 2 * ETH_ALEN, &type, sizeof(type));
	*ip = (struct iphdr) {
		.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP,
		.tot_len = htons(length - ETH_HLEN),
		.saddr = htonl(0x0a000001), .daddr = htonl(0x0a000002),
	};
	memset(tcp, 0, sizeof(*tcp));
	tcp->doff = sizeof(*tcp) / 4;
	tcp->ack = 1;
	*header = (struct virtio_net_hdr) {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = TCP_HEADERS,
		.gso_size = GSO_SIZE,
		.csum_start = ETH_HLEN + sizeof(*ip),
		.csum_offset = offsetof(struct tcphdr, check),
	};
}

static void host_send_gso(const char *name, const struct virtio_net_hdr *header, void *frame,
			  size_t length)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = if_nametoindex(name),
	};
	struct iovec parts[] = {
		{ (void *)header, sizeof(*header) },
		{ frame, length },
	};
	struct msghdr message = {
		.msg_name = &address, .msg_namelen = sizeof(address),
		.msg_iov = parts, .msg_iovlen = 2,
	};
	int one = 1, host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	ASSERT_LE(0, host);
	ASSERT_EQ(0, setsockopt(host, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)));
	ASSERT_EQ(sizeof(*header) + length, sendmsg(host, &message, 0));
	close(host);
}

TEST_F(mergeable, segmentation_offload_packet_in_tiny_buffers)
{
	struct virtio_net_hdr sent, *got = &self->packet.header.hdr;

	ASSERT_EQ(0, ioctl(self->driver.backend, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4));
	pool_post_some(&self->pool, 0, RING);
	fill_gso(self->frame, GSO_FRAME, &sent);
	host_send_gso(self->name, &sent, self->frame, GSO_FRAME);
	ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, false, DRIVER_TIMEOUT));
	EXPECT_EQ(buffers_for(GSO_FRAME), self->packet.header.num_buffers);
	ASSERT_EQ(GSO_FRAME, self->packet.length);
	EXPECT_EQ(0, memcmp(self->frame, self->packet.frame, TCP_HEADERS));
	EXPECT_EQ(0, memcmp(self->frame + TCP_HEADERS, self->packet.frame + TCP_HEADERS,
			    GSO_FRAME - TCP_HEADERS));
	EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, got->flags);
	EXPECT_EQ(VIRTIO_NET_HDR_GSO_TCPV4, got->gso_type);
	EXPECT_EQ(GSO_SIZE, got->gso_size);
	EXPECT_EQ(sent.csum_start, got->csum_start);
	EXPECT_EQ(sent.csum_offset, got->csum_offset);
}

/* The worker must sleep, not spin, although some buffers are there: they are too few. */
TEST_F(mergeable, packet_waits_for_enough_buffers)
{
	struct driver_queue *queue = &self->driver.queues[NET_RX];
	unsigned int needed = buffers_for(JUMBO);
	struct driver_stats before, after;

	pool_post_some(&self->pool, 0, needed - 1);
	net_fill_frame(self->frame, JUMBO, 1);
	host_send(self->host, self->frame, JUMBO);
	ASSERT_EQ(-ETIMEDOUT, pool_receive(&self->pool, &self->packet, false, DRIVER_QUIET));
	driver_get_stats(queue, &before);
	usleep(DRIVER_QUIET * 1000);
	driver_get_stats(queue, &after);
	EXPECT_EQ(0, memcmp(&before, &after, sizeof(before))) { TEST_LOG("the worker spins"); }

	pool_post(&self->pool, self->pool.memory + (needed - 1) * TINY);
	EXPECT_TRUE(driver_kick(queue)) { TEST_LOG("waits without having asked for a kick"); }
	ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, false, DRIVER_TIMEOUT));
	EXPECT_EQ(needed, self->packet.header.num_buffers);
	EXPECT_EQ(JUMBO, self->packet.length);
	EXPECT_EQ(0, driver_stat(queue, RINGHOST_STAT_NET_DROPS));
}

/* Buffers come one by one, each with a kick: the packet is whole in the end. */
TEST_F(mergeable, buffers_that_trickle_in_are_enough)
{
	struct driver_queue *queue = &self->driver.queues[NET_RX];
	unsigned int needed = buffers_for(2000);

	net_fill_frame(self->frame, 2000, 1);
	host_send(self->host, self->frame, 2000);
	for (unsigned int i = 0; i < needed; i++) {
		pool_post(&self->pool, self->pool.memory + i * TINY);
		driver_kick_always(queue);
		usleep(1000);
	}
	ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, false, DRIVER_TIMEOUT));
	EXPECT_EQ(needed, self->packet.header.num_buffers);
	EXPECT_EQ(0, memcmp(self->frame, self->packet.frame, 2000));
}

TEST_HARNESS_MAIN
