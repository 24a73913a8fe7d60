// SPDX-License-Identifier: LGPL-2.1-or-later
/* Check: does an update wait that only a boot through the firmware brings? */
#include <string.h>

#include "guard/checks.h"

/* UEFI 2.10, 8.5.4: the first four bytes are the attributes. */
#define OS_INDICATIONS \
	"/sys/firmware/efi/efivars/OsIndications-8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define CAPSULE_FROM_DISK 0x04
#define INTO_SETUP 0x01

static int look(const struct wb_check_facts *f, struct wb_check_report *r, struct wb_error *err)
{
	WB_CLEAN_BLOB variable = {};
	int e = wb_check_read(f, OS_INDICATIONS, &variable, err);

	if (e <= 0)
		return e;
	if (variable.size > 4 && variable.data[4] & CAPSULE_FROM_DISK)
		return wb_finding_add(r, WB_SEVERITY_WARNING, OS_INDICATIONS,
			"reboot through the firmware once, which installs it",
			"an update of the firmware waits for a boot through the firmware, and a "
			"jump "
			"does not bring it");
	if (variable.size > 4 && variable.data[4] & INTO_SETUP)
		return wb_finding_add(r, WB_SEVERITY_NOTE, OS_INDICATIONS,
			"nothing has to be done; a later boot through the firmware enters its "
			"setup",
			"somebody has asked for the firmware's setup at the next boot, and a jump "
			"does "
			"not enter it");
	return 0;
}

const struct wb_check wb_check_firmware_update = {
	.id = "firmware-update",
	.about = "an update of the firmware, or a visit to its setup, that a jump would pass over",
	.look = look,
};
