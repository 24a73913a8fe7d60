// SPDX-License-Identifier: LGPL-2.1-or-later
/* Running virsh. */
#include <errno.h>
#include <string.h>

#include "libvirt/run.h"

#define QUESTION_MS 30000
#define LARGEST_ANSWER (16u << 20)
#define TIME_MS 10000

/* "error: Failed to save domain …" and then "error: " with the reason. */
static int tell(struct wb_blob *said, struct wb_error *err)
{
	static const char prefix[] = "error: ";
	const char *line = wb_last_line(said);

	if (!strncmp(line, prefix, strlen(prefix)))
		line += strlen(prefix);
	return wb_fail(err, -EIO, "libvirt: %s", *line ? line : "virsh failed");
}

int wb_virsh(const struct wb_runner *runner, const char *const *words, long ms, struct wb_blob *ret,
	struct wb_error *err)
{
	static const char *const first[] = {"env", "-i", "HOME=/root", "LC_ALL=C",
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", WB_VIRSH, "-q", "-c", "qemu:///system", NULL};
	WB_CLEAN_STRV argv = {};
	WB_CLEAN_BLOB said = {};
	int r = wb_strv_add_all(&argv, first);

	if (r == 0)
		r = wb_strv_add_all(&argv, words);
	if (r < 0)
		return wb_oom(err);
	r = runner->run(runner->ctx,
		&(struct wb_spawn){.argv = (const char *const *)argv.items,
			.deadline_ms = ms,
			.data_limit = ret ? LARGEST_ANSWER : 0},
		&said, err);
	/* env(1) ends so if there is no such program. */
	if (r == 127)
		return wb_fail(err, -ENOENT, "libvirt's virsh is not installed");
	if (r == -ETIME)
		return wb_fail(err, r, "libvirt has not answered in time");
	if (r > 0)
		return tell(&said, err);
	if (r == 0 && ret)
		*ret = wb_blob_take(&said);
	return r;
}

static int ask(const struct wb_runner *runner, const char *const *words, struct wb_blob *ret,
	struct wb_error *err)
{
	int r = wb_virsh(runner, words, QUESTION_MS, ret, err);

	return r == 0 && !ret->data ? wb_fail(err, -EBADMSG, "libvirt gave no answer") : r;
}

static int ask_about(
	const struct wb_runner *runner, const char *uuid, struct wb_domain *d, struct wb_error *err)
{
	const char *const info[] = {"dominfo", uuid, NULL};
	const char *const xml[] = {"dumpxml", uuid, NULL};
	WB_CLEAN_BLOB facts = {}, devices = {};
	int r = ask(runner, info, &facts, err);

	if (r == 0)
		r = wb_domain_parse((const char *)facts.data, d, err);
	if (r == 0)
		r = ask(runner, xml, &devices, err);
	if (r == 0 && wb_domain_add_devices((const char *)devices.data, d) < 0)
		r = wb_oom(err);
	return r;
}

int wb_domain_find(const struct wb_runner *runner, const char *name, struct wb_domain *ret,
	struct wb_error *err)
{
	static const char *const list[] = {"list", "--all", "--uuid", "--name", NULL};
	WB_CLEAN_DOMAIN d = {};
	WB_CLEAN_BLOB names = {};
	WB_CLEAN_STR uuid = NULL;
	int r = wb_virsh(runner, list, QUESTION_MS, &names, err);

	if (r < 0)
		return r;
	uuid = names.data ? wb_domain_uuid_of((const char *)names.data, name) : NULL;
	if (!uuid)
		return wb_fail(err, -ENOENT,
			"the machine's libvirt (qemu:///system) has no domain \"%s\"", name);
	r = ask_about(runner, uuid, &d, err);
	if (r < 0)
		return r;
	d.uuid = uuid;
	uuid = NULL;
	d.name = strdup(name);
	if (!d.name)
		return wb_oom(err);
	*ret = d;
	d = (struct wb_domain){};
	return 0;
}

int wb_domain_start(const struct wb_runner *runner, const char *uuid, struct wb_error *err)
{
	const char *const words[] = {"start", uuid, NULL};

	return wb_virsh(runner, words, 0, NULL, err);
}

int wb_domain_restore(const struct wb_runner *runner, const char *path, struct wb_error *err)
{
	const char *const words[] = {"restore", path, NULL};

	return wb_virsh(runner, words, 0, NULL, err);
}

int wb_domain_set_time(const struct wb_runner *runner, const char *uuid, struct wb_error *err)
{
	const char *const words[] = {"domtime", uuid, "--now", NULL};

	return wb_virsh(runner, words, TIME_MS, NULL, err);
}
