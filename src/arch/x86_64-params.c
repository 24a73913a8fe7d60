// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * boot_params (the "zero page") and the setup_data list for the next kernel: facts from the
 * firmware are passed on unchanged, as by the kernel's own loader
 * (arch/x86/kernel/kexec-bzimage64.c).
 */
#include <errno.h>
#include <string.h>

#include "arch/x86_64.h"

#define PAGE 4096

/* enum setup_data_type, arch/x86/include/uapi/asm/setup_data.h */
#define SETUP_E820_EXT 1
#define SETUP_EFI 4
#define SETUP_RNG_SEED 9

#define NODE_HEAD 16 /* struct setup_data: next, type, len */

#define EFI_SIGNATURE "EL64"

/* struct boot_e820_entry: packed, 20 bytes. */
struct e820_entry {
	uint64_t start, size;
	uint32_t type;
} __attribute__((packed));

static void put16(uint8_t *p, uint64_t v)
{
	uint16_t x = (uint16_t)v;

	memcpy(p, &x, sizeof(x));
}

static void put32(uint8_t *p, uint64_t v)
{
	uint32_t x = (uint32_t)v;

	memcpy(p, &x, sizeof(x));
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static struct wb_bytes dtb_of(const struct wb_machine *m, const struct wb_plan_wish *wish)
{
	return wish->dtb.size ? wish->dtb : wb_blob_view(&m->dtb);
}

static bool has_efi(const struct wb_machine *m)
{
	return m->efi_n && m->efi_tables && m->boot_data.size == BP_SIZE &&
	       memcmp(m->boot_data.data + BP_EFI_INFO, EFI_SIGNATURE, 4) == 0;
}

static size_t node_size(size_t payload)
{
	return NODE_HEAD + wb_align_up(payload, 8);
}

static size_t store_node_size(const struct wb_plan_wish *wish)
{
	return sizeof(struct wb_handoff_store) + wish->n_store * sizeof(*wish->store);
}

size_t wb_x86_params_size(const struct wb_machine *m, const struct wb_plan_wish *wish)
{
	size_t n = BP_SIZE + wb_align_up(strlen(wish->cmdline) + 1, 8);

	if (m->memory.n > BP_E820_MAX)
		n += node_size((m->memory.n - BP_E820_MAX) * sizeof(struct e820_entry));
	if (has_efi(m))
		n += node_size(96) + m->efi_n * sizeof(struct wb_efi_desc);
	if (dtb_of(m, wish).size)
		n += node_size(dtb_of(m, wish).size);
	if (wish->n_store)
		n += node_size(store_node_size(wish));
	n += node_size(sizeof(wish->rng_seed));
	return wb_align_up(n, PAGE) + PAGE;
}

/* The blob under construction, its later address, and the end of the node list. */
struct builder {
	struct wb_blob blob;
	uint64_t at;
	size_t link; /* offset of the 64-bit "next" to fill with the next node's address */
};

/* Append a node and return the offset of its payload, or a negative errno. */
static int64_t add_node(struct builder *b, uint32_t type, const void *payload, size_t n)
{
	uint8_t head[NODE_HEAD] = {};
	size_t node = b->blob.size;

	put32(head + 8, type);
	put32(head + 12, n);
	if (wb_blob_append(&b->blob, head, sizeof(head)) < 0 ||
		wb_blob_append(&b->blob, payload, n) < 0 || wb_blob_pad(&b->blob, 8) < 0)
		return -ENOMEM;
	put64(b->blob.data + b->link, b->at + node);
	b->link = node;
	return (int64_t)(node + NODE_HEAD);
}

static void copy_from_running(uint8_t *bp, const struct wb_machine *m)
{
	static const struct {
		size_t at, n;
	} keep[] = {
		{BP_SCREEN_INFO, 0x40},
		{BP_EDID, 0x80},
		{BP_EDD_ENTRIES, 2}, /* with the number of MBR signatures */
		{BP_EDD_MBR, BP_E820 - BP_EDD_MBR},
		{BP_EDD, BP_EDD_END - BP_EDD},
		{BP_SECURE_BOOT, 1},
		{BP_SUBARCH, 4},
	};

	if (m->boot_data.size == BP_SIZE)
		for (size_t i = 0; i < sizeof(keep) / sizeof(*keep); i++)
			memcpy(bp + keep[i].at, m->boot_data.data + keep[i].at, keep[i].n);
	put64(bp + BP_RSDP, m->rsdp);
}

static void fill_header(uint8_t *bp, const struct wb_plan_wish *wish, const struct wb_x86_layout *l,
	uint64_t cmdline_at)
{
	if (wish->image->kind == WB_IMAGE_BZIMAGE) {
		struct wb_bytes setup = wish->image->bz.setup;
		uint32_t subarch;
		size_t n =
			setup.size < BP_EDD_MBR - BP_HEADER ? setup.size : BP_EDD_MBR - BP_HEADER;

		memcpy(&subarch, bp + BP_SUBARCH, 4);
		memcpy(bp + BP_HEADER, setup.data, n);
		put32(bp + BP_SUBARCH, subarch);
	} else {
		/* A bare vmlinux has no header; these are the fields that it reads. */
		put16(bp + BP_BOOT_FLAG, 0xaa55);
		memcpy(bp + BP_MAGIC, "HdrS", 4);
		put16(bp + BP_VERSION, 0x020f);
		put32(bp + BP_ALIGNMENT, 2 << 20);
		bp[BP_RELOCATABLE] = 1;
		put32(bp + BP_CMDLINE_SIZE, 2047);
	}
	bp[BP_LOADER_TYPE] = 0xff; /* "undefined": warmboot has no number of its own */
	bp[BP_LOADFLAGS] |= LOADFLAG_LOADED_HIGH;
	bp[BP_LOADFLAGS] &= (uint8_t)~LOADFLAG_KASLR;
	if (l->kaslr_flag)
		bp[BP_LOADFLAGS] |= LOADFLAG_KASLR;
	put32(bp + BP_CODE32, l->kernel_at);
	put32(bp + BP_RAMDISK, l->initrd_at);
	put32(bp + BP_EXT_RAMDISK, l->initrd_at >> 32);
	put32(bp + BP_RAMDISK_SZ, l->initrd_size);
	put32(bp + BP_EXT_RAMDISK_SZ, l->initrd_size >> 32);
	put32(bp + BP_CMDLINE, cmdline_at);
	put32(bp + BP_EXT_CMDLINE, cmdline_at >> 32);
	put64(bp + BP_SETUP_DATA, 0);
}

static int add_e820(struct builder *b, const struct wb_ranges *map)
{
	size_t n = map->n < BP_E820_MAX ? map->n : BP_E820_MAX;
	WB_CLEAN_BLOB rest = {};

	b->blob.data[BP_E820_ENTRIES] = (uint8_t)n;
	for (size_t i = 0; i < map->n; i++) {
		struct e820_entry e = {
			map->items[i].start, map->items[i].size, wb_x86_e820(map->items[i].type)};

		if (i < n)
			memcpy(b->blob.data + BP_E820 + i * sizeof(e), &e, sizeof(e));
		else if (wb_blob_append(&rest, &e, sizeof(e)) < 0)
			return -ENOMEM;
	}
	return rest.size ? (add_node(b, SETUP_E820_EXT, rest.data, rest.size) < 0 ? -ENOMEM : 0)
			 : 0;
}

/*
 * SetVirtualAddressMap may be called once a boot, so the next kernel is given the map with the
 * virtual addresses that this one chose, and the tables' physical addresses (struct
 * efi_setup_data, arch/x86/include/asm/efi.h).
 */
static int add_efi(struct builder *b, const struct wb_machine *m)
{
	uint64_t setup[12] = {m->efi_fw_vendor, 0, m->efi_tables, m->efi_smbios};
	size_t map_at = b->blob.size, map_size = m->efi_n * sizeof(struct wb_efi_desc);
	uint8_t *info;

	if (wb_blob_append(&b->blob, m->efi_map, map_size) < 0)
		return -ENOMEM;
	info = b->blob.data + BP_EFI_INFO;
	memcpy(info, m->boot_data.data + BP_EFI_INFO, 32);
	put32(info + 8, sizeof(struct wb_efi_desc));
	put32(info + 12, 1);
	put32(info + 16, b->at + map_at);
	put32(info + 20, map_size);
	put32(info + 28, (b->at + map_at) >> 32);
	return add_node(b, SETUP_EFI, setup, sizeof(setup)) < 0 ? -ENOMEM : 0;
}

static int add_store(struct builder *b, const struct wb_plan_wish *wish)
{
	struct wb_handoff_store head = {
		WB_HANDOFF_STORE_MAGIC, WB_HANDOFF_VERSION, (uint32_t)wish->n_store};
	WB_CLEAN_BLOB node = {};

	if (wb_blob_append(&node, &head, sizeof(head)) < 0 ||
		wb_blob_append(&node, wish->store, wish->n_store * sizeof(*wish->store)) < 0)
		return -ENOMEM;
	return add_node(b, WB_HANDOFF_STORE_TYPE, node.data, node.size) < 0 ? -ENOMEM : 0;
}

static int fill(struct builder *b, const struct wb_machine *m, const struct wb_plan_wish *wish,
	const struct wb_x86_layout *l, size_t *ret_handoff, size_t *ret_verify)
{
	struct wb_bytes dtb = dtb_of(m, wish);
	int64_t handoff;
	size_t verify;
	int r;

	if (wb_blob_append(&b->blob, NULL, BP_SIZE) < 0)
		return -ENOMEM;
	copy_from_running(b->blob.data, m);
	fill_header(b->blob.data, wish, l, b->at + BP_SIZE);
	if (wb_blob_append(&b->blob, wish->cmdline, strlen(wish->cmdline) + 1) < 0 ||
		wb_blob_pad(&b->blob, 8) < 0)
		return -ENOMEM;
	b->link = BP_SETUP_DATA;
	r = add_e820(b, &m->memory);
	if (r == 0 && has_efi(m))
		r = add_efi(b, m);
	if (r == 0 && dtb.size && add_node(b, SETUP_DTB, dtb.data, dtb.size) < 0)
		r = -ENOMEM;
	if (r == 0 && wish->n_store)
		r = add_store(b, wish);
	if (r == 0 && add_node(b, SETUP_RNG_SEED, wish->rng_seed, sizeof(wish->rng_seed)) < 0)
		r = -ENOMEM;
	if (r < 0)
		return r;
	if (wb_blob_pad(&b->blob, PAGE) < 0)
		return -ENOMEM;
	verify = b->blob.size;
	handoff = add_node(b, WB_HANDOFF_TYPE, &wish->handoff, sizeof(wish->handoff));
	if (handoff < 0 || wb_blob_pad(&b->blob, PAGE) < 0)
		return -ENOMEM;
	*ret_verify = verify;
	*ret_handoff = (size_t)handoff;
	return 0;
}

int wb_x86_params_fill(const struct wb_machine *m, const struct wb_plan_wish *wish,
	const struct wb_x86_layout *layout, uint64_t at, struct wb_blob *ret, size_t *ret_handoff,
	size_t *ret_verify, struct wb_error *err)
{
	struct builder b = {.at = at};
	size_t handoff = 0, verify = 0;
	int r = wb_blob_init(&b.blob, wb_x86_params_size(m, wish));

	if (r == 0)
		r = fill(&b, m, wish, layout, &handoff, &verify);
	if (r < 0) {
		wb_blob_deinit(&b.blob);
		return wb_fail(err, r, "out of memory while writing boot_params");
	}
	*ret = b.blob;
	*ret_handoff = handoff;
	*ret_verify = verify;
	return 0;
}
