/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A small test harness with the kselftest harness's face, for programs that
 * must build where the kernel's own header is not packaged. See harness.c.
 *
 *	FIXTURE(disk) { int fd; };
 *	FIXTURE_VARIANT(disk) { bool readonly; };
 *	FIXTURE_VARIANT_ADD(disk, plain) { .readonly = false };
 *	FIXTURE_SETUP(disk) { self->fd = open(...); ASSERT_LE(0, self->fd); }
 *	FIXTURE_TEARDOWN(disk) { close(self->fd); }
 *	TEST_F(disk, write_is_refused) { ASSERT_EQ(-1, write(self->fd, "x", 1)); }
 *	TEST(arithmetic_holds) { EXPECT_EQ(4, 2 + 2) { TEST_LOG("oh"); } }
 *	TEST_HARNESS_MAIN
 *
 * Each test runs in a forked child of its own process group, which is killed
 * when the test ends or its time is up. The output is KTAP version 1.
 */
#ifndef SELFTESTS_HARNESS_H
#define SELFTESTS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Seconds a test may take unless it says otherwise. */
#define HARNESS_TIMEOUT 30

/**
 * struct harness_test - one test as its macro describes it
 * @fixture: name of its fixture, or NULL
 * @name: its own name
 * @line: where it stands in its file: the order of running
 * @timeout: seconds it may take
 * @self_size: bytes of the fixture's data
 * @setup: the fixture's; NULL without one
 * @run: the test's body
 * @teardown: the fixture's; runs also after a failed ASSERT of the body
 */
struct harness_test {
	const char *fixture;
	const char *name;
	int line;
	unsigned int timeout;
	size_t self_size;
	void (*setup)(void *self, const void *variant);
	void (*run)(void *self, const void *variant);
	void (*teardown)(void *self, const void *variant);
};

/**
 * struct harness_variant - one set of parameters of a fixture
 * @fixture: name of the fixture
 * @name: name of the variant
 * @line: where it stands in its file
 * @data: the parameters
 */
struct harness_variant {
	const char *fixture;
	const char *name;
	int line;
	const void *data;
};

enum harness_relation {
	HARNESS_EQ,
	HARNESS_NE,
	HARNESS_LT,
	HARNESS_LE,
	HARNESS_GT,
	HARNESS_GE,
};

/**
 * struct harness_claim - what an assertion says, for the failure message
 * @file: source file
 * @line: source line
 * @relation: of the two sides
 * @left: text of the left side: what is expected
 * @right: text of the right side: what was seen
 */
struct harness_claim {
	const char *file;
	int line;
	enum harness_relation relation;
	const char *left;
	const char *right;
};

int harness_main(int argc, char **argv);
unsigned int harness_times(void);
unsigned int harness_slowness(void);
unsigned long harness_repetitions(unsigned long usual);
bool harness_holds(const struct harness_claim *claim, intmax_t left, intmax_t right);
bool harness_holds_string(const struct harness_claim *claim, const char *left, const char *right);
bool harness_fail(bool fatal);
void harness_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Print a diagnostic line. */
void harness_log(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define TEST_LOG(...) harness_log(__VA_ARGS__)

/* Say why the test cannot run here, then do @statement: SKIP(return, "no %s", name). */
#define SKIP(statement, ...) do { harness_skip(__VA_ARGS__); statement; } while (0)

#define TEST_HARNESS_MAIN \
	int main(int argc, char **argv) { return harness_main(argc, argv); }

/* Pointers to the descriptions; the harness finds them by their sections. */
#define HARNESS_LIST(section_name) __attribute__((used, section(section_name)))
#define HARNESS_UNUSED __attribute__((unused))

#define HARNESS_ENTRY(symbol, ...) \
	static const struct harness_test symbol##_test = { __VA_ARGS__ }; \
	static const struct harness_test *const symbol##_listed HARNESS_LIST("harness_tests") = \
		&symbol##_test

#define TEST(name) TEST_TIMEOUT(name, HARNESS_TIMEOUT)
#define TEST_TIMEOUT(test, seconds) \
	static void test##_body(void); \
	static void test##_run(HARNESS_UNUSED void *self, HARNESS_UNUSED const void *variant) \
	{ test##_body(); } \
	HARNESS_ENTRY(test, .name = #test, .line = __LINE__, .timeout = (seconds), \
		      .run = test##_run); \
	static void test##_body(void)

#define FIXTURE(fix) struct fix##_variant; struct fix##_fixture
#define FIXTURE_DATA(fix) struct fix##_fixture
#define FIXTURE_VARIANT(fix) struct fix##_variant
#define FIXTURE_VARIANT_ADD(fix, choice) \
	static const struct fix##_variant fix##_##choice##_data; \
	static const struct harness_variant fix##_##choice##_variant = \
		{ #fix, #choice, __LINE__, &fix##_##choice##_data }; \
	static const struct harness_variant *const fix##_##choice##_listed \
		HARNESS_LIST("harness_variants") = &fix##_##choice##_variant; \
	static const struct fix##_variant fix##_##choice##_data =

/* A function @symbol that takes the fixture's own types, and one that takes void pointers. */
#define HARNESS_TYPED(fix, symbol) \
	static void symbol##_body(struct fix##_fixture *self, const struct fix##_variant *variant); \
	static void symbol##_run(void *self, const void *variant) \
	{ symbol##_body(self, variant); }
#define HARNESS_BODY(fix, symbol) \
	static void symbol##_body(HARNESS_UNUSED struct fix##_fixture *self, \
				  HARNESS_UNUSED const struct fix##_variant *variant)

#define FIXTURE_SETUP(fix) HARNESS_TYPED(fix, fix##_setup) HARNESS_BODY(fix, fix##_setup)
#define FIXTURE_TEARDOWN(fix) HARNESS_TYPED(fix, fix##_teardown) HARNESS_BODY(fix, fix##_teardown)
#define TEST_F(fix, test) TEST_F_TIMEOUT(fix, test, HARNESS_TIMEOUT)
#define TEST_F_TIMEOUT(fix, test, seconds) \
	HARNESS_TYPED(fix, fix##_##test) \
	HARNESS_ENTRY(fix##_##test, .fixture = #fix, .name = #test, .line = __LINE__, \
		      .timeout = (seconds), .self_size = sizeof(struct fix##_fixture), \
		      .setup = fix##_setup_run, .run = fix##_##test##_run, \
		      .teardown = fix##_teardown_run); \
	HARNESS_BODY(fix, fix##_##test)

/*
 * ASSERT_* end the test at once, EXPECT_* let it go on; both may be followed
 * by a block that runs on failure. Each side is evaluated once. ASSERT_* may be
 * used in any function the test calls, but in another thread than the test's
 * it ends the whole test without its teardown.
 */
#define HARNESS_CLAIM(rel, ltext, rtext) \
	(&(const struct harness_claim){ __FILE__, __LINE__, HARNESS_##rel, ltext, rtext })
#define HARNESS_COMPARE(rel, left, right, ltext, rtext, fatal) \
	for (bool failed_ = !harness_holds(HARNESS_CLAIM(rel, ltext, rtext), \
					   (intmax_t)(left), (intmax_t)(right)); \
	     failed_; failed_ = harness_fail(fatal))
#define HARNESS_STRINGS(rel, left, right, ltext, rtext, fatal) \
	for (bool failed_ = !harness_holds_string(HARNESS_CLAIM(rel, ltext, rtext), left, right); \
	     failed_; failed_ = harness_fail(fatal))

#define ASSERT_EQ(expected, seen) HARNESS_COMPARE(EQ, expected, seen, #expected, #seen, true)
#define ASSERT_NE(expected, seen) HARNESS_COMPARE(NE, expected, seen, #expected, #seen, true)
#define ASSERT_LT(expected, seen) HARNESS_COMPARE(LT, expected, seen, #expected, #seen, true)
#define ASSERT_LE(expected, seen) HARNESS_COMPARE(LE, expected, seen, #expected, #seen, true)
#define ASSERT_GT(expected, seen) HARNESS_COMPARE(GT, expected, seen, #expected, #seen, true)
#define ASSERT_GE(expected, seen) HARNESS_COMPARE(GE, expected, seen, #expected, #seen, true)
#define ASSERT_NULL(seen) HARNESS_COMPARE(EQ, NULL, seen, "NULL", #seen, true)
#define ASSERT_TRUE(seen) HARNESS_COMPARE(NE, 0, seen, "0", #seen, true)
#define ASSERT_FALSE(seen) HARNESS_COMPARE(EQ, 0, seen, "0", #seen, true)
#define ASSERT_STREQ(expected, seen) HARNESS_STRINGS(EQ, expected, seen, #expected, #seen, true)
#define ASSERT_STRNE(expected, seen) HARNESS_STRINGS(NE, expected, seen, #expected, #seen, true)

#define EXPECT_EQ(expected, seen) HARNESS_COMPARE(EQ, expected, seen, #expected, #seen, false)
#define EXPECT_NE(expected, seen) HARNESS_COMPARE(NE, expected, seen, #expected, #seen, false)
#define EXPECT_LT(expected, seen) HARNESS_COMPARE(LT, expected, seen, #expected, #seen, false)
#define EXPECT_LE(expected, seen) HARNESS_COMPARE(LE, expected, seen, #expected, #seen, false)
#define EXPECT_GT(expected, seen) HARNESS_COMPARE(GT, expected, seen, #expected, #seen, false)
#define EXPECT_GE(expected, seen) HARNESS_COMPARE(GE, expected, seen, #expected, #seen, false)
#define EXPECT_NULL(seen) HARNESS_COMPARE(EQ, NULL, seen, "NULL", #seen, false)
#define EXPECT_TRUE(seen) HARNESS_COMPARE(NE, 0, seen, "0", #seen, false)
#define EXPECT_FALSE(seen) HARNESS_COMPARE(EQ, 0, seen, "0", #seen, false)
#define EXPECT_STREQ(expected, seen) HARNESS_STRINGS(EQ, expected, seen, #expected, #seen, false)
#define EXPECT_STRNE(expected, seen) HARNESS_STRINGS(NE, expected, seen, #expected, #seen, false)

#endif /* SELFTESTS_HARNESS_H */
