// SPDX-License-Identifier: LGPL-2.1-or-later
/* GRUB's language: the default entry after a script, and cases in which it is unknown. */
#include <stdio.h>

#include "sample-entries.h"

#define THREE                                            \
	"menuentry one --id one { linux /boot/k n=1 }\n" \
	"menuentry two --id two { linux /boot/k n=2 }\n" \
	"menuentry three --id three { linux /boot/k n=3 }\n"

struct script {
	const char *text; /* before three entries: one, two, three */
	const char *want; /* id of the default without "grub:", or "none" */
};

static void check(const struct script *s, size_t n, const char *env)
{
	for (size_t i = 0; i < n; i++) {
		char text[4096];
		const struct fake_file disk[] = {{"/boot/grub/grub.cfg", text},
			{"/boot/grub/grubenv", env}, {"/boot/grub/x.cfg", "set from_x=two\n"},
			{"/boot/grub/empty"}, {"/boot/k"}, {"/boot/vmlinuz-1"}, {"/boot/vmlinuz-2"},
			{}};

		snprintf(text, sizeof(text), "%s\n" THREE, s[i].text);
		{
			WB_CLEAN_ENTRIES all = entries_of(disk);
			const char *id = default_of(&all);

			if (strncmp(id, "grub:", 5) == 0)
				id += 5;
			if (strcmp(id, s[i].want) != 0)
				fail_msg("the default is %s, not %s, after: %s", id, s[i].want,
					s[i].text);
			if (strcmp(id, "none") == 0 &&
				!has_warning(&all, "no entry is the default"))
				fail_msg("no warning after: %s", s[i].text);
		}
	}
}

#define CHECK(scripts) check(scripts, sizeof(scripts) / sizeof(*scripts), GRUB_ENV GRUB_ENV_END)

static void loops_and_functions(void **state)
{
	static const struct script scripts[] = {
		/* rauc's A/B configuration: the first slot that is good. */
		{"for s in B A; do\n if [ $s == A ]; then i=0; fi\n if [ $s == B ]; then i=1; fi\n"
		 " if [ 1 -eq 1 ]; then default=$i\n break\n fi\ndone",
			"two"},
		{"for i in 2 1 0; do if [ $i = 1 ]; then continue; fi; set default=$i; done",
			"one"},
		{"for a in 1 2; do for b in 1 2; do set default=$b; break 2; done; set default=0; "
		 "done",
			"two"},
		{"for a in 1 2; do for b in 1 2; do continue 2; done; set default=2; done", "one"},
		{"function f { for a in 1 2; do set default=$a; break; done; }\n"
		 "for x in 1 2; do f; done",
			"two"},
		/* A break in a function leaves no loop of its caller's. */
		{"function f { break; }\nfor x in 1 2; do f; set default=$x; done", "three"},
		{"set pick=one\nfunction choose {\n if [ -f /boot/k ]; then\n set pick=two\n "
		 "return\n"
		 " fi\n set pick=three\n}\nchoose\nset default=$pick",
			"two"},
		{"function f { return 1; }\nif f; then set default=one; else set default=two; fi",
			"two"},
		{"function f { false; return; }\nif f; then set default=one; else set default=two; "
		 "fi",
			"two"},
		{"function f { return; }\nf\nset default=two", "two"},
		{"function f { set default=$2; }\nf one two three", "two"},
		{"function f { shift; set default=$1; }\nf one two three", "two"},
		{"function f { shift 2; set default=$1; }\nf one two three", "three"},
		{"function f { setparams x two; set default=$2; }\nf one one", "two"},
		{"function f { if [ $# = 2 ]; then set default=two; fi; }\nf a b", "two"},
		{"function f { for x in \"$@\"; do set default=$x; done; }\nf one 'two'", "two"},
		{"until [ \"$n\" = xx ]; do n=x$n; done\nwhile [ \"$n\" != xxx ]; do n=x$n; done\n"
		 "if [ $n = xxx ]; then set default=two; fi",
			"two"},
		{"while true; do set default=two; break; set default=three; done", "two"},
		/* Commands come before functions of the same name. */
		{"function echo { set default=two; }\necho x", "one"},
		{"function gfxmode { set default=$1; }\ngfxmode two", "two"},
	};

	CHECK(scripts);
}

static void words_and_tests(void **state)
{
	static const struct script scripts[] = {
		{"set name=SLOT_b\nset SLOT_b=two\neval \"set default=\\$$name\"", "two"},
		{"eval set default=two ';' set x=1", "two"},
		{"if ! [ -f /boot/none ]; then set default=two; fi", "two"},
		{"if ! [ -f /boot/k ]; then set default=two; fi", "one"},
		{"! false\nif [ $? = 0 ]; then set default=two; fi", "two"},
		{"if [ ! -f /boot/none -a -f /boot/k ]; then set default=two; fi", "two"},
		{"if [ a = b -o ! ( a = b ) ]; then set default=two; fi", "two"},
		/* Neither -a nor -o before another: from left to right. */
		{"if [ a = b -o a = a -a a = b ]; then set default=two; fi", "one"},
		{"if [ a = a -o a = b -a a = b ]; then set default=two; fi", "two"},
		{"if [ 010 -eq 8 -a 0x10 -eq 16 ]; then set default=two; fi", "two"},
		{"if [ -1 -lt 0 ]; then set default=two; fi", "two"},
		{"if [ vmlinuz-2 -plt vmlinuz-11 ]; then set default=two; fi", "two"},
		{"if [ -d /boot/grub -a ! -d /boot/k ]; then set default=two; fi", "two"},
		{"if [ -e /boot/grub -a ! -f /boot/grub ]; then set default=two; fi", "two"},
		{"if [ ! -s /boot/grub/empty ]; then set default=two; fi", "two"},
		{"if [ -z \"$none\" -a -n x ]; then set default=two; fi", "two"},
		{"if test x; then set default=two; fi", "two"},
		{"if [ ]; then set default=two; fi", "two"},
		/* No branch was taken: that is success. */
		{"if false; then true; fi\nif [ $? = 0 ]; then set default=two; fi", "two"},
		{"for k in /boot/vmlinuz-*; do found=$k; done\n"
		 "if [ -n \"$found\" ]; then set default=two; fi",
			"none"},
		{"for k in /boot/vmlinuz-1*; do found=$k; done\n"
		 "if [ $found = /boot/vmlinuz-1 ]; then set default=two; fi",
			"two"},
		{"for k in /boot/none-*; do found=$k; done\n"
		 "if [ \"$found\" = '/boot/none-*' ]; then set default=two; fi",
			"two"},
		{"for k in '/boot/vmlinuz-?' \"/boot/*\"; do n=x$n; done\n"
		 "if [ $n = xx ]; then set default=two; fi",
			"two"},
		/* Blanks around a value end no word; those in it do. */
		{"a=' two '\nset default=$a", "two"},
		{"a='two x'\nset default=$a", "two"},
		{"a='x two'\nfunction f { set default=$2; }\nf $a", "two"},
		{"function f { set default=$1; }\nf $none two", "two"},
		{"function f { set default=$2; }\nf \"$none\" two", "two"},
		{"set default=t\\wo", "two"},
		{"set a=w; set default=\"t${a}\"'o'", "two"},
		{"if nosuch=1; then set default=two; fi", "two"},
		{"function f { set default=$?; }\nfalse\nf", "two"},
		{"for x in; do true; done\nif [ $? = 0 ]; then set default=two; fi", "two"},
		{"source /boot/grub/x.cfg\nset default=$from_x", "two"},
		{"source /boot/grub/none.cfg\nset default=two", "two"},
		{"set default='two'\nunset default", "one"},
		{"set a=1; increment a; increment a; decrement a; set default=$a", "three"},
	};

	CHECK(scripts);
}

/* An unknown value decides on no default, and does no harm elsewhere. */
static void unknown_decides_nothing(void **state)
{
	static const struct script scripts[] = {
		{"smbios --type 1 --get-string 5 --set product\n"
		 "if [ \"$product\" = X ]; then set default=two; fi",
			"none"},
		{"gptpriority hd0 2 prioA\ngptpriority hd0 4 prioB\n"
		 "if [ $prioA -lt $prioB ]; then set default=two; else set default=one; fi",
			"none"},
		{"regexp --set=1:slot '(.*)' \"$x\"\nset default=$slot", "none"},
		{"regexp -s slot a b\nset default=$slot", "none"},
		{"probe --set id --fs-uuid $root\nset default=$id", "none"},
		{"if cpuid -l; then set default=two; fi", "none"},
		{"read key\nif [ -n \"$key\" ]; then set default=two; fi", "none"},
		{"something default", "none"},
		{"something --var=default", "none"},
		{"if something; then set default=two; else set default=two; fi", "two"},
		{"if something; then set x=1; else set x=2; fi\nset default=two", "two"},
		{"if something; then set x=1; else set x=2; fi\nset default=$x", "none"},
		{"something x\nset y=a$x\nset default=two\nif [ $y = ab ]; then set z=1; fi",
			"two"},
		{"something x\nif [ $x = 1 ]; then set d=two; elif [ $x = 2 ]; then set d=two; "
		 "else set d=two; fi\nset default=$d",
			"two"},
		{"something x\nif [ $x = 1 ]; then set d=two; elif [ $x = 2 ]; then set d=three; "
		 "else set d=two; fi\nset default=$d",
			"none"},
		{"something x\nset $x=two", "none"},
		{"something x\n$x default", "none"},
		{"something x\neval \"$x\"", "none"},
		{"function f { something x\n if [ $x = 1 ]; then return; fi; set default=two; }\nf",
			"none"},
		{"function f { something x\n if [ $x = 1 ]; then return; fi; set y=1; }\nf\n"
		 "set default=two",
			"two"},
		{"set default=one\nfor i in 1 2; do something x\n"
		 "if [ $x = 1 ]; then break; fi; set default=$i; done",
			"none"},
		{"something x\nfor i in $x; do set default=two; done", "none"},
		{"something x\nwhile [ $x = 1 ]; do set default=two; done", "none"},
		{"something x\nfunction f { set default=$1; }\nf $x two", "none"},
		{"something x\nif [ $x = 1 ]; then menuentry zero { linux /boot/k }; fi\nset "
		 "default=1",
			"none"},
		{"something x\nif [ $x = 1 ]; then menuentry zero { linux /boot/k }; fi\nset "
		 "default=two",
			"two"},
		{"set default=$\"two\"", "none"},
		{"if [ a -nt b ]; then set default=two; fi", "none"},
		{"source (hd1,9)/none/such.cfg\nset default=two", "none"},
		{"search --set=x --label data\nif [ -n \"$x\" ]; then set default=two; fi", "two"},
		{"search --set=x --label data\nif [ $x = hd0 ]; then set default=two; fi", "none"},
		{"if loadfont unicode; then set gfxmode=auto; fi\nset default=two", "two"},
		{"if keystatus --shift; then set default=two; fi", "one"},
		{"if sleep --interruptible 0; then set default=two; fi", "two"},
		{"efi-load-env x", "none"},
		{"exit", "none"},
		{"insmod x\nset default=two\nboot", "none"},
		{"set default=two | x", "none"},
		{"if [ a < b ]; then set default=two; fi", "none"},
		{"hiddenentry x { linux /boot/k }", "none"},
		{"set default=$", "none"},
	};

	CHECK(scripts);
}

/* An endless loop, endless recursion and the like end with a sentence. */
static void limits(void **state)
{
	static const struct script scripts[] = {
		{"while true; do true; done", "none"},
		{"function f { f; }\nf", "none"},
		{"eval \"eval 'eval x'\"", "one"},
		{"source /boot/grub/grub.cfg", "none"},
		{"configfile /boot/grub/grub.cfg", "none"},
		{"a=xxxxxxxxxxxxxxxx; while true; do a=$a$a; done", "none"},
		{"while something; do while something; do while something; do set x=1; done; done; "
		 "done",
			"one"},
	};

	CHECK(scripts);
}

static void environment(void **state)
{
	static const struct script scripts[] = {
		{"load_env\nset default=$saved_entry", "two"},
		{"load_env saved_entry\nset default=${saved_entry}${next_entry}", "two"},
		{"load_env --file /boot/grub/grubenv\nif [ \"$next_entry\" ]; then "
		 "set default=$next_entry; else set default=$saved_entry; fi",
			"three"},
		{"load_env -f /boot/grub/none\nset default=two", "two"},
	};

	check(scripts, sizeof(scripts) / sizeof(*scripts),
		GRUB_ENV "saved_entry=two\nnext_entry=three\n" GRUB_ENV_END);
}

/* A choice for one boot: which file a jump that stands for that boot has to clear. */
static void one_boot_only(void **state)
{
	static const struct {
		const char *env, *script, *once;
	} cases[] = {
		{"next_entry=two\n", "set next_entry=\nsave_env next_entry", "/boot/grub/grubenv"},
		{"next_entry=two\n", "set next_entry=\nsave_env -f $prefix/grubenv x next_entry",
			"/boot/grub/grubenv"},
		{"next_entry=two\n", "save_env next_entry", NULL},
		{"next_entry=two\n", "set next_entry=\nsave_env saved_entry", NULL},
		{"next_entry=two\n", "set next_entry=\nsave_env -f (hd1,9)/none next_entry", NULL},
		{"next_entry=\nsaved_entry=two\n", "set next_entry=\nsave_env next_entry", NULL},
		{"next_entry=gone\n", "set next_entry=\nsave_env next_entry", "/boot/grub/grubenv"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[1024], env[256];
		const struct fake_file disk[] = {{"/boot/grub/grub.cfg", text},
			{"/boot/grub/grubenv", env}, {"/boot/k"}, {}};

		snprintf(env, sizeof(env), GRUB_ENV "%s" GRUB_ENV_END, cases[i].env);
		snprintf(text, sizeof(text),
			"load_env\nif [ \"${next_entry}\" ]; then set default=\"${next_entry}\"\n"
			"else set default=\"${saved_entry}\"; fi\n%s\n" THREE,
			cases[i].script);
		{
			WB_CLEAN_ENTRIES all = entries_of(disk);

			for (size_t k = 0; k < all.n; k++) {
				const char *want = all.items[k].is_default ? cases[i].once : NULL;

				if (!want != !all.items[k].once ||
					(want && strcmp(want, all.items[k].once) != 0))
					fail_msg("case %zu: %s", i, all.items[k].once);
			}
			assert_string_not_equal(default_of(&all), "none");
		}
	}
}

/* Bodies run when the entry starts: what is set later counts, and parameters are the entry's own. */
static void bodies(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub/grub.cfg",
			"for v in 6.1.1 6.1.2; do\nmenuentry \"Linux $v\" \"$v\" root=/dev/vda1 "
			"--class gnu "
			"{ linux /boot/vmlinuz-$2 $3 ro $late v=$v\ninitrd /boot/initrd.img-$2 "
			"}\ndone\n"
			"menuentry maybe { something x\n linux /boot/vmlinuz-6.1.1 x=$x }\n"
			"menuentry either { if something; then linux /boot/vmlinuz-6.1.1 a\n"
			"else linux /boot/vmlinuz-6.1.2 a\nfi }\n"
			"menuentry same { if something; then linux /boot/vmlinuz-6.1.1 a\n"
			"else linux /boot/vmlinuz-6.1.1 a\nfi }\n"
			"menuentry fallback { if ! linux /boot/gone; then linux "
			"/boot/vmlinuz-6.1.2 b\nfi }\n"
			"menuentry boots { linux /boot/vmlinuz-6.1.1 c\nboot\nlinux "
			"/boot/vmlinuz-6.1.2 d\n}\n"
			"menuentry one { for k in /boot/vmlinuz-6.1.2*; do set f=$k; done\nlinux "
			"$f }\n"
			"menuentry many { linux /boot/vmlinuz-6.1.* }\n"
			"submenu sub { set hidden=1\n menuentry in { linux /boot/vmlinuz-6.1.1 "
			"\"seen=$seen$unseen$hidden\" }\n}\n"
			"set seen=1\nset unseen=2\nexport seen\nset late=later\n"},
		{"/boot/vmlinuz-6.1.1"}, {"/boot/initrd.img-6.1.1"}, {"/boot/vmlinuz-6.1.2"},
		{"/boot/initrd.img-6.1.2"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);
	const struct wb_entry *e = entry_of(&all, "grub:Linux 6.1.1");

	assert_non_null(e);
	assert_string_equal(e->kernel, "/boot/vmlinuz-6.1.1");
	assert_string_equal(e->initrds.items[0], "/boot/initrd.img-6.1.1");
	assert_string_equal(e->cmdline, "root=/dev/vda1 ro later v=6.1.2");
	assert_true(e->is_default);
	assert_null(entry_of(&all, "grub:maybe"));
	assert_true(has_warning(&all, "'maybe' was skipped: its command line depends"));
	assert_null(entry_of(&all, "grub:either"));
	assert_true(has_warning(&all, "'either' was skipped: only GRUB can know what it boots"));
	assert_string_equal(entry_of(&all, "grub:same")->cmdline, "a");
	assert_string_equal(entry_of(&all, "grub:fallback")->cmdline, "b");
	assert_string_equal(entry_of(&all, "grub:boots")->cmdline, "c");
	assert_string_equal(entry_of(&all, "grub:one")->kernel, "/boot/vmlinuz-6.1.2");
	assert_null(entry_of(&all, "grub:many"));
	assert_string_equal(entry_of(&all, "grub:sub>in")->cmdline, "seen=11");
}

/* A number counts every entry, also those that are skipped; submenus have a default of their own. */
static void positions(void **state)
{
	static const struct {
		const char *spec, *want;
	} cases[] = {
		{"0", "none"},
		{"1", "grub:a"},
		{"2", "none"},
		{"3", "grub:sub>y"},
		{"3>0", "grub:sub>x"},
		{"sub>1", "grub:sub>y"},
		{"Sub title>x", "grub:sub>x"},
		{"sub>no", "grub:sub>x"},
		{"b>>c", "grub:b>c"},
		{"b>c", "none"},
		{"9", "none"},
		{"", "none"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[1024];
		const struct fake_file disk[] = {{"/boot/grub/grub.cfg", text}, {"/boot/k"}, {}};

		snprintf(text, sizeof(text),
			"set default='%s'\n"
			"menuentry win { chainloader /EFI/Microsoft/Boot/bootmgfw.efi }\n"
			"menuentry a --id a { linux /boot/k }\n"
			"menuentry gone { linux /boot/gone }\n"
			"submenu 'Sub title' --id sub { if [ -z \"$default\" ]; then default=1; "
			"fi\n"
			" menuentry x { linux /boot/k x }\n menuentry y { linux /boot/k y }\n}\n"
			"menuentry b>c --id 'b>c' { linux /boot/k bc }\n",
			cases[i].spec);
		if (strcmp(cases[i].spec, "b>>c") == 0 || strcmp(cases[i].spec, "b>c") == 0)
			strcpy(strstr(text, "menuentry b>c"),
				"menuentry 'b>c' { linux /boot/k bc }\n");
		else
			*strstr(text, "menuentry b>c") = 0;
		{
			WB_CLEAN_ENTRIES all = entries_of(disk);

			if (strcmp(default_of(&all), cases[i].want) != 0)
				fail_msg("'%s' gave %s, not %s", cases[i].spec, default_of(&all),
					cases[i].want);
		}
	}
}

/* Another configuration is a menu of its own, with what was exported. */
static void configfile(void **state)
{
	static const struct fake_file disk[] = {
		{"/boot/grub/grub.cfg",
			"set default=1\nset a=1\nset b=2\nexport b\n"
			"menuentry outer { linux /boot/k outer }\n"
			"configfile /boot/grub/none.cfg\nconfigfile /boot/grub/other.cfg\n"
			"menuentry late { linux /boot/k late }\n"},
		{"/boot/grub/other.cfg", "menuentry inner { linux /boot/k \"x=$a$b\" }\n"
					 "menuentry inner2 { linux /boot/k }\n"},
		{"/boot/k"}, {}};
	WB_CLEAN_ENTRIES all = entries_of(disk);

	assert_int_equal(all.n, 2);
	assert_string_equal(default_of(&all), "grub:inner");
	assert_string_equal(all.items[0].cmdline, "x=2");
	assert_string_equal(all.items[0].source, "grub /boot/grub/other.cfg");
}

/* The video blacklist of Ubuntu asks for PCI devices; vt.handoff depends on the answer. */
static void hardware(void **state)
{
#define HARDWARE(pattern, vendor)                                                                  \
	{                                                                                          \
		{"/boot/grub/grub.cfg",                                                            \
			"if hwmatch ${prefix}/gfxblacklist.txt 3; then if [ ${match} = 0 ]; then " \
			"set mode=keep; else set mode=text; fi; else set mode=text; fi\n"          \
			"menuentry a { linux /boot/k mode=$mode }\n"},                             \
			{"/boot/grub/gfxblacklist.txt", pattern}, {"/boot/k"},                     \
			{"/sys/bus/pci/devices/0000:00:01.0/class", "0x060000\n"},                 \
			{"/sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n"},                 \
			{"/sys/bus/pci/devices/0000:00:02.0/vendor", vendor},                      \
			{"/sys/bus/pci/devices/0000:00:02.0/device", "0xbeef\n"},                  \
			{"/sys/bus/pci/devices/0000:00:02.0/subsystem_vendor", "0x80ee\n"},        \
			{"/sys/bus/pci/devices/0000:00:02.0/subsystem_device", "0x0001\n"},        \
		{                                                                                  \
		}                                                                                  \
	}
	static const struct fake_file fits[] = HARDWARE("# VirtualBox\nv80eed.*\n\n", "0x80ee\n");
	static const struct fake_file other[] = HARDWARE("v80eedbeefsv.*\n", "0x8086\n");
	static const struct fake_file strange[] = HARDWARE("v(80ee|8086)+.*\n", "0x8086\n");
	WB_CLEAN_ENTRIES a = entries_of(fits);
	WB_CLEAN_ENTRIES b = entries_of(other);
	WB_CLEAN_ENTRIES c = entries_of(strange);

	assert_int_equal(a.n, 1);
	assert_string_equal(a.items[0].cmdline, "mode=text");
	assert_string_equal(b.items[0].cmdline, "mode=keep");
	assert_int_equal(c.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_and_functions),
		cmocka_unit_test(words_and_tests),
		cmocka_unit_test(unknown_decides_nothing),
		cmocka_unit_test(limits),
		cmocka_unit_test(environment),
		cmocka_unit_test(one_boot_only),
		cmocka_unit_test(bodies),
		cmocka_unit_test(positions),
		cmocka_unit_test(configfile),
		cmocka_unit_test(hardware),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
