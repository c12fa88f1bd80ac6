// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file of IFF_TUN behind ringhost_net: nothing forbids it, so a guest's driver may find
 * itself on it. It sees a vnet header and the packet, without an Ethernet header and without
 * packet information, whatever the file's owner chose.
 */
#include "driver.h"
#include "frames.h"
#include "tap.h"

#define RING 16
#define PORT 7000
#define PAYLOAD 100
#define LENGTH (sizeof(struct iphdr) + sizeof(struct udphdr) + PAYLOAD)

FIXTURE(layer3_port) {
	struct driver driver;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
};

FIXTURE_VARIANT(layer3_port) {
	unsigned int flags;
};
FIXTURE_VARIANT_ADD(layer3_port, without_information) { IFF_NO_PI | IFF_VNET_HDR };
FIXTURE_VARIANT_ADD(layer3_port, with_information) { 0 };

FIXTURE_SETUP(layer3_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	net_private_namespace();
	driver_init(&self->driver, VHOST_NODE_NET, 2, RING, NET_FEATURES);
	self->driver.backend = tap_create_of(self->name, IFF_TUN | variant->flags);
	net_set_up(self->name);
	ASSERT_TRUE(run("ip addr add " HOST_IPV4 "/24 dev %s", self->name));
	net_start(&self->driver);
	self->host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, self->host);
	ASSERT_EQ(0, bind(self->host, (struct sockaddr *)&address, sizeof(address)));
	frame_build(&self->frame, &(struct frame_plan){
		.family = 4, .protocol = IPPROTO_UDP, .payload = PAYLOAD,
		.source_port = PORT, .destination_port = PORT,
	});
	frame_strip_ethernet(&self->frame);
}

FIXTURE_TEARDOWN(layer3_port)
{
	close(self->host);
	driver_exit(&self->driver);
}

TEST_F(layer3_port, guest_sends_packets)
{
	unsigned char payload[PAYLOAD + 1];

	ASSERT_LE(0, net_send(&self->driver, self->frame.bytes, self->frame.length));
	driver_kick(&self->driver.queues[NET_TX]);
	EXPECT_EQ(PAYLOAD, host_read(self->host, payload, sizeof(payload), TAP_PATIENCE));
}

TEST_F(layer3_port, guest_sends_nothing_else)
{
	struct driver_used used;

	self->frame.bytes[0] = 0x12;
	ASSERT_LE(0, net_send(&self->driver, self->frame.bytes, self->frame.length));
	driver_kick(&self->driver.queues[NET_TX]);
	ASSERT_TRUE(driver_wait(&self->driver.queues[NET_TX], &used, DRIVER_TIMEOUT));
	EXPECT_EQ(1, tap_counter(self->name, "reject_version"));
}

TEST_F(layer3_port, guest_receives_packets)
{
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	unsigned char *buffer = guest_alloc(&self->driver.guest, 2048, 16);
	struct driver_used used;

	ASSERT_LE(0, net_post(&self->driver, buffer, 2048));
	driver_kick(&self->driver.queues[NET_RX]);
	inet_pton(AF_INET, PEER_IPV4, &peer.sin_addr);
	ASSERT_EQ(PAYLOAD, sendto(self->host, self->frame.bytes, PAYLOAD, 0,
				  (struct sockaddr *)&peer, sizeof(peer)));
	ASSERT_TRUE(driver_wait(&self->driver.queues[NET_RX], &used, DRIVER_TIMEOUT));
	EXPECT_EQ(NET_HEADER + LENGTH, used.written);
	EXPECT_EQ(0x45, buffer[NET_HEADER]);
}

TEST_HARNESS_MAIN
