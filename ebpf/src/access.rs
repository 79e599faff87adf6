//! Two ways to read kernel memory, so that one body serves a program and its fall-back.

use aya_ebpf::helpers::bpf_probe_read_kernel;

use crate::declare::Declared;

/// How a program may read the structures it is handed.
pub trait Access {
    /// Reads the member that `field` was resolved to; zero where the memory is gone.
    ///
    /// # Safety
    ///
    /// `base` points to a kernel structure that has the member.
    unsafe fn read<T: Copy + Default, const N: usize>(field: &Declared<T, N>, base: *const u8)
    -> T;

    /// Reads the first bytes, as many as `T` has, of the member that `field` was resolved to.
    ///
    /// # Safety
    ///
    /// `base` points to a kernel structure that has the member, which is no smaller than `T`.
    unsafe fn read_part<T: Copy + Default, const N: usize>(
        field: &Declared<(), N>,
        base: *const u8,
    ) -> T;

    /// Reads the bit field that `field` was resolved to.
    ///
    /// # Safety
    ///
    /// `base` points to a kernel structure that has the bit field.
    #[inline(always)]
    unsafe fn read_bits<const N: usize>(field: &Declared<(), N>, base: *const u8) -> u32 {
        // SAFETY: the caller's.
        field.bits(unsafe { Self::read_part(field, base) })
    }
}

/// Plain loads: programs of type `tp_btf`, whose arguments the verifier knows by type.
pub enum Direct {}

/// Copies through the helper: `raw_tp` programs, whose arguments are numbers to the verifier.
pub enum Copied {}

impl Access for Direct {
    #[inline(always)]
    unsafe fn read<T: Copy + Default, const N: usize>(
        field: &Declared<T, N>,
        base: *const u8,
    ) -> T {
        // SAFETY: the caller's.
        unsafe { field.read(base) }
    }

    #[inline(always)]
    unsafe fn read_part<T: Copy + Default, const N: usize>(
        field: &Declared<(), N>,
        base: *const u8,
    ) -> T {
        // SAFETY: the caller's.
        unsafe { field.read_part(base) }
    }
}

impl Access for Copied {
    #[inline(always)]
    unsafe fn read<T: Copy + Default, const N: usize>(
        field: &Declared<T, N>,
        base: *const u8,
    ) -> T {
        let address = base.wrapping_add(field.get() as usize).cast::<T>();
        // SAFETY: the helper checks the address.
        unsafe { bpf_probe_read_kernel(address) }.unwrap_or_default()
    }

    #[inline(always)]
    unsafe fn read_part<T: Copy + Default, const N: usize>(
        field: &Declared<(), N>,
        base: *const u8,
    ) -> T {
        let address = base.wrapping_add(field.get() as usize).cast::<T>();
        // SAFETY: the helper checks the address.
        unsafe { bpf_probe_read_kernel(address) }.unwrap_or_default()
    }
}
