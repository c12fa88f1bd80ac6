/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * ringhost's own ioctls, for what <linux/vhost.h> has no word for.
 *
 * /dev/ringhost-net and /dev/ringhost-blk speak the vhost ABI first; the calls
 * here add statistics on both and the disk on the latter. All structures have
 * the same layout for 32-bit and 64-bit callers.
 */
#ifndef _UAPI_RINGHOST_H
#define _UAPI_RINGHOST_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/vhost_types.h>

#define RINGHOST_IOC_MAGIC 0xBF

/*
 * Per-queue counters, in the order RINGHOST_GET_VRING_STATS returns them:
 * S(enum suffix, name shown to people). New ones are only ever appended.
 *
 * A counter named reject_* counts refused guest input. The rejects of the ring
 * itself (reject_avail_index .. reject_ring_fault) break the queue: its error
 * eventfd fires and it does nothing more until it is stopped and started
 * again. The others refuse one request or packet, and the queue goes on.
 */
#define RINGHOST_VRING_STATS(S) \
	S(CHAINS, chains)				/* descriptor chains completed */ \
	S(DESCRIPTORS, descriptors)			/* descriptors popped, indirect ones included */ \
	S(BYTES_READ, bytes_read)			/* bytes the driver offered for reading */ \
	S(BYTES_WRITTEN, bytes_written)			/* bytes written to the driver's buffers */ \
	S(KICKS, kicks)					/* kick eventfd signals seen */ \
	S(CALLS, calls)					/* call eventfd signals sent */ \
	S(CALLS_SUPPRESSED, calls_suppressed)		/* batches the driver wanted no call for */ \
	S(PUBLISHES, publishes)				/* used-index writes: batches published */ \
	S(REQUEUES, requeues)				/* runs cut short by the worker's weight */ \
	S(BREAKS, breaks)				/* times the queue was declared broken */ \
	S(REJECT_AVAIL_INDEX, reject_avail_index)	/* more chains offered than the ring holds */ \
	S(REJECT_HEAD, reject_head)			/* head outside the descriptor table */ \
	S(REJECT_NEXT, reject_next)			/* next outside the descriptor table */ \
	S(REJECT_CHAIN_LENGTH, reject_chain_length)	/* loop, or more descriptors than allowed */ \
	S(REJECT_ZERO_LENGTH, reject_zero_length)	/* descriptor of length 0 */ \
	S(REJECT_ORDER, reject_order)			/* readable descriptor after a writable one */ \
	S(REJECT_INDIRECT_FEATURE, reject_indirect_feature)	/* indirect, not negotiated */ \
	S(REJECT_INDIRECT_SIZE, reject_indirect_size)	/* table empty, ragged or too large */ \
	S(REJECT_INDIRECT_NESTED, reject_indirect_nested)	/* table inside a table, or with NEXT */ \
	S(REJECT_ADDRESS, reject_address)		/* buffer outside the memory table */ \
	S(REJECT_RING_FAULT, reject_ring_fault)		/* ring memory gone or unreadable */ \
	S(REJECT_NET_HEADER, reject_net_header)		/* packet shorter than its vnet header */ \
	S(REJECT_NET_PACKET, reject_net_packet)		/* packet the port refused */ \
	S(NET_DROPS, net_drops)				/* packets no buffer can take, now or ever */ \
	S(BLK_READS, blk_reads)				/* IN requests accepted */ \
	S(BLK_WRITES, blk_writes)			/* OUT requests accepted */ \
	S(BLK_FLUSHES, blk_flushes)			/* FLUSH requests accepted */ \
	S(BLK_BOUNCED, blk_bounced)			/* requests copied: buffers ill aligned */ \
	S(BLK_ERRORS, blk_errors)			/* requests the backing disk failed */ \
	S(REJECT_BLK_HEADER, reject_blk_header)		/* request header short or missing */ \
	S(REJECT_BLK_STATUS, reject_blk_status)		/* no writable byte for the status */ \
	S(REJECT_BLK_TYPE, reject_blk_type)		/* request type not offered */ \
	S(REJECT_BLK_RANGE, reject_blk_range)		/* sectors past the end of the disk */ \
	S(REJECT_BLK_LENGTH, reject_blk_length)		/* length unaligned or above the limit */ \
	S(REJECT_BLK_READONLY, reject_blk_readonly)	/* write to a read-only disk */ \
	S(STARTS_MAPPED, starts_mapped)			/* starts with the ring mapped into the kernel */ \
	S(STARTS_UNMAPPED, starts_unmapped)		/* starts that left it to user copies */ \
	S(PINS, pins)					/* pages of the owner's pinned, for rings or data */ \
	S(POLLS, polls)					/* times the worker looked for more before it slept */ \
	S(POLL_HITS, poll_hits)				/* times that looking paid */ \
	S(IOTLB_MISSES, iotlb_misses)			/* translations asked of the owner */ \
	S(REJECT_IOTLB_ACCESS, reject_iotlb_access)	/* buffer mapped for the other direction only */ \
	S(LOGGED_PAGES, logged_pages)			/* pages noted in the dirty log */ \
	S(LOG_FAULTS, log_faults)			/* writes not logged: no memory there; breaks the queue */

#define RINGHOST_STAT_ENUM(id, name) RINGHOST_STAT_##id,
enum ringhost_vring_stat {
	RINGHOST_VRING_STATS(RINGHOST_STAT_ENUM)
	RINGHOST_STAT_COUNT
};
#undef RINGHOST_STAT_ENUM

/**
 * struct ringhost_vring_stats - argument of RINGHOST_GET_VRING_STATS
 * @index: in: the queue, counted from 0
 * @count: in: room at @values, in counters; out: counters this kernel has
 * @values: in: user address of an array of __u64; the first min(room, count)
 *	are written, in the order of enum ringhost_vring_stat
 */
struct ringhost_vring_stats {
	__u32 index;
	__u32 count;
	__aligned_u64 values;
};

/* The disk refuses writes even where its file descriptor would allow them. */
#define RINGHOST_BLK_F_READONLY		(1u << 0)
/* Out only: a block device, as opposed to an image file. */
#define RINGHOST_BLK_F_BDEV		(1u << 1)
/* Out only: I/O bypasses the host's page cache. */
#define RINGHOST_BLK_F_DIRECT		(1u << 2)

#define RINGHOST_BLK_SERIAL_BYTES 20	/* VIRTIO_BLK_ID_BYTES; virtio 1.3, 5.2.6 */

/**
 * struct ringhost_blk_disk - argument of RINGHOST_BLK_SET_DISK
 * @fd: a block device or a regular file, opened for reading, or for reading and
 *	writing; -1 detaches the disk
 * @flags: RINGHOST_BLK_F_READONLY or 0; other bits must be 0
 * @serial: what GET_ID answers; padded with NUL, not necessarily terminated
 * @reserved: must be 0
 */
struct ringhost_blk_disk {
	__s32 fd;
	__u32 flags;
	__u8 serial[RINGHOST_BLK_SERIAL_BYTES];
	__u32 reserved[9];
};

/**
 * struct ringhost_blk_limits - result of RINGHOST_BLK_GET_LIMITS
 * @capacity: size of the disk in sectors of 512 bytes, the last partial one dropped
 * @logical_block_size: smallest unit of I/O in bytes; requests must be multiples of it
 * @physical_block_size: unit the disk works in internally, in bytes
 * @max_request_bytes: largest data length of one request
 * @seg_max: most data descriptors of one request
 * @queues: most queues the device can run
 * @flags: RINGHOST_BLK_F_*
 * @reserved: 0
 */
struct ringhost_blk_limits {
	__u64 capacity;
	__u32 logical_block_size;
	__u32 physical_block_size;
	__u32 max_request_bytes;
	__u32 seg_max;
	__u32 queues;
	__u32 flags;
	__u32 reserved[8];
};

/*
 * Any device, any time after VHOST_SET_OWNER, by the owner. Errors: EPERM not
 * the owner, EFAULT, ENOBUFS no such queue.
 */
#define RINGHOST_GET_VRING_STATS _IOWR(RINGHOST_IOC_MAGIC, 0x01, struct ringhost_vring_stats)

/*
 * ringhost-blk only: start (num = 1) or stop (num = 0) one queue. Starting needs
 * a disk and the vhost calls VRING_NUM, VRING_ADDR, MEM_TABLE made before. Stopping
 * returns when every request in flight has completed, and never fails; then
 * VHOST_GET_VRING_BASE tells where to go on. Errors: EPERM, EFAULT, ENOBUFS no
 * such queue, EINVAL num, ENODEV no disk, EFAULT ring address outside the process.
 */
#define RINGHOST_SET_VRING_ENABLE _IOW(RINGHOST_IOC_MAGIC, 0x02, struct vhost_vring_state)

/*
 * ringhost-blk only: attach a disk, while no queue runs. Errors: EPERM, EFAULT,
 * EBUSY a queue runs, EBADF, EINVAL unknown flag, reserved not 0, or a file that
 * is neither block device nor regular file, or is writable and opened with O_APPEND, EACCES not opened for reading,
 * EROFS neither opened for writing nor flagged read-only.
 */
#define RINGHOST_BLK_SET_DISK _IOW(RINGHOST_IOC_MAGIC, 0x10, struct ringhost_blk_disk)

/* ringhost-blk only: what the attached disk can do. Errors: EPERM, EFAULT, ENODEV no disk. */
#define RINGHOST_BLK_GET_LIMITS _IOR(RINGHOST_IOC_MAGIC, 0x11, struct ringhost_blk_limits)

#endif /* _UAPI_RINGHOST_H */
