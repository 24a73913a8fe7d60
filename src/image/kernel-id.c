// SPDX-License-Identifier: LGPL-2.1-or-later
/* The id of the kernel in an image: from the notes of its vmlinux, or from the texts that name it. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "core/kernel-id.h"
#include "core/strv.h"
#include "image/image.h"
#include "image/release.h"

/* The longest banner that is looked at; it has the names of the compiler and of whoever built the kernel. */
#define BANNER 1024

int wb_elf_kernel_id(struct wb_bytes in, char **ret)
{
	Elf64_Ehdr eh;

	if (!wb_bytes_equal(in, 0, ELFMAG, SELFMAG) || !wb_get_struct(in, 0, &eh, sizeof(eh)) ||
		eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
		eh.e_phentsize != sizeof(Elf64_Phdr))
		return -ENOENT;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		struct wb_bytes table, notes;
		Elf64_Phdr ph;
		int r;

		if (!wb_bytes_sub(in, eh.e_phoff, (uint64_t)eh.e_phnum * sizeof(ph), &table) ||
			!wb_get_struct(table, (uint64_t)i * sizeof(ph), &ph, sizeof(ph)))
			return -ENOENT;
		if (ph.p_type != PT_NOTE || !wb_bytes_sub(in, ph.p_offset, ph.p_filesz, &notes))
			continue;
		r = wb_kernel_id_parse(notes, ret);
		if (r == 0 || r == -ENOMEM)
			return r;
	}
	return -ENOENT;
}

/*
 * "RELEASE (WHO@WHERE) VERSION" in the setup code of a bzImage (arch/x86/boot/version.c), and the same with the
 * compiler in between in the banner (init/version-timestamp.c). The version begins with "#".
 */
static int name_of(struct wb_bytes text, const char *release, char **ret)
{
	WB_CLEAN_STR line = NULL;
	char *version = NULL;
	size_t n = 0;

	while (n < text.size && n < BANNER && text.data[n] && text.data[n] != '\n')
		n++;
	line = strndup(n ? (const char *)text.data : "", n);
	if (!line)
		return -ENOMEM;
	for (char *p = line; (p = strstr(p, ") #")); p++)
		version = p + 2;
	return version && *release ? wb_kernel_id_name(release, version, ret) : -ENOENT;
}

static int name_by_banner(struct wb_bytes in, const char *release, char **ret)
{
	WB_CLEAN_STR banner = wb_strf("Linux version %s ", release);
	const uint8_t *at;

	if (!banner)
		return -ENOMEM;
	at = in.size ? memmem(in.data, in.size, banner, strlen(banner)) : NULL;
	if (!at || !*release)
		return -ENOENT;
	return name_of((struct wb_bytes){at, in.size - (size_t)(at - in.data)}, release, ret);
}

static int unpack(const struct wb_bzimage *bz, size_t limit, struct wb_blob *ret)
{
	if (!bz->codec || bz->payload_size > limit)
		return -EOPNOTSUPP;
	if (wb_blob_reserve(ret, bz->payload_size) < 0)
		return -ENOMEM;
	return bz->codec->decompress(bz->payload, limit, ret, NULL, NULL);
}

static int build_id(const struct wb_image *img, size_t limit, char **ret)
{
	WB_CLEAN_BLOB vmlinux = {};
	int r;

	if (img->kind == WB_IMAGE_ELF)
		return wb_elf_kernel_id(img->bytes, ret);
	if (img->kind != WB_IMAGE_BZIMAGE)
		return -ENOENT;
	r = unpack(&img->bz, limit, &vmlinux);
	return r < 0 ? r : wb_elf_kernel_id(wb_blob_view(&vmlinux), ret);
}

int wb_image_kernel_name(const struct wb_image *img, char **ret, struct wb_error *err)
{
	struct wb_bytes text;
	char release[128];
	int r = -ENOENT;

	if (img->kind != WB_IMAGE_BZIMAGE) {
		r = name_by_banner(img->bytes, img->release, ret);
	} else if (wb_bzimage_version(img, &text)) {
		wb_release_copy(text, release, sizeof(release));
		r = name_of(text, release, ret);
	}
	if (r == -ENOMEM)
		return wb_oom(err);
	return r < 0 ? wb_fail(err, -ENOENT, "the kernel tells no version that can be read") : 0;
}

int wb_image_kernel_id(const struct wb_image *img, size_t limit, char **ret, struct wb_error *err)
{
	/* Without memory for the unpacked kernel, its name is still known. */
	return build_id(img, limit, ret) == 0 ? 0 : wb_image_kernel_name(img, ret, err);
}
