// SPDX-License-Identifier: GPL-2.0-only
/*
 * XDP, stage (3): a program of the administrator's sees each packet from a file before the
 * host's stack does, and frames that programs elsewhere redirect here go to the files.
 *
 *	rh_tap_receive() -> program -> PASS       the stack
 *	                            -> TX         the ring of the same queue, back to its file
 *	                            -> REDIRECT   another interface, processor or socket
 *	                            -> DROP
 *	ndo_xdp_xmit    -> the ring of a queue
 *
 * Written packets and batches of the port's meet here as skbs. wire.c makes each of them what
 * a program expects of a packet, so none is passed by. Rings hold skbs only: a frame becomes
 * one before it goes into a ring, and no reader has to know of frames.
 *
 * rh_tap_xdp_run() and rh_tap_xdp_xmit() run with BHs disabled, rh_tap_xdp_command() under RTNL.
 */
#include <linux/bpf_trace.h>

#include "tap.h"
#include "wire.h"

/**
 * struct run - a program's run over some packets
 * @tap: where they came in
 * @index: number of the slot
 * @slot: the slot
 * @program: the program; the caller's section of RCU keeps it
 * @passed: packets for the stack
 * @redirected: xdp_do_flush() is due
 */
struct run {
	struct rh_tap *tap;
	unsigned int index;
	struct rh_tap_slot *slot;
	struct bpf_prog *program;
	struct list_head *passed;
	bool redirected;
};

/* Neither is the packet passed on nor did the program drop it. */
static void count_error(struct run *run, u32 verdict)
{
	trace_xdp_exception(run->tap->dev, run->program, verdict);
	rh_tap_slot_count(run->slot, RH_TAP_STAT_XDP_ERRORS, 1);
}

static void count_received(struct run *run, enum rh_tap_stat stat, unsigned int bytes)
{
	rh_tap_slot_count(run->slot, stat, 1);
	rh_tap_slot_count(run->slot, RH_TAP_STAT_RX_PACKETS, 1);
	rh_tap_slot_count(run->slot, RH_TAP_STAT_RX_BYTES, bytes);
}

/* Give the skb the bounds that the program left. */
static void adopt(struct sk_buff *skb, const struct xdp_buff *xdp)
{
	skb->data = xdp->data;
	skb->len = xdp->data_end - xdp->data;
	skb_set_tail_pointer(skb, skb->len);
	if (xdp->data_meta < xdp->data)
		skb_metadata_set(skb, xdp->data - xdp->data_meta);
	/* The writer's header was the last to say where it is. */
	skb->transport_header = (typeof(skb->transport_header))~0U;
}

static void pass(struct run *run, struct sk_buff *skb, const struct xdp_buff *xdp)
{
	adopt(skb, xdp);
	list_add_tail(&skb->list, run->passed);
}

/* Store a packet in a queue's ring, if the filters want it there; false: there is no room. */
static bool store(struct rh_tap *tap, unsigned int index, struct rh_tap_queue *queue,
		  struct sk_buff *skb)
{
	skb->dev = tap->dev;
	skb_set_queue_mapping(skb, index);
	if (rh_tap_filter_run(tap, queue, skb))
		return rh_tap_queue_offer(queue, skb);
	rh_tap_slot_count(&tap->slots[index], RH_TAP_STAT_TX_FILTERED, 1);
	kfree_skb(skb);
	return true;
}

static void transmit(struct run *run, struct sk_buff *skb, const struct xdp_buff *xdp)
{
	struct rh_tap_queue *queue = rcu_dereference_bh(run->slot->queue);
	unsigned int length = xdp->data_end - xdp->data;

	adopt(skb, xdp);
	/* It may lie in the ring for long. */
	skb_orphan(skb);
	if (!queue || !store(run->tap, run->index, queue, skb)) {
		kfree_skb(skb);
		count_error(run, XDP_TX);
		return;
	}
	rh_tap_queue_notify(queue);
	count_received(run, RH_TAP_STAT_XDP_TX, length);
}

static void redirect(struct run *run, struct sk_buff *skb, struct xdp_buff *xdp)
{
	unsigned int length = xdp->data_end - xdp->data;

	/* The memory is the frame's from now on, and the skb must have let go of it before. */
	get_page(virt_to_head_page(xdp->data));
	consume_skb(skb);
	if (xdp_do_redirect(run->tap->dev, xdp, run->program)) {
		xdp_return_buff(xdp);
		count_error(run, XDP_REDIRECT);
		return;
	}
	run->redirected = true;
	count_received(run, RH_TAP_STAT_XDP_REDIRECT, length);
}

static void drop(struct run *run, struct sk_buff *skb)
{
	kfree_skb(skb);
	rh_tap_slot_count(run->slot, RH_TAP_STAT_XDP_DROP, 1);
}

static void obey(struct run *run, struct sk_buff *skb, struct xdp_buff *xdp, u32 verdict)
{
	switch (verdict) {
	case XDP_PASS:
		pass(run, skb, xdp);
		break;
	case XDP_TX:
		transmit(run, skb, xdp);
		break;
	case XDP_REDIRECT:
		redirect(run, skb, xdp);
		break;
	case XDP_DROP:
		drop(run, skb);
		break;
	default:
		bpf_warn_invalid_xdp_action(run->tap->dev, run->program, verdict);
		fallthrough;
	case XDP_ABORTED:
		kfree_skb(skb);
		count_error(run, verdict);
		break;
	}
}

static void run_one(struct run *run, struct sk_buff *skb)
{
	struct xdp_buff xdp;

	skb = rh_tap_wire_flatten(skb);
	if (!skb) {
		count_error(run, XDP_ABORTED);
		return;
	}
	/* The stack's description of the queue: its memory is of pages that are counted. */
	xdp_init_buff(&xdp, skb_end_offset(skb) + SKB_DATA_ALIGN(sizeof(struct skb_shared_info)),
		      &__netif_get_rx_queue(run->tap->dev, run->index)->xdp_rxq);
	xdp_prepare_buff(&xdp, skb->head, skb_headroom(skb), skb->len, true);
	obey(run, skb, &xdp, bpf_prog_run_xdp(run->program, &xdp));
}

static void run_segments(struct run *run, struct sk_buff *skb)
{
	struct sk_buff *segment, *next;

	segment = rh_tap_wire_segment(skb, run->tap->dev);
	if (!segment)
		count_error(run, XDP_ABORTED);
	for (; segment; segment = next) {
		next = segment->next;
		skb_mark_not_on_list(segment);
		run_one(run, segment);
	}
}

/**
 * rh_tap_xdp_run() - show packets to the interface's program
 * @tap: the interface
 * @index: the slot they came by
 * @skbs: the packets; those for the stack stay, cut up and with their checksums complete.
 *	All stay as they are if there is no program.
 */
void rh_tap_xdp_run(struct rh_tap *tap, unsigned int index, struct list_head *skbs)
{
	struct bpf_net_context context, *set;
	struct sk_buff *skb, *next;
	LIST_HEAD(packets);
	struct run run = {
		.tap = tap, .index = index, .slot = &tap->slots[index], .passed = skbs,
		.program = rcu_dereference_bh(tap->program),
	};

	if (!run.program)
		return;
	list_splice_init(skbs, &packets);
	set = bpf_net_ctx_set(&context);
	list_for_each_entry_safe(skb, next, &packets, list) {
		skb_list_del_init(skb);
		/* From before its file had this interface: no packet of ours, see receive.c. */
		if (unlikely(rh_tap_packet_is_layer3(skb)))
			list_add_tail(&skb->list, skbs);
		else
			run_segments(&run, skb);
	}
	if (run.redirected)
		xdp_do_flush();
	bpf_net_ctx_clear(set);
}

/* Make a packet of a frame and store it; the frame is gone unless this returns false. */
static bool put_frame(struct rh_tap *tap, unsigned int index, struct rh_tap_queue *queue,
		      struct xdp_frame *frame)
{
	struct sk_buff *skb;

	if (!rh_tap_queue_has_room(queue))
		return false;
	skb = xdp_build_skb_from_frame(frame, tap->dev);
	if (!skb)
		return false;
	__skb_push(skb, ETH_HLEN);
	if (!store(tap, index, queue, skb)) {
		/* Another producer took the room. */
		rh_tap_slot_count(&tap->slots[index], RH_TAP_STAT_TX_DROPPED, 1);
		kfree_skb(skb);
	}
	return true;
}

/**
 * rh_tap_xdp_xmit() - ndo_xdp_xmit: frames towards the files
 * @dev: the interface
 * @count: of @frames
 * @frames: the frames, the caller's unless taken
 * @flags: XDP_XMIT_FLUSH: no more will come soon
 *
 * Which processor asks decides which queue.
 *
 * Return: how many were taken; the rest found no room or no memory. -EINVAL for other flags,
 * -ENXIO when there is no file.
 */
int rh_tap_xdp_xmit(struct net_device *dev, int count, struct xdp_frame **frames, u32 flags)
{
	struct rh_tap *tap = netdev_priv(dev);
	unsigned int queues = READ_ONCE(tap->queue_count);
	unsigned int index = queues ? smp_processor_id() % queues : 0;
	struct rh_tap_slot *slot = &tap->slots[index];
	struct rh_tap_queue *queue;
	int sent = 0;

	if (flags & ~XDP_XMIT_FLAGS_MASK)
		return -EINVAL;
	queue = rcu_dereference_bh(slot->queue);
	if (!queue) {
		rh_tap_slot_count(slot, RH_TAP_STAT_TX_DROPPED, count);
		return -ENXIO;
	}
	while (sent < count && put_frame(tap, index, queue, frames[sent]))
		sent++;
	if (unlikely(sent < count))
		rh_tap_slot_count(slot, RH_TAP_STAT_TX_DROPPED, count - sent);
	if (flags & XDP_XMIT_FLUSH)
		rh_tap_queue_notify(queue);
	return sent;
}

/* Runs of the old program end by themselves; it is freed after a grace period. */
static void set_program(struct rh_tap *tap, struct bpf_prog *program)
{
	struct bpf_prog *old = rtnl_dereference(tap->program);

	rcu_assign_pointer(tap->program, program);
	if (old)
		bpf_prog_put(old);
}

/**
 * rh_tap_xdp_command() - ndo_bpf
 * @dev: the interface
 * @command: XDP_SETUP_PROG, with a program that becomes ours or NULL. There is no program or
 *	state of the interface with which it could not work.
 *
 * Return: 0 or -EINVAL for another command.
 */
int rh_tap_xdp_command(struct net_device *dev, struct netdev_bpf *command)
{
	ASSERT_RTNL();
	if (command->command != XDP_SETUP_PROG)
		return -EINVAL;
	set_program(netdev_priv(dev), command->prog);
	return 0;
}
