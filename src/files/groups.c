// SPDX-License-Identifier: LGPL-2.1-or-later
/* Control groups below that of a unit, before a jump and after it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/valid.h"
#include "files/groups.h"
#include "files/opened.h"
#include "sys/below.h"

#define ROOT "/sys/fs/cgroup"
/* systemd's own, for the commands of a unit with Delegate=; it makes it when it needs it. */
#define CONTROL ".control"
#define LARGEST (1u << 20)
#define LONGEST 4096 /* a name or value */
#define DEEPEST 16

/* ---- what is in a group ---- */

/*
 * The settings of the controllers that are carried over, each with the value of a new group, in the order in which they
 * are to be made.
 */
static const struct {
	const char *name, *usual;
} settings[] = {
	{"cgroup.max.depth", "max"},
	{"cgroup.max.descendants", "max"},
	{"cgroup.pressure", "1"},
	{"cpu.idle", "0"},
	{"cpu.weight", "100"},
	{"cpu.max", "max 100000"},
	{"cpu.max.burst", "0"},
	{"cpu.uclamp.min", "0.00"},
	{"cpu.uclamp.max", "max"},
	{"cpuset.cpus", ""},
	{"cpuset.mems", ""},
	{"io.weight", "default 100"},
	{"io.prio.class", "no-change"},
	{"io.bfq.weight", "default 100"},
	{"memory.min", "0"},
	{"memory.low", "0"},
	{"memory.high", "max"},
	{"memory.max", "max"},
	{"memory.oom.group", "0"},
	{"memory.swap.high", "max"},
	{"memory.swap.max", "max"},
	{"memory.zswap.max", "max"},
	{"memory.zswap.writeback", "1"},
	{"pids.max", "max"},
};
#define N_SETTINGS (sizeof(settings) / sizeof(*settings))

/* Files that set nothing that lasts, or whose contents are carried over in another way. */
static const char *const others[] = {"cgroup.procs", "cgroup.threads", "cgroup.kill",
	"cgroup.subtree_control", "cgroup.type", "cgroup.freeze", "cpu.weight.nice",
	"memory.reclaim", "memory.peak", "memory.swap.peak"};

static bool is_other(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(name, others[i]))
			return true;
	/* Such a file waits for pressure, for whoever has it open. */
	return dot && !strcmp(dot, ".pressure");
}

static size_t setting_of(const char *name)
{
	size_t i = 0;

	while (i < N_SETTINGS && strcmp(settings[i].name, name))
		i++;
	return i;
}

/* Does it say nothing, zero, or "max" in every line, as "2MB.max" of hugetlb and those of devices do? */
static bool is_plain(const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t n = strcspn(line, "\n");

		if (n == 1 && *line == '0')
			continue;
		if (n < 3 || strncmp(line + n - 3, "max", 3) || (n > 3 && line[n - 4] != ' '))
			return false;
	}
	return true;
}

struct noting {
	const struct wb_files *files;
	struct wb_manifest_unit *u;
	struct wb_error *err;
};

/* The text without its last line break; NULL: it cannot be read. */
static char *read_text(const struct noting *n, const char *dir, const char *name)
{
	WB_CLEAN_BLOB b = {};
	WB_CLEAN_STR path = wb_strf("%s/%s", dir, name);
	char *text;

	if (!path || n->files->read(n->files->ctx, path, LARGEST, &b, NULL) < 0)
		return NULL;
	text = strdup((const char *)b.data);
	if (text && *text && text[strlen(text) - 1] == '\n')
		text[strlen(text) - 1] = 0;
	return text;
}

static bool is_text(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

static int add_setting(struct wb_manifest_group *g, const char *name, const char *value)
{
	struct wb_manifest_setting *s = wb_list_add(&g->settings, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->name = strdup(name);
	s->value = strdup(value);
	return s->name && s->value ? 0 : -ENOMEM;
}

static int refuse(const struct noting *n, const char *path, const char *what, const char *name)
{
	return wb_fail(n->err, -EOPNOTSUPP, "its control group %.200s %s%s", path, what, name);
}

static bool is_writable(const char *dir, const char *name)
{
	WB_CLEAN_STR path = wb_strf("%s/%s", dir, name);
	struct stat st;

	return path && lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0222;
}

static int note_known(
	const struct noting *n, const char *dir, struct wb_manifest_group *g, bool own)
{
	int r = 0;

	/* systemd sets what is set in the unit's own group. */
	for (size_t i = 0; r == 0 && !own && i < N_SETTINGS; i++) {
		WB_CLEAN_STR value = read_text(n, dir, settings[i].name);

		if (!value || !strcmp(value, settings[i].usual))
			continue;
		/* In a group that gets idle time only, the weight is 0 and cannot be set. */
		if (!strcmp(settings[i].name, "cpu.weight") && !strcmp(value, "0"))
			continue;
		if (!is_text(value) || strlen(value) > LONGEST)
			return refuse(n, g->path,
				"has more set in it than is carried over: ", settings[i].name);
		r = add_setting(g, settings[i].name, value);
	}
	return r;
}

/* A setting that is not in the table must be as in any new group. */
static int look_at_unknown(const struct noting *n, const char *dir, const char *path,
	const struct wb_strv *names, bool own)
{
	for (size_t i = 0; !own && i < names->n; i++) {
		const char *name = names->items[i];
		WB_CLEAN_STR value = NULL;

		if (setting_of(name) < N_SETTINGS || is_other(name) || !is_writable(dir, name))
			continue;
		value = read_text(n, dir, name);
		if (value && !is_plain(value) && strcmp(value, "member"))
			return refuse(
				n, path, "has something set that is not carried over: ", name);
	}
	return 0;
}

static int note_state(
	const struct noting *n, const char *dir, struct wb_manifest_group *g, bool own)
{
	WB_CLEAN_STR type = read_text(n, dir, "cgroup.type");
	WB_CLEAN_STR freeze = read_text(n, dir, "cgroup.freeze");
	WB_CLEAN_STR control = read_text(n, dir, "cgroup.subtree_control");

	if (type && strcmp(type, "domain"))
		return refuse(n, g->path, "is not of the type \"domain\": ", type);
	if (freeze && strcmp(freeze, "0"))
		return refuse(n, g->path, "is frozen", "");
	if (!control || !*control)
		return 0;
	if (!is_text(control) || strlen(control) > LONGEST)
		return refuse(n, g->path, "has controllers with odd names", "");
	return add_setting(g, "cgroup.subtree_control", control);
}

static void note_owner(const char *dir, const struct wb_strv *names, struct wb_manifest_group *g)
{
	struct stat st;

	g->mode = 0755;
	if (lstat(dir, &st) < 0)
		return;
	g->uid = st.st_uid;
	g->gid = st.st_gid;
	g->mode = st.st_mode & 07777;
	for (size_t i = 0; i < names->n; i++) {
		WB_CLEAN_STR path = wb_strf("%s/%s", dir, names->items[i]);
		struct wb_manifest_owned *o;
		struct stat file;

		if (!path || lstat(path, &file) < 0 || !S_ISREG(file.st_mode) ||
			(!file.st_uid && !file.st_gid))
			continue;
		o = wb_list_add(&g->owned, sizeof(*o));
		if (!o)
			return;
		o->name = strdup(names->items[i]);
		o->uid = file.st_uid;
		o->gid = file.st_gid;
	}
}

static int note_pids(const struct noting *n, const char *dir, struct wb_manifest_group *g)
{
	WB_CLEAN_STR text = read_text(n, dir, "cgroup.procs");

	for (char *p = text, *end; p && *p; p = end) {
		long long pid = strtoll(p, &end, 10);
		int64_t *item;

		if (end == p)
			break;
		/* 0 is a process of another pid namespace. */
		if (pid < 2)
			return refuse(n, g->path, "has a process of another pid namespace", "");
		item = wb_list_add(&g->pids, sizeof(*item));
		if (!item)
			return -ENOMEM;
		*item = pid;
		end += *end == '\n';
	}
	return 0;
}

static struct wb_manifest_group *add_group(struct wb_manifest_unit *u, const char *path)
{
	char *copy = strdup(path);
	struct wb_manifest_group *g = copy ? wb_list_add(&u->groups, sizeof(*g)) : NULL;

	if (!g)
		free(copy);
	else
		g->path = copy;
	return g;
}

/* `path` is below the unit's group, which is "/". */
static int note_group(const struct noting *n, const char *dir, const char *path, unsigned depth)
{
	bool own = !strcmp(path, "/");
	struct wb_manifest_group *g;
	WB_CLEAN_STRV names = {};
	int r;

	if (n->u->groups.n >= WB_MANIFEST_GROUPS || depth > DEEPEST)
		return refuse(n, path, "is one of more than are carried over", "");
	if (!is_text(path) || !wb_valid_path(path))
		return refuse(n, n->u->cgroup, "has one below it with an odd name", "");
	if (n->files->list(n->files->ctx, dir, &names, NULL) < 0)
		return refuse(n, path, "cannot be read", "");
	g = add_group(n->u, path);
	if (!g)
		return -ENOMEM;
	note_owner(dir, &names, g);
	r = note_state(n, dir, g, own);
	if (r == 0)
		r = note_known(n, dir, g, own);
	if (r == 0)
		r = note_pids(n, dir, g);
	if (r == 0)
		r = look_at_unknown(n, dir, path, &names, own);
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		WB_CLEAN_STR below = wb_strf("%s/%s", dir, names.items[i]);
		WB_CLEAN_STR probe = wb_strf("%s/%s/cgroup.procs", dir, names.items[i]);
		WB_CLEAN_STR name = wb_strf("%s/%s", own ? "" : path, names.items[i]);

		if (!below || !probe || !name)
			return -ENOMEM;
		if ((own && !strcmp(names.items[i], CONTROL)) ||
			!n->files->exists(n->files->ctx, probe))
			continue;
		r = note_group(n, below, name, depth + 1);
	}
	return r;
}

static void forget(struct wb_manifest_unit *u)
{
	for (size_t i = 0; i < u->groups.n; i++) {
		struct wb_manifest_group *g = &u->groups.items[i];

		free(g->path);
		free(g->pids.items);
		for (size_t k = 0; k < g->settings.n; k++) {
			free(g->settings.items[k].name);
			free(g->settings.items[k].value);
		}
		free(g->settings.items);
		for (size_t k = 0; k < g->owned.n; k++)
			free(g->owned.items[k].name);
		free(g->owned.items);
	}
	free(u->groups.items);
	u->groups.items = NULL;
	u->groups.n = 0;
}

int wb_groups_note(const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err)
{
	const struct noting n = {files, u, err};
	WB_CLEAN_STR dir = NULL;
	int r;

	forget(u);
	dir = u->cgroup ? wb_strf(ROOT "%s", u->cgroup) : NULL;
	if (!dir)
		return u->cgroup ? wb_oom(err) : 0;
	r = note_group(&n, dir, "/", 0);
	/* Nothing but the unit's own group. */
	if (r < 0 || u->groups.n == 1)
		forget(u);
	return r == -ENOMEM ? wb_oom(err) : r;
}

/* ---- after the jump ---- */

/* Write the whole text at once, as the kernel wants it. */
static int write_entry(int dir, const char *name, const char *text)
{
	size_t n = strlen(text);
	WB_CLEAN_FD fd = wb_open_entry(dir, name, O_WRONLY);

	if (fd < 0)
		return fd;
	return write(fd, text, n) == (ssize_t)n ? 0 : -errno;
}

static int failed(struct wb_error *err, int r, const char *what, const struct wb_manifest_group *g,
	const char *name)
{
	return wb_fail(err, r, "cannot %s %s in its control group %s again: %s", what, name,
		g->path, strerror(-r));
}

static int open_top(const struct wb_manifest_unit *u, int top, struct wb_error *err)
{
	WB_CLEAN_STR path = u->cgroup ? wb_strf(ROOT "%s", u->cgroup) : NULL;
	int fd;

	if (top >= 0)
		return fcntl(top, F_DUPFD_CLOEXEC, 3);
	fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
	return fd < 0 ? wb_fail(err, -errno, "cannot open its control group %s: %s",
				path ? path : "", strerror(errno))
		      : fd;
}

static int open_group(int top, const struct wb_manifest_group *g)
{
	return wb_open_below(top, g->path, O_RDONLY | O_DIRECTORY);
}

static int give(int dir, const struct wb_manifest_group *g)
{
	for (size_t i = 0; i < g->owned.n; i++) {
		const struct wb_manifest_owned *o = &g->owned.items[i];
		WB_CLEAN_FD fd = wb_open_entry(dir, o->name, O_PATH);

		/* Another kernel may not have this file. */
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		if (fchownat(fd, "", (uid_t)o->uid, (gid_t)o->gid, AT_EMPTY_PATH) < 0)
			return -errno;
	}
	if (fchown(dir, (uid_t)g->uid, (gid_t)g->gid) < 0 || fchmod(dir, (mode_t)g->mode) < 0)
		return -errno;
	return 0;
}

/* Groups come after those above them, so the directory above is there. */
static int make_group(int top, const struct wb_manifest_group *g, struct wb_error *err)
{
	const char *name = strrchr(g->path, '/') + 1;
	WB_CLEAN_STR above = strndup(g->path, name - g->path > 1 ? name - g->path - 1 : 1);
	WB_CLEAN_FD dir = -1;
	WB_CLEAN_FD made = -1;

	if (!above)
		return wb_oom(err);
	dir = wb_open_below(top, above, O_RDONLY | O_DIRECTORY);
	if (dir < 0)
		return failed(err, dir, "find", g, "the one above");
	if (*name && mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return failed(err, -errno, "make", g, "a group");
	made = open_group(top, g);
	return made < 0 ? failed(err, made, "open", g, "a group") : 0;
}

static const char *value_of(const struct wb_manifest_group *g, const char *name)
{
	for (size_t i = 0; i < g->settings.n; i++)
		if (!strcmp(g->settings.items[i].name, name))
			return g->settings.items[i].value;
	return NULL;
}

/* "cpu memory": "+cpu +memory" adds them. */
static int add_controllers(int top, const struct wb_manifest_group *g, struct wb_error *err)
{
	const char *names = value_of(g, "cgroup.subtree_control");
	WB_CLEAN_FD dir = open_group(top, g);
	int r = dir < 0 ? dir : 0;

	while (r == 0 && names && *names) {
		size_t n = strcspn(names, " ");
		WB_CLEAN_STR word = wb_strf("+%.*s", (int)n, names);

		r = word ? write_entry(dir, "cgroup.subtree_control", word) : -ENOMEM;
		names += n;
		names += strspn(names, " ");
	}
	return r < 0 ? failed(err, r, "add controllers", g, "below") : 0;
}

static int enter_control(int top, struct wb_error *err)
{
	WB_CLEAN_FD dir = -1;
	int r = mkdirat(top, CONTROL, 0755) < 0 && errno != EEXIST ? -errno : 0;

	if (r == 0) {
		dir = wb_open_entry(top, CONTROL, O_RDONLY | O_DIRECTORY);
		r = dir < 0 ? dir : write_entry(dir, "cgroup.procs", "0");
	}
	return r < 0 ? wb_fail(err, r, "cannot enter the control group %s: %s", CONTROL,
			       strerror(-r))
		     : 0;
}

int wb_groups_make(const struct wb_manifest_unit *u, int given, struct wb_error *err)
{
	WB_CLEAN_FD top = -1;
	int r;

	if (!u->groups.n)
		return 0;
	top = open_top(u, given, err);
	r = top < 0 ? top : 0;
	for (size_t i = 0; r == 0 && i < u->groups.n; i++)
		r = make_group(top, &u->groups.items[i], err);
	if (r == 0)
		r = enter_control(top, err);
	for (size_t i = 0; r == 0 && i < u->groups.n; i++)
		r = add_controllers(top, &u->groups.items[i], err);
	return r;
}

static int move_pids(int dir, const struct wb_manifest_group *g, struct wb_error *err)
{
	for (size_t i = 0; i < g->pids.n; i++) {
		char pid[24];
		int r;

		snprintf(pid, sizeof(pid), "%" PRId64, g->pids.items[i]);
		/* Another's process may have the number of one that ended before the checkpoint. */
		if (!wb_opened_is_own(g->pids.items[i]))
			return failed(err, -ESRCH, "put process", g, pid);
		r = write_entry(dir, "cgroup.procs", pid);
		if (r < 0)
			return failed(err, r, "put process", g, pid);
	}
	return 0;
}

/* A setting is read back, since a kernel may take another value than the one that was written. */
static int set_all(int dir, const struct wb_manifest_group *g, struct wb_error *err)
{
	for (size_t i = 0; i < g->settings.n; i++) {
		const struct wb_manifest_setting *s = &g->settings.items[i];
		char now[LONGEST + 2] = "";
		WB_CLEAN_FD fd = -1;
		int r;

		if (setting_of(s->name) == N_SETTINGS)
			continue;
		r = write_entry(dir, s->name, s->value);
		if (r == 0) {
			fd = wb_open_entry(dir, s->name, O_RDONLY);
			r = fd < 0 ? fd : read(fd, now, sizeof(now) - 1) < 0 ? -errno : 0;
		}
		now[strcspn(now, "\n")] = 0;
		if (r == 0 && strcmp(now, s->value))
			r = -ERANGE;
		if (r < 0)
			return failed(err, r, "set", g, s->name);
	}
	return 0;
}

int wb_groups_fill(const struct wb_manifest_unit *u, int given, struct wb_error *err)
{
	WB_CLEAN_FD top = -1;
	int r;

	if (!u->groups.n)
		return 0;
	top = open_top(u, given, err);
	r = top < 0 ? top : 0;
	for (size_t i = 0; r == 0 && i < u->groups.n; i++) {
		const struct wb_manifest_group *g = &u->groups.items[i];
		WB_CLEAN_FD dir = open_group(top, g);

		r = dir < 0 ? failed(err, dir, "open", g, "a group") : move_pids(dir, g, err);
	}
	/* The limits are for its processes, and CRIU has been among them until now. */
	for (size_t i = u->groups.n; r == 0 && i-- > 0;) {
		const struct wb_manifest_group *g = &u->groups.items[i];
		WB_CLEAN_FD dir = open_group(top, g);

		r = dir < 0 ? failed(err, dir, "open", g, "a group") : set_all(dir, g, err);
		if (r == 0 && give(dir, g) < 0)
			r = failed(err, -EPERM, "give", g, "the files");
	}
	return r;
}
