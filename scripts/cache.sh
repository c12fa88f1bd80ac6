# SPDX-License-Identifier: GPL-2.0-only
#
# Where what is made once per machine is kept: kernels, the root image, verdicts. Sourced.
# shellcheck shell=bash disable=SC2034 # used by those who source it

cache=${RINGHOST_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/ringhost}
