// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every ioctl besides TUNSETIFF: good, bad and early use. QEMU probes a tap by
 * what these calls refuse, so a wrong answer there costs a guest its offloads.
 */
#include <net/if_arp.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"

#define DEFAULT_QUEUE_LENGTH 500

FIXTURE(settings) {
	int fd;
	char name[IFNAMSIZ];
};

FIXTURE_SETUP(settings)
{
	net_private_namespace();
	self->fd = tap_create(self->name, IFF_VNET_HDR);
}

FIXTURE_TEARDOWN(settings)
{
	close(self->fd);
}

TEST_F(settings, without_an_interface_are_refused)
{
	static const unsigned long calls[] = {
		TUNGETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP, TUNSETOFFLOAD,
		TUNGETVNETHDRSZ, TUNSETVNETHDRSZ, TUNGETVNETLE, TUNSETVNETLE, TUNGETSNDBUF,
		TUNSETSNDBUF, TUNGETVNETBE, TUNSETVNETBE, TUNSETNOCSUM, TUNSETDEBUG,
		TUNGETFILTER, TUNDETACHFILTER, TUNGETDEVNETNS, TUNSETCARRIER, SIOCGIFHWADDR, SIOCSIFHWADDR,
	};
	int fd = tap_open();
	char argument[64] = "";

	for (unsigned int i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		EXPECT_EQ(-1, ioctl(fd, calls[i], argument));
		EXPECT_EQ(EBADFD, errno) {
			TEST_LOG("call %#lx", calls[i]);
		}
	}
	close(fd);
}

TEST_F(settings, that_are_unknown_are_refused)
{
	EXPECT_EQ(-1, ioctl(self->fd, _IOW('T', 255, int), &(int){ 0 }));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(settings, vnet_header_has_at_least_its_fields)
{
	int length = 0;

	ASSERT_EQ(0, tap_int(self->fd, TUNGETVNETHDRSZ, &length));
	EXPECT_EQ(sizeof(struct virtio_net_hdr), length);
	EXPECT_EQ(-EINVAL, tap_set_int(self->fd, TUNSETVNETHDRSZ, length - 1));
	EXPECT_EQ(-EINVAL, tap_set_int(self->fd, TUNSETVNETHDRSZ, 0));
	EXPECT_EQ(-EINVAL, tap_set_int(self->fd, TUNSETVNETHDRSZ, -1));
}

TEST_F(settings, vnet_header_takes_every_defined_size)
{
	static const int sizes[] = { 10, 12, 20, 24 };
	int length;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		EXPECT_EQ(0, tap_set_int(self->fd, TUNSETVNETHDRSZ, sizes[i]));
		EXPECT_EQ(0, tap_int(self->fd, TUNGETVNETHDRSZ, &length));
		EXPECT_EQ(sizes[i], length);
	}
}

TEST_F(settings, vnet_header_is_bounded)
{
	EXPECT_EQ(-EINVAL, tap_set_int(self->fd, TUNSETVNETHDRSZ, 4096));
	EXPECT_EQ(-EINVAL, tap_set_int(self->fd, TUNSETVNETHDRSZ, 0x7fffffff));
}

TEST_F(settings, byte_order_of_the_vnet_header_is_remembered)
{
	int little = -1;

	ASSERT_EQ(0, tap_int(self->fd, TUNGETVNETLE, &little));
	EXPECT_EQ(0, little);
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETLE, 7));
	ASSERT_EQ(0, tap_int(self->fd, TUNGETVNETLE, &little));
	EXPECT_EQ(1, little);
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETLE, 0));
	ASSERT_EQ(0, tap_int(self->fd, TUNGETVNETLE, &little));
	EXPECT_EQ(0, little);
}

TEST_F(settings, big_endian_vnet_headers_are_remembered)
{
	int big = -1;

	ASSERT_EQ(0, tap_int(self->fd, TUNGETVNETBE, &big));
	EXPECT_EQ(0, big);
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETBE, 7));
	ASSERT_EQ(0, tap_int(self->fd, TUNGETVNETBE, &big));
	EXPECT_EQ(1, big);
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETBE, 0));
	ASSERT_EQ(0, tap_int(self->fd, TUNGETVNETBE, &big));
	EXPECT_EQ(0, big);
}

/* hdr_len is beyond the frame if it is read in the wrong order. */
TEST_F(settings, byte_order_of_the_vnet_header_is_obeyed)
{
	unsigned char packet[sizeof(struct virtio_net_hdr) + 64] = { 0, 0, 0, 14 };

	net_set_up(self->name);
	EXPECT_EQ(-EINVAL, tap_write(self->fd, packet, sizeof(packet)));
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETBE, 1));
	EXPECT_EQ(sizeof(packet), tap_write(self->fd, packet, sizeof(packet)));
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETVNETLE, 1));
	EXPECT_EQ(-EINVAL, tap_write(self->fd, packet, sizeof(packet)));
}

TEST_F(settings, message_level_is_kept_and_nocsum_ignored)
{
	struct ethtool_value level = { .cmd = ETHTOOL_GMSGLVL };

	EXPECT_EQ(0, tap_set(self->fd, TUNSETNOCSUM, 1));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETDEBUG, 5));
	ethtool(self->name, &level);
	EXPECT_EQ(5, level.data);
}

/* ---- namespaces ---- */

/* Whether @fd is the calling process's network namespace. */
static bool is_our_namespace(int fd)
{
	struct stat seen, own;

	ASSERT_EQ(0, fstat(fd, &seen));
	ASSERT_EQ(0, stat("/proc/self/ns/net", &own));
	close(fd);
	return seen.st_ino == own.st_ino;
}

TEST_F(settings, namespaces_of_file_and_interface_are_told)
{
	ASSERT_TRUE(run("ip netns add there && ip link set %s netns there", self->name));
	EXPECT_TRUE(is_our_namespace(ioctl(self->fd, SIOCGSKNS)));
	EXPECT_FALSE(is_our_namespace(ioctl(self->fd, TUNGETDEVNETNS)));
	run("ip netns del there");
}

TEST_F(settings, interface_ends_with_its_namespace)
{
	ASSERT_TRUE(run("ip netns add there && ip link set %s netns there", self->name));
	ASSERT_TRUE(run("ip netns del there"));
	for (int i = 0; i < 500 && tap_set(self->fd, TUNSETNOCSUM, 0) != -EBADFD; i++)
		usleep(10000);
	EXPECT_EQ(-EBADFD, tap_set(self->fd, TUNSETNOCSUM, 0));
}

TEST_F(settings, namespaces_are_told_to_their_administrator_only)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (setresuid(1000, 1000, 1000))
			_exit(1);
		if (ioctl(self->fd, SIOCGSKNS) != -1 || errno != EPERM)
			_exit(2);
		_exit(ioctl(self->fd, TUNGETDEVNETNS) != -1 || errno != EPERM ? 3 : 0);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
}

/* ---- SIGIO ---- */

TEST_F(settings, signal_tells_of_a_packet)
{
	const struct timespec patience = { .tv_sec = TAP_PATIENCE / 1000 };
	unsigned char frame[100];
	sigset_t signals;
	int host;

	sigemptyset(&signals);
	sigaddset(&signals, SIGIO);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	net_set_up(self->name);
	host = net_host_socket(self->name);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, O_ASYNC | O_NONBLOCK));
	net_fill_frame(frame, sizeof(frame), 1);
	ASSERT_EQ(sizeof(frame), send(host, frame, sizeof(frame), 0));
	EXPECT_EQ(SIGIO, sigtimedwait(&signals, NULL, &patience));
	close(host);
}

TEST_F(settings, send_buffer_is_unlimited_until_set)
{
	int bytes = 0;

	ASSERT_EQ(0, tap_int(self->fd, TUNGETSNDBUF, &bytes));
	EXPECT_EQ(0x7fffffff, bytes);
	EXPECT_EQ(-EINVAL, tap_set_int(self->fd, TUNSETSNDBUF, 0));
	EXPECT_EQ(-EINVAL, tap_set_int(self->fd, TUNSETSNDBUF, -1));
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETSNDBUF, 100000));
	ASSERT_EQ(0, tap_int(self->fd, TUNGETSNDBUF, &bytes));
	EXPECT_EQ(100000, bytes);
}

/* Whether the interface has an ethtool feature of the old, stable kind. */
static bool has(const char *name, unsigned int get)
{
	struct ethtool_value value = { .cmd = get };

	ethtool(name, &value);
	return value.data;
}

/* What QEMU asks for, and the combinations it probes. */
TEST_F(settings, offloads_follow_setoffload)
{
	EXPECT_FALSE(has(self->name, ETHTOOL_GTXCSUM));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4));
	EXPECT_TRUE(has(self->name, ETHTOOL_GTXCSUM));
	EXPECT_TRUE(has(self->name, ETHTOOL_GTSO));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETOFFLOAD, TUN_F_CSUM));
	EXPECT_TRUE(has(self->name, ETHTOOL_GTXCSUM));
	EXPECT_FALSE(has(self->name, ETHTOOL_GTSO));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETOFFLOAD, 0));
	EXPECT_FALSE(has(self->name, ETHTOOL_GTXCSUM));
}

TEST_F(settings, offload_combinations_are_checked)
{
	static const unsigned long good[] = {
		TUN_F_CSUM | TUN_F_UFO,
		TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_UFO,
		TUN_F_CSUM | TUN_F_TSO6 | TUN_F_TSO_ECN,
	};
	static const unsigned long bad[] = {
		TUN_F_TSO4, TUN_F_TSO6, TUN_F_UFO, TUN_F_TSO_ECN, TUN_F_CSUM | TUN_F_TSO_ECN,
		TUN_F_USO4 | TUN_F_USO6, TUN_F_CSUM | TUN_F_USO4, TUN_F_CSUM | TUN_F_USO6,
		TUN_F_CSUM | 0x80, 1UL << 31, ~0UL,
	};

	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		EXPECT_EQ(0, tap_set(self->fd, TUNSETOFFLOAD, good[i])) {
			TEST_LOG("offloads %#lx", good[i]);
		}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		EXPECT_EQ(-EINVAL, tap_set(self->fd, TUNSETOFFLOAD, bad[i])) {
			TEST_LOG("offloads %#lx", bad[i]);
		}
	/* A refused call changes nothing. */
	EXPECT_TRUE(has(self->name, ETHTOOL_GTXCSUM));
}

/* Without the header nobody could tell the reader what is left to do. */
TEST_F(settings, offloads_stay_off_without_a_vnet_header)
{
	char name[IFNAMSIZ];
	int fd = tap_create(name, 0);

	ASSERT_EQ(0, tap_set(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4));
	EXPECT_FALSE(has(name, ETHTOOL_GTXCSUM));
	EXPECT_FALSE(has(name, ETHTOOL_GTSO));
	close(fd);
}

TEST_F(settings, address_is_read_and_set_through_the_file)
{
	static const unsigned char address[ETH_ALEN] = { 0x02, 1, 2, 3, 4, 5 };
	struct ifreq request;

	memset(&request, 0, sizeof(request));
	ASSERT_EQ(0, ioctl(self->fd, SIOCGIFHWADDR, &request));
	EXPECT_EQ(ARPHRD_ETHER, request.ifr_hwaddr.sa_family);
	EXPECT_EQ(0, request.ifr_hwaddr.sa_data[0] & 1);
	memcpy(request.ifr_hwaddr.sa_data, address, ETH_ALEN);
	ASSERT_EQ(0, ioctl(self->fd, SIOCSIFHWADDR, &request));
	memset(&request, 0, sizeof(request));
	ASSERT_EQ(0, ioctl(self->fd, SIOCGIFHWADDR, &request));
	EXPECT_EQ(0, memcmp(address, request.ifr_hwaddr.sa_data, ETH_ALEN));

	request.ifr_hwaddr.sa_data[0] = 1;
	EXPECT_EQ(-1, ioctl(self->fd, SIOCSIFHWADDR, &request));
	EXPECT_EQ(EADDRNOTAVAIL, errno);
}

TEST_F(settings, carrier_is_on_until_switched_off)
{
	net_set_up(self->name);
	EXPECT_TRUE(tap_has_carrier(self->name));
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETCARRIER, 0));
	EXPECT_FALSE(tap_has_carrier(self->name));
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETCARRIER, 1));
	EXPECT_TRUE(tap_has_carrier(self->name));
}

TEST_F(settings, carrier_is_off_at_first_if_asked)
{
	char name[IFNAMSIZ];
	int fd = tap_create(name, IFF_NO_CARRIER);

	net_set_up(name);
	EXPECT_FALSE(tap_has_carrier(name));
	close(fd);
}

TEST_F(settings, carrier_of_a_persistent_interface_follows_its_file)
{
	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 1));
	net_set_up(self->name);
	close(self->fd);
	EXPECT_FALSE(tap_has_carrier(self->name));
	self->fd = tap_open();
	ASSERT_EQ(0, tap_attach(self->fd, self->name, TAP_FLAGS));
	EXPECT_TRUE(tap_has_carrier(self->name));
}

TEST_F(settings, queue_length_can_be_changed_and_absurd_ones_are_refused)
{
	EXPECT_TRUE(run("ip link show %s | grep -q 'qlen %d'", self->name, DEFAULT_QUEUE_LENGTH));
	EXPECT_TRUE(run("ip link set %s txqueuelen 0", self->name));
	EXPECT_TRUE(run("ip link set %s txqueuelen 10000", self->name));
	EXPECT_FALSE(run("ip link set %s txqueuelen 4294967295 2>/dev/null", self->name));
	EXPECT_FALSE(run("ip link set %s txqueuelen 2147483647 2>/dev/null", self->name));
	EXPECT_TRUE(run("ip link show %s | grep -q 'qlen 10000'", self->name));
}

TEST_HARNESS_MAIN
