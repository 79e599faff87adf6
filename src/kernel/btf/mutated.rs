//! Damaged type information is refused or read, and never worse.

use proptest::prelude::*;

use super::Btf;
use super::build::Builder;
use crate::kernel::facts::Facts;
use crate::kernel::layout::layouts;
use crate::kernel::object::Object;
use crate::kernel::resolve::resolve;
use crate::kernel::testing;

/// Type information with every kind in it.
fn sample() -> Vec<u8> {
    let mut btf = Builder::default();
    let int = btf.int("int", 4, 0, 32);
    let narrow = btf.int("unsigned int", 4, 3, 5);
    let void = btf.ptr(0);
    let row = btf.array(int, 4);
    let inner = btf.plain(
        5,
        "",
        8,
        &[("low", int, 0), ("row", row, 0), ("", narrow, 32)],
    );
    let task = btf.packed_struct("task", 24, &[("", inner, 0, 0), ("flag", int, 65, 2)]);
    let pointer = btf.ptr(task);
    let fixed = btf.konst(pointer);
    let prototype = btf.prototype(&[void, fixed, int]);
    let hook = btf.ptr(prototype);
    btf.typedef("btf_trace_tp", hook);
    btf.enumeration("op", &[("READ", 0), ("WRITE", 1)]);
    let value = btf.string("DEEP");
    btf.raw("big", 19, 1, 8, &[value, 5, 1]);
    for kind in [7, 9, 11, 12, 16, 18] {
        btf.raw("odd", kind, 0, task, &[]);
    }
    let variable = btf.raw("MAP", 14, 0, task, &[1]);
    btf.raw(".maps", 15, 1, 8, &[variable, 0, 8]);
    btf.raw("tag", 17, 0, task, &[0]);
    btf.finish()
}

/// Asks everything that can be asked.
fn exercise(bytes: Vec<u8>) {
    let Ok(btf) = Btf::parse(bytes) else { return };
    for found in btf.iter() {
        let _ = (
            btf.name(&found),
            found.array(),
            found.int(),
            found.referenced(),
        );
        let _ = (btf.unaliased(found.id), btf.size_of(found.id));
        let names = found.members().map(|member| btf.member_name(&member).len());
        let values = found
            .enumerators()
            .map(|each| btf.enumerator_name(&each).len());
        let _ = names.chain(values).sum::<usize>();
        let _ = found.parameters().chain(found.variables()).max();
    }
    for request in [
        "field task.row",
        "bitfield task.flag",
        "size task.low | op.x",
        "argument tp task",
        "enumerator op.WRITE | big.DEEP",
        "exists type odd | tracepoint tp | argument tp int 1",
    ] {
        let Ok(request) = request.parse() else {
            continue;
        };
        let _ = resolve(&request, &Facts::running(&btf));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn mutated_type_information(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        length in any::<prop::sample::Index>(),
        cut in prop::bool::weighted(0.1),
    ) {
        let mut bytes = sample();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        if cut {
            bytes.truncate(length.index(bytes.len()));
        }
        exercise(bytes);
    }

    #[test]
    fn small_numbers_in_place_of_words(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..40), 1..12),
    ) {
        let mut bytes = sample();
        let body = bytes.get_mut(24..).unwrap_or_default().as_chunks_mut::<4>().0;
        for (at, word) in changes {
            *at.get_mut(body) = word.to_ne_bytes();
        }
        exercise(bytes);
    }

    #[test]
    fn random_bytes(mut bytes in prop::collection::vec(any::<u8>(), 0..400), magic: bool) {
        if let (true, Some(start)) = (magic, bytes.first_chunk_mut::<3>()) {
            *start = [0x9f, 0xeb, 1];
        }
        exercise(bytes);
    }

    #[test]
    fn mutated_objects(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = testing::Builder::default()
            .declare("PID", "field task.pid")
            .function(".text", "helper", vec![testing::Instruction::address("PID", 0)])
            .function("tp_btf/a", "f", vec![testing::Instruction::call("helper")])
            .finish();
        for (at, byte) in changes {
            *at.get_mut(&mut bytes) = byte;
        }
        let _ = layouts(&bytes);
        if let Ok(object) = Object::parse(&bytes) {
            let _ = crate::kernel::declare::Declarations::find(&object);
        }
    }
}
