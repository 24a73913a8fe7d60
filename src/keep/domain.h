/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domains of libvirt. A domain runs in no service. Its unit is an instance of warmboot's own warmboot-domain@.service,
 * which does not run before the jump and brings the domain back after it. The domain is saved before the shutdown
 * begins, since libvirt has to be there for it: session/keeping-domains.c.
 */
#pragma once

#include <jansson.h>

#include "keep/thaw.h"
#include "libvirt/libvirt.h"
#include "survey/preflight.h"

/* ---- names ---- */

/* "warmboot-domain@web.service", to be freed. NULL: no unit can have this name, or out of memory. */
char *wb_domain_unit(const char *name);
/* The name of the domain whose unit this is, to be freed. NULL: it is another unit, or out of memory. */
char *wb_domain_of_unit(const char *unit);

/* ---- its part of the manifest ---- */

struct wb_domain_image {
	char *name, *uuid;
	bool persistent; /* libvirt knows it without its saved image */
	bool agent;
	int64_t memory; /* bytes */
	/* The rest is known when it is saved. */
	bool saved;
	int64_t bytes, save_us; /* of the image; the time that the save took */
	int64_t since_tsc;      /* the time stamp counter when it began to stand still */
};

void wb_domain_image_deinit(struct wb_domain_image *image);
#define WB_CLEAN_DOMAIN_IMAGE \
	__attribute__((cleanup(wb_domain_image_deinit))) struct wb_domain_image
/* -EBADMSG, -ENOMEM with a sentence. */
int wb_domain_image_read(const json_t *json, struct wb_domain_image *ret, struct wb_error *err);
/* New; NULL: out of memory. */
json_t *wb_domain_image_write(const struct wb_domain_image *image);
/* The image's memory, if the unit is a domain; else 0. */
uint64_t wb_domain_memory(const struct wb_manifest_unit *u);

/* ---- the decision ---- */

/*
 * wb_keep_look() for such a unit: libvirt is asked. -ESRCH with a sentence: the domain does not run. `config` may be
 * NULL.
 */
int wb_domain_look(const struct wb_runner *runner, const char *name,
	const struct wb_keep_config *config, struct wb_keep_verdict *ret, struct wb_error *err);

/* ---- before the jump ---- */

struct wb_domain_host {
	const struct wb_sys *sys;
	const struct wb_runner *runner;
	const char *dir; /* for FIFOs; NULL: WB_DOMAIN_DIR */
};

/*
 * Save a domain into the store, as an object below u->images, and note it in u->image. It stands still afterwards, as
 * wb_domain_save() has it, and goes on after a failure.
 */
int wb_domain_into_store(const struct wb_domain_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_domain_saving **ret, struct wb_error *err);
/* The jump is called off: the domain goes on, from the store unless libvirt has it still. */
int wb_domain_from_store(const struct wb_domain_host *host, const struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err);

/* ---- after the jump ---- */

/*
 * Start a domain that was not restored, unless it runs. `unit`: of the domain. -ENOENT: it was a transient one, of
 * which libvirt knows nothing any more.
 */
int wb_domain_start_again(const struct wb_runner *runner, const char *unit, struct wb_error *err);
