// SPDX-License-Identifier: LGPL-2.1-or-later
/* A fake machine for the store: memory, files and boots. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-store.h"
#include "purgatory/handoff.h"
#include "store/hold.h"
#include "store/state.h"

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define HUGE "/proc/77/fd/5"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* ---- files ---- */

static struct fake_store_file *find(struct fake_store *f, const char *path)
{
	for (size_t i = 0; i < sizeof(f->file) / sizeof(*f->file); i++)
		if (!strcmp(f->file[i].path, path))
			return &f->file[i];
	return NULL;
}

void fake_store_file(struct fake_store *f, const char *path, const void *data, size_t n)
{
	struct fake_store_file *it = find(f, path);

	if (!it)
		it = find(f, "");
	wb_blob_deinit(&it->data);
	it->path[0] = 0;
	if (!data)
		return;
	snprintf(it->path, sizeof(it->path), "%s", path);
	wb_blob_append(&it->data, data, n);
	wb_blob_append(&it->data, "", 1);
	it->data.size = n;
}

const char *fake_store_text(struct fake_store *f, const char *path)
{
	struct fake_store_file *it = find(f, path);

	return it ? (const char *)it->data.data : NULL;
}

/* Is this the file that create_file() made? */
static bool is_disk(const struct fake_store *f, const char *path)
{
	return f->disk >= 0 && !strcmp(path, f->disk_path);
}

static int f_read_at(void *ctx, const char *path, uint64_t off, size_t n, struct wb_blob *ret,
	struct wb_error *err)
{
	struct fake_store *f = ctx;
	struct fake_store_file *it = find(f, path);
	WB_CLEAN_BLOB out = {};
	struct wb_bytes part = {};

	if (is_disk(f, path)) {
		ssize_t got;

		wb_blob_reserve(&out, n + 1);
		got = pread(f->disk, out.data, n, (off_t)off);
		out.size = got > 0 ? (size_t)got : 0;
		*ret = wb_blob_take(&out);
		return 0;
	}
	if (!it)
		return wb_fail(err, -ENOENT, "cannot read %s: No such file or directory", path);
	if (off < it->data.size)
		part = (struct wb_bytes){it->data.data + off, it->data.size - off};
	if (part.size > n)
		part.size = n;
	wb_blob_append(&out, part.data ? part.data : (const uint8_t *)"", part.size);
	wb_blob_append(&out, "", 1);
	out.size--;
	*ret = wb_blob_take(&out);
	return 0;
}

static int f_read(
	void *ctx, const char *path, size_t limit, struct wb_blob *ret, struct wb_error *err)
{
	return f_read_at(ctx, path, 0, SIZE_MAX / 2, ret, err);
}

static int f_list(void *ctx, const char *path, struct wb_strv *ret, struct wb_error *err)
{
	struct fake_store *f = ctx;
	WB_CLEAN_STRV out = {};
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof(f->file) / sizeof(*f->file); i++) {
		const char *p = f->file[i].path;
		char name[96];
		size_t k = 0;

		if (strncmp(p, path, n) || p[n] != '/')
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + n + 1, "/"), p + n + 1);
		while (k < out.n && strcmp(out.items[k], name))
			k++;
		if (k == out.n)
			wb_strv_add(&out, name);
	}
	if (!out.n)
		return wb_fail(err, -ENOENT, "cannot list %s", path);
	wb_strv_sort(&out);
	*ret = out;
	out = (struct wb_strv){};
	return 0;
}

/* None of the files is a link. */
static int f_readlink(void *ctx, const char *path, char **ret, struct wb_error *err)
{
	return wb_fail(err, -EINVAL, "%s is no link", path);
}

static bool f_exists(void *ctx, const char *path)
{
	struct fake_store *f = ctx;

	return find(f, path) || is_disk(f, path);
}

static int f_write_file(void *ctx, const char *path, struct wb_bytes contents, unsigned int mode)
{
	struct fake_store *f = ctx;

	if (f->no_write && f->good_writes-- <= 0)
		return f->no_write;
	fake_store_file(ctx, path, contents.data ? contents.data : (const void *)"", contents.size);
	return 0;
}

static int f_remove_file(void *ctx, const char *path)
{
	struct fake_store *f = ctx;

	if (is_disk(f, path)) {
		close(f->disk);
		f->disk = -1;
	}
	if (find(f, path))
		fake_store_file(f, path, NULL, 0);
	return 0;
}

static int f_random(void *ctx, void *ret, size_t n)
{
	struct fake_store *f = ctx;

	memset(ret, 0x30 + ++f->starts % 64, n);
	f->starts--;
	return 0;
}

/* ---- memory ---- */

static int f_area(void *ctx, uint64_t size, uint8_t **ret)
{
	struct fake_store *f = ctx;
	uint8_t *p =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return -errno;
	f->areas++;
	*ret = p;
	return 0;
}

static void f_unmap(void *ctx, uint8_t *at, uint64_t size)
{
	struct fake_store *f = ctx;

	f->areas--;
	munmap(at, size);
}

static void see(struct fake_store *f, uint8_t *at, uint64_t phys)
{
	size_t i = 0;

	while (i < f->n_seen && f->seen[i].at != at)
		i++;
	f->seen[i].at = at;
	f->seen[i].phys = phys;
	if (i == f->n_seen)
		f->n_seen++;
}

static int map_ram(uint8_t *at, uint64_t size, bool write, int fd, uint64_t off)
{
	if (mmap(at, size, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED | MAP_FIXED, fd,
		    (off_t)off) == MAP_FAILED)
		return -errno;
	return 0;
}

static int f_map(void *ctx, const char *path, uint64_t off, uint64_t size, bool write, uint8_t *at)
{
	struct fake_store *f = ctx;
	int r = 0;

	if (is_disk(f, path))
		return map_ram(at, size, write, f->disk, off);
	if (!strcmp(path, "/dev/mem"))
		return f->dev_mem_closed ? f->dev_mem_closed
					 : map_ram(at, size, write, f->ram, off);
	/* One pmem device, which begins at the second page. */
	if (!strcmp(path, "/dev/pmem0"))
		return map_ram(at, size, write, f->ram, off + WB_STORE_PAGE);
	if (strcmp(path, HUGE) || !f->n_pages)
		return -ENOENT;
	for (uint64_t k = 0; k < size && r == 0; k += WB_STORE_PAGE) {
		uint64_t phys = f->pages[(off + k) / WB_STORE_PAGE];

		see(f, at + k, phys);
		r = map_ram(at + k, WB_STORE_PAGE, write, f->ram, phys);
	}
	return r;
}

static int f_sync(void *ctx, uint8_t *at, uint64_t size)
{
	struct fake_store *f = ctx;

	if (f->stop_writes && ++f->syncs >= f->stop_writes)
		return -EIO;
	return f->sync_error;
}

static int f_copy(void *ctx, const uint8_t *from, void *ret, size_t n)
{
	memcpy(ret, from, n);
	return 0;
}

static int f_claimed(void *ctx, const char *path)
{
	return ((struct fake_store *)ctx)->claimed;
}

static int64_t f_file_size(void *ctx, const char *path)
{
	struct stat st;

	return fstat(((struct fake_store *)ctx)->disk, &st) < 0 ? -ENOENT : st.st_size;
}

static int f_physical(void *ctx, const uint8_t *at, size_t n, uint64_t *ret)
{
	struct fake_store *f = ctx;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < f->n_seen && f->seen[k].at != at + i * WB_STORE_PAGE)
			k++;
		if (k == f->n_seen)
			return -ENXIO;
		ret[i] = f->seen[k].phys;
	}
	if (f->moved)
		ret[n - 1] += WB_STORE_PAGE;
	return 0;
}

static int f_huge_memfd(void *ctx, const char *name, uint64_t size)
{
	return 5;
}

/* From the top down and with a hole, as in a kernel that has run for a while. */
static int f_allocate(void *ctx, int fd, uint64_t size)
{
	struct fake_store *f = ctx;

	f->n_pages = size / WB_STORE_PAGE;
	if (f->n_pages > FAKE_STORE_PAGES - 8)
		return -ENOSPC;
	for (size_t i = 0; i < f->n_pages; i++) {
		f->pages[i] = (FAKE_STORE_PAGES - 1 - i - (i > 2 ? 3 : 0)) * WB_STORE_PAGE;
		memset(fake_store_ram(f) + f->pages[i], 0, WB_STORE_PAGE);
	}
	return 0;
}

static int f_close(void *ctx, int fd)
{
	((struct fake_store *)ctx)->n_pages = 0;
	return 0;
}

static int f_write_text(void *ctx, const char *path, const char *text)
{
	struct fake_store *f = ctx;
	unsigned long n = strtoul(text, NULL, 10);
	char number[32];

	if (!strcmp(path, "/proc/sys/vm/compact_memory")) {
		f->compactions++;
		if (f->compact_helps)
			f->most_pages = 1000;
		return 0;
	}
	if (strcmp(path, POOL)) {
		fake_store_file(f, path, text, strlen(text));
		return 0;
	}
	snprintf(number, sizeof(number), "%lu\n", n < f->most_pages ? n : f->most_pages);
	fake_store_file(f, POOL, number, strlen(number));
	return 0;
}

static int f_create_file(void *ctx, const char *path, uint64_t size)
{
	struct fake_store *f = ctx;

	if (size > FAKE_STORE_RAM)
		return -ENOSPC;
	f_remove_file(ctx, path);
	f->disk = memfd_create("disk", MFD_CLOEXEC);
	snprintf(f->disk_path, sizeof(f->disk_path), "%s", path);
	return ftruncate(f->disk, (off_t)size) < 0 ? -errno : 0;
}

static bool f_on_root(void *ctx, const char *path, const char *below)
{
	return !((struct fake_store *)ctx)->var_elsewhere;
}

static size_t f_cpus(void *ctx)
{
	return 3;
}

static int f_self(void *ctx)
{
	return 77;
}

static int f_load_module(void *ctx, const char *name)
{
	((struct fake_store *)ctx)->modules++;
	return 0;
}

static int f_start_holder(void *ctx, bool systemd)
{
	struct fake_store *f = ctx;

	f->starts++;
	if (f->no_holder || f->mute_holder)
		return f->no_holder;
	if (wb_store_hold(&f->env, NULL) == 0)
		return 0;
	/* The process ends, and its memory goes with it. */
	f->n_pages = 0;
	f->stops++;
	return -EIO;
}

static int f_stop_holder(void *ctx, bool systemd, int pid)
{
	struct fake_store *f = ctx;

	f->stops++;
	f->n_pages = 0;
	return 0;
}

/* ---- the whole ---- */

void fake_store_init(struct fake_store *f)
{
	*f = (struct fake_store){
		.ram = memfd_create("ram", MFD_CLOEXEC), .disk = -1, .most_pages = 1000};
	if (f->ram < 0 || ftruncate(f->ram, FAKE_STORE_RAM) < 0)
		abort();
	f->files = (struct wb_files){.ctx = f,
		.read = f_read,
		.read_at = f_read_at,
		.list = f_list,
		.exists = f_exists,
		.readlink = f_readlink};
	f->sys = (struct wb_sys){
		.size = sizeof(f->sys),
		.ctx = f,
		.files = &f->files,
		.random = f_random,
		.write_file = f_write_file,
		.remove_file = f_remove_file,
	};
	f->io = (struct wb_store_io){
		.ctx = f,
		.area = f_area,
		.map = f_map,
		.unmap = f_unmap,
		.sync = f_sync,
		.copy = f_copy,
		.claimed = f_claimed,
		.file_size = f_file_size,
		.physical = f_physical,
		.huge_memfd = f_huge_memfd,
		.allocate = f_allocate,
		.close = f_close,
		.write_text = f_write_text,
		.create_file = f_create_file,
		.on_root = f_on_root,
		.cpus = f_cpus,
		.self = f_self,
		.load_module = f_load_module,
		.start_holder = f_start_holder,
		.stop_holder = f_stop_holder,
	};
	f->env = (struct wb_store_env){&f->sys, &f->io};
	fake_store_file(f, POOL, "3\n", 2);
	fake_store_file(f, BOOT_ID, "boot 0\n", 7);
	fake_store_file(f, "/proc/meminfo", "MemAvailable:  1048576 kB\n", 26);
}

void fake_store_deinit(struct fake_store *f)
{
	for (size_t i = 0; i < sizeof(f->file) / sizeof(*f->file); i++)
		wb_blob_deinit(&f->file[i].data);
	munmap(fake_store_ram(f), FAKE_STORE_RAM);
	close(f->ram);
	if (f->disk >= 0)
		close(f->disk);
}

uint8_t *fake_store_ram(struct fake_store *f)
{
	if (!f->ram_at)
		f->ram_at =
			mmap(NULL, FAKE_STORE_RAM, PROT_READ | PROT_WRITE, MAP_SHARED, f->ram, 0);
	return f->ram_at;
}

void fake_store_boot(struct fake_store *f)
{
	char id[16];

	snprintf(id, sizeof(id), "boot %d\n", ++f->boots);
	fake_store_file(f, BOOT_ID, id, strlen(id));
	fake_store_file(f, WB_STORE_STATE, NULL, 0);
	fake_store_file(f, WB_STORE_PARKED, NULL, 0);
	fake_store_file(f, "/sys/kernel/boot_params/setup_data/0/data", NULL, 0);
	fake_store_file(f, "/sys/kernel/boot_params/setup_data/1/data", NULL, 0);
	f->n_pages = 0;
}

void fake_store_jump(struct fake_store *f, const struct wb_load_store *load)
{
	struct wb_handoff h = {
		.magic = WB_HANDOFF_MAGIC,
		.version = WB_HANDOFF_VERSION,
		.size = sizeof(h),
		.store_header = load->header,
		.store_size = load->size,
	};
	struct wb_handoff_store head = {
		WB_HANDOFF_STORE_MAGIC, WB_HANDOFF_VERSION, (uint32_t)load->n_ranges};
	WB_CLEAN_BLOB node = {};

	fake_store_boot(f);
	memcpy(h.nonce, load->nonce, sizeof(h.nonce));
	wb_blob_append(&node, &head, sizeof(head));
	if (load->n_ranges)
		wb_blob_append(&node, load->ranges, load->n_ranges * sizeof(*load->ranges));
	fake_store_file(f, "/sys/kernel/boot_params/setup_data/0/data", &h, sizeof(h));
	fake_store_file(f, "/sys/kernel/boot_params/setup_data/1/data",
		load->n_ranges ? node.data : NULL, node.size);
}
