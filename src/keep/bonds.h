/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The bonds of a kept unit in a shutdown: systemd stops a unit together with an active one that it requires, is bound to
 * or is part of (systemd.unit(5)), and so on from unit to unit.
 */
#pragma once

#include "core/files.h"
#include "systemd/service.h"

struct wb_bonds {
	struct wb_strv bound; /* units that the shutdown stops, and this one with them */
	struct wb_strv why;   /* for each of them: a sentence */
	/*
	 * Units in which nothing runs, and which only have to be exempt from the shutdown together with this one; its
	 * socket units, too.
	 */
	struct wb_strv beside;
};

void wb_bonds_deinit(struct wb_bonds *bonds);
#define WB_CLEAN_BONDS __attribute__((cleanup(wb_bonds_deinit))) struct wb_bonds

/* Find them for a service, which is exempt from the shutdown (systemd/spare.h). -ENOMEM. */
int wb_bonds_find(const struct wb_files *files, const struct wb_services *services,
	const struct wb_service *of, struct wb_bonds *ret);
/*
 * Add the mount units of the machine's own disks to a list of units to exempt, and the units beside them: a kept
 * service may need any file until its freeze. systemd-shutdown unmounts them afterwards. Left out are those of the
 * root and of /boot, those that need the network, and those with which a unit is bound that has to be stopped. -ENOMEM.
 */
int wb_bonds_add_disks(
	const struct wb_files *files, const struct wb_services *services, struct wb_strv *units);
