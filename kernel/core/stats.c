// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counters' names, and the text of a node's fdinfo.
 *
 * Runs in whoever reads /proc/PID/fdinfo/FD, without a lock: a reader never disturbs the
 * device. Entry point: rh_dev_show_stats(), an operation of the backends' files.
 */
#include <linux/export.h>
#include <linux/seq_file.h>

#include "core.h"
#include "queue.h"

#define STAT_NAME(id, name) [RINGHOST_STAT_##id] = #name,
static const char * const stat_names[] = { RINGHOST_VRING_STATS(STAT_NAME) };
#undef STAT_NAME

/**
 * rh_stat_name - what a counter is called
 * @stat: an enum ringhost_vring_stat
 */
const char *rh_stat_name(unsigned int stat)
{
	return stat < RINGHOST_STAT_COUNT ? stat_names[stat] : "unknown";
}

static const char * const state_names[] = {
	[RH_QUEUE_STOPPED] = "stopped",
	[RH_QUEUE_RUNNING] = "running",
	[RH_QUEUE_STOPPING] = "stopping",
	[RH_QUEUE_BROKEN] = "broken",
};

/* What the queue is, once its size was set. */
static void show_queue(struct seq_file *seq, const struct rh_queue *queue)
{
	unsigned int num = READ_ONCE(queue->ring.num);

	if (!num)
		return;
	seq_printf(seq, "queue%u.state:\t%s\n", queue->index, state_names[READ_ONCE(queue->state)]);
	seq_printf(seq, "queue%u.format:\t%s\n", queue->index,
		   READ_ONCE(queue->ring.packed) ? "packed" : "split");
	seq_printf(seq, "queue%u.size:\t%u\n", queue->index, num);
	seq_printf(seq, "queue%u.mapped:\t%u\n", queue->index, !!READ_ONCE(queue->ring.desc.map));
}

static void show_counters(struct seq_file *seq, const struct rh_queue *queue)
{
	unsigned int stat;
	u64 value;

	for (stat = 0; stat < RINGHOST_STAT_COUNT; stat++) {
		value = READ_ONCE(queue->stats[stat]);
		if (value)
			seq_printf(seq, "queue%u.%s:\t%llu\n", queue->index, stat_names[stat],
				   value);
	}
}

/**
 * rh_dev_show_stats - print what a node's fdinfo says: Documentation/uapi/statistics.rst
 * @seq: where to
 * @file: the node, opened
 *
 * Takes no lock: values are read one by one while they move.
 */
void rh_dev_show_stats(struct seq_file *seq, struct file *file)
{
	const struct rh_dev *dev = file->private_data;
	unsigned int i;

	seq_printf(seq, "device:\t%u\n", dev->id);
	seq_printf(seq, "backend:\t%s\n", dev->ops->name);
	seq_printf(seq, "features:\t0x%llx\n", READ_ONCE(dev->features));
	for (i = 0; i < dev->queue_count; i++) {
		show_queue(seq, dev->queues[i]);
		show_counters(seq, dev->queues[i]);
	}
}
EXPORT_SYMBOL_GPL(rh_dev_show_stats);
