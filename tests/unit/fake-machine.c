// SPDX-License-Identifier: LGPL-2.1-or-later
/* The fake machine of the session tests. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake-machine.h"
#include "systemd/definition.h"
#include "samples.h"
#include "sys/lock.h"
#include "timeline/marks.h"

#define LOADED "/sys/kernel/kexec_loaded"

/* Does this operation fail? */
static bool fails(struct fake_machine *m, const char *what)
{
	if (++m->operations != m->fail_at)
		return false;
	snprintf(m->failed, sizeof(m->failed), "%s", what);
	return true;
}

static void put(struct fake_machine *m, const char *path, const char *text)
{
	fake_store_file(&m->store, path, text, strlen(text));
}

/* ---- the kernel ---- */

static int kexec_load(void *ctx, uint64_t entry, const struct wb_sys_segment *segments, size_t n,
	unsigned long flags)
{
	if (n && fails(ctx, "kexec_load"))
		return -EIO;
	put(ctx, LOADED, n ? "1\n" : "0\n");
	return 0;
}

static int kexec_file_load(
	void *ctx, int kernel_fd, int initrd_fd, const char *cmdline, unsigned long flags)
{
	if (kernel_fd >= 0)
		return -ENOSYS;
	put(ctx, LOADED, "0\n");
	return 0;
}

/* A jump always fails; no operation fails while the session is undone. */
static int reboot_kexec(void *ctx)
{
	((struct fake_machine *)ctx)->fail_at = 0;
	return -EIO;
}

static int may_boot(void *ctx)
{
	return 1;
}

static int some_random(void *ctx, void *ret, size_t n)
{
	if (fails(ctx, "random"))
		return -EIO;
	memset(ret, 0x5a, n);
	return 0;
}

static int some_fd(void *ctx, const char *path)
{
	return 100;
}

static int some_memfd(void *ctx, const char *name, struct wb_bytes contents)
{
	return 100;
}

static int close_fd(void *ctx, int fd)
{
	return 0;
}

static uint64_t counter(void *ctx)
{
	return 1000000000ull * ++((struct fake_machine *)ctx)->ticks;
}

static double copy_rate(void *ctx)
{
	return 1e9;
}

static void settle(void *ctx, unsigned ms)
{
}

/* ---- files ---- */

static int write_file(void *ctx, const char *path, struct wb_bytes contents, unsigned mode)
{
	if (fails(ctx, path))
		return -ENOSPC;
	fake_store_file(
		ctx, path, contents.data ? contents.data : (const uint8_t *)"", contents.size);
	return 0;
}

static int write_at(void *ctx, const char *path, uint64_t off, struct wb_bytes contents)
{
	if (off || fails(ctx, path))
		return -EIO;
	fake_store_file(ctx, path, contents.data, contents.size);
	return 0;
}

static int append_file(
	void *ctx, const char *path, struct wb_bytes contents, unsigned mode, uint64_t limit)
{
	struct fake_machine *m = ctx;
	const char *before = fake_store_text(&m->store, path);
	WB_CLEAN_BLOB all = {};

	if (fails(m, path))
		return -ENOSPC;
	wb_blob_append(&all, before ? before : "", before ? strlen(before) : 0);
	wb_blob_append(&all, contents.data, contents.size);
	fake_store_file(&m->store, path, all.data, all.size);
	return 0;
}

static int make_dir(void *ctx, const char *path, unsigned mode)
{
	return fails(ctx, path) ? -ENOSPC : 0;
}

/* ---- services ---- */

static struct fake_unit *unit_of(struct fake_machine *m, const char *name)
{
	for (struct fake_unit *u = m->units; u->name; u++)
		if (!strcmp(u->name, name))
			return u;
	return NULL;
}

static int read_service(void *ctx, const char *name, struct wb_service *ret, struct wb_error *err)
{
	static const char *const states[] = {"active", "active", "failed"};
	struct fake_machine *m = ctx;
	const struct fake_unit *u = unit_of(m, name);
	char path[96];

	if (fails(m, "systemd"))
		return wb_fail(err, -EIO, "systemd does not answer");
	if (!u)
		return wb_fail(err, -ENOENT, "there is no unit %s", name);
	snprintf(path, sizeof(path), "/etc/systemd/system/%s", name);
	*ret = (struct wb_service){
		.id = strdup(name), .active = strdup(states[u->state]), .fragment = strdup(path)};
	return 0;
}

static int look(const struct wb_session_host *h, const char *unit,
	const struct wb_keep_config *config, const char *criu, const char *release,
	struct wb_keep_verdict *ret, struct wb_error *err)
{
	struct fake_machine *m = h->services->ctx;
	const struct fake_unit *u = unit_of(m, unit);

	if (fails(m, "look"))
		return wb_fail(err, -EIO, "/proc cannot be read");
	if (!u)
		return wb_fail(err, -ENOENT, "there is no unit %s", unit);
	*ret = (struct wb_keep_verdict){.how = u->process ? WB_KEEP_PROCESS : WB_KEEP_RESTART,
		.cgroup = strdup("/system.slice/one.service"),
		.plain = true,
		.bytes = 1 << 20};
	ret->image.main_pid = 77;
	if (!u->process)
		wb_strv_add(&ret->reasons, "it has a device open");
	wb_strv_add(&ret->beside, u->process ? "umbrella.service" : "others.target");
	return 0;
}

static int measure(const char *unit, const struct wb_keep_verdict *verdict, uint64_t *ret_bytes,
	struct wb_error *err)
{
	*ret_bytes = 0;
	return 0;
}

static int rehearse(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_rehearsed *ret, struct wb_error *err)
{
	if (fails(host->sys->ctx, "rehearse"))
		return wb_fail(err, -EIO, "criu was killed");
	ret->frozen_us = 1000;
	return 0;
}

static int ahead(const struct wb_way_host *host, struct wb_manifest_unit *u, struct wb_store *store,
	struct wb_error *err)
{
	return wb_fail(err, -EOPNOTSUPP, "nothing goes ahead here");
}

/* ---- the freeze ---- */

static struct fake_machine *machine_of(void *ctx)
{
	return ((struct wb_freeze_host *)ctx)->sys->ctx;
}

static void f_settle(void *ctx, const struct wb_ends_list *units)
{
}

static int f_look(void *ctx, struct wb_manifest_unit *u, struct wb_strv *files, int64_t *highest,
	struct wb_error *err)
{
	return fails(machine_of(ctx), "freeze: look") ? wb_fail(err, -EIO, "no look") : 0;
}

static int f_hold(void *ctx, const struct wb_manifest *units, char **held, struct wb_error *err)
{
	struct fake_machine *m = machine_of(ctx);

	if (fails(m, "freeze: hold"))
		return wb_fail(err, -EIO, "nft failed");
	strcpy(m->held[0], "all");
	return 0;
}

static void f_unhold(void *ctx)
{
	*machine_of(ctx)->held[0] = 0;
}

static void f_mark(void *ctx, const char *mark, const char *unit)
{
}

static int f_freeze(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_store *store, struct wb_frozen **ret, struct wb_error *err)
{
	struct fake_machine *m = host->sys->ctx;

	if (fails(m, "freeze: dump"))
		return wb_fail(err, -EIO, "criu was killed");
	unit_of(m, u->unit)->state = FAKE_STILL;
	*ret = (struct wb_frozen *)unit_of(m, u->unit);
	return 0;
}

static int f_complete(const struct wb_way_host *host, struct wb_manifest_unit *u,
	struct wb_strv *files, int64_t *highest, struct wb_store *store, struct wb_error *err)
{
	return fails(host->sys->ctx, "freeze: note") ? wb_fail(err, -EIO, "no note") : 0;
}

static int f_commit(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	((struct fake_unit *)frozen)->state = FAKE_GONE;
	return 0;
}

static int f_cancel(const struct wb_way_host *host, struct wb_frozen *frozen, struct wb_error *err)
{
	((struct fake_unit *)frozen)->state = FAKE_RUNS;
	return 0;
}

static const struct wb_keep_means process = {.how = WB_KEEP_PROCESS,
	.record = wb_process_to_manifest,
	.ahead = ahead,
	.rehearse = rehearse,
	.freeze = f_freeze,
	.complete = f_complete,
	.commit = f_commit,
	.cancel = f_cancel};
static const struct wb_keep_means *const ways[] = {&process, NULL};

static int f_net(void *ctx, struct wb_net *ret, struct wb_error *err)
{
	return 0;
}

static void f_now(void *ctx, int64_t *ret_mono_ns, int64_t *ret_tsc)
{
	*ret_mono_ns = *ret_tsc = 1;
}

static void f_note_silence(void *ctx, struct wb_manifest *units)
{
}

static struct wb_freeze_ops freezing(struct wb_freeze_host *host)
{
	return (struct wb_freeze_ops){
		host, f_settle, f_look, f_hold, f_unhold, f_mark, f_net, f_now, f_note_silence};
}

/* ---- programs ---- */

/* systemd reads its drop-ins again, and uses these from then on. */
static void reload(struct fake_machine *m)
{
	size_t n = 0;

	*m->systemd = 0;
	for (size_t i = 0; i < FAKE_STORE_FILES; i++)
		if (!strncmp(m->store.file[i].path, "/run/systemd/system/", 20) &&
			n < sizeof(m->systemd))
			n += (size_t)snprintf(m->systemd + n, sizeof(m->systemd) - n, "%s\n",
				m->store.file[i].path);
}

static void filter(struct fake_machine *m, const struct wb_spawn *how)
{
	static const char *const ends[] = {
		"delete table inet warmboot\n", "delete table inet warmboot_restart\n"};
	static const char *const begins[] = {
		"table inet warmboot {", "table inet warmboot_restart {"};
	WB_CLEAN_STR text = strndup((const char *)how->input.data, how->input.size);

	for (int i = 0; i < 2; i++) {
		if (strstr(text, ends[i]))
			*m->held[i] = 0;
		if (strstr(text, begins[i]))
			snprintf(m->held[i], sizeof(m->held[i]), "%s", strstr(text, begins[i]));
	}
}

static int run(void *ctx, const struct wb_spawn *how, struct wb_blob *ret, struct wb_error *err)
{
	struct fake_machine *m = ctx;
	const char *const *argv = how->argv;

	if (fails(m, argv[0]))
		return wb_fail(err, -ENOENT, "there is no %s", argv[0]);
	if (!strcmp(argv[0], "criu") && ret)
		wb_blob_append(ret, "Version: 4.1.1\n", 15);
	else if (!strcmp(argv[0], "ip") && ret)
		wb_blob_append(ret, "[]", 2);
	else if (!strcmp(argv[0], "systemctl") && !strcmp(argv[1], "--version") && ret)
		wb_blob_append(ret, "systemd 257 (257)\n", 18);
	else if (!strcmp(argv[0], "nft"))
		filter(m, how);
	else if (!strcmp(argv[0], "systemctl") && !strcmp(argv[1], "daemon-reload"))
		reload(m);
	else if (!strcmp(argv[0], "systemctl") && unit_of(m, argv[2]))
		unit_of(m, argv[2])->state = FAKE_RUNS;
	if (ret && ret->size) {
		wb_blob_append(ret, "", 1);
		ret->size--;
	}
	return 0;
}

static int poke(void *ctx, const char *path, const char *text)
{
	return 0;
}

static int open_manager(void *ctx, int64_t uid, struct wb_manager *ret, struct wb_error *err)
{
	return wb_fail(err, -EIO, "systemd's own socket is not there");
}

/* ---- the jump ---- */

/* The machine with this init system, whose functions have no context. */
static struct fake_machine *current;

static bool here(const struct wb_files *files)
{
	return true;
}

static int inhibitors(struct wb_strv *ret, struct wb_error *err)
{
	if (fails(current, "inhibitors"))
		return wb_fail(err, -EIO, "cannot ask systemd-logind");
	return current->inhibited ? wb_strv_add(ret, "a backup asks for no shutdown now") : 0;
}

static int kexec(bool ignore_inhibitors, struct wb_error *err)
{
	int r = fails(current, "shutdown") ? -EIO : current->kexec_result;

	if (r < 0)
		return wb_fail(err, r, "the shutdown is refused");
	current->shutdowns++;
	return 0;
}

static const struct wb_init fake_init = {
	.name = "fake", .here = here, .inhibitors = inhibitors, .kexec = kexec};

static const struct wb_init *find_init(const struct wb_files *files)
{
	return &fake_init;
}

static int under_way(const struct wb_files *files, struct wb_error *err)
{
	return current->shutdowns > 0;
}

static void nothing(void *ctx)
{
}

static int nothing_of(void *ctx, const char *path)
{
	return 0;
}

static int no_remount(void *ctx, const char *path, bool read_only)
{
	return 0;
}

/* ---- the whole ---- */

static void put_files(struct fake_machine *m)
{
	static const struct {
		const char *path, *text;
	} files[] = {{"/sys/firmware/memmap/0/start", "0x100000\n"},
		{"/sys/firmware/memmap/0/end", "0x3fffffff\n"},
		{"/sys/firmware/memmap/0/type", "System RAM\n"},
		{"/proc/sys/kernel/kexec_load_disabled", "0\n"},
		{"/sys/kernel/security/lockdown", "[none] integrity confidentiality\n"},
		{"/proc/sys/kernel/osrelease", "6.1.0-test\n"},
		{"/proc/cmdline", "root=/dev/vda1\n"},
		{"/proc/self/mountinfo", "24 1 254:2 / / rw - ext4 /dev/vda2 rw\n"},
		{"/proc/1/mountinfo", "24 1 254:2 / / rw - ext4 /dev/vda2 rw\n"},
		{"/run/systemd/system", ""}, {"/sys/fs/cgroup/cgroup.controllers", "memory\n"},
		{LOADED, "0\n"}, {"/etc/systemd/system/one.service", "[Service]\nExecStart=one\n"},
		{"/etc/systemd/system/two.service", "[Service]\nExecStart=two\n"},
		/* These are of an earlier jump. */
		{WB_RECORD_JUMP, "{\"time\": 1, \"method\": \"fast\"}\n"},
		{"/var/lib/warmboot/keep-result.json", "{\"version\": 1, \"units\": []}\n"},
		{"/var/lib/warmboot/units.json", "{}\n"}};
	uint8_t elf[SAMPLE_ELF_SIZE], packed[2048];
	size_t n;

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		put(m, files[i].path, files[i].text);
	sample_elf(elf);
	n = sample_stored_gzip(packed, (struct wb_bytes){elf, sizeof(elf)});
	n = sample_bzimage(m->kernel, (struct wb_bytes){packed, n}, sizeof(elf));
	fake_store_file(&m->store, "/boot/k", m->kernel, n);
}

static void fill_sys(struct wb_sys *sys)
{
	sys->kexec_load = kexec_load;
	sys->kexec_file_load = kexec_file_load;
	sys->reboot_kexec = reboot_kexec;
	sys->may_boot = may_boot;
	sys->random = some_random;
	sys->memfd = some_memfd;
	sys->open_read = some_fd;
	sys->close_fd = close_fd;
	sys->write_file = write_file;
	sys->append_file = append_file;
	sys->write_at = write_at;
	sys->make_dir = make_dir;
	sys->settle = settle;
	sys->tsc = sys->wall_ns = sys->mono_ns = sys->boot_ns = sys->raw_ns = counter;
	sys->copy_rate = copy_rate;
}

void fake_machine_init(struct fake_machine *m)
{
	*m = (struct fake_machine){
		.units = {{"one.service", true}, {"two.service", false}},
	};
	fake_store_init(&m->store);
	fill_sys(&m->store.sys);
	put_files(m);
	strcpy(m->lock_dir, "/tmp/wb-session-XXXXXX");
	if (!mkdtemp(m->lock_dir))
		abort();
	snprintf(m->lock, sizeof(m->lock), "%s/run/lock", m->lock_dir);
	m->quiesce = (struct wb_quiesce){.ctx = m,
		.sync = nothing,
		.freeze = nothing_of,
		.thaw = nothing_of,
		.remount = no_remount};
	m->runner = (struct wb_runner){m, run, poke};
	m->services = (struct wb_services){m, read_service};
	m->replay = (struct wb_replay_host){.sys = &m->store.sys, .ctx = m, .open = open_manager};
	m->host = (struct wb_session_host){.sys = &m->store.sys,
		.store = &m->store.env,
		.quiesce = &m->quiesce,
		.runner = &m->runner,
		.services = &m->services,
		.replay = &m->replay,
		.lock_path = m->lock,
		.init = find_init,
		.under_way = under_way,
		.look = look,
		.measure = measure,
		.ways = ways,
		.freezing = freezing};
	current = m;
}

void fake_machine_deinit(struct fake_machine *m)
{
	char command[128];

	fake_store_deinit(&m->store);
	snprintf(command, sizeof(command), "rm -rf '%s'", m->lock_dir);
	if (system(command))
		abort();
}

static int by_path(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "free", "taken", or "a shutdown's". */
static const char *state_of_lock(const struct fake_machine *m)
{
	struct wb_lock how = {.path = m->lock, .command = "test"};
	struct wb_lock_holder holder = {};
	char text[WB_LOCK_RECORD];
	FILE *f = fopen(m->lock, "r");
	size_t n = f ? fread(text, 1, sizeof(text), f) : 0;
	int fd;

	if (f)
		fclose(f);
	if (n && wb_lock_parse(text, n, &holder) == 0 && holder.shutdown)
		return "a shutdown's";
	fd = wb_lock_take(&how, NULL);
	if (fd < 0)
		return "taken";
	close(fd);
	return "free";
}

char *fake_machine_state(struct fake_machine *m)
{
	const struct fake_store_file *file = m->store.file;
	char *lines[FAKE_STORE_FILES], *text = NULL;
	size_t n = 0, size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < FAKE_STORE_FILES; i++)
		if (*file[i].path && strcmp(file[i].path, WB_MARKS) &&
			asprintf(&lines[n++], "%s: %s", file[i].path,
				strcmp(file[i].path, "/boot/k") ? (char *)file[i].data.data : "") <
				0)
			abort();
	qsort(lines, n, sizeof(*lines), by_path);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n", lines[i]);
		free(lines[i]);
	}
	for (const struct fake_unit *u = m->units; u->name; u++)
		fprintf(out, "%s is %d\n", u->name, u->state);
	fprintf(out, "systemd knows: %s\nheld: %s, %s\n", m->systemd, m->held[0], m->held[1]);
	fprintf(out, "pages %zu, areas %d, holders %d\n", m->store.n_pages, m->store.areas,
		m->store.starts - m->store.stops);
	fprintf(out, "lock %s, shutdowns %d\n", state_of_lock(m), m->shutdowns);
	fclose(out);
	return text;
}
