/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A call whose allocations and copies of user memory fail, one after the other: the first in
 * the first run, the second in the second, and so on until nothing is left to fail. See
 * fault.c.
 *
 *	FIXTURE_SETUP(node) { FAULT_OR_SKIP(); ... }
 *	TEST_F(node, ...) { EACH_FAULT(vhost_set_mem_table(self->fd, &memory)); }
 *
 * A call that failed has to have said ENOMEM, EFAULT, or one of the errnos that follow it,
 * has left nothing behind, and is made again without a fault, which must succeed. After a
 * call that succeeded, EACH_FAULT_UNDO() does what takes it back, so that the next one
 * starts from the same state; it may look at fault_result. Nothing of that is needed where the
 * call may be repeated.
 *
 * A call in which nothing could be made to fail is a failure of the test.
 */
#ifndef SELFTESTS_FAULT_H
#define SELFTESTS_FAULT_H

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#include "harness.h"
#include "usage.h"

/**
 * enum fault_run - what a run of a call is for
 * @FAULT_RUN_FIRST: it works, and fills the kernel's caches; without a fault
 * @FAULT_RUN_ARMED: it meets a fault
 * @FAULT_RUN_AGAIN: it works after it has failed; without a fault
 */
enum fault_run {
	FAULT_RUN_FIRST,
	FAULT_RUN_ARMED,
	FAULT_RUN_AGAIN,
};

/**
 * struct fault - a call under test
 * @call: its text
 * @errors: errnos that it may fail with; ends with 0
 * @run: what the present run is for; before the first one undefined
 * @runs: runs so far
 * @nth: which of its allocations and copies fails in an armed run
 * @injected: the present run has met the fault
 * @result: of the present run
 * @failed: runs that returned an error because of a fault
 * @absorbed: runs that met a fault and succeeded
 * @bad: runs that did not keep the rules
 * @before: before the first armed run
 */
struct fault {
	const char *call;
	const int *errors;
	enum fault_run run;
	unsigned int runs;
	unsigned int nth;
	bool injected;
	long result;
	unsigned int failed;
	unsigned int absorbed;
	unsigned int bad;
	struct usage before;
};

const char *fault_missing(void);
void fault_in_thread(pid_t thread);
void fault_spare(const char *function);
void fault_leave_out(unsigned int one_in);
bool fault_next(struct fault *fault);
void fault_arm(struct fault *fault);
void fault_disarm(struct fault *fault, long result);
void fault_pressure(unsigned int percent, unsigned int times);
unsigned int fault_pressure_end(unsigned int times);

/* In a FIXTURE_SETUP or TEST of its own: go on only where faults can be had. */
#define FAULT_OR_SKIP() do { \
	const char *missing_ = fault_missing(); \
	if (missing_) \
		SKIP(return, "%s", missing_); \
} while (0)

/* @call returns what is not negative, or -errno. Beyond it: errnos that are legal as well. */
#define EACH_FAULT(call, ...) FAULT_LOOP(#call, call, (void)0, ##__VA_ARGS__)
#define EACH_FAULT_UNDO(call, undo, ...) FAULT_LOOP(#call, call, undo, ##__VA_ARGS__)
#define FAULT_LOOP(text, the_call, undo, ...) do { \
	static const int errors_[] = { ENOMEM, EFAULT, ##__VA_ARGS__, 0 }; \
	struct fault fault_ = { .call = text, .errors = errors_ }; \
	while (fault_next(&fault_)) { \
		long fault_result; \
		fault_arm(&fault_); \
		fault_result = (the_call); \
		fault_disarm(&fault_, fault_result); \
		if (fault_result >= 0) \
			(void)(undo); \
	} \
} while (0)

#endif /* SELFTESTS_FAULT_H */
