// SPDX-License-Identifier: GPL-2.0-only
/*
 * File and interface end independently, at any moment and under load. Whoever
 * is left gets an error at once and never waits for the other; the kernel log,
 * which the runner reads, stays clean.
 */
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tap.h"

#define FRAME 1000
#define ROUNDS 8

FIXTURE(lifetime) {
	int fd;
	char name[IFNAMSIZ];
	unsigned char buffer[2048];
};

FIXTURE_SETUP(lifetime)
{
	net_private_namespace();
	self->fd = tap_create(self->name, 0);
	net_set_up(self->name);
}

FIXTURE_TEARDOWN(lifetime)
{
	close(self->fd);
}

static void delete_interface(const char *name)
{
	ASSERT_TRUE(run("ip link del %s", name));
}

static void expect_dead(int fd)
{
	unsigned char byte[FRAME] = "";
	struct pollfd poller = { .fd = fd, .events = POLLIN };

	EXPECT_EQ(-1, read(fd, byte, sizeof(byte)));
	EXPECT_EQ(EBADFD, errno);
	EXPECT_EQ(-EBADFD, tap_write(fd, byte, sizeof(byte)));
	EXPECT_EQ(1, poll(&poller, 1, 0));
	EXPECT_EQ(POLLERR, poller.revents);
	EXPECT_EQ(-EBADFD, tap_set(fd, TUNSETPERSIST, 0));
}

TEST_F(lifetime, calls_on_the_file_of_a_deleted_interface_are_refused)
{
	delete_interface(self->name);
	expect_dead(self->fd);
}

TEST_F(lifetime, deleted_persistent_interface_is_gone)
{
	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 1));
	delete_interface(self->name);
	expect_dead(self->fd);
	close(self->fd);
	EXPECT_EQ(0, if_nametoindex(self->name));
	self->fd = tap_open();
}

TEST_F(lifetime, file_of_a_deleted_interface_takes_a_new_one)
{
	char name[IFNAMSIZ] = "again";

	delete_interface(self->name);
	ASSERT_EQ(0, tap_attach(self->fd, name, TAP_FLAGS));
	net_set_up(name);
	net_fill_frame(self->buffer, FRAME, 1);
	EXPECT_EQ(FRAME, tap_write(self->fd, self->buffer, FRAME));
}

/* ---- somebody sleeps ---- */

static void *read_blocking(void *data)
{
	FIXTURE_DATA(lifetime) *self = data;

	return (void *)(intptr_t)(read(self->fd, self->buffer, FRAME) < 0 ? -errno : 0);
}

static void *wait_for_input(void *data)
{
	FIXTURE_DATA(lifetime) *self = data;
	struct pollfd poller = { .fd = self->fd, .events = POLLIN };

	return (void *)(intptr_t)(poll(&poller, 1, -1) == 1 ? poller.revents : -1);
}

/* What a sleeper returns when the interface is deleted meanwhile. */
static intptr_t result_of_deletion(FIXTURE_DATA(lifetime) *self, void *(*sleeper)(void *))
{
	pthread_t thread;
	sigset_t signals;
	void *result;

	/* The end of the command would wake the sleeper as well. */
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	ASSERT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, sleeper, self));
	usleep(200000);
	delete_interface(self->name);
	pthread_join(thread, &result);
	return (intptr_t)result;
}

TEST_F(lifetime, deletion_wakes_a_sleeping_reader)
{
	EXPECT_EQ(-EBADFD, result_of_deletion(self, read_blocking));
}

TEST_F(lifetime, deletion_wakes_a_sleeping_poll)
{
	EXPECT_EQ(POLLERR, result_of_deletion(self, wait_for_input) & POLLERR);
}

/* Memory that faults until told otherwise; *uffd is what to tell. */
static void *withheld_memory(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	*uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (memory == MAP_FAILED || *uffd < 0 || ioctl(*uffd, UFFDIO_API, &api))
		return NULL;
	range.range.start = (uintptr_t)memory;
	range.range.len = 4096;
	return ioctl(*uffd, UFFDIO_REGISTER, &range) ? NULL : memory;
}

/**
 * struct stuck_writer - a thread that writes a frame whose memory is withheld
 * @fd: of the tap
 * @memory: the frame
 * @uffd: gives it its memory
 * @thread: the writer
 */
struct stuck_writer {
	int fd;
	void *memory;
	int uffd;
	pthread_t thread;
};

static void *write_withheld(void *data)
{
	struct stuck_writer *writer = data;

	return (void *)(intptr_t)tap_write(writer->fd, writer->memory, FRAME);
}

/* Returns false if memory cannot be withheld here. */
static bool start_stuck_writer(struct stuck_writer *writer, int fd)
{
	writer->fd = fd;
	writer->memory = withheld_memory(&writer->uffd);
	if (!writer->memory)
		return false;
	ASSERT_EQ(0, pthread_create(&writer->thread, NULL, write_withheld, writer));
	usleep(200000);
	return true;
}

/* The memory comes; returns what the write returned. */
static int release_writer(struct stuck_writer *writer)
{
	struct uffdio_zeropage page = {
		.range = { .start = (uintptr_t)writer->memory, .len = 4096 },
	};
	void *result;

	ASSERT_EQ(0, ioctl(writer->uffd, UFFDIO_ZEROPAGE, &page));
	pthread_join(writer->thread, &result);
	close(writer->uffd);
	return (intptr_t)result;
}

/* Whoever holds the file must not be able to hold up the administrator. */
TEST_F(lifetime, writer_whose_memory_never_comes_does_not_hold_up_deletion)
{
	struct stuck_writer writer;

	if (!start_stuck_writer(&writer, self->fd))
		SKIP(return, "no userfaultfd");
	ASSERT_TRUE(run("timeout 8 ip link del %s", self->name));
	EXPECT_EQ(-EBADFD, release_writer(&writer));
}

/* What was checked as a frame must not be taken for a packet without Ethernet header. */
TEST_F(lifetime, packet_for_an_interface_of_the_other_mode_is_dropped)
{
	struct stuck_writer writer;
	char name[IFNAMSIZ] = "other";

	if (!start_stuck_writer(&writer, self->fd))
		SKIP(return, "no userfaultfd");
	delete_interface(self->name);
	ASSERT_EQ(0, tap_attach(self->fd, name, IFF_TUN | IFF_NO_PI));
	net_set_up(name);
	EXPECT_EQ(FRAME, release_writer(&writer));
	EXPECT_EQ(1, tap_counter(name, "rx_dropped"));
	EXPECT_EQ(0, tap_counter(name, "rx_packets"));
}

/* ---- under load ---- */

/**
 * struct load - threads that use a tap in every way, whatever they are told
 * @fd: the file
 * @name: the interface
 * @stop: they are to end
 * @threads: writer, reader, and a sender on the host's side
 */
struct load {
	int fd;
	const char *name;
	atomic_bool stop;
	pthread_t threads[3];
};

static void *load_write(void *data)
{
	struct load *load = data;
	unsigned char frame[FRAME];

	net_fill_frame(frame, FRAME, 1);
	while (!load->stop)
		tap_write(load->fd, frame, FRAME);
	return NULL;
}

static void *load_read(void *data)
{
	struct load *load = data;
	unsigned char frame[FRAME];

	while (!load->stop)
		if (read(load->fd, frame, FRAME) < 0)
			usleep(100);
	return NULL;
}

static void *load_send(void *data)
{
	struct load *load = data;
	unsigned char frame[FRAME];
	int host = net_host_socket(load->name);

	net_fill_frame(frame, FRAME, 2);
	while (!load->stop) {
		for (int i = 0; i < 20; i++)
			send(host, frame, FRAME, 0);
		while (recv(host, frame, FRAME, 0) > 0)
			;
	}
	close(host);
	return NULL;
}

static void load_start(struct load *load)
{
	static void *(*const jobs[])(void *) = { load_write, load_read, load_send };

	load->stop = false;
	for (int i = 0; i < 3; i++)
		ASSERT_EQ(0, pthread_create(&load->threads[i], NULL, jobs[i], load));
	usleep(50000);
}

static void load_stop(struct load *load)
{
	load->stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(load->threads[i], NULL);
}

TEST_F_TIMEOUT(lifetime, deletion_under_load_is_survived, 120)
{
	struct load load = { .fd = self->fd, .name = self->name };

	for (int round = 0; round < ROUNDS; round++) {
		load_start(&load);
		delete_interface(self->name);
		usleep(10000);
		load_stop(&load);
		expect_dead(self->fd);
		ASSERT_EQ(0, tap_attach(self->fd, self->name, TAP_FLAGS));
		net_set_up(self->name);
	}
}

TEST_F_TIMEOUT(lifetime, settings_change_under_load, 120)
{
	struct load load = { .fd = self->fd, .name = self->name };

	load_start(&load);
	for (int round = 0; round < ROUNDS; round++) {
		EXPECT_EQ(0, tap_set(self->fd, TUNSETOFFLOAD, round % 2 ? TUN_F_CSUM : 0));
		EXPECT_EQ(0, tap_set_int(self->fd, TUNSETSNDBUF, round % 2 ? 0x7fffffff : 10000));
		EXPECT_EQ(0, tap_set_int(self->fd, TUNSETVNETHDRSZ, 10 + round));
		EXPECT_EQ(0, tap_set_int(self->fd, TUNSETCARRIER, round % 2));
		EXPECT_TRUE(run("ip link set %s %s", self->name, round % 2 ? "up" : "down"));
		EXPECT_TRUE(run("ip link set %s txqueuelen %d", self->name, 1 + round * 20));
	}
	load_stop(&load);
}

/* The host sends to a persistent interface while files come and go. */
TEST_F_TIMEOUT(lifetime, files_come_and_go_under_load, 120)
{
	struct load load = { .fd = self->fd, .name = self->name };

	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 1));
	load_start(&load);
	for (int round = 0; round < ROUNDS; round++) {
		int fd = tap_open();

		/* Replaces the file under the threads' number; the old one is closed. */
		ASSERT_EQ(self->fd, dup3(fd, self->fd, O_CLOEXEC));
		close(fd);
		while (tap_attach(self->fd, self->name, TAP_FLAGS) == -EBUSY)
			usleep(1000);
		usleep(20000);
	}
	load_stop(&load);
	delete_interface(self->name);
}

static void be_an_owner(void)
{
	char name[IFNAMSIZ];
	struct load load = { .fd = tap_create(name, 0), .name = name };

	net_set_up(name);
	load_start(&load);
	for (;;)
		pause();
}

TEST_F_TIMEOUT(lifetime, killed_owner_leaves_nothing_behind, 60)
{
	for (int round = 0; round < 5; round++) {
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (child == 0)
			be_an_owner();
		usleep(300000);
		EXPECT_NE(0, if_nametoindex("tap1"));
		kill(child, SIGKILL);
		ASSERT_EQ(child, waitpid(child, NULL, 0));
		EXPECT_EQ(0, if_nametoindex("tap1"));
	}
}

/* ---- namespaces ---- */

TEST_F(lifetime, moved_interface_keeps_its_file)
{
	pid_t child = net_make_namespace();

	ASSERT_TRUE(run("ip link set %s netns %d", self->name, child));
	EXPECT_EQ(0, if_nametoindex(self->name));
	ASSERT_TRUE(run("nsenter -t %d -n ip link set %s up", child, self->name));
	net_fill_frame(self->buffer, FRAME, 1);
	EXPECT_EQ(FRAME, tap_write(self->fd, self->buffer, FRAME));
	EXPECT_TRUE(run("nsenter -t %d -n ip -s link show %s | grep -q ' 1000 '", child,
			self->name));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

TEST_F_TIMEOUT(lifetime, interface_dies_with_its_namespace_under_load, 60)
{
	struct load load = { .fd = self->fd, .name = "lo" };
	struct pollfd poller = { .fd = self->fd };
	pid_t child = net_make_namespace();

	ASSERT_TRUE(run("ip link set %s netns %d", self->name, child));
	ASSERT_TRUE(run("nsenter -t %d -n ip link set %s up", child, self->name));
	load_start(&load);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_EQ(1, poll(&poller, 1, 20000));
	load_stop(&load);
	expect_dead(self->fd);
}

TEST_HARNESS_MAIN
