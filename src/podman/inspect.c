// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The answer of "podman container inspect" is read here. The keys are those of podman's structs InspectContainerData and
 * InspectContainerHostConfig (libpod/define/container_inspect.go).
 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "core/valid.h"
#include "net/net.h"
#include "podman/podman.h"

/* An answer has some 10 KiB; each mount and label makes it longer. */
#define MOST_PORTS 4096
#define MOST_MOUNTS 1024

void wb_container_deinit(struct wb_container *c)
{
	free(c->id);
	free(c->name);
	free(c->bundle);
	free(c->layer);
	free(c->id_file);
	free(c->pid_file);
	free(c->monitor_file);
	wb_net_ends_deinit(&c->published);
	for (size_t i = 0; i < c->mounts.n; i++)
		free(c->mounts.items[i].source);
	free(c->mounts.items);
	for (size_t i = 0; i < c->answers.n; i++)
		free(c->answers.items[i].address);
	free(c->answers.items);
	wb_strv_deinit(&c->hindrances);
	wb_strv_deinit(&c->notes);
	*c = (struct wb_container){};
}

bool wb_valid_container_id(const char *s)
{
	return strlen(s) == WB_CONTAINER_ID && strspn(s, "0123456789abcdef") == WB_CONTAINER_ID;
}

/* ---- reading ---- */

/* A failed allocation is remembered in `error`, so that the rules stay readable. */
struct reading {
	struct wb_container c;
	int error;
};

static const char *text_of(const json_t *of, const char *key)
{
	const char *s = json_string_value(json_object_get(of, key));

	return s ? s : "";
}

static bool flag_of(const json_t *of, const char *key)
{
	return json_is_true(json_object_get(of, key));
}

static int64_t pid_of(const json_t *of, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(of, key));

	return n > 0 && n <= 4 << 20 ? (int64_t)n : 0;
}

static void copy(struct reading *r, const char *from, char **to)
{
	*to = strdup(from);
	if (!*to)
		r->error = -ENOMEM;
}

static void add(struct reading *r, struct wb_strv *to, const char *fmt, const char *quoted)
{
	WB_CLEAN_STR line = wb_strf(fmt, quoted);

	if (line)
		wb_make_plain(line);
	if (!line || wb_strv_add_once(to, line) < 0)
		r->error = -ENOMEM;
}

#define HINDER(r, sentence) add((r), &(r)->c.hindrances, "%s", (sentence))
#define HINDER_BY(r, fmt, quoted) add((r), &(r)->c.hindrances, (fmt), (quoted))

/* ---- ports ---- */

static void add_port(
	struct reading *r, const char *protocol, const char *address, const char *number)
{
	char *end;
	long port = strtol(number, &end, 10);
	struct wb_net_port *p;

	if (!*number || *end || port < 1 || port > 65535) {
		HINDER_BY(r, "it publishes a port that is no number: %s", number);
		return;
	}
	if (r->c.published.ports.n >= MOST_PORTS)
		return HINDER(r, "it publishes more than 4,096 ports");
	p = wb_list_add(&r->c.published.ports, sizeof(*p));
	if (!p) {
		r->error = -ENOMEM;
		return;
	}
	p->port = port;
	p->forwarded = true;
	copy(r, protocol, &p->protocol);
	if (*address)
		copy(r, address, &p->address);
}

/* Published with another number: see wb_podman_answers(). IPv6 is not translated. */
static void add_answers(struct reading *r, json_t *networks, long inner, const char *number)
{
	long outer = strtol(number, NULL, 10);
	struct wb_container_answer *a;
	const char *name;
	json_t *network;

	if (inner == outer || inner < 1 || inner > 65535 || outer < 1 || outer > 65535)
		return;
	json_object_foreach(networks, name, network)
	{
		const char *address = text_of(network, "IPAddress");

		if (!*address || !wb_net_valid_address(address) || strchr(address, ':'))
			continue;
		a = wb_list_add(&r->c.answers, sizeof(*a));
		if (!a) {
			r->error = -ENOMEM;
			return;
		}
		a->inner = inner;
		a->outer = outer;
		copy(r, address, &a->address);
	}
}

/* "7000/tcp": [{"HostIp": "0.0.0.0", "HostPort": "7001"}]; null: it is not published. */
static void read_ports(struct reading *r, const json_t *settings)
{
	json_t *ports = json_object_get(settings, "Ports"), *bindings, *b;
	const char *key;
	size_t i;

	json_object_foreach(ports, key, bindings)
	{
		const char *slash = strchr(key, '/');
		const char *protocol = slash ? slash + 1 : "";

		json_array_foreach(bindings, i, b)
		{
			if (!strcmp(protocol, "tcp") || !strcmp(protocol, "udp"))
				add_port(r, protocol, text_of(b, "HostIp"), text_of(b, "HostPort"));
			else
				HINDER_BY(r, "it publishes a port of the protocol %s", protocol);
			if (!strcmp(protocol, "tcp"))
				add_answers(r, json_object_get(settings, "Networks"),
					strtol(key, NULL, 10), text_of(b, "HostPort"));
		}
	}
}

/* ---- mounts ---- */

static bool is_anonymous(const char *volume)
{
	return wb_valid_container_id(volume);
}

static void read_mount(struct reading *r, const json_t *m)
{
	const char *type = text_of(m, "Type"), *source = text_of(m, "Source");
	bool bind = !strcmp(type, "bind"), volume = !strcmp(type, "volume");
	struct wb_container_mount *to;

	if (!strcmp(type, "tmpfs") || !strcmp(type, "devpts"))
		return;
	if (!bind && !volume)
		return HINDER_BY(r, "it has a mount of the kind \"%s\"", type);
	if (volume && strcmp(text_of(m, "Driver"), "local") != 0)
		HINDER_BY(r, "it has a volume of the driver \"%s\"", text_of(m, "Driver"));
	/* podman removes it with the container before the restore. */
	if (volume && r->c.removed && is_anonymous(text_of(m, "Name")))
		HINDER(r, "it has a volume without a name, which podman removes in the next boot, "
			  "as it does "
			  "with its container (--rm)");
	if (!wb_valid_path(source))
		return HINDER(r, "one of its mounts has no plain path");
	to = wb_list_add(&r->c.mounts, sizeof(*to));
	if (!to) {
		r->error = -ENOMEM;
		return;
	}
	to->file_system = bind;
	copy(r, source, &to->source);
}

static void read_mounts(struct reading *r, const json_t *mounts)
{
	const json_t *m;
	size_t i;

	if (json_array_size(mounts) > MOST_MOUNTS)
		return HINDER(r, "it has more than 1,024 mounts");
	json_array_foreach(mounts, i, m) read_mount(r, m);
}

/* ---- what hinders ---- */

static bool is_one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(s, *list))
			return true;
	return false;
}

static void judge_state(struct reading *r, const json_t *all)
{
	const char *status = text_of(json_object_get(all, "State"), "Status");
	const char *runtime = text_of(all, "OCIRuntime");

	if (strcmp(status, "running") != 0)
		HINDER_BY(r, "its container is %s", *status ? status : "in no known state");
	else if (!r->c.pid || !r->c.monitor)
		HINDER(r, "podman does not tell the processes of its container");
	if (strcmp(runtime, "crun") != 0)
		HINDER_BY(r,
			"the runtime of its container is %s, and only crun's checkpoints are known "
			"to come back",
			*runtime ? runtime : "not known");
	if (*text_of(all, "Pod") || flag_of(all, "IsInfra"))
		HINDER(r, "its container is in a pod, whose containers share namespaces");
	if (json_array_size(json_object_get(all, "Dependencies")))
		HINDER(r, "its container depends on another one");
}

/* Namespaces that are not the container's own, but for the network. */
static void judge_namespaces(struct reading *r, const json_t *host)
{
	static const char *const own[] = {"", "private", "shareable", NULL};
	static const char *const networks[] = {"bridge", "host", "none", NULL};
	static const struct {
		const char *key, *what;
	} kinds[] = {{"IpcMode", "its container shares an IPC namespace (%s)"},
		{"PidMode", "its container shares a PID namespace (%s)"},
		{"UTSMode", "its container shares a UTS namespace (%s)"},
		{"CgroupMode", "its container shares a control group namespace (%s)"}};
	const char *network = text_of(host, "NetworkMode"), *users = text_of(host, "UsernsMode");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!is_one_of(text_of(host, kinds[i].key), own))
			HINDER_BY(r, kinds[i].what, text_of(host, kinds[i].key));
	/* CRIU repairs TCP connections in the machine's user namespace only. */
	if (*users && strcmp(users, "host") != 0)
		HINDER_BY(r, "its container has users of its own (--userns=%s)", users);
	if (!is_one_of(network, networks))
		HINDER_BY(r,
			"the network of its container is \"%s\"; only bridge, host and none are "
			"kept",
			network);
	r->c.own_network = strcmp(network, "host") != 0;
}

static void judge_rest(struct reading *r, const json_t *all, const json_t *host)
{
	const json_t *config = json_object_get(all, "Config");

	if (flag_of(config, "Tty"))
		HINDER(r, "its container has a terminal (--tty)");
	if (flag_of(config, "OpenStdin"))
		HINDER(r, "the standard input of its container is kept open (--interactive)");
	if (flag_of(config, "SystemdMode"))
		HINDER(r, "a systemd runs in its container");
	if (flag_of(host, "Privileged"))
		HINDER(r, "its container is privileged");
	if (json_array_size(json_object_get(host, "Devices")))
		HINDER(r, "its container has a device of the machine");
	if (json_object_size(json_object_get(config, "Healthcheck")))
		add(r, &r->c.notes, "%s",
			"podman does not check the health of its container again until that is "
			"started anew");
}

/* ---- all of it ---- */

/* A file of podman's own directory of the container. One elsewhere (--pidfile=) may be in a volume, where the container can write. */
static void copy_own(struct reading *r, const char *path, const char *dir, char **to)
{
	const char *at = strstr(path, dir);

	if (wb_valid_path(path) && at && at[strlen(dir)] == '/' &&
		!strchr(at + strlen(dir) + 1, '/'))
		copy(r, path, to);
}

static int read_names(struct reading *r, const json_t *all, struct wb_error *err)
{
	const json_t *state = json_object_get(all, "State"),
		     *host = json_object_get(all, "HostConfig");
	const char *id = text_of(all, "Id"), *name = text_of(all, "Name");
	const char *bundle = text_of(all, "StaticDir"), *file = text_of(host, "ContainerIDFile");
	const char *layer =
		text_of(json_object_get(json_object_get(all, "GraphDriver"), "Data"), "UpperDir");
	WB_CLEAN_STR end = NULL;

	if (!wb_valid_container_id(id) || !*name || strlen(name) > 255)
		return wb_fail(err, -EBADMSG, "podman tells no number or no name of the container");
	end = wb_strf("/overlay-containers/%s/userdata", id);
	if (!end)
		return wb_oom(err);
	copy(r, id, &r->c.id);
	copy(r, name, &r->c.name);
	copy(r, bundle, &r->c.bundle);
	if (r->c.name)
		wb_make_plain(r->c.name);
	if (!wb_valid_path(bundle) || strlen(bundle) < strlen(end) ||
		strcmp(bundle + strlen(bundle) - strlen(end), end) != 0)
		HINDER(r, "podman does not store its container on an overlay");
	if (*file && wb_valid_path(file))
		copy(r, file, &r->c.id_file);
	if (wb_valid_path(layer))
		copy(r, layer, &r->c.layer);
	copy_own(r, text_of(all, "PidFile"), end, &r->c.pid_file);
	copy_own(r, text_of(all, "ConmonPidFile"), end, &r->c.monitor_file);
	r->c.pid = pid_of(state, "Pid");
	r->c.monitor = pid_of(state, "ConmonPid");
	r->c.removed = flag_of(host, "AutoRemove");
	return 0;
}

static int read_all(struct reading *r, const json_t *all, struct wb_error *err)
{
	const json_t *host = json_object_get(all, "HostConfig");
	int e = read_names(r, all, err);

	if (e < 0)
		return e;
	judge_state(r, all);
	judge_namespaces(r, host);
	judge_rest(r, all, host);
	read_ports(r, json_object_get(all, "NetworkSettings"));
	read_mounts(r, json_object_get(all, "Mounts"));
	return r->error < 0 ? wb_oom(err) : 0;
}

int wb_container_parse(struct wb_bytes text, struct wb_container *ret, struct wb_error *err)
{
	struct reading r = {};
	json_t *list = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *all =
		json_is_array(list) && json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;
	int e = json_is_object(all)
			? read_all(&r, all, err)
			: wb_fail(err, -EBADMSG, "podman's answer is not about one container");

	json_decref(list);
	if (e < 0) {
		wb_container_deinit(&r.c);
		return e;
	}
	*ret = r.c;
	return 0;
}
