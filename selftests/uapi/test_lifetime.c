// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whose device it is, and how it ends, where several threads, processes or
 * descriptors are in each other's way. Each of these has hurt a device side of
 * virtio before. The owner's death is ring/test_death.c's concern.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../ring/load.h"
#include "threads.h"

#define RING 64
#define SECONDS 1
#define THREADS 3

FIXTURE(lifetime) {
	struct rig rig;
	const char *module;
	volatile bool stop;
};
FIXTURE_VARIANT(lifetime) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(lifetime, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(lifetime, net) { RIG_NET_TX, DRIVER_PACKED };

FIXTURE_SETUP(lifetime)
{
	self->module = variant->flavour == RIG_BLK ? "ringhost_blk" : "ringhost_net";
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
}

FIXTURE_TEARDOWN(lifetime)
{
	rig_exit(&self->rig);
}

/* What is held beyond a close goes after a grace period. */
static bool becomes(const char *module, int references)
{
	for (unsigned int i = 0; i < 250; i++) {
		if (vhost_module_references(module) == references)
			return true;
		usleep(20000);
	}
	return false;
}

TEST_F(lifetime, closed_without_an_owner_leaves_nothing)
{
	int before = vhost_module_references(self->module);
	unsigned int workers = threads_count("rh-");

	for (unsigned int i = 0; i < 50; i++) {
		int fd = vhost_open(rig_node(variant->flavour));

		ASSERT_LE(0, fd);
		if (i % 2)
			ASSERT_EQ(0, vhost_set_features(fd, variant->features));
		close(fd);
	}
	EXPECT_EQ(workers, threads_count("rh-"));
	EXPECT_TRUE(becomes(self->module, before));
}

TEST_F(lifetime, module_of_a_running_device_does_not_unload)
{
	if (vhost_module_references(self->module) < 0)
		SKIP(return, "this kernel cannot unload modules");
	EXPECT_EQ(-1, syscall(SYS_delete_module, self->module, O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	EXPECT_EQ(-1, syscall(SYS_delete_module, "ringhost", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

/**
 * struct claim - threads that claim one device at once
 * @fd: the device
 * @go: set to let them begin
 * @owners: how many were told that they did it
 */
struct claim {
	int fd;
	volatile bool go;
	int owners;
};

static void *claim_main(void *context)
{
	struct claim *claim = context;

	while (!claim->go)
		sched_yield();
	if (!vhost_set_owner(claim->fd))
		__atomic_add_fetch(&claim->owners, 1, __ATOMIC_RELAXED);
	return NULL;
}

TEST_F(lifetime, of_threads_that_set_the_owner_at_once_one_does)
{
	for (unsigned int round = 0; round < 30; round++) {
		struct claim claim = { .fd = vhost_open(rig_node(variant->flavour)) };
		pthread_t threads[THREADS];

		ASSERT_LE(0, claim.fd);
		for (unsigned int i = 0; i < THREADS; i++)
			ASSERT_EQ(0, pthread_create(&threads[i], NULL, claim_main, &claim));
		claim.go = true;
		for (unsigned int i = 0; i < THREADS; i++)
			ASSERT_EQ(0, pthread_join(threads[i], NULL));
		ASSERT_EQ(1, claim.owners);
		close(claim.fd);
	}
}

/* Calls on a descriptor that is closed meanwhile, and perhaps another file's by then. */
static void *call_main(void *context)
{
	FIXTURE_DATA(lifetime) *self = context;
	struct driver *driver = &self->rig.driver;
	__u64 values[RINGHOST_STAT_COUNT];

	while (!self->stop) {
		guest_set_mem_table(&driver->guest, driver->fd);
		rig_stop_queue(&self->rig, self->rig.neighbour);
		rig_start_queue(&self->rig, self->rig.neighbour);
		vhost_get_vring_stats(driver->fd, 0, values, RINGHOST_STAT_COUNT);
		vhost_set_vring_call(driver->fd, 1, driver->queues[1].call);
	}
	return NULL;
}

TEST_F(lifetime, last_close_while_other_threads_make_calls_releases_everything)
{
	int before = vhost_module_references(self->module) - 1;
	pthread_t threads[THREADS];

	for (unsigned int i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, call_main, self));
	for (unsigned int i = 0; i < 20; i++) {
		int copy = dup(self->rig.driver.fd);

		ASSERT_LE(0, copy);
		rig_provoke(&self->rig);
		/* The number stays the same, and is closed and open in turns. */
		close(self->rig.driver.fd);
		ASSERT_EQ(self->rig.driver.fd, dup2(copy, self->rig.driver.fd));
		close(copy);
	}
	close(self->rig.driver.fd);
	usleep(20000);
	self->stop = true;
	for (unsigned int i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_TRUE(threads_are_gone("rh-"));
	EXPECT_TRUE(before < 0 || becomes(self->module, before));
}

static void *restart_main(void *context)
{
	FIXTURE_DATA(lifetime) *self = context;

	while (!self->stop) {
		rig_stop_queue(&self->rig, self->rig.queue);
		rig_start_queue(&self->rig, self->rig.queue);
	}
	return NULL;
}

/* Two devices start and stop on one disk, or one port, which has but one receiver. */
TEST_F(lifetime, two_devices_racing_for_one_backend_both_work_afterwards)
{
	FIXTURE_DATA(lifetime) other = { .module = self->module };
	time_t end = time(NULL) + SECONDS + 1;
	pthread_t threads[2];

	other.rig = self->rig;
	driver_init(&other.rig.driver, rig_node(variant->flavour), 2, RING, variant->features);
	other.rig.driver.backend = dup(self->rig.driver.backend);
	other.rig.queue = &other.rig.driver.queues[self->rig.queue->index];
	if (variant->flavour == RIG_BLK)
		ASSERT_EQ(0, vhost_blk_set_disk(other.rig.driver.fd, other.rig.driver.backend, 0,
						NULL));
	ASSERT_EQ(0, pthread_create(&threads[0], NULL, restart_main, self));
	ASSERT_EQ(0, pthread_create(&threads[1], NULL, restart_main, &other));
	while (time(NULL) < end)
		usleep(10000);
	self->stop = other.stop = true;
	ASSERT_EQ(0, pthread_join(threads[0], NULL));
	ASSERT_EQ(0, pthread_join(threads[1], NULL));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	EXPECT_EQ(0, rig_works(&other.rig, other.rig.queue));
	driver_exit(&other.rig.driver);
}

TEST_F(lifetime, forked_child_that_holds_the_descriptor_disturbs_nobody)
{
	int status = -1;
	pid_t child = fork();

	ASSERT_LE(0, child);
	if (!child) {
		/* Its memory is a copy: the rings it would write are not those of the device. */
		_exit(vhost_set_vring_enable(self->rig.driver.fd, 0, 0) != -EPERM);
	}
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

/* Runs in the child: own a busy device, and become another program that has it open. */
static void exec_as_owner(const FIXTURE_VARIANT(lifetime) *variant, int ready)
{
	static struct load load;
	static struct rig rig;

	rig_init(&rig, variant->flavour, RING, variant->features);
	rig_start(&rig);
	load_init(&load, &rig);
	load_start(&load);
	load_expect(&load, 10);
	fcntl(rig.driver.fd, F_SETFD, 0);
	dup2(ready, STDOUT_FILENO);
	execl("/bin/sh", "sh", "-c", "echo !; exec sleep 1000", NULL);
	_exit(EXIT_FAILURE);
}

TEST_F(lifetime, owner_that_executes_another_program_is_none_and_releases_at_its_end)
{
	int before = vhost_module_references(self->module), status = 0, ready[2];
	unsigned int workers = threads_count("rh-");
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		exec_as_owner(variant, ready[1]);
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	/*
	 * The program has the device open. Workers that are threads of the owner ended with
	 * its other threads, those that are the kernel's run on in the memory there was.
	 */
	EXPECT_LE(workers, threads_count("rh-"));
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	for (unsigned int i = 0; i < 100 && threads_count("rh-") != workers; i++)
		usleep(20000);
	EXPECT_EQ(workers, threads_count("rh-"));
	EXPECT_TRUE(before < 0 || becomes(self->module, before));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

TEST_F(lifetime, eventfds_outlive_their_descriptors)
{
	struct driver_queue *queue = self->rig.queue;
	int kick = dup(queue->kick), call = dup(queue->call), error = dup(queue->error);

	ASSERT_LE(0, error);
	close(queue->kick);
	close(queue->call);
	close(queue->error);
	queue->kick = kick;
	queue->call = call;
	queue->error = error;
	EXPECT_EQ(0, rig_works(&self->rig, queue));
	/* And nobody has them but the device. */
	close(kick);
	close(call);
	close(error);
	ASSERT_EQ(0, rig_stop_queue(&self->rig, queue));
	ASSERT_EQ(0, rig_start_queue(&self->rig, queue));
	EXPECT_EQ(0, rig_works(&self->rig, self->rig.neighbour));
}

/* The kernel numbers eventfds, with the lowest number that is free. -1: it does not tell. */
static int number_of_eventfd(int fd)
{
	char path[64], line[128];
	int number = -1;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "r");
	ASSERT_NE(NULL, info);
	while (number < 0 && fgets(line, sizeof(line), info))
		sscanf(line, "eventfd-id: %d", &number);
	fclose(info);
	return number;
}

TEST_F(lifetime, eventfds_that_were_replaced_are_let_go)
{
	int eventfd_given = eventfd(0, EFD_CLOEXEC), number = number_of_eventfd(eventfd_given);
	struct driver_queue *queue = self->rig.queue;
	int fd = self->rig.driver.fd, next;

	if (number < 0)
		SKIP(return, "this kernel does not number eventfds");
	ASSERT_EQ(0, vhost_set_vring_kick(fd, queue->index, eventfd_given));
	ASSERT_EQ(0, vhost_set_vring_kick(fd, queue->index, queue->kick));
	ASSERT_EQ(0, vhost_set_vring_call(fd, queue->index, eventfd_given));
	ASSERT_EQ(0, vhost_set_vring_call(fd, queue->index, queue->call));
	ASSERT_EQ(0, vhost_set_vring_err(fd, queue->index, eventfd_given));
	ASSERT_EQ(0, vhost_set_vring_err(fd, queue->index, queue->error));
	ASSERT_EQ(0, vhost_set_log_fd(fd, eventfd_given));
	ASSERT_EQ(0, vhost_set_log_fd(fd, -1));
	close(eventfd_given);
	next = eventfd(0, EFD_CLOEXEC);
	EXPECT_EQ(number, number_of_eventfd(next));
	close(next);
}

TEST_HARNESS_MAIN
