// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Memory of the running system, nothing set aside beforehand: huge pages that a process holds until
 * the jump. The next kernel is told that they are persistent memory, and so leaves them alone.
 * Works with kexec_load(2) only: with kexec_file_load(2) the kernel places images where it likes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/hold.h"
#include "store/impl.h"
#include "sys/handoff.h"

/* What must stay free besides, for the load of the kernel and the shutdown. */
#define MARGIN (64ull << 20)

static uint64_t available(const struct wb_files *f)
{
	WB_CLEAN_BLOB b = {};
	const char *line;

	if (f->read(f->ctx, "/proc/meminfo", 1 << 20, &b, NULL) < 0)
		return UINT64_MAX;
	line = strstr((char *)b.data, "MemAvailable:");
	return line ? strtoull(line + strlen("MemAvailable:"), NULL, 10) << 10 : UINT64_MAX;
}

static bool has_systemd(const struct wb_files *f)
{
	return f->exists(f->ctx, "/run/systemd/system"); /* sd_booted(3) */
}

static int carve_reserve(
	const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	const struct wb_files *files = env->sys->files;
	uint64_t left = available(files);
	WB_CLEAN_STORE_STATE answer = {};
	int r;

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
	r = env->io->start_holder(env->io->ctx, has_systemd(files));
	if (wb_store_state_read(files, &answer, NULL) == 0 && answer.code)
		return wb_fail(err, answer.code, "%s", answer.error);
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
		return wb_fail(err, -ENOMEM, "out of memory");
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
	int r = env->io->stop_holder(env->io->ctx, has_systemd(env->sys->files), state->pid);

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
	struct wb_handoff_range *ranges;
	size_t n;
	int r = wb_handoff_store_read(env->sys->files, &ranges, &n);

	if (r == -ENOENT)
		return wb_fail(err, r, "no store was handed on to this boot");
	if (r == -EBADMSG)
		return wb_fail(err, r, "what setup_data tells of the store makes no sense");
	s.pieces.path = r == 0 ? strdup("/dev/mem") : NULL;
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = wb_store_pieces_add(&s.pieces,
			(struct wb_store_piece){ranges[i].start, ranges[i].start, ranges[i].size});
		s.bytes += ranges[i].size;
	}
	if (r == 0)
		free(ranges);
	if (r < 0 || !s.pieces.path || !s.backend)
		return wb_fail(err, -ENOMEM, "out of memory");
	*ret = s;
	s = (struct wb_store_state){};
	return 0;
}

const struct wb_store_backend wb_store_carve = {
	.name = "carve",
	.of_ram = true,
	.reserve = carve_reserve,
	.still_there = carve_still_there,
	.release = carve_release,
	.find = carve_find,
};
