// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDP and ringhost_net: a guest's packets come in batches and each of them meets the program,
 * with verdicts that differ from one to the next; and what programs send towards a guest is in
 * its ring like anything else.
 */
#include "driver.h"
#include "xdp.h"

#define FRAME 200
#define RING 256
#define BATCH 100
#define BUFFER 2048

FIXTURE(xdp_batch) {
	struct driver driver;
	int host;
	char name[IFNAMSIZ];
	unsigned char frame[FRAME];
	unsigned char received[BUFFER];
};

FIXTURE_SETUP(xdp_batch)
{
	net_private_namespace();
	strcpy(self->name, "xdp%d");
	net_init(&self->driver, self->name, RING, NET_FEATURES);
	net_start(&self->driver);
	self->host = net_host_socket(self->name);
	/* The first byte of the payload is the verdict. */
	xdp_attach(self->name, xdp_load_ask_packet(ETH_HLEN));
}

FIXTURE_TEARDOWN(xdp_batch)
{
	close(self->host);
	driver_exit(&self->driver);
}

static void send_frame(FIXTURE_DATA(xdp_batch) *self, unsigned int number, int verdict)
{
	net_fill_frame(self->frame, FRAME, number);
	self->frame[ETH_HLEN] = verdict;
	self->frame[ETH_HLEN + 1] = number;
	ASSERT_LE(0, net_send(&self->driver, self->frame, FRAME));
}

/* Wait until the device has given back @count chains of the transmit queue. */
static void wait_until_sent(FIXTURE_DATA(xdp_batch) *self, unsigned int count)
{
	struct driver_used used;

	while (count--)
		ASSERT_TRUE(driver_wait(&self->driver.queues[NET_TX], &used, DRIVER_TIMEOUT));
}

TEST_F(xdp_batch, each_packet_of_a_batch_has_its_verdict)
{
	static const int verdicts[] = { XDP_PASS, XDP_DROP, XDP_ABORTED, XDP_PASS };

	for (unsigned int i = 0; i < BATCH; i++)
		send_frame(self, i, verdicts[i % 4]);
	driver_kick(&self->driver.queues[NET_TX]);
	wait_until_sent(self, BATCH);
	for (unsigned int i = 0; i < BATCH; i++) {
		if (verdicts[i % 4] != XDP_PASS)
			continue;
		ASSERT_EQ(FRAME, host_read(self->host, self->received, BUFFER, TAP_PATIENCE));
		EXPECT_EQ(i, self->received[ETH_HLEN + 1]);
	}
	EXPECT_EQ(BATCH / 2, tap_counter(self->name, "rx_packets"));
	EXPECT_EQ(BATCH / 4, tap_counter(self->name, "xdp_drop"));
	EXPECT_EQ(BATCH / 4, tap_counter(self->name, "xdp_errors"));
}

TEST_F(xdp_batch, packets_sent_back_reach_the_guest_in_order)
{
	unsigned char *buffers = guest_alloc(&self->driver.guest, BATCH * BUFFER, 64);
	struct driver_used used;

	for (unsigned int i = 0; i < BATCH; i++) {
		ASSERT_LE(0, net_post(&self->driver, buffers + i * BUFFER, BUFFER));
		send_frame(self, i, i % 2 ? XDP_TX : XDP_DROP);
	}
	driver_kick(&self->driver.queues[NET_RX]);
	driver_kick(&self->driver.queues[NET_TX]);
	for (unsigned int i = 0; i < BATCH / 2; i++) {
		const unsigned char *frame = buffers + i * BUFFER + NET_HEADER;

		ASSERT_TRUE(driver_wait(&self->driver.queues[NET_RX], &used, DRIVER_TIMEOUT));
		EXPECT_EQ(NET_HEADER + FRAME, used.written);
		EXPECT_EQ(XDP_TX, frame[ETH_HLEN]);
		EXPECT_EQ(2 * i + 1, frame[ETH_HLEN + 1]);
	}
	EXPECT_EQ(BATCH / 2, tap_counter(self->name, "xdp_tx"));
}

TEST_F(xdp_batch, batch_is_redirected_to_another_tap)
{
	char name[IFNAMSIZ];
	int fd = tap_create(name, 0);

	net_set_up(name);
	xdp_attach(self->name, xdp_load_redirect(name));
	for (unsigned int i = 0; i < BATCH; i++)
		send_frame(self, i, 0);
	driver_kick(&self->driver.queues[NET_TX]);
	for (unsigned int i = 0; i < BATCH; i++) {
		ASSERT_EQ(FRAME, tap_read(fd, self->received, BUFFER, TAP_PATIENCE));
		EXPECT_EQ(i, self->received[ETH_HLEN + 1]);
	}
	EXPECT_EQ(BATCH, tap_counter(self->name, "xdp_redirect"));
	close(fd);
}

TEST_F(xdp_batch, packets_redirected_to_the_guest_arrive)
{
	unsigned char *buffer = guest_alloc(&self->driver.guest, BUFFER, 64);
	struct driver_used used;
	char name[IFNAMSIZ];
	int fd = tap_create(name, 0);

	net_set_up(name);
	xdp_attach(name, xdp_load_redirect(self->name));
	ASSERT_LE(0, net_post(&self->driver, buffer, BUFFER));
	driver_kick(&self->driver.queues[NET_RX]);
	net_fill_frame(self->frame, FRAME, 7);
	ASSERT_EQ(FRAME, tap_write(fd, self->frame, FRAME));
	ASSERT_TRUE(driver_wait(&self->driver.queues[NET_RX], &used, DRIVER_TIMEOUT));
	EXPECT_EQ(NET_HEADER + FRAME, used.written);
	EXPECT_EQ(0, memcmp(self->frame, buffer + NET_HEADER, FRAME));
	close(fd);
}

TEST_HARNESS_MAIN
