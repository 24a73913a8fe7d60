// SPDX-License-Identifier: LGPL-2.1-or-later
/* The rules about a unit as a whole: CRIU and its modules, its settings, control groups and shared memory. */
#include <errno.h>

#include "survey/container.h"
#include "survey/judging.h"
#include "systemd/dynamic.h"

/*
 * In the next boot systemd makes the number of its name again, unless the user is one of /etc/passwd. The restore makes
 * sure that it did.
 */
static void judge_dynamic_user(struct wb_judging *j)
{
	const struct wb_service *s = j->f->systemd;
	bool own_group = !is_set(s->group) || is(s->group, s->user);

	if (!is_set(s->user) || (wb_is_dynamic(s->uid) && s->uid != wb_dynamic_uid(s->user)) ||
		(wb_is_dynamic(s->gid) && (!own_group || s->gid != s->uid)))
		wb_refuse(j,
			"DynamicUser= has given it the user %u and the group %u, which it may not "
			"get again in the next boot",
			s->uid, s->gid);
	if (!wb_is_dynamic(s->uid))
		return;
	j->v.image.dynamic_user = strdup(s->user ? s->user : "");
	j->v.image.dynamic_uid = s->uid;
	if (!j->v.image.dynamic_user)
		j->error = -ENOMEM;
}

static void judge_activation(struct wb_judging *j, const struct wb_activation *a)
{
	for (size_t i = 0; i < a->why.n; i++)
		wb_refuse(j, "%s", a->why.items[i]);
	for (size_t i = 0; i < a->sockets.n; i++)
		if (wb_strv_add(&j->v.sockets, a->sockets.items[i]) < 0)
			j->error = -ENOMEM;
}

void wb_rules_unit(struct wb_judging *j)
{
	const struct wb_service *s = j->f->systemd;
	const char *engine = wb_engine_of(j->f->procs);

	if (engine)
		wb_refuse(j,
			"it runs containers of %s, which nothing but %s brings back: by a restart "
			"policy, or as quadlets of podman they could be kept",
			engine, engine);
	if (!j->f->criu)
		wb_refuse(j, "criu is not installed");
	for (size_t i = 0; j->f->missing_modules && i < j->f->missing_modules->n; i++)
		wb_refuse(j, "the kernel %s has no module %s, which criu needs",
			j->f->release ? j->f->release : "to come", j->f->missing_modules->items[i]);
	/* Also with Peers=reset: until it has its name on the bus again, systemd takes it for one that has ended. */
	if (is(s->type, "dbus"))
		wb_refuse(
			j, "it is of Type=dbus, and a connection to the bus cannot be taken along");
	if (s->dynamic_user)
		judge_dynamic_user(j);
	if (is_set(s->root_directory) || is_set(s->root_image))
		wb_refuse(
			j, "RootDirectory= or RootImage= gives it another root, where criu is not");
	j->v.image.part_of_proc = is(s->proc_subset, "pid");
	if (is_set(s->private_pids))
		wb_refuse(j, "PrivatePIDs= gives it process numbers of its own");
	if (is_set(s->network_namespace))
		wb_refuse(j, "it has a network that others have made (NetworkNamespacePath=)");
	if (is_set(s->tty) && starts(s->standard_input ? s->standard_input : "", "tty"))
		wb_refuse(j, "it has the terminal %s", s->tty);
	if (s->stored_fds && !j->f->stored)
		wb_refuse(j, "systemd holds %u file descriptors for it: %s", s->stored_fds,
			j->f->not_stored ? j->f->not_stored : "they do not travel");
	if (j->f->stored && wb_stored_copy(j->f->stored, &j->v.stored) < 0)
		j->error = -ENOMEM;
	if (s->protect_hostname)
		wb_warn(j, "ProtectHostname= is not in force again before its next restart");
	if (s->watchdog_us)
		wb_warn(j, "WatchdogSec= is not in force again before its next restart");
	if (j->f->activation)
		judge_activation(j, j->f->activation);
	if (j->f->procs->group && !s->delegate)
		wb_refuse(j, "it has control groups of its own (%s) without Delegate=",
			j->f->procs->group);
	else if (j->f->group_fault)
		wb_refuse(j, "%s", j->f->group_fault);
	for (size_t i = 0; j->f->shared && i < j->f->shared->n; i++)
		wb_refuse(j, "it shares the memory %s, which is not of this unit",
			j->f->shared->items[i]);
	/* The replacement unit could not be bound so (restore/replacement.c). */
	for (size_t i = 0; i < s->bound.n; i++)
		wb_refuse(j, "BindsTo= would stop it as long as %s is not there again",
			s->bound.items[i]);
}
