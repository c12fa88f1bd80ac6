// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drives one queue of a vhost device node, ours or the kernel's own, and measures what its
 * worker spends on it. Under `scripts/testhost --icount` a nanosecond is an instruction.
 *
 * The benchmark's only thread has a real-time priority: the worker does not run before a
 * batch is complete. Then there are two kinds of driver:
 *
 *	without calls	the worker is left alone until the next batch, long enough to fall asleep
 *	with calls	asks for one call with the end of the batch, and brings the next as soon as
 *			the worker lets go of the processor
 *
 * Both kick when the device asks for it. Entry points: bench_vhost_open(), bench_vhost_measure().
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/vhost.h>
#include <linux/virtio_config.h>

#include "ringhost.h"
#include "vhost.h"

#define BIT(n) (1ull << (n))
/* Nobody waits for it: idle time costs nothing where the clock counts instructions. */
#define SLEEP_NS 2000000
/* A batch is back after the first sleep, or something is wrong. */
#define SLEEPS_MAX 1000
/* Milliseconds that no call takes. */
#define CALL_TIMEOUT 5000
/* Batches before those that are measured. */
#define WARM_UP 10

void bench_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "bench-vhost: %s:%d: %s: %s\n", file, line, condition, strerror(errno));
	exit(1);
}

static void sleep_ns(long ns)
{
	struct timespec time = { .tv_nsec = ns };

	BENCH_CHECK(!nanosleep(&time, NULL));
}

/* ---- the worker's time ---- */

static bool is_worker(const char *comm)
{
	return !strncmp(comm, "rh-", 3) || !strncmp(comm, "vhost-", 6);
}

static bool read_line(const char *folder, const char *task, const char *name, char line[128])
{
	char path[300];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), "%s/%s/%s", folder, task, name);
	file = fopen(path, "r");
	if (!file)
		return false;
	ok = fgets(line, 128, file);
	fclose(file);
	return ok;
}

/* Nanoseconds that the workers among the tasks of a folder have run so far. */
static unsigned long long workers_time(const char *folder, unsigned int *workers)
{
	unsigned long long time = 0;
	DIR *tasks = opendir(folder);
	struct dirent *task;
	char line[128];

	BENCH_CHECK(tasks);
	while ((task = readdir(tasks))) {
		if (task->d_name[0] < '0' || task->d_name[0] > '9' ||
		    !read_line(folder, task->d_name, "comm", line) || !is_worker(line) ||
		    !read_line(folder, task->d_name, "schedstat", line))
			continue;
		time += strtoull(line, NULL, 10);
		++*workers;
	}
	closedir(tasks);
	return time;
}

/* Workers are threads of the owner's, or the kernel's own. */
static unsigned long long worker_time(void)
{
	unsigned int workers = 0;
	unsigned long long time = workers_time("/proc/self/task", &workers) +
				  workers_time("/proc", &workers);

	BENCH_CHECK(workers > 0);
	return time;
}

/* ---- set-up ---- */

static void set_features(const struct bench_vhost *vhost)
{
	__u64 features = vhost->load->features | BIT(VIRTIO_F_VERSION_1) |
			 BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_RING_F_INDIRECT_DESC);

	if (vhost->driver.packed)
		features |= BIT(VIRTIO_F_RING_PACKED);
	if (vhost->in_order)
		features |= BIT(VIRTIO_F_IN_ORDER);
	BENCH_CHECK(!ioctl(vhost->fd, VHOST_SET_FEATURES, &features));
}

static void set_memory(const struct bench_vhost *vhost)
{
	struct vhost_memory *table = calloc(1, sizeof(*table) + sizeof(table->regions[0]));

	BENCH_CHECK(table);
	table->nregions = 1;
	table->regions[0].guest_phys_addr = BENCH_GUEST_BASE;
	table->regions[0].memory_size = vhost->driver.guest_bytes;
	table->regions[0].userspace_addr = (unsigned long)vhost->driver.guest;
	BENCH_CHECK(!ioctl(vhost->fd, VHOST_SET_MEM_TABLE, table));
	free(table);
}

static void set_ring(struct bench_vhost *vhost)
{
	unsigned int queue = vhost->load->queue;
	struct vhost_vring_state num = { queue, BENCH_NUM };
	/* Packed: both positions 0, both wrap counters 1. */
	struct vhost_vring_state base = { queue, vhost->driver.packed ? 0x80008000 : 0 };
	struct vhost_vring_addr addr = {
		.index = queue,
		.desc_user_addr = (unsigned long)vhost->driver.desc,
		.avail_user_addr = (unsigned long)vhost->driver.avail,
		.used_user_addr = (unsigned long)vhost->driver.used,
	};
	struct vhost_vring_file kick = { queue, eventfd(0, 0) };
	struct vhost_vring_file call = { queue, eventfd(0, 0) };

	vhost->kick = kick.fd;
	vhost->call = call.fd;
	BENCH_CHECK(!ioctl(vhost->fd, VHOST_SET_VRING_NUM, &num));
	BENCH_CHECK(!ioctl(vhost->fd, VHOST_SET_VRING_BASE, &base));
	BENCH_CHECK(!ioctl(vhost->fd, VHOST_SET_VRING_ADDR, &addr));
	BENCH_CHECK(!ioctl(vhost->fd, VHOST_SET_VRING_KICK, &kick));
	BENCH_CHECK(!ioctl(vhost->fd, VHOST_SET_VRING_CALL, &call));
}

/* Without this right, and with this limit, no page can be pinned. */
static void forbid_pinning(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	struct rlimit none = { 0, 0 };

	BENCH_CHECK(!syscall(SYS_capget, &header, data));
	data[0].effective &= ~BIT(CAP_IPC_LOCK);
	data[0].permitted &= ~BIT(CAP_IPC_LOCK);
	BENCH_CHECK(!setrlimit(RLIMIT_MEMLOCK, &none));
	BENCH_CHECK(!syscall(SYS_capset, &header, data));
}

/* The figure is worth nothing if the queue does not run the way its line will say. */
static void check_mapping(const struct bench_vhost *vhost)
{
	__u64 values[RINGHOST_STAT_COUNT];
	struct ringhost_vring_stats stats = {
		.index = vhost->load->queue,
		.count = RINGHOST_STAT_COUNT,
		.values = (unsigned long)values,
	};

	BENCH_CHECK(!ioctl(vhost->fd, RINGHOST_GET_VRING_STATS, &stats));
	BENCH_CHECK(values[vhost->mapped ? RINGHOST_STAT_STARTS_MAPPED :
					   RINGHOST_STAT_STARTS_UNMAPPED] == 1);
}

/**
 * bench_vhost_open() - open the node and start the queue under test
 * @vhost: @load, @stock, @in_order and @mapped are set
 * @packed: the ring's format
 *
 * A failure ends the program.
 */
void bench_vhost_open(struct bench_vhost *vhost, bool packed)
{
	const struct bench_load *load = vhost->load;
	struct sched_param priority = { .sched_priority = 1 };

	errno = -bench_driver_init(&vhost->driver, &load->shape, packed);
	BENCH_CHECK(!errno);
	vhost->fd = open(vhost->stock ? load->stock_node : load->node, O_RDWR | O_CLOEXEC);
	BENCH_CHECK(vhost->fd >= 0);
	load->prepare(vhost);
	BENCH_CHECK(!ioctl(vhost->fd, VHOST_SET_OWNER));
	set_features(vhost);
	set_memory(vhost);
	set_ring(vhost);
	if (!vhost->mapped)
		forbid_pinning();
	load->start(vhost);
	if (!vhost->stock)
		check_mapping(vhost);
	/* The workers exist, and have not inherited it. */
	BENCH_CHECK(!sched_setscheduler(0, SCHED_FIFO, &priority));
}

/* ---- batches ---- */

static void offer(struct bench_vhost *vhost, unsigned int chains)
{
	uint64_t one = 1;

	bench_driver_offer(&vhost->driver, chains);
	if (!bench_driver_wants_kick(&vhost->driver))
		return;
	BENCH_CHECK(write(vhost->kick, &one, sizeof(one)) == sizeof(one));
	vhost->kick_count++;
}

static void await_call(struct bench_vhost *vhost)
{
	struct pollfd poller = { .fd = vhost->call, .events = POLLIN };
	uint64_t count;

	BENCH_CHECK(poll(&poller, 1, CALL_TIMEOUT) == 1);
	BENCH_CHECK(read(vhost->call, &count, sizeof(count)) == sizeof(count));
	vhost->call_count += count;
}

/* Returns whether the batch is back. */
static bool reap(struct bench_vhost *vhost)
{
	int error = bench_driver_reap(&vhost->driver, vhost->load->posted, vhost->load->written);

	errno = -error;
	BENCH_CHECK(!error || error == -EAGAIN);
	return !error;
}

static void wait_for_call(struct bench_vhost *vhost)
{
	for (;;) {
		bench_driver_ask_call(&vhost->driver, vhost->load->posted);
		if (reap(vhost))
			return;
		await_call(vhost);
		if (reap(vhost))
			return;
	}
}

static void wait_for_sleep(struct bench_vhost *vhost)
{
	unsigned int sleeps = 0;

	do {
		BENCH_CHECK(sleeps++ < SLEEPS_MAX);
		sleep_ns(SLEEP_NS);
	} while (!reap(vhost));
}

static void run_batches(struct bench_vhost *vhost, unsigned int batch, unsigned int batches)
{
	unsigned int chains = batch * bench_driver_chains(&vhost->driver, vhost->load->written);

	while (batches--) {
		offer(vhost, chains);
		if (vhost->load->send)
			vhost->load->send(vhost, batch);
		if (vhost->load->calls)
			wait_for_call(vhost);
		else
			wait_for_sleep(vhost);
	}
}

/**
 * bench_vhost_measure() - what the worker spends
 * @vhost: from bench_vhost_open()
 * @batch: packets or requests in a batch
 * @batches: how many
 *
 * Return: the figures.
 */
struct bench_figures bench_vhost_measure(struct bench_vhost *vhost, unsigned int batch,
					 unsigned int batches)
{
	const double count = (double)batch * batches;
	unsigned long long before;

	if (vhost->load->posted)
		offer(vhost, vhost->load->posted);
	run_batches(vhost, batch, WARM_UP);
	vhost->kick_count = 0;
	vhost->call_count = 0;
	before = worker_time();
	run_batches(vhost, batch, batches);
	return (struct bench_figures) {
		.time = (worker_time() - before) / count,
		.kicks = vhost->kick_count / count,
		.calls = vhost->call_count / count,
	};
}
