// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments of a TCP stream that come in one batch reach the host's stack as one large packet,
 * because the stack's cost is by packet; datagrams do where somebody asked for it. What must not
 * happen: that they change, that others are joined, that they change places, or that any of a
 * batch waits for more to come.
 */
#include "driver.h"
#include "frames.h"
#include "tap.h"

#define SEGMENTS 8
#define PAYLOAD 100
#define RING 64

FIXTURE(gro) {
	struct driver driver;
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	unsigned char received[FRAME_BYTES];
};

FIXTURE_SETUP(gro)
{
	net_private_namespace();
	strcpy(self->name, "gro%d");
	net_init(&self->driver, self->name, RING, NET_FEATURES);
	net_start(&self->driver);
	self->host = host_open(self->name, ETH_P_IP);
}

FIXTURE_TEARDOWN(gro)
{
	close(self->host);
	driver_exit(&self->driver);
}

static void build_segment(struct frame *frame, uint16_t port, unsigned int number)
{
	const struct frame_plan plan = {
		.family = 4, .protocol = IPPROTO_TCP, .payload = PAYLOAD, .source_port = port,
		.destination_port = 80, .sequence = 1 + number * PAYLOAD, .acknowledge = 1,
		.flags = TH_ACK,
	};

	frame_build(frame, &plan);
}

static void send_segment(FIXTURE_DATA(gro) *self, uint16_t port, unsigned int number)
{
	build_segment(&self->frame, port, number);
	ASSERT_LE(0, net_send(&self->driver, self->frame.bytes, self->frame.length));
}

/* Payload bytes of the next packet, whose sequence number must be that of segment @number. */
static size_t receive_payload(FIXTURE_DATA(gro) *self, uint16_t port, unsigned int number)
{
	const unsigned char *frame = self->received + sizeof(struct virtio_net_hdr);
	const unsigned char *tcp = frame + ETH_HLEN + sizeof(struct iphdr);
	int length = host_read(self->host, self->received, sizeof(self->received), TAP_PATIENCE);
	size_t headers = sizeof(struct virtio_net_hdr) + ETH_HLEN + sizeof(struct iphdr) +
			 sizeof(struct tcphdr);
	uint32_t sequence;

	ASSERT_LT((int)headers, length);
	memcpy(&sequence, tcp + 4, sizeof(sequence));
	EXPECT_EQ(1 + number * PAYLOAD, ntohl(sequence));
	EXPECT_EQ(port, tcp[0] << 8 | tcp[1]);
	for (size_t i = 0; i < length - headers; i++)
		ASSERT_EQ((unsigned char)(1 + number * PAYLOAD + i % PAYLOAD + i / PAYLOAD * PAYLOAD),
			  tcp[sizeof(struct tcphdr) + i]);
	return length - headers;
}

TEST_F(gro, segments_of_a_batch_arrive_as_one_packet)
{
	const struct virtio_net_hdr *header = (void *)self->received;

	for (unsigned int i = 0; i < SEGMENTS; i++)
		send_segment(self, 1000, i);
	driver_kick(&self->driver.queues[NET_TX]);
	EXPECT_EQ(SEGMENTS * PAYLOAD, receive_payload(self, 1000, 0));
	EXPECT_EQ(VIRTIO_NET_HDR_GSO_TCPV4, header->gso_type);
	EXPECT_EQ(PAYLOAD, header->gso_size);
	EXPECT_EQ(SEGMENTS, tap_counter(self->name, "rx_packets"));
}

TEST_F(gro, flows_are_not_mixed)
{
	size_t received[2] = { 0 };

	for (unsigned int i = 0; i < SEGMENTS; i++)
		send_segment(self, 1000 + i % 2, i / 2);
	driver_kick(&self->driver.queues[NET_TX]);
	for (unsigned int i = 0; i < 2; i++)
		received[i] = receive_payload(self, 1000 + i, 0);
	EXPECT_EQ(SEGMENTS / 2 * PAYLOAD, received[0]);
	EXPECT_EQ(SEGMENTS / 2 * PAYLOAD, received[1]);
}

TEST_F(gro, gap_in_the_sequence_stays_a_gap)
{
	send_segment(self, 1000, 0);
	send_segment(self, 1000, 1);
	send_segment(self, 1000, 3);
	driver_kick(&self->driver.queues[NET_TX]);
	EXPECT_EQ(2 * PAYLOAD, receive_payload(self, 1000, 0));
	EXPECT_EQ(PAYLOAD, receive_payload(self, 1000, 3));
}

TEST_F(gro, damaged_segment_is_not_joined)
{
	send_segment(self, 1000, 0);
	build_segment(&self->frame, 1000, 1);
	self->frame.bytes[self->frame.transport + 16] ^= 1;	/* its checksum */
	ASSERT_LE(0, net_send(&self->driver, self->frame.bytes, self->frame.length));
	driver_kick(&self->driver.queues[NET_TX]);
	/* It does not wait for others, so it comes first. */
	EXPECT_EQ(PAYLOAD, receive_payload(self, 1000, 1));
	EXPECT_EQ(PAYLOAD, receive_payload(self, 1000, 0));
}

static void send_datagrams(FIXTURE_DATA(gro) *self)
{
	const struct frame_plan plan = {
		.family = 4, .protocol = IPPROTO_UDP, .payload = PAYLOAD, .source_port = 1000,
		.destination_port = 2000,
	};

	frame_build(&self->frame, &plan);
	for (unsigned int i = 0; i < SEGMENTS; i++)
		ASSERT_LE(0, net_send(&self->driver, self->frame.bytes, self->frame.length));
	driver_kick(&self->driver.queues[NET_TX]);
}

TEST_F(gro, datagrams_are_joined_for_a_socket_that_wants_that)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(2000) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), one = 1;

	ASSERT_TRUE(run("ip address add " HOST_IPV4 "/24 dev %s", self->name));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, bind(fd, (struct sockaddr *)&address, sizeof(address)));
	ASSERT_EQ(0, setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof(one)));
	send_datagrams(self);
	EXPECT_EQ(SEGMENTS * PAYLOAD,
		  host_read(fd, self->received, sizeof(self->received), TAP_PATIENCE));
	close(fd);
}

TEST_F(gro, datagrams_arrive_one_by_one_where_nobody_wants_them_joined)
{
	const int length = sizeof(struct virtio_net_hdr) + ETH_HLEN + sizeof(struct iphdr) +
			   sizeof(struct udphdr) + PAYLOAD;

	send_datagrams(self);
	for (unsigned int i = 0; i < SEGMENTS; i++)
		ASSERT_EQ(length, host_read(self->host, self->received, sizeof(self->received),
					    TAP_PATIENCE));
}

TEST_F(gro, it_can_be_turned_off)
{
	ethtool(self->name, &(struct ethtool_value){ .cmd = ETHTOOL_SGRO, .data = 0 });
	for (unsigned int i = 0; i < SEGMENTS; i++)
		send_segment(self, 1000, i);
	driver_kick(&self->driver.queues[NET_TX]);
	for (unsigned int i = 0; i < SEGMENTS; i++)
		EXPECT_EQ(PAYLOAD, receive_payload(self, 1000, i));
}

TEST_HARNESS_MAIN
