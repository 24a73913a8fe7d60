/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Kernel images: bytes in, parsed struct out. No file, no fd, no global.
 *
 * wb_image_open() removes the wrappings of a kernel (whole-file compression, EFI zboot, UKI) until
 * it reaches something loadable, and keeps the other contents of a wrapping (initrd, command line).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/bytes.h"
#include "core/codec.h"
#include "core/error.h"

enum wb_image_kind {
	WB_IMAGE_BZIMAGE = 1, /* x86 boot protocol >= 2.12, 64-bit entry */
	WB_IMAGE_ELF,         /* vmlinux */
	WB_IMAGE_ARM64,       /* arm64 Image; parsed and planned, not loaded yet */
};

enum wb_machine_arch {
	WB_ARCH_X86_64 = 1,
	WB_ARCH_ARM64,
};

/* Documentation/arch/x86/boot.rst, struct setup_header; offsets are in the bzImage file. */
struct wb_bzimage {
	uint16_t version;             /* boot protocol, 0x020f = 2.15 */
	struct wb_bytes setup;        /* the setup header, offset 0x1f1 up to its end */
	struct wb_bytes protected;    /* protected-mode kernel, from (setup_sects + 1) * 512 */
	struct wb_bytes payload;      /* compressed vmlinux, for codec->decompress() */
	uint32_t payload_size;        /* its uncompressed size, from its last 4 bytes; 0 unknown */
	const struct wb_codec *codec; /* NULL: payload not understood, no fast path */
	uint64_t pref_address;
	uint32_t init_size;
	uint32_t kernel_alignment;
	uint32_t cmdline_size; /* maximum length without the final NUL */
	uint32_t initrd_addr_max;
	uint16_t xloadflags;
	bool relocatable;
};

struct wb_elf_load {
	struct wb_bytes file; /* p_filesz bytes */
	uint64_t paddr, vaddr, memsz, align;
};

#define WB_ELF_MAX_LOADS 16

struct wb_elf {
	/* e_entry unchanged: whether it is physical or virtual depends on the kernel */
	uint64_t entry;
	struct wb_elf_load loads[WB_ELF_MAX_LOADS]; /* PT_LOAD with memsz > 0, file order */
	size_t n_loads;
	struct wb_bytes
		after_sections; /* the bytes behind the section headers: x86 relocations, if any */
};

struct wb_arm64_image {
	uint64_t text_offset;
	uint64_t image_size;
	uint64_t flags;
	bool big_endian;
	uint32_t page_size; /* bytes; 0 unspecified */
	bool anywhere;      /* 2 MiB aligned base may be anywhere in memory */
};

struct wb_image {
	enum wb_image_kind kind;
	enum wb_machine_arch arch;
	struct wb_bytes bytes; /* the innermost loadable file, which kexec_file_load would get */
	union {
		struct wb_bzimage bz;
		struct wb_elf elf;
		struct wb_arm64_image arm64;
	};
	char release[128]; /* kernel release if the image names it, else "" */
	char wrapping[64]; /* the wrappings, outermost first, e.g. "uki" or "gzip zboot"; "" */
	/* bytes differ from the given file, so a signature over that file is lost */
	bool unwrapped;

	/* Parts of a UKI for `profile`; empty if absent. Views into the file or into `owned`. */
	struct wb_bytes uki_initrd, uki_ucode, uki_cmdline, uki_osrel, uki_uname;

	struct wb_blob owned; /* holds decompressed bytes; freed by wb_image_deinit() */
	size_t limit;         /* most bytes that one unwrapping may produce */
	unsigned int profile; /* number of the UKI's profile; 0: the first */
};

/* Most bytes that any decompression of a kernel may produce. */
#define WB_IMAGE_LIMIT (1ULL << 30)
/* At most this many wrappings may lie within each other. */
#define WB_IMAGE_DEPTH 4

/*
 * file: the caller's, must outlive ret. -EBADMSG damaged (with the offset), -ENOEXEC format not
 * known, -EOPNOTSUPP known but not supported (old boot protocol, 32-bit, codec absent at build
 * time), -E2BIG decompression bomb, -ENOMEM.
 */
int wb_image_open(struct wb_bytes file, struct wb_image *ret, struct wb_error *err);
/* wb_image_open() on a machine that can spare no more than `limit` bytes (<= WB_IMAGE_LIMIT). */
int wb_image_open_within(
	struct wb_bytes file, size_t limit, struct wb_image *ret, struct wb_error *err);
/* wb_image_open() for one profile of a UKI. -ENOENT: the file has no such profile, or is no UKI. */
int wb_image_open_profile(struct wb_bytes file, size_t limit, unsigned int profile,
	struct wb_image *ret, struct wb_error *err);
void wb_image_deinit(struct wb_image *img);

#define WB_CLEAN_IMAGE __attribute__((cleanup(wb_image_deinit))) struct wb_image

/* One row per loadable format. */
struct wb_image_format {
	const char *name;
	/* Could `in` be this? Cheap: magic numbers only. */
	bool (*probe)(struct wb_bytes in);
	/* Fill kind, arch, the union, release. Everything checked against the size of `in`. */
	int (*parse)(struct wb_bytes in, struct wb_image *ret, struct wb_error *err);
};

/* One row per wrapping. */
struct wb_image_wrapper {
	const char *name; /* NULL: use the name of the codec that recognises the bytes */
	bool (*probe)(struct wb_bytes in);
	/*
	 * Find the inner file: *ret_inner is a view into `in`, or into *ret_owned when it had to be
	 * decompressed. May fill the uki_* fields of img.
	 */
	int (*unwrap)(struct wb_bytes in, struct wb_image *img, struct wb_bytes *ret_inner,
		struct wb_blob *ret_owned, struct wb_error *err);
};

extern const struct wb_image_format wb_format_bzimage, wb_format_elf, wb_format_arm64;
extern const struct wb_image_wrapper wb_wrapper_uki, wb_wrapper_zboot, wb_wrapper_compressed;

/*
 * The parts of a UKI's addon (UAPI.5) for the initrd: views into `in`, empty if it has no such
 * section. -EBADMSG: it is no PE file, is damaged, or contains a kernel.
 */
int wb_uki_addon_parts(struct wb_bytes in, struct wb_bytes *ret_initrd, struct wb_bytes *ret_ucode,
	struct wb_error *err);

/*
 * Parse an ELF kernel found inside another image (the payload of a bzImage, decompressed).
 * -EBADMSG, -EOPNOTSUPP.
 */
int wb_elf_parse(struct wb_bytes in, struct wb_elf *ret, struct wb_error *err);

/* The text "RELEASE (WHO@WHERE) VERSION" in the setup code of a bzImage, with the bytes behind it. false: none. */
bool wb_bzimage_version(const struct wb_image *img, struct wb_bytes *ret);

/*
 * The id of the kernel (core/kernel-id.h), to be freed: the build id of its vmlinux, which is unpacked to at most
 * `limit` bytes, or else its release and version. -ENOENT with a sentence: neither is found. -ENOMEM.
 */
int wb_image_kernel_id(const struct wb_image *img, size_t limit, char **ret, struct wb_error *err);
/* Its name alone (core/kernel-id.h), for which nothing is unpacked. Errors likewise. */
int wb_image_kernel_name(const struct wb_image *img, char **ret, struct wb_error *err);
/* The id from an ELF vmlinux alone. -ENOENT: it has no build id. -ENOMEM. */
int wb_elf_kernel_id(struct wb_bytes elf, char **ret);

/*
 * The x86 relocations that arch/x86/tools/relocs appends to vmlinux: three lists of 32-bit virtual
 * addresses (sign-extended to 64 bits), given as indices into `words`. 0 with all counts 0 if there
 * is no table; -EBADMSG if the table does not end correctly.
 */
struct wb_x86_relocs {
	struct wb_bytes words;    /* the whole table */
	size_t abs32_at, n_abs32; /* first word's index and count: *(u32 *)p += delta */
	size_t inv32_at, n_inv32; /* *(u32 *)p -= delta (per-CPU offsets, before 6.15) */
	size_t abs64_at, n_abs64; /* *(u64 *)p += delta */
};
int wb_x86_relocs_parse(const struct wb_elf *elf, struct wb_x86_relocs *ret, struct wb_error *err);

/*
 * Does an initrd begin as the kernel expects: with early archives (microcode) and zeroes, if any,
 * followed by a cpio archive or by data that some kernel can unpack? Or is it the image of a file
 * system for a RAM disk? The bytes after that are not checked. -EBADMSG.
 */
int wb_initrd_check(struct wb_bytes in, struct wb_error *err);

/*
 * Join initrds in order. Uncompressed cpio with CPU microcode comes first, as the kernel requires;
 * each part is padded to 4 bytes. With `decompress`, compressed parts are unpacked, so that the new
 * kernel need not do it; a part with an unknown compression is kept unchanged. -EBADMSG, -E2BIG,
 * -ENOMEM.
 */
int wb_initrd_join(const struct wb_bytes *parts, size_t n_parts, bool decompress, size_t limit,
	struct wb_blob *ret, struct wb_error *err);
