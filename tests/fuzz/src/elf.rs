use geophone::discover::library::fuzzing;
use geophone::kernel::declare::Declarations;
use geophone::kernel::facts::Facts;
use geophone::kernel::layout::layouts;
use geophone::kernel::object::Object;
use geophone::kernel::uprobe::Library;
use geophone::kernel::{Plan, verify};

use crate::btf::Silent;
use crate::loader;

/// Names that are looked up: those of the seeds, and one that nothing has.
const FUNCTIONS: [&str; 5] = ["f", "cuInit", "ncclAllReduce", "absent", ""];

/// A user's object, or a library that some process maps.
pub fn check(bytes: &[u8]) {
    object(bytes);
    library(bytes);
    let _ = fuzzing::build_id(bytes);
    let _ = fuzzing::cached(bytes);
}

fn object(bytes: &[u8]) {
    let Ok(object) = Object::parse(bytes) else {
        return;
    };
    for global in object.globals() {
        assert_eq!(bytes.get(global.range), Some(global.bytes));
    }
    let functions = object.functions();
    for function in &functions {
        let _ = object.references(function, &functions).len();
    }
    let _ = object.map_names();
    let _ = layouts(bytes);
    let _ = verify(bytes, &Plan::default());
    if let (Ok(btf), Ok(declarations)) = (object.btf(), Declarations::find(&object)) {
        let answers = declarations.answer(&Facts {
            btf: &btf,
            texts: &Silent,
        });
        let mut written = bytes.to_vec();
        answers.write(&mut written);
        assert_eq!(written.len(), bytes.len());
        if verify(&written, &Plan::default()).is_ok() {
            loader::check(&written);
        }
    }
}

fn library(bytes: &[u8]) {
    let Ok(library) = Library::read(bytes) else {
        return;
    };
    let Ok(sites) = library.sites(FUNCTIONS) else {
        return;
    };
    for site in sites {
        assert!(!site.names.is_empty());
        let offset = usize::try_from(site.offset()).expect("a place in the file");
        assert!(offset < bytes.len(), "a place beyond the file");
    }
}
