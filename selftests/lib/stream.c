// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbered chains: a block queue writes sectors that hold their number, a
 * transmit queue sends frames with theirs to the host's socket, a receive queue
 * gets such frames from there. A chain that is lost, comes back twice or holds
 * another number ends the test; so does one that stays away for DRIVER_TIMEOUT,
 * since stream_wait() sleeps on events alone. Runs in the test. Entry points:
 * stream_init(), stream_offer(), stream_wait().
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "stream.h"

#define SLOT_BYTES 2048
#define FRAME 100
#define NUMBER_OFFSET 20
/* Of a block request: the header is first, the data aligned, the status behind it. */
#define DATA_OFFSET 512
#define STATUS_OFFSET 1024

static unsigned char *slot_memory(const struct stream *stream, unsigned int slot)
{
	return stream->memory + slot * SLOT_BYTES;
}

/**
 * stream_init() - prepare a stream; offers nothing yet
 * @stream: to fill in
 * @rig: its queue is empty
 */
void stream_init(struct stream *stream, struct rig *rig)
{
	ASSERT_GE(STREAM_RING_MAX, rig->queue->num);
	memset(stream, 0, sizeof(*stream));
	stream->rig = rig;
	stream->kick = -1;
	stream->call = -1;
	stream->memory = guest_alloc(&rig->driver.guest, STREAM_SLOTS * SLOT_BYTES, 4096);
	for (unsigned int i = 0; i < STREAM_SLOTS; i++)
		stream->idle[stream->idle_count++] = i;
	memset(stream->slot_of, 0xff, sizeof(stream->slot_of));
}

static int add_request(struct stream *stream, unsigned int slot)
{
	unsigned char *memory = slot_memory(stream, slot);
	struct virtio_blk_outhdr header = { .type = VIRTIO_BLK_T_OUT, .sector = slot };
	struct driver_buffer buffers[] = {
		{ memory, sizeof(header), false },
		{ memory + DATA_OFFSET, BLK_SECTOR, false },
		{ memory + STATUS_OFFSET, 1, true },
	};

	memcpy(memory, &header, sizeof(header));
	memcpy(memory + DATA_OFFSET, (void *)&stream->offered, sizeof(stream->offered));
	memory[STATUS_OFFSET] = 0xee;
	return driver_add(stream->rig->queue, buffers, 3);
}

static void fill_frame(unsigned char *frame, uint64_t number)
{
	net_fill_frame(frame, FRAME, 1);
	memcpy(frame + NUMBER_OFFSET, &number, sizeof(number));
}

static int add_packet(struct stream *stream, unsigned int slot)
{
	unsigned char *memory = slot_memory(stream, slot);
	struct driver_buffer packet = { memory, NET_HEADER + FRAME, false };

	fill_frame(memory + NET_HEADER, stream->offered);
	return driver_add(stream->rig->queue, &packet, 1);
}

static int add_room(struct stream *stream, unsigned int slot)
{
	struct driver_buffer room = { slot_memory(stream, slot), SLOT_BYTES, true };

	return driver_add(stream->rig->queue, &room, 1);
}

static bool offer_one(struct stream *stream)
{
	enum rig_flavour flavour = stream->rig->flavour;
	unsigned int slot;
	int head;

	/* Packets that the host has not taken yet are on their way as well. */
	if (!stream->idle_count ||
	    (flavour == RIG_NET_TX && stream->offered - stream->arrived >= STREAM_SLOTS))
		return false;
	slot = stream->idle[stream->idle_count - 1];
	head = flavour == RIG_BLK ? add_request(stream, slot) :
	       flavour == RIG_NET_TX ? add_packet(stream, slot) : add_room(stream, slot);
	if (head < 0)
		return false;
	ASSERT_EQ(-1, stream->slot_of[head]);
	stream->slot_of[head] = slot;
	stream->idle_count--;
	stream->offered++;
	return true;
}

/* Let the host send @count packets, as far as there are chains for them to come. */
static unsigned int send_packets(struct stream *stream, unsigned int count)
{
	unsigned char frame[FRAME];
	unsigned int i;

	for (i = 0; i < count; i++) {
		if (!stream->lossy && stream->sent - stream->arrived >= STREAM_SLOTS)
			break;
		fill_frame(frame, stream->sent);
		if (send(stream->rig->host, frame, sizeof(frame), MSG_DONTWAIT) != sizeof(frame))
			break;
		stream->sent++;
	}
	return i;
}

static void kick(struct stream *stream)
{
	if (driver_kick(stream->rig->queue) && stream->kick >= 0)
		ASSERT_EQ(0, eventfd_write(stream->kick, 1));
}

/**
 * stream_offer() - put chains, or packets for a receive queue, on their way
 * @stream: the stream
 * @count: at most; what does not fit is not offered
 *
 * Return: how many.
 */
unsigned int stream_offer(struct stream *stream, unsigned int count)
{
	bool receives = stream->rig->flavour == RIG_NET_RX;
	unsigned int i;

	for (i = 0; (receives || i < count) && offer_one(stream); i++)
		;
	if (i)
		kick(stream);
	return receives ? send_packets(stream, count) : i;
}

static uint64_t number_of(const unsigned char *frame)
{
	uint64_t number;

	memcpy(&number, frame + NUMBER_OFFSET, sizeof(number));
	return number;
}

static void check_chain(struct stream *stream, unsigned int slot, uint32_t written)
{
	const unsigned char *memory = slot_memory(stream, slot);

	switch (stream->rig->flavour) {
	case RIG_BLK:
		ASSERT_EQ(1, written);
		ASSERT_EQ(VIRTIO_BLK_S_OK, memory[STATUS_OFFSET]);
		break;
	case RIG_NET_TX:
		ASSERT_EQ(0, written);
		break;
	case RIG_NET_RX:
		ASSERT_EQ(NET_HEADER + FRAME, written);
		if (stream->lossy)
			ASSERT_LE(stream->arrived, number_of(memory + NET_HEADER));
		else
			ASSERT_EQ(stream->arrived, number_of(memory + NET_HEADER));
		stream->arrived = number_of(memory + NET_HEADER) + 1;
	}
}

static bool collect_chains(struct stream *stream)
{
	struct driver_used used;
	bool any = false;

	while (driver_reap(stream->rig->queue, &used)) {
		ASSERT_GT(stream->rig->queue->num, used.head);
		ASSERT_LE(0, stream->slot_of[used.head]);
		check_chain(stream, stream->slot_of[used.head], used.written);
		stream->idle[stream->idle_count++] = stream->slot_of[used.head];
		stream->slot_of[used.head] = -1;
		stream->returned++;
		any = true;
	}
	return any;
}

/* What the guest has sent, on the host's side. */
static bool collect_packets(struct stream *stream)
{
	unsigned char frame[FRAME + 1];
	bool any = false;

	if (stream->rig->flavour != RIG_NET_TX)
		return false;
	while (recv(stream->rig->host, frame, sizeof(frame), MSG_DONTWAIT) == FRAME) {
		ASSERT_EQ(stream->arrived, number_of(frame));
		stream->arrived++;
		any = true;
	}
	return any;
}

/**
 * stream_collect() - take whatever has come, and check it
 * @stream: the stream
 *
 * Return: whether anything had come.
 */
bool stream_collect(struct stream *stream)
{
	bool any = collect_chains(stream);

	return collect_packets(stream) || any;
}

/**
 * stream_is_done() - whether nothing is on its way; empty receive buffers do not count
 * @stream: the stream
 *
 * Return: that.
 */
bool stream_is_done(const struct stream *stream)
{
	switch (stream->rig->flavour) {
	case RIG_BLK:
		return stream->returned == stream->offered;
	case RIG_NET_TX:
		return stream->returned == stream->offered && stream->arrived == stream->offered;
	case RIG_NET_RX:
		return stream->lossy || stream->arrived == stream->sent;
	}
	return true;
}

static void clear_event(const struct pollfd *poller)
{
	uint64_t count;

	if (poller->revents & POLLIN)
		ASSERT_EQ((ssize_t)sizeof(count), read(poller->fd, &count, sizeof(count)));
}

/**
 * stream_wait() - sleep until something has come, and take it
 * @stream: the stream; not done
 */
void stream_wait(struct stream *stream)
{
	struct rig *rig = stream->rig;
	struct pollfd pollers[] = {
		{ .fd = rig->queue->call, .events = POLLIN },
		{ .fd = stream->call, .events = POLLIN },
		{ .fd = rig->flavour == RIG_NET_TX ? rig->host : -1, .events = POLLIN },
	};

	if (stream_collect(stream))
		return;
	driver_want_call(rig->queue, true);
	if (stream_collect(stream))
		return;
	ASSERT_LT(0, poll(pollers, 3, DRIVER_TIMEOUT)) {
		TEST_LOG("stuck: %llu offered, %llu returned, %llu sent, %llu arrived",
			 (unsigned long long)stream->offered,
			 (unsigned long long)stream->returned,
			 (unsigned long long)stream->sent, (unsigned long long)stream->arrived);
	}
	clear_event(&pollers[0]);
	clear_event(&pollers[1]);
	stream_collect(stream);
}

/**
 * stream_finish() - wait for all that is on its way, and compare with the device's counters
 * @stream: the stream; the device has done nothing else on its queue
 */
void stream_finish(struct stream *stream)
{
	struct driver_queue *queue = stream->rig->queue;

	while (!stream_is_done(stream))
		stream_wait(stream);
	EXPECT_EQ(stream->returned, driver_stat(queue, RINGHOST_STAT_CHAINS));
	EXPECT_EQ(0, driver_stat(queue, RINGHOST_STAT_BREAKS));
	if (stream->rig->flavour == RIG_BLK)
		EXPECT_EQ(stream->returned, driver_stat(queue, RINGHOST_STAT_BLK_WRITES));
}
