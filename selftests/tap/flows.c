// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where nobody steers, the answers to a flow come to the queue on which it is written: the
 * file's user has the flow's state there. What the table of flows remembers is only a hint:
 * it grows old, its queues go away, and guests can fill it, all without a packet lost.
 */
#include <time.h>

#include "frames.h"
#include "tap.h"

#define QUEUES 3
#define FLOWS 12
#define PORT 4000
#define PEER_PORT 5000
/* Seconds after which a flow is forgotten, and one more to be sure. */
#define FORGOTTEN 5
/* More than the table holds. */
#define MANY 6000

FIXTURE(flows) {
	int queues[QUEUES];
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	unsigned char received[2048];
};

FIXTURE_VARIANT(flows) { int family; };
FIXTURE_VARIANT_ADD(flows, ipv4) { 4 };
FIXTURE_VARIANT_ADD(flows, ipv6) { 6 };

static int open_queue(FIXTURE_DATA(flows) *self)
{
	int fd = tap_open();

	ASSERT_EQ(0, tap_attach(fd, self->name, TAP_FLAGS | IFF_VNET_HDR | IFF_MULTI_QUEUE));
	return fd;
}

FIXTURE_SETUP(flows)
{
	struct sockaddr_storage address;
	socklen_t length;

	net_private_namespace();
	strcpy(self->name, "flows%d");
	for (int i = 0; i < QUEUES; i++)
		self->queues[i] = open_queue(self);
	ASSERT_TRUE(run("ip addr add " HOST_IPV4 "/24 dev %s && "
			"ip addr add " HOST_IPV6 "/64 dev %s nodad && ip link set %s up && "
			"ip neigh add " PEER_IPV4 " lladdr 02:00:00:00:00:02 dev %s && "
			"ip neigh add " PEER_IPV6 " lladdr 02:00:00:00:00:02 dev %s",
			self->name, self->name, self->name, self->name, self->name));
	length = frame_address(variant->family, HOST_IPV4, HOST_IPV6, PORT, &address);
	self->host = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, self->host);
	ASSERT_EQ(0, bind(self->host, (struct sockaddr *)&address, length));
}

FIXTURE_TEARDOWN(flows)
{
	close(self->host);
	for (int i = 0; i < QUEUES; i++)
		close(self->queues[i]);
}

/* The peer sends a datagram of a flow by a queue. */
static void write_flow(FIXTURE_DATA(flows) *self, const FIXTURE_VARIANT(flows) *variant,
		       unsigned int flow, int fd)
{
	frame_build(&self->frame, &(struct frame_plan){
		.family = variant->family, .protocol = IPPROTO_UDP, .payload = 10,
		.source_port = PEER_PORT + flow, .destination_port = PORT,
	});
	ASSERT_EQ((int)frame_written(&self->frame),
		  tap_write(fd, &self->frame, frame_written(&self->frame)));
}

/* Whether the next datagram of a flow is what waits on a queue; others are passed over. */
static bool has_flow(FIXTURE_DATA(flows) *self, const FIXTURE_VARIANT(flows) *variant,
		     unsigned int flow, int fd)
{
	const unsigned char *port = self->received + sizeof(struct virtio_net_hdr) + ETH_HLEN +
				    (variant->family == 4 ? 20 : 40) + 2;

	while (tap_read(fd, self->received, sizeof(self->received), 0) > 0)
		if ((unsigned int)(port[0] << 8 | port[1]) == PEER_PORT + flow)
			return true;
	return false;
}

/* The number of the queue that an answer of the host's to a flow comes to. */
static int answered_on(FIXTURE_DATA(flows) *self, const FIXTURE_VARIANT(flows) *variant,
		       unsigned int flow)
{
	struct sockaddr_storage peer;
	socklen_t length;
	int end = time(NULL) + TAP_PATIENCE / 1000;

	length = frame_address(variant->family, PEER_IPV4, PEER_IPV6, PEER_PORT + flow, &peer);
	ASSERT_EQ(6, sendto(self->host, "answer", 6, 0, (struct sockaddr *)&peer, length));
	while (time(NULL) <= end)
		for (int i = 0; i < QUEUES; i++)
			if (self->queues[i] >= 0 && has_flow(self, variant, flow, self->queues[i]))
				return i;
	return -ETIMEDOUT;
}

TEST_F(flows, answers_come_to_the_queue_of_the_last_packet)
{
	for (unsigned int round = 0; round < QUEUES; round++) {
		for (unsigned int flow = 0; flow < FLOWS; flow++) {
			int queue = (flow + round) % QUEUES;

			write_flow(self, variant, flow, self->queues[queue]);
			EXPECT_EQ(queue, answered_on(self, variant, flow));
		}
	}
}

/* As where the stack sends a flow that it begins itself. */
TEST_F_TIMEOUT(flows, are_forgotten_when_silent, 60)
{
	int before[FLOWS], moved = 0;

	for (unsigned int flow = 0; flow < FLOWS; flow++)
		before[flow] = answered_on(self, variant, flow);
	for (unsigned int flow = 0; flow < FLOWS; flow++) {
		int queue = (before[flow] + 1) % QUEUES;

		ASSERT_LE(0, before[flow]);
		write_flow(self, variant, flow, self->queues[queue]);
		moved += answered_on(self, variant, flow) == queue;
	}
	EXPECT_EQ(FLOWS, moved);
	sleep(FORGOTTEN);
	for (unsigned int flow = 0; flow < FLOWS; flow++)
		EXPECT_EQ(before[flow], answered_on(self, variant, flow));
}

TEST_F(flows, of_a_queue_that_goes_come_to_another)
{
	for (unsigned int flow = 0; flow < FLOWS; flow++) {
		write_flow(self, variant, flow, self->queues[QUEUES - 1]);
		EXPECT_EQ(QUEUES - 1, answered_on(self, variant, flow));
	}
	close(self->queues[QUEUES - 1]);
	self->queues[QUEUES - 1] = -1;
	for (unsigned int flow = 0; flow < FLOWS; flow++)
		EXPECT_LE(0, answered_on(self, variant, flow));
}

TEST_F(flows, more_than_can_be_remembered_are_answered)
{
	unsigned int count = harness_repetitions(MANY);

	for (unsigned int flow = 0; flow < count; flow++)
		write_flow(self, variant, flow, self->queues[flow % QUEUES]);
	for (unsigned int flow = 0; flow < count; flow += count / FLOWS)
		EXPECT_LE(0, answered_on(self, variant, flow));
	write_flow(self, variant, 0, self->queues[1]);
	EXPECT_EQ(1, answered_on(self, variant, 0));
}

/* The table is full of others. */
TEST_F(flows, that_were_never_written_go_where_the_stack_sends_them)
{
	unsigned int count = harness_repetitions(MANY);
	int before[FLOWS];

	for (unsigned int flow = 0; flow < FLOWS; flow++)
		before[flow] = answered_on(self, variant, flow);
	for (unsigned int flow = FLOWS; flow < count; flow++)
		write_flow(self, variant, flow, self->queues[flow % QUEUES]);
	for (unsigned int flow = 0; flow < FLOWS; flow++)
		EXPECT_EQ(before[flow], answered_on(self, variant, flow));
}

/* Packets without addresses have no flow, and no packet is too odd to look for one. */
TEST_F(flows, frames_without_a_flow_do_no_harm)
{
	unsigned char frame[sizeof(struct virtio_net_hdr) + 64] = { 0 };

	for (int type = 0; type < 0x10000; type += 0x101) {
		unsigned char *bytes = frame + sizeof(struct virtio_net_hdr);

		memset(bytes, type, 64);
		bytes[12] = type >> 8;
		bytes[13] = type;
		for (unsigned int length = ETH_HLEN; length <= 64; length += 10)
			ASSERT_EQ((int)(sizeof(struct virtio_net_hdr) + length),
				  tap_write(self->queues[type % QUEUES], frame,
					    sizeof(struct virtio_net_hdr) + length));
	}
	write_flow(self, variant, 1, self->queues[2]);
	EXPECT_EQ(2, answered_on(self, variant, 1));
}

TEST_HARNESS_MAIN
