/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The little of the kernel that kernel/core/ring.c and memory.c use, in
 * userspace, so that both compile here unchanged. The headers in linux/ lead
 * here.
 *
 * "User memory" is what a test has lent with user_area_add(). Every access the
 * kernel's code makes to it goes through user_access(), which refuses what was
 * not lent and tells the test, so that a test can count accesses and play a
 * guest that changes memory between two of them.
 */
#ifndef UNIT_SHIM_H
#define UNIT_SHIM_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The public kernel headers, for the layouts. */
#include_next <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;

#define __user
#define __force
#define BIT(n) (1u << (n))
typedef unsigned int gfp_t;
#define __GFP_ZERO 1
#define barrier() __asm__ volatile("" ::: "memory")
#define cpu_to_le16(x) (x)
#define cpu_to_le32(x) (x)
#define le16_to_cpu(x) (x)
#define le32_to_cpu(x) (x)
#define le64_to_cpu(x) (x)
#define U16_MAX UINT16_MAX

#define unlikely(x) __builtin_expect(!!(x), 0)
#define EXPORT_SYMBOL_GPL(symbol) _Static_assert(sizeof(symbol) > 0, #symbol)

#ifdef UNIT_WEAK
#include "../weak.h"
#define shim_word(x) _Static_assert(sizeof(x) == sizeof(u16), "see weak.c")
#define READ_ONCE(x) ({ shim_word(x); (__typeof__(x))weak_read(&(x)); })
#define WRITE_ONCE(x, value) do { shim_word(x); weak_write(&(x), value); } while (0)
#define smp_mb() do { weak_wmb(); weak_rmb(); } while (0)
#define smp_rmb() weak_rmb()
#define smp_wmb() weak_wmb()
#else
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

/* Weaker would do for some; none is weaker than the kernel's. */
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif

/* linux/minmax.h */
#define min(a, b) ({ __auto_type a_ = (a); __auto_type b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b) ({ __auto_type c_ = (a); __auto_type d_ = (b); c_ > d_ ? c_ : d_; })
#define min3(a, b, c) ({ __auto_type e_ = min(a, b); min(e_, c); })
#define min_t(type, a, b) min((type)(a), (type)(b))
#define max_t(type, a, b) max((type)(a), (type)(b))

/* linux/overflow.h; sizes here are bounded by the callers, so plain arithmetic will do. */
#define check_add_overflow(a, b, sum) __builtin_add_overflow(a, b, sum)
#define array_size(count, size) ((size_t)(count) * (size))
#define struct_size(pointer, member, count) \
	(sizeof(*(pointer)) + (size_t)(count) * sizeof((pointer)->member[0]))

/* linux/err.h */
#define MAX_ERRNO 4095
static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *pointer)
{
	return (long)pointer;
}

static inline bool IS_ERR(const void *pointer)
{
	return (unsigned long)pointer >= (unsigned long)-MAX_ERRNO;
}

/* linux/slab.h; fails while the test says so. */
#define GFP_KERNEL 0
#define GFP_KERNEL_ACCOUNT 0
extern bool alloc_fails;
extern unsigned int alloc_countdown;	/* the how manieth from now fails; 0: none */

static inline bool shim_alloc_fails(void)
{
	return alloc_fails || (alloc_countdown && !--alloc_countdown);
}

static inline void *kvzalloc(size_t size, int flags)
{
	(void)flags;
	return shim_alloc_fails() ? NULL : calloc(1, size);
}

/* Not zeroed, so that a tool that watches for uninitialised reads sees them. */
static inline void *kvmalloc_array(size_t count, size_t size, int flags)
{
	if (shim_alloc_fails())
		return NULL;
	return flags & __GFP_ZERO ? calloc(count, size) : malloc(count * size);
}

static inline void kvfree(const void *pointer)
{
	free((void *)pointer);
}

/* linux/sort.h */
static inline void sort(void *base, size_t count, size_t size,
			int (*compare)(const void *a, const void *b), void *swap)
{
	(void)swap;
	if (count)
		qsort(base, count, size, compare);
}

/* linux/uaccess.h */
#define TASK_SIZE (1ul << 47)
bool user_access(const volatile void *address, size_t size, bool write);

static inline bool access_ok(const volatile void *address, size_t size)
{
	return size <= TASK_SIZE && (unsigned long)address <= TASK_SIZE - size;
}

/* All or nothing: the callers treat a partial copy as none. */
static inline unsigned long copy_from_user(void *to, const void *from, size_t size)
{
	if (!user_access(from, size, false))
		return size;
	memcpy(to, from, size);
	return 0;
}

static inline unsigned long copy_to_user(void *to, const void *from, size_t size)
{
	if (!user_access(to, size, true))
		return size;
	memcpy(to, from, size);
	return 0;
}

#define get_user(value, pointer) ({ \
	__auto_type from_ = (pointer); \
	bool ok_ = user_access(from_, sizeof(*from_), false); \
	if (ok_) \
		(value) = READ_ONCE(*from_); \
	ok_ ? 0 : -EFAULT; })

#define put_user(value, pointer) ({ \
	__auto_type to_ = (pointer); \
	bool ok_ = user_access(to_, sizeof(*to_), true); \
	if (ok_) \
		WRITE_ONCE(*to_, value); \
	ok_ ? 0 : -EFAULT; })

/* linux/virtio_byteorder.h; little-endian machines only. */
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the unit tests are for little-endian machines"
#endif
#define shim_order(bits) \
static inline u##bits __virtio##bits##_to_cpu(bool little, u##bits value) \
{ \
	return little ? value : __builtin_bswap##bits(value); \
} \
static inline u##bits __cpu_to_virtio##bits(bool little, u##bits value) \
{ \
	return little ? value : __builtin_bswap##bits(value); \
}
shim_order(16)
shim_order(32)
shim_order(64)
#undef shim_order

#endif /* UNIT_SHIM_H */
