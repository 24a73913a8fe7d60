// SPDX-License-Identifier: LGPL-2.1-or-later
/* The header of a saved image: the words that mark it as begun and as whole. */
#include <errno.h>
#include <string.h>

#include "libvirt/image.h"

#define MAGIC 16
#define VERSION_AT MAGIC
#define DATA_AT (MAGIC + 4)
#define FORMAT_AT (MAGIC + 12)
/* Of the image; libvirt has had this one since 2010. */
#define VERSION 2
/* The XML of a domain, twice as large as any, with libvirt's own padding of 64 KiB. */
#define LARGEST_DATA (64u << 20)
/* QEMU writes such an image at the offsets of its pages ("sparse", libvirt 11.2). */
#define FORMAT_SPARSE 6

static const char begun[] = "LibvirtQemudPart", whole[] = "LibvirtQemudSave";

int wb_domain_header_finish(
	uint8_t header[WB_DOMAIN_HEADER], uint32_t *ret_data, struct wb_error *err)
{
	uint32_t version, data, format;

	/* In the order of this machine's bytes. */
	memcpy(&version, header + VERSION_AT, sizeof(version));
	memcpy(&data, header + DATA_AT, sizeof(data));
	memcpy(&format, header + FORMAT_AT, sizeof(format));
	if (memcmp(header, begun, MAGIC) || version != VERSION || !data || data > LARGEST_DATA)
		return wb_fail(err, -EBADMSG,
			"libvirt saves in a way that this version of warmboot does not know");
	if (format >= FORMAT_SPARSE)
		return wb_fail(err, -EOPNOTSUPP,
			"libvirt saves with save_image_format=\"sparse\" (/etc/libvirt/qemu.conf), "
			"which needs a file on a disk: use \"raw\"");
	memcpy(header, whole, MAGIC);
	*ret_data = data;
	return 0;
}
