/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vhost and ringhost ioctls as plain functions that return -errno. They
 * test the ABI itself, so they go straight to the kernel. See vhost.c.
 */
#ifndef SELFTESTS_VHOST_H
#define SELFTESTS_VHOST_H

#include <linux/types.h>
#include <linux/vhost.h>

#include "ringhost.h"

/* Younger than the headers of some distributions. */
#ifndef VHOST_NEW_WORKER
struct vhost_worker_state {
	unsigned int worker_id;
};

struct vhost_vring_worker {
	unsigned int index;
	unsigned int worker_id;
};

#define VHOST_NEW_WORKER _IOR(VHOST_VIRTIO, 0x8, struct vhost_worker_state)
#define VHOST_FREE_WORKER _IOW(VHOST_VIRTIO, 0x9, struct vhost_worker_state)
#define VHOST_ATTACH_VRING_WORKER _IOW(VHOST_VIRTIO, 0x15, struct vhost_vring_worker)
#define VHOST_GET_VRING_WORKER _IOWR(VHOST_VIRTIO, 0x16, struct vhost_vring_worker)
#endif
#ifndef VHOST_SET_FORK_FROM_OWNER
#define VHOST_FORK_OWNER_KTHREAD 0
#define VHOST_FORK_OWNER_TASK 1
#define VHOST_SET_FORK_FROM_OWNER _IOW(VHOST_VIRTIO, 0x84, __u8)
#define VHOST_GET_FORK_FROM_OWNER _IOR(VHOST_VIRTIO, 0x85, __u8)
#endif

#define VHOST_NODE_NET "/dev/ringhost-net"
#define VHOST_NODE_BLK "/dev/ringhost-blk"
#define VHOST_NODE_TAP "/dev/ringhost-tap"

/* Of kernels newer than the installed headers. */
#ifndef VHOST_GET_FEATURES_ARRAY
struct vhost_features_array {
	__u64 count;
	__u64 features[];
};

#define VHOST_GET_FEATURES_ARRAY _IOR(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#define VHOST_SET_FEATURES_ARRAY _IOW(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#endif

int vhost_open(const char *path);
int vhost_module_references(const char *module);
int vhost_set_owner(int fd);
int vhost_reset_owner(int fd);
int vhost_get_features(int fd, __u64 *features);
int vhost_set_features(int fd, __u64 features);
int vhost_get_backend_features(int fd, __u64 *features);
int vhost_set_backend_features(int fd, __u64 features);
int vhost_set_mem_table(int fd, const struct vhost_memory *memory);
int vhost_set_log_base(int fd, const void *base);
int vhost_set_log_fd(int fd, int eventfd);
int vhost_set_vring_num(int fd, unsigned int index, unsigned int num);
int vhost_set_vring_base(int fd, unsigned int index, unsigned int base);
long vhost_get_vring_base(int fd, unsigned int index);
int vhost_set_vring_addr(int fd, unsigned int index, const void *desc, const void *avail,
			 const void *used);
int vhost_set_vring_addr_log(int fd, unsigned int index, const void *desc, const void *avail,
			     const void *used, __u64 log);
int vhost_set_vring_kick(int fd, unsigned int index, int eventfd);
int vhost_set_vring_call(int fd, unsigned int index, int eventfd);
int vhost_set_vring_err(int fd, unsigned int index, int eventfd);
int vhost_new_worker(int fd);
int vhost_free_worker(int fd, unsigned int id);
int vhost_attach_vring_worker(int fd, unsigned int index, unsigned int id);
int vhost_get_vring_worker(int fd, unsigned int index);
int vhost_set_fork_from_owner(int fd, unsigned int kind);
int vhost_get_fork_from_owner(int fd);
int vhost_set_vring_busyloop(int fd, unsigned int index, unsigned int microseconds);
int vhost_get_vring_busyloop(int fd, unsigned int index, unsigned int *microseconds);
int vhost_net_set_backend(int fd, unsigned int index, int backend);
int vhost_set_vring_enable(int fd, unsigned int index, unsigned int enable);
int vhost_get_vring_stats(int fd, unsigned int index, __u64 *values, unsigned int count);
int vhost_blk_set_disk(int fd, int disk, unsigned int flags, const char *serial);
int vhost_blk_get_limits(int fd, struct ringhost_blk_limits *limits);
const char *vhost_stat_name(enum ringhost_vring_stat stat);

#endif /* SELFTESTS_VHOST_H */
