// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The static init of a warm initramfs. It loads the modules that /plan lists, waits for the root,
 * mounts it, and starts the real init. It leaves the mounts, /run/initramfs and the environment as
 * Debian's initramfs-tools (0.148) does. It runs no fsck: systemd-fsck-root.service does that,
 * because /run/initramfs/fsck-root does not exist.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "core/cmdline.h"
#include "warminit/dog.h"
#include "warminit/limits.h"
#include "warminit/probe.h"

/* include/uapi/linux/magic.h */
#define RAMFS_MAGIC 0x858458f6
#define TMPFS_MAGIC 0x01021994

/*
 * A copy of the root is used only if the disk of the running system does not appear in this time.
 */
#define COPY_MS 2000

/* A module that this init does not wait for. */
struct beside {
	int fd;
	char name[64];
	char params[WB_WARM_BESIDE_PARAMS_MOST];
};

struct boot {
	char cmdline[WB_WARM_CMDLINE_MOST];
	char type[WB_WARM_TYPE_MOST], uuid[64], partuuid[64], kind[16], devpts[8];
	char disk[512];                 /* as disk_name() writes it */
	char early[WB_WARM_EARLY_MOST]; /* a program to start beside the real init */
	struct beside beside[WB_WARM_BESIDE_MOST];
	unsigned int n_beside;
	char options[WB_WARM_FLAGS_MOST], init[WB_WARM_INIT_MOST], runsize[WB_WARM_RUNSIZE_MOST];
	char device[280];
	unsigned long flags;
	long deadline_ms; /* -1: none */
	long panic_s;
	unsigned int modules;
	struct wb_dog dog; /* that purgatory armed */
	char trouble[512];
};

struct seen {
	char names[256][32];
	unsigned int n;
};

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* Write a sentence; `head` goes before it, the level "<N>" for /dev/kmsg. */
static void say(const char *path, const char *head, const char *sentence)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return;
	dprintf(fd, "%swarmboot: %s\n", head, sentence);
	close(fd);
}

static void note(const char *sentence)
{
	say("/dev/kmsg", "<6>", sentence);
}

static void warn(const char *sentence)
{
	say("/dev/kmsg", "<4>", sentence);
}

/* A machine that hangs here is lost; one that restarts comes back through its boot loader. */
static void give_up(const struct boot *b, const char *sentence)
{
	/* Write to both, since either may have no reader; "quiet" keeps the log off the console. */
	say("/dev/kmsg", "<3>", sentence);
	say("/dev/console", "", sentence);
	say("/dev/console", "", "restarting through the firmware");
	sync();
	pause_ms((b->panic_s > 0 ? b->panic_s : 5) * 1000);
	sync();
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static ssize_t read_text(const char *path, char *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;
	size_t have = 0;

	ret[0] = 0;
	if (fd < 0)
		return -1;
	while (have < size - 1 && (n = read(fd, ret + have, size - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	ret[have] = 0;
	return (ssize_t)have;
}

static void mount_early(void)
{
	const unsigned long plain = MS_NODEV | MS_NOEXEC | MS_NOSUID;

	mount("sysfs", "/sys", "sysfs", plain, NULL);
	mount("proc", "/proc", "proc", plain, NULL);
	mount("udev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
	if (symlink("/proc/self/fd", "/dev/fd") < 0 ||
		symlink("/proc/self/fd/0", "/dev/stdin") < 0 ||
		symlink("/proc/self/fd/1", "/dev/stdout") < 0 ||
		symlink("/proc/self/fd/2", "/dev/stderr") < 0)
		warn("cannot make the links of /dev");
}

/* The mounts that need the plan and the command line. */
static void mount_late(const struct boot *b)
{
	char options[64];

	mkdir("/dev/pts", 0755);
	snprintf(options, sizeof(options), "gid=5,mode=%s", b->devpts);
	mount("devpts", "/dev/pts", "devpts", MS_NOEXEC | MS_NOSUID, options);
	snprintf(options, sizeof(options), "size=%s,mode=0755", b->runsize);
	mount("tmpfs", "/run", "tmpfs", MS_NODEV | MS_NOEXEC | MS_NOSUID, options);
	mkdir("/run/initramfs", 0700);
}

/*
 * Remember a problem with the plan or the command line. It is reported when the root has appeared
 * or failed to.
 */
static void trouble(struct boot *b, const char *what, const char *why)
{
	size_t have = strlen(b->trouble);

	snprintf(b->trouble + have, sizeof(b->trouble) - have, " %s: %s;", what, why);
}

static const char too_long[] = "longer than there is room for";

/* Copy a parameter's value, as a whole or not at all. */
static void take_value(struct boot *b, char *to, size_t size, const char *name, const char *value)
{
	if (strlen(value) < size)
		strcpy(to, value);
	else
		trouble(b, name, too_long);
}

/* Sort one rootflags= option into a mount flag or the file system's own options. */
static void add_option(struct boot *b, const char *o)
{
	static const struct {
		const char *name;
		unsigned long set, clear;
	} flags[] = {
		{"ro", MS_RDONLY, 0},
		{"rw", 0, MS_RDONLY},
		{"noatime", MS_NOATIME, 0},
		{"nodiratime", MS_NODIRATIME, 0},
		{"relatime", MS_RELATIME, 0},
		{"strictatime", MS_STRICTATIME, 0},
		{"lazytime", 1 << 25, 0}, /* MS_LAZYTIME, include/uapi/linux/mount.h */
		{"nosuid", MS_NOSUID, 0},
		{"nodev", MS_NODEV, 0},
		{"noexec", MS_NOEXEC, 0},
		{"sync", MS_SYNCHRONOUS, 0},
		{"dirsync", MS_DIRSYNC, 0},
		{"defaults", 0, 0},
		{"nofail", 0, 0},
		{"auto", 0, 0},
	};
	size_t n = strlen(b->options);

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(o, flags[i].name) == 0) {
			b->flags = (b->flags | flags[i].set) & ~flags[i].clear;
			return;
		}
	if (strncmp(o, "x-", 2) == 0)
		return;
	if (n + strlen(o) + 2 < sizeof(b->options))
		sprintf(b->options + n, "%s%s", n ? "," : "", o);
	else
		trouble(b, "rootflags", too_long);
}

static int take_word(const char *name, const char *value, void *arg)
{
	struct boot *b = arg;
	long n = value ? atol(value) : 0;

	if (!value && strcmp(name, "ro") == 0)
		b->flags |= MS_RDONLY;
	else if (!value && strcmp(name, "rw") == 0)
		b->flags &= ~(unsigned long)MS_RDONLY;
	else if (!value && strcmp(name, "rootwait") == 0)
		b->deadline_ms = -1;
	if (!value || !*value)
		return 0;
	/* The early program needs systemd after it, and control groups of version 2. */
	if (strcmp(name, "init") == 0 || strcmp(name, "systemd.unified_cgroup_hierarchy") == 0)
		b->early[0] = 0;
	if (strcmp(name, "init") == 0)
		take_value(b, b->init, sizeof(b->init), name, value);
	else if (strcmp(name, "initramfs.runsize") == 0)
		take_value(b, b->runsize, sizeof(b->runsize), name, value);
	else if (strcmp(name, "rootfstype") == 0 && !strchr(value, ',') &&
		 strcmp(value, "auto") != 0)
		take_value(b, b->type, sizeof(b->type), name, value);
	else if ((strcmp(name, "rootdelay") == 0 || strcmp(name, "rootwait") == 0) && n > 30)
		b->deadline_ms = n * 1000;
	else if (strcmp(name, "panic") == 0)
		b->panic_s = n;
	else if (strcmp(name, "rootflags") == 0) {
		char copy[WB_WARM_FLAGS_MOST] = "", *save = NULL;

		take_value(b, copy, sizeof(copy), name, value);
		for (char *o = strtok_r(copy, ",", &save); o; o = strtok_r(NULL, ",", &save))
			add_option(b, o);
	}
	return 0;
}

/* Parameters that the command line gives to a module, as modprobe reads them: "name.param=value". */
struct params {
	const char *module;
	char text[WB_WARM_PARAMS_MOST];
	bool cut;
};

static int take_param(const char *name, const char *value, void *arg)
{
	struct params *p = arg;
	size_t i, have = strlen(p->text);

	for (i = 0; p->module[i]; i++)
		if (name[i] != p->module[i] && !(name[i] == '-' && p->module[i] == '_'))
			return 0;
	if (name[i] != '.')
		return 0;
	/* fits.c counts in the same way (add_param()). */
	if (have + strlen(name) - i + (value ? strlen(value) + 1 : 0) < sizeof(p->text))
		sprintf(p->text + have, " %s%s%s", name + i + 1, value ? "=" : "",
			value ? value : "");
	else
		p->cut = true;
	return 0;
}

/* Split "NAME PARAMETERS", whose name has n bytes, and add the parameters of the command line. */
static void take_spec(struct boot *b, char *spec, size_t n, struct params *p)
{
	const char *own = spec[n] ? spec + n + 1 : "";

	p->cut = strlen(own) >= sizeof(p->text);
	if (!p->cut)
		strcpy(p->text, own);
	spec[n] = 0;
	wb_cmdline_each(b->cmdline, take_param, p);
}

static void load_module(struct boot *b, char *spec)
{
	struct params p = {.module = spec};
	char path[128];
	size_t n = strcspn(spec, " ");
	int fd;

	take_spec(b, spec, n, &p);
	if (p.cut)
		trouble(b, spec, "its parameters are longer than there is room for");
	snprintf(path, sizeof(path), "/m/%s.ko", spec);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* ENODEV: an accelerated variant that this CPU does not support. */
	if (fd >= 0 && syscall(SYS_finit_module, fd, p.text, 0) == 0)
		b->modules++;
	else if (errno != EEXIST && errno != ENODEV)
		trouble(b, spec, strerror(errno));
	if (fd >= 0)
		close(fd);
	unlink(path);
}

/* Open the module now, since its file disappears with the initramfs. */
static void add_beside(struct boot *b, char *spec)
{
	struct beside *m = &b->beside[b->n_beside];
	struct params p = {.module = spec};
	char path[128];
	size_t n = strcspn(spec, " ");

	if (b->n_beside == WB_WARM_BESIDE_MOST) {
		trouble(b, spec, "one module too many");
		return;
	}
	take_spec(b, spec, n, &p);
	snprintf(path, sizeof(path), "/m/%s.ko", spec);
	m->fd = open(path, O_RDONLY | O_CLOEXEC);
	/* Without it, the system loads the module from the root. */
	if (m->fd < 0 || p.cut || strlen(p.text) >= sizeof(m->params)) {
		trouble(b, spec, m->fd < 0 ? strerror(errno) : too_long);
		return;
	}
	snprintf(m->name, sizeof(m->name), "%s", spec);
	strcpy(m->params, p.text);
	b->n_beside++;
}

/* Load these modules in a child. A program that needs one waits for it in modprobe(8). */
static void load_beside(struct boot *b)
{
	if (!b->n_beside || fork() != 0)
		return;
	for (unsigned int i = 0; i < b->n_beside; i++) {
		const struct beside *m = &b->beside[i];
		char sentence[256];

		/* udev, or who needs it, tries again with the module of the root. */
		if (syscall(SYS_finit_module, m->fd, m->params, 0) == 0 || errno == EEXIST ||
			errno == ENODEV)
			continue;
		snprintf(sentence, sizeof(sentence), "module %s is left to the system: %s", m->name,
			strerror(errno));
		note(sentence);
	}
	_exit(0);
}

/* Read the "KEY VALUE" lines; modules are loaded in the order of the lines. */
static void follow_plan(struct boot *b, char *plan)
{
	const struct {
		const char *key;
		char *to;
		size_t size;
	} keys[] = {
		{"type", b->type, sizeof(b->type)},
		{"uuid", b->uuid, sizeof(b->uuid)},
		{"partuuid", b->partuuid, sizeof(b->partuuid)},
		{"kind", b->kind, sizeof(b->kind)},
		{"devpts", b->devpts, sizeof(b->devpts)},
		{"disk", b->disk, sizeof(b->disk)},
		{"early", b->early, sizeof(b->early)},
	};
	char *save = NULL;

	for (char *l = strtok_r(plan, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(l, ' ');

		if (!value)
			continue;
		*value++ = 0;
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (strcmp(l, keys[i].key) == 0)
				take_value(b, keys[i].to, keys[i].size, l, value);
		if (wb_dog_line(&b->dog, l, value))
			continue;
		wb_dog_feed(&b->dog);
		if (strcmp(l, "module") == 0)
			load_module(b, value);
		else if (strcmp(l, "beside") == 0)
			add_beside(b, value);
	}
}

/* Value of KEY= in the text of a uevent file, or "". */
static void uevent_value(const char *text, const char *key, char *ret, size_t size)
{
	size_t n = strlen(key);

	ret[0] = 0;
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		if (strncmp(text, key, n) == 0 && text[n] == '=')
			snprintf(ret, size, "%.*s", (int)strcspn(text + n + 1, "\n"), text + n + 1);
}

static bool starts_with_any(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strncmp(name, *list, strlen(*list)) == 0)
			return true;
	return false;
}

static ssize_t read_head(const char *name, struct wb_blob *ret)
{
	char path[300];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/dev/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = wb_blob_init(ret, WB_PROBE_BYTES) < 0 ? -1 : pread(fd, ret->data, WB_PROBE_BYTES, 0);
	if (n > 0)
		ret->size = (size_t)n;
	close(fd);
	return n;
}

/* Read the PARTUUID from the partition table, since older kernels do not report it. */
static void read_partuuid(const char *partition, char ret[37])
{
	char dir[PATH_MAX], path[PATH_MAX + 32], text[32];
	struct wb_blob head = {};
	unsigned int number, block;
	char *slash;

	ret[0] = 0;
	snprintf(path, sizeof(path), "/sys/class/block/%s", partition);
	if (!realpath(path, dir))
		return;
	snprintf(path, sizeof(path), "%s/partition", dir);
	read_text(path, text, sizeof(text));
	number = (unsigned int)atoi(text);
	slash = strrchr(dir, '/');
	*slash = 0;
	snprintf(path, sizeof(path), "%s/queue/logical_block_size", dir);
	read_text(path, text, sizeof(text));
	block = (unsigned int)atoi(text);
	slash = strrchr(dir, '/');
	if (slash && read_head(slash + 1, &head) > 0)
		wb_probe_partuuid(wb_blob_view(&head), block, number, ret);
	wb_blob_deinit(&head);
}

/* The identity of a disk: "FILE VALUE", or "at PLACE". disk_name() in root.c writes the same. */
static void disk_name(const char *name, bool partition, char *ret, size_t size)
{
	char dir[PATH_MAX], path[PATH_MAX + 32], text[256];
	size_t n;

	ret[0] = 0;
	snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	if (!realpath(path, dir))
		return;
	if (partition)
		*strrchr(dir, '/') = 0;
	for (const char *const *f = wb_probe_disk_names; *f; f++) {
		snprintf(path, sizeof(path), "%s/%s", dir, *f);
		read_text(path, text, sizeof(text));
		for (n = strcspn(text, "\n"); n && text[n - 1] == ' ';)
			n--;
		if (n) {
			snprintf(ret, size, "%s %.*s", *f, (int)n, text);
			return;
		}
	}
	wb_probe_place(dir, text, sizeof(text));
	if (*text)
		snprintf(ret, size, "at %s", text);
}

enum match {
	MATCH_LATER = -1, /* cannot be read yet */
	MATCH_NONE,
	MATCH_COPY, /* the same UUIDs on another disk than the running system's */
	MATCH_ROOT,
};

static enum match match(const struct boot *b, const char *name)
{
	static const char *const skip[] = {
		"loop", "ram", "zram", "sr", "fd", "md", "dm-", "nbd", NULL};
	char path[300], text[1024], value[64], uuid[37], disk[512];
	bool partition = strcmp(b->kind, "partition") == 0;
	struct wb_blob head = {};
	const char *type;
	bool same;

	if (starts_with_any(name, skip))
		return MATCH_NONE;
	snprintf(path, sizeof(path), "/sys/class/block/%s/uevent", name);
	if (read_text(path, text, sizeof(text)) <= 0)
		return MATCH_LATER;
	uevent_value(text, "DEVTYPE", value, sizeof(value));
	if (strcmp(value, b->kind) != 0)
		return MATCH_NONE;
	if (read_head(name, &head) <= 0) {
		wb_blob_deinit(&head);
		return MATCH_LATER;
	}
	same = wb_probe_uuid(wb_blob_view(&head), uuid, &type) && strcasecmp(uuid, b->uuid) == 0;
	wb_blob_deinit(&head);
	if (!same)
		return MATCH_NONE;
	uevent_value(text, "PARTUUID", value, sizeof(value));
	if (partition && !*value)
		read_partuuid(name, value);
	if (*value && *b->partuuid && strcasecmp(value, b->partuuid) != 0)
		return MATCH_NONE;
	disk_name(name, partition, disk, sizeof(disk));
	return *b->disk && strcmp(disk, b->disk) != 0 ? MATCH_COPY : MATCH_ROOT;
}

static bool was_seen(const struct seen *s, const char *name)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (strcmp(s->names[i], name) == 0)
			return true;
	return false;
}

/* Look at all new block devices; b->device is the best match so far. */
static enum match look(struct boot *b, struct seen *s)
{
	DIR *d = opendir("/sys/class/block");
	struct dirent *e;
	enum match m, best = MATCH_NONE;

	while (d && best != MATCH_ROOT && (e = readdir(d))) {
		if (e->d_name[0] == '.' || was_seen(s, e->d_name))
			continue;
		m = match(b, e->d_name);
		if (m > best) {
			best = m;
			snprintf(b->device, sizeof(b->device), "/dev/%s", e->d_name);
		}
		if (m >= MATCH_NONE && s->n < 256)
			snprintf(s->names[s->n++], sizeof(s->names[0]), "%s", e->d_name);
	}
	if (d)
		closedir(d);
	return best;
}

static void not_found(const struct boot *b)
{
	char sentence[2048];
	size_t n = (size_t)snprintf(sentence, sizeof(sentence),
		"the root UUID=%s did not appear within %ld s;%s block devices:", b->uuid,
		b->deadline_ms / 1000, b->trouble);
	DIR *d = opendir("/sys/class/block");

	for (struct dirent *e; d && (e = readdir(d)) && n + 64 < sizeof(sentence);)
		if (e->d_name[0] != '.')
			n += (size_t)sprintf(sentence + n, " %.40s", e->d_name);
	give_up(b, sentence);
}

/*
 * Wait for the running system's disk. A copy of it is used if the disk has not appeared COPY_MS
 * after the copy.
 */
static void find_root(struct boot *b)
{
	struct seen seen = {};
	long start = now_ms(), fresh = start, copy = 0;
	enum match m;

	while ((m = look(b, &seen)) != MATCH_ROOT) {
		if (m == MATCH_COPY && !copy)
			copy = now_ms();
		if (copy && now_ms() - copy > COPY_MS) {
			warn("the root's own disk is not there: taking another with the same UUID");
			return;
		}
		if (!copy && b->deadline_ms >= 0 && now_ms() - start > b->deadline_ms)
			not_found(b);
		wb_dog_feed(&b->dog);
		pause_ms(2);
		/* A medium may arrive in a device that was read before. */
		if (now_ms() - fresh > 500) {
			seen.n = 0;
			fresh = now_ms();
		}
	}
}

/* Free the memory of the initramfs: everything on the device that `dir` is on. */
static void erase(int dir, dev_t dev)
{
	DIR *d = fdopendir(dir);
	struct dirent *e;
	struct stat st;

	if (!d)
		return;
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
			fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
			st.st_dev != dev)
			continue;
		if (S_ISDIR(st.st_mode)) {
			erase(openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), dev);
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
		} else {
			unlinkat(dirfd(d), e->d_name, 0);
		}
	}
	closedir(d);
}

static void switch_root(const struct boot *b)
{
	static const char *const moved[] = {"/dev", "/run", "/sys", "/proc"};
	struct statfs fs;
	struct stat st;
	char to[16];
	int fd;

	for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
		snprintf(to, sizeof(to), "/root%s", moved[i]);
		if (mount(moved[i], to, NULL, MS_MOVE, NULL) < 0)
			give_up(b, "the root file system lacks one of /dev, /run, /sys, /proc");
	}
	if (stat("/", &st) == 0 && statfs("/", &fs) == 0 &&
		((unsigned long)fs.f_type == RAMFS_MAGIC ||
			(unsigned long)fs.f_type == TMPFS_MAGIC))
		erase(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), st.st_dev);
	if (chdir("/root") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
		chdir("/") < 0)
		give_up(b, "cannot make the root file system the root");
	fd = open("/dev/console", O_RDWR | O_NOCTTY);
	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

#define CGROUPS "/sys/fs/cgroup"

static bool enter_cgroup(const char *procs)
{
	int fd = open(procs, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, "0", 1) == 1;

	if (fd >= 0)
		close(fd);
	return good;
}

/*
 * Mount control groups with the options of systemd (mount_table[] in src/shared/mount-setup.c),
 * which keeps an existing mount.
 */
static bool mount_cgroups(void)
{
	return mount("cgroup2", CGROUPS, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		       "nsdelegate,memory_recursiveprot") == 0 &&
	       mkdir(CGROUPS "/init.scope", 0755) == 0;
}

/*
 * This process goes before all others. A kernel with autogroups compares niceness within a session only, and sessions by
 * that of their group (autogroups in sched(7)). The group gets nine times the share of another one, and no more: a
 * service that is back has to answer while others are restored.
 */
static void go_first(void)
{
	int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);

	setpriority(PRIO_PROCESS, 0, -20);
	if (fd < 0)
		return;
	if (write(fd, "-10", 3) < 0)
		warn("the restore of kept services does not go before other programs");
	close(fd);
}

/*
 * Start the early program beside the init, so that each starts whatever happens to the other. This
 * process becomes the init, so the init is the parent. src/restore/early.h declares
 * /run/warmboot/early.pid.
 *
 * The program starts in systemd's own scope. systemd moves every process that it finds in the root
 * control group to that scope. If the program were there, systemd could move it back out of a
 * service's control group.
 */
static void start_early(const struct boot *b)
{
	char text[16];
	pid_t pid;
	int fd;

	if (!b->early[0])
		return;
	if (!mount_cgroups() || !enter_cgroup(CGROUPS "/init.scope/cgroup.procs")) {
		warn("cannot set control groups up, kept services are left to systemd");
		return;
	}
	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	pid = fork();
	if (pid == 0) {
		setsid();
		go_first();
		execl(b->early, "warmboot", "early", (char *)NULL);
		_exit(127);
	}
	enter_cgroup(CGROUPS "/cgroup.procs");
	mkdir("/run/warmboot", 0755);
	fd = open("/run/warmboot/early.pid", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return;
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	if (pid > 0 && write(fd, text, strlen(text)) < 0)
		warn("cannot write /run/warmboot/early.pid");
	close(fd);
}

/* Start the init that the command line names, else the usual ones, as initramfs-tools does. */
static void start_init(struct boot *b, char **argv)
{
	const char *const all[] = {b->init, "/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};

	setenv("PATH", "/sbin:/usr/sbin:/bin:/usr/bin", 1);
	setenv("rootmnt", "/root", 1);
	setenv("drop_caps", "", 1);
	setenv("PWD", "/", 1);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (access(all[i], X_OK) < 0)
			continue;
		setenv("init", all[i], 1);
		argv[0] = (char *)all[i];
		execv(all[i], argv);
	}
	give_up(b, "no init on the root file system could be started; try init=");
}

int main(int argc, char **argv)
{
	struct boot b = {.init = "/sbin/init",
		.runsize = "10%",
		.devpts = "0600",
		.flags = MS_RDONLY,
		.deadline_ms = 30000};
	char plan[WB_WARM_PLAN_MOST], sentence[1024];
	long start = now_ms(), loaded, found;

	(void)argc;
	umask(022);
	if (getpid() != 1)
		return 1;
	mount_early();
	if (read_text("/proc/cmdline", b.cmdline, sizeof(b.cmdline)) == sizeof(b.cmdline) - 1 &&
		!strchr(b.cmdline, '\n'))
		trouble(&b, "/proc/cmdline", too_long);
	b.cmdline[strcspn(b.cmdline, "\n")] = 0;
	if (read_text("/plan", plan, sizeof(plan)) == sizeof(plan) - 1)
		trouble(&b, "/plan", too_long);
	follow_plan(&b, plan);
	wb_cmdline_each(b.cmdline, take_word, &b);
	mount_late(&b);
	load_beside(&b);
	loaded = now_ms();
	find_root(&b);
	found = now_ms();
	if (mount(b.device, "/root", b.type, b.flags, b.options) < 0) {
		snprintf(sentence, sizeof(sentence), "cannot mount %s as %s with \"%s\": %s;%s",
			b.device, b.type, b.options, strerror(errno), b.trouble);
		give_up(&b, sentence);
	}
	snprintf(sentence, sizeof(sentence),
		"root %s (%s) after %ld ms: %u modules %ld, device %ld, mount %ld;%s starting %s",
		b.device, b.type, now_ms() - start, b.modules, loaded - start, found - loaded,
		now_ms() - found, b.trouble, b.init);
	if (b.trouble[0])
		warn(sentence);
	else
		note(sentence);
	wb_dog_leave(&b.dog, argv, note);
	switch_root(&b);
	start_early(&b);
	start_init(&b, argv);
}
