// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps an emulated test host that runs nested guests from freezing.
 *
 * While its processor enters or leaves an SVM guest, QEMU changes that processor's set of pending
 * kinds of interrupts without the lock that others take, so that one which is raised just then
 * can be forgotten. The local APIC still knows of it, and any later interrupt has it looked at
 * again. But where the forgotten one is the timer's there is no later one: the kernel would have
 * set the timer anew on its arrival. So the real-time clock, which is another source, interrupts
 * at least once a second. (The periodic interrupts that it has, too, come from the timer in truth.)
 * Should one of the clock's be forgotten, the timer's repairs that.
 *
 * Prints "ready" and runs until it is killed. Entry point: main().
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/rtc.h>

static int fail(const char *what)
{
	perror(what);
	return 1;
}

int main(void)
{
	int clock = open("/dev/rtc0", O_RDONLY);
	unsigned long beats;

	if (clock < 0)
		return fail("/dev/rtc0");
	if (ioctl(clock, RTC_UIE_ON))
		return fail("RTC_UIE_ON");
	puts("ready");
	fclose(stdout);
	while (read(clock, &beats, sizeof(beats)) == sizeof(beats))
		;
	return fail("reading the clock");
}
