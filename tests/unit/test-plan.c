// SPDX-License-Identifier: LGPL-2.1-or-later
/* plan/ and arch/: every byte of plans for made-up machines. */
#include "unit.h"
#include <stdlib.h>

#include "arch/arch.h"
#include "arch/x86_64.h"
#include "core/digest.h"
#include "core/sha256.h"
#include "plan/plan.h"
#include "purgatory/purgatory.h"
#include "tiny-vmlinux.h"

#define MIB (1ull << 20)

/* One plan with everything that it borrows. */
struct fixture {
	struct wb_machine machine;
	struct wb_blob vmlinux;
	uint8_t setup[0x70];
	uint8_t body[0x2000];
	struct wb_image image;
	struct wb_plan_wish wish;
	struct wb_plan plan;
	struct wb_error err;
};

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	f->machine.arch = &wb_arch_x86_64;
	wb_ranges_set(&f->machine.memory, 0, 0x9fc00, WB_MEMORY_RAM);
	wb_ranges_set(&f->machine.memory, 0xf0000, 0x10000, WB_MEMORY_RESERVED);
	wb_ranges_set(&f->machine.memory, MIB, 1023 * MIB, WB_MEMORY_RAM);
	wb_ranges_set(&f->machine.avoid, 512 * MIB, 16 * MIB, WB_MEMORY_RESERVED);
	wb_blob_append(&f->machine.boot_data, NULL, 4096);
	f->machine.boot_data.data[5] = 0x55;     /* screen_info */
	f->machine.boot_data.data[0x141] = 0x66; /* edid_info */
	f->machine.rsdp = 0xf5a40;
	f->vmlinux = tiny_vmlinux(true, true);
	memcpy(f->setup + 0x11, "HdrS", 4); /* 0x202 */
	f->image = tiny_bzimage(f->setup, (struct wb_bytes){f->body, sizeof(f->body)});
	f->wish = (struct wb_plan_wish){
		.method = WB_METHOD_FAST,
		.image = &f->image,
		.vmlinux = &f->vmlinux,
		.initrd = {f->body, 5000},
		.cmdline = "root=/dev/vda1 console=ttyS1,115200",
		.verify = true,
		.entropy = {7, 9},
		.handoff = {.magic = WB_HANDOFF_MAGIC, .size = sizeof(struct wb_handoff)},
	};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	wb_plan_deinit(&f->plan);
	wb_machine_deinit(&f->machine);
	wb_blob_deinit(&f->vmlinux);
	test_free(f);
	return 0;
}

static const struct wb_plan_segment *segment(const struct fixture *f, const char *name, int skip)
{
	for (size_t i = 0; i < f->plan.n; i++)
		if (strcmp(f->plan.segments[i].name, name) == 0 && skip-- == 0)
			return &f->plan.segments[i];
	fail_msg("no segment %s", name);
	return NULL;
}

static uint64_t get(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	memcpy(&v, p, n);
	return v;
}

static const struct wb_purgatory_args *args_of(const struct fixture *f)
{
	return (const void *)(segment(f, "purgatory", 0)->buf + wb_purgatory_args_offset);
}

static void make(struct fixture *f)
{
	int r = wb_plan_make(&f->machine, &f->wish, &f->plan, &f->err);

	if (r)
		fail_msg("%s", f->err.text);
}

static void fast_links_and_places(void **state)
{
	struct fixture *f = *state;
	const struct wb_plan_segment *text, *data;

	make(f);
	text = segment(f, "kernel", 0);
	data = segment(f, "kernel", 1);
	assert_true(f->plan.kaslr);
	assert_int_equal(f->plan.virt_delta, 9 * 2 * MIB);
	assert_int_equal(text->mem, f->plan.kernel_at);
	assert_int_equal(text->mem % (2 * MIB), 0);
	assert_int_equal(text->mem, 16 * MIB + 7 * 2 * MIB);
	assert_int_equal(data->mem, text->mem + TINY_DATA_AT);
	assert_int_equal(data->bufsz, TINY_DATA);
	assert_int_equal(text->bufsz, 0x1000); /* zeroes follow, which need no copy */
	assert_int_equal(text->memsz, TINY_TEXT);
	assert_int_equal(get(text->buf + TINY_ABS32, 4), 18 * MIB);
	assert_int_equal(get(data->buf + 0x10, 8), 18 * MIB);
	assert_int_equal((uint32_t)get(data->buf + 0x20, 4), (uint32_t) - (18 * MIB));
	assert_int_equal(args_of(f)->entry, text->mem + 0x40);
	assert_int_equal(f->plan.entry, segment(f, "purgatory", 0)->mem);
}

static void nothing_lies_where_it_must_not(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 600; i++) {
		f->wish.entropy[0] = i;
		wb_blob_deinit(&f->vmlinux);
		f->vmlinux = tiny_vmlinux(true, false);
		make(f);
		for (size_t k = 0; k < f->plan.n; k++) {
			const struct wb_plan_segment *s = &f->plan.segments[k];

			assert_true(s->mem >= MIB && s->mem + s->memsz <= 1024 * MIB);
			assert_true(s->mem + s->memsz <= 512 * MIB || s->mem >= 528 * MIB);
			assert_int_equal(s->mem % 4096 + s->memsz % 4096, 0);
			/* bss and brk of the kernel belong to nobody else */
			if (strcmp(s->name, "kernel") != 0)
				assert_true(s->mem >= f->plan.kernel_at + 3 * MIB ||
					    s->mem + s->memsz <= f->plan.kernel_at);
		}
		wb_plan_deinit(&f->plan);
	}
}

static void nokaslr_moves_nothing(void **state)
{
	struct fixture *f = *state;

	f->wish.cmdline = "nokaslr";
	make(f);
	assert_false(f->plan.kaslr);
	assert_int_equal(f->plan.virt_delta, 0);
	assert_int_equal(f->plan.kernel_at, 16 * MIB);
	assert_int_equal(segment(f, "boot_params", 0)->buf[0x211] & 2, 0);
}

static void own_memory_words_are_obeyed(void **state)
{
	struct fixture *f = *state;

	f->wish.cmdline = "mem=64M memmap=8M$32M";
	f->wish.entropy[0] = 1000003;
	make(f);
	assert_true(f->plan.kernel_at + 3 * MIB <= 32 * MIB || f->plan.kernel_at >= 40 * MIB);
	assert_true(f->plan.kernel_at + 3 * MIB <= 64 * MIB);
}

/* memmap= as the kernel's e820.c reads it. */
static void a_limit_and_an_exact_map_are_obeyed(void **state)
{
	static const struct {
		const char *cmdline;
		uint64_t from, to; /* in MiB: no segment is outside */
	} cases[] = {
		{"memmap=64M", 0, 64},
		{"memmap=64M,8M$900M", 0, 64},
		{"memmap=960M%64M-1+12", 0, 64},
		{"memmap=960M%64M", 0, 64},
		{"memmap=0x3c000000%0x4000000+2", 0, 64},
		{"memmap=exactmap memmap=640K@0 memmap=63M@1M", 0, 64},
		{"memmap=exactmap,600M@100M,100M$100M", 200, 700},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		f->wish.cmdline = cases[i].cmdline;
		f->wish.entropy[0] = 1000003;
		make(f);
		for (size_t k = 0; k < f->plan.n; k++) {
			const struct wb_plan_segment *s = &f->plan.segments[k];

			if (s->mem < cases[i].from * MIB || s->mem + s->memsz > cases[i].to * MIB)
				fail_msg("%s: a segment at %#llx", cases[i].cmdline,
					(unsigned long long)s->mem);
		}
		wb_plan_deinit(&f->plan);
	}
	f->wish.cmdline = "memmap=20000000000G$4G";
	assert_int_equal(wb_plan_make(&f->machine, &f->wish, &f->plan, &f->err), -EINVAL);
	assert_non_null(strstr(f->err.text, "does not fit into 64 bits"));
}

static void no_segment_lies_in_persistent_memory(void **state)
{
	struct fixture *f = *state;

	/* From 40 MiB up to the end of memory. */
	f->wish.cmdline = "memmap=500M!40M,600M!540M";
	make(f);
	for (size_t i = 0; i < f->plan.n; i++)
		assert_true(f->plan.segments[i].mem + f->plan.segments[i].memsz <= 40 * MIB);
}

static void boot_params_carry_firmware(void **state)
{
	struct fixture *f = *state;
	const struct wb_plan_segment *s;
	const uint8_t *bp;

	make(f);
	s = segment(f, "boot_params", 0);
	bp = s->buf;
	assert_int_equal(bp[5], 0x55);
	assert_int_equal(bp[0x141], 0x66);
	assert_int_equal(get(bp + 0x70, 8), 0xf5a40);
	assert_memory_equal(bp + 0x202, "HdrS", 4);
	assert_int_equal(bp[0x1e8], 3);
	assert_int_equal(get(bp + 0x2d0 + 40, 8), MIB);
	assert_int_equal(get(bp + 0x2d0 + 48, 8), 1023 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 56, 4), 1);
	assert_int_equal(bp[0x211], 0x03); /* loaded high, KASLR */
	assert_int_equal(get(bp + 0x218, 4), segment(f, "initrd", 0)->mem);
	assert_int_equal(get(bp + 0x21c, 4), 5000);
	assert_int_equal(get(bp + 0x228, 4), s->mem + 4096);
	assert_string_equal((const char *)bp + 4096, f->wish.cmdline);
	assert_int_equal(get(bp + 0x1c0, 4), 0); /* no EFI */
	assert_int_equal(args_of(f)->boot_data, s->mem);
	assert_int_equal(args_of(f)->console, 0x2f8);
}

/* Walks setup_data as the kernel does; NULL when the type is not there. */
static const uint8_t *node(const struct fixture *f, uint32_t type, uint32_t *ret_len)
{
	const struct wb_plan_segment *s = segment(f, "boot_params", 0);
	uint64_t at = get(s->buf + 0x250, 8);

	while (at) {
		const uint8_t *p = s->buf + (at - s->mem);

		assert_true(at >= s->mem && at < s->mem + s->bufsz);
		*ret_len = (uint32_t)get(p + 12, 4);
		if (get(p + 8, 4) == type)
			return p + 16;
		at = get(p, 8);
	}
	return NULL;
}

static void long_memory_maps_use_setup_data(void **state)
{
	struct fixture *f = *state;
	const uint8_t *p;
	uint32_t len;

	for (uint64_t i = 0; i < 140; i++)
		wb_ranges_set(&f->machine.memory, (2048 + 2 * i) * MIB, MIB, WB_MEMORY_PERSISTENT);
	make(f);
	assert_int_equal(segment(f, "boot_params", 0)->buf[0x1e8], 128);
	p = node(f, 1, &len);
	assert_non_null(p);
	assert_int_equal(len, 15 * 20);
	assert_int_equal(get(p + 14 * 20, 8), (2048 + 2 * 139) * MIB);
	assert_int_equal(get(p + 14 * 20 + 16, 4), WB_E820_PRAM);
}

/* In the store's own order, which is not that of addresses. */
static const struct wb_handoff_range carved[] = {{600 * MIB, 200 * MIB}, {40 * MIB, 400 * MIB}};

static void a_store_is_left_alone_and_handed_on(void **state)
{
	struct fixture *f = *state;
	const uint8_t *bp, *p;
	uint32_t len;

	f->wish.store = carved;
	f->wish.n_store = 2;
	for (uint64_t i = 0; i < 200; i++) {
		f->wish.entropy[0] = i;
		wb_plan_deinit(&f->plan);
		wb_blob_deinit(&f->vmlinux);
		f->vmlinux = tiny_vmlinux(true, true);
		make(f);
		for (size_t k = 0; k < f->plan.n; k++)
			for (size_t c = 0; c < 2; c++)
				assert_true(f->plan.segments[k].mem + f->plan.segments[k].memsz <=
						    carved[c].start ||
					    f->plan.segments[k].mem >=
						    carved[c].start + carved[c].size);
	}
	bp = segment(f, "boot_params", 0)->buf;
	assert_int_equal(bp[0x1e8], 7);
	assert_int_equal(get(bp + 0x2d0 + 60, 8), 40 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 68, 8), 400 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 76, 4), WB_E820_PRAM);
	assert_int_equal(get(bp + 0x2d0 + 80, 8), 440 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 96, 4), WB_E820_RAM);
	/* The machine's own map is as it was. */
	assert_int_equal(f->machine.memory.n, 3);
	p = node(f, WB_HANDOFF_STORE_TYPE, &len);
	assert_non_null(p);
	assert_int_equal(len, sizeof(struct wb_handoff_store) + sizeof(carved));
	assert_int_equal(get(p + 12, 4), 2);
	assert_memory_equal(p + 16, carved, sizeof(carved));
}

/* Two pieces of a guest, one of them behind the other in its file, and a store whose one half lies between them. */
static const struct wb_handoff_range pieces[] = {{400 * MIB, 4 * MIB}, {196 * MIB, 2 * MIB}},
				     near[] = {{300 * MIB, 2 * MIB}, {600 * MIB, 2 * MIB}};

static void memory_of_guests_is_one_range(void **state)
{
	struct fixture *f = *state;
	const uint8_t *bp;

	f->wish.guests = pieces;
	f->wish.n_guests = 2;
	f->wish.store = near;
	f->wish.n_store = 2;
	make(f);
	for (size_t k = 0; k < f->plan.n; k++)
		assert_true(f->plan.segments[k].mem + f->plan.segments[k].memsz <= 192 * MIB ||
			    f->plan.segments[k].mem >= 404 * MIB);
	bp = segment(f, "boot_params", 0)->buf;
	/* It begins on 64 MiB, and what of the store lies in it does not split it. */
	assert_int_equal(get(bp + 0x2d0 + 60, 8), 192 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 68, 8), 212 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 76, 4), WB_E820_SOFT);
	assert_int_equal(get(bp + 0x2d0 + 80, 8), 404 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 96, 4), WB_E820_RAM);
	assert_int_equal(get(bp + 0x2d0 + 100, 8), 600 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 116, 4), WB_E820_PRAM);
}

static void guests_that_no_range_can_hold_are_refused(void **state)
{
	static const struct {
		struct wb_handoff_range pieces[2];
		int want;
		const char *text;
	} bad[] = {
		{{{401 * MIB, 2 * MIB}, {196 * MIB, 2 * MIB}}, -EINVAL, "not in pages of 2 MiB"},
		{{{32 * MIB, 2 * MIB}, {196 * MIB, 2 * MIB}}, -EOPNOTSUPP, "not RAM throughout"},
		{{{1ull << 60, 2 * MIB}, {196 * MIB, 2 * MIB}}, -EINVAL, "is no RAM"},
		{{{UINT64_MAX - 2 * MIB + 1, 2 * MIB}, {196 * MIB, 2 * MIB}}, -EINVAL, "is no"},
		{{{64 * MIB, 2 * MIB}, {900 * MIB, 2 * MIB}}, -EOPNOTSUPP,
			"scattered over 838 MiB"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct wb_error err = {};
		struct wb_plan plan;

		f->wish.guests = bad[i].pieces;
		f->wish.n_guests = 2;
		assert_int_equal(wb_plan_make(&f->machine, &f->wish, &plan, &err), bad[i].want);
		assert_non_null(strstr(err.text, bad[i].text));
	}
}

static void efi_is_handed_on(void **state)
{
	struct fixture *f = *state;
	const struct wb_plan_segment *s;
	uint64_t map;
	const uint8_t *p;
	uint32_t len;

	memcpy(f->machine.boot_data.data + 0x1c0, "EL64", 4);
	f->machine.boot_data.data[0x1c4] = 0x18; /* system table */
	f->machine.efi_tables = 0x3f000000;
	f->machine.efi_smbios = 0x3f100000;
	f->machine.efi_n = 2;
	f->machine.efi_map = calloc(2, sizeof(*f->machine.efi_map));
	f->machine.efi_map[1].virt = 0xfffffffefea00000;
	make(f);
	s = segment(f, "boot_params", 0);
	assert_memory_equal(s->buf + 0x1c0, "EL64", 4);
	assert_int_equal(s->buf[0x1c4], 0x18);
	assert_int_equal(get(s->buf + 0x1c8, 4), 40);
	assert_int_equal(get(s->buf + 0x1d4, 4), 80);
	map = get(s->buf + 0x1d0, 4) | get(s->buf + 0x1dc, 4) << 32;
	assert_memory_equal(s->buf + (map - s->mem), f->machine.efi_map, 80);
	p = node(f, 4, &len);
	assert_non_null(p);
	assert_int_equal(get(p + 16, 8), 0x3f000000);
	assert_int_equal(get(p + 24, 8), 0x3f100000);
}

static void purgatory_gets_digests_of_all_but_its_own_page(void **state)
{
	struct fixture *f = *state;
	const struct wb_purgatory_args *args;
	uint8_t digest[32];

	f->wish.digest = WB_DIGEST_LANES;
	make(f);
	args = args_of(f);
	assert_int_equal(args->magic, WB_PURGATORY_MAGIC);
	assert_int_equal(args->digest, WB_DIGEST_LANES);
	assert_int_equal(args->n_ranges, f->plan.n - 1);
	for (size_t i = 0; i < args->n_ranges; i++) {
		const struct wb_plan_segment *s = &f->plan.segments[i];

		assert_int_equal(args->ranges[i].start, s->mem);
		wb_digest(WB_DIGEST_LANES, s->buf, args->ranges[i].size, digest);
		assert_memory_equal(args->ranges[i].digest, digest, 32);
		assert_true(
			args->handoff < s->mem || args->handoff >= s->mem + args->ranges[i].size);
	}
	wb_plan_deinit(&f->plan);
	f->wish.verify = false;
	wb_blob_deinit(&f->vmlinux);
	f->vmlinux = tiny_vmlinux(true, false);
	make(f);
	assert_int_equal(args_of(f)->n_ranges, 0);
}

static void purgatory_gets_the_register_steps(void **state)
{
	static const struct wb_reg_step steps[] = {
		{.space = WB_REG_PCI, .width = 1, .address = 0x2068, .set = 2},
		{.space = WB_REG_MEMORY, .width = 4, .address = 0xfed1f410, .keep = ~0x20u},
	};
	struct fixture *f = *state;
	uint8_t digest[32];

	f->wish.steps = steps;
	f->wish.n_steps = 2;
	f->wish.verify = false;
	make(f);
	assert_int_equal(args_of(f)->n_steps, 2);
	assert_memory_equal(args_of(f)->steps, steps, sizeof(steps));
	assert_int_equal(args_of(f)->steps[2].space, 0);
	wb_sha256((const uint8_t *)steps, sizeof(steps), digest);
	assert_memory_equal(args_of(f)->steps_digest, digest, 32);
	wb_plan_deinit(&f->plan);
	f->wish.n_steps = 0;
	wb_blob_deinit(&f->vmlinux);
	f->vmlinux = tiny_vmlinux(true, false);
	make(f);
	assert_int_equal(args_of(f)->n_steps, 0);
}

static void segments_keeps_the_image_whole(void **state)
{
	struct fixture *f = *state;

	f->wish.method = WB_METHOD_SEGMENTS;
	make(f);
	assert_int_equal(segment(f, "kernel", 0)->bufsz, sizeof(f->body));
	assert_int_equal(segment(f, "kernel", 0)->memsz, 3 * MIB);
	assert_int_equal(args_of(f)->entry, f->plan.kernel_at + 0x200);
	assert_int_equal(segment(f, "boot_params", 0)->buf[0x211] & 2, 0);
}

static void refused(struct fixture *f, int code, const char *words)
{
	struct wb_plan untouched = {.entry = 42};

	assert_int_equal(wb_plan_make(&f->machine, &f->wish, &untouched, &f->err), code);
	if (!strstr(f->err.text, words))
		fail_msg("\"%s\" does not say \"%s\"", f->err.text, words);
	assert_int_equal(untouched.entry, 42);
}

static void register_steps_are_checked(void **state)
{
	static const struct wb_reg_step odd = {.space = WB_REG_PORT, .width = 2, .address = 0x443};
	struct fixture *f = *state;

	f->wish.steps = &odd;
	f->wish.n_steps = 1;
	refused(f, -EINVAL, "register steps");
	f->wish.method = WB_METHOD_SEGMENTS;
	f->machine.confidential = true;
	refused(f, -EOPNOTSUPP, "purgatory cannot reach a device");
}

static void long_command_line_is_refused(void **state)
{
	struct fixture *f = *state;
	char line[2100];

	memset(line, 'a', sizeof(line));
	line[2048] = 0;
	f->wish.cmdline = line;
	refused(f, -E2BIG, "2048 bytes long, the kernel takes 2047");
	line[2047] = 0;
	make(f);
}

static void too_little_memory_is_refused(void **state)
{
	struct fixture *f = *state;

	f->wish.mem_max = UINT64_MAX; /* kexec-tools' own default */
	make(f);
	wb_plan_deinit(&f->plan);
	f->wish.initrd.size = 1100 * MIB; /* never read: placement comes before any checksum */
	refused(f, -ENOSPC, "for the initrd");
	refused(f, -ENOSPC, "; use a smaller initrd, unload the crash kernel or give the machine");
	f->wish.mem_max = 0;
	refused(f, -ENOSPC, "; use a smaller initrd");
}

static void limits_that_leave_no_room_are_named(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		f->wish.method = i ? WB_METHOD_SEGMENTS : WB_METHOD_FAST;
		f->wish.mem_min = 0x10000000;
		f->wish.mem_max = 0x10100000;
		refused(f, -ENOSPC,
			"too little memory: no free range of 3072 KiB for the kernel between "
			"0x10000000 and 0x10100000; lower --mem-min or raise --mem-max");
		f->wish.mem_min = 4096; /* below all addresses that are tried */
		f->wish.mem_max = 17 * MIB;
		refused(f, -ENOSPC, "between 0x1000000 and 0x1100000; raise --mem-max");
		f->wish.mem_min = 1ull << 40;
		f->wish.mem_max = 0;
		refused(f, -ENOSPC, "between 0x10000000000 and 0x3fffffffffff; lower --mem-min");
	}
}

static void what_fast_cannot_do_is_refused(void **state)
{
	struct fixture *f = *state;

	f->machine.own = WB_X86_LA57;
	f->image.bz.xloadflags = 3;
	refused(f, -EOPNOTSUPP, "five-level paging");
	f->image.bz.xloadflags = 0x3f; /* enters, but was built without */
	refused(f, -EOPNOTSUPP, "does not say that it was built for it");
	f->image.bz.xloadflags = 0x7f;
	f->wish.cmdline = "no5lvl";
	refused(f, -EOPNOTSUPP, "no5lvl is asked for");
	f->wish.cmdline = "root=/dev/vda1";
	f->machine.own = 0;
	f->machine.confidential = true;
	refused(f, -EOPNOTSUPP, "confidential");
	f->machine.confidential = false;
	wb_blob_deinit(&f->vmlinux);
	f->vmlinux = tiny_vmlinux(false, false);
	refused(f, -EOPNOTSUPP, "no relocation table");
	f->image.arch = WB_ARCH_ARM64;
	refused(f, -EOPNOTSUPP, "another machine");
}

static void relocation_outside_is_refused(void **state)
{
	struct fixture *f = *state;
	uint32_t bad = 0x85000000;

	memcpy(f->vmlinux.data + f->vmlinux.size - 4, &bad, 4);
	refused(f, -EBADMSG, "0x85000000, lies outside the kernel");
}

static void a_store_outside_ram_is_refused(void **state)
{
	static const struct wb_handoff_range bad[] = {
		{900 * MIB, 200 * MIB}, {0xf0000, 4096}, {40 * MIB, UINT64_MAX - 4095}};
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++) {
		f->wish.store = &bad[i];
		f->wish.n_store = 1;
		refused(f, -EINVAL, "is no RAM in the firmware's map");
	}
	f->wish.store = (const struct wb_handoff_range[]){{40 * MIB, MIB}, {40 * MIB, MIB}};
	f->wish.n_store = 2;
	refused(f, -EINVAL, "0x2800000 is no RAM in the firmware's map, or is in the store twice");
}

/* ---- targets ---- */

static void crash_machine(struct fixture *f)
{
	f->wish.target = WB_TARGET_CRASH;
	wb_ranges_set(&f->machine.crash, 512 * MIB, 16 * MIB, WB_MEMORY_RAM);
	wb_ranges_set(&f->machine.crash, 768 * MIB, 64 * MIB, WB_MEMORY_RAM);
}

static bool in_crash_memory(const struct fixture *f, const struct wb_plan_segment *s)
{
	for (size_t i = 0; i < f->machine.crash.n; i++) {
		const struct wb_range *it = &f->machine.crash.items[i];

		if (s->mem >= it->start && s->mem + s->memsz <= it->start + it->size)
			return true;
	}
	return false;
}

static void a_crash_load_lies_in_memory_set_aside(void **state)
{
	struct fixture *f = *state;

	crash_machine(f);
	for (uint64_t i = 0; i < 50; i++) {
		f->wish.entropy[0] = i;
		wb_plan_deinit(&f->plan);
		wb_blob_deinit(&f->vmlinux);
		f->vmlinux = tiny_vmlinux(true, true);
		make(f);
		for (size_t k = 0; k < f->plan.n; k++)
			assert_true(in_crash_memory(f, &f->plan.segments[k]));
	}
	assert_int_equal(f->plan.kexec_flags, 62ul << 16 | 1);
}

/* All other RAM is for the dump. */
static void a_crash_kernel_sees_no_other_ram(void **state)
{
	struct fixture *f = *state;
	const uint8_t *bp;

	crash_machine(f);
	make(f);
	bp = segment(f, "boot_params", 0)->buf;
	assert_int_equal(bp[0x1e8], 4);
	/* Below 1 MiB is the boot code's. */
	assert_int_equal(get(bp + 0x2d0, 8), 0);
	assert_int_equal(get(bp + 0x2d0 + 8, 8), 0x9fc00);
	assert_int_equal(get(bp + 0x2d0 + 20, 8), 0xf0000);
	assert_int_equal(get(bp + 0x2d0 + 36, 4), WB_E820_RESERVED);
	assert_int_equal(get(bp + 0x2d0 + 40, 8), 512 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 48, 8), 16 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 60, 8), 768 * MIB);
	assert_int_equal(get(bp + 0x2d0 + 76, 4), WB_E820_RAM);
}

static void a_crash_load_needs_memory_set_aside(void **state)
{
	static const struct wb_handoff_range ordinary = {40 * MIB, MIB};
	struct fixture *f = *state;

	f->wish.target = WB_TARGET_CRASH;
	refused(f, -EOPNOTSUPP, "boot with crashkernel=");
	crash_machine(f);
	f->wish.store = &ordinary;
	f->wish.n_store = 1;
	refused(f, -EINVAL, "is no RAM");
}

static void what_the_kernel_rewrites_is_not_verified(void **state)
{
	static const uint8_t headers[64];
	struct fixture *f = *state;
	const struct wb_target *crash = wb_target(WB_TARGET_CRASH);

	crash_machine(f);
	make(f);
	/* This kernel does not do it. */
	assert_null(f->plan.rewritten);
	assert_int_equal(wb_plan_add(&f->plan, "elfcorehdr", headers, 64, MIB, 4096, 64, NULL), 0);
	assert_int_equal(segment(f, "elfcorehdr", 0)->verify, 64);
	wb_plan_deinit(&f->plan);
	wb_blob_deinit(&f->vmlinux);
	f->vmlinux = tiny_vmlinux(true, true);
	f->machine.elfcorehdr_size = 65536;
	make(f);
	assert_int_equal(f->plan.kexec_flags, 62ul << 16 | 1 | 4);
	assert_int_equal(wb_plan_add(&f->plan, "elfcorehdr", headers, 64, MIB, 4096, 64, NULL), 0);
	assert_int_equal(segment(f, "elfcorehdr", 0)->verify, 0);
	assert_true(segment(f, "kernel", 0)->verify > 0);
	assert_true(wb_target_flags(crash, &f->machine) == 5);
	/* The kernel changes no segment of a load for a reboot. */
	assert_null(wb_target_rewritten(wb_target(WB_TARGET_REBOOT), &f->machine));
	assert_int_equal(wb_target_flags(wb_target(WB_TARGET_REBOOT), &f->machine), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fast_links_and_places),
		TEST(nothing_lies_where_it_must_not),
		TEST(nokaslr_moves_nothing),
		TEST(own_memory_words_are_obeyed),
		TEST(a_limit_and_an_exact_map_are_obeyed),
		TEST(no_segment_lies_in_persistent_memory),
		TEST(boot_params_carry_firmware),
		TEST(long_memory_maps_use_setup_data),
		TEST(a_store_is_left_alone_and_handed_on),
		TEST(memory_of_guests_is_one_range),
		TEST(guests_that_no_range_can_hold_are_refused),
		TEST(a_store_outside_ram_is_refused),
		TEST(efi_is_handed_on),
		TEST(purgatory_gets_digests_of_all_but_its_own_page),
		TEST(purgatory_gets_the_register_steps),
		TEST(register_steps_are_checked),
		TEST(segments_keeps_the_image_whole),
		TEST(long_command_line_is_refused),
		TEST(too_little_memory_is_refused),
		TEST(limits_that_leave_no_room_are_named),
		TEST(what_fast_cannot_do_is_refused),
		TEST(relocation_outside_is_refused),
		TEST(a_crash_load_lies_in_memory_set_aside),
		TEST(a_crash_kernel_sees_no_other_ram),
		TEST(a_crash_load_needs_memory_set_aside),
		TEST(what_the_kernel_rewrites_is_not_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
