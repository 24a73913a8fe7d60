/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A manifest with one unit of each kind. */
#pragma once

#define SAMPLE_NONCE "00112233445566778899aabbccddeeff"

static const char sample_manifest[] =
	"{\"version\": 1, \"nonce\": \"" SAMPLE_NONCE
	"\", \"from\": \"6.12.1\", \"criu\": \"4.1.1\","
	" \"tsc_hz\": 2400000000, \"silent_kept_ns\": 1500000000, \"silent_restart_ns\": "
	"2500000000, \"silent_tsc\": 123999999, \"highest_pid\": 812,"
	" \"units\": [{\"unit\": \"memcached.service\", \"asked\": \"auto\", \"how\": \"process\","
	"  \"main_pid\": 811, \"pids\": [811, 812], \"images\": \"memcached.service/\","
	"  \"image\": {\"any\": [1, 2]}, \"streams\": [{\"inode\": 5123, \"fd\": 1}],"
	"  \"definition\": [{\"path\": \"/usr/lib/systemd/system/memcached.service\","
	"    \"text\": \"[Service]\\nExecStart=/usr/bin/memcached\\n\"}],"
	"  \"files\": [{\"path\": \"/run/memcached/memcached.pid\", \"mode\": 420, \"uid\": 0,"
	"    \"gid\": 0, \"object\": \"memcached.service/file/0\"},"
	"    {\"path\": \"/run/memcached\", \"mode\": 493, \"uid\": 0, \"gid\": 0,"
	"    \"directory\": true}],"
	"  \"io_priorities\": [{\"value\": 24576, \"threads\": [812]}],"
	"  \"timer_slacks\": [{\"value\": 77777, \"threads\": [811, 812]}],"
	"  \"socket_options\": [{\"pid\": 812, \"fd\": 5, \"domain\": 2, \"type\": 2, "
	"\"protocol\": 17,"
	"    \"options\": [{\"level\": 0, \"name\": 33, \"value\": \"05000000\"}],"
	"    \"groups\": [{\"group\": \"232.1.2.3\", \"link\": \"enp0s3\", \"include\": true,"
	"      \"sources\": [\"10.0.0.1\"]}],"
	"    \"links\": [{\"name\": \"enp0s3\", \"index\": 2}]}],"
	"  \"affinity\": [{\"cpus\": \"1\", \"threads\": [812]}, {\"cpus\": \"f00000000\"}],"
	"  \"ports\": [{\"protocol\": \"tcp\", \"address\": \"127.0.0.1\", \"port\": 11211}],"
	"  \"connections\": [{\"local\": \"10.0.0.2\", \"local_port\": 11211,"
	"    \"remote\": \"10.0.0.1\", \"remote_port\": 40000}],"
	"  \"frozen_tsc\": 123456789},"
	"  {\"unit\": \"getty@tty1.service\", \"how\": \"restart\","
	"  \"why\": \"it has a device open\"}],"
	" \"net\": {\"links\": [{\"name\": \"enp0s3\", \"mac\": \"52:54:00:12:34:56\","
	"    \"modules\": \"virtio_net virtio_pci\", \"up\": true, \"mtu\": 1500}],"
	"  \"addresses\": [{\"link\": \"enp0s3\", \"address\": \"10.0.0.2\", \"prefix\": 24,"
	"    \"scope\": \"global\", \"label\": \"enp0s3\"}],"
	"  \"routes\": [{\"family\": 4, \"to\": \"default\", \"via\": \"10.0.0.1\","
	"    \"link\": \"enp0s3\"}]}}";
