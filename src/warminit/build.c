// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Building the archive: newc (Documentation/driver-api/early-userspace/buffer-format.rst), with the
 * static init, the uncompressed modules (so that the init need not unpack them), and the plan that
 * tells the init what to do, one "KEY VALUE" a line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "warminit/dog.h"
#include "warminit/limits.h"
#include "warminit/parts.h"

#define MODULE_LIMIT (64u << 20)

struct cpio {
	struct wb_blob *out;
	unsigned int ino;
	int r; /* first failure; later calls do nothing */
};

static void append(struct cpio *c, const void *data, size_t n)
{
	if (c->r == 0 && n)
		c->r = wb_blob_append(c->out, data, n);
	if (c->r == 0)
		c->r = wb_blob_pad(c->out, 4);
}

static void put(struct cpio *c, const char *name, unsigned int mode, unsigned int rdev,
	struct wb_bytes data)
{
	char head[256];
	int n = snprintf(head, sizeof(head),
		"070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X%s", ++c->ino, mode, 0,
		0, (mode & 0170000) == 0040000 ? 2 : 1, 0, data.size, 0, 0, rdev >> 8, rdev & 0xff,
		strlen(name) + 1, 0, name);

	append(c, head, (size_t)n + 1);
	append(c, data.data, data.size);
}

/* The module, uncompressed. -EOPNOTSUPP: the init cannot load it. */
static int read_module(const struct wb_files *files, const struct wb_warm_module *m,
	struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB file = {}, plain = {};
	const struct wb_codec *codec;
	int r = files->read(files->ctx, m->path, MODULE_LIMIT, &file, err);

	if (r < 0)
		return r;
	if (!wb_bytes_equal(wb_blob_view(&file), 0, "\177ELF", 4)) {
		codec = wb_codec_find(wb_blob_view(&file));
		if (!codec)
			return wb_fail(err, -EOPNOTSUPP,
				"%s is no module and is not compressed in a known way", m->path);
		r = codec->decompress(wb_blob_view(&file), MODULE_LIMIT, &plain, NULL, err);
		if (r < 0)
			return wb_fail_in(err, r, "%s: ", m->path);
		wb_blob_deinit(&file);
		file = plain;
		plain = (struct wb_blob){};
	}
	/* The initramfs has no firmware files that its request_firmware() could find. */
	for (size_t i = 0; i + 10 < file.size; i++)
		if (file.data[i] == 0 && file.data[i + 1] == 'f' &&
			memcmp(file.data + i + 1, "firmware=", 9) == 0)
			return wb_fail(err, -EOPNOTSUPP,
				"module %s wants firmware files" WB_WARM_ELSE_OWN, m->name);
	*ret = file;
	file = (struct wb_blob){};
	return 0;
}

/* Pack a module of the root. Returns 1. */
static int put_module(struct cpio *c, const struct wb_files *files, const struct wb_warm_module *m,
	const char *name, struct wb_error *err)
{
	WB_CLEAN_BLOB plain = {};
	int r = read_module(files, m, &plain, err);

	if (r < 0)
		return r;
	put(c, name, 0100644, 0, wb_blob_view(&plain));
	return 1;
}

static int line(struct wb_blob *plan, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int line(struct wb_blob *plan, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	r = wb_blob_append(plan, text, (size_t)n);
	free(text);
	return r;
}

/* Is there room for one more module beside the init? The root loads the others later. */
static bool has_room(const struct wb_warm_request *want, const struct wb_warm_module *m, size_t n,
	const struct wb_blob *plan)
{
	static const char around[] = "beside  \n";

	return n < WB_WARM_BESIDE_MOST &&
	       wb_warm_params(want->cmdline, m) <= WB_WARM_BESIDE_PARAMS_MOST &&
	       plan->size + sizeof(around) + strlen(m->name) + strlen(m->options) <
		       WB_WARM_PLAN_MOST;
}

/* The modules beside the init so far. */
struct beside {
	size_t n, bytes;
	struct wb_strv left_out;
};

/* Was a module left out that this one depends on? The kernel would refuse it with a warning. */
static bool lacks_one(const struct beside *b, const struct wb_warm_module *m)
{
	for (size_t i = 0; i < m->needs.n; i++)
		if (wb_strv_has(&b->left_out, m->needs.items[i]))
			return true;
	return false;
}

/*
 * Pack a module that is loaded beside the init. One that cannot be packed, or has no room, is loaded
 * from the root later. 1: it is packed.
 */
static int put_beside(struct cpio *c, const struct wb_files *files,
	const struct wb_warm_request *want, const struct wb_warm_module *m, const char *name,
	const struct wb_blob *plan, struct beside *b)
{
	WB_CLEAN_BLOB plain = {};
	int r = -E2BIG;

	if (!lacks_one(b, m) && has_room(want, m, b->n, plan))
		r = read_module(files, m, &plain, NULL);
	if (r == 0 && plain.size > WB_WARM_BESIDE_BYTES_MOST - b->bytes)
		r = -E2BIG;
	if (r < 0)
		return r == -ENOMEM ? r : wb_strv_add(&b->left_out, m->name);
	b->n++;
	b->bytes += plain.size;
	put(c, name, 0100644, 0, wb_blob_view(&plain));
	return 1;
}

/* The modules from number `from` up to `to`. */
static int put_modules(struct cpio *c, const struct wb_files *files,
	const struct wb_warm_request *want, const struct wb_warm_modules *modules, size_t from,
	size_t to, struct wb_blob *plan, struct wb_strv *names, struct wb_error *err)
{
	struct beside beside = {};
	char name[128];
	int r = 0;

	for (size_t i = from; r >= 0 && i < to; i++) {
		const struct wb_warm_module *m = &modules->items[i];
		bool root = i < modules->n_root;

		snprintf(name, sizeof(name), "m/%s.ko", m->name);
		r = root ? put_module(c, files, m, name, err)
			 : put_beside(c, files, want, m, name, plan, &beside);
		if (!root && r < 0)
			wb_oom(err);
		if (r > 0 && line(plan, "%s %s %s\n", root ? "module" : "beside", m->name,
				     m->options) < 0)
			r = wb_oom(err);
		if (r > 0 && root && wb_strv_add(names, m->name) < 0)
			r = wb_oom(err);
	}
	wb_strv_deinit(&beside.left_out);
	return r < 0 ? r : 0;
}

static int put_steps(
	struct wb_blob *plan, const char *key, const struct wb_reg_step *steps, uint32_t n)
{
	char text[WB_DOG_STEP_TEXT];
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		wb_dog_step_write(&steps[i], text);
		r = line(plan, "%s %s\n", key, text);
	}
	return r;
}

/* Its names are single words of the plan. */
static void no_blanks(char *s)
{
	for (; *s; s++)
		*s = *s == ' ' ? '_' : *s;
}

/* After the watchdog's modules: the init takes it over when it comes to the last of these lines. */
static int put_watchdog(struct wb_blob *plan, const struct wb_load_watchdog *w, bool driver)
{
	struct wb_dog_plan p = {.seconds = w->seconds, .trial = w->trial, .give = w->give};
	char text[WB_DOG_PLAN_TEXT];
	int r = put_steps(plan, "watchdog-feed", w->feed, w->n_feed);

	snprintf(p.name, sizeof(p.name), "%s", w->name);
	snprintf(p.device, sizeof(p.device), "%s", w->device);
	snprintf(p.identity, sizeof(p.identity), "%s", driver ? w->identity : "-");
	no_blanks(p.name);
	no_blanks(p.identity);
	wb_dog_plan_write(&p, text);
	if (r == 0)
		r = put_steps(plan, "watchdog-stop", w->stop, w->n_stop);
	return r < 0 ? r : line(plan, "watchdog %s\n", text);
}

static int put_all_modules(struct cpio *c, const struct wb_files *files,
	const struct wb_warm_request *want, const struct wb_warm_modules *m, struct wb_blob *plan,
	struct wb_strv *names, struct wb_error *err)
{
	int r = put_modules(c, files, want, m, 0, m->n_watchdog, plan, names, err);

	if (r == 0 && want->watchdog && put_watchdog(plan, want->watchdog, m->watchdog_driver) < 0)
		return wb_oom(err);
	return r < 0 ? r : put_modules(c, files, want, m, m->n_watchdog, m->n, plan, names, err);
}

static int build(const struct wb_files *files, const struct wb_warm_root *root,
	const struct wb_warm_request *want, const struct wb_warm_modules *modules,
	struct wb_warm_result *ret, struct wb_error *err)
{
	static const struct {
		const char *name;
		unsigned int mode;
	} dirs[] = {{"dev", 040755}, {"proc", 040755}, {"sys", 040755}, {"run", 040755},
		{"root", 040700}, {"m", 040755}};
	WB_CLEAN_BLOB plan = {};
	struct wb_bytes nothing = {}, init = {wb_warm_init, wb_warm_init_size};
	struct cpio c = {.out = &ret->cpio};
	int r;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		put(&c, dirs[i].name, dirs[i].mode, 0, nothing);
	/* The kernel opens this file for the init's first three descriptors. */
	put(&c, "dev/console", 0020600, 5 << 8 | 1, nothing);
	put(&c, "init", 0100755, 0, init);
	r = line(&plan, "type %s\nuuid %s\nkind %s\ndevpts %s\n", root->type, root->uuid,
		root->partition ? "partition" : "disk", root->devpts_mode);
	if (r == 0 && root->partuuid[0])
		r = line(&plan, "partuuid %s\n", root->partuuid);
	if (r == 0 && root->disk[0])
		r = line(&plan, "disk %s\n", root->disk);
	if (r == 0 && want->early)
		r = line(&plan, "early %s\n", want->early);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	ret->watchdog_driver = modules->watchdog_driver;
	r = put_all_modules(&c, files, want, modules, &plan, &ret->modules, err);
	if (r < 0)
		return r;
	r = wb_warm_fits(want, modules, wb_blob_view(&plan), err);
	if (r < 0)
		return r;
	put(&c, "plan", 0100644, 0, wb_blob_view(&plan));
	put(&c, "TRAILER!!!", 0, 0, nothing);
	return c.r < 0 ? wb_fail(err, c.r, "out of memory") : 0;
}

int wb_warm_build(const struct wb_files *files, const struct wb_warm_request *want,
	struct wb_warm_result *ret, struct wb_error *err)
{
	struct wb_warm_modules modules = {};
	struct wb_warm_result out = {};
	struct wb_warm_root root;
	int r = wb_warm_root_find(files, want->cmdline, &root, err);

	if (r == 0)
		r = wb_warm_modules_find(files, want, &root, &modules, err);
	if (r == 0)
		r = build(files, &root, want, &modules, &out, err);
	wb_warm_modules_deinit(&modules);
	if (r < 0) {
		wb_warm_result_deinit(&out);
		return r;
	}
	snprintf(out.root, sizeof(out.root), "UUID=%s (%s on /dev/%s)", root.uuid, root.type,
		root.name);
	*ret = out;
	return 0;
}

void wb_warm_result_deinit(struct wb_warm_result *r)
{
	wb_blob_deinit(&r->cpio);
	wb_strv_deinit(&r->modules);
	*r = (struct wb_warm_result){};
}
