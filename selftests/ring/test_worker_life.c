// SPDX-License-Identifier: GPL-2.0-only
/*
 * Worker threads of either kind as the host's administrator meets them: named, charged to the
 * owner's control group, as nice as the owner, pinned with taskset. And what becomes of
 * them with their owner: stopped, frozen, replaced by exec() or killed with I/O in flight,
 * while another process still holds the device. That one must never wait for the owner.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../blk/disks.h"
#include "threads.h"
#include "traffic.h"

#define RING 64
#define WRITES 8
#define SLOW "memory_backed=1 hw_queue_depth=64 irqmode=2 completion_nsec=300000000"
/* Of rig_works(). */
#define WORKS_CHAINS 2
#define GROUPS "/tmp/selftest-cgroup"
#define GROUP GROUPS "/rh-selftest"

FIXTURE(life) { struct rig rig; };
FIXTURE_VARIANT(life) { bool kthreads; };
FIXTURE_VARIANT_ADD(life, preferred) { false };
FIXTURE_VARIANT_ADD(life, kthreads) { true };

FIXTURE_SETUP(life)
{
	if (variant->kthreads)
		driver_want_kthreads();
}

FIXTURE_TEARDOWN(life)
{
}

static void start(FIXTURE_DATA(life) *self)
{
	rig_init(&self->rig, RIG_BLK, RING, DRIVER_FEATURES);
	rig_start(&self->rig);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

static pid_t worker_of_queue(unsigned int index)
{
	char name[32];

	snprintf(name, sizeof(name), "rh-blk-%d/%u", getpid(), index);
	return threads_find(name);
}

TEST_F(life, names_tell_device_owner_and_queue_or_id)
{
	char name[32];
	int id;

	start(self);
	EXPECT_LT(0, worker_of_queue(0));
	EXPECT_LT(0, worker_of_queue(1));
	id = vhost_new_worker(self->rig.driver.fd);
	ASSERT_LE(0, id);
	snprintf(name, sizeof(name), "rh-blk-%d/w%d", getpid(), id);
	EXPECT_LT(0, threads_find(name));
	rig_exit(&self->rig);
}

TEST_F(life, owners_nice_value_is_theirs)
{
	ASSERT_EQ(0, setpriority(PRIO_PROCESS, 0, 7));
	start(self);
	EXPECT_EQ(7, getpriority(PRIO_PROCESS, worker_of_queue(0)));
	rig_exit(&self->rig);
}

TEST_F(life, a_pinned_one_works_where_it_is_told)
{
	cpu_set_t wanted, set;

	start(self);
	CPU_ZERO(&wanted);
	CPU_SET(0, &wanted);
	ASSERT_EQ(0, sched_setaffinity(worker_of_queue(0), sizeof(wanted), &wanted));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	ASSERT_EQ(0, sched_getaffinity(worker_of_queue(0), sizeof(set), &set));
	EXPECT_TRUE(CPU_EQUAL(&wanted, &set));
	rig_exit(&self->rig);
}

static bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

/* Whether a line of the file is the number. */
static bool file_lists(const char *path, pid_t number)
{
	FILE *file = fopen(path, "r");
	bool found = false;
	int seen;

	ASSERT_NE(NULL, file);
	while (!found && fscanf(file, "%d", &seen) == 1)
		found = seen == number;
	fclose(file);
	return found;
}

static bool join_group(void)
{
	char pid[16];

	mkdir(GROUPS, 0700);
	if (access(GROUPS "/cgroup.procs", F_OK) && mount("cgroup2", GROUPS, "cgroup2", 0, NULL))
		return false;
	mkdir(GROUP, 0700);
	snprintf(pid, sizeof(pid), "%d", getpid());
	return write_file(GROUP "/cgroup.procs", pid);
}

static void leave_group(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	write_file(GROUPS "/cgroup.procs", pid);
	rmdir(GROUP);
	umount2(GROUPS, MNT_DETACH);
	rmdir(GROUPS);
}

TEST_F(life, owners_control_group_is_theirs)
{
	if (!join_group())
		SKIP(return, "no second cgroup hierarchy");
	start(self);
	EXPECT_TRUE(file_lists(GROUP "/cgroup.threads", worker_of_queue(0)));
	EXPECT_TRUE(file_lists(GROUP "/cgroup.threads", worker_of_queue(1)));
	rig_exit(&self->rig);
	EXPECT_TRUE(threads_are_gone("rh-"));
	leave_group();
}

/*
 * An owner in a process of its own, which does what @act says once it is told to; the
 * caller holds the device, too.
 */
static pid_t fork_owner(int fd, int disk, void (*act)(struct rig *rig), int *told)
{
	int ready[2], tell[2];
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(tell));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		static struct rig rig;

		close(tell[1]);
		rig.flavour = RIG_BLK;
		driver_init_fd(&rig.driver, fd, 2, RING, DRIVER_FEATURES);
		rig.driver.backend = disk;
		ASSERT_EQ(0, vhost_blk_set_disk(fd, disk, 0, NULL));
		rig.queue = &rig.driver.queues[0];
		rig.neighbour = &rig.driver.queues[1];
		rig_start(&rig);
		ASSERT_EQ(0, rig_works(&rig, rig.queue));
		ASSERT_EQ(1, write(ready[1], "!", 1));
		ASSERT_EQ(1, read(tell[0], &byte, 1));
		act(&rig);
		_exit(EXIT_SUCCESS);
	}
	close(ready[1]);
	close(tell[0]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	close(ready[0]);
	*told = tell[1];
	return pid;
}

/* Have requests in flight. */
static void begin_writes(struct rig *rig)
{
	uint64_t before = driver_stat(rig->queue, RINGHOST_STAT_BLK_WRITES);

	for (unsigned int i = 0; i < WRITES; i++)
		ASSERT_LE(0, rig_add(rig));
	driver_kick_always(rig->queue);
	for (unsigned int i = 0; i < DRIVER_TIMEOUT; i++) {
		if (driver_stat(rig->queue, RINGHOST_STAT_BLK_WRITES) == before + WRITES)
			return;
		usleep(1000);
	}
	ASSERT_STREQ("taken by the device", "left on the ring");
}

static void be_killed(struct rig *rig)
{
	begin_writes(rig);
	raise(SIGKILL);
}

static void call_exec(struct rig *rig)
{
	begin_writes(rig);
	execl("/bin/true", "true", NULL);
}

static void be_stopped(struct rig *rig)
{
	raise(SIGSTOP);
	ASSERT_EQ(0, rig_works(rig, rig->queue));
}

/* Chains of queue 0 that have come to their end, as anyone may read. */
static unsigned long chains_done(int fd)
{
	char path[64], line[128];
	unsigned long chains = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "queue0.chains: %lu", &chains);
	fclose(file);
	return chains;
}

static void expect_chains(int fd, unsigned long wanted)
{
	for (unsigned int i = 0; i < DRIVER_TIMEOUT / 10 && chains_done(fd) < wanted; i++)
		usleep(10000);
	EXPECT_EQ(wanted, chains_done(fd));
}

/* The owner is gone; what was in flight ends. Closing what it left must end, and end everything. */
static void expect_end(void (*act)(struct rig *rig), bool killed)
{
	struct disk disk = { .fd = -1, .host = -1 };
	int told, status, fd, references;
	pid_t pid;

	if (!disk_open_nullb(&disk, SLOW))
		SKIP(return, "no null_blk");
	references = vhost_module_references("ringhost_blk");
	fd = vhost_open(VHOST_NODE_BLK);
	ASSERT_LE(0, fd);
	pid = fork_owner(fd, disk.fd, act, &told);
	ASSERT_EQ(1, write(told, "!", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(killed, WIFSIGNALED(status));
	/* A dead process is still the owner. */
	EXPECT_EQ(-EPERM, vhost_set_vring_num(fd, 0, RING));
	EXPECT_EQ(-EBUSY, vhost_set_owner(fd));
	expect_chains(fd, WORKS_CHAINS + WRITES);
	ASSERT_EQ(0, close(fd));
	EXPECT_TRUE(threads_are_gone("rh-"));
	EXPECT_EQ(references, vhost_module_references("ringhost_blk"));
	close(told);
	close(disk.fd);
	disk_close(&disk);
}

TEST_F(life, owner_killed_under_load_leaves_a_device_that_another_can_close)
{
	expect_end(be_killed, true);
}

TEST_F(life, owner_that_calls_exec_leaves_a_device_that_another_can_close)
{
	expect_end(call_exec, false);
}

/* An owner that was told to act, which ends in its being stopped. */
static pid_t fork_stopped_owner(int fd, void (*act)(struct rig *rig), int *told)
{
	int status;
	pid_t pid;

	ASSERT_LE(0, fd);
	pid = fork_owner(fd, blk_image(4 << 20), act, told);
	ASSERT_EQ(1, write(*told, "!", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	return pid;
}

static int status_of_continued(pid_t pid)
{
	int status;

	ASSERT_EQ(0, kill(pid, SIGCONT));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	return status;
}

/* For the owner's own close to come last, it goes on; another's close does not wait. */
TEST_F(life, a_stopped_owner_holds_up_nobody_elses_close_and_goes_on_later)
{
	int fd = vhost_open(VHOST_NODE_BLK), told, status;
	pid_t pid = fork_stopped_owner(fd, be_stopped, &told);

	ASSERT_EQ(0, close(fd));
	status = status_of_continued(pid);
	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
	EXPECT_TRUE(threads_are_gone("rh-"));
	close(told);
}

static void close_and_be_stopped(struct rig *rig)
{
	close(rig->driver.fd);
	raise(SIGSTOP);
}

TEST_F(life, last_close_does_not_wait_for_an_owner_that_is_stopped)
{
	int references = vhost_module_references("ringhost_blk");
	int fd = vhost_open(VHOST_NODE_BLK), told;
	pid_t pid = fork_stopped_owner(fd, close_and_be_stopped, &told);

	ASSERT_EQ(0, close(fd));
	status_of_continued(pid);
	EXPECT_TRUE(threads_are_gone("rh-"));
	for (unsigned int i = 0; i < 100; i++)
		if (vhost_module_references("ringhost_blk") != references)
			usleep(20000);
	EXPECT_EQ(references, vhost_module_references("ringhost_blk"));
	close(told);
}

static void wait_frozen(const char *frozen)
{
	char line[64];
	FILE *file;

	for (unsigned int i = 0; i < DRIVER_TIMEOUT / 10; i++) {
		bool found = false;

		file = fopen(GROUP "/cgroup.events", "r");
		ASSERT_NE(NULL, file);
		while (fgets(line, sizeof(line), file))
			found |= !strcmp(line, frozen);
		fclose(file);
		if (found)
			return;
		usleep(10000);
	}
	ASSERT_STREQ(frozen, "what came");
}

static void close_and_leave(struct rig *rig)
{
	close(rig->driver.fd);
	pause();
}

TEST_F(life, last_close_does_not_wait_for_an_owner_that_is_frozen)
{
	int fd = vhost_open(VHOST_NODE_BLK), told, status;
	char text[16];
	pid_t pid;

	ASSERT_LE(0, fd);
	if (!join_group())
		SKIP(return, "no second cgroup hierarchy");
	pid = fork_owner(fd, blk_image(4 << 20), close_and_leave, &told);
	snprintf(text, sizeof(text), "%d", getpid());
	ASSERT_TRUE(write_file(GROUPS "/cgroup.procs", text));
	ASSERT_EQ(1, write(told, "!", 1));
	usleep(DRIVER_QUIET * 1000);
	ASSERT_TRUE(write_file(GROUP "/cgroup.freeze", "1"));
	/* A group with a thread of the kernel's in it never counts as frozen. */
	if (vhost_get_fork_from_owner(fd) == VHOST_FORK_OWNER_TASK)
		wait_frozen("frozen 1\n");
	else
		usleep(DRIVER_QUIET * 1000);
	ASSERT_EQ(0, close(fd));
	ASSERT_TRUE(write_file(GROUP "/cgroup.freeze", "0"));
	EXPECT_TRUE(threads_are_gone("rh-"));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	leave_group();
	close(told);
}

TEST_HARNESS_MAIN
