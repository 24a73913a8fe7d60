// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The rules of systemd-boot: sorting the entries (UAPI.1, "Sorting") and choosing the default
 * (systemd-boot(7), loader.conf(5); systemd's src/boot/boot.c, boot_entry_compare() and
 * config_select_default_entry()).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/dirs.h"
#include "bls/loader.h"
#include "bls/sdboot.h"
#include "bls/text.h"
#include "bls/version.h"

/* The differences between versions of systemd-boot. */
struct rules {
	unsigned int version;
	bool counters; /* ids have the boot counters of the file's name */
	bool bare;     /* ids of type 1 have no ".conf" */
};

/* Values of loader.conf; the last one wins. */
struct config {
	char *fallback, *preferred; /* "default", "preferred" */
};

/* All settings, read once; NULL: not set. */
struct settings {
	char *one_shot, *preferred, *fallback; /* of EFI variables */
	char *last;                            /* booted last; "@saved" means this one */
	char *fail, *fail_reason;              /* set after a failure of the firmware */
	struct config config;
	struct wb_strv listed; /* ids in the menu of the boot loader */
	bool have_listed, is_pop;
};

struct outcome {
	struct wb_entry *entry; /* NULL: none, or a program of the boot loader's own */
	const char *special;
};

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/* The id without "@PROFILE". */
static const char *base_id(const struct wb_entry *e, const struct rules *rules, char buf[512])
{
	const char *id = e->menu_ids[!rules->counters];
	const char *at = e->profile ? strstr(id, ".efi@") : NULL;

	snprintf(buf, 512, "%.*s", at ? (int)(at + 4 - id) : 511, id);
	return buf;
}

static int compare_entries(
	const struct wb_entry *a, const struct wb_entry *b, const struct rules *rules)
{
	bool bad_a = a->counted && !a->tries_left, bad_b = b->counted && !b->tries_left;
	char id_a[512], id_b[512];
	int r;

	if (bad_a != bad_b)
		return bad_a ? 1 : -1;
	/* Version 250 introduced sort keys. */
	if (rules->version >= 250 && !a->sort_key != !b->sort_key)
		return a->sort_key ? -1 : 1;
	if (rules->version >= 250 && a->sort_key) {
		r = strcmp(a->sort_key, b->sort_key);
		if (!r)
			r = compare_text(a->machine_id, b->machine_id);
		if (!r)
			r = -wb_version_compare(
				a->version ? a->version : "", b->version ? b->version : "");
		if (r)
			return r;
	}
	r = -wb_version_compare(base_id(a, rules, id_a), base_id(b, rules, id_b));
	if (r)
		return r;
	if (a->profile != b->profile)
		return a->profile < b->profile ? -1 : 1;
	if (!a->counted || !b->counted)
		return 0;
	if (a->tries_left != b->tries_left)
		return a->tries_left > b->tries_left ? -1 : 1;
	return (a->tries_done > b->tries_done) - (a->tries_done < b->tries_done);
}

static int compare(const void *pa, const void *pb, void *rules)
{
	struct wb_entry *const *a = pa, *const *b = pb;
	int r = compare_entries(*a, *b, rules);

	/* Equal entries stay in the order in which they were found. */
	return r ? r : (*a > *b) - (*a < *b);
}

static bool is_bad(const struct wb_entry *e)
{
	return e->counted && !e->tries_left;
}

/* Read loader.conf; if the ESP is known, only from there. */
static int read_config(const struct wb_files *files, const struct wb_boot_dirs *dirs,
	struct wb_entries *all, struct config *ret)
{
	WB_CLEAN_BLOB text = {};
	size_t n = dirs->know_esp ? 1 : dirs->paths.n;
	char *at, *key, *value;

	for (size_t i = 0; i < n && !text.data; i++) {
		WB_CLEAN_STR path = NULL;

		if (asprintf(&path, "%s/loader/loader.conf", dirs->paths.items[i]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (wb_read_text(files, path, &all->warnings, &text) == -ENOMEM)
			return -ENOMEM;
	}
	at = (char *)text.data;
	while (at && wb_next_key(&at, " \t", true, &key, &value)) {
		char **to = strcmp(key, "default") == 0     ? &ret->fallback
			    : strcmp(key, "preferred") == 0 ? &ret->preferred
							    : NULL;

		/* systemd-boot reserves other values that begin with "@" and ignores them. */
		if (!to || (*value == '@' && strcasecmp(value, "@saved") != 0))
			continue;
		free(*to);
		*to = wb_small_letters(strdup(value));
		if (!*to)
			return -ENOMEM;
	}
	return 0;
}

/* Is this Pop!_OS? It patches ids without ".conf" back in, and its kernelstub relies on them. */
static int find_pop(const struct wb_files *files, struct settings *s)
{
	static const char *const paths[] = {"/etc/os-release", "/usr/lib/os-release"};
	WB_CLEAN_BLOB text = {};
	struct wb_error err = {};
	char *at, *key, *value;

	for (size_t i = 0; i < 2 && !text.data; i++)
		if (files->read(files->ctx, paths[i], 65536, &text, &err) == -ENOMEM)
			return -ENOMEM;
	at = (char *)text.data;
	while (at && wb_next_key(&at, "=", true, &key, &value))
		if (strcmp(key, "ID") == 0)
			s->is_pop = strcmp(value, "pop") == 0;
	if (s->config.fallback && strncmp(s->config.fallback, "pop_os-", 7) == 0)
		s->is_pop = true;
	return 0;
}

static int read_settings(const struct wb_files *files, const struct wb_boot_dirs *dirs,
	struct wb_entries *all, struct settings *ret)
{
	const struct {
		const char *name;
		char **to;
	} variables[] = {
		{"LoaderEntryOneShot", &ret->one_shot},
		{"LoaderEntryPreferred", &ret->preferred},
		{"LoaderEntryDefault", &ret->fallback},
		{"LoaderEntryLastBooted", &ret->last},
		{"LoaderEntrySysFail", &ret->fail},
		{"LoaderSysFailReason", &ret->fail_reason},
	};
	int r;

	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		r = wb_loader_variable(files, variables[i].name, variables[i].to);
		if (r == -ENOMEM)
			return r;
		wb_small_letters(*variables[i].to);
	}
	r = wb_loader_list(files, "LoaderEntries", &ret->listed);
	if (r == -ENOMEM)
		return r;
	ret->have_listed = r == 0;
	r = read_config(files, dirs, all, &ret->config);
	return r == 0 ? find_pop(files, ret) : r;
}

static void free_settings(struct settings *s)
{
	free(s->one_shot);
	free(s->preferred);
	free(s->fallback);
	free(s->last);
	free(s->fail);
	free(s->fail_reason);
	free(s->config.fallback);
	free(s->config.preferred);
	wb_strv_deinit(&s->listed);
}

/*
 * Does the pattern match an entry that the boot loader adds at the end of its menu
 * (loader.conf(5))?
 */
static const char *match_special(const char *pattern, const struct settings *s)
{
	static const char *const specials[] = {"auto-osx", "auto-windows", "auto-efi-shell",
		"auto-efi-default", "auto-reboot-to-firmware-setup", "auto-poweroff",
		"auto-reboot"};

	for (size_t i = 0; i < sizeof(specials) / sizeof(*specials); i++)
		if (wb_efi_match(pattern, specials[i]) &&
			(!s->have_listed || wb_strv_has(&s->listed, specials[i])))
			return specials[i];
	return NULL;
}

static bool matches(const char *pattern, const struct wb_entry *e, const struct rules *rules)
{
	const char *id = e->menu_ids[!rules->counters];
	size_t n = strlen(id);
	char bare[512];

	if (wb_efi_match(pattern, id))
		return true;
	if (!rules->bare || n < 5 || n > sizeof(bare) || strcmp(id + n - 5, ".conf") != 0)
		return false;
	snprintf(bare, sizeof(bare), "%.*s", (int)(n - 5), id);
	return wb_efi_match(pattern, bare);
}

/* Does the setting name an entry? `menu` is sorted. */
static bool obey(const char *setting, bool skip_bad, struct wb_entry *const *menu, size_t n,
	const struct settings *s, const struct rules *rules, struct outcome *ret)
{
	if (setting && strcmp(setting, "@saved") == 0)
		setting = s->last;
	if (!setting)
		return false;
	for (size_t i = 0; i < n; i++) {
		if ((skip_bad && is_bad(menu[i])) || !matches(setting, menu[i], rules))
			continue;
		*ret = (struct outcome){menu[i], NULL};
		return true;
	}
	*ret = (struct outcome){NULL, match_special(setting, s)};
	return ret->special;
}

/*
 * Choose the default: the first setting that names an entry wins, otherwise the first entry. A
 * setting for a failure of the firmware comes before them all; *ret_doubt says whether it would
 * make a difference. `menu` has room for all entries.
 */
static struct outcome choose(const struct settings *s, struct wb_entries *all,
	const struct rules *rules, struct wb_entry **menu, bool *ret_doubt)
{
	struct outcome ret = {};
	const struct {
		const char *setting;
		bool skip_bad;
	} order[] = {
		/* "@saved" has no meaning in this variable. */
		{s->one_shot && strcmp(s->one_shot, "@saved") != 0 ? s->one_shot : NULL, false},
		{rules->version >= 260 ? s->preferred : NULL, true},
		{rules->version >= 260 ? s->config.preferred : NULL, true},
		{s->fallback, false},
		{s->config.fallback, false},
	};
	struct outcome failed = {};
	bool obeyed = false;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (rules->version >= all->items[i].since)
			menu[n++] = &all->items[i];
	qsort_r(menu, n, sizeof(*menu), compare, (void *)rules);
	for (size_t i = 0; i < sizeof(order) / sizeof(*order) && !obeyed; i++)
		obeyed = obey(order[i].setting, order[i].skip_bad, menu, n, s, rules, &ret);
	if (!obeyed)
		ret = (struct outcome){n ? menu[0] : NULL, NULL};
	/* The firmware failed at the last boot, and may fail again. */
	*ret_doubt = s->fail_reason && obey(s->fail, false, menu, n, s, rules, &failed) &&
		     (failed.entry != ret.entry || failed.special != ret.special);
	return ret;
}

/* The rules that may hold: one set if the version is known, several if not. */
static size_t possible_rules(bool is_sdboot, unsigned int version, bool is_pop, struct rules ret[6])
{
	static const struct rules any[] = {{244, true, true}, {249, true, false},
		{256, true, false}, {258, true, false}, {259, false, false}, {260, false, false}};
	size_t n = 0;

	if (version) {
		/* systemd's pull request 38897 removed the counters for 259 and was backported. */
		if (version < 259)
			ret[n++] = (struct rules){version, true, version < 245 || is_pop};
		if (version >= 257)
			ret[n++] = (struct rules){version, false, is_pop};
		return n;
	}
	/* Another boot loader that reads such entries follows the current specification. */
	for (size_t i = is_sdboot ? 0 : 3; i < 6; i++) {
		ret[n] = any[i];
		ret[n++].bare |= is_pop;
	}
	return n;
}

/* 1: the deciding setting is not known, and a warning says so. */
static int is_started_by_firmware(const struct wb_files *files, struct wb_entries *all)
{
	WB_CLEAN_STR stub = NULL;
	int r = wb_loader_variable(files, "StubInfo", &stub);

	if (r == -ENOMEM || !stub)
		return r == -ENOMEM ? r : 0;
	r = wb_entries_warn(all,
		"the firmware has started a kernel without a boot loader, and its own "
		"settings are not read: no entry is the default");
	return r < 0 ? r : 1;
}

static int mark(const struct wb_boot_dirs *dirs, const struct settings *s, struct outcome chosen,
	struct wb_entries *all)
{
	struct wb_entry *e = chosen.entry;

	if (chosen.special)
		return wb_entries_warn(all,
			"the boot loader is set to start '%s', which is no kernel: no entry is the "
			"default",
			chosen.special);
	if (!e)
		return 0;
	if (dirs->doubt)
		return wb_entries_warn(all, "%s: no entry is the default", dirs->doubt);
	if (e->cannot || e->lacks)
		return wb_entries_warn(all,
			"the boot loader is set to start '%s', but %s: no entry is the default",
			e->menu_ids[0], e->cannot ? e->cannot : e->lacks);
	e->is_default = true;
	/* The boot loader deletes the variable when it has read it, whatever it names. */
	if (s->one_shot) {
		e->once = wb_loader_path("LoaderEntryOneShot");
		return e->once ? 0 : -ENOMEM;
	}
	return 0;
}

static int settle(const struct wb_files *files, struct wb_entries *all, struct settings *s,
	struct wb_entry **menu)
{
	WB_CLEAN_BOOT_DIRS dirs = {};
	struct rules rules[6] = {};
	struct outcome chosen = {}, other;
	unsigned int version = 0;
	bool is_sdboot = false, may_fail = false;
	size_t n = 0;
	int r = wb_sdboot_version(files, &is_sdboot, &version);

	if (r == 0)
		r = wb_boot_dirs_find(files, NULL, &dirs);
	if (r == 0 && !is_sdboot)
		r = is_started_by_firmware(files, all);
	if (r == 0)
		r = read_settings(files, &dirs, all, s);
	if (r != 0)
		return r < 0 ? r : 0;
	n = possible_rules(is_sdboot, version, s->is_pop, rules);
	for (size_t i = n; i > 0; i--) {
		other = choose(s, all, &rules[i - 1], menu, &may_fail);
		if (i == n)
			chosen = other;
		else if (other.entry != chosen.entry || other.special != chosen.special)
			return wb_entries_warn(all,
				"which entry is the default depends on the version of "
				"systemd-boot, "
				"which is not known well enough: no entry is the default");
	}
	if (may_fail)
		return wb_entries_warn(all, "the boot loader has met a failure of the firmware, "
					    "and has another entry for "
					    "that: no entry is the default");
	return mark(&dirs, s, chosen, all);
}

/* Sort the list by the newest rules. */
static int sort(struct wb_entries *all, struct wb_entry **menu)
{
	struct rules newest = {.version = 260};
	struct wb_entry *items = calloc(all->n, sizeof(*items));

	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < all->n; i++)
		menu[i] = &all->items[i];
	qsort_r(menu, all->n, sizeof(*menu), compare, &newest);
	for (size_t i = 0; i < all->n; i++)
		items[i] = *menu[i];
	free(all->items);
	all->items = items;
	return 0;
}

int wb_sdboot_settle(const struct wb_files *files, bool in_charge, struct wb_entries *all)
{
	struct wb_entry **menu = calloc(all->n + 1, sizeof(*menu));
	struct settings s = {};
	int r = menu ? 0 : -ENOMEM;

	if (r == 0 && all->n && in_charge)
		r = settle(files, all, &s, menu);
	if (r >= 0 && all->n)
		r = sort(all, menu);
	free_settings(&s);
	free(menu);
	return r;
}

int wb_menu_add(const char *path, const char *file, const char *suffix, struct wb_entry *e,
	struct wb_entries *ret)
{
	struct wb_entry *slot;
	int r = 0;

	e->menu_ids[0] = wb_small_letters(strdup(file));
	if (asprintf(&e->menu_ids[1], "%s%s", e->id, suffix) < 0)
		e->menu_ids[1] = NULL;
	if (!e->menu_ids[0] || !wb_small_letters(e->menu_ids[1]))
		return -ENOMEM;
	if (e->cannot)
		r = wb_entries_warn(ret, "%s was skipped: %s", path, e->cannot);
	else if (e->lacks)
		r = wb_entries_warn(ret, "%s: %s", path, e->lacks);
	slot = r < 0 ? NULL : wb_entries_add(ret);
	if (!slot)
		return -ENOMEM;
	*slot = *e;
	*e = (struct wb_entry){};
	return 0;
}
