// SPDX-License-Identifier: GPL-2.0-only
/*
 * PCI and virtio-pci as a guest sees them: sizing and moving BARs, MSI-X, feature
 * negotiation, device status, queue set-up. The registers are the guest's to abuse:
 * whatever it writes, it gets a defined answer.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <unistd.h>

#include "fake.h"
#include "harness.h"

#define STATUS VIRTIO_PCI_COMMON_STATUS
#define MESSAGE(slot, vector) ((slot) << 8 | (vector))
#define NO_VECTOR 0xffff

FIXTURE(registers) { struct fake fake; };

FIXTURE_SETUP(registers)
{
	fake_init(&self->fake);
	fake_add_disks(&self->fake, 2048);
	ASSERT_EQ(0, fake_start(&self->fake));
	fake_enable(&self->fake, FAKE_DISK);
}

FIXTURE_TEARDOWN(registers)
{
	fake_stop(&self->fake);
	fake_exit(&self->fake);
}

#define CONFIG(offset, len) fake_config_read(&self->fake, FAKE_DISK, offset, len)
#define SET_CONFIG(...) fake_config_write(&self->fake, FAKE_DISK, __VA_ARGS__)
#define READ(offset, len) fake_read(&self->fake, FAKE_DISK, offset, len)
#define WRITE(...) fake_write(&self->fake, FAKE_DISK, __VA_ARGS__)
#define BAR(n) fake_bar(&self->fake, FAKE_DISK, n)

TEST_F(registers, functions_have_the_right_identity)
{
	EXPECT_EQ(0x060000, fake_config_read(&self->fake, 0, PCI_CLASS_REVISION, 4) >> 8);
	EXPECT_EQ(0x10421af4, CONFIG(PCI_VENDOR_ID, 4));
	EXPECT_EQ(0x10441af4, fake_config_read(&self->fake, 3, PCI_VENDOR_ID, 4));
	EXPECT_EQ(0xffffffff, fake_config_read(&self->fake, 4, PCI_VENDOR_ID, 4));
	EXPECT_LT(0, CONFIG(PCI_REVISION_ID, 1));
	EXPECT_EQ(0, CONFIG(PCI_INTERRUPT_PIN, 1));
}

TEST_F(registers, identity_cannot_be_written)
{
	SET_CONFIG(PCI_VENDOR_ID, 0, 4);
	SET_CONFIG(PCI_CLASS_REVISION, 0, 4);
	EXPECT_EQ(0x10421af4, CONFIG(PCI_VENDOR_ID, 4));
	EXPECT_EQ(0x0180, CONFIG(PCI_CLASS_DEVICE, 2));
}

TEST_F(registers, bars_tell_their_size)
{
	static const uint32_t masks[] = { 0xffffc000, 0xfffff000, 0xffffff81, 0, 0, 0 };

	SET_CONFIG(PCI_COMMAND, 0, 2);
	for (unsigned int i = 0; i < 6; i++) {
		uint32_t before = CONFIG(PCI_BASE_ADDRESS_0 + 4 * i, 4);

		SET_CONFIG(PCI_BASE_ADDRESS_0 + 4 * i, 0xffffffff, 4);
		EXPECT_EQ(masks[i], CONFIG(PCI_BASE_ADDRESS_0 + 4 * i, 4));
		SET_CONFIG(PCI_BASE_ADDRESS_0 + 4 * i, before, 4);
	}
}

TEST_F(registers, moved_bar_answers_at_its_new_place_only)
{
	uint64_t old = BAR(0), queues = 0;

	SET_CONFIG(PCI_BASE_ADDRESS_0, 0xd0000000, 4);
	EXPECT_EQ(1, READ(VIRTIO_PCI_COMMON_NUMQ, 2));
	bus_access(&self->fake.vm.mmio, old + VIRTIO_PCI_COMMON_NUMQ, &queues, 2, false);
	EXPECT_EQ(0xffff, queues);
}

TEST_F(registers, bar_outside_the_pci_window_is_not_decoded)
{
	static const uint32_t places[] = { 0x00100000, 0xfec00000, 0xfffff000, 0 };

	for (unsigned int i = 0; i < 4; i++) {
		SET_CONFIG(PCI_BASE_ADDRESS_0, places[i], 4);
		EXPECT_EQ(0xffff, READ(VIRTIO_PCI_COMMON_NUMQ, 2));
	}
	SET_CONFIG(PCI_BASE_ADDRESS_2, 0x0cf8, 4);
	EXPECT_EQ(0x10421af4, CONFIG(PCI_VENDOR_ID, 4));
}

TEST_F(registers, undecoded_bars_leave_no_doorbell_behind)
{
	EXPECT_EQ(2, fake_ioeventfds());
	SET_CONFIG(PCI_COMMAND, PCI_COMMAND_MEMORY, 2);
	EXPECT_EQ(1, fake_ioeventfds());
	SET_CONFIG(PCI_COMMAND, 0, 2);
	EXPECT_EQ(0, fake_ioeventfds());
}

TEST_F(registers, two_bars_at_one_place_do_no_harm)
{
	fake_enable(&self->fake, FAKE_READONLY);
	fake_config_write(&self->fake, FAKE_READONLY, PCI_BASE_ADDRESS_2, BAR(2), 4);
	fake_config_write(&self->fake, FAKE_READONLY, PCI_BASE_ADDRESS_0, BAR(0), 4);
	EXPECT_EQ(1, READ(VIRTIO_PCI_COMMON_NUMQ, 2));
	fake_config_write(&self->fake, FAKE_READONLY, PCI_COMMAND, 0, 2);
	EXPECT_EQ(2, fake_ioeventfds());
}

TEST_F(registers, odd_accesses_get_an_answer)
{
	for (unsigned int len = 1; len <= 8; len++) {
		for (unsigned int offset = 0; offset + len <= 0x4000; offset += 61) {
			READ(offset, len);
			WRITE(offset, ~0ULL, len);
		}
	}
	WRITE(STATUS, 0, 1);
	EXPECT_EQ(0, READ(STATUS, 1));
}

TEST_F(registers, queue_that_does_not_exist_has_size_zero)
{
	WRITE(VIRTIO_PCI_COMMON_Q_SELECT, 1, 2);
	EXPECT_EQ(0, READ(VIRTIO_PCI_COMMON_Q_SIZE, 2));
	WRITE(VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	EXPECT_EQ(0, READ(VIRTIO_PCI_COMMON_Q_ENABLE, 2));
	WRITE(VIRTIO_PCI_COMMON_Q_SELECT, 0xffff, 2);
	EXPECT_EQ(0, READ(VIRTIO_PCI_COMMON_Q_SIZE, 2));
}

TEST_F(registers, bad_queue_sizes_are_not_taken)
{
	static const uint16_t sizes[] = { 0, 3, 255, 257, 512, 0x8000, 0xffff };

	for (unsigned int i = 0; i < 7; i++) {
		WRITE(VIRTIO_PCI_COMMON_Q_SIZE, sizes[i], 2);
		EXPECT_EQ(256, READ(VIRTIO_PCI_COMMON_Q_SIZE, 2));
	}
	WRITE(VIRTIO_PCI_COMMON_Q_SIZE, 1, 2);
	EXPECT_EQ(1, READ(VIRTIO_PCI_COMMON_Q_SIZE, 2));
}

TEST_F(registers, vectors_that_do_not_exist_are_not_taken)
{
	WRITE(VIRTIO_PCI_COMMON_Q_MSIX, 1, 2);
	EXPECT_EQ(1, READ(VIRTIO_PCI_COMMON_Q_MSIX, 2));
	WRITE(VIRTIO_PCI_COMMON_Q_MSIX, 2, 2);
	EXPECT_EQ(NO_VECTOR, READ(VIRTIO_PCI_COMMON_Q_MSIX, 2));
	WRITE(VIRTIO_PCI_COMMON_MSIX, 77, 2);
	EXPECT_EQ(NO_VECTOR, READ(VIRTIO_PCI_COMMON_MSIX, 2));
}

TEST_F(registers, features_without_version_1_are_refused)
{
	fake_negotiate(&self->fake, FAKE_DISK, 1ULL << VIRTIO_F_VERSION_1);
	EXPECT_EQ(3, READ(STATUS, 1));
}

TEST_F(registers, features_that_were_not_offered_are_refused)
{
	fake_negotiate(&self->fake, FAKE_DISK, 0);
	EXPECT_EQ(11, READ(STATUS, 1));
	WRITE(STATUS, 0, 1);
	WRITE(VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	WRITE(VIRTIO_PCI_COMMON_GF, 0xff, 4);
	WRITE(STATUS, 11, 1);
	EXPECT_EQ(3, READ(STATUS, 1));
}

TEST_F(registers, features_freeze_once_agreed)
{
	fake_negotiate(&self->fake, FAKE_DISK, 0);
	WRITE(VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	WRITE(VIRTIO_PCI_COMMON_GF, 0, 4);
	EXPECT_EQ(1, READ(VIRTIO_PCI_COMMON_GF, 4));
}

TEST_F(registers, driver_is_not_ready_before_its_features)
{
	WRITE(STATUS, VIRTIO_CONFIG_S_DRIVER_OK, 1);
	EXPECT_EQ(0, READ(STATUS, 1));
}

TEST_F(registers, driver_can_neither_set_nor_clear_needs_reset)
{
	struct fake_queue queue;

	WRITE(STATUS, 0xff & ~VIRTIO_CONFIG_S_FAILED, 1);
	EXPECT_EQ(0, READ(STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET);
	fake_negotiate(&self->fake, FAKE_DISK, 0);
	fake_queue_init(&queue, &self->fake, FAKE_DISK, 0, 8);
	fake_driver_ok(&self->fake, FAKE_DISK);
	fake_offer(&queue, 99);
	ASSERT_TRUE(fake_interrupt(&self->fake, MESSAGE(FAKE_DISK, 0), 5000));
	EXPECT_NE(0, READ(STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET);
	WRITE(STATUS, 15, 1);
	EXPECT_NE(0, READ(STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET);
	WRITE(STATUS, 0, 1);
	EXPECT_EQ(0, READ(STATUS, 1));
}

TEST_F(registers, rings_outside_ram_need_a_reset)
{
	struct fake_queue queue;

	fake_negotiate(&self->fake, FAKE_DISK, 0);
	fake_queue_init(&queue, &self->fake, FAKE_DISK, 0, 8);
	WRITE(VIRTIO_PCI_COMMON_Q_USEDHI, 0x1234, 4);
	EXPECT_EQ(0, READ(VIRTIO_PCI_COMMON_Q_USEDHI, 4));
	fake_negotiate(&self->fake, FAKE_DISK, 0);
	WRITE(VIRTIO_PCI_COMMON_Q_DESCLO, 0x1008, 4);
	WRITE(VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	fake_driver_ok(&self->fake, FAKE_DISK);
	EXPECT_NE(0, READ(STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET);
	WRITE(STATUS, 0, 1);
	EXPECT_EQ(256, READ(VIRTIO_PCI_COMMON_Q_SIZE, 2));
}

TEST_F(registers, running_queue_cannot_be_changed)
{
	struct fake_queue queue;

	fake_negotiate(&self->fake, FAKE_DISK, 0);
	fake_queue_init(&queue, &self->fake, FAKE_DISK, 0, 8);
	fake_driver_ok(&self->fake, FAKE_DISK);
	WRITE(VIRTIO_PCI_COMMON_Q_SIZE, 16, 2);
	WRITE(VIRTIO_PCI_COMMON_Q_MSIX, 0, 2);
	WRITE(VIRTIO_PCI_COMMON_Q_ENABLE, 0, 2);
	WRITE(VIRTIO_PCI_COMMON_Q_DESCLO, 0, 4);
	EXPECT_EQ(8, READ(VIRTIO_PCI_COMMON_Q_SIZE, 2));
	EXPECT_EQ(1, READ(VIRTIO_PCI_COMMON_Q_MSIX, 2));
	EXPECT_EQ(1, READ(VIRTIO_PCI_COMMON_Q_ENABLE, 2));
	EXPECT_NE(0, READ(VIRTIO_PCI_COMMON_Q_DESCLO, 4));
}

static void mask(struct fake *fake, unsigned int vector, uint32_t masked)
{
	bus_access(&fake->vm.mmio, fake_bar(fake, FAKE_DISK, 1) + 16 * vector + 12, &masked, 4,
		   true);
}

static uint64_t pending(struct fake *fake)
{
	uint64_t bits = 0;

	bus_access(&fake->vm.mmio, fake_bar(fake, FAKE_DISK, 1) + 0x800, &bits, 8, false);
	return bits;
}

static void break_queue(struct fake *fake)
{
	struct fake_queue queue;

	fake_negotiate(fake, FAKE_DISK, 0);
	fake_queue_init(&queue, fake, FAKE_DISK, 0, 8);
	fake_driver_ok(fake, FAKE_DISK);
	fake_offer(&queue, 99);
	for (unsigned int i = 0; i < 500; i++) {
		if (fake_read(fake, FAKE_DISK, STATUS, 1) & VIRTIO_CONFIG_S_NEEDS_RESET)
			return;
		usleep(10000);
	}
}

TEST_F(registers, masked_vector_is_pending_until_unmasked)
{
	mask(&self->fake, 0, 1);
	break_queue(&self->fake);
	EXPECT_EQ(1, pending(&self->fake));
	EXPECT_FALSE(fake_interrupt(&self->fake, MESSAGE(FAKE_DISK, 0), 0));
	mask(&self->fake, 0, 0);
	EXPECT_TRUE(fake_interrupt(&self->fake, MESSAGE(FAKE_DISK, 0), 0));
	EXPECT_EQ(0, pending(&self->fake));
	EXPECT_FALSE(fake_interrupt(&self->fake, MESSAGE(FAKE_DISK, 0), 0));
}

TEST_F(registers, function_mask_holds_every_vector)
{
	unsigned int msix = fake_capability(&self->fake, FAKE_DISK, PCI_CAP_ID_MSIX);

	SET_CONFIG(msix + 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	break_queue(&self->fake);
	EXPECT_EQ(1, pending(&self->fake));
	SET_CONFIG(msix + 2, PCI_MSIX_FLAGS_ENABLE, 2);
	EXPECT_TRUE(fake_interrupt(&self->fake, MESSAGE(FAKE_DISK, 0), 0));
}

TEST_F(registers, what_was_signalled_without_msix_is_forgotten)
{
	unsigned int msix = fake_capability(&self->fake, FAKE_DISK, PCI_CAP_ID_MSIX);

	SET_CONFIG(msix + 2, 0, 2);
	break_queue(&self->fake);
	EXPECT_EQ(2, READ(0x1000, 1));
	EXPECT_EQ(0, READ(0x1000, 1));
	SET_CONFIG(msix + 2, PCI_MSIX_FLAGS_ENABLE, 2);
	EXPECT_FALSE(fake_interrupt(&self->fake, MESSAGE(FAKE_DISK, 0), 0));
}

TEST_F(registers, message_address_that_kvm_refuses_does_no_harm)
{
	uint32_t bad = 0xbad;
	uint64_t table = BAR(1);

	bus_access(&self->fake.vm.mmio, table + 4, &bad, 4, true);
	break_queue(&self->fake);
	EXPECT_FALSE(fake_interrupt(&self->fake, MESSAGE(FAKE_DISK, 0), 0));
	bad = 0;
	bus_access(&self->fake.vm.mmio, table + 4, &bad, 4, true);
	EXPECT_TRUE(fake_interrupt(&self->fake, MESSAGE(FAKE_DISK, 0), 0));
}

static unsigned int find_window(struct fake *fake)
{
	unsigned int at = fake_config_read(fake, FAKE_DISK, PCI_CAPABILITY_LIST, 1);

	while (at && fake_config_read(fake, FAKE_DISK, at + 3, 1) != VIRTIO_PCI_CAP_PCI_CFG)
		at = fake_config_read(fake, FAKE_DISK, at + 1, 1);
	return at;
}

TEST_F(registers, window_reaches_the_bars)
{
	unsigned int window = find_window(&self->fake);

	SET_CONFIG(window + 4, 0, 1);
	SET_CONFIG(window + 8, VIRTIO_PCI_COMMON_STATUS, 4);
	SET_CONFIG(window + 12, 1, 4);
	SET_CONFIG(window + 16, 3, 1);
	EXPECT_EQ(3, READ(STATUS, 1));
	EXPECT_EQ(3, CONFIG(window + 16, 1));
}

TEST_F(registers, window_to_nowhere_does_no_harm)
{
	static const uint32_t lengths[] = { 0, 1, 2, 3, 4, 8, 0xffffffff };
	unsigned int window = find_window(&self->fake);

	for (unsigned int bar = 0; bar < 256; bar += 3) {
		SET_CONFIG(window + 4, bar, 1);
		for (unsigned int i = 0; i < 7; i++) {
			SET_CONFIG(window + 12, lengths[i], 4);
			SET_CONFIG(window + 8, 0xfffffffc, 4);
			CONFIG(window + 16, 4);
			SET_CONFIG(window + 8, 0x3ffd, 4);
			CONFIG(window + 16, 4);
		}
	}
	EXPECT_EQ(0, READ(STATUS, 1));
}

TEST_HARNESS_MAIN
