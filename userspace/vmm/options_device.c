// SPDX-License-Identifier: GPL-2.0-only
/*
 * The values of --disk and --net. Main thread, before anything is opened.
 *
 * Entry points: options_add_disk(), options_add_net().
 */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "err.h"
#include "options_device.h"

/* Take the next comma-separated word off *list; returns NULL after the last. */
static char *next_word(char **list)
{
	return strsep(list, ",");
}

/* If @word is "key=...", its value; else NULL. */
static char *value_of(char *word, const char *key)
{
	const size_t length = strlen(key);

	if (strncmp(word, key, length) || word[length] != '=')
		return NULL;
	return word + length + 1;
}

static int copy_text(struct options *options, const char *text, char **copy)
{
	*copy = strdup(text);
	if (!*copy)
		return rh_error(-ENOMEM, "out of memory");
	options->copies[options->copy_count++] = *copy;
	return 0;
}

static int parse_backend(const char *option, const char *text, enum backend *backend)
{
	if (!strcmp(text, "kernel"))
		*backend = BACKEND_KERNEL;
	else if (!strcmp(text, "userspace"))
		*backend = BACKEND_USERSPACE;
	else
		return rh_error(-EINVAL, "--%s: backend=%s is neither kernel nor userspace",
				option, text);
	return 0;
}

static int parse_serial(const char *text)
{
	const char *p;

	if (!*text || strlen(text) > OPTIONS_SERIAL_MAX)
		return rh_error(-EINVAL, "--disk: serial=%s is not 1 to %d characters long", text,
				OPTIONS_SERIAL_MAX);
	for (p = text; *p; p++)
		if (!isascii(*p) || !isgraph(*p))
			return rh_error(-EINVAL, "--disk: serial=%s is not all printable ASCII",
					text);
	return 0;
}

static int parse_disk_word(struct disk_options *disk, char *word)
{
	char *value;

	if (!strcmp(word, "readonly")) {
		disk->readonly = true;
		return 0;
	}
	value = value_of(word, "path");
	if (value) {
		if (disk->path)
			return rh_error(-EINVAL, "--disk: path given twice");
		disk->path = value;
		return *value ? 0 : rh_error(-EINVAL, "--disk: path is empty");
	}
	value = value_of(word, "serial");
	if (value) {
		disk->serial = value;
		return parse_serial(value);
	}
	value = value_of(word, "backend");
	if (value)
		return parse_backend("disk", value, &disk->backend);
	return rh_error(-EINVAL, "--disk: unknown key '%s' (path, readonly, serial, backend)",
			word);
}

/*
 * By identity, so that a link or another spelling does not hide it. A path that
 * cannot be looked at is refused with its own line when the disk is opened.
 */
static bool same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	if (!strcmp(a, b))
		return true;
	if (stat(a, &sa) || stat(b, &sb))
		return false;
	if (S_ISBLK(sa.st_mode) && S_ISBLK(sb.st_mode))
		return sa.st_rdev == sb.st_rdev;
	return sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static int check_shared_disk(const struct options *options, const struct disk_options *disk)
{
	const struct disk_options *other;
	unsigned int i;

	for (i = 0; i < options->disk_count; i++) {
		other = &options->disks[i];
		if (disk->readonly && other->readonly)
			continue;
		if (same_file(disk->path, other->path))
			return rh_error(-EBUSY, "--disk: %s is used by two disks, not both readonly",
					disk->path);
	}
	return 0;
}

int options_add_disk(struct options *options, const char *text)
{
	struct disk_options *disk = &options->disks[options->disk_count];
	char *list, *word;
	int err;

	if (options->disk_count == OPTIONS_DISKS_MAX)
		return rh_error(-E2BIG, "more than %d disks", OPTIONS_DISKS_MAX);
	err = copy_text(options, text, &list);
	if (err)
		return err;
	disk->serial = "";
	while ((word = next_word(&list))) {
		err = parse_disk_word(disk, word);
		if (err)
			return err;
	}
	if (!disk->path)
		return rh_error(-EINVAL, "--disk: path=FILE is missing");
	err = check_shared_disk(options, disk);
	if (!err)
		options->disk_count++;
	return err;
}

/* The kernel's rule for interface names; '%' would make it a pattern. */
static int parse_tap(const char *text)
{
	const char *p;

	if (!*text || strlen(text) >= IFNAMSIZ)
		return rh_error(-EINVAL, "--net: tap=%s is not 1 to %d characters long", text,
				IFNAMSIZ - 1);
	if (!strcmp(text, ".") || !strcmp(text, ".."))
		return rh_error(-EINVAL, "--net: tap=%s is no interface name", text);
	for (p = text; *p; p++)
		if (*p == '/' || *p == ':' || *p == '%' || isspace((unsigned char)*p))
			return rh_error(-EINVAL, "--net: tap=%s is no interface name", text);
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Exactly XX:XX:XX:XX:XX:XX. */
static bool read_mac(const char *text, uint8_t *mac)
{
	int i, high, low;

	for (i = 0; i < 6; i++, text += 3) {
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int parse_mac(struct net_options *net, const char *text)
{
	static const uint8_t zero[6];

	if (!read_mac(text, net->mac))
		return rh_error(-EINVAL, "--net: mac=%s is not of the form 52:54:00:12:34:56",
				text);
	if (net->mac[0] & 1)
		return rh_error(-EINVAL, "--net: mac=%s is a multicast address", text);
	if (!memcmp(net->mac, zero, sizeof(zero)))
		return rh_error(-EINVAL, "--net: mac=%s is all zero", text);
	net->mac_given = true;
	return 0;
}

static int parse_pairs(const char *text, unsigned int *pairs)
{
	if (*text < '1' || *text > '0' + OPTIONS_PAIRS_MAX || text[1])
		return rh_error(-EINVAL, "--net: queues=%s is not 1 to %d", text,
				OPTIONS_PAIRS_MAX);
	*pairs = *text - '0';
	return 0;
}

static int parse_switch(const char *key, const char *text, bool *on)
{
	*on = !strcmp(text, "on");
	if (!*on && strcmp(text, "off"))
		return rh_error(-EINVAL, "--net: %s=%s is neither on nor off", key, text);
	return 0;
}

/* Those of the rings. Return: 1 it is none of them; 0; or a negative errno. */
static int parse_ring_word(struct net_options *net, char *word)
{
	char *value;

	value = value_of(word, "queues");
	if (value)
		return parse_pairs(value, &net->pairs);
	value = value_of(word, "packed");
	if (value)
		return parse_switch("packed", value, &net->packed);
	value = value_of(word, "in_order");
	if (value)
		return parse_switch("in_order", value, &net->in_order);
	return 1;
}

static int parse_net_word(struct net_options *net, char *word)
{
	int err = parse_ring_word(net, word);
	char *value;

	if (err <= 0)
		return err;
	value = value_of(word, "tap");
	if (value) {
		if (net->tap)
			return rh_error(-EINVAL, "--net: tap given twice");
		net->tap = value;
		return parse_tap(value);
	}
	value = value_of(word, "mac");
	if (value)
		return parse_mac(net, value);
	value = value_of(word, "backend");
	if (value)
		return parse_backend("net", value, &net->backend);
	return rh_error(-EINVAL, "--net: unknown key '%s' (tap, mac, queues, packed, in_order,"
			" backend)", word);
}

static int check_shared_net(const struct options *options, const struct net_options *net)
{
	const struct net_options *other;
	unsigned int i;

	for (i = 0; i < options->net_count; i++) {
		other = &options->nets[i];
		if (!strcmp(other->tap, net->tap))
			return rh_error(-EBUSY, "--net: tap=%s is used twice", net->tap);
		if (net->mac_given && other->mac_given &&
		    !memcmp(net->mac, other->mac, sizeof(net->mac)))
			return rh_error(-EBUSY, "--net: tap=%s has the mac of tap=%s", net->tap,
					other->tap);
	}
	return 0;
}

int options_add_net(struct options *options, const char *text)
{
	struct net_options *net = &options->nets[options->net_count];
	char *list, *word;
	int err;

	if (options->net_count == OPTIONS_NETS_MAX)
		return rh_error(-E2BIG, "more than %d network cards", OPTIONS_NETS_MAX);
	err = copy_text(options, text, &list);
	if (err)
		return err;
	net->pairs = 1;
	while ((word = next_word(&list))) {
		err = parse_net_word(net, word);
		if (err)
			return err;
	}
	if (!net->tap)
		return rh_error(-EINVAL, "--net: tap=NAME is missing");
	err = check_shared_net(options, net);
	if (!err)
		options->net_count++;
	return err;
}
