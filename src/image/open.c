// SPDX-License-Identifier: LGPL-2.1-or-later
/* Peeling the wrappings of a kernel until a loadable format fits, over two tables. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "image/image.h"
#include "image/release.h"

/*
 * Wrappings come first, because a UKI or an EFI zboot image also begins like a kernel that EFI can
 * boot.
 */
static const struct wb_image_wrapper *const wrappers[] = {
	&wb_wrapper_zboot,
	&wb_wrapper_uki,
	&wb_wrapper_compressed,
};

static const struct wb_image_format *const formats[] = {
	&wb_format_bzimage,
	&wb_format_elf,
	&wb_format_arm64,
};

static const struct wb_image_wrapper *find_wrapper(struct wb_bytes in)
{
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(*wrappers); i++)
		if (wrappers[i]->probe(in))
			return wrappers[i];
	return NULL;
}

static const struct wb_image_format *find_format(struct wb_bytes in)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(*formats); i++)
		if (formats[i]->probe(in))
			return formats[i];
	return NULL;
}

static void move_view(
	struct wb_bytes *view, const struct wb_blob *from, const struct wb_blob *to, size_t at)
{
	uintptr_t off = (uintptr_t)view->data - (uintptr_t)from->data;

	if (view->data && off < from->size)
		view->data = to->data + at + off;
}

/*
 * Make `next` the buffer that img owns. The old buffer is freed. If parts of a UKI lie in it, it is
 * appended to `next` first.
 */
static int own(struct wb_image *img, struct wb_blob *next)
{
	struct wb_bytes *const views[] = {&img->uki_initrd, &img->uki_ucode, &img->uki_cmdline,
		&img->uki_osrel, &img->uki_uname};
	const size_t at = next->size;

	for (size_t i = 0; i < sizeof(views) / sizeof(*views) && next->size == at; i++) {
		uintptr_t off = (uintptr_t)views[i]->data - (uintptr_t)img->owned.data;

		if (!views[i]->data || off >= img->owned.size)
			continue;
		if (wb_blob_append(next, img->owned.data, img->owned.size) < 0)
			return -ENOMEM;
	}
	if (next->size > at)
		for (size_t i = 0; i < sizeof(views) / sizeof(*views); i++)
			move_view(views[i], &img->owned, next, at);
	wb_blob_deinit(&img->owned);
	img->owned = wb_blob_take(next);
	return 0;
}

static int unwrap(const struct wb_image_wrapper *w, struct wb_image *img, struct wb_error *err)
{
	const char *name = w->name ? w->name : wb_codec_find(img->bytes)->name;
	const size_t n = strlen(img->wrapping);
	WB_CLEAN_BLOB next = {};
	struct wb_bytes inner = {};
	int r;

	snprintf(img->wrapping + n, sizeof(img->wrapping) - n, "%s%s", n ? " " : "", name);
	r = w->unwrap(img->bytes, img, &inner, &next, err);
	if (r < 0)
		return r;
	if (next.size) {
		const size_t size = next.size;

		if (own(img, &next) < 0)
			return wb_fail(err, -ENOMEM, "not enough memory to unpack the kernel");
		inner = (struct wb_bytes){img->owned.data, size};
	}
	img->bytes = inner;
	img->unwrapped = true;
	return 0;
}

static int unknown(const struct wb_image *img, struct wb_error *err)
{
	bool zero = true;

	for (size_t i = 0; i < img->bytes.size && zero; i++)
		zero = img->bytes.data[i] == 0;
	if (img->bytes.size == 0)
		return wb_fail(err, -ENOEXEC, "the kernel is an empty file");
	if (zero)
		return wb_fail(err, -ENOEXEC,
			"the kernel holds nothing but %zu zero bytes; get the file again",
			img->bytes.size);
	return wb_fail(err, -ENOEXEC,
		"not a kernel that is known (bzImage, ELF vmlinux, arm64 Image, UKI, EFI zboot, or "
		"one of them compressed)");
}

static int peel(struct wb_image *img, struct wb_error *err)
{
	const struct wb_image_format *format;

	for (int depth = 0;; depth++) {
		const struct wb_image_wrapper *w = find_wrapper(img->bytes);
		int r;

		if (!w)
			break;
		if (depth == WB_IMAGE_DEPTH)
			return wb_fail(err, -EBADMSG,
				"the kernel is wrapped more than %d times (%s); unpack it by hand",
				WB_IMAGE_DEPTH, img->wrapping);
		r = unwrap(w, img, err);
		if (r < 0)
			return r;
	}
	if (img->uki_uname.size)
		wb_release_copy(img->uki_uname, img->release, sizeof(img->release));
	format = find_format(img->bytes);
	return format ? format->parse(img->bytes, img, err) : unknown(img, err);
}

int wb_image_open(struct wb_bytes file, struct wb_image *ret, struct wb_error *err)
{
	return wb_image_open_within(file, WB_IMAGE_LIMIT, ret, err);
}

int wb_image_open_within(
	struct wb_bytes file, size_t limit, struct wb_image *ret, struct wb_error *err)
{
	return wb_image_open_profile(file, limit, 0, ret, err);
}

int wb_image_open_profile(struct wb_bytes file, size_t limit, unsigned int profile,
	struct wb_image *ret, struct wb_error *err)
{
	struct wb_image img = {.bytes = file, .limit = limit, .profile = profile};
	int r = peel(&img, err);

	/* For a UKI its wrapper has checked the profile. */
	if (r == 0 && profile && !strstr(img.wrapping, wb_wrapper_uki.name))
		r = wb_fail(err, -ENOENT,
			"profile %u was asked for, but the file is no unified kernel image",
			profile);
	if (r < 0) {
		if (img.wrapping[0])
			r = wb_fail_in(err, r, "inside %s: ", img.wrapping);
		wb_image_deinit(&img);
		return r;
	}
	*ret = img;
	return 0;
}

void wb_image_deinit(struct wb_image *img)
{
	if (!img)
		return;
	wb_blob_deinit(&img->owned);
	*img = (struct wb_image){};
}
