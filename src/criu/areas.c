// SPDX-License-Identifier: LGPL-2.1-or-later
/* Marks of memory, and the signal at a parent's death: what is changed in CRIU's images. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "criu/areas.h"
#include "images/protobuf.h"

#define LARGEST (256u << 20)
#define MOST WB_CRIU_AREAS

#define DROPPABLE 0x08  /* MAP_DROPPABLE, in the place of MAP_PRIVATE */
#define WIPE_ON_FORK 18 /* MADV_WIPEONFORK; CRIU has a bit for each advice */

/* criu/include/magic.h; images/mm.proto, vma.proto, core.proto */
#define COMMON_MAGIC 0x54564319
#define MM_MAGIC 0x57492820
#define CORE_MAGIC 0x55053847
enum {
	MM_VMAS = 14,
	VMA_START = 1,
	VMA_END = 2,
	VMA_FLAGS = 6,
	VMA_MADV = 9,
	CORE_THREAD = 5,
	THREAD_DEATH_SIGNAL = 8,
};

/* ---- before ---- */

/* Is this one of the words of two letters after "VmFlags:" (proc_pid_smaps(5))? */
static bool has_flag(const char *line, const char *end, const char *flag)
{
	for (const char *p = line; p + 2 < end; p++)
		if (*p == ' ' && p[1] == flag[0] && p[2] == flag[1] &&
			(p + 3 == end || p[3] == ' '))
			return true;
	return false;
}

static int add_area(struct wb_criu_image *image, const struct wb_criu_area *area)
{
	struct wb_criu_area *a;

	if (image->areas.n >= MOST)
		return -E2BIG;
	a = wb_list_add(&image->areas, sizeof(*a));
	if (!a)
		return -ENOMEM;
	*a = *area;
	return 0;
}

int wb_areas_note(const struct wb_files *files, int64_t pid, struct wb_criu_image *image)
{
	static const char flags[] = "VmFlags:";
	WB_CLEAN_BLOB b = {};
	struct wb_criu_area area = {.pid = pid};
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/smaps", pid);
	r = files->read(files->ctx, path, LARGEST, &b, NULL);
	if (r == -ENOENT || r == -ESRCH)
		return 0;
	for (const char *line = (const char *)b.data, *end; r == 0 && b.size && *line;
		line = *end ? end + 1 : end) {
		unsigned long long start, stop;

		end = strchrnul(line, '\n');
		if (sscanf(line, "%llx-%llx ", &start, &stop) == 2) {
			area.start = (int64_t)start;
			area.end = (int64_t)stop;
		} else if (!strncmp(line, flags, strlen(flags))) {
			area.droppable = has_flag(line, end, "dp");
			if (area.droppable || has_flag(line, end, "wf"))
				r = add_area(image, &area);
		}
	}
	return r;
}

/* ---- after ---- */

bool wb_areas_droppable(void)
{
	void *at = mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS | DROPPABLE, -1, 0);

	if (at == MAP_FAILED)
		return false;
	munmap(at, 4096);
	return true;
}

/* The number in "mm-12.img"; 0: it is another image. */
static int64_t number_of(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);
	char *end;
	long long pid;

	if (strncmp(name, prefix, n) || name[n] < '1' || name[n] > '9')
		return 0;
	pid = strtoll(name + n, &end, 10);
	return strcmp(end, ".img") ? 0 : pid;
}

bool wb_areas_changes(const char *name, const struct wb_criu_image *of)
{
	int64_t pid = number_of(name, "mm-");

	for (size_t i = 0; pid && i < of->areas.n; i++)
		if (of->areas.items[i].pid == pid)
			return true;
	return number_of(name, "core-") == of->main_pid;
}

/* A message whose fields are copied but for some. */
struct change {
	const struct wb_criu_image *of;
	int64_t pid;
	bool droppable;
	size_t found; /* areas */
};

typedef int change_fn(struct change *c, struct wb_bytes message, struct wb_blob *ret);

static int put(struct wb_blob *out, uint32_t number, uint64_t value)
{
	return wb_pb_put(
		out, &(struct wb_pb_field){.number = number, .wire = WB_PB_VARINT, .value = value});
}

static int put_message(struct wb_blob *out, uint32_t number, struct change *c,
	struct wb_bytes message, change_fn *change)
{
	struct wb_pb_field f = {.number = number, .wire = WB_PB_BYTES};
	WB_CLEAN_BLOB changed = {};
	int r = change(c, message, &changed);

	f.bytes = wb_blob_view(&changed);
	return r < 0 ? r : wb_pb_put(out, &f);
}

static const struct wb_criu_area *find(const struct change *c, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < c->of->areas.n; i++) {
		const struct wb_criu_area *a = &c->of->areas.items[i];

		if (a->pid == c->pid && (uint64_t)a->start == start && (uint64_t)a->end == end)
			return a;
	}
	return NULL;
}

static int change_vma(struct change *c, struct wb_bytes message, struct wb_blob *out)
{
	struct wb_pb_field start, end, flags, madv = {}, f;
	const struct wb_criu_area *a;
	size_t off = 0;
	int r;

	if (wb_pb_find(message, VMA_START, WB_PB_VARINT, &start) < 0 ||
		wb_pb_find(message, VMA_END, WB_PB_VARINT, &end) < 0 ||
		wb_pb_find(message, VMA_FLAGS, WB_PB_VARINT, &flags) < 0)
		return -EBADMSG;
	(void)wb_pb_find(message, VMA_MADV, WB_PB_VARINT, &madv);
	a = find(c, start.value, end.value);
	if (!a)
		return wb_blob_append(out, message.data, message.size);
	c->found++;
	while ((r = wb_pb_next(message, &off, &f)) > 0) {
		if (f.number == VMA_FLAGS || f.number == VMA_MADV)
			continue;
		r = wb_pb_put(out, &f);
		if (r < 0)
			return r;
	}
	if (a->droppable && c->droppable)
		flags.value = (flags.value & ~(uint64_t)MAP_PRIVATE) | DROPPABLE;
	if (r == 0)
		r = put(out, VMA_FLAGS, flags.value);
	return r < 0 ? r : put(out, VMA_MADV, madv.value | 1ull << WIPE_ON_FORK);
}

static int change_mm(struct change *c, struct wb_bytes message, struct wb_blob *out)
{
	struct wb_pb_field f;
	size_t off = 0;
	int r;

	while ((r = wb_pb_next(message, &off, &f)) > 0) {
		if (f.number == MM_VMAS && f.wire == WB_PB_BYTES)
			r = put_message(out, MM_VMAS, c, f.bytes, change_vma);
		else
			r = wb_pb_put(out, &f);
		if (r < 0)
			return r;
	}
	return r;
}

static int change_thread(struct change *c, struct wb_bytes message, struct wb_blob *out)
{
	struct wb_pb_field f;
	size_t off = 0;
	int r;

	(void)c;
	while ((r = wb_pb_next(message, &off, &f)) > 0) {
		r = f.number == THREAD_DEATH_SIGNAL ? 0 : wb_pb_put(out, &f);
		if (r < 0)
			return r;
	}
	return r;
}

static int change_core(struct change *c, struct wb_bytes message, struct wb_blob *out)
{
	struct wb_pb_field f;
	size_t off = 0;
	int r;

	while ((r = wb_pb_next(message, &off, &f)) > 0) {
		if (f.number == CORE_THREAD && f.wire == WB_PB_BYTES)
			r = put_message(out, CORE_THREAD, c, f.bytes, change_thread);
		else
			r = wb_pb_put(out, &f);
		if (r < 0)
			return r;
	}
	return r;
}

/* Two magic numbers, a size, and one message of that size. */
static int change_image(struct change *c, struct wb_bytes image, uint32_t magic, change_fn *change,
	struct wb_blob *ret)
{
	WB_CLEAN_BLOB message = {};
	WB_CLEAN_BLOB out = {};
	uint32_t common, own, n;
	struct wb_bytes old;
	uint8_t size[4];
	int r;

	if (!wb_get_le32(image, 0, &common) || common != COMMON_MAGIC ||
		!wb_get_le32(image, 4, &own) || own != magic || !wb_get_le32(image, 8, &n) ||
		!wb_bytes_sub(image, 12, n, &old) || image.size != 12 + (uint64_t)n)
		return -EBADMSG;
	r = change(c, old, &message);
	for (size_t i = 0; i < 4; i++)
		size[i] = (uint8_t)(message.size >> 8 * i);
	if (r == 0)
		r = wb_blob_append(&out, image.data, 8);
	if (r == 0)
		r = wb_blob_append(&out, size, sizeof(size));
	if (r == 0 && message.size)
		r = wb_blob_append(&out, message.data, message.size);
	if (r == 0)
		*ret = wb_blob_take(&out);
	return r;
}

static size_t areas_of(const struct wb_criu_image *of, int64_t pid)
{
	size_t n = 0;

	for (size_t i = 0; i < of->areas.n; i++)
		n += of->areas.items[i].pid == pid;
	return n;
}

int wb_areas_change(const char *name, struct wb_bytes image, const struct wb_criu_image *of,
	bool droppable, struct wb_blob *ret)
{
	struct change c = {.of = of, .pid = number_of(name, "mm-"), .droppable = droppable};
	WB_CLEAN_BLOB changed = {};
	int r;

	if (!wb_areas_changes(name, of))
		return 0;
	if (c.pid)
		r = change_image(&c, image, MM_MAGIC, change_mm, &changed);
	else
		r = change_image(&c, image, CORE_MAGIC, change_core, &changed);
	/* CRIU lists its target's memory as the kernel did for wb_areas_note(). */
	if (r == 0 && c.pid && c.found != areas_of(of, c.pid))
		r = -EBADMSG;
	if (r < 0)
		return r;
	*ret = wb_blob_take(&changed);
	return 1;
}
