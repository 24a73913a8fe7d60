// SPDX-License-Identifier: LGPL-2.1-or-later
/* The row of the machine that does not exist. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cmdline.h"
#include "toy.h"

#define MIB (1ull << 20)

static const struct {
	const char *word;
	uint32_t type;
} kinds[] = {{"ram", WB_MEMORY_RAM}, {"kept", WB_MEMORY_PERSISTENT}, {"spare", WB_MEMORY_OWN}};

#define N_KINDS (sizeof(kinds) / sizeof(*kinds))

/* ---- what the kernel tells ---- */

/* Memory that was kept from this kernel is to be avoided, and "spare" is the crash kernel's. */
static int take_range(struct wb_machine *m, struct wb_span line)
{
	struct wb_span words[3];
	uint64_t start, size;
	uint32_t type = 0;
	int r;

	if (!wb_take_words(&line, words, 3) || !wb_span_number(words[0], 10, &start) ||
		!wb_span_number(words[1], 10, &size))
		return -EBADMSG;
	for (size_t i = 0; i < N_KINDS; i++)
		if (wb_span_is(words[2], kinds[i].word))
			type = kinds[i].type;
	if (!type)
		return -EBADMSG;
	r = wb_ranges_set(&m->memory, start, size, type == WB_MEMORY_OWN ? WB_MEMORY_RAM : type);
	if (r == 0 && type != WB_MEMORY_RAM)
		r = wb_ranges_set(&m->avoid, start, size, WB_MEMORY_RESERVED);
	if (r == 0 && type == WB_MEMORY_OWN)
		r = wb_ranges_set(&m->crash, start, size, WB_MEMORY_RAM);
	return r;
}

static int toy_read(const struct wb_files *f, struct wb_machine *m, struct wb_error *err)
{
	WB_CLEAN_BLOB b = {};
	struct wb_span line;
	const char *text;
	int r = f->read(f->ctx, TOY_MEMORY, 1 << 20, &b, err);

	for (text = (const char *)b.data; r == 0 && wb_take_line(&text, &line);)
		r = take_range(m, line);
	return r < 0 ? wb_fail(err, r, TOY_MEMORY " makes no sense") : 0;
}

static int toy_each_note(
	const struct wb_files *f, int (*fn)(struct wb_bytes note, void *arg), void *arg)
{
	WB_CLEAN_STRV names = {};
	int r = -ENOENT;

	if (f->list(f->ctx, TOY_NOTES, &names, NULL) < 0)
		return r;
	for (size_t i = 0; i < names.n && r == -ENOENT; i++) {
		WB_CLEAN_BLOB b = {};
		char path[64];

		snprintf(path, sizeof(path), TOY_NOTES "/%s", names.items[i]);
		if (f->read(f->ctx, path, 1 << 20, &b, NULL) == 0)
			r = fn(wb_blob_view(&b), arg);
	}
	return r;
}

static bool toy_may_have_notes(const struct wb_files *f)
{
	return f->exists(f->ctx, TOY_NOTES "/0");
}

static int toy_by_kexec(const struct wb_files *f)
{
	WB_CLEAN_BLOB b = {};
	int r = f->read(f->ctx, TOY_CAME, 64, &b, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	return !strcmp((char *)b.data, "kexec\n");
}

/* "clockwork: 50 kHz" */
static uint64_t toy_log_khz(struct wb_span line)
{
	struct wb_span words[2];
	uint64_t khz;

	return wb_take_words(&line, words, 2) && wb_span_is(words[0], "clockwork:") &&
			       wb_span_number(words[1], 10, &khz)
		       ? khz
		       : 0;
}

/* ---- what it is told ---- */

static void toy_region_word(uint64_t start, uint64_t size, char ret[WB_ARCH_WORD])
{
	snprintf(ret, WB_ARCH_WORD, "aside=%" PRIu64 "+%" PRIu64, start, size);
}

static bool toy_region_find(const char *cmdline, size_t i, uint64_t *ret_start, uint64_t *ret_size)
{
	WB_CLEAN_STR value = NULL;

	return i == 0 && wb_cmdline_get(cmdline, "aside", &value) == 0 &&
	       sscanf(value, "%" SCNu64 "+%" SCNu64, ret_start, ret_size) == 2;
}

static int add_item(struct wb_blob *letter, enum toy_kind kind, const void *payload, size_t n)
{
	const struct toy_item item = {kind, (uint32_t)n};

	if (wb_blob_append(letter, (const uint8_t *)&item, sizeof(item)) < 0 ||
		wb_blob_append(letter, payload, n) < 0 || wb_blob_pad(letter, 8) < 0)
		return -ENOMEM;
	return 0;
}

static int add_map(struct wb_blob *letter, const struct wb_ranges *map)
{
	char text[1024] = "";
	size_t n = 0;

	for (size_t i = 0; i < map->n; i++)
		for (size_t k = 0; k < N_KINDS; k++)
			if (kinds[k].type == map->items[i].type)
				n += (size_t)snprintf(text + n, sizeof(text) - n,
					"%" PRIu64 " %" PRIu64 " %s\n", map->items[i].start,
					map->items[i].size, kinds[k].word);
	return add_item(letter, TOY_MAP, text, n);
}

static int add_store(struct wb_blob *letter, const struct wb_plan_wish *wish)
{
	const struct wb_handoff_store head = {
		WB_HANDOFF_STORE_MAGIC, WB_HANDOFF_VERSION, (uint32_t)wish->n_store};
	WB_CLEAN_BLOB note = {};

	if (!wish->n_store)
		return 0;
	if (wb_blob_append(&note, (const uint8_t *)&head, sizeof(head)) < 0 ||
		wb_blob_append(&note, (const uint8_t *)wish->store,
			wish->n_store * sizeof(*wish->store)) < 0)
		return -ENOMEM;
	return add_item(letter, TOY_NOTE, note.data, note.size);
}

static int write_letter(const struct wb_machine *m, const struct wb_plan_wish *wish,
	uint64_t kernel, struct wb_blob *ret)
{
	const struct toy_letter head = {TOY_LETTER, kernel};

	if (wb_blob_append(ret, (const uint8_t *)&head, sizeof(head)) < 0 ||
		add_map(ret, &m->memory) < 0 ||
		add_item(ret, TOY_CMDLINE, wish->cmdline, strlen(wish->cmdline)) < 0 ||
		add_item(ret, TOY_NOTE, &wish->handoff, sizeof(wish->handoff)) < 0 ||
		add_store(ret, wish) < 0 || add_item(ret, TOY_END, "", 0) < 0)
		return -ENOMEM;
	return 0;
}

static int toy_plan(const struct wb_machine *m, const struct wb_plan_wish *wish,
	struct wb_plan *plan, struct wb_error *err)
{
	struct wb_bytes image = wish->image->bytes;
	struct wb_fit want = {.size = image.size, .max = UINT64_MAX};
	int r;

	if (wish->method != WB_METHOD_SEGMENTS)
		return wb_fail(err, -EOPNOTSUPP, "a toy kernel cannot be linked beforehand");
	r = wb_plan_place(plan, want, "kernel", &plan->kernel_at, err);
	if (r == 0)
		r = wb_plan_add(plan, "kernel", image.data, image.size, plan->kernel_at,
			wb_align_up(image.size, 4096), image.size, err);
	if (r == 0 && write_letter(m, wish, plan->kernel_at, &plan->params) < 0)
		r = wb_oom(err);
	want.size = plan->params.size;
	if (r == 0)
		r = wb_plan_place(plan, want, "letter", &plan->entry, err);
	return r < 0 ? r
		     : wb_plan_add(plan, "letter", plan->params.data, plan->params.size,
			       plan->entry, wb_align_up(plan->params.size, 4096), plan->params.size,
			       err);
}

static const struct wb_arch_pmem pmem = {
	.kind = "Kept for somebody",
	.device = TOY_DEVICE,
	.driver = "/toy/drivers/nursery",
	.name = "nursery",
	.module = "toy_nursery",
};

static const struct wb_arch_stamp stamp = {TOY_SCRATCH, TOY_SCRATCH_AT, "the toy's scratch pad"};

static const char *const types[] = {"toy", NULL};

const struct wb_arch toy_arch = {
	.name = "toy",
	.id = WB_ARCH_ARM64, /* it runs kernels in this format, but knows nothing of that machine */
	.kexec_flag = 99ul << 16,
	.loads = true,
	.types = types,
	.lowest = MIB,
	.region_word = toy_region_word,
	.region_like = "aside=4096+8192",
	.region_find = toy_region_find,
	.pmem = &pmem,
	.read = toy_read,
	.each_note = toy_each_note,
	.notes = "the letter",
	.may_have_notes = toy_may_have_notes,
	.by_kexec = toy_by_kexec,
	.stamp = &stamp,
	.log_khz = toy_log_khz,
	.plan = toy_plan,
};
