// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) Small packets for a tun or tap socket, many with one message. Each is in memory of its
 * own, which becomes the skb's:
 *
 *	| header ... | packet ... | struct skb_shared_info |
 *	 \_ room to grow _/
 *
 * The message's answer is one for all of them, and says nothing of a packet that the device
 * refuses. So only those come in here of which no device refuses any; what one might refuse
 * is sent alone, and the socket's answer counts. What remains is lack of memory for an skb's
 * head: the device drops that packet, and nobody knows.
 *
 * The page's references are the packets': taken for all of a page at once, before anybody
 * can give one back.
 *
 * Runs in the transmit queue's worker, under its lock. Entry points: rh_xdp_batch_add(),
 * rh_xdp_batch_send(), rh_xdp_batch_exit().
 */
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/uio.h>
#include <linux/virtio_net.h>
#include <net/sock.h>

#include "xdp_batch.h"
#include "../compat.h"

/* Before a packet, where the stack may add headers of its own; ours is gone by then. */
#define HEADROOM (NET_SKB_PAD + NET_IP_ALIGN)
#define TAILROOM SKB_DATA_ALIGN(sizeof(struct skb_shared_info))

/* ---- memory ---- */

static void take_references(struct rh_xdp_batch *batch)
{
	if (batch->unreferenced)
		page_ref_add(batch->memory.page, batch->unreferenced);
	batch->unreferenced = 0;
}

/* Where the next packet may be written; NULL if there is no memory. */
static void *find_room(struct rh_xdp_batch *batch, size_t size)
{
	struct page_frag *memory = &batch->memory;

	if (batch->unreferenced && memory->offset + size <= memory->size)
		return page_address(memory->page) + memory->offset;
	/* A page without other references is begun anew: so those of the packets come first. */
	take_references(batch);
	if (!skb_page_frag_refill(size, memory, GFP_KERNEL))
		return NULL;
	return page_address(memory->page) + memory->offset;
}

static void drop(struct rh_xdp_batch *batch)
{
	unsigned int i;

	for (i = 0; i < batch->count; i++)
		put_page(virt_to_head_page(batch->buffs[i].data_hard_start));
}

/* ---- packets ---- */

/*
 * A tun of IFF_TUN takes IP packets, but those of a batch it takes for frames. We cannot ask it
 * which it is, so what may be an IP packet does not go in one.
 */
static bool may_be_ip(const u8 *frame)
{
	return frame[0] >> 4 == 4 || frame[0] >> 4 == 6;
}

/*
 * Whether any device takes a packet of @length bytes with this header. Of those to be cut up
 * only the device can tell.
 */
static bool is_plain(const struct virtio_net_hdr *header, size_t length, bool little_endian)
{
	size_t linear = __virtio16_to_cpu(little_endian, header->hdr_len);
	size_t start = __virtio16_to_cpu(little_endian, header->csum_start);
	size_t end = start + __virtio16_to_cpu(little_endian, header->csum_offset) +
		     sizeof(__sum16);

	if (length < ETH_HLEN || header->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return false;
	if (linear && (linear < ETH_HLEN || linear > length))
		return false;
	return !(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) ||
	       (start >= ETH_HLEN + sizeof(struct iphdr) && end <= length);
}

static void append(struct rh_xdp_batch *batch, void *memory, size_t size, size_t pad,
		   size_t length)
{
	struct xdp_buff *buff = &batch->buffs[batch->count++];

	xdp_init_buff(buff, size, NULL);
	xdp_prepare_buff(buff, memory, pad, length, true);
	batch->memory.offset += size;
	batch->unreferenced++;
}

/**
 * rh_xdp_batch_add - copy a packet into the batch
 * @batch: the batch
 * @from: a virtio_net_hdr of @header_len bytes, then the frame; left as it is
 * @header_len: 0 if there is only the frame; less than what @from has
 * @little_endian: the header is, else it is in the host's byte order
 * @headroom: bytes that an XDP program may add before the frame
 *
 * Return: 0; -ENOBUFS the batch is full, or the packet has to be sent alone; -ENOMEM; -EFAULT
 * memory of @from is gone.
 */
int rh_xdp_batch_add(struct rh_xdp_batch *batch, const struct iov_iter *from, size_t header_len,
		     bool little_endian, size_t headroom)
{
	size_t bytes = iov_iter_count(from), length = bytes - header_len;
	size_t pad = SKB_DATA_ALIGN(HEADROOM + headroom);
	size_t size = SKB_DATA_ALIGN(pad + length) + TAILROOM;
	struct virtio_net_hdr header = { 0 };
	struct iov_iter copy = *from;
	void *memory;

	if (batch->count == RH_XDP_BATCH_MAX || size > PAGE_SIZE)
		return -ENOBUFS;
	memory = find_room(batch, size);
	if (!memory)
		return -ENOMEM;
	if (!copy_from_iter_full(memory + pad - header_len, bytes, &copy))
		return -EFAULT;
	if (header_len)
		memcpy(&header, memory + pad - header_len, sizeof(header));
	if (!is_plain(&header, length, little_endian) || may_be_ip(memory + pad))
		return -ENOBUFS;
	*rh_compat_xdp_header(memory, size) = header;
	append(batch, memory, size, pad, length);
	return 0;
}

/**
 * rh_xdp_batch_send - send what is in the batch
 * @batch: the batch; empty afterwards
 * @socket: a tun's or a tap's
 *
 * Return: how many packets were refused: all, by a tun that has lost its interface, or none.
 */
unsigned int rh_xdp_batch_send(struct rh_xdp_batch *batch, struct socket *socket)
{
	struct tun_msg_ctl control = {
		.type = TUN_MSG_PTR, .num = batch->count, .ptr = batch->buffs,
	};
	struct msghdr msg = {
		.msg_flags = MSG_DONTWAIT,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	unsigned int refused = 0;

	if (!batch->count)
		return 0;
	take_references(batch);
	if (socket->ops->sendmsg(socket, &msg, 0) < 0) {
		drop(batch);
		refused = batch->count;
	}
	batch->count = 0;
	return refused;
}

/**
 * rh_xdp_batch_exit - free the batch's memory
 * @batch: an empty batch
 */
void rh_xdp_batch_exit(struct rh_xdp_batch *batch)
{
	if (batch->memory.page)
		put_page(batch->memory.page);
}
