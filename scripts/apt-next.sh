# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by scripts that take a package from a suite after Debian 12: an apt with a state of
# its own, in a folder of the caller. The machine's sources, lists and pins stay as they are,
# and only what is asked for by name is fetched; nothing is installed.

# The apt-get and apt-cache options that make it so.
apt_next_options() {
	printf '%s\n' -qq -o "Dir::Etc::SourceList=$1/list" -o Dir::Etc::SourceParts=- \
		-o "Dir::Etc::Preferences=$1/pin" -o Dir::Etc::PreferencesParts=- \
		-o "Dir::State::Lists=$1/lists" -o "Dir::Cache=$1/cache" -o APT::Sandbox::User=root
}

# apt_next_open FOLDER SUITE: fetch the suite's list, from where this machine has Debian 12.
apt_next_open() {
	local state=$1 suite=$2 source options

	# All of it is read: what writes to a reader that is gone has failed.
	source=$("$(dirname "${BASH_SOURCE[0]}")/apt-source" | awk '/ bookworm main$/ && !n++')
	[[ -n $source ]] || {
		echo "no Debian 12 archive among this machine's apt sources" >&2
		return 1
	}
	mkdir -p "$state"/{lists/partial,cache/archives/partial}
	echo "${source/ bookworm main/ $suite main}" > "$state/list"
	: > "$state/pin"
	mapfile -t options < <(apt_next_options "$state")
	apt-get "${options[@]}" update
}

# apt_next_names FOLDER PREFIX: the packages of that suite whose name begins so.
apt_next_names() {
	local options

	mapfile -t options < <(apt_next_options "$1")
	apt-cache "${options[@]}" pkgnames "$2"
}

# apt_next_download FOLDER SUITE PACKAGE...: into FOLDER/debs.
apt_next_download() {
	local state=$1 suite=$2 options
	shift 2

	mapfile -t options < <(apt_next_options "$state")
	mkdir -p "$state/debs"
	(cd "$state/debs" && apt-get "${options[@]}" download "${@/%//$suite}")
}
