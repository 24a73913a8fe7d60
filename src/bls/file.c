// SPDX-License-Identifier: LGPL-2.1-or-later
/* Text files of the Boot Loader Specification (type 1, UAPI.1): their keys and their names. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/file.h"
#include "bls/text.h"

static int replace(char **at, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*at);
	*at = copy;
	return 0;
}

static int take(struct wb_bls_file *f, struct wb_strv *options, const char *key, const char *value)
{
	const struct {
		const char *key;
		char **at;
	} single[] = {
		{"title", &f->title},
		{"version", &f->version},
		{"machine-id", &f->machine_id},
		{"sort-key", &f->sort_key},
		{"linux", &f->linux_path},
		{"uki", &f->linux_path},
		{"efi", &f->efi_path},
		{"uki-url", &f->url},
		{"architecture", &f->architecture},
		{"profile", &f->profile},
		{"devicetree", &f->devicetree},
		{"devicetree-overlay", &f->overlay},
		{"extra", &f->extra},
	};

	f->has_linux |= strcmp(key, "linux") == 0;
	f->has_uki |= strcmp(key, "uki") == 0;
	f->efi |= strcmp(key, "efi") == 0;
	for (size_t i = 0; i < sizeof(single) / sizeof(*single); i++)
		if (strcmp(key, single[i].key) == 0)
			return replace(single[i].at, value);
	if (strcmp(key, "initrd") == 0)
		return wb_strv_add(&f->initrds, value);
	return strcmp(key, "options") == 0 ? wb_strv_add(options, value) : 0;
}

/* Join the words, with a blank between any two. NULL: out of memory. */
static char *join(const struct wb_strv *words)
{
	size_t n = 1;
	char *all, *p;

	for (size_t i = 0; i < words->n; i++)
		n += strlen(words->items[i]) + 1;
	p = all = malloc(n);
	if (!all)
		return NULL;
	*p = 0;
	for (size_t i = 0; i < words->n; i++) {
		if (p > all && *words->items[i])
			*p++ = ' ';
		p = stpcpy(p, words->items[i]);
	}
	return all;
}

int wb_bls_parse(char *text, struct wb_bls_file *ret)
{
	WB_CLEAN_STRV options = {};
	struct wb_bls_file f = {};
	char *key, *value;
	int r = 0;

	while (r == 0 && wb_next_key(&text, " \t", true, &key, &value))
		r = take(&f, &options, key, value);
	if (r == 0 && options.n) {
		f.options = join(&options);
		r = f.options ? 0 : -ENOMEM;
	}
	if (r < 0) {
		wb_bls_file_deinit(&f);
		return r;
	}
	*ret = f;
	return 0;
}

void wb_bls_file_deinit(struct wb_bls_file *f)
{
	if (!f)
		return;
	free(f->title);
	free(f->version);
	free(f->machine_id);
	free(f->sort_key);
	free(f->linux_path);
	free(f->efi_path);
	free(f->url);
	free(f->options);
	free(f->architecture);
	free(f->profile);
	free(f->devicetree);
	free(f->overlay);
	free(f->extra);
	wb_strv_deinit(&f->initrds);
	*f = (struct wb_bls_file){};
}

/* Read a count of at most six digits, so that it cannot overflow. */
static bool get_count(const char **p, unsigned int *ret)
{
	size_t n = strspn(*p, "0123456789");

	if (!n || n > 6)
		return false;
	*ret = (unsigned int)strtoul(*p, NULL, 10);
	*p += n;
	return true;
}

bool wb_bls_name(const char *file, const char *suffix, bool keep_suffix, char **ret_id,
	struct wb_entry *counters)
{
	size_t n = strlen(file), n_suffix = strlen(suffix), n_name;
	const char *plus;

	if (n <= n_suffix || strcasecmp(file + n - n_suffix, suffix) != 0 || *file == '.')
		return false;
	n_name = n - n_suffix;
	plus = memrchr(file, '+', n_name);
	if (plus && plus > file) {
		const char *p = plus + 1;
		unsigned int left, done = 0;
		bool ok = get_count(&p, &left);

		if (ok && *p == '-') {
			p++;
			ok = get_count(&p, &done);
		}
		/* Otherwise the plus belongs to the name: "6.12+deb13.conf". */
		if (ok && p == file + n_name) {
			counters->counted = true;
			counters->tries_left = left;
			counters->tries_done = done;
			n_name = (size_t)(plus - file);
		}
	}
	if (asprintf(ret_id, "%.*s%s", (int)n_name, file, keep_suffix ? suffix : "") < 0)
		*ret_id = NULL;
	return true;
}
