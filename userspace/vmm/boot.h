/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Linux's 64-bit boot protocol (docs.kernel.org, arch/x86/boot): files into
 * guest memory, and the zero page that tells the kernel what is where.
 */
#ifndef RH_VMM_BOOT_H
#define RH_VMM_BOOT_H

#include <asm/bootparam.h>
#include <stdint.h>

#include "options.h"

struct vm;

/*
 * The first MiB. Guest code finds these only through the registers of the first
 * vCPU and through the zero page; the kernel has copied what it needs before it
 * hands the memory out.
 */
#define BOOT_GDT		0x0500ULL
#define BOOT_ZERO_PAGE		0x7000ULL
#define BOOT_PAGE_TABLES	0x9000ULL	/* 6 pages: PML4, PDPT, 4 directories */
#define BOOT_COMMAND_LINE	0x20000ULL
#define BOOT_LOW_END		0x9FC00ULL	/* where a PC's firmware begins to use RAM */
#define BOOT_FIRMWARE		0xE0000ULL	/* ACPI tables; reserved to 1 MiB */
#define BOOT_KERNEL		0x100000ULL
#define BOOT_ENTRY		(BOOT_KERNEL + 0x200)

/**
 * struct boot - files to boot from, checked but not loaded
 * @kernel_fd: open bzImage
 * @initrd_fd: open initramfs or -1
 * @header: the bzImage's setup header
 * @append: kernel command line
 * @kernel_offset: where the 64-bit part begins in the file
 * @kernel_size: its bytes
 * @initrd_addr: guest address chosen
 * @initrd_size: bytes, 0 without one
 */
struct boot {
	int kernel_fd, initrd_fd;
	struct setup_header header;
	const char *append;
	uint64_t kernel_offset, kernel_size;
	uint64_t initrd_addr, initrd_size;
};

/**
 * boot_open() - open and check the files, decide where they go
 * @boot: out
 * @options: checked command line
 *
 * Needs no KVM, so that a wrong file is the first thing reported.
 * Return: 0, or a negative errno after one line on stderr, nothing left open.
 */
int boot_open(struct boot *boot, const struct options *options);
void boot_close(struct boot *boot);

/**
 * boot_load() - fill guest memory
 * @boot: from boot_open(), for as much memory as @vm has
 * @vm: with RAM
 *
 * Return: 0, or a negative errno after one line on stderr.
 */
int boot_load(const struct boot *boot, struct vm *vm);

#endif /* RH_VMM_BOOT_H */
