// SPDX-License-Identifier: LGPL-2.1-or-later
/* Domains of libvirt: their units, their part of the manifest, and the decision. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/json-table.h"
#include "core/text.h"
#include "core/valid.h"
#include "keep/domain.h"
#include "keep/judge-vm.h"

#define PREFIX "warmboot-domain@"
#define SUFFIX ".service"

/* ---- names ---- */

char *wb_domain_unit(const char *name)
{
	WB_CLEAN_STR unit = wb_strf(PREFIX "%s" SUFFIX, name);
	char *ret = unit;

	if (!unit || !wb_valid_guest_name(name) || !wb_valid_service_name(unit))
		return NULL;
	unit = NULL;
	return ret;
}

char *wb_domain_of_unit(const char *unit)
{
	size_t n = strlen(unit), prefix = strlen(PREFIX), suffix = strlen(SUFFIX);
	WB_CLEAN_STR name = NULL;
	char *ret;

	if (n <= prefix + suffix || strncmp(unit, PREFIX, prefix) ||
		strcmp(unit + n - suffix, SUFFIX))
		return NULL;
	name = strndup(unit + prefix, n - prefix - suffix);
	ret = name;
	if (!name || !wb_valid_guest_name(name))
		return NULL;
	name = NULL;
	return ret;
}

/* ---- its part of the manifest ---- */

#define ROW(member, kind, ...) WB_JSON_ROW(struct wb_domain_image, member, kind, ##__VA_ARGS__)

static const struct wb_json_field fields[] = {
	ROW(name, WB_JSON_STRING, .needed = true, .valid = wb_valid_guest_name),
	ROW(uuid, WB_JSON_STRING, .needed = true, .valid = wb_valid_uuid),
	ROW(persistent, WB_JSON_BOOL),
	ROW(agent, WB_JSON_BOOL),
	ROW(memory, WB_JSON_INT, .needed = true, .min = 1, .max = INT64_MAX / 4),
	ROW(saved, WB_JSON_BOOL),
	ROW(bytes, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(save_us, WB_JSON_INT, .min = 0, .max = INT64_MAX),
	ROW(since_tsc, WB_JSON_INT),
	{},
};

void wb_domain_image_deinit(struct wb_domain_image *image)
{
	wb_json_free(fields, image);
}

int wb_domain_image_read(const json_t *json, struct wb_domain_image *ret, struct wb_error *err)
{
	return wb_json_read(json, fields, "the domain's part of the manifest", ret, err);
}

json_t *wb_domain_image_write(const struct wb_domain_image *image)
{
	return wb_json_write(fields, image);
}

uint64_t wb_domain_memory(const struct wb_manifest_unit *u)
{
	WB_CLEAN_DOMAIN_IMAGE image = {};

	if (!wb_keep_way(u->how)->managed || wb_domain_image_read(u->image, &image, NULL) < 0)
		return 0;
	return (uint64_t)image.memory;
}

/* ---- the decision ---- */

static int refuse(const struct wb_domain *d, enum wb_keep_how asked, struct wb_keep_verdict *v)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->hindrances.n; i++)
		r = wb_strv_add(&v->reasons, d->hindrances.items[i]);
	if (r == 0 && d->saved)
		r = wb_strv_add(&v->reasons,
			"libvirt has a saved image of it already (virsh managedsave-remove)");
	if (r == 0 && strcmp(d->state, "running") && strcmp(d->state, "paused"))
		r = wb_strv_addf(&v->reasons, "its state is \"%.40s\"", d->state);
	if (r == 0 && asked == WB_KEEP_RESTART)
		r = wb_strv_add(&v->reasons, wb_keep_way(asked)->configured);
	else if (r == 0 && asked != WB_KEEP_AUTO && !wb_keep_is_as_asked(asked, WB_KEEP_DOMAIN))
		r = wb_strv_addf(
			&v->reasons, "a domain of libvirt is not kept %s", wb_keep_way(asked)->as);
	return r;
}

static int add_notes(const struct wb_domain *d, struct wb_keep_verdict *v)
{
	int r = wb_strv_addf(&v->warnings,
		"libvirt saves it before the shutdown begins, and all of its %lld MiB of memory go "
		"through the store while it stands still; that is not rehearsed",
		(long long)d->memory >> 20);

	if (r == 0)
		r = wb_strv_add(&v->warnings,
			d->agent ? "its wall clock is set by its guest agent afterwards, if that "
				   "runs; its monotonic clock goes on"
				 : "its wall clock is late afterwards by the length of the pause, "
				   "since it has no guest agent (org.qemu.guest_agent.0); its "
				   "monotonic clock goes on");
	if (r == 0 && !d->persistent)
		r = wb_strv_add(&v->warnings,
			"it is a transient domain: if its restore fails, nothing is left of it");
	return r;
}

static int keep(const struct wb_domain *d, struct wb_keep_verdict *v)
{
	const struct wb_domain_image image = {.name = d->name,
		.uuid = d->uuid,
		.persistent = d->persistent,
		.agent = d->agent,
		.memory = d->memory};

	v->how = WB_KEEP_DOMAIN;
	v->guest = wb_domain_image_write(&image);
	v->bytes = wb_vm_store_bytes((uint64_t)d->memory);
	v->processes = 1;
	return v->guest ? add_notes(d, v) : -ENOMEM;
}

int wb_domain_look(const struct wb_runner *runner, const char *name,
	const struct wb_keep_config *config, struct wb_keep_verdict *ret, struct wb_error *err)
{
	const enum wb_keep_how asked = config && config->how ? config->how : WB_KEEP_AUTO;
	WB_CLEAN_DOMAIN d = {};
	WB_CLEAN_KEEP_VERDICT v = {};
	int r = wb_domain_find(runner, name, &d, err);

	if (r < 0)
		return r;
	if (!d.active)
		return wb_fail(err, -ESRCH, "the domain %s does not run", name);
	r = refuse(&d, asked, &v);
	if (r == 0 && !v.reasons.n)
		r = keep(&d, &v);
	else
		v.how = WB_KEEP_RESTART;
	if (r < 0)
		return wb_oom(err);
	*ret = v;
	v = (struct wb_keep_verdict){};
	return 0;
}
