//! Programs at functions of a library, in each way that a kernel may have.

use geophone_test_support::replica::{Replica, THUNK};

use super::*;
use crate::kernel::Entries;
use crate::kernel::testing::may_load;
use crate::kernel::uprobe::Library;

/// Counts calls by the lowest byte of the cookie.
const OBJECT: &[u8] = include_bytes!("../../../ebpf/prebuilt/x86_64/cuda.o");
const COUNTS: &str = "CUDA_CALLS";
/// Of processes that nobody told it of.
const OTHER: [u8; 4] = [0xff; 4];

const CALLS: u64 = 1_000;

fn counted(without_cookies: bool) -> (Vec<u64>, usize) {
    let plan = Plan {
        map_entries: vec![(COUNTS.to_owned(), 1)],
        programs: vec![ProgramPlan {
            name: "entry".to_owned(),
            optional: false,
            alternatives: vec![Alternative {
                function: "cuda_entry".to_owned(),
                attach: Attach::Uprobe,
                target: "replica".to_owned(),
            }],
        }],
        without_cookies,
        ..Plan::default()
    };
    let kernel = KernelBtf::open(None).unwrap();
    let mut loader = Loader::new(&kernel).unwrap();
    let prepare = |maps: &BTreeMap<String, MapHandle>| maps[COUNTS].insert_zero(&OTHER).map(drop);
    let mut module = loader.load(OBJECT, &plan, prepare).unwrap();
    let mut functions = module.take_functions().unwrap();

    let replica = Replica::build().unwrap();
    let library = Library::open(&replica.library()).unwrap();
    let place = |function, cookie| Place {
        offset: library.sites([function]).unwrap()[0].offset(),
        cookie,
    };
    let high = 0x0100_0000_0000_0000;
    let places = [
        place(THUNK, 0),
        place("push", 1),
        place("nop_jump", high + 2),
    ];
    let link = functions.attach("entry", &replica.library(), &places);
    for (function, times) in [(THUNK, 1), ("push", 2), ("nop_jump", 3)] {
        replica.call(function, CALLS * times, 1).unwrap();
    }
    drop(link.unwrap());

    let mut entries = Entries::default();
    module.maps[COUNTS].read_all(&mut entries).unwrap();
    let entry = entries.iter().next().unwrap();
    let word =
        |value: &[u8], at: usize| u64::from_ne_bytes(value[8 * at..8 * at + 8].try_into().unwrap());
    let count = |at| entry.values().map(|value| word(value, at)).sum();
    ((0..4).map(count).collect(), functions.copies())
}

#[test]
fn each_function_is_known_by_its_cookie_also_without_cookies() {
    if !may_load("attach cookies") {
        return;
    }
    let expected = vec![CALLS, 2 * CALLS, 3 * CALLS, 0];
    assert_eq!(counted(false), (expected.clone(), 0));
    assert_eq!(counted(true), (expected, 3));
}
