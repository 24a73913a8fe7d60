// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The indexes of the target kernel's modules: the text files that depmod writes (depmod(8),
 * modules.dep(5)), and modprobe.d(5).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "warminit/index.h"

void wb_index_tidy(char *s)
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
	wb_index_tidy(ret);
}

void wb_index_name(struct wb_span word, char ret[64])
{
	snprintf(ret, 64, "%.*s", word.n < 64 ? (int)word.n : 0, word.s);
	wb_index_tidy(ret);
}

static const char *text(const struct wb_blob *b)
{
	return b->data ? (const char *)b->data : "";
}

/* As name_of() and strcmp(), without a copy: thousands of lines are looked at for each name. */
static bool is_path_of(const char *path, const char *line_end, const char *name)
{
	const char *colon = memchr(path, ':', line_end - path), *end = colon ? colon : line_end;
	const char *slash = memrchr(path, '/', end - path);

	path = slash ? slash + 1 : path;
	for (; path < end && *path != '.'; path++, name++)
		if ((*path == '-' ? '_' : *path) != *name)
			return false;
	return !*name;
}

/* The line about `name` in a list of paths. */
static const char *find_line(const struct wb_blob *list, const char *name)
{
	for (const char *p = text(list), *end; *p; p = *end ? end + 1 : end) {
		end = strchrnul(p, '\n');
		if (is_path_of(p, end, name))
			return p;
	}
	return NULL;
}

bool wb_index_known(const struct index *ix, const char *name)
{
	return find_line(&ix->builtin, name) || find_line(&ix->dep, name);
}

int wb_index_match(const struct index *ix, const char *alias, struct wb_strv *ret)
{
	struct wb_span line, word[3];
	size_t head = strcspn(alias, ":*-_");
	char name[64];

	for (const char *p = text(&ix->alias); wb_take_line(&p, &line);) {
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
		wb_index_name(word[2], name);
		if (wb_index_known(ix, name) && wb_strv_add_once(ret, name) < 0)
			return wb_oom(ix->err);
	}
	return 0;
}

int wb_index_need_alias(struct index *ix, const char *alias, int depth, bool *ret_found)
{
	WB_CLEAN_STRV names = {};
	int r = wb_index_match(ix, alias, &names);

	*ret_found |= r == 0 && names.n;
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = wb_index_need(ix, names.items[i], depth + 1);
	return r;
}

bool wb_index_is_builtin(const struct index *ix, const char *alias)
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
	wb_index_name(head[1], have);
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
		wb_index_name(word, have);
		alias = wb_span_copy(word);
		if (!alias)
			return wb_oom(ix->err);
		r = wb_index_known(ix, have) ? wb_index_need(ix, have, depth + 1)
					     : wb_index_need_alias(ix, alias, depth, &found);
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
		wb_index_name(word[1], have);
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
	char *options, dep[64];

	if (!grown)
		return wb_oom(ix->err);
	out->items = grown;
	options = options_of(ix, name);
	if (!options)
		return wb_oom(ix->err);
	m = &grown[out->n++];
	*m = (struct wb_warm_module){.name = strdup(name), .options = options};
	if (asprintf(&m->path, "%s/%.*s", ix->dir, (int)strcspn(path, ":"), path) < 0)
		m->path = NULL;
	if (!m->name || !m->path || !m->options)
		return wb_oom(ix->err);
	for (path += strcspn(path, ":\n"), path += *path == ':'; *path == ' ';
		path += strcspn(path, " \n")) {
		path += strspn(path, " ");
		name_of(path, dep);
		if (*dep && wb_strv_add(&m->needs, dep) < 0)
			return wb_oom(ix->err);
	}
	return 0;
}

int wb_index_need(struct index *ix, const char *name, int depth)
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
		r = wb_index_need(ix, deps.items[i - 1], depth + 1);
	if (r == 0)
		r = add(ix, name, line);
	return r < 0 ? r : need_soft(ix, name, "post:", depth);
}

void wb_index_link(const struct index *ix, const char *dir, const char *link, char ret[64])
{
	WB_CLEAN_STR target = NULL;
	char path[700];

	ret[0] = 0;
	snprintf(path, sizeof(path), "%s/%s", dir, link);
	if (ix->files->readlink(ix->files->ctx, path, &target, NULL) == 0)
		snprintf(ret, 64, "%s", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	wb_index_tidy(ret);
}

/* Only NAME.conf counts, and only in the first directory that has it (modprobe.d(5)). */
static bool is_config(const struct wb_strv *seen, const char *name)
{
	for (size_t i = 0; i < seen->n; i++)
		if (strcmp(seen->items[i], name) == 0)
			return false;
	return wb_text_ends(name, ".conf") && strcmp(name, ".conf") != 0;
}

/* A backslash at the end of a line continues it (kmod's freadline_wrapped()). */
static void join_lines(struct wb_blob *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->size; i++) {
		if (conf->data[i] == '\\' && i + 1 < conf->size && conf->data[i + 1] == '\n')
			i++;
		else
			conf->data[n++] = conf->data[i];
	}
	conf->size = n;
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
			join_lines(&conf);
			if (wb_blob_append(&ix->options, conf.data, conf.size) < 0 ||
				wb_blob_append(&ix->options, "\n", 1) < 0)
				return wb_oom(ix->err);
		}
	}
	return wb_blob_append(&ix->options, "", 1) < 0 ? wb_oom(ix->err) : 0;
}

int wb_index_read(struct index *ix)
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

void wb_warm_modules_shorten(struct wb_warm_modules *m, size_t n)
{
	while (m->n > n) {
		struct wb_warm_module *last = &m->items[--m->n];

		free(last->name);
		free(last->path);
		free(last->options);
		wb_strv_deinit(&last->needs);
	}
}

void wb_warm_modules_deinit(struct wb_warm_modules *m)
{
	wb_warm_modules_shorten(m, 0);
	free(m->items);
	*m = (struct wb_warm_modules){};
}

void wb_index_deinit(struct index *ix)
{
	wb_blob_deinit(&ix->dep);
	wb_blob_deinit(&ix->alias);
	wb_blob_deinit(&ix->softdep);
	wb_blob_deinit(&ix->builtin);
	wb_blob_deinit(&ix->modinfo);
	wb_blob_deinit(&ix->options);
	wb_strv_deinit(&ix->seen);
	wb_strv_deinit(&ix->asked);
}
