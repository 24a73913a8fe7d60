// SPDX-License-Identifier: LGPL-2.1-or-later
/* systemd/definition.c and restore/replacement.c: the replacement for units of many kinds. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "restore/replacement.h"
#include "systemd/definition.h"
#include "unit.h"

static const struct wb_replacement_wishes wishes = {
	"/usr/sbin/warmboot", .before_coldplug = true, .deadline_s = 60};

/* The replacement of a unit with these files. */
static int replace(const char *name, const char *fragment, const char *dropin, char **ret,
	struct wb_error *err)
{
	struct wb_unit_text files[] = {{.text = (char *)fragment}, {.text = (char *)dropin}};
	struct wb_manifest_unit u = {
		.unit = (char *)name, .definition = {.items = files, .n = dropin ? 2 : 1}};

	return wb_replacement_text(&u, &wishes, ret, err);
}

static void has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; (p = strstr(p, line)); p++)
		if ((p == text || p[-1] == '\n') && p[n] == '\n')
			return;
	fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void has_not(const char *text, const char *what)
{
	if (text && strstr(text, what))
		fail_msg("\"%s\" stands in:\n%s", what, text);
}

static void has_line_of(const char *text, const char *before, const char *unit, const char *after)
{
	char line[256];

	snprintf(line, sizeof(line), "%s%s%s", before, unit, after);
	has_line(text, line);
}

/* Lines that every replacement has. The unit's name is not left to a specifier, which may stand for an alias. */
static void is_ours_as(const char *text, const char *unit, const char *argument)
{
	has_line_of(text, "PIDFile=/run/warmboot/", unit, ".pid");
	has_line_of(text, "ExecStartPre=!/usr/sbin/warmboot thaw --anchor ", argument, "");
	has_line_of(text, "ExecStart=+/usr/sbin/warmboot thaw ", argument, "");
	has_line(text, "[Unit]");
	has_line(text, "DefaultDependencies=no");
	has_line(text, "Requires=warmboot-hold.service");
	has_line(text, "Wants=warmboot-modules.service warmboot-thawed.service");
	has_line(text, "[Service]");
	has_line(text, "Type=forking");
	has_line(text, "NotifyAccess=exec");
	has_line(text, "FileDescriptorStoreMax=8");
	has_line(text, "TimeoutStartSec=60s");
	has_line(text, "Restart=no");
	has_line(text, "Nice=-20");
	has_not(text, "Type=notify");
	has_not(text, "Type=simple");
	has_not(text, "WantedBy");
	has_not(text, "Condition");
	has_not(text, "Conflicts");
	has_not(text, "ExecReload");
	has_not(text, "ExecStop");
	has_not(text, "Restart=always");
	has_not(text, "WatchdogSec");
	has_not(text, "SystemCall");
	has_not(text, "Restrict");
	has_not(text, "CapabilityBoundingSet");
	has_not(text, "NoNewPrivileges");
	has_not(text, "/dev/mem");
	has_not(text, "block-");
}

static void is_ours(const char *text, const char *unit)
{
	is_ours_as(text, unit, unit);
}

/* As in Debian's packages: the settings of their units, in another order. */
static const char memcached[] =
	"[Unit]\n"
	"Description=memcached daemon\n"
	"After=network.target\n"
	"Documentation=man:memcached(1)\n\n"
	"[Service]\n"
	"ExecStart=/usr/share/memcached/scripts/systemd-memcached-wrapper /etc/memcached.conf\n"
	"PrivateTmp=true\n"
	"ProtectSystem=full\n"
	"NoNewPrivileges=true\n"
	"PrivateDevices=true\n"
	"CapabilityBoundingSet=CAP_SETGID CAP_SETUID CAP_SYS_RESOURCE\n"
	"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\n"
	"MemoryDenyWriteExecute=true\n"
	"ProtectKernelModules=true\n"
	"ProtectKernelTunables=true\n"
	"ProtectControlGroups=true\n"
	"RestrictRealtime=true\n"
	"RestrictNamespaces=true\n"
	"PIDFile=/run/memcached/memcached.pid\n"
	"Restart=always\n\n"
	"[Install]\n"
	"WantedBy=multi-user.target\n";

static void test_memcached(void **state)
{
	WB_CLEAN_STR text = NULL;

	assert_int_equal(replace("memcached.service", memcached, NULL, &text, NULL), 0);
	is_ours(text, "memcached.service");
	has_line(text, "Description=memcached daemon");
	has_line(text, "ProtectSystem=full");
	has_line(text, "SyslogIdentifier=systemd-memcached-wrapper");
	has_line(text, "PrivateDevices=true");
	has_line(text, "ProtectKernelTunables=true");
	has_line(text, "TemporaryFileSystem=/tmp:nosuid,nodev,mode=1777,size=50%,nr_inodes=1m");
	has_line(text,
		"After=warmboot-hold.service warmboot-modules.service systemd-remount-fs.service");
	has_line(text, "After=systemd-journald-dev-log.socket");
	has_line(text,
		"Before=warmboot-thawed.service nftables.service systemd-udev-trigger.service");
	has_not(text, "PrivateTmp");
	has_not(text, "network.target");
	has_not(text, "MemoryDenyWriteExecute");
	has_not(text, "memcached.pid");
	has_not(text, "ExecPaths");
}

static const char redis[] =
	"[Unit]\n"
	"Description=Advanced key-value store\n"
	"After=network.target\n"
	"[Service]\n"
	"Type=notify\n"
	"ExecStart=/usr/bin/redis-server /etc/redis/redis.conf --supervised systemd "
	"--daemonize no\n"
	"TimeoutStopSec=0\n"
	"Restart=always\n"
	"User=redis\n"
	"Group=redis\n"
	"RuntimeDirectory=redis\n"
	"RuntimeDirectoryMode=2755\n"
	"UMask=007\n"
	"PrivateTmp=true\n"
	"LimitNOFILE=65535\n"
	"ProtectSystem=strict\n"
	"ReadWritePaths=-/var/lib/redis\n"
	"ReadWriteDirectories=-/etc/redis\n"
	"CapabilityBoundingSet=\n"
	"PrivateUsers=true\n"
	"ProtectHostname=true\n"
	"ProtectProc=invisible\n"
	"RemoveIPC=true\n"
	"SystemCallFilter=@system-service\n"
	"SystemCallFilter=~ @privileged @resources\n"
	"NoExecPaths=/\n"
	"ExecPaths=/usr/bin/redis-server /usr/lib /lib\n"
	"[Install]\n"
	"WantedBy=multi-user.target\n"
	"Alias=redis.service\n";

static void test_redis(void **state)
{
	WB_CLEAN_STR text = NULL;

	assert_int_equal(replace("redis-server.service", redis, NULL, &text, NULL), 0);
	is_ours(text, "redis-server.service");
	has_line(text, "User=redis");
	has_line(text, "RuntimeDirectory=redis");
	has_line(text, "RuntimeDirectoryMode=2755");
	has_line(text, "ProtectProc=invisible");
	has_line(text, "ProtectHostname=true");
	has_line(text, "ReadWriteDirectories=-/etc/redis");
	/* Without this line the anchor could not even start. */
	has_line(text, "ExecPaths=/usr/sbin/warmboot");
	has_not(text, "LimitNOFILE");
	has_not(text, "PrivateUsers");
	has_not(text, "TimeoutStopSec=0");
	has_not(text, "UMask");
	has_not(text, "RemoveIPC");
}

static const char nginx[] =
	"[Unit]\n"
	"After=network-online.target remote-fs.target nss-lookup.target\n"
	"Wants=network-online.target\n"
	"ConditionFileIsExecutable=/usr/sbin/nginx\n"
	"[Service]\n"
	"Type=forking\n"
	"PIDFile=/run/nginx.pid\n"
	"ExecStartPre=/usr/sbin/nginx -t -q -g 'daemon on; master_process on;'\n"
	"ExecStart=/usr/sbin/nginx -g 'daemon on; master_process on;'\n"
	"ExecReload=/usr/sbin/nginx -g 'daemon on; master_process on;' -s reload\n"
	"ExecStop=-/sbin/start-stop-daemon --quiet --stop --retry QUIT/5 --pidfile "
	"/run/nginx.pid\n"
	"KillMode=mixed\n";

static void test_nginx(void **state)
{
	WB_CLEAN_STR text = NULL;

	assert_int_equal(replace("nginx.service", nginx, NULL, &text, NULL), 0);
	is_ours(text, "nginx.service");
	has_line(text, "SyslogIdentifier=nginx");
	has_not(text, "sbin/nginx");
	has_not(text, "DeviceAllow");
	has_not(text, "network-online");
	has_not(text, "TemporaryFileSystem");
}

static void test_ssh(void **state)
{
	static const char ssh[] =
		"[Unit]\nDescription=OpenBSD Secure Shell server\n"
		"After=network.target nss-user-lookup.target auditd.service\n"
		"ConditionPathExists=!/etc/ssh/sshd_not_to_be_run\n"
		"[Service]\nEnvironmentFile=-/etc/default/ssh\nExecStartPre=/usr/sbin/sshd -t\n"
		"ExecStart=/usr/sbin/sshd -D $SSHD_OPTS\nKillMode=process\nRestart=on-failure\n"
		"RestartPreventExitStatus=255\nType=notify\nRuntimeDirectory=sshd\n"
		"RuntimeDirectoryMode=0755\n[Install]\nWantedBy=multi-user.target\n"
		"Alias=sshd.service\n";
	WB_CLEAN_STR text = NULL;

	assert_int_equal(replace("ssh.service", ssh, NULL, &text, NULL), 0);
	is_ours(text, "ssh.service");
	has_line(text, "RuntimeDirectory=sshd");
	has_not(text, "Environment");
	has_not(text, "RestartPrevent");
}

static void test_template(void **state)
{
	static const char text_in[] =
		"[Unit]\nDescription=Tunnel %i\nPartOf=tunnel.service\nRequiresMountsFor=/data\n"
		"[Service]\nType=exec\nSlice=tunnel-%i.slice\nStateDirectory=tunnel/%i\n"
		"BindPaths=/srv/%i:/data \\\n# a comment inside\n    /srv/b\\\n"
		"ExecStart=/x\nExecStart=/usr/bin/tunnel %i\nWatchdogSec=10\n";
	WB_CLEAN_STR text = NULL;

	assert_int_equal(replace("tunnel@a\\x2db.service", text_in, NULL, &text, NULL), 0);
	is_ours_as(text, "tunnel@a\\x2db.service", "tunnel@a\\\\x2db.service");
	has_line(text, "Description=Tunnel %i");
	has_line(text, "Slice=tunnel-%i.slice");
	has_line(text, "StateDirectory=tunnel/%i");
	/* The continued line swallows the one after it, as systemd reads it, too. */
	has_line(text, "BindPaths=/srv/%i:/data      /srv/b ExecStart=/x");
	/* The unit waits for a mount, which waits for udev. */
	has_line(text, "After=warmboot-hold.service warmboot-modules.service "
		       "systemd-remount-fs.service local-fs.target");
	has_line(text, "Before=warmboot-thawed.service nftables.service");
	has_not(text, "PartOf");
}

static void test_transient(void **state)
{
	static const char text_in[] =
		"# This is a transient unit file, created programmatically via the systemd API. "
		"Do not edit.\n"
		"[Unit]\nDescription=/usr/bin/sleep 1000\n\n[Service]\nMemoryMax=64M\n"
		"MemoryMax=\nEnvironment=\"A=b c\"\nExecStart=\nExecStart=\"/usr/bin/sleep\" "
		"\"1000\"\n"
		"StandardOutput=tty\nStandardError=journal\nCPUQuotaPerSecUSec=500ms\n";
	WB_CLEAN_STR text = NULL;

	assert_int_equal(replace("run-r12.service", text_in, NULL, &text, NULL), 0);
	is_ours(text, "run-r12.service");
	has_line(text, "MemoryMax=");
	has_not(text, "CPUQuota");
	has_line(text, "StandardError=journal");
	has_not(text, "tty");
	has_not(text, "/usr/bin/sleep\"");
}

/* Without them systemd would have nothing to hand over; a socket unit usually comes after sysinit.target. */
static void test_sockets(void **state)
{
	struct wb_unit_text file = {
		.path = (char *)"/etc/x", .text = (char *)"[Service]\nExecStart=/x\n"};
	char *units[] = {(char *)"a.socket", (char *)"b.socket"};
	struct wb_stored stored[] = {{"x", "socket:[1]", 2, 3}, {"y", "socket:[2]", 2, 4}};
	const struct wb_manifest_unit u = {.unit = (char *)"a.service",
		.definition = {&file, 1},
		.sockets = {units, 2},
		.stored = {stored, 2}};
	const struct wb_replacement_wishes early = {
		.program = "/usr/sbin/warmboot", .before_coldplug = true, .deadline_s = 60};
	WB_CLEAN_STR text = NULL;

	assert_int_equal(wb_replacement_text(&u, &early, &text, NULL), 0);
	has_line(text, "Wants=a.socket");
	has_line(text, "After=a.socket");
	has_line(text, "Wants=b.socket");
	has_line(text, "After=b.socket");
	has_line(text, "Before=warmboot-thawed.service");
	/* A failed restore is not tried again for each client. */
	has_line(text, "ConditionPathExists=!/run/warmboot/thaw/a.service.json");
	has_line(text, "StartLimitIntervalSec=0");
	/* The namespaces of its sandbox, and what it stores itself. */
	has_line(text, "FileDescriptorStoreMax=10");
}

static void test_dropin(void **state)
{
	WB_CLEAN_STR text = NULL;

	/* An empty assignment in a drop-in clears the setting. */
	assert_int_equal(
		replace("memcached.service", memcached,
			"[Service]\r\nPrivateTmp=no\r\nMemoryMax=1G\r\n[Unit]\nAfter=x.service\n",
			&text, NULL),
		0);
	is_ours(text, "memcached.service");
	has_not(text, "TemporaryFileSystem");
	has_line(text, "MemoryMax=1G");
	has_not(text, "x.service");
}

/* Restored processes may open the same devices as the unit, and no others. */
static void test_devices(void **state)
{
	static const char *const settings[] = {"DevicePolicy=closed\n", "DevicePolicy=strict\n",
		"DeviceAllow=/dev/null rw\n", "ProtectClock=yes\n", "PrivateDevices=yes\n",
		"DevicePolicy=auto\nDeviceAllow=char-rtc r\n"};

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		struct wb_unit_text file = {};
		const struct wb_unit_texts u = {&file, 1};
		WB_CLEAN_STR text = NULL;
		WB_CLEAN_STR definition = NULL;

		assert_true(
			asprintf(&definition, "[Service]\nExecStart=/bin/a\n%s", settings[i]) > 0);
		file.text = definition;
		assert_int_equal(replace("a.service", definition, NULL, &text, NULL), 0);
		is_ours(text, "a.service");
		assert_non_null(strstr(text, settings[i]));
		/* Before systemd has made the rules, nothing may be restored. */
		assert_non_null(wb_definition_asks(&u));
	}
}

static void test_refused(void **state)
{
	WB_CLEAN_STR text = NULL;
	WB_CLEAN_STR rules = NULL;
	struct wb_error err = {};

	/* Its settings for the sandbox are implied, a /tmp of its own among them. */
	assert_int_equal(replace("a.service", "[Service]\nDynamicUser=yes\nPrivateTmp=yes\n", NULL,
				 &text, &err),
		0);
	assert_non_null(strstr(text, "DynamicUser=yes\n"));
	has_not(text, "TemporaryFileSystem=");
	free(text);
	text = NULL;
	assert_int_equal(replace("a.service", "[Service]\nRootDirectory=/srv\n", NULL, &text, &err),
		-EOPNOTSUPP);
	/* These are rules of the control group, which no process takes along. */
	assert_int_equal(replace("a.service", "[Service]\nRestrictFileSystems=ext4 tmpfs\n", NULL,
				 &text, &err),
		-EOPNOTSUPP);
	assert_string_equal(err.text, "a.service has RestrictFileSystems= set, and its processes "
				      "would come back without it");
	assert_int_equal(replace("a.service",
				 "[Service]\nRestrictFileSystems=ext4\nRestrictFileSystems=\n"
				 "BPFProgram=egress:/sys/fs/bpf/x\nBindNetworkInterface=v0\n",
				 NULL, &rules, &err),
		0);
	assert_non_null(strstr(rules, "\nBPFProgram=egress:/sys/fs/bpf/x\n"));
	assert_non_null(strstr(rules, "\nBindNetworkInterface=v0\n"));
	assert_int_equal(replace("a.service", "[Service]\nPrivateNetwork=on\n",
				 "[Service]\nPrivateNetwork=off\n", &text, &err),
		0);
	assert_non_null(text);
}

static void late(const char *definition, const char *after, const char *want)
{
	struct wb_unit_text text = {"/etc/systemd/system/a@.service", (char *)definition};
	const struct wb_unit_texts u = {&text, 1};
	WB_CLEAN_STRV list = {}, sockets = {};
	const char *got;

	assert_int_equal(wb_strv_add(&list, "sysinit.target"), 0);
	assert_int_equal(wb_strv_add(&list, "system-a.slice"), 0);
	assert_int_equal(wb_strv_add(&list, after), 0);
	assert_int_equal(wb_strv_add(&sockets, "own.socket"), 0);
	assert_int_equal(wb_definition_late(&u, &list, &sockets, &got), 0);
	if (want)
		assert_string_equal(got, want);
	else
		assert_null(got);
}

static void test_late(void **state)
{
	late("[Service]\nExecStart=/bin/a\n", "tmp.mount", NULL);
	late("[Unit]\nAfter=network.target b.service\n", "b.service", NULL);
	late("[Unit]\nAfter=network.target b.service\n", "c.service", "c.service");
	late("[Unit]\nAfter=bb.service\n", "b.service", "b.service");
	late("[Unit]\nAfter=bb.service\n", "own.socket", NULL);
	late("[Unit]\nAfter=bb.service\n", "other.socket", "other.socket");
	late("[Unit]\nAfter=b@%i.service\n", "b@1.service", NULL);
	late("[Unit]\nAfter=%p.socket\n", "a.socket", "a.socket");
	late("", "a.timer", "a.timer");
	/* systemd-oomd acts for ManagedOOM…=kill, and it waits for swap. */
	late("", "systemd-oomd.service", "systemd-oomd.service");
}

static void dirs(const char *unit, const char *const *want)
{
	WB_CLEAN_STRV got = {};

	assert_int_equal(wb_definition_dropin_dirs(unit, &got), 0);
	for (size_t i = 0; i < got.n || want[i]; i++) {
		assert_true(i < got.n && want[i]);
		assert_string_equal(got.items[i], want[i]);
	}
}

static void test_dirs(void **state)
{
	dirs("foo.service", (const char *const[]){"foo.service.d", "service.d", NULL});
	dirs("a-b-c.service", (const char *const[]){"a-b-c.service.d", "a-b-.service.d",
				      "a-.service.d", "service.d", NULL});
	dirs("a-b@c.service", (const char *const[]){"a-b@c.service.d", "a-b@.service.d",
				      "a-@c.service.d", "a-@.service.d", "service.d", NULL});
}

static void test_limits_memory(void **state)
{
	static const struct {
		const char *text;
		bool limits;
	} cases[] = {
		{"[Service]\nMemoryMax=1G\n", true},
		{"[Service]\nMemorySwapMax=0\n", true},
		{"[Service]\nMemoryMax=infinity\nMemoryHigh=\n", false},
		{"[Service]\nMemoryAccounting=yes\nMemoryDenyWriteExecute=yes\n", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_unit_text text = {.text = (char *)cases[i].text};
		const struct wb_unit_texts u = {&text, 1};

		assert_int_equal(wb_definition_limits_memory(&u), cases[i].limits);
	}
}

static void test_restarts(void **state)
{
	static const struct {
		const char *text, *dropin;
		bool success, failure;
	} cases[] = {
		{"[Service]\nRestart=always\n", "", true, true},
		{"[Service]\nRestart=on-failure\n", "[Service]\nRestart=on-success\n", true, false},
		{"[Service]\nRestart=always\n", "[Service]\nRestart=no\n", false, false},
		{"[Service]\nRestart=always\n", "[Service]\nRestart=\n", true, true},
		{"[Service]\nRestart=on-abnormal\nRestartSec=1\n", "", false, true},
		{"[Service]\nExecStart=/bin/x\n", "", false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wb_unit_text texts[] = {
			{.text = (char *)cases[i].text}, {.text = (char *)cases[i].dropin}};
		const struct wb_unit_texts u = {texts, 2};

		assert_int_equal(wb_definition_restarts(&u, false), cases[i].success);
		assert_int_equal(wb_definition_restarts(&u, true), cases[i].failure);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memcached),
		cmocka_unit_test(test_redis),
		cmocka_unit_test(test_nginx),
		cmocka_unit_test(test_ssh),
		cmocka_unit_test(test_template),
		cmocka_unit_test(test_transient),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_dropin),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_dirs),
		cmocka_unit_test(test_limits_memory),
		cmocka_unit_test(test_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
