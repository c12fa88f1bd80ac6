// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets between user memory and skbs, stage (3).
 *
 *	packet information, if any: struct tun_pi
 *	vnet header, if any
 *	Ethernet header, unless the interface is of IFF_TUN
 *	network header and all else
 *
 * Runs in process context and may sleep on user memory, so never inside an RCU
 * read-side section. Entry points: rh_tap_packet_build() and
 * rh_tap_packet_copy_out().
 */
#include <linux/if_vlan.h>

#include "fragment.h"
#include "header.h"
#include "tap.h"
#include "wire.h"

/* The largest IP packet, and one behind an Ethernet header and two VLAN tags. */
#define PACKET_MAX 65535
#define FRAME_MAX (ETH_HLEN + 2 * VLAN_HLEN + PACKET_MAX)
/* Linear part of a large packet whose writer does not say how long its headers are. */
#define LINEAR_DEFAULT 128

/* Without an Ethernet header, the first byte tells the IP version. */
static size_t shortest(const struct rh_tap_format *format)
{
	return format->layer3 ? 1 : ETH_HLEN;
}

static size_t longest(const struct rh_tap_format *format)
{
	return format->layer3 ? PACKET_MAX : FRAME_MAX;
}

/* Bytes before the packet. */
static size_t prefix_length(const struct rh_tap_format *format)
{
	return format->info_len + format->header_len;
}

static int check_length(struct rh_tap_queue *queue, size_t length,
			const struct rh_tap_format *format)
{
	size_t prefix = prefix_length(format);

	if (prefix && (length < prefix || (format->header_len &&
					   format->header_len < sizeof(struct virtio_net_hdr))))
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_HEADER);
	length -= prefix;
	if (length < shortest(format))
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_SHORT);
	if (length > longest(format))
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_LONG);
	return 0;
}

/* How much of the packet is to lie in the linear part; the rest goes to pages. */
static size_t linear_length(const struct rh_tap_header *header, size_t length)
{
	size_t linear;

	if (length <= RH_TAP_LINEAR_MAX)
		return length;
	linear = max3(header->hdr_len, header->csum_end, (u32)LINEAR_DEFAULT);
	return min_t(size_t, linear, RH_TAP_LINEAR_MAX);
}

/* Charging a packet costs atomic operations on another CPU's cache lines. */
static bool is_charged(const struct sock *sk)
{
	return sk && READ_ONCE(sk->sk_sndbuf) != INT_MAX;
}

static struct sk_buff *alloc_packet(struct sock *sk, size_t linear, size_t length, bool nonblock)
{
	struct sk_buff *skb;
	int error;

	if (is_charged(sk))
		skb = sock_alloc_send_pskb(sk, RH_TAP_HEADROOM + linear, length - linear, nonblock,
					   &error, PAGE_ALLOC_COSTLY_ORDER);
	else
		skb = alloc_skb_with_frags(RH_TAP_HEADROOM + linear, length - linear,
					   PAGE_ALLOC_COSTLY_ORDER, &error, GFP_KERNEL);
	if (!skb)
		return ERR_PTR(error == -ENOBUFS ? -ENOMEM : error);
	skb_reserve(skb, RH_TAP_HEADROOM);
	skb_put(skb, linear);
	skb->data_len = length - linear;
	skb->len = length;
	return skb;
}

/*
 * Cut from a page that packets share, which is cheaper than an object of the slab's each. Where an
 * XDP program will see the packet, it gets room to work where it is.
 */
static struct sk_buff *alloc_linear(const struct rh_tap_queue *queue, size_t length)
{
	unsigned int headroom = RH_TAP_HEADROOM, tailroom = 0, size;
	struct sk_buff *skb = NULL;
	void *data;

	/* Those caches are this CPU's, or its softirqs', and need no lock. */
	local_bh_disable();
	if (rh_tap_queue_has_program(queue) && length <= RH_TAP_WIRE_LINEAR_MAX) {
		headroom = RH_TAP_WIRE_HEADROOM;
		tailroom = RH_TAP_WIRE_TAILROOM;
	}
	size = SKB_DATA_ALIGN(headroom + length + tailroom) +
	       SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	data = rh_tap_fragment_alloc(size);
	if (data)
		skb = napi_build_skb(data, size);
	if (data && !skb)
		skb_free_frag(data);
	local_bh_enable();
	if (!skb)
		return ERR_PTR(-ENOMEM);
	skb_reserve(skb, headroom);
	__skb_put(skb, length);
	return skb;
}

/* What the packet information says of the packet; only without an Ethernet header it counts. */
static void apply_info(struct sk_buff *skb, const struct tun_pi *info,
		       const struct rh_tap_format *format)
{
	if (format->info_len && format->layer3)
		skb->protocol = info->proto;
}

/* A small packet: all with one copy, and what goes before it in the others' headroom. */
static struct sk_buff *copy_linear(struct rh_tap_queue *queue, struct rh_tap_header *header,
				   struct iov_iter *from, const struct rh_tap_format *format)
{
	size_t length = iov_iter_count(from);
	struct sk_buff *skb = alloc_linear(queue, length);

	if (IS_ERR(skb))
		return skb;
	/* There is no doubt what these bytes are part of, so no search for it. */
	if (_copy_from_iter(skb->data, length, from) != length) {
		kfree_skb(skb);
		return ERR_PTR(-EFAULT);
	}
	if (format->info_len) {
		apply_info(skb, (const struct tun_pi *)skb->data, format);
		__skb_pull(skb, format->info_len);
	}
	if (format->header_len) {
		if (!rh_tap_header_is_empty(skb->data))
			rh_tap_header_decode(header, skb->data, format);
		__skb_pull(skb, format->header_len);
	}
	return skb;
}

/* Take what goes before the packet. Returns 0 or -EFAULT. */
static int copy_prefix(struct tun_pi *info, struct rh_tap_header *header, struct iov_iter *from,
		       const struct rh_tap_format *format)
{
	u8 bytes[RH_TAP_TUNNEL_HEADER];
	size_t known = min(format->header_len, sizeof(bytes));

	if (format->info_len && !copy_from_iter_full(info, sizeof(*info), from))
		return -EFAULT;
	if (!format->header_len)
		return 0;
	if (!copy_from_iter_full(bytes, known, from))
		return -EFAULT;
	iov_iter_advance(from, format->header_len - known);
	rh_tap_header_decode(header, bytes, format);
	return 0;
}

/* A packet in its writer's own layout. */
static struct sk_buff *copy_segments(struct rh_tap_queue *queue, struct rh_tap_header *header,
				     struct iov_iter *from, const struct rh_tap_format *format)
{
	struct tun_pi info;
	int error;

	/* Only frames are laid out, and packet information does not count for them. */
	error = copy_prefix(&info, header, from, format);
	return error ? ERR_PTR(error) : rh_tap_segments_copy(queue, from);
}

/*
 * Fill a packet of alloc_packet(). Its fragments are lowmem, each in one piece: they need not be
 * filled page by page, as those of a packet of unknown origin.
 */
static bool fill_packet(struct sk_buff *skb, struct iov_iter *from)
{
	const struct skb_shared_info *shared = skb_shinfo(skb);
	unsigned int i;

	if (!copy_from_iter_full(skb->data, skb_headlen(skb), from))
		return false;
	for (i = 0; i < shared->nr_frags; i++)
		if (!copy_from_iter_full(skb_frag_address(&shared->frags[i]),
					 skb_frag_size(&shared->frags[i]), from))
			return false;
	return true;
}

/* Any packet: the vnet header says how much of it is to lie in the linear part. */
static struct sk_buff *copy_scattered(struct rh_tap_header *header, struct iov_iter *from,
				      const struct rh_tap_format *format, struct sock *sk,
				      bool nonblock)
{
	size_t length = iov_iter_count(from) - prefix_length(format);
	struct tun_pi info = {};
	struct sk_buff *skb;
	int error;

	error = copy_prefix(&info, header, from, format);
	if (error)
		return ERR_PTR(error);
	skb = alloc_packet(sk, linear_length(header, length), length, nonblock);
	if (IS_ERR(skb))
		return skb;
	if (!fill_packet(skb, from)) {
		kfree_skb(skb);
		return ERR_PTR(-EFAULT);
	}
	apply_info(skb, &info, format);
	return skb;
}

/* Without packet information, the IP version tells the protocol. */
static int find_protocol(struct rh_tap_queue *queue, struct sk_buff *skb)
{
	switch (skb->data[0] >> 4) {
	case 4:
		skb->protocol = htons(ETH_P_IP);
		return 0;
	case 6:
		skb->protocol = htons(ETH_P_IPV6);
		return 0;
	default:
		return rh_tap_queue_refuse(queue, RH_TAP_STAT_REJECT_VERSION);
	}
}

static int check_packet(struct rh_tap_queue *queue, struct sk_buff *skb,
			const struct rh_tap_header *header, const struct rh_tap_format *format)
{
	int error;

	if (format->layer3) {
		rh_tap_packet_set_layer3(skb, true);
		error = format->info_len ? 0 : find_protocol(queue, skb);
		if (error)
			return error;
	}
	if (!format->header_len || rh_tap_header_is_plain(header, skb->len))
		return 0;
	return rh_tap_header_apply(queue, skb, header, format);
}

/**
 * rh_tap_packet_build() - make a checked skb of what was written
 * @queue: the queue, for its counters
 * @from: the packet and what goes before it
 * @format: how they look
 * @sk: whom to charge, or NULL
 * @nonblock: do not wait for send buffer
 *
 * Return: the skb, starting at the Ethernet header, or, if there is none, with its protocol
 * set; without device. Or an ERR_PTR():
 * -EINVAL or -EMSGSIZE refused and counted, -EFAULT, -ENOMEM, -EAGAIN, -EINTR or -ERESTARTSYS
 * (send buffer).
 */
struct sk_buff *rh_tap_packet_build(struct rh_tap_queue *queue, struct iov_iter *from,
				    const struct rh_tap_format *format, struct sock *sk,
				    bool nonblock)
{
	size_t length = iov_iter_count(from);
	struct rh_tap_header header = {};
	struct sk_buff *skb;
	int error;

	error = check_length(queue, length, format);
	if (error)
		return ERR_PTR(error);
	if (unlikely(format->segments))
		skb = copy_segments(queue, &header, from, format);
	else if (length <= RH_TAP_LINEAR_MAX && !is_charged(sk))
		skb = copy_linear(queue, &header, from, format);
	else
		skb = copy_scattered(&header, from, format, sk, nonblock);
	if (IS_ERR(skb))
		return skb;
	error = check_packet(queue, skb, &header, format);
	if (error) {
		kfree_skb(skb);
		return ERR_PTR(error);
	}
	return skb;
}

/* Whether each fragment is a piece of memory as it stands. Not: highmem, a device's own. */
static bool is_addressable(const struct sk_buff *skb)
{
	const struct skb_shared_info *shared = skb_shinfo(skb);
	const struct page *page;
	unsigned int i;

	for (i = 0; i < shared->nr_frags; i++) {
		page = skb_frag_page(&shared->frags[i]);
		if (!page || PageHighMem(page))
			return false;
	}
	return !skb_has_frag_list(skb);
}

/*
 * As much as there is room for. That the bytes are the packet's is beyond doubt, so there is no
 * search for what they are part of.
 */
static __always_inline bool copy_piece_out(const void *bytes, size_t length, struct iov_iter *to)
{
	length = min(length, iov_iter_count(to));
	return _copy_to_iter(bytes, length, to) == length;
}

static bool copy_fragments_out(const struct sk_buff *skb, struct iov_iter *to)
{
	const struct skb_shared_info *shared = skb_shinfo(skb);
	unsigned int i;

	if (unlikely(!is_addressable(skb)))
		return !skb_copy_datagram_iter(skb, 0, to, skb->len);
	if (!copy_piece_out(skb->data, skb_headlen(skb), to))
		return false;
	for (i = 0; i < shared->nr_frags; i++)
		if (!copy_piece_out(skb_frag_address(&shared->frags[i]),
				    skb_frag_size(&shared->frags[i]), to))
			return false;
	return true;
}

static bool copy_frame_out(const struct sk_buff *skb, struct iov_iter *to)
{
	/* Most packets are in one piece: then there is nothing to walk. */
	if (!skb_is_nonlinear(skb))
		return copy_piece_out(skb->data, skb->len, to);
	return copy_fragments_out(skb, to);
}

/* @length is the packet's and all that goes before it. */
static int put_info(const struct sk_buff *skb, struct iov_iter *to, size_t length)
{
	struct tun_pi info = { .proto = skb->protocol };

	if (iov_iter_count(to) < sizeof(info))
		return -EINVAL;
	if (iov_iter_count(to) < length)
		info.flags = TUN_PKT_STRIP;
	return copy_to_iter(&info, sizeof(info), to) == sizeof(info) ? 0 : -EFAULT;
}

static int put_header(const struct sk_buff *skb, struct iov_iter *to,
		      const struct rh_tap_format *format)
{
	struct virtio_net_hdr_v1_hash_tunnel header;
	size_t known = sizeof(struct virtio_net_hdr), rest;

	if (iov_iter_count(to) < format->header_len)
		return -EINVAL;
	if (rh_tap_tunnel_is_needed(skb)) {
		known = sizeof(header);
		memset(&header, 0, known);
	}
	if (format->header_len < known ||
	    virtio_net_hdr_from_skb(skb, (struct virtio_net_hdr *)&header, format->little_endian,
				    true, 0))
		return -EINVAL;
	if (known == sizeof(header) && rh_tap_tunnel_describe(skb, format, &header))
		return -EINVAL;
	if (_copy_to_iter(&header, known, to) != known)
		return -EFAULT;
	rest = format->header_len - known;
	if (rest && iov_iter_zero(rest, to) != rest)
		return -EFAULT;
	return 0;
}

/**
 * rh_tap_packet_copy_out() - write a packet to the reader's buffer
 * @skb: the packet
 * @to: the buffer; a packet too long for it is cut off
 * @format: how it is to look
 *
 * Return: the whole length, with what goes before the packet, or -EINVAL when not even
 * that fits, or -EFAULT.
 */
ssize_t rh_tap_packet_copy_out(const struct sk_buff *skb, struct iov_iter *to,
			       const struct rh_tap_format *format)
{
	size_t length = prefix_length(format) + skb->len;
	int error = 0;

	if (format->info_len)
		error = put_info(skb, to, length);
	if (!error && format->header_len)
		error = put_header(skb, to, format);
	if (error)
		return error;
	if (!copy_frame_out(skb, to))
		return -EFAULT;
	return length;
}
