// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counters of the queues and the statistics of the interface are two views of the same
 * packets: who looks for a loss with one must find it in the other, whatever became of the queue
 * where it happened. So they have to agree after each kind of event, each event has to show
 * in the counter that is named after it, and nothing ever goes back.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include <linux/if_packet.h>

#include "figures.h"
#include "frames.h"
#include "xdp.h"

#define QUEUES 4
#define FRAME 200
#define FLOWS 40
#define ROUNDS 30

FIXTURE(stats) {
	int queues[QUEUES];
	int host;
	char name[IFNAMSIZ];
	struct frame frame;
	unsigned char received[2048];
	atomic_bool over;
};

static int open_queue(FIXTURE_DATA(stats) *self)
{
	int fd = tap_open();

	ASSERT_EQ(0, tap_attach(fd, self->name, TAP_FLAGS | IFF_VNET_HDR | IFF_MULTI_QUEUE));
	return fd;
}

FIXTURE_SETUP(stats)
{
	net_private_namespace();
	strcpy(self->name, "stats%d");
	for (unsigned int i = 0; i < QUEUES; i++)
		self->queues[i] = open_queue(self);
	net_set_up(self->name);
	ASSERT_TRUE(tap_has_carrier(self->name));
	/* The frames have a receiver: otherwise the stack drops them, and counts that, too. */
	self->host = net_host_socket(self->name);
}

FIXTURE_TEARDOWN(stats)
{
	EXPECT_TRUE(figures_agree(self->name));
	close(self->host);
	for (unsigned int i = 0; i < QUEUES; i++)
		close(self->queues[i]);
}

#define total(counter) counter_total(self->name, counter)

static int write_length(FIXTURE_DATA(stats) *self, int fd, size_t length)
{
	memset(&self->frame.header, 0, sizeof(self->frame.header));
	self->frame.length = length;
	net_fill_frame(self->frame.bytes, length, length);
	return tap_write(fd, &self->frame, frame_written(&self->frame));
}

/* The host sends frames whose flows spread over all queues: their protocol is not the socket's. */
static void send_flows(FIXTURE_DATA(stats) *self)
{
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = if_nametoindex(self->name),
	};
	struct frame *frame = &self->frame;

	for (unsigned int i = 0; i < FLOWS; i++) {
		frame_build(frame, &(struct frame_plan){
			.family = 4, .protocol = IPPROTO_UDP, .payload = i, .source_port = 1000 + i,
		});
		ASSERT_EQ((ssize_t)frame->length,
			  sendto(self->host, frame->bytes, frame->length, 0,
				 (const struct sockaddr *)&to, sizeof(to)));
	}
}

/* Take what waits at a file; returns how many. */
static unsigned int drain(FIXTURE_DATA(stats) *self, int fd)
{
	unsigned int count = 0;

	while (read(fd, self->received, sizeof(self->received)) > 0)
		count++;
	return count;
}

static unsigned int drain_all(FIXTURE_DATA(stats) *self)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < QUEUES; i++)
		count += drain(self, self->queues[i]);
	return count;
}

/* ---- packets ---- */

TEST_F(stats, packets_of_all_queues_are_counted_alike_in_both)
{
	char counter[ETH_GSTRING_LEN];
	struct counters counters;
	unsigned int seen = 0;

	for (unsigned int i = 0; i < QUEUES; i++)
		for (unsigned int n = 0; n <= i; n++)
			ASSERT_LT(0, write_length(self, self->queues[i], FRAME + n));
	send_flows(self);
	EXPECT_EQ(FLOWS, drain_all(self));
	counters_read(self->name, &counters);
	for (unsigned int i = 0; i < counters.count; i++) {
		for (unsigned int queue = 0; queue < QUEUES; queue++) {
			snprintf(counter, sizeof(counter), "queue%u_rx_packets", queue);
			if (strcmp(counters.names[i], counter))
				continue;
			EXPECT_EQ(queue + 1, counters.values[i]);
			seen++;
		}
	}
	EXPECT_EQ(QUEUES, seen);
	EXPECT_EQ(FLOWS, link_stats(self->name).tx_packets);
}

/* ---- what is lost on the way to a file ---- */

TEST_F(stats, packets_that_find_the_ring_full_are_in_both)
{
	ASSERT_TRUE(run("ip link set %s txqueuelen 2", self->name));
	tap_drop_when_full(self->name, true);
	send_flows(self);
	EXPECT_EQ(FLOWS, drain_all(self) + total("tx_dropped"));
	EXPECT_LE(FLOWS - 2 * QUEUES, total("tx_dropped"));
}

TEST_F(stats, packets_in_a_ring_that_shrinks_or_goes_are_in_both)
{
	unsigned int lost;

	send_flows(self);
	ASSERT_TRUE(run("ip link set %s txqueuelen 1", self->name));
	EXPECT_EQ(FLOWS - QUEUES, total("tx_dropped"));
	EXPECT_EQ(QUEUES, drain_all(self));
	ASSERT_TRUE(run("ip link set %s txqueuelen 500", self->name));
	lost = total("tx_dropped");
	send_flows(self);
	ASSERT_EQ(0, tap_set_queue(self->queues[1], IFF_DETACH_QUEUE));
	EXPECT_LT(lost, total("tx_dropped"));
	EXPECT_EQ(FLOWS + lost, drain_all(self) + total("tx_dropped"));
}

TEST_F(stats, packets_that_a_filter_drops_are_in_both)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { .len = 1, .filter = code };

	ASSERT_EQ(0, ioctl(self->queues[0], TUNATTACHFILTER, &program));
	send_flows(self);
	EXPECT_EQ(FLOWS, total("tx_filtered"));
	EXPECT_EQ(FLOWS, link_stats(self->name).tx_dropped);
}

/* ---- what a file writes and the host does not take ---- */

TEST_F(stats, packets_for_a_lowered_interface_or_of_a_disabled_queue_are_in_both)
{
	ASSERT_EQ(0, tap_set_queue(self->queues[2], IFF_DETACH_QUEUE));
	EXPECT_EQ(-EBUSY, write_length(self, self->queues[2], FRAME));
	ASSERT_TRUE(run("ip link set %s down", self->name));
	EXPECT_EQ(-EIO, write_length(self, self->queues[3], FRAME));
	EXPECT_EQ(2, total("rx_dropped"));
}

static const struct bad {
	const char *counter;
	struct virtio_net_hdr header;
	size_t length;
} bad[] = {
	{ "reject_short", { 0 }, ETH_HLEN - 1 },
	{ "reject_long", { 0 }, 65535 + ETH_HLEN + 8 + 1 },
	{ "reject_hdr_len", { .hdr_len = FRAME + 1 }, FRAME },
	{ "reject_csum", { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 5 }, FRAME },
	{ "reject_gso_type", { .gso_type = 77 }, FRAME },
	{ "reject_gso_size", { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4 }, FRAME },
	{ "reject_gso_headers", { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 100 }, FRAME },
};

#define BAD (sizeof(bad) / sizeof(bad[0]))

TEST_F(stats, refused_packets_are_in_both)
{
	for (unsigned int i = 0; i < BAD; i++) {
		net_fill_frame(self->frame.bytes, FRAME, i);
		frame_put16(self->frame.bytes + 2 * ETH_ALEN, ETH_P_IP);
		self->frame.header = bad[i].header;
		EXPECT_EQ(-EINVAL, tap_write(self->queues[i % QUEUES], &self->frame,
					     sizeof(self->frame.header) + bad[i].length));
		EXPECT_EQ(1, total(bad[i].counter)) { TEST_LOG("%s", bad[i].counter); }
	}
	EXPECT_EQ(-EINVAL, tap_write(self->queues[0], &self->frame, 5));
	EXPECT_EQ(1, total("reject_header"));
	EXPECT_EQ(BAD + 1, link_stats(self->name).rx_errors);
}

/* An interface of another kind refuses for reasons of its own. */
TEST_F(stats, packets_refused_by_other_kinds_of_interfaces_are_in_both)
{
	char layer3[IFNAMSIZ], segments[IFNAMSIZ];
	int tun = tap_create_of(layer3, IFF_TUN | IFF_NO_PI);
	int frags = tap_create(segments, IFF_NAPI | IFF_NAPI_FRAGS);
	struct iovec pieces[40];

	for (unsigned int i = 0; i < 40; i++)
		pieces[i] = (struct iovec){ self->frame.bytes + i, 1 };
	EXPECT_EQ(-EINVAL, tap_write(tun, "\x10", 1));
	EXPECT_EQ(-1, writev(frags, pieces, 40));
	EXPECT_EQ(1, counter_total(layer3, "reject_version"));
	EXPECT_EQ(1, counter_total(segments, "reject_segments"));
	EXPECT_TRUE(figures_agree(layer3));
	EXPECT_TRUE(figures_agree(segments));
	EXPECT_EQ(1, link_stats(layer3).rx_errors);
	EXPECT_EQ(1, link_stats(segments).rx_errors);
	close(tun);
	close(frags);
}

/* ---- XDP ---- */

static void write_each_queue(FIXTURE_DATA(stats) *self)
{
	for (unsigned int i = 0; i < QUEUES; i++)
		ASSERT_LT(0, write_length(self, self->queues[i], FRAME));
}

TEST_F(stats, packets_that_meet_a_program_are_in_both)
{
	xdp_attach(self->name, xdp_load_verdict(XDP_DROP));
	write_each_queue(self);
	EXPECT_EQ(QUEUES, total("xdp_drop"));
	xdp_attach(self->name, xdp_load_verdict(XDP_ABORTED));
	write_each_queue(self);
	EXPECT_EQ(QUEUES, total("xdp_errors"));
	EXPECT_EQ(2 * QUEUES, link_stats(self->name).rx_dropped);
	EXPECT_EQ(0, link_stats(self->name).rx_packets);

	xdp_attach(self->name, xdp_load_verdict(XDP_PASS));
	write_each_queue(self);
	xdp_attach(self->name, xdp_load_verdict(XDP_TX));
	write_each_queue(self);
	xdp_attach(self->name, xdp_load_redirect(self->name));
	write_each_queue(self);
	EXPECT_EQ(QUEUES, total("xdp_tx"));
	EXPECT_EQ(QUEUES, total("xdp_redirect"));
	EXPECT_EQ(3 * QUEUES, link_stats(self->name).rx_packets);
	EXPECT_EQ(2 * QUEUES, drain_all(self));
	EXPECT_EQ(2 * QUEUES, link_stats(self->name).tx_packets);
}

/* ---- queues come and go ---- */

/* Both views, which must agree and have lost nothing. */
static void expect_rise(FIXTURE_DATA(stats) *self, struct figures *before)
{
	struct figures now;

	EXPECT_TRUE(figures_agree(self->name));
	figures_of_link(self->name, &now);
	EXPECT_TRUE(figures_rise(before, &now));
}

static void use_all(FIXTURE_DATA(stats) *self)
{
	/* Without, the stack drops packets before they are ours, and counts them. */
	ASSERT_TRUE(tap_has_carrier(self->name));
	for (unsigned int i = 0; i < QUEUES; i++)
		write_length(self, self->queues[i], FRAME);
	send_flows(self);
}

TEST_F(stats, what_a_queue_counted_stays_when_it_goes)
{
	struct figures before;

	use_all(self);
	drain_all(self);
	figures_of_link(self->name, &before);
	EXPECT_EQ(QUEUES, before.values[FIGURE_RX_PACKETS]);
	EXPECT_EQ(FLOWS, before.values[FIGURE_TX_PACKETS]);
	ASSERT_EQ(0, tap_set(self->queues[0], TUNSETPERSIST, 1));
	for (unsigned int i = 0; i < QUEUES; i++) {
		use_all(self);
		if (i % 2)
			ASSERT_EQ(0, tap_set_queue(self->queues[i], IFF_DETACH_QUEUE));
		close(self->queues[i]);
		self->queues[i] = tap_open();
		expect_rise(self, &before);
	}
	EXPECT_LT(0, total("tx_dropped"));
	for (unsigned int i = 0; i < QUEUES; i++) {
		close(self->queues[i]);
		self->queues[i] = open_queue(self);
		use_all(self);
		drain_all(self);
		expect_rise(self, &before);
	}
	ASSERT_EQ(0, tap_set(self->queues[0], TUNSETPERSIST, 0));
}

static void *use_until_over(void *data)
{
	FIXTURE_DATA(stats) *self = data;

	while (!self->over) {
		for (unsigned int i = 0; i < QUEUES; i++) {
			write_length(self, self->queues[i], FRAME);
			send(self->host, self->frame.bytes, FRAME, 0);
		}
		drain_all(self);
	}
	return NULL;
}

/* The last queue is closed and made anew under its number, so that the user finds it always. */
static void replace_last(FIXTURE_DATA(stats) *self)
{
	int fd = tap_open();

	ASSERT_EQ(self->queues[QUEUES - 1], dup3(fd, self->queues[QUEUES - 1], O_CLOEXEC));
	close(fd);
	ASSERT_EQ(0, tap_attach(self->queues[QUEUES - 1], self->name,
				TAP_FLAGS | IFF_VNET_HDR | IFF_MULTI_QUEUE));
}

TEST_F_TIMEOUT(stats, figures_never_go_back_under_load, 60)
{
	struct figures by_queues = { 0 }, by_link = { 0 }, now;
	pthread_t user;

	ASSERT_EQ(0, pthread_create(&user, NULL, use_until_over, self));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		ASSERT_EQ(0, tap_set_queue(self->queues[0], i % 2 ? IFF_ATTACH_QUEUE :
					   IFF_DETACH_QUEUE));
		if (i % 3 == 0)
			replace_last(self);
		figures_of_queues(self->name, &now);
		EXPECT_TRUE(figures_rise(&by_queues, &now));
		figures_of_link(self->name, &now);
		EXPECT_TRUE(figures_rise(&by_link, &now));
	}
	self->over = true;
	pthread_join(user, NULL);
	EXPECT_LT(0, by_link.values[FIGURE_RX_PACKETS]);
	EXPECT_LT(0, by_link.values[FIGURE_TX_PACKETS]);
}

TEST_HARNESS_MAIN
