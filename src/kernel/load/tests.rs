#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use super::*;
use crate::kernel::btf::build::Builder as BtfBuilder;
use crate::kernel::stats::RunTimeStatistics;
use crate::kernel::sys::program_by_id;
use crate::kernel::testing::{Builder, Instruction, may_load};

fn alternative(function: &str, attach: Attach, target: &str) -> Alternative {
    Alternative {
        function: function.to_owned(),
        attach,
        target: target.to_owned(),
    }
}

fn plan(alternatives: &[Alternative]) -> Plan {
    let program = ProgramPlan {
        name: "program".to_owned(),
        optional: false,
        alternatives: alternatives.to_vec(),
    };
    Plan {
        programs: vec![program],
        ..Plan::default()
    }
}

fn load(object: &[u8], plan: &Plan) -> Result<Module, LoadError> {
    let kernel = KernelBtf::open(None).unwrap();
    Loader::new(&kernel)?.load(object, plan, |_| Ok(()))
}

/// The state of the only program.
fn state(object: &[u8], alternatives: &[Alternative]) -> ProgramState {
    load(object, &plan(alternatives))
        .unwrap()
        .programs
        .pop()
        .unwrap()
        .state
}

fn unsupported(state: &ProgramState) -> &str {
    match state {
        ProgramState::Unsupported { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_program_attaches_runs_and_is_gone_when_dropped() {
    if !may_load("a_program_attaches_runs_and_is_gone_when_dropped") {
        return;
    }
    let object = Builder::default()
        .empty("tp_btf/sched_switch", "f")
        .finish();
    let hook = [alternative("f", Attach::TpBtf, "sched_switch")];
    let module = load(&object, &plan(&hook)).unwrap();
    let attached = module.programs[0].attached().unwrap();
    assert_eq!(
        (attached.alternative, attached.hook.as_str()),
        (0, "tp_btf/sched_switch")
    );

    let statistics = RunTimeStatistics::enable().unwrap();
    let before = attached.info().unwrap();
    // Two threads that wait for each other: the kernel cannot but switch.
    let (there, back) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
    std::thread::scope(|scope| {
        let meet = || {
            for _ in 0..200 {
                there.wait();
                back.wait();
            }
        };
        scope.spawn(meet);
        meet();
    });
    let after = attached.info().unwrap();
    drop(statistics);
    assert!(
        after.run_count >= before.run_count + 200,
        "{before:?} {after:?}"
    );
    assert!(after.run_time > before.run_time);
    assert_eq!(after.tag.len(), 16);

    assert!(program_by_id(after.id).is_ok());
    drop(module);
    // The kernel lets go of a program behind a grace period.
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Ok(program) = program_by_id(after.id) {
        drop(program);
        assert!(
            Instant::now() < deadline,
            "program {} is still there",
            after.id
        );
        std::thread::yield_now();
    }
}

#[test]
fn the_next_alternative_is_taken_and_all_reasons_are_kept() {
    if !may_load("the_next_alternative_is_taken_and_all_reasons_are_kept") {
        return;
    }
    let object = Builder::default()
        .empty("tp_btf/nowhere", "missing")
        .empty("raw_tp/sched_switch", "raw")
        .finish();
    let first = alternative("missing", Attach::TpBtf, "nowhere");
    let raw = alternative("raw", Attach::RawTp, "sched_switch");
    match state(&object, &[first.clone(), raw]) {
        ProgramState::Attached(attached) => {
            assert_eq!(
                (attached.alternative, attached.function.as_str()),
                (1, "raw")
            );
        }
        other => panic!("{other:?}"),
    }
    let state = state(
        &object,
        &[first, alternative("raw", Attach::RawTp, "nowhere_either")],
    );
    assert_eq!(
        unsupported(&state),
        "tp_btf/nowhere: the kernel has no tracepoint nowhere; \
         raw_tp/nowhere_either: the kernel has no tracepoint nowhere_either"
    );
}

#[test]
fn an_alternative_can_be_forced() {
    if !may_load("an_alternative_can_be_forced") {
        return;
    }
    let object = Builder::default()
        .empty("tp_btf/sched_switch", "best")
        .empty("raw_tp/sched_switch", "second")
        .finish();
    let mut plan = plan(&[
        alternative("best", Attach::TpBtf, "sched_switch"),
        alternative("second", Attach::RawTp, "sched_switch"),
    ]);
    for (force, taken) in [(None, 0), (Some(0), 0), (Some(1), 1), (Some(9), 1)] {
        plan.force_alternative = force;
        let module = load(&object, &plan).unwrap();
        assert_eq!(
            module.programs[0].attached().map(|it| it.alternative),
            Some(taken)
        );
    }
}

#[test]
fn a_missing_fact_costs_only_the_program_that_needs_it() {
    if !may_load("a_missing_fact_costs_only_the_program_that_needs_it") {
        return;
    }
    let needs = |symbol| {
        vec![
            Instruction::address(symbol, 0),
            Instruction::result(0),
            Instruction::exit(),
        ]
    };
    let gone = "field task_struct.no_such_member | no_such_struct.member";
    let object = Builder::default()
        .declare("GONE", gone)
        .declare("WIDER", "field task_struct.pid : 8")
        .declare("THERE", "field task_struct.pid : 4")
        .function("tp_btf/sched_switch", "needy", needs("GONE"))
        .function("tp_btf/sched_switch", "mistaken", needs("WIDER"))
        .function("tp_btf/sched_switch", "modest", needs("THERE"))
        .finish();
    let program = |function: &str| ProgramPlan {
        name: function.to_owned(),
        optional: false,
        alternatives: vec![alternative(function, Attach::TpBtf, "sched_switch")],
    };
    let plan = Plan {
        programs: ["needy", "mistaken", "modest"].map(program).to_vec(),
        ..Plan::default()
    };
    let module = load(&object, &plan).unwrap();
    assert_eq!(
        unsupported(&module.programs[0].state),
        format!(
            "this kernel cannot answer \"{gone}\": \
             no member no_such_member in task_struct, no structure or union no_such_struct"
        )
    );
    assert_eq!(
        unsupported(&module.programs[1].state),
        "this kernel cannot answer \"field task_struct.pid : 8\": \
         task_struct.pid has size 4, not 8"
    );
    assert!(module.programs[2].attached().is_some());
}

#[test]
fn what_the_verifier_minds_is_in_the_reason() {
    if !may_load("what_the_verifier_minds_is_in_the_reason") {
        return;
    }
    let object = Builder::default()
        .function("tp_btf/sched_switch", "f", vec![Instruction::exit()])
        .finish();
    match state(&object, &[alternative("f", Attach::TpBtf, "sched_switch")]) {
        ProgramState::Failed { reason } => {
            assert!(
                reason.starts_with("the verifier rejected the program: "),
                "{reason}"
            );
            assert!(reason.contains("R0 !read_ok"), "{reason}");
            assert!(!reason.contains("processed "), "{reason}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_rejected_is_kept_when_a_fall_back_attaches() {
    if !may_load("what_was_rejected_is_kept_when_a_fall_back_attaches") {
        return;
    }
    let object = Builder::default()
        .function("tp_btf/sched_switch", "bad", vec![Instruction::exit()])
        .empty("raw_tp/sched_switch", "good")
        .finish();
    let alternatives = [
        alternative("bad", Attach::TpBtf, "sched_switch"),
        alternative("good", Attach::RawTp, "sched_switch"),
    ];
    let module = load(&object, &plan(&alternatives)).unwrap();
    let [program] = module.programs.as_slice() else {
        panic!("{module:?}")
    };
    assert_eq!(program.attached().unwrap().hook, "raw_tp/sched_switch");
    let [better] = program.passed_over.as_slice() else {
        panic!("{program:?}")
    };
    assert!(!better.unsupported);
    let start = "tp_btf/sched_switch: the verifier rejected the program: ";
    assert!(better.to_string().starts_with(start), "{better}");
}

#[test]
fn hooks_that_a_kernel_may_lack_attach_or_say_why_not() {
    if !may_load("hooks_that_a_kernel_may_lack_attach_or_say_why_not") {
        return;
    }
    for (attach, section, target) in [
        (Attach::Fentry, "fentry/do_exit", "do_exit"),
        (Attach::Kprobe, "kprobe/do_exit", "do_exit"),
        (
            Attach::Tracepoint,
            "tracepoint/sched/sched_switch",
            "sched/sched_switch",
        ),
    ] {
        let object = Builder::default().empty(section, "f").finish();
        match state(&object, &[alternative("f", attach, target)]) {
            ProgramState::Attached(attached) => assert_eq!(attached.function, "f"),
            ProgramState::Unsupported { reason } => {
                println!("{attach}: {reason}");
                assert!(reason.len() > 20, "{reason}");
            }
            ProgramState::Failed { reason } => panic!("{attach}: {reason}"),
        }
    }
}

#[test]
fn functions_that_do_not_exist_are_unsupported() {
    if !may_load("functions_that_do_not_exist_are_unsupported") {
        return;
    }
    let object = Builder::default()
        .empty("fentry/no_such_function", "f")
        .empty("kprobe/no_such_function", "k")
        .finish();
    for (function, attach) in [("f", Attach::Fentry), ("k", Attach::Kprobe)] {
        let state = state(
            &object,
            &[alternative(function, attach, "no_such_function")],
        );
        println!("{}", unsupported(&state));
    }
}

#[test]
fn mistakes_in_a_manifest_are_errors_of_the_module() {
    if !may_load("mistakes_in_a_manifest_are_errors_of_the_module") {
        return;
    }
    let object = Builder::default()
        .global("WIDTH", &[0; 4])
        .empty("tp_btf/sched_switch", "f")
        .finish();
    let good = plan(&[alternative("f", Attach::TpBtf, "sched_switch")]);

    let absent = plan(&[alternative("g", Attach::TpBtf, "sched_switch")]);
    let error = load(&object, &absent).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the object has no function g, which program program names"
    );

    let wrong = plan(&[alternative("f", Attach::RawTp, "sched_switch")]);
    let module = load(&object, &wrong).unwrap();
    let reason = module.programs[0].reason().unwrap();
    assert_eq!(reason, "function f is not a raw_tp program in the object");

    let global = |name: &str, value: u64| {
        let globals = vec![(name.to_owned(), value.to_le_bytes().to_vec())];
        load(
            &object,
            &Plan {
                globals,
                ..good.clone()
            },
        )
    };
    assert!(global("WIDTH", u64::from(u32::MAX)).is_ok());
    assert!(matches!(
        global("WIDTH", 1 << 32),
        Err(LoadError::GlobalWidth { width: 4, .. })
    ));
    assert!(matches!(global("DEPTH", 1), Err(LoadError::NoGlobal(_))));

    let map_entries = vec![("NO_MAP".to_owned(), 1)];
    let error = load(
        &object,
        &Plan {
            map_entries,
            ..good.clone()
        },
    )
    .unwrap_err();
    assert!(matches!(error, LoadError::NoMap(_)));
    assert!(matches!(
        load(b"no object", &good),
        Err(LoadError::Object(_))
    ));
}

/// An object with the map `MAP` of this type, whose value is that many u64.
fn with_map(map_type: u32, words: u32) -> Vec<u8> {
    let mut btf = BtfBuilder::default();
    let index = btf.int("u32", 4, 0, 32);
    let cell = btf.int("u64", 8, 0, 64);
    let value = btf.array(cell, words);
    let map_type = btf.array(index, map_type);
    let [map_type, key, value] = [map_type, index, value].map(|to| btf.ptr(to));
    let members = [
        ("type", map_type, 0),
        ("key", key, 64),
        ("value", value, 128),
    ];
    let definition = btf.plain(4, "Map", 24, &members);
    btf.raw("MAP", 14, 0, definition, &[1]);
    Builder::default()
        .map("MAP", &btf.finish())
        .empty("tp_btf/sched_switch", "f")
        .finish()
}

#[test]
fn a_value_that_no_cpu_has_room_for_is_told_before_the_kernel_refuses_it() {
    const ARRAY: u32 = 2;
    const PERCPU_ARRAY: u32 = 6;
    let plan = plan(&[alternative("f", Attach::TpBtf, "sched_switch")]);
    let words = u32::try_from(per_cpu_value_limit() / 8).unwrap();
    verify(&with_map(PERCPU_ARRAY, words), &plan).unwrap();
    verify(&with_map(ARRAY, words + 1), &plan).unwrap();
    let error = verify(&with_map(PERCPU_ARRAY, words + 1), &plan).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "map MAP: a value takes {} bytes on each CPU, and the kernel allows {} \
             (PCPU_MIN_UNIT_SIZE; kernel/bpf/arraymap.c, hashtab.c): divide the value among \
             several maps, or among keys",
            8 * (words + 1),
            8 * words
        )
    );
}

#[test]
fn a_btf_file_that_is_missing_or_broken_is_named() {
    let missing = KernelBtf::open(Some(std::path::Path::new("/nonexistent/btf"))).unwrap_err();
    assert!(
        missing.to_string().contains("/nonexistent/btf"),
        "{missing}"
    );
    let broken = KernelBtf::open(Some(std::path::Path::new("/proc/self/status"))).unwrap_err();
    assert!(broken.to_string().contains("not BTF"), "{broken}");
}
