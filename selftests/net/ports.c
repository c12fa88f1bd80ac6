// SPDX-License-Identifier: GPL-2.0-only
/*
 * What vhost-net takes as a backend, ours takes too: queues of the kernel's own tun, of a
 * macvtap and of an ipvtap, and packet sockets. Set-ups that exist then work unchanged. Frames
 * pass as they do over a tap of ours; over none is one lost, or comes twice, when the backend is
 * stopped and started, or when the socket is full.
 */
#include <sys/uio.h>

#include "ports.h"

#define RING 64
#define BUFFER 2048
#define FRAME 200
#define BURST 300

#define ETHERTYPE_VLAN 0x8100
#define VLAN_TAG 4
#define TAGS (2 * ETH_ALEN)

static const size_t lengths[] = { 60, 65, 590, 1513, 1514 };
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

FIXTURE(ports) {
	struct driver driver;
	struct pool pool;
	struct packet packet;
	/* Where the frames of the other side are sent and received, and the socket that does. */
	char name[IFNAMSIZ];
	int host;
	unsigned char *memory;
	unsigned char frame[BUFFER];
	unsigned char received[BUFFER];
};

FIXTURE_VARIANT(ports) {
	enum port_kind kind;
	uint64_t features;
};

FIXTURE_VARIANT_ADD(ports, tap) { .kind = TAP, .features = NET_FEATURES };
FIXTURE_VARIANT_ADD(ports, tun) { .kind = TUN, .features = NET_FEATURES };
FIXTURE_VARIANT_ADD(ports, tun_legacy) { .kind = TUN };
FIXTURE_VARIANT_ADD(ports, tun_without_header) {
	.kind = TUN, .features = NET_FEATURES | DRIVER_BIT(VHOST_NET_F_VIRTIO_NET_HDR)
};
FIXTURE_VARIANT_ADD(ports, macvtap) { .kind = MACVTAP, .features = NET_FEATURES };
FIXTURE_VARIANT_ADD(ports, ipvtap) { .kind = IPVTAP, .features = NET_FEATURES };
FIXTURE_VARIANT_ADD(ports, packet_socket) {
	.kind = PACKET_SOCKET, .features = NET_FEATURES | DRIVER_BIT(VHOST_NET_F_VIRTIO_NET_HDR)
};
FIXTURE_VARIANT_ADD(ports, packet_socket_with_header) { .kind = PACKET_SOCKET };

FIXTURE_SETUP(ports)
{
	net_private_namespace();
	driver_init(&self->driver, VHOST_NODE_NET, 2, RING, variant->features);
	if (!port_open(&self->driver, variant->kind, self->name))
		SKIP(return, "this kernel has no such device");
	port_set_up(variant->kind, self->name);
	self->host = net_host_socket(self->name);
	net_start(&self->driver);
	pool_init(&self->pool, &self->driver, RING, BUFFER);
	self->memory = guest_alloc(&self->driver.guest, RING * BUFFER, 64);
}

FIXTURE_TEARDOWN(ports)
{
	close(self->host);
	driver_exit(&self->driver);
}

/* Frame @number of a test, @length bytes long. */
static void make_frame(FIXTURE_DATA(ports) *self, unsigned int number, size_t length)
{
	net_fill_frame(self->frame, length, number);
	memcpy(self->frame + ETH_HLEN, &number, sizeof(number));
}

static void send_to_guest(FIXTURE_DATA(ports) *self, unsigned int number, size_t length)
{
	make_frame(self, number, length);
	host_send(self->host, self->frame, length);
}

/* Offer a frame to the device; does not kick. */
static void send_from_guest(FIXTURE_DATA(ports) *self, unsigned int number, size_t length)
{
	make_frame(self, number, length);
	ASSERT_LE(0, packet_send(&self->driver, self->memory + number % RING * BUFFER, NULL,
				 self->frame, length));
}

static void expect_at_guest(FIXTURE_DATA(ports) *self, unsigned int number, size_t length)
{
	struct packet *packet = &self->packet;

	make_frame(self, number, length);
	ASSERT_EQ(0, pool_receive(&self->pool, packet, true, DRIVER_TIMEOUT)) {
		TEST_LOG("frame %u", number);
	}
	driver_kick(&self->driver.queues[NET_RX]);
	ASSERT_EQ(length, packet->length);
	ASSERT_EQ(0, memcmp(self->frame, packet->frame, length)) { TEST_LOG("frame %u", number); }
	EXPECT_EQ(0, packet->header.hdr.flags);
	if (header_length(&self->driver) == sizeof(packet->header))
		EXPECT_EQ(1, packet->header.num_buffers);
}

static void expect_at_host(FIXTURE_DATA(ports) *self, unsigned int number, size_t length)
{
	make_frame(self, number, length);
	ASSERT_EQ((int)length, host_receive(self->host, self->received, BUFFER, DRIVER_TIMEOUT));
	ASSERT_EQ(0, memcmp(self->frame, self->received, length)) { TEST_LOG("frame %u", number); }
}

/* The chains of @count packets come back. */
static void reap(FIXTURE_DATA(ports) *self, unsigned int count)
{
	struct driver_used used;

	while (count--)
		ASSERT_TRUE(driver_wait(&self->driver.queues[NET_TX], &used, DRIVER_TIMEOUT));
}

TEST_F(ports, frames_pass_unaltered)
{
	pool_post_some(&self->pool, 0, RING);
	for (unsigned int i = 0; i < LENGTHS; i++) {
		send_to_guest(self, i, lengths[i]);
		expect_at_guest(self, i, lengths[i]);
		send_from_guest(self, i, lengths[i]);
		driver_kick(&self->driver.queues[NET_TX]);
		reap(self, 1);
		expect_at_host(self, i, lengths[i]);
	}
	EXPECT_EQ(0, driver_stat(&self->driver.queues[NET_RX], RINGHOST_STAT_NET_DROPS));
	EXPECT_EQ(0, driver_stat(&self->driver.queues[NET_TX], RINGHOST_STAT_REJECT_NET_PACKET));
}

TEST_F(ports, bursts_arrive_in_order)
{
	pool_post_some(&self->pool, 0, RING);
	for (unsigned int first = 0; first < BURST; first += RING / 2) {
		for (unsigned int i = 0; i < RING / 2; i++) {
			send_to_guest(self, first + i, FRAME);
			send_from_guest(self, first + i, FRAME);
		}
		driver_kick(&self->driver.queues[NET_TX]);
		reap(self, RING / 2);
		for (unsigned int i = 0; i < RING / 2; i++) {
			expect_at_guest(self, first + i, FRAME);
			expect_at_host(self, first + i, FRAME);
		}
	}
}

static void expect_tagged(FIXTURE_DATA(ports) *self)
{
	ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, true, DRIVER_TIMEOUT));
	ASSERT_EQ(FRAME, self->packet.length);
	EXPECT_EQ(0, memcmp(self->frame, self->packet.frame, FRAME));
}

/* The stack takes a tag out of the data; the guest is to find it where it was. */
TEST_F(ports, vlan_tag_is_where_the_sender_put_it)
{
	const unsigned char tag[VLAN_TAG] = { ETHERTYPE_VLAN >> 8, ETHERTYPE_VLAN & 0xff, 0, 7 };

	pool_post_some(&self->pool, 0, RING);
	make_frame(self, 1, FRAME - VLAN_TAG);
	memmove(self->frame + TAGS + VLAN_TAG, self->frame + TAGS, FRAME - VLAN_TAG - TAGS);
	memcpy(self->frame + TAGS, tag, VLAN_TAG);
	host_send(self->host, self->frame, FRAME);
	expect_tagged(self);
}

/* Behind any network header. */
#define CHECKSUM_START 60

/* The sum of a frame's bytes from there on, as the Internet checksum has it. */
static unsigned int sum_of(const unsigned char *frame, size_t length)
{
	unsigned int sum = 0;

	for (size_t i = CHECKSUM_START; i < length; i += 2)
		sum += frame[i] << 8 | frame[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* The sender leaves the checksum to the device: it is done, or the header asks the guest for it. */
TEST_F(ports, checksum_is_done_or_asked_for)
{
	struct virtio_net_hdr header = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = CHECKSUM_START,
	};
	struct iovec pieces[] = { { &header, sizeof(header) }, { self->frame, FRAME } };
	const struct packet *packet = &self->packet;
	int one = 1;

	ASSERT_EQ(0, setsockopt(self->host, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)));
	pool_post_some(&self->pool, 0, RING);
	make_frame(self, 0, FRAME);
	/* What the sender leaves in the checksum's place is part of the sum. */
	memset(self->frame + CHECKSUM_START, 0, 2);
	ASSERT_EQ((ssize_t)sizeof(header) + FRAME, writev(self->host, pieces, 2));
	ASSERT_EQ(0, pool_receive(&self->pool, &self->packet, true, DRIVER_TIMEOUT));
	ASSERT_EQ(FRAME, packet->length);
	if (packet->header.hdr.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		EXPECT_EQ(CHECKSUM_START, packet->header.hdr.csum_start);
		EXPECT_EQ(0, packet->header.hdr.csum_offset);
	} else {
		EXPECT_EQ(0xffff, sum_of(packet->frame, FRAME));
	}
}

/* The owner's own read, with the header that a file of this kind has. */
static void expect_at_owner(FIXTURE_DATA(ports) *self, unsigned int number)
{
	size_t header = port_header(&self->driver);

	make_frame(self, number, FRAME);
	ASSERT_EQ((ssize_t)(header + FRAME), read(self->driver.backend, self->received, BUFFER));
	EXPECT_EQ(0, memcmp(self->frame, self->received + header, FRAME));
}

static bool counts_itself(const FIXTURE_VARIANT(ports) *variant)
{
	return variant->kind == TAP || variant->kind == TUN;
}

/* The interface has sent so many frames. */
static void expect_counted(FIXTURE_DATA(ports) *self, unsigned int frames)
{
	EXPECT_TRUE(run("ip -j -s link show %s | tr -d ' ' | "
			"grep -q '\"tx\":{\"bytes\":%u,\"packets\":%u,'",
			self->name, frames * FRAME, frames)) {
		run("ip -j -s link show %s", self->name);
	}
}

/* The backend has taken the only packet there is, without a buffer for it. */
TEST_F(ports, what_a_stop_gives_back_can_be_read)
{
	struct pollfd poller = { .fd = self->driver.backend, .events = POLLIN };

	send_to_guest(self, 0, FRAME);
	usleep(DRIVER_QUIET * 1000);
	EXPECT_EQ(0, poll(&poller, 1, 0));
	ASSERT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_RX, -1));
	EXPECT_EQ(1, poll(&poller, 1, DRIVER_TIMEOUT));
	expect_at_owner(self, 0);
	EXPECT_EQ(0, poll(&poller, 1, 0));
	/* By who took it first or by who read it last: once. */
	if (variant->kind == TAP)
		expect_counted(self, 1);
}

/* More than it takes at once. */
TEST_F(ports, none_is_lost_when_the_backend_stops)
{
	const unsigned int count = RING + RING / 2;

	for (unsigned int i = 0; i < count; i++)
		send_to_guest(self, i, FRAME);
	usleep(DRIVER_QUIET * 1000);
	for (unsigned int i = 0; i < 5; i++) {
		ASSERT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_RX, -1));
		expect_at_owner(self, i);
		ASSERT_EQ(0, vhost_net_set_backend(self->driver.fd, NET_RX, self->driver.backend));
		usleep(1000 * i);
	}
	pool_post_some(&self->pool, 0, RING);
	for (unsigned int i = 5; i < count; i++)
		expect_at_guest(self, i, FRAME);
	if (variant->kind == TAP)
		expect_counted(self, count);
}

/* The interface of a tap or tun delivers at once: there is room always. */
static bool can_be_full(const FIXTURE_VARIANT(ports) *variant)
{
	return variant->kind != TAP && variant->kind != TUN &&
	       run("tc qdisc add dev " PORT_NEAR " root tbf rate 2mbit burst 2k limit 1m 2> /dev/null");
}

static void set_send_buffer(FIXTURE_DATA(ports) *self, const FIXTURE_VARIANT(ports) *variant,
			    int bytes)
{
	if (port_is_stacked(variant->kind))
		ASSERT_EQ(0, ioctl(self->driver.backend, TUNSETSNDBUF, &bytes));
	else
		ASSERT_EQ(0, setsockopt(self->driver.backend, SOL_SOCKET, SO_SNDBUF, &bytes,
					sizeof(bytes)));
}

/* The interface behind it sends at its leisure, so that the socket is full of packets. */
TEST_F(ports, ring_waits_until_the_socket_has_room)
{
	struct driver_used used;
	unsigned int back = 0;

	if (!can_be_full(variant))
		SKIP(return, "nothing can fill this kind of socket");
	set_send_buffer(self, variant, 4096);
	for (unsigned int i = 0; i < RING; i++)
		send_from_guest(self, i, 1000);
	driver_kick(&self->driver.queues[NET_TX]);
	expect_at_host(self, 0, 1000);
	while (driver_reap(&self->driver.queues[NET_TX], &used))
		back++;
	EXPECT_GT(RING / 2, back);
	for (unsigned int i = 1; i < RING; i++)
		expect_at_host(self, i, 1000);
	reap(self, RING - back);
	EXPECT_EQ(0, driver_stat(&self->driver.queues[NET_TX], RINGHOST_STAT_REJECT_NET_PACKET));
}

TEST_F(ports, interface_that_goes_leaves_a_backend_that_can_be_replaced)
{
	char name[IFNAMSIZ] = "ours%d";
	int gone = self->driver.backend;

	pool_post_some(&self->pool, 0, RING / 2);
	send_to_guest(self, 0, FRAME);
	expect_at_guest(self, 0, FRAME);
	ASSERT_TRUE(run("ip link del %s", self->name));
	send_from_guest(self, 0, FRAME);
	driver_kick(&self->driver.queues[NET_TX]);
	reap(self, 1);
	/* A tap of ours takes packets, and drops them itself; so do a macvtap and an ipvtap. */
	EXPECT_EQ(variant->kind != TAP && !port_is_stacked(variant->kind),
		  driver_stat(&self->driver.queues[NET_TX], RINGHOST_STAT_REJECT_NET_PACKET));

	self->driver.backend = net_open_tap(name, 0);
	ASSERT_EQ(0, tap_set_int(self->driver.backend, TUNSETVNETHDRSZ,
				 header_length(&self->driver)));
	net_set_up(name);
	net_start(&self->driver);
	close(gone);
	close(self->host);
	self->host = net_host_socket(name);
	send_to_guest(self, 1, FRAME);
	expect_at_guest(self, 1, FRAME);
}

/* Others may read the same file: each packet reaches one of them. */
TEST_F(ports, backend_of_two_devices_serves_both)
{
	struct driver second;
	struct driver_used used;
	unsigned char *memory;

	if (variant->kind == TAP)
		SKIP(return, "a tap of ours has one consumer");
	driver_init(&second, VHOST_NODE_NET, 2, RING, variant->features);
	ASSERT_EQ(0, vhost_net_set_backend(second.fd, NET_TX, self->driver.backend));
	ASSERT_EQ(0, vhost_net_set_backend(second.fd, NET_RX, self->driver.backend));
	memory = guest_alloc(&second.guest, BUFFER, 64);
	make_frame(self, 3, FRAME);
	ASSERT_LE(0, packet_send(&second, memory, NULL, self->frame, FRAME));
	driver_kick(&second.queues[NET_TX]);
	ASSERT_TRUE(driver_wait(&second.queues[NET_TX], &used, DRIVER_TIMEOUT));
	expect_at_host(self, 3, FRAME);
	driver_exit(&second);
	pool_post_some(&self->pool, 0, RING);
	send_to_guest(self, 4, FRAME);
	expect_at_guest(self, 4, FRAME);
}

/* To a tun they come without a socket buffer, which the backend makes. */
TEST_F(ports, frames_that_xdp_redirects_to_the_interface_arrive)
{
	char name[IFNAMSIZ];
	int from;

	if (variant->kind != TAP && variant->kind != TUN)
		SKIP(return, "other kinds take no such frames");
	from = tap_create(name, 0);
	net_set_up(name);
	xdp_attach(name, xdp_load_redirect(self->name));
	pool_post_some(&self->pool, 0, RING);
	for (unsigned int i = 0; i < LENGTHS; i++) {
		make_frame(self, i, lengths[i]);
		ASSERT_EQ((ssize_t)lengths[i], write(from, self->frame, lengths[i]));
		expect_at_guest(self, i, lengths[i]);
	}
	close(from);
}

TEST_F(ports, packets_count_as_sent_by_the_interface)
{
	if (!counts_itself(variant))
		SKIP(return, "other kinds count elsewhere");
	pool_post_some(&self->pool, 0, RING);
	for (unsigned int i = 0; i < 10; i++)
		send_to_guest(self, i, FRAME);
	for (unsigned int i = 0; i < 10; i++)
		expect_at_guest(self, i, FRAME);
	expect_counted(self, 10);
}

FIXTURE(refused) { struct driver driver; };

FIXTURE_SETUP(refused)
{
	net_private_namespace();
	driver_init(&self->driver, VHOST_NODE_NET, 2, RING, NET_FEATURES);
}

FIXTURE_TEARDOWN(refused)
{
	driver_exit(&self->driver);
}

static void expect_refused(FIXTURE_DATA(refused) *self, int error, int fd)
{
	ASSERT_LE(0, fd);
	EXPECT_EQ(error, vhost_net_set_backend(self->driver.fd, NET_RX, fd));
	EXPECT_EQ(error, vhost_net_set_backend(self->driver.fd, NET_TX, fd));
	close(fd);
}

TEST_F(refused, other_sockets)
{
	expect_refused(self, -ENOTSOCK, socket(AF_INET, SOCK_DGRAM, 0));
	expect_refused(self, -ENOTSOCK, socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
	expect_refused(self, -ENOTSOCK, socket(AF_UNIX, SOCK_STREAM, 0));
	expect_refused(self, -ENOTSOCK, socket(AF_PACKET, SOCK_DGRAM, 0));
}

TEST_F(refused, tun_without_an_interface)
{
	int tun;

	run("modprobe -q tun");
	tun = open(PORT_NODE_TUN, O_RDWR | O_CLOEXEC);
	if (tun < 0)
		SKIP(return, "no " PORT_NODE_TUN);
	expect_refused(self, -EBADFD, tun);
}

TEST_HARNESS_MAIN
