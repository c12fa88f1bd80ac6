// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test harness: finds the tests of a program, runs each in a forked child
 * with a timeout and prints KTAP. Not on the data path. The parent only forks,
 * waits and prints; everything a test does, and any crash, is the child's.
 * Entry point: harness_main().
 */
#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* Seconds a killed test may need to die; longer means that it hangs in the kernel. */
#define KILL_PATIENCE 20

/* The sections' bounds, from the linker; a program may lack either section. */
extern const struct harness_test *const __start_harness_tests[] __attribute__((weak));
extern const struct harness_test *const __stop_harness_tests[] __attribute__((weak));
extern const struct harness_variant *const __start_harness_variants[] __attribute__((weak));
extern const struct harness_variant *const __stop_harness_variants[] __attribute__((weak));

/**
 * struct outcome - what a child tells the parent, in shared memory
 * @failed: an assertion did not hold
 * @skipped: SKIP() was called
 * @finished: the body and the teardown returned
 * @reason: why it was skipped
 */
struct outcome {
	bool failed;
	bool skipped;
	bool finished;
	char reason[200];
};

/**
 * struct job - one test with one variant
 * @test: the test
 * @variant: NULL where the fixture has none
 * @name: fixture.variant.test
 */
struct job {
	const struct harness_test *test;
	const struct harness_variant *variant;
	char name[200];
};

static struct outcome *outcome;
static sigjmp_buf abort_point;
static pid_t test_thread;

static const char *const relation_names[] = {
	[HARNESS_EQ] = "==",
	[HARNESS_NE] = "!=",
	[HARNESS_LT] = "<",
	[HARNESS_LE] = "<=",
	[HARNESS_GT] = ">",
	[HARNESS_GE] = ">=",
};

/* One write a line, so that lines of several threads and processes do not mix. */
static void log_line(const char *format, va_list args)
{
	char line[1000] = "# ";
	int used = 2;
	int length = vsnprintf(line + used, sizeof(line) - used - 1, format, args);

	used += length < (int)sizeof(line) - used - 1 ? length : (int)sizeof(line) - used - 2;
	line[used++] = '\n';
	fflush(stdout);
	if (write(STDOUT_FILENO, line, used) < 0)
		_exit(EXIT_FAILURE);
}

void harness_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
}

void harness_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(outcome->reason, sizeof(outcome->reason), format, args);
	va_end(args);
	outcome->skipped = true;
}

static bool relation_holds(enum harness_relation relation, intmax_t left, intmax_t right)
{
	switch (relation) {
	case HARNESS_EQ:
		return left == right;
	case HARNESS_NE:
		return left != right;
	case HARNESS_LT:
		return left < right;
	case HARNESS_LE:
		return left <= right;
	case HARNESS_GT:
		return left > right;
	case HARNESS_GE:
		return left >= right;
	}
	return false;
}

/* Small values are clearer in decimal, flags and addresses in hexadecimal. */
static void format_value(char *text, size_t size, intmax_t value)
{
	if (value > -10000 && value < 10000)
		snprintf(text, size, "%jd", value);
	else
		snprintf(text, size, "%jd (0x%jx)", value, (uintmax_t)value);
}

/**
 * harness_holds() - check an assertion about two numbers
 * @claim: what it says
 * @left: expected side
 * @right: side that was seen
 *
 * Return: whether it holds; prints a line if not.
 */
bool harness_holds(const struct harness_claim *claim, intmax_t left, intmax_t right)
{
	char left_text[60];
	char right_text[60];

	if (relation_holds(claim->relation, left, right))
		return true;
	format_value(left_text, sizeof(left_text), left);
	format_value(right_text, sizeof(right_text), right);
	harness_log("%s:%d: expected %s %s %s, but it is %s and %s", claim->file, claim->line,
		    claim->left, relation_names[claim->relation], claim->right, left_text,
		    right_text);
	return false;
}

/**
 * harness_holds_string() - check an assertion about two strings
 * @claim: what it says; HARNESS_EQ or HARNESS_NE
 * @left: expected side, or NULL
 * @right: side that was seen, or NULL
 *
 * Return: whether it holds; prints a line if not.
 */
bool harness_holds_string(const struct harness_claim *claim, const char *left, const char *right)
{
	bool equal = left && right ? !strcmp(left, right) : left == right;

	if (equal == (claim->relation == HARNESS_EQ))
		return true;
	harness_log("%s:%d: expected %s %s %s, but it is \"%s\" and \"%s\"", claim->file,
		    claim->line, claim->left, relation_names[claim->relation], claim->right,
		    left ? left : "(null)", right ? right : "(null)");
	return false;
}

/**
 * harness_fail() - record that an assertion did not hold
 * @fatal: end the test
 *
 * Return: false, which ends the loop of the assertion's macro.
 */
bool harness_fail(bool fatal)
{
	outcome->failed = true;
	if (!fatal)
		return false;
	/* Another thread, or a child of the test, has no frame to jump back to. */
	if (syscall(SYS_gettid) != test_thread)
		_exit(EXIT_FAILURE);
	siglongjmp(abort_point, 1);
}

/* A failed ASSERT returns here; not inlined, so that no local lives across the jump. */
static __attribute__((noinline)) void run_step(void (*step)(void *self, const void *variant),
					       void *self, const void *variant)
{
	if (step && !sigsetjmp(abort_point, 1))
		step(self, variant);
}

/* The child: set-up, body, teardown. A failed set-up has nothing to tear down. */
static void run_body(const struct job *job)
{
	const struct harness_test *test = job->test;
	const void *variant = job->variant ? job->variant->data : NULL;
	void *self = calloc(1, test->self_size + 1);

	if (!self) {
		outcome->failed = true;
		return;
	}
	run_step(test->setup, self, variant);
	if (!outcome->skipped && !outcome->failed) {
		run_step(test->run, self, variant);
		run_step(test->teardown, self, variant);
	}
	free(self);
}

static void run_child(const struct job *job)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	test_thread = syscall(SYS_gettid);
	run_body(job);
	outcome->finished = true;
	fflush(stdout);
	exit(EXIT_SUCCESS);
}

static unsigned int factor_of(const char *variable)
{
	const char *value = getenv(variable);
	int factor = value ? atoi(value) : 1;

	return factor > 1 ? factor : 1;
}

/**
 * harness_times() - how much longer than usual the tests of endurance shall run
 *
 * The environment's HARNESS_TIMES; see Documentation/testing.rst.
 *
 * Return: 1 or more.
 */
unsigned int harness_times(void)
{
	return factor_of("HARNESS_TIMES");
}

/**
 * harness_slowness() - how many times slower than usual the kernel is
 *
 * The environment's HARNESS_SLOWNESS, which scripts/testhost sets for kernels that check
 * everything. It multiplies the time a test may take.
 *
 * Return: 1 or more.
 */
unsigned int harness_slowness(void)
{
	return factor_of("HARNESS_SLOWNESS");
}

/**
 * harness_repetitions() - how often to do what shows more the more often it is done
 * @usual: on a kernel of usual speed
 *
 * More for harness_times(), fewer for harness_slowness(): there each round is checked more
 * closely, and as many would take too long.
 *
 * Return: 1 or more.
 */
unsigned long harness_repetitions(unsigned long usual)
{
	unsigned long count = usual * harness_times() / harness_slowness();

	return count ? count : 1;
}

static unsigned int timeout_of(const struct harness_test *test)
{
	return test->timeout * harness_slowness() * harness_times();
}

static bool wait_exit(int pidfd, unsigned int seconds)
{
	struct pollfd poller = { .fd = pidfd, .events = POLLIN };
	int ready;

	do
		ready = poll(&poller, 1, seconds * 1000);
	while (ready < 0 && errno == EINTR);
	return ready > 0;
}

/* Where a test hangs in the kernel, as far as we may see. */
static void log_kernel_stack(pid_t pid)
{
	char path[40];
	char line[200];
	FILE *stack;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	stack = fopen(path, "r");
	if (!stack)
		return;
	while (fgets(line, sizeof(line), stack))
		harness_log("  %.*s", (int)strcspn(line, "\n"), line);
	fclose(stack);
}

/* Returns whether the child ended by itself. */
static bool collect_child(const struct job *job, pid_t pid, int *status)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	unsigned int timeout = timeout_of(job->test);
	bool in_time = pidfd >= 0 && wait_exit(pidfd, timeout);

	if (!in_time) {
		harness_log("%s: still running after %u seconds", job->name, timeout);
		log_kernel_stack(pid);
	}
	/* Also what the test forked and left behind. */
	kill(-pid, SIGKILL);
	kill(pid, in_time ? 0 : SIGKILL);
	if (pidfd >= 0 && !wait_exit(pidfd, KILL_PATIENCE)) {
		harness_log("%s: does not die: hangs in the kernel", job->name);
		log_kernel_stack(pid);
		close(pidfd);
		return false;
	}
	close(pidfd);
	return waitpid(pid, status, 0) == pid && in_time;
}

static bool judge(const struct job *job, bool ended, int status)
{
	if (!ended)
		return false;
	if (WIFSIGNALED(status)) {
		harness_log("%s: killed by signal %d (%s)", job->name, WTERMSIG(status),
			    strsignal(WTERMSIG(status)));
		return false;
	}
	if (WEXITSTATUS(status) || !outcome->finished) {
		if (!outcome->failed)
			harness_log("%s: ended early with status %d", job->name,
				    WEXITSTATUS(status));
		return false;
	}
	return !outcome->failed;
}

/* Returns whether the test passed or was skipped. */
static bool run_job(const struct job *job, unsigned int number)
{
	int status = 0;
	bool passed;
	bool ended;
	pid_t pid;

	memset(outcome, 0, sizeof(*outcome));
	fflush(stdout);
	pid = fork();
	if (pid < 0) {
		printf("not ok %u %s # fork: %s\n", number, job->name, strerror(errno));
		return false;
	}
	if (!pid)
		run_child(job);
	setpgid(pid, pid);
	ended = collect_child(job, pid, &status);
	passed = judge(job, ended, status);
	if (passed && outcome->skipped)
		printf("ok %u %s # SKIP %s\n", number, job->name, outcome->reason);
	else
		printf("%s %u %s\n", passed ? "ok" : "not ok", number, job->name);
	fflush(stdout);
	return passed;
}

static size_t test_count(void)
{
	return __stop_harness_tests - __start_harness_tests;
}

static size_t variant_count(void)
{
	return __stop_harness_variants - __start_harness_variants;
}

static int compare_jobs(const void *left, const void *right)
{
	const struct job *a = left;
	const struct job *b = right;

	if (a->test->line != b->test->line)
		return a->test->line - b->test->line;
	return a->variant && b->variant ? a->variant->line - b->variant->line : 0;
}

static void add_job(struct job *job, const struct harness_test *test,
		    const struct harness_variant *variant)
{
	job->test = test;
	job->variant = variant;
	snprintf(job->name, sizeof(job->name), "%s%s%s%s%s", test->fixture ? test->fixture : "",
		 test->fixture ? "." : "", variant ? variant->name : "", variant ? "." : "",
		 test->name);
}

/* Every test, once for each variant of its fixture, in the order of the file. */
static size_t list_jobs(struct job *jobs)
{
	size_t count = 0;

	for (size_t i = 0; i < test_count(); i++) {
		const struct harness_test *test = __start_harness_tests[i];
		size_t before = count;

		for (size_t j = 0; test->fixture && j < variant_count(); j++) {
			const struct harness_variant *variant = __start_harness_variants[j];

			if (!strcmp(variant->fixture, test->fixture))
				add_job(&jobs[count++], test, variant);
		}
		if (count == before)
			add_job(&jobs[count++], test, NULL);
	}
	qsort(jobs, count, sizeof(*jobs), compare_jobs);
	return count;
}

static size_t filter_jobs(struct job *jobs, size_t count, int patterns, char **pattern)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		for (int j = 0; j < patterns; j++) {
			if (!fnmatch(pattern[j], jobs[i].name, 0)) {
				jobs[kept++] = jobs[i];
				break;
			}
		}
	}
	return kept;
}

static int run_jobs(const struct job *jobs, size_t count)
{
	unsigned int failed = 0;

	outcome = mmap(NULL, sizeof(*outcome), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED) {
		perror("mmap");
		return EXIT_FAILURE;
	}
	printf("KTAP version 1\n1..%zu\n", count);
	for (size_t i = 0; i < count; i++)
		failed += !run_job(&jobs[i], i + 1);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/**
 * harness_main() - run the program's tests
 * @argc: of main()
 * @argv: of main(): -l lists the tests' names; other arguments are patterns
 *	(as of the shell) of the names to run
 *
 * Return: the exit status: success if no test failed.
 */
int harness_main(int argc, char **argv)
{
	struct job *jobs = calloc(test_count() * (variant_count() + 1) + 1, sizeof(*jobs));
	size_t count;
	int status = EXIT_SUCCESS;

	if (!jobs) {
		perror("calloc");
		return EXIT_FAILURE;
	}
	count = list_jobs(jobs);
	if (argc > 1 && !strcmp(argv[1], "-l")) {
		for (size_t i = 0; i < count; i++)
			printf("%s\n", jobs[i].name);
	} else {
		if (argc > 1)
			count = filter_jobs(jobs, count, argc - 1, argv + 1);
		status = run_jobs(jobs, count);
	}
	free(jobs);
	return status;
}
