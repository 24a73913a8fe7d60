// SPDX-License-Identifier: LGPL-2.1-or-later
/* The process that holds huge pages for a store until the jump. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/hold.h"
#include "core/sort.h"
#include "store/impl.h"
#include "store/region.h"

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define COMPACT "/proc/sys/vm/compact_memory"
#define TRIES 4

static int read_pool(const struct wb_files *f, const struct wb_store_state *state, uint64_t *ret,
	struct wb_error *err)
{
	WB_CLEAN_BLOB b = {};
	char others[96];
	int r = f->read(f->ctx, POOL, 4096, &b, NULL);

	if (r < 0) {
		wb_store_others(wb_store_backend_find(state->backend), "--backend=", " or ", others,
			sizeof(others));
		return wb_fail(err, -EOPNOTSUPP,
			"this kernel has no huge pages of 2 MiB (%s), which a store in memory is "
			"made of; use %s",
			POOL, others);
	}
	*ret = strtoull((char *)b.data, NULL, 10);
	return 0;
}

static int write_pool(const struct wb_store_env *env, uint64_t n)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", n);
	return env->io->write_text(env->io->ctx, POOL, text);
}

/* Grow the pool. The kernel makes as many pages as it can, and reports their number. */
static int grow_pool(const struct wb_store_env *env, const struct wb_store_state *state,
	uint64_t before, uint64_t bytes, struct wb_error *err)
{
	uint64_t now = before, pages = bytes / WB_STORE_PAGE;
	int r = 0;

	for (int i = 0; i < TRIES && r == 0 && now < before + pages; i++) {
		/* Ask the kernel to compact free memory. */
		if (i)
			env->io->write_text(env->io->ctx, COMPACT, "1\n");
		r = write_pool(env, before + pages);
		if (r < 0)
			wb_fail(err, r, "cannot write %s: %s", POOL, strerror(-r));
		else
			r = read_pool(env->sys->files, state, &now, err);
	}
	if (r == 0 && now < before + pages)
		r = wb_fail(err, -ENOSPC,
			"too little memory for a store of %" PRIu64 " MiB: only %" PRIu64
			" MiB could be had in pieces of 2 MiB, even after the kernel was asked to "
			"put free memory together; stop something, or keep less",
			pages * 2, (now > before ? now - before : 0) * 2);
	return r;
}

struct page {
	uint64_t phys, off;
};

static int by_address(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	return x->phys < y->phys ? -1 : x->phys > y->phys;
}

/*
 * The region for guests is persistent memory as well, and the next kernel would make one device of it and of a page
 * beside it.
 */
static bool has_region(const struct wb_files *files, struct wb_store_region *ret)
{
	return wb_store_region_read(files, WB_REGION_VM, ret, NULL) == 0 &&
	       wb_store_region_in_force(files, ret);
}

static bool is_beside(const struct wb_store_region *region, uint64_t page)
{
	return page + WB_STORE_PAGE == region->start || page == region->start + region->size;
}

/* More pages than the store has, since those beside the region are left out of it. */
static uint64_t with_spare(const struct wb_store_env *env, uint64_t bytes)
{
	struct wb_store_region region;

	return bytes + (has_region(env->sys->files, &region) ? 2 * WB_STORE_PAGE : 0);
}

/* Sort pieces by address, so that the next kernel's map has as few entries as possible. As many as the store has. */
static int sort_pieces(const struct wb_files *files, const uint64_t *phys, size_t n, uint64_t bytes,
	struct wb_store_pieces *ret, struct wb_error *err)
{
	struct wb_store_region region;
	bool beside = has_region(files, &region);
	struct page *pages = calloc(n, sizeof(*pages));
	int r = pages ? 0 : -ENOMEM;

	for (size_t i = 0; i < n && r == 0; i++) {
		pages[i] = (struct page){phys[i], i * WB_STORE_PAGE};
		/* Without CAP_SYS_ADMIN all addresses read as 0. */
		if (!phys[i])
			r = -EPERM;
	}
	if (r == 0)
		wb_sort(pages, n, sizeof(*pages), by_address);
	for (size_t i = 0; i < n && r == 0 && bytes; i++) {
		if (beside && is_beside(&region, pages[i].phys))
			continue;
		r = wb_store_pieces_add(
			ret, (struct wb_store_piece){pages[i].off, pages[i].phys, WB_STORE_PAGE});
		bytes -= WB_STORE_PAGE;
	}
	free(pages);
	if (r == -EPERM)
		return wb_fail(err, r,
			"/proc/self/pagemap shows no addresses: holding a store needs the "
			"capability "
			"CAP_SYS_ADMIN");
	return r < 0 ? wb_fail(err, r, "out of memory") : 0;
}

/* Find the physical addresses of the memfd's pages. */
static int locate(const struct wb_store_env *env, int fd, uint64_t bytes,
	struct wb_store_state *state, struct wb_error *err)
{
	const struct wb_store_io *io = env->io;
	size_t n = bytes / WB_STORE_PAGE;
	uint64_t *phys = calloc(n, sizeof(*phys));
	uint8_t *at = NULL;
	int r = phys ? io->area(io->ctx, bytes, &at) : -ENOMEM;

	state->pid = io->self(io->ctx);
	if (r == 0 && asprintf(&state->pieces.path, "/proc/%d/fd/%d", state->pid, fd) < 0) {
		state->pieces.path = NULL;
		r = -ENOMEM;
	}
	if (r == 0)
		r = io->map(io->ctx, state->pieces.path, 0, bytes, true, at);
	if (r == 0)
		r = io->physical(io->ctx, at, n, phys);
	if (r < 0)
		wb_fail(err, r, "cannot find out where the store's memory lies: %s", strerror(-r));
	else
		r = sort_pieces(env->sys->files, phys, n, state->bytes, &state->pieces, err);
	if (at)
		io->unmap(io->ctx, at, bytes);
	free(phys);
	return r;
}

static int take_pages(
	const struct wb_store_env *env, struct wb_store_state *state, struct wb_error *err)
{
	const struct wb_store_io *io = env->io;
	uint64_t before = 0, bytes = with_spare(env, state->bytes);
	int fd, r = read_pool(env->sys->files, state, &before, err);

	if (r < 0)
		return r;
	r = grow_pool(env, state, before, bytes, err);
	fd = r == 0 ? io->huge_memfd(io->ctx, "warmboot-store", bytes) : r;
	if (r == 0 && fd < 0)
		r = wb_fail(err, fd, "no memfd of huge pages can be had: %s", strerror(-fd));
	if (r == 0) {
		r = io->allocate(io->ctx, fd, bytes);
		if (r < 0)
			wb_fail(err, r, "the kernel does not give its huge pages out: %s",
				strerror(-r));
	}
	/*
	 * Pages in use stay, as surplus, and return to the system when they are released. The
	 * administrator's setting is restored.
	 */
	write_pool(env, before);
	if (r == 0)
		r = locate(env, fd, bytes, state, err);
	if (r < 0 && fd >= 0)
		io->close(io->ctx, fd);
	return r;
}

/*
 * Exempt the process from the last signals of Debian's sysvinit, which reads this directory
 * (/etc/init.d/sendsigs).
 */
static void ask_for_mercy(const struct wb_store_env *env, int pid)
{
	char text[16];

	if (!env->sys->files->exists(env->sys->files->ctx, "/run/sendsigs.omit.d"))
		return;
	snprintf(text, sizeof(text), "%d\n", pid);
	env->sys->write_file(env->sys->ctx, "/run/sendsigs.omit.d/warmboot-store",
		(struct wb_bytes){(uint8_t *)text, strlen(text)}, 0644);
}

/* Report to the process that asked: no memory is held. */
static void tell_failure(
	const struct wb_store_env *env, struct wb_store_state *state, const struct wb_error *why)
{
	wb_store_pieces_deinit(&state->pieces);
	state->pid = 0;
	state->code = why->code;
	state->error = strdup(why->text);
	wb_store_state_write(env->sys, state, NULL);
}

int wb_store_hold(const struct wb_store_env *env, struct wb_error *err)
{
	const struct wb_store_backend *backend;
	WB_CLEAN_STORE_STATE state = {};
	struct wb_error local = {};
	int r = wb_store_state_read(env->sys->files, &state, err);

	if (r < 0)
		return r;
	backend = wb_store_backend_find(state.backend);
	if (!state.wanted || !backend || !backend->of_ram || state.bytes % WB_STORE_PAGE)
		return wb_fail(err, -EINVAL, "%s asks for nothing to be held", WB_STORE_STATE);
	r = take_pages(env, &state, &local);
	state.wanted = false;
	/* This fails if /run has no room for the list of pieces; the store is then given up. */
	if (r == 0)
		r = wb_store_state_write(env->sys, &state, &local);
	if (r < 0) {
		tell_failure(env, &state, &local);
		if (err)
			*err = local;
		return r;
	}
	ask_for_mercy(env, state.pid);
	return 0;
}
