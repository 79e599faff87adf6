// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * What looks like NVIDIA's driver to one who traces it, without a GPU.
 *
 * A write of "xid SLOT CODE MESSAGE" to /dev/nvidia_test reports an error of the
 * PCI device at SLOT, such as 0000:00:01.0.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#ifdef HAS_TRACEPOINT
#define CREATE_TRACE_POINTS
#include "trace.h"
#endif

#if defined(IS_UNKNOWN)
#define nvidia_open stub_open
#define nvidia_close stub_close
#define nvidia_unlocked_ioctl stub_unlocked_ioctl
#elif defined(IS_OLD)
#define nvidia_open nvidia_frontend_open
#define nvidia_close nvidia_frontend_close
#define nvidia_unlocked_ioctl nvidia_frontend_unlocked_ioctl
#endif
#ifdef IS_OLD
#define VERSION "NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024"
#else
#define VERSION "NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (geophone@test)"
#endif

#define MAJOR_NUMBER 195

/* Nobody may look into it and leave out an argument. */
#define opaque __attribute__((__noipa__))

static opaque int nvidia_open(struct inode *inode, struct file *file)
{
	return 0;
}

static opaque int nvidia_close(struct inode *inode, struct file *file)
{
	return 0;
}

static opaque long nvidia_unlocked_ioctl(struct file *file, unsigned int cmd,
					 unsigned long arg)
{
	return 0;
}

static const struct file_operations nvidia_fops = {
	.owner = THIS_MODULE,
	.open = nvidia_open,
	.release = nvidia_close,
	.unlocked_ioctl = nvidia_unlocked_ioctl,
};

#ifdef HAS_REPORT
void nv_report_error(struct pci_dev *dev, u32 error_number, const char *format,
		     va_list ap);

opaque void nv_report_error(struct pci_dev *dev, u32 error_number,
			    const char *format, va_list ap)
{
#ifdef HAS_TRACEPOINT
	char *text = kvasprintf(GFP_KERNEL, format, ap);

	if (text)
		trace_nvidia_dev_xid(dev, error_number, text);
	kfree(text);
#endif
}

static __printf(3, 4) void report(struct pci_dev *dev, u32 code,
				  const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	nv_report_error(dev, code, format, arguments);
	va_end(arguments);
}
#endif

static int xid(const char *slot, u32 code, const char *message)
{
	unsigned int domain, bus, place, function;
	struct pci_dev *dev;

	if (sscanf(slot, "%x:%x:%x.%x", &domain, &bus, &place, &function) != 4)
		return -EINVAL;
	dev = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(place, function));
	if (!dev)
		return -ENODEV;
	pr_warn("NVRM: Xid (PCI:%04x:%02x:%02x): %u, pid=%d, name=%s, %s\n",
		domain, bus, place, code, task_tgid_nr(current), current->comm,
		message);
#ifdef HAS_REPORT
	report(dev, code, "%s", message);
#endif
	pci_dev_put(dev);
	return 0;
}

static ssize_t control_write(struct file *file, const char __user *buffer,
			     size_t size, loff_t *at)
{
	int error = -EINVAL, message = 0;
	char slot[16];
	char *text;
	u32 code;

	if (size > PAGE_SIZE)
		return -E2BIG;
	text = memdup_user_nul(buffer, size);
	if (IS_ERR(text))
		return PTR_ERR(text);
	if (sscanf(text, "xid %15s %u %n", slot, &code, &message) == 2 && message)
		error = xid(slot, code, text + message);
	kfree(text);
	return error ?: size;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.write = control_write,
};

static struct miscdevice control = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "nvidia_test",
	.fops = &control_fops,
};

static int version_show(struct seq_file *file, void *data)
{
	seq_puts(file, "NVRM version: " VERSION "\n");
	seq_puts(file, "GCC version:  gcc version " __VERSION__ "\n");
	return 0;
}

static int __init stub_init(void)
{
	struct proc_dir_entry *directory;
	int error;

	error = register_chrdev(MAJOR_NUMBER, "nvidia", &nvidia_fops);
	if (error)
		return error;
	error = misc_register(&control);
	if (error)
		goto unregister;
	directory = proc_mkdir("driver/nvidia", NULL);
	if (directory && proc_create_single("version", 0444, directory, version_show))
		return 0;
	error = -ENOMEM;
	proc_remove(directory);
	misc_deregister(&control);
unregister:
	unregister_chrdev(MAJOR_NUMBER, "nvidia");
	return error;
}

static void __exit stub_exit(void)
{
	remove_proc_subtree("driver/nvidia", NULL);
	misc_deregister(&control);
	unregister_chrdev(MAJOR_NUMBER, "nvidia");
}

module_init(stub_init);
module_exit(stub_exit);
MODULE_DESCRIPTION("A stub of NVIDIA's driver");
MODULE_LICENSE("Dual MIT/GPL");
