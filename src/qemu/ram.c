// SPDX-License-Identifier: LGPL-2.1-or-later
/* Memory of a guest: found by /proc/PID/maps, located by /proc/self/pagemap or by the device's mappings in sysfs. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/digest.h"
#include "core/text.h"
#include "qemu/ram.h"
#include "sys/below.h"

#define SMALL_PAGE 4096
#define HUGE_PAGE (2u << 20)
/* Documentation/admin-guide/mm/pagemap.rst */
#define PRESENT (1ull << 63)
#define PFN ((1ull << 55) - 1)

#define SAMPLE 64
#define SAMPLE_EACH (64u << 10)

void wb_guest_ram_close(struct wb_guest_ram *ram)
{
	if (ram->map)
		munmap(ram->map, ram->size);
	if (ram->fd > 0)
		close(ram->fd);
	free(ram->runs.items);
	*ram = (struct wb_guest_ram){};
}

static int add_run(wb_guest_runs *runs, uint64_t start, uint64_t size)
{
	struct wb_guest_run *last = runs->n ? &runs->items[runs->n - 1] : NULL;

	if (last && (uint64_t)(last->start + last->size) == start) {
		last->size += (int64_t)size;
		return 0;
	}
	last = wb_list_add(runs, sizeof(*last));
	if (!last)
		return -ENOMEM;
	*last = (struct wb_guest_run){(int64_t)start, (int64_t)size};
	return 0;
}

/* ---- the mapping ---- */

/*
 * "FROM-TO rw-s OFFSET …": can it be the guest's memory? Only who may write to a file can map it so; another file that
 * QEMU may only read, that of another guest for example, is none.
 */
static bool is_mapping(const char *line, uint64_t size, uint64_t *ret_from, uint64_t *ret_to)
{
	int n = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %n", ret_from, ret_to, &n) < 2 || n == 0 ||
		strnlen(line + n, 5) < 5)
		return false;
	return line[n + 1] == 'w' && line[n + 3] == 's' && strtoull(line + n + 5, NULL, 16) == 0 &&
	       *ret_to - *ret_from == size;
}

/*
 * The file behind a mapping. A process can map many things, and to open some of them has an effect; a file whose owner has
 * a lease on it would keep this process waiting (fcntl(2)).
 */
static int open_file(const char *path)
{
	WB_CLEAN_FD at = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	char again[64];
	int fd;

	if (at < 0 || fstat(at, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) && !(S_ISCHR(st.st_mode) && wb_is_dax(st.st_rdev)))
		return -EOPNOTSUPP;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", at);
	fd = open(again, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_mapping(pid_t pid, uint64_t size, struct wb_error *err)
{
	char path[64], line[4400];
	uint64_t from, to;
	int found = 0, fd = -ENOENT;
	bool begins, next_begins = true;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return wb_fail(err, -errno, "cannot read %s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		/* A path may be longer, and the rest of it may look like a line. */
		begins = next_begins;
		next_begins = strchr(line, '\n');
		if (!begins || !is_mapping(line, size, &from, &to))
			continue;
		if (found++)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid,
			from, to);
		fd = open_file(path);
	}
	fclose(f);
	if (found == 1 && fd >= 0)
		return fd;
	if (fd >= 0)
		close(fd);
	if (found == 1)
		return wb_fail(err, fd, "cannot open the file of its memory: %s", strerror(-fd));
	return wb_fail(err, -EOPNOTSUPP,
		found ? "it has several mappings of the size of its memory"
		      : "its memory is not one shared mapping of a file (share=on)");
}

/* ---- where it lies ---- */

static int64_t frame_of(int pagemap, const char *at)
{
	uint64_t entry;
	off_t where = (off_t)((uintptr_t)at / SMALL_PAGE * sizeof(entry));

	if (pread(pagemap, &entry, sizeof(entry), where) != sizeof(entry))
		return -EIO;
	/* Without the privilege the kernel shows frame 0. */
	return (entry & PRESENT) && (entry & PFN) ? (int64_t)((entry & PFN) * SMALL_PAGE) : -ENOENT;
}

static int read_frames(const struct wb_guest_ram *ram, wb_guest_runs *ret, struct wb_error *err)
{
	WB_CLEAN_FD pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (pagemap < 0)
		return wb_fail(err, -errno, "cannot read /proc/self/pagemap: %s", strerror(errno));
	for (uint64_t at = 0; at < ram->size; at += ram->page) {
		int64_t frame = frame_of(pagemap, (char *)ram->map + at);

		if (frame < 0)
			return wb_fail(err, -EOPNOTSUPP,
				"there are too few free huge pages for all of its memory");
		if (add_run(ret, (uint64_t)frame, ram->page) < 0)
			return wb_oom(err);
	}
	return 0;
}

static int read_hex(int dir, const char *name, uint64_t *ret)
{
	WB_CLEAN_FD fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -EIO;
	*ret = strtoull(text, NULL, 0);
	return 0;
}

/* The mappings of a DAX device: Documentation/ABI/testing/sysfs-bus-dax. */
static int read_mappings(const char *device, const struct wb_guest_ram *ram, wb_guest_runs *ret,
	struct wb_error *err)
{
	uint64_t offset = 0;
	int r = 0;

	for (unsigned i = 0; r == 0 && offset < ram->size; i++) {
		WB_CLEAN_FD dir = -1;
		uint64_t start, end, at;
		char path[160];

		snprintf(path, sizeof(path), "%s/mapping%u", device, i);
		dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0 || read_hex(dir, "start", &start) < 0 ||
			read_hex(dir, "end", &end) < 0 || read_hex(dir, "page_offset", &at) < 0)
			return wb_fail(err, -EIO, "%s tells nothing of its memory", path);
		/* The file's order: the kernel appends. */
		if (at * SMALL_PAGE != offset || end < start)
			return wb_fail(err, -EBADMSG, "%s makes no sense", path);
		r = add_run(ret, start, end - start + 1);
		offset += end - start + 1;
	}
	return r < 0 ? wb_oom(err) : 0;
}

static int locate(const struct wb_guest_ram *ram, wb_guest_runs *ret, struct wb_error *err)
{
	char device[64];
	struct stat st;

	if (ram->dax)
		return 0;
	if (!ram->device)
		return read_frames(ram, ret, err);
	if (fstat(ram->fd, &st) < 0)
		return wb_fail(err, -errno, "cannot look at its memory: %s", strerror(errno));
	snprintf(device, sizeof(device), "/sys/dev/char/%u:%u", major(st.st_rdev),
		minor(st.st_rdev));
	return read_mappings(device, ram, ret, err);
}

int wb_guest_ram_check(const struct wb_guest_ram *ram, struct wb_error *err)
{
	wb_guest_runs now = {};
	int r = locate(ram, &now, err);

	if (r == 0 && (now.n != ram->runs.n ||
			      memcmp(now.items, ram->runs.items, now.n * sizeof(*now.items)) != 0))
		r = wb_fail(err, -ESTALE, "the kernel has moved the guest's memory");
	free(now.items);
	return r;
}

/* ---- its kind ---- */

bool wb_is_dax(dev_t device)
{
	char path[64], to[256];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/subsystem", major(device), minor(device));
	n = readlink(path, to, sizeof(to) - 1);
	return n > 4 && !strncmp(to + n - 4, "/dax", 4);
}

/* The kernel's word for it that no part of the file is a copy in the page cache; a mount option is only a wish. */
static bool is_dax_file(int fd)
{
	struct statx sx;

	return statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &sx) == 0 && S_ISREG(sx.stx_mode) &&
	       (sx.stx_attributes & STATX_ATTR_DAX);
}

static uint64_t read_place(dev_t device, const char *name)
{
	char path[96];
	uint64_t n = 0;

	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/device/%s", major(device), minor(device),
		name);
	return read_hex(AT_FDCWD, path, &n) == 0 ? n : 0;
}

static int take_dax_file(struct wb_guest_ram *ram, const struct stat *st, struct wb_error *err)
{
	if (!st->st_nlink)
		return wb_fail(err, -EOPNOTSUPP,
			"its memory has no name: mem-path= names a directory, and has to name a "
			"file");
	ram->dax = true;
	ram->page = SMALL_PAGE;
	ram->region_start = read_place(st->st_dev, "resource");
	ram->region_size = read_place(st->st_dev, "size");
	return 0;
}

static int take_kind(struct wb_guest_ram *ram, struct wb_error *err)
{
	struct statfs fs;
	struct stat st;

	if (fstat(ram->fd, &st) < 0 || fstatfs(ram->fd, &fs) < 0)
		return wb_fail(err, -errno, "cannot look at its memory: %s", strerror(errno));
	ram->page = HUGE_PAGE;
	ram->device = S_ISCHR(st.st_mode) && wb_is_dax(st.st_rdev);
	if (ram->device)
		return 0;
	if (is_dax_file(ram->fd))
		return take_dax_file(ram, &st, err);
	if (fs.f_type != HUGETLBFS_MAGIC)
		return wb_fail(err, -EOPNOTSUPP,
			"its memory is not in huge pages of hugetlbfs (mem-path=/dev/hugepages/…), "
			"nor in a "
			"file that is the memory itself (DAX)");
	if ((uint64_t)fs.f_bsize < HUGE_PAGE || fs.f_bsize % HUGE_PAGE || ram->size % fs.f_bsize)
		return wb_fail(
			err, -EOPNOTSUPP, "its huge pages have %ld KiB", (long)fs.f_bsize >> 10);
	ram->page = (uint64_t)fs.f_bsize;
	/* A name: without one, its pages are free as soon as QEMU ends. */
	if (!st.st_nlink)
		return wb_fail(err, -EOPNOTSUPP,
			"its memory has no name: mem-path= names a directory, and has to name a "
			"file");
	/* Memory that the guest has not touched has no pages yet. */
	if (fallocate(ram->fd, 0, 0, (off_t)ram->size) < 0)
		return wb_fail(err, -EOPNOTSUPP,
			"there are too few free huge pages for all of its memory: %s",
			strerror(errno));
	return 0;
}

int wb_guest_ram_open(pid_t pid, uint64_t size, struct wb_guest_ram *ret, struct wb_error *err)
{
	WB_CLEAN_GUEST_RAM ram = {.size = size};
	void *map;
	int r;

	if (!size || size % HUGE_PAGE)
		return wb_fail(err, -EOPNOTSUPP, "its memory is not a multiple of 2 MiB");
	ram.fd = open_mapping(pid, size, err);
	if (ram.fd < 0)
		return ram.fd;
	r = take_kind(&ram, err);
	if (r < 0)
		return r;
	/* Populating fails quietly where the file has no page; nothing here reads through a file's mapping. */
	map = mmap(NULL, size, PROT_READ, MAP_SHARED | (ram.device || ram.dax ? 0 : MAP_POPULATE),
		ram.fd, 0);
	if (map == MAP_FAILED)
		return wb_fail(err, -errno, "cannot map its memory: %s", strerror(errno));
	ram.map = map;
	r = locate(&ram, &ram.runs, err);
	if (r < 0)
		return r;
	*ret = ram;
	ram = (struct wb_guest_ram){};
	return 0;
}

int wb_guest_ram_settle(const struct wb_guest_ram *ram, struct wb_error *err)
{
	if (!ram->dax)
		return 0;
	return syncfs(ram->fd) < 0 ? wb_fail(err, -errno, "cannot write its file system out: %s",
					     strerror(errno))
				   : 0;
}

/* ---- samples ---- */

/* A file can be made shorter by its owner, so it is read and not mapped; a device has no read(2), and stays as it is. */
static int read_sample(const struct wb_guest_ram *ram, uint64_t at, uint8_t ret[SAMPLE])
{
	if (ram->device) {
		memcpy(ret, (const char *)ram->map + at, SAMPLE);
		return 0;
	}
	return pread(ram->fd, ret, SAMPLE, (off_t)at) == SAMPLE ? 0 : -EIO;
}

int wb_guest_ram_sample(const struct wb_guest_ram *ram, char ret_hex[65], struct wb_error *err)
{
	uint64_t n = ram->size / SAMPLE_EACH;
	uint8_t digest[32];
	WB_CLEAN_BLOB all = {};

	if (wb_blob_reserve(&all, n * SAMPLE) < 0)
		return wb_oom(err);
	for (uint64_t i = 0; i < n; i++) {
		/* Another place in each, so that the same line of a page is not always taken. */
		uint64_t at = i * SAMPLE_EACH + i * 4160 % (SAMPLE_EACH - SAMPLE) / SAMPLE * SAMPLE;
		uint8_t sample[SAMPLE];

		if (read_sample(ram, at, sample) < 0 || wb_blob_append(&all, sample, SAMPLE) < 0)
			return wb_fail(err, -EIO, "cannot read its memory");
	}
	wb_digest(WB_DIGEST_SHA256, all.data, all.size, digest);
	wb_hex_write(digest, sizeof(digest), ret_hex);
	return 0;
}
