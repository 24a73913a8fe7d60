// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The AppArmor profile of a container. podman loads its own profile into the kernel when it starts a container, and not when it
 * restores one (CheckProfileAndLoadDefault() is called by generateSpec() in libpod alone), and CRIU can give processes only a
 * profile that is there. So the profile travels as the kernel has it (security/apparmor/apparmorfs.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "podman/podman.h"
#include "sys/below.h"

#define APPARMOR "/sys/kernel/security/apparmor"
#define PROFILES APPARMOR "/policy/profiles"
/* podman's own has some 50 KiB. */
#define LARGEST (4u << 20)

/* "containers-default-0.62.2 (enforce)" in the file. 1; 0: it is confined by nothing; -ENOMEM. */
static int read_label(const struct wb_files *files, int64_t pid, char **ret)
{
	WB_CLEAN_BLOB text = {};
	char path[64], *end;
	int r;

	snprintf(path, sizeof(path), "/proc/%" PRId64 "/attr/apparmor/current", pid);
	r = files->read(files->ctx, path, 4096, &text, NULL);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	end = strstr((char *)text.data, " (");
	/* An unconfined process has no mode. */
	if (!end)
		return 0;
	*end = '\0';
	*ret = strdup((char *)text.data);
	return *ret ? 1 : -ENOMEM;
}

/* Is it the profile of this name? */
static bool has_name(const struct wb_files *files, const char *entry, const char *label)
{
	WB_CLEAN_STR path = wb_strf(PROFILES "/%s/name", entry);
	WB_CLEAN_BLOB name = {};

	if (!path || files->read(files->ctx, path, 4096, &name, NULL) < 0)
		return false;
	name.data[strcspn((char *)name.data, "\n")] = '\0';
	return !strcmp((char *)name.data, label);
}

int wb_podman_policy_read(
	const struct wb_files *files, int64_t pid, struct wb_blob *ret, struct wb_error *err)
{
	WB_CLEAN_STRV entries = {};
	WB_CLEAN_STR label = NULL;
	int r = files->exists(files->ctx, PROFILES) ? read_label(files, pid, &label) : 0;

	if (r <= 0)
		return r < 0 ? wb_oom(err) : 0;
	r = files->list(files->ctx, PROFILES, &entries, err);
	for (size_t i = 0; r == 0 && i < entries.n; i++) {
		WB_CLEAN_STR path = NULL;

		if (!has_name(files, entries.items[i], label))
			continue;
		path = wb_strf(PROFILES "/%s/raw_data", entries.items[i]);
		return path ? files->read(files->ctx, path, LARGEST, ret, err) : wb_oom(err);
	}
	if (r < 0)
		return r;
	return wb_fail(err, -EOPNOTSUPP,
		"the kernel does not tell the AppArmor profile \"%.100s\" of its container", label);
}

int wb_podman_policy_load(struct wb_bytes policy, struct wb_error *err)
{
	WB_CLEAN_FD fd = open(APPARMOR "/.load", O_WRONLY | O_CLOEXEC);

	/* All of it at once; one that is there already stays as it is. */
	if (fd >= 0 && (write(fd, policy.data, policy.size) >= 0 || errno == EEXIST))
		return 0;
	return wb_fail(err, -errno, "cannot load the AppArmor profile of its container: %s",
		strerror(errno));
}
