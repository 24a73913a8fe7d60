// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reading the relocation table behind vmlinux. arch/x86/boot/compressed/misc.c reads it backwards
 * from the end: 32-bit addresses until a zero, inverse 32-bit ones until a zero (kernels whose
 * per-CPU symbols are not zero-based have no such list), 64-bit ones until a zero. In file order
 * that is 0 abs64... [0 inv32...] 0 abs32...
 */
#include <errno.h>
#include <inttypes.h>

#include "image/image.h"

struct span {
	uint64_t lo, hi;   /* physical addresses that the kernel covers */
	uint64_t to_paddr; /* physical minus virtual */
};

static bool find_span(const struct wb_elf *elf, struct span *ret)
{
	struct span s = {.lo = UINT64_MAX};

	for (size_t i = 0; i < elf->n_loads; i++) {
		const struct wb_elf_load *l = &elf->loads[i];

		s.hi = l->paddr + l->memsz > s.hi ? l->paddr + l->memsz : s.hi;
		if (l->paddr >= s.lo)
			continue;
		s.lo = l->paddr;
		s.to_paddr = l->paddr - l->vaddr;
	}
	*ret = s;
	return elf->n_loads > 0;
}

/* Each entry must point into the kernel, because the linker writes there. */
static int check_list(const struct wb_x86_relocs *t, const struct span *s, size_t at, size_t n,
	size_t width, struct wb_error *err)
{
	for (size_t i = at; i < at + n; i++) {
		uint32_t word = 0;
		uint64_t paddr;

		wb_get_le32(t->words, i * 4, &word);
		paddr = (uint64_t)(int64_t)(int32_t)word + s->to_paddr;
		if (paddr < s->lo || paddr >= s->hi || s->hi - paddr < width)
			return wb_fail(err, -EBADMSG,
				"kernel's relocation table is damaged: entry %zu, 0x%" PRIx32
				", lies outside the kernel",
				i, word);
	}
	return 0;
}

int wb_x86_relocs_parse(const struct wb_elf *elf, struct wb_x86_relocs *ret, struct wb_error *err)
{
	struct wb_x86_relocs t = {.words = elf->after_sections};
	const size_t n = t.words.size / 4;
	size_t zeros[3], n_zeros = 0, last;
	struct span span;
	int r;

	if (n == 0) {
		*ret = t;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t word = 0;

		wb_get_le32(t.words, i * 4, &word);
		if (word == 0 && n_zeros < 3)
			zeros[n_zeros] = i;
		n_zeros += word == 0;
	}
	if (t.words.size % 4 || n_zeros < 2 || n_zeros > 3 || zeros[0] != 0)
		return wb_fail(err, -EBADMSG,
			"kernel's relocation table of %zu bytes is damaged or of an unknown kind: "
			"it "
			"has %zu zero words",
			t.words.size, n_zeros);
	last = zeros[n_zeros - 1];
	t.abs64_at = 1;
	t.n_abs64 = zeros[1] - 1;
	if (n_zeros == 3) {
		t.inv32_at = zeros[1] + 1;
		t.n_inv32 = zeros[2] - zeros[1] - 1;
	}
	t.abs32_at = last + 1;
	t.n_abs32 = n - last - 1;
	if (!find_span(elf, &span))
		return wb_fail(err, -EBADMSG, "kernel has relocations and nothing to relocate");
	r = check_list(&t, &span, t.abs64_at, t.n_abs64, 8, err);
	if (r == 0)
		r = check_list(&t, &span, t.inv32_at, t.n_inv32, 4, err);
	if (r == 0)
		r = check_list(&t, &span, t.abs32_at, t.n_abs32, 4, err);
	if (r == 0)
		*ret = t;
	return r;
}
