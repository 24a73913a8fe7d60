// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keeping a domain of libvirt: libvirt saves it through a FIFO into the store, and takes it from another FIFO in the
 * next boot. There it is found as a saved image of libvirt's own kind ("virsh managedsave"), so that libvirt's own
 * start of the domain, if it comes first (autostart), is its restore.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/text.h"
#include "keep/domain.h"
#include "keep/judge-vm.h"
#include "keep/object.h"
#include "keep/ways.h"
#include "manifest/result.h"
#include "sys/below.h"
#include "sys/clock.h"
#include "systemd/notify.h"

/* The object in the store, below the unit's prefix. */
#define IMAGE "domain"
/* How long libvirt may take to begin with an image, besides the time to read it. */
#define PATIENCE_MS 120000
#define PAUSE_MS 100

/* ---- into the store ---- */

static char *fifo_in(const char *dir, const struct wb_domain_image *image)
{
	return wb_strf("%s/%s", dir ? dir : WB_DOMAIN_DIR, image->name);
}

static char *fifo_of(const struct wb_domain_image *image)
{
	return fifo_in(NULL, image);
}

static int save(const struct wb_domain_host *host, const struct wb_domain_image *image,
	const struct wb_manifest_unit *u, struct wb_store *store, struct wb_domain_saving **ret,
	uint64_t *ret_bytes, struct wb_error *err)
{
	struct wb_keep_object o = {wb_vm_store_bytes((uint64_t)image->memory),
		"libvirt writes much more than the domain's memory"};
	const struct wb_room room = wb_keep_object_room(&o);
	WB_CLEAN_STR path = fifo_in(host->dir, image);
	int r = path ? wb_keep_object_begin(&o, u, IMAGE, store, err) : wb_oom(err), saved;

	if (r < 0)
		return r;
	saved = wb_domain_save(host->runner, image->uuid, path, &room, ret, ret_bytes, err);
	r = wb_keep_object_end(&o, saved, err);
	if (r < 0 && saved == 0)
		wb_domain_save_cancel(*ret);
	return r;
}

int wb_domain_into_store(const struct wb_domain_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_domain_saving **ret, struct wb_error *err)
{
	const struct wb_sys *sys = host->sys;
	uint64_t since = sys->mono_ns(sys->ctx), bytes = 0;
	WB_CLEAN_DOMAIN_IMAGE image = {};
	struct wb_domain_saving *saving;
	int r = wb_domain_image_read(u->image, &image, err);

	if (r < 0)
		return r;
	image.since_tsc = (int64_t)sys->tsc(sys->ctx);
	r = save(host, &image, u, store, &saving, &bytes, err);
	if (r < 0)
		return r;
	image.saved = true;
	image.bytes = (int64_t)bytes;
	image.save_us = (int64_t)((sys->mono_ns(sys->ctx) - since) / 1000);
	if (wb_manifest_set_image(u, wb_domain_image_write(&image)) < 0) {
		wb_domain_save_cancel(saving);
		return wb_oom(err);
	}
	*ret = saving;
	return 0;
}

/* ---- out of the store ---- */

struct reading {
	struct wb_store_reader begin, now;
};

static void reading_rewind(void *ctx)
{
	struct reading *r = ctx;

	r->now = r->begin;
}

static bool reading_next(void *ctx, struct wb_bytes *ret)
{
	return wb_store_next(&((struct reading *)ctx)->now, ret);
}

/* The checksums of all of it are right before a byte is handed out. */
static int open_image(const struct wb_manifest_unit *u, const struct wb_store *store,
	struct reading *ret, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_strf("%s" IMAGE, u->images);

	return name ? wb_store_get(store, name, &ret->begin, err) : wb_oom(err);
}

int wb_domain_from_store(const struct wb_domain_host *host, const struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_DOMAIN_IMAGE image = {};
	WB_CLEAN_DOMAIN now = {};
	WB_CLEAN_STR path = NULL;
	struct reading reading;
	const struct wb_domain_source source = {&reading, reading_rewind, reading_next};
	int r = wb_domain_image_read(u->image, &image, err);

	if (r < 0 || !image.saved)
		return r;
	if (wb_domain_find(host->runner, image.name, &now, NULL) == 0 && now.active)
		return 0;
	path = fifo_in(host->dir, &image);
	if (!path)
		return wb_oom(err);
	r = open_image(u, store, &reading, err);
	return r == 0 ? wb_domain_bring_back(host->runner, path, &source, err) : r;
}

/* ---- the freeze: all is done already ---- */

static int record(const struct wb_keep_verdict *v, struct wb_manifest_unit *u)
{
	return wb_manifest_set_image(u, json_incref(v->guest));
}

static int freeze(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_frozen **ret, struct wb_error *err)
{
	if (!wb_store_has(store, u->images))
		return wb_fail(err, -ENOENT, "its image is not in the store");
	*ret = NULL;
	return 0;
}

/* It stands still since it was saved, and not since the freeze. */
static int complete(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_strv *files, int64_t *highest, struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_DOMAIN_IMAGE image = {};
	int r = wb_domain_image_read(u->image, &image, err);

	if (r < 0)
		return r;
	u->frozen_tsc = image.since_tsc;
	u->dump_us = image.save_us;
	u->dump_bytes = image.bytes;
	return 0;
}

static int nothing(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	return 0;
}

/* ---- the next boot: the image for libvirt ---- */

static char *fed_mark(const struct wb_domain_image *image)
{
	return wb_strf(WB_DOMAIN_DIR "/%s.fed", image->name);
}

/* libvirt's directory belongs to QEMU's user, who could make another one of it. */
static int open_saved(struct wb_error *err)
{
	WB_CLEAN_FD root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int dir = root < 0 ? -errno : wb_open_below(root, WB_DOMAIN_SAVED, O_RDONLY | O_DIRECTORY);

	return dir < 0 ? wb_fail(err, dir, "cannot open " WB_DOMAIN_SAVED ": %s", strerror(-dir))
		       : dir;
}

static void unlink_saved(const struct wb_domain_image *image)
{
	WB_CLEAN_STR name = wb_strf("%s.save", image->name);
	WB_CLEAN_STR path = fifo_of(image);
	WB_CLEAN_FD dir = open_saved(NULL);
	char to[256];
	ssize_t n;

	if (dir < 0 || !name || !path)
		return;
	n = readlinkat(dir, name, to, sizeof(to));
	if (n > 0 && (size_t)n == strlen(path) && !memcmp(to, path, (size_t)n))
		unlinkat(dir, name, 0);
}

/* libvirt starts the domain from this image then. The link does nothing in a boot that does not have the FIFO. */
static int link_saved(const struct wb_domain_image *image, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_strf("%s.save", image->name);
	WB_CLEAN_STR path = fifo_of(image);
	WB_CLEAN_FD dir = open_saved(err);

	if (dir < 0)
		return dir;
	if (!name || !path)
		return wb_oom(err);
	unlink_saved(image);
	return symlinkat(path, dir, name) < 0
		       ? wb_fail(err, -errno, "cannot make " WB_DOMAIN_SAVED "/%s: %s", name,
				 strerror(errno))
		       : 0;
}

struct waiting {
	const struct wb_sys *sys;
	char *part;
	int64_t end_ms;
};

/* The domain is back, or is not to come back any more. */
static bool is_over(void *ctx)
{
	const struct waiting *w = ctx;

	return w->sys->files->exists(w->sys->files->ctx, w->part) || wb_now_ms() > w->end_ms;
}

/* At a quarter of a GiB a second. */
static int64_t patience_ms(const struct wb_domain_image *image)
{
	return PATIENCE_MS + (image->memory >> 28) * 1000;
}

static int feed(const struct wb_thaw *t, const struct wb_domain_image *image,
	struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_STR path = fifo_of(image);
	WB_CLEAN_STR mark = fed_mark(image);
	WB_CLEAN_STR part = wb_strf(WB_RESULT_PARTS "/%s.json", t->unit->unit);
	struct waiting w = {t->sys, part, wb_now_ms() + patience_ms(image)};
	struct reading reading;
	const struct wb_domain_source source = {&reading, reading_rewind, reading_next};
	int r = path && mark && part ? open_image(t->unit, store, &reading, err) : wb_oom(err);

	if (r == 0)
		r = wb_domain_make_fifo(path, err);
	if (r == 0 && image->persistent)
		r = link_saved(image, err);
	if (r < 0)
		return r;
	wb_notify_ready("waiting for libvirt");
	/* If libvirt's own start of the domain fails, it may read the image once more. */
	while (r >= 0 && !is_over(&w)) {
		r = wb_domain_feed(path, &source, is_over, &w, err);
		if (r == 1)
			t->sys->write_file(t->sys->ctx, mark, (struct wb_bytes){}, 0600);
	}
	return r < 0 ? r : 0;
}

static int attach(const struct wb_thaw *t, struct wb_store **ret, struct wb_error *err)
{
	int r = wb_store_attach(wb_store_env_real(), ret, err);

	return r == 0 ? wb_store_claim(*ret, err) : r;
}

/* It runs until the domain is back, beside the unit that asks libvirt for that. */
static int prepare(const struct wb_thaw *t, const struct wb_runner *runner, struct wb_error *err)
{
	WB_CLEAN_DOMAIN_IMAGE image = {};
	WB_CLEAN_STORE store = NULL;
	int r = wb_domain_image_read(t->unit->image, &image, err);

	if (r == 0)
		r = attach(t, &store, err);
	return r == 0 ? feed(t, &image, store, err) : r;
}

static int forget(const struct wb_sys *sys, const char *unit, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_domain_of_unit(unit);
	const struct wb_domain_image image = {.name = name};
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_STR mark = NULL;

	if (!name)
		return 0;
	path = fifo_of(&image);
	mark = fed_mark(&image);
	if (!path || !mark)
		return wb_oom(err);
	unlink_saved(&image);
	wb_domain_remove_fifo(path);
	unlink(mark);
	return 0;
}

/* ---- the next boot: the domain ---- */

/* Another start of it has come first. */
static bool is_early(const struct wb_error *why)
{
	return strstr(why->text, "already active") || strstr(why->text, "already running") ||
	       strstr(why->text, "state change lock");
}

static int wait_for_other(const struct wb_thaw *t, const struct wb_runner *runner,
	const struct wb_domain_image *image, struct wb_error *err)
{
	int64_t end = wb_now_ms() + patience_ms(image);

	for (;;) {
		WB_CLEAN_DOMAIN now = {};
		int r = wb_domain_find(runner, image->name, &now, err);

		if (r < 0)
			return r;
		if (!strcmp(now.state, "running") || !strcmp(now.state, "paused"))
			return 0;
		if (!now.active || wb_now_ms() > end)
			return wb_fail(err, -EIO,
				"libvirt has begun to start it, and it is \"%.40s\"", now.state);
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
	}
}

static int ask_for_it(const struct wb_thaw *t, const struct wb_runner *runner,
	const struct wb_domain_image *image, struct wb_error *err)
{
	WB_CLEAN_STR path = fifo_of(image);
	struct wb_error why = {};
	int r;

	if (!path)
		return wb_oom(err);
	r = image->persistent ? wb_domain_start(runner, image->uuid, &why)
			      : wb_domain_restore(runner, path, &why);
	if (r < 0 && is_early(&why))
		return wait_for_other(t, runner, image, err);
	return r < 0 ? wb_fail(err, r, "%s", why.text) : 0;
}

/* Is it the domain, and has it its memory? */
static int check(const struct wb_thaw *t, const struct wb_runner *runner,
	const struct wb_domain_image *image, struct wb_error *err)
{
	WB_CLEAN_STR mark = fed_mark(image);
	WB_CLEAN_DOMAIN now = {};
	int64_t end = wb_now_ms() + 5000;
	int r = mark ? wb_domain_find(runner, image->name, &now, err) : wb_oom(err);

	if (r < 0)
		return r;
	if (strcmp(now.uuid, image->uuid))
		return wb_fail(err, -ESTALE, "libvirt has another domain of this name now");
	/* The other process makes it a moment later. */
	while (!t->sys->files->exists(t->sys->files->ctx, mark) && wb_now_ms() < end)
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 100000L}, NULL);
	return t->sys->files->exists(t->sys->files->ctx, mark)
		       ? 0
		       : wb_fail(err, -EIO, "libvirt has started it without its saved memory");
}

/* Does the other unit give libvirt the image? If not, it has left the reason. */
static int check_fed(
	const struct wb_thaw *t, const struct wb_domain_image *image, struct wb_error *err)
{
	WB_CLEAN_UNIT_RESULT part = {};
	WB_CLEAN_STR path = fifo_of(image);

	if (!path)
		return wb_oom(err);
	if (t->sys->files->exists(t->sys->files->ctx, path))
		return 0;
	if (wb_result_part_read(t->sys->files, t->unit->unit, &part, NULL) == 0 && part.why)
		return wb_fail(err, -EIO, "%s", part.why);
	return wb_fail(err, -EIO, "its image was not there for libvirt");
}

static int thaw(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err)
{
	const struct wb_runner *runner = t->runner ? t->runner : &wb_runner_host;
	WB_CLEAN_DOMAIN_IMAGE image = {};
	struct wb_error why = {};
	int r = wb_domain_image_read(t->unit->image, &image, err);

	if (r < 0)
		return r;
	r = check_fed(t, &image, err);
	if (r == 0)
		r = ask_for_it(t, runner, &image, err);
	if (r == 0)
		r = check(t, runner, &image, err);
	unlink_saved(&image);
	if (r == 0 && image.agent && wb_domain_set_time(runner, image.uuid, &why) < 0 && t->note)
		wb_fail(t->note, -EIO, "%s goes on, but its clock was not set: %s",
			wb_chosen_name(t->unit), why.text);
	return r;
}

int wb_domain_start_again(const struct wb_runner *runner, const char *unit, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_domain_of_unit(unit);
	WB_CLEAN_DOMAIN now = {};
	struct wb_error why = {};
	int r = name ? wb_domain_find(runner, name, &now, err) : wb_oom(err);

	if (r < 0 || now.active)
		return r;
	r = wb_domain_start(runner, now.uuid, &why);
	return r < 0 && !is_early(&why) ? wb_fail(err, r, "%s", why.text) : 0;
}

const struct wb_keep_means wb_way_domain = {
	.how = WB_KEEP_DOMAIN,
	.record = record,
	.freeze = freeze,
	.complete = complete,
	.commit = nothing,
	.cancel = nothing,
	.prepare = prepare,
	.thaw = thaw,
	.forget = forget,
};
