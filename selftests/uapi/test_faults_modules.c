// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that is not there when a module is loaded or unloaded: each allocation that its
 * initialisation or its end asks for fails once. A module that was not loaded has left nothing:
 * a node, a kind of interface or a place in a list would be found by the next load, which
 * would then fail or write to memory that is gone. To unload a module needs no memory.
 *
 * What the loader itself asks for, before and after, is not ours and does not fail here.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "fault.h"
#include "net.h"

#define MODULES 4

/**
 * struct module - one of ours
 * @name: of the module
 * @node: that is there while it is loaded, or NULL
 * @image: its file in memory
 * @length: of @image
 */
struct module {
	const char *name;
	const char *node;
	void *image;
	size_t length;
};

/* In the order of loading. */
static struct module modules[MODULES] = {
	{ .name = "ringhost" },
	{ .name = "ringhost_net", .node = VHOST_NODE_NET },
	{ .name = "ringhost_blk", .node = VHOST_NODE_BLK },
	{ .name = "ringhost_tap", .node = VHOST_NODE_TAP },
};

FIXTURE(modules) { bool unloaded; };

/* As selftests/tap/test_unload.sh finds them. */
static void path_of(const struct module *module, char path[PATH_MAX])
{
	const char *folder = getenv("RINGHOST_MODULES");
	char self[PATH_MAX / 2] = "";
	struct utsname name;

	if (folder) {
		snprintf(path, PATH_MAX, "%s/%s.ko", folder, module->name);
		return;
	}
	ASSERT_EQ(0, uname(&name));
	ASSERT_LT(0, readlink("/proc/self/exe", self, sizeof(self) - 1));
	*strrchr(self, '/') = 0;
	snprintf(path, PATH_MAX, "%s/../../modules/%s/%s.ko", self, name.release, module->name);
}

static bool fetch(struct module *module)
{
	char path[PATH_MAX];
	struct stat status;
	int fd;

	path_of(module, path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ASSERT_EQ(0, fstat(fd, &status));
	module->length = status.st_size;
	module->image = malloc(module->length);
	ASSERT_NE(NULL, module->image);
	ASSERT_EQ(status.st_size, read(fd, module->image, module->length));
	close(fd);
	return true;
}

static int load(const struct module *module)
{
	return syscall(SYS_init_module, module->image, module->length, "") ? -errno : 0;
}

static int unload(const struct module *module)
{
	return syscall(SYS_delete_module, module->name, O_NONBLOCK) ? -errno : 0;
}

FIXTURE_SETUP(modules)
{
	FAULT_OR_SKIP();
	for (unsigned int i = 0; i < MODULES; i++)
		if (!fetch(&modules[i]))
			SKIP(return, "no file of the module %s", modules[i].name);
	self->unloaded = true;
	for (unsigned int i = MODULES; i-- > 0;)
		ASSERT_EQ(0, unload(&modules[i]));
}

/* Other tests want them all. */
FIXTURE_TEARDOWN(modules)
{
	for (unsigned int i = 0; self->unloaded && i < MODULES; i++) {
		int error = load(&modules[i]);

		EXPECT_TRUE(!error || error == -EEXIST);
		EXPECT_TRUE(!modules[i].node || !access(modules[i].node, F_OK));
	}
}

static int load_or_leave_nothing(const struct module *module)
{
	int error = load(module);

	if (error && module->node)
		EXPECT_NE(0, access(module->node, F_OK));
	return error;
}

TEST_F_TIMEOUT(modules, are_loaded_or_leave_nothing, 60)
{
	for (unsigned int i = 0; i < MODULES; i++) {
		TEST_LOG("%s", modules[i].name);
		EACH_FAULT_UNDO(load_or_leave_nothing(&modules[i]), unload(&modules[i]));
		ASSERT_EQ(0, load(&modules[i]));
	}
}

static int load_again(const struct module *module)
{
	EXPECT_TRUE(!module->node || access(module->node, F_OK));
	ASSERT_EQ(0, load(module));
	return 0;
}

/* The core alone asks for nothing when it goes. */
TEST_F_TIMEOUT(modules, are_unloaded_without_memory, 60)
{
	ASSERT_EQ(0, load(&modules[0]));
	for (unsigned int i = 1; i < MODULES; i++) {
		ASSERT_EQ(0, load(&modules[i]));
		TEST_LOG("%s", modules[i].name);
		EACH_FAULT_UNDO(unload(&modules[i]), load_again(&modules[i]));
		ASSERT_EQ(0, unload(&modules[i]));
	}
}

TEST_HARNESS_MAIN
