// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Every parser with a well-formed input: whole, cut short at each byte, with each byte damaged, and with each
 * allocation failing. A failure has a code of its own and leaves the result untouched. scripts/check-parsers
 * compares the rows with the headers.
 */
#define _GNU_SOURCE
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/fstab.h"
#include "core/kernel-id.h"
#include "core/mountinfo.h"
#include "criu/timers.h"
#include "criu/criu.h"
#include "criu/ipc.h"
#include "images/stream.h"
#include "guard/config.h"
#include "grub/blsfile.h"
#include "grubscript/script.h"
#include "bls/file.h"
#include "fake-files.h"
#include "heap-wraps.h"
#include "image/image.h"
#include "restore/early.h"
#include "manifest/manifest.h"
#include "libvirt/libvirt.h"
#include "podman/podman.h"
#include "net/net.h"
#include "net/sockets.h"
#include "net/tcp-line.h"
#include "replay/replay.h"
#include "sample-manifest.h"
#include "sample-tables.h"
#include "sample-module.h"
#include "sample-pairs.h"
#include "samples.h"
#include "store/layout.h"
#include "store/region.h"
#include "choice/config.h"
#include "proc/proc.h"
#include "sys/handoff.h"
#include "guard/module.h"
#include "guard/pairs.h"
#include "sys/lock.h"
#include "systemd/systemctl.h"
#include "timeline/klog.h"
#include "timeline/lines.h"
#include "timeline/marks.h"
#include "timeline/probe.h"
#include "timeline/timeline.h"
#include "unit.h"

/* ---- allocations: the linker directs those of the library here (--wrap) ---- */

static size_t failing, counted; /* number of the allocation that fails, from 1; 0: none does */

static bool fails(void)
{
	if (++counted != failing)
		return false;
	errno = ENOMEM;
	return true;
}

HEAP_WRAPS(fails)

/* ---- one call of each parser ---- */

/* `in` is followed by a NUL that does not count, for parsers of strings. 0, a count, or the parser's error. */
typedef int call_fn(struct wb_bytes in, void *ret, struct wb_error *err);
typedef void free_fn(void *ret);

static const char *text(struct wb_bytes in)
{
	return (const char *)in.data;
}

#define DEINIT(name)                         \
	static void deinit_##name(void *ret) \
	{                                    \
		wb_##name##_deinit(ret);     \
	}
DEINIT(blob)
DEINIT(bls_file)
DEINIT(grub_bls)
DEINIT(early)
DEINIT(fstab)
DEINIT(image)
DEINIT(keep_config)
DEINIT(manifest)
DEINIT(mounts)
DEINIT(net)
DEINIT(pairs)
DEINIT(results)
DEINIT(strv)
DEINIT(store_table)
DEINIT(units)
DEINIT(world)

static void nothing_to_free(void *ret)
{
}

static void free_string(void *ret)
{
	free(*(char **)ret);
}

static int call_image(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_image_open(in, ret, err);
}

static int call_join(struct wb_bytes in, void *ret, struct wb_error *err)
{
	struct wb_blob joined = {};
	int r = wb_initrd_join(&in, 1, true, 1u << 20, &joined, err);

	if (r == 0)
		*(struct wb_blob *)ret = joined;
	return r;
}

static int call_elf(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_elf_parse(in, ret, err);
}

static int call_relocs(struct wb_bytes in, void *ret, struct wb_error *err)
{
	struct wb_elf elf;
	int r = wb_elf_parse(in, &elf, err);

	return r < 0 ? r : wb_x86_relocs_parse(&elf, ret, err);
}

static int call_manifest(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_manifest_parse(in, SAMPLE_NONCE, ret, err);
}

static int call_how(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_keep_how_parse(text(in), ret);
}

static int call_tcp_line(struct wb_bytes in, void *ret, struct wb_error *err)
{
	struct wb_tcp_line line;

	if (!wb_tcp_line_parse((struct wb_span){text(in), in.size}, &line))
		return -EBADMSG;
	*(struct wb_tcp_line *)ret = line;
	return 0;
}

static int call_net(struct wb_bytes in, void *ret, struct wb_error *err)
{
	static const struct wb_bytes none = {(const uint8_t *)"[]", 2};

	return wb_net_parse(in, none, none, none, ret, err);
}

static int call_joined(struct wb_bytes in, void *ret, struct wb_error *err)
{
	struct wb_net_joined joined = {};
	int r = wb_net_joined_parse(text(in), false, &joined);

	if (r == 0)
		r = wb_net_joined_parse(text(in), true, &joined);
	wb_net_joined_deinit(&joined);
	return r;
}

static int call_timer(struct wb_bytes in, void *ret, struct wb_error *err)
{
	static const struct timespec now[WB_CLOCKS];
	int r = wb_timer_parse(text(in), now, ret);

	return r < 0 ? r : 0;
}

static int call_moment(struct wb_bytes in, void *ret, struct wb_error *err)
{
	wb_unit_moment_parse(text(in), ret);
	return 0;
}

static int call_lock(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_lock_parse(text(in), in.size, ret);
}

static int call_module(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_module_parse(in, ret, err);
}

static int call_kernel_id(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_kernel_id_parse(in, ret);
}

static int call_pairs(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_pairs_parse(in, "x", WB_PAIRS_FROM_OWN, ret, err);
}

static int call_handoff_store(struct wb_bytes in, void *ret, struct wb_error *err)
{
	size_t n = 77;
	int r = wb_handoff_store_parse(in, ret, &n);

	assert_true(r == 0 || n == 77);
	return r;
}

static int call_lines(struct wb_bytes in, void *ret, struct wb_error *err)
{
	size_t damaged;

	return wb_lines_parse(text(in), in.size, ret, &damaged);
}

static int call_timeline(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_timeline_parse(text(in), ret, err);
}

static int call_klog(struct wb_bytes in, void *ret, struct wb_error *err)
{
	wb_klog_parse(wb_arch_native(), text(in), in.size, ret);
	return 0;
}

static int call_mark(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_mark_parse(text(in), ret);
}

static int call_probe(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_probe_parse(text(in), ret, err);
}

static int call_peers(struct wb_bytes in, void *ret, struct wb_error *err)
{
	struct wb_socket socket = {.kind = WB_SOCKET_UNIX_STREAM, .inode = 5};
	struct wb_sockets sockets = {&socket, 1, 1};
	int r = wb_sockets_parse_peers(in, &sockets);

	free(socket.path);
	return r;
}

static int call_guard(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_guard_config_parse(in, "/etc/x", ret, err);
}

static int call_config(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_keep_config_parse(in, "/etc/x", "a.service", ret, err);
}

static int call_stats(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_criu_parse_stats(in, ret);
}

static int call_version(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_criu_parse_version(in, ret);
}

static int call_request(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_stream_parse_request(in, ret);
}

static int call_world(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_world_parse(in, "x", ret, err);
}

static int call_units(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_units_parse(in, "x", ret, err);
}

static int call_results(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_results_parse(in, "x", ret, err);
}

/* It adds to what is there, so its result is a fresh environment. */
static int call_grub_env(struct wb_bytes in, void *ret, struct wb_error *err)
{
	static const struct wb_strv all;
	struct wb_grub_env env = {};
	bool valid;
	int r = wb_grub_env_parse(in, &all, &env, &valid);

	wb_grub_env_deinit(&env);
	return r;
}

static int call_bls(struct wb_bytes in, void *ret, struct wb_error *err)
{
	WB_CLEAN_STR copy = strdup(text(in));

	return copy ? wb_bls_parse(copy, ret) : -ENOMEM;
}

static int call_grub_bls(struct wb_bytes in, void *ret, struct wb_error *err)
{
	WB_CLEAN_STR copy = strdup(text(in));

	return copy ? wb_grub_bls_parse(copy, true, ret) : -ENOMEM;
}

#define STORE_SIZE (2u << 20)

static int call_header(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_store_header_parse(in, STORE_SIZE, ret, err);
}

static struct wb_store_header table_header;

static int call_table(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_store_table_parse(in, &table_header, ret, err);
}

static int call_parked(struct wb_bytes in, void *ret, struct wb_error *err)
{
	struct wb_store_header h;

	return wb_store_parked_parse(in, STORE_SIZE, &h, ret);
}

static int call_region(struct wb_bytes in, void *ret, struct wb_error *err)
{
	struct wb_files files = fake_files(NULL);

	/* The only answers are yes and no. */
	if (wb_store_region_parse(&files, text(in), ret))
		return 0;
	return failing && counted >= failing ? -ENOMEM : -EBADMSG;
}

static int call_json(struct wb_bytes in, void *ret, struct wb_error *err)
{
	struct tree tree = {};
	int r = wb_json_parse(in, tree_fields, "it", &tree, err);

	if (r == 0)
		*(struct tree *)ret = tree;
	return r;
}

static void free_json(void *ret)
{
	wb_json_free(tree_fields, ret);
}

static int call_fstab(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_fstab_parse(text(in), ret);
}

static int call_mounts(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_mounts_parse(text(in), ret);
}

static int call_ipc(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_ipc_parse(WB_IPC_SHM, text(in), ret);
}

static void deinit_ipc(void *ret)
{
	free(((wb_ipc_objects *)ret)->items);
}

static int call_early(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_early_parse(in, ret, err);
}

static int call_container(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_container_parse(in, ret, err);
}

static int call_domain(struct wb_bytes in, void *ret, struct wb_error *err)
{
	return wb_domain_parse(text(in), ret, err);
}

static void deinit_domain(void *result)
{
	wb_domain_deinit(result);
}

static void deinit_container(void *result)
{
	wb_container_deinit(result);
}

/* ---- the rows ---- */

struct parser {
	const char *name;
	call_fn *call;
	free_fn *release;
	const void *sample;
	size_t size;
};

#define TEXT(s) s, sizeof(s) - 1

static const char world_text[] =
	"{\"uid\":1000,\"units\":[{\"name\":\"b.service\",\"active\":\"active\",\"after\":[\"c."
	"service\"]}],\"files\":[{\"path\":\"/run/user/1000/systemd/transient/c.service\","
	"\"text\":\"[Service]\\n\"}]}";
static const char units_text[] =
	"{\"boot_id\":\"A\",\"nonce\":\"00\",\"time\":5,\"worlds\":[{\"uid\":-1,\"units\":[{"
	"\"name\":\"b.service\",\"active\":\"active\",\"after\":[\"c.service\"]}],\"files\":[{"
	"\"path\":\"/run/systemd/system/h.service\",\"hex\":\"00ff\"}]}]}";
static const char bls_text[] = "title A\nversion 1\nlinux /k\ninitrd /i\noptions a=\"b c\"\n";

static uint8_t elf[SAMPLE_ELF_SIZE], packed_elf[SAMPLE_ELF_SIZE + 200], arm64[SAMPLE_ARM64_SIZE];
static uint8_t bzimage[4096], uki[16384], zboot[4096], cpio[1024];
static size_t packed_size, bzimage_size, uki_size, zboot_size, cpio_size;
static char lock_text[WB_LOCK_RECORD];
/* A struct wb_handoff_store, whose array has no size. */
static struct {
	uint64_t magic;
	uint32_t version, n;
	struct wb_handoff_range ranges[2];
} ranges = {WB_HANDOFF_STORE_MAGIC, WB_HANDOFF_VERSION, 2,
	{{1u << 30, 2u << 20}, {3u << 30, 2u << 20}}};
static struct {
	struct nlmsghdr head;
	struct unix_diag_msg message;
	uint16_t peer_size, peer_type;
	uint32_t peer;
	uint16_t name_size, name_type;
	char name[8];
} peers = {.head = {.nlmsg_len = sizeof(peers), .nlmsg_type = SOCK_DIAG_BY_FAMILY},
	.message = {.udiag_type = SOCK_STREAM, .udiag_ino = 5},
	.peer_size = 8,
	.peer_type = UNIX_DIAG_PEER,
	.peer = 7,
	.name_size = 12,
	.name_type = UNIX_DIAG_NAME,
	.name = "/run/abc"};
static const uint8_t stats[] = "\x40\x59\x10\x55\x06\x33\x09\x57\x08\x00\x00\x00"
			       "\x0a\x06\x08\x2a\x10\x90\xa1\x0f";
static char *line;
static struct wb_blob table, header, parked;

static void make_store(void)
{
	struct wb_store_entry e = {.name = strdup("unit/pages-1.img"), .size = 5000, .n = 2};
	struct wb_store_header h = {.size = STORE_SIZE,
		.high = 4 * WB_STORE_BLOCK,
		.table_off = 3 * WB_STORE_BLOCK,
		.state = WB_STORE_SEALED};
	WB_CLEAN_STORE_TABLE t = {};

	e.extents = calloc(2, sizeof(*e.extents));
	assert_true(e.name && e.extents);
	e.extents[0] = (struct wb_store_extent){WB_STORE_BLOCK, WB_STORE_BLOCK, 1};
	e.extents[1] = (struct wb_store_extent){2 * WB_STORE_BLOCK, 5000 - WB_STORE_BLOCK, 2};
	assert_int_equal(wb_store_table_add(&t, &e), 0);
	assert_int_equal(wb_store_table_encode(&t, &table, &h), 0);
	wb_store_header_finish(&h);
	table_header = h;
	assert_int_equal(wb_blob_append(&header, &h, sizeof(h)), 0);
	assert_int_equal(wb_blob_append(&parked, &h, sizeof(h)), 0);
	assert_int_equal(wb_blob_append(&parked, table.data, table.size), 0);
}

static int make_samples(void **state)
{
	const struct wb_lock_holder holder = {.command = "store put", .pid = 123, .start = 456};

	sample_elf(elf);
	packed_size = sample_stored_gzip(packed_elf, (struct wb_bytes){elf, sizeof(elf)});
	bzimage_size =
		sample_bzimage(bzimage, (struct wb_bytes){packed_elf, packed_size}, sizeof(elf));
	sample_arm64(arm64);
	uki_size = sample_pe(uki,
		(struct sample_section[]){{".cmdline", "quiet", 5}, {".initrd", "070701", 6},
			{".linux", bzimage, (uint32_t)bzimage_size}},
		3);
	zboot_size = sample_zboot(zboot, "gzip", (struct wb_bytes){packed_elf, packed_size});
	cpio_size = sample_cpio(cpio, 0, "init", "abc", 3);
	cpio_size = sample_cpio(cpio, cpio_size, "TRAILER!!!", NULL, 0);
	wb_lock_format(&holder, lock_text);
	assert_int_equal(wb_line_format("{\"a\":1}", &line), 0);
	make_store();
	return 0;
}

static int free_samples(void **state)
{
	free(line);
	wb_blob_deinit(&table);
	wb_blob_deinit(&header);
	wb_blob_deinit(&parked);
	return 0;
}

typedef void each_fn(const struct parser *p);

static void for_each_parser(each_fn *each)
{
	const struct sample_module module = sample_module("__mod_pci__ids_device_table", 1);
	const struct parser rows[] = {
		{"wb_image_open of an ELF", call_image, deinit_image, elf, sizeof(elf)},
		{"wb_image_open, compressed", call_image, deinit_image, packed_elf, packed_size},
		{"wb_image_open of a bzImage", call_image, deinit_image, bzimage, bzimage_size},
		{"wb_image_open of an Image", call_image, deinit_image, arm64, sizeof(arm64)},
		{"wb_image_open of a UKI", call_image, deinit_image, uki, uki_size},
		{"wb_image_open of a zboot", call_image, deinit_image, zboot, zboot_size},
		{"wb_initrd_join", call_join, deinit_blob, cpio, cpio_size},
		{"wb_elf_parse", call_elf, nothing_to_free, elf, sizeof(elf)},
		{"wb_x86_relocs_parse", call_relocs, nothing_to_free, elf, sizeof(elf)},
		{"wb_manifest_parse", call_manifest, deinit_manifest, TEXT(sample_manifest)},
		{"wb_keep_how_parse", call_how, nothing_to_free, TEXT("process")},
		{"wb_tcp_line_parse", call_tcp_line, nothing_to_free,
			TEXT(" 0: 0100007F:2BCB 0200007F:1F90 01 00000000:00000000 "
			     "00:00000000 00000000 1000 0 12345 1")},
		{"wb_kernel_id_parse", call_kernel_id, free_string, sample_notes, NOTES_SIZE},
		{"wb_pairs_parse", call_pairs, deinit_pairs,
			TEXT("# x\n" BAD_LINE LEDGER_LINE OLDER_LINE "{\"machine\":{}}\n")},
		{"wb_net_parse", call_net, deinit_net,
			TEXT("[{\"ifname\":\"e0\",\"flags\":[\"UP\"],\"link_type\":\"ether\","
			     "\"mtu\":1500,\"address\":\"52:54:00:12:34:56\",\"addr_info\":[{"
			     "\"family\":\"inet\",\"local\":\"10.0.0.2\",\"prefixlen\":24,"
			     "\"scope\":\"global\"}]}]")},
		{"wb_net_joined_parse", call_joined, nothing_to_free,
			TEXT("1\tlo : 1 V3\n\t\t\t\t010000E0 1 0:0 0\n"
			     "2 e0 ff020000000000000000000000000001 1 0000000C 0\n")},
		{"wb_timer_parse", call_timer, nothing_to_free,
			TEXT("clockid: 1\nticks: 0\nsettime flags: 01\nit_value: (5, 6)\n"
			     "it_interval: (0, 7)\n")},
		{"wb_unit_moment_parse", call_moment, nothing_to_free,
			TEXT("ActiveState=active\nJob=5\n")},
		{"wb_module_parse", call_module, nothing_to_free, &module, sizeof(module)},
		{"wb_lock_parse", call_lock, nothing_to_free, lock_text, sizeof(lock_text)},
		{"wb_handoff_store_parse", call_handoff_store, free_string, &ranges,
			sizeof(ranges)},
		{"wb_lines_parse", call_lines, deinit_strv, line, strlen(line)},
		{"wb_timeline_parse", call_timeline, nothing_to_free,
			TEXT("{\"boot\":\"b\",\"kind\":\"warm\",\"phases\":[{\"name\":\"kernel\"}],"
			     "\"kernel\":{\"parts\":[{\"name\":\"smp\"}]},\"notes\":[\"n\"]}")},
		{"wb_klog_parse", call_klog, nothing_to_free,
			TEXT("6,1,100,-;Linux version 6.12\n6,2,200,-;initcall a+0x0/0x30 "
			     "returned 0 after 50 usecs\n")},
		{"wb_mark_parse", call_mark, nothing_to_free,
			TEXT("{\"mark\":\"a\",\"boot\":\"b\",\"tsc\":1,\"wall_ns\":2,\"mono_ns\":3,"
			     "\"boot_ns\":4,\"window\":5}")},
		{"wb_probe_parse", call_probe, nothing_to_free, TEXT("http:[::1]:80/a")},
		{"wb_sockets_parse_peers", call_peers, nothing_to_free, &peers, sizeof(peers)},
		{"wb_guard_config_parse", call_guard, nothing_to_free,
			TEXT("Guard=auto\nOnBad=jump-back\nDeadline=90\n")},
		{"wb_keep_config_parse", call_config, deinit_keep_config,
			TEXT("How=process\nFiles=/run/a\nProbe=tcp:80\n")},
		{"wb_ipc_parse", call_ipc, deinit_ipc,
			TEXT("key shmid\n1 2 600 56 9 9 6 102 105 102 105 1 1 1 4096 0\n")},
		{"wb_criu_parse_stats", call_stats, nothing_to_free, stats, sizeof(stats) - 1},
		{"wb_criu_parse_version", call_version, free_string,
			TEXT("Version: 4.1.1\nGitID: v4\n")},
		{"wb_stream_parse_request", call_request, free_string,
			TEXT("\x0a\x03"
			     "a.b")},
		{"wb_world_parse", call_world, deinit_world, TEXT(world_text)},
		{"wb_units_parse", call_units, deinit_units, TEXT(units_text)},
		{"wb_results_parse", call_results, deinit_results,
			TEXT("{\"boot_id\":\"A\",\"results\":[{\"uid\":5,\"unit\":\"a\",\"result\":"
			     "\"late\",\"why\":\"w\"}],\"warnings\":[\"v\"]}")},
		{"wb_grub_env_parse", call_grub_env, nothing_to_free,
			TEXT("# GRUB Environment Block\nsaved_entry=s>a\nb=\\\\c\n####")},
		{"wb_bls_parse", call_bls, deinit_bls_file, TEXT(bls_text)},
		{"wb_grub_bls_parse", call_grub_bls, deinit_grub_bls, TEXT(bls_text)},
		{"wb_store_header_parse", call_header, nothing_to_free, header.data, header.size},
		{"wb_store_table_parse", call_table, deinit_store_table, table.data, table.size},
		{"wb_store_parked_parse", call_parked, deinit_store_table, parked.data,
			parked.size},
		{"wb_store_region_parse", call_region, nothing_to_free, TEXT("memmap=1G!4G")},
		{"wb_json_parse", call_json, free_json, TEXT(whole_tree)},
		{"wb_fstab_parse", call_fstab, deinit_fstab, TEXT("a /b c d\ne /f\\040x g h\n")},
		{"wb_mounts_parse", call_mounts, deinit_mounts,
			TEXT("22 1 254:1 / / rw - ext4 /dev/vda1 rw\n"
			     "23 22 0:5 / /srv/a\\040b rw - tmpfs t rw,subvol=/x\n")},
		{"wb_early_parse", call_early, deinit_early,
			TEXT("{\"pid\": 77, \"held\": true, \"units\": [{\"unit\": \"a.service\", "
			     "\"output_fd\": 3, \"error_fd\": 4, \"output_inode\": 5, "
			     "\"error_inode\": 6}]}")},
		{"wb_domain_parse", call_domain, deinit_domain,
			TEXT("State:          running\nMax memory:     65536 KiB\n"
			     "Persistent:     yes\n")},
		{"wb_container_parse", call_container, deinit_container,
			TEXT("[{\"Id\": "
			     "\"8407e8954f13428d4e29f006889445313f7cb863c76b31e69115541bcad6ee7f\","
			     "\"Name\": \"web\", \"StaticDir\": \"/x\", \"Mounts\": [{\"Type\": "
			     "\"bind\", \"Source\": \"/srv\"}], \"NetworkSettings\": {\"Ports\": "
			     "{\"7000/tcp\": [{\"HostIp\": \"1.2.3.4\", \"HostPort\": "
			     "\"7001\"}]}}}]")},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		each(&rows[i]);
}

/* ---- one trial ---- */

/* No result of a parser is larger. */
#define ROOM (256 * 1024)

/* Parse `size` bytes, in a buffer of exactly this size and the NUL, so that a sanitizer sees a read behind it. */
static int try_to_parse(const struct parser *p, const uint8_t *data, size_t size, const char *how)
{
	static uint8_t ret[ROOM], before[ROOM];
	struct wb_error err = {};
	uint8_t *in = __real_malloc(size + 1);
	int r;

	assert_non_null(in);
	memcpy(in, data, size);
	in[size] = '\0';
	memset(before, 0xa5, sizeof(before));
	memcpy(ret, before, sizeof(ret));
	counted = 0;
	r = p->call((struct wb_bytes){in, size}, ret, &err);
	failing = 0;
	if (r >= 0)
		p->release(ret);
	else if (memcmp(ret, before, sizeof(ret)))
		fail_msg("%s, %s, failed (%d) and has changed its result", p->name, how, r);
	free(in);
	return r;
}

static void parse_whole(const struct parser *p)
{
	int r = try_to_parse(p, p->sample, p->size, "whole");

	if (r < 0)
		fail_msg("%s refuses its sample: %d", p->name, r);
}

static void parse_truncated(const struct parser *p)
{
	char how[64];

	for (size_t n = 0; n < p->size; n++) {
		snprintf(how, sizeof(how), "cut at %zu", n);
		if (try_to_parse(p, p->sample, n, how) == -ENOMEM)
			fail_msg("%s, %s: out of memory", p->name, how);
	}
}

static void parse_damaged(const struct parser *p)
{
	uint8_t *data = __real_malloc(p->size);
	char how[64];

	assert_non_null(data);
	for (size_t i = 0; i < 3 * p->size; i++) {
		const size_t at = i / 3;
		const uint8_t was = ((const uint8_t *)p->sample)[at];
		const uint8_t values[3] = {0, 0xff, was ^ 1};

		memcpy(data, p->sample, p->size);
		data[at] = values[i % 3];
		snprintf(how, sizeof(how), "with 0x%02x at %zu", data[at], at);
		if (try_to_parse(p, data, p->size, how) == -ENOMEM)
			fail_msg("%s, %s: out of memory", p->name, how);
	}
	free(data);
}

static void parse_without_memory(const struct parser *p)
{
	char how[64];
	int r;

	for (size_t n = 1;; n++) {
		snprintf(how, sizeof(how), "without allocation %zu", n);
		failing = n;
		r = try_to_parse(p, p->sample, p->size, how);
		if (counted < n)
			break;
		if (r != -ENOMEM)
			fail_msg("%s, %s: %d", p->name, how, r);
	}
}

/* ---- the tests ---- */

static void whole_input_is_parsed(void **state)
{
	for_each_parser(parse_whole);
}

static void truncated_input_changes_no_result(void **state)
{
	for_each_parser(parse_truncated);
}

static void damaged_input_changes_no_result(void **state)
{
	for_each_parser(parse_damaged);
}

static void lack_of_memory_changes_no_result(void **state)
{
	for_each_parser(parse_without_memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_input_is_parsed),
		cmocka_unit_test(truncated_input_changes_no_result),
		cmocka_unit_test(damaged_input_changes_no_result),
		cmocka_unit_test(lack_of_memory_changes_no_result),
	};

	return cmocka_run_group_tests(tests, make_samples, free_samples);
}
