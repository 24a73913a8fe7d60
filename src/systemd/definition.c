// SPDX-License-Identifier: LGPL-2.1-or-later
/* The syntax of unit files, and the settings that decide how a service can be kept. */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "systemd/definition.h"

/* ---- the syntax of unit files: systemd.syntax(7) ---- */

void wb_setting_deinit(struct wb_setting *s)
{
	free(s->key);
	free(s->value);
	*s = (struct wb_setting){};
}

static bool is_comment(const char *line)
{
	line += strspn(line, " \t");
	return *line == '#' || *line == ';';
}

static const char *after_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/*
 * Take one logical line: a backslash at the end of a line stands for a space and the next line that
 * is no comment. -ENOMEM; *ret NULL at the end of the text.
 */
static int take_line(struct wb_definition_walk *w, char **ret)
{
	bool more = true, any = false;
	WB_CLEAN_STR out = NULL;
	size_t n = 0;
	FILE *f;

	*ret = NULL;
	if (!*w->p)
		return 0;
	f = open_memstream(&out, &n);
	if (!f)
		return -ENOMEM;
	for (; more && *w->p; w->p = after_line(w->p)) {
		size_t len = strcspn(w->p, "\n");

		if (is_comment(w->p)) {
			/*
			 * Outside a continued line, a comment is a line of its own; within one it
			 * is skipped.
			 */
			more = any;
			continue;
		}
		any = true;
		if (len && w->p[len - 1] == '\r')
			len--;
		more = len && w->p[len - 1] == '\\';
		fwrite(w->p, 1, more ? len - 1 : len, f);
		if (more)
			fputc(' ', f);
	}
	if (fclose(f))
		return -ENOMEM;
	*ret = out;
	out = NULL;
	return 0;
}

/* The text between leading and trailing blanks. */
static char *stripped(const char *s, size_t n)
{
	while (n && isspace((unsigned char)*s)) {
		s++;
		n--;
	}
	while (n && isspace((unsigned char)s[n - 1]))
		n--;
	return strndup(s, n);
}

static void enter_section(struct wb_definition_walk *w, const char *line)
{
	size_t n = strcspn(line + 1, "]");

	if (n >= sizeof(w->section))
		n = 0;
	memcpy(w->section, line + 1, n);
	w->section[n] = 0;
}

/* The next setting of one text, with its section in w->section. 1 found, 0 none is left, -ENOMEM. */
static int take_setting(struct wb_definition_walk *w, struct wb_setting *ret)
{
	for (;;) {
		WB_CLEAN_STR line = NULL;
		char *equals, *start;
		int r = take_line(w, &line);

		if (r < 0 || !line)
			return r;
		start = line + strspn(line, " \t");
		equals = strchr(start, '=');
		if (*start == '[')
			enter_section(w, start);
		if (*start == '[' || !equals)
			continue;
		ret->key = stripped(start, (size_t)(equals - start));
		ret->value = stripped(equals + 1, strlen(equals + 1));
		return ret->key && ret->value ? 1 : -ENOMEM;
	}
}

int wb_definition_next(struct wb_definition_walk *w, struct wb_setting *ret)
{
	for (;;) {
		int r = w->p ? take_setting(w, ret) : 0;

		if (r != 0 || w->next == w->of->n)
			return r;
		w->p = w->of->items[w->next++].text;
		*w->section = 0;
	}
}

bool wb_setting_is_on(const char *value)
{
	static const char *const off[] = {"", "0", "no", "n", "false", "f", "off", NULL};

	for (const char *const *o = off; *o; o++)
		if (!strcasecmp(value, *o))
			return false;
	return true;
}

static bool listed(const char *const *list, const char *key)
{
	for (; *list; list++)
		if (!strcmp(*list, key))
			return true;
	return false;
}

/* ---- what the settings say ---- */

/* The last value of each setting counts; an empty value empties a list, as in systemd. */
const char *wb_definition_asks(const struct wb_unit_texts *of)
{
	static const char *const keys[] = {"RuntimeDirectory", "LoadCredential", "SetCredential",
		"RequiresMountsFor", "DeviceAllow", "DevicePolicy", "LogNamespace",
		/* systemd adds a device rule for these two. */
		"PrivateDevices", "ProtectClock"};
	bool on[sizeof(keys) / sizeof(*keys)] = {};
	struct wb_definition_walk w = {of};
	int r = 1;

	while (r > 0) {
		WB_CLEAN_SETTING a = {};

		r = wb_definition_next(&w, &a);
		for (size_t k = 0; r > 0 && k < sizeof(keys) / sizeof(*keys); k++)
			if (!strcmp(a.key, keys[k]))
				on[k] = wb_setting_is_on(a.value);
	}
	if (r < 0)
		return keys[0];
	for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
		if (on[k])
			return keys[k];
	return NULL;
}

bool wb_definition_limits_memory(const struct wb_unit_texts *of)
{
	static const char *const keys[] = {"MemoryMax", "MemoryHigh", "MemoryLow", "MemoryMin",
		"MemoryLimit", "MemorySwapMax", "MemoryZSwapMax", NULL};
	struct wb_definition_walk w = {of};
	int r = 1;

	while (r > 0) {
		WB_CLEAN_SETTING a = {};

		r = wb_definition_next(&w, &a);
		if (r > 0 && listed(keys, a.key) && *a.value && strcmp(a.value, "infinity") != 0)
			return true;
	}
	return false;
}

bool wb_definition_own_tmp(const struct wb_unit_texts *of)
{
	struct wb_definition_walk w = {of};
	bool own = false;
	int r = 1;

	while (r > 0) {
		WB_CLEAN_SETTING a = {};

		r = wb_definition_next(&w, &a);
		if (r > 0 && !strcmp(w.section, "Service") && !strcmp(a.key, "PrivateTmp"))
			own = wb_setting_is_on(a.value);
	}
	return r == 0 && own;
}

bool wb_definition_restarts(const struct wb_unit_texts *of, bool failed)
{
	/* systemd.service(5); an unknown value is ignored and the one before stays. */
	static const struct {
		const char *value;
		bool success, failure;
	} ways[] = {{"no", false, false}, {"always", true, true}, {"on-success", true, false},
		{"on-failure", false, true}, {"on-abnormal", false, true},
		{"on-watchdog", false, true}, {"on-abort", false, true}};
	struct wb_definition_walk w = {of};
	bool restarts = false;
	int r = 1;

	while (r > 0) {
		WB_CLEAN_SETTING a = {};

		r = wb_definition_next(&w, &a);
		for (size_t i = 0; r > 0 && i < sizeof(ways) / sizeof(*ways); i++)
			if (!strcmp(a.key, "Restart") && !strcmp(a.value, ways[i].value))
				restarts = failed ? ways[i].failure : ways[i].success;
	}
	return restarts;
}

/* Does the path match, where specifiers such as "%n" match any text? "%%" stands for "%" (systemd.unit(5)). */
static bool fits(const char *pattern, const char *path)
{
	for (; *pattern; pattern++, path++) {
		if (*pattern == '%' && pattern[1] && pattern[1] != '%') {
			for (;; path++) {
				if (fits(pattern + 2, path))
					return true;
				if (!*path)
					return false;
			}
		}
		if (*pattern == '%' && pattern[1] == '%')
			pattern++;
		if (*pattern != *path)
			return false;
	}
	return !*path;
}

bool wb_definition_names_stream(const struct wb_unit_texts *of, const char *path)
{
	static const char *const keys[] = {
		"StandardInput", "StandardOutput", "StandardError", NULL};
	static const char *const ways[] = {"file:", "append:", "truncate:"};
	struct wb_definition_walk w = {of};
	bool named = false;
	int r = 1;

	while (r > 0 && !named) {
		WB_CLEAN_SETTING a = {};

		r = wb_definition_next(&w, &a);
		for (size_t i = 0; r > 0 && listed(keys, a.key) && i < 3; i++)
			if (!strncmp(a.value, ways[i], strlen(ways[i])))
				named |= fits(a.value + strlen(ways[i]), path);
	}
	return named;
}

/* Does systemd order services after this unit by default? systemd.service(5), systemd.exec(5). */
static bool is_implied(const char *unit)
{
	static const char *const names[] = {"sysinit.target", "basic.target", "dbus.socket",
		"systemd-journald.socket", "systemd-journald-dev-log.socket",
		"systemd-remount-fs.service", "systemd-tmpfiles-setup.service",
		"systemd-tmpfiles-setup-dev.service", NULL};
	static const char *const kinds[] = {".slice", ".mount", NULL};

	for (const char *const *k = kinds; *k; k++)
		if (strlen(unit) > strlen(*k) && !strcmp(unit + strlen(unit) - strlen(*k), *k))
			return true;
	return listed(names, unit) || !strncmp(unit, "modprobe@", 9) ||
	       !strncmp(unit, "systemd-journald@", 17);
}

/*
 * Is the unit among the words of an After=? A specifier matches any text after the beginning of a
 * name.
 */
static bool names_unit(const char *words, const char *unit)
{
	for (words += strspn(words, " \t"); *words; words += strspn(words, " \t")) {
		size_t n = strcspn(words, " \t"), plain = strcspn(words, " \t%");

		if (plain == n ? strlen(unit) == n && !strncmp(words, unit, n)
			       : plain && !strncmp(words, unit, plain))
			return true;
		words += n;
	}
	return false;
}

/* The words of each After= that the definition has. -ENOMEM. */
static int take_after(const struct wb_unit_texts *of, struct wb_strv *ret)
{
	struct wb_definition_walk w = {of};

	for (;;) {
		WB_CLEAN_SETTING a = {};
		int r = wb_definition_next(&w, &a);

		if (r > 0 && !strcmp(a.key, "After"))
			r = wb_strv_add(ret, a.value) < 0 ? -ENOMEM : 1;
		if (r <= 0)
			return r;
	}
}

int wb_definition_late(const struct wb_unit_texts *of, const struct wb_strv *after,
	const struct wb_strv *sockets, const char **ret)
{
	WB_CLEAN_STRV own = {};
	int r = take_after(of, &own);

	*ret = NULL;
	for (size_t i = 0; r == 0 && !*ret && i < after->n; i++) {
		bool told = is_implied(after->items[i]) || wb_strv_has(sockets, after->items[i]);

		for (size_t k = 0; !told && k < own.n; k++)
			told = names_unit(own.items[k], after->items[i]);
		if (!told)
			*ret = after->items[i];
	}
	return r;
}

/* Add the first `prefix` bytes of the name, then the part after its first `from` bytes. */
static int add_dir(struct wb_strv *ret, const char *unit, size_t prefix, size_t from)
{
	WB_CLEAN_STR dir = NULL;

	if (asprintf(&dir, "%.*s%s.d", (int)prefix, unit, unit + from) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	return wb_strv_add(ret, dir);
}

int wb_definition_dropin_dirs(const char *unit, struct wb_strv *ret)
{
	size_t end = strlen(unit) - strlen(".service"), plain = strcspn(unit, "@");
	bool instance = plain < end && plain + 1 < end;
	WB_CLEAN_STRV dirs = {};
	int r = 0;

	if (plain > end)
		plain = end;
	/* systemd.unit(5): the name, then each part of it that ends in a dash; then the type. */
	for (size_t n = plain; r == 0 && n > 0; n--) {
		if (n < plain && unit[n - 1] != '-')
			continue;
		r = add_dir(&dirs, unit, n, plain);
		if (r == 0 && instance) {
			WB_CLEAN_STR template = NULL;

			if (asprintf(&template, "%.*s@.service.d", (int)n, unit) < 0)
				template = NULL;
			r = template ? wb_strv_add(&dirs, template) : -ENOMEM;
		}
	}
	if (r == 0)
		r = wb_strv_add(&dirs, "service.d");
	if (r < 0)
		return r;
	*ret = dirs;
	dirs = (struct wb_strv){};
	return 0;
}
