// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Jobs for the kernel's GPU scheduler that take the time they are told to.
 *
 * Each write to /dev/sched_test is one command:
 *   jobs RING COUNT MICROSECONDS ERROR  push jobs; ERROR is 0 or negative
 *   wait RING                           until all of them have ended
 *   kill RING                           drop those that wait for the hardware
 * What can be read is what the driver has counted, a line for each ring.
 */
#include <linux/errno.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "ring.h"

static const char * const names[] = { "alpha", "beta" };
static struct ring rings[ARRAY_SIZE(names)];
static struct platform_device *device;

static struct ring *find(const char *name)
{
	size_t at;

	for (at = 0; at < ARRAY_SIZE(rings); at++)
		if (!strcmp(rings[at].name, name))
			return &rings[at];
	return NULL;
}

static int obey(const char *text)
{
	char verb[8], name[8];
	unsigned long long us;
	struct ring *ring;
	unsigned int count;
	int words, error;

	words = sscanf(text, "%7s %7s %u %llu %d", verb, name, &count, &us, &error);
	ring = words < 2 ? NULL : find(name);
	if (!ring)
		return -EINVAL;
	if (words == 2 && !strcmp(verb, "wait"))
		return ring_wait(ring);
	if (words == 2 && !strcmp(verb, "kill"))
		return ring_kill(ring);
	if (words == 5 && !strcmp(verb, "jobs") && error <= 0 && error >= -MAX_ERRNO)
		return ring_push(ring, count, us * NSEC_PER_USEC, error);
	return -EINVAL;
}

static ssize_t control_write(struct file *file, const char __user *buffer,
			     size_t size, loff_t *at)
{
	char *text;
	int error;

	if (size > PAGE_SIZE)
		return -E2BIG;
	text = memdup_user_nul(buffer, size);
	if (IS_ERR(text))
		return PTR_ERR(text);
	error = obey(text);
	kfree(text);
	return error ?: size;
}

static ssize_t control_read(struct file *file, char __user *buffer, size_t size,
			    loff_t *at)
{
	char text[512];
	size_t index;
	int length = 0;

	for (index = 0; index < ARRAY_SIZE(rings); index++) {
		struct counts counts = ring_counts(&rings[index]);

		length += scnprintf(text + length, sizeof(text) - length,
				    "%s queued=%llu run=%llu done=%llu failed=%llu told=%llu killed=%llu queue_ns=%llu run_ns=%llu\n",
				    rings[index].name, counts.queued, counts.run,
				    counts.done, counts.failed, counts.told,
				    counts.killed, counts.queue_ns,
				    counts.run_ns);
	}
	return simple_read_from_buffer(buffer, size, at, text, length);
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.read = control_read,
	.write = control_write,
};

static struct miscdevice control = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sched_test",
	.fops = &control_fops,
};

static void remove(size_t count)
{
	while (count--)
		ring_fini(&rings[count]);
	platform_device_unregister(device);
	/* A timer that has just signaled the last fence may still be in this code. */
	synchronize_rcu();
}

static int __init sched_test_init(void)
{
	size_t at;
	int error;

	device = platform_device_register_simple("sched_test", 0, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	for (at = 0; at < ARRAY_SIZE(rings); at++) {
		error = ring_init(&rings[at], names[at], &device->dev);
		if (error)
			goto undo;
	}
	error = misc_register(&control);
	if (!error)
		return 0;
undo:
	remove(at);
	return error;
}

static void __exit sched_test_exit(void)
{
	misc_deregister(&control);
	remove(ARRAY_SIZE(rings));
}

module_init(sched_test_init);
module_exit(sched_test_exit);
MODULE_DESCRIPTION("Jobs of known times for the GPU scheduler");
MODULE_LICENSE("Dual MIT/GPL");
