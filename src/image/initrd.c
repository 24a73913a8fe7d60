// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Checking and joining initrds. An initrd is any number of cpio archives (newc,
 * Documentation/driver-api/early-userspace/buffer-format.rst), compressed or not, with zeroes
 * between them (init/initramfs.c). Before unpacking, the kernel looks through the uncompressed
 * archives at its very start for microcode and ACPI tables (lib/earlycpio.c). So these have to stay
 * in front.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "image/image.h"

#define HEADER 110
#define FILESIZE 54
#define NAMESIZE 94
#define NAME_LIMIT 4096 /* the kernel's PATH_MAX */

static bool is_cpio(struct wb_bytes in, uint64_t at)
{
	return wb_bytes_equal(in, at, "070701", 6) || wb_bytes_equal(in, at, "070702", 6);
}

static bool hex8(struct wb_bytes in, uint64_t at, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < 8; i++) {
		uint8_t c;

		if (!wb_get_u8(in, at + i, &c))
			return false;
		if (c >= '0' && c <= '9')
			c -= '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			c = (c | 0x20) - 'a' + 10;
		else
			return false;
		v = v << 4 | c;
	}
	*ret = v;
	return true;
}

static bool has_prefix(struct wb_bytes in, uint64_t at, uint32_t size, const char *prefix)
{
	return size >= strlen(prefix) && wb_bytes_equal(in, at, prefix, strlen(prefix));
}

/*
 * Find the end of the archive at `at`, a multiple of 4. ret_early: it contains files that the
 * kernel reads before it unpacks anything. -EBADMSG.
 */
static int walk_cpio(
	struct wb_bytes in, size_t at, size_t *ret_end, bool *ret_early, struct wb_error *err)
{
	bool early = false, last = false;
	uint64_t pos = at;

	while (!last && is_cpio(in, pos)) {
		const uint64_t name = pos + HEADER;
		uint32_t filesize, namesize;
		uint64_t next;

		if (!hex8(in, pos + FILESIZE, &filesize) || !hex8(in, pos + NAMESIZE, &namesize) ||
			namesize == 0 || namesize > NAME_LIMIT)
			return wb_fail(err, -EBADMSG,
				"initrd is damaged: the cpio header at byte %" PRIu64
				" is not valid; build the initrd again",
				pos);
		next = wb_align_up(name + namesize, 4) + filesize;
		if (next > in.size)
			return wb_fail(err, -EBADMSG,
				"initrd is cut short: the file at byte %" PRIu64
				" of its cpio archive goes past the end of %zu; build the initrd "
				"again",
				pos, in.size);
		early |= has_prefix(in, name, namesize, "kernel/x86/microcode/");
		early |= has_prefix(in, name, namesize, "kernel/firmware/acpi/");
		last = namesize == 11 && wb_bytes_equal(in, name, "TRAILER!!!", 11);
		pos = wb_align_up(next, 4);
	}
	*ret_end = pos < in.size ? pos : in.size;
	*ret_early = early;
	return 0;
}

static size_t skip_zeroes(struct wb_bytes in, size_t at)
{
	uint8_t c;

	while (wb_get_u8(in, at, &c) && c == 0)
		at++;
	return at;
}

struct magic {
	size_t at;
	const char *bytes;
	size_t n;
};

static bool has_magic(struct wb_bytes in, uint64_t at, const struct magic *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (wb_bytes_equal(in, at + list[i].at, list[i].bytes, list[i].n))
			return true;
	return false;
}

/* The kernel compares no more than these bytes (lib/decompress.c). */
static bool is_compressed(struct wb_bytes in, uint64_t at)
{
	static const struct magic list[] = {
		{0, "\x1f\x8b", 2},               /* gzip */
		{0, "\x1f\x9e", 2},               /* gzip before 1993 */
		{0, "BZ", 2}, {0, "\x5d\x00", 2}, /* lzma */
		{0, "\xfd\x37", 2},               /* xz */
		{0, "\x89\x4c", 2},               /* lzo */
		{0, "\x02\x21", 2},               /* lz4 */
		{0, "\x28\xb5", 2},               /* zstd */
	};

	return has_magic(in, at, list, sizeof(list) / sizeof(*list));
}

/*
 * Is it a file system that the kernel mounts as a RAM disk? (identify_ramdisk_image() in
 * init/do_mounts_rd.c)
 */
static bool is_ramdisk(struct wb_bytes in)
{
	static const struct magic list[] = {
		{0, "-rom1fs-", 8}, {0, "\x45\x3d\xcd\x28", 4}, /* cramfs */
		{512, "\x45\x3d\xcd\x28", 4}, {0, "hsqs", 4},
		{1024 + 16, "\x7f\x13", 2},                             /* minix */
		{1024 + 16, "\x8f\x13", 2}, {1024 + 56, "\x53\xef", 2}, /* ext2, 3 and 4 */
	};

	return has_magic(in, 0, list, sizeof(list) / sizeof(*list));
}

/* A boot configuration (init/main.c) can be the whole initrd; boot loaders pad it to a word. */
static bool is_bootconfig(struct wb_bytes in)
{
	static const char mark[] = "#BOOTCONFIG\n";
	const size_t n = sizeof(mark) - 1;

	for (size_t pad = 0; pad < 4 && in.size > n + pad; pad++)
		if (wb_bytes_equal(in, in.size - n - pad, mark, n))
			return true;
	return false;
}

static int unknown(struct wb_bytes in, size_t at, struct wb_error *err)
{
	const size_t n = in.size - at < 8 ? in.size - at : 8;
	char found[3 * 8 + 1] = "";
	bool text = true;

	for (size_t i = 0; i < n; i++)
		text = text && in.data[at + i] >= ' ' && in.data[at + i] <= '~';
	for (size_t i = 0; i < n; i++)
		snprintf(found + i * (text ? 1 : 3), 4, text ? "%c" : " %02x", in.data[at + i]);
	return wb_fail(err, -EBADMSG,
		"not an initrd: at byte %zu there is %s%s%s, which begins no cpio archive (newc), "
		"no compression and no file system that the kernel knows; name the initrd that was "
		"built for this kernel",
		at, text ? "\"" : "the data", found, text ? "\"" : "");
}

int wb_initrd_check(struct wb_bytes in, struct wb_error *err)
{
	size_t at = skip_zeroes(in, 0);
	bool early = true;

	if (is_ramdisk(in) || is_bootconfig(in))
		return 0;
	if (at == in.size)
		return wb_fail(err, -EBADMSG,
			"not an initrd: it holds nothing but %zu zero bytes; build the initrd "
			"again",
			in.size);
	while (early && at % 4 == 0 && is_cpio(in, at)) {
		size_t end;
		int r = walk_cpio(in, at, &end, &early, err);

		if (r < 0)
			return r;
		at = skip_zeroes(in, end);
	}
	return !early || at == in.size || is_compressed(in, at) ? 0 : unknown(in, at, err);
}

struct join {
	bool decompress;
	size_t limit;
	struct wb_blob *ret;
	struct wb_error *err;
};

static int room_for(const struct join *j, size_t n)
{
	if (j->ret->size > j->limit || n > j->limit - j->ret->size)
		return wb_fail(j->err, -E2BIG,
			"the initrds together need more than the %zu bytes that are allowed",
			j->limit);
	return 0;
}

static int copy(const struct join *j, struct wb_bytes in, size_t from, size_t to)
{
	struct wb_bytes part = {};
	int r;

	wb_bytes_sub(in, from, to - from, &part);
	r = room_for(j, wb_align_up(part.size, 4));
	if (r < 0)
		return r;
	if (wb_blob_append(j->ret, part.data, part.size) < 0 || wb_blob_pad(j->ret, 4) < 0)
		return wb_fail(j->err, -ENOMEM, "not enough memory to join the initrds");
	return 0;
}

/*
 * Unpack the stream at `at`. If that is not possible, copy it and everything behind it unchanged.
 */
static int take_stream(const struct join *j, struct wb_bytes in, size_t at, size_t *ret_end)
{
	const struct wb_codec *codec;
	struct wb_bytes rest = {};
	size_t used = 0;
	int r;

	wb_bytes_sub(in, at, in.size - at, &rest);
	codec = j->decompress ? wb_codec_find(rest) : NULL;
	r = codec ? codec->decompress(rest, j->limit - j->ret->size, j->ret, &used, j->err)
		  : -EOPNOTSUPP;
	if (r == 0) {
		if (wb_blob_pad(j->ret, 4) < 0)
			return wb_fail(j->err, -ENOMEM, "not enough memory to join the initrds");
		r = room_for(j, 0);
		if (r == 0)
			*ret_end = at + used;
		return r;
	}
	if (r != -EOPNOTSUPP)
		return wb_fail_in(j->err, r, "initrd, byte %zu: ", at);
	/*
	 * Keep the alignment of the archives behind it; the bytes in front belong to another part.
	 */
	if (wb_blob_append(j->ret, NULL, at % 4) < 0)
		return wb_fail(j->err, -ENOMEM, "not enough memory to join the initrds");
	r = copy(j, in, at, in.size);
	if (r == 0)
		*ret_end = in.size;
	return r;
}

/*
 * Copy the uncompressed archives at the start of a part. The kernel looks for early files only
 * there.
 */
static int take_early(const struct join *j, struct wb_bytes in)
{
	size_t at = skip_zeroes(in, 0);

	while (at % 4 == 0 && is_cpio(in, at)) {
		size_t end;
		bool early;
		int r = walk_cpio(in, at, &end, &early, j->err);

		if (r == 0 && early)
			r = copy(j, in, at, end);
		if (r < 0)
			return r;
		at = skip_zeroes(in, end);
	}
	return 0;
}

static int take_rest(const struct join *j, struct wb_bytes in)
{
	size_t at = skip_zeroes(in, 0);
	bool leading = true;

	/* Zeroes at the start of a file system are part of it. */
	if (is_ramdisk(in) && !is_cpio(in, at) && !is_compressed(in, at))
		return copy(j, in, 0, in.size);
	while (at < in.size) {
		size_t end;
		int r;

		if (at % 4 == 0 && is_cpio(in, at)) {
			bool early = false;

			r = walk_cpio(in, at, &end, &early, j->err);
			if (r == 0 && !(early && leading))
				r = copy(j, in, at, end);
		} else {
			leading = false;
			r = take_stream(j, in, at, &end);
		}
		if (r < 0)
			return r;
		at = skip_zeroes(in, end);
	}
	return 0;
}

int wb_initrd_join(const struct wb_bytes *parts, size_t n_parts, bool decompress, size_t limit,
	struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_BLOB out = {};
	const struct join j = {decompress, limit, &out, err};
	size_t total = 0;
	int r = 0;

	for (size_t i = 0; i < n_parts && total < limit; i++)
		total += parts[i].size < limit - total ? wb_align_up(parts[i].size, 4)
						       : limit - total;
	if (wb_blob_reserve(&out, total) < 0)
		return wb_fail(err, -ENOMEM, "not enough memory to join the initrds");
	for (size_t i = 0; i < n_parts && r == 0; i++)
		r = take_early(&j, parts[i]);
	for (size_t i = 0; i < n_parts && r == 0; i++)
		r = take_rest(&j, parts[i]);
	if (r < 0)
		return r;
	wb_blob_trim(&out);
	wb_blob_deinit(ret);
	*ret = wb_blob_take(&out);
	return 0;
}
