// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) The disk: decides from an open file whether it can be one, and of which kind.
 *
 * Runs in the owner's ioctls, closing also in the last close; under dev.lock, while no queue
 * runs. Entry points: the functions of the RINGHOST_BLK_* ioctls.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/slab.h>

#include "blk.h"

static const struct rh_blk_backend *find_backend(const struct file *file)
{
	umode_t mode = file_inode(file)->i_mode;

	if (S_ISBLK(mode))
		return &rh_blk_bdev;
	if (S_ISREG(mode))
		return &rh_blk_file;
	return NULL;
}

/* The file's own rights decide: what it was opened for is what the guest may do. */
static int check_file(const struct file *file, bool readonly)
{
	if (!find_backend(file))
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EACCES;
	if (!readonly && !(file->f_mode & FMODE_WRITE))
		return -EROFS;
	/* Appending ignores the offset that is asked for. */
	if (!readonly && file->f_flags & O_APPEND)
		return -EINVAL;
	return 0;
}

static struct rh_blk_disk *open_file(struct file *file, const struct ringhost_blk_disk *wanted)
{
	bool readonly = wanted->flags & RINGHOST_BLK_F_READONLY;
	struct rh_blk_disk *disk;
	int err;

	err = check_file(file, readonly);
	if (err)
		return ERR_PTR(err);
	disk = kzalloc(sizeof(*disk), GFP_KERNEL_ACCOUNT);
	if (!disk)
		return ERR_PTR(-ENOMEM);
	disk->backend = find_backend(file);
	disk->file = file;
	disk->readonly = readonly;
	memcpy(disk->serial, wanted->serial, sizeof(disk->serial));
	err = disk->backend->open(disk);
	if (err) {
		kfree(disk);
		return ERR_PTR(err);
	}
	return disk;
}

/**
 * rh_blk_disk_open - make a disk of an open file
 * @wanted: the caller's description; flags and reserved fields have been checked
 *
 * Return: the disk; ERR_PTR: -EBADF no such file, -EINVAL neither block device nor
 * regular file, or one that cannot be read and written at an offset, -EACCES not opened
 * for reading, -EROFS not opened for writing though wanted writable, -ENOMEM.
 */
struct rh_blk_disk *rh_blk_disk_open(const struct ringhost_blk_disk *wanted)
{
	struct file *file = fget(wanted->fd);
	struct rh_blk_disk *disk;

	if (!file)
		return ERR_PTR(-EBADF);
	disk = open_file(file, wanted);
	if (IS_ERR(disk))
		fput(file);
	return disk;
}

/**
 * rh_blk_disk_close - undo rh_blk_disk_open()
 * @disk: the disk; nothing is in flight
 */
void rh_blk_disk_close(struct rh_blk_disk *disk)
{
	disk->backend->close(disk);
	fput(disk->file);
	kfree(disk);
}

/**
 * rh_blk_disk_limits - describe a disk
 * @disk: the disk
 * @limits: receives the description; zeroed
 */
void rh_blk_disk_limits(const struct rh_blk_disk *disk, struct ringhost_blk_limits *limits)
{
	limits->capacity = disk->backend->bytes(disk) >> SECTOR_SHIFT;
	limits->logical_block_size = disk->logical_block_size;
	limits->physical_block_size = disk->physical_block_size;
	limits->max_request_bytes = RH_BLK_REQUEST_BYTES_MAX;
	limits->seg_max = RH_BLK_SEG_MAX;
	limits->queues = RH_BLK_QUEUES;
	if (disk->readonly || !disk->backend->writable(disk))
		limits->flags |= RINGHOST_BLK_F_READONLY;
	if (disk->backend == &rh_blk_bdev)
		limits->flags |= RINGHOST_BLK_F_BDEV;
	if (disk->direct)
		limits->flags |= RINGHOST_BLK_F_DIRECT;
}
