// SPDX-License-Identifier: GPL-2.0-only
/*
 * Host transmit, stage (3): the ring between the interface and a file.
 *
 * rh_tap_queue_put() runs in ndo_start_xmit (softirq context, one at a time for
 * each queue, but while it moves to another slot), rh_tap_queue_offer() beside it
 * for XDP; rh_tap_queue_take_one() in process context, by read(), rh_tap_queue_take() and
 * rh_tap_queue_give_back() by the port's consumer; resize and purge under RTNL.
 *
 * A full ring stops the netdev queue, so that senders wait in the queueing
 * discipline, and whoever makes room wakes it. Two pairs of full barriers keep
 * both directions from sleeping on each other:
 *
 *	put: store the packet, barrier P1, look for sleepers and wake_armed
 *	take, port: become a sleeper or set wake_armed, barrier, look for packets
 *
 *	put: stop the netdev queue, barrier P2, look for room
 *	take: make room, barrier, look whether the netdev queue is stopped
 */
#include "limits.h"
#include "tap.h"

static void count_dropped(const struct sk_buff *skb)
{
	struct rh_tap *tap = netdev_priv(skb->dev);

	rh_tap_slot_count(&tap->slots[skb_get_queue_mapping(skb)], RH_TAP_STAT_TX_DROPPED, 1);
}

/* Free what a ring that shrinks has no room for; interrupts are off. */
static void drop_packet(void *packet)
{
	count_dropped(packet);
	dev_kfree_skb_any(packet);
}

int rh_tap_queue_init(struct rh_tap_queue *queue)
{
	init_waitqueue_head(&queue->wq.wait);
	spin_lock_init(&queue->wake_lock);
	INIT_LIST_HEAD(&queue->entry);
	__skb_queue_head_init(&queue->returned);
	return ptr_ring_init(&queue->ring, TUN_READQ_SIZE, GFP_KERNEL);
}

void rh_tap_queue_exit(struct rh_tap_queue *queue)
{
	/* Detaching emptied the ring. */
	ptr_ring_cleanup(&queue->ring, NULL);
}

/**
 * rh_tap_queue_resize() - follow the interface's tx_queue_len
 * @queue: the queue
 * @packets: new size; 0 is taken as 1, for a ring without room stops for ever
 *
 * Return: 0 or -ENOMEM, then the old size stays.
 */
int rh_tap_queue_resize(struct rh_tap_queue *queue, unsigned int packets)
{
	ASSERT_RTNL();
	if (packets > INT_MAX)
		return -ENOMEM;
	packets = max(packets, 1U);
	if (packets == queue->ring.size)
		return 0;
	if (ptr_ring_resize(&queue->ring, packets, GFP_KERNEL, drop_packet))
		return -ENOMEM;
	/* Nobody takes what was dropped. */
	rh_tap_limits_move(queue, queue->limits.txq);
	return 0;
}

/* The next packet of a queue that gets no new ones. */
static struct sk_buff *take_leftover(struct rh_tap_queue *queue)
{
	struct sk_buff *skb;

	spin_lock_bh(&queue->ring.consumer_lock);
	skb = __skb_dequeue(&queue->returned) ?: __ptr_ring_consume(&queue->ring);
	spin_unlock_bh(&queue->ring.consumer_lock);
	return skb;
}

/* Empty a queue that no producer finds any more. */
void rh_tap_queue_purge(struct rh_tap_queue *queue, struct rh_tap_slot *slot)
{
	struct sk_buff *skb;

	while ((skb = take_leftover(queue))) {
		rh_tap_slot_count(slot, RH_TAP_STAT_TX_DROPPED, 1);
		kfree_skb(skb);
	}
}

/* Tell the port's consumer, once for each time it armed. */
static void wake_consumer(struct rh_tap_queue *queue)
{
	unsigned long flags;

	/* The lock is what lets detach promise that no wake runs afterwards. */
	spin_lock_irqsave(&queue->wake_lock, flags);
	if (queue->wake && queue->wake_armed) {
		WRITE_ONCE(queue->wake_armed, false);
		queue->wake(queue->wake_context);
	}
	spin_unlock_irqrestore(&queue->wake_lock, flags);
}

/* Packets were stored: wake whoever waits for them. */
static __always_inline void notify(struct rh_tap_queue *queue)
{
	/* P1; pairs with prepare_to_wait(), file_poll() and port_consume(). */
	smp_mb();
	if (READ_ONCE(queue->wake_armed))
		wake_consumer(queue);
	/* P1 is its barrier, too. */
	if (waitqueue_active(&queue->wq.wait))
		wake_up_interruptible_poll(&queue->wq.wait, EPOLLIN | EPOLLRDNORM);
	if (READ_ONCE(queue->wq.fasync_list))
		kill_fasync(&queue->wq.fasync_list, SIGIO, POLL_IN);
}

/*
 * The ring is full: stop the netdev queue. Returns false when room came up meanwhile, when
 * the administrator wants drops, and when nothing would hold packets while it is stopped.
 */
static noinline bool stop(struct rh_tap_queue *queue, struct netdev_queue *txq)
{
	struct rh_tap *tap = netdev_priv(txq->dev);

	lockdep_assert_held(&queue->ring.producer_lock);
	if (READ_ONCE(tap->drop_when_full) || !rcu_dereference_bh(txq->qdisc)->enqueue)
		return false;
	netif_tx_stop_queue(txq);
	/* P2; pairs with smp_mb() in take. */
	smp_mb__after_atomic();
	if (!__ptr_ring_full(&queue->ring)) {
		netif_tx_start_queue(txq);
		return false;
	}
	rh_tap_slot_count(&tap->slots[txq - tap->dev->_tx], RH_TAP_STAT_TX_STOPS, 1);
	return true;
}

/* Cut what ties the packet to its sender: it may lie in the ring for long. */
static bool make_independent(struct sk_buff *skb)
{
	if (skb_orphan_frags_rx(skb, GFP_ATOMIC))
		return false;
	skb_tx_timestamp(skb);
	skb_orphan(skb);
	nf_reset_ct(skb);
	return true;
}

/**
 * rh_tap_queue_put() - hand a packet to the file
 * @queue: the queue
 * @txq: the netdev queue, locked
 * @skb: the packet
 *
 * Return: NETDEV_TX_OK, and @skb is stored or freed; NETDEV_TX_BUSY, and @skb is
 * untouched and @txq stopped.
 */
netdev_tx_t rh_tap_queue_put(struct rh_tap_queue *queue, struct netdev_queue *txq,
			     struct sk_buff *skb)
{
	spin_lock(&queue->ring.producer_lock);
	if (unlikely(__ptr_ring_full(&queue->ring))) {
		/* The ring shrank, XDP filled it, or the interface was brought up anew. */
		if (stop(queue, txq)) {
			spin_unlock(&queue->ring.producer_lock);
			return NETDEV_TX_BUSY;
		}
		if (__ptr_ring_full(&queue->ring))
			goto drop;
	}
	if (unlikely(!make_independent(skb)))
		goto drop;
	rh_tap_limits_charge(queue, txq, skb);
	/* There is room, and what is charged must not fail. */
	__ptr_ring_produce(&queue->ring, skb);
	if (unlikely(__ptr_ring_full(&queue->ring)))
		stop(queue, txq);
	spin_unlock(&queue->ring.producer_lock);
	notify(queue);
	return NETDEV_TX_OK;
drop:
	spin_unlock(&queue->ring.producer_lock);
	count_dropped(skb);
	kfree_skb(skb);
	return NETDEV_TX_OK;
}

/* Packets were offered: wake whoever waits for them. */
void rh_tap_queue_notify(struct rh_tap_queue *queue)
{
	notify(queue);
}

/* Whether a packet would find room in the ring just now. */
bool rh_tap_queue_has_room(struct rh_tap_queue *queue)
{
	return !ptr_ring_full(&queue->ring);
}

/**
 * rh_tap_queue_offer() - hand a packet to the file that nobody holds back until there is room
 * @queue: the queue
 * @skb: the packet, which nothing ties to its sender. Nobody is woken for it.
 *
 * Return: whether there was room; if not, @skb stays the caller's.
 */
bool rh_tap_queue_offer(struct rh_tap_queue *queue, struct sk_buff *skb)
{
	bool stored;

	spin_lock(&queue->ring.producer_lock);
	rh_tap_limits_pass(queue, skb);
	stored = !__ptr_ring_produce(&queue->ring, skb);
	spin_unlock(&queue->ring.producer_lock);
	return stored;
}

/* The netdev queue was stopped: let the stack go on if there is room. */
static noinline void wake(struct rh_tap_queue *queue, struct netdev_queue *txq)
{
	bool full;

	lockdep_assert_held(&queue->ring.consumer_lock);
	/* XDP's producers do not stop, so that only their lock tells where the ring ends. */
	spin_lock(&queue->ring.producer_lock);
	full = __ptr_ring_full(&queue->ring);
	spin_unlock(&queue->ring.producer_lock);
	if (!full)
		netif_tx_wake_queue(txq);
}

/* Room was made: tell the stack if it waits for that. */
static void wake_if_room(struct rh_tap_queue *queue, struct netdev_queue *txq)
{
	/* Pairs with P2: either we see the stop, or put sees the room. */
	smp_mb();
	if (unlikely(netif_tx_queue_stopped(txq)))
		wake(queue, txq);
}

/* How the files of an interface have their packets, now. */
static __always_inline void set_format(const struct rh_tap_queue *queue, const struct rh_tap *tap,
				       struct rh_tap_format *format)
{
	unsigned int flags = READ_ONCE(tap->flags);

	*format = (struct rh_tap_format) {
		.layer3 = flags & IFF_TUN,
		.segments = READ_ONCE(queue->segments),
		.info_len = flags & IFF_NO_PI ? 0 : sizeof(struct tun_pi),
		.header_len = flags & IFF_VNET_HDR ? READ_ONCE(tap->header_len) : 0,
		.little_endian = READ_ONCE(tap->little_endian) ||
				 (virtio_legacy_is_little_endian() && !READ_ONCE(tap->big_endian)),
	};
}

static void count_taken(struct rh_tap_slot *slot, struct sk_buff **skbs, unsigned int count)
{
	unsigned int i;
	s64 bytes = 0;

	for (i = 0; i < count; i++)
		bytes += skbs[i]->len;
	rh_tap_slot_count(slot, RH_TAP_STAT_TX_PACKETS, count);
	rh_tap_slot_count(slot, RH_TAP_STAT_TX_BYTES, bytes);
}

/* Those that came back are the first again. */
static unsigned int take_returned(struct rh_tap_queue *queue, struct sk_buff **skbs,
				  unsigned int max)
{
	unsigned int count = 0;

	lockdep_assert_held(&queue->ring.consumer_lock);
	while (count < max && !skb_queue_empty(&queue->returned))
		skbs[count++] = __skb_dequeue(&queue->returned);
	return count;
}

/* The consumer's turn: packets for @skbs, and room for the stack. */
static __always_inline unsigned int take(struct rh_tap_queue *queue, struct rh_tap *tap,
					 struct sk_buff **skbs, unsigned int max)
{
	/* May be that of before: whoever changes it wakes the netdev queues after. */
	unsigned int index = READ_ONCE(queue->index), returned = 0, count;

	lockdep_assert_held(&queue->ring.consumer_lock);
	if (unlikely(!skb_queue_empty(&queue->returned)))
		returned = take_returned(queue, skbs, max);
	count = __ptr_ring_consume_batched(&queue->ring, (void **)skbs + returned, max - returned);
	if (count) {
		rh_tap_limits_complete(queue, skbs[returned + count - 1]);
		wake_if_room(queue, netdev_get_tx_queue(tap->dev, index));
		count_taken(&tap->slots[index], skbs + returned, count);
	}
	return returned + count;
}

/**
 * rh_tap_queue_take() - take packets the host sent
 * @queue: the queue
 * @skbs: filled with packets, the caller's from then on
 * @max: room at @skbs
 *
 * Return: how many; 0 also when there is no interface.
 */
unsigned int rh_tap_queue_take(struct rh_tap_queue *queue, struct sk_buff **skbs,
			       unsigned int max)
{
	unsigned int count = 0;
	struct rh_tap *tap;

	/* A woken queueing discipline runs when BHs are allowed again. */
	spin_lock_bh(&queue->ring.consumer_lock);
	tap = rcu_dereference_bh(queue->tap);
	if (tap)
		count = take(queue, tap, skbs, max);
	spin_unlock_bh(&queue->ring.consumer_lock);
	return count;
}

/**
 * rh_tap_queue_take_one() - take a packet the host sent, for a reader
 * @queue: the queue
 * @format: how the reader is to see it
 *
 * Return: the packet, or NULL; then @format is not set.
 */
struct sk_buff *rh_tap_queue_take_one(struct rh_tap_queue *queue, struct rh_tap_format *format)
{
	struct sk_buff *skb = NULL;
	struct rh_tap *tap;

	spin_lock_bh(&queue->ring.consumer_lock);
	tap = rcu_dereference_bh(queue->tap);
	if (tap && take(queue, tap, &skb, 1))
		set_format(queue, tap, format);
	spin_unlock_bh(&queue->ring.consumer_lock);
	return skb;
}

/**
 * rh_tap_queue_give_back() - undo rh_tap_queue_take(); the packets count as taken still
 * @queue: the queue
 * @skbs: what was taken last; lost if the queue has no interface any more, or is disabled
 * @count: how many
 */
void rh_tap_queue_give_back(struct rh_tap_queue *queue, struct sk_buff **skbs, unsigned int count)
{
	bool in_use;

	spin_lock_bh(&queue->ring.consumer_lock);
	/* Whoever changes that purges the queue a grace period later. */
	in_use = rcu_access_pointer(queue->tap) && !READ_ONCE(queue->disabled);
	while (in_use && count)
		__skb_queue_head(&queue->returned, skbs[--count]);
	spin_unlock_bh(&queue->ring.consumer_lock);
	while (count)
		kfree_skb(skbs[--count]);
	notify(queue);
}

bool rh_tap_queue_has_packets(struct rh_tap_queue *queue)
{
	return !skb_queue_empty_lockless(&queue->returned) || !ptr_ring_empty_bh(&queue->ring);
}

/* Count one event against the interface, if there still is one. */
void rh_tap_queue_count(struct rh_tap_queue *queue, enum rh_tap_stat stat)
{
	struct rh_tap *tap;

	rcu_read_lock();
	tap = rcu_dereference(queue->tap);
	if (tap)
		rh_tap_slot_count(&tap->slots[READ_ONCE(queue->index)], stat, 1);
	rcu_read_unlock();
}

/* A packet that was taken did not reach its reader: take back that it did. */
void rh_tap_queue_count_lost(struct rh_tap_queue *queue, const struct sk_buff *skb)
{
	struct rh_tap_slot *slot;
	struct rh_tap *tap;

	rcu_read_lock();
	tap = rcu_dereference(queue->tap);
	/* The file may be on another interface by now, which never counted the packet. */
	if (tap && tap->dev == skb->dev) {
		slot = &tap->slots[READ_ONCE(queue->index)];
		rh_tap_slot_count(slot, RH_TAP_STAT_TX_PACKETS, -1);
		rh_tap_slot_count(slot, RH_TAP_STAT_TX_BYTES, -(s64)skb->len);
		rh_tap_slot_count(slot, RH_TAP_STAT_TX_DROPPED, 1);
	}
	rcu_read_unlock();
}

/*
 * Whether an XDP program will see what is written; a moment later it may be otherwise. Runs with
 * BHs disabled.
 */
bool rh_tap_queue_has_program(const struct rh_tap_queue *queue)
{
	const struct rh_tap *tap = rcu_dereference_bh(queue->tap);

	return tap && rcu_access_pointer(tap->program);
}

/* Returns false when there is no interface; *format is not set then. */
bool rh_tap_queue_get_format(struct rh_tap_queue *queue, struct rh_tap_format *format)
{
	const struct rh_tap *tap;

	rcu_read_lock();
	tap = rcu_dereference(queue->tap);
	if (tap)
		set_format(queue, tap, format);
	rcu_read_unlock();
	return tap;
}
