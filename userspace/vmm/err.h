/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Errors on their way up.
 *
 * Rule for the whole VMM: the function that finds a cause the user can act on
 * reports it here, once, in one line, and returns what rh_error() returns; every
 * caller passes the negative errno on, undoes its own work and prints nothing.
 * main() turns any negative value into exit status 1.
 */
#ifndef RH_VMM_ERR_H
#define RH_VMM_ERR_H

/**
 * rh_error() - report one error
 * @err: negative errno to hand back; 0 becomes -EINVAL
 * @fmt: printf format of the line, without "ringhost: " and without a newline
 *
 * The line goes to stderr in one write, so that lines of several threads never
 * mix; control characters in it (from a file name, say) are shown as '?'.
 * The errno is not appended: write strerror(-err) where it helps.
 *
 * Context: any thread. Return: @err, negative.
 */
int rh_error(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * rh_warn() - report something the user should know, and go on
 * @fmt: as for rh_error()
 */
void rh_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif /* RH_VMM_ERR_H */
