// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interfaces of IFF_TUN, which VPNs and tunnels make: packets without an Ethernet header.
 * What the stack is told about the interface, what it takes from the file, and what a
 * hostile writer is refused there.
 */
#include <net/if_arp.h>

#include <linux/filter.h>

#include "frames.h"
#include "tap.h"

#define TUN_FLAGS (IFF_TUN | IFF_NO_PI)
#define PORT 7000
#define PAYLOAD 100

FIXTURE(layer3) {
	int fd;
	char name[IFNAMSIZ];
	struct frame frame;
	struct frame seen;
};

static void prepare(FIXTURE_DATA(layer3) *self, unsigned int flags)
{
	self->fd = tap_create_of(self->name, flags);
	ASSERT_TRUE(run("ip addr add " HOST_IPV4 "/24 dev %s && ip link set %s up &&"
			" ip -6 addr add " HOST_IPV6 "/64 dev %s nodad", self->name, self->name,
			self->name));
}

FIXTURE_SETUP(layer3)
{
	net_private_namespace();
	prepare(self, TUN_FLAGS);
}

FIXTURE_TEARDOWN(layer3)
{
	close(self->fd);
}

static void build(FIXTURE_DATA(layer3) *self, int family, int protocol)
{
	frame_build(&self->frame, &(struct frame_plan){
		.family = family, .protocol = protocol, .payload = PAYLOAD,
		.source_port = PORT, .destination_port = PORT,
	});
	frame_strip_ethernet(&self->frame);
}

static int host_socket(int family)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	ASSERT_LE(0, fd);
	if (family == 4)
		ASSERT_EQ(0, bind(fd, (struct sockaddr *)&four, sizeof(four)));
	else
		ASSERT_EQ(0, bind(fd, (struct sockaddr *)&six, sizeof(six)));
	return fd;
}

static void send_to_peer(int fd, size_t length)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	char bytes[2000] = "";

	inet_pton(AF_INET, PEER_IPV4, &four.sin_addr);
	ASSERT_EQ(length, sendto(fd, bytes, length, 0, (struct sockaddr *)&four, sizeof(four)));
}

/* Read the next IPv4 packet; the stack's own of IPv6 come in between. */
static int read_ipv4(FIXTURE_DATA(layer3) *self, size_t prefix)
{
	unsigned char *bytes = (unsigned char *)&self->seen;
	int length;

	do {
		length = tap_read(self->fd, bytes, sizeof(self->seen), TAP_PATIENCE);
	} while (length > (int)prefix && bytes[prefix] >> 4 != 4);
	return length;
}

static void expect_received(int host)
{
	unsigned char payload[PAYLOAD + 1];

	EXPECT_EQ(PAYLOAD, host_read(host, payload, sizeof(payload), TAP_PATIENCE));
	close(host);
}

/* ---- the interface ---- */

TEST_F(layer3, interface_is_described_as_tuns_are)
{
	struct ifreq request = { 0 };

	EXPECT_STREQ("tun0", self->name);
	EXPECT_TRUE(run("ip link show %s | grep -q 'POINTOPOINT,MULTICAST,NOARP,UP'", self->name));
	EXPECT_TRUE(run("ip link show %s | grep -q 'mtu 1500 '", self->name));
	EXPECT_TRUE(run("ip link show %s | grep -q 'link/none'", self->name));
	EXPECT_TRUE(run("ip -d link show %s | grep -q 'minmtu 68 maxmtu 65535'", self->name));
	EXPECT_TRUE(run("ethtool -i %s | grep -q 'bus-info: tun'", self->name));
	ASSERT_EQ(0, ioctl(self->fd, TUNGETIFF, &request));
	EXPECT_EQ(TUN_FLAGS, request.ifr_flags);
}

TEST_F(layer3, interface_has_no_address)
{
	struct ifreq request = { 0 };

	memset(&request.ifr_hwaddr, 0xff, sizeof(request.ifr_hwaddr));
	ASSERT_EQ(0, ioctl(self->fd, SIOCGIFHWADDR, &request));
	EXPECT_EQ(ARPHRD_NONE, request.ifr_hwaddr.sa_family);
	EXPECT_EQ(0, request.ifr_hwaddr.sa_data[0]);
	EXPECT_EQ(-1, ioctl(self->fd, SIOCSIFHWADDR, &request));
	EXPECT_EQ(EOPNOTSUPP, errno);
}

TEST_F(layer3, interface_makes_itself_a_link_local_address)
{
	EXPECT_TRUE(run("ip -6 addr show dev %s scope link | grep -q 'inet6 fe80:.*/64'",
			self->name));
}

TEST_F(layer3, interface_is_not_joined_in_the_other_mode)
{
	char tap[IFNAMSIZ];
	int fd = tap_create(tap, 0);

	ASSERT_EQ(0, tap_set(fd, TUNSETPERSIST, 1));
	close(fd);
	fd = tap_open();
	EXPECT_EQ(-EINVAL, tap_attach(fd, self->name, TAP_FLAGS));
	EXPECT_EQ(-EINVAL, tap_attach(fd, tap, TUN_FLAGS));
	EXPECT_EQ(-EBUSY, tap_attach(fd, self->name, TUN_FLAGS | IFF_TAP));
	EXPECT_EQ(0, tap_attach(fd, tap, TAP_FLAGS));
	EXPECT_EQ(0, tap_set(fd, TUNSETPERSIST, 0));
	close(fd);
}

TEST_F(layer3, calls_for_frames_are_refused)
{
	struct sock_filter code = { .code = BPF_RET | BPF_K, .k = 100 };
	struct sock_fprog program = { 1, &code };
	struct tun_filter filter = { 0 };

	EXPECT_EQ(-1, ioctl(self->fd, TUNSETTXFILTER, &filter));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, ioctl(self->fd, TUNATTACHFILTER, &program));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNDETACHFILTER, 0));
	EXPECT_EQ(-1, ioctl(self->fd, TUNGETFILTER, &program));
	EXPECT_EQ(EINVAL, errno);
}

/* ---- link types ---- */

TEST_F(layer3, link_type_changes_only_while_down)
{
	struct ifreq request = { 0 };

	EXPECT_EQ(-EBUSY, tap_set(self->fd, TUNSETLINK, ARPHRD_PPP));
	ASSERT_TRUE(run("ip link set %s down", self->name));
	EXPECT_EQ(0, tap_set(self->fd, TUNSETLINK, ARPHRD_PPP));
	ASSERT_EQ(0, ioctl(self->fd, SIOCGIFHWADDR, &request));
	EXPECT_EQ(ARPHRD_PPP, request.ifr_hwaddr.sa_family);
}

static void expect_address_length(FIXTURE_DATA(layer3) *self, int type, int length)
{
	EXPECT_EQ(0, tap_set(self->fd, TUNSETLINK, type));
	EXPECT_TRUE(run("[ $(cat /sys/class/net/%s/addr_len) = %d ]", self->name, length)) {
		TEST_LOG("type %d", type);
	}
}

TEST_F(layer3, link_type_says_how_long_addresses_are)
{
	ASSERT_TRUE(run("ip link set %s down", self->name));
	tap_mount_sysfs();
	expect_address_length(self, ARPHRD_ETHER, 6);
	expect_address_length(self, ARPHRD_IPGRE, 4);
	expect_address_length(self, ARPHRD_TUNNEL6, 16);
	expect_address_length(self, ARPHRD_NETROM, 7);
	expect_address_length(self, ARPHRD_NONE, 0);
	expect_address_length(self, 0xfffe, 0);
}

/* Others in the kernel take the private part of these for their own. */
TEST_F(layer3, link_types_of_certain_drivers_are_refused)
{
	ASSERT_TRUE(run("ip link set %s down", self->name));
	EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNSETLINK, 825));		/* ARPHRD_6LOWPAN */
	EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNSETLINK, 0x10000 + 825));
	EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNSETLINK, ARPHRD_IEEE802154));
	EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNSETLINK, 822));		/* ARPHRD_CAIF */
}

/* ---- packets ---- */

TEST_F(layer3, written_packets_reach_the_stack)
{
	for (int family = 4; family <= 6; family += 2) {
		int host = host_socket(family);

		build(self, family, IPPROTO_UDP);
		ASSERT_EQ(self->frame.length,
			  tap_write(self->fd, self->frame.bytes, self->frame.length));
		expect_received(host);
	}
	EXPECT_EQ(2, tap_counter(self->name, "rx_packets"));
}

TEST_F(layer3, read_packets_begin_with_the_network_header)
{
	int host = host_socket(4);

	send_to_peer(host, PAYLOAD);
	ASSERT_EQ(sizeof(struct iphdr) + sizeof(struct udphdr) + PAYLOAD, read_ipv4(self, 0));
	close(host);
}

TEST_F(layer3, packets_of_the_largest_mtu_pass)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const int length = 65535 - sizeof(struct iphdr) - sizeof(struct udphdr);
	int host = host_socket(4);

	ASSERT_TRUE(run("ip link set %s mtu 65535", self->name));
	EXPECT_FALSE(run("ip link set %s mtu 65536 2> /dev/null", self->name));
	inet_pton(AF_INET, PEER_IPV4, &four.sin_addr);
	ASSERT_EQ(length, sendto(host, self->frame.bytes, length, 0, (struct sockaddr *)&four,
				 sizeof(four)));
	EXPECT_EQ(65535, read_ipv4(self, 0));
	EXPECT_EQ(65535, tap_write(self->fd, &self->seen, 65535));
	close(host);
}

TEST_F(layer3, packets_of_unknown_ip_versions_are_refused)
{
	build(self, 4, IPPROTO_UDP);
	for (int version = 0; version < 16; version++) {
		if (version == 4 || version == 6)
			continue;
		self->frame.bytes[0] = version << 4 | 5;
		EXPECT_EQ(-EINVAL, tap_write(self->fd, self->frame.bytes, self->frame.length));
	}
	EXPECT_EQ(14, tap_counter(self->name, "reject_version"));
	EXPECT_EQ(0, tap_counter(self->name, "rx_packets"));
}

TEST_F(layer3, packets_of_no_or_too_many_bytes_are_refused)
{
	build(self, 4, IPPROTO_UDP);
	EXPECT_EQ(-EINVAL, tap_write(self->fd, self->frame.bytes, 0));
	EXPECT_EQ(1, tap_counter(self->name, "reject_short"));
	EXPECT_EQ(1, tap_write(self->fd, self->frame.bytes, 1));
	EXPECT_EQ(-EINVAL, tap_write(self->fd, self->frame.bytes, 65536));
	EXPECT_EQ(1, tap_counter(self->name, "reject_long"));
}

/* ---- packet information ---- */

static int write_as(FIXTURE_DATA(layer3) *self, uint16_t protocol, size_t length)
{
	struct { struct tun_pi info; unsigned char bytes[FRAME_BYTES]; } whole = {
		.info.proto = htons(protocol),
	};

	memcpy(whole.bytes, self->frame.bytes, length);
	return tap_write(self->fd, &whole, sizeof(whole.info) + length);
}

TEST_F(layer3, packet_information_says_which_protocol_it_is)
{
	unsigned char seen[200];
	int host;

	close(self->fd);
	prepare(self, IFF_TUN);
	host = net_host_socket(self->name);
	build(self, 4, IPPROTO_UDP);
	self->frame.bytes[0] = 0;
	EXPECT_EQ(sizeof(struct tun_pi) + 50, write_as(self, NET_ETHERTYPE, 50));
	EXPECT_EQ(50, host_read(host, seen, sizeof(seen), TAP_PATIENCE));
	EXPECT_EQ(0, seen[0]);
	EXPECT_EQ(0, tap_counter(self->name, "reject_version"));
	EXPECT_EQ(-EINVAL, write_as(self, NET_ETHERTYPE, 0));
	close(host);
}

TEST_F(layer3, packet_information_is_read_before_the_packet)
{
	struct tun_pi info;
	int host;

	close(self->fd);
	prepare(self, IFF_TUN);
	host = host_socket(4);
	send_to_peer(host, PAYLOAD);
	ASSERT_EQ(sizeof(info) + sizeof(struct iphdr) + sizeof(struct udphdr) + PAYLOAD,
		  read_ipv4(self, sizeof(info)));
	memcpy(&info, &self->seen, sizeof(info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(htons(ETH_P_IP), info.proto);
	close(host);
}

TEST_HARNESS_MAIN
