// SPDX-License-Identifier: LGPL-2.1-or-later
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "core/cmdline.h"
#include "core/digest.h"
#include "stage/stage.h"
#include "sys/machine.h"

const char *wb_method_name(enum wb_method method)
{
	static const char *const names[] = {"auto", "fast", "segments", "file"};

	return names[method];
}

const char *wb_initramfs_name(enum wb_initramfs initramfs)
{
	static const char *const names[] = {"auto", "warm", "own"};

	return names[initramfs];
}

const char *wb_verify_name(enum wb_verify verify)
{
	static const char *const names[] = {"sha256", "none"};

	return names[verify];
}

void wb_stage_progress(const struct wb_stage *s, const char *what)
{
	if (s->options.progress)
		s->options.progress(s->options.progress_arg, what);
}

#define AMOUNT_SIZE 32

/* "700 KiB" or, from 10 MiB on, "25 MiB"; returns buf. */
static const char *amount(uint64_t bytes, char buf[AMOUNT_SIZE])
{
	bool small = bytes < 10 << 20;

	snprintf(buf, AMOUNT_SIZE, "%llu %s", (unsigned long long)(bytes >> (small ? 10 : 20)),
		small ? "KiB" : "MiB");
	return buf;
}

int wb_stage_no_spare(uint64_t spare, const char *what, struct wb_error *err)
{
	char half[AMOUNT_SIZE], all[AMOUNT_SIZE];

	return wb_fail(err, -ENOMEM,
		"too little memory to %s: it takes more than %s, which is half of the %s that are "
		"available, and the running kernel keeps a copy; stop something or use a smaller "
		"file",
		what, amount(spare, half), amount(spare * 2, all));
}

int wb_stage_check_memory(
	const struct wb_sys *sys, uint64_t bytes, const char *what, struct wb_error *err)
{
	uint64_t available = wb_available_memory(sys->files);
	char takes[AMOUNT_SIZE], has[AMOUNT_SIZE];

	if (available >= bytes)
		return 0;
	return wb_fail(err, -ENOMEM,
		"too little memory to %s: it takes %s and %s are available; stop something or use "
		"a smaller initrd",
		what, amount(bytes, takes), amount(available, has));
}

uint64_t wb_stage_spare(const struct wb_sys *sys, uint64_t most)
{
	uint64_t half = wb_available_memory(sys->files) / 2;

	return half < most ? half : most;
}

int wb_stage_read(const struct wb_sys *sys, const char *path, uint64_t most, struct wb_blob *ret,
	struct wb_error *err)
{
	uint64_t limit = wb_stage_spare(sys, most);
	char what[320];
	/* To files->read(), 0 is no limit at all. */
	int r = sys->files->read(sys->files->ctx, path, limit ? limit : 1, ret, err);

	if (r != -EFBIG || limit == most)
		return r;
	snprintf(what, sizeof(what), "read %.300s", path);
	return wb_stage_no_spare(limit, what, err);
}

/* `more` may be NULL; so may s->cmdline, after a failed allocation. */
static int append_cmdline(struct wb_stage *s, const char *more)
{
	WB_CLEAN_STR old = s->cmdline;

	s->cmdline = NULL;
	return old ? wb_cmdline_append(old, more ? more : "", &s->cmdline) : -ENOMEM;
}

/* What this machine's firmware asks of a kernel that is not entered through it. */
static int append_efi_word(const struct wb_sys *sys, struct wb_stage *s)
{
	const char *word = wb_arch_native()->efi_word;
	char name[32];

	if (!word || !sys->files->exists(sys->files->ctx, "/sys/firmware/efi"))
		return 0;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
	return wb_cmdline_has(s->cmdline, name) ? 0 : append_cmdline(s, word);
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
	if (s->options.region_word && !strstr(s->cmdline, s->options.region_word) &&
		append_cmdline(s, s->options.region_word) < 0)
		return wb_oom(err);
	if (s->method == WB_METHOD_FILE && append_cmdline(s, s->options.file_append) < 0)
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
	r = wb_image_open_within(
		wb_blob_view(&s->kernel_file), wb_stage_spare(sys, WB_IMAGE_LIMIT), &s->image, err);
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

/* Cycles a second over the work done so far; 0 when that was too short to tell. */
static uint64_t tsc_rate(uint64_t cycles, uint64_t ns)
{
	if (ns < 20 * 1000000ull || ns > 600 * 1000000000ull)
		return 0;
	return (uint64_t)((double)cycles * 1e9 / (double)ns);
}

static int fill_handoff(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	struct wb_handoff *h = &s->handoff;
	const struct wb_load_store *store = s->options.store;
	int r = sys->random(sys->ctx, h->nonce, sizeof(h->nonce));

	if (store) {
		/* By this the next kernel knows the store for the one that this jump brings. */
		memcpy(h->nonce, store->nonce, sizeof(h->nonce));
		h->store_header = store->header;
		h->store_size = store->size;
	}
	if (r < 0)
		return wb_fail(err, r, "no random bytes: %s", strerror(-r));
	h->magic = WB_HANDOFF_MAGIC;
	h->version = WB_HANDOFF_VERSION;
	h->size = sizeof(*h);
	h->tsc_load = sys->tsc(sys->ctx);
	h->wall_ns = sys->wall_ns(sys->ctx);
	h->tsc_hz = tsc_rate(h->tsc_load - s->tsc_begin, h->wall_ns - s->wall_begin);
	snprintf(h->from_release, sizeof(h->from_release), "%s", s->machine.release);
	snprintf(h->to_release, sizeof(h->to_release), "%.63s", s->release);
	snprintf(h->method, sizeof(h->method), "%s", wb_method_name(s->method));
	return 0;
}

/*
 * Found by trying: a CPU with SHA instructions has the plain one in hardware; on one that has none,
 * or emulates them, the lanes win.
 */
static enum wb_digest_kind fastest_digest(const struct wb_sys *sys)
{
	static const uint8_t sample[64 * 1024];
	enum wb_digest_kind ret = WB_DIGEST_SHA256;
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 3 * WB_DIGEST_KINDS; i++) {
		uint64_t begin = sys->mono_ns(sys->ctx), took;
		uint8_t digest[32];

		wb_digest(i % WB_DIGEST_KINDS, sample, sizeof(sample), digest);
		took = sys->mono_ns(sys->ctx) - begin;
		if (took < best) {
			best = took;
			ret = i % WB_DIGEST_KINDS;
		}
	}
	return ret;
}

int wb_stage_plan(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	struct wb_plan_wish wish = {
		.method = s->method,
		.image = &s->image,
		.vmlinux = &s->vmlinux,
		.initrd = wb_blob_view(&s->initrd),
		.cmdline = s->cmdline,
		.verify = s->options.verify == WB_VERIFY_SHA256,
		.mem_min = s->options.mem_min,
		.mem_max = s->options.mem_max,
		.dtb = wb_blob_view(&s->dtb),
		.store = s->options.store ? s->options.store->ranges : NULL,
		.n_store = s->options.store ? s->options.store->n_ranges : 0,
	};
	int r = fill_handoff(sys, s, err);

	if (r < 0)
		return r;
	wish.handoff = s->handoff;
	if (wish.verify)
		wish.digest = fastest_digest(sys);
	r = sys->random(sys->ctx, wish.entropy, sizeof(wish.entropy));
	if (r == 0)
		r = sys->random(sys->ctx, wish.rng_seed, sizeof(wish.rng_seed));
	if (r < 0)
		return wb_fail(err, r, "no random bytes: %s", strerror(-r));
	wb_stage_progress(s, wish.verify ? "planning and checksumming" : "planning");
	return wb_plan_make(&s->machine, &wish, &s->plan, err);
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
	wb_stage_progress(s, "unpacking the kernel");
	r = wb_blob_reserve(&s->vmlinux, bz->payload_size);
	if (r < 0)
		return wb_fail(err, r, "out of memory for the kernel");
	r = bz->codec->decompress(bz->payload, limit, &s->vmlinux, NULL, err);
	return r < 0 ? wb_fail_in(err, r, "%s: payload: ", s->kernel_path) : 0;
}

/*
 * Where the decompressor runs after the jump, it would meet a damaged payload when there is no way
 * back.
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

/* kexec_file_load(2) says only EINVAL. */
static int check_cmdline(const struct wb_stage *s, struct wb_error *err)
{
	size_t n = strlen(s->cmdline);

	if (s->image.kind != WB_IMAGE_BZIMAGE || n <= s->image.bz.cmdline_size)
		return 0;
	return wb_fail(err, -E2BIG,
		"the command line is %zu bytes long, the kernel takes %u; shorten it", n,
		s->image.bz.cmdline_size);
}

/* The method that policy asks for, before the image has its say. */
static int choose_method(struct wb_stage *s, struct wb_error *err)
{
	const struct wb_policy *p = &s->policy;

	if (s->options.legacy_fallback)
		s->options.method = WB_METHOD_FILE;
	if (s->options.method != WB_METHOD_AUTO) {
		s->method = s->options.method;
		snprintf(s->method_why, sizeof(s->method_why), "asked for");
		if (p->signature && s->method != WB_METHOD_FILE)
			return wb_policy_check(p, false, err);
	} else if (p->signature) {
		s->method = WB_METHOD_FILE;
		snprintf(s->method_why, sizeof(s->method_why), "%s", p->signature_why);
	} else if (p->kho) {
		s->method = WB_METHOD_FILE;
		snprintf(s->method_why, sizeof(s->method_why),
			"kexec handover (kho=on) travels by kexec_file_load only");
	} else {
		s->method = WB_METHOD_FAST;
		snprintf(s->method_why, sizeof(s->method_why),
			"the kernel can be linked beforehand");
	}
	return 0;
}

static int prepare_segments(const struct wb_sys *sys, struct wb_stage *s, struct wb_error *err)
{
	struct wb_error local = {};
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
		/* Only "cannot be done this way" may fall back; a damaged kernel must not. */
		if (r != -EOPNOTSUPP || s->options.method != WB_METHOD_AUTO) {
			if (err)
				*err = local;
			return r;
		}
		wb_blob_deinit(&s->vmlinux);
		s->method = WB_METHOD_SEGMENTS;
		snprintf(s->method_why, sizeof(s->method_why), "not linked beforehand: %.400s",
			local.text);
	} else {
		r = check_payload(sys, s, err);
		if (r < 0)
			return r;
	}
	return wb_stage_plan(sys, s, err);
}

/* What kexec_file_load(2) leaves to the running kernel alone. */
static int check_placement(const struct wb_stage *s, struct wb_error *err)
{
	bool only = s->policy.signature; /* the other methods are refused */

	if (s->options.dtb || s->options.mem_min || s->options.mem_max)
		return wb_fail(err, -EOPNOTSUPP,
			"with kexec_file_load(2) the running kernel alone decides on placement and "
			"device tree; give no addresses and no device tree%s",
			only ? "" : ", or use kexec_load(2)");
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
	s->tsc_begin = sys->tsc(sys->ctx);
	s->wall_begin = sys->wall_ns(sys->ctx);
	wb_policy_read(sys, &s->policy);
	r = choose_method(s, err);
	if (r == 0)
		r = read_image(sys, s, err);
	/* A bare vmlinux has no way in but this one, and kexec_file_load(2) does not know it. */
	if (r == 0 && s->options.legacy_fallback && s->image.kind == WB_IMAGE_ELF &&
		!s->policy.signature) {
		s->options.method = s->method = WB_METHOD_FAST;
		snprintf(s->method_why, sizeof(s->method_why), "the kernel is an ELF file");
	}
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

struct wb_stage_info wb_stage_info(const struct wb_stage *s)
{
	struct wb_stage_info info = {
		.method = s->method,
		.method_why = s->method_why,
		.initramfs = s->initramfs,
		.initramfs_why = s->initramfs_why,
		.verify = s->options.verify,
		.release = s->release,
		.cmdline = s->cmdline,
		.no_cmdline = s->no_cmdline,
		.kernel_bytes = s->vmlinux.size ? s->vmlinux.size : s->image.bytes.size,
		.initrd_bytes = s->initrd.size,
	};

	memcpy(info.nonce, s->handoff.nonce, sizeof(info.nonce));
	return info;
}

bool wb_stage_segment(const struct wb_stage *s, size_t i, struct wb_stage_segment *ret)
{
	const struct wb_plan_segment *seg = &s->plan.segments[i];

	if (i >= s->plan.n)
		return false;
	*ret = (struct wb_stage_segment){seg->name, seg->mem, seg->memsz, seg->bufsz};
	return true;
}

uint64_t wb_stage_entry(const struct wb_stage *s)
{
	return s->plan.entry;
}
