// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner goes away while its queues are busy: by close(), by exit without
 * close, by SIGKILL at any moment. Everything is released at once: the worker
 * threads end and the modules can be unloaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "load.h"
#include "threads.h"

#define RING 256

FIXTURE(owner) { pid_t pid; };
FIXTURE_VARIANT(owner) { enum rig_flavour flavour; uint64_t features; bool kthreads; };
FIXTURE_VARIANT_ADD(owner, blk) { RIG_BLK, DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(owner, net_tx) { RIG_NET_TX, DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(owner, net_rx) { RIG_NET_RX, DRIVER_FEATURES, false };
FIXTURE_VARIANT_ADD(owner, blk_packed) { RIG_BLK, DRIVER_PACKED, false };
FIXTURE_VARIANT_ADD(owner, net_rx_packed) { RIG_NET_RX, DRIVER_PACKED, false };
FIXTURE_VARIANT_ADD(owner, blk_kthreads) { RIG_BLK, DRIVER_FEATURES, true };
FIXTURE_VARIANT_ADD(owner, net_tx_kthreads) { RIG_NET_TX, DRIVER_FEATURES, true };

FIXTURE_SETUP(owner)
{
	if (variant->kthreads)
		driver_want_kthreads();
}

FIXTURE_TEARDOWN(owner)
{
}

/* A process that owns a busy device until it is killed; says so through @ready. */
static void be_owner(const FIXTURE_VARIANT(owner) *variant, int ready)
{
	static struct rig rig;
	static struct load load;

	rig_init(&rig, variant->flavour, RING, variant->features);
	rig_start(&rig);
	load_init(&load, &rig);
	load_start(&load);
	load_expect(&load, 10);
	if (write(ready, "!", 1) != 1)
		_exit(EXIT_FAILURE);
	pause();
}

static pid_t start_owner(const FIXTURE_VARIANT(owner) *variant)
{
	int ready[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(ready[0]);
		be_owner(variant, ready[1]);
		_exit(EXIT_FAILURE);
	}
	close(ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	close(ready[0]);
	return pid;
}

static void expect_all_released(const char *module, int before)
{
	EXPECT_TRUE(threads_are_gone("rh-"));
	EXPECT_EQ(before, vhost_module_references(module));
}

static const char *module_of(enum rig_flavour flavour)
{
	return flavour == RIG_BLK ? "ringhost_blk" : "ringhost_net";
}

TEST_F_TIMEOUT(owner, killed_while_busy_releases_everything, 60)
{
	const char *module = module_of(variant->flavour);
	int before = vhost_module_references(module);
	int status = 0;

	for (unsigned int round = 0; round < 5; round++) {
		pid_t pid = start_owner(variant);

		EXPECT_LT(0, threads_count("rh-"));
		usleep(round * 7000);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		expect_all_released(module, before);
	}
}

/* In a process of its own, so that every round has a new device and interface. */
static void close_while_busy(const FIXTURE_VARIANT(owner) *variant)
{
	struct rig rig;
	struct load load;

	rig_init(&rig, variant->flavour, RING, variant->features);
	rig_start(&rig);
	load_init(&load, &rig);
	load_fill(&load);
	ASSERT_EQ(0, close(rig.driver.fd));
	/* The device has gone, although its owner has not. */
	EXPECT_TRUE(threads_are_gone("rh-"));
}

TEST_F_TIMEOUT(owner, close_while_busy_releases_everything, 60)
{
	const char *module = module_of(variant->flavour);
	int before = vhost_module_references(module);
	int status = -1;

	for (unsigned int round = 0; round < 5; round++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			close_while_busy(variant);
			_exit(EXIT_SUCCESS);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
		expect_all_released(module, before);
	}
}

/* An owner with a file of @folder in its memory, which keeps the file system busy. */
static void map_and_be_owner(const FIXTURE_VARIANT(owner) *variant, const char *folder,
			     int ready)
{
	char path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ftruncate(fd, 4096));
	ASSERT_NE(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	close(fd);
	be_owner(variant, ready);
}

TEST_F(owner, memory_of_a_killed_owner_is_freed)
{
	char folder[] = "/tmp/selftest-owner-XXXXXX";
	int status = 0, ready[2];
	char byte;
	pid_t pid;

	ASSERT_NE(NULL, mkdtemp(folder));
	ASSERT_EQ(0, mount("tmpfs", folder, "tmpfs", 0, NULL));
	ASSERT_EQ(0, pipe(ready));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		map_and_be_owner(variant, folder, ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	/* That is what a mapping does. */
	EXPECT_EQ(-1, umount(folder));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, umount(folder));
	umount2(folder, MNT_DETACH);
	rmdir(folder);
}

static void load_module(const char *name)
{
	char program[200] = "", path[400];
	struct utsname host;
	int fd;

	ASSERT_EQ(0, uname(&host));
	ASSERT_LT(0, readlink("/proc/self/exe", program, sizeof(program) - 1));
	snprintf(path, sizeof(path), "%s/../../modules/%s/%s.ko", dirname(program), host.release,
		 name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, syscall(SYS_finit_module, fd, "", 0));
	close(fd);
}

TEST_F_TIMEOUT(owner, killed_while_busy_leaves_modules_that_unload_at_once, 60)
{
	static const char *const modules[] = {
		"ringhost", "ringhost_tap", "ringhost_net", "ringhost_blk"
	};
	int status = 0;

	if (vhost_module_references("ringhost") < 0)
		SKIP(return, "this kernel cannot unload modules");
	for (unsigned int round = 0; round < 2; round++) {
		pid_t pid = start_owner(variant);

		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		for (unsigned int i = 4; i-- > 0;)
			EXPECT_EQ(0, syscall(SYS_delete_module, modules[i], O_NONBLOCK))
				TEST_LOG("%s: %s", modules[i], strerror(errno));
		for (unsigned int i = 0; i < 4; i++)
			if (vhost_module_references(modules[i]) < 0)
				load_module(modules[i]);
	}
}

TEST_HARNESS_MAIN
