// SPDX-License-Identifier: GPL-2.0-only
/*
 * The real-time clock (Motorola MC146818A data sheet), in BCD and 24-hour form.
 * Off the data path; register accesses run on vCPU threads, the tick on the loop's.
 *
 * Time is the host's UTC plus what the guest has set it ahead, which is forgotten
 * when the VM ends. A timer ticks at each full second, but only while the guest
 * has the update or the alarm interrupt enabled; the periodic one is not offered.
 *
 * Entry points: rtc_create(), rtc_destroy().
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "bus.h"
#include "loop.h"
#include "rtc.h"
#include "util.h"
#include "vm.h"

#define RTC_PORT	0x70
#define RTC_IRQ		8
#define RTC_REGISTERS	128

enum {
	REG_SECONDS = 0,
	REG_SECONDS_ALARM = 1,
	REG_MINUTES = 2,
	REG_MINUTES_ALARM = 3,
	REG_HOURS = 4,
	REG_HOURS_ALARM = 5,
	REG_WEEKDAY = 6,
	REG_DAY = 7,
	REG_MONTH = 8,
	REG_YEAR = 9,
	REG_A = 10,
	REG_B = 11,
	REG_C = 12,
	REG_D = 13,
	REG_CENTURY = RTC_CENTURY,
};

#define A_RATE		0x26	/* 32768 Hz, 1024 Hz; never "update in progress" */
#define B_SET		0x80	/* the clock stands still while it is being set */
#define B_24_HOURS	0x02
#define B_ALARM		0x20
#define B_UPDATE	0x10
#define C_INTERRUPT	0x80	/* the line is high; the flags below it are B's bits */
#define ALARM_ANY	0xC0	/* an alarm register from here on matches everything */
#define D_VALID		0x80	/* the battery is fine */

/**
 * struct rtc - the clock
 * @vm: the VM
 * @range: its two ports
 * @tick: watches @timer_fd
 * @timer_fd: timerfd; runs while an interrupt is enabled
 * @lock: protects everything below
 * @index: register selected
 * @ahead: seconds the guest has set the clock ahead of the host
 * @memory: what the guest wrote; time registers count only while @setting
 * @setting: B_SET: @memory holds the time
 * @enabled: interrupts enabled, as in register B
 * @flags: register C
 */
struct rtc {
	struct vm *vm;
	struct bus_range range;
	struct loop_poll tick;
	int timer_fd;
	pthread_mutex_t lock;
	uint8_t index;
	int64_t ahead;
	uint8_t memory[RTC_REGISTERS];
	bool setting;
	uint8_t enabled, flags;
};

static uint8_t to_bcd(int value)
{
	return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static int from_bcd(uint8_t value)
{
	return (value >> 4) * 10 + (value & 0xf);
}

/* Write the time of now into the time registers. Caller holds lock. */
static void latch_time(struct rtc *rtc)
{
	time_t now = time(NULL) + rtc->ahead;
	struct tm tm;

	if (!gmtime_r(&now, &tm))
		return;
	rtc->memory[REG_SECONDS] = to_bcd(tm.tm_sec);
	rtc->memory[REG_MINUTES] = to_bcd(tm.tm_min);
	rtc->memory[REG_HOURS] = to_bcd(tm.tm_hour);
	rtc->memory[REG_WEEKDAY] = to_bcd(tm.tm_wday + 1);
	rtc->memory[REG_DAY] = to_bcd(tm.tm_mday);
	rtc->memory[REG_MONTH] = to_bcd(tm.tm_mon + 1);
	rtc->memory[REG_YEAR] = to_bcd(tm.tm_year % 100);
	rtc->memory[REG_CENTURY] = to_bcd((tm.tm_year + 1900) / 100);
}

/*
 * Take the time registers over as the time of now. timegm() carries what is out
 * of range, and four BCD digits of years bound the result. Caller holds lock.
 */
static void set_time(struct rtc *rtc)
{
	struct tm tm = {
		.tm_sec = from_bcd(rtc->memory[REG_SECONDS]),
		.tm_min = from_bcd(rtc->memory[REG_MINUTES]),
		.tm_hour = from_bcd(rtc->memory[REG_HOURS]),
		.tm_mday = from_bcd(rtc->memory[REG_DAY]),
		.tm_mon = from_bcd(rtc->memory[REG_MONTH]) - 1,
		.tm_year = from_bcd(rtc->memory[REG_CENTURY]) * 100 +
			   from_bcd(rtc->memory[REG_YEAR]) - 1900,
	};

	rtc->ahead = (int64_t)timegm(&tm) - time(NULL);
}

static bool holds_time(uint8_t index)
{
	return index == REG_SECONDS || index == REG_MINUTES || index == REG_HOURS ||
	       (index >= REG_WEEKDAY && index <= REG_YEAR) || index == REG_CENTURY;
}

/* Caller holds lock, so that levels reach KVM in order. */
static void update_irq(struct rtc *rtc)
{
	rtc->flags &= (uint8_t)~C_INTERRUPT;
	if (rtc->flags & rtc->enabled)
		rtc->flags |= C_INTERRUPT;
	vm_irq_line(rtc->vm, RTC_IRQ, !!(rtc->flags & C_INTERRUPT));
}

static uint8_t read_flags(struct rtc *rtc)
{
	uint8_t flags = rtc->flags;

	rtc->flags = 0;	/* reading acknowledges */
	update_irq(rtc);
	return flags;
}

/* Run the timer, at full seconds of the host's clock, or stop it. Caller holds lock. */
static void update_timer(struct rtc *rtc)
{
	struct itimerspec spec = { 0 };

	if (rtc->enabled) {
		spec.it_value.tv_sec = time(NULL) + 1;
		spec.it_interval.tv_sec = 1;
	}
	/* cannot fail with these arguments */
	timerfd_settime(rtc->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static bool alarm_matches(const struct rtc *rtc, int alarm, int now)
{
	return rtc->memory[alarm] >= ALARM_ANY || rtc->memory[alarm] == rtc->memory[now];
}

static void tick(struct loop_poll *poll, uint32_t events)
{
	struct rtc *rtc = container_of(poll, struct rtc, tick);
	uint64_t expired;

	(void)events;
	if (read(rtc->timer_fd, &expired, sizeof(expired)) < 0)
		return;	/* stopped meanwhile */
	pthread_mutex_lock(&rtc->lock);
	if (!rtc->setting) {
		latch_time(rtc);
		rtc->flags |= B_UPDATE;
		if (alarm_matches(rtc, REG_SECONDS_ALARM, REG_SECONDS) &&
		    alarm_matches(rtc, REG_MINUTES_ALARM, REG_MINUTES) &&
		    alarm_matches(rtc, REG_HOURS_ALARM, REG_HOURS))
			rtc->flags |= B_ALARM;
		update_irq(rtc);
	}
	pthread_mutex_unlock(&rtc->lock);
}

/* Caller holds lock. */
static uint8_t read_register(struct rtc *rtc)
{
	switch (rtc->index) {
	case REG_A:
		return A_RATE;
	case REG_B:
		return B_24_HOURS | rtc->enabled | (rtc->setting ? B_SET : 0);
	case REG_C:
		return read_flags(rtc);
	case REG_D:
		return D_VALID;
	}
	if (holds_time(rtc->index) && !rtc->setting)
		latch_time(rtc);
	return rtc->memory[rtc->index];
}

/* Caller holds lock. */
static void write_control(struct rtc *rtc, uint8_t value)
{
	const bool setting = value & B_SET;

	if (setting && !rtc->setting)
		latch_time(rtc);
	if (!setting && rtc->setting)
		set_time(rtc);
	rtc->setting = setting;
	if (rtc->enabled != (value & (B_ALARM | B_UPDATE))) {
		rtc->enabled = value & (B_ALARM | B_UPDATE);
		update_timer(rtc);
		update_irq(rtc);
	}
}

/* Caller holds lock. A time register written while the clock runs takes effect at once. */
static void write_register(struct rtc *rtc, uint8_t value)
{
	if (rtc->index == REG_B) {
		write_control(rtc, value);
		return;
	}
	if (rtc->index >= REG_A && rtc->index <= REG_D)
		return;
	if (!holds_time(rtc->index) || rtc->setting) {
		rtc->memory[rtc->index] = value;
		return;
	}
	latch_time(rtc);
	rtc->memory[rtc->index] = value;
	set_time(rtc);
}

/* Bit 7 of the index port masks NMIs on real machines. */
static void access_byte(struct rtc *rtc, uint64_t port, uint8_t *value, bool write)
{
	pthread_mutex_lock(&rtc->lock);
	if (port == 0 && write)
		rtc->index = *value % RTC_REGISTERS;
	else if (port == 0)
		*value = 0xff;	/* write-only */
	else if (write)
		write_register(rtc, *value);
	else
		*value = read_register(rtc);
	pthread_mutex_unlock(&rtc->lock);
}

static void access_port(void *device, uint64_t offset, void *data, unsigned int len, bool write)
{
	uint8_t *bytes = data;
	unsigned int i;

	for (i = 0; i < len; i++)
		access_byte(device, offset + i, &bytes[i], write);
}

static int start_tick(struct rtc *rtc)
{
	int err;

	rtc->timer_fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (rtc->timer_fd < 0)
		return -errno;
	rtc->tick = (struct loop_poll){
		.ready = tick, .fd = rtc->timer_fd, .events = EPOLLIN,
	};
	err = loop_poll_start(rtc->vm->loop, &rtc->tick);
	if (err)
		close(rtc->timer_fd);
	return err;
}

static void stop_tick(struct rtc *rtc)
{
	loop_poll_stop(&rtc->tick);
	close(rtc->timer_fd);
}

int rtc_create(struct vm *vm, struct rtc **out)
{
	struct rtc *rtc = calloc(1, sizeof(*rtc));
	int err;

	if (!rtc)
		return -ENOMEM;
	rtc->vm = vm;
	rtc->range = (struct bus_range){
		.base = RTC_PORT, .size = 2, .access = access_port, .device = rtc,
	};
	err = -pthread_mutex_init(&rtc->lock, NULL);
	if (err)
		goto free_rtc;
	err = start_tick(rtc);
	if (err)
		goto destroy_lock;
	err = bus_add(&vm->pio, &rtc->range);
	if (err)
		goto stop_tick;
	*out = rtc;
	return 0;

stop_tick:
	stop_tick(rtc);
destroy_lock:
	pthread_mutex_destroy(&rtc->lock);
free_rtc:
	free(rtc);
	return err;
}

void rtc_destroy(struct rtc *rtc)
{
	if (!rtc)
		return;
	bus_remove(&rtc->vm->pio, &rtc->range);
	stop_tick(rtc);
	pthread_mutex_destroy(&rtc->lock);
	free(rtc);
}
