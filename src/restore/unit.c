// SPDX-License-Identifier: LGPL-2.1-or-later
/* The restore of one unit in its sandbox, and the end of all restores. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/valid.h"
#include "keep/domain.h"
#include "keep/ways.h"
#include "restore/revive.h"
#include "restore/restore.h"
#include "sys/handoff.h"
#include "systemd/notify.h"

/* An address that comes later than this is not waited for any longer. */
#define ADDRESS_SECONDS 20
#define MOST_NAMESPACES 8
#define MOST_HANDED 256
/* Prefix of the namespaces' names in systemd's store. */
#define STORED "warmboot-"

/* ---- the anchor: runs in the sandbox ---- */

static int hand_over(const struct wb_restore_host *h, const char *name, struct wb_error *err)
{
	char stored[64];
	int fd, r;

	snprintf(stored, sizeof(stored), STORED "%s", name);
	fd = wb_ns_open_own(name);
	if (fd < 0)
		return wb_fail(err, fd, "cannot open its namespace %s: %s", name, strerror(-fd));
	r = h->fds_push(h->ctx, stored, fd, err);
	close(fd);
	return r;
}

int wb_restore_anchor(const struct wb_restore_host *h, struct wb_error *err)
{
	int r = 0;

	for (const char *const *name = wb_anchor_names; r == 0 && *name; name++)
		r = hand_over(h, *name, err);
	/* systemd must have read them before this process ends, or it does not know whose they were. */
	if (r == 0)
		h->fds_wait(h->ctx);
	return r;
}

/* ---- the restore: runs beside the sandbox ---- */

/*
 * The anchor's namespaces, the mount namespace last. Each is checked before CRIU enters it, because a
 * name in systemd's store does not say what lies under it.
 */
static int find_namespaces(const struct wb_restore_host *h, const char *unit,
	const struct wb_strv *names, int ret[MOST_NAMESPACES], size_t *ret_n, struct wb_error *err)
{
	static const char stored[] = STORED;
	size_t found = 0, n = strlen(stored);
	enum wb_ns kind;
	int r = 0;

	for (const char *const *want = wb_anchor_names; r == 0 && *want; want++)
		for (size_t i = 0; r == 0 && i < names->n && found < MOST_NAMESPACES; i++) {
			const char *name = names->items[i];

			if (strncmp(name, stored, n) || strcmp(name + n, *want) ||
				!wb_ns_find(*want, &kind))
				continue;
			ret[found] = WB_FD_STORE_FIRST + (int)i;
			r = wb_ns_check(h->ns, ret[found++], kind, unit, err);
		}
	if (r == 0 && !found)
		r = wb_fail(err, -EINVAL, "systemd gave no namespace of %s's sandbox", unit);
	*ret_n = found;
	return r;
}

/* The others are those of its socket units. */
static size_t find_handed(const struct wb_strv *names, int ret[MOST_HANDED])
{
	size_t n = 0;

	for (size_t i = 0; i < names->n && n < MOST_HANDED; i++)
		if (strncmp(names->items[i], STORED, strlen(STORED)) != 0)
			ret[n++] = WB_FD_STORE_FIRST + (int)i;
	return n;
}

/* systemd would give them to the service's next start, too. */
static void forget_namespaces(const struct wb_restore_host *h)
{
	for (const char *const *name = wb_anchor_names; *name; name++) {
		char stored[64];

		snprintf(stored, sizeof(stored), STORED "%s", *name);
		h->fds_forget(h->ctx, stored);
	}
}

static int thaw_in_sandbox(const struct wb_restore_host *h, struct wb_thaw *t,
	struct wb_error *ret_warning, struct wb_error *err)
{
	int namespaces[MOST_NAMESPACES], handed[MOST_HANDED];
	WB_CLEAN_STRV names = {};
	int r = h->fds_list(h->ctx, &names) == -ENOMEM ? wb_oom(err) : 0;

	if (r == 0)
		r = find_namespaces(h, t->unit->unit, &names, namespaces, &t->n_namespaces, err);
	if (r < 0) {
		wb_thaw_failed(t, err, ret_warning);
		return r;
	}
	t->namespaces = namespaces;
	t->handed = handed;
	t->n_handed = find_handed(&names, handed);
	return h->thaw(h->ctx, t, ret_warning, err);
}

static int find_kept(const struct wb_restore_host *h, const char *unit, struct wb_manifest *m,
	struct wb_thaw *t, struct wb_error *err)
{
	int r = wb_revive_read(h->sys->files, m, err);

	if (r < 0)
		return r;
	t->manifest = m;
	t->unit = wb_manifest_find(m, unit);
	if (!t->unit || !wb_unit_is_checkpointed(t->unit))
		return wb_fail(err, -ENOENT, "nothing of %s was kept over the jump", unit);
	return 0;
}

int wb_restore_prepare(const struct wb_restore_host *h, const char *unit,
	struct wb_error *ret_warning, struct wb_error *err)
{
	struct wb_thaw t = {.sys = h->sys};
	const struct wb_keep_means *way;
	WB_CLEAN_MANIFEST m = {};
	int r = find_kept(h, unit, &m, &t, err);

	if (r < 0)
		return r;
	way = wb_way_find(NULL, t.unit->how);
	r = way->prepare ? way->prepare(&t, h->runner, err) : 0;
	if (r < 0)
		wb_thaw_failed(&t, err, ret_warning);
	return r;
}

int wb_restore_forget(const struct wb_restore_host *h, const char *unit, struct wb_error *err)
{
	int r = 0;

	if (!wb_valid_service_name(unit))
		return wb_fail(err, -EINVAL, "\"%.100s\" is no service", unit);
	for (size_t i = 0; r == 0 && wb_ways_all[i]; i++)
		if (wb_ways_all[i]->forget)
			r = wb_ways_all[i]->forget(h->sys, unit, err);
	return r;
}

/* All restores are over, and wb_revive_finish() starts every unit: one of a domain is started as libvirt does. */
static bool is_left_domain(const struct wb_restore_host *h, const char *unit)
{
	WB_CLEAN_STR domain = wb_domain_of_unit(unit);

	return domain && h->sys->files->exists(h->sys->files->ctx, WB_THAW_DONE);
}

int wb_restore_unit(const struct wb_restore_host *h, const char *unit, struct wb_error *ret_warning,
	struct wb_error *err)
{
	struct wb_thaw t = {.sys = h->sys, .address_seconds = ADDRESS_SECONDS};
	struct wb_error why = {};
	WB_CLEAN_MANIFEST m = {};
	struct wb_handoff handoff;
	int r;

	if (is_left_domain(h, unit))
		return wb_domain_start_again(h->runner, unit, err);
	r = find_kept(h, unit, &m, &t, err);

	if (r < 0)
		return r;
	if (!m.tsc_hz && wb_handoff_read(h->sys->files, &handoff))
		m.tsc_hz = (int64_t)handoff.tsc_hz;
	if (wb_keep_way(t.unit->how)->anew || wb_keep_way(t.unit->how)->managed)
		return h->thaw(h->ctx, &t, ret_warning, err);
	r = h->adopt(h->ctx, t.unit, ret_warning, &why);
	if (r == -ENOENT) {
		r = thaw_in_sandbox(h, &t, ret_warning, err);
	} else if (r < 0) {
		*err = why;
		wb_thaw_failed(&t, err, ret_warning);
	}
	forget_namespaces(h);
	return r;
}

/* ---- the end ---- */

int wb_restore_finish(
	const struct wb_restore_host *h, struct wb_error *err, struct wb_error *ret_wipe)
{
	struct wb_error why = {}, why_left = {};
	WB_CLEAN_MANIFEST m = {};
	int r = wb_revive_read(h->sys->files, &m, &why), wiped;

	if (r == 0)
		r = wb_revive_finish(h->sys, h->runner, &m, &why);
	wiped = wb_store_wipe_left(h->store, true, &why_left);
	if (r < 0)
		*err = why;
	if (wiped < 0)
		*ret_wipe = why_left;
	return r < 0 ? r : wiped;
}
