// SPDX-License-Identifier: GPL-2.0-only
/*
 * A container ends: its network namespace goes, with the taps in it, while their owner, who is
 * outside, has them at work in every way there is. Nobody asks the owner, whose files stay open.
 * They must answer as those of a deleted interface, which is as tun's do; nothing may be
 * used after it is gone, and nothing be left.
 *
 * A process or a socket inside would keep the namespace. So the host's part is played by its
 * own stack, which answers ARP, and by XDP programs.
 */
#include <linux/filter.h>
#include <net/if_arp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "driver.h"
#include "frames.h"
#include "threads.h"
#include "usage.h"
#include "xdp.h"

#define RING 64
#define FRAME 60
#define BUFFER 2048
/* A byte of the padding behind an ARP request: the verdict of a program that asks. */
#define VERDICT 50
/* Packets that each has moved before the end. */
#define ENOUGH 100
/* Milliseconds; namespaces are taken down by a worker that many wait for. */
#define END 30000

static void move_interface(const char *name, pid_t namespace)
{
	ASSERT_TRUE(run("ip link set %s netns %d && nsenter -t %d -n ip link set %s up", name,
			namespace, namespace, name));
}

static void add_address(const char *name, pid_t namespace)
{
	ASSERT_TRUE(run("nsenter -t %d -n ip address add " HOST_IPV4 "/24 dev %s", namespace, name));
}

static void end_namespace(pid_t namespace)
{
	ASSERT_EQ(0, kill(namespace, SIGKILL));
	ASSERT_EQ(namespace, waitpid(namespace, NULL, 0));
}

static bool is_without_interface(int fd, int milliseconds)
{
	struct pollfd poller = { .fd = fd };

	return poll(&poller, 1, milliseconds) == 1 && poller.revents == POLLERR;
}

/* A question that the host's stack answers. */
static void fill_arp(unsigned char frame[FRAME], int verdict)
{
	struct arphdr *arp = (struct arphdr *)(frame + ETH_HLEN);
	unsigned char *addresses = (unsigned char *)(arp + 1);

	memset(frame, 0, FRAME);
	memset(frame, 0xff, ETH_ALEN);
	memcpy(frame + ETH_ALEN, frame_peer_mac, ETH_ALEN);
	frame_put16(frame + 2 * ETH_ALEN, ETH_P_ARP);
	*arp = (struct arphdr){
		.ar_hrd = htons(ARPHRD_ETHER), .ar_pro = htons(ETH_P_IP), .ar_hln = ETH_ALEN,
		.ar_pln = 4, .ar_op = htons(ARPOP_REQUEST),
	};
	memcpy(addresses, frame_peer_mac, ETH_ALEN);
	inet_pton(AF_INET, PEER_IPV4, addresses + ETH_ALEN);
	inet_pton(AF_INET, HOST_IPV4, addresses + 2 * ETH_ALEN + 4);
	frame[VERDICT] = verdict;
}

/* ---- under load ---- */

/* Taps with an owner each: one of two queues, one whose program redirects, and a guest's. */
FIXTURE(load) {
	struct usage before;
	pid_t namespace;
	int queues[2];
	int source;
	struct driver driver;
	char name[IFNAMSIZ];
	char source_name[IFNAMSIZ];
	char guest_name[IFNAMSIZ];
	unsigned char *memory;
	atomic_bool over;
	atomic_uint written;
	atomic_uint read;
	pthread_t threads[4];
};

static int open_queue(FIXTURE_DATA(load) *self)
{
	int fd = tap_open();

	ASSERT_EQ(0, tap_attach(fd, self->name, TAP_FLAGS | IFF_MULTI_QUEUE));
	return fd;
}

FIXTURE_SETUP(load)
{
	usage_measure(&self->before);
	net_private_namespace();
	strcpy(self->name, "queues");
	strcpy(self->guest_name, "guest");
	self->queues[0] = open_queue(self);
	self->queues[1] = open_queue(self);
	self->source = tap_create(self->source_name, 0);
	net_init(&self->driver, self->guest_name, RING, NET_FEATURES);
	self->memory = guest_alloc(&self->driver.guest, 2 * BUFFER, 64);
	xdp_attach(self->name, xdp_load_ask_packet(VERDICT));
	xdp_attach(self->source_name, xdp_load_redirect(self->guest_name));

	self->namespace = net_make_namespace();
	move_interface(self->name, self->namespace);
	move_interface(self->source_name, self->namespace);
	move_interface(self->guest_name, self->namespace);
	add_address(self->name, self->namespace);
	net_start(&self->driver);
}

FIXTURE_TEARDOWN(load)
{
	close(self->queues[0]);
	close(self->queues[1]);
	close(self->source);
	driver_exit(&self->driver);
	EXPECT_TRUE(usage_returns_to(&self->before));
}

static void *write_queues(void *data)
{
	static const int verdicts[] = { XDP_PASS, XDP_PASS, XDP_TX, XDP_DROP };
	FIXTURE_DATA(load) *self = data;
	unsigned char frame[FRAME];

	for (unsigned int i = 0; !self->over; i++) {
		fill_arp(frame, verdicts[i % 4]);
		if (tap_write(self->queues[i % 2], frame, FRAME) == FRAME)
			self->written++;
	}
	return NULL;
}

static void *write_source(void *data)
{
	FIXTURE_DATA(load) *self = data;
	unsigned char frame[FRAME];

	fill_arp(frame, 0);
	while (!self->over) {
		tap_write(self->source, frame, FRAME);
		usleep(50);
	}
	return NULL;
}

static void *read_queues(void *data)
{
	FIXTURE_DATA(load) *self = data;
	unsigned char frame[BUFFER];

	for (unsigned int i = 0; !self->over; i++) {
		if (read(self->queues[i % 2], frame, sizeof(frame)) > 0)
			self->read++;
		else if (i % 2)
			usleep(100);
	}
	return NULL;
}

/* Keeps both rings full; all of one ring's buffers are the same. */
static void *be_a_guest(void *data)
{
	FIXTURE_DATA(load) *self = data;
	struct driver_queue *rx = &self->driver.queues[NET_RX], *tx = &self->driver.queues[NET_TX];
	const struct driver_buffer out = { self->memory, NET_HEADER + FRAME, false };
	const struct driver_buffer in = { self->memory + BUFFER, BUFFER, true };
	struct driver_used used;

	memset(self->memory, 0, NET_HEADER);
	fill_arp(self->memory + NET_HEADER, 0);
	while (!self->over) {
		while (driver_add(tx, &out, 1) >= 0)
			;
		while (driver_add(rx, &in, 1) >= 0)
			;
		driver_kick(tx);
		driver_kick(rx);
		while (driver_reap(tx, &used) || driver_reap(rx, &used))
			;
		usleep(100);
	}
	return NULL;
}

static bool all_have_enough(FIXTURE_DATA(load) *self)
{
	return self->written >= ENOUGH && self->read >= ENOUGH &&
	       driver_stat(&self->driver.queues[NET_RX], RINGHOST_STAT_CHAINS) >= ENOUGH &&
	       driver_stat(&self->driver.queues[NET_TX], RINGHOST_STAT_CHAINS) >= ENOUGH;
}

static void start(FIXTURE_DATA(load) *self)
{
	static void *(*const jobs[])(void *) = { write_queues, write_source, read_queues, be_a_guest };
	int patience = END;

	for (unsigned int i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&self->threads[i], NULL, jobs[i], self));
	while (!all_have_enough(self)) {
		ASSERT_LT(0, patience--);
		usleep(1000);
	}
}

static void stop(FIXTURE_DATA(load) *self)
{
	self->over = true;
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(self->threads[i], NULL);
}

static void expect_dead(int fd)
{
	unsigned char frame[FRAME];

	fill_arp(frame, 0);
	EXPECT_EQ(-EBADFD, tap_write(fd, frame, FRAME));
	EXPECT_EQ(-EBADFD, tap_read(fd, frame, FRAME, 0));
	EXPECT_TRUE(is_without_interface(fd, 0));
}

TEST_F_TIMEOUT(load, end_of_a_namespace_ends_its_taps_and_nothing_else, 120)
{
	char name[IFNAMSIZ] = "anew";
	int gone;

	threads_share_a_processor();
	start(self);
	end_namespace(self->namespace);
	EXPECT_TRUE(is_without_interface(self->queues[0], END));
	EXPECT_TRUE(is_without_interface(self->source, END));
	EXPECT_TRUE(is_without_interface(self->driver.backend, END));
	stop(self);
	expect_dead(self->queues[0]);
	expect_dead(self->queues[1]);
	expect_dead(self->source);
	gone = self->driver.backend;
	expect_dead(gone);
	EXPECT_EQ(-EBADFD, vhost_net_set_backend(self->driver.fd, NET_RX, gone));
	EXPECT_EQ(0, driver_stat(&self->driver.queues[NET_RX], RINGHOST_STAT_BREAKS));
	EXPECT_EQ(0, driver_stat(&self->driver.queues[NET_TX], RINGHOST_STAT_BREAKS));

	/* What is left are a file and a device that work. */
	ASSERT_EQ(0, tap_attach(self->queues[1], name, TAP_FLAGS));
	EXPECT_NE(0, if_nametoindex(name));
	strcpy(name, "guest");
	self->driver.backend = net_open_tap(name, 0);
	close(gone);
	net_start(&self->driver);
}

/* ---- what is left ---- */

/* An ioctl's answer that must not depend on whose the file is. */
struct question {
	const char *text;
	unsigned long cmd;
	bool by_value;
};

#define ASK(cmd) { #cmd, cmd, false }
#define ASK_VALUE(cmd) { #cmd, cmd, true }

static const struct question questions[] = {
	ASK(TUNGETFEATURES), ASK(TUNGETIFF), ASK(TUNGETSNDBUF), ASK(TUNSETSNDBUF),
	ASK(TUNGETVNETHDRSZ), ASK(TUNSETVNETHDRSZ), ASK(TUNSETVNETLE), ASK(TUNGETVNETLE),
	ASK(TUNSETQUEUE), ASK(TUNSETTXFILTER), ASK(TUNATTACHFILTER), ASK(TUNDETACHFILTER),
	ASK(TUNGETFILTER), ASK(TUNSETSTEERINGEBPF), ASK(TUNSETFILTEREBPF), ASK(TUNSETCARRIER),
	ASK(SIOCGIFHWADDR), ASK(SIOCSIFHWADDR), ASK_VALUE(TUNSETPERSIST), ASK_VALUE(TUNSETOWNER),
	ASK_VALUE(TUNSETGROUP), ASK_VALUE(TUNSETLINK), ASK_VALUE(TUNSETOFFLOAD),
	ASK_VALUE(TUNSETNOCSUM), ASK_VALUE(TUNSETDEBUG), ASK_VALUE(TUNGETDEVNETNS),
};

/* Returns 0 or -errno. */
static int ask(int fd, const struct question *question)
{
	unsigned char argument[256] = "";
	int result = question->by_value ? ioctl(fd, question->cmd, 0) :
		     ioctl(fd, question->cmd, argument);

	return result < 0 ? -errno : 0;
}

FIXTURE(left) {
	int ours;
	int stock;
	pid_t namespace;
};

static int open_and_attach(const char *node, const char *wanted)
{
	char name[IFNAMSIZ] = "";
	int fd = open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	strcpy(name, wanted);
	if (fd >= 0)
		ASSERT_EQ(0, tap_attach(fd, name, TAP_FLAGS | IFF_VNET_HDR));
	return fd;
}

FIXTURE_SETUP(left)
{
	net_private_namespace();
	self->ours = open_and_attach(TAP_NODE, "ours");
	run("modprobe -q tun");
	self->stock = open_and_attach("/dev/net/tun", "stock");
	if (self->stock < 0)
		SKIP(return, "no tun in this kernel");
	self->namespace = net_make_namespace();
	move_interface("ours", self->namespace);
	move_interface("stock", self->namespace);
	end_namespace(self->namespace);
	ASSERT_TRUE(is_without_interface(self->ours, END));
	ASSERT_TRUE(is_without_interface(self->stock, END));
}

FIXTURE_TEARDOWN(left)
{
	close(self->stock);
	close(self->ours);
}

TEST_F(left, file_answers_as_tuns_does)
{
	char ours[IFNAMSIZ] = "again", stock[IFNAMSIZ] = "other";

	for (unsigned int i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		EXPECT_EQ(ask(self->stock, &questions[i]), ask(self->ours, &questions[i])) {
			TEST_LOG("%s", questions[i].text);
		}
	expect_dead(self->stock);
	expect_dead(self->ours);
	EXPECT_EQ(0, tap_attach(self->stock, stock, TAP_FLAGS));
	EXPECT_EQ(0, tap_attach(self->ours, ours, TAP_FLAGS));
}

TEST_HARNESS_MAIN
