// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio-rng. Stages (2) to (4), always on the event loop: a request is a few bytes
 * now and then. On the loop's thread; entry points: rng_create(), rng_run().
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "err.h"
#include "rng.h"
#include "user_queue.h"
#include "util.h"
#include "virtio.h"
#include "vm.h"

/* Random bytes for one request; a driver that wants more asks again. */
#define RNG_BYTES_MAX 256

/**
 * struct rng - the random number generator
 * @device: the virtio device
 * @queue: its queue
 * @chain: the request being served
 */
struct rng {
	struct virtio_device device;
	struct user_queue queue;
	struct virtqueue_chain chain;
};

/* Up to 256 bytes come at once, and always, once the host has booted: getrandom(2). */
static uint32_t rng_fill(struct virtqueue_chain *chain)
{
	struct iovec *buffer = &chain->iov[chain->readable];
	ssize_t filled;

	if (!chain->writable)
		return 0;
	filled = getrandom(buffer->iov_base, MIN(buffer->iov_len, (size_t)RNG_BYTES_MAX),
			   GRND_NONBLOCK);
	return filled < 0 ? 0 : filled;
}

static void rng_run(struct user_queue *queue)
{
	struct rng *rng = container_of(queue, struct rng, queue);
	unsigned int budget = USER_QUEUE_BUDGET;

	while (user_queue_next(queue, &rng->chain, &budget))
		virtqueue_push(&queue->ring, &rng->chain, rng_fill(&rng->chain));
}

static struct rng *rng_of(struct virtio_device *device)
{
	return container_of(device, struct rng, device);
}

static int rng_start(struct virtio_device *device)
{
	return device->queues[0].enabled ? user_queue_start(&rng_of(device)->queue) : 0;
}

static void rng_stop(struct virtio_device *device)
{
	user_queue_stop(&rng_of(device)->queue);
}

/* Its doorbells and chains are no part of the sums over block and network. */
static int rng_stats(struct virtio_device *device, struct virtio_stats *stats)
{
	struct virtio_stats own = { .out = stats->out };

	user_queue_stats(&rng_of(device)->queue, &own);
	return 0;
}

static void rng_destroy(struct virtio_device *device)
{
	virtio_exit(device);
	free(rng_of(device));
}

static const struct virtio_device_ops rng_ops = {
	.start = rng_start,
	.stop = rng_stop,
	.stats = rng_stats,
	.destroy = rng_destroy,
};

int rng_create(struct vm *vm, struct virtio_device **out)
{
	struct rng *rng = calloc(1, sizeof(*rng));
	int err;

	if (!rng)
		return rh_error(-ENOMEM, "out of memory");
	rng->device = (struct virtio_device) {
		.ops = &rng_ops, .vm = vm, .type = VIRTIO_ID_RNG, .queue_count = 1,
		.name = "rng0", .offered = VIRTIO_RING_FEATURES,
	};
	err = virtio_init(&rng->device);
	if (err) {
		free(rng);
		return err;
	}
	user_queue_init(&rng->queue, &rng->device.queues[0], rng_run);
	*out = &rng->device;
	return 0;
}
