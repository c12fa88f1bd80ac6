// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest with two processors that writes nonsense into every register and ring of
 * the userspace devices, disks and network cards, one of these with packed rings, most of it nearly right, so that it gets far. Nothing is
 * looked at but that the sanitizers stay silent, nothing hangs, and no descriptor is
 * left open. The random numbers start from a fixed seed; the order in which the
 * threads meet does not.
 */
#include <dirent.h>
#include <linux/pci_regs.h>
#include <linux/virtio_blk.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake.h"
#include "fake_tap.h"
#include "harness.h"
#include "loop.h"

#define SECONDS 4
#define SLOTS 7
#define CARD 3			/* the first of two network cards */
#define PACKED_CARD 4
#define CARD_PAIRS 2
#define CARD_QUEUES (2 * CARD_PAIRS + 1)
#define QUEUE_RINGS 0x6000
#define BUFFERS 0x300000
#define TABLES 0x200000

/**
 * struct guest - one processor
 * @fake: its machine
 * @random: state of its random numbers
 * @stop: shared: time is up
 * @bars: where the firmware put BARs 0 to 2 of each slot
 */
struct guest {
	struct fake *fake;
	uint64_t random;
	atomic_bool *stop;
	uint32_t (*bars)[3];
};

static uint64_t next(struct guest *guest)
{
	guest->random ^= guest->random << 13;
	guest->random ^= guest->random >> 7;
	guest->random ^= guest->random << 17;
	return guest->random;
}

static bool chance(struct guest *guest, unsigned int in_1000)
{
	return next(guest) % 1000 < in_1000;
}

/* Numbers that tend to be wrong. */
static uint64_t odd_number(struct guest *guest)
{
	static const uint64_t numbers[] = {
		0, 1, 2, 15, 16, 17, 255, 256, 257, 511, 512, 0x7fff, 0x8000, 0xffff, 0x7fffff,
		0x800000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x1007ffff0,
		0x100800000, 1ULL << 63, UINT64_MAX - 15, UINT64_MAX,
	};

	return chance(guest, 700) ? numbers[next(guest) % 25] : next(guest);
}

static bool is_card(unsigned int slot)
{
	return slot == CARD || slot == PACKED_CARD;
}

static uint64_t rings_of(unsigned int slot)
{
	return 0x10000 * slot;
}

static void restore_bars(struct guest *guest, unsigned int slot)
{
	for (unsigned int i = 0; i < 3; i++)
		fake_config_write(guest->fake, slot, PCI_BASE_ADDRESS_0 + 4 * i,
				  guest->bars[slot][i], 4);
	fake_enable(guest->fake, slot);
}

static void set_up(struct guest *guest, unsigned int slot)
{
	static const uint8_t registers[] = {
		VIRTIO_PCI_COMMON_Q_DESCLO, VIRTIO_PCI_COMMON_Q_AVAILLO,
		VIRTIO_PCI_COMMON_Q_USEDLO,
	};
	struct fake *fake = guest->fake;

	restore_bars(guest, slot);
	fake_negotiate(fake, slot, chance(guest, 500) ? next(guest) & 0xffffffff : 0);
	memset(fake_ram(fake, rings_of(slot)), 0, QUEUE_RINGS);
	fake_write(fake, slot, VIRTIO_PCI_COMMON_Q_SELECT,
		   is_card(slot) ? next(guest) % CARD_QUEUES : 0, 2);
	fake_write(fake, slot, VIRTIO_PCI_COMMON_Q_SIZE,
		   chance(guest, 900) ? 1u << next(guest) % 9 : odd_number(guest), 2);
	fake_write(fake, slot, VIRTIO_PCI_COMMON_Q_MSIX, chance(guest, 900) ? 1 : odd_number(guest),
		   2);
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t address = chance(guest, 980) ? rings_of(slot) + 0x2000 * i :
							odd_number(guest);

		fake_write(fake, slot, registers[i], address, 8);
	}
	fake_write(fake, slot, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
	fake_driver_ok(fake, slot);
}

/* A block request, nearly. */
static unsigned int fill_chain(struct guest *guest, struct vring_desc *table, unsigned int entries,
			       unsigned int at, unsigned int length)
{
	bool in = chance(guest, 600);

	for (unsigned int i = 0; i < length && at < entries; i++, at++) {
		bool last = i + 1 == length || at + 1 == entries;
		struct vring_desc *descriptor = &table[at];
		struct virtio_blk_outhdr *header;

		descriptor->addr = BUFFERS + (next(guest) & 0x3ffff8);
		descriptor->len = !i ? 16 : last ? 1 : 512 * (1 + next(guest) % 16);
		descriptor->flags = (last ? 0 : VRING_DESC_F_NEXT) |
				    (i && (in || last) ? VRING_DESC_F_WRITE : 0);
		descriptor->next = at + 1;
		header = fake_ram(guest->fake, descriptor->addr);
		if (!i)
			*header = (struct virtio_blk_outhdr) {
				.type = "\0\1\4\10\13"[next(guest) % 5],
				.sector = chance(guest, 950) ? next(guest) % 2100 : odd_number(guest),
			};
		if (chance(guest, 3))
			((uint64_t *)descriptor)[next(guest) % 2] = odd_number(guest);
	}
	return at;
}

static unsigned int fill_indirect(struct guest *guest, struct vring_desc *ring, unsigned int at)
{
	uint64_t table = TABLES + (next(guest) & 0xfffff);
	unsigned int length = 1 + next(guest) % 20;
	struct vring_desc entries[20];

	fill_chain(guest, entries, 20, 0, length);
	memcpy(fake_ram(guest->fake, table), entries, length * sizeof(entries[0]));
	ring[at] = (struct vring_desc) {
		.addr = chance(guest, 990) ? table : odd_number(guest),
		.len = chance(guest, 990) ? length * 16 : odd_number(guest),
		.flags = VRING_DESC_F_INDIRECT,
	};
	return at + 1;
}

/* What was a split ring as a packed one, more or less available. */
static void pack(struct guest *guest, struct vring_desc *ring, unsigned int size)
{
	for (unsigned int i = 0; i < size; i++) {
		uint16_t flags = ring[i].flags;

		ring[i].flags = i;
		ring[i].next = flags | (chance(guest, 900) ? 1u << VRING_PACKED_DESC_F_AVAIL :
								 next(guest));
	}
}

/* Something for the card to receive, and nothing in its way when it sends. */
static void exchange(struct guest *guest)
{
	int host = fake_tap.host[next(guest) % CARD_PAIRS];
	static const unsigned char packet[4000];
	char drain[64];

	while (recv(host, drain, sizeof(drain), 0) > 0)
		;
	if (send(host, packet, next(guest) % sizeof(packet), 0) < 0)
		return;		/* full */
}

static void kick(struct guest *guest, unsigned int slot)
{
	struct fake_queue queue = { .fake = guest->fake, .slot = slot };

	for (; queue.index < (is_card(slot) ? CARD_QUEUES : 1); queue.index++)
		fake_kick(&queue);
}

static void offer(struct guest *guest, unsigned int slot)
{
	unsigned char *rings = fake_ram(guest->fake, rings_of(slot));
	struct vring_avail *available = (struct vring_avail *)(rings + 0x2000);
	unsigned int size = fake_read(guest->fake, slot, VIRTIO_PCI_COMMON_Q_SIZE, 2);
	unsigned int at = 0;
	uint16_t index = available->idx;

	for (unsigned int i = 0; i < 16 && at < size && size <= 256; i++) {
		unsigned int head = at;

		if (chance(guest, 300))
			at = fill_indirect(guest, (struct vring_desc *)rings, at);
		else
			at = fill_chain(guest, (struct vring_desc *)rings, size, at,
					1 + next(guest) % 5);
		available->ring[index++ % size] = chance(guest, 998) ? head : odd_number(guest);
	}
	available->ring[size % 257] = index - next(guest) % 3;
	__atomic_store_n(&available->idx, chance(guest, 998) ? index : next(guest),
			 __ATOMIC_RELEASE);
	if (slot == PACKED_CARD && size <= 256)
		pack(guest, (struct vring_desc *)rings, size);
	if (is_card(slot))
		exchange(guest);
	kick(guest, slot);
}

static void scribble(struct guest *guest, unsigned int slot)
{
	unsigned int len = 1u << next(guest) % 4;
	uint64_t value = odd_number(guest);
	unsigned int place = chance(guest, 700) ? next(guest) % 64 : next(guest) % 0x4000;

	switch (next(guest) % 8) {
	case 0:
		fake_config_write(guest->fake, slot, next(guest) & 0xff, value, len & 7 ? len : 4);
		break;
	case 1:
		fake_config_read(guest->fake, slot, next(guest) & 0xff, len & 7 ? len : 4);
		break;
	case 2:
		bus_access(&guest->fake->vm.mmio, fake_bar(guest->fake, slot, 1) + place % 0x1000,
			   &value, len, chance(guest, 500));
		break;
	case 3:
		bus_access(&guest->fake->vm.pio, 0xcf8 + next(guest) % 8, &value, len & 7 ? len : 4,
			   chance(guest, 500));
		break;
	case 4:
		fake_write(guest->fake, slot, VIRTIO_PCI_COMMON_STATUS, value & 0xff, 1);
		break;
	case 5:
		fake_read(guest->fake, slot, place, len);
		break;
	default:
		fake_write(guest->fake, slot, place, value, len);
	}
}

static void *run(void *argument)
{
	struct guest *guest = argument;

	while (!*guest->stop) {
		unsigned int slot = next(guest) % SLOTS;

		if (chance(guest, 20))
			set_up(guest, slot);
		else if (chance(guest, 100))
			scribble(guest, slot);
		else
			offer(guest, slot);
	}
	return NULL;
}

static unsigned int open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	unsigned int count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

TEST_TIMEOUT(devices_survive_a_guest_of_nonsense, 60)
{
	struct fake fake = { 0 };
	uint32_t bars[SLOTS][3];
	atomic_bool stop = false;
	struct guest guests[2] = {
		{ &fake, 88172645463325252ULL, &stop, bars }, { &fake, 1234567, &stop, bars },
	};
	pthread_t threads[2];
	unsigned int before;

	fake_init(&fake);
	fake_add_disks(&fake, 2048);
	for (unsigned int i = 0; i < 2; i++)
		fake.options.nets[fake.options.net_count++] = (struct net_options) {
			.tap = "fake", .backend = BACKEND_USERSPACE, .pairs = CARD_PAIRS,
			.packed = i, .in_order = i,
		};
	before = open_descriptors();
	ASSERT_EQ(0, fake_start(&fake));
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		for (unsigned int i = 0; i < 3; i++)
			bars[slot][i] = fake_bar(&fake, slot, i);
	}
	for (unsigned int i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, run, &guests[i]));
	sleep(SECONDS);
	/* As at a real end: the loop stops first, under the processors' hands. */
	loop_quit(fake.vm.loop);
	stop = true;
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	fake_stop(&fake);
	fake_exit(&fake);
	EXPECT_EQ(before, open_descriptors());
}

TEST_HARNESS_MAIN
