// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * What looks like NVIDIA's unified memory to one who traces it.
 *
 * Each write to /dev/nvidia_uvm_test is one command:
 *   fault PROCESSOR        a page fault; 0 is the CPU
 *   migrate DST SRC BYTES  a migration
 *   service                one round of faults taken from a GPU
 */
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/* Nobody may look into it and leave out an argument. */
#define opaque __attribute__((__noipa__))

#define NAME "nvidia-uvm"

enum event { EVENT_FAULT = 6, EVENT_MIGRATION = 7 };

/* The parts of the driver's event data that a tracer reads, and what is before them. */
union data {
	struct {
		u64 space;
		u64 block;
		u32 processor;
	} fault;
	struct {
		u64 push;
		u64 block;
		u32 destination;
		u32 source;
		u16 nodes[2];
		u64 address;
		u64 bytes;
	} migration;
};

void uvm_perf_event_notify(void *events, int event_id, void *data);
void uvm_parent_gpu_service_replayable_faults(void *parent_gpu);

opaque void uvm_perf_event_notify(void *events, int event_id, void *data)
{
}

opaque void uvm_parent_gpu_service_replayable_faults(void *parent_gpu)
{
}

static opaque int uvm_open_entry(struct inode *inode, struct file *file)
{
	return 0;
}

static opaque long uvm_unlocked_ioctl_entry(struct file *file, unsigned int cmd,
					    unsigned long arg)
{
	return 0;
}

static const struct file_operations uvm_fops = {
	.owner = THIS_MODULE,
	.open = uvm_open_entry,
	.unlocked_ioctl = uvm_unlocked_ioctl_entry,
};

static int obey(const char *text)
{
	union data data = { };
	static u64 any;

	BUILD_BUG_ON(offsetof(union data, fault.processor) != 16);
	BUILD_BUG_ON(offsetof(union data, migration.destination) != 16);
	BUILD_BUG_ON(offsetof(union data, migration.bytes) != 40);
	if (sscanf(text, "fault %u", &data.fault.processor) == 1)
		uvm_perf_event_notify(&any, EVENT_FAULT, &data);
	else if (sscanf(text, "migrate %u %u %llu", &data.migration.destination,
			&data.migration.source, &data.migration.bytes) == 3)
		uvm_perf_event_notify(&any, EVENT_MIGRATION, &data);
	else if (strstarts(text, "service"))
		uvm_parent_gpu_service_replayable_faults(&any);
	else
		return -EINVAL;
	return 0;
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

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.write = control_write,
};

static struct miscdevice control = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "nvidia_uvm_test",
	.fops = &control_fops,
};

static struct cdev uvm;
static dev_t number;

static int __init stub_init(void)
{
	int error;

	error = alloc_chrdev_region(&number, 0, 1, NAME);
	if (error)
		return error;
	cdev_init(&uvm, &uvm_fops);
	uvm.owner = THIS_MODULE;
	error = cdev_add(&uvm, number, 1);
	if (error)
		goto unregister;
	error = misc_register(&control);
	if (!error)
		return 0;
	cdev_del(&uvm);
unregister:
	unregister_chrdev_region(number, 1);
	return error;
}

static void __exit stub_exit(void)
{
	misc_deregister(&control);
	cdev_del(&uvm);
	unregister_chrdev_region(number, 1);
}

module_init(stub_init);
module_exit(stub_exit);
MODULE_DESCRIPTION("A stub of NVIDIA's unified memory");
MODULE_LICENSE("Dual MIT/GPL");
