/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small well-formed images, built in memory: what tests damage and fuzz targets start from. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "core/bytes.h"

static inline void sample_le16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void sample_le32(uint8_t *p, uint32_t v)
{
	sample_le16(p, (uint16_t)v);
	sample_le16(p + 2, (uint16_t)(v >> 16));
}

static inline void sample_le64(uint8_t *p, uint64_t v)
{
	sample_le32(p, (uint32_t)v);
	sample_le32(p + 4, (uint32_t)(v >> 32));
}

/* vmlinux of two loads, with section headers and a table of 2 + 1 + 1 relocations (three lists). */
#define SAMPLE_ELF_TABLE 0x240
#define SAMPLE_ELF_WORDS 7
#define SAMPLE_ELF_SIZE (SAMPLE_ELF_TABLE + 4 * SAMPLE_ELF_WORDS)
#define SAMPLE_ELF_PADDR 0x1000000u
#define SAMPLE_ELF_VADDR 0xffffffff81000000ull
#define SAMPLE_ELF_BANNER 0x140

static inline void sample_elf_load(
	uint8_t *ph, uint32_t offset, uint32_t filesz, uint32_t memsz, uint32_t at)
{
	sample_le32(ph, 1);
	sample_le32(ph + 4, 7);
	sample_le64(ph + 8, offset);
	sample_le64(ph + 16, SAMPLE_ELF_VADDR + at);
	sample_le64(ph + 24, SAMPLE_ELF_PADDR + at);
	sample_le64(ph + 32, filesz);
	sample_le64(ph + 40, memsz);
	sample_le64(ph + 48, 0x200000);
}

static inline void sample_elf(uint8_t out[SAMPLE_ELF_SIZE])
{
	/* 0 abs64 abs64 0 inv32 0 abs32 */
	static const uint32_t words[SAMPLE_ELF_WORDS] = {
		0, 0x81000008, 0x81000010, 0, 0x81000020, 0, 0x81000030};

	memset(out, 0, SAMPLE_ELF_SIZE);
	memcpy(out,
		"\x7f"
		"ELF\2\1\1",
		7);
	sample_le16(out + 16, 2);
	sample_le16(out + 18, 62);
	sample_le32(out + 20, 1);
	sample_le64(out + 24, SAMPLE_ELF_PADDR);
	sample_le64(out + 32, 64);
	sample_le64(out + 40, 0x200);
	sample_le16(out + 52, 64);
	sample_le16(out + 54, 56);
	sample_le16(out + 56, 2);
	sample_le16(out + 58, 64);
	sample_le16(out + 60, 1);
	sample_elf_load(out + 64, 0x100, 0x80, 0x1000, 0);
	sample_elf_load(out + 64 + 56, 0x180, 0x80, 0x2000, 0x200000);
	memcpy(out + SAMPLE_ELF_BANNER, "Linux version 9.8.7-elf (gcc)", 29);
	for (int i = 0; i < SAMPLE_ELF_WORDS; i++)
		sample_le32(out + SAMPLE_ELF_TABLE + 4 * i, words[i]);
}

/* bzImage 2.15 of one setup sector, whose payload (already compressed) is given. */
#define SAMPLE_BZ_SETUP 1024
#define SAMPLE_BZ_SPARE 64

static inline size_t sample_bzimage(uint8_t *out, struct wb_bytes payload, uint32_t unpacked)
{
	const size_t body = SAMPLE_BZ_SPARE + payload.size + 4, all = SAMPLE_BZ_SETUP + body;

	memset(out, 0, all);
	out[0x1f1] = 1;
	sample_le32(out + 0x1f4, (uint32_t)(body / 16));
	sample_le16(out + 0x1fe, 0xaa55);
	out[0x201] = 0x6a;
	memcpy(out + 0x202, "HdrS", 4);
	sample_le16(out + 0x206, 0x020f);
	sample_le16(out + 0x20e, 0x100);
	out[0x211] = 1;
	sample_le32(out + 0x22c, 0x7fffffff);
	sample_le32(out + 0x230, 0x200000);
	out[0x234] = 1;
	sample_le16(out + 0x236, 0x7f);
	sample_le32(out + 0x238, 2047);
	sample_le32(out + 0x248, SAMPLE_BZ_SPARE);
	sample_le32(out + 0x24c, (uint32_t)payload.size + 4);
	sample_le64(out + 0x258, 0x1000000);
	sample_le32(out + 0x260, 0x400000);
	memcpy(out + 0x300, "1.2.3-sample (me@here) #1", 26);
	memcpy(out + SAMPLE_BZ_SETUP + SAMPLE_BZ_SPARE, payload.data, payload.size);
	sample_le32(out + all - 4, unpacked);
	return all;
}

/* PE file of n named sections, each at a multiple of 512. */
struct sample_section {
	const char *name;
	const void *data;
	uint32_t size;
};
#define SAMPLE_PE_TABLE 0x98 /* PE signature at 0x80, no optional header */

static inline size_t sample_pe(uint8_t *out, const struct sample_section *s, unsigned int n)
{
	uint32_t at = (SAMPLE_PE_TABLE + 40 * n + 511) & ~511u;

	memset(out, 0, at);
	memcpy(out, "MZ", 2);
	sample_le32(out + 0x3c, 0x80);
	memcpy(out + 0x80, "PE\0\0", 4);
	sample_le16(out + 0x84, 0x8664);
	sample_le16(out + 0x86, (uint16_t)n);
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *row = out + SAMPLE_PE_TABLE + 40 * i;
		const uint32_t raw = (s[i].size + 511) & ~511u;

		memcpy(row, s[i].name, strnlen(s[i].name, 8));
		sample_le32(row + 8, s[i].size);
		sample_le32(row + 12, at);
		sample_le32(row + 16, raw);
		sample_le32(row + 20, at);
		memset(out + at, 0, raw);
		memcpy(out + at, s[i].data, s[i].size);
		at += raw;
	}
	return at;
}

#define SAMPLE_ZBOOT_HEADER 64

static inline size_t sample_zboot(uint8_t *out, const char *codec, struct wb_bytes payload)
{
	memset(out, 0, SAMPLE_ZBOOT_HEADER);
	memcpy(out, "MZ\0\0zimg", 8);
	sample_le32(out + 8, SAMPLE_ZBOOT_HEADER);
	sample_le32(out + 12, (uint32_t)payload.size);
	memcpy(out + 24, codec, strlen(codec));
	memcpy(out + SAMPLE_ZBOOT_HEADER, payload.data, payload.size);
	return SAMPLE_ZBOOT_HEADER + payload.size;
}

#define SAMPLE_ARM64_SIZE 128

static inline void sample_arm64(uint8_t out[SAMPLE_ARM64_SIZE])
{
	memset(out, 0, SAMPLE_ARM64_SIZE);
	sample_le64(out + 16, 0x2000000);
	sample_le64(out + 24, 0x0a); /* 4 KiB pages, anywhere */
	memcpy(out + 56, "ARM\x64", 4);
	memcpy(out + 64, "Linux version 6.1.2-arm (gcc)", 29);
}

/* Append one newc entry at a multiple of 4; `out` points at the archive's place `at`. */
static inline size_t sample_cpio(
	uint8_t *out, size_t at, const char *name, const void *data, uint32_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	const uint32_t namesize = (uint32_t)strlen(name) + 1;

	memset(out + at, '0', 110);
	memcpy(out + at, "070701", 6);
	for (int i = 0; i < 8; i++) {
		out[at + 54 + i] = (uint8_t)digits[size >> (28 - 4 * i) & 15];
		out[at + 94 + i] = (uint8_t)digits[namesize >> (28 - 4 * i) & 15];
	}
	memcpy(out + at + 110, name, namesize);
	at += 110 + namesize;
	while (at % 4)
		out[at++] = 0;
	if (size)
		memcpy(out + at, data, size);
	at += size;
	while (at % 4)
		out[at++] = 0;
	return at;
}

/* A gzip file that holds its contents unpacked (RFC 1952, RFC 1951 3.2.4); at most 65535 bytes. */
static inline size_t sample_stored_gzip(uint8_t *out, struct wb_bytes in)
{
	uint32_t crc = 0xffffffff;
	size_t at = 15 + in.size;

	memset(out, 0, 10);
	memcpy(out, "\x1f\x8b\x08", 3);
	out[10] = 1;
	sample_le16(out + 11, (uint16_t)in.size);
	sample_le16(out + 13, (uint16_t)~in.size);
	memcpy(out + 15, in.data, in.size);
	for (size_t i = 0; i < in.size; i++) {
		crc ^= in.data[i];
		for (int k = 0; k < 8; k++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	sample_le32(out + at, ~crc);
	sample_le32(out + at + 4, (uint32_t)in.size);
	return at + 8;
}
