// SPDX-License-Identifier: GPL-2.0-only
/*
 * VHOST_GET/SET_FEATURES_ARRAY: a client built for more feature bits than this kernel
 * has, or for fewer, gets and sets what both know, and is told about all else.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define WORDS 4
#define WORDS_MAX 512
#define UNTOUCHED 0x5a5a5a5a5a5a5a5aull

FIXTURE(array) { int fd; __u64 offered; __u64 words[WORDS_MAX + 2]; };
FIXTURE_VARIANT(array) { const char *node; };
FIXTURE_VARIANT_ADD(array, blk) { VHOST_NODE_BLK };
FIXTURE_VARIANT_ADD(array, net) { VHOST_NODE_NET };

FIXTURE_SETUP(array)
{
	self->fd = vhost_open(variant->node);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, vhost_get_features(self->fd, &self->offered));
	memset(self->words, 0x5a, sizeof(self->words));
}

FIXTURE_TEARDOWN(array)
{
	close(self->fd);
}

/* The count goes into the first word. */
static int do_array(int fd, unsigned long request, __u64 *array, __u64 count)
{
	array[0] = count;
	return ioctl(fd, request, array) ? -errno : 0;
}

/* What is in force, from fdinfo. */
static unsigned long long in_force(int fd)
{
	unsigned long long features = ~0ull;
	char path[60], line[200];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	ASSERT_NE(NULL, file);
	while (fgets(line, sizeof(line), file) && sscanf(line, "features: %llx", &features) != 1)
		;
	fclose(file);
	return features;
}

TEST_F(array, only_as_many_words_as_asked_for_are_written)
{
	ASSERT_EQ(0, do_array(self->fd, VHOST_GET_FEATURES_ARRAY, self->words, 0));
	EXPECT_EQ(UNTOUCHED, self->words[1]);
	ASSERT_EQ(0, do_array(self->fd, VHOST_GET_FEATURES_ARRAY, self->words, 1));
	EXPECT_EQ(self->offered, self->words[1]);
	EXPECT_EQ(UNTOUCHED, self->words[2]);
	ASSERT_EQ(0, do_array(self->fd, VHOST_GET_FEATURES_ARRAY, self->words, WORDS));
	EXPECT_EQ(self->offered, self->words[1]);
	for (unsigned int i = 2; i <= WORDS; i++)
		EXPECT_EQ(0, self->words[i]);
	EXPECT_EQ(UNTOUCHED, self->words[WORDS + 1]);
}

TEST_F(array, what_is_offered_can_be_set)
{
	memset(self->words, 0, sizeof(self->words));
	for (unsigned int count = 1; count <= WORDS; count++) {
		self->words[1] = self->offered;
		ASSERT_EQ(0, do_array(self->fd, VHOST_SET_FEATURES_ARRAY, self->words, count));
		EXPECT_EQ(self->offered, in_force(self->fd));
		ASSERT_EQ(0, do_array(self->fd, VHOST_SET_FEATURES_ARRAY, self->words, 0));
		EXPECT_EQ(0, in_force(self->fd));
	}
}

TEST_F(array, unknown_bits_of_any_word_are_refused)
{
	ASSERT_EQ(0, vhost_set_features(self->fd, self->offered));
	for (unsigned int i = 1; i <= WORDS; i++) {
		memset(self->words, 0, sizeof(self->words));
		self->words[i] = i == 1 ? ~self->offered : 1;
		EXPECT_EQ(-EOPNOTSUPP, do_array(self->fd, VHOST_SET_FEATURES_ARRAY, self->words,
						WORDS));
		EXPECT_EQ(self->offered, in_force(self->fd));
	}
}

TEST_F(array, more_words_than_there_can_be_are_refused)
{
	memset(self->words, 0, sizeof(self->words));
	EXPECT_EQ(0, do_array(self->fd, VHOST_SET_FEATURES_ARRAY, self->words, WORDS_MAX));
	EXPECT_EQ(0, do_array(self->fd, VHOST_GET_FEATURES_ARRAY, self->words, WORDS_MAX));
	EXPECT_EQ(-E2BIG, do_array(self->fd, VHOST_SET_FEATURES_ARRAY, self->words,
				   WORDS_MAX + 1));
	EXPECT_EQ(-E2BIG, do_array(self->fd, VHOST_GET_FEATURES_ARRAY, self->words, ~0ull));
	EXPECT_EQ(-E2BIG, do_array(self->fd, VHOST_GET_FEATURES_ARRAY, self->words, 1ull << 61));
}

TEST_F(array, memory_that_ends_too_early_is_told)
{
	unsigned char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u64 *array = (__u64 *)(pages + 4096) - 2;

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + 4096, 4096));
	EXPECT_EQ(0, do_array(self->fd, VHOST_GET_FEATURES_ARRAY, array, 1));
	EXPECT_EQ(-EFAULT, do_array(self->fd, VHOST_GET_FEATURES_ARRAY, array, 2));
	EXPECT_EQ(-EFAULT, do_array(self->fd, VHOST_SET_FEATURES_ARRAY, array, 2));
	EXPECT_EQ(0, in_force(self->fd));
	EXPECT_EQ(-1, ioctl(self->fd, VHOST_GET_FEATURES_ARRAY, 8));
	EXPECT_EQ(EFAULT, errno);
}

TEST_HARNESS_MAIN
