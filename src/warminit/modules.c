// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Finding the modules of the target kernel that drive the root. The modaliases of the block
 * device's ancestors in /sys are looked up in the target's indexes (the text ones that depmod
 * writes; see depmod(8), modules.dep(5)).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "warminit/parts.h"

struct index {
	const struct wb_files *files;
	struct wb_error *err;
	const char *release;
	char dir[300];
	struct wb_blob dep, alias, softdep, builtin, modinfo, options;
	struct wb_warm_modules *out;
	struct wb_strv seen;
};

/* Turn "-" into "_", since both are the same in the name of a module. */
static void tidy(char *s)
{
	for (; *s; s++)
		if (*s == '-')
			*s = '_';
}

/* "kernel/fs/crc-x.ko.xz: …" -> "crc_x" */
static void name_of(const char *path, char ret[64])
{
	size_t n = strcspn(path, ": \n");
	const char *slash = n ? memrchr(path, '/', n) : NULL;

	if (slash) {
		n -= slash + 1 - path;
		path = slash + 1;
	}
	snprintf(ret, 64, "%.*s", (int)n, path);
	ret[strcspn(ret, ".")] = 0;
	tidy(ret);
}

/* The kernel's MODULE_NAME_LEN is less than 64: a longer one names no module. */
static void module_name(struct wb_span word, char ret[64])
{
	snprintf(ret, 64, "%.*s", word.n < 64 ? (int)word.n : 0, word.s);
	tidy(ret);
}

static const char *text(const struct wb_blob *b)
{
	return b->data ? (const char *)b->data : "";
}

/* The line about `name` in a list of paths. */
static const char *find_line(const struct wb_blob *list, const char *name)
{
	char have[64];

	for (const char *p = text(list); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		name_of(p, have);
		if (strcmp(have, name) == 0)
			return p;
	}
	return NULL;
}

static bool known(const struct index *ix, const char *name)
{
	return find_line(&ix->builtin, name) || find_line(&ix->dep, name);
}

static int need(struct index *ix, const char *name, int depth);

/* Add the modules of all aliases that match, as modprobe does. */
static int need_alias(struct index *ix, const char *alias, int depth, bool *ret_found)
{
	struct wb_span line, word[3];
	size_t head = strcspn(alias, ":*-_");
	char name[64];
	int r = 0;

	for (const char *p = text(&ix->alias); r == 0 && wb_take_line(&p, &line);) {
		WB_CLEAN_STR pattern = NULL;

		/* fnmatch() over all lines is slow, and most lines differ in the first word. */
		if (!wb_span_begins(line, "alias ") || line.n < 6 + head ||
			memcmp(line.s + 6, alias, head) != 0 || !wb_take_words(&line, word, 3))
			continue;
		pattern = wb_span_copy(word[1]);
		if (!pattern)
			return wb_oom(ix->err);
		if (fnmatch(pattern, alias, 0) != 0)
			continue;
		module_name(word[2], name);
		if (!known(ix, name))
			continue;
		*ret_found = true;
		r = need(ix, name, depth + 1);
	}
	return r;
}

/* Built-in modules keep their aliases as "NAME.alias=PATTERN", each with a NUL. */
static bool builtin_alias(const struct index *ix, const char *alias)
{
	const char *p = text(&ix->modinfo), *end = p + ix->modinfo.size;

	for (; p < end; p += strlen(p) + 1) {
		const char *pattern = strstr(p, ".alias=");

		if (pattern && fnmatch(pattern + 7, alias, 0) == 0)
			return true;
	}
	return false;
}

/* One line: "softdep NAME pre: A B post: C". */
static int need_soft_line(
	struct index *ix, struct wb_span line, const char *name, const char *which, int depth)
{
	struct wb_span word, head[2];
	bool on = false, found;
	char have[64];
	int r = 0;

	if (!wb_take_words(&line, head, 2) || !wb_span_is(head[0], "softdep"))
		return 0;
	module_name(head[1], have);
	if (strcmp(have, name) != 0)
		return 0;
	while (r == 0 && wb_take_word(&line, &word)) {
		WB_CLEAN_STR alias = NULL;

		if (word.s[word.n - 1] == ':') {
			on = wb_span_is(word, which);
			continue;
		}
		if (!on)
			continue;
		module_name(word, have);
		alias = wb_span_copy(word);
		if (!alias)
			return wb_oom(ix->err);
		r = known(ix, have) ? need(ix, have, depth + 1)
				    : need_alias(ix, alias, depth, &found);
	}
	return r;
}

static int need_soft(struct index *ix, const char *name, const char *which, int depth)
{
	struct wb_span line;
	int r = 0;

	for (const char *p = text(&ix->softdep); r == 0 && wb_take_line(&p, &line);)
		r = need_soft_line(ix, line, name, which, depth);
	return r;
}

/* "options NAME k=v …" of modprobe.d(5). NULL: out of memory. */
static char *options_of(const struct index *ix, const char *name)
{
	char *all = strdup("");
	struct wb_span line, word[2];

	for (const char *p = text(&ix->options); all && wb_take_line(&p, &line);) {
		WB_CLEAN_STR before = NULL;
		char have[64];

		if (!wb_take_words(&line, word, 2) || !wb_span_is(word[0], "options"))
			continue;
		module_name(word[1], have);
		line.s += strspn(line.s, " \t");
		line.n = strcspn(line.s, "\n");
		if (strcmp(have, name) != 0 || !line.n)
			continue;
		before = all;
		if (asprintf(&all, "%s%s%.*s", before, *before ? " " : "", (int)line.n, line.s) < 0)
			all = NULL;
	}
	return all;
}

static int add(struct index *ix, const char *name, const char *path)
{
	struct wb_warm_modules *out = ix->out;
	struct wb_warm_module *grown = realloc(out->items, (out->n + 1) * sizeof(*grown));
	struct wb_warm_module *m;
	char *options;

	if (!grown)
		return wb_oom(ix->err);
	out->items = grown;
	options = options_of(ix, name);
	if (!options)
		return wb_oom(ix->err);
	m = &grown[out->n++];
	*m = (struct wb_warm_module){strdup(name), NULL, options};
	if (asprintf(&m->path, "%s/%.*s", ix->dir, (int)strcspn(path, ":"), path) < 0)
		m->path = NULL;
	if (!m->name || !m->path || !m->options)
		return wb_oom(ix->err);
	return 0;
}

/* Add `name` after everything that it depends on. */
static int need(struct index *ix, const char *name, int depth)
{
	WB_CLEAN_STRV deps = {};
	const char *line = find_line(&ix->dep, name), *p;
	char have[64];
	int r;

	for (size_t i = 0; i < ix->seen.n; i++)
		if (strcmp(ix->seen.items[i], name) == 0)
			return 0;
	if (find_line(&ix->builtin, name))
		return 0;
	if (!line || depth > 32)
		return wb_fail(ix->err, -ENOENT,
			"%s/modules.dep: module %s is missing or depends on itself", ix->dir, name);
	if (wb_strv_add(&ix->seen, name) < 0)
		return wb_oom(ix->err);
	r = need_soft(ix, name, "pre:", depth);
	p = line + strcspn(line, ":\n");
	for (p += *p == ':'; r == 0 && *p == ' '; p += strcspn(p, " \n")) {
		p += strspn(p, " ");
		name_of(p, have);
		if (*have && wb_strv_add(&deps, have) < 0)
			return wb_oom(ix->err);
	}
	/* depmod writes the deepest dependency last. */
	for (size_t i = deps.n; r == 0 && i > 0; i--)
		r = need(ix, deps.items[i - 1], depth + 1);
	if (r == 0)
		r = add(ix, name, line);
	return r < 0 ? r : need_soft(ix, name, "post:", depth);
}

/* The last component of the target of a link in a device's directory; "" when there is none. */
static void link_name(const struct index *ix, const char *dir, const char *link, char ret[64])
{
	WB_CLEAN_STR target = NULL;
	char path[700];

	ret[0] = 0;
	snprintf(path, sizeof(path), "%s/%s", dir, link);
	if (ix->files->readlink(ix->files->ctx, path, &target, NULL) == 0)
		snprintf(ret, 64, "%s", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	tidy(ret);
}

/*
 * One ancestor. The module that drives it now comes first, because an alias can match several
 * modules (ahci and ata_generic).
 */
static int need_device(struct index *ix, const char *dir)
{
	static const char *const strict[] = {"pci:", "virtio:", "scsi:", "vmbus:", "xen:", "mmc:"};
	WB_CLEAN_BLOB modalias = {};
	char path[700], alias[512] = "", driver[64], module[64];
	bool found = false;
	int r;

	snprintf(path, sizeof(path), "%s/modalias", dir);
	if (ix->files->read(ix->files->ctx, path, 4096, &modalias, NULL) == 0)
		snprintf(alias, sizeof(alias), "%.*s", (int)strcspn(text(&modalias), "\n"),
			text(&modalias));
	/* Bridges work without a driver; shpchp and the like only cost time. */
	if (strncmp(alias, "pci:", 4) == 0 && strstr(alias, "bc06"))
		return 0;
	link_name(ix, dir, "driver", driver);
	snprintf(path, sizeof(path), "%s/driver", dir);
	link_name(ix, path, "module", module);
	if (*module && known(ix, module))
		return need(ix, module, 0);
	if (!*alias)
		return 0;
	r = need_alias(ix, alias, 0, &found);
	if (r < 0 || found || !*driver || builtin_alias(ix, alias) || known(ix, driver))
		return r;
	for (size_t i = 0; i < sizeof(strict) / sizeof(strict[0]); i++)
		if (strncmp(alias, strict[i], strlen(strict[i])) == 0)
			return wb_fail(ix->err, -ENOENT,
				"kernel %s has no driver for %s (now driven by %s)", ix->release,
				dir, driver);
	return 0;
}

/* From the block device up to /sys/devices; drivers closest to the CPU are loaded first. */
static int need_chain(struct index *ix, const char *syspath)
{
	static const char top[] = "/sys/devices";
	WB_CLEAN_STRV chain = {};
	char dir[512];
	int r = 0;

	snprintf(dir, sizeof(dir), "%s", syspath);
	while (strncmp(dir, top, strlen(top)) == 0 && strlen(dir) > strlen(top)) {
		if (wb_strv_add(&chain, dir) < 0)
			return wb_oom(ix->err);
		*strrchr(dir, '/') = 0;
	}
	for (size_t i = chain.n; r == 0 && i > 0; i--)
		r = need_device(ix, chain.items[i - 1]);
	return r;
}

/*
 * With native multipath an NVMe disk hangs below a virtual subsystem, which links to its
 * controllers (drivers/nvme/host/multipath.c).
 */
static int need_nvme(struct index *ix, const char *syspath)
{
	WB_CLEAN_STRV names = {};
	char dir[600], path[700];
	const char *sub = strstr(syspath, "/nvme-subsystem/");
	int r;

	if (!sub)
		return 0;
	sub += strlen("/nvme-subsystem/");
	snprintf(dir, sizeof(dir), "%.*s", (int)(sub - syspath + strcspn(sub, "/")), syspath);
	r = ix->files->list(ix->files->ctx, dir, &names, ix->err);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		WB_CLEAN_STR target = NULL;
		WB_CLEAN_BLOB transport = {};
		const char *p;

		snprintf(path, sizeof(path), "%s/%s", dir, names.items[i]);
		if (strncmp(names.items[i], "nvme", 4) != 0 ||
			ix->files->readlink(ix->files->ctx, path, &target, NULL) < 0 ||
			strncmp(target, "../../../", 9) != 0)
			continue;
		p = target + 9; /* above nvme-subsysN, nvme-subsystem and virtual is /sys/devices */
		snprintf(path, sizeof(path), "/sys/devices/%s/transport", p);
		if (ix->files->read(ix->files->ctx, path, 64, &transport, NULL) == 0 &&
			strncmp(text(&transport), "pcie", 4) != 0)
			return wb_fail(ix->err, -EOPNOTSUPP,
				"the root lies on NVMe over %.*s: a network; use the entry's own "
				"initramfs",
				(int)strcspn(text(&transport), "\n"), text(&transport));
		*strrchr(path, '/') = 0;
		r = need_chain(ix, path);
	}
	return r;
}

static int need_fs(struct index *ix, const char *type)
{
	char alias[64];
	bool found = false;
	int r;

	if (known(ix, type))
		return need(ix, type, 0);
	snprintf(alias, sizeof(alias), "fs-%s", type);
	r = need_alias(ix, alias, 0, &found);
	if (r == 0 && !found && !builtin_alias(ix, alias))
		return wb_fail(
			ix->err, -ENOENT, "kernel %s has no driver for %s", ix->release, type);
	return r;
}

/* Only NAME.conf counts, and only in the first directory that has it (modprobe.d(5)). */
static bool is_config(const struct wb_strv *seen, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < seen->n; i++)
		if (strcmp(seen->items[i], name) == 0)
			return false;
	return n > 5 && strcmp(name + n - 5, ".conf") == 0;
}

static int read_options(struct index *ix)
{
	static const char *const dirs[] = {"/etc/modprobe.d", "/run/modprobe.d",
		"/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"};
	WB_CLEAN_STRV seen = {};

	for (size_t d = 0; d < sizeof(dirs) / sizeof(dirs[0]); d++) {
		WB_CLEAN_STRV names = {};

		if (ix->files->list(ix->files->ctx, dirs[d], &names, NULL) < 0)
			continue;
		for (size_t i = 0; i < names.n; i++) {
			WB_CLEAN_BLOB conf = {};
			char path[512];

			if (!is_config(&seen, names.items[i]))
				continue;
			if (wb_strv_add(&seen, names.items[i]) < 0)
				return wb_oom(ix->err);
			snprintf(path, sizeof(path), "%s/%s", dirs[d], names.items[i]);
			if (ix->files->read(ix->files->ctx, path, 0, &conf, NULL) < 0)
				continue;
			if (wb_blob_append(&ix->options, conf.data, conf.size) < 0 ||
				wb_blob_append(&ix->options, "\n", 1) < 0)
				return wb_oom(ix->err);
		}
	}
	return wb_blob_append(&ix->options, "", 1) < 0 ? wb_oom(ix->err) : 0;
}

static int read_index(struct index *ix)
{
	const struct {
		const char *name;
		struct wb_blob *blob;
	} all[] = {
		{"modules.alias", &ix->alias},
		{"modules.softdep", &ix->softdep},
		{"modules.builtin", &ix->builtin},
		{"modules.builtin.modinfo", &ix->modinfo},
	};
	char path[400];
	int r;

	snprintf(ix->dir, sizeof(ix->dir), "/usr/lib/modules/%s", ix->release);
	snprintf(path, sizeof(path), "%s/modules.dep", ix->dir);
	if (!ix->files->exists(ix->files->ctx, path))
		snprintf(ix->dir, sizeof(ix->dir), "/lib/modules/%s", ix->release);
	snprintf(path, sizeof(path), "%s/modules.dep", ix->dir);
	r = ix->files->read(ix->files->ctx, path, 0, &ix->dep, ix->err);
	for (size_t i = 0; r == 0 && i < sizeof(all) / sizeof(all[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", ix->dir, all[i].name);
		r = ix->files->read(ix->files->ctx, path, 0, all[i].blob, NULL);
		r = r == -ENOMEM ? wb_fail(ix->err, r, "out of memory") : 0;
	}
	return r < 0 ? r : read_options(ix);
}

/* Add the modules to load beside the init. A missing one is no failure. */
static int need_beside(struct index *ix, const struct wb_warm_request *want)
{
	struct wb_error *err = ix->err;
	int r = 0;

	ix->err = NULL;
	for (size_t i = 0; r == 0 && i < want->n_beside; i++) {
		r = known(ix, want->beside[i]) ? need(ix, want->beside[i], 0) : 0;
		r = r == -ENOENT || r == -EOPNOTSUPP ? 0 : r;
	}
	ix->err = err;
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

int wb_warm_modules_find(const struct wb_files *files, const struct wb_warm_request *want,
	const struct wb_warm_root *root, struct wb_warm_modules *ret, struct wb_error *err)
{
	struct wb_warm_modules out = {};
	struct index ix = {.files = files, .err = err, .release = want->release, .out = &out};
	int r = read_index(&ix);

	if (r == 0)
		r = need_nvme(&ix, root->syspath);
	if (r == 0)
		r = need_chain(&ix, root->syspath);
	if (r == 0)
		r = need_fs(&ix, root->type);
	out.n_root = out.n;
	if (r == 0)
		r = need_beside(&ix, want);
	wb_blob_deinit(&ix.dep);
	wb_blob_deinit(&ix.alias);
	wb_blob_deinit(&ix.softdep);
	wb_blob_deinit(&ix.builtin);
	wb_blob_deinit(&ix.modinfo);
	wb_blob_deinit(&ix.options);
	wb_strv_deinit(&ix.seen);
	if (r < 0)
		wb_warm_modules_deinit(&out);
	else
		*ret = out;
	return r;
}

void wb_warm_modules_deinit(struct wb_warm_modules *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->items[i].name);
		free(m->items[i].path);
		free(m->items[i].options);
	}
	free(m->items);
	*m = (struct wb_warm_modules){};
}
