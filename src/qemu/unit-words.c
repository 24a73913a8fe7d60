// SPDX-License-Identifier: LGPL-2.1-or-later
/* How systemd resolves the words of a command: "COMMAND LINES" of systemd.service(5). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "qemu/cmdline.h"
#include "qemu/unit-words.h"

/*
 * "/bin" is a link to "/usr/bin", and the kernel tells the latter. A name without a path is looked for in these
 * directories of root's (DEFAULT_PATH in src/basic/path-util.h of systemd).
 */
static bool is_program(const char *program, const char *of_unit)
{
	static const char *const dirs[] = {
		"/usr/local/sbin/", "/usr/local/bin/", "/usr/sbin/", "/usr/bin/", "/usr", NULL};

	if (!strcmp(program, of_unit))
		return true;
	for (const char *const *dir = dirs; *dir; dir++)
		if (!strncmp(program, *dir, strlen(*dir)) &&
			!strcmp(program + strlen(*dir), of_unit))
			return true;
	return false;
}

/* A word that begins with "$", and "${" in any word. "$$" stands for a "$" (replace_env_argv() of systemd). */
static bool has_variable(const char *word)
{
	if (*word == '$' && word[1] != '$')
		return true;
	for (; *word; word++) {
		if (*word != '$')
			continue;
		if (word[1] == '{')
			return true;
		word += word[1] == '$';
	}
	return false;
}

static char *resolve(const char *word)
{
	char *copy = strdup(word), *to = copy;

	for (; copy && *word; word++) {
		*to++ = *word;
		word += *word == '$' && word[1] == '$';
	}
	if (copy)
		*to = '\0';
	return copy;
}

static int add_resolved(const struct wb_strv *command, struct wb_strv *ret, struct wb_error *err)
{
	for (size_t i = 1; i < command->n; i++) {
		WB_CLEAN_STR word = NULL;

		if (has_variable(command->items[i]))
			return wb_fail(err, -EPERM,
				"its unit's ExecStart= has the variable \"%.60s\", and a process "
				"can change its own words: write out what it stands for",
				command->items[i]);
		word = resolve(command->items[i]);
		if (!word || wb_strv_add(ret, word) < 0)
			return wb_oom(err);
	}
	return 0;
}

/* Both as they are to be next time. */
static int compare(const struct wb_strv *argv, const struct wb_strv *unit, const char *memory,
	struct wb_error *err)
{
	WB_CLEAN_QEMU_ARGS now = {}, meant = {};
	WB_CLEAN_STRV a = {}, b = {};
	int r = wb_qemu_args_read(argv, &now);
	bool moved;

	if (r == 0)
		r = wb_qemu_args_read(unit, &meant);
	if (r < 0)
		return wb_oom(err);
	moved = now.mem_path && !strcmp(now.mem_path, memory);
	r = wb_qemu_args_again(argv, &now, NULL, &a, err);
	if (r == 0)
		r = wb_qemu_args_again(unit, &meant, moved ? memory : NULL, &b, err);
	if (r < 0)
		return r == -ENOMEM ? r : -EPERM;
	for (size_t i = 1; i < a.n || i < b.n; i++) {
		const char *is = i < a.n ? a.items[i] : NULL, *has = i < b.n ? b.items[i] : NULL;

		if (is && has && !strcmp(is, has))
			continue;
		return wb_fail(err, -EPERM,
			"it does not run with the words of its unit (\"%.60s\" instead of "
			"\"%.60s\"): "
			"restart it if the unit was changed, and let ExecStart= name QEMU itself",
			is ? is : "", has ? has : "");
	}
	return 0;
}

int wb_qemu_words_check(const char *program, const struct wb_strv *argv,
	const struct wb_strv *command, const char *memory, struct wb_error *err)
{
	WB_CLEAN_STRV unit = {};
	int r;

	if (command->n < 2)
		return wb_fail(err, -EPERM,
			"systemd does not tell the one command with which it starts it");
	if (!is_program(program, command->items[0]))
		return wb_fail(err, -EPERM,
			"its unit starts %.100s, and QEMU is %.100s: ExecStart= has to name QEMU "
			"itself, since a process can change its own words",
			command->items[0], program);
	r = add_resolved(command, &unit, err);
	return r == 0 ? compare(argv, &unit, memory, err) : r;
}
