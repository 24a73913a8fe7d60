// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The format of an x86 bzImage: Documentation/arch/x86/boot.rst; all offsets are from the start of
 * the file.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "image/image.h"
#include "image/release.h"

#define SECTOR 512

#define SETUP_SECTS 0x1f1
#define SYSSIZE 0x1f4
#define BOOT_FLAG 0x1fe
#define HEADER_END 0x201 /* header ends at 0x202 + this byte */
#define HEADER_MAGIC 0x202
#define VERSION 0x206
#define KERNEL_VERSION 0x20e
#define LOADFLAGS 0x211
#define INITRD_ADDR_MAX 0x22c
#define KERNEL_ALIGNMENT 0x230
#define RELOCATABLE 0x234
#define XLOADFLAGS 0x236
#define CMDLINE_SIZE 0x238
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define PREF_ADDRESS 0x258
#define INIT_SIZE 0x260
#define HEADER_LAST 0x264 /* every header of protocol 2.12 reaches at least here */

#define LOADED_HIGH 0x01
#define XLF_KERNEL_64 0x01
#define VERSION_MIN 0x020c
#define DEFAULT_SECTS 4
/* syssize includes a checksum and padding, which the file need not contain. */
#define SYSSIZE_SLACK 64

static bool probe(struct wb_bytes in)
{
	return wb_bytes_equal(in, BOOT_FLAG, "\x55\xaa", 2) &&
	       wb_bytes_equal(in, HEADER_MAGIC, "HdrS", 4);
}

static int damaged(struct wb_error *err, unsigned int at, const char *why)
{
	return wb_fail(err, -EBADMSG, "bzImage is damaged: %s (field at offset 0x%x)", why, at);
}

/* The version string in the setup code, of which the first word is the release. */
static bool find_version(struct wb_bytes in, size_t setup_end, struct wb_bytes *ret)
{
	uint16_t at;

	return wb_get_le16(in, KERNEL_VERSION, &at) && at && at + 0x200u < setup_end &&
	       wb_bytes_sub(in, at + 0x200u, setup_end - (at + 0x200u), ret);
}

bool wb_bzimage_version(const struct wb_image *img, struct wb_bytes *ret)
{
	return find_version(img->bytes, img->bytes.size - img->bz.protected.size, ret);
}

static void read_release(struct wb_bytes in, size_t setup_end, char *ret, size_t size)
{
	struct wb_bytes text;

	if (find_version(in, setup_end, &text))
		wb_release_copy(text, ret, size);
}

static int read_payload(struct wb_bytes in, struct wb_bzimage *bz, struct wb_error *err)
{
	uint32_t offset = 0, length = 0, size = 0;
	struct wb_bytes whole;

	wb_get_le32(in, PAYLOAD_OFFSET, &offset);
	wb_get_le32(in, PAYLOAD_LENGTH, &length);
	if (length == 0)
		return 0;
	if (!wb_bytes_sub(bz->protected, offset, length, &whole))
		return wb_fail(err, -EBADMSG,
			"bzImage is damaged: its payload of %" PRIu32 " bytes at 0x%" PRIx32
			" goes past the end of the %zu bytes that follow the setup code (field "
			"at offset 0x%x)",
			length, offset, bz->protected.size, PAYLOAD_OFFSET);
	if (!wb_get_le32(whole, (uint64_t)length - 4, &size) || length < 4)
		return damaged(err, PAYLOAD_LENGTH, "its payload has no room for its size");
	bz->codec = wb_codec_find(whole);
	if (!bz->codec)
		return 0;
	if (size > WB_IMAGE_LIMIT)
		return wb_fail(err, -E2BIG,
			"bzImage claims to unpack to %" PRIu32 " bytes, more than any kernel; not "
			"unpacked",
			size);
	bz->payload_size = size;
	bz->payload = whole;
	/* gzip's own trailer is that size; after the other formats the build appends it. */
	if (strcmp(bz->codec->name, "gzip") != 0)
		bz->payload.size -= 4;
	return 0;
}

static int read_setup(struct wb_bytes in, struct wb_bzimage *bz, struct wb_error *err)
{
	uint8_t sects = 0, end = 0, loadflags = 0, relocatable = 0;

	if (!wb_get_le16(in, VERSION, &bz->version))
		return damaged(err, VERSION, "it ends inside the setup header");
	if (bz->version < VERSION_MIN)
		return wb_fail(err, -EOPNOTSUPP,
			"bzImage has boot protocol %u.%02u, older than 2.12 (kernel 3.8); use a "
			"newer kernel",
			bz->version >> 8, bz->version & 0xff);
	wb_get_u8(in, SETUP_SECTS, &sects);
	if (!wb_get_u8(in, HEADER_END, &end) || 0x202 + end < HEADER_LAST ||
		!wb_bytes_sub(in, SETUP_SECTS, 0x202 + end - SETUP_SECTS, &bz->setup))
		return damaged(err, HEADER_END, "its setup header is cut short");
	if (!wb_bytes_sub(in, 0, (uint64_t)((sects ? sects : DEFAULT_SECTS) + 1) * SECTOR,
		    &bz->protected))
		return damaged(err, SETUP_SECTS, "its setup code goes past the end");
	/* `protected` held the setup code until here; now it holds the code that follows. */
	bz->protected =
		(struct wb_bytes){in.data + bz->protected.size, in.size - bz->protected.size};
	wb_get_u8(in, LOADFLAGS, &loadflags);
	wb_get_le16(in, XLOADFLAGS, &bz->xloadflags);
	wb_get_le64(in, PREF_ADDRESS, &bz->pref_address);
	wb_get_le32(in, INIT_SIZE, &bz->init_size);
	wb_get_le32(in, KERNEL_ALIGNMENT, &bz->kernel_alignment);
	wb_get_le32(in, CMDLINE_SIZE, &bz->cmdline_size);
	wb_get_le32(in, INITRD_ADDR_MAX, &bz->initrd_addr_max);
	wb_get_u8(in, RELOCATABLE, &relocatable);
	bz->relocatable = relocatable != 0;
	if (!(loadflags & LOADED_HIGH) || !(bz->xloadflags & XLF_KERNEL_64))
		return wb_fail(err, -EOPNOTSUPP,
			"bzImage has no 64-bit entry (offset 0x%x); use a 64-bit kernel",
			XLOADFLAGS);
	return 0;
}

static int parse(struct wb_bytes in, struct wb_image *ret, struct wb_error *err)
{
	struct wb_bzimage bz = {};
	uint32_t paragraphs = 0;
	int r;

	r = read_setup(in, &bz, err);
	if (r < 0)
		return r;
	wb_get_le32(in, SYSSIZE, &paragraphs);
	if (bz.protected.size == 0 || bz.protected.size + SYSSIZE_SLACK < paragraphs * 16ull)
		return wb_fail(err, -EBADMSG,
			"bzImage is cut short: %zu bytes follow the setup code, its header "
			"promises "
			"%" PRIu64 " (field at offset 0x%x); get the file again",
			bz.protected.size, paragraphs * UINT64_C(16), SYSSIZE);
	if (bz.kernel_alignment == 0 || bz.kernel_alignment & (bz.kernel_alignment - 1))
		return damaged(err, KERNEL_ALIGNMENT, "its alignment is not a power of two");
	if (bz.init_size < bz.protected.size || bz.init_size > WB_IMAGE_LIMIT)
		return damaged(err, INIT_SIZE, "the memory it asks for cannot be right");
	if (bz.pref_address > UINT64_MAX - bz.init_size)
		return damaged(err, PREF_ADDRESS, "its preferred address overflows");
	r = read_payload(in, &bz, err);
	if (r < 0)
		return r;
	ret->kind = WB_IMAGE_BZIMAGE;
	ret->arch = WB_ARCH_X86_64;
	ret->bz = bz;
	read_release(in, in.size - bz.protected.size, ret->release, sizeof(ret->release));
	return 0;
}

const struct wb_image_format wb_format_bzimage = {
	.name = "bzimage",
	.probe = probe,
	.parse = parse,
};
