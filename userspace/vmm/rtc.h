/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The PC's real-time clock, ports 0x70 and 0x71.
 */
#ifndef RH_VMM_RTC_H
#define RH_VMM_RTC_H

/* Register that holds the century; the FADT names it. */
#define RTC_CENTURY 0x32

struct rtc;
struct vm;

/* Put the clock on bus and loop, showing the host's UTC. Loop's thread. Return: 0 or -errno. */
int rtc_create(struct vm *vm, struct rtc **out);

/* The vCPUs have stopped; on the loop's thread. NULL is fine. */
void rtc_destroy(struct rtc *rtc);

#endif /* RH_VMM_RTC_H */
