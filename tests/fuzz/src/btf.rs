use std::io;

use geophone::kernel::btf::{Btf, Kind, PathError};
use geophone::kernel::facts::{Facts, Texts};
use geophone::kernel::resolve::resolve;

/// Types of which more is asked: that work is the square of their number.
const MOST: usize = 24;

const REQUESTS: [&str; 9] = [
    "field task.row",
    "field task_struct.sched_info.last_queued : 8",
    "bitfield task.flag",
    "size task.low | op.x",
    "argument tp task",
    "enumerator op.WRITE | big.DEEP",
    "enumerator WRITE",
    "exists type odd | tracepoint tp | argument tp int 1",
    "optional field task.none",
];

/// Type information, as of a kernel's, a user's file or an object's section.
pub fn check(bytes: &[u8]) {
    let Ok(btf) = Btf::parse(bytes.to_vec()) else {
        return;
    };
    assert_eq!(btf.as_bytes(), bytes);
    assert_eq!(
        btf.iter().count(),
        btf.len() as usize,
        "a type that was counted cannot be read"
    );
    for found in btf.iter().take(MOST) {
        let _ = (found.array(), found.int(), found.referenced());
        let _ = (btf.unaliased(found.id), btf.size_of(found.id));
        let _ = found.parameters().chain(found.variables()).max();
        for enumerator in found.enumerators().take(MOST) {
            let enumeration = Some(btf.name(&found)).filter(|name| !name.is_empty());
            let _ = btf.enumerator(enumeration, btf.enumerator_name(&enumerator));
        }
        let name = btf.name(&found);
        if name.is_empty() || !(found.is_composite() || found.kind == Kind::Typedef) {
            continue;
        }
        let same = |kind| kind == found.kind;
        assert!(
            btf.named(name, same).any(|each| each.id == found.id),
            "type {} is not found by its name",
            found.id
        );
        for member in found.members().take(MOST) {
            let path = [btf.member_name(&member)];
            if let Err(PathError::NoType(_)) = btf.member(name, &path) {
                panic!("the type of a member is not found by its name");
            }
        }
    }
    ask(&btf);
}

/// Has the declarations of a probe answered.
pub fn ask(btf: &Btf) {
    let facts = Facts {
        btf,
        texts: &Silent,
    };
    for request in REQUESTS {
        let request = request.parse().expect("a request");
        if let Err(missing) = resolve(&request, &facts) {
            assert!(!missing.why.is_empty(), "{missing}");
        }
    }
}

/// A kernel that tells nothing beside its types.
pub struct Silent;

impl Texts for Silent {
    fn format(&self, _: &str, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn has_function(&self, _: &str) -> io::Result<bool> {
        Ok(false)
    }
}
