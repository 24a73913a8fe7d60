// SPDX-License-Identifier: LGPL-2.1-or-later
/* libvirt/ and the way of keeping domains, with a virsh that opens, writes and reads FIFOs as libvirt does. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"
#include "fake-store.h"
#include "keep/domain.h"
#include "keep/judge-vm.h"
#include "libvirt/image.h"
#include "libvirt/run.h"
#include "session/keeping.h"
#include "keep/freeze.h"
#include "unit.h"

#define UUID "4dea22b3-1d52-d8f3-2516-782e98ab3fa0"
#define OTHER "0a51c2b3-1d52-d8f3-2516-782e98ab3fa0"
#define DATA (70u << 10)
#define MEMORY (3u << 20)

/* Recorded from virsh 11.3.0. */
#define LIST OTHER " web1         \n" UUID " web                            \n\n"
#define INFO                                                                           \
	"Id:             1\nName:           web\nUUID:           " UUID "\n"           \
	"OS Type:        hvm\nState:          running\nCPU(s):         1\n"            \
	"CPU time:       2.5s\nMax memory:     65536 KiB\nUsed memory:    65536 KiB\n" \
	"Persistent:     yes\nAutostart:      disable\nManaged save:   no\n"           \
	"Security model: none\nSecurity DOI:   0\n\n"

/* ---- a libvirt ---- */

struct libvirt {
	struct wb_runner runner;
	const char *list, *info, *xml;
	/* A save: fails before it opens the file, or after the first half of the image. */
	bool refuses, breaks;
	bool sparse;
	bool exists;                     /* the domain is there */
	bool other_exists, other_breaks; /* likewise, of a second one */
	bool headless;                   /* a restore that only looks at the header, and fails */
	uint8_t *image, *taken;
	size_t size, n_taken;
	pthread_mutex_t lock; /* for */
	char log[1024];
};

static void header_of(const struct libvirt *v, const char *magic, uint8_t ret[WB_DOMAIN_HEADER])
{
	const uint32_t numbers[] = {2, DATA, 1, v->sparse ? 6 : 0, 9};

	memset(ret, 0, WB_DOMAIN_HEADER);
	memcpy(ret, magic, 16);
	memcpy(ret + 16, numbers, sizeof(numbers));
}

static bool write_all(int fd, const uint8_t *from, size_t n)
{
	while (n) {
		ssize_t done = write(fd, from, n);

		if (done <= 0)
			return false;
		from += done;
		n -= (size_t)done;
	}
	return true;
}

static int says(struct wb_blob *ret, const char *text, int status)
{
	if (ret) {
		wb_blob_append(ret, text, strlen(text) + 1);
		ret->size--;
	}
	return status;
}

static int broken(struct wb_blob *ret)
{
	return says(ret, "error: Failed to save domain\nerror: operation failed: broken\n", 1);
}

static int save(struct libvirt *v, const char *path, bool other, struct wb_blob *ret)
{
	bool breaks = other ? v->other_breaks : v->breaks;
	uint8_t last[WB_DOMAIN_HEADER];
	size_t n = breaks ? v->size / 2 : v->size;
	bool whole;
	int fd;

	if (v->refuses)
		return broken(ret);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	whole = write_all(fd, v->image, n) && !breaks;
	close(fd);
	if (!whole)
		return broken(ret);
	/* All that comes after this has to wait until the caller wants it. */
	fd = open(path, O_WRONLY);
	header_of(v, "LibvirtQemudSave", last);
	whole = write_all(fd, last, sizeof(last));
	close(fd);
	if (!whole)
		return broken(ret);
	*(other ? &v->other_exists : &v->exists) = false;
	return says(ret, "Domain saved\n", 0);
}

static ssize_t read_all(int fd, uint8_t *to, size_t n)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = read(fd, to + have, n - have);

		if (got <= 0)
			break;
		have += (size_t)got;
	}
	return (ssize_t)have;
}

static int restore(struct libvirt *v, const char *path, struct wb_blob *ret)
{
	uint8_t head[WB_DOMAIN_HEADER];
	int fd = open(path, O_RDONLY);

	assert_int_equal(read_all(fd, head, sizeof(head)), sizeof(head));
	assert_memory_equal(head, "LibvirtQemudSave", 16);
	close(fd);
	if (v->headless)
		return says(ret, "error: no such disk\n", 1);
	fd = open(path, O_RDONLY);
	v->n_taken = (size_t)read_all(fd, v->taken, v->size + 1);
	close(fd);
	*(strstr(path, "web1") ? &v->other_exists : &v->exists) = true;
	return says(ret, "", 0);
}

static int virsh(void *ctx, const struct wb_spawn *how, struct wb_blob *ret, struct wb_error *err)
{
	struct libvirt *v = ctx;
	const char *const *words = how->argv;
	bool other, exists;

	while (strcmp(*words, "qemu:///system"))
		words++;
	words++;
	other = words[1] && !strcmp(words[1], OTHER);
	exists = other ? v->other_exists : v->exists;
	if (!strcmp(*words, "list"))
		return says(ret, v->list, 0);
	if (!strcmp(*words, "dominfo"))
		return says(ret, exists ? v->info : "State: shut off\nMax memory: 9 KiB\n", 0);
	if (!strcmp(*words, "dumpxml"))
		return says(ret, v->xml, 0);
	assert_int_equal(how->data_limit, 0);
	pthread_mutex_lock(&v->lock);
	snprintf(v->log + strlen(v->log), sizeof(v->log) - strlen(v->log), "%s ", *words);
	pthread_mutex_unlock(&v->lock);
	if (!strcmp(*words, "save")) {
		assert_true(other || !strcmp(words[1], UUID));
		return save(v, words[2], other, ret);
	}
	return restore(v, words[1], ret);
}

/* ---- the fixture ---- */

struct fixture {
	struct libvirt v;
	char dir[64], path[96];
	struct wb_blob room;
	size_t most; /* bytes that it takes */
	uint8_t page[8192];
	struct wb_error err;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	signal(SIGPIPE, SIG_IGN);
	f->v.runner = (struct wb_runner){&f->v, virsh};
	pthread_mutex_init(&f->v.lock, NULL);
	f->v.list = LIST;
	f->v.info = INFO;
	f->v.xml = "<domain type='qemu'>\n</domain>\n";
	f->v.exists = true;
	f->v.size = WB_DOMAIN_HEADER + DATA + MEMORY;
	f->v.image = malloc(f->v.size);
	f->v.taken = malloc(f->v.size + 1);
	for (size_t i = 0; i < f->v.size; i++)
		f->v.image[i] = (uint8_t)(i * 2654435761u >> 13);
	header_of(&f->v, "LibvirtQemudPart", f->v.image);
	f->most = f->v.size;
	snprintf(f->dir, sizeof(f->dir), "/tmp/warmboot-libvirt-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/web", f->dir);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	/* Nothing is left. */
	assert_int_equal(access(f->path, F_OK), -1);
	assert_int_equal(rmdir(f->dir), 0);
	wb_blob_deinit(&f->room);
	free(f->v.image);
	free(f->v.taken);
	free(f);
	return 0;
}

static int space(void *ctx, uint8_t **ret, size_t *ret_n, struct wb_error *err)
{
	struct fixture *f = ctx;

	if (f->room.size >= f->most)
		return wb_fail(err, -ENOSPC, "the store is full");
	*ret = f->page;
	*ret_n = sizeof(f->page);
	return 0;
}

static void commit(void *ctx, size_t n)
{
	struct fixture *f = ctx;

	assert_int_equal(wb_blob_append(&f->room, f->page, n), 0);
}

static int begin_save(struct fixture *f, struct wb_domain_saving **ret, uint64_t *ret_bytes)
{
	const struct wb_room room = {f, space, commit};

	/* It has to find the end of the image, too. */
	f->most++;
	return wb_domain_save(&f->v.runner, UUID, f->path, &room, ret, ret_bytes, &f->err);
}

/* ---- words ---- */

static void words_of_virsh_are_understood(void **state)
{
	WB_CLEAN_DOMAIN d = {};
	struct wb_error err = {};
	WB_CLEAN_STR uuid = wb_domain_uuid_of(LIST, "web");

	assert_string_equal(uuid, UUID);
	assert_null(wb_domain_uuid_of(LIST, "we"));
	assert_null(wb_domain_uuid_of("web web\n\n", "web"));
	assert_null(wb_domain_uuid_of(UUID " web server\n", "web"));
	assert_int_equal(wb_domain_parse(INFO, &d, &err), 0);
	assert_string_equal(d.state, "running");
	assert_true(d.active && d.persistent && !d.saved);
	assert_int_equal(d.memory, 64 << 20);
	assert_int_equal(wb_domain_add_devices("<hostdev mode='subsystem'>", &d), 0);
	assert_int_equal(d.hindrances.n, 1);
	assert_int_equal(wb_domain_parse("State: running\n", &d, &err), -EBADMSG);
	assert_int_equal(
		wb_domain_parse("State: running\nMax memory: 0 KiB\n", &d, &err), -EBADMSG);
	assert_int_equal(
		wb_domain_parse("State: running\nMax memory: 1 GiB\n", &d, &err), -EBADMSG);
}

static void names_become_units_and_back(void **state)
{
	WB_CLEAN_STR unit = wb_domain_unit("web-1");
	WB_CLEAN_STR name = wb_domain_of_unit("warmboot-domain@web-1.service");

	assert_string_equal(unit, "warmboot-domain@web-1.service");
	assert_string_equal(name, "web-1");
	assert_null(wb_domain_unit("a/b"));
	assert_null(wb_domain_unit("a+b"));
	assert_null(wb_domain_unit(""));
	assert_null(wb_domain_of_unit("warmboot-domain@.service"));
	assert_null(wb_domain_of_unit("warmboot-domain@../x.service"));
	assert_null(wb_domain_of_unit("web.service"));
}

static void a_missing_virsh_is_told(void **state)
{
	struct fixture *f = *state;
	WB_CLEAN_DOMAIN d = {};

	assert_int_equal(wb_domain_find(&f->v.runner, "other", &d, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.text, "no domain \"other\""));
}

/* ---- the decision ---- */

static void look(struct fixture *f, enum wb_keep_how asked, struct wb_keep_verdict *v)
{
	const struct wb_keep_config config = {.how = asked};

	assert_int_equal(wb_domain_look(&f->v.runner, "web", &config, v, &f->err), 0);
}

static void a_domain_is_kept_if_libvirt_saves_it(void **state)
{
	struct fixture *f = *state;
	static const struct {
		enum wb_keep_how asked, how;
		const char *xml, *info, *why;
	} cases[] = {
		{WB_KEEP_AUTO, WB_KEEP_DOMAIN},
		{WB_KEEP_VM, WB_KEEP_DOMAIN},
		{WB_KEEP_RESTART, WB_KEEP_RESTART, .why = "configured to be restarted"},
		{WB_KEEP_PROCESS, WB_KEEP_RESTART, .why = "is not kept as a process"},
		{WB_KEEP_AUTO, WB_KEEP_RESTART, "<hostdev mode='x'>",
			.why = "a device of the host"},
		{WB_KEEP_AUTO, WB_KEEP_RESTART, "<filesystem type='mount'>",
			.why = "shares a directory"},
		{WB_KEEP_AUTO, WB_KEEP_RESTART,
			.info = "State: running\nMax memory: 9 KiB\nManaged save: yes\n",
			.why = "managedsave-remove"},
		{WB_KEEP_AUTO, WB_KEEP_RESTART, .info = "State: in shutdown\nMax memory: 9 KiB\n",
			.why = "in shutdown"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		WB_CLEAN_KEEP_VERDICT v = {};

		f->v.xml = cases[i].xml ? cases[i].xml : "<domain>";
		f->v.info = cases[i].info ? cases[i].info : INFO;
		look(f, cases[i].asked, &v);
		assert_int_equal(v.how, cases[i].how);
		assert_int_equal(v.reasons.n, cases[i].why ? 1 : 0);
		if (cases[i].why)
			assert_non_null(strstr(v.reasons.items[0], cases[i].why));
	}
}

static void a_domain_that_is_off_is_not_there(void **state)
{
	struct fixture *f = *state;
	WB_CLEAN_KEEP_VERDICT v = {};

	f->v.exists = false;
	assert_int_equal(wb_domain_look(&f->v.runner, "web", NULL, &v, &f->err), -ESRCH);
}

static void its_part_of_the_manifest_is_checked(void **state)
{
	WB_CLEAN_DOMAIN_IMAGE image = {};
	struct wb_error err = {};
	json_t *bad = json_pack("{s:s, s:s, s:i}", "name", "a/b", "uuid", UUID, "memory", 1);

	assert_int_equal(wb_domain_image_read(bad, &image, &err), -EBADMSG);
	json_object_set_new(bad, "name", json_string("a"));
	json_object_set_new(bad, "uuid", json_string("--all"));
	assert_int_equal(wb_domain_image_read(bad, &image, &err), -EBADMSG);
	json_object_set_new(bad, "uuid", json_string(UUID));
	assert_int_equal(wb_domain_image_read(bad, &image, &err), 0);
	json_decref(bad);
}

/* ---- the save ---- */

static void a_save_has_two_steps(void **state)
{
	struct fixture *f = *state;
	struct wb_domain_saving *s;
	uint64_t bytes;

	assert_int_equal(begin_save(f, &s, &bytes), 0);
	assert_int_equal(bytes, f->v.size);
	assert_int_equal(f->room.size, f->v.size);
	/* Until here the domain is there. */
	assert_true(f->v.exists);
	assert_int_equal(wb_domain_save_commit(s, &f->err), 0);
	assert_false(f->v.exists);
	/* The image is a whole one. */
	header_of(&f->v, "LibvirtQemudSave", f->v.image);
	assert_memory_equal(f->room.data, f->v.image, f->v.size);
}

static void a_save_that_is_called_off_fails_for_libvirt(void **state)
{
	struct fixture *f = *state;
	struct wb_domain_saving *s;
	uint64_t bytes;

	assert_int_equal(begin_save(f, &s, &bytes), 0);
	wb_domain_save_cancel(s);
	assert_true(f->v.exists);
}

static void a_save_that_fails_is_told(void **state)
{
	struct fixture *f = *state;
	struct wb_domain_saving *s;
	uint64_t bytes;

	f->v.refuses = true;
	assert_int_equal(begin_save(f, &s, &bytes), -EIO);
	assert_string_equal(f->err.text, "libvirt: operation failed: broken");
	f->v.refuses = false;
	f->v.breaks = true;
	f->err = (struct wb_error){};
	assert_int_equal(begin_save(f, &s, &bytes), -EIO);
	assert_string_equal(f->err.text, "libvirt: operation failed: broken");
	assert_true(f->v.exists);
}

static void a_full_store_ends_the_save(void **state)
{
	struct fixture *f = *state;
	struct wb_domain_saving *s;
	uint64_t bytes;

	f->most = MEMORY / 2;
	assert_int_equal(begin_save(f, &s, &bytes), -ENOSPC);
	assert_string_equal(f->err.text, "the store is full");
	assert_true(f->v.exists);
}

static void an_image_of_another_kind_is_refused(void **state)
{
	struct fixture *f = *state;
	struct wb_domain_saving *s;
	uint64_t bytes;

	f->v.sparse = true;
	header_of(&f->v, "LibvirtQemudPart", f->v.image);
	assert_int_equal(begin_save(f, &s, &bytes), -EOPNOTSUPP);
	assert_non_null(strstr(f->err.text, "sparse"));
	header_of(&f->v, "LibvirtQemudWhat", f->v.image);
	assert_int_equal(begin_save(f, &s, &bytes), -EBADMSG);
	assert_true(f->v.exists);
}

/* ---- the return ---- */

struct pieces {
	const struct libvirt *v;
	size_t at;
};

static void rewind_pieces(void *ctx)
{
	((struct pieces *)ctx)->at = 0;
}

static bool next_piece(void *ctx, struct wb_bytes *ret)
{
	struct pieces *p = ctx;
	size_t left = p->v->size - p->at, n = left < 300000 ? left : 300000;

	*ret = (struct wb_bytes){p->v->image + p->at, n};
	p->at += n;
	return n;
}

static void an_image_is_read_twice_from_its_beginning(void **state)
{
	struct fixture *f = *state;
	struct pieces pieces = {&f->v};
	const struct wb_domain_source source = {&pieces, rewind_pieces, next_piece};

	header_of(&f->v, "LibvirtQemudSave", f->v.image);
	f->v.exists = false;
	for (int i = 0; i < 20; i++) {
		memset(f->v.taken, 0, f->v.size);
		assert_int_equal(wb_domain_bring_back(&f->v.runner, f->path, &source, &f->err), 0);
		assert_int_equal(f->v.n_taken, f->v.size);
		assert_memory_equal(f->v.taken, f->v.image, f->v.size);
	}
	f->v.exists = false;
	f->v.headless = true;
	assert_int_equal(wb_domain_bring_back(&f->v.runner, f->path, &source, &f->err), -EIO);
	assert_string_equal(f->err.text, "libvirt: no such disk");
	assert_false(f->v.exists);
}

static bool at_once(void *ctx)
{
	return true;
}

static void an_image_that_nobody_wants_is_given_up(void **state)
{
	struct fixture *f = *state;
	struct pieces pieces = {&f->v};
	const struct wb_domain_source source = {&pieces, rewind_pieces, next_piece};

	assert_int_equal(wb_domain_make_fifo(f->path, &f->err), 0);
	assert_int_equal(wb_domain_feed(f->path, &source, at_once, NULL, &f->err), 0);
	wb_domain_remove_fifo(f->path);
}

/* ---- a session ---- */

struct session {
	struct fake_store machine;
	struct wb_session_host h;
	struct wb_keeping k;
};

static uint64_t no_time(void *ctx)
{
	return 7;
}

static void add_domain(struct session *s, const char *name, const char *uuid)
{
	struct wb_manifest_unit *u = wb_list_add(&s->k.draft.units, sizeof(*u));
	struct wb_unit_text *text = wb_list_add(&u->definition, sizeof(*text));

	u->unit = wb_domain_unit(name);
	u->name = wb_strf("vm:%s", name);
	u->asked = WB_KEEP_AUTO;
	u->how = WB_KEEP_DOMAIN;
	u->images = wb_strf("u%zu/", s->k.draft.units.n - 1);
	u->image = json_pack("{s:s, s:s, s:I, s:b}", "name", name, "uuid", uuid, "memory",
		(json_int_t)MEMORY, "persistent", true);
	text->path = strdup("/usr/lib/systemd/system/warmboot-domain@.service");
	text->text = strdup("[Service]\n");
	s->k.bytes += wb_vm_store_bytes(MEMORY);
}

static void begin_session(struct fixture *f, struct session *s)
{
	*s = (struct session){};
	fake_store_init(&s->machine);
	s->machine.sys.mono_ns = s->machine.sys.raw_ns = s->machine.sys.tsc = no_time;
	s->h = (struct wb_session_host){.sys = &s->machine.sys,
		.store = &s->machine.env,
		.runner = &f->v.runner,
		.domains = f->dir,
		.workers = 4};
	f->v.other_exists = true;
	add_domain(s, "web", UUID);
	add_domain(s, "web1", OTHER);
	if (wb_keeping_reserve(&s->h, wb_store_backends[0], &s->k, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(s->k.draft.units.items[1].how, WB_KEEP_DOMAIN);
}

static void end_session(struct fixture *f, struct session *s)
{
	WB_CLEAN_STR other = wb_strf("%s/web1", f->dir);

	assert_int_equal(access(other, F_OK), -1);
	wb_keeping_deinit(&s->k);
	fake_store_deinit(&s->machine);
}

static bool is_saved(const struct session *s, size_t i)
{
	return json_is_true(json_object_get(s->k.draft.units.items[i].image, "saved"));
}

static void a_session_saves_all_and_brings_them_back(void **state)
{
	struct fixture *f = *state;
	struct session s;

	begin_session(f, &s);
	if (wb_keeping_save(&s.h, &s.k, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_false(f->v.exists || f->v.other_exists);
	assert_true(is_saved(&s, 0) && is_saved(&s, 1));
	/* The freeze, which is another process, finds that. */
	assert_non_null(strstr(fake_store_text(&s.machine, WB_FREEZE_DRAFT), "\"saved\""));
	/* The jump is called off. */
	header_of(&f->v, "LibvirtQemudSave", f->v.image);
	wb_keeping_bring_back(&s.h, &s.k.draft);
	assert_true(f->v.exists && f->v.other_exists);
	assert_int_equal(f->v.n_taken, f->v.size);
	assert_memory_equal(f->v.taken, f->v.image, f->v.size);
	end_session(f, &s);
}

static void a_domain_that_fails_is_restarted_alone(void **state)
{
	struct fixture *f = *state;
	struct session s;

	f->v.other_breaks = true;
	begin_session(f, &s);
	assert_int_equal(wb_keeping_save(&s.h, &s.k, &f->err), 0);
	assert_true(!f->v.exists && f->v.other_exists);
	assert_int_equal(s.k.draft.units.items[0].how, WB_KEEP_DOMAIN);
	assert_int_equal(s.k.draft.units.items[1].how, WB_KEEP_RESTART);
	assert_string_equal(s.k.draft.units.items[1].why, "libvirt: operation failed: broken");
	end_session(f, &s);
}

static void a_domain_that_insists_leaves_all_as_they_were(void **state)
{
	struct fixture *f = *state;
	struct session s;

	f->v.other_breaks = true;
	begin_session(f, &s);
	s.k.draft.units.items[1].asked = WB_KEEP_VM;
	assert_int_equal(wb_keeping_save(&s.h, &s.k, &f->err), -EOPNOTSUPP);
	assert_non_null(strstr(f->err.text, "as a virtual machine"));
	assert_true(f->v.exists && f->v.other_exists);
	/* Nothing had to be brought back. */
	assert_null(strstr(f->v.log, "restore"));
	end_session(f, &s);
}

static void without_a_draft_nothing_ends(void **state)
{
	struct fixture *f = *state;
	struct session s;

	begin_session(f, &s);
	s.machine.no_write = -ENOSPC;
	assert_true(wb_keeping_save(&s.h, &s.k, &f->err) < 0);
	assert_true(f->v.exists && f->v.other_exists);
	assert_null(strstr(f->v.log, "restore"));
	end_session(f, &s);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_virsh_are_understood),
		cmocka_unit_test(names_become_units_and_back),
		cmocka_unit_test(its_part_of_the_manifest_is_checked),
		TEST(a_missing_virsh_is_told),
		TEST(a_domain_is_kept_if_libvirt_saves_it),
		TEST(a_domain_that_is_off_is_not_there),
		TEST(a_save_has_two_steps),
		TEST(a_save_that_is_called_off_fails_for_libvirt),
		TEST(a_save_that_fails_is_told),
		TEST(a_full_store_ends_the_save),
		TEST(an_image_of_another_kind_is_refused),
		TEST(an_image_is_read_twice_from_its_beginning),
		TEST(an_image_that_nobody_wants_is_given_up),
		TEST(a_session_saves_all_and_brings_them_back),
		TEST(a_domain_that_fails_is_restarted_alone),
		TEST(a_domain_that_insists_leaves_all_as_they_were),
		TEST(without_a_draft_nothing_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
