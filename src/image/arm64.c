// SPDX-License-Identifier: LGPL-2.1-or-later
/* The format of an arm64 Image: Documentation/arch/arm64/booting.rst, "Call the kernel image". */
#include <errno.h>
#include <inttypes.h>

#include "image/image.h"
#include "image/release.h"

#define TEXT_OFFSET 8
#define IMAGE_SIZE 16
#define FLAGS 24
#define MAGIC 56
#define HEADER_SIZE 64

#define FLAG_BIG_ENDIAN 0x1
#define FLAG_ANYWHERE 0x8

/* Kernels before 3.17 left image_size 0 and expected to be loaded here. */
#define OLD_TEXT_OFFSET 0x80000

static bool probe(struct wb_bytes in)
{
	return wb_bytes_equal(in, MAGIC, "ARM\x64", 4);
}

static int parse(struct wb_bytes in, struct wb_image *ret, struct wb_error *err)
{
	static const uint32_t page_sizes[] = {0, 4096, 16384, 65536};
	struct wb_arm64_image a = {};

	if (in.size < HEADER_SIZE || !wb_get_le64(in, TEXT_OFFSET, &a.text_offset) ||
		!wb_get_le64(in, IMAGE_SIZE, &a.image_size) || !wb_get_le64(in, FLAGS, &a.flags))
		return wb_fail(
			err, -EBADMSG, "arm64 Image header is cut short: %zu bytes", in.size);
	if (a.image_size == 0) {
		a.text_offset = OLD_TEXT_OFFSET;
		a.image_size = in.size;
	}
	if (a.image_size > WB_IMAGE_LIMIT || a.text_offset > WB_IMAGE_LIMIT)
		return wb_fail(err, -EBADMSG,
			"arm64 Image is damaged: text offset 0x%" PRIx64 " or image size 0x%" PRIx64
			" (offsets %d and %d) cannot be right",
			a.text_offset, a.image_size, TEXT_OFFSET, IMAGE_SIZE);
	/* image_size includes the bss, so only a signature can make the file longer. */
	a.big_endian = a.flags & FLAG_BIG_ENDIAN;
	a.page_size = page_sizes[a.flags >> 1 & 3];
	a.anywhere = a.flags & FLAG_ANYWHERE;
	ret->kind = WB_IMAGE_ARM64;
	ret->arch = WB_ARCH_ARM64;
	ret->arm64 = a;
	wb_release_find(in, ret->release, sizeof(ret->release));
	return 0;
}

const struct wb_image_format wb_format_arm64 = {
	.name = "arm64",
	.probe = probe,
	.parse = parse,
};
