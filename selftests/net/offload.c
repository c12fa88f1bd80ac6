// SPDX-License-Identifier: GPL-2.0-only
/*
 * Offloads pass through the header in both directions: the guest leaves checksums
 * and segmentation to the host, and the host to the guest. Seen from the host's own
 * sockets, so that the host's network stack judges the packets. Over a tap of ours and over
 * the stock tun, to which the header goes as the guest wrote it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if_arp.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "packets.h"

#define RING 64
#define BUFFER 2048
#define HOST_ADDRESS 0x0a630001		/* 10.99.0.1 */
#define GUEST_ADDRESS 0x0a630002
#define PORT 5000
#define PAYLOAD "checksum me"
#define UDP_OFFSET (ETH_HLEN + sizeof(struct iphdr))
#define PAYLOAD_OFFSET (UDP_OFFSET + sizeof(struct udphdr))
#define UDP_FRAME (PAYLOAD_OFFSET + sizeof(PAYLOAD))

static const unsigned char guest_mac[ETH_ALEN] = { 0x02, 0, 0, 0, 0, 0x02 };

FIXTURE(offload) {
	struct driver driver;
	struct pool pool;
	struct packet packet;
	char name[IFNAMSIZ];
	unsigned char host_mac[ETH_ALEN];
	unsigned char frame[NET_FRAME_MAX];
	unsigned char *memory;
	int udp;
};

static struct sockaddr_in address_of(uint32_t address)
{
	return (struct sockaddr_in) {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = htonl(address),
	};
}

/* The host's address, and the guest as a neighbour: nobody answers ARP there. */
static void configure(FIXTURE_DATA(offload) *self)
{
	struct sockaddr_in host = address_of(HOST_ADDRESS), mask = address_of(0xffffff00);
	struct sockaddr_in guest = address_of(GUEST_ADDRESS);
	struct ifreq request = { 0 };
	struct arpreq arp = { .arp_flags = ATF_PERM | ATF_COM };

	strcpy(request.ifr_name, self->name);
	memcpy(&request.ifr_addr, &host, sizeof(host));
	ASSERT_EQ(0, ioctl(self->udp, SIOCSIFADDR, &request));
	memcpy(&request.ifr_addr, &mask, sizeof(mask));
	ASSERT_EQ(0, ioctl(self->udp, SIOCSIFNETMASK, &request));
	ASSERT_EQ(0, ioctl(self->udp, SIOCGIFHWADDR, &request));
	memcpy(self->host_mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	strcpy(arp.arp_dev, self->name);
	memcpy(&arp.arp_pa, &guest, sizeof(guest));
	memcpy(arp.arp_ha.sa_data, guest_mac, ETH_ALEN);
	ASSERT_EQ(0, ioctl(self->udp, SIOCSARP, &arp));
}

FIXTURE_VARIANT(offload) { const char *node; };

FIXTURE_VARIANT_ADD(offload, tap) { VHOST_NODE_TAP };
FIXTURE_VARIANT_ADD(offload, stock_tun) { "/dev/net/tun" };

FIXTURE_SETUP(offload)
{
	struct sockaddr_in any = address_of(INADDR_ANY);

	if (system("modprobe -q tun") && access(variant->node, F_OK))
		SKIP(return, "no stock tun");
	net_tap_node = variant->node;
	strcpy(self->name, "off%d");
	net_private_namespace();
	net_init(&self->driver, self->name, RING, NET_FEATURES);
	ASSERT_EQ(0, ioctl(self->driver.backend, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4));
	net_start(&self->driver);
	self->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ASSERT_LE(0, self->udp);
	ASSERT_EQ(0, bind(self->udp, (struct sockaddr *)&any, sizeof(any)));
	configure(self);
	pool_init(&self->pool, &self->driver, RING, BUFFER);
	self->memory = guest_alloc(&self->driver.guest, NET_HEADER + NET_FRAME_MAX, 64);
}

FIXTURE_TEARDOWN(offload)
{
	close(self->udp);
	driver_exit(&self->driver);
}

static uint32_t sum_up(const void *bytes, size_t length, uint32_t sum)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? byte[i] : byte[i] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint16_t pseudo_header(const struct iphdr *ip, size_t length)
{
	return fold(sum_up(&ip->saddr, 8, ip->protocol + length));
}

static void fill_ip(FIXTURE_DATA(offload) *self, size_t length, int protocol)
{
	struct ethhdr *eth = (struct ethhdr *)self->frame;
	struct iphdr *ip = (struct iphdr *)(eth + 1);

	memcpy(eth->h_dest, self->host_mac, ETH_ALEN);
	memcpy(eth->h_source, guest_mac, ETH_ALEN);
	eth->h_proto = htons(ETH_P_IP);
	*ip = (struct iphdr) {
		.version = 4, .ihl = 5, .ttl = 64, .protocol = protocol,
		.tot_len = htons(length - ETH_HLEN),
		.saddr = htonl(GUEST_ADDRESS), .daddr = htonl(HOST_ADDRESS),
	};
	ip->check = htons(~fold(sum_up(ip, sizeof(*ip), 0)));
}

/* A datagram whose checksum covers the pseudo header only, as NEEDS_CSUM wants it. */
static void fill_udp(FIXTURE_DATA(offload) *self)
{
	struct udphdr *udp = (struct udphdr *)(self->frame + UDP_OFFSET);

	fill_ip(self, UDP_FRAME, IPPROTO_UDP);
	udp->source = htons(PORT);
	udp->dest = htons(PORT);
	udp->len = htons(UDP_FRAME - UDP_OFFSET);
	udp->check = htons(pseudo_header((struct iphdr *)(self->frame + ETH_HLEN),
					 UDP_FRAME - UDP_OFFSET));
	memcpy(udp + 1, PAYLOAD, sizeof(PAYLOAD));
}

static void transmit(FIXTURE_DATA(offload) *self, const struct virtio_net_hdr *header,
		     size_t length)
{
	struct driver_queue *queue = &self->driver.queues[NET_TX];
	struct driver_used used;

	ASSERT_LE(0, packet_send(&self->driver, self->memory, header, self->frame, length));
	driver_kick(queue);
	ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
}

TEST_F(offload, host_accepts_datagram_whose_checksum_is_left_to_it)
{
	const struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = UDP_OFFSET,
		.csum_offset = offsetof(struct udphdr, check),
	};
	char received[100];

	fill_udp(self);
	transmit(self, &header, UDP_FRAME);
	ASSERT_EQ(sizeof(PAYLOAD), host_receive(self->udp, received, sizeof(received),
						DRIVER_TIMEOUT));
	EXPECT_STREQ(PAYLOAD, received);
}

/* The counterpart: without the flag the same bytes are a datagram with a bad checksum. */
TEST_F(offload, host_drops_datagram_with_a_bad_checksum)
{
	char received[100];

	fill_udp(self);
	transmit(self, NULL, UDP_FRAME);
	EXPECT_EQ(-ETIMEDOUT, host_receive(self->udp, received, sizeof(received), DRIVER_QUIET));
	EXPECT_EQ(0, driver_stat(&self->driver.queues[NET_TX], RINGHOST_STAT_REJECT_NET_PACKET));
}

TEST_F(offload, host_leaves_the_checksum_to_the_guest)
{
	struct sockaddr_in guest = address_of(GUEST_ADDRESS);
	const unsigned char *frame = self->packet.frame;
	uint16_t partial;

	pool_post_some(&self->pool, 0, RING);
	ASSERT_EQ(sizeof(PAYLOAD), sendto(self->udp, PAYLOAD, sizeof(PAYLOAD), 0,
					  (struct sockaddr *)&guest, sizeof(guest)));
	ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, false, DRIVER_TIMEOUT));
	ASSERT_EQ(UDP_FRAME, self->packet.length);
	EXPECT_EQ(0, memcmp(guest_mac, frame, ETH_ALEN));
	EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, self->packet.header.hdr.flags);
	EXPECT_EQ(UDP_OFFSET, self->packet.header.hdr.csum_start);
	EXPECT_EQ(offsetof(struct udphdr, check), self->packet.header.hdr.csum_offset);
	memcpy(&partial, frame + UDP_OFFSET + offsetof(struct udphdr, check), 2);
	EXPECT_EQ(pseudo_header((const struct iphdr *)(frame + ETH_HLEN),
				UDP_FRAME - UDP_OFFSET), ntohs(partial));
	EXPECT_EQ(0, memcmp(PAYLOAD, frame + PAYLOAD_OFFSET, sizeof(PAYLOAD)));
}

/* A large TCP segment reaches the host whole, with what is needed to cut it. */
TEST_F(offload, segmentation_is_left_to_the_host)
{
	const size_t length = 60000;
	const struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = UDP_OFFSET + 20,
		.gso_size = 1448,
		.csum_start = UDP_OFFSET,
		.csum_offset = 16,
	};
	struct sockaddr_ll link = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = if_nametoindex(self->name),
	};
	static unsigned char received[NET_FRAME_MAX + 100];
	const struct virtio_net_hdr *got = (const struct virtio_net_hdr *)received;
	int one = 1, host = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	ASSERT_LE(0, host);
	ASSERT_EQ(0, setsockopt(host, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)));
	ASSERT_EQ(0, bind(host, (struct sockaddr *)&link, sizeof(link)));
	net_fill_frame(self->frame, length, 5);
	fill_ip(self, length, IPPROTO_TCP);
	memset(self->frame + UDP_OFFSET, 0, 20);
	self->frame[UDP_OFFSET + 12] = 5 << 4;
	transmit(self, &header, length);
	ASSERT_EQ(sizeof(*got) + length, host_receive(host, received, sizeof(received),
						      DRIVER_TIMEOUT));
	EXPECT_EQ(VIRTIO_NET_HDR_GSO_TCPV4, got->gso_type);
	EXPECT_EQ(header.gso_size, got->gso_size);
	EXPECT_EQ(VIRTIO_NET_HDR_F_NEEDS_CSUM, got->flags);
	EXPECT_EQ(0, memcmp(self->frame + UDP_OFFSET + 20, received + sizeof(*got) + UDP_OFFSET + 20,
			    length - UDP_OFFSET - 20));
	close(host);
}

TEST_HARNESS_MAIN
