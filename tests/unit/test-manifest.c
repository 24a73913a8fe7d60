// SPDX-License-Identifier: LGPL-2.1-or-later
/* manifest/manifest.c: writing and reading the manifest, also damaged ones. */
#include <stdio.h>
#include <stdlib.h>

#include "core/valid.h"
#include "manifest/manifest.h"
#include "manifest/unit-list.h"
#include "sample-manifest.h"
#include "unit.h"

static int parse(const char *text, const char *nonce, struct wb_manifest *ret, struct wb_error *err)
{
	return wb_manifest_parse(
		(struct wb_bytes){(const uint8_t *)text, strlen(text)}, nonce, ret, err);
}

static void test_whole(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	const struct wb_manifest_unit *u;

	assert_int_equal(parse(sample_manifest, SAMPLE_NONCE, &m, &err), 0);
	assert_int_equal(m.units.n, 2);
	assert_int_equal(m.highest_pid, 812);
	assert_int_equal(m.silent.kept_ns, 1500000000);
	assert_int_equal(m.silent.restart_ns, 2500000000);
	assert_int_equal(m.silent.tsc, 123999999);
	assert_string_equal(m.from, "6.12.1");
	u = wb_manifest_find(&m, "memcached.service");
	assert_non_null(u);
	assert_true(wb_unit_is_checkpointed(u));
	assert_int_equal(u->pids.n, 2);
	assert_int_equal(u->pids.items[1], 812);
	assert_int_equal(u->streams.items[0].inode, 5123);
	assert_int_equal(u->files.items[0].mode, 0644);
	assert_true(u->files.items[1].directory);
	assert_int_equal(u->affinity.n, 2);
	assert_string_equal(u->affinity.items[0].cpus, "1");
	assert_int_equal(u->affinity.items[0].threads.items[0], 812);
	assert_string_equal(u->affinity.items[1].cpus, "f00000000");
	assert_int_equal(u->io_priorities.items[0].value, 24576);
	assert_int_equal(u->timer_slacks.items[0].threads.items[1], 812);
	assert_string_equal(u->socket_options.items[0].options.items[0].value, "05000000");
	assert_true(u->socket_options.items[0].groups.items[0].include);
	assert_string_equal(
		u->socket_options.items[0].groups.items[0].sources.items[0], "10.0.0.1");
	assert_int_equal(u->socket_options.items[0].links.items[0].index, 2);
	assert_int_equal(u->ends.ports.items[0].port, 11211);
	assert_int_equal(u->ends.connections.items[0].remote_port, 40000);
	assert_int_equal(json_array_size(json_object_get(u->image, "any")), 2);
	assert_string_equal(m.net.links.items[0].modules, "virtio_net virtio_pci");
	assert_string_equal(m.net.routes.items[0].to, "default");
	u = wb_manifest_find(&m, "getty@tty1.service");
	assert_false(wb_unit_is_checkpointed(u));
	assert_null(wb_manifest_find(&m, "ssh.service"));
}

static void test_round(void **state)
{
	WB_CLEAN_MANIFEST m = {}, again = {};
	WB_CLEAN_STR first = NULL;
	WB_CLEAN_STR second = NULL;
	struct wb_manifest_handed *h;
	size_t bytes;
	struct wb_error err = {};

	assert_int_equal(parse(sample_manifest, NULL, &m, &err), 0);
	h = wb_list_add(&m.units.items[0].handed, sizeof(*h));
	*h = (struct wb_manifest_handed){812, 3, strdup("2 1 6 02001111")};
	assert_int_equal(wb_strv_add(&m.units.items[0].sockets, "a\\x2db@c.socket"), 0);
	assert_int_equal(wb_manifest_write(&m, &first, &err), 0);
	assert_int_equal(parse(first, SAMPLE_NONCE, &again, &err), 0);
	assert_int_equal(wb_manifest_write(&again, &second, &err), 0);
	assert_string_equal(first, second);
	assert_string_equal(again.units.items[0].handed.items[0].key, "2 1 6 02001111");
	assert_string_equal(again.units.items[0].sockets.items[0], "a\\x2db@c.socket");
	/* A name goes into a unit file, and a key is compared. */
	again.units.items[0].sockets.items[0][0] = '\n';
	assert_int_equal(wb_manifest_check_unit(&again.units.items[0], &bytes, &err), -EINVAL);
	again.units.items[0].sockets.items[0][0] = 'a';
	again.units.items[0].handed.items[0].key[0] = 'x';
	assert_int_equal(wb_manifest_check_unit(&again.units.items[0], &bytes, &err), -EINVAL);
}

static void test_write_refuses(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error err = {};

	assert_int_equal(parse(sample_manifest, NULL, &m, &err), 0);
	/* The next boot could not read it: so it must not be sealed. */
	m.units.items[0].main_pid = 1;
	assert_int_equal(wb_manifest_write(&m, &text, &err), -EINVAL);
	assert_null(text);
	m.units.items[0].main_pid = 811;
	m.units.items[0].files.items[0].path[0] = '\xff';
	assert_int_equal(wb_manifest_write(&m, &text, &err), -EINVAL);
}

/* The manifest accepts every name that a file system accepts. */
static void test_any_file(void **state)
{
	WB_CLEAN_MANIFEST m = {}, again = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error err = {};
	struct wb_manifest_file *f;

	assert_int_equal(parse(sample_manifest, NULL, &m, &err), 0);
	f = &m.units.items[0].files.items[0];
	strcpy(f->path, "/run/\xe4\"\n\xff");
	f->mtime_ns = INT64_MIN;
	m.units.items[0].definition.items[0].text[0] = '\xfc';
	assert_int_equal(wb_manifest_write(&m, &text, &err), 0);
	assert_non_null(strstr(text, "{\n      \"hex\": \"2f72756e2fe4220aff\""));
	assert_int_equal(parse(text, SAMPLE_NONCE, &again, &err), 0);
	assert_string_equal(again.units.items[0].files.items[0].path, "/run/\xe4\"\n\xff");
	assert_true(again.units.items[0].files.items[0].mtime_ns == INT64_MIN);
	assert_int_equal(again.units.items[0].definition.items[0].text[0], '\xfc');
}

static void test_one_unit(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	WB_CLEAN_STR text = NULL;
	struct wb_error err = {};
	struct wb_manifest_unit *u;
	size_t bytes = 0;

	assert_int_equal(parse(sample_manifest, NULL, &m, &err), 0);
	u = &m.units.items[0];
	for (int i = 0; i < 100000; i++)
		*(struct wb_manifest_file *)wb_list_add(&u->files, sizeof(*u->files.items)) =
			(struct wb_manifest_file){.path = strdup("/run/many")};
	assert_int_equal(wb_manifest_check_unit(u, &bytes, &err), 0);
	assert_in_range(bytes, 100000 * 80, 100000 * 200);
	u->files.items[1].uid = -1;
	assert_int_equal(wb_manifest_check_unit(u, &bytes, &err), -EINVAL);
	assert_string_equal(err.text, "its file /run/memcached: \"uid\" is out of its limits");
	assert_int_equal(wb_manifest_write(&m, &text, &err), -EINVAL);
	/* After it is lowered, the unit makes no manifest invalid. */
	wb_manifest_lower(u, "its file /run/a\nb\xff has no \xc3\xa4");
	assert_string_equal(u->why, "its file /run/a?b? has no ä");
	assert_int_equal(u->files.n, 0);
	assert_int_equal(u->affinity.n, 0);
	assert_int_equal(u->ends.connections.n, 0);
	assert_int_equal(u->ends.ports.n, 1);
	assert_int_equal(wb_manifest_write(&m, &text, &err), 0);
}

static void test_limits(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	struct wb_manifest_unit *u;
	size_t bytes;

	assert_int_equal(parse(sample_manifest, NULL, &m, &err), 0);
	u = &m.units.items[0];
	for (int i = 0; i < 65536; i++)
		*(struct wb_net_port *)wb_list_add(&u->ends.ports, sizeof(*u->ends.ports.items)) =
			(struct wb_net_port){.protocol = strdup("udp"), .port = i + 1};
	assert_int_equal(wb_manifest_check_unit(u, &bytes, &err), -EINVAL);
	assert_string_equal(err.text, "it has 1 connections and 65537 ports, and 1048576 and 65536 "
				      "can be held");
	wb_manifest_lower(u, err.text);
	assert_int_equal(wb_manifest_check_unit(u, &bytes, &err), 0);
}

static void test_other_jump(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};

	assert_int_equal(
		parse(sample_manifest, "ffffffffffffffffffffffffffffffff", &m, &err), -EPERM);
	assert_non_null(strstr(err.text, "another jump"));
	assert_int_equal(m.units.n, 0);
}

/* The sample with one piece of text replaced by another. */
static void refused(const char *old, const char *new, const char *sentence)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	const char *found = strstr(sample_manifest, old);
	char text[8192];

	assert_non_null(found);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(found - sample_manifest), sample_manifest,
		new, found + strlen(old));
	assert_int_equal(parse(text, SAMPLE_NONCE, &m, &err), -EBADMSG);
	if (!strstr(err.text, sentence))
		fail_msg("\"%s\" does not say \"%s\"", err.text, sentence);
	assert_int_equal(m.units.n, 0);
}

/* It is only shown: another version's word does no harm. */
static void test_asked_otherwise(void **state)
{
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};
	char text[8192];
	const char *found = strstr(sample_manifest, "\"auto\"");

	assert_non_null(found);
	snprintf(text, sizeof(text), "%.*s\"sail\"%s", (int)(found - sample_manifest),
		sample_manifest, found + strlen("\"auto\""));
	assert_int_equal(parse(text, SAMPLE_NONCE, &m, &err), 0);
	assert_int_equal(m.units.items[0].asked, WB_KEEP_OTHER);
	assert_int_equal(m.units.items[1].asked, WB_KEEP_NONE);
}

/* The list is new, and its elements belong to the manifest. */
static void test_select(void **state)
{
	WB_CLEAN_UNIT_LIST all = {};
	WB_CLEAN_UNIT_LIST some = {};
	WB_CLEAN_MANIFEST m = {};
	struct wb_error err = {};

	assert_int_equal(parse(sample_manifest, SAMPLE_NONCE, &m, &err), 0);
	assert_int_equal(wb_unit_list_select(&m, NULL, &all), 0);
	assert_int_equal(all.n, 2);
	assert_ptr_equal(all.items[0], &m.units.items[0]);
	assert_ptr_equal(all.items[1], &m.units.items[1]);
	assert_int_equal(wb_unit_list_select(&m, wb_unit_is_checkpointed, &some), 0);
	assert_int_equal(some.n, 1);
	assert_ptr_equal(some.items[0], &m.units.items[0]);
}

static void test_damaged(void **state)
{
	refused("\"version\": 1", "\"version\": 2", "has version 2");
	refused("\"version\": 1, ", "", "\"version\" is missing");
	refused(SAMPLE_NONCE, "0011", "\"nonce\" has a value");
	refused("\"units\": [", "\"units\": {\"a\": [", "is no JSON");
	refused("\"memcached.service\"", "\"../x.service\"", "\"unit\" has a value");
	refused("\"memcached.service\"", "\"memcached.socket\"", "\"unit\" has a value");
	refused("\"memcached.service\"", "\"a\\u0000.service\"", "is no JSON");
	refused("\"getty@tty1.service\"", "\"memcached.service\"", "in it twice");
	refused("\"process\"", "\"magic\"", "\"how\" has a value");
	refused("\"process\"", "\"auto\"", "\"how\" has a value");
	refused("\"process\"", "\"process\\u0000\"", "is no JSON");
	refused("\"process\"", "1", "\"how\" is no string");
	refused("\"how\": \"process\",", "", "\"how\" is missing");
	refused("\"main_pid\": 811", "\"main_pid\": 1", "lacks main_pid");
	refused("\"main_pid\": 811", "\"main_pid\": \"811\"", "is no integer");
	refused("[811, 812]", "[811, 1]", "\"pids\" is out of its limits");
	refused("\"images\": \"memcached.service/\"", "\"images\": \"/etc\"", "\"images\" has");
	refused("/run/memcached/memcached.pid", "/run/../etc/passwd", "\"path\" has a value");
	refused("\"directory\": true", "\"directory\": true, \"target\": \"x\"", "two kinds");
	refused("\"directory\": true", "\"directory\": true, \"link\": \"/x\"", "two kinds");
	refused("\"directory\": true", "\"link\": \"x\"", "\"link\" has a value");
	refused("\"cpus\": \"1\"", "\"cpus\": \"0\"", "\"cpus\" has a value");
	refused("\"cpus\": \"1\"", "\"cpus\": \"F\"", "\"cpus\" has a value");
	refused("\"cpus\": \"1\", ", "", "\"cpus\" is missing");
	refused("\"threads\": [812]", "\"threads\": [1]", "\"threads\" is out of its limits");
	refused("\"port\": 11211", "\"port\": 65536", "\"port\" is out of its limits");
	refused("\"protocol\": \"tcp\"", "\"protocol\": \"tcp drop\"", "\"protocol\" has");
	refused("\"127.0.0.1\"", "\"127.0.0.1 }\"", "\"address\" has a value");
	refused("\"why\": \"it has", "\"why\": \"it\\nhas", "\"why\" has a value");
	refused("\"name\": \"enp0s3\"", "\"name\": \"a b\"", "\"name\" has a value");
	refused("52:54:00:12:34:56", "52:54:00:12:34", "\"mac\" has a value");
	refused("\"default\"", "\"10.0.0.0/\"", "\"to\" has a value");
	refused("\"/run/memcached\"", "{\"hex\": \"2F\"}", "\"path\" is no string");
	refused("\"/run/memcached\"", "{\"hex\": \"2f0\"}", "\"path\" is no string");
	refused("\"/run/memcached\"", "{\"hex\": \"2f00\"}", "\"path\" is no string");
	refused("\"/run/memcached\"", "{\"hex\": \"\"}", "\"path\" is no string");
	refused("\"/run/memcached\"", "{\"hex\": \"2f2e2e\"}", "\"path\" has a value");
	refused("\"inode\": 5123, \"fd\": 1", "\"inode\": 5123, \"fd\": 3", "\"fd\" is out of");
}

static void test_names(void **state)
{
	assert_true(wb_valid_service_name("foo@bar-1:2.service"));
	assert_true(wb_valid_service_name("a\\x2db.service"));
	assert_false(wb_valid_service_name(".service"));
	assert_false(wb_valid_service_name("a/b.service"));
	assert_false(wb_valid_service_name("a b.service"));
	assert_true(wb_valid_path("/"));
	assert_true(wb_valid_path("/a/..b//c"));
	assert_false(wb_valid_path("a"));
	assert_false(wb_valid_path("/a/."));
	assert_true(wb_net_valid_address("fe80::1"));
	assert_false(wb_net_valid_address("1.2.3"));
	assert_true(wb_net_valid_name("eth0.5"));
	assert_false(wb_net_valid_name("-f"));
	assert_false(wb_net_valid_name("sixteencharacter"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_round),
		cmocka_unit_test(test_write_refuses),
		cmocka_unit_test(test_any_file),
		cmocka_unit_test(test_one_unit),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_other_jump),
		cmocka_unit_test(test_asked_otherwise),
		cmocka_unit_test(test_select),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
