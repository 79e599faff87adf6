//! The cache in which the dynamic loader looks up libraries, `/etc/ld.so.cache`.
//!
//! glibc, `sysdeps/generic/dl-cache.h`: a `struct cache_file_new`, by itself or behind the
//! format that came before it. Numbers are in the byte order of the machine.

use thiserror::Error;

/// `CACHEMAGIC_VERSION_NEW`
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// `CACHEMAGIC`, of the format before.
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
/// `sizeof (struct cache_file)`, which its number of entries ends.
const OLD_HEADER: usize = 16;
/// `sizeof (struct file_entry)`
const OLD_ENTRY: usize = 12;
/// `sizeof (struct cache_file_new)`
const HEADER: usize = 48;
/// `sizeof (struct file_entry_new)`
const ENTRY: usize = 24;
/// Where the path is in an entry, behind flags and name.
const VALUE: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum LoaderCacheError {
    #[error("this is no cache of glibc's loader; run ldconfig to write one")]
    Format,
    #[error("the loader's cache is cut short; run ldconfig to write it anew")]
    Short,
}

/// The paths of all libraries in the bytes of a cache. One whose path lies outside of them
/// is left out.
pub(super) fn paths(bytes: &[u8]) -> Result<impl Iterator<Item = &[u8]> + Clone, LoaderCacheError> {
    let cache = bytes.get(start(bytes)?..).ok_or(LoaderCacheError::Short)?;
    if !cache.starts_with(MAGIC) {
        return Err(LoaderCacheError::Format);
    }
    let count = number(cache, MAGIC.len()).ok_or(LoaderCacheError::Short)?;
    let end = count
        .checked_mul(ENTRY)
        .and_then(|size| size.checked_add(HEADER))
        .ok_or(LoaderCacheError::Short)?;
    let entries = cache.get(HEADER..end).ok_or(LoaderCacheError::Short)?;
    Ok(entries
        .chunks_exact(ENTRY)
        .filter_map(|entry| string(cache, number(entry, VALUE)?)))
}

/// Where the newer format starts: after the older one if there is one, aligned to eight.
fn start(bytes: &[u8]) -> Result<usize, LoaderCacheError> {
    if !bytes.starts_with(OLD_MAGIC) {
        return Ok(0);
    }
    number(bytes, OLD_HEADER - size_of::<u32>())
        .and_then(|count| count.checked_mul(OLD_ENTRY))
        .and_then(|size| size.checked_add(OLD_HEADER))
        .and_then(|end| end.checked_next_multiple_of(8))
        .ok_or(LoaderCacheError::Short)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_ne_bytes(*bytes)).ok()
}

/// The string at an offset, without the NUL it must end with.
fn string(cache: &[u8], at: usize) -> Option<&[u8]> {
    let rest = cache.get(at..)?;
    let length = rest.iter().position(|byte| *byte == 0)?;
    rest.get(..length).filter(|string| !string.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A cache as ldconfig writes it.
    fn cache(libraries: &[(&str, &str)]) -> Vec<u8> {
        let mut entries = Vec::new();
        let mut strings = Vec::new();
        let first = HEADER + libraries.len() * ENTRY;
        for (name, path) in libraries {
            entries.extend(0x0303_u32.to_ne_bytes());
            for string in [name, path] {
                let at = u32::try_from(first + strings.len()).unwrap();
                entries.extend(at.to_ne_bytes());
                strings.extend(string.bytes().chain([0]));
            }
            entries.extend([0; 12]);
        }
        let mut bytes = MAGIC.to_vec();
        for number in [libraries.len(), strings.len()] {
            bytes.extend(u32::try_from(number).unwrap().to_ne_bytes());
        }
        bytes.resize(HEADER, 0);
        [bytes, entries, strings].concat()
    }

    fn old_format(count: u32) -> Vec<u8> {
        let mut bytes = OLD_MAGIC.to_vec();
        bytes.push(0);
        bytes.extend(count.to_ne_bytes());
        bytes.resize(OLD_HEADER + count as usize * OLD_ENTRY, 7);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    const TWO: [(&str, &str); 2] = [
        ("libcuda.so.1", "/usr/lib/libcuda.so.1"),
        ("libm.so.6", "/usr/lib/libm.so.6"),
    ];

    fn read(bytes: &[u8]) -> Result<Vec<&str>, LoaderCacheError> {
        let text = |path| std::str::from_utf8(path).unwrap();
        Ok(paths(bytes)?.map(text).collect())
    }

    #[test]
    fn paths_are_read() {
        let expected = ["/usr/lib/libcuda.so.1", "/usr/lib/libm.so.6"];
        assert_eq!(read(&cache(&TWO)).unwrap(), expected);
        assert!(read(&cache(&[])).unwrap().is_empty());
    }

    #[test]
    fn the_older_format_may_come_first() {
        for count in [0, 1, 2, 3] {
            let bytes = [old_format(count), cache(&TWO)].concat();
            assert_eq!(read(&bytes).unwrap().len(), 2);
        }
        assert_eq!(read(&old_format(3)), Err(LoaderCacheError::Format));
    }

    #[test]
    fn what_is_no_cache_is_told() {
        assert_eq!(read(b""), Err(LoaderCacheError::Format));
        assert_eq!(read(b"\x7fELF"), Err(LoaderCacheError::Format));
        let whole = cache(&TWO);
        let entries = HEADER + 2 * ENTRY;
        assert_eq!(read(&whole[..entries - 1]), Err(LoaderCacheError::Short));
    }

    #[test]
    fn paths_outside_of_it_are_left_out() {
        let whole = cache(&TWO);
        let cut = &whole[..whole.len() - 1];
        assert_eq!(read(cut).unwrap(), ["/usr/lib/libcuda.so.1"]);
        let mut wild = whole.clone();
        wild[HEADER + VALUE..][..4].copy_from_slice(&[0xff; 4]);
        assert_eq!(read(&wild).unwrap(), ["/usr/lib/libm.so.6"]);
        let mut many = whole;
        many[MAGIC.len()..][..4].copy_from_slice(&[0xff; 4]);
        assert_eq!(read(&many), Err(LoaderCacheError::Short));
    }

    #[test]
    fn this_machine_s_is_read_as_ldconfig_reads_it() {
        let Ok(output) = std::process::Command::new("/sbin/ldconfig")
            .arg("-p")
            .output()
        else {
            return;
        };
        let Ok(bytes) = std::fs::read("/etc/ld.so.cache") else {
            return;
        };
        let text = String::from_utf8(output.stdout).unwrap();
        let listed = text.lines().filter_map(|line| line.split_once(" => "));
        let listed: Vec<_> = listed.map(|(_, path)| path).collect();
        assert!(!listed.is_empty());
        assert_eq!(read(&bytes).unwrap(), listed);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            at in 0_usize..200, bytes in proptest::collection::vec(any::<u8>(), 0..64)
        ) {
            let mut cache = [old_format(2), cache(&TWO)].concat();
            let end = (at + bytes.len()).min(cache.len());
            let at = at.min(end);
            cache.splice(at..end, bytes);
            if let Ok(paths) = paths(&cache) {
                prop_assert!(paths.count() <= cache.len());
            }
        }
    }
}
