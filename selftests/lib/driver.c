// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio driver in userspace, opposite of stages (1), (2), (4) and (5): it
 * offers chains, kicks, and reaps what the device gives back; virtio 1.3, 2.7.
 * Runs in the test, little-endian hosts only. A failure of the set-up ends the
 * test; a hostile test writes the ring itself and calls driver_offer(). Entry
 * points: driver_init(), driver_add(), driver_kick(), driver_wait().
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "driver.h"
#include "harness.h"

#define PAGE 4096

static bool has_feature(const struct driver_queue *queue, unsigned int bit)
{
	return queue->driver->features & DRIVER_BIT(bit);
}

/* Each part of the ring on pages of its own, so that a test can take one away. */
static void alloc_ring(struct driver_queue *queue)
{
	struct guest *guest = &queue->driver->guest;
	size_t num = queue->num;

	queue->desc = guest_alloc(guest, num * sizeof(struct vring_desc), PAGE);
	queue->avail = guest_alloc(guest, sizeof(struct vring_avail) + (num + 1) * sizeof(__u16),
				   PAGE);
	queue->used = guest_alloc(guest, sizeof(struct vring_used) +
				  num * sizeof(struct vring_used_elem) + sizeof(__u16), PAGE);
	guest_alloc(guest, 0, PAGE);
	queue->chain_length = calloc(num, sizeof(*queue->chain_length));
	ASSERT_NE(NULL, queue->chain_length);
}

static int new_eventfd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT_LE(0, fd);
	return fd;
}

/**
 * driver_reset_queue() - empty the ring, as after a reset of the device
 * @queue: a queue that is stopped
 */
void driver_reset_queue(struct driver_queue *queue)
{
	memset(queue->desc, 0, queue->num * sizeof(struct vring_desc));
	memset(queue->avail, 0, sizeof(struct vring_avail) + (queue->num + 1) * sizeof(__u16));
	memset(queue->used, 0, sizeof(struct vring_used) + sizeof(__u16) +
	       queue->num * sizeof(struct vring_used_elem));
	memset(queue->chain_length, 0, queue->num * sizeof(*queue->chain_length));
	for (unsigned int i = 0; i < queue->num; i++)
		queue->desc[i].next = i + 1;
	queue->free_head = 0;
	queue->free_count = queue->num;
	queue->avail_next = 0;
	queue->avail_kicked = 0;
	queue->used_next = 0;
}

/**
 * driver_set_queue() - tell the device about a queue's ring and eventfds
 * @queue: a queue that is stopped; goes on at its current avail index
 *
 * Return: 0 or -errno of the first ioctl that failed.
 */
int driver_set_queue(struct driver_queue *queue)
{
	int fd = queue->driver->fd;
	int error = vhost_set_vring_num(fd, queue->index, queue->num);

	if (!error)
		error = vhost_set_vring_base(fd, queue->index, queue->used_next);
	if (!error)
		error = vhost_set_vring_addr(fd, queue->index, queue->desc, queue->avail,
					     queue->used);
	if (!error)
		error = vhost_set_vring_kick(fd, queue->index, queue->kick);
	if (!error)
		error = vhost_set_vring_call(fd, queue->index, queue->call);
	if (!error)
		error = vhost_set_vring_err(fd, queue->index, queue->error);
	return error;
}

static void init_queue(struct driver *driver, unsigned int index, unsigned int num)
{
	struct driver_queue *queue = &driver->queues[index];

	queue->driver = driver;
	queue->index = index;
	queue->num = num;
	alloc_ring(queue);
	driver_reset_queue(queue);
	queue->kick = new_eventfd();
	queue->call = new_eventfd();
	queue->error = new_eventfd();
	ASSERT_EQ(0, driver_set_queue(queue));
}

/**
 * driver_init() - open a device node, own it and set up everything but the backend
 * @driver: to fill in
 * @node: path
 * @queues: queues to set up
 * @num: ring entries of each
 * @features: to acknowledge
 *
 * No queue runs yet: attach the backend and start them. A failure ends the test.
 */
void driver_init(struct driver *driver, const char *node, unsigned int queues, unsigned int num,
		 uint64_t features)
{
	memset(driver, 0, sizeof(*driver));
	ASSERT_GE(DRIVER_QUEUES_MAX, queues);
	driver->backend = -1;
	driver->features = features;
	driver->queue_count = queues;
	driver->fd = vhost_open(node);
	ASSERT_LE(0, driver->fd);
	ASSERT_EQ(0, vhost_set_owner(driver->fd));
	ASSERT_EQ(0, vhost_set_features(driver->fd, features));
	guest_init(&driver->guest);
	ASSERT_EQ(0, guest_set_mem_table(&driver->guest, driver->fd));
	for (unsigned int i = 0; i < queues; i++)
		init_queue(driver, i, num);
}

/**
 * driver_exit() - close the device and free everything
 * @driver: its queues may still run
 */
void driver_exit(struct driver *driver)
{
	close(driver->fd);
	if (driver->backend >= 0)
		close(driver->backend);
	for (unsigned int i = 0; i < driver->queue_count; i++) {
		struct driver_queue *queue = &driver->queues[i];

		close(queue->kick);
		close(queue->call);
		close(queue->error);
		free(queue->chain_length);
	}
	guest_exit(&driver->guest);
}

/**
 * driver_fill() - describe a buffer
 * @queue: for its guest memory
 * @desc: written; without VRING_DESC_F_NEXT
 * @buffer: in guest memory
 */
void driver_fill(const struct driver_queue *queue, struct vring_desc *desc,
		 const struct driver_buffer *buffer)
{
	desc->addr = guest_address(&queue->driver->guest, buffer->pointer);
	desc->len = buffer->length;
	desc->flags = buffer->device_writes ? VRING_DESC_F_WRITE : 0;
}

/**
 * driver_offer() - put a head into the avail ring and make it visible
 * @queue: the queue
 * @head: any value: hostile tests offer what they like
 */
void driver_offer(struct driver_queue *queue, unsigned int head)
{
	queue->avail->ring[queue->avail_next % queue->num] = head;
	queue->avail_next++;
	/* Pairs with the device's acquire of the index: it sees the chain complete. */
	__atomic_store_n(&queue->avail->idx, queue->avail_next, __ATOMIC_RELEASE);
}

/**
 * driver_add() - offer a chain of direct descriptors
 * @queue: the queue
 * @buffers: what the device reads, then what it writes
 * @count: how many
 *
 * Does not kick.
 *
 * Return: the head, or -ENOSPC if the ring is too full.
 */
int driver_add(struct driver_queue *queue, const struct driver_buffer *buffers,
	       unsigned int count)
{
	unsigned int head = queue->free_head;
	unsigned int index = head;

	if (!count || count > queue->free_count)
		return -ENOSPC;
	for (unsigned int i = 0; i < count; i++) {
		struct vring_desc *desc = &queue->desc[index];

		driver_fill(queue, desc, &buffers[i]);
		index = desc->next;
		if (i + 1 < count)
			desc->flags |= VRING_DESC_F_NEXT;
	}
	queue->free_head = index;
	queue->free_count -= count;
	queue->chain_length[head] = count;
	driver_offer(queue, head);
	return head;
}

/**
 * driver_add_indirect() - offer a chain in an indirect table
 * @queue: the queue
 * @table: room for @count descriptors, in guest memory
 * @buffers: what the device reads, then what it writes
 * @count: how many
 *
 * Does not kick.
 *
 * Return: the head, or -ENOSPC if the ring is full.
 */
int driver_add_indirect(struct driver_queue *queue, struct vring_desc *table,
			const struct driver_buffer *buffers, unsigned int count)
{
	struct driver_buffer whole = { table, count * sizeof(*table), false };
	unsigned int head = queue->free_head;

	if (!queue->free_count)
		return -ENOSPC;
	for (unsigned int i = 0; i < count; i++) {
		driver_fill(queue, &table[i], &buffers[i]);
		table[i].next = i + 1;
		if (i + 1 < count)
			table[i].flags |= VRING_DESC_F_NEXT;
	}
	driver_fill(queue, &queue->desc[head], &whole);
	queue->desc[head].flags |= VRING_DESC_F_INDIRECT;
	queue->free_head = queue->desc[head].next;
	queue->free_count--;
	queue->chain_length[head] = 1;
	driver_offer(queue, head);
	return head;
}

static bool kick_wanted(const struct driver_queue *queue)
{
	/* The index must be visible before we look; pairs with the device's own full barrier. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (has_feature(queue, VIRTIO_RING_F_EVENT_IDX))
		return vring_need_event(__atomic_load_n(driver_avail_event(queue),
							__ATOMIC_RELAXED),
					queue->avail_next, queue->avail_kicked);
	return !(__atomic_load_n(&queue->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY);
}

/**
 * driver_kick_always() - signal the device whether or not it asked for it
 * @queue: the queue
 */
void driver_kick_always(struct driver_queue *queue)
{
	uint64_t one = 1;

	queue->avail_kicked = queue->avail_next;
	queue->kicks++;
	ASSERT_EQ((int)sizeof(one), write(queue->kick, &one, sizeof(one)));
}

/**
 * driver_kick() - signal the device if it wants to be
 * @queue: the queue
 *
 * Return: whether it was signalled.
 */
bool driver_kick(struct driver_queue *queue)
{
	if (kick_wanted(queue)) {
		driver_kick_always(queue);
		return true;
	}
	queue->avail_kicked = queue->avail_next;
	queue->kicks_suppressed++;
	return false;
}

static void free_chain(struct driver_queue *queue, unsigned int head)
{
	unsigned int count = queue->chain_length[head];
	unsigned int last = head;

	for (unsigned int i = 1; i < count; i++)
		last = queue->desc[last].next;
	queue->desc[last].next = queue->free_head;
	queue->free_head = head;
	queue->free_count += count;
	queue->chain_length[head] = 0;
}

/**
 * driver_reap() - take one chain that the device has given back
 * @queue: the queue
 * @used: filled in
 *
 * A head that was not offered by driver_add() is handed on as it is.
 *
 * Return: whether there was one.
 */
bool driver_reap(struct driver_queue *queue, struct driver_used *used)
{
	struct vring_used_elem *element = &queue->used->ring[queue->used_next % queue->num];

	/* Pairs with the device's release of the index: the entry is complete. */
	if (__atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE) == queue->used_next)
		return false;
	used->head = element->id;
	used->written = element->len;
	queue->used_next++;
	if (used->head < queue->num && queue->chain_length[used->head])
		free_chain(queue, used->head);
	return true;
}

/**
 * driver_want_call() - ask the device to signal the next chain it gives back, or not to
 * @queue: the queue
 * @wanted: what is wanted
 */
void driver_want_call(struct driver_queue *queue, bool wanted)
{
	__u16 flags = wanted ? 0 : VRING_AVAIL_F_NO_INTERRUPT;
	__u16 event = wanted ? queue->used_next : queue->used_next - 1;

	if (has_feature(queue, VIRTIO_RING_F_EVENT_IDX))
		__atomic_store_n(driver_used_event(queue), event, __ATOMIC_SEQ_CST);
	else
		__atomic_store_n(&queue->avail->flags, flags, __ATOMIC_SEQ_CST);
	/* The device must see this before we look for chains once more. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000ll + time.tv_nsec / 1000000;
}

/**
 * driver_wait() - take one chain that the device gives back, sleeping on the call eventfd
 * @queue: the queue
 * @used: filled in
 * @milliseconds: patience
 *
 * Finds nothing that the device published without a call although one was due.
 *
 * Return: whether there was one in time.
 */
bool driver_wait(struct driver_queue *queue, struct driver_used *used, int milliseconds)
{
	long long end = now() + milliseconds;

	do {
		if (driver_reap(queue, used))
			return true;
		driver_want_call(queue, true);
		if (driver_reap(queue, used))
			return true;
		milliseconds = end - now();
	} while (milliseconds > 0 && driver_wait_event(queue->call, milliseconds));
	return false;
}

/**
 * driver_wait_event() - wait for an eventfd and clear it
 * @eventfd: not blocking
 * @milliseconds: patience
 *
 * Return: whether it was signalled in time.
 */
bool driver_wait_event(int eventfd, int milliseconds)
{
	struct pollfd poller = { .fd = eventfd, .events = POLLIN };
	uint64_t count;
	int ready;

	do
		ready = poll(&poller, 1, milliseconds);
	while (ready < 0 && errno == EINTR);
	return ready > 0 && read(eventfd, &count, sizeof(count)) == sizeof(count);
}

/**
 * driver_is_broken() - wait for the device to declare a queue broken
 * @queue: the queue
 * @milliseconds: patience
 *
 * Return: whether its error eventfd was signalled in time.
 */
bool driver_is_broken(struct driver_queue *queue, int milliseconds)
{
	return driver_wait_event(queue->error, milliseconds);
}

/**
 * driver_get_stats() - read all counters of a queue
 * @queue: the queue
 * @stats: filled in
 */
void driver_get_stats(struct driver_queue *queue, struct driver_stats *stats)
{
	ASSERT_EQ(RINGHOST_STAT_COUNT, vhost_get_vring_stats(queue->driver->fd, queue->index,
							     stats->value, RINGHOST_STAT_COUNT));
}

/**
 * driver_stat() - read one counter of a queue
 * @queue: the queue
 * @stat: the counter
 *
 * Return: its value.
 */
uint64_t driver_stat(struct driver_queue *queue, enum ringhost_vring_stat stat)
{
	struct driver_stats stats;

	driver_get_stats(queue, &stats);
	return stats.value[stat];
}

/**
 * driver_rejected() - which reject the device counted since @before
 * @queue: the queue
 * @before: counters at an earlier moment
 *
 * Return: the name of the reject counter that rose by one, "nothing" if none rose,
 * "several" if more than one rose or one rose by more.
 */
const char *driver_rejected(struct driver_queue *queue, const struct driver_stats *before)
{
	const char *name = "nothing";
	struct driver_stats after;
	uint64_t total = 0;

	driver_get_stats(queue, &after);
	for (unsigned int i = 0; i < RINGHOST_STAT_COUNT; i++) {
		uint64_t rise = after.value[i] - before->value[i];

		if (strncmp(vhost_stat_name(i), "reject_", strlen("reject_")) || !rise)
			continue;
		total += rise;
		name = vhost_stat_name(i);
		if (total > 1)
			TEST_LOG("%s rose by %llu", name, (unsigned long long)rise);
	}
	return total > 1 ? "several" : name;
}
