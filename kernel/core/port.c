// SPDX-License-Identifier: GPL-2.0-only
/*
 * (3) Ports: how the network backend finds the tap behind a file
 * without the two modules knowing each other.
 *
 * Set-up path only: process context, from ioctls and module init and exit.
 */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include "core.h"

/* Protects port_types; nests inside dev->lock. */
static DEFINE_MUTEX(port_types_lock);
static LIST_HEAD(port_types);

/**
 * rh_port_register - make files of one kind usable as ports
 * @type: the kind; stays registered until rh_port_unregister()
 */
void rh_port_register(struct rh_port_type *type)
{
	mutex_lock(&port_types_lock);
	list_add_tail(&type->entry, &port_types);
	mutex_unlock(&port_types_lock);
}
EXPORT_SYMBOL_GPL(rh_port_register);

/**
 * rh_port_unregister - undo rh_port_register()
 * @type: the kind; ports of it that are held keep its module loaded through their file
 */
void rh_port_unregister(struct rh_port_type *type)
{
	mutex_lock(&port_types_lock);
	list_del(&type->entry);
	mutex_unlock(&port_types_lock);
}
EXPORT_SYMBOL_GPL(rh_port_unregister);

/**
 * rh_port_get - find the port behind a file
 * @file: held by the caller as long as it uses the port
 *
 * Return: the port; ERR_PTR: -ENOTSOCK no kind of file that is registered, or what the port's
 * module says.
 */
struct rh_port *rh_port_get(struct file *file)
{
	struct rh_port *port = ERR_PTR(-ENOTSOCK);
	struct rh_port_type *type;

	mutex_lock(&port_types_lock);
	list_for_each_entry(type, &port_types, entry) {
		if (file->f_op == type->fops) {
			port = type->from_file(file);
			break;
		}
	}
	mutex_unlock(&port_types_lock);
	return port;
}
EXPORT_SYMBOL_GPL(rh_port_get);
