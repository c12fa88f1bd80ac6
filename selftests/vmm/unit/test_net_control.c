// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control queue of a network card, from the driver's side: each command does to the
 * tap what it says, and what is malformed, unknown or not negotiated is refused and
 * changes nothing. A driver hardly looks at the answers, so a guest would not tell.
 */
#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>

#include "devices.h"
#include "fake.h"
#include "fake_card.h"
#include "fake_tap.h"
#include "harness.h"
#include "loop.h"
#include "net_filter.h"
#include "virtio.h"

#define SLOT 1
#define PAIRS 2
#define SIZE 16
#define CONFIG 0x2000
#define BIT(name) VIRTIO_BIT(VIRTIO_NET_F_##name)

FIXTURE(net_control) {
	struct fake fake;
	struct fake_queue queue;
	uint64_t buffer;
};

static void begin(struct fake *fake, struct fake_queue *queue, unsigned int index,
		  uint64_t without)
{
	fake_negotiate(fake, SLOT, without);
	fake_queue_init(queue, fake, SLOT, index, SIZE);
	fake_driver_ok(fake, SLOT);
}

FIXTURE_SETUP(net_control)
{
	fake_init(&self->fake);
	fake_add_card(&self->fake, PAIRS);
	ASSERT_EQ(0, fake_start(&self->fake));
	self->buffer = fake_alloc(&self->fake, 4096);
	fake_enable(&self->fake, SLOT);
	begin(&self->fake, &self->queue, 2 * PAIRS, 0);
}

FIXTURE_TEARDOWN(net_control)
{
	fake_stop(&self->fake);
	fake_exit(&self->fake);
}

#define RUN(group, command, data, bytes) \
	fake_command(&self->queue, self->buffer, VIRTIO_NET_CTRL_##group, VIRTIO_NET_CTRL_##command, \
	    data, bytes)
#define EXPECT_DONE(...) EXPECT_EQ(VIRTIO_NET_OK, RUN(__VA_ARGS__))
#define EXPECT_REFUSED(...) EXPECT_EQ(VIRTIO_NET_ERR, RUN(__VA_ARGS__))
#define READ(offset, len) fake_read(&self->fake, SLOT, offset, len)

static const uint8_t on = 1, off;

TEST_F(net_control, pairs_are_set_within_their_number)
{
	static const uint16_t refused[] = { 0, PAIRS + 1, 0x8000, 0xffff };
	uint16_t pairs = PAIRS;

	EXPECT_EQ(1, fake_tap.used);
	EXPECT_DONE(MQ, MQ_VQ_PAIRS_SET, &pairs, 2);
	EXPECT_EQ(PAIRS, fake_tap.used);
	for (unsigned int i = 0; i < 4; i++)
		EXPECT_REFUSED(MQ, MQ_VQ_PAIRS_SET, &refused[i], 2);
	EXPECT_REFUSED(MQ, MQ_VQ_PAIRS_SET, &pairs, 1);
	EXPECT_EQ(PAIRS, fake_tap.used);
	pairs = 1;
	EXPECT_DONE(MQ, MQ_VQ_PAIRS_SET, &pairs, 2);
	EXPECT_EQ(1, fake_tap.used);
}

TEST_F(net_control, filter_outlives_a_change_of_pairs)
{
	uint16_t pairs = PAIRS;

	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	EXPECT_DONE(MQ, MQ_VQ_PAIRS_SET, &pairs, 2);
	EXPECT_TRUE(fake_tap.filtered);
	pairs = 1;
	fake_tap.fail = -ENOMEM;
	EXPECT_REFUSED(MQ, MQ_VQ_PAIRS_SET, &pairs, 2);
	EXPECT_TRUE(fake_tap.filtered);
}

TEST_F(net_control, reset_leaves_one_pair)
{
	uint16_t pairs = PAIRS;

	EXPECT_DONE(MQ, MQ_VQ_PAIRS_SET, &pairs, 2);
	fake_write(&self->fake, SLOT, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	EXPECT_EQ(1, fake_tap.used);
}

TEST_F(net_control, driver_without_multiqueue_finds_the_queue_behind_the_first_pair)
{
	begin(&self->fake, &self->queue, 2, BIT(MQ));
	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	EXPECT_REFUSED(MQ, MQ_VQ_PAIRS_SET, "\1", 2);
}

TEST_F(net_control, promiscuous_mode_is_on_until_it_is_switched_off)
{
	EXPECT_FALSE(fake_tap.filtered);
	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	EXPECT_TRUE(fake_tap.filtered);
	EXPECT_DONE(RX, RX_PROMISC, &on, 1);
	EXPECT_FALSE(fake_tap.filtered);
	EXPECT_REFUSED(RX, RX_PROMISC, &off, 0);
	EXPECT_FALSE(fake_tap.filtered);
}

TEST_F(net_control, every_mode_of_reception_changes_the_filter)
{
	unsigned int before;

	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	before = fake_tap.filter.len;
	for (uint8_t mode = VIRTIO_NET_CTRL_RX_ALLMULTI; mode <= VIRTIO_NET_CTRL_RX_NOUNI; mode++) {
		unsigned char command[] = { VIRTIO_NET_CTRL_RX, mode, 1 };

		EXPECT_EQ(VIRTIO_NET_OK, fake_send_command(&self->queue, self->buffer, command, 3, 1));
	}
	/* Without the five instructions for its own address. */
	EXPECT_EQ(before - 5, fake_tap.filter.len);
	EXPECT_DONE(RX, RX_NOBCAST, &on, 1);
}

TEST_F(net_control, tables_of_addresses_are_taken)
{
	unsigned char tables[8 + 18] = { 1, [4] = 2, [10] = 2, [14] = 1, [20] = 1 };
	unsigned int before;

	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	before = fake_tap.filter.len;
	EXPECT_DONE(MAC, MAC_TABLE_SET, tables, sizeof(tables));
	EXPECT_EQ(before + 15, fake_tap.filter.len);
	EXPECT_DONE(MAC, MAC_TABLE_SET, "\0\0\0\0\0\0\0", 8);
	EXPECT_EQ(before, fake_tap.filter.len);
}

TEST_F(net_control, tables_that_lie_about_their_length_are_refused)
{
	static const unsigned char ff[4] = { 0xff, 0xff, 0xff, 0xff };
	unsigned char tables[8 + 12] = { 1, [10] = 1 };
	unsigned int before;

	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	before = fake_tap.filter.len;
	for (unsigned int bytes = 0; bytes < sizeof(tables); bytes++)
		EXPECT_REFUSED(MAC, MAC_TABLE_SET, tables, bytes);
	tables[10] = 0;
	EXPECT_REFUSED(MAC, MAC_TABLE_SET, tables, sizeof(tables));
	memcpy(tables, ff, 4);
	EXPECT_REFUSED(MAC, MAC_TABLE_SET, tables, sizeof(tables));
	/* Times six, in 32 bits, this is 2. */
	memcpy(tables, "\xab\xaa\xaa\xaa", 4);
	EXPECT_REFUSED(MAC, MAC_TABLE_SET, tables, sizeof(tables));
	EXPECT_EQ(before, fake_tap.filter.len);
}

TEST_F(net_control, table_that_is_too_long_lets_all_through)
{
	unsigned char tables[8 + 6 * (NET_ADDRESSES_MAX + 1)] = { NET_ADDRESSES_MAX };
	unsigned int before;

	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	before = fake_tap.filter.len;
	EXPECT_DONE(MAC, MAC_TABLE_SET, tables, sizeof(tables) - 6);
	EXPECT_EQ(before + 5 * NET_ADDRESSES_MAX, fake_tap.filter.len);
	tables[0]++;
	EXPECT_DONE(MAC, MAC_TABLE_SET, tables, sizeof(tables));
	EXPECT_EQ(before, fake_tap.filter.len);
}

TEST_F(net_control, address_is_changed_until_the_next_reset)
{
	EXPECT_DONE(MAC, MAC_ADDR_SET, "\x02\0\0\0\0\x77", 6);
	EXPECT_EQ(0x02, READ(CONFIG, 1));
	EXPECT_EQ(0x77, READ(CONFIG + 5, 1));
	EXPECT_REFUSED(MAC, MAC_ADDR_SET, "\x03\0\0\0\0\x78", 6);
	EXPECT_REFUSED(MAC, MAC_ADDR_SET, "\x02\0\0\0\0\x78", 5);
	EXPECT_EQ(0x77, READ(CONFIG + 5, 1));
	fake_write(&self->fake, SLOT, VIRTIO_PCI_COMMON_STATUS, 0, 1);
	EXPECT_EQ(0x03, READ(CONFIG + 5, 1));
}

TEST_F(net_control, vlans_are_added_and_deleted)
{
	uint16_t vlan = 4095;
	unsigned int before;

	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	before = fake_tap.filter.len;
	EXPECT_DONE(VLAN, VLAN_ADD, &vlan, 2);
	EXPECT_EQ(before + 3, fake_tap.filter.len);
	vlan = 4096;
	EXPECT_REFUSED(VLAN, VLAN_ADD, &vlan, 2);
	EXPECT_REFUSED(VLAN, VLAN_DEL, &vlan, 2);
	vlan = 4095;
	EXPECT_REFUSED(VLAN, VLAN_DEL, &vlan, 1);
	EXPECT_EQ(before + 3, fake_tap.filter.len);
	EXPECT_DONE(VLAN, VLAN_DEL, &vlan, 2);
	EXPECT_EQ(before, fake_tap.filter.len);
}

TEST_F(net_control, offloads_change_among_the_negotiated_ones)
{
	uint64_t offloads = BIT(GUEST_CSUM) | BIT(GUEST_TSO4);

	begin(&self->fake, &self->queue, 2 * PAIRS, BIT(GUEST_TSO6) | BIT(GUEST_ECN));
	EXPECT_DONE(GUEST_OFFLOADS, GUEST_OFFLOADS_SET, &offloads, 8);
	EXPECT_EQ(offloads, fake_tap.offload);
	offloads |= BIT(GUEST_TSO6);
	EXPECT_REFUSED(GUEST_OFFLOADS, GUEST_OFFLOADS_SET, &offloads, 8);
	offloads = BIT(CSUM);
	EXPECT_REFUSED(GUEST_OFFLOADS, GUEST_OFFLOADS_SET, &offloads, 8);
	offloads = 0;
	EXPECT_REFUSED(GUEST_OFFLOADS, GUEST_OFFLOADS_SET, &offloads, 7);
	EXPECT_EQ(BIT(GUEST_CSUM) | BIT(GUEST_TSO4), fake_tap.offload);
	EXPECT_DONE(GUEST_OFFLOADS, GUEST_OFFLOADS_SET, &offloads, 8);
	EXPECT_EQ(0, fake_tap.offload);
}

static void announce(void *devices)
{
	devices_announce(devices);
}

TEST_F(net_control, announcement_is_asked_for_until_the_driver_has_made_it)
{
	loop_call(self->fake.vm.loop, announce, self->fake.devices);
	EXPECT_EQ(VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE, READ(CONFIG + 6, 2));
	EXPECT_TRUE(fake_interrupt(&self->fake, SLOT << 8, 5000));
	EXPECT_DONE(ANNOUNCE, ANNOUNCE_ACK, "", 0);
	EXPECT_EQ(VIRTIO_NET_S_LINK_UP, READ(CONFIG + 6, 2));
}

TEST_F(net_control, nobody_is_asked_who_cannot_announce)
{
	begin(&self->fake, &self->queue, 2 * PAIRS, BIT(GUEST_ANNOUNCE));
	loop_call(self->fake.vm.loop, announce, self->fake.devices);
	EXPECT_EQ(VIRTIO_NET_S_LINK_UP, READ(CONFIG + 6, 2));
}

TEST_F(net_control, commands_that_do_not_exist_are_refused)
{
	for (unsigned int group = 0; group < 256; group += group < 8 ? 1 : 31) {
		for (unsigned int number = 6; number < 256; number += 83) {
			unsigned char command[16] = { group, number };

			EXPECT_EQ(VIRTIO_NET_ERR, fake_send_command(&self->queue, self->buffer,
							       command, sizeof(command), 1));
		}
	}
}

TEST_F(net_control, commands_of_features_that_were_not_accepted_are_refused)
{
	uint16_t vlan = 1;

	begin(&self->fake, &self->queue, 2 * PAIRS, BIT(CTRL_RX) | BIT(CTRL_RX_EXTRA) |
	      BIT(CTRL_VLAN) | BIT(CTRL_MAC_ADDR) | BIT(GUEST_ANNOUNCE) |
	      BIT(CTRL_GUEST_OFFLOADS));
	EXPECT_REFUSED(RX, RX_PROMISC, &off, 1);
	EXPECT_REFUSED(RX, RX_NOUNI, &on, 1);
	EXPECT_REFUSED(MAC, MAC_TABLE_SET, "\0\0\0\0\0\0\0", 8);
	EXPECT_REFUSED(MAC, MAC_ADDR_SET, "\2\0\0\0\0\0", 6);
	EXPECT_REFUSED(VLAN, VLAN_ADD, &vlan, 2);
	EXPECT_REFUSED(ANNOUNCE, ANNOUNCE_ACK, "", 0);
	EXPECT_REFUSED(GUEST_OFFLOADS, GUEST_OFFLOADS_SET, "\0\0\0\0\0\0\0", 8);
	EXPECT_FALSE(fake_tap.filtered);
}

TEST_F(net_control, half_a_header_is_refused)
{
	struct vring_used_elem used;

	fake_descriptor(&self->queue, 0, self->buffer, 1, VRING_DESC_F_NEXT, 1);
	fake_descriptor(&self->queue, 1, self->buffer + 8, 1, VRING_DESC_F_WRITE, 0);
	fake_offer(&self->queue, 0);
	ASSERT_TRUE(fake_used(&self->queue, &used));
	EXPECT_EQ(VIRTIO_NET_ERR, *(uint8_t *)fake_ram(&self->fake, self->buffer + 8));
	fake_descriptor(&self->queue, 2, self->buffer + 9, 1, VRING_DESC_F_WRITE, 0);
	fake_offer(&self->queue, 2);
	ASSERT_TRUE(fake_used(&self->queue, &used));
	EXPECT_EQ(VIRTIO_NET_ERR, *(uint8_t *)fake_ram(&self->fake, self->buffer + 9));
}

TEST_F(net_control, command_without_room_for_the_answer_is_not_carried_out)
{
	unsigned char command[] = { VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 0 };

	EXPECT_EQ(0xee, fake_send_command(&self->queue, self->buffer, command, 3, 0));
	EXPECT_FALSE(fake_tap.filtered);
	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
}

TEST_F(net_control, nothing_is_served_before_the_driver_is_ready)
{
	unsigned char *answer = fake_ram(&self->fake, self->buffer + 8);
	struct vring_used_elem used;

	fake_negotiate(&self->fake, SLOT, 0);
	fake_queue_init(&self->queue, &self->fake, SLOT, 2 * PAIRS, SIZE);
	*answer = 0xee;
	memcpy(fake_ram(&self->fake, self->buffer), "\0\0\0", 3);
	fake_descriptor(&self->queue, 0, self->buffer, 3, VRING_DESC_F_NEXT, 1);
	fake_descriptor(&self->queue, 1, self->buffer + 8, 1, VRING_DESC_F_WRITE, 0);
	fake_offer(&self->queue, 0);
	READ(VIRTIO_PCI_COMMON_STATUS, 1);
	EXPECT_EQ(0xee, *answer);
	fake_driver_ok(&self->fake, SLOT);
	ASSERT_TRUE(fake_used(&self->queue, &used));
	EXPECT_EQ(VIRTIO_NET_OK, *answer);
}

TEST_F(net_control, filter_that_cannot_be_had_lets_all_through)
{
	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	fake_tap.fail = -ENOMEM;
	EXPECT_REFUSED(RX, RX_ALLMULTI, &on, 1);
	EXPECT_FALSE(fake_tap.filtered);
	EXPECT_DONE(RX, RX_ALLMULTI, &on, 1);
	EXPECT_TRUE(fake_tap.filtered);
}

TEST_F(net_control, reset_takes_the_filter_away)
{
	EXPECT_DONE(RX, RX_PROMISC, &off, 1);
	begin(&self->fake, &self->queue, 2 * PAIRS, 0);
	EXPECT_FALSE(fake_tap.filtered);
	EXPECT_DONE(RX, RX_ALLMULTI, &on, 1);
	EXPECT_FALSE(fake_tap.filtered);
}

TEST_HARNESS_MAIN
