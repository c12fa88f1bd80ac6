// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two hosts, each with a network namespace and a tap of its own, and a cable between the
 * taps: stock programs talk over it with every set of offloads, long packets, short ones and
 * VLAN tags. All that a program sends must arrive, and as it was sent: a sender that is too
 * fast is to be slowed down, never to lose anything.
 *
 * To start a program takes long on a kernel that checks everything, so the test asks the
 * kernel itself wherever it can.
 */
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cable.h"
#include "netlink.h"
#include "tap.h"

#define OFFLOADS_TSO (TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
#define OFFLOADS_ALL (OFFLOADS_TSO | TUN_F_TSO_ECN | TUN_F_USO4 | TUN_F_USO6)
/* TCP: so many bytes by each program. */
#define STREAM (1 << 20)
/* UDP: so many datagrams of so many bytes, as fast as the program can. */
#define DATAGRAMS 1000
#define DATAGRAM_BYTES 800
/* Short rings fill up before a sender's socket buffer does. */
#define RING 32
#define VLAN 7
#define PORT 5201
/* Seconds that a program may take on a kernel of usual speed. */
#define PATIENCE 25
/* So often to wait for TAP_QUIET until something must have happened. */
#define WAITS (TAP_PATIENCE / TAP_QUIET * harness_slowness())

/* The hosts are 1 and 2. */
#define IPV4_PREFIX "10.98.0."
#define IPV6_PREFIX "fd98::"

FIXTURE(traffic) {
	int spaces[2];
	int taps[2];
	char names[2][IFNAMSIZ];
	char scratch[32];
	unsigned char *stream;
	size_t length;
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

static void enter(FIXTURE_DATA(traffic) *self, unsigned int host)
{
	ASSERT_EQ(0, setns(self->spaces[host], CLONE_NEWNET));
}

static const char *address(const FIXTURE_VARIANT(traffic) *variant, unsigned int host)
{
	if (variant->ipv6)
		return host ? IPV6_PREFIX "2" : IPV6_PREFIX "1";
	return host ? IPV4_PREFIX "2" : IPV4_PREFIX "1";
}

static void set_ecn(bool use)
{
	int fd = open("/proc/sys/net/ipv4/tcp_ecn", O_WRONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, write(fd, use ? "1" : "0", 1));
	close(fd);
}

/* Address a host's tap, or the VLAN on it, and set it up. */
static void configure(const char *name, const FIXTURE_VARIANT(traffic) *variant,
		      unsigned int host)
{
	/* Longer than the ring; and first, for while it is replaced packets are lost. */
	netlink_set_pfifo(name, 10000);
	netlink_set_up(name, variant->mtu, RING);
	if (variant->vlan) {
		ASSERT_TRUE(run("ip link add link %s name vlan type vlan id %u &&"
				" ip link set vlan up", name, VLAN));
		name = "vlan";
	}
	netlink_add_address(name, variant->ipv6 ? AF_INET6 : AF_INET, address(variant, host),
			    variant->ipv6 ? 64 : 24);
}

/* One of the two hosts; the test stays in it. */
static void make_host(FIXTURE_DATA(traffic) *self, const FIXTURE_VARIANT(traffic) *variant,
		      unsigned int host)
{
	net_private_namespace();
	self->spaces[host] = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->spaces[host]);
	self->taps[host] = tap_create(self->names[host], variant->flags);
	if (variant->flags & IFF_VNET_HDR)
		ASSERT_EQ(0, tap_set(self->taps[host], TUNSETOFFLOAD, variant->offloads));
	set_ecn(variant->ecn);
	configure(self->names[host], variant, host);
}

/* In a namespace of its own, which the hosts' follow. */
static bool kernel_has_vlans(void)
{
	net_private_namespace();
	return run("ip link add dummy type dummy && "
		   "ip link add link dummy name vlan type vlan id %u 2> /dev/null", VLAN);
}

/* Open a file of the scratch folder, which need not be there. */
static int open_scratch(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	ASSERT_LE(0, fd);
	return fd;
}

/* What is sent, in the file "sent"; and "open", which is silent and never ends. */
static void make_scratch(FIXTURE_DATA(traffic) *self)
{
	int fd;

	strcpy(self->scratch, "/tmp/traffic.XXXXXX");
	ASSERT_TRUE(mkdtemp(self->scratch));
	ASSERT_EQ(0, chdir(self->scratch));
	ASSERT_EQ(0, mkfifo("open", 0600));
	self->length = harness_repetitions(STREAM);
	self->stream = malloc(self->length);
	ASSERT_TRUE(self->stream);
	srandom(getpid());
	for (size_t i = 0; i < self->length; i++)
		self->stream[i] = random();
	fd = open_scratch("sent");
	ASSERT_EQ(self->length, write(fd, self->stream, self->length));
	close(fd);
}

FIXTURE_SETUP(traffic)
{
	if (variant->vlan && !kernel_has_vlans())
		SKIP(return, "this kernel has no VLANs");
	make_scratch(self);
	make_host(self, variant, 0);
	make_host(self, variant, 1);
	self->cable = cable_plug(self->taps[0], self->taps[1]);
}

FIXTURE_TEARDOWN(traffic)
{
	static const char *const files[] = { "open", "sent", "received", "log" };

	cable_unplug(self->cable);
	for (unsigned int host = 0; host < 2; host++) {
		close(self->taps[host]);
		close(self->spaces[host]);
	}
	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	rmdir(self->scratch);
	free(self->stream);
}

/* ---- programs ---- */

/*
 * Find a line of @file in /proc/net, of the host that the test is in, in which @format finds
 * all @count numbers.
 */
static bool scan(const char *file, const char *format, int count, unsigned long *numbers)
{
	char path[40], line[400];
	bool found = false;
	FILE *lines;

	snprintf(path, sizeof(path), "/proc/thread-self/net/%s", file);
	lines = fopen(path, "re");
	if (!lines)
		return false;
	while (!found && fgets(line, sizeof(line), lines))
		found = sscanf(line, format, &numbers[0], &numbers[1], &numbers[2],
			       &numbers[3]) == count;
	fclose(lines);
	return found;
}

/* Whether a server of the host's listens by now. */
static bool is_listening(void)
{
	unsigned long numbers[4];
	char format[60];

	snprintf(format, sizeof(format), " %%*u: %%*[0-9A-F]:%04X %%*s 0A %%lx", PORT);
	return scan("tcp", format, 1, numbers) || scan("tcp6", format, 1, numbers);
}

/* Become a program; only @command's words are looked at. */
static void execute(char *command, const char *input, const char *output)
{
	char *words[20], *word = strtok(command, " ");
	unsigned int count = 0;

	for (; word && count < 19; word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	dup2(open_scratch(input), STDIN_FILENO);
	dup2(open_scratch(output), STDOUT_FILENO);
	dup2(open_scratch("log"), STDERR_FILENO);
	/* Should it hang, the log is still to be seen. */
	alarm(PATIENCE * harness_slowness());
	execvp(words[0], words);
	_exit(127);
}

/* Start a program of a host's; the test stays there. */
static pid_t start(FIXTURE_DATA(traffic) *self, unsigned int host, char *command,
		   const char *input, const char *output)
{
	pid_t program;

	enter(self, host);
	program = fork();
	ASSERT_LE(0, program);
	if (!program)
		execute(command, input, output);
	return program;
}

static int status_of(pid_t program)
{
	int status;

	ASSERT_EQ(program, waitpid(program, &status, 0));
	return status;
}

/*
 * Have the first host's client talk to the second's server; both must be content. What the
 * client reads and the server writes are files. The server's input must not end, for then
 * its client does not wait.
 */
static void talk(FIXTURE_DATA(traffic) *self, char *client, char *server, const char *input,
		 const char *output)
{
	pid_t serving = start(self, 1, server, "open", output);

	for (unsigned int left = WAITS; left && !is_listening(); left--)
		usleep(1000 * TAP_QUIET);
	EXPECT_EQ(0, status_of(start(self, 0, client, input, "log"))) {
		run("sed 's/^/# /' log");
		kill(serving, SIGTERM);
	}
	EXPECT_EQ(0, status_of(serving));
}

static void iperf3(FIXTURE_DATA(traffic) *self, const FIXTURE_VARIANT(traffic) *variant,
		   const char *options)
{
	char client[128], server[128];

	snprintf(client, sizeof(client), "iperf3 -c %s -p %u %s", address(variant, 1), PORT,
		 options);
	snprintf(server, sizeof(server), "iperf3 -s -1 -p %u", PORT);
	talk(self, client, server, "open", "log");
}

/* Whether the file is what the other host sent. */
static bool is_as_sent(FIXTURE_DATA(traffic) *self, const char *name)
{
	unsigned char *received = malloc(self->length + 1);
	int fd = open_scratch(name);
	bool same;

	ASSERT_TRUE(received);
	same = read(fd, received, self->length + 1) == (ssize_t)self->length &&
	       !memcmp(received, self->stream, self->length);
	close(fd);
	free(received);
	return same;
}

/* ---- counters ---- */

/* A counter of a host's tap. */
static uint64_t counted(FIXTURE_DATA(traffic) *self, unsigned int host, const char *counter)
{
	enter(self, host);
	return tap_counter(self->names[host], counter);
}

/* No packet was lost between the two stacks. */
static void expect_no_loss(FIXTURE_DATA(traffic) *self)
{
	unsigned long lost[4];
	char format[100];

	EXPECT_EQ(0, self->cable->refused);
	for (unsigned int host = 0; host < 2; host++) {
		EXPECT_EQ(0, counted(self, host, "tx_dropped"));
		EXPECT_EQ(0, counted(self, host, "rx_dropped"));
		/* Errors and drops of each direction. */
		snprintf(format, sizeof(format), " %s: %%*u %%*u %%lu %%lu %%*u %%*u %%*u %%*u "
			 "%%*u %%*u %%lu %%lu", self->names[host]);
		ASSERT_TRUE(scan("dev", format, 4, lost));
		for (unsigned int i = 0; i < 4; i++)
			EXPECT_EQ(0, lost[i]) {
				TEST_LOG("host %u, %u", host, i);
			}
	}
}

/* Datagrams that the first host's programs have sent. */
static unsigned long datagrams_sent(FIXTURE_DATA(traffic) *self)
{
	unsigned long ipv4[4], ipv6[4] = { 0 };

	enter(self, 0);
	ASSERT_TRUE(scan("snmp", "Udp: %*u %*u %*u %lu", 1, ipv4));
	scan("snmp6", "Udp6OutDatagrams %lu", 1, ipv6);
	return ipv4[0] + ipv6[0];
}

TEST_F_TIMEOUT(traffic, tcp_stream_arrives_as_it_was_sent, 60)
{
	char options[40], client[128], server[128];

	snprintf(options, sizeof(options), "-n %zu", self->length);
	iperf3(self, variant, options);
	snprintf(client, sizeof(client), "busybox nc %s %u", address(variant, 1), PORT);
	snprintf(server, sizeof(server), "busybox nc -l -p %u", PORT);
	talk(self, client, server, "sent", "received");
	EXPECT_TRUE(is_as_sent(self, "received"));
	expect_no_loss(self);
}

TEST_F_TIMEOUT(traffic, udp_flood_is_slowed_down_and_not_cut, 60)
{
	unsigned long count = harness_repetitions(DATAGRAMS);
	char options[64];

	snprintf(options, sizeof(options), "-u -b 0 -k %lu -l %u", count,
		 variant->mtu < DATAGRAM_BYTES ? 100 : DATAGRAM_BYTES);
	iperf3(self, variant, options);
	EXPECT_LE(count, datagrams_sent(self));
	/* The last may still be on their way. */
	for (unsigned int left = WAITS; left; left--) {
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
