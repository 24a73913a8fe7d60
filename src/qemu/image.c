// SPDX-License-Identifier: LGPL-2.1-or-later
/* A guest's part of the manifest as a table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/digest.h"
#include "core/text.h"
#include "core/valid.h"
#include "qemu/cpu.h"
#include "qemu/image.h"

#define MOST_WORDS 4096
#define MOST_RUNS (1 << 20)

static bool is_name(const char *s)
{
	for (; *s; s++)
		if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_'))
			return false;
	return true;
}

#define MOST_SIZES 16

#define ROW(member, kind, ...) WB_JSON_ROW(struct wb_vm_image, member, kind, ##__VA_ARGS__)

static const struct wb_json_field run_fields[] = {
	WB_JSON_ROW(struct wb_guest_run, start, WB_JSON_INT, .min = 1, .max = INT64_MAX / 2),
	WB_JSON_ROW(struct wb_guest_run, size, WB_JSON_INT, .min = 1, .max = INT64_MAX / 2),
	{},
};

static const struct wb_json_field huge_fields[] = {
	WB_JSON_ROW(struct wb_vm_huge, page, WB_JSON_INT, .min = 8192, .max = INT64_MAX / 2),
	WB_JSON_ROW(struct wb_vm_huge, bytes, WB_JSON_INT, .min = 1, .max = INT64_MAX / 2),
	{},
};

static const struct wb_json_field fields[] = {
	ROW(program, WB_JSON_STRING, .needed = true, .valid = wb_valid_path),
	ROW(argv, WB_JSON_STRINGS, .max = MOST_WORDS),
	ROW(qmp, WB_JSON_STRING, .needed = true, .valid = wb_valid_path),
	ROW(machine, WB_JSON_STRING),
	ROW(size, WB_JSON_INT, .needed = true, .min = 1, .max = INT64_MAX),
	ROW(uid, WB_JSON_INT, .min = 0, .max = UINT32_MAX - 1),
	ROW(network, WB_JSON_BOOL),
	ROW(running, WB_JSON_BOOL),
	WB_JSON_ROWS(struct wb_vm_image, runs, run_fields, MOST_RUNS, .positional = true),
	ROW(stored, WB_JSON_BOOL),
	ROW(dax, WB_JSON_BOOL),
	WB_JSON_ROWS(struct wb_vm_image, huge, huge_fields, MOST_SIZES, .positional = true),
	ROW(modules, WB_JSON_STRINGS, .max = 64, .valid = is_name),
	ROW(jump, WB_JSON_STRING),
	ROW(state, WB_JSON_STRING),
	ROW(sample, WB_JSON_STRING),
	ROW(cpu, WB_JSON_STRINGS, .max = WB_QEMU_CPU_WORDS),
	{},
};

void wb_vm_image_deinit(struct wb_vm_image *image)
{
	wb_json_free(fields, image);
}

int wb_vm_image_read(const json_t *json, struct wb_vm_image *ret, struct wb_error *err)
{
	return wb_json_read(json, fields, "the guest's part of the manifest", ret, err);
}

json_t *wb_vm_image_write(const struct wb_vm_image *image)
{
	return wb_json_write(fields, image);
}

char *wb_vm_memory_path(const char *unit)
{
	return wb_strf(WB_VM_DIR "/%s.ram", unit);
}

/* ---- does it belong together? ---- */

static void digest_of(struct wb_bytes state, char ret_hex[65])
{
	uint8_t digest[32];

	wb_digest(WB_DIGEST_LANES, state.data, state.size, digest);
	wb_hex_write(digest, sizeof(digest), ret_hex);
}

int wb_vm_image_note_state(struct wb_vm_image *image, const char *jump, struct wb_bytes state)
{
	char hex[65];

	digest_of(state, hex);
	wb_text_replace(&image->state, hex);
	wb_text_replace(&image->jump, jump);
	return image->state && image->jump ? 0 : -ENOMEM;
}

int wb_vm_image_check_state(const struct wb_vm_image *image, const char *jump,
	struct wb_bytes state, struct wb_error *err)
{
	char hex[65];

	if (!image->jump || !jump || strcmp(image->jump, jump))
		return wb_fail(err, -ESTALE, "the guest's state is of another jump");
	digest_of(state, hex);
	if (!image->state || strcmp(image->state, hex))
		return wb_fail(err, -EBADMSG, "the guest's state is damaged");
	return 0;
}

int wb_vm_image_check_sample(
	const struct wb_vm_image *image, const char *sample, struct wb_error *err)
{
	if (!image->sample || strcmp(image->sample, sample))
		return wb_fail(err, -EBADMSG, "the guest's memory is damaged or was moved");
	return 0;
}
