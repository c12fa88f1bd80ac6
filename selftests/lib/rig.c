// SPDX-License-Identifier: GPL-2.0-only
/*
 * One face over the device flavours. Runs in the test, as root, in a network
 * namespace of its own; a failure of the set-up ends the test. Entry points:
 * rig_init(), rig_start(), rig_works(), rig_provoke().
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define DISK_BYTES (4 << 20)
#define FRAME_LENGTH 100

/**
 * rig_node() - path of a flavour's device node
 * @flavour: the flavour
 *
 * Return: the path.
 */
const char *rig_node(enum rig_flavour flavour)
{
	return flavour == RIG_BLK ? VHOST_NODE_BLK : VHOST_NODE_NET;
}

/**
 * rig_init() - set a device up with its backend ready; no queue runs yet
 * @rig: to fill in
 * @flavour: which
 * @num: ring entries of each queue
 * @features: to acknowledge
 */
void rig_init(struct rig *rig, enum rig_flavour flavour, unsigned int num, uint64_t features)
{
	unsigned int index = flavour == RIG_NET_TX ? NET_TX : 0;

	rig->flavour = flavour;
	rig->host = -1;
	strcpy(rig->tap, "rh%d");
	if (flavour == RIG_BLK) {
		blk_init(&rig->driver, blk_image(DISK_BYTES), 0, 2, num, features);
	} else {
		net_private_namespace();
		net_init(&rig->driver, rig->tap, num, features);
		rig->host = net_host_socket(rig->tap);
	}
	rig->queue = &rig->driver.queues[index];
	rig->neighbour = &rig->driver.queues[!index];
}

/**
 * rig_start_queue() - start one queue
 * @rig: the rig
 * @queue: one of its queues
 *
 * Return: 0 or -errno.
 */
int rig_start_queue(struct rig *rig, struct driver_queue *queue)
{
	if (rig->flavour == RIG_BLK)
		return vhost_set_vring_enable(rig->driver.fd, queue->index, 1);
	return vhost_net_set_backend(rig->driver.fd, queue->index, rig->driver.backend);
}

/**
 * rig_stop_queue() - stop one queue
 * @rig: the rig
 * @queue: one of its queues
 *
 * Return: 0 or -errno.
 */
int rig_stop_queue(struct rig *rig, struct driver_queue *queue)
{
	if (rig->flavour == RIG_BLK)
		return vhost_set_vring_enable(rig->driver.fd, queue->index, 0);
	return vhost_net_set_backend(rig->driver.fd, queue->index, -1);
}

/**
 * rig_start() - start both queues
 * @rig: the rig
 */
void rig_start(struct rig *rig)
{
	ASSERT_EQ(0, rig_start_queue(rig, rig->queue));
	ASSERT_EQ(0, rig_start_queue(rig, rig->neighbour));
}

/**
 * rig_exit() - close everything
 * @rig: the rig
 */
void rig_exit(struct rig *rig)
{
	driver_exit(&rig->driver);
	if (rig->host >= 0)
		close(rig->host);
}

/**
 * rig_works() - move data through a queue
 * @rig: the rig
 * @queue: a running queue with nothing under way
 *
 * Return: 0 if that works, otherwise as blk_works() or net_works().
 */
int rig_works(struct rig *rig, struct driver_queue *queue)
{
	return rig->flavour == RIG_BLK ? blk_works(queue) : net_works(queue, rig->tap);
}

/**
 * rig_provoke() - make the device look at the queue under test
 * @rig: the rig
 *
 * A receive queue is looked at when a frame comes. If the port is full, enough are waiting.
 */
void rig_provoke(struct rig *rig)
{
	unsigned char frame[FRAME_LENGTH];
	ssize_t sent;

	driver_kick_always(rig->queue);
	if (rig->flavour != RIG_NET_RX)
		return;
	net_fill_frame(frame, sizeof(frame), 0);
	sent = send(rig->host, frame, sizeof(frame), 0);
	ASSERT_TRUE(sent == FRAME_LENGTH || errno == EAGAIN || errno == ENOBUFS);
}

/**
 * rig_add_split() - offer a chain that is good for the flavour; does not kick
 * @rig: the rig
 * @buffer: the chain's main buffer: the data of a write to sector 0, the frame to
 *	send, or room for a frame to receive
 * @length: of the buffer
 *
 * Return: the head, or -ENOSPC.
 */
int rig_add_split(struct rig *rig, unsigned char *buffer, uint32_t length)
{
	struct guest *guest = &rig->driver.guest;
	struct blk_request request;
	struct driver_buffer packet[2];

	if (rig->flavour == RIG_NET_RX)
		return net_post(&rig->driver, buffer, length);
	if (rig->flavour == RIG_NET_TX) {
		packet[0] = (struct driver_buffer){ guest_alloc(guest, NET_HEADER, 16),
						    NET_HEADER, false };
		packet[1] = (struct driver_buffer){ buffer, length, false };
		return driver_add(rig->queue, packet, 2);
	}
	blk_request_init(&request, &rig->driver, 0);
	request.data = buffer;
	request.length = length;
	return blk_add(rig->queue, &request, VIRTIO_BLK_T_OUT, 0);
}

/**
 * rig_add() - offer a chain that is good for the flavour; does not kick
 * @rig: the rig
 *
 * Return: the head, or -ENOSPC.
 */
int rig_add(struct rig *rig)
{
	uint32_t length = rig->flavour == RIG_NET_TX ? FRAME_LENGTH : 2048;
	unsigned char *buffer = guest_alloc(&rig->driver.guest, length, 16);

	net_fill_frame(buffer, length, 0);
	return rig_add_split(rig, buffer, length);
}
