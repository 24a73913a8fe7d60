// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The backend "carve": memory of the running system, without setting anything aside beforehand. A
 * process holds huge pages until the jump. The next kernel is told that they are persistent memory,
 * so it leaves them alone. It works with kexec_load(2) only: with kexec_file_load(2) the kernel
 * chooses the places of images.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "store/hold.h"
#include "store/impl.h"
#include "sys/handoff.h"
#include "sys/machine.h"
#include "systemd/systemctl.h"

/* Memory that must stay free for the load of the kernel and the shutdown. */
#define MARGIN (64ull << 20)

/* The next kernel must learn where the memory is, which kexec_file_load(2) does not support. */
static int carve_fits(enum wb_method method, const struct wb_policy *policy, struct wb_error *err)
{
	char others[96];

	if (method != WB_METHOD_FILE && !policy->signature && !policy->kho)
		return 0;
	wb_store_others(&wb_store_carve, "--store=", " or --store=", others, sizeof(others));
	return wb_fail(err, -EOPNOTSUPP,
		"--store=carve does not go with kexec_file_load(2), which loads the kernel here: "
		"it "
		"places kernels where it likes; use %s",
		others);
}

/*
 * The memory of the old kernel's store, up to `most` bytes of it. Errors as
 * wb_handoff_store_read().
 */
static int take_ranges(const struct wb_files *files, uint64_t most, struct wb_store_state *ret)
{
	struct wb_handoff_range *ranges;
	size_t n;
	int r = wb_handoff_store_read(files, &ranges, &n);

	if (r < 0)
		return r;
	ret->bytes = 0;
	ret->pieces.path = strdup("/dev/mem");
	if (!ret->pieces.path)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < n && ret->bytes < most; i++) {
		uint64_t size = ranges[i].size, left = most - ret->bytes;

		if (size > left)
			size = left;
		r = wb_store_pieces_add(&ret->pieces,
			(struct wb_store_piece){ranges[i].start, ranges[i].start, size});
		ret->bytes += size;
	}
	free(ranges);
	return r;
}

/* Is the old store whole, or damaged? Then somebody may still want its contents. */
static bool may_be_wanted(const struct wb_store_env *env, const struct wb_store_state *old)
{
	uint8_t block[WB_STORE_BLOCK];
	struct wb_bytes b = {block, sizeof(block)};
	struct wb_store_header h;

	if (wb_store_peek(env, old->pieces.items[0].start, block, sizeof(block)) < 0)
		return true;
	if (wb_store_header_check(b, UINT64_MAX, &h))
		return h.state == WB_STORE_SEALED;
	return wb_store_header_parse(b, old->bytes, &h, NULL) != -ENOENT;
}

/*
 * Reuse the memory of the last jump's store once it is wiped: it is unused, so it costs the running
 * system nothing. 1 taken, 0 there is none that fits.
 */
static int reuse(const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE old = {};
	int r = take_ranges(env->sys->files, state->bytes, &old);

	if (r < 0 || old.bytes < state->bytes || may_be_wanted(env, &old))
		return 0;
	state->pieces = old.pieces;
	old.pieces = (struct wb_store_pieces){};
	r = wb_store_state_write(env->sys, state, err);
	return r < 0 ? r : 1;
}

static int carve_reserve(
	const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	const struct wb_files *files = env->sys->files;
	uint64_t left = wb_available_memory(files);
	WB_CLEAN_STORE_STATE answer = {};
	int r = reuse(env, state, err);

	if (r)
		return r < 0 ? r : 0;
	if (left < state->bytes + MARGIN)
		return wb_fail(err, -ENOSPC,
			"too little memory for a store of %" PRIu64 " MiB: %" PRIu64
			" MiB are available and %llu of them must stay free; stop something, or "
			"keep less",
			state->bytes >> 20, left >> 20, MARGIN >> 20);
	state->wanted = true;
	r = wb_store_state_write(env->sys, state, err);
	if (r < 0)
		return r;
	r = env->io->start_holder(env->io->ctx, wb_systemd_here(files));
	if (wb_store_state_read(files, &answer, NULL) == 0 && answer.code)
		return wb_fail(err, answer.code, "%s", answer.error);
	/* The holder gave no answer: if the state file cannot be written, that is the reason. */
	if (answer.wanted && wb_store_state_write(env->sys, state, err) < 0)
		return WB_STORE_NO_STATE;
	if (r < 0)
		return wb_fail(err, r,
			"the process that is to hold the store's memory could not be started: %s; "
			"see \"journalctl -u warmboot-store\"",
			strerror(-r));
	return 0;
}

static int carve_still_there(const struct wb_store_env *env, const struct wb_store_state *state,
	const uint8_t *at, struct wb_error *err)
{
	size_t n = state->bytes / WB_STORE_PAGE, page = 0;
	uint64_t *now = calloc(n, sizeof(*now));
	int r;

	if (!now)
		return wb_oom(err);
	/* Without a holder it is memory of an old store, which this kernel does not use as RAM. */
	if (!state->pid) {
		free(now);
		return 0;
	}
	r = env->io->physical(env->io->ctx, at, n, now);
	if (r < 0)
		wb_fail(err, r, "cannot read where the store's memory lies: %s", strerror(-r));
	for (size_t i = 0; i < state->pieces.n && r == 0; i++) {
		const struct wb_store_piece *p = &state->pieces.items[i];

		for (uint64_t k = 0; k < p->size && r == 0; k += WB_STORE_PAGE, page++)
			if (page >= n || now[page] != p->start + k)
				r = wb_fail(err, -EIO,
					"the kernel has moved the store's memory at %#" PRIx64
					"; run \"warmboot store drop\" and begin anew",
					p->start + k);
	}
	free(now);
	return r;
}

static int carve_release(
	const struct wb_store_env *env, const struct wb_store_state *state, struct wb_error *err)
{
	int r;

	if (!state->pid)
		return 0; /* memory of an old store: no process holds it */
	r = env->io->stop_holder(env->io->ctx, wb_systemd_here(env->sys->files), state->pid);

	return r < 0 ? wb_fail(err, r,
			       "the process that holds the store's memory (%d) could not be ended: "
			       "%s",
			       state->pid, strerror(-r))
		     : 0;
}

static int carve_find(
	const struct wb_store_env *env, struct wb_store_state *ret, struct wb_error *err)
{
	WB_CLEAN_STORE_STATE s = {.backend = strdup("carve")};
	int r = take_ranges(env->sys->files, UINT64_MAX, &s);

	if (r == -ENOENT)
		return wb_fail(err, r, "no store was handed on to this boot");
	if (r == -EBADMSG)
		return wb_fail(err, r, "what %s tells of the store makes no sense",
			wb_arch_of(env->sys->files)->notes);
	if (r < 0 || !s.backend)
		return wb_oom(err);
	*ret = s;
	s = (struct wb_store_state){};
	return 0;
}

const struct wb_store_backend wb_store_carve = {
	.name = "carve",
	.of_ram = true,
	.fits = carve_fits,
	.reserve = carve_reserve,
	.still_there = carve_still_there,
	.release = carve_release,
	.find = carve_find,
};
