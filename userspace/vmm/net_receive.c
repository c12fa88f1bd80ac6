// SPDX-License-Identifier: GPL-2.0-only
/*
 * Receiving on the event loop. Stages (2) to (4): readv() puts a packet straight
 * into the driver's buffers. On the loop's thread; entry points:
 * net_receive_run(), tap_ready().
 *
 * A tap gives one packet per read and does not tell its length beforehand, so each
 * read offers buffers for the largest packet; those it leaves empty serve the
 * next. Where the driver's buffers do not suffice, the rest of the packet lands in
 * a spill and waits for more of them: nothing is lost while the driver has room to
 * give. Reads are plain system calls, because each needs to know how many buffers
 * the one before has filled.
 */
#include <endian.h>
#include <errno.h>
#include <sys/epoll.h>

#include "iov.h"
#include "net.h"
#include "net_receive.h"
#include "tap.h"
#include "util.h"
#include "vm.h"

/* Packets in one go, before they are published and other queues get their turn. */
#define RECEIVE_BUDGET 64

/* Without segmentation offload: an Ethernet frame with a VLAN tag. */
#define PLAIN_PACKET_MAX (TAP_HEADER_SIZE + 1518)

static struct virtqueue_chain *buffer_at(struct net_receive *receive, unsigned int index)
{
	return &receive->buffers[(receive->first + index) % ARRAY_SIZE(receive->buffers)];
}

static struct iov buffer_iov(struct virtqueue_chain *buffer)
{
	return (struct iov) { buffer->iov + buffer->readable, buffer->writable };
}

static size_t buffer_bytes(struct virtqueue_chain *buffer)
{
	struct iov iov = buffer_iov(buffer);

	return iov_bytes(&iov);
}

/* Take chains until any packet fits, or there are no more. */
static void gather(struct net_receive *receive, size_t wanted)
{
	unsigned int budget = ARRAY_SIZE(receive->buffers) - receive->count;

	while (receive->bytes < wanted && budget &&
	       user_queue_next(&receive->queue, buffer_at(receive, receive->count), &budget)) {
		receive->bytes += buffer_bytes(buffer_at(receive, receive->count));
		receive->count++;
	}
}

/*
 * List the buffers of the next packet. Without mergeable buffers that is one chain.
 * @bytes: out: what they hold. Return: entries of @receive->iov.
 */
static unsigned int list_buffers(struct net_receive *receive, size_t *bytes)
{
	unsigned int most = receive->mergeable ? receive->count : MIN(receive->count, 1u);
	unsigned int entries = 0;

	*bytes = 0;
	for (unsigned int i = 0; i < most && *bytes < receive->wanted; i++) {
		struct iov iov = buffer_iov(buffer_at(receive, i));

		if (entries + iov.count > NET_RECEIVE_IOV)
			break;
		for (unsigned int j = 0; j < iov.count; j++)
			receive->iov[entries++] = iov.entries[j];
		*bytes += iov_bytes(&iov);
	}
	return entries;
}

static void give_back(struct net_receive *receive, size_t written)
{
	struct virtqueue_chain *buffer = buffer_at(receive, 0);

	virtqueue_push(&receive->queue.ring, buffer, written);
	receive->bytes -= buffer_bytes(buffer);
	receive->first = (receive->first + 1) % ARRAY_SIZE(receive->buffers);
	receive->count--;
}

/* Tell the driver how many buffers a packet takes: 5.1.6.4. */
static void write_buffer_count(struct net_receive *receive, unsigned int count)
{
	struct iov iov = { receive->iov, ARRAY_SIZE(receive->iov) };
	struct virtio_net_hdr_v1 header;

	iov_read(&iov, &header, sizeof(header));
	header.num_buffers = htole16(count);
	iov_write(&iov, &header, sizeof(header));
}

/* A packet of @length bytes lies in the first buffers. */
static void deliver(struct net_receive *receive, size_t length)
{
	unsigned int count = 0;

	for (size_t left = length; left; count++)
		left -= MIN(left, buffer_bytes(buffer_at(receive, count)));
	write_buffer_count(receive, count);
	while (count--) {
		size_t part = MIN(length, buffer_bytes(buffer_at(receive, 0)));

		give_back(receive, part);
		length -= part;
	}
}

/* Copy the spilled end of a packet behind what already lies in the buffers. */
static void place_spill(struct net_receive *receive)
{
	size_t skip = receive->packet - receive->spilled;
	size_t left = receive->spilled;
	const unsigned char *from = receive->spill;

	for (unsigned int i = 0; left; i++) {
		struct virtqueue_chain *buffer = buffer_at(receive, i);
		size_t bytes = buffer_bytes(buffer);
		size_t part = MIN(left, bytes - MIN(bytes, skip));
		struct iov iov = buffer_iov(buffer);

		/* What lies in the buffers ends where one of them ends. */
		if (skip >= bytes) {
			skip -= bytes;
			continue;
		}
		iov_write(&iov, from, part);
		from += part;
		left -= part;
	}
}

/* Return: whether the packet that waited for buffers is out of the way. */
static bool finish_spilled(struct net_receive *receive)
{
	size_t bytes;

	gather(receive, receive->packet);
	if (receive->bytes >= receive->packet) {
		list_buffers(receive, &bytes);
		place_spill(receive);
		deliver(receive, receive->packet);
	} else if (receive->count >= receive->queue.ring.size) {
		/* All the driver has: it will never fit. */
		receive->drops++;
	} else {
		return false;
	}
	receive->packet = 0;
	return true;
}

/* Return: whether to go on. */
static bool receive_packet(struct net_receive *receive)
{
	unsigned int entries;
	ssize_t length;
	size_t bytes;

	gather(receive, receive->mergeable ? receive->wanted : 1);
	entries = list_buffers(receive, &bytes);
	/* Not even a header fits: such a driver gets nothing. */
	if (bytes < TAP_HEADER_SIZE)
		return false;
	receive->iov[entries++] = (struct iovec) { receive->spill, sizeof(receive->spill) };
	length = readv(receive->tap.fd, receive->iov, entries);
	if (length <= 0) {
		receive->readable = false;
		return false;
	}
	if ((size_t)length <= bytes) {
		deliver(receive, length);
	} else if (receive->mergeable) {
		receive->packet = length;
		receive->spilled = length - bytes;
	} else {
		receive->drops++;
	}
	return true;
}

static void net_receive_run(struct user_queue *queue)
{
	struct net_receive *receive = container_of(queue, struct net_receive, queue);

	for (unsigned int i = 0; i < RECEIVE_BUDGET; i++) {
		if (receive->packet) {
			if (!finish_spilled(receive))
				return;
		} else if (!receive->readable || !receive_packet(receive)) {
			return;
		}
	}
	user_queue_schedule(queue);
}

static void tap_ready(struct loop_poll *poll, uint32_t events)
{
	struct net_receive *receive = container_of(poll, struct net_receive, tap);

	(void)events;
	receive->readable = true;
	user_queue_schedule(&receive->queue);
}

void net_receive_init(struct net_receive *receive, struct net *net, unsigned int pair)
{
	receive->net = net;
	user_queue_init(&receive->queue, net_queue(net, pair, NET_RECEIVE), net_receive_run);
	receive->tap = (struct loop_poll) {
		.ready = tap_ready, .fd = net->tap.fds[pair], .events = EPOLLIN,
	};
}

int net_receive_start(struct net_receive *receive)
{
	struct virtio_device *device = &receive->net->device;
	bool large = virtio_accepted(device, VIRTIO_NET_F_GUEST_TSO4) ||
		     virtio_accepted(device, VIRTIO_NET_F_GUEST_TSO6);

	receive->mergeable = virtio_accepted(device, VIRTIO_NET_F_MRG_RXBUF);
	receive->wanted = large ? NET_PACKET_MAX : PLAIN_PACKET_MAX;
	receive->readable = false;
	receive->first = 0;
	receive->count = 0;
	receive->bytes = 0;
	receive->packet = 0;
	return user_queue_start(&receive->queue);
}

int net_receive_listen(struct net_receive *receive, bool listen)
{
	int err;

	if (receive->listening == listen || !receive->queue.running)
		return 0;
	if (!listen) {
		loop_poll_stop(&receive->tap);
		receive->listening = false;
		receive->readable = false;
		return 0;
	}
	err = loop_poll_start(receive->net->device.vm->loop, &receive->tap);
	if (err)
		return err;
	/* What came before may be no event any more: look once. */
	receive->listening = true;
	receive->readable = true;
	user_queue_schedule(&receive->queue);
	return 0;
}

void net_receive_stop(struct net_receive *receive)
{
	net_receive_listen(receive, false);
	user_queue_stop(&receive->queue);
}
