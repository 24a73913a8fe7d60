// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: are there devices whose drivers are known to make trouble? */
#include <string.h>

#include "core/text.h"
#include "guard/checks.h"

/* A device of a virtual machine writes to memory on its own, and no driver of this kernel stops it. */
static int check_assigned(
	const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_STRV devices = {};
	int e = wb_check_list(f, WB_PCI_DEVICES, &devices, err);

	for (size_t i = 0; e > 0 && i < devices.n; i++) {
		WB_CLEAN_STR path = wb_strf(WB_PCI_DEVICES "/%s/driver", devices.items[i]);
		WB_CLEAN_STR driver = NULL;

		if (!path || wb_check_device_link(f, devices.items[i], "driver", &driver) < 0)
			return wb_oom(err);
		if (!driver || strcmp(driver, "vfio-pci") != 0)
			continue;
		e = wb_finding_add(r, WB_SEVERITY_WARNING, path,
			"stop the virtual machine that has the device before the jump",
			"the device %s belongs to virtual machines (vfio-pci): nothing resets it "
			"at a jump, and it may go on writing to memory",
			devices.items[i]);
		e = e < 0 ? e : 1;
	}
	return e < 0 ? e : 0;
}

static int check_nvidia(const struct wb_check_facts *f, struct wb_check_report *r)
{
	static const char path[] = "/sys/module/nvidia";

	if (!f->files->exists(f->files->ctx, path))
		return 0;
	return wb_finding_add(r, WB_SEVERITY_WARNING, path,
		"stop what uses the card, then run \"modprobe -r nvidia_uvm nvidia_drm "
		"nvidia_modeset nvidia\"",
		"the driver of NVIDIA's cards is loaded, and the next kernel's may not take over "
		"the card");
}

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	int e = check_assigned(f, r, err);

	return e < 0 ? e : check_nvidia(f, r);
}

const struct wb_check wb_check_drivers = {
	.id = "drivers",
	.about = "devices that belong to virtual machines (vfio-pci), and NVIDIA's driver",
	.look = look,
};
