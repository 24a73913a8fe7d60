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

static int put_module(struct cpio *c, const struct wb_files *files, const struct wb_warm_module *m,
	const char *name, struct wb_error *err)
{
	WB_CLEAN_BLOB file = {}, plain = {};
	const struct wb_codec *codec;
	struct wb_bytes bytes;
	int r = files->read(files->ctx, m->path, MODULE_LIMIT, &file, err);

	if (r < 0)
		return r;
	bytes = wb_blob_view(&file);
	if (!wb_bytes_equal(bytes, 0, "\177ELF", 4)) {
		codec = wb_codec_find(bytes);
		if (!codec)
			return wb_fail(err, -EOPNOTSUPP,
				"%s is no module and is not compressed in a known way", m->path);
		r = codec->decompress(bytes, MODULE_LIMIT, &plain, NULL, err);
		if (r < 0)
			return wb_fail_in(err, r, "%s: ", m->path);
		bytes = wb_blob_view(&plain);
	}
	/* The initramfs has no firmware files that its request_firmware() could find. */
	for (size_t i = 0; i + 10 < bytes.size; i++)
		if (bytes.data[i] == 0 && bytes.data[i + 1] == 'f' &&
			memcmp(bytes.data + i + 1, "firmware=", 9) == 0)
			return wb_fail(err, -EOPNOTSUPP,
				"module %s wants firmware files" WB_WARM_ELSE_OWN, m->name);
	put(c, name, 0100644, 0, bytes);
	return 0;
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

static int put_modules(struct cpio *c, const struct wb_files *files,
	const struct wb_warm_request *want, const struct wb_warm_modules *modules,
	struct wb_blob *plan, struct wb_strv *names, struct wb_error *err)
{
	char name[128];
	size_t n_beside = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < modules->n; i++) {
		const struct wb_warm_module *m = &modules->items[i];
		bool beside = i >= modules->n_root;

		if (beside && !has_room(want, m, n_beside, plan))
			continue;

		snprintf(name, sizeof(name), "m/%s.ko", m->name);
		r = put_module(c, files, m, name, beside ? NULL : err);
		/* A module that cannot be packed is loaded from the root later. */
		if (beside && r < 0 && r != -ENOMEM) {
			r = 0;
			continue;
		}
		n_beside += beside;
		if (r == 0 && line(plan, "%s %s %s\n", beside ? "beside" : "module", m->name,
				      m->options) < 0)
			r = wb_oom(err);
		if (r == 0 && !beside && wb_strv_add(names, m->name) < 0)
			r = wb_oom(err);
	}
	return r;
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
	r = put_modules(&c, files, want, modules, &plan, &ret->modules, err);
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
