// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vhost and ringhost ioctls as plain functions. Not on the data path; runs
 * in the test. Entry points: one function for each ioctl; each returns 0 or a
 * value that is not negative, or -errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "harness.h"
#include "vhost.h"

#define STAT_NAME(id, name) [RINGHOST_STAT_##id] = #name,
static const char *const stat_names[RINGHOST_STAT_COUNT] = {
	RINGHOST_VRING_STATS(STAT_NAME)
};

static int call(int fd, unsigned long request, const void *argument)
{
	int result = ioctl(fd, request, argument);

	return result < 0 ? -errno : result;
}

/**
 * vhost_open() - open a device node
 * @path: the node
 *
 * Return: file descriptor, or -errno.
 */
int vhost_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int vhost_set_owner(int fd)
{
	return call(fd, VHOST_SET_OWNER, NULL);
}

int vhost_reset_owner(int fd)
{
	return call(fd, VHOST_RESET_OWNER, NULL);
}

int vhost_get_features(int fd, __u64 *features)
{
	return call(fd, VHOST_GET_FEATURES, features);
}

int vhost_set_features(int fd, __u64 features)
{
	return call(fd, VHOST_SET_FEATURES, &features);
}

int vhost_get_backend_features(int fd, __u64 *features)
{
	return call(fd, VHOST_GET_BACKEND_FEATURES, features);
}

int vhost_set_backend_features(int fd, __u64 features)
{
	return call(fd, VHOST_SET_BACKEND_FEATURES, &features);
}

int vhost_set_mem_table(int fd, const struct vhost_memory *memory)
{
	return call(fd, VHOST_SET_MEM_TABLE, memory);
}

int vhost_set_vring_num(int fd, unsigned int index, unsigned int num)
{
	struct vhost_vring_state state = { .index = index, .num = num };

	return call(fd, VHOST_SET_VRING_NUM, &state);
}

int vhost_set_vring_base(int fd, unsigned int index, unsigned int base)
{
	struct vhost_vring_state state = { .index = index, .num = base };

	return call(fd, VHOST_SET_VRING_BASE, &state);
}

/**
 * vhost_get_vring_base() - ask where the device would go on
 * @fd: device
 * @index: queue
 *
 * Return: the position, or -errno. That of a packed ring has 32 bits.
 */
long vhost_get_vring_base(int fd, unsigned int index)
{
	struct vhost_vring_state state = { .index = index };
	int result = call(fd, VHOST_GET_VRING_BASE, &state);

	return result < 0 ? result : (long)state.num;
}

static int set_addr(int fd, const struct vhost_vring_addr *addr)
{
	return call(fd, VHOST_SET_VRING_ADDR, addr);
}

int vhost_set_vring_addr(int fd, unsigned int index, const void *desc, const void *avail,
			 const void *used)
{
	struct vhost_vring_addr addr = {
		.index = index,
		.desc_user_addr = (unsigned long)desc,
		.avail_user_addr = (unsigned long)avail,
		.used_user_addr = (unsigned long)used,
	};

	return set_addr(fd, &addr);
}

/* With VHOST_VRING_F_LOG: the used ring is logged as if it lay at guest address @log. */
int vhost_set_vring_addr_log(int fd, unsigned int index, const void *desc, const void *avail,
			     const void *used, __u64 log)
{
	struct vhost_vring_addr addr = {
		.index = index,
		.flags = 1 << VHOST_VRING_F_LOG,
		.desc_user_addr = (unsigned long)desc,
		.avail_user_addr = (unsigned long)avail,
		.used_user_addr = (unsigned long)used,
		.log_guest_addr = log,
	};

	return set_addr(fd, &addr);
}

int vhost_set_log_base(int fd, const void *base)
{
	__u64 address = (unsigned long)base;

	return call(fd, VHOST_SET_LOG_BASE, &address);
}

int vhost_set_log_fd(int fd, int eventfd)
{
	return call(fd, VHOST_SET_LOG_FD, &eventfd);
}

static int set_file(int fd, unsigned long request, unsigned int index, int file)
{
	struct vhost_vring_file argument = { .index = index, .fd = file };

	return call(fd, request, &argument);
}

int vhost_set_vring_kick(int fd, unsigned int index, int eventfd)
{
	return set_file(fd, VHOST_SET_VRING_KICK, index, eventfd);
}

int vhost_set_vring_call(int fd, unsigned int index, int eventfd)
{
	return set_file(fd, VHOST_SET_VRING_CALL, index, eventfd);
}

int vhost_set_vring_err(int fd, unsigned int index, int eventfd)
{
	return set_file(fd, VHOST_SET_VRING_ERR, index, eventfd);
}

/* Returns the new worker's id. */
int vhost_new_worker(int fd)
{
	struct vhost_worker_state state = { ~0u };
	int error = call(fd, VHOST_NEW_WORKER, &state);

	return error ? error : (int)state.worker_id;
}

int vhost_free_worker(int fd, unsigned int id)
{
	struct vhost_worker_state state = { id };

	return call(fd, VHOST_FREE_WORKER, &state);
}

int vhost_attach_vring_worker(int fd, unsigned int index, unsigned int id)
{
	struct vhost_vring_worker worker = { index, id };

	return call(fd, VHOST_ATTACH_VRING_WORKER, &worker);
}

/* Returns the worker's id. */
int vhost_get_vring_worker(int fd, unsigned int index)
{
	struct vhost_vring_worker worker = { index, ~0u };
	int error = call(fd, VHOST_GET_VRING_WORKER, &worker);

	return error ? error : (int)worker.worker_id;
}

int vhost_set_fork_from_owner(int fd, unsigned int kind)
{
	__u8 byte = kind;

	return call(fd, VHOST_SET_FORK_FROM_OWNER, &byte);
}

/* Returns the kind. */
int vhost_get_fork_from_owner(int fd)
{
	__u8 byte = 0xff;
	int error = call(fd, VHOST_GET_FORK_FROM_OWNER, &byte);

	return error ? error : byte;
}

int vhost_set_vring_busyloop(int fd, unsigned int index, unsigned int microseconds)
{
	struct vhost_vring_state state = { index, microseconds };

	return call(fd, VHOST_SET_VRING_BUSYLOOP_TIMEOUT, &state);
}

int vhost_get_vring_busyloop(int fd, unsigned int index, unsigned int *microseconds)
{
	struct vhost_vring_state state = { index, 0 };
	int error = call(fd, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, &state);

	*microseconds = state.num;
	return error;
}

int vhost_net_set_backend(int fd, unsigned int index, int backend)
{
	return set_file(fd, VHOST_NET_SET_BACKEND, index, backend);
}

/**
 * vhost_set_vring_enable() - start or stop a block queue
 * @fd: a block device
 * @index: queue
 * @enable: 1 starts, 0 stops
 *
 * Return: 0 or -errno.
 */
int vhost_set_vring_enable(int fd, unsigned int index, unsigned int enable)
{
	struct vhost_vring_state state = { .index = index, .num = enable };

	return call(fd, RINGHOST_SET_VRING_ENABLE, &state);
}

/**
 * vhost_get_vring_stats() - read a queue's counters
 * @fd: device
 * @index: queue
 * @values: room for @count of them
 * @count: most to fetch
 *
 * Return: how many counters the kernel has, or -errno.
 */
int vhost_get_vring_stats(int fd, unsigned int index, __u64 *values, unsigned int count)
{
	struct ringhost_vring_stats stats = {
		.index = index,
		.count = count,
		.values = (unsigned long)values,
	};
	int result = call(fd, RINGHOST_GET_VRING_STATS, &stats);

	return result < 0 ? result : (int)stats.count;
}

/**
 * vhost_blk_set_disk() - attach a disk
 * @fd: a block device
 * @disk: file descriptor of the disk, or -1
 * @flags: RINGHOST_BLK_F_READONLY or 0
 * @serial: up to 20 characters, or NULL
 *
 * Return: 0 or -errno.
 */
int vhost_blk_set_disk(int fd, int disk, unsigned int flags, const char *serial)
{
	struct ringhost_blk_disk argument = { .fd = disk, .flags = flags };

	if (serial)
		memcpy(argument.serial, serial, strnlen(serial, sizeof(argument.serial)));
	return call(fd, RINGHOST_BLK_SET_DISK, &argument);
}

int vhost_blk_get_limits(int fd, struct ringhost_blk_limits *limits)
{
	return call(fd, RINGHOST_BLK_GET_LIMITS, limits);
}

/**
 * vhost_stat_name() - name of a counter
 * @stat: the counter
 *
 * Return: its name, never NULL.
 */
const char *vhost_stat_name(enum ringhost_vring_stat stat)
{
	return stat < RINGHOST_STAT_COUNT ? stat_names[stat] : "unknown";
}

/**
 * vhost_module_references() - how many users a module has
 * @module: its name
 *
 * A content that is no number ends the test.
 *
 * Return: the number; -1 if the module is not there, or its users are not counted.
 */
int vhost_module_references(const char *module)
{
	char path[80];
	int count = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/module/%s/refcnt", module);
	file = fopen(path, "r");
	if (!file)
		return -1;
	ASSERT_EQ(1, fscanf(file, "%d", &count));
	fclose(file);
	return count;
}
