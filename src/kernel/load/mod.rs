//! Loading a module's object and attaching its programs. The only place that knows aya.

mod attach;
mod code;
mod copies;
mod error;
mod foresee;
mod function;
mod function_loader;
#[cfg(all(test, target_arch = "x86_64"))]
#[allow(clippy::unwrap_used)]
mod function_tests;
mod kernel_btf;
mod plan;
mod refusal;
#[cfg(test)]
mod tests;

pub use attach::Attached;
pub use error::LoadError;
pub use foresee::{Foreseen, foresee};
pub use function::{FunctionError, FunctionLink, FunctionPrograms, Place};
pub use kernel_btf::{KernelBtf, RUNNING};
pub use plan::{Alternative, Attach, Plan, ProgramPlan};

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::AsFd as _;

use aya::maps::{Map, MapData};
use aya::{Ebpf, EbpfLoader};

use super::declare::{Answers, Declarations};
use super::layout::{MapLayout, layouts};
use super::map::{MapError, MapHandle, per_cpu_value_limit};
use super::object::Object;
use super::process::raise_memory_limit;
use super::resolve::explain;
use function_loader::FunctionLoader;
use refusal::Refusal;

/// A loaded module. Dropping it detaches its programs and frees its maps.
#[derive(Debug)]
pub struct Module {
    /// In the order of the plan.
    pub programs: Vec<Program>,
    /// Hash and array maps of the object, by name.
    pub maps: BTreeMap<String, MapHandle>,
    /// Only of modules that attach to functions of libraries.
    functions: Option<FunctionPrograms>,
}

/// A program of a module, and what became of it.
#[derive(Debug)]
pub struct Program {
    pub name: String,
    /// As planned.
    pub optional: bool,
    pub state: ProgramState,
    /// Better alternatives than the one that is attached, and why they are not.
    pub passed_over: Vec<PassedOver>,
}

/// An alternative that was not taken.
#[derive(Debug)]
pub struct PassedOver {
    pub hook: String,
    /// Whether the kernel simply does not offer what it needs. Otherwise it should have
    /// worked: the verifier rejected it, say.
    pub unsupported: bool,
    pub reason: String,
}

#[derive(Debug)]
pub enum ProgramState {
    Attached(Attached),
    /// This kernel does not offer what the program needs.
    Unsupported {
        reason: String,
    },
    /// It should have worked.
    Failed {
        reason: String,
    },
}

/// Loads modules, one after the other.
pub struct Loader<'a> {
    kernel: &'a KernelBtf,
    // One for all: making one costs a reading of the kernel's type information.
    loader: EbpfLoader<'a>,
}

impl<'a> Loader<'a> {
    /// Prepares for loading, and lifts the limit of locked memory where that is allowed.
    pub fn new(kernel: &'a KernelBtf) -> Result<Self, LoadError> {
        raise_memory_limit();
        let mut loader = EbpfLoader::new();
        // It comes with a reading of its own: one is enough in memory.
        loader.btf(None);
        loader.btf(Some(kernel.loader()?));
        Ok(Self { kernel, loader })
    }

    /// Loads an object and attaches its programs. A program that does not load or attach
    /// costs only itself; an error here is one of the object or the plan, or means that
    /// nothing at all can be loaded.
    ///
    /// `prepare` gets the maps before any program can count into them.
    pub fn load(
        &mut self,
        object: &'a [u8],
        plan: &Plan,
        prepare: impl FnOnce(&BTreeMap<String, MapHandle>) -> Result<(), MapError>,
    ) -> Result<Module, LoadError> {
        let parsed = Object::parse(object)?;
        let declarations = Declarations::find(&parsed)?;
        check_functions(&declarations, plan)?;
        let answers = declarations.answer(&self.kernel.facts());
        let mut patched = object.to_vec();
        answers.write(&mut patched);
        write_globals(&parsed, plan, &mut patched)?;
        self.size_maps(&parsed, object, plan)?;

        // What was written may lie where more than a global is.
        Object::parse(&patched)?.sound()?;
        let mut ebpf = self.loader.load(&patched)?;
        let maps = handles(&ebpf, &parsed)?;
        prepare(&maps)?;
        let mut functions = FunctionLoader::new(&patched, plan, &ebpf, self.kernel);
        let mut programs = Vec::with_capacity(plan.programs.len());
        for program in &plan.programs {
            let forced = plan.force_alternative;
            programs.push(self.start(&mut ebpf, &mut functions, program, forced, &answers));
        }
        let functions = functions.finish(ebpf);
        Ok(Module {
            programs,
            maps,
            functions,
        })
    }

    /// Sets the size of every map of the object: the loader keeps what was set for the last.
    fn size_maps(
        &mut self,
        parsed: &Object<'a>,
        object: &[u8],
        plan: &Plan,
    ) -> Result<(), LoadError> {
        let layouts = layouts(object)?;
        check_maps(&layouts, plan)?;
        for name in parsed.map_names() {
            let planned = plan.map_entries.iter().rev().find(|(map, _)| map == name);
            let asked = layouts.get(name).map_or(0, |layout| layout.max_entries);
            self.loader
                .map_max_entries(name, planned.map_or(asked, |&(_, entries)| entries));
        }
        Ok(())
    }

    fn start(
        &self,
        ebpf: &mut Ebpf,
        functions: &mut FunctionLoader,
        plan: &ProgramPlan,
        forced: Option<usize>,
        answers: &Answers<'_>,
    ) -> Program {
        let name = plan.name.clone();
        let mut passed_over = Vec::new();
        for (index, alternative) in plan.to_try(forced) {
            let Refusal {
                unsupported,
                reason,
            } = match self.try_one(&name, ebpf, functions, index, alternative, answers) {
                Ok(attached) => {
                    let state = ProgramState::Attached(attached);
                    return Program {
                        name,
                        optional: plan.optional,
                        state,
                        passed_over,
                    };
                }
                Err(refusal) => refusal,
            };
            passed_over.push(PassedOver {
                hook: alternative.hook(),
                unsupported,
                reason,
            });
        }
        Program {
            name,
            optional: plan.optional,
            state: not_attached(&passed_over),
            passed_over: Vec::new(),
        }
    }

    fn try_one(
        &self,
        name: &str,
        ebpf: &mut Ebpf,
        functions: &mut FunctionLoader,
        index: usize,
        alternative: &Alternative,
        answers: &Answers<'_>,
    ) -> Result<Attached, Refusal> {
        if let Some(missing) = explain(answers.missing(&alternative.function)) {
            return Err(Refusal::unsupported(missing));
        }
        if alternative.attach.is_at_library() {
            return functions.load(name, ebpf, index, alternative, self.kernel);
        }
        attach::attach(ebpf, index, alternative, self.kernel)
    }
}

impl Module {
    /// Detaches a program that is at a hook of the kernel, and has no use there.
    pub fn release(&mut self, name: &str, reason: String) {
        let mut programs = self.programs.iter_mut();
        let attached = |it: &&mut Program| it.attached().is_some_and(|it| !it.is_at_library());
        if let Some(program) = programs.find(|it| it.name == name).filter(attached) {
            program.state = ProgramState::Unsupported { reason };
        }
    }

    /// The programs that are [at a library](Attached::is_at_library), to be attached; none
    /// the second time.
    pub fn take_functions(&mut self) -> Option<FunctionPrograms> {
        self.functions.take()
    }
}

impl Program {
    /// How it is attached, if it is.
    pub fn attached(&self) -> Option<&Attached> {
        match &self.state {
            ProgramState::Attached(attached) => Some(attached),
            _ => None,
        }
    }

    /// Why it is not attached, if it is not.
    pub fn reason(&self) -> Option<&str> {
        match &self.state {
            ProgramState::Attached(_) => None,
            ProgramState::Unsupported { reason } | ProgramState::Failed { reason } => Some(reason),
        }
    }
}

/// The state of a program of which no alternative could be had.
fn not_attached(refused: &[PassedOver]) -> ProgramState {
    let reason = match refused {
        [] => "it has no alternatives".to_owned(),
        [only] => only.reason.clone(),
        several => {
            let each = several.iter().map(ToString::to_string);
            each.collect::<Vec<_>>().join("; ")
        }
    };
    if refused.iter().all(|each| each.unsupported) {
        ProgramState::Unsupported { reason }
    } else {
        ProgramState::Failed { reason }
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.hook, self.reason)
    }
}

/// Checks that an object has all that a plan speaks of, as far as that shows without loading.
///
/// # Errors
///
/// The object cannot be read, or lacks a function, a global or a map of the plan.
pub fn verify(object: &[u8], plan: &Plan) -> Result<(), LoadError> {
    let parsed = Object::parse(object)?;
    parsed.sound()?;
    check_functions(&Declarations::find(&parsed)?, plan)?;
    write_globals(&parsed, plan, &mut object.to_vec())?;
    check_maps(&layouts(object)?, plan)
}

fn check_maps(layouts: &BTreeMap<String, MapLayout>, plan: &Plan) -> Result<(), LoadError> {
    let mut planned = plan.map_entries.iter().map(|(name, _)| name);
    if let Some(name) = planned.find(|name| !layouts.contains_key(*name)) {
        return Err(LoadError::NoMap(name.clone()));
    }
    let limit = per_cpu_value_limit();
    let mut per_cpu = layouts.iter().filter(|(_, layout)| layout.per_cpu);
    match per_cpu.find(|(_, layout)| layout.value_size > limit) {
        Some((map, layout)) => Err(LoadError::PerCpuValue {
            map: map.clone(),
            size: layout.value_size,
            limit,
        }),
        None => Ok(()),
    }
}

fn check_functions(declarations: &Declarations, plan: &Plan) -> Result<(), LoadError> {
    for program in &plan.programs {
        for Alternative { function, .. } in &program.alternatives {
            if !declarations.has_function(function) {
                let (program, function) = (program.name.clone(), function.clone());
                return Err(LoadError::NoFunction { program, function });
            }
        }
    }
    Ok(())
}

fn write_globals(object: &Object<'_>, plan: &Plan, bytes: &mut [u8]) -> Result<(), LoadError> {
    let globals = object.globals();
    for (name, value) in &plan.globals {
        let global = globals.iter().find(|global| global.name == name);
        let place = global
            .and_then(|global| bytes.get_mut(global.range.clone()))
            .ok_or_else(|| LoadError::NoGlobal(name.clone()))?;
        let (kept, lost) = value.split_at_checked(place.len()).unwrap_or((value, &[]));
        if lost.iter().any(|&byte| byte != 0) {
            return Err(LoadError::GlobalWidth {
                name: name.clone(),
                value: format!("{value:?}"),
                width: place.len(),
            });
        }
        for (index, place) in place.iter_mut().enumerate() {
            *place = kept.get(index).copied().unwrap_or(0);
        }
    }
    Ok(())
}

fn handles(ebpf: &Ebpf, object: &Object<'_>) -> Result<BTreeMap<String, MapHandle>, LoadError> {
    let mut handles = BTreeMap::new();
    for name in object.map_names() {
        let Some(data) = ebpf.map(name).and_then(data) else {
            continue;
        };
        let failed = |source: io::Error| MapError {
            map: name.to_owned(),
            operation: "keep its descriptor",
            source,
        };
        let fd = data.fd().as_fd().try_clone_to_owned().map_err(failed)?;
        handles.insert(name.to_owned(), MapHandle::new(name, fd)?);
    }
    Ok(handles)
}

/// The map itself, of the kinds that are read and written here.
fn data(map: &Map) -> Option<&MapData> {
    match map {
        Map::Array(data)
        | Map::PerCpuArray(data)
        | Map::HashMap(data)
        | Map::PerCpuHashMap(data)
        | Map::LruHashMap(data)
        | Map::PerCpuLruHashMap(data) => Some(data),
        _ => None,
    }
}
