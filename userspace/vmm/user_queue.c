// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue served on the event loop. Stage (1) of backend=userspace: the doorbell's
 * eventfd wakes the loop, and all doorbells and completions of one turn lead to one
 * run of the queue. Runs on the loop's thread; entry points: user_queue_kicked(),
 * user_queue_task().
 */
#include <sys/epoll.h>
#include <inttypes.h>
#include <stdio.h>

#include "user_queue.h"
#include "util.h"
#include "virtio.h"
#include "vm.h"

static void user_queue_kicked(struct loop_poll *poll, uint32_t events)
{
	struct user_queue *user = container_of(poll, struct user_queue, kick);

	(void)events;
	user->kicks++;
	user_queue_schedule(user);
}

static void user_queue_task(struct loop_task *task)
{
	struct user_queue *user = container_of(task, struct user_queue, task);

	if (!user->running || user->ring.broken)
		return;
	user->run(user);
	virtqueue_publish(&user->ring);
}

void user_queue_init(struct user_queue *user, struct virtio_queue *queue,
		     void (*run)(struct user_queue *user))
{
	user->queue = queue;
	user->run = run;
	user->task.run = user_queue_task;
	user->kick.ready = user_queue_kicked;
	user->kick.fd = queue->kick;
	user->kick.events = EPOLLIN;
}

int user_queue_start(struct user_queue *user)
{
	struct virtio_queue *queue = user->queue;
	struct virtio_device *device = queue->device;
	int err;

	user->chains_before += user->ring.chains;
	user->ring = (struct virtqueue) {
		.format = virtio_accepted(device, VIRTIO_F_RING_PACKED) ? &virtqueue_packed :
									  &virtqueue_split,
		.available_wrap = true, .used_wrap = true, .vm = device->vm, .size = queue->size, .call = queue->call,
		.descriptors = queue->descriptors, .available = queue->available,
		.used = queue->used,
		.event_index = virtio_accepted(device, VIRTIO_RING_F_EVENT_IDX),
		.indirect = virtio_accepted(device, VIRTIO_RING_F_INDIRECT_DESC),
	};
	err = loop_poll_start(device->vm->loop, &user->kick);
	if (err)
		return err;
	user->running = true;
	user_queue_schedule(user);
	return 0;
}

void user_queue_stop(struct user_queue *user)
{
	if (!user->running)
		return;
	user->running = false;
	loop_poll_stop(&user->kick);
}

void user_queue_schedule(struct user_queue *user)
{
	loop_defer(user->queue->device->vm->loop, &user->task);
}

bool user_queue_next(struct user_queue *user, struct virtqueue_chain *chain,
		     unsigned int *budget)
{
	struct virtqueue *ring = &user->ring;

	if (!*budget) {
		user_queue_schedule(user);
		return false;
	}
	virtqueue_disable_notify(ring);
	do {
		int popped = virtqueue_pop(ring, chain);

		if (popped > 0) {
			--*budget;
			return true;
		}
		if (popped < 0) {
			virtio_break(user->queue->device, "queue %u: %s", user->queue->index,
				     ring->broken);
			return false;
		}
	} while (virtqueue_enable_notify(ring));
	return false;
}

void user_queue_stats(struct user_queue *user, struct virtio_stats *stats)
{
	const struct virtio_queue *queue = user->queue;
	uint64_t chains = user->chains_before + user->ring.chains;

	fprintf(stats->out, "%s.queue%u.chains %" PRIu64 "\n", queue->device->name, queue->index,
		chains);
	fprintf(stats->out, "%s.queue%u.kicks %" PRIu64 "\n", queue->device->name, queue->index,
		user->kicks);
	stats->userspace_chains += chains;
	stats->userspace_kicks += user->kicks;
}
