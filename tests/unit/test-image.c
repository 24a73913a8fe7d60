// SPDX-License-Identifier: LGPL-2.1-or-later
/* wb_image_open() and what it stands on: each format, each wrapping, and each way to damage them. */
#include "unit.h"
#include "samples.h"
#include "sample-codecs.h"
#include "image/image.h"

/* The buffer for images; large enough for the largest sample. */
static uint8_t file[1 << 16];

static int open_file(size_t size, struct wb_image *ret, struct wb_error *err)
{
	*err = (struct wb_error){};
	return wb_image_open((struct wb_bytes){file, size}, ret, err);
}

/* Opening fails with `code` and a sentence that holds `words`; nothing is handed out. */
static void assert_refused(size_t size, int code, const char *words)
{
	struct wb_image img = {.release = "untouched"};
	struct wb_error err;

	assert_int_equal(open_file(size, &img, &err), code);
	if (!strstr(err.text, words))
		assert_string_equal(err.text, words);
	assert_string_equal(img.release, "untouched");
	assert_null(img.owned.data);
}

static struct wb_bytes text_bytes(void)
{
	return (struct wb_bytes){(const uint8_t *)SAMPLE_TEXT, sizeof(SAMPLE_TEXT) - 1};
}

/* A bzImage with gzip data in it. */
static size_t put_bzimage(void)
{
	uint8_t gz[256];
	const size_t n = sample_stored_gzip(gz, text_bytes());

	return sample_bzimage(file, (struct wb_bytes){gz, n - 4}, 65);
}

static void opens_bzimage(void **state)
{
	const size_t size = put_bzimage();
	WB_CLEAN_IMAGE img = {};
	WB_CLEAN_BLOB out = {};
	struct wb_error err;

	assert_int_equal(open_file(size, &img, &err), 0);
	assert_int_equal(img.kind, WB_IMAGE_BZIMAGE);
	assert_int_equal(img.arch, WB_ARCH_X86_64);
	assert_string_equal(img.release, "1.2.3-sample");
	assert_string_equal(img.wrapping, "");
	assert_false(img.unwrapped);
	assert_ptr_equal(img.bytes.data, file);
	assert_null(img.owned.data);
	assert_int_equal(img.bz.version, 0x020f);
	assert_ptr_equal(img.bz.setup.data, file + 0x1f1);
	assert_int_equal(img.bz.setup.size, 0x202 + 0x6a - 0x1f1);
	assert_ptr_equal(img.bz.protected.data, file + SAMPLE_BZ_SETUP);
	assert_int_equal(img.bz.protected.size, size - SAMPLE_BZ_SETUP);
	assert_int_equal(img.bz.init_size, 0x400000);
	assert_int_equal(img.bz.pref_address, 0x1000000);
	assert_int_equal(img.bz.cmdline_size, 2047);
	assert_true(img.bz.relocatable);
	assert_string_equal(img.bz.codec->name, "gzip");
	/* gzip ends with the size itself: the payload keeps it. */
	assert_int_equal(img.bz.payload_size, 65);
	assert_int_equal(img.bz.payload.size, size - SAMPLE_BZ_SETUP - SAMPLE_BZ_SPARE);
	if (img.bz.codec->decompress(img.bz.payload, 65, &out, NULL, &err) != -EOPNOTSUPP)
		assert_memory_equal(out.data, SAMPLE_TEXT, 65);
}

static void bzimage_payload_ends_before_its_size(void **state)
{
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;
	const size_t size =
		sample_bzimage(file, (struct wb_bytes){sample_zstd, sizeof(sample_zstd)}, 65);

	assert_int_equal(open_file(size, &img, &err), 0);
	assert_string_equal(img.bz.codec->name, "zstd");
	assert_int_equal(img.bz.payload.size, sizeof(sample_zstd));
	assert_int_equal(img.bz.payload_size, 65);
}

static void unknown_payload_means_no_fast_path(void **state)
{
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;
	size_t size = sample_bzimage(file, text_bytes(), 1);

	assert_int_equal(open_file(size, &img, &err), 0);
	assert_null(img.bz.codec);
	assert_int_equal(img.bz.payload_size, 0);
	sample_le32(file + 0x24c, 0);
	assert_int_equal(open_file(size, &img, &err), 0);
	assert_null(img.bz.codec);
}

static void bzimage_setup_sects_zero_means_four(void **state)
{
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;
	const size_t size = put_bzimage();

	memset(file + size, 0, 4096);
	file[0x1f1] = 0;
	sample_le32(file + 0x24c, 0);
	assert_int_equal(open_file(size + 4096, &img, &err), 0);
	assert_ptr_equal(img.bz.protected.data, file + 5 * 512);
}

static void bzimage_unsupported(void **state)
{
	const size_t size = put_bzimage();

	sample_le16(file + 0x206, 0x020b);
	assert_refused(size, -EOPNOTSUPP, "boot protocol 2.11, older than 2.12");
	put_bzimage();
	sample_le16(file + 0x236, 0);
	assert_refused(size, -EOPNOTSUPP, "no 64-bit entry (offset 0x236)");
}

static void bzimage_truncated(void **state)
{
	size_t size = put_bzimage();

	assert_refused(0x206, -EBADMSG, "ends inside the setup header");
	assert_refused(0x240, -EBADMSG, "setup header is cut short");
	assert_refused(1000, -EBADMSG, "setup code goes past the end");
	assert_refused(1024, -EBADMSG, "bzImage is cut short: 0 bytes follow");
	/* The header promises a megabyte. */
	sample_le32(file + 0x1f4, 1 << 16);
	assert_refused(size, -EBADMSG, "promises 1048576");
	/* Nothing shorter opens, and nothing reads past it (the sanitizers' part). */
	size = put_bzimage();
	for (size_t n = 0; n < size - 1; n++) {
		WB_CLEAN_IMAGE img = {};
		struct wb_error err;

		assert_true(open_file(n, &img, &err) < 0);
		assert_true(err.text[0]);
	}
}

static void bzimage_lying_sizes(void **state)
{
	const size_t size = put_bzimage();

	sample_le32(file + 0x248, 0xfffffff0);
	assert_refused(size, -EBADMSG, "goes past the end of the");
	put_bzimage();
	sample_le32(file + 0x24c, 0xffffffff);
	assert_refused(size, -EBADMSG, "goes past the end of the");
	sample_le32(file + 0x24c, 3);
	assert_refused(size, -EBADMSG, "no room for its size");
	put_bzimage();
	sample_le32(file + 0x260, 16);
	assert_refused(size, -EBADMSG, "the memory it asks for cannot be right");
	sample_le32(file + 0x260, 0xffffffff);
	assert_refused(size, -EBADMSG, "the memory it asks for cannot be right");
	put_bzimage();
	sample_le64(file + 0x258, UINT64_MAX - 8);
	assert_refused(size, -EBADMSG, "preferred address overflows");
	put_bzimage();
	sample_le32(file + 0x230, 0x300000);
	assert_refused(size, -EBADMSG, "not a power of two");
	put_bzimage();
	sample_le32(file + size - 4, 0xffffffff);
	assert_refused(size, -E2BIG, "claims to unpack to 4294967295 bytes");
}

static void opens_elf(void **state)
{
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;
	struct wb_x86_relocs r = {};

	sample_elf(file);
	assert_int_equal(open_file(SAMPLE_ELF_SIZE, &img, &err), 0);
	assert_int_equal(img.kind, WB_IMAGE_ELF);
	assert_string_equal(img.release, "9.8.7-elf");
	assert_int_equal(img.elf.n_loads, 2);
	assert_int_equal(img.elf.entry, SAMPLE_ELF_PADDR);
	assert_int_equal(img.elf.loads[1].paddr, SAMPLE_ELF_PADDR + 0x200000);
	assert_int_equal(img.elf.loads[1].vaddr, SAMPLE_ELF_VADDR + 0x200000);
	assert_int_equal(img.elf.loads[1].memsz, 0x2000);
	assert_ptr_equal(img.elf.loads[1].file.data, file + 0x180);
	assert_int_equal(img.elf.after_sections.size, 4 * SAMPLE_ELF_WORDS);
	assert_int_equal(wb_x86_relocs_parse(&img.elf, &r, &err), 0);
	assert_int_equal(r.abs64_at, 1);
	assert_int_equal(r.n_abs64, 2);
	assert_int_equal(r.inv32_at, 4);
	assert_int_equal(r.n_inv32, 1);
	assert_int_equal(r.abs32_at, 6);
	assert_int_equal(r.n_abs32, 1);
}

static void elf_unsupported(void **state)
{
	sample_elf(file);
	file[4] = 1;
	assert_refused(SAMPLE_ELF_SIZE, -EOPNOTSUPP, "not 64-bit little-endian (offset 4)");
	sample_elf(file);
	sample_le16(file + 18, 183);
	assert_refused(SAMPLE_ELF_SIZE, -EOPNOTSUPP, "for machine 183 (offset 18)");
	sample_elf(file);
	sample_le16(file + 16, 1);
	assert_refused(SAMPLE_ELF_SIZE, -EOPNOTSUPP, "has type 1 (offset 16)");
}

static void elf_truncated(void **state)
{
	sample_elf(file);
	for (size_t n = 1; n < SAMPLE_ELF_TABLE; n++) {
		WB_CLEAN_IMAGE img = {};
		struct wb_error err;

		assert_true(open_file(n, &img, &err) < 0);
	}
	assert_refused(60, -EBADMSG, "header is cut short");
	assert_refused(100, -EBADMSG, "program headers at offset 0x40 go past the end of 100");
	assert_refused(0x220, -EBADMSG, "section headers at offset 0x200 go past the end");
}

static void elf_lying_sizes(void **state)
{
	sample_elf(file);
	sample_le64(file + 64 + 8, UINT64_MAX - 4);
	assert_refused(SAMPLE_ELF_SIZE, -EBADMSG, "program header 0 wants 128 bytes at offset");
	sample_elf(file);
	sample_le64(file + 64 + 32, 0x1001);
	assert_refused(SAMPLE_ELF_SIZE, -EBADMSG, "program header 0 has more bytes in the file");
	sample_elf(file);
	sample_le64(file + 64 + 40, UINT64_MAX);
	assert_refused(SAMPLE_ELF_SIZE, -EBADMSG, "program header 0 ends beyond all addresses");
	sample_elf(file);
	sample_le64(file + 64 + 40, 1ull << 40);
	assert_refused(SAMPLE_ELF_SIZE, -EBADMSG, "program header 1 overlaps another one");
	sample_elf(file);
	sample_le64(file + 64 + 56 + 40, 1ull << 40);
	assert_refused(SAMPLE_ELF_SIZE, -E2BIG, "bytes of memory, more than any kernel");
	sample_elf(file);
	sample_le64(file + 32, UINT64_MAX - 8);
	assert_refused(SAMPLE_ELF_SIZE, -EBADMSG, "program headers at offset 0xffff");
	sample_elf(file);
	sample_le64(file + 40, UINT64_MAX - 8);
	assert_refused(SAMPLE_ELF_SIZE, -EBADMSG, "section headers at offset 0xffff");
	sample_elf(file);
	sample_le64(file + 24, 0x42);
	assert_refused(SAMPLE_ELF_SIZE, -EBADMSG, "entry 0x42 (offset 24)");
	sample_elf(file);
	sample_le16(file + 56, 0);
	assert_refused(SAMPLE_ELF_SIZE, -EBADMSG, "nothing to load");
}

/* Parse the sample's table after `words` were put in its place. */
static int parse_relocs(
	const uint32_t *words, size_t n, struct wb_x86_relocs *ret, struct wb_error *err)
{
	struct wb_elf elf;

	*err = (struct wb_error){};
	sample_elf(file);
	for (size_t i = 0; i < n; i++)
		sample_le32(file + SAMPLE_ELF_TABLE + 4 * i, words[i]);
	assert_int_equal(
		wb_elf_parse((struct wb_bytes){file, SAMPLE_ELF_TABLE + 4 * n}, &elf, err), 0);
	return wb_x86_relocs_parse(&elf, ret, err);
}

static void relocs_of_two_lists_and_of_none(void **state)
{
	struct wb_x86_relocs r = {.n_inv32 = 7};
	struct wb_error err;

	assert_int_equal(
		parse_relocs((uint32_t[]){0, 0x81000000, 0, 0x81000004, 0x81201ffc}, 5, &r, &err),
		0);
	assert_int_equal(r.n_abs64, 1);
	assert_int_equal(r.n_inv32, 0);
	assert_int_equal(r.abs32_at, 3);
	assert_int_equal(r.n_abs32, 2);
	assert_int_equal(parse_relocs(NULL, 0, &r, &err), 0);
	assert_int_equal(r.n_abs64 + r.n_inv32 + r.n_abs32, 0);
}

static void relocs_damaged(void **state)
{
	struct wb_x86_relocs r = {.n_inv32 = 7};
	struct wb_error err;

	/* No zero at the start, too many, too few. */
	assert_int_equal(
		parse_relocs((uint32_t[]){0x81000000, 0, 0x81000000, 0}, 4, &r, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "relocation table of 16 bytes is damaged"));
	assert_int_equal(parse_relocs((uint32_t[]){0, 0, 0, 0}, 4, &r, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "4 zero words"));
	assert_int_equal(parse_relocs((uint32_t[]){0, 0x81000000}, 2, &r, &err), -EBADMSG);
	/* Outside the kernel: below it, behind it, and with its last byte behind it. */
	assert_int_equal(parse_relocs((uint32_t[]){0, 0, 0x80ffffff}, 3, &r, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "entry 2, 0x80ffffff, lies outside the kernel"));
	assert_int_equal(parse_relocs((uint32_t[]){0, 0, 0x81202000}, 3, &r, &err), -EBADMSG);
	assert_int_equal(parse_relocs((uint32_t[]){0, 0, 0x81201ffd}, 3, &r, &err), -EBADMSG);
	assert_int_equal(parse_relocs((uint32_t[]){0, 0x81201ffc, 0}, 3, &r, &err), -EBADMSG);
	assert_int_equal(parse_relocs((uint32_t[]){0, 0, 0x1000}, 3, &r, &err), -EBADMSG);
	assert_int_equal(r.n_inv32, 7);
}

static void opens_arm64(void **state)
{
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;

	sample_arm64(file);
	assert_int_equal(open_file(SAMPLE_ARM64_SIZE, &img, &err), 0);
	assert_int_equal(img.kind, WB_IMAGE_ARM64);
	assert_int_equal(img.arch, WB_ARCH_ARM64);
	assert_int_equal(img.arm64.image_size, 0x2000000);
	assert_int_equal(img.arm64.page_size, 4096);
	assert_true(img.arm64.anywhere);
	assert_false(img.arm64.big_endian);
	assert_string_equal(img.release, "6.1.2-arm");
	assert_refused(62, -EBADMSG, "arm64 Image header is cut short: 62 bytes");
	sample_le64(file + 16, UINT64_MAX);
	assert_refused(SAMPLE_ARM64_SIZE, -EBADMSG, "(offsets 8 and 16) cannot be right");
}

static void unwraps_compression(void **state)
{
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;
	uint8_t inner[SAMPLE_ELF_SIZE];
	size_t size;

	sample_elf(inner);
	size = sample_stored_gzip(file, (struct wb_bytes){inner, sizeof(inner)});
	assert_int_equal(open_file(size, &img, &err), 0);
	assert_int_equal(img.kind, WB_IMAGE_ELF);
	assert_string_equal(img.wrapping, "gzip");
	assert_true(img.unwrapped);
	assert_ptr_equal(img.bytes.data, img.owned.data);
	assert_memory_equal(img.bytes.data, inner, sizeof(inner));
	assert_refused(size - 1, -EBADMSG, "inside gzip: gzip data is damaged");
	file[20] ^= 1;
	assert_refused(size, -EBADMSG, "inside gzip: gzip data is damaged");
}

/* An ELF kernel as one block that is stored as it is. */
static void unwraps_todays_lz4(void **state)
{
	static const uint8_t head[] = {0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0xc0};
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;
	int r;

	memcpy(file, head, sizeof(head));
	sample_le32(file + 7, 0x80000000 | SAMPLE_ELF_SIZE);
	sample_elf(file + 11);
	sample_le32(file + 11 + SAMPLE_ELF_SIZE, 0);
	r = open_file(11 + SAMPLE_ELF_SIZE + 4, &img, &err);
	if (r == -EOPNOTSUPP)
		return;
	assert_int_equal(r, 0);
	assert_int_equal(img.kind, WB_IMAGE_ELF);
	assert_string_equal(img.wrapping, "lz4");
	assert_refused(11 + SAMPLE_ELF_SIZE, -EBADMSG, "inside lz4: lz4 data is damaged");
}

static void wrapped_too_often(void **state)
{
	uint8_t inner[4096];
	size_t size = 0;

	for (int i = 0; i < WB_IMAGE_DEPTH + 1; i++) {
		memcpy(inner, file, size);
		size = sample_stored_gzip(file, (struct wb_bytes){inner, size});
	}
	assert_refused(size, -EBADMSG, "wrapped more than 4 times (gzip gzip gzip gzip)");
}

static void unwraps_zboot(void **state)
{
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;
	uint8_t inner[SAMPLE_ARM64_SIZE], gz[512];
	size_t n, size;

	sample_arm64(inner);
	n = sample_stored_gzip(gz, (struct wb_bytes){inner, sizeof(inner)});
	size = sample_zboot(file, "gzip", (struct wb_bytes){gz, n});
	assert_int_equal(open_file(size, &img, &err), 0);
	assert_int_equal(img.kind, WB_IMAGE_ARM64);
	assert_string_equal(img.wrapping, "zboot");
	assert_true(img.unwrapped);
	assert_refused(size - 1, -EBADMSG, "goes past the end of");
	assert_refused(40, -EBADMSG, "zboot header is cut short: 40 bytes");
	sample_le32(file + 8, 0xfffffff0);
	assert_refused(size, -EBADMSG, "at offset 0xfffffff0 goes past the end");
	size = sample_zboot(file, "xzkern", (struct wb_bytes){gz, n});
	assert_refused(size, -EBADMSG, "is not xz data");
	size = sample_zboot(file, "zstd22", (struct wb_bytes){gz, n});
	assert_refused(size, -EBADMSG, "is not zstd data");
	size = sample_zboot(file, "rar", (struct wb_bytes){gz, n});
	assert_refused(size, -EOPNOTSUPP, "compression that is not known (offset 24)");
}

#define N_PARTS 7

static size_t put_uki(void)
{
	static uint8_t bz[4096];
	const size_t n = put_bzimage();
	const struct sample_section parts[N_PARTS] = {
		{".osrel", "ID=debian\n", 10},
		{".cmdline", "root=/dev/vda1 quiet", 20},
		{".uname", "7.2.12-uki", 10},
		{".ucode", "070701-ucode", 12},
		{".initrd", "070701-initrd", 13},
		{".linux", bz, (uint32_t)n},
		{".sbat", "sbat,1", 6},
	};

	memcpy(bz, file, n);
	return sample_pe(file, parts, N_PARTS);
}

static void assert_part(struct wb_bytes part, const char *want)
{
	assert_int_equal(part.size, strlen(want));
	assert_memory_equal(part.data, want, part.size);
}

static void unwraps_uki(void **state)
{
	const size_t size = put_uki();
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;

	assert_int_equal(open_file(size, &img, &err), 0);
	assert_int_equal(img.kind, WB_IMAGE_BZIMAGE);
	assert_string_equal(img.wrapping, "uki");
	assert_true(img.unwrapped);
	assert_null(img.owned.data); /* nothing was copied */
	assert_string_equal(img.release, "1.2.3-sample");
	assert_part(img.uki_osrel, "ID=debian\n");
	assert_part(img.uki_cmdline, "root=/dev/vda1 quiet");
	assert_part(img.uki_uname, "7.2.12-uki");
	assert_part(img.uki_ucode, "070701-ucode");
	assert_part(img.uki_initrd, "070701-initrd");
}

/* The parts of a UKI stay good when the blob that they lie in is exchanged for another. */
static void uki_inside_compression_around_compression(void **state)
{
	static uint8_t uki[8192];
	uint8_t elf[SAMPLE_ELF_SIZE], gz[2048];
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;
	size_t n;

	sample_elf(elf);
	n = sample_stored_gzip(gz, (struct wb_bytes){elf, sizeof(elf)});
	n = sample_pe(uki,
		(struct sample_section[]){{".cmdline", "quiet", 5}, {".linux", gz, (uint32_t)n},
			{".uname", "7.2.12-uki", 10}},
		3);
	n = sample_stored_gzip(file, (struct wb_bytes){uki, n});
	assert_int_equal(open_file(n, &img, &err), 0);
	assert_int_equal(img.kind, WB_IMAGE_ELF);
	assert_string_equal(img.wrapping, "gzip uki gzip");
	assert_memory_equal(img.bytes.data, elf, sizeof(elf));
	assert_int_equal(img.bytes.size, sizeof(elf));
	assert_part(img.uki_cmdline, "quiet");
	assert_part(img.uki_uname, "7.2.12-uki");
}

static void uki_takes_its_first_profile(void **state)
{
	uint8_t elf[SAMPLE_ELF_SIZE];
	WB_CLEAN_IMAGE img = {};
	struct wb_error err;
	size_t size;

	sample_elf(elf);
	size = sample_pe(file,
		(struct sample_section[]){{".linux", elf, sizeof(elf)}, {".cmdline", "base", 4},
			{".osrel", "ID=x", 4}, {".profile", "ID=one", 6}, {".cmdline", "one", 3},
			{".profile", "ID=two", 6}, {".cmdline", "two", 3}},
		7);
	assert_int_equal(open_file(size, &img, &err), 0);
	assert_part(img.uki_cmdline, "one");
	assert_part(img.uki_osrel, "ID=x");
}

/* A profile has what the base has and it has not; there are no others. */
static void uki_takes_the_profile_that_was_asked_for(void **state)
{
	uint8_t elf[SAMPLE_ELF_SIZE], other[SAMPLE_ELF_SIZE];
	struct wb_error err = {};
	struct wb_bytes all = {file, 0};

	sample_elf(elf);
	sample_elf(other);
	memcpy(other + SAMPLE_ELF_BANNER, "Linux version 9.9.9-two (gcc)", 29);
	all.size = sample_pe(file,
		(struct sample_section[]){{".linux", elf, sizeof(elf)}, {".cmdline", "base", 4},
			{".initrd", "base", 4}, {".profile", "ID=one", 6}, {".cmdline", "one", 3},
			{".profile", "ID=two", 6}, {".linux", other, sizeof(other)},
			{".initrd", "two", 3}},
		8);
	for (unsigned int i = 0; i < 2; i++) {
		WB_CLEAN_IMAGE img = {};

		assert_int_equal(wb_image_open_profile(all, WB_IMAGE_LIMIT, i, &img, &err), 0);
		assert_string_equal(img.release, i ? "9.9.9-two" : "9.8.7-elf");
		assert_part(img.uki_cmdline, i ? "base" : "one");
		assert_part(img.uki_initrd, i ? "two" : "base");
	}
	for (unsigned int i = 2; i < 4; i++) {
		WB_CLEAN_IMAGE img = {};

		assert_int_equal(
			wb_image_open_profile(all, WB_IMAGE_LIMIT, i, &img, &err), -ENOENT);
		assert_non_null(strstr(err.text, "profile"));
	}
	all = (struct wb_bytes){elf, sizeof(elf)};
	for (unsigned int i = 0; i < 2; i++) {
		WB_CLEAN_IMAGE img = {};

		assert_int_equal(
			wb_image_open_profile(all, WB_IMAGE_LIMIT, i, &img, &err), i ? -ENOENT : 0);
	}
}

static void stub_without_a_kernel(void **state)
{
	WB_CLEAN_IMAGE img = {};
	struct wb_error err = {};
	size_t size = sample_pe(file,
		(struct sample_section[]){{".linux", "\\EFI\\k.efi", 10},
			{".linuxh", "0123456789abcdef0123456789abcdef", 32}},
		2);

	assert_int_equal(open_file(size, &img, &err), -EOPNOTSUPP);
	assert_non_null(strstr(err.text, "boot entry"));
}

static void addon_parts(void **state)
{
	struct wb_bytes initrd, ucode, all = {file, 0};
	struct wb_error err = {};

	all.size = sample_pe(
		file, (struct sample_section[]){{".initrd", "i", 1}, {".ucode", "uu", 2}}, 2);
	assert_int_equal(wb_uki_addon_parts(all, &initrd, &ucode, &err), 0);
	assert_part(initrd, "i");
	assert_part(ucode, "uu");
	all.size = sample_pe(file, (struct sample_section[]){{".linux", "k", 1}}, 1);
	assert_int_equal(wb_uki_addon_parts(all, &initrd, &ucode, &err), -EBADMSG);
	for (size_t n = 0; n < all.size; n += 7)
		assert_int_equal(
			wb_uki_addon_parts((struct wb_bytes){file, n}, &initrd, &ucode, &err),
			-EBADMSG);
}

static uint8_t *row(unsigned int i)
{
	return file + SAMPLE_PE_TABLE + 40 * i;
}

static void uki_damaged(void **state)
{
	const size_t size = put_uki();

	assert_refused(size - 512, -EBADMSG, "section .sbat of 6 bytes at offset");
	sample_le32(row(4) + 20, 0xfffffff0);
	assert_refused(size, -EBADMSG, "section .initrd of 13 bytes at offset 0xfffffff0");
	put_uki();
	memcpy(row(4) + 20, row(1) + 20, 4);
	assert_refused(size, -EBADMSG, "sections .cmdline and .initrd overlap at offset");
	put_uki();
	memcpy(row(6), ".uname\0", 8);
	assert_refused(size, -EBADMSG, "two sections .uname");
	put_uki();
	sample_le32(row(5) + 8, 0);
	assert_refused(size, -EBADMSG, "section .linux is empty");
	put_uki();
	sample_le16(file + 0x86, 97);
	assert_refused(size, -EBADMSG, "97 sections, more than 96");
	put_uki();
	assert_refused(SAMPLE_PE_TABLE + 40 * 6 + 8, -EBADMSG, "table of 7 sections");
	/* A PE file without .linux is no kernel. */
	memcpy(row(5), ".other", 6);
	assert_refused(size, -ENOEXEC, "not a kernel that is known");
}

static void unknown_files(void **state)
{
	assert_refused(0, -ENOEXEC, "the kernel is an empty file");
	memset(file, 0, 4096);
	assert_refused(4096, -ENOEXEC, "nothing but 4096 zero bytes");
	memcpy(file, "#!/bin/sh\n", 10);
	assert_refused(4096, -ENOEXEC, "not a kernel that is known (bzImage,");
}

/* Whatever bit is flipped, opening ends, and with a sentence when it fails. */
static void flipped_bits_never_break(void **state)
{
	const size_t size = put_uki();

	for (size_t bit = 0; bit < size * 8; bit += bit < 1024 * 8 ? 1 : 7) {
		WB_CLEAN_IMAGE img = {};
		struct wb_error err;

		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (open_file(size, &img, &err) < 0)
			assert_true(err.code < 0 && err.text[0]);
		file[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_bzimage),
		cmocka_unit_test(bzimage_payload_ends_before_its_size),
		cmocka_unit_test(unknown_payload_means_no_fast_path),
		cmocka_unit_test(bzimage_setup_sects_zero_means_four),
		cmocka_unit_test(bzimage_unsupported),
		cmocka_unit_test(bzimage_truncated),
		cmocka_unit_test(bzimage_lying_sizes),
		cmocka_unit_test(opens_elf),
		cmocka_unit_test(elf_unsupported),
		cmocka_unit_test(elf_truncated),
		cmocka_unit_test(elf_lying_sizes),
		cmocka_unit_test(relocs_of_two_lists_and_of_none),
		cmocka_unit_test(relocs_damaged),
		cmocka_unit_test(opens_arm64),
		cmocka_unit_test(unwraps_compression),
		cmocka_unit_test(unwraps_todays_lz4),
		cmocka_unit_test(wrapped_too_often),
		cmocka_unit_test(unwraps_zboot),
		cmocka_unit_test(unwraps_uki),
		cmocka_unit_test(uki_inside_compression_around_compression),
		cmocka_unit_test(uki_takes_its_first_profile),
		cmocka_unit_test(uki_takes_the_profile_that_was_asked_for),
		cmocka_unit_test(stub_without_a_kernel),
		cmocka_unit_test(addon_parts),
		cmocka_unit_test(uki_damaged),
		cmocka_unit_test(unknown_files),
		cmocka_unit_test(flipped_bits_never_break),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
