// SPDX-License-Identifier: LGPL-2.1-or-later
/* Choosing, reading and joining the initrds of a load, or building the warm initramfs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "stage/stage.h"
#include "warminit/warminit.h"

/* Right after a boot udev may not have named the root's device yet. */
#define SETTLE_MS 10000
#define INITRD_LIMIT (2ull << 30) /* all initrds of one entry together, unpacked */

static void say_why(struct wb_stage *s, enum wb_initramfs what, const char *why)
{
	s->initramfs = what;
	snprintf(s->initramfs_why, sizeof(s->initramfs_why), "%s", why);
}

/* Note why no warm initramfs was built, without the advice at the end. */
static void say_why_not(struct wb_stage *s, const char *why)
{
	const char *advice = strstr(why, WB_WARM_ELSE_OWN);

	say_why(s, WB_INITRAMFS_OWN, why);
	if (advice && (size_t)(advice - why) < sizeof(s->initramfs_why))
		s->initramfs_why[advice - why] = 0;
}

static void say_none(struct wb_stage *s)
{
	char why[sizeof(s->initramfs_why)];

	snprintf(why, sizeof(why), "%s%.500s",
		s->initramfs_why[0] ? "no initrd was named, and no warm one was built: "
				    : "no initrd was named",
		s->initramfs_why);
	say_why(s, WB_INITRAMFS_OWN, why);
}

/*
 * With such words the next system starts another init, or not all of its units: nothing would say that it is
 * up.
 */
static bool can_try(const struct wb_stage *s)
{
	static const char *const words[] = {"init", "systemd.unit", "systemd.mask", "emergency",
		"rescue", "single", "-b", "s", "S", "1"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (wb_cmdline_has(s->cmdline, words[i]))
			return false;
	return true;
}

/*
 * Try to build a warm initramfs. 0 built; 1 not supported, and the entry's own may be used;
 * negative: failed.
 */
static int try_warm(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	struct wb_warm_request want = {.release = s->release,
		.cmdline = s->cmdline,
		.early = s->options.early,
		.beside = s->options.early_modules,
		.n_beside = s->options.n_early_modules};
	struct wb_load_watchdog watchdog = {};
	struct wb_warm_result got = {};
	struct wb_error local = {};
	char why[640];
	int r;

	if (s->guarded) {
		watchdog = *s->options.watchdog;
		watchdog.trial = can_try(s) ? watchdog.trial : 0;
		want.watchdog = &watchdog;
	}
	wb_stage_progress(s, "building the warm initramfs");
	if (sys->settle)
		sys->settle(sys->ctx, SETTLE_MS);
	if (s->release[0])
		r = wb_warm_build(sys->files, &want, &got, &local);
	else
		r = wb_fail(&local, -EOPNOTSUPP, "the kernel does not tell its release");
	if (r == 0 && watchdog.runs_on && !got.watchdog_driver) {
		/* Only the driver can stop it. */
		wb_warm_result_deinit(&got);
		r = wb_stage_unguard(s, "the next kernel has no driver for it", err);
		if (r < 0)
			return r;
		want.watchdog = NULL;
		r = wb_warm_build(sys->files, &want, &got, &local);
	}
	if (r == 0) {
		s->initrd = wb_blob_take(&got.cpio);
		snprintf(why, sizeof(why), "root is %s", got.root);
		say_why(s, WB_INITRAMFS_WARM, why);
		s->guarded_late = s->guarded && got.watchdog_driver && watchdog.trial;
		wb_warm_result_deinit(&got);
		return 0;
	}
	if (s->options.initramfs == WB_INITRAMFS_WARM || r == -ENOMEM) {
		wb_fail(err, r, "no warm initramfs: %s", local.text);
		return r;
	}
	say_why_not(s, local.text);
	return 1;
}

struct part {
	struct wb_bytes bytes;
	const char *path;
};

/* The failure was about all parts together: add the name of the file that causes it. */
static int name_culprit(const struct part *parts, size_t n, bool decompress, uint64_t limit, int r,
	struct wb_error *err)
{
	for (size_t i = 0; i < n; i++) {
		WB_CLEAN_BLOB out = {};

		if (wb_initrd_join(&parts[i].bytes, 1, decompress, limit, &out, NULL) == r)
			return wb_fail_in(err, r, "%s: ", parts[i].path);
	}
	return r;
}

static int join_parts(struct wb_stage *s, const struct part *parts, size_t n, uint64_t limit,
	struct wb_error *err)
{
	bool decompress = s->method == WB_METHOD_FAST;
	struct wb_bytes *bytes;
	int r;

	/*
	 * Check here, since the kernel would report a bad initrd on a console that nobody sees, and
	 * find no root.
	 */
	for (size_t i = 0; i < n; i++) {
		r = wb_initrd_check(parts[i].bytes, err);
		if (r < 0)
			return wb_fail_in(err, r, "%s: ", parts[i].path);
	}
	bytes = calloc(n, sizeof(*bytes));
	if (!bytes)
		return wb_fail(err, -ENOMEM, "out of memory for the initrd");
	for (size_t i = 0; i < n; i++)
		bytes[i] = parts[i].bytes;
	wb_stage_progress(s, "joining and unpacking the initrd");
	r = wb_initrd_join(bytes, n, decompress, limit, &s->initrd, err);
	free(bytes);
	if (r == -E2BIG && limit < INITRD_LIMIT)
		return wb_stage_no_spare(limit, "unpack the initrd", err);
	return r == -EBADMSG ? name_culprit(parts, n, decompress, limit, r, err) : r;
}

/* Files read for the initrd: first the n_initrds named ones, then those of addons. */
struct files {
	struct wb_blob *items;
	size_t n;
};

static int join(struct wb_stage *s, const struct files *files, uint64_t limit, struct wb_error *err)
{
	const struct wb_load_options *o = &s->options;
	struct wb_bytes(*extra)[2] = calloc(o->n_addons + 1, sizeof(*extra)); /* initrd, ucode */
	struct part *parts = calloc(files->n + o->n_addons + 2, sizeof(*parts));
	size_t n = 0;
	int r = parts && extra ? 0 : wb_fail(err, -ENOMEM, "out of memory for the initrd");

	for (size_t i = 0; i < o->n_addons && r == 0; i++) {
		r = wb_uki_addon_parts(wb_blob_view(&files->items[o->n_initrds + i]), &extra[i][0],
			&extra[i][1], err);
		if (r < 0)
			r = wb_fail_in(err, r, "%s: ", o->addons[i]);
	}
	/*
	 * Use the order of systemd-stub. The kernel takes the first microcode that fits, so that of
	 * addons comes before the image's own, the last addon first. Then follow the image's
	 * initrd, and those that may replace files in it.
	 */
	for (size_t i = o->n_addons; r == 0 && i > 0; i--)
		if (extra[i - 1][1].size)
			parts[n++] = (struct part){extra[i - 1][1], o->addons[i - 1]};
	if (s->image.uki_ucode.size)
		parts[n++] = (struct part){s->image.uki_ucode, s->kernel_path};
	if (s->image.uki_initrd.size)
		parts[n++] = (struct part){s->image.uki_initrd, s->kernel_path};
	for (size_t i = 0; i < o->n_initrds && r == 0; i++)
		parts[n++] = (struct part){wb_blob_view(&files->items[i]), o->initrds[i]};
	for (size_t i = 0; i < o->n_addons && r == 0; i++)
		if (extra[i][0].size)
			parts[n++] = (struct part){extra[i][0], o->addons[i]};
	if (r == 0 && n)
		r = join_parts(s, parts, n, limit, err);
	free(parts);
	free(extra);
	return r;
}

static int read_files(
	const struct wb_sys *sys, struct wb_stage *s, struct files *files, struct wb_error *err)
{
	const struct wb_load_options *o = &s->options;

	for (size_t i = 0; i < files->n; i++) {
		bool addon = i >= o->n_initrds;
		const char *path = addon ? o->addons[i - o->n_initrds] : o->initrds[i];
		int r = wb_stage_read(sys, path, INITRD_LIMIT, &files->items[i], err);

		if (r == 0 && !files->items[i].size)
			r = wb_fail(
				err, -EBADMSG, "%s %s is empty", addon ? "addon" : "initrd", path);
		if (r == 0 && i == 0 && o->n_initrds)
			r = wb_stage_check_digest(
				wb_blob_view(&files->items[i]), path, o->initrd_sha256, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int use_own(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	uint64_t limit = wb_stage_spare(sys, INITRD_LIMIT);
	size_t n = s->options.n_initrds;
	struct files files = {NULL, n + s->options.n_addons};
	int r;

	files.items = calloc(files.n + 1, sizeof(*files.items));
	r = files.items ? read_files(sys, s, &files, err)
			: wb_fail(err, -ENOMEM, "out of memory for the initrd");
	/*
	 * Pass the file itself, unless it was checked against a digest: a file can change after
	 * that.
	 */
	if (r == 0 && files.n == 1 && n == 1 && !s->options.initrd_sha256 &&
		!s->image.uki_initrd.size && !s->image.uki_ucode.size) {
		s->initrd_path = strdup(s->options.initrds[0]);
		if (!s->initrd_path)
			r = wb_fail(err, -ENOMEM, "out of memory for the initrd");
	}
	if (r == 0)
		r = join(s, &files, limit, err);
	for (size_t i = 0; files.items && i < files.n; i++)
		wb_blob_deinit(&files.items[i]);
	free(files.items);
	if (r == 0 && !s->initrd.size)
		say_none(s);
	else if (r == 0 && !s->initramfs_why[0])
		say_why(s, WB_INITRAMFS_OWN, "asked for");
	s->initramfs = WB_INITRAMFS_OWN;
	return r;
}

/* Nobody would take the watchdog over, and it would bite a healthy system. Returns 1 to go on without. */
static int unguard(struct wb_stage *s, struct wb_error *err)
{
	char why[sizeof(s->initramfs_why) + 80];
	int r;

	snprintf(why, sizeof(why), "only the warm initramfs takes a watchdog over, and %s%s",
		s->initramfs_why[0] ? "none was built: " : "the entry's own is asked for",
		s->initramfs_why);
	r = wb_stage_unguard(s, why, err);
	return r < 0 ? r : 1;
}

int wb_stage_initrd(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	int r = 1;

	if (s->options.initramfs != WB_INITRAMFS_OWN)
		r = try_warm(sys, s, err);
	if (r == 1 && s->guarded)
		r = unguard(s, err);
	return r > 0 ? use_own(sys, s, err) : r;
}
