// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Command lines of QEMU; the syntax of options is that of QEMU's util/keyval.c and util/qemu-option.c, or a JSON object (-device,
 * -object, -netdev; qobject_input_visitor_new_str() there).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "qemu/cmdline.h"

void wb_qemu_args_deinit(struct wb_qemu_args *a)
{
	free(a->name);
	free(a->machine);
	free(a->qmp);
	free(a->cpu);
	free(a->backend);
	free(a->kind);
	free(a->mem_path);
	free(a->agent);
	free(a->agent_chardev);
	free(a->obstacle);
	*a = (struct wb_qemu_args){};
}

bool wb_qemu_is_program(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	return !strncmp(name, "qemu-system-", strlen("qemu-system-")) || !strcmp(name, "kvm") ||
	       !strcmp(name, "qemu-kvm");
}

/* ---- one option: "first,key=value,…" ---- */

/* Take the next part, with ",," as a comma. NULL: the text has ended, or there is no memory. */
static char *next_part(const char **at)
{
	size_t n = 0;
	char *part;

	if (!**at)
		return NULL;
	part = malloc(strlen(*at) + 1);
	if (!part)
		return NULL;
	for (; **at; (*at)++) {
		if (**at == ',' && (*at)[1] != ',') {
			(*at)++;
			break;
		}
		if (**at == ',')
			(*at)++;
		part[n++] = **at;
	}
	part[n] = '\0';
	return part;
}

/* The value in a JSON object; a truth is "on" or "off". */
static char *json_option(const char *text, const char *key)
{
	json_t *o = json_loads(text, 0, NULL), *value = json_object_get(o, key);
	const char *s = json_is_boolean(value) ? (json_is_true(value) ? "on" : "off")
					       : json_string_value(value);
	char *found = s ? strdup(s) : NULL;

	json_decref(o);
	return found;
}

char *wb_qemu_option(const char *text, const char *key)
{
	size_t n = strlen(key);
	char *part, *found = NULL;

	if (*text == '{')
		return json_option(text, key);
	while ((part = next_part(&text))) {
		if (!strncmp(part, key, n) && part[n] == '=') {
			free(found);
			found = strdup(part + n + 1);
		}
		free(part);
	}
	return found;
}

/* In JSON the value of the key. Else the part without "=", or that of the key that such a part stands for. */
static char *first_of(const char *text, const char *key)
{
	WB_CLEAN_STR part = NULL;
	char *value;

	if (*text == '{')
		return json_option(text, key);
	part = next_part(&text);
	value = wb_qemu_option(text, key);
	if (value || !part)
		return value;
	if (!strchr(part, '='))
		return strdup(part);
	return wb_qemu_option(part, key);
}

static bool is_on(const char *text, const char *key)
{
	WB_CLEAN_STR value = wb_qemu_option(text, key);

	return value && (!strcmp(value, "on") || !strcmp(value, "yes") || !strcmp(value, "true"));
}

/* ---- all words ---- */

/* "-name" and "--name" are the same. NULL: the word is no option. */
static const char *option_of(const char *word)
{
	if (*word != '-' || !word[1])
		return NULL;
	return word + 1 + (word[1] == '-');
}

static void replace(char **to, char *value)
{
	if (!value)
		return;
	free(*to);
	*to = value;
}

/* Devices with a part outside of QEMU, which a jump ends. */
static const struct {
	const char *option, *begins, *why;
} outside[] = {
	{"device", "vfio-",
		"a device of the host is passed through (VFIO), whose state stays in it"},
	{"device", "vhost-user-", "its device %s lives in another process (vhost-user)"},
	{"device", "vhost-vdpa-", "its device %s lives in a device of the host (vDPA)"},
	{"netdev", "vhost-user", "its network %s lives in another process (vhost-user)"},
	{"netdev", "vhost-vdpa", "its network %s lives in a device of the host (vDPA)"},
	{"nic", "vhost-user", "its network %s lives in another process (vhost-user)"},
	{"nic", "vhost-vdpa", "its network %s lives in a device of the host (vDPA)"},
	{"object", "cryptodev-vhost-user", "its device %s lives in another process (vhost-user)"},
	{"tpmdev", "", "its TPM (%s) lives outside of QEMU"},
	{"device", "ivshmem", "it shares memory with other programs (%s)"},
	{"object", "x-remote", "a part of it runs in another process (%s)"},
};

static void look_for_obstacles(struct wb_qemu_args *a, const char *option, const char *value)
{
	/* Of -device, of -object, and of -netdev. */
	static const char *const keys[] = {"driver", "qom-type", "type", NULL};
	WB_CLEAN_STR what = NULL;

	for (const char *const *key = keys; !what && *key; key++)
		what = first_of(value, *key);
	for (size_t i = 0; what && !a->obstacle && i < sizeof(outside) / sizeof(*outside); i++) {
		const char *hole = strstr(outside[i].why, "%s");

		if (strcmp(option, outside[i].option) ||
			strncmp(what, outside[i].begins, strlen(outside[i].begins)))
			continue;
		if (!hole)
			a->obstacle = strdup(outside[i].why);
		else if (asprintf(&a->obstacle, "%.*s%.64s%s", (int)(hole - outside[i].why),
				 outside[i].why, what, hole + 2) < 0)
			a->obstacle = NULL;
		if (a->obstacle)
			wb_make_plain(a->obstacle);
	}
}

static void take_qmp(struct wb_qemu_args *a, const char *value)
{
	WB_CLEAN_STR path = NULL;

	if (a->qmp || strncmp(value, "unix:", 5))
		return;
	value += 5;
	path = next_part(&value);
	if (path && *path == '/') {
		a->qmp = path;
		path = NULL;
	}
}

/* The path of "-chardev socket,id=X,path=P,…"; NULL: there is none. */
static char *socket_of(const struct wb_strv *argv, const char *chardev)
{
	for (size_t i = 0; i + 1 < argv->n; i++) {
		const char *option = option_of(argv->items[i]);
		const char *text = argv->items[i + 1];
		WB_CLEAN_STR id = wb_qemu_option(text, "id");
		char *path;

		if (!option || strcmp(option, "chardev") || strncmp(text, "socket,", 7) || !id ||
			strcmp(id, chardev))
			continue;
		path = wb_qemu_option(text, "path");
		if (path && *path == '/')
			return path;
		free(path);
	}
	return NULL;
}

/* Such a chardev and "-mon chardev=X,mode=control" are one monitor. */
static void take_monitor(struct wb_qemu_args *a, const struct wb_strv *argv, const char *value)
{
	WB_CLEAN_STR chardev = first_of(value, "chardev");
	WB_CLEAN_STR mode = wb_qemu_option(value, "mode");

	if (!a->qmp && chardev && mode && !strcmp(mode, "control"))
		a->qmp = socket_of(argv, chardev);
}

/* "-device virtserialport,chardev=X,name=org.qemu.guest_agent.0" */
static void take_agent(struct wb_qemu_args *a, const struct wb_strv *argv, const char *value)
{
	WB_CLEAN_STR name = wb_qemu_option(value, "name");
	WB_CLEAN_STR chardev = wb_qemu_option(value, "chardev");

	if (a->agent || !name || strcmp(name, "org.qemu.guest_agent.0") || !chardev)
		return;
	a->agent = socket_of(argv, chardev);
	if (a->agent) {
		a->agent_chardev = chardev;
		chardev = NULL;
	}
}

static bool is_network_of_host(const char *value)
{
	WB_CLEAN_STR kind = first_of(value, "type");

	return kind && (!strcmp(kind, "tap") || !strcmp(kind, "bridge"));
}

static void take_memory(struct wb_qemu_args *a, const struct wb_strv *argv)
{
	for (size_t i = 0; a->backend && i + 1 < argv->n; i++) {
		const char *option = option_of(argv->items[i]), *text = argv->items[i + 1];
		WB_CLEAN_STR id = wb_qemu_option(text, "id");

		if (!option || strcmp(option, "object") || !id || strcmp(id, a->backend))
			continue;
		replace(&a->kind, first_of(text, "qom-type"));
		replace(&a->mem_path, wb_qemu_option(text, "mem-path"));
		a->share = is_on(text, "share");
		a->discard = is_on(text, "discard-data");
		a->at = i + 1;
		return;
	}
}

int wb_qemu_args_read(const struct wb_strv *argv, struct wb_qemu_args *ret)
{
	struct wb_qemu_args a = {};

	for (size_t i = 1; i + 1 < argv->n; i++) {
		const char *option = option_of(argv->items[i]), *value = argv->items[i + 1];

		if (!option)
			continue;
		if (!strcmp(option, "name"))
			replace(&a.name, first_of(value, "guest"));
		if (!strcmp(option, "machine") || !strcmp(option, "M")) {
			replace(&a.machine, first_of(value, "type"));
			replace(&a.backend, wb_qemu_option(value, "memory-backend"));
		}
		if (!strcmp(option, "cpu"))
			replace(&a.cpu, first_of(value, "model"));
		if (!strcmp(option, "qmp") || !strcmp(option, "qmp-pretty"))
			take_qmp(&a, value);
		if (!strcmp(option, "mon"))
			take_monitor(&a, argv, value);
		if (!strcmp(option, "device"))
			take_agent(&a, argv, value);
		if (!strcmp(option, "netdev") || !strcmp(option, "nic"))
			a.network |= is_network_of_host(value);
		look_for_obstacles(&a, option, value);
	}
	take_memory(&a, argv);
	*ret = a;
	return 0;
}

/* ---- the words for the next time ---- */

static void print_value(FILE *out, const char *value)
{
	for (; *value; value++) {
		if (*value == ',')
			fputc(',', out);
		fputc(*value, out);
	}
}

/* NULL: it is no JSON, or out of memory. */
static char *json_memory_in(const char *text, const char *mem_path)
{
	json_t *o = json_loads(text, 0, NULL);
	char *again = NULL;

	if (json_is_object(o) && json_object_set_new(o, "mem-path", json_string(mem_path)) == 0 &&
		(json_object_get(o, "align") ||
			json_object_set_new(o, "align", json_integer(2 << 20)) == 0))
		again = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return again;
}

/* The memory object with another path, for a DAX device: it is shared, and in pages of 2 MiB. */
static char *memory_in(const char *text, const char *mem_path)
{
	WB_CLEAN_STR align = wb_qemu_option(text, "align");
	char *again = NULL, *part;
	bool first = true;
	size_t n;
	FILE *out;

	if (*text == '{')
		return json_memory_in(text, mem_path);
	out = open_memstream(&again, &n);
	if (!out)
		return NULL;
	while ((part = next_part(&text))) {
		bool path = !strncmp(part, "mem-path=", strlen("mem-path="));

		fputs(first ? "" : ",", out);
		print_value(out, path ? "mem-path=" : part);
		if (path)
			print_value(out, mem_path);
		first = false;
		free(part);
	}
	if (!align)
		fputs(",align=2M", out);
	if (fclose(out)) {
		free(again);
		return NULL;
	}
	return again;
}

int wb_qemu_args_again(const struct wb_strv *argv, const struct wb_qemu_args *args,
	const char *mem_path, struct wb_strv *ret, struct wb_error *err)
{
	WB_CLEAN_STRV words = {};
	int r = 0;

	if (mem_path && (!args->at || args->at >= argv->n || !args->mem_path))
		return wb_fail(err, -EINVAL, "its command line names no file for its memory");
	for (size_t i = 0; r == 0 && i < argv->n; i++) {
		const char *option = i ? option_of(argv->items[i]) : NULL;
		WB_CLEAN_STR memory = NULL;

		/* An earlier jump has added the one, and QEMU takes only one of them. */
		if (option && (!strcmp(option, "incoming") || !strcmp(option, "loadvm"))) {
			i++;
			continue;
		}
		if (mem_path && i == args->at && !(memory = memory_in(argv->items[i], mem_path)))
			return wb_oom(err);
		r = wb_strv_add(&words, memory ? memory : argv->items[i]);
	}
	if (r == 0)
		r = wb_strv_add(&words, "-incoming");
	if (r == 0)
		r = wb_strv_add(&words, "defer");
	if (r < 0)
		return wb_oom(err);
	*ret = words;
	words = (struct wb_strv){};
	return 0;
}
