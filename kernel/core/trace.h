/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints at the stages of the data path, in tracefs below events/ringhost; what
 * each field means is in Documentation/uapi/statistics.rst. A tracepoint that
 * is off costs a branch that is never taken.
 *
 *	(1) rh_kick		a signal of the kick eventfd woke the queue; any context
 *	(2) rh_pop		a chain was taken off the ring
 *	(3) rh_run_begin	the backend's turn begins: it pops and starts requests
 *	    rh_run_end		its turn ends
 *	(4) rh_push		the backend is done with a chain
 *	    rh_publish		the driver can see all chains pushed since the last one
 *	(5) rh_call		the call eventfd was signalled
 *	    rh_call_suppressed	the driver wants none, or has no eventfd bound
 *	    rh_break		the ring's content was refused
 *
 * All but rh_kick run under the queue's lock.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM ringhost

#if !defined(RH_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define RH_TRACE_H

#include <linux/tracepoint.h>

#include "core.h"
#include "queue.h"

/* Room for the longest name of a reject and its end. */
#define RH_TRACE_REASON 32

DECLARE_EVENT_CLASS(rh_queue_event,
	TP_PROTO(const struct rh_queue *queue),
	TP_ARGS(queue),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(u32, queue)
	),
	TP_fast_assign(
		__entry->device = queue->dev->id;
		__entry->queue = queue->index;
	),
	TP_printk("device=%u queue=%u", __entry->device, __entry->queue)
);

DEFINE_EVENT(rh_queue_event, rh_kick,
	TP_PROTO(const struct rh_queue *queue), TP_ARGS(queue));
DEFINE_EVENT(rh_queue_event, rh_run_begin,
	TP_PROTO(const struct rh_queue *queue), TP_ARGS(queue));
DEFINE_EVENT(rh_queue_event, rh_call,
	TP_PROTO(const struct rh_queue *queue), TP_ARGS(queue));
DEFINE_EVENT(rh_queue_event, rh_call_suppressed,
	TP_PROTO(const struct rh_queue *queue), TP_ARGS(queue));

TRACE_EVENT(rh_run_end,
	TP_PROTO(const struct rh_queue *queue, bool again),
	TP_ARGS(queue, again),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(u32, queue)
		__field(u32, inflight)
		__field(bool, again)
	),
	TP_fast_assign(
		__entry->device = queue->dev->id;
		__entry->queue = queue->index;
		__entry->inflight = queue->inflight;
		__entry->again = again;
	),
	TP_printk("device=%u queue=%u inflight=%u again=%d", __entry->device, __entry->queue,
		  __entry->inflight, __entry->again)
);

TRACE_EVENT(rh_pop,
	TP_PROTO(const struct rh_queue *queue, const struct rh_chain *chain),
	TP_ARGS(queue, chain),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(u32, queue)
		__field(u32, head)
		__field(u32, descriptors)
		__field(u64, out_bytes)
		__field(u64, in_bytes)
	),
	TP_fast_assign(
		__entry->device = queue->dev->id;
		__entry->queue = queue->index;
		__entry->head = chain->head;
		__entry->descriptors = chain->descriptors;
		__entry->out_bytes = chain->out_bytes;
		__entry->in_bytes = chain->in_bytes;
	),
	TP_printk("device=%u queue=%u head=%u descriptors=%u out=%llu in=%llu", __entry->device,
		  __entry->queue, __entry->head, __entry->descriptors, __entry->out_bytes,
		  __entry->in_bytes)
);

TRACE_EVENT(rh_push,
	TP_PROTO(const struct rh_queue *queue, u16 chain, u32 written),
	TP_ARGS(queue, chain, written),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(u32, queue)
		__field(u32, head)
		__field(u32, written)
	),
	TP_fast_assign(
		__entry->device = queue->dev->id;
		__entry->queue = queue->index;
		__entry->head = chain;
		__entry->written = written;
	),
	TP_printk("device=%u queue=%u head=%u written=%u", __entry->device, __entry->queue,
		  __entry->head, __entry->written)
);

TRACE_EVENT(rh_publish,
	TP_PROTO(const struct rh_queue *queue, unsigned int chains),
	TP_ARGS(queue, chains),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(u32, queue)
		__field(u32, chains)
		__field(u32, position)
	),
	TP_fast_assign(
		__entry->device = queue->dev->id;
		__entry->queue = queue->index;
		__entry->chains = chains;
		__entry->position = queue->ring.used_next;
	),
	TP_printk("device=%u queue=%u chains=%u position=%u", __entry->device, __entry->queue,
		  __entry->chains, __entry->position)
);

TRACE_EVENT(rh_break,
	TP_PROTO(const struct rh_queue *queue, unsigned int reject),
	TP_ARGS(queue, reject),
	TP_STRUCT__entry(
		__field(u32, device)
		__field(u32, queue)
		__array(char, reason, RH_TRACE_REASON)
	),
	TP_fast_assign(
		__entry->device = queue->dev->id;
		__entry->queue = queue->index;
		strscpy(__entry->reason, rh_stat_name(reject), RH_TRACE_REASON);
	),
	TP_printk("device=%u queue=%u reason=%s", __entry->device, __entry->queue,
		  __entry->reason)
);

#endif /* RH_TRACE_H */

/* The modules are built elsewhere than the kernel: trace.o is compiled with this folder's -I. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
