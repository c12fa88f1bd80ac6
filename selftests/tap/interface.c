// SPDX-License-Identifier: GPL-2.0-only
/*
 * TUNSETIFF: which names and flags make an interface, who gets an existing one,
 * and what the file and the system then say about it. Programs written for
 * /dev/net/tun depend on every one of these answers.
 */
#include <grp.h>
#include <sys/wait.h>

#include "tap.h"

FIXTURE(interface) {
	int fd;
	char name[IFNAMSIZ];
};

FIXTURE_SETUP(interface)
{
	net_private_namespace();
	self->fd = tap_open();
}

FIXTURE_TEARDOWN(interface)
{
	close(self->fd);
}

static int attach(FIXTURE_DATA(interface) *self, const char *name, unsigned int flags)
{
	memset(self->name, 0, IFNAMSIZ);
	memcpy(self->name, name, strnlen(name, IFNAMSIZ));
	return tap_attach(self->fd, self->name, flags);
}

static bool exists(const char *name)
{
	return if_nametoindex(name) != 0;
}

TEST_F(interface, without_a_name_is_called_tap0)
{
	ASSERT_EQ(0, attach(self, "", TAP_FLAGS));
	EXPECT_STREQ("tap0", self->name);
	EXPECT_TRUE(exists("tap0"));
}

TEST_F(interface, takes_the_first_free_number_of_a_template)
{
	char other[IFNAMSIZ] = "vm%d";
	int fd = tap_open();

	ASSERT_EQ(0, attach(self, "vm%d", TAP_FLAGS));
	EXPECT_STREQ("vm0", self->name);
	ASSERT_EQ(0, tap_attach(fd, other, TAP_FLAGS));
	EXPECT_STREQ("vm1", other);
	close(fd);
}

TEST_F(interface, keeps_a_name_of_full_length)
{
	ASSERT_EQ(0, attach(self, "abcdefghijklmno", TAP_FLAGS));
	EXPECT_STREQ("abcdefghijklmno", self->name);
}

TEST_F(interface, name_without_end_is_cut_off)
{
	ASSERT_EQ(0, attach(self, "abcdefghijklmnop", TAP_FLAGS));
	EXPECT_STREQ("abcdefghijklmno", self->name);
}

TEST_F(interface, invalid_names_are_refused)
{
	static const char *const names[] = {
		".", "..", "a/b", "a b", "a:b", "a%d%d", "a%s", "%", "a\nb",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		EXPECT_EQ(-EINVAL, attach(self, names[i], TAP_FLAGS)) {
			TEST_LOG("name \"%s\"", names[i]);
		}
	EXPECT_EQ(0, attach(self, "good", TAP_FLAGS));
}

/* The sysctl tree has entries of these names; an interface must not collide with them. */
TEST_F(interface, reserved_names_are_refused_and_nothing_leaks)
{
	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(-EINVAL, attach(self, "all", TAP_FLAGS));
		EXPECT_EQ(-EINVAL, attach(self, "default", TAP_FLAGS));
	}
	EXPECT_FALSE(exists("all"));
	EXPECT_EQ(0, attach(self, "good", TAP_FLAGS));
}

TEST_F(interface, of_another_kind_is_not_taken_over)
{
	EXPECT_EQ(-EINVAL, attach(self, "lo", TAP_FLAGS));
}

TEST_F(interface, without_a_mode_is_refused)
{
	static const unsigned int refused[] = { 0, IFF_NO_PI, IFF_VNET_HDR | IFF_MULTI_QUEUE };

	for (unsigned int i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		EXPECT_EQ(-EINVAL, attach(self, "x", refused[i])) {
			TEST_LOG("flags %#x", refused[i]);
		}
	EXPECT_FALSE(exists("x"));
}

TEST_F(interface, every_flag_of_getfeatures_works_and_no_other)
{
	unsigned int features = 0;

	ASSERT_EQ(0, ioctl(self->fd, TUNGETFEATURES, &features));
	EXPECT_EQ(IFF_TUN | IFF_TAP | IFF_NO_PI | IFF_ONE_QUEUE | IFF_VNET_HDR | IFF_MULTI_QUEUE |
		  IFF_NO_CARRIER | IFF_NAPI | IFF_NAPI_FRAGS, features);
	EXPECT_EQ(0, attach(self, "x", features & ~IFF_TUN));
}

/* Programs pass what they have in that word, and tun never looked. */
TEST_F(interface, flags_that_mean_nothing_are_ignored)
{
	struct ifreq request = { 0 };

	EXPECT_EQ(0, attach(self, "x", TAP_FLAGS | IFF_PERSIST | 0x0080 | IFF_DETACH_QUEUE));
	ASSERT_EQ(0, ioctl(self->fd, TUNGETIFF, &request));
	EXPECT_EQ(TAP_FLAGS, request.ifr_flags);
}

TEST_F(interface, of_both_modes_is_a_tun)
{
	struct ifreq request = { 0 };

	EXPECT_EQ(0, attach(self, "x", TAP_FLAGS | IFF_TUN));
	ASSERT_EQ(0, ioctl(self->fd, TUNGETIFF, &request));
	EXPECT_EQ(IFF_TUN | IFF_NO_PI, request.ifr_flags);
}

TEST_F(interface, is_named_in_fdinfo)
{
	char path[64], text[400] = "";
	int fd;

	EXPECT_EQ(0, attach(self, "x", TAP_FLAGS));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, text, sizeof(text) - 1));
	close(fd);
	EXPECT_TRUE(strstr(text, "\niff:\tx\n"));
}

TEST_F(interface, flags_are_told_by_getiff_and_sysfs)
{
	struct ifreq request;
	char text[20] = "";
	int fd;

	memset(&request, 0xff, sizeof(request));
	ASSERT_EQ(0, attach(self, "x", TAP_FLAGS | IFF_VNET_HDR));
	ASSERT_EQ(0, ioctl(self->fd, TUNGETIFF, &request));
	EXPECT_STREQ("x", request.ifr_name);
	EXPECT_EQ(TAP_FLAGS | IFF_VNET_HDR | IFF_NOFILTER, request.ifr_flags);

	/* sysfs as mounted shows another namespace's interfaces. */
	tap_mount_sysfs();
	fd = open("/sys/class/net/x/tun_flags", O_RDONLY);
	EXPECT_LT(0, read(fd, text, sizeof(text) - 1));
	EXPECT_STREQ("0x5002\n", text);
	close(fd);
}

TEST_F(interface, second_setiff_on_a_file_is_refused)
{
	ASSERT_EQ(0, attach(self, "x", TAP_FLAGS));
	EXPECT_EQ(-EEXIST, attach(self, "y", TAP_FLAGS));
	EXPECT_EQ(-EEXIST, attach(self, "x", TAP_FLAGS));
	EXPECT_FALSE(exists("y"));
}

TEST_F(interface, of_another_file_is_busy)
{
	char name[IFNAMSIZ] = "x";
	int fd = tap_open();

	ASSERT_EQ(0, tap_attach(fd, name, TAP_FLAGS));
	EXPECT_EQ(-EBUSY, attach(self, "x", TAP_FLAGS));
	close(fd);
	EXPECT_EQ(0, attach(self, "x", TAP_FLAGS));
}

TEST_F(interface, vanishes_with_its_file)
{
	ASSERT_EQ(0, attach(self, "x", TAP_FLAGS));
	EXPECT_TRUE(exists("x"));
	close(self->fd);
	EXPECT_FALSE(exists("x"));
	self->fd = tap_open();
}

TEST_F(interface, persistent_one_outlives_its_file_and_is_attached_to_again)
{
	ASSERT_EQ(0, attach(self, "x", TAP_FLAGS));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 1));
	close(self->fd);
	EXPECT_TRUE(exists("x"));

	self->fd = tap_open();
	EXPECT_EQ(-EBUSY, attach(self, "x", TAP_FLAGS | IFF_TUN_EXCL));
	ASSERT_EQ(0, attach(self, "x", TAP_FLAGS | IFF_VNET_HDR));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 0));
	close(self->fd);
	EXPECT_FALSE(exists("x"));
	self->fd = tap_open();
}

TEST_F(interface, index_can_be_chosen)
{
	EXPECT_EQ(-EINVAL, tap_set_int(self->fd, TUNSETIFINDEX, -1));
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETIFINDEX, 4711));
	ASSERT_EQ(0, attach(self, "x", TAP_FLAGS));
	EXPECT_EQ(4711, if_nametoindex("x"));
	EXPECT_EQ(-EPERM, tap_set_int(self->fd, TUNSETIFINDEX, 4712));
}

TEST_F(interface, index_of_another_interface_is_busy)
{
	ASSERT_EQ(0, tap_set_int(self->fd, TUNSETIFINDEX, if_nametoindex("lo")));
	EXPECT_EQ(-EBUSY, attach(self, "x", TAP_FLAGS));
}

TEST_F(interface, cannot_be_made_by_rtnetlink)
{
	EXPECT_FALSE(run("ip link add x type ringhost_tap 2>/dev/null"));
}

TEST_F(interface, argument_outside_memory_is_a_fault)
{
	EXPECT_EQ(-1, ioctl(self->fd, TUNSETIFF, NULL));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(self->fd, TUNGETFEATURES, (void *)-4096L));
	EXPECT_EQ(EFAULT, errno);
}

/* ---- who may ---- */

/* What open() and TUNSETIFF say to a user and group without privileges. */
static int attach_as(uid_t uid, gid_t gid, const char *interface)
{
	char name[IFNAMSIZ] = "";
	pid_t child = fork();
	int fd, status;

	if (child == 0) {
		if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
			_exit(255);
		fd = open(TAP_NODE, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			_exit(errno);
		strcpy(name, interface);
		_exit(-tap_attach(fd, name, TAP_FLAGS));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	ASSERT_NE(255, WEXITSTATUS(status));
	return -WEXITSTATUS(status);
}

/* Leave a persistent interface "x" behind, with what @prepare is asked to set. */
static void leave_behind(FIXTURE_DATA(interface) *self, int owner, int group)
{
	ASSERT_EQ(0, attach(self, "x", TAP_FLAGS));
	if (owner >= 0)
		ASSERT_EQ(0, tap_set(self->fd, TUNSETOWNER, owner));
	if (group >= 0)
		ASSERT_EQ(0, tap_set(self->fd, TUNSETGROUP, group));
	ASSERT_EQ(0, tap_set(self->fd, TUNSETPERSIST, 1));
	close(self->fd);
	self->fd = tap_open();
}

TEST_F(interface, new_one_needs_the_administrator)
{
	EXPECT_EQ(-EPERM, attach_as(1000, 1000, "x"));
	EXPECT_FALSE(exists("x"));
}

TEST_F(interface, of_an_owner_is_for_the_owner)
{
	leave_behind(self, 1000, -1);
	EXPECT_EQ(-EPERM, attach_as(1001, 1000, "x"));
	EXPECT_EQ(0, attach_as(1000, 1001, "x"));
}

TEST_F(interface, of_a_group_is_for_the_group)
{
	leave_behind(self, -1, 1000);
	EXPECT_EQ(-EPERM, attach_as(1000, 1001, "x"));
	EXPECT_EQ(0, attach_as(1001, 1000, "x"));
}

TEST_F(interface, of_owner_and_group_needs_both)
{
	leave_behind(self, 1000, 1000);
	EXPECT_EQ(-EPERM, attach_as(1000, 1001, "x"));
	EXPECT_EQ(-EPERM, attach_as(1001, 1000, "x"));
	EXPECT_EQ(0, attach_as(1000, 1000, "x"));
}

TEST_F(interface, of_nobody_is_for_the_administrator)
{
	leave_behind(self, -1, -1);
	EXPECT_EQ(-EPERM, attach_as(1000, 1000, "x"));
}

TEST_F(interface, of_an_owner_is_open_to_the_administrator)
{
	leave_behind(self, 1000, 1000);
	EXPECT_EQ(0, attach(self, "x", TAP_FLAGS));
}

TEST_HARNESS_MAIN
