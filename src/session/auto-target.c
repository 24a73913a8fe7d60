// SPDX-License-Identifier: LGPL-2.1-or-later
/* The entry that a plain reboot would boot, and the fingerprint of its files. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"
#include "core/text.h"
#include "entry/entry.h"
#include "session/auto-target.h"
#include "session/request.h"
#include "store/state.h"

/* UEFI 2.10, 8.5.4: the first four bytes of a variable are its attributes. */
#define EFIVARS "/sys/firmware/efi/efivars/"
#define OF_UEFI "-8be4df61-93ca-11d2-aa0d-00e098032b8c"
/* systemd.io/BOOT_LOADER_INTERFACE */
#define OF_LOADER "-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define INTO_SETUP 0x01
#define CAPSULE_FROM_DISK 0x04

void wb_auto_target_deinit(struct wb_auto_target *target)
{
	free(target->entry);
	free(target->kernel);
	free(target->release);
	*target = (struct wb_auto_target){};
}

static int add(struct wb_blob *text, const char *key, const char *value)
{
	WB_CLEAN_STR line = wb_strf("%s %zu:%s\n", key, strlen(value), value);

	return line ? wb_blob_append(text, line, strlen(line)) : -ENOMEM;
}

/* Without stamps, as in a test, the contents count. */
static int contents_of(const struct wb_files *files, const char *path, int64_t ret[3])
{
	WB_CLEAN_BLOB all = {};
	uint8_t digest[32];
	int r = files->read(files->ctx, path, 0, &all, NULL);

	if (r < 0)
		return r;
	wb_sha256(all.data, all.size, digest);
	memcpy(ret, digest, 3 * sizeof(*ret));
	return 0;
}

static int add_stamp(
	const struct wb_files *files, struct wb_blob *text, const char *path, struct wb_error *err)
{
	int64_t stamp[3];
	WB_CLEAN_STR value = NULL;
	int r = files->stamp ? files->stamp(files->ctx, path, stamp)
			     : contents_of(files, path, stamp);

	if (r < 0)
		return wb_fail(err, r, "%s cannot be read: %s", path, strerror(-r));
	value = wb_strf("%" PRId64 " %" PRId64 " %" PRId64, stamp[0], stamp[1], stamp[2]);
	return value && add(text, path, value) == 0 ? 0 : wb_oom(err);
}

static int add_stamps(const struct wb_files *files, struct wb_blob *text,
	const struct wb_strv *paths, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n; i++)
		r = add_stamp(files, text, paths->items[i], err);
	return r;
}

/* The warm initramfs holds modules of the next kernel; depmod(8) writes the index when they change. */
static int add_modules(const struct wb_files *files, struct wb_blob *text, const char *release,
	struct wb_error *err)
{
	WB_CLEAN_STR index = release ? wb_strf("/lib/modules/%s/modules.dep", release) : NULL;

	if (release && !index)
		return wb_oom(err);
	return index && files->exists(files->ctx, index) ? add_stamp(files, text, index, err) : 0;
}

/* Words that others want on the next kernel's command line. */
static int add_words(const struct wb_files *files, struct wb_blob *text)
{
	WB_CLEAN_BLOB words = {};

	if (files->read(files->ctx, WB_NEXT_WORDS, WB_SMALL_FILE, &words, NULL) < 0)
		return 0;
	return add(text, "words", (const char *)words.data);
}

/* A store for the next jump, of which the next kernel has to know. */
static int add_store(const struct wb_files *files, struct wb_blob *text)
{
	WB_CLEAN_STORE_STATE held = {};
	char nonce[33];

	if (!files->exists(files->ctx, WB_STORE_STATE) ||
		wb_store_state_read(files, &held, NULL) < 0)
		return 0;
	wb_hex_write(held.nonce, 16, nonce);
	return add(text, "store", nonce);
}

static int print_entry(const struct wb_files *files, const struct wb_entry *e,
	struct wb_auto_target *t, struct wb_error *err)
{
	WB_CLEAN_BLOB text = {};
	uint8_t digest[32];
	int r = add(&text, "entry", e->id);

	if (r == 0)
		r = add(&text, e->cmdline ? "cmdline" : "own cmdline",
			e->cmdline ? e->cmdline : "");
	if (r == 0)
		r = add_words(files, &text);
	if (r == 0)
		r = add_store(files, &text);
	if (r < 0)
		return wb_oom(err);
	r = add_stamp(files, &text, e->kernel, err);
	if (r == 0)
		r = add_stamps(files, &text, &e->initrds, err);
	if (r == 0)
		r = add_stamps(files, &text, &e->addons, err);
	if (r == 0)
		r = add_modules(files, &text, e->release, err);
	if (r < 0)
		return r;
	wb_sha256(text.data, text.size, digest);
	wb_hex_write(digest, sizeof(digest), t->print);
	return 0;
}

static int take(const struct wb_files *files, const struct wb_entry *e, struct wb_auto_target *t,
	struct wb_error *err)
{
	if (e->lacks)
		return wb_fail(err, -EOPNOTSUPP, "boot entry %s: %s", e->id, e->lacks);
	t->entry = strdup(e->id);
	t->kernel = strdup(e->kernel);
	t->release = e->release ? strdup(e->release) : NULL;
	if (!t->entry || !t->kernel || (e->release && !t->release))
		return wb_oom(err);
	return print_entry(files, e, t, err);
}

int wb_auto_target_find(const struct wb_sys *sys, struct wb_auto_target *ret, struct wb_error *err)
{
	WB_CLEAN_AUTO_TARGET t = {};
	WB_CLEAN_ENTRIES all = {};
	const struct wb_entry *e;
	int r = wb_entries_find(sys->files, &all, err);

	if (r == 0)
		r = wb_entries_choose(&all, "default", &e, err);
	if (r == 0)
		r = take(sys->files, e, &t, err);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct wb_auto_target){};
	return 0;
}

static bool os_indicates(const struct wb_files *files, uint8_t bit)
{
	WB_CLEAN_BLOB b = {};

	return files->read(files->ctx, EFIVARS "OsIndications" OF_UEFI, WB_SMALL_FILE, &b, NULL) ==
		       0 &&
	       b.size > 4 && b.data[4] & bit;
}

bool wb_auto_firmware_is_asked(const struct wb_files *files, const char **ret)
{
	static const struct {
		const char *path, *why;
	} rows[] = {
		{EFIVARS "BootNext" OF_UEFI,
			"the firmware is asked to start another entry of its own (BootNext)"},
		{EFIVARS "LoaderConfigTimeoutOneShot" OF_LOADER,
			"the boot loader's menu is asked for"},
		/* "systemctl reboot" leaves these where there are no EFI variables. */
		{"/run/systemd/reboot-to-firmware-setup", "the firmware's setup is asked for"},
		{"/run/systemd/reboot-to-boot-loader-menu", "the boot loader's menu is asked for"},
		{"/run/systemd/reboot-to-boot-loader-entry",
			"another entry of the boot loader is asked for"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (files->exists(files->ctx, rows[i].path)) {
			*ret = rows[i].why;
			return true;
		}
	if (os_indicates(files, INTO_SETUP))
		*ret = "the firmware's setup is asked for";
	else if (os_indicates(files, CAPSULE_FROM_DISK))
		*ret = "an update of the firmware waits";
	else
		return false;
	return true;
}
