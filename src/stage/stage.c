// SPDX-License-Identifier: LGPL-2.1-or-later
/* Preparing a load: its kernel, command line and method, step by step. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "core/cmdline.h"
#include "stage/cache.h"
#include "stage/stage.h"
#include "sys/below.h"
#include "sys/machine.h"

/* drivers/dax/hmem/hmem.c */
#define GUESTS_WORD "dax_hmem.region_idle=1"

/* `more` may be NULL; so may s->cmdline, after a failed allocation. */
static int append_cmdline(struct wb_stage *s, const char *more)
{
	WB_CLEAN_STR old = s->cmdline;

	s->cmdline = NULL;
	return old ? wb_cmdline_append(old, more ? more : "", &s->cmdline) : -ENOMEM;
}

/* Add the word that a kernel needs on EFI machines when kexec and not the firmware starts it. */
static int append_efi_word(const struct wb_sys *sys, struct wb_stage *s)
{
	const char *word = wb_arch_of(sys->files)->efi_word;
	char name[32];

	if (!word || !sys->files->exists(sys->files->ctx, "/sys/firmware/efi"))
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	return wb_cmdline_has(s->cmdline, name) ? 0 : append_cmdline(s, word);
}

/*
 * Add what the command line does not set aside yet. Compare the numbers, not the text: they can be written in several
 * ways, and one word may be the beginning of a longer one.
 */
static int append_regions(const struct wb_sys *sys, struct wb_stage *s, const char *words)
{
	const struct wb_arch *arch = wb_arch_of(sys->files);
	uint64_t start, size;
	int r = 0;

	for (size_t i = 0;
		r == 0 && arch->region_find && arch->region_find(words, i, &start, &size); i++) {
		char word[WB_ARCH_WORD];

		if (!s->cmdline)
			return -ENOMEM;
		if (wb_arch_sets_aside(arch, s->cmdline, start, size))
			continue;
		arch->region_word(start, size, word);
		r = append_cmdline(s, word);
	}
	return r;
}

/* The caller's command line, else the UKI's own, else the default, else none. */
static int choose_cmdline(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	struct wb_bytes own = s->image.uki_cmdline;

	if (s->options.cmdline) {
		s->cmdline = strdup(s->options.cmdline);
	} else {
		/* Tools end the section with a newline or pad it with zeroes. */
		while (own.size && (!own.data[own.size - 1] || own.data[own.size - 1] == '\n' ||
					   own.data[own.size - 1] == ' '))
			own.size--;
		if (own.size && memchr(own.data, 0, own.size))
			return wb_fail(err, -EBADMSG, "%s: the .cmdline section holds a NUL byte",
				s->kernel_path);
		if (own.size)
			s->cmdline = strndup((const char *)own.data, own.size);
		else
			s->cmdline = strdup(
				s->options.default_cmdline ? s->options.default_cmdline : "");
	}
	s->no_cmdline = s->cmdline && !*s->cmdline;
	if (append_cmdline(s, s->options.append) < 0)
		return wb_oom(err);
	if (s->options.region_word && append_regions(sys, s, s->options.region_word) < 0)
		return wb_oom(err);
	if (s->method == WB_METHOD_FILE && append_cmdline(s, s->options.file_append) < 0)
		return wb_oom(err);
	/* Without it the next kernel makes ordinary RAM of the guests' memory; the last word counts. */
	if (s->options.n_guests && append_cmdline(s, GUESTS_WORD) < 0)
		return wb_oom(err);
	if (append_efi_word(sys, s) < 0)
		return wb_oom(err);
	return 0;
}

static void choose_release(struct wb_stage *s)
{
	struct wb_bytes uname = s->image.uki_uname;

	if (s->options.release && *s->options.release)
		snprintf(s->release, sizeof(s->release), "%s", s->options.release);
	else if (s->image.release[0])
		snprintf(s->release, sizeof(s->release), "%s", s->image.release);
	else if (uname.size)
		snprintf(s->release, sizeof(s->release), "%.*s", (int)uname.size,
			(const char *)uname.data);
	s->release[strcspn(s->release, "\n ")] = 0;
}

static int read_image(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	int r;

	wb_stage_progress(s, "reading the kernel");
	r = wb_stage_read(sys, s->kernel_path, WB_IMAGE_LIMIT, &s->kernel_file, err);
	if (r < 0)
		return r;
	r = wb_stage_check_digest(
		wb_blob_view(&s->kernel_file), s->kernel_path, s->options.kernel_sha256, err);
	if (r < 0)
		return r;
	r = wb_image_open_profile(wb_blob_view(&s->kernel_file),
		wb_stage_spare(sys, WB_IMAGE_LIMIT), s->options.uki_profile, &s->image, err);
	if (r < 0)
		return wb_fail_in(err, r, "%s: ", s->kernel_path);
	choose_release(s);
	return choose_cmdline(sys, s, err);
}

static int read_dtb(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	uint8_t magic[] = {0xd0, 0x0d, 0xfe, 0xed};
	int r;

	if (!s->options.dtb)
		return 0;
	r = sys->files->read(sys->files->ctx, s->options.dtb, 64 << 20, &s->dtb, err);
	if (r < 0)
		return r;
	if (!wb_bytes_equal(wb_blob_view(&s->dtb), 0, magic, sizeof(magic)))
		return wb_fail(err, -EBADMSG,
			"%s is not a flattened device tree (no magic at offset 0)", s->options.dtb);
	return 0;
}

static int decompress(struct wb_stage *s, size_t limit, struct wb_error *err)
{
	const struct wb_bzimage *bz = &s->image.bz;
	int r;

	wb_stage_progress(s, "unpacking the kernel");
	r = wb_blob_reserve(&s->vmlinux, bz->payload_size);
	if (r < 0)
		return wb_fail(err, r, "out of memory for the kernel");
	r = bz->codec->decompress(bz->payload, limit, &s->vmlinux, NULL, err);
	return r < 0 ? wb_fail_in(err, r, "%s: payload: ", s->kernel_path) : 0;
}

/*
 * Take the unpacked kernel from the cache, or decompress it and put it there. The digest of a boot
 * entry vouches for the packed kernel only, so such a kernel is always decompressed, and so is one
 * that is only checked.
 */
static int unpack_once(struct wb_stage *s, size_t limit, struct wb_error *err)
{
	const char *path = s->options.cache;
	bool may = path && s->method == WB_METHOD_FAST && !s->options.kernel_sha256;
	WB_CLEAN_FD dir = may ? wb_cache_open(path, true) : -ENOENT;
	uint8_t key[WB_CACHE_KEY];
	int r;

	if (dir < 0)
		return decompress(s, limit, err);
	wb_cache_key(s->image.bz.payload, key);
	wb_stage_progress(s, "reading the unpacked kernel");
	s->cached = wb_cache_read(dir, key, limit, &s->vmlinux) == 0;
	if (s->cached)
		return 0;
	r = decompress(s, limit, err);
	if (r == 0)
		wb_cache_write(dir, key, wb_blob_view(&s->vmlinux)); /* or the next time */
	return r;
}

/* Decompress the vmlinux that the fast method links. */
static int unpack_vmlinux(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	const struct wb_bzimage *bz = &s->image.bz;
	size_t limit = WB_IMAGE_LIMIT;
	int r;

	if (s->image.kind == WB_IMAGE_ELF) {
		r = wb_blob_append(&s->vmlinux, s->image.bytes.data, s->image.bytes.size);
		return r < 0 ? wb_fail(err, r, "out of memory for the kernel") : 0;
	}
	if (s->image.kind != WB_IMAGE_BZIMAGE)
		return wb_fail(err, -EOPNOTSUPP, "this kernel format cannot be pre-linked");
	if (!bz->codec)
		return wb_fail(err, -EOPNOTSUPP, "the kernel's payload is of no known compression");
	if (bz->payload_size) {
		if (bz->payload_size > limit)
			return wb_fail(err, -E2BIG, "%s: the payload claims %u bytes when unpacked",
				s->kernel_path, bz->payload_size);
		limit = bz->payload_size;
	}
	r = wb_stage_check_memory(sys, bz->payload_size, "unpack the kernel", err);
	if (r < 0)
		return r;
	return unpack_once(s, limit, err);
}

/*
 * Decompress the payload once, to find damage now. After the jump the decompressor would find it,
 * and there is no way back then.
 */
static int check_payload(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	int r;

	if (s->image.kind != WB_IMAGE_BZIMAGE || s->options.verify == WB_VERIFY_NONE)
		return 0;
	r = unpack_vmlinux(sys, s, err);
	wb_blob_deinit(&s->vmlinux);
	return r == -EOPNOTSUPP ? 0 : r;
}

/* Check the length here, because kexec_file_load(2) would only answer EINVAL. */
static int check_cmdline(const struct wb_stage *s, struct wb_error *err)
{
	size_t n = strlen(s->cmdline);

	if (s->image.kind != WB_IMAGE_BZIMAGE || n <= s->image.bz.cmdline_size)
		return 0;
	return wb_fail(err, -E2BIG,
		"the command line is %zu bytes long, the kernel takes %u; shorten it", n,
		s->image.bz.cmdline_size);
}

/* Does the load ask for a placement, which kexec_file_load(2) does not offer? */
static bool is_placed(const struct wb_stage *s)
{
	return s->options.dtb || s->options.mem_min || s->options.mem_max ||
	       (s->options.store && s->options.store->n_ranges) || s->options.n_guests;
}

#define LINKED "the kernel can be linked beforehand"

/* Choose the method by options and policy. The image may still change it. */
static int choose_method(struct wb_stage *s, struct wb_error *err)
{
	const struct wb_policy *p = &s->policy;
	char why[WB_POLICY_WHY];

	if (s->options.legacy_fallback)
		s->options.method = WB_METHOD_FILE;
	if (s->options.method != WB_METHOD_AUTO) {
		s->method = s->options.method;
		snprintf(s->method_why, sizeof(s->method_why), "asked for");
		if (p->signature && s->method != WB_METHOD_FILE)
			return wb_policy_check(p, false, err);
		return 0;
	}
	s->method = wb_policy_wants_file(p, is_placed(s), why) ? WB_METHOD_FILE : WB_METHOD_FAST;
	if (s->method == WB_METHOD_FILE)
		snprintf(s->method_why, sizeof(s->method_why), "%s", why);
	else
		snprintf(s->method_why, sizeof(s->method_why), "%s%s%s", LINKED, *why ? "; " : "",
			why);
	return 0;
}

static int prepare_segments(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	struct wb_error local = {};
	char policy[WB_POLICY_WHY + 4];
	const char *why;
	int r = wb_machine_read(sys->files, &s->machine, err);

	if (r < 0)
		return r;
	r = 0;
	if (s->method == WB_METHOD_FAST) {
		r = unpack_vmlinux(sys, s, &local);
		if (r == 0)
			r = wb_stage_plan(sys, s, &local);
		if (r == 0)
			return 0;
		/* Fall back only if this method cannot do it. A damaged kernel is an error. */
		if (r != -EOPNOTSUPP || s->options.method != WB_METHOD_AUTO) {
			if (err)
				*err = local;
			return r;
		}
		wb_blob_deinit(&s->vmlinux);
		s->cached = false;
		s->method = WB_METHOD_SEGMENTS;
		why = strstr(s->method_why, "; ");
		snprintf(policy, sizeof(policy), "%s", why ? why : "");
		snprintf(s->method_why, sizeof(s->method_why), "not linked beforehand: %.220s%s",
			local.text, policy);
	} else {
		r = check_payload(sys, s, err);
		if (r < 0)
			return r;
	}
	return wb_stage_plan(sys, s, err);
}

/* Refuse a placement, because kexec_file_load(2) lets the running kernel choose it. */
static int check_placement(const struct wb_stage *s, struct wb_error *err)
{
	bool only = s->policy.signature; /* policy refuses the other methods */

	if (s->options.dtb || s->options.mem_min || s->options.mem_max)
		return wb_fail(err, -EOPNOTSUPP,
			"with kexec_file_load(2) the running kernel alone decides on placement and "
			"device tree; give no addresses and no device tree%s",
			only ? "" : ", or use kexec_load(2)");
	if (s->options.n_guests)
		return wb_fail(err, -EOPNOTSUPP,
			"with kexec_file_load(2) the running kernel alone decides on placement and "
			"might write over the memory of guests; %s",
			only ? "their memory has to lie in a region that the command line sets "
			       "aside"
			     : "use kexec_load(2) (the method \"fast\" or \"segments\")");
	if (s->options.store && s->options.store->n_ranges)
		return wb_fail(err, -EOPNOTSUPP,
			"with kexec_file_load(2) the running kernel alone decides on placement and "
			"might write over the store; %sset a region aside with \"warmboot store "
			"reserve\" and keep the store there",
			only ? "" : "use kexec_load(2) (the method \"fast\" or \"segments\") or ");
	return 0;
}

static int prepare(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	int r;

	if (!s->options.kernel)
		return wb_fail(err, -EINVAL, "no kernel was named");
	s->kernel_path = strdup(s->options.kernel);
	if (!s->kernel_path)
		return wb_oom(err);
	wb_rate_begin(sys, &s->begin);
	wb_policy_read(sys, s->target, &s->policy);
	r = choose_method(s, err);
	if (r == 0)
		r = read_image(sys, s, err);
	/* kexec_file_load(2) cannot load a bare vmlinux, so use the fast method. */
	if (r == 0 && s->options.legacy_fallback && s->image.kind == WB_IMAGE_ELF &&
		!s->policy.signature) {
		s->options.method = s->method = WB_METHOD_FAST;
		snprintf(s->method_why, sizeof(s->method_why), "the kernel is an ELF file");
	}
	if (r == 0)
		r = wb_stage_choose_guard(sys, s, err);
	if (r == 0)
		r = read_dtb(sys, s, err);
	if (r == 0)
		r = wb_stage_initrd(sys, s, err);
	if (r < 0)
		return r;
	if (s->method == WB_METHOD_FILE) {
		r = check_placement(s, err);
		if (r < 0)
			return r;
		r = check_cmdline(s, err);
		return r < 0 ? r : check_payload(sys, s, err);
	}
	return prepare_segments(sys, s, err);
}

int wb_stage_prepare(const struct wb_sys *sys, const struct wb_load_options *options,
	struct wb_stage **ret, struct wb_error *err)
{
	struct wb_stage *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return wb_oom(err);
	memcpy(&s->options, options,
		options->size < sizeof(s->options) ? options->size : sizeof(s->options));
	r = prepare(sys, s, err);
	if (r < 0) {
		wb_stage_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void wb_stage_free(struct wb_stage *s)
{
	if (!s)
		return;
	wb_plan_deinit(&s->plan);
	wb_machine_deinit(&s->machine);
	wb_image_deinit(&s->image);
	wb_blob_deinit(&s->kernel_file);
	wb_blob_deinit(&s->vmlinux);
	wb_blob_deinit(&s->initrd);
	wb_blob_deinit(&s->dtb);
	free(s->kernel_path);
	free(s->initrd_path);
	free(s->cmdline);
	free(s);
}
