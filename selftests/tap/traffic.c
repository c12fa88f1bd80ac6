// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two hosts, each with a network namespace and a tap of its own, and a cable between the
 * taps: stock programs talk over it with every set of offloads, long packets, short ones and
 * VLAN tags. All that a program sends must arrive, and as it was sent: a sender that is too
 * fast is to be slowed down, never to lose anything.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cable.h"
#include "tap.h"

#define OFFLOADS_TSO (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
#define OFFLOADS_ALL (OFFLOADS_TSO | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6)
#define FILE_KIB 1024
/* UDP: so many datagrams of so many bytes, as fast as the program can. */
#define DATAGRAMS 1000
#define DATAGRAM_BYTES 800
#define RING 32
#define VLAN 7
#define PORT 5201

/* The hosts are 1 and 2. */
#define IPV4_PREFIX "10.98.0."
#define IPV6_PREFIX "fd98::"

FIXTURE(traffic) {
	int spaces[2];
	int taps[2];
	char names[2][IFNAMSIZ];
	char scratch[32];
	struct cable *cable;
};

FIXTURE_VARIANT(traffic) {
	unsigned int flags;
	unsigned int offloads;
	unsigned int mtu;
	bool ipv6;
	bool ecn;
	bool vlan;
};

FIXTURE_VARIANT_ADD(traffic, bare_frames) { .mtu = 1500 };
FIXTURE_VARIANT_ADD(traffic, no_offload) { .flags = IFF_VNET_HDR, .mtu = 1500 };
FIXTURE_VARIANT_ADD(traffic, checksum) {
	.flags = IFF_VNET_HDR, .offloads = TUN_F_CSUM, .mtu = 1500
};
FIXTURE_VARIANT_ADD(traffic, ipv4_segmentation) {
	.flags = IFF_VNET_HDR, .offloads = TUN_F_CSUM | TUN_F_TSO4, .mtu = 1500
};
FIXTURE_VARIANT_ADD(traffic, ipv6_segmentation) {
	.flags = IFF_VNET_HDR, .offloads = TUN_F_CSUM | TUN_F_TSO6, .mtu = 1500, .ipv6 = true
};
FIXTURE_VARIANT_ADD(traffic, segmentation_with_ecn) {
	.flags = IFF_VNET_HDR, .offloads = OFFLOADS_TSO | TUN_F_TSO_ECN, .mtu = 1500, .ecn = true
};
FIXTURE_VARIANT_ADD(traffic, ecn_left_to_the_stack) {
	.flags = IFF_VNET_HDR, .offloads = OFFLOADS_TSO, .mtu = 1500, .ecn = true
};
FIXTURE_VARIANT_ADD(traffic, all_offloads) {
	.flags = IFF_VNET_HDR, .offloads = OFFLOADS_ALL, .mtu = 1500
};
FIXTURE_VARIANT_ADD(traffic, all_offloads_with_napi) {
	.flags = IFF_VNET_HDR | IFF_NAPI, .offloads = OFFLOADS_ALL, .mtu = 1500
};
FIXTURE_VARIANT_ADD(traffic, jumbo_frames) {
	.flags = IFF_VNET_HDR, .offloads = OFFLOADS_ALL, .mtu = 9000
};
FIXTURE_VARIANT_ADD(traffic, longest_bare_frames) { .mtu = 65521 };
FIXTURE_VARIANT_ADD(traffic, short_frames) {
	.flags = IFF_VNET_HDR, .offloads = OFFLOADS_ALL, .mtu = 200
};
FIXTURE_VARIANT_ADD(traffic, vlan) {
	.flags = IFF_VNET_HDR, .offloads = OFFLOADS_ALL, .mtu = 1496, .vlan = true
};

static void enter(int space)
{
	ASSERT_EQ(0, setns(space, CLONE_NEWNET));
}

static const char *address(const FIXTURE_VARIANT(traffic) *variant, unsigned int host)
{
	if (variant->ipv6)
		return host ? IPV6_PREFIX "2" : IPV6_PREFIX "1";
	return host ? IPV4_PREFIX "2" : IPV4_PREFIX "1";
}

/* One of the two hosts; the test stays in it. */
static void make_host(FIXTURE_DATA(traffic) *self, const FIXTURE_VARIANT(traffic) *variant,
		      unsigned int host)
{
	char *name = self->names[host];

	net_private_namespace();
	self->spaces[host] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->spaces[host]);
	self->taps[host] = tap_create(name, variant->flags);
	if (variant->flags & IFF_VNET_HDR)
		ASSERT_EQ(0, tap_set(self->taps[host], TUNSETOFFLOAD, variant->offloads));
	ASSERT_TRUE(run("sysctl -q net.ipv4.tcp_ecn=%d", variant->ecn));
	/* Longer than the ring, and drops nothing for its age; while it is replaced, packets are lost. */
	ASSERT_TRUE(run("tc qdisc replace dev %s root pfifo limit 10000", name));
	ASSERT_TRUE(run("ip link set lo up; ip link set %s mtu %u up", name, variant->mtu));
	if (variant->vlan) {
		ASSERT_TRUE(run("ip link add link %s name vlan type vlan id %u", name, VLAN));
		ASSERT_TRUE(run("ip link set vlan up"));
		name = "vlan";
	}
	ASSERT_TRUE(run("ip addr add %s/%u dev %s %s", address(variant, host),
			variant->ipv6 ? 64 : 24, name, variant->ipv6 ? "nodad" : ""));
}

/* In a namespace of its own, which the hosts' follow. */
static bool kernel_has_vlans(void)
{
	net_private_namespace();
	return run("ip link add dummy type dummy && "
		   "ip link add link dummy name vlan type vlan id %u 2> /dev/null", VLAN);
}

FIXTURE_SETUP(traffic)
{
	if (variant->vlan && !kernel_has_vlans())
		SKIP(return, "this kernel has no VLANs");
	strcpy(self->scratch, "/tmp/traffic.XXXXXX");
	ASSERT_TRUE(mkdtemp(self->scratch));
	ASSERT_EQ(0, chdir(self->scratch));
	ASSERT_TRUE(run("dd if=/dev/urandom of=sent bs=1K count=%u 2> /dev/null",
			FILE_KIB));
	make_host(self, variant, 0);
	make_host(self, variant, 1);
	self->cable = cable_plug(self->taps[0], self->taps[1]);
}

FIXTURE_TEARDOWN(traffic)
{
	cable_unplug(self->cable);
	for (unsigned int host = 0; host < 2; host++) {
		close(self->taps[host]);
		close(self->spaces[host]);
	}
	run("rm -r %s", self->scratch);
}

/* Whether a server of the second host's listens by now. */
static bool is_listening(void)
{
	return run("ss -Hltn sport = :%u | grep -q .", PORT);
}

/* The second host's server, for one client. */
static pid_t start_server(FIXTURE_DATA(traffic) *self, const char *command)
{
	pid_t server;

	enter(self->spaces[1]);
	server = fork();
	ASSERT_LE(0, server);
	if (!server)
		_exit(run("%s", command) ? 0 : 1);
	for (int left = TAP_PATIENCE / TAP_QUIET; left && !is_listening(); left--)
		usleep(1000 * TAP_QUIET);
	return server;
}

/* Have the first host's client talk to the second's server; both must be content. */
static void talk(FIXTURE_DATA(traffic) *self, const char *client_command,
		 const char *server_command)
{
	pid_t server = start_server(self, server_command);
	int status;

	enter(self->spaces[0]);
	EXPECT_TRUE(run("timeout 25 %s", client_command)) {
		run("sed 's/^/# /' client server");
		kill(server, SIGTERM);
	}
	ASSERT_EQ(server, waitpid(server, &status, 0));
	EXPECT_EQ(0, status);
}

static void iperf3(FIXTURE_DATA(traffic) *self, const FIXTURE_VARIANT(traffic) *variant,
		   const char *options)
{
	char client[128], server[128];

	snprintf(client, sizeof(client), "iperf3 -c %s -p %u %s > client 2>&1",
		 address(variant, 1), PORT, options);
	snprintf(server, sizeof(server), "iperf3 -s -1 -p %u > server 2>&1", PORT);
	talk(self, client, server);
}

/* A counter of a host's tap. */
static uint64_t counted(FIXTURE_DATA(traffic) *self, unsigned int host, const char *counter)
{
	enter(self->spaces[host]);
	return tap_counter(self->names[host], counter);
}

/* No packet was lost between the two stacks. */
static void expect_no_loss(FIXTURE_DATA(traffic) *self)
{
	EXPECT_EQ(0, self->cable->refused);
	for (unsigned int host = 0; host < 2; host++) {
		enter(self->spaces[host]);
		EXPECT_EQ(0, counted(self, host, "tx_dropped"));
		EXPECT_EQ(0, counted(self, host, "rx_dropped"));
		EXPECT_TRUE(run("[ $(ip -j -s link show %s | "
				"grep -o '\"errors\":0,\"dropped\":0' | wc -l) = 2 ]",
				self->names[host])) {
			run("ip -s link show %s | sed 's/^/# /'", self->names[host]);
		}
	}
}

/* Datagrams that the first host's programs have sent. */
static unsigned long datagrams_sent(FIXTURE_DATA(traffic) *self)
{
	unsigned long count = 0;
	FILE *pipe;

	enter(self->spaces[0]);
	pipe = popen("nstat -asz UdpOutDatagrams Udp6OutDatagrams | "
		     "awk '/Out/ {n += $2} END {print n}'", "re");
	ASSERT_TRUE(pipe);
	EXPECT_EQ(1, fscanf(pipe, "%lu", &count));
	pclose(pipe);
	return count;
}

TEST_F_TIMEOUT(traffic, tcp_stream_arrives_as_it_was_sent, 60)
{
	char client[128], server[128];

	/* The server's input must not end, for then its client does not wait. */
	ASSERT_EQ(0, mkfifo("open", 0600));
	iperf3(self, variant, "-n 1M");
	snprintf(client, sizeof(client), "busybox nc %s %u < sent", address(variant, 1), PORT);
	snprintf(server, sizeof(server), "busybox nc -l -p %u <> open > received", PORT);
	talk(self, client, server);
	EXPECT_TRUE(run("cmp sent received"));
	expect_no_loss(self);
}

TEST_F_TIMEOUT(traffic, udp_flood_is_slowed_down_and_not_cut, 60)
{
	char options[64];

	snprintf(options, sizeof(options), "-u -b 0 -k %u -l %u", DATAGRAMS,
		 variant->mtu < DATAGRAM_BYTES ? 100 : DATAGRAM_BYTES);
	/* Short rings fill up before the sender's socket buffer does. */
	for (unsigned int host = 0; host < 2; host++) {
		enter(self->spaces[host]);
		ASSERT_TRUE(run("ip link set %s txqueuelen %u", self->names[host], RING));
	}
	iperf3(self, variant, options);
	EXPECT_LE(DATAGRAMS, datagrams_sent(self));
	/* The last may still be on their way. */
	for (int left = TAP_PATIENCE / TAP_QUIET; left; left--) {
		if (counted(self, 1, "rx_packets") >= datagrams_sent(self) &&
		    counted(self, 1, "rx_packets") == counted(self, 0, "tx_packets"))
			break;
		usleep(1000 * TAP_QUIET);
	}
	EXPECT_LE(datagrams_sent(self), counted(self, 1, "rx_packets"));
	EXPECT_EQ(counted(self, 0, "tx_packets"), counted(self, 1, "rx_packets"));
	expect_no_loss(self);
}

TEST_HARNESS_MAIN
