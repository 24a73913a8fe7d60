// SPDX-License-Identifier: LGPL-2.1-or-later
/* Reads and writes the files of WB_KEEP_DIR. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/valid.h"
#include "choice/config.h"
#include "choice/kind.h"
#include "timeline/probe.h"

#define LARGEST_FILE (1 << 16)
#define SUFFIX ".conf"

int wb_keep_config_init(struct wb_keep_config *c, const char *name)
{
	bool service = !wb_keep_kind_of(name, NULL)->word;

	*c = (struct wb_keep_config){
		.how = WB_KEEP_AUTO, .name = strdup(name), .unit = service ? strdup(name) : NULL};
	if (c->name && (c->unit || !service))
		return 0;
	wb_keep_config_deinit(c);
	return -ENOMEM;
}

void wb_keep_config_deinit(struct wb_keep_config *c)
{
	free(c->name);
	free(c->unit);
	wb_strv_deinit(&c->files);
	free(c->probe);
	*c = (struct wb_keep_config){};
}

void wb_keep_configs_deinit(struct wb_keep_configs *c)
{
	for (size_t i = 0; i < c->n; i++)
		wb_keep_config_deinit(&c->items[i]);
	free(c->items);
	*c = (struct wb_keep_configs){};
}

int wb_keep_check_probe(const char *probe, struct wb_error *err)
{
	struct wb_probe p;

	return wb_probe_parse(probe, &p, err);
}

int wb_keep_priority_of(const char *text, int64_t *ret, struct wb_error *err)
{
	bool minus = *text == '-';
	uint64_t n;

	if (!wb_span_number((struct wb_span){text + minus, strlen(text + minus)}, 10, &n) ||
		n > WB_KEEP_PRIORITY)
		return wb_fail(err, -EINVAL, "\"%s\" is no priority: a whole number from -%d to %d",
			text, WB_KEEP_PRIORITY, WB_KEEP_PRIORITY);
	*ret = minus ? -(int64_t)n : (int64_t)n;
	return 0;
}

const char *wb_keep_peers_word(size_t i)
{
	static const char *const words[] = {"restart", "reset"};

	return i < sizeof(words) / sizeof(*words) ? words[i] : NULL;
}

int wb_keep_peers_find(const char *word, bool *ret_reset)
{
	for (size_t i = 0; wb_keep_peers_word(i); i++)
		if (!strcmp(word, wb_keep_peers_word(i))) {
			*ret_reset = i;
			return 0;
		}
	return -EINVAL;
}

/* ---- one file ---- */

/* Fail with the words that How= takes. */
static int refuse_how(const char *where, size_t line, const char *value, struct wb_error *err)
{
	char words[128] = "";
	size_t n = 0;

	for (size_t i = 0; wb_keep_asked_word(i) && n < sizeof(words); i++)
		n += (size_t)snprintf(words + n, sizeof(words) - n, "%s%s",
			!i ? "" : (wb_keep_asked_word(i + 1) ? ", " : " or "),
			wb_keep_asked_word(i));
	return wb_fail(
		err, -EBADMSG, "%s, line %zu: How= is %s, not \"%s\"", where, line, words, value);
}

static int set_value(struct wb_keep_config *c, const char *key, const char *value,
	const char *where, size_t line, struct wb_error *err)
{
	if (!strcmp(key, "How")) {
		enum wb_keep_how how;

		if (wb_keep_how_parse(value, &how) < 0 || !wb_keep_way(how)->asked)
			return refuse_how(where, line, value, err);
		c->how = how;
		return 0;
	}
	if (!strcmp(key, "Files")) {
		if (!wb_valid_path(value))
			return wb_fail(err, -EBADMSG,
				"%s, line %zu: Files= takes an absolute path without \"..\"", where,
				line);
		return wb_strv_add(&c->files, value) < 0 ? wb_oom(err) : 0;
	}
	if (!strcmp(key, "Peers"))
		return wb_keep_peers_find(value, &c->reset_peers) < 0
			       ? wb_fail(err, -EBADMSG,
					 "%s, line %zu: Peers= is restart or reset, not \"%s\"",
					 where, line, value)
			       : 0;
	if (!strcmp(key, "Probe")) {
		int r = wb_keep_check_probe(value, err);

		if (r < 0) {
			wb_fail_in(err, r, "%s, line %zu: ", where, line);
			return -EBADMSG;
		}
		free(c->probe);
		c->probe = strdup(value);
		return c->probe ? 0 : wb_oom(err);
	}
	if (!strcmp(key, "Priority")) {
		int r = wb_keep_priority_of(value, &c->priority, err);

		if (r < 0)
			wb_fail_in(err, r, "%s, line %zu: ", where, line);
		return r < 0 ? -EBADMSG : 0;
	}
	return wb_fail(err, -EBADMSG, "%s, line %zu: there is no setting \"%s\"", where, line, key);
}

/* Parse one line, which is modified. */
static int parse_line(struct wb_keep_config *c, char *line, const char *where, size_t number,
	struct wb_error *err)
{
	char *equals, *end;

	line += strspn(line, " \t");
	end = line + strlen(line);
	while (end > line && isspace((unsigned char)end[-1]))
		*--end = '\0';
	/* The head [Keep] is allowed, since unit files have such heads. It has no meaning here. */
	if (!*line || *line == '#' || *line == ';' || !strcmp(line, "[Keep]"))
		return 0;
	for (const char *p = line; *p; p++)
		if (iscntrl((unsigned char)*p) && *p != '\t')
			return wb_fail(err, -EBADMSG, "%s, line %zu: is no text", where, number);
	equals = strchr(line, '=');
	if (!equals)
		return wb_fail(
			err, -EBADMSG, "%s, line %zu: is not of the form KEY=VALUE", where, number);
	*equals = '\0';
	return set_value(c, line, equals + 1, where, number, err);
}

int wb_keep_config_parse(struct wb_bytes text, const char *where, const char *name,
	struct wb_keep_config *ret, struct wb_error *err)
{
	WB_CLEAN_KEEP_CONFIG c = {};
	WB_CLEAN_STR copy = NULL;
	size_t number = 0;
	char *rest;
	int r;

	if (text.size > LARGEST_FILE || (text.size && memchr(text.data, '\0', text.size)))
		return wb_fail(err, -EBADMSG, "%s is no configuration file", where);
	copy = strndup(text.size ? (const char *)text.data : "", text.size);
	if (!copy || wb_keep_config_init(&c, name) < 0)
		return wb_oom(err);
	rest = copy;
	while (rest) {
		char *line = strsep(&rest, "\n");

		r = parse_line(&c, line, where, ++number, err);
		if (r < 0)
			return r;
	}
	*ret = c;
	c = (struct wb_keep_config){};
	return 0;
}

int wb_keep_config_text(const struct wb_keep_config *c, char **ret)
{
	WB_CLEAN_STR text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return -ENOMEM;
	fprintf(f, "# %s is kept over a change of kernel; see warmboot(8), keep.\n", c->name);
	fprintf(f, "How=%s\n", wb_keep_how_name(c->how));
	for (size_t i = 0; i < c->files.n; i++)
		fprintf(f, "Files=%s\n", c->files.items[i]);
	if (c->reset_peers)
		fprintf(f, "Peers=%s\n", wb_keep_peers_word(c->reset_peers));
	if (c->probe)
		fprintf(f, "Probe=%s\n", c->probe);
	if (c->priority)
		fprintf(f, "Priority=%lld\n", (long long)c->priority);
	if (fclose(f))
		return -ENOMEM;
	*ret = text;
	text = NULL;
	return 0;
}

/* ---- the directory ---- */

static int path_of(const char *name, char **ret, struct wb_error *err)
{
	if (asprintf(ret, WB_KEEP_DIR "/%s" SUFFIX, name) < 0) {
		*ret = NULL;
		return wb_oom(err);
	}
	return 0;
}

int wb_keep_config_read(const struct wb_files *files, const char *name, struct wb_keep_config *ret,
	struct wb_error *err)
{
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_BLOB text = {};
	int r = path_of(name, &path, err);

	if (r == 0)
		r = files->read(files->ctx, path, LARGEST_FILE, &text, err);
	if (r < 0)
		return r;
	return wb_keep_config_parse(wb_blob_view(&text), path, name, ret, err);
}

/*
 * 1: *ret is the name that a file has, to be freed. 0: the file is no NAME.conf, so another program's or an
 * editor's, and is passed over.
 */
static int name_of(const char *file, char **ret, struct wb_error *err)
{
	size_t n = strlen(file);
	WB_CLEAN_STR name = NULL;
	WB_CLEAN_STR full = NULL;
	int r;

	if (*file == '.' || !wb_text_ends(file, SUFFIX))
		return 0;
	name = strndup(file, n - strlen(SUFFIX));
	if (!name)
		return wb_oom(err);
	r = wb_keep_name(name, &full, NULL);
	if (r == -ENOMEM)
		return wb_oom(err);
	if (r < 0 || strcmp(name, full))
		return wb_fail(err, -EINVAL,
			WB_KEEP_DIR "/%s is named after no service: it takes NAME.service" SUFFIX
				    ", vm:NAME" SUFFIX " and the like",
			file);
	*ret = name;
	name = NULL;
	return 1;
}

int wb_keep_configs_read(
	const struct wb_files *files, struct wb_keep_configs *ret, struct wb_error *err)
{
	WB_CLEAN_KEEP_CONFIGS all = {};
	WB_CLEAN_STRV names = {};
	int r = files->list(files->ctx, WB_KEEP_DIR, &names, err);

	if (r < 0 && r != -ENOENT)
		return r;
	all.items = calloc(names.n + 1, sizeof(*all.items));
	if (!all.items)
		return wb_oom(err);
	for (size_t i = 0; i < names.n; i++) {
		WB_CLEAN_STR name = NULL;

		r = name_of(names.items[i], &name, err);
		if (r == 0)
			continue;
		if (r > 0)
			r = wb_keep_config_read(files, name, &all.items[all.n], err);
		if (r < 0)
			return r;
		all.n++;
	}
	*ret = all;
	all = (struct wb_keep_configs){};
	return 0;
}

int wb_keep_config_write(
	const struct wb_sys *sys, const struct wb_keep_config *config, struct wb_error *err)
{
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_STR text = NULL;
	int r = path_of(config->name, &path, err);

	if (r < 0)
		return r;
	if (wb_keep_config_text(config, &text) < 0)
		return wb_oom(err);
	r = sys->write_file(
		sys->ctx, path, (struct wb_bytes){(const uint8_t *)text, strlen(text)}, 0644);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", path, strerror(-r));
	return 0;
}

int wb_keep_config_remove(const struct wb_sys *sys, const char *name, struct wb_error *err)
{
	WB_CLEAN_STR path = NULL;
	int r = path_of(name, &path, err);

	if (r < 0)
		return r;
	if (!sys->files->exists(sys->files->ctx, path))
		return wb_fail(err, -ENOENT, "%s is not kept: there is no %s", name, path);
	r = sys->remove_file(sys->ctx, path);
	if (r < 0)
		return wb_fail(err, r, "cannot remove %s: %s", path, strerror(-r));
	return 0;
}
