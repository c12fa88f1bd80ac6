// SPDX-License-Identifier: GPL-2.0-only
/*
 * "ringhost stat" against devices whose queues are known: what it prints is what
 * operators see and programs read, so it has to agree with the counters, for a process
 * asked for by number and among all, whatever that process calls itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "rig.h"

#define RING 64
#define TEXT_MAX (1 << 20)

FIXTURE(stat) { struct rig rig; char *text; const char *command; };
FIXTURE_VARIANT(stat) { enum rig_flavour flavour; uint64_t features; };
FIXTURE_VARIANT_ADD(stat, blk) { RIG_BLK, DRIVER_FEATURES };
FIXTURE_VARIANT_ADD(stat, net_packed) { RIG_NET_TX, NET_FEATURES | DRIVER_PACKED };

FIXTURE_SETUP(stat)
{
	self->command = getenv("RINGHOST") ?: "../../ringhost";
	if (access(self->command, X_OK))
		SKIP(return, "%s is not built", self->command);
	self->text = malloc(TEXT_MAX);
	ASSERT_NE(NULL, self->text);
	rig_init(&self->rig, variant->flavour, RING, variant->features);
	rig_start(&self->rig);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
}

FIXTURE_TEARDOWN(stat)
{
	rig_exit(&self->rig);
	free(self->text);
}

/* Run the command with @arguments; returns its exit status, its stdout in @text. */
static int run(const char *command, const char *arguments, char *text)
{
	char line[300];
	size_t length;
	FILE *pipe;

	snprintf(line, sizeof(line), "%s stat %s", command, arguments);
	pipe = popen(line, "r");
	ASSERT_NE(NULL, pipe);
	length = fread(text, 1, TEXT_MAX - 1, pipe);
	text[length] = 0;
	return WEXITSTATUS(pclose(pipe));
}

/* The JSON object of the queue under test; ends the test if it is not there. */
static const char *queue_object(const char *text, pid_t pid, unsigned int index)
{
	char wanted[60];
	const char *at;

	snprintf(wanted, sizeof(wanted), "{\"pid\": %d, ", (int)pid);
	at = strstr(text, wanted);
	ASSERT_NE(NULL, at) { TEST_LOG("%s", text); }
	snprintf(wanted, sizeof(wanted), "{\"queue\": %u, ", index);
	at = strstr(at, wanted);
	ASSERT_NE(NULL, at) { TEST_LOG("%s", text); }
	return at;
}

static bool holds(const char *object, const char *member)
{
	const char *at = strstr(object, member);
	const char *end = strstr(object, "}}");

	return at && at < end;
}

static void expect_queue(struct rig *rig, const char *text)
{
	const char *object = queue_object(text, getpid(), rig->queue->index);
	char member[60];

	EXPECT_TRUE(holds(object, "\"state\": \"running\""));
	EXPECT_TRUE(holds(object, driver_is_packed(rig->queue) ? "\"format\": \"packed\"" :
								  "\"format\": \"split\""));
	EXPECT_TRUE(holds(object, "\"size\": 64,"));
	EXPECT_TRUE(holds(object, "\"mapped\": 1,"));
	EXPECT_TRUE(holds(object, "\"reject_head\": 0,"));
	snprintf(member, sizeof(member), "\"chains\": %llu,",
		 (unsigned long long)driver_stat(rig->queue, RINGHOST_STAT_CHAINS));
	EXPECT_TRUE(holds(object, member)) { TEST_LOG("%s not in %s", member, text); }
}

TEST_F(stat, process_asked_for_is_shown)
{
	char arguments[40];

	snprintf(arguments, sizeof(arguments), "--json %d", (int)getpid());
	ASSERT_EQ(0, run(self->command, arguments, self->text));
	expect_queue(&self->rig, self->text);
}

TEST_F(stat, all_processes_include_it)
{
	ASSERT_EQ(0, run(self->command, "--json --all", self->text));
	expect_queue(&self->rig, self->text);
	ASSERT_EQ(0, run(self->command, "--json", self->text));
	expect_queue(&self->rig, self->text);
}

TEST_F(stat, broken_queue_shows_why)
{
	struct driver_stats before;
	const char *object;
	char member[60];

	driver_get_stats(self->rig.queue, &before);
	driver_offer(self->rig.queue, RING);
	rig_provoke(&self->rig);
	ASSERT_TRUE(driver_is_broken(self->rig.queue, DRIVER_TIMEOUT));
	ASSERT_EQ(0, run(self->command, "--json", self->text));
	object = queue_object(self->text, getpid(), self->rig.queue->index);
	snprintf(member, sizeof(member), "\"%s\": 1,", driver_rejected(self->rig.queue, &before));
	EXPECT_TRUE(holds(object, "\"state\": \"broken\""));
	EXPECT_TRUE(holds(object, "\"breaks\": 1,"));
	EXPECT_TRUE(holds(object, member)) { TEST_LOG("%s", member); }
}

TEST_F(stat, pinned_pages_are_counted)
{
	uint64_t pins = driver_stat(self->rig.queue, RINGHOST_STAT_PINS);

	/* The ring's three parts; a disk pins the requests' data as well. */
	EXPECT_LE(3, pins);
	ASSERT_EQ(0, rig_works(&self->rig, self->rig.queue));
	if (variant->flavour == RIG_BLK)
		EXPECT_LT(pins, driver_stat(self->rig.queue, RINGHOST_STAT_PINS));
	else
		EXPECT_EQ(pins, driver_stat(self->rig.queue, RINGHOST_STAT_PINS));
}

TEST_F(stat, odd_names_stay_harmless)
{
	static const char name[] = "a\"b\\c\nd\x1b[31\xff";

	ASSERT_EQ(0, prctl(PR_SET_NAME, name));
	ASSERT_EQ(0, run(self->command, "--json", self->text));
	EXPECT_NE(NULL, strstr(self->text, "\"a\\\"b\\\\c\\u000ad\\u001b[31\\ufffd\""));
	ASSERT_EQ(0, run(self->command, "", self->text));
	EXPECT_NE(NULL, strstr(self->text, " a\"b\\c?d?[31? "));
	EXPECT_EQ(NULL, strchr(self->text, '\x1b'));
}

TEST_HARNESS_MAIN
