/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The choice of the services that are kept over every jump ("warmboot keep add", "remove"). */
#pragma once

#include "choice/config.h"
#include "keep/named.h"
#include "systemd/service.h"

/* A change of the choice, for each of some units. */
struct wb_keep_choice {
	bool remove;
	/* For units that are added; what is absent stays as it was chosen before. */
	enum wb_keep_how how;    /* WB_KEEP_NONE: absent; a new unit gets AUTO */
	struct wb_strv files;    /* added to those before */
	const char *peers;       /* a word of Peers=; NULL: absent */
	const char *probe;       /* NULL: absent */
	const int64_t *priority; /* NULL: absent */
	/* Called for each unit after its change; `config` is NULL for one that was removed. */
	void (*done)(void *arg, const char *unit, const struct wb_keep_config *config);
	void *arg;
};

/*
 * Make the change for all units, or for none: each is tried before the first is changed. A unit that is
 * named twice counts once. -EINVAL: not a service, or a masked one; -ENOENT: systemd does not know it,
 * or it is not chosen; each with a sentence. A virtual machine or container that is
 * added has to run (wb_keep_find_unit()).
 */
int wb_keep_choose(const struct wb_services *services, const struct wb_keep_finding *finding,
	const struct wb_keep_choice *choice, const char *const *units, size_t n,
	struct wb_error *err);

/* The service's own name, where `typed` may be an alias; a name with a kind is only checked. *ret to be freed. Errors as above. */
int wb_keep_real_name(
	const struct wb_services *services, const char *typed, char **ret, struct wb_error *err);
/* Does units[i] name the same unit as an earlier one? */
bool wb_keep_is_repeated(const char *const *units, size_t i);
