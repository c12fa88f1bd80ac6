// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same packets go through /dev/net/tun and our node, in all modes: each must be taken or
 * refused by both, arrive alike on the interface, and be read alike. See upstream.h for the
 * differences, and test_upstream.c for all other calls.
 */
#include <linux/ethtool.h>

#include "frames.h"
#include "upstream.h"

#define NAME "up0"
#define READ_MAX 300
#define VNET_BYTES sizeof(struct virtio_net_hdr)

FIXTURE(packets) {
	struct upstream pair;
	unsigned int flags;
	size_t prefix;
	struct frame frame;
	unsigned char packet[FRAME_BYTES];
	unsigned char seen[NODES][FRAME_BYTES];
};

FIXTURE_VARIANT(packets) { unsigned int flags; };
FIXTURE_VARIANT_ADD(packets, tap) { IFF_TAP | IFF_NO_PI };
FIXTURE_VARIANT_ADD(packets, tap_pi) { IFF_TAP };
FIXTURE_VARIANT_ADD(packets, tap_vnet) { IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
FIXTURE_VARIANT_ADD(packets, tap_pi_vnet) { IFF_TAP | IFF_VNET_HDR };
FIXTURE_VARIANT_ADD(packets, tun) { IFF_TUN | IFF_NO_PI };
FIXTURE_VARIANT_ADD(packets, tun_pi) { IFF_TUN };
FIXTURE_VARIANT_ADD(packets, tun_vnet) { IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
FIXTURE_VARIANT_ADD(packets, tun_pi_vnet) { IFF_TUN | IFF_VNET_HDR };

FIXTURE_SETUP(packets)
{
	if (!upstream_init(&self->pair))
		SKIP(return, "no " STOCK_NODE);
	self->flags = variant->flags;
	self->prefix = (self->flags & IFF_NO_PI ? 0 : sizeof(struct tun_pi)) +
		       (self->flags & IFF_VNET_HDR ? VNET_BYTES : 0);
	upstream_attach(&self->pair, NULL, "attach", NAME, self->flags);
	upstream_set_up(&self->pair, NAME);
}

FIXTURE_TEARDOWN(packets)
{
	upstream_exit(&self->pair);
}

/* A right packet of @family behind what goes before it; returns how long all is. */
static size_t build(FIXTURE_DATA(packets) *self, int family, int protocol, size_t payload)
{
	struct tun_pi info = { .proto = htons(family == 4 ? ETH_P_IP : ETH_P_IPV6) };
	unsigned char *next = self->packet;

	frame_build(&self->frame, &(struct frame_plan){
		.family = family, .protocol = protocol, .payload = payload, .flags = TH_ACK,
		.partial = self->flags & IFF_VNET_HDR, .source_port = 1, .destination_port = 2,
	});
	if (self->flags & IFF_TUN)
		frame_strip_ethernet(&self->frame);
	if (!(self->flags & IFF_NO_PI)) {
		memcpy(next, &info, sizeof(info));
		next += sizeof(info);
	}
	if (self->flags & IFF_VNET_HDR) {
		memcpy(next, &self->frame.header, VNET_BYTES);
		next += VNET_BYTES;
	}
	memcpy(next, self->frame.bytes, self->frame.length);
	return self->prefix + self->frame.length;
}

/* What arrived on the interfaces, all of it, has to be the same. */
static void compare_arrived(FIXTURE_DATA(packets) *self, const char *step)
{
	ssize_t length[NODES];

	do {
		for (unsigned int i = 0; i < NODES; i++)
			length[i] = recv(self->pair.sides[i].host, self->seen[i], FRAME_BYTES, 0);
		EXPECT_EQ(length[STOCK], length[OURS]) {
			TEST_LOG("%s: length of what arrived", step);
		}
		if (length[STOCK] > 0 && length[STOCK] == length[OURS])
			EXPECT_EQ(0, memcmp(self->seen[STOCK], self->seen[OURS], length[OURS])) {
				TEST_LOG("%s: what arrived", step);
			}
	} while (length[STOCK] >= 0 && length[OURS] >= 0);
}

static void forget_arrived(FIXTURE_DATA(packets) *self)
{
	for (unsigned int i = 0; i < NODES; i++)
		while (recv(self->pair.sides[i].host, self->seen[i], FRAME_BYTES, 0) >= 0)
			;
}

/* Write self->packet to both; a whole write is 0. */
static void write_both(FIXTURE_DATA(packets) *self, const char *step, size_t length)
{
	int result[NODES];

	for (unsigned int i = 0; i < NODES; i++) {
		result[i] = tap_write(self->pair.sides[i].fd, self->packet, length);
		if (result[i] == (int)length)
			result[i] = 0;
	}
	upstream_compare(step, result);
	if (result[STOCK] == result[OURS])
		compare_arrived(self, step);
	else
		forget_arrived(self);
}

TEST_F(packets, of_all_lengths)
{
	static const size_t lengths[] = { 60, 1000, 1514, 4000, 9000, 40000, 65535 };
	bool empty;

	build(self, 4, IPPROTO_UDP, 64000);
	if (self->flags & IFF_VNET_HDR)
		memset(self->packet + self->prefix - VNET_BYTES, 0, VNET_BYTES);
	for (size_t length = 0; length < self->prefix + 40; length++) {
		/* Without information the stock node needs a byte for the version, too. */
		empty = length == self->prefix && self->flags & IFF_TUN &&
			!(self->flags & IFF_NO_PI);
		write_both(self, empty ? "write: nothing but what goes before" : "write", length);
	}
	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		write_both(self, "write long", lengths[i]);
}

TEST_F(packets, of_all_versions_and_protocols)
{
	static const uint16_t protocols[] = { 0, 1, 3, 0x600, ETH_P_IP, ETH_P_IPV6, 0x88b5, 0xffff };
	struct tun_pi info = { 0 };
	size_t length;

	for (int family = 4; family <= 6; family += 2) {
		length = build(self, family, IPPROTO_UDP, 100);
		write_both(self, "write IP", length);
		for (unsigned int version = 0; version < 16; version++) {
			self->packet[self->prefix] = version << 4 | 5;
			write_both(self, "write version", length);
		}
		if (self->flags & IFF_NO_PI)
			continue;
		for (unsigned int i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
			info = (struct tun_pi){ i % 2 ? 0xffff : 0, htons(protocols[i]) };
			memcpy(self->packet, &info, sizeof(info));
			write_both(self, "write protocol", length);
		}
	}
}

/* Write a packet of @family with @header; returns nothing, for all is compared. */
static void write_header(FIXTURE_DATA(packets) *self, const char *step, int family, int protocol,
			 const struct virtio_net_hdr *header)
{
	size_t length = build(self, family, protocol, 4000);

	memcpy(self->packet + self->prefix - VNET_BYTES, header, VNET_BYTES);
	write_both(self, step, length);
}

TEST_F(packets, with_vnet_headers)
{
	struct virtio_net_hdr right, header;
	uint16_t length;

	if (!(self->flags & IFF_VNET_HDR))
		SKIP(return, "no vnet header");
	build(self, 4, IPPROTO_TCP, 4000);
	length = self->frame.length;
	right = self->frame.header;
	right.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	right.gso_size = 1000;
	right.hdr_len = self->frame.payload;
	write_header(self, "write: GSO", 4, IPPROTO_TCP, &right);
#define TRY(step, field, value) \
	do { \
		header = right; \
		header.field = (value); \
		write_header(self, step, 4, IPPROTO_TCP, &header); \
	} while (0)
	TRY("write: GSO without a checksum", flags, 0);
	TRY("write: unknown header flags", flags, 0xf1);
	TRY("write: no GSO", gso_type, VIRTIO_NET_HDR_GSO_NONE);
	TRY("write: GSO with ECN", gso_type, VIRTIO_NET_HDR_GSO_TCPV4 | VIRTIO_NET_HDR_GSO_ECN);
	TRY("write: GSO of the other IP version", gso_type, VIRTIO_NET_HDR_GSO_TCPV6);
	TRY("write: unknown GSO", gso_type, 7);
	TRY("write: no size", gso_size, 0);
	TRY("write: reserved size", gso_size, 0xffff);
	TRY("write: size of the packet", gso_size, 4000);
	TRY("write: hdr_len 0", hdr_len, 0);
	TRY("write: hdr_len of all", hdr_len, length);
	TRY("write: hdr_len beyond", hdr_len, length + 1);
	TRY("write: checksum at 0", csum_start, 0);
	TRY("write: checksum at the end", csum_start, length);
	TRY("write: checksum beyond", csum_offset, 0xffff);
	header = right;
	header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
	header.csum_start = sizeof(struct iphdr);
	if (self->flags & IFF_TAP)
		write_header(self, "write: checksum within the headers", 4, IPPROTO_TCP, &header);
	header = (struct virtio_net_hdr){ .hdr_len = ETH_HLEN - 1 };
	write_header(self, self->flags & IFF_TAP ? "write: hdr_len below an Ethernet header" :
		     "write: short hdr_len", 4, IPPROTO_TCP, &header);
	write_header(self, "write: GSO of another transport", 4, IPPROTO_UDP, &right);
}

/* ---- reading ---- */

static void send_both(FIXTURE_DATA(packets) *self)
{
	size_t length = build(self, 4, IPPROTO_UDP, 100) - self->prefix;

	for (unsigned int i = 0; i < NODES; i++)
		ASSERT_EQ(length, send(self->pair.sides[i].host, self->packet + self->prefix,
				       length, 0));
}

static int read_both(FIXTURE_DATA(packets) *self, const char *step, size_t room)
{
	int result[NODES];

	for (unsigned int i = 0; i < NODES; i++) {
		memset(self->seen[i], 0xa5, READ_MAX);
		result[i] = read(self->pair.sides[i].fd, self->seen[i], room);
		if (result[i] < 0)
			result[i] = -errno;
	}
	upstream_compare(step, result);
	EXPECT_EQ(0, memcmp(self->seen[STOCK], self->seen[OURS], READ_MAX)) {
		TEST_LOG("%s: room of %zu", step, room);
	}
	return result[OURS];
}

TEST_F(packets, read_into_buffers_of_all_lengths)
{
	size_t whole = build(self, 4, IPPROTO_UDP, 100);
	const size_t rooms[] = { whole - 1, whole, whole + 1, READ_MAX };

	read_both(self, "read nothing", READ_MAX);
	for (size_t room = 0; room < self->prefix + 20; room++) {
		send_both(self);
		read_both(self, "read", room);
		while (read_both(self, "read the rest", READ_MAX) >= 0)
			;
	}
	for (unsigned int i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		send_both(self);
		read_both(self, "read", rooms[i]);
		read_both(self, "read the rest", READ_MAX);
	}
}

TEST_F(packets, in_memory_that_is_not_there)
{
	size_t length = build(self, 4, IPPROTO_UDP, 100);
	int result[NODES];

	for (unsigned int i = 0; i < NODES; i++)
		result[i] = tap_write(self->pair.sides[i].fd, NULL, length);
	upstream_compare("write from nowhere", result);
	send_both(self);
	for (unsigned int i = 0; i < NODES; i++) {
		result[i] = read(self->pair.sides[i].fd, NULL, length);
		result[i] = result[i] < 0 ? -errno : result[i] - (int)length;
	}
	upstream_compare(self->prefix ? "read what goes before to nowhere" : "read to nowhere",
			 result);
}

/* A packet is nowhere in the file, so that any place is as good. */
TEST_F(packets, at_any_place_in_the_file)
{
	static const off_t places[] = { 0, 1, 4711, 1ll << 40, -1 };
	size_t length = build(self, 4, IPPROTO_UDP, 100);
	int result[NODES], i;

	for (unsigned int place = 0; place < sizeof(places) / sizeof(places[0]); place++) {
		build(self, 4, IPPROTO_UDP, 100);
		for (i = 0; i < NODES; i++) {
			result[i] = pwrite(self->pair.sides[i].fd, self->packet, length,
					   places[place]);
			result[i] = result[i] < 0 ? -errno : result[i];
		}
		upstream_compare("write at a place", result);
		compare_arrived(self, "write at a place");
		send_both(self);
		for (i = 0; i < NODES; i++) {
			result[i] = pread(self->pair.sides[i].fd, self->seen[i], READ_MAX,
					  places[place]);
			result[i] = result[i] < 0 ? -errno : result[i];
		}
		upstream_compare("read at a place", result);
		read_both(self, "read what is left", READ_MAX);
	}
	for (i = 0; i < NODES; i++)
		result[i] = lseek(self->pair.sides[i].fd, 0, SEEK_CUR) < 0 ? -errno : 0;
	upstream_compare("ask for the place", result);
}

/* ---- states ---- */

static void compare_events(FIXTURE_DATA(packets) *self, const char *step)
{
	struct pollfd poller = { .events = POLLIN | POLLOUT };
	int result[NODES];

	for (unsigned int i = 0; i < NODES; i++) {
		poller.fd = self->pair.sides[i].fd;
		poll(&poller, 1, 0);
		result[i] = poller.revents;
	}
	upstream_compare(step, result);
}

TEST_F(packets, in_all_states_of_the_interface)
{
	size_t length = build(self, 4, IPPROTO_UDP, 100);

	compare_events(self, "poll");
	send_both(self);
	compare_events(self, "poll with a packet");
	for (unsigned int i = 0; i < NODES; i++) {
		upstream_enter(&self->pair, i);
		ASSERT_TRUE(run("ip link set " NAME " down"));
	}
	build(self, 4, IPPROTO_UDP, 100);
	write_both(self, "write while down", length);
	read_both(self, "read while down", READ_MAX);
	compare_events(self, "poll while down");
	for (unsigned int i = 0; i < NODES; i++) {
		upstream_enter(&self->pair, i);
		ASSERT_TRUE(run("ip link del " NAME));
	}
	write_both(self, "write after", length);
	read_both(self, "read after", READ_MAX);
	compare_events(self, "poll after");
}

/* ---- ethtool ---- */

/* Ask both interfaces; the answers have to agree from @from to @to. */
static void compare_ethtool(FIXTURE_DATA(packets) *self, const char *step, const void *request,
			    size_t size, size_t from, size_t to)
{
	struct ifreq ifreq = upstream_ifreq(NAME, 0);
	int result[NODES], fd;

	for (unsigned int i = 0; i < NODES; i++) {
		upstream_enter(&self->pair, i);
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		memcpy(self->seen[i], request, size);
		ifreq.ifr_data = (void *)self->seen[i];
		result[i] = ioctl(fd, SIOCETHTOOL, &ifreq) ? -errno : 0;
		close(fd);
	}
	upstream_compare(step, result);
	EXPECT_EQ(0, memcmp(self->seen[STOCK] + from, self->seen[OURS] + from, to - from)) {
		TEST_LOG("%s: the answers differ", step);
	}
}

static void compare_all(FIXTURE_DATA(packets) *self, const char *step, const void *request,
			size_t size)
{
	compare_ethtool(self, step, request, size, 0, size);
}

static void compare_coalescing(FIXTURE_DATA(packets) *self)
{
	static const unsigned int frames[] = { 0, 1, 64, 65, 1000 };
	struct ethtool_coalesce coalesce = { 0 };

	for (unsigned int i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		coalesce = (struct ethtool_coalesce){
			.cmd = ETHTOOL_SCOALESCE, .rx_max_coalesced_frames = frames[i],
		};
		compare_all(self, "set coalescing", &coalesce, sizeof(coalesce));
		coalesce.cmd = ETHTOOL_GCOALESCE;
		compare_all(self, "coalescing", &coalesce, sizeof(coalesce));
	}
	coalesce = (struct ethtool_coalesce){ .cmd = ETHTOOL_SCOALESCE, .rx_coalesce_usecs = 1 };
	compare_all(self, "other coalescing", &coalesce, sizeof(coalesce));
}

TEST_F(packets, are_not_all_that_ethtool_tells)
{
	struct ethtool_value level = { .cmd = ETHTOOL_SMSGLVL, .data = 7 };
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ethtool_cmd settings = { .cmd = ETHTOOL_GSET };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_ts_info stamps = { .cmd = ETHTOOL_GET_TS_INFO };
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };

	/* Our driver has a name, a version and counters of its own. */
	compare_ethtool(self, "driver", &driver, sizeof(driver),
			offsetof(struct ethtool_drvinfo, fw_version),
			offsetof(struct ethtool_drvinfo, erom_version));
	compare_all(self, "set level", &level, sizeof(level));
	level.cmd = ETHTOOL_GMSGLVL;
	compare_all(self, "level", &level, sizeof(level));
	compare_all(self, "link", &link, sizeof(link));
	compare_all(self, "settings", &settings, sizeof(settings));
	settings = (struct ethtool_cmd){ .cmd = ETHTOOL_SSET, .speed = 100, .duplex = DUPLEX_HALF };
	compare_all(self, "set settings", &settings, sizeof(settings));
	settings.cmd = ETHTOOL_GSET;
	compare_all(self, "settings that were set", &settings, sizeof(settings));
	compare_all(self, "channels", &channels, sizeof(channels));
	compare_all(self, "time stamps", &stamps, sizeof(stamps));
	compare_coalescing(self);
}

TEST_HARNESS_MAIN
