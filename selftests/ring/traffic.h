/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Traffic that tells whether a chain was lost, delivered twice, out of order or with other
 * data: rounds of a batch each, in a thread of their own if wanted. For queues whose
 * workers change under way. A failure ends the test.
 */
#ifndef RING_TRAFFIC_H
#define RING_TRAFFIC_H

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

/* Chains of a round, and bytes of each one's data. */
#define TRAFFIC_BATCH 16
#define TRAFFIC_BYTES BLK_SECTOR

/**
 * struct traffic - traffic of one queue
 * @rig: the device
 * @queue: one of its queues
 * @requests: memory of the batch; packets lie in @data, behind the header
 * @seed: of the next round's data
 * @rounds: rounds that went well
 * @stop: set to make the thread end
 * @thread: the thread
 */
struct traffic {
	struct rig *rig;
	struct driver_queue *queue;
	struct blk_request requests[TRAFFIC_BATCH];
	unsigned int seed;
	volatile unsigned long rounds;
	volatile bool stop;
	pthread_t thread;
};

static inline void traffic_init(struct traffic *traffic, struct rig *rig,
				struct driver_queue *queue)
{
	memset(traffic, 0, sizeof(*traffic));
	traffic->rig = rig;
	traffic->queue = queue;
	for (unsigned int i = 0; i < TRAFFIC_BATCH; i++) {
		blk_request_init(&traffic->requests[i], &rig->driver, TRAFFIC_BYTES + NET_HEADER);
		traffic->requests[i].length = TRAFFIC_BYTES;
	}
}

/* Frames of other seeds, and of other places in a round, differ. */
static inline void traffic_pattern(struct traffic *traffic, unsigned int i, unsigned char *data)
{
	net_fill_frame(data, TRAFFIC_BYTES, traffic->seed);
	memcpy(data + 20, &traffic->seed, sizeof(traffic->seed));
	data[30] = i;
}

static inline void traffic_expect(struct traffic *traffic, unsigned int i, const void *data)
{
	unsigned char expected[TRAFFIC_BYTES];

	traffic_pattern(traffic, i, expected);
	ASSERT_EQ(0, memcmp(expected, data, TRAFFIC_BYTES)) {
		TEST_LOG("chain %u of round %lu came with other data", i, traffic->rounds);
	}
}

/* Each chain of the batch comes back, each once; in order if that is @ordered. */
static inline void traffic_reap(struct traffic *traffic, bool ordered)
{
	struct driver_used used;
	unsigned int i;

	for (unsigned int n = 0; n < TRAFFIC_BATCH; n++) {
		ASSERT_TRUE(driver_wait(traffic->queue, &used, DRIVER_TIMEOUT)) {
			TEST_LOG("%u chains of round %lu are lost", TRAFFIC_BATCH - n,
				 traffic->rounds);
		}
		for (i = 0; i < TRAFFIC_BATCH; i++)
			if (traffic->requests[i].head == (int)used.head)
				break;
		ASSERT_GT(TRAFFIC_BATCH, i);
		traffic->requests[i].head = -1;
		if (ordered)
			ASSERT_EQ(n, i);
	}
	ASSERT_FALSE(driver_reap(traffic->queue, &used));
}

static inline void traffic_move_blocks(struct traffic *traffic, uint32_t type)
{
	unsigned int base = traffic->queue->index * 64;

	for (unsigned int i = 0; i < TRAFFIC_BATCH; i++) {
		struct blk_request *request = &traffic->requests[i];

		if (type == VIRTIO_BLK_T_OUT)
			traffic_pattern(traffic, i, request->data);
		else
			memset(request->data, 0x5a, TRAFFIC_BYTES);
		ASSERT_LE(0, blk_add(traffic->queue, request, type, base + i));
		driver_kick(traffic->queue);
	}
	traffic_reap(traffic, false);
	for (unsigned int i = 0; i < TRAFFIC_BATCH; i++) {
		ASSERT_EQ(VIRTIO_BLK_S_OK, *traffic->requests[i].status);
		if (type == VIRTIO_BLK_T_IN)
			traffic_expect(traffic, i, traffic->requests[i].data);
	}
}

/* Offer the batch's buffers as packets, or as room for them. */
static inline void traffic_add_packets(struct traffic *traffic, bool room)
{
	for (unsigned int i = 0; i < TRAFFIC_BATCH; i++) {
		struct blk_request *request = &traffic->requests[i];
		struct driver_buffer buffer = {
			request->data, NET_HEADER + TRAFFIC_BYTES, room
		};

		memset(request->data, 0, NET_HEADER);
		if (!room)
			traffic_pattern(traffic, i, request->data + NET_HEADER);
		request->head = driver_add(traffic->queue, &buffer, 1);
		ASSERT_LE(0, request->head);
		driver_kick(traffic->queue);
	}
}

static inline void traffic_transmit(struct traffic *traffic)
{
	struct pollfd poller = { .fd = traffic->rig->host, .events = POLLIN };
	unsigned char frame[TRAFFIC_BYTES + 1];

	traffic_add_packets(traffic, false);
	traffic_reap(traffic, true);
	for (unsigned int i = 0; i < TRAFFIC_BATCH; i++) {
		ASSERT_EQ(1, poll(&poller, 1, DRIVER_TIMEOUT));
		ASSERT_EQ(TRAFFIC_BYTES, recv(poller.fd, frame, sizeof(frame), 0));
		traffic_expect(traffic, i, frame);
	}
}

static inline void traffic_receive(struct traffic *traffic)
{
	unsigned char frame[TRAFFIC_BYTES];

	traffic_add_packets(traffic, true);
	for (unsigned int i = 0; i < TRAFFIC_BATCH; i++) {
		traffic_pattern(traffic, i, frame);
		ASSERT_EQ(TRAFFIC_BYTES, send(traffic->rig->host, frame, TRAFFIC_BYTES, 0));
	}
	traffic_reap(traffic, true);
	for (unsigned int i = 0; i < TRAFFIC_BATCH; i++)
		traffic_expect(traffic, i, traffic->requests[i].data + NET_HEADER);
}

static inline void traffic_round(struct traffic *traffic)
{
	traffic->seed++;
	if (traffic->rig->flavour == RIG_BLK) {
		traffic_move_blocks(traffic, VIRTIO_BLK_T_OUT);
		traffic_move_blocks(traffic, VIRTIO_BLK_T_IN);
	} else if (traffic->queue->index == NET_TX) {
		traffic_transmit(traffic);
	} else {
		traffic_receive(traffic);
	}
	traffic->rounds++;
}

static inline void *traffic_main(void *context)
{
	struct traffic *traffic = context;

	while (!traffic->stop)
		traffic_round(traffic);
	return NULL;
}

static inline void traffic_start(struct traffic *traffic)
{
	ASSERT_EQ(0, pthread_create(&traffic->thread, NULL, traffic_main, traffic));
}

/* Wait for @more rounds. A round that is stuck ends the test itself. */
static inline void traffic_wait(struct traffic *traffic, unsigned long more)
{
	unsigned long target = traffic->rounds + more;

	while (traffic->rounds < target)
		usleep(1000);
}

static inline void traffic_stop(struct traffic *traffic)
{
	traffic->stop = true;
	ASSERT_EQ(0, pthread_join(traffic->thread, NULL));
}

#endif /* RING_TRAFFIC_H */
