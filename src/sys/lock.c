// SPDX-License-Identifier: LGPL-2.1-or-later
/* The lock: its file, its record of the holder, and waiting for it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/strv.h"
#include "sys/lock.h"
#include "sys/sys.h"

/*
 * A holder writes its record right after it has the lock, on a busy machine somewhat later. Until
 * then the file has the record of an earlier holder, or none.
 */
#define SIGN_MS 1000
#define PAUSE_MS 20
/* The file may be removed while somebody waits for it; then the new file is opened. */
#define OPENINGS 10

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLEAN_FD __attribute__((cleanup(close_fd))) int

static void pause_ms(unsigned ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000L};

	nanosleep(&pause, NULL);
}

/* ---- the record ---- */

static const char first_line[] = "warmboot lock 1\n";
static const char last_line[] = "end\n";

void wb_lock_format(const struct wb_lock_holder *h, char ret[WB_LOCK_RECORD])
{
	char text[WB_LOCK_RECORD];
	int n = snprintf(text, sizeof(text),
		"%scommand %s\npid %" PRId64 "\nstart %" PRIu64 "\nuid %" PRId64 "\nlogin %" PRId64
		"\nboot_ns %" PRIu64 "\nwall_s %" PRId64 "\nunit %d\nshutdown %d\n%s",
		first_line, h->command, h->pid, h->start, h->uid, h->login_uid, h->boot_ns,
		h->wall_s, h->unit, h->shutdown, last_line);

	memset(ret, '\n', WB_LOCK_RECORD);
	memcpy(ret, text, (size_t)n);
}

/* The value behind `key` in a line that ends at `end`; NULL: another key. */
static const char *value_of(const char *line, const char *end, const char *key)
{
	size_t n = strlen(key);

	return (size_t)(end - line) > n && !strncmp(line, key, n) && line[n] == ' ' ? line + n + 1
										    : NULL;
}

static int take_number(const char *value, const char *end, bool is_signed, uint64_t *ret)
{
	char text[32], *rest;
	size_t n = (size_t)(end - value);

	if (!n || n >= sizeof(text) || (!is_signed && *value == '-'))
		return -EBADMSG;
	memcpy(text, value, n);
	text[n] = 0;
	errno = 0;
	*ret = is_signed ? (uint64_t)strtoll(text, &rest, 10) : strtoull(text, &rest, 10);
	return errno || *rest ? -EBADMSG : 0;
}

static int take_command(const char *value, const char *end, struct wb_lock_holder *h)
{
	size_t n = (size_t)(end - value);

	if (!n || n >= sizeof(h->command))
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			return -EBADMSG;
	memcpy(h->command, value, n);
	h->command[n] = 0;
	return 0;
}

static int take_line(const char *line, const char *end, struct wb_lock_holder *h, unsigned *seen)
{
	uint64_t shutdown = 0, unit = 0;
	const struct {
		const char *key;
		bool is_signed;
		uint64_t *to;
	} numbers[] = {
		{"pid", true, (uint64_t *)&h->pid},
		{"start", false, &h->start},
		{"uid", true, (uint64_t *)&h->uid},
		{"login", true, (uint64_t *)&h->login_uid},
		{"boot_ns", false, &h->boot_ns},
		{"wall_s", true, (uint64_t *)&h->wall_s},
		{"unit", false, &unit},
		{"shutdown", false, &shutdown},
	};
	const size_t n = sizeof(numbers) / sizeof(*numbers);
	const char *value = value_of(line, end, "command");
	int r;

	if (value) {
		*seen |= 1u << n;
		return take_command(value, end, h);
	}
	for (size_t i = 0; i < n; i++) {
		value = value_of(line, end, numbers[i].key);
		if (!value)
			continue;
		r = take_number(value, end, numbers[i].is_signed, numbers[i].to);
		*seen |= 1u << i;
		h->unit |= unit == 1;
		h->shutdown |= shutdown == 1;
		return unit > 1 || shutdown > 1 ? -EBADMSG : r;
	}
	return -EBADMSG;
}

#define ALL_SEEN 0x1ffu

int wb_lock_parse(const char *text, size_t n, struct wb_lock_holder *ret)
{
	struct wb_lock_holder h = {};
	const char *at = text, *stop = text + n, *end;
	unsigned seen = 0;
	int r;

	if (n < strlen(first_line) || strncmp(text, first_line, strlen(first_line)))
		return -EBADMSG;
	for (at += strlen(first_line); (end = memchr(at, '\n', (size_t)(stop - at)));
		at = end + 1) {
		if ((size_t)(end + 1 - at) == strlen(last_line) &&
			!strncmp(at, last_line, strlen(last_line))) {
			if (seen != ALL_SEEN || h.pid <= 0)
				return -EBADMSG;
			*ret = h;
			return 0;
		}
		r = take_line(at, end, &h, &seen);
		if (r < 0)
			return r;
	}
	return -EBADMSG;
}

static void print_user(char *ret, size_t size, int64_t uid)
{
	if (uid == 0)
		snprintf(ret, size, "root");
	else
		snprintf(ret, size, "user %" PRId64, uid);
}

void wb_lock_tell(
	const struct wb_lock_holder *h, bool lives, uint64_t now_boot_ns, struct wb_error *ret)
{
	char who[32], login[32], behind[64] = "", when[32] = "";
	uint64_t ago = now_boot_ns > h->boot_ns ? (now_boot_ns - h->boot_ns) / 1000000000u : 0;
	time_t wall = h->wall_s;
	struct tm tm;

	print_user(who, sizeof(who), h->uid);
	print_user(login, sizeof(login), h->login_uid);
	if (h->login_uid >= 0 && h->login_uid != h->uid)
		snprintf(behind, sizeof(behind), ", logged in as %s", login);
	if (gmtime_r(&wall, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (h->shutdown && !lives)
		wb_fail(ret, -EBUSY,
			"a reboot is under way: \"warmboot %s\" (process %" PRId64
			" of %s%s) began it at %s, %" PRIu64 " s ago",
			h->command, h->pid, who, behind, when, ago);
	else if (!lives)
		wb_fail(ret, -EBUSY,
			"\"warmboot %s\" (process %" PRId64 " of %s%s), which began at %s, %" PRIu64
			" s ago, was killed, and its changes are being undone",
			h->command, h->pid, who, behind, when, ago);
	else
		wb_fail(ret, -EBUSY,
			"\"warmboot %s\" is at work (process %" PRId64
			" of %s%s), since %s, %" PRIu64 " s ago",
			h->command, h->pid, who, behind, when, ago);
}

/* ---- processes ---- */

/*
 * When the process began: field 22 of proc_pid_stat(5). A name may contain blanks and parentheses,
 * so the fields are counted from the last parenthesis. 0: none, or it has ended and only waits for
 * its parent (state Z or X), so it holds nothing any more.
 */
uint64_t wb_lock_process_start(int64_t pid)
{
	WB_CLEAN_BLOB text = {};
	const char *at;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
	if (wb_files_host.read(NULL, path, 1 << 16, &text, NULL) < 0)
		return 0;
	at = strrchr((const char *)text.data, ')');
	if (at && at[1] == ' ' && (at[2] == 'Z' || at[2] == 'X'))
		return 0;
	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}

static bool lives(const struct wb_lock_holder *h)
{
	return h->start && wb_lock_process_start(h->pid) == h->start;
}

/* 4294967295: no login (proc_pid_loginuid(5)). */
static int64_t login_uid(void)
{
	WB_CLEAN_BLOB text = {};
	unsigned long uid;

	if (wb_files_host.read(NULL, "/proc/self/loginuid", 64, &text, NULL) < 0)
		return -1;
	uid = strtoul((const char *)text.data, NULL, 10);
	return uid == UINT32_MAX ? -1 : (int64_t)uid;
}

/* ---- the file ---- */

/*
 * Only root may have made the object, and only root may change it, because it decides what root
 * does.
 */
static int check_owner(
	int fd, const char *path, mode_t kind, mode_t forbidden, struct wb_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return wb_fail(err, -errno, "cannot look at %s: %s", path, strerror(errno));
	if ((st.st_mode & S_IFMT) == kind && st.st_uid == geteuid() && !(st.st_mode & forbidden) &&
		(kind == S_IFDIR || st.st_nlink <= 1))
		return 0;
	return wb_fail(err, -EPERM,
		"%s is not what warmboot made there (a %s of root's that nobody else can write): "
		"remove it",
		path, kind == S_IFDIR ? "directory" : "file");
}

static int open_dir(const char *path, struct wb_error *err)
{
	int fd, r;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return wb_fail(err, -errno, "cannot make %s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return wb_fail(err, -EPERM,
			"%s is not what warmboot made there (a directory of root's that nobody "
			"else can write): remove it",
			path);
	if (fd < 0)
		return wb_fail(err, -errno, "cannot open %s: %s", path, strerror(errno));
	r = check_owner(fd, path, S_IFDIR, S_IWGRP | S_IWOTH, err);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int open_file(int dir, const char *name, const char *path, struct wb_error *err)
{
	int fd = openat(
		dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	int r;

	if (fd < 0)
		return wb_fail(err, errno == ELOOP ? -EPERM : -errno, "cannot open %s: %s", path,
			strerror(errno));
	r = check_owner(fd, path, S_IFREG, 0077, err);
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

static int read_holder(int fd, struct wb_lock_holder *ret)
{
	char text[WB_LOCK_RECORD];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	return n < 0 ? -errno : wb_lock_parse(text, (size_t)n, ret);
}

static int write_holder(int fd, const struct wb_lock_holder *h, struct wb_error *err)
{
	char text[WB_LOCK_RECORD];
	ssize_t n;

	wb_lock_format(h, text);
	n = pwrite(fd, text, sizeof(text), 0);
	if (n == (ssize_t)sizeof(text))
		return 0;
	return wb_fail(err, n < 0 ? -errno : -ENOSPC, "cannot write into the lock's file: %s",
		strerror(n < 0 ? errno : ENOSPC));
}

static uint64_t boot_ns(void)
{
	return wb_sys_host.boot_ns(NULL);
}

/* Refuse, with the name of the holder as far as it is known. */
static int refuse(int fd, const char *path, struct wb_error *err)
{
	struct wb_lock_holder h;

	if (read_holder(fd, &h) < 0)
		return wb_fail(err, -EBUSY, "another warmboot command holds %s", path);
	wb_lock_tell(&h, lives(&h), boot_ns(), err);
	return -EBUSY;
}

/* With the lock held: does a shutdown go on that an earlier holder began? */
static int check_shutdown(const struct wb_lock *how, int fd, struct wb_error *err)
{
	struct wb_lock_holder h;
	int r;

	if (how->of_shutdown || read_holder(fd, &h) < 0 || !h.shutdown)
		return 0;
	r = how->under_way ? how->under_way(how->ctx, err) : 1;
	if (r < 0)
		return wb_fail_in(
			err, r, "a reboot was begun, and it is not known whether it goes on: ");
	if (r == 0)
		return 0;
	wb_lock_tell(&h, false, boot_ns(), err);
	return -EBUSY;
}

/*
 * Write the record for the next command. A part of a shutdown leaves the name of the command that
 * began it.
 */
static int sign(const struct wb_lock *how, int fd, struct wb_error *err)
{
	struct wb_lock_holder before,
		h = {
			.pid = getpid(),
			.unit = how->unit,
			.uid = getuid(),
			.login_uid = login_uid(),
			.boot_ns = boot_ns(),
			.wall_s = (int64_t)(wb_sys_host.wall_ns(NULL) / 1000000000u),
		};

	if (how->of_shutdown && read_holder(fd, &before) == 0 && before.shutdown)
		return 0;
	snprintf(h.command, sizeof(h.command), "%s", how->command);
	h.start = wb_lock_process_start(h.pid);
	return write_holder(fd, &h, err);
}

/* Does the name still lead to the locked file? */
static bool is_there(int dir, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstatat(dir, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* A wait for the lock. */
struct waiting {
	uint64_t begin;          /* ms */
	uint64_t unsigned_since; /* ms: since when no living holder is recorded; 0: one is */
	unsigned commands;       /* how often in a row the holder was a command */
	bool told;
};

static uint64_t mono_ms(void)
{
	return wb_sys_host.mono_ns(NULL) / 1000000u;
}

/*
 * The holder is not one of warmboot's own units, or is not recorded after SIGN_MS. A command counts
 * from the second look on: the first may see a holder that ends just now.
 */
static bool not_worth_waiting(struct waiting *w, const struct wb_lock *how, int fd)
{
	struct wb_lock_holder h;
	bool is_signed = read_holder(fd, &h) == 0 && lives(&h);

	if (!is_signed) {
		w->commands = 0;
		w->unsigned_since = w->unsigned_since ? w->unsigned_since : mono_ms();
		return mono_ms() - w->unsigned_since >= SIGN_MS;
	}
	w->unsigned_since = 0;
	if (!h.unit)
		return ++w->commands > 1;
	w->commands = 0;
	if (mono_ms() - w->begin >= how->unit_patience_ms)
		return true;
	if (!w->told && how->waits)
		how->waits(how->ctx, h.command);
	w->told = true;
	return false;
}

static int wait_for(int fd, const struct wb_lock *how, const char *path, struct wb_error *err)
{
	struct waiting w = {.begin = mono_ms()};

	while (flock(fd, (how->shared ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return wb_fail(err, -errno, "cannot lock %s: %s", path, strerror(errno));
		if (mono_ms() - w.begin >= how->patience_ms && not_worth_waiting(&w, how, fd))
			return refuse(fd, path, err);
		pause_ms(PAUSE_MS);
	}
	return 0;
}

int wb_lock_take(const struct wb_lock *how, struct wb_error *err)
{
	const char *path = how->path ? how->path : WB_LOCK_PATH;
	const char *slash = strrchr(path, '/');
	WB_CLEAN_STR parent = slash ? strndup(path, (size_t)(slash - path)) : NULL;
	CLEAN_FD dir = -1;

	if (!parent)
		return wb_oom(err);
	dir = open_dir(parent, err);
	if (dir < 0)
		return dir;
	for (int tries = 0; tries < OPENINGS; tries++) {
		int fd = open_file(dir, slash + 1, path, err), r;

		if (fd < 0)
			return fd;
		r = wait_for(fd, how, path, err);
		/*
		 * Another program removed the file meanwhile, and perhaps a new one is locked
		 * already.
		 */
		if (r == 0 && !is_there(dir, slash + 1, fd)) {
			close(fd);
			continue;
		}
		if (r == 0)
			r = check_shutdown(how, fd, err);
		if (r == 0)
			r = sign(how, fd, err);
		if (r == 0)
			return fd;
		close(fd);
		return r;
	}
	return wb_fail(err, -EBUSY, "%s is removed again and again by another program", path);
}

int wb_lock_hand_over(int fd, bool shutdown, struct wb_error *err)
{
	struct wb_lock_holder h;

	if (read_holder(fd, &h) < 0)
		return wb_fail(err, -EBADMSG, "the lock's file was changed by another program");
	h.shutdown = shutdown;
	return write_holder(fd, &h, err);
}
