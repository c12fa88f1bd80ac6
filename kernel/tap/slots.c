// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which queue stands in which slot of its interface: attach and detach, enable and
 * disable (TUNSETQUEUE).
 *
 * Beside stage (3). All of it runs under RTNL in process context, and the data
 * path goes on meanwhile. Entry points: the functions of the slots.c section in
 * tap.h.
 *
 * The queues in use fill the slots from the first on, because the stack spreads
 * packets over all of the net_device's queues up to the number it is told. When
 * one leaves, the last takes its slot. So for a moment a queue can have two
 * producers (the ring's lock keeps them apart) and its consumer can look at the
 * netdev queue of before (settle() wakes all once nobody does any more).
 */
#include "limits.h"
#include "tap.h"

/* The netdev queue that a queue's packets are charged to, NULL for none. */
static struct netdev_queue *charged_queue(const struct rh_tap *tap, unsigned int index)
{
	return tap->drop_when_full ? NULL : netdev_get_tx_queue(tap->dev, index);
}

static void enter_slot(struct rh_tap *tap, struct rh_tap_queue *queue)
{
	unsigned int index = tap->queue_count;

	WRITE_ONCE(queue->index, index);
	WRITE_ONCE(queue->disabled, false);
	WRITE_ONCE(tap->queue_count, index + 1);
	WRITE_ONCE(tap->slots_used, max(tap->slots_used, index + 1));
	rh_tap_limits_move(queue, charged_queue(tap, index));
	rcu_assign_pointer(queue->tap, tap);
	rcu_assign_pointer(tap->slots[index].queue, queue);
}

static void leave_slot(struct rh_tap *tap, struct rh_tap_queue *queue)
{
	unsigned int last = tap->queue_count - 1, index = queue->index;
	struct rh_tap_queue *moved = rtnl_dereference(tap->slots[last].queue);

	rh_tap_limits_move(queue, NULL);
	if (moved != queue) {
		rh_tap_limits_move(moved, charged_queue(tap, index));
		WRITE_ONCE(moved->index, index);
		rcu_assign_pointer(tap->slots[index].queue, moved);
	}
	RCU_INIT_POINTER(tap->slots[last].queue, NULL);
	WRITE_ONCE(tap->queue_count, last);
}

static void leave_disabled(struct rh_tap *tap, struct rh_tap_queue *queue)
{
	list_del_init(&queue->entry);
	tap->disabled_count--;
}

/* The number of queues changed: tell the stack. Returns 0 or -ENOMEM, then it is as before. */
static int settle(struct rh_tap *tap)
{
	/* One queue is the least a net_device has; while it has no file, packets are dropped. */
	unsigned int count = max(tap->queue_count, 1U);
	int error = netif_set_real_num_queues(tap->dev, count, count);

	/*
	 * A queue that was full when its file left, or moved, was never woken. Without
	 * any file it stays so: what waits is for the next one.
	 */
	if (netif_running(tap->dev) && tap->queue_count)
		netif_tx_wake_all_queues(tap->dev);
	/* Packets written to the slot that was left, if one was, wait for no others. */
	if (tap->queue_count < tap->slot_count)
		rh_tap_gro_flush(&tap->slots[tap->queue_count].gro);
	return error;
}

/* Nobody finds the queues on @gone any more: empty them and send their readers away. */
static void part(struct rh_tap *tap, struct list_head *gone)
{
	struct rh_tap_queue *queue, *next;

	synchronize_net();
	list_for_each_entry_safe(queue, next, gone, entry) {
		list_del_init(&queue->entry);
		rh_tap_queue_purge(queue, &tap->slots[queue->index]);
		wake_up_interruptible_poll(&queue->wq.wait, EPOLLERR | EPOLLHUP);
	}
}

/**
 * rh_tap_slots_attach() - give an interface another queue
 * @tap: the interface
 * @queue: a queue that belongs to none
 *
 * Return: 0; -EBUSY there can be one only, and is; -E2BIG there are RH_TAP_QUEUES_MAX;
 * -ENOMEM.
 */
int rh_tap_slots_attach(struct rh_tap *tap, struct rh_tap_queue *queue)
{
	int error;

	ASSERT_RTNL();
	if (!(tap->flags & IFF_MULTI_QUEUE) && tap->queue_count)
		return -EBUSY;
	if (tap->queue_count + tap->disabled_count == RH_TAP_QUEUES_MAX)
		return -E2BIG;
	error = rh_tap_queue_resize(queue, tap->dev->tx_queue_len);
	if (error)
		return error;
	WRITE_ONCE(rh_tap_file_of_queue(queue)->sk.sk_sndbuf, tap->sndbuf);
	enter_slot(tap, queue);
	error = settle(tap);
	if (error)
		rh_tap_slots_detach(tap, queue);
	return error;
}

/**
 * rh_tap_slots_detach() - take a queue from its interface
 * @tap: the interface
 * @queue: its queue, disabled or not
 *
 * Afterwards no one on either side remembers the other, the ring is empty and
 * sleeping readers are on their way out.
 */
void rh_tap_slots_detach(struct rh_tap *tap, struct rh_tap_queue *queue)
{
	LIST_HEAD(gone);

	ASSERT_RTNL();
	if (queue->disabled)
		leave_disabled(tap, queue);
	else
		leave_slot(tap, queue);
	RCU_INIT_POINTER(queue->tap, NULL);
	list_add(&queue->entry, &gone);
	part(tap, &gone);
	/* Fewer queues need no memory. */
	settle(tap);
}

/* The interface goes: take all of its queues, with one grace period for all. */
void rh_tap_slots_detach_all(struct rh_tap *tap)
{
	struct rh_tap_queue *queue;
	LIST_HEAD(gone);

	ASSERT_RTNL();
	list_splice_init(&tap->disabled, &gone);
	tap->disabled_count = 0;
	while (tap->queue_count) {
		queue = rtnl_dereference(tap->slots[tap->queue_count - 1].queue);
		leave_slot(tap, queue);
		list_add(&queue->entry, &gone);
	}
	list_for_each_entry(queue, &gone, entry)
		RCU_INIT_POINTER(queue->tap, NULL);
	part(tap, &gone);
}

/**
 * rh_tap_slots_enable() - give a disabled queue a slot again
 * @tap: its interface
 * @queue: the queue
 *
 * Return: 0 or -ENOMEM.
 */
int rh_tap_slots_enable(struct rh_tap *tap, struct rh_tap_queue *queue)
{
	int error;

	ASSERT_RTNL();
	leave_disabled(tap, queue);
	enter_slot(tap, queue);
	error = settle(tap);
	if (error)
		rh_tap_slots_disable(tap, queue);
	return error;
}

/**
 * rh_tap_slots_disable() - take the slot of a queue
 * @tap: its interface
 * @queue: the queue; packets in its ring are dropped
 */
void rh_tap_slots_disable(struct rh_tap *tap, struct rh_tap_queue *queue)
{
	ASSERT_RTNL();
	leave_slot(tap, queue);
	WRITE_ONCE(queue->disabled, true);
	synchronize_net();
	rh_tap_queue_purge(queue, &tap->slots[queue->index]);
	list_add_tail(&queue->entry, &tap->disabled);
	tap->disabled_count++;
	settle(tap);
}

/* Follow the switch that makes full rings drop: then no sender is held back. */
void rh_tap_slots_set_limits(struct rh_tap *tap)
{
	unsigned int i;

	ASSERT_RTNL();
	for (i = 0; i < tap->queue_count; i++)
		rh_tap_limits_move(rtnl_dereference(tap->slots[i].queue), charged_queue(tap, i));
}

static void set_sndbuf(struct rh_tap_queue *queue, int bytes)
{
	WRITE_ONCE(rh_tap_file_of_queue(queue)->sk.sk_sndbuf, bytes);
}

/* Bound what each file's written packets may hold, also of files that are still to come. */
void rh_tap_slots_set_sndbuf(struct rh_tap *tap, int bytes)
{
	struct rh_tap_queue *queue;
	unsigned int i;

	ASSERT_RTNL();
	tap->sndbuf = bytes;
	for (i = 0; i < tap->queue_count; i++)
		set_sndbuf(rtnl_dereference(tap->slots[i].queue), bytes);
	list_for_each_entry(queue, &tap->disabled, entry)
		set_sndbuf(queue, bytes);
}

static void wake_writers(struct rh_tap_queue *queue)
{
	wake_up_interruptible_poll(&queue->wq.wait, EPOLLOUT | EPOLLWRNORM);
}

/* The interface is up: tell who waits for that, by disabled queues as well. */
void rh_tap_slots_wake_writers(struct rh_tap *tap)
{
	struct rh_tap_queue *queue;
	unsigned int i;

	ASSERT_RTNL();
	for (i = 0; i < tap->queue_count; i++)
		wake_writers(rtnl_dereference(tap->slots[i].queue));
	list_for_each_entry(queue, &tap->disabled, entry)
		wake_writers(queue);
}

/* A program that comes is for all queues there are. */
void rh_tap_slots_set_filtered(struct rh_tap *tap)
{
	struct rh_tap_queue *queue;
	unsigned int i;

	ASSERT_RTNL();
	for (i = 0; i < tap->queue_count; i++)
		WRITE_ONCE(rtnl_dereference(tap->slots[i].queue)->filtered, true);
	list_for_each_entry(queue, &tap->disabled, entry)
		WRITE_ONCE(queue->filtered, true);
}

/* Follow the interface's tx_queue_len. Returns 0 or -ENOMEM, then some may have followed. */
int rh_tap_slots_resize(struct rh_tap *tap)
{
	unsigned int packets = tap->dev->tx_queue_len, i;
	struct rh_tap_queue *queue;
	int error = 0;

	ASSERT_RTNL();
	for (i = 0; i < tap->queue_count && !error; i++)
		error = rh_tap_queue_resize(rtnl_dereference(tap->slots[i].queue), packets);
	list_for_each_entry(queue, &tap->disabled, entry)
		error = error ? error : rh_tap_queue_resize(queue, packets);
	/* A larger ring has room now; a smaller one stops again by itself. */
	if (netif_running(tap->dev))
		netif_tx_wake_all_queues(tap->dev);
	return error;
}
