// SPDX-License-Identifier: GPL-2.0-only
/*
 * Garbage on all the ways into the host that a packet can take: as a frame or without one,
 * behind packet information, laid out in fragments, past an XDP program, from a guest. The host
 * takes each packet or refuses it, and lives; afterwards a good one passes. (The longest way
 * within the stack, being forwarded and cut up, is in vnet_header.c.)
 */
#include <sys/uio.h>
#include <time.h>

#include "driver.h"
#include "garbage.h"
#include "xdp.h"

#define SECONDS 2
#define PIECES 8
#define RING 16
#define BEFORE_MAX 20
#define LISTEN_PORT 7000
#define PAYLOAD 100
#define SEGMENTS (IFF_NAPI | IFF_NAPI_FRAGS)

FIXTURE(garbage) {
	int fd;
	int host;
	int udp;
	struct driver driver;
	unsigned char *buffer;
	char name[IFNAMSIZ];
	unsigned char mac[ETH_ALEN];
	struct frame frame;
	unsigned char packet[BEFORE_MAX + FRAME_BYTES];
	unsigned char received[FRAME_BYTES];
};

FIXTURE_VARIANT(garbage) {
	unsigned int flags;
	bool xdp;
	bool port;
};
FIXTURE_VARIANT_ADD(garbage, tun) { .flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
FIXTURE_VARIANT_ADD(garbage, tun_with_information) { .flags = IFF_TUN | IFF_VNET_HDR };
FIXTURE_VARIANT_ADD(garbage, tap_with_information) { .flags = IFF_TAP | IFF_VNET_HDR };
FIXTURE_VARIANT_ADD(garbage, segments) { .flags = TAP_FLAGS | IFF_VNET_HDR | SEGMENTS };
FIXTURE_VARIANT_ADD(garbage, xdp) { .flags = TAP_FLAGS | IFF_VNET_HDR, .xdp = true };
FIXTURE_VARIANT_ADD(garbage, port) { .flags = TAP_FLAGS | IFF_VNET_HDR, .port = true };
FIXTURE_VARIANT_ADD(garbage, port_of_tun) {
	.flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR, .port = true
};
FIXTURE_VARIANT_ADD(garbage, port_with_xdp) {
	.flags = TAP_FLAGS | IFF_VNET_HDR, .xdp = true, .port = true
};

/* The program's verdict is the first byte of the packet. */
static void start_program(FIXTURE_DATA(garbage) *self)
{
	xdp_attach(self->name, xdp_load_ask_packet(0));
}

static void start_port(FIXTURE_DATA(garbage) *self)
{
	driver_init(&self->driver, VHOST_NODE_NET, 2, RING, NET_FEATURES);
	self->driver.backend = self->fd;
	net_start(&self->driver);
	self->buffer = guest_alloc(&self->driver.guest, NET_HEADER + FRAME_BYTES, 16);
}

FIXTURE_SETUP(garbage)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(LISTEN_PORT) };
	struct ifreq request = { 0 };

	net_private_namespace();
	self->fd = tap_create_of(self->name, variant->flags);
	net_set_up(self->name);
	netlink_add_address(self->name, AF_INET, HOST_IPV4, 24);
	if (variant->flags & IFF_TAP)
		ASSERT_EQ(0, ioctl(self->fd, SIOCGIFHWADDR, &request));
	memcpy(self->mac, request.ifr_hwaddr.sa_data, ETH_ALEN);
	self->host = host_open(self->name, ETH_P_ALL);
	self->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_EQ(0, bind(self->udp, (struct sockaddr *)&address, sizeof(address)));
	if (variant->xdp)
		start_program(self);
	if (variant->port)
		start_port(self);
}

FIXTURE_TEARDOWN(garbage)
{
	close(self->udp);
	close(self->host);
	if (variant->port)
		driver_exit(&self->driver);
	else
		close(self->fd);
}

/* Put what is to be written into self->packet; returns how long it is. */
static size_t arrange(FIXTURE_DATA(garbage) *self, const FIXTURE_VARIANT(garbage) *variant,
		      uint16_t protocol)
{
	struct tun_pi info = { .proto = htons(protocol) };
	unsigned char *next = self->packet;

	if (!(variant->flags & IFF_NO_PI)) {
		memcpy(next, &info, sizeof(info));
		next += sizeof(info);
	}
	memcpy(next, &self->frame.header, sizeof(self->frame.header));
	next += sizeof(self->frame.header);
	memcpy(next, self->frame.bytes, self->frame.length);
	return next + self->frame.length - self->packet;
}

/* In pieces of any length, which count only with IFF_NAPI_FRAGS. */
static int write_in_pieces(FIXTURE_DATA(garbage) *self, size_t length)
{
	struct iovec pieces[PIECES];
	unsigned int count = 0;
	size_t from = 0, piece;

	while (from < length && count < PIECES) {
		piece = random() % 2 ? (size_t)random() % 4200 : (size_t)random() % 100;
		if (count == PIECES - 1 || piece > length - from)
			piece = length - from;
		pieces[count++] = (struct iovec){ self->packet + from, piece };
		from += piece;
	}
	return writev(self->fd, pieces, count) < 0 ? -errno : 0;
}

/* From a guest, that learns only that the packet was consumed. */
static int send_as_guest(FIXTURE_DATA(garbage) *self)
{
	struct driver_buffer buffer = { self->buffer, NET_HEADER + self->frame.length, false };
	struct driver_used used;

	memset(self->buffer, 0, NET_HEADER);
	memcpy(self->buffer, &self->frame.header, sizeof(self->frame.header));
	memcpy(self->buffer + NET_HEADER, self->frame.bytes, self->frame.length);
	ASSERT_LE(0, driver_add(&self->driver.queues[NET_TX], &buffer, 1));
	driver_kick(&self->driver.queues[NET_TX]);
	ASSERT_TRUE(driver_wait(&self->driver.queues[NET_TX], &used, DRIVER_TIMEOUT));
	return 0;
}

/* Returns 0 or -errno. */
static int inject(FIXTURE_DATA(garbage) *self, const FIXTURE_VARIANT(garbage) *variant,
		  uint16_t protocol)
{
	size_t length;

	if (variant->flags & IFF_TUN)
		frame_strip_ethernet(&self->frame);
	if (variant->port)
		return send_as_guest(self);
	length = arrange(self, variant, protocol);
	if (variant->flags & IFF_NAPI_FRAGS)
		return write_in_pieces(self, length);
	return write(self->fd, self->packet, length) < 0 ? -errno : 0;
}

/* What came of it must not fill the queues. */
static void drain(FIXTURE_DATA(garbage) *self, const FIXTURE_VARIANT(garbage) *variant)
{
	while (recv(self->host, self->received, FRAME_BYTES, 0) >= 0)
		;
	while (!variant->port && read(self->fd, self->received, FRAME_BYTES) >= 0)
		;
}

static void inject_good(FIXTURE_DATA(garbage) *self, const FIXTURE_VARIANT(garbage) *variant)
{
	frame_build(&self->frame, &(struct frame_plan){
		.family = 4, .protocol = IPPROTO_UDP, .payload = PAYLOAD, .destination = self->mac,
		.source_port = LISTEN_PORT, .destination_port = LISTEN_PORT,
	});
	/* The address does not leave room for a verdict. */
	if (variant->xdp)
		xdp_attach(self->name, xdp_load_verdict(XDP_PASS));
	EXPECT_EQ(0, inject(self, variant, ETH_P_IP));
	EXPECT_EQ(PAYLOAD, host_read(self->udp, self->received, FRAME_BYTES, TAP_PATIENCE));
}

TEST_F_TIMEOUT(garbage, is_taken_or_refused_and_a_good_packet_passes, 120)
{
	unsigned int seed = time(NULL), taken = 0, refused = 0;
	time_t end = time(NULL) + SECONDS;
	int result;

	TEST_LOG("seed %u", seed);
	srandom(seed);
	while (time(NULL) < end) {
		garbage_build(&self->frame, self->mac);
		if (variant->xdp)
			self->frame.bytes[0] = random() % 6;
		result = inject(self, variant, random() % 4 ? ETH_P_IP : random());
		/* The second is for more fragments than fit. */
		ASSERT_TRUE(!result || result == -EINVAL || result == -EMSGSIZE);
		*(result ? &refused : &taken) += 1;
		drain(self, variant);
	}
	TEST_LOG("%u taken, %u refused", taken, refused);
	EXPECT_LT(0, taken);
	if (!variant->port)
		EXPECT_LT(0, refused);
	inject_good(self, variant);
}

TEST_HARNESS_MAIN
