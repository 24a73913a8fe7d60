// SPDX-License-Identifier: LGPL-2.1-or-later
/* The source "bls": text files in loader/entries (Boot Loader Specification type 1, UAPI.1). */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bls/dirs.h"
#include "bls/file.h"
#include "bls/kernel.h"
#include "bls/loader.h"
#include "bls/sdboot.h"
#include "bls/smbios.h"
#include "bls/sources.h"
#include "bls/stub.h"
#include "core/cmdline.h"

static char *steal(char **p)
{
	char *s = *p;

	*p = NULL;
	return s;
}

struct type1 {
	const struct wb_files *files;
	const struct wb_boot_dirs *dirs;
	const char *mount, *path; /* of the .conf file */
	struct wb_bls_file *f;
	struct wb_entry *e;
};

static int add_initrd(const struct type1 *t, const char *path)
{
	WB_CLEAN_STR full = wb_boot_path(t->files, t->dirs, t->mount, path);

	if (wb_leads_out(path))
		return wb_entry_cannot(t->e, "its initrd %s lies outside of the partition", path);
	return full ? wb_strv_add(&t->e->initrds, full) : -ENOMEM;
}

static int take_initrd_word(const char *name, const char *value, void *arg)
{
	/* "initrd=START,SIZE" is an old form with addresses, not a path. */
	if (strcmp(name, "initrd") != 0 || !value || (*value != '/' && *value != '\\'))
		return 0;
	return add_initrd(arg, value);
}

/*
 * Fill in a kernel that systemd-boot starts itself. Without initrd lines, the kernel's own EFI part
 * reads the initrds that the command line names (drivers/firmware/efi/libstub/efi-stub-helper.c).
 */
static int fill_kernel(const struct type1 *t)
{
	const struct wb_bls_file *f = t->f;
	unsigned int version;
	bool is_sdboot;
	int r = wb_sdboot_version(t->files, &is_sdboot, &version);

	if (r < 0)
		return r;
	t->e->cmdline = strdup(f->options ? f->options : "");
	if (!t->e->cmdline)
		return -ENOMEM;
	for (size_t i = 0; i < f->initrds.n && f->has_linux && r == 0; i++)
		r = add_initrd(t, f->initrds.items[i]);
	if (r == 0 && !t->e->initrds.n)
		r = wb_cmdline_each(t->e->cmdline, take_initrd_word, (void *)t);
	t->e->release = wb_entry_release(t->files, t->e->kernel);
	return r == 0 && is_sdboot && f->has_linux
		       ? wb_smbios_words(t->files, "io.systemd.boot.kernel-cmdline-extra=", t->e)
		       : r;
}

/* Read the number of a profile; no image has more than six digits of them. */
static bool get_profile(const char *text, unsigned int *ret)
{
	if (!*text || text[strspn(text, "0123456789")] || strlen(text) > 6)
		return false;
	*ret = (unsigned int)strtoul(text, NULL, 10);
	return true;
}

static int fill_uki(const struct type1 *t, const struct wb_pe *pe)
{
	WB_CLEAN_UKI uki = {};
	struct wb_entry *e = t->e;
	int r;

	if (t->f->profile && !get_profile(t->f->profile, &e->profile))
		return wb_entry_cannot(e, "'%s' is no number of a profile", t->f->profile);
	r = wb_uki_read(t->files, e->kernel, pe, e->profile, &uki);
	if (r == -ENOENT)
		return wb_entry_cannot(e, "%s has no profile %u", e->kernel, e->profile);
	if (r < 0)
		return r;
	/*
	 * systemd-boot passes initrds on only for "linux", and the stub's treatment of them depends
	 * on its version.
	 */
	if (t->f->has_linux && t->f->initrds.n)
		r = wb_entry_cannot(e,
			"it has 'initrd' lines for a unified kernel image, which versions of "
			"systemd-stub treat differently");
	if (uki.uname)
		e->release = strndup(uki.uname, strcspn(uki.uname, " \r\n"));
	return r == 0 ? wb_stub_fill(t->files, t->dirs, t->mount, &uki, t->f->options, e) : r;
}

static int fill_program(const struct type1 *t)
{
	WB_CLEAN_PE pe = {};
	struct wb_error err = {};
	int r = wb_pe_read(t->files, t->e->kernel, &pe, &err);

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return wb_entry_cannot(t->e, "%s", err.text);
	if (pe.kind == WB_PE_UKI)
		return fill_uki(t, &pe);
	if (pe.kind == WB_PE_FOREIGN)
		return wb_entry_cannot(t->e, "%s is for another kind of machine", t->e->kernel);
	if (t->f->has_uki)
		return wb_entry_cannot(t->e, "%s is no unified kernel image", t->e->kernel);
	if (t->f->efi && pe.kind != WB_PE_KERNEL)
		return wb_entry_cannot(t->e, "it starts an EFI program, not a kernel");
	return fill_kernel(t);
}

/* Note the keys that warmboot knows but cannot obey. */
static int check_keys(const struct type1 *t)
{
	const struct wb_bls_file *f = t->f;
	const struct {
		const char *key, *value;
	} rows[] = {
		{"devicetree", f->devicetree},
		{"devicetree-overlay", f->overlay},
		{"extra", f->extra},
	};
	const char *options = f->options ? f->options : "";
	int r = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows) && r == 0; i++)
		if (rows[i].value)
			r = wb_entry_lacks(t->e, "its '%s' line (%s) is not passed on", rows[i].key,
				rows[i].value);
	/*
	 * A kernel below Xen has "placeholder" in place of its name (Xen's xen/arch/x86/setup.c).
	 */
	if (r == 0 && strncmp(options, "placeholder", 11) == 0 &&
		(!options[11] || options[11] == ' '))
		r = wb_entry_cannot(t->e,
			"its options are those of a kernel below Xen (they begin with "
			"'placeholder')");
	return r;
}

/* Fill in `e`, whose id and counters are set. */
static int fill(const struct type1 *t, const char *kernel)
{
	struct wb_bls_file *f = t->f;
	struct wb_entry *e = t->e;
	int r;

	e->kernel = f->url ? strdup(f->url) : wb_boot_path(t->files, t->dirs, t->mount, kernel);
	e->version = steal(&f->version);
	e->sort_key = steal(&f->sort_key);
	e->machine_id = steal(&f->machine_id);
	e->title = f->title ? steal(&f->title) : strdup(e->id);
	e->since = f->has_uki || f->url ? 258 : 0;
	if (asprintf(&e->source, "bls %s", t->path) < 0)
		e->source = NULL;
	if (!e->kernel || !e->title || !e->source)
		return -ENOMEM;
	if (f->url)
		return wb_entry_cannot(e, "its kernel comes from the network (%s)", f->url);
	r = check_keys(t);
	if (r == 0 && !e->cannot && t->files->exists(t->files->ctx, e->kernel))
		r = fill_program(t);
	return r;
}

/* Reason why systemd-boot leaves a file out of its menu; NULL: it does not. */
static const char *no_entry(const struct wb_bls_file *f, const char *kernel)
{
	if (f->has_linux + f->has_uki + f->efi + !!f->url > 1)
		return "it has more than one of 'linux', 'uki', 'uki-url' and 'efi'";
	if (!kernel)
		return "it names no kernel (no 'linux' line)";
	if (wb_leads_out(kernel))
		return "its path leads out of the partition";
	return NULL;
}

/*
 * Is the file the boot loader itself, which it leaves out of its menu? LoaderImageIdentifier has
 * its path.
 */
static bool is_loader(const struct wb_files *files, const char *path)
{
	WB_CLEAN_STR self = NULL;
	const char *a = path, *b;

	if (wb_loader_variable(files, "LoaderImageIdentifier", &self) < 0)
		return false;
	a += strspn(a, "/\\");
	b = self + strspn(self, "/\\");
	while (*a && (tolower((unsigned char)*a) == tolower((unsigned char)*b) ||
			     (strchr("/\\", *a) && *b && strchr("/\\", *b)))) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static int find_one(const struct wb_files *files, const char *mount, const char *name,
	const struct wb_boot_dirs *dirs, struct wb_entries *ret)
{
	WB_CLEAN_BLOB text = {};
	WB_CLEAN_STR path = NULL;
	struct wb_bls_file f = {};
	struct wb_entry e = {};
	const char *kernel, *why;
	int r = 0;

	if (!wb_bls_name(name, ".conf", false, &e.id, &e) || strncasecmp(name, "auto-", 5) == 0) {
		wb_entry_deinit(&e);
		return 0;
	}
	if (e.id && asprintf(&path, "%s/loader/entries/%s", mount, name) < 0)
		path = NULL;
	if (!e.id || !path)
		r = -ENOMEM;
	if (r == 0 && !(dirs->by_id && wb_entries_has(ret, e.id)))
		r = wb_read_text(files, path, &ret->warnings, &text);
	if (r == 0 && text.data)
		r = wb_bls_parse((char *)text.data, &f);
	kernel = f.linux_path ? f.linux_path : f.efi_path ? f.efi_path : f.url;
	why = no_entry(&f, kernel);
	if (r == 0 && text.data && why) {
		r = wb_entries_warn(ret, "%s was skipped: %s", path, why);
	} else if (r == 0 && text.data && f.architecture &&
		   strcasecmp(f.architecture, WB_EFI_ARCH) != 0) {
		r = wb_entries_warn(
			ret, "%s was skipped: it is for the architecture %s", path, f.architecture);
	} else if (r == 0 && text.data && f.efi && is_loader(files, kernel)) {
		r = wb_entries_warn(ret, "%s was skipped: it starts the boot loader itself", path);
	} else if (r == 0 && text.data) {
		const struct type1 t = {files, dirs, mount, path, &f, &e};

		r = fill(&t, kernel);
		if (r == 0 && !f.url && !files->exists(files->ctx, e.kernel))
			r = wb_entries_warn(ret, "%s was skipped: its kernel %s does not exist",
				path, e.kernel);
		else if (r == 0)
			r = wb_menu_add(path, name, ".conf", &e, ret);
	}
	wb_bls_file_deinit(&f);
	wb_entry_deinit(&e);
	return r == -ENOMEM ? r : 0;
}

static int find(const struct wb_files *files, struct wb_entries *ret, struct wb_error *err)
{
	WB_CLEAN_BOOT_DIRS dirs = {};
	int r = wb_boot_dirs_find(files, ret, &dirs);

	return r == -ENOMEM ? r : wb_boot_dirs_each(files, &dirs, "loader/entries", find_one, ret);
}

const struct wb_entry_source wb_source_bls = {"bls", find};
