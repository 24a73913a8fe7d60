// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: are there file systems whose server is reached by the network? */
#include <string.h>

#include "core/mountinfo.h"
#include "guard/checks.h"

static bool is_remote(const char *fstype)
{
	static const char *const types[] = {"nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs",
		"glusterfs", "fuse.glusterfs", "fuse.sshfs", "lustre", "ocfs2", "gfs2", NULL};

	for (const char *const *type = types; *type; type++)
		if (!strcmp(fstype, *type))
			return true;
	return false;
}

static int check_mounts(
	const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	static const char path[] = "/proc/self/mountinfo";
	WB_CLEAN_MOUNTS mounts = {};
	int e = wb_mounts_read(f->files, path, &mounts, err);

	for (size_t i = 0; e == 0 && i < mounts.n; i++) {
		const struct wb_mount *m = &mounts.items[i];

		if (!is_remote(m->fstype))
			continue;
		if (!strcmp(m->point, "/"))
			e = wb_finding_add(r, WB_SEVERITY_WARNING, path,
				"give the next kernel its own initramfs, which knows the way to "
				"the "
				"server (--initramfs=own)",
				"the root file system comes over the network (%s), which the warm "
				"initramfs does not know",
				m->fstype);
		else
			e = wb_finding_add(r, WB_SEVERITY_NOTE, path,
				"nothing has to be done if the server answers; the shutdown waits "
				"for "
				"it",
				"%s comes over the network (%s): it is unmounted before the "
				"network "
				"stops",
				m->point, m->fstype);
	}
	return e;
}

static int check_iscsi(
	const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	static const char dir[] = "/sys/class/iscsi_session";
	WB_CLEAN_STRV sessions = {};
	int e = wb_check_list(f, dir, &sessions, err);

	if (e <= 0 || !sessions.n)
		return e < 0 ? e : 0;
	return wb_finding_add(r, WB_SEVERITY_WARNING, dir,
		"unmount them before the jump, or see that open-iscsi logs out after they are "
		"unmounted",
		"%zu iSCSI sessions are open: their disks have to be unmounted before the network "
		"stops",
		sessions.n);
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	int e = check_mounts(f, r, err);

	return e < 0 ? e : check_iscsi(f, r, err);
}

const struct wb_check wb_check_network_mounts = {
	.id = "network-mounts",
	.about = "file systems and disks that come over the network, the root among them",
	.look = look,
};
