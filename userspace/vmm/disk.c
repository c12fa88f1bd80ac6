// SPDX-License-Identifier: GPL-2.0-only
/*
 * Image files and block devices: open, lock, measure. Behind stage (3), before
 * any guest runs, on the main thread. Entry point: disk_open().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "err.h"
#include "options.h"

/* What file systems work in, whatever unit stat() would like I/O to have. */
#define DISK_FILE_BLOCK 4096

static int disk_open_file(struct disk *disk)
{
	int flags = (disk->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC;
	struct stat found;

	/* Looked at first, because opening a FIFO would wait and a tape might rewind. */
	if (stat(disk->path, &found) < 0)
		return rh_error(-errno, "cannot open disk %s: %s", disk->path, strerror(errno));
	if (!S_ISREG(found.st_mode) && !S_ISBLK(found.st_mode))
		return rh_error(-EINVAL, "disk %s is neither a file nor a block device",
				disk->path);
	/* O_EXCL: a mounted or otherwise claimed block device is refused. */
	if (S_ISBLK(found.st_mode) && !disk->readonly)
		flags |= O_EXCL;
	disk->fd = open(disk->path, flags);
	if (disk->fd < 0 && errno == EBUSY)
		return rh_error(-EBUSY, "disk %s is in use", disk->path);
	if (disk->fd < 0)
		return rh_error(-errno, "cannot open disk %s for %s: %s", disk->path,
				disk->readonly ? "reading" : "writing", strerror(errno));
	return 0;
}

/*
 * The lock belongs to this opening of the file, so it also holds against a second
 * --disk of this process, and it goes when the process does, however it ends.
 */
static int disk_lock(struct disk *disk)
{
	struct flock lock = {
		.l_type = disk->readonly ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET,
	};

	if (!fcntl(disk->fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return rh_error(-EBUSY, "disk %s is in use%s", disk->path,
				disk->readonly ? " by a writer" : "");
	/* Some network file systems know no locks; the user is on his own there. */
	if (errno == EOPNOTSUPP || errno == ENOLCK || errno == EINVAL)
		return 0;
	return rh_error(-errno, "cannot lock disk %s: %s", disk->path, strerror(errno));
}

static int disk_measure_file(struct disk *disk, const struct stat *found)
{
	struct statx details;

	disk->capacity = found->st_size / DISK_SECTOR;
	if (found->st_size % DISK_SECTOR)
		return rh_error(-EINVAL, "disk %s has %lld bytes, which is no multiple of %d",
				disk->path, (long long)found->st_size, DISK_SECTOR);
	disk->logical_block_size = DISK_SECTOR;
	disk->physical_block_size = DISK_FILE_BLOCK;
	/* A file system that does not tell its alignment is used through the page cache. */
	if (!statx(disk->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &details) &&
	    details.stx_mask & STATX_DIOALIGN) {
		disk->offset_align = details.stx_dio_offset_align;
		disk->memory_align = details.stx_dio_mem_align;
	}
	return 0;
}

static int disk_measure_device(struct disk *disk)
{
	uint64_t bytes;
	int logical;
	unsigned int physical;
	int readonly;

	if (ioctl(disk->fd, BLKGETSIZE64, &bytes) || ioctl(disk->fd, BLKSSZGET, &logical) ||
	    ioctl(disk->fd, BLKPBSZGET, &physical) || ioctl(disk->fd, BLKROGET, &readonly))
		return rh_error(-errno, "cannot measure disk %s: %s", disk->path,
				strerror(errno));
	if (readonly && !disk->readonly)
		return rh_error(-EROFS, "disk %s is write-protected: say readonly", disk->path);
	disk->capacity = bytes / DISK_SECTOR;
	disk->logical_block_size = logical;
	disk->physical_block_size = physical;
	disk->offset_align = logical;
	disk->memory_align = logical;
	return 0;
}

static int disk_measure(struct disk *disk)
{
	struct stat found;
	int err;

	if (fstat(disk->fd, &found) < 0)
		return rh_error(-errno, "cannot measure disk %s: %s", disk->path,
				strerror(errno));
	err = S_ISBLK(found.st_mode) ? disk_measure_device(disk) :
				       disk_measure_file(disk, &found);
	if (!err && !disk->capacity)
		return rh_error(-EINVAL, "disk %s is empty", disk->path);
	return err;
}

static bool same_file(int one, int other)
{
	struct stat a, b;

	return !fstat(one, &a) && !fstat(other, &b) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* Direct I/O is a matter of speed: without it, everything goes through @fd. */
static void disk_open_direct(struct disk *disk)
{
	int flags = (disk->readonly ? O_RDONLY : O_RDWR) | O_DIRECT | O_CLOEXEC;

	if (!disk->offset_align || !disk->memory_align)
		return;
	disk->direct_fd = open(disk->path, flags);
	if (disk->direct_fd < 0 || same_file(disk->fd, disk->direct_fd))
		return;
	/* Somebody renamed another file over the path between the two. */
	close(disk->direct_fd);
	disk->direct_fd = -1;
}

int disk_open(struct disk *disk, const struct disk_options *options)
{
	int err;

	*disk = (struct disk) {
		.path = options->path, .readonly = options->readonly, .fd = -1, .direct_fd = -1,
	};
	err = disk_open_file(disk);
	if (!err)
		err = disk_lock(disk);
	if (!err)
		err = disk_measure(disk);
	if (err) {
		disk_close(disk);
		return err;
	}
	disk_open_direct(disk);
	disk->path = NULL;
	return 0;
}

void disk_close(struct disk *disk)
{
	if (disk->direct_fd >= 0)
		close(disk->direct_fd);
	if (disk->fd >= 0)
		close(disk->fd);
	disk->fd = -1;
	disk->direct_fd = -1;
}
