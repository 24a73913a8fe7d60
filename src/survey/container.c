// SPDX-License-Identifier: LGPL-2.1-or-later
/* Finds the container of a unit, and judges it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/valid.h"
#include "net/net.h"
#include "survey/container.h"
#include "survey/judging.h"
#include "sys/below.h"

/* Descriptors are open at each level. */
#define MOST_DEPTH 200
/* The container decides how many files there are, and all of them are looked at. */
#define MOST_FILES (1u << 20)
/* The control group of a container whose unit it is in (--cgroups=split), as podman names it. */
#define PAYLOAD "libpod-payload-"

/* ---- finding ---- */

static bool is_conmon(const struct wb_proc *p)
{
	const char *name = p && p->exe ? strrchr(p->exe, '/') : NULL;

	return name && !strcmp(name, "/conmon");
}

/* The number of the container that has a control group below the unit's. 1; 0: none; -E2BIG: several. */
static int find_payload(
	const struct wb_files *files, const char *cgroup, char ret[WB_CONTAINER_ID + 1])
{
	WB_CLEAN_STR dir = wb_strf("/sys/fs/cgroup%s", cgroup);
	WB_CLEAN_STRV names = {};
	int found = 0;

	if (!dir)
		return -ENOMEM;
	if (files->list(files->ctx, dir, &names, NULL) < 0)
		return 0;
	for (size_t i = 0; i < names.n; i++) {
		const char *id = names.items[i] + strlen(PAYLOAD);

		if (strncmp(names.items[i], PAYLOAD, strlen(PAYLOAD)) != 0 ||
			!wb_valid_container_id(id))
			continue;
		if (found++)
			return -E2BIG;
		memcpy(ret, id, WB_CONTAINER_ID + 1);
	}
	return found;
}

static int hinder(struct wb_container *c, const char *fmt, const char *quoted)
{
	WB_CLEAN_STR line = wb_strf(fmt, quoted);

	if (!line)
		return -ENOMEM;
	wb_make_plain(line);
	return wb_strv_add_once(&c->hindrances, line);
}

/* A file of the machine that is on a tmpfs does not travel with a container. */
static int look_at_mounts(struct wb_container *c)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->mounts.n; i++) {
		WB_CLEAN_FD fd = open(c->mounts.items[i].source, O_PATH | O_CLOEXEC);

		if (fd < 0 || wb_is_volatile(fd))
			r = hinder(c, "its container has %s, which the next boot does not have",
				c->mounts.items[i].source);
	}
	return r;
}

static bool listens(const struct wb_sockets *sockets, int64_t port)
{
	for (size_t i = 0; i < sockets->n; i++)
		if (sockets->items[i].kind == WB_SOCKET_TCP && sockets->items[i].listening &&
			sockets->items[i].local_port == port)
			return true;
	return false;
}

/*
 * A connection from a network of its own to the outside has the machine's address there, and a port that only the
 * kernel's table of connections knows. The next kernel would refuse the answers.
 */
static int look_at_connections(
	const struct wb_files *files, struct wb_container *c, struct wb_error *err)
{
	WB_CLEAN_SOCKETS sockets = {};
	int r = c->own_network ? wb_sockets_read(files, c->pid, &sockets, err) : 0;

	for (size_t i = 0; r == 0 && i < sockets.n; i++) {
		const struct wb_socket *s = &sockets.items[i];

		if (s->kind == WB_SOCKET_TCP && s->connected && s->remote && s->local &&
			strcmp(s->remote, s->local) != 0 && !listens(&sockets, s->local_port))
			return hinder(c,
				       "its container has opened a connection to %s, and the next "
				       "kernel does "
				       "not know how its addresses were translated",
				       s->remote) < 0
				       ? wb_oom(err)
				       : 0;
	}
	return r;
}

/* Compare what podman says with what the kernel shows of the unit. */
static int check(const struct wb_files *files, const struct wb_service *service,
	const struct wb_procs *procs, struct wb_container *c, struct wb_error *err)
{
	const struct wb_proc *first = c->pid ? wb_procs_find(procs, c->pid) : NULL;

	if (!c->pid)
		return 0;
	if (c->monitor != service->main_pid || !first)
		return wb_fail(err, -EPERM,
			"podman tells other processes of its container (%" PRId64 ", %" PRId64
			") than it has",
			c->pid, c->monitor);
	if (look_at_mounts(c) < 0)
		return wb_oom(err);
	return look_at_connections(files, c, err);
}

int wb_container_of_unit(const struct wb_files *files, const struct wb_runner *runner,
	const struct wb_service *service, const struct wb_procs *procs, struct wb_container *ret,
	struct wb_error *err)
{
	const struct wb_proc *main = wb_procs_find(procs, service->main_pid);
	WB_CLEAN_CONTAINER c = {};
	char id[WB_CONTAINER_ID + 1];
	int r;

	/* Any unit can name its control groups so. */
	if (!is_conmon(main))
		return 0;
	if (!main->rights.root)
		return wb_fail(err, -EOPNOTSUPP,
			"it runs a container without root (rootless), and CRIU needs root");
	r = find_payload(files, service->cgroup, id);
	if (r == -ENOMEM)
		return wb_oom(err);
	if (r <= 0)
		return wb_fail(err, -EOPNOTSUPP,
			r < 0 ? "it runs several containers"
			      : "its container is not in its control group: --cgroups=split puts "
				"it there, as "
				"a quadlet does");
	r = wb_container_inspect(runner, id, &c, err);
	if (r == 0 && strcmp(c.id, id) != 0)
		r = wb_fail(err, -EBADMSG, "podman tells of another container than %s", id);
	if (r == 0)
		r = check(files, service, procs, &c, err);
	if (r < 0)
		return r;
	*ret = c;
	c = (struct wb_container){};
	return 1;
}

/* ---- what is kept of it in the manifest ---- */

#define STRING(member, is_valid, ...)                                                       \
	WB_JSON_ROW(struct wb_container_image, member, WB_JSON_STRING, .valid = (is_valid), \
		##__VA_ARGS__)
#define ROW(member, kind, ...) WB_JSON_ROW(struct wb_container_image, member, kind, ##__VA_ARGS__)

static const struct wb_json_field answer_fields[] = {
	WB_JSON_ROW(struct wb_container_answer, address, WB_JSON_STRING, .needed = true,
		.valid = wb_net_valid_address),
	WB_JSON_ROW(struct wb_container_answer, inner, WB_JSON_INT, .needed = true, .min = 1,
		.max = 65535),
	WB_JSON_ROW(struct wb_container_answer, outer, WB_JSON_INT, .needed = true, .min = 1,
		.max = 65535),
	{},
};

static const struct wb_json_field image_fields[] = {
	STRING(id, wb_valid_container_id, .needed = true),
	STRING(name, NULL, .needed = true),
	STRING(bundle, wb_valid_path, .needed = true),
	STRING(id_file, wb_valid_path),
	STRING(pid_file, wb_valid_path),
	STRING(monitor_file, wb_valid_path),
	STRING(cgroup, wb_valid_path, .needed = true),
	ROW(pid, WB_JSON_INT, .min = 2, .max = 4 << 20, .needed = true),
	ROW(monitor, WB_JSON_INT, .min = 2, .max = 4 << 20, .needed = true),
	ROW(removed, WB_JSON_BOOL),
	ROW(own_network, WB_JSON_BOOL),
	WB_JSON_ROWS(struct wb_container_image, answers, answer_fields, 4096),
	WB_JSON_ROWS(struct wb_container_image, peers, wb_net_connection_fields, 20000),
	{},
};

void wb_container_image_deinit(struct wb_container_image *image)
{
	wb_json_free(image_fields, image);
}

int wb_container_image_read(
	const json_t *json, struct wb_container_image *ret, struct wb_error *err)
{
	struct wb_container_image image = {};
	int r = wb_json_read(json, image_fields, "what is known of the container", &image, err);

	if (r == 0)
		*ret = image;
	return r;
}

json_t *wb_container_image_write(const struct wb_container_image *image)
{
	return wb_json_write(image_fields, image);
}

/* ---- the verdict ---- */

/* The files of a container, as far as they were found. */
struct measured {
	uint64_t bytes;
	size_t files, most_files;
};

static void measure(int dir, unsigned depth, struct measured *m)
{
	DIR *list = fdopendir(dir);
	struct dirent *d;

	if (!list) {
		close(dir);
		return;
	}
	while (m->files < m->most_files && (d = readdir(list))) {
		struct stat st;
		int below;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") ||
			fstatat(dirfd(list), d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		m->files++;
		m->bytes += (uint64_t)st.st_blocks * 512;
		if (!S_ISDIR(st.st_mode) || depth >= MOST_DEPTH)
			continue;
		below = openat(dirfd(list), d->d_name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME);
		if (below >= 0)
			measure(below, depth + 1, m);
	}
	closedir(list);
}

/* The container can make and remove files meanwhile, so each is reached from the directory above it. */
int wb_container_layer_bytes(const char *path, size_t most_files, uint64_t *ret)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct measured m = {.most_files = most_files};

	if (dir >= 0)
		measure(dir, 0, &m);
	if (m.files >= most_files)
		return -E2BIG;
	*ret = m.bytes;
	return 0;
}

static void add_files(struct wb_judging *j, const char *dir, const char *where)
{
	uint64_t bytes = 0;

	if (wb_container_layer_bytes(dir, MOST_FILES, &bytes) < 0)
		wb_refuse(j,
			"its container has more than a million files %s, all of which podman would "
			"have to write and to read again",
			where);
	j->v.bytes += bytes;
}

/* The files that podman puts into the checkpoint, besides memory. */
static void judge_files(struct wb_judging *j, const struct wb_container *c)
{
	/* Its /dev/shm: ShmDir in podman's libpod/runtime_ctr.go. */
	WB_CLEAN_STR shm = c->bundle ? wb_strf("%s/shm", c->bundle) : NULL;

	if (shm)
		add_files(j, shm, "in /dev/shm");
	/* podman removes its changes to its image in the next boot. */
	if (c->removed && c->layer)
		add_files(j, c->layer, "besides those of its image (--rm)");
}

static int write_image(struct wb_judging *j, const struct wb_container *c)
{
	WB_CLEAN_STR cgroup = wb_strf("%s/" PAYLOAD "%s", j->f->systemd->cgroup, c->id);
	const struct wb_container_image image = {.id = c->id,
		.name = c->name,
		.bundle = c->bundle,
		.id_file = c->id_file,
		.pid_file = c->pid_file,
		.monitor_file = c->monitor_file,
		.cgroup = cgroup,
		.pid = c->pid,
		.monitor = c->monitor,
		.removed = c->removed,
		.own_network = c->own_network,
		.answers = {c->answers.items, c->answers.n}};

	j->v.container = cgroup ? wb_container_image_write(&image) : NULL;
	return j->v.container ? 0 : -ENOMEM;
}

static void judge(struct wb_judging *j, const struct wb_container *c)
{
	for (size_t i = 0; i < c->hindrances.n; i++)
		wb_refuse(j, "%s", c->hindrances.items[i]);
	for (size_t i = 0; i < c->notes.n; i++)
		wb_warn(j, "%s", c->notes.items[i]);
	if (is(j->f->systemd->active, "activating"))
		wb_refuse(j, "it is still starting (activating)");
	if (!j->f->criu)
		wb_refuse(j, "criu is not installed");
	if (j->f->missing_modules && j->f->missing_modules->n)
		wb_refuse(j, "the kernel %s lacks the module %s, which criu needs", j->f->release,
			j->f->missing_modules->items[0]);
	/* Its ports in the machine's own network are those of sockets. */
	if (c->own_network)
		j->error = j->error < 0 ? j->error : wb_net_ends_copy(&c->published, &j->v.ends);
	else
		wb_rules_ends(j);
	judge_files(j, c);
	if (j->error == 0 && !j->v.reasons.n)
		j->error = write_image(j, c);
}

int wb_judge_container(const struct wb_keep_facts *facts, const struct wb_keep_config *config,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	struct wb_judging j = {.f = facts, .config = config};
	int r;

	if (!facts->container && !facts->no_container)
		return wb_judging_not_for(
			&j, WB_KEEP_CONTAINER, "it runs no container of podman's", ret, err);
	r = wb_judging_begin(&j, err);
	if (r < 0)
		return r;
	if (facts->container)
		judge(&j, facts->container);
	else
		wb_refuse(&j, "%s", facts->no_container);
	return wb_judging_end(&j, ret, err);
}

int wb_container_to_manifest(const struct wb_keep_verdict *v, struct wb_manifest_unit *u)
{
	u->cgroup = v->cgroup ? strdup(v->cgroup) : NULL;
	u->main_pid = v->image.main_pid;
	u->image = json_incref(v->container);
	for (size_t i = 0; i < v->image.pids.n; i++) {
		int64_t *pid = wb_list_add(&u->pids, sizeof(*pid));

		if (!pid)
			return -ENOMEM;
		*pid = v->image.pids.items[i];
	}
	return u->cgroup && u->image ? 0 : -ENOMEM;
}
