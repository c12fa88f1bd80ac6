// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets in UDP tunnels, to be cut up, and a guest's driver. ringhost_net offers it no vnet
 * header that tells of tunnels, so it may neither send nor get any, whatever the interface was
 * told to leave to a reader: taken for packets in no tunnel, they would be cut up wrongly.
 */
#include "driver.h"
#include "tunnels.h"

#define RING 16
#define BUFFERS 8
#define BUFFER_BYTES 2048
#define SMALL 100

FIXTURE(tunnel_port) {
	struct driver driver;
	int in;
	char name[IFNAMSIZ];
	char in_name[IFNAMSIZ];
	struct tunnel_frame frame;
};

FIXTURE_SETUP(tunnel_port)
{
	net_private_namespace();
	driver_init(&self->driver, VHOST_NODE_NET, 2, RING, NET_FEATURES);
	self->driver.backend = tunnel_create(self->name, IFF_TAP);
	net_start(&self->driver);
	tunnel_build(&self->frame, &(struct tunnel_plan){
		.outer = 4, .inner = 4, .protocol = IPPROTO_TCP, .payload = 4000, .size = 1000,
	});
}

FIXTURE_TEARDOWN(tunnel_port)
{
	driver_exit(&self->driver);
}

TEST_F(tunnel_port, guest_gets_none)
{
	struct driver_used used;

	if (!tunnel_is_known())
		SKIP(return, "this kernel's vnet header has no tunnels");
	ASSERT_EQ(0, tap_set(self->driver.backend, TUNSETOFFLOAD, TUNNEL_OFFLOADS));
	self->in = tunnel_create(self->in_name, IFF_TAP);
	tunnel_connect(self->in_name, self->name);
	for (unsigned int i = 0; i < BUFFERS; i++)
		ASSERT_LE(0, net_post(&self->driver, guest_alloc(&self->driver.guest, BUFFER_BYTES,
								 16), BUFFER_BYTES));
	driver_kick(&self->driver.queues[NET_RX]);
	ASSERT_EQ(tunnel_written(&self->frame),
		  tap_write(self->in, &self->frame, tunnel_written(&self->frame)));
	/* The next one is the first to arrive. */
	memset(&self->frame.header, 0, sizeof(self->frame.header));
	ASSERT_EQ(sizeof(self->frame.header) + SMALL,
		  tap_write(self->in, &self->frame, sizeof(self->frame.header) + SMALL));
	ASSERT_TRUE(driver_wait(&self->driver.queues[NET_RX], &used, DRIVER_TIMEOUT));
	EXPECT_EQ(NET_HEADER + SMALL, used.written);
	EXPECT_EQ(1, driver_stat(&self->driver.queues[NET_RX], RINGHOST_STAT_NET_DROPS));
	close(self->in);
}

TEST_F(tunnel_port, guest_sends_none)
{
	unsigned char *packet = guest_alloc(&self->driver.guest, NET_HEADER + BUFFER_BYTES, 16);
	struct driver_buffer buffer = { packet, NET_HEADER + BUFFER_BYTES, false };
	struct driver_queue *queue = &self->driver.queues[NET_TX];
	struct driver_used used;

	memset(packet, 0, NET_HEADER);
	memcpy(packet, &self->frame.header, sizeof(struct virtio_net_hdr));
	memcpy(packet + NET_HEADER, self->frame.bytes, BUFFER_BYTES);
	ASSERT_LE(0, driver_add(queue, &buffer, 1));
	driver_kick(queue);
	ASSERT_TRUE(driver_wait(queue, &used, DRIVER_TIMEOUT));
	EXPECT_EQ(1, tap_counter(self->name, "reject_gso_type"));
}

TEST_HARNESS_MAIN
