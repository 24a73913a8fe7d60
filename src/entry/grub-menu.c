// SPDX-License-Identifier: LGPL-2.1-or-later
/* The commands of GRUB that decide which entries there are and what they boot. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entry/grub-script.h"

/* `prefix` + `path` if that exists. */
static char *existing(
	const struct wb_files *files, const char *prefix, const char *path, bool *ret_nomem)
{
	char *full;

	if (asprintf(&full, "%s%s", prefix, path) < 0) {
		*ret_nomem = true;
		return NULL;
	}
	if (files->exists(files->ctx, full))
		return full;
	free(full);
	return NULL;
}

char *wb_grub_path(const struct wb_files *files, const char *path, bool *ret_nomem)
{
	const char *p = path, *at;
	bool in_boot;
	char *s;

	*ret_nomem = false;
	if (*p == '(') {
		p += strcspn(p, ")");
		p += *p == ')';
	}
	if (*p != '/')
		return NULL;
	/* ZFS: /DATASET@/path. */
	at = strstr(p, "@/");
	if (at && at[2] && strncmp(p, "/@/", 3) != 0)
		p = at + 1;
	/*
	 * "/vmlinuz" is at the root of a /boot partition rather than the link of that name that
	 * Debian keeps at the root of the system; "/boot/vmlinuz" is the other way round.
	 */
	in_boot = strncmp(p, "/boot/", 6) == 0;
	s = existing(files, in_boot ? "" : "/boot", p, ret_nomem);
	if (!s && !*ret_nomem)
		s = existing(files, in_boot ? "/boot" : "", p, ret_nomem);
	/* A FAT partition that holds all of it. */
	if (!s && !*ret_nomem)
		s = existing(files, "/boot/efi", p, ret_nomem);
	/* btrfs: /SUBVOLUME/boot/vmlinuz. */
	at = strstr(p, "/boot/");
	if (!s && !*ret_nomem && at && at > p)
		s = existing(files, "", at, ret_nomem);
	return s;
}

/* One argument as GRUB writes it into the kernel's command line (grub-core/lib/cmdline.c). */
static char *quote(char *p, const char *arg)
{
	bool spaces = strchr(arg, ' ') != NULL;

	if (spaces)
		*p++ = '"';
	for (; *arg; arg++) {
		if (strchr("\\'\"", *arg))
			*p++ = '\\';
		*p++ = *arg;
	}
	if (spaces)
		*p++ = '"';
	return p;
}

static int set_linux(struct wb_grub_item *item, const char *path, char *const *args, size_t n)
{
	size_t size = 1;
	char *cmdline, *copy, *p;

	for (size_t i = 0; i < n; i++)
		size += strlen(args[i]) * 2 + 3;
	p = cmdline = malloc(size);
	copy = strdup(path);
	if (!cmdline || !copy) {
		free(cmdline);
		free(copy);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		if (i)
			*p++ = ' ';
		p = quote(p, args[i]);
	}
	*p = 0;
	free(item->linux_path);
	free(item->cmdline);
	item->linux_path = copy;
	item->cmdline = cmdline;
	return 0;
}

static int cmd_linux(struct wb_grub *g, const struct wb_strv *args)
{
	if (!g->item || args->n < 2)
		return 0;
	wb_strv_deinit(&g->item->initrds);
	return set_linux(g->item, args->items[1], args->items + 2, args->n - 2);
}

static int cmd_initrd(struct wb_grub *g, const struct wb_strv *args)
{
	int r = 0;

	if (!g->item)
		return 0;
	wb_strv_deinit(&g->item->initrds);
	for (size_t i = 1; i < args->n && r == 0; i++)
		if (args->items[i][0] != '-')
			r = wb_strv_add(&g->item->initrds, args->items[i]);
	return r;
}

/* NAME=VALUE, NAME= … */
static int assign(struct wb_grub *g, const char *arg)
{
	const char *equals = strchr(arg, '=');
	WB_CLEAN_STR name = equals ? strndup(arg, (size_t)(equals - arg)) : NULL;

	if (!equals || equals == arg)
		return 0;
	return name ? wb_grub_set(&g->env, name, equals + 1) : -ENOMEM;
}

static int cmd_set(struct wb_grub *g, const struct wb_strv *args)
{
	return args->n > 1 ? assign(g, args->items[1]) : 0;
}

static int cmd_unset(struct wb_grub *g, const struct wb_strv *args)
{
	return args->n > 1 ? wb_grub_set(&g->env, args->items[1], "") : 0;
}

static int cmd_false(struct wb_grub *g, const struct wb_strv *args)
{
	g->status = 1;
	return 0;
}

static int cmd_load_env(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STR file = NULL;
	WB_CLEAN_STRV only = {};
	WB_CLEAN_BLOB blob = {};
	bool nomem, valid;
	int r = 0;

	for (size_t i = 1; i < args->n && r == 0; i++) {
		const char *a = args->items[i], *name = NULL;

		if ((strcmp(a, "-f") == 0 || strcmp(a, "--file") == 0) && i + 1 < args->n)
			name = args->items[++i];
		else if (strncmp(a, "--file=", 7) == 0)
			name = a + 7;
		else if (*a != '-')
			r = wb_strv_add(&only, a);
		if (name) {
			free(file);
			file = strdup(name);
			r = file ? 0 : -ENOMEM;
		}
	}
	if (r == 0 && !file && asprintf(&file, "%s/grubenv", wb_grub_get(&g->env, "prefix")) < 0) {
		file = NULL;
		r = -ENOMEM;
	}
	if (r == 0) {
		char *real = wb_grub_path(g->files, file, &nomem);

		free(file);
		file = real;
		r = nomem ? -ENOMEM : 0;
	}
	if (r < 0 || !file) {
		g->status = 1;
		return r;
	}
	r = wb_entry_read(g->files, file, g->warn, &blob);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = wb_grub_env_parse(wb_blob_view(&blob), &only, &g->env, &valid);
	if (r == 0 && !valid)
		r = wb_entries_warn(g->warn,
			"%s was skipped: it does not begin as a GRUB environment block", file);
	return r;
}

static int cmd_source(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STR path = NULL;
	bool nomem;

	if (args->n < 2)
		return 0;
	path = wb_grub_path(g->files, args->items[1], &nomem);
	if (nomem)
		return -ENOMEM;
	/* Inside an entry it opens another menu (snapshots, another system). */
	if (!path || g->item) {
		g->status = 1;
		return 0;
	}
	return wb_grub_run_file(g, path);
}

struct test {
	struct wb_grub *g;
	char *const *args;
	size_t n, at;
	unsigned int depth;
	int r;
};

static bool test_or(struct test *t);

static bool test_file(struct test *t, char op, const char *path)
{
	bool nomem, yes;
	char *real = wb_grub_path(t->g->files, path, &nomem);
	WB_CLEAN_BLOB blob = {};
	struct wb_error ignored = {};

	if (nomem)
		t->r = -ENOMEM;
	yes = real != NULL;
	if (yes && op == 's')
		yes = t->g->files->read_at(t->g->files->ctx, real, 0, 1, &blob, &ignored) < 0 ||
		      blob.size;
	free(real);
	return yes;
}

static bool test_pair(const char *a, const char *op, const char *b, bool *ret)
{
	static const char *const ops[] = {
		"=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "<", "<=", ">", ">="};
	long x = strtol(a, NULL, 0), y = strtol(b, NULL, 0);
	int c = strcmp(a, b);
	const bool results[] = {
		!c, !c, c, x == y, x != y, x<y, x <= y, x> y, x >= y, c<0, c <= 0, c> 0, c >= 0};

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		if (strcmp(op, ops[i]) != 0)
			continue;
		*ret = results[i];
		return true;
	}
	return false;
}

static bool test_primary(struct test *t)
{
	const char *a = t->at < t->n ? t->args[t->at++] : NULL;
	size_t left = t->n - t->at;
	bool yes;

	if (!a || ++t->depth > 1000)
		return false;
	if (left >= 2 && test_pair(a, t->args[t->at], t->args[t->at + 1], &yes)) {
		t->at += 2;
		return yes;
	}
	if (strcmp(a, "!") == 0)
		return !test_primary(t);
	if (strcmp(a, "(") == 0) {
		yes = test_or(t);
		t->at += t->at < t->n;
		return yes;
	}
	if (left && a[0] == '-' && a[1] && !a[2] && strchr("defsnz", a[1])) {
		const char *b = t->args[t->at++];

		if (a[1] == 'n' || a[1] == 'z')
			return !*b == (a[1] == 'z');
		return test_file(t, a[1], b);
	}
	return *a != 0;
}

static bool test_and(struct test *t)
{
	bool yes = test_primary(t);

	while (t->at < t->n && strcmp(t->args[t->at], "-a") == 0) {
		t->at++;
		yes = test_primary(t) && yes;
	}
	return yes;
}

static bool test_or(struct test *t)
{
	bool yes = test_and(t);

	while (t->at < t->n && strcmp(t->args[t->at], "-o") == 0) {
		t->at++;
		yes = test_and(t) || yes;
	}
	return yes;
}

static int cmd_test(struct wb_grub *g, const struct wb_strv *args)
{
	struct test t = {.g = g, .args = args->items + 1, .n = args->n - 1};

	if (strcmp(args->items[0], "[") == 0 && t.n && strcmp(t.args[t.n - 1], "]") == 0)
		t.n--;
	g->status = !test_or(&t);
	return t.r;
}

/* Newest first, as GRUB's blscfg sorts by file name. */
static int compare_names(const void *a, const void *b)
{
	return -wb_version_compare(*(char *const *)a, *(char *const *)b);
}

#define BLS_DIR "/boot/loader/entries"

/* blscfg pastes the values into a script, so variables and quotes in them count. */
static int bls_item(struct wb_grub *g, const struct wb_bls_file *f, struct wb_grub_item *item)
{
	const char *fallback = wb_grub_get(&g->env, "default_kernelopts");
	WB_CLEAN_STRV words = {};
	int r = 0;

	if (!*fallback)
		fallback = wb_grub_get(&g->env, "kernelopts");
	r = wb_grub_words(g, f->linux_path, &words);
	if (r == 0)
		r = wb_grub_words(g, f->options ? f->options : fallback, &words);
	if (r == 0 && words.n)
		r = set_linux(item, words.items[0], words.items + 1, words.n - 1);
	for (size_t i = 0; i < f->initrds.n && r == 0; i++)
		r = wb_grub_words(g, f->initrds.items[i], &item->initrds);
	return r;
}

static int bls_file(struct wb_grub *g, const char *name)
{
	struct wb_grub_item item = {};
	struct wb_bls_file f = {};
	WB_CLEAN_BLOB text = {};
	size_t n = strlen(name);
	int r;

	if (*name == '.' || n <= 5 || strcmp(name + n - 5, ".conf") != 0)
		return 0;
	item.id = strndup(name, n - 5);
	if (!item.id || asprintf(&item.file, BLS_DIR "/%s", name) < 0) {
		free(item.id);
		return -ENOMEM;
	}
	r = wb_entry_read(g->files, item.file, g->warn, &text);
	if (r == 0)
		r = wb_bls_parse((char *)text.data, &f);
	if (r == 0 && f.linux_path) {
		item.title = strdup(f.title ? f.title : item.id);
		r = item.title ? bls_item(g, &f, &item) : -ENOMEM;
		if (r == 0)
			r = wb_grub_add(g, &item);
	}
	wb_bls_file_deinit(&f);
	wb_grub_item_deinit(&item);
	return r == -ENOMEM ? r : 0;
}

static int cmd_blscfg(struct wb_grub *g, const struct wb_strv *args)
{
	WB_CLEAN_STRV names = {};
	struct wb_error err = {};
	int r = g->files->list(g->files->ctx, BLS_DIR, &names, &err);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return r == -ENOENT ? 0 : wb_entries_warn(g->warn, "%s", err.text);
	if (names.n)
		qsort(names.items, names.n, sizeof(*names.items), compare_names);
	for (size_t i = 0; i < names.n && r == 0; i++)
		r = bls_file(g, names.items[i]);
	return r;
}

int wb_grub_builtin(struct wb_grub *g, const struct wb_strv *args)
{
	static const struct {
		const char *name;
		int (*run)(struct wb_grub *g, const struct wb_strv *args);
	} commands[] = {
		{"set", cmd_set},
		{"unset", cmd_unset},
		{"[", cmd_test},
		{"test", cmd_test},
		{"false", cmd_false},
		{"keystatus", cmd_false},
		{"loadfont", cmd_false},
		{"background_image", cmd_false},
		{"regexp", cmd_false},
		{"load_env", cmd_load_env},
		{"source", cmd_source},
		{".", cmd_source},
		{"configfile", cmd_source},
		{"blscfg", cmd_blscfg},
		{"linux", cmd_linux},
		{"linux16", cmd_linux},
		{"linuxefi", cmd_linux},
		{"initrd", cmd_initrd},
		{"initrd16", cmd_initrd},
		{"initrdefi", cmd_initrd},
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(args->items[0], commands[i].name) == 0)
			return commands[i].run(g, args);
	/* Hardware, video, terminals …: nothing that matters here. Or NAME=VALUE. */
	return assign(g, args->items[0]);
}
