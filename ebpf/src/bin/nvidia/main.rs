//! NVIDIA's kernel driver: the errors that it reports (XIDs), and what processes ask of it.
//!
//! The driver tells of an error by a tracepoint where it was built as open source, of 2025
//! or later; all have the function that reports it, and write a line to the kernel's log.

#![no_std]
#![no_main]

mod ioctl;
mod log;
mod xid;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::{fentry, kprobe, raw_tracepoint, tracepoint};
use aya_ebpf::programs::{FEntryContext, ProbeContext, RawTracePointContext, TracePointContext};
use geophone_ebpf::access::{Access as _, Copied, Direct};
use geophone_ebpf::argument::argument;
use geophone_ebpf::names::Name;
use geophone_ebpf::registers::function_argument;
use geophone_ebpf::{declare, record};

geophone_ebpf::probe_object!();

declare! {
    XID_DEVICE: u32 = "record nvidia/nvidia_dev_xid.dev";
    XID_CODE: u32 = "record nvidia/nvidia_dev_xid.error_code";
    PCI_NAME: u64 = "field pci_dev.dev.kobj.name";
    INODE: u64 = "field file.f_inode";
    DEVICE: u32 = "field inode.i_rdev";
}

/// Of `/dev/nvidia0` and the like (Documentation/admin-guide/devices.txt).
const MAJOR: u32 = 195;
/// `dev_t` is major << 20 | minor (include/linux/kdev_t.h).
const MINORS: u32 = (1 << 20) - 1;

#[tracepoint]
pub fn xid(context: TracePointContext) -> u32 {
    let context = context.as_ptr();
    let mut device = Name::EMPTY;
    // SAFETY: the program's own context; the record has the fields, or it is not loaded.
    let code = unsafe {
        device.read(record::text(context, &XID_DEVICE));
        record::field(context, &XID_CODE)
    };
    xid::reported(device, code);
    0
}

/// `nv_report_error(struct pci_dev *, NvU32 error_number, const char *format, va_list)`
#[kprobe]
pub fn xid_reported(context: ProbeContext) -> u32 {
    let context = context.as_ptr();
    let mut device = Name::EMPTY;
    // SAFETY: the program's own context; the first argument is a PCI device.
    let code = unsafe {
        let pci = function_argument(context, 0) as *const u8;
        device.read(Copied::read(&PCI_NAME, pci) as *const u8);
        function_argument(context, 1) as u32
    };
    xid::reported(device, code);
    0
}

/// `console(const char *text, size_t len)`, which is called for what is written to the log
/// (`printk_sprint()` of kernel/printk/printk.c; before 5.16 for what goes to a console).
#[raw_tracepoint(tracepoint = "console")]
pub fn xid_logged(context: RawTracePointContext) -> i32 {
    // SAFETY: the program's own context, of a tracepoint with a text.
    let text = unsafe { argument(context.as_ptr(), 0) };
    if let Some((device, code)) = log::xid(text) {
        xid::reported(device, code);
    }
    0
}

/// `nvidia_unlocked_ioctl(struct file *, unsigned int cmd, unsigned long)`, as it was called
/// before 545 `nvidia_frontend_unlocked_ioctl`.
#[kprobe]
pub fn ioctl(context: ProbeContext) -> u32 {
    let context = context.as_ptr();
    // SAFETY: the program's own context; the first argument is an open file.
    let (device, command) = unsafe {
        let file = function_argument(context, 0) as *const u8;
        let inode = Copied::read(&INODE, file) as *const u8;
        let device = Copied::read(&DEVICE, inode);
        (device, function_argument(context, 1) as u32)
    };
    ioctl::called(device & MINORS, command);
    0
}

/// `security_file_ioctl(struct file *, unsigned int cmd, unsigned long)`
#[fentry(function = "security_file_ioctl")]
pub fn ioctl_of_file(context: FEntryContext) -> i32 {
    let context = context.as_ptr();
    // SAFETY: the program's own context; the first argument is an open file.
    let (device, command) = unsafe {
        let file = argument(context, 0) as *const u8;
        let inode = Direct::read(&INODE, file) as *const u8;
        (Direct::read(&DEVICE, inode), argument(context, 1) as u32)
    };
    if device >> 20 == MAJOR {
        ioctl::called(device & MINORS, command);
    }
    0
}

/// `nvidia_open(struct inode *, struct file *)`, before 545 `nvidia_frontend_open`.
#[kprobe]
pub fn open(context: ProbeContext) -> u32 {
    // SAFETY: the program's own context; the first argument is an inode.
    let device = unsafe {
        let inode = function_argument(context.as_ptr(), 0) as *const u8;
        Copied::read(&DEVICE, inode)
    };
    ioctl::opened(device & MINORS);
    0
}
