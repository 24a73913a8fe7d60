# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=sh
# Sourced by the scripts next to it: saying things, becoming root, and finding the Debian mirror.

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
die() { say "$*"; exit 1; }

# The cache of everything that is built once: guest images, locks.
cache_dir() { printf '%s\n' "${WARMBOOT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/warmboot}"; }

# Run a command as root: directly, or through sudo.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "this needs root: run it as root, or install sudo"
	fi
}

# The mirror of Debian's main archive that this machine itself uses: the origin is Debian, the
# label too (security's differs), the component is main. SITE lacks the scheme's options but
# REPO_URI holds http://, https:// and mirror+file:/ alike, from one-line and deb822 sources.
# shellcheck disable=SC2016
debian_mirror() {
	mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(SUITE)|$(REPO_URI)' \
		'Created-By: Packages' 2>/dev/null |
		awk -F'|' '$1 == "Debian" && $2 == "Debian" && $3 == "main" && $4 !~ /security/ { print $5; exit }')
	if [ -z "$mirror" ]; then
		# Before the first `apt-get update` the targets carry no ORIGIN: judge by the suite.
		mirror=$(apt-get indextargets --format '$(COMPONENT)|$(RELEASE)|$(REPO_URI)' \
			'Created-By: Packages' 2>/dev/null |
			awk -F'|' '$1 == "main" && $2 ~ /^(stable|oldstable|bookworm|trixie|forky|testing|sid)$/ { print $3; exit }')
	fi
	[ -n "$mirror" ] || die "apt knows no mirror of Debian's main archive: add one to /etc/apt/sources.list and run apt-get update"
	printf '%s\n' "${mirror%/}"
}

# need_space DIR MIB [HINT]: stop when the disk cannot hold what is about to be written.
need_space() {
	mkdir -p "$1" || die "cannot create $1"
	free=$(df -Pm "$1" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$2" ] ||
		die "$1 has $free MiB free and $2 MiB are needed: free some space${3:-}"
}
