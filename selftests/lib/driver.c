// SPDX-License-Identifier: GPL-2.0-only
/*
 * A virtio driver in userspace, opposite of stages (1), (2), (4) and (5): it
 * offers chains, kicks, and reaps what the device gives back; virtio 1.3, 2.6.
 * This is the face of both formats, driver_split.c and driver_packed.c are the
 * formats. Runs in the test, little-endian hosts only. A failure of the set-up
 * ends the test; a hostile test writes the ring itself and calls driver_offer()
 * or driver_packed_offer(). Entry points: driver_init(), driver_add(),
 * driver_kick(), driver_wait().
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

static size_t driver_area_size(unsigned int num)
{
	return sizeof(struct vring_avail) + (num + 1) * sizeof(__u16);
}

static size_t device_area_size(unsigned int num)
{
	return sizeof(struct vring_used) + num * sizeof(struct vring_used_elem) + sizeof(__u16);
}

static uint16_t *alloc_words(uint16_t *old, unsigned int num)
{
	uint16_t *words = realloc(old, num * sizeof(*words));

	ASSERT_NE(NULL, words);
	return words;
}

/**
 * driver_is_packed() - which format the queue's ring has
 * @queue: the queue
 *
 * Return: whether it is packed.
 */
bool driver_is_packed(const struct driver_queue *queue)
{
	return driver_has_feature(queue, VIRTIO_F_RING_PACKED);
}

/**
 * driver_resize_queue() - give the queue an empty ring of another size, in new memory
 * @queue: a queue that is stopped; driver_set_queue() is still to be called
 * @num: ring entries
 *
 * Each part of the ring is on pages of its own, so that a test can take one away.
 */
void driver_resize_queue(struct driver_queue *queue, unsigned int num)
{
	struct guest *guest = &queue->driver->guest;

	queue->num = num;
	queue->desc = guest_alloc(guest, num * sizeof(struct vring_desc), PAGE);
	queue->avail = guest_alloc(guest, driver_area_size(num), PAGE);
	queue->used = guest_alloc(guest, device_area_size(num), PAGE);
	guest_alloc(guest, 0, PAGE);
	queue->free = alloc_words(queue->free, num);
	queue->link = alloc_words(queue->link, num);
	queue->chain_length = alloc_words(queue->chain_length, num);
	driver_reset_queue(queue);
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
	uint16_t start = driver_is_packed(queue) ? DRIVER_WRAP : 0;

	memset(queue->desc, 0, queue->num * sizeof(struct vring_desc));
	memset(queue->avail, 0, driver_area_size(queue->num));
	memset(queue->used, 0, device_area_size(queue->num));
	memset(queue->chain_length, 0, queue->num * sizeof(*queue->chain_length));
	for (unsigned int i = 0; i < queue->num; i++)
		queue->free[i] = i;
	queue->free_taken = 0;
	queue->free_given = 0;
	queue->free_count = queue->num;
	queue->avail_next = start;
	queue->used_next = start;
	queue->unkicked = 0;
}

/**
 * driver_base() - where a device with nothing in flight stands once all is reaped
 * @queue: the queue
 *
 * Return: as VHOST_GET_VRING_BASE has it.
 */
uint32_t driver_base(const struct driver_queue *queue)
{
	uint32_t position = queue->used_next;

	return driver_is_packed(queue) ? position | position << 16 : position;
}

/* What SET_VRING_ADDR wants to hear: with a vIOMMU the guest's address. */
static const void *ring_address(const struct driver_queue *queue, const void *area)
{
	if (!driver_has_feature(queue, VIRTIO_F_ACCESS_PLATFORM))
		return area;
	return (const void *)(uintptr_t)guest_address(&queue->driver->guest, area);
}

/**
 * driver_set_queue() - tell the device about a queue's ring and eventfds
 * @queue: a queue that is stopped; goes on behind the last chain reaped
 *
 * Return: 0 or -errno of the first ioctl that failed.
 */
int driver_set_queue(struct driver_queue *queue)
{
	int fd = queue->driver->fd;
	int error = vhost_set_vring_num(fd, queue->index, queue->num);

	if (!error)
		error = vhost_set_vring_base(fd, queue->index, driver_base(queue));
	if (!error)
		error = vhost_set_vring_addr(fd, queue->index, ring_address(queue, queue->desc),
					     ring_address(queue, queue->avail),
					     ring_address(queue, queue->used));
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
	driver_resize_queue(queue, num);
	queue->kick = new_eventfd();
	queue->call = new_eventfd();
	queue->error = new_eventfd();
	ASSERT_EQ(0, driver_set_queue(queue));
}

static bool wants_kthreads;

/**
 * driver_want_kthreads() - have the devices set up from now on use threads of the kernel
 *
 * Otherwise they have the kind of threads that the kernel prefers.
 */
void driver_want_kthreads(void)
{
	wants_kthreads = true;
}

/**
 * driver_init_fd() - own a device that is open and set up everything but the backend
 * @driver: to fill in
 * @fd: of the device, without an owner; driver_exit() closes it
 * @queues: queues to set up
 * @num: ring entries of each
 * @features: to acknowledge
 *
 * No queue runs yet: attach the backend and start them. A failure ends the test.
 */
void driver_init_fd(struct driver *driver, int fd, unsigned int queues, unsigned int num,
		    uint64_t features)
{
	memset(driver, 0, sizeof(*driver));
	ASSERT_GE(DRIVER_QUEUES_MAX, queues);
	driver->backend = -1;
	driver->features = features;
	driver->queue_count = queues;
	driver->fd = fd;
	if (wants_kthreads)
		ASSERT_EQ(0, vhost_set_fork_from_owner(fd, VHOST_FORK_OWNER_KTHREAD));
	ASSERT_EQ(0, vhost_set_owner(driver->fd));
	ASSERT_EQ(0, vhost_set_features(driver->fd, features));
	guest_init(&driver->guest);
	ASSERT_EQ(0, guest_set_mem_table(&driver->guest, driver->fd));
	for (unsigned int i = 0; i < queues; i++)
		init_queue(driver, i, num);
}

/**
 * driver_init() - open a device node and do as driver_init_fd()
 * @driver: to fill in
 * @node: path
 * @queues: queues to set up
 * @num: ring entries of each
 * @features: to acknowledge
 */
void driver_init(struct driver *driver, const char *node, unsigned int queues, unsigned int num,
		 uint64_t features)
{
	int fd = vhost_open(node);

	ASSERT_LE(0, fd);
	driver_init_fd(driver, fd, queues, num, features);
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
		free(queue->free);
		free(queue->link);
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
 * driver_take() - take a free descriptor or buffer ID
 * @queue: the queue
 *
 * The one longest free: where chains come back in order, those of a split ring lie in the
 * table one behind the other, which IN_ORDER demands (virtio 1.3, 2.7.9).
 *
 * Return: it.
 */
unsigned int driver_take(struct driver_queue *queue)
{
	unsigned int head = queue->free[queue->free_taken];

	queue->free_taken = (queue->free_taken + 1) % queue->num;
	return head;
}

/**
 * driver_give() - undo driver_take()
 * @queue: the queue
 * @head: the descriptor or buffer ID
 */
void driver_give(struct driver_queue *queue, unsigned int head)
{
	queue->free[queue->free_given] = head;
	queue->free_given = (queue->free_given + 1) % queue->num;
}

/**
 * driver_offer() - make a chain that a test has written visible
 * @queue: the queue
 * @head: any value: hostile tests offer what they like
 *
 * Split: @head goes into the avail ring. Packed: the ring's next descriptor, whatever it
 * says, becomes available under the buffer ID @head.
 */
void driver_offer(struct driver_queue *queue, unsigned int head)
{
	if (driver_is_packed(queue))
		driver_packed_offer_head(queue, head);
	else
		driver_split_offer(queue, head);
}

static unsigned int take_chain(struct driver_queue *queue, unsigned int entries)
{
	unsigned int head = driver_take(queue);

	queue->free_count -= entries;
	queue->chain_length[head] = entries;
	return head;
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
	unsigned int head;

	if (!count || count > queue->free_count)
		return -ENOSPC;
	head = take_chain(queue, count);
	if (driver_is_packed(queue))
		driver_packed_add(queue, head, buffers, count);
	else
		driver_split_add(queue, head, buffers, count);
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
	unsigned int head;

	if (!queue->free_count)
		return -ENOSPC;
	for (unsigned int i = 0; i < count; i++)
		driver_fill(queue, &table[i], &buffers[i]);
	head = take_chain(queue, 1);
	if (driver_is_packed(queue))
		driver_packed_add_indirect(queue, head, table, count);
	else
		driver_split_add_indirect(queue, head, table, count);
	return head;
}

static bool kick_wanted(const struct driver_queue *queue)
{
	/* The chain must be visible before we look; pairs with the device's own full barrier. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return driver_is_packed(queue) ? driver_packed_kick_wanted(queue) :
					 driver_split_kick_wanted(queue);
}

/**
 * driver_kick_always() - signal the device whether or not it asked for it
 * @queue: the queue
 */
void driver_kick_always(struct driver_queue *queue)
{
	uint64_t one = 1;

	queue->unkicked = 0;
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
	queue->unkicked = 0;
	queue->kicks_suppressed++;
	return false;
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
	return driver_is_packed(queue) ? driver_packed_reap(queue, used) :
					 driver_split_reap(queue, used);
}

/**
 * driver_want_call() - ask the device to signal the next chain it gives back, or not to
 * @queue: the queue
 * @wanted: what is wanted
 */
void driver_want_call(struct driver_queue *queue, bool wanted)
{
	if (driver_is_packed(queue))
		driver_packed_want_call(queue, wanted);
	else
		driver_split_want_call(queue, wanted);
	/* The device must see this before we look for chains once more. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/**
 * driver_want_call_after() - ask the device to signal not the next chain, but a later one
 * @queue: the queue; with EVENT_IDX
 * @entries: that are used first without a call; split: chains, packed: ring entries
 */
void driver_want_call_after(struct driver_queue *queue, unsigned int entries)
{
	if (driver_is_packed(queue))
		driver_packed_want_call_after(queue, entries);
	else
		driver_split_want_call_after(queue, entries);
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
