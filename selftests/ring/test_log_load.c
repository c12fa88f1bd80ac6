// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a migration does to a busy queue: the dirty log is switched on and off, replaced,
 * emptied and taken away while the device writes. No page may be lost that was written while
 * a log was in force; requests in flight at that moment are no excuse.
 */
#include "load.h"
#include "logged.h"

#define RING 256
#define ROUNDS 6
/* More chains than the device can have used before: some of them it used since. */
#define SINCE (RING + 10)
#define FEATURES (DRIVER_FEATURES | LOGGED_FEATURE)

FIXTURE(busy_log) {
	struct rig rig;
	struct load load;
	struct logged logged;
	unsigned char *now;
	int fd;
};
FIXTURE_VARIANT(busy_log) { enum rig_flavour flavour; };
FIXTURE_VARIANT_ADD(busy_log, blk) { RIG_BLK };
FIXTURE_VARIANT_ADD(busy_log, net_tx) { RIG_NET_TX };
FIXTURE_VARIANT_ADD(busy_log, net_rx) { RIG_NET_RX };

FIXTURE_SETUP(busy_log)
{
	rig_init(&self->rig, variant->flavour, RING, DRIVER_FEATURES);
	self->fd = self->rig.driver.fd;
	load_init(&self->load, &self->rig);
	logged_init(&self->logged, &self->rig.driver);
	self->now = malloc(GUEST_MAIN_SIZE);
	ASSERT_NE(NULL, self->now);
	rig_start(&self->rig);
	load_start(&self->load);
	load_expect(&self->load, 10);
}

FIXTURE_TEARDOWN(busy_log)
{
	if (!self->load.stop)
		load_stop(&self->load);
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_BREAKS));
	EXPECT_EQ(0, driver_stat(self->rig.queue, RINGHOST_STAT_LOG_FAULTS));
	rig_exit(&self->rig);
	logged_exit(&self->logged);
	free(self->now);
}

/* Where the device writes next there is something else now, so that the write shows. */
static void scribble(struct load *load, unsigned int round)
{
	if (load->rig->flavour == RIG_NET_TX)
		return;
	memset(load->buffer + 1024, 0x80 + round, BLK_SECTOR);
	load->buffer[2048] = 0x80 + round;
}

static void set_log(FIXTURE_DATA(busy_log) *self, bool on)
{
	ASSERT_EQ(0, vhost_set_features(self->fd, on ? FEATURES : DRIVER_FEATURES));
}

/* Let the device write, and look at what it wrote up to a moment when it still does. */
static void write_and_look(FIXTURE_DATA(busy_log) *self, unsigned int round)
{
	scribble(&self->load, round);
	memcpy(self->logged.before, self->rig.driver.guest.regions[0].user, self->logged.bytes);
	load_expect(&self->load, SINCE);
	memcpy(self->now, self->rig.driver.guest.regions[0].user, self->logged.bytes);
}

/* What was written has been logged when the queue has stopped, as a migration ends. */
static void stop_and_check(FIXTURE_DATA(busy_log) *self)
{
	ASSERT_EQ(0, rig_stop_queue(&self->rig, self->rig.queue));
	logged_take(&self->logged);
	EXPECT_EQ(0, logged_missed_of(&self->logged, self->now));
	EXPECT_EQ(0, logged_stray(&self->logged, 0));
	EXPECT_LT(0, logged_count(&self->logged));
	ASSERT_EQ(0, rig_start_queue(&self->rig, self->rig.queue));
}

TEST_F(busy_log, log_switched_on_misses_nothing_from_then_on)
{
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->logged.words));
	for (unsigned int i = 0; i < ROUNDS; i++) {
		set_log(self, true);
		logged_begin(&self->logged);
		write_and_look(self, i);
		stop_and_check(self);
		set_log(self, false);
		logged_forget(&self->logged);
		load_expect(&self->load, 5);
		logged_take(&self->logged);
		EXPECT_EQ(0, logged_count(&self->logged));
	}
}

TEST_F(busy_log, log_can_be_switched_often)
{
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->logged.words));
	for (unsigned int i = 0; i < 100; i++)
		set_log(self, i % 2);
	load_expect(&self->load, 10);
}

/* Each round's log takes over from the one before, whose bits are taken out only then. */
TEST_F(busy_log, replaced_log_and_its_successor_miss_nothing)
{
	unsigned long *logs[] = { self->logged.words, logged_map() };

	ASSERT_EQ(0, vhost_set_log_base(self->fd, logs[0]));
	set_log(self, true);
	logged_begin(&self->logged);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		unsigned long *next = logs[1 - i % 2];

		logged_forget(&self->logged);
		write_and_look(self, i);
		ASSERT_EQ(0, vhost_set_log_base(self->fd, next));
		logged_take(&self->logged);
		self->logged.words = next;
		/* Nothing is written any more to the one that was replaced. */
		load_expect(&self->load, SINCE);
		for (unsigned int j = 0; j < LOGGED_WORDS; j++)
			ASSERT_EQ(0, logs[i % 2][j]);
		stop_and_check(self);
	}
	self->logged.words = logs[0];
	munmap(logs[1], LOGGED_BYTES);
}

/* Bits are taken out all the time: one that is set again must be seen again. */
TEST_F(busy_log, log_emptied_meanwhile_misses_nothing)
{
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->logged.words));
	set_log(self, true);
	logged_begin(&self->logged);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		for (unsigned int j = 0; j < 50; j++)
			logged_take(&self->logged);
		logged_forget(&self->logged);
		write_and_look(self, i);
		stop_and_check(self);
	}
}

TEST_F(busy_log, log_can_be_set_again_and_again)
{
	set_log(self, true);
	for (unsigned int i = 0; i < 100; i++)
		ASSERT_EQ(0, vhost_set_log_base(self->fd, self->logged.words));
	load_expect(&self->load, 10);
}

/* What the device has pinned it goes on writing to; nobody else sees it. */
TEST_F(busy_log, log_unmapped_meanwhile_harms_nobody)
{
	unsigned long *words = logged_map();

	ASSERT_EQ(0, vhost_set_log_base(self->fd, words));
	set_log(self, true);
	load_expect(&self->load, 10);
	munmap(words, LOGGED_BYTES);
	load_expect(&self->load, 10);
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->logged.words));
	logged_begin(&self->logged);
	write_and_look(self, 1);
	stop_and_check(self);
}

TEST_F(busy_log, memory_table_can_be_replaced_meanwhile)
{
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->logged.words));
	set_log(self, true);
	logged_begin(&self->logged);
	for (unsigned int i = 0; i < 50; i++)
		ASSERT_EQ(0, guest_set_mem_table(&self->rig.driver.guest, self->fd));
	write_and_look(self, 1);
	stop_and_check(self);
}

TEST_F(busy_log, device_can_be_closed_meanwhile)
{
	ASSERT_EQ(0, vhost_set_log_base(self->fd, self->logged.words));
	set_log(self, true);
	load_expect(&self->load, 10);
}

TEST_HARNESS_MAIN
