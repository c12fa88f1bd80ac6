// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernel and initramfs: checked, placed, loaded. Off the data path; main thread,
 * before the vCPUs exist. The files are input like any other: each number in the
 * setup header is bounded before it is used.
 *
 * Entry points: boot_open(), boot_load(), boot_close().
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "err.h"
#include "vm.h"

#define SECTOR			512
#define HEADER_OFFSET		0x1F1		/* of struct setup_header in file and zero page */
#define HEADER_END_BYTE		0x201		/* holds the header's length past 0x202 */
#define HEADER_MAGIC		0x53726448	/* "HdrS" */
#define BOOT_FLAG		0xAA55
#define VERSION_MIN		0x020C		/* 2.12: xloadflags */
#define ENTRY_64		0x200		/* 64-bit entry, in the loaded part */
#define LOADER_UNDEFINED	0xFF
#define PAGE			4096ULL
#define COMMAND_LINE_MAX	(BOOT_LOW_END - BOOT_COMMAND_LINE - 1)
#define ALIGNMENT_MAX		(1ULL << 30)

#define PAGE_PRESENT		0x001ULL
#define PAGE_WRITE		0x002ULL
#define PAGE_LARGE		0x080ULL
#define LARGE_PAGE		(2ULL << 20)
#define TABLE_ENTRIES		512

static int open_file(const char *option, const char *path, int *fd, uint64_t *size)
{
	struct stat st;
	int err;

	/* non-blocking, or a FIFO would hold us here */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd < 0 || fstat(*fd, &st)) {
		err = -errno;
		rh_error(err, "--%s %s: %s", option, path, strerror(-err));
		goto close_fd;
	}
	if (!S_ISREG(st.st_mode)) {
		err = rh_error(-EINVAL, "--%s %s: not a regular file", option, path);
		goto close_fd;
	}
	*size = (uint64_t)st.st_size;
	return 0;

close_fd:
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return err;
}

static int read_at(int fd, void *data, uint64_t size, uint64_t offset)
{
	char *p = data;
	ssize_t n;

	while (size) {
		n = pread(fd, p, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENODATA;
		p += n;
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

static const char *describe(int err)
{
	return err == -ENODATA ? "shorter than expected" : strerror(-err);
}

/* As much of the header as the file says it has; the rest reads as zero. */
static int read_header(struct boot *boot, const char *path)
{
	struct setup_header *header = &boot->header;
	unsigned char length;
	uint64_t end;
	int err;

	memset(header, 0, sizeof(*header));
	err = read_at(boot->kernel_fd, &length, 1, HEADER_END_BYTE);
	if (!err) {
		end = 0x202 + (uint64_t)length - HEADER_OFFSET;
		err = read_at(boot->kernel_fd, header,
			      end < sizeof(*header) ? end : sizeof(*header), HEADER_OFFSET);
	}
	if (err == -ENODATA)
		return rh_error(-ENOEXEC, "--kernel %s: not a bzImage", path);
	if (err)
		return rh_error(err, "--kernel %s: %s", path, strerror(-err));
	return 0;
}

static int check_header(const struct setup_header *header, const char *path)
{
	const uint64_t alignment = header->kernel_alignment;

	if (header->boot_flag != BOOT_FLAG || header->header != HEADER_MAGIC ||
	    !(header->loadflags & LOADED_HIGH))
		return rh_error(-ENOEXEC, "--kernel %s: not a bzImage", path);
	if (header->version < VERSION_MIN || !(header->xloadflags & XLF_KERNEL_64))
		return rh_error(-ENOEXEC, "--kernel %s: not a 64-bit kernel (boot protocol %u.%u)",
				path, header->version >> 8, header->version & 0xff);
	if (!alignment || alignment > ALIGNMENT_MAX || (alignment & (alignment - 1)))
		return rh_error(-ENOEXEC, "--kernel %s: damaged header", path);
	return 0;
}

static int find_payload(struct boot *boot, uint64_t file_size, const char *path)
{
	/* 0 stands for 4, for the sake of very old kernels */
	const uint64_t sectors = boot->header.setup_sects ? boot->header.setup_sects : 4;

	boot->kernel_offset = (sectors + 1) * SECTOR;
	if (boot->kernel_offset + ENTRY_64 >= file_size)
		return rh_error(-ENOEXEC, "--kernel %s: not a bzImage", path);
	boot->kernel_size = file_size - boot->kernel_offset;
	/* syssize counts paragraphs of 16 bytes, the last one perhaps not full */
	if ((uint64_t)boot->header.syssize * 16 >= boot->kernel_size + 16)
		return rh_error(-ENOEXEC, "--kernel %s: cut short", path);
	return 0;
}

/*
 * First byte after what the kernel may overwrite before it knows its memory map:
 * the loaded image, and the place where it decompresses itself. pref_address and
 * init_size are 64 and 32 bits wide, hence the check for overflow.
 */
static int kernel_end(const struct boot *boot, const char *path, uint64_t *end)
{
	const struct setup_header *header = &boot->header;
	const uint64_t alignment = header->kernel_alignment;
	uint64_t start = (BOOT_KERNEL + alignment - 1) & ~(alignment - 1);

	if (header->pref_address > start)
		start = header->pref_address;
	if (start > VM_RAM_LOW_END || boot->kernel_size > VM_RAM_LOW_END)
		return rh_error(-ENOEXEC, "--kernel %s: damaged header", path);
	*end = start + header->init_size;
	if (BOOT_KERNEL + boot->kernel_size > *end)
		*end = BOOT_KERNEL + boot->kernel_size;
	*end = (*end + PAGE - 1) & ~(PAGE - 1);
	return 0;
}

/* The kernel's own limit, or ours where a damaged header claims more than fits. */
static int check_append(const char *append, uint64_t limit)
{
	if (limit > COMMAND_LINE_MAX)
		limit = COMMAND_LINE_MAX;
	if (strlen(append) <= limit)
		return 0;
	return rh_error(-E2BIG, "--append: longer than the %llu bytes this kernel takes",
			(unsigned long long)limit);
}

static int open_kernel(struct boot *boot, const struct options *options, uint64_t *end)
{
	uint64_t size;
	int err;

	err = open_file("kernel", options->kernel, &boot->kernel_fd, &size);
	if (err)
		return err;
	err = read_header(boot, options->kernel);
	if (err)
		return err;
	err = check_header(&boot->header, options->kernel);
	if (err)
		return err;
	err = find_payload(boot, size, options->kernel);
	if (err)
		return err;
	err = check_append(options->append, boot->header.cmdline_size);
	if (err)
		return err;
	return kernel_end(boot, options->kernel, end);
}

/* As high as kernel and memory allow: everything below is then one free piece. */
static int place_initrd(struct boot *boot, const struct options *options, uint64_t low_end,
			uint64_t kernel_end)
{
	uint64_t top = (uint64_t)boot->header.initrd_addr_max + 1;

	if (top > low_end)
		top = low_end;
	if (kernel_end > top || boot->initrd_size > top - kernel_end)
		goto too_large;
	boot->initrd_addr = (top - boot->initrd_size) & ~(PAGE - 1);
	if (boot->initrd_addr < kernel_end)
		goto too_large;
	return 0;

too_large:
	return rh_error(-EFBIG,
			"--initrd %s: its %llu MiB do not fit beside the kernel in %llu MiB",
			options->initrd,
			(unsigned long long)(boot->initrd_size >> 20),
			(unsigned long long)(options->mem >> 20));
}

static int open_initrd(struct boot *boot, const struct options *options, uint64_t low_end,
		       uint64_t kernel_end)
{
	int err;

	if (!options->initrd)
		return 0;
	err = open_file("initrd", options->initrd, &boot->initrd_fd, &boot->initrd_size);
	if (err)
		return err;
	if (!boot->initrd_size)
		return rh_error(-ENODATA, "--initrd %s: empty", options->initrd);
	return place_initrd(boot, options, low_end, kernel_end);
}

int boot_open(struct boot *boot, const struct options *options)
{
	const uint64_t low_end = options->mem < VM_RAM_LOW_END ? options->mem : VM_RAM_LOW_END;
	uint64_t end = 0;
	int err;

	memset(boot, 0, sizeof(*boot));
	boot->kernel_fd = -1;
	boot->initrd_fd = -1;
	boot->append = options->append;
	err = open_kernel(boot, options, &end);
	if (err)
		goto close_files;
	if (end > low_end) {
		err = rh_error(-ENOMEM, "--mem: this kernel needs at least %llu MiB",
			       (unsigned long long)(end + (1 << 20) - 1) >> 20);
		goto close_files;
	}
	err = open_initrd(boot, options, low_end, end);
	if (err)
		goto close_files;
	return 0;

close_files:
	boot_close(boot);
	return err;
}

void boot_close(struct boot *boot)
{
	if (boot->initrd_fd >= 0)
		close(boot->initrd_fd);
	if (boot->kernel_fd >= 0)
		close(boot->kernel_fd);
}

static void add_e820(struct boot_params *zero_page, uint64_t start, uint64_t end, uint32_t type)
{
	zero_page->e820_table[zero_page->e820_entries++] = (struct boot_e820_entry){
		.addr = start,
		.size = end - start,
		.type = type,
	};
}

static void fill_e820(struct boot_params *zero_page, const struct vm *vm)
{
	enum { RAM = 1, RESERVED = 2 };
	const struct vm_region *low = &vm->regions[0], *high = &vm->regions[1];

	add_e820(zero_page, 0, BOOT_LOW_END, RAM);
	add_e820(zero_page, BOOT_LOW_END, 0xA0000, RESERVED);
	add_e820(zero_page, BOOT_FIRMWARE, BOOT_KERNEL, RESERVED);
	add_e820(zero_page, BOOT_KERNEL, low->size, RAM);
	if (vm->region_count > 1)
		add_e820(zero_page, high->guest, high->guest + high->size, RAM);
}

static void fill_zero_page(const struct boot *boot, struct vm *vm)
{
	struct boot_params *zero_page = vm_translate(vm, BOOT_ZERO_PAGE, sizeof(*zero_page));

	_Static_assert(sizeof(*zero_page) == PAGE, "the zero page is a page");
	_Static_assert(offsetof(struct boot_params, hdr) == HEADER_OFFSET, "header's place");
	memset(zero_page, 0, sizeof(*zero_page));
	zero_page->hdr = boot->header;
	zero_page->hdr.type_of_loader = LOADER_UNDEFINED;
	zero_page->hdr.cmd_line_ptr = (uint32_t)BOOT_COMMAND_LINE;
	zero_page->hdr.ramdisk_image = (uint32_t)boot->initrd_addr;
	zero_page->hdr.ramdisk_size = (uint32_t)boot->initrd_size;
	zero_page->acpi_rsdp_addr = BOOT_FIRMWARE;
	fill_e820(zero_page, vm);
}

/* The first 4 GiB, one to one, in 2 MiB pages. */
static void fill_page_tables(struct vm *vm)
{
	uint64_t *table = vm_translate(vm, BOOT_PAGE_TABLES, 6 * PAGE);
	uint64_t *directory = table + 2 * TABLE_ENTRIES;
	unsigned int i;

	memset(table, 0, 2 * PAGE);
	table[0] = (BOOT_PAGE_TABLES + PAGE) | PAGE_PRESENT | PAGE_WRITE;
	for (i = 0; i < 4; i++)
		table[TABLE_ENTRIES + i] = (BOOT_PAGE_TABLES + (2 + i) * PAGE) | PAGE_PRESENT |
					   PAGE_WRITE;
	for (i = 0; i < 4 * TABLE_ENTRIES; i++)
		directory[i] = i * LARGE_PAGE | PAGE_PRESENT | PAGE_WRITE | PAGE_LARGE;
}

/* Selectors 0x10 and 0x18 are the protocol's: flat 64-bit code, flat data. */
static void fill_gdt(struct vm *vm)
{
	uint64_t *gdt = vm_translate(vm, BOOT_GDT, 4 * sizeof(*gdt));

	gdt[0] = 0;
	gdt[1] = 0;
	gdt[2] = 0x00AF9B000000FFFFULL;
	gdt[3] = 0x00CF93000000FFFFULL;
}

static int load_file(struct vm *vm, int fd, uint64_t addr, uint64_t size, uint64_t offset,
		     const char *what)
{
	void *target = vm_translate(vm, addr, size);
	int err;

	if (!target)
		return rh_error(-EFAULT, "the %s does not fit into guest memory", what);
	err = read_at(fd, target, size, offset);
	if (err)
		return rh_error(err, "reading the %s: %s", what, describe(err));
	return 0;
}

static void load_command_line(const struct boot *boot, struct vm *vm)
{
	const size_t size = strlen(boot->append) + 1;

	memcpy(vm_translate(vm, BOOT_COMMAND_LINE, size), boot->append, size);
}

int boot_load(const struct boot *boot, struct vm *vm)
{
	int err;

	err = load_file(vm, boot->kernel_fd, BOOT_KERNEL, boot->kernel_size, boot->kernel_offset,
			"kernel");
	if (err)
		return err;
	if (boot->initrd_size) {
		err = load_file(vm, boot->initrd_fd, boot->initrd_addr, boot->initrd_size, 0,
				"initrd");
		if (err)
			return err;
	}
	load_command_line(boot, vm);
	fill_zero_page(boot, vm);
	fill_page_tables(vm);
	fill_gdt(vm);
	return 0;
}
