/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's public face: all that the network, block and tap modules may use.
 * One section for each .c file that implements it.
 *
 * A backend embeds a struct rh_dev in its own device and a struct rh_queue in
 * each of its queues, hands both to rh_dev_init() in its open(), and from then
 * on is called back through struct rh_dev_ops. The core owns the vhost ioctls,
 * guest memory, rings, eventfds and worker threads; the backend owns what a
 * chain means.
 */
#ifndef RH_CORE_H
#define RH_CORE_H

#include <linux/fs.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/skbuff.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "../../uapi/ringhost.h"
#include "../compat.h"
#include "busypoll.h"
#include "ioctl.h"
#include "memory.h"
#include "pool.h"
#include "port.h"
#include "ring.h"
#include "viommu.h"
#include "worker.h"

/* What the core does for every backend; a backend offers these and its own. */
#define RH_CORE_FEATURES (BIT_ULL(VIRTIO_F_VERSION_1) | \
			  BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | \
			  BIT_ULL(VIRTIO_RING_F_EVENT_IDX) | \
			  BIT_ULL(VIRTIO_F_RING_PACKED) | \
			  BIT_ULL(VIRTIO_F_IN_ORDER) | \
			  BIT_ULL(VIRTIO_F_NOTIFY_ON_EMPTY) | \
			  BIT_ULL(VIRTIO_F_RING_RESET) | \
			  BIT_ULL(VIRTIO_F_ACCESS_PLATFORM) | \
			  BIT_ULL(VHOST_F_LOG_ALL))

struct eventfd_ctx;
struct module;
struct rh_dev;
struct rh_queue;
struct seq_file;

/* ---- device.c: one open file, its owner, its ioctls ---- */

/**
 * struct rh_dev_ops - what a backend does for its devices
 * @owner: the backend's module
 * @name: short name for worker threads, such as "net"
 * @features: virtio and vhost feature bits offered to the driver
 * @process: (3) runs in the queue's worker with the queue's lock held and the
 *	owner's mm in use, while the queue runs and is not broken: after a kick,
 *	after rh_queue_wake() and once after the start. Returns true to be run
 *	again soon because the budget was used up.
 * @reap: optional; like @process and before it, but called on stopping and broken
 *	queues too: finish what is in flight by rh_queue_push().
 * @start: optional; the queue is about to run; its lock is held. An error refuses.
 * @stop: optional; the queue has stopped and drained; its lock is held. Cannot fail.
 * @features_changed: optional; called under every queue's lock in turn, after
 *	SET_FEATURES stored new bits in dev->features.
 * @reset: optional; RESET_OWNER or the last close: every queue has stopped; drop what
 *	backend ioctls attached. dev->lock is held.
 * @free: after the last close: nothing uses the device any more
 * @dev_ioctls: the backend's own ioctls on the device, or NULL
 * @vring_ioctls: the backend's own ioctls on one queue, or NULL
 */
struct rh_dev_ops {
	struct module *owner;
	const char *name;
	u64 features;
	bool (*process)(struct rh_queue *queue);
	void (*reap)(struct rh_queue *queue);
	int (*start)(struct rh_queue *queue);
	void (*stop)(struct rh_queue *queue);
	void (*features_changed)(struct rh_queue *queue);
	void (*reset)(struct rh_dev *dev);
	void (*free)(struct rh_dev *dev);
	const struct rh_dev_ioctl *dev_ioctls;
	const struct rh_vring_ioctl *vring_ioctls;
};

/**
 * struct rh_dev - one open device node
 * @id: names the device in traces and in fdinfo; constant
 * @ops: the backend; constant
 * @queues: the backend's queues; constant
 * @queue_count: their number; constant
 * @lock: serialises the ioctls; taken before any queue's lock
 * @mm: the owner's address space, mm_users held; NULL before SET_OWNER. Under @lock;
 *	stable while any queue runs.
 * @owner: the owner's process; NULL before SET_OWNER; under @lock
 * @memory: the guest's memory table; under @lock; each running queue has its own pointer
 * @pool: the worker threads; under @lock
 * @viommu: what the owner has told of its vIOMMU
 * @features: acknowledged feature bits; written under @lock and every queue's lock
 * @bitmap: the dirty log's, or NULL; under @lock; each queue that logs has its own pointer
 * @log_event: signals the owner that bits were set, or NULL; as @bitmap
 * @release: does what the last close may not wait for
 */
struct rh_dev {
	u32 id;
	const struct rh_dev_ops *ops;
	struct rh_queue **queues;
	unsigned int queue_count;
	struct mutex lock;
	struct mm_struct *mm;
	struct pid *owner;
	struct rh_memory *memory;
	struct rh_pool pool;
	struct rh_viommu viommu;
	u64 features;
	struct rh_bitmap *bitmap;
	struct eventfd_ctx *log_event;
	struct work_struct release;
};

/* All but the first are operations of a file whose private_data is the struct rh_dev. */
void rh_dev_init(struct rh_dev *dev, const struct rh_dev_ops *ops,
		 struct rh_queue **queues, unsigned int queue_count);
int rh_dev_release(struct inode *inode, struct file *file);
long rh_dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* ---- stats.c: what fdinfo shows ---- */

void rh_dev_show_stats(struct seq_file *seq, struct file *file);

/* ---- viommu.c, miss.c: the node's read, write and poll ---- */

ssize_t rh_dev_write(struct file *file, const char __user *from, size_t count, loff_t *position);
ssize_t rh_dev_read(struct file *file, char __user *to, size_t count, loff_t *position);
__poll_t rh_dev_poll(struct file *file, poll_table *table);

/* ---- queue.c: one virtqueue, its eventfds, start and stop ---- */

/**
 * enum rh_queue_state - life of a queue
 * @RH_QUEUE_STOPPED: nothing runs; the ring may be changed
 * @RH_QUEUE_RUNNING: the worker pops chains
 * @RH_QUEUE_STOPPING: no more pops; requests in flight complete
 * @RH_QUEUE_BROKEN: refused the ring's content; as STOPPING until stopped
 */
enum rh_queue_state {
	RH_QUEUE_STOPPED,
	RH_QUEUE_RUNNING,
	RH_QUEUE_STOPPING,
	RH_QUEUE_BROKEN,
};

/**
 * struct rh_queue - one virtqueue of a device
 * @dev: its device; constant
 * @index: its number in the device; constant
 * @lock: serialises worker, start, stop and set-up; nests inside dev->lock
 * @lock_waiters: who waits for @lock and is no worker; a look for more ends for them
 * @state: written under @lock
 * @ring: the ring itself; under @lock
 * @memory: the memory table in force; under @lock
 * @iotlb: what addresses mean instead while there is a vIOMMU, else NULL; under @lock
 * @paused: the vIOMMU has not told where the ring is, or takes that back: no pops; under @lock
 * @begun: the ring has taken up its position since the start; under @lock
 * @miss: the translation that is asked for; written under @lock and viommu.lock
 * @miss_state: whether one is; under viommu.lock
 * @features: the feature bits in force; under @lock
 * @inflight: chains popped and not yet pushed; under @lock
 * @drained: woken when @inflight falls to 0
 * @call: signals the driver; NULL when unbound; under @lock
 * @error: signals the owner that the queue broke; NULL when unbound; under @lock
 * @log_event: the device's; under @lock
 * @kick: the file whose signal wakes the worker; NULL when unbound; under @lock
 * @kick_head: where @kick_wait is queued; NULL when not polling
 * @kick_wait: our entry in the kick eventfd's wait queue
 * @kick_table: collects @kick_head when polling starts
 * @poll: looking for more before asking for a kick; under @lock
 * @worker: runs @work; NULL until the queue first starts or is attached to one; read under
 *	the RCU read lock, written under @lock and dev->lock
 * @work: the queue's turn in its worker
 * @stats: counters by enum ringhost_vring_stat; each has one writer: the worker
 *	under @lock, or (KICKS) the eventfd's wait queue lock
 */
struct rh_queue {
	struct rh_dev *dev;
	unsigned int index;
	struct mutex lock;
	atomic_t lock_waiters;
	enum rh_queue_state state;
	struct rh_ring ring;
	struct rh_memory *memory;
	const struct rh_memory *iotlb;
	bool paused;
	bool begun;
	struct rh_miss miss;
	enum rh_miss_state miss_state;
	u64 features;
	unsigned int inflight;
	wait_queue_head_t drained;
	struct eventfd_ctx *call;
	struct eventfd_ctx *error;
	struct eventfd_ctx *log_event;
	struct file *kick;
	wait_queue_head_t *kick_head;
	wait_queue_entry_t kick_wait;
	poll_table kick_table;
	struct rh_poll poll;
	struct rh_worker __rcu *worker;
	struct rh_work work;
	u64 stats[RINGHOST_STAT_COUNT];
};

/**
 * struct rh_mark - where a queue's next pop is; see rh_queue_rewind()
 * @position: the ring's
 * @inflight: the queue's
 */
struct rh_mark {
	struct rh_position position;
	unsigned int inflight;
};

/* Add to a counter that others may read meanwhile; the caller is its only writer. */
static inline void rh_stat_add(u64 *stat, u64 n)
{
	WRITE_ONCE(*stat, *stat + n);
}

/* Count an event, by the end of its RINGHOST_STAT_ name; under the queue's lock. */
#define rh_queue_count(queue, stat, n) rh_stat_add(&(queue)->stats[RINGHOST_STAT_##stat], n)

static inline bool rh_queue_has_feature(const struct rh_queue *queue, unsigned int bit)
{
	return queue->features & BIT_ULL(bit);
}

static inline bool rh_queue_is_running(const struct rh_queue *queue)
{
	return queue->state == RH_QUEUE_RUNNING;
}

/* Where the next pop is, for rh_queue_rewind(). */
static inline struct rh_mark rh_queue_mark(const struct rh_queue *queue)
{
	return (struct rh_mark) { rh_ring_position(&queue->ring), queue->inflight };
}

int rh_queue_start(struct rh_queue *queue);
void rh_queue_stop(struct rh_queue *queue);
void rh_queue_wake(struct rh_queue *queue);
void rh_queue_complete(struct rh_queue *queue, struct llist_head *done, struct llist_node *node);

/* The rest is for the worker's callbacks: the queue's lock is held. */
int rh_queue_pop(struct rh_queue *queue, struct rh_chain *chain);
void rh_queue_rewind(struct rh_queue *queue, struct rh_mark mark);
void rh_queue_push(struct rh_queue *queue, u16 head, u32 written);
void rh_queue_publish(struct rh_queue *queue);
void rh_queue_disable_kick(struct rh_queue *queue);
bool rh_queue_enable_kick(struct rh_queue *queue);

/*
 * Log writes to the guest's memory, which the core did not make itself, after they have
 * been made and before they are told to the driver; by the owner's addresses.
 */
static inline void rh_queue_log(struct rh_queue *queue, const void __user *address, size_t bytes)
{
	struct iovec range = { (void __user *)address, bytes };

	if (rh_log_is_on(&queue->ring.log))
		rh_log_ranges(&queue->ring.log, &range, 1, bytes);
}

/* As rh_queue_log(), of the first @bytes of a row of ranges. */
static inline void rh_queue_log_ranges(struct rh_queue *queue, const struct iovec *iov,
				       unsigned int count, size_t bytes)
{
	if (rh_log_is_on(&queue->ring.log))
		rh_log_ranges(&queue->ring.log, iov, count, bytes);
}

#endif /* RH_CORE_H */
