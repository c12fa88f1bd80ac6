#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The same guest on the same stock QEMU, which reads and writes two queues of our tap by
# itself: see test_qemu.sh.
VHOST=off QUEUES=2 exec "$(dirname "$0")/test_qemu.sh"
