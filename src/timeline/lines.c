// SPDX-License-Identifier: LGPL-2.1-or-later
/* A file of JSON lines, each with a checksum, with a limit on its size. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/sha256.h"
#include "core/text.h"
#include "timeline/lines.h"

#define HEAD "{\"sum\":\""
#define MIDDLE "\",\"data\":"
#define SUM 16 /* hex digits: enough against accidents; no other program writes here */
#define OVERHEAD (sizeof(HEAD MIDDLE "}\n") - 1 + SUM)

/* A longer file was not written by warmboot, and only its beginning is read. */
#define FILE_MAX (8u << 20)

static void checksum(const char *payload, size_t size, char ret[SUM + 1])
{
	uint8_t digest[32];

	wb_sha256(payload, size, digest);
	wb_hex_write(digest, SUM / 2, ret);
}

int wb_line_format(const char *payload, char **ret)
{
	char sum[SUM + 1];

	checksum(payload, strlen(payload), sum);
	if (asprintf(ret, HEAD "%s" MIDDLE "%s}\n", sum, payload) < 0) {
		*ret = NULL;
		return -ENOMEM;
	}
	return 0;
}

static bool take(struct wb_bytes line, uint64_t *off, const char *want)
{
	size_t n = strlen(want);

	if (!wb_bytes_equal(line, *off, want, n))
		return false;
	*off += n;
	return true;
}

/* Take one line. 1 intact, 0 damaged, -ENOMEM. */
static int take_line(struct wb_bytes line, struct wb_strv *ret)
{
	struct wb_bytes sum, payload;
	WB_CLEAN_STR text = NULL;
	char want[SUM + 1];
	uint64_t off = 0;

	if (line.size > WB_LINE_MAX || !take(line, &off, HEAD) ||
		!wb_bytes_sub(line, off, SUM, &sum))
		return 0;
	off += SUM;
	if (!take(line, &off, MIDDLE) || line.size < off + 1 || line.data[line.size - 1] != '}' ||
		!wb_bytes_sub(line, off, line.size - off - 1, &payload) ||
		memchr(payload.data, 0, payload.size))
		return 0;
	checksum((const char *)payload.data, payload.size, want);
	if (memcmp(sum.data, want, SUM))
		return 0;
	text = strndup((const char *)payload.data, payload.size);
	return text && wb_strv_add(ret, text) == 0 ? 1 : -ENOMEM;
}

int wb_lines_parse(const char *text, size_t size, struct wb_strv *ret, size_t *ret_damaged)
{
	WB_CLEAN_STRV got = {};
	size_t damaged = 0;

	for (size_t at = 0; at < size;) {
		const char *end = memchr(text + at, '\n', size - at);
		size_t n = end ? (size_t)(end - text) - at : size - at;

		if (n) {
			int r = take_line((struct wb_bytes){(const uint8_t *)text + at, n}, &got);

			if (r < 0)
				return r;
			damaged += !r;
		}
		at += n + 1;
	}
	*ret = got;
	got = (struct wb_strv){};
	*ret_damaged = damaged;
	return 0;
}

int wb_lines_read(const struct wb_files *files, const char *path, struct wb_strv *ret,
	size_t *ret_damaged, struct wb_error *err)
{
	WB_CLEAN_BLOB blob = {};
	int r = files->read_at(files->ctx, path, 0, FILE_MAX, &blob, err);

	if (r == -ENOENT) {
		*ret = (struct wb_strv){};
		*ret_damaged = 0;
		return 0;
	}
	if (r < 0)
		return r;
	if (wb_lines_parse((const char *)blob.data, blob.size, ret, ret_damaged) < 0)
		return wb_oom(err);
	return 0;
}

/* The first of the old lines that can stay when `added` bytes are added. */
static size_t first_to_keep(
	const struct wb_strv *old, size_t added, const struct wb_lines_limits *limits)
{
	size_t first = old->n, bytes = added;

	while (first > 0 && old->n - first + 1 < limits->lines) {
		bytes += strlen(old->items[first - 1]) + OVERHEAD;
		if (bytes > limits->bytes)
			break;
		first--;
	}
	return first;
}

static int append(struct wb_blob *to, const char *payload)
{
	WB_CLEAN_STR line = NULL;
	int r = wb_line_format(payload, &line);

	return r < 0 ? r : wb_blob_append(to, line, strlen(line));
}

int wb_lines_add(const struct wb_sys *sys, const char *path, const char *payload,
	const struct wb_lines_limits *limits, struct wb_error *err)
{
	WB_CLEAN_STRV old = {};
	WB_CLEAN_BLOB all = {};
	size_t damaged, first;
	int r = wb_lines_read(sys->files, path, &old, &damaged, err);

	if (r < 0)
		return r;
	first = first_to_keep(&old, strlen(payload) + OVERHEAD, limits);
	for (size_t i = first; r == 0 && i < old.n; i++)
		r = append(&all, old.items[i]);
	if (r == 0)
		r = append(&all, payload);
	if (r < 0)
		return wb_fail(err, r, "out of memory");
	r = sys->write_file(sys->ctx, path, wb_blob_view(&all), 0600);
	if (r < 0)
		return wb_fail(err, r, "cannot write %s: %s", path, strerror(-r));
	return 0;
}
