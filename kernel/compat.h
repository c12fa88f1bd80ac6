/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the supported kernels (6.1, 6.12 and the newest), each under the
 * name of the thing that differs. No other file looks at the kernel's version.
 */
#ifndef RH_COMPAT_H
#define RH_COMPAT_H

#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/netdevice.h>
#include <linux/types.h>
#include <linux/uio.h>
#include <linux/version.h>
#include <linux/vhost.h>
#include <net/udp.h>

/* Signal an eventfd by one; the count argument went away in 6.8. */
static inline void rh_compat_eventfd_signal(struct eventfd_ctx *context)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(context);
#else
	eventfd_signal(context, 1);
#endif
}

/* More than 64 feature bits (<linux/vhost.h>); since 6.18. */
#ifndef VHOST_GET_FEATURES_ARRAY
struct vhost_features_array {
	__u64 count;
	__u64 features[];
};

#define VHOST_GET_FEATURES_ARRAY _IOR(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#define VHOST_SET_FEATURES_ARRAY _IOW(VHOST_VIRTIO, 0x83, struct vhost_features_array)
#endif

/*
 * vfs_iocb_iter_write() as it has been since 6.8: it takes the file system's freeze
 * protection itself, and a write that ends later is for the caller to kiocb_end_write().
 */
static inline ssize_t rh_compat_vfs_iocb_iter_write(struct file *file, struct kiocb *iocb,
						    struct iov_iter *iter)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return vfs_iocb_iter_write(file, iocb, iter);
#else
	ssize_t ret;

	kiocb_start_write(iocb);
	ret = vfs_iocb_iter_write(file, iocb, iter);
	if (ret != -EIOCBQUEUED)
		kiocb_end_write(iocb);
	return ret;
#endif
}

/* Workers by ioctl (<linux/vhost.h>); since 6.5. */
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

/* What kind of thread a worker is (<linux/vhost.h>); since 6.12.55 and 6.18. */
#ifndef VHOST_SET_FORK_FROM_OWNER
#define VHOST_FORK_OWNER_KTHREAD 0
#define VHOST_FORK_OWNER_TASK 1
#define VHOST_SET_FORK_FROM_OWNER _IOW(VHOST_VIRTIO, 0x84, __u8)
#define VHOST_GET_FORK_FROM_OWNER _IOR(VHOST_VIRTIO, 0x85, __u8)
#endif

/* Threads of the owner that run in the kernel, and say when they are killed; since 6.10. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0) && IS_ENABLED(CONFIG_VHOST_TASK)
#include <linux/sched/vhost_task.h>
#define RH_COMPAT_HAS_VHOST_TASK true
#else
#define RH_COMPAT_HAS_VHOST_TASK false
struct vhost_task;

static inline struct vhost_task *vhost_task_create(bool (*run)(void *), void (*killed)(void *),
						   void *context, const char *name)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static inline void vhost_task_start(struct vhost_task *task) { }
static inline void vhost_task_wake(struct vhost_task *task) { }
static inline void vhost_task_stop(struct vhost_task *task) { }
#endif

/* UDP segmentation by the reader of a tap (<linux/if_tun.h>); since 6.2. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define RH_COMPAT_TUN_F_USO (TUN_F_USO4 | TUN_F_USO6)
#else
#define RH_COMPAT_TUN_F_USO 0
#endif

/*
 * Packets in UDP tunnels that are to be cut up, for the reader and from the writer of a tap
 * (<linux/if_tun.h>, <linux/virtio_net.h>); since 6.17. Elsewhere only the names are there.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define RH_COMPAT_HAS_UDP_TUNNELS true
#else
#define RH_COMPAT_HAS_UDP_TUNNELS false
#define TUN_F_UDP_TUNNEL_GSO 0x080
#define TUN_F_UDP_TUNNEL_GSO_CSUM 0x100
#define VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM 8
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 0x20
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 0x40
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL \
	(VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 | VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6)

struct virtio_net_hdr_v1_hash_tunnel {
	__u8 hash_hdr[20];
	__le16 outer_th_offset;
	__le16 inner_nh_offset;
};
#endif

/*
 * Give @dev the address in @storage, a struct sockaddr_storage; dev_set_mac_address_user()
 * takes that itself since 6.16. A macro, for only the tap has network headers.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define rh_compat_set_mac_address(dev, storage) dev_set_mac_address_user(dev, storage, NULL)
#else
#define rh_compat_set_mac_address(dev, storage) \
	dev_set_mac_address_user(dev, (struct sockaddr *)(storage), NULL)
#endif

/*
 * virtio_net_hdr_to_skb() dissects a packet to be cut up even if nobody has set its network
 * header, and asks its device for the network namespace; as of 7.3, not in 6.12.
 */
#define RH_COMPAT_VNET_HEADER_DISSECTS (LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0))

/* Prepare a timer; its function is named in the same call since 6.13. */
static inline void rh_compat_hrtimer_setup(struct hrtimer *timer,
					   enum hrtimer_restart (*expire)(struct hrtimer *),
					   clockid_t clock, enum hrtimer_mode mode)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, expire, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = expire;
#endif
}

/* Room for a file's owner, who gets its SIGIO, is allocated on demand; since 6.12. */
static inline int rh_compat_allocate_file_owner(struct file *file)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	return file_f_owner_allocate(file);
#else
	return 0;
#endif
}

/* Declarations of <linux/netdevice.h> that have headers of their own; since 6.5 and 6.6. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#include <net/gso.h>
#include <net/netdev_rx_queue.h>
#endif

/* What bpf_redirect() and its kin leave behind is a task's, not a processor's; since 6.11. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
struct bpf_net_context { };

static inline struct bpf_net_context *bpf_net_ctx_set(struct bpf_net_context *context)
{
	return NULL;
}

static inline void bpf_net_ctx_clear(struct bpf_net_context *context) { }
#endif

/* A device says what of XDP it can do; since 6.3. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define rh_compat_set_xdp_features(dev) \
	((dev)->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT | \
			       NETDEV_XDP_ACT_NDO_XMIT)
#else
#define rh_compat_set_xdp_features(dev) ((void)(dev))
#endif

/*
 * Where a tun or tap looks for the header of a packet that is one of many in a message, at the
 * begin of its memory of @size bytes; as of 7.3, not in 6.12, without the size before it.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define rh_compat_xdp_header(memory, size) ((void)(size), (struct virtio_net_hdr *)(memory))
#else
#define rh_compat_xdp_header(memory, size) ({ \
	struct tun_xdp_hdr *xdp_header = (memory); \
	xdp_header->buflen = (size); \
	&xdp_header->gso; \
})
#endif

/* Who takes packets from a tun's ring has to wake the tun's queue; as of 7.3, not in 6.12. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define rh_compat_get_tun_wake() symbol_get(tun_wake_queue)
#else
#define rh_compat_get_tun_wake() ((void (*)(struct file *, int))NULL)
#endif

/*
 * Whether the stack may join UDP datagrams that come in on an interface: the interface was told
 * to, or a socket may have asked for it or end a tunnel. Modules cannot ask for the latter
 * since 6.15.
 */
static inline bool rh_compat_datagrams_join(const struct net_device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	return true;
#else
	return static_branch_unlikely(&udp_encap_needed_key) ||
	       dev->features & (NETIF_F_GRO_FRAGLIST | NETIF_F_GRO_UDP_FWD);
#endif
}

#endif /* RH_COMPAT_H */
