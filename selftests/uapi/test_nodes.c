// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device nodes: programs find them by name, load the modules through
 * them and expect what /dev/vhost-net and /dev/net/tun are: misc devices, the first
 * for root and a group, the second for everybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "harness.h"
#include "vhost.h"

/* Documentation/admin-guide/devices.txt: "Non-serial mice, misc features". */
#define MISC_MAJOR 10

FIXTURE(node) { const char *path; };
FIXTURE_VARIANT(node) {
	const char *name;
	const char *module;
	unsigned int mode;
};
FIXTURE_VARIANT_ADD(node, net) { "ringhost-net", "ringhost_net", 0660 };
FIXTURE_VARIANT_ADD(node, blk) { "ringhost-blk", "ringhost_blk", 0660 };
FIXTURE_VARIANT_ADD(node, tap) { "ringhost-tap", "ringhost_tap", 0666 };

FIXTURE_SETUP(node)
{
	static char path[64];

	snprintf(path, sizeof(path), "/dev/%s", variant->name);
	self->path = path;
}

FIXTURE_TEARDOWN(node)
{
}

TEST_F(node, module_is_loaded)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/module/%s", variant->module);
	ASSERT_EQ(0, access(path, F_OK));
	ASSERT_EQ(0, access("/sys/module/ringhost", F_OK));
}

TEST_F(node, is_a_misc_device_of_root_and_its_mode)
{
	struct stat status;

	ASSERT_EQ(0, stat(self->path, &status));
	EXPECT_TRUE(S_ISCHR(status.st_mode));
	EXPECT_EQ(MISC_MAJOR, major(status.st_rdev));
	EXPECT_EQ(variant->mode, status.st_mode & 07777);
	EXPECT_EQ(0, status.st_uid);
	EXPECT_EQ(0, status.st_gid);
}

TEST_F(node, opens_and_closes)
{
	int fd = open(self->path, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, close(fd));
}

TEST_F(node, is_opened_by_others_only_if_it_is_theirs_to_open)
{
	int fd;

	ASSERT_EQ(0, setgid(65534));
	ASSERT_EQ(0, setuid(65534));
	fd = open(self->path, O_RDWR | O_CLOEXEC);
	if (variant->mode & 6) {
		EXPECT_LE(0, fd);
	} else {
		EXPECT_EQ(-1, fd);
		EXPECT_EQ(EACCES, errno);
	}
}

TEST_F(node, keeps_its_module_loaded_while_open)
{
	int before = vhost_module_references(variant->module);
	int fd;

	if (before < 0)
		SKIP(return, "this kernel cannot unload modules");
	fd = open(self->path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_LT(before, vhost_module_references(variant->module));
	close(fd);
	/* What a socket holds goes after a grace period. */
	for (unsigned int i = 0; i < 100 && vhost_module_references(variant->module) != before; i++)
		usleep(20000);
	EXPECT_EQ(before, vhost_module_references(variant->module));
}

/* modinfo reads the file; we look for the text that depmod turns into modules.devname. */
static bool module_file_holds(const char *module, const char *text)
{
	static char content[4 << 20];
	char program[200] = "";
	struct utsname host;
	char path[400];
	size_t size;
	FILE *file;

	ASSERT_EQ(0, uname(&host));
	ASSERT_LT(0, readlink("/proc/self/exe", program, sizeof(program) - 1));
	snprintf(path, sizeof(path), "%s/../../modules/%s/%s.ko", dirname(program),
		 host.release, module);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file) { TEST_LOG("%s: %s", path, strerror(errno)); }
	size = fread(content, 1, sizeof(content), file);
	fclose(file);
	return memmem(content, size, text, strlen(text) + 1);
}

TEST_F(node, has_a_devname_alias)
{
	char alias[80];

	snprintf(alias, sizeof(alias), "alias=devname:%s", variant->name);
	EXPECT_TRUE(module_file_holds(variant->module, alias));
}

TEST_F(node, knows_no_foreign_ioctl)
{
	int fd = open(self->path, O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	/* Not by the owner, or not known at all: refused either way, and nothing else happens. */
	EXPECT_NE(0, vhost_set_vring_num(fd, 1u << 31, 256));
	close(fd);
}

TEST_HARNESS_MAIN
