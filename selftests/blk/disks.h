/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Disks for the tests of this folder: null_blk devices with the properties a test
 * wants, and images on an ext4 of their own, where I/O is direct and asynchronous.
 * What cannot be had here makes the caller skip. All of it is gone after disk_close().
 */
#ifndef SELFTESTS_BLK_DISKS_H
#define SELFTESTS_BLK_DISKS_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blk.h"
#include "harness.h"
#include "shell.h"

#define NULLB_ROOT "/sys/kernel/config/nullb"
#define DISK_MIB 64
/* Of a DISK_EXT4. */
#define IMAGE_MIB 10
#define DISK_BYTES ((size_t)DISK_MIB << 20)

enum disk_kind {
	DISK_IMAGE,	/* a file on whatever /tmp is */
	DISK_EXT4,	/* a file on an ext4 on a null_blk */
	DISK_NULLB,	/* a null_blk that keeps data */
	DISK_NULLB_4K,	/* the same with blocks of 4096 bytes */
	DISK_LOOP,	/* a loop device on a file */
};

/**
 * struct disk - a disk for a test
 * @fd: what the device is given
 * @host: another descriptor of the same, for the test's own view, past the page cache
 *	where that is possible
 * @block: its logical block size
 * @name: of the null_blk, if there is one
 * @mount: where it is mounted, if it is
 * @loop: path of the loop device, if there is one
 */
struct disk {
	int fd;
	int host;
	size_t block;
	char name[32];
	char mount[32];
	char loop[32];
};

/* Returns 0 or -errno. */
static inline int disk_set_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		error = -errno;
	close(fd);
	return error;
}

/* Set an attribute of a null_blk; returns 0 or -errno. */
static inline int nullb_set(const char *name, const char *attribute, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), NULLB_ROOT "/%s/%s", name, attribute);
	return disk_set_file(path, value);
}

static inline void nullb_remove(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), NULLB_ROOT "/%s", name);
	nullb_set(name, "power", "0");
	rmdir(path);
}

/*
 * Make /dev/@disk->name, DISK_MIB large, with @attributes: "name=value name=value".
 * Returns false if this kernel cannot.
 */
static inline bool nullb_add(struct disk *disk, const char *attributes)
{
	char path[128], *copy = strdup(attributes), *rest = copy, *attribute;

	if (access(NULLB_ROOT, F_OK)) {
		run("modprobe null_blk nr_devices=0 2>/dev/null");
		mount("configfs", "/sys/kernel/config", "configfs", 0, NULL);
	}
	snprintf(disk->name, sizeof(disk->name), "rhdisk%d", getpid());
	snprintf(path, sizeof(path), NULLB_ROOT "/%s", disk->name);
	if (access(NULLB_ROOT, F_OK) || mkdir(path, 0700))
		return false;
	snprintf(path, sizeof(path), "%d", DISK_MIB);
	ASSERT_EQ(0, nullb_set(disk->name, "size", path));
	while ((attribute = strsep(&rest, " "))) {
		char *value = strchr(attribute, '=');

		*value++ = 0;
		ASSERT_EQ(0, nullb_set(disk->name, attribute, value)) {
			TEST_LOG("null_blk attribute %s", attribute);
		}
	}
	free(copy);
	ASSERT_EQ(0, nullb_set(disk->name, "power", "1"));
	return true;
}

/* Open @path for the device and for the test. */
static inline void disk_open_path(struct disk *disk, const char *path)
{
	disk->fd = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, disk->fd) { TEST_LOG("%s: %s", path, strerror(errno)); }
	disk->host = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (disk->host < 0)
		disk->host = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, disk->host);
}

/* Open a null_blk with @attributes. */
static inline bool disk_open_nullb(struct disk *disk, const char *attributes)
{
	char path[64];

	if (!nullb_add(disk, attributes))
		return false;
	snprintf(path, sizeof(path), "/dev/%s", disk->name);
	disk_open_path(disk, path);
	return true;
}

/* A file system that holds an allocated image of IMAGE_MIB; made once a boot. */
#define TEMPLATE "/tmp/rhdisk-template.ext4"
#define MAKE_TEMPLATE \
	"[ -e " TEMPLATE " ] || { d=$(mktemp -d) && yes | head -c %dM >$d/image && " \
	"mke2fs -q -t ext4 -b 4096 -d $d $d.fs %dM >/dev/null && mv $d.fs " TEMPLATE " && " \
	"rm -r $d; }"

/*
 * An image on an ext4 on a null_blk with @attributes. The file system is copied whole: that
 * asks a slow device for few requests.
 */
static inline bool disk_open_ext4(struct disk *disk, const char *attributes)
{
	char path[80];

	if (!run("command -v mke2fs >/dev/null") || !nullb_add(disk, attributes))
		return false;
	snprintf(disk->mount, sizeof(disk->mount), "/tmp/rhmount-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(disk->mount));
	ASSERT_TRUE(run(MAKE_TEMPLATE, IMAGE_MIB, IMAGE_MIB + 8));
	ASSERT_TRUE(run("cat " TEMPLATE " >/dev/%s && mount -t ext4 /dev/%s %s",
			disk->name, disk->name, disk->mount));
	snprintf(path, sizeof(path), "%s/image", disk->mount);
	disk_open_path(disk, path);
	return true;
}

static inline bool disk_open_loop(struct disk *disk)
{
	char path[] = "/tmp/rhloop-XXXXXX";
	int file = mkstemp(path);
	FILE *output;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, DISK_BYTES));
	close(file);
	run("modprobe loop 2>/dev/null");
	output = popen("losetup -f 2>/dev/null", "r");
	if (output && fgets(disk->loop, sizeof(disk->loop), output))
		disk->loop[strcspn(disk->loop, "\n")] = 0;
	if (output)
		pclose(output);
	if (disk->loop[0] && !run("losetup %s %s", disk->loop, path))
		disk->loop[0] = 0;
	unlink(path);
	if (!disk->loop[0])
		return false;
	disk_open_path(disk, disk->loop);
	return true;
}

/* Returns false, and the test should be skipped, if there is no such disk here. */
static inline bool disk_open(struct disk *disk, enum disk_kind kind)
{
	*disk = (struct disk){ .fd = -1, .host = -1, .block = BLK_SECTOR };
	switch (kind) {
	case DISK_IMAGE:
		disk->fd = blk_image(DISK_BYTES);
		disk->host = dup(disk->fd);
		return true;
	case DISK_EXT4:
		return disk_open_ext4(disk, "memory_backed=1");
	case DISK_NULLB:
		return disk_open_nullb(disk, "memory_backed=1 blocksize=512");
	case DISK_NULLB_4K:
		disk->block = 4096;
		return disk_open_nullb(disk, "memory_backed=1 blocksize=4096");
	case DISK_LOOP:
		return disk_open_loop(disk);
	}
	return false;
}

/* The device must have let go of the disk; @disk->fd was closed with the driver. */
static inline void disk_close(struct disk *disk)
{
	if (disk->host >= 0)
		close(disk->host);
	if (disk->mount[0]) {
		EXPECT_EQ(0, umount(disk->mount)) { TEST_LOG("umount: %s", strerror(errno)); }
		rmdir(disk->mount);
	}
	if (disk->loop[0])
		EXPECT_TRUE(run("losetup -d %s", disk->loop));
	if (disk->name[0])
		nullb_remove(disk->name);
}

/* The host's view: @bytes at @offset, both multiples of 4096. */
static inline void disk_peek(const struct disk *disk, void *data, size_t bytes, off_t offset)
{
	void *aligned = aligned_alloc(4096, bytes);

	ASSERT_NE(NULL, aligned);
	ASSERT_EQ(bytes, pread(disk->host, aligned, bytes, offset));
	memcpy(data, aligned, bytes);
	free(aligned);
}

static inline void disk_poke(const struct disk *disk, const void *data, size_t bytes, off_t offset)
{
	void *aligned = aligned_alloc(4096, bytes);

	ASSERT_NE(NULL, aligned);
	memcpy(aligned, data, bytes);
	ASSERT_EQ(bytes, pwrite(disk->host, aligned, bytes, offset));
	free(aligned);
}

/* Bytes that differ from place to place and from @seed to @seed. */
static inline void disk_pattern(unsigned char *data, size_t bytes, unsigned int seed)
{
	unsigned int state = seed * 2654435761u + 12345;

	for (size_t i = 0; i < bytes; i++) {
		state = state * 1103515245u + 12345;
		data[i] = state >> 16;
	}
}

#endif /* SELFTESTS_BLK_DISKS_H */
