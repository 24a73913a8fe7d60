// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The CPU of a guest: its model expanded (query-cpu-model-expansion in qapi/machine-target.json), and of the CPU itself what
 * the host left of that ("feature-words" and "unavailable-features" in target/i386/cpu.c).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/text.h"
#include "qemu/cpu.h"

/* So many differences are told. */
#define MOST_TOLD 4

static int add(struct wb_strv *to, const char *name, const json_t *value)
{
	if (json_is_string(value))
		return wb_strv_addf(to, "%.64s=%.128s", name, json_string_value(value));
	if (json_is_number(value))
		return wb_strv_addf(to, "%.64s=%.0f", name, json_number_value(value));
	return json_is_true(value) ? wb_strv_addf(to, "%.64s", name) : 0;
}

/* "qemu64-x86_64-cpu" is the model "qemu64"; the name of the architecture has no "-". */
static int model_of(const char *type, char **ret, struct wb_error *err)
{
	static const char suffix[] = "-cpu";
	size_t n = type ? strlen(type) : 0;
	const char *end;

	if (n > strlen(suffix) && !strcmp(type + n - strlen(suffix), suffix)) {
		end = memrchr(type, '-', n - strlen(suffix));
		if (end && end > type) {
			*ret = strndup(type, (size_t)(end - type));
			return *ret ? 0 : wb_oom(err);
		}
	}
	return wb_fail(err, -EOPNOTSUPP, "QEMU does not tell the type of its CPU");
}

static int find(struct wb_qmp *q, char **ret_path, char **ret_model, struct wb_error *err)
{
	json_t *list = NULL, *type = NULL;
	const char *path;
	int r = wb_qmp_call(q, "query-cpus-fast", NULL, &list, err);

	path = json_string_value(json_object_get(json_array_get(list, 0), "qom-path"));
	if (r == 0 && !path)
		r = wb_fail(err, -EOPNOTSUPP, "QEMU tells of no CPU");
	if (r == 0)
		r = wb_qmp_get(q, path, "type", &type, err);
	if (r == 0)
		r = model_of(json_string_value(type), ret_model, err);
	if (r == 0 && !(*ret_path = strdup(path)))
		r = wb_oom(err);
	json_decref(list);
	json_decref(type);
	return r;
}

static int add_model(
	struct wb_qmp *q, const char *model, struct wb_strv *words, struct wb_error *err)
{
	json_t *value = NULL, *props, *item;
	const char *name;
	int r = wb_qmp_call(q, "query-cpu-model-expansion",
		json_pack("{s:s, s:{s:s}}", "type", "full", "model", "name", model), &value, err);

	if (r < 0)
		return r;
	props = json_object_get(json_object_get(value, "model"), "props");
	if (!json_object_size(props) || json_object_size(props) > WB_QEMU_CPU_WORDS / 2)
		r = wb_fail(err, -EOPNOTSUPP, "QEMU does not tell what its CPU is");
	json_object_foreach(props, name, item) if (r == 0 && add(words, name, item) < 0) r =
		wb_oom(err);
	json_decref(value);
	return r;
}

static int add_word(struct wb_strv *words, const json_t *w)
{
	const char *name = json_string_value(json_object_get(w, "cpuid-register"));
	json_int_t bits = json_integer_value(json_object_get(w, "features"));

	if (!name || !bits)
		return 0;
	return wb_strv_addf(words, "cpuid %#" PRIx64 ".%" PRIu64 " %.8s=%#" PRIx64,
		(uint64_t)json_integer_value(json_object_get(w, "cpuid-input-eax")),
		(uint64_t)json_integer_value(json_object_get(w, "cpuid-input-ecx")), name,
		(uint64_t)bits);
}

static int add_lacking(struct wb_strv *words, const json_t *name)
{
	return wb_strv_addf(
		words, "no %.64s", json_is_string(name) ? json_string_value(name) : "?");
}

static int add_phys_bits(struct wb_strv *words, const json_t *bits)
{
	return wb_strv_addf(words, "physical bits=%.0f", json_number_value(bits));
}

/* Properties of the CPU itself. Other machines than PCs have no such properties, and their model tells all. */
static const struct {
	const char *property;
	int (*add)(struct wb_strv *words, const json_t *value);
} own[] = {
	{"feature-words", add_word},
	{"unavailable-features", add_lacking},
	{"phys-bits", add_phys_bits},
};

static int add_all(
	const json_t *value, int (*add_one)(struct wb_strv *, const json_t *), struct wb_strv *to)
{
	size_t n = json_is_array(value) ? json_array_size(value) : 1;
	int r = n > WB_QEMU_CPU_WORDS / 4 ? -E2BIG : 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_one(to, json_is_array(value) ? json_array_get(value, i) : value);
	return r;
}

static int add_own(struct wb_qmp *q, const char *path, struct wb_strv *words, struct wb_error *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < sizeof(own) / sizeof(*own); i++) {
		json_t *value = NULL;

		r = wb_qmp_get(q, path, own[i].property, &value, err);
		if (r == -EREMOTEIO)
			r = 0;
		else if (r == 0 && (r = add_all(value, own[i].add, words)) < 0)
			r = r == -ENOMEM
				    ? wb_oom(err)
				    : wb_fail(err, -EPROTO, "QEMU's CPU has too many features");
		json_decref(value);
	}
	return r;
}

int wb_qemu_cpu_ask(struct wb_qmp *q, struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_STRV words = {};
	WB_CLEAN_STR path = NULL;
	WB_CLEAN_STR model = NULL;
	int r = find(q, &path, &model, err);

	if (r == 0 && wb_strv_addf(&words, "model=%.64s", model) < 0)
		r = wb_oom(err);
	if (r == 0)
		r = add_model(q, model, &words, err);
	if (r == 0)
		r = add_own(q, path, &words, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < words.n; i++)
		wb_make_plain(words.items[i]);
	wb_strv_sort(&words);
	*ret = words;
	words = (struct wb_strv){};
	return 0;
}

/* ---- before and after ---- */

struct differences {
	char text[320];
	size_t n;
};

static void tell(struct differences *d, const char *what, const char *word)
{
	size_t used = strlen(d->text);

	if (d->n++ < MOST_TOLD)
		snprintf(d->text + used, sizeof(d->text) - used, "%s%s \"%.60s\"", used ? ", " : "",
			what, word);
}

int wb_qemu_cpu_compare(
	const struct wb_strv *before, const struct wb_strv *now, struct wb_error *err)
{
	struct differences d = {};
	size_t i = 0, k = 0;

	if (!before->n)
		return wb_fail(err, -EXDEV, "it is not known what CPU the guest had");
	while (i < before->n || k < now->n) {
		int order = i == before->n ? 1
			    : k == now->n  ? -1
					   : strcmp(before->items[i], now->items[k]);

		if (order < 0)
			tell(&d, "without", before->items[i]);
		else if (order > 0)
			tell(&d, "with", now->items[k]);
		i += order <= 0;
		k += order >= 0;
	}
	if (!d.n)
		return 0;
	return wb_fail(err, -EXDEV,
		"QEMU now gives the guest another CPU (%s%s); a model by name (-cpu) stays the "
		"same "
		"under all kernels",
		d.text, d.n > MOST_TOLD ? ", …" : "");
}
