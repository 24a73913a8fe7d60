// SPDX-License-Identifier: LGPL-2.1-or-later
/* The in and out instructions, after iopl(2). */
#include <errno.h>
#include <sys/io.h>

#include "arch/ports.h"

int wb_arch_port_read(uint16_t port, uint8_t width, uint32_t *ret)
{
	if (iopl(3) < 0)
		return -errno;
	if (width == 1)
		*ret = inb(port);
	else if (width == 2)
		*ret = inw(port);
	else
		*ret = inl(port);
	return 0;
}

int wb_arch_port_write(uint16_t port, uint8_t width, uint32_t value)
{
	if (iopl(3) < 0)
		return -errno;
	if (width == 1)
		outb((unsigned char)value, port);
	else if (width == 2)
		outw((unsigned short)value, port);
	else
		outl(value, port);
	return 0;
}
