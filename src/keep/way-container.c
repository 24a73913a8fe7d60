// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Keeping a unit as a container: podman writes a checkpoint into the store, and restores it from there. podman is told
 * of all that happens, so it knows the container afterwards as before.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "keep/named.h"
#include "keep/thaw.h"
#include "keep/threads.h"
#include "keep/ways.h"
#include "net/wake.h"
#include "podman/podman.h"
#include "survey/container.h"
#include "sys/below.h"
#include "sys/namespaces.h"

/* The object in the store, below the unit's prefix. */
#define ARCHIVE "archive"
/* Its AppArmor profile, if it has one. */
#define POLICY "policy"
#define LARGEST_POLICY (4u << 20)

static struct wb_podman_target target_of(const struct wb_container_image *image)
{
	return (struct wb_podman_target){.id = image->id,
		.bundle = image->bundle,
		.cgroup = image->cgroup,
		.pid_file = image->pid_file,
		.monitor_file = image->monitor_file,
		.pid = image->pid,
		.monitor = image->monitor,
		.removed = image->removed,
		.own_network = image->own_network,
		.answers = image->answers.items,
		.n_answers = image->answers.n};
}

/* ---- by its name ---- */

/* The service in a control group: "web.service" of "/system.slice/web.service/runtime". NULL: there is none. */
static char *service_of(const char *group)
{
	static const char suffix[] = ".service";

	for (const char *p = group; *p; p += strcspn(p, "/\n")) {
		size_t n;

		if (*p == '\n')
			return NULL;
		p += *p == '/';
		n = strcspn(p, "/\n");
		if (n > strlen(suffix) && !strncmp(p + n - strlen(suffix), suffix, strlen(suffix)))
			return strndup(p, n);
	}
	return NULL;
}

/* By the control group of conmon: the label that names the unit is its maker's word only. */
static int find_unit(
	const struct wb_keep_finding *with, const char *bare, char **ret, struct wb_error *err)
{
	const struct wb_files *files = with->sys->files;
	WB_CLEAN_CONTAINER c = {};
	WB_CLEAN_BLOB text = {};
	const char *own;
	char path[64];
	int r = wb_container_inspect(with->runner, bare, &c, err);

	if (r < 0)
		return r;
	if (!c.monitor)
		return wb_fail(err, -ENOENT, "the container %s does not run", c.name);
	snprintf(path, sizeof(path), "/proc/%lld/cgroup", (long long)c.monitor);
	r = files->read(files->ctx, path, 1 << 16, &text, err);
	if (r < 0)
		return r;
	own = strstr((const char *)text.data, "0::/");
	*ret = own ? service_of(own + strlen("0::")) : NULL;
	return *ret ? 0
		    : wb_fail(err, -EOPNOTSUPP,
			      "the container %s runs in no service, and so nothing would start it "
			      "in the "
			      "next boot: a quadlet (podman-systemd.unit(5)) makes it one that can "
			      "be kept",
			      c.name);
}

const struct wb_keep_finder wb_keep_finder_container = {"container", find_unit};

/* ---- the checkpoint ---- */

/* The note says which byte each peer sends next, so that the peer is woken after the jump. */
static int note_peers(
	const struct wb_files *files, struct wb_manifest_unit *u, struct wb_error *err)
{
	WB_CLEAN_CONTAINER_IMAGE image = {};
	struct wb_net_ends own = {};
	int r = wb_container_image_read(u->image, &image, err);

	if (r < 0)
		return r;
	if (!image.own_network) {
		r = wb_wake_note_frozen(files, u->pids.items, u->pids.n, &u->ends);
		return r < 0 ? wb_oom(err) : 0;
	}
	r = wb_wake_note_frozen(files, u->pids.items, u->pids.n, &own);
	memcpy(&image.peers, &own.connections, sizeof(own.connections));
	if (r == 0)
		r = wb_manifest_set_image(u, wb_container_image_write(&image));
	return r < 0 ? wb_oom(err) : 0;
}

static int into_store(void *ctx, struct wb_bytes piece, struct wb_error *err)
{
	return wb_store_write(ctx, piece.data, piece.size, err);
}

static int into_nothing(void *ctx, struct wb_bytes piece, struct wb_error *err)
{
	return 0;
}

static int freeze_into(const struct wb_way_host *host, const struct wb_manifest_unit *u,
	const struct wb_podman_sink *sink, struct wb_podman_frozen **ret, uint64_t *ret_bytes,
	struct wb_error *err)
{
	const struct wb_podman_host podman = {.files = host->sys->files};
	WB_CLEAN_CONTAINER_IMAGE image = {};
	struct wb_podman_target target;
	int r = wb_container_image_read(u->image, &image, err);

	if (r < 0)
		return r;
	target = target_of(&image);
	return wb_podman_freeze(&podman, &target, sink, ret, ret_bytes, err);
}

static int put_policy(const struct wb_way_host *host, const struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_strf("%s" POLICY, u->images);
	WB_CLEAN_CONTAINER_IMAGE image = {};
	WB_CLEAN_BLOB policy = {};
	int r = name ? wb_container_image_read(u->image, &image, err) : wb_oom(err);

	if (r == 0)
		r = wb_podman_policy_read(host->sys->files, image.pid, &policy, err);
	return r == 0 && policy.size ? wb_store_put(store, name, wb_blob_view(&policy), err) : r;
}

static int freeze(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_frozen **ret, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_strf("%s" ARCHIVE, u->images);
	struct wb_podman_sink sink = {.write = into_store};
	struct wb_podman_frozen *frozen = NULL;
	struct wb_store_writer *w;
	uint64_t bytes = 0;
	int r = name ? put_policy(host, u, store, err) : wb_oom(err);

	if (r == 0)
		r = wb_store_begin(store, name, &w, err);
	if (r < 0)
		return r;
	sink.ctx = w;
	r = freeze_into(host, u, &sink, &frozen, &bytes, err);
	if (r < 0) {
		wb_store_abort(w);
		return r;
	}
	r = wb_store_end(w, err);
	if (r == 0)
		r = note_peers(host->sys->files, u, err);
	if (r < 0) {
		wb_podman_cancel(frozen, NULL);
		return r;
	}
	u->dump_bytes = (int64_t)bytes;
	*ret = (struct wb_frozen *)frozen;
	return 0;
}

static int commit(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	return wb_podman_commit((struct wb_podman_frozen *)frozen, err);
}

static int cancel(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	return wb_podman_cancel((struct wb_podman_frozen *)frozen, err);
}

static int rehearse(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_rehearsed *ret, struct wb_error *err)
{
	static const struct wb_podman_sink nothing = {.write = into_nothing};
	struct wb_podman_frozen *podman = NULL;
	struct wb_frozen *frozen = NULL;
	uint64_t bytes = 0;
	int64_t stood;
	int r;

	if (store) {
		r = freeze(host, u, store, &frozen, err);
		podman = (struct wb_podman_frozen *)frozen;
		bytes = (uint64_t)u->dump_bytes;
	} else {
		r = freeze_into(host, u, &nothing, &podman, &bytes, err);
	}
	if (r < 0)
		return r;
	stood = wb_podman_stood(podman);
	r = wb_podman_cancel(podman, err);
	if (r == 0)
		*ret = (struct wb_rehearsed){stood, bytes, 1};
	return r;
}

/* ---- the restore ---- */

/* The archive as a file, since podman reads it more than once. */
static int copy_archive(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_strf("%s" ARCHIVE, t->unit->images);
	struct wb_store_reader reader;
	struct wb_bytes piece;
	int fd, r = name ? wb_store_get(store, name, &reader, err) : wb_oom(err);

	if (r < 0)
		return r;
	fd = wb_podman_file(t->sys->files, err);
	while (fd >= 0 && wb_store_next(&reader, &piece))
		for (size_t done = 0; done < piece.size;) {
			ssize_t n = write(fd, piece.data + done, piece.size - done);

			if (n < 0 && errno == EINTR)
				continue;
			if (n < 0) {
				r = wb_fail(err, -errno,
					"cannot copy the archive of its container: %s",
					strerror(errno));
				close(fd);
				return r;
			}
			done += (size_t)n;
		}
	return fd;
}

/*
 * podman's unit finds its container by this file, in a directory that only root may write to. On a disk, it is still
 * there. One that exists is somebody's, and stays.
 */
static int write_id(const struct wb_container_image *image, struct wb_error *err)
{
	WB_CLEAN_STR path = image->id_file ? strdup(image->id_file) : NULL;
	WB_CLEAN_STR above = image->id_file ? strdup(image->id_file) : NULL;
	WB_CLEAN_FD root = -1;
	WB_CLEAN_FD dir = -1;
	WB_CLEAN_FD fd = -1;
	size_t n = strlen(image->id);

	if (!image->id_file)
		return 0;
	if (!path || !above)
		return wb_oom(err);
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	dir = root < 0 ? -errno : wb_open_below(root, dirname(above), O_RDONLY | O_DIRECTORY);
	fd = dir < 0 ? dir : wb_make_entry(dir, basename(path));
	if (fd == -EEXIST)
		return 0;
	if (fd < 0 || write(fd, image->id, n) != (ssize_t)n)
		return wb_fail(err, fd < 0 ? fd : -errno, "cannot write %s: %s", image->id_file,
			strerror(fd < 0 ? -fd : errno));
	return 0;
}

/* systemd takes conmon for the main process by this file. */
static int write_pid(const struct wb_thaw *t, int64_t monitor, struct wb_error *err)
{
	WB_CLEAN_STR path = wb_strf("/run/warmboot/%s.pid", t->unit->unit);
	WB_CLEAN_STR text = wb_strf("%lld\n", (long long)monitor);
	int r;

	if (!path || !text)
		return wb_oom(err);
	r = t->sys->write_file(t->sys->ctx, path, wb_text(text), 0644);
	return r < 0 ? wb_fail(err, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

/* Its peers, and the network in which it is now. Without them, they are silent until their timers run out. */
static void find_peers(
	const struct wb_thaw *t, const struct wb_container *now, struct wb_container_image *image)
{
	const struct wb_ns_whose whose = {
		.unit = t->unit->unit, .cgroup = image->cgroup, .pid = now->pid};
	WB_CLEAN_NS_SET set = {};

	if (!image->peers.n || wb_ns_open(&wb_ns_ops_host, &whose, &set, NULL) < 0)
		return;
	t->peers->net_ns = fcntl(set.fds[WB_NS_NET], F_DUPFD_CLOEXEC, 3);
	memcpy(&t->peers->ends.connections, &image->peers, sizeof(image->peers));
	memset(&image->peers, 0, sizeof(image->peers));
}

static int load_policy(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err)
{
	WB_CLEAN_STR name = wb_strf("%s" POLICY, t->unit->images);
	WB_CLEAN_BLOB policy = {};
	struct wb_error why = {};
	int r = name ? wb_store_read(store, name, LARGEST_POLICY, &policy, &why) : wb_oom(&why);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return wb_fail(err, r, "%s", why.text);
	return wb_podman_policy_load(wb_blob_view(&policy), err);
}

static int thaw(const struct wb_thaw *t, struct wb_store *store, struct wb_error *err)
{
	const struct wb_podman_host host = {.runner = t->runner, .files = t->sys->files};
	WB_CLEAN_CONTAINER_IMAGE image = {};
	WB_CLEAN_CONTAINER now = {};
	WB_CLEAN_FD archive = -1;
	struct wb_podman_target target;
	int r = wb_container_image_read(t->unit->image, &image, err);

	if (r < 0)
		return r;
	r = load_policy(t, store, err);
	if (r < 0)
		return r;
	archive = copy_archive(t, store, err);
	if (archive < 0)
		return archive;
	/* conmon lives on with what this process has: not with the haste of a restore. */
	wb_threads_reset();
	setpriority(PRIO_PROCESS, 0, 0);
	target = target_of(&image);
	r = wb_podman_restore(&host, &target, archive, &now, err);
	if (r == 0)
		r = write_pid(t, now.monitor, err);
	if (r == 0)
		find_peers(t, &now, &image);
	return r == 0 ? write_id(&image, err) : r;
}

const struct wb_keep_means wb_way_container = {
	.how = WB_KEEP_CONTAINER,
	.judge = wb_judge_container,
	.record = wb_container_to_manifest,
	.rehearse = rehearse,
	.freeze = freeze,
	.commit = commit,
	.cancel = cancel,
	.thaw = thaw,
};
