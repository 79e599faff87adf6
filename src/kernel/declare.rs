//! Declarations of kernel facts in an object, and the programs that need each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::facts::Facts;
use super::object::{Global, Object, Reference};
use super::request::{Request, RequestError};
use super::resolve::{Missing, resolve};

/// Bytes of the answer, which lies before the request's text.
const ANSWER: usize = 8;

/// A read-only global that asks for a fact.
#[derive(Debug, Clone)]
pub struct Declaration {
    pub symbol: String,
    pub request: Request,
    /// Where its bytes are in the object file.
    range: Range<usize>,
}

/// All declarations of an object.
#[derive(Debug)]
pub struct Declarations {
    list: Vec<Declaration>,
    /// For each function, indices into `list`.
    used: BTreeMap<String, BTreeSet<usize>>,
}

/// A declaration that no kernel could answer.
#[derive(Debug, thiserror::Error)]
#[error("declaration {symbol}: {source}")]
pub struct DeclarationError {
    symbol: String,
    source: RequestError,
}

/// The declarations of an object, answered for one kernel.
#[derive(Debug)]
pub struct Answers<'a> {
    declarations: &'a Declarations,
    answers: Vec<Result<[u32; 2], Missing>>,
}

impl Declarations {
    /// Finds the declarations of `object` and which function uses which, directly or through
    /// the functions it calls.
    pub fn find(object: &Object<'_>) -> Result<Self, DeclarationError> {
        let list = object
            .globals()
            .into_iter()
            .filter_map(|global| declaration(global).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let used = uses(object, &list);
        Ok(Self { list, used })
    }

    /// The declarations that `function` depends on.
    pub fn used_by(&self, function: &str) -> impl Iterator<Item = &Declaration> {
        self.indices(function)
            .filter_map(|index| self.list.get(index))
    }

    /// Every declaration, used or not.
    pub fn iter(&self) -> impl Iterator<Item = &Declaration> {
        self.list.iter()
    }

    /// Whether the object has a function of this name.
    pub fn has_function(&self, function: &str) -> bool {
        self.used.contains_key(function)
    }

    /// Asks a kernel.
    pub fn answer(&self, facts: &Facts<'_>) -> Answers<'_> {
        let answers = self
            .list
            .iter()
            .map(|each| resolve(&each.request, facts))
            .collect();
        Answers {
            declarations: self,
            answers,
        }
    }

    fn indices(&self, function: &str) -> impl Iterator<Item = usize> {
        self.used.get(function).into_iter().flatten().copied()
    }
}

impl Answers<'_> {
    /// What `function` needs and this kernel lacks.
    pub fn missing(&self, function: &str) -> impl Iterator<Item = &Missing> {
        self.declarations
            .indices(function)
            .filter_map(|index| self.answers.get(index)?.as_ref().err())
    }

    /// The answer to a declaration; none where the kernel has none.
    pub fn get(&self, symbol: &str) -> Option<[u32; 2]> {
        let index = self
            .declarations
            .list
            .iter()
            .position(|each| each.symbol == symbol)?;
        self.answers.get(index)?.as_ref().ok().copied()
    }

    /// Writes the answers into a copy of the object they were asked for.
    pub fn write(&self, object: &mut [u8]) {
        for (declaration, answer) in self.declarations.list.iter().zip(&self.answers) {
            let (Ok([first, second]), Some(bytes)) =
                (answer, object.get_mut(declaration.range.clone()))
            else {
                continue;
            };
            let words = [first.to_ne_bytes(), second.to_ne_bytes()];
            for (place, byte) in bytes.iter_mut().zip(words.as_flattened()) {
                *place = *byte;
            }
        }
    }
}

fn declaration(global: Global<'_>) -> Result<Option<Declaration>, DeclarationError> {
    let Some((answer, text)) = global.bytes.split_at_checked(ANSWER) else {
        return Ok(None);
    };
    // The symbol is as long as its alignment makes it.
    let length = text
        .iter()
        .rposition(|&byte| byte != 0)
        .map_or(0, |last| last + 1);
    let text = str::from_utf8(text.get(..length).unwrap_or_default()).unwrap_or_default();
    if answer.iter().any(|&byte| byte != 0) || !Request::claims(text) {
        return Ok(None);
    }
    let symbol = global.name.to_owned();
    match text.parse() {
        Ok(request) => Ok(Some(Declaration {
            symbol,
            request,
            range: global.range,
        })),
        Err(source) => Err(DeclarationError { symbol, source }),
    }
}

fn uses(object: &Object<'_>, list: &[Declaration]) -> BTreeMap<String, BTreeSet<usize>> {
    let functions = object.functions();
    let references: Vec<Vec<Reference>> = functions
        .iter()
        .map(|each| object.references(each, &functions))
        .collect();
    (0..)
        .zip(&functions)
        .map(|(index, each)| (each.name.to_owned(), reach(index, &references, list)))
        .collect()
}

fn reach(start: usize, references: &[Vec<Reference>], list: &[Declaration]) -> BTreeSet<usize> {
    let mut seen = BTreeSet::from([start]);
    let mut waiting = vec![start];
    let mut used = BTreeSet::new();
    while let Some(function) = waiting.pop() {
        for reference in references.get(function).into_iter().flatten() {
            match *reference {
                Reference::Function(called) if seen.insert(called) => waiting.push(called),
                Reference::Function(_) => {}
                Reference::Data(at) => {
                    used.extend(list.iter().position(|each| each.range.contains(&at)));
                }
            }
        }
    }
    used
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::btf::Btf;
    use crate::kernel::btf::build::Builder as BtfBuilder;
    use crate::kernel::testing::{Builder, Instruction};

    fn kernel() -> Btf {
        let mut btf = BtfBuilder::default();
        let int = btf.int("int", 4, 0, 32);
        btf.plain(4, "task", 8, &[("pid", int, 0), ("tgid", int, 32)]);
        Btf::parse(btf.finish()).unwrap()
    }

    fn used(declarations: &Declarations, function: &str) -> Vec<String> {
        declarations
            .used_by(function)
            .map(|each| each.symbol.clone())
            .collect()
    }

    /// `direct` takes an address, `through` one by section and offset, and `caller` calls
    /// `helper`, which calls `inner` behind it in the same section; `bystander` needs nothing.
    fn object() -> Vec<u8> {
        let finish = || [Instruction::result(0), Instruction::exit()];
        let body = |first| [first].into_iter().chain(finish()).collect();
        Builder::default()
            .global("OPTION", &7_u32.to_ne_bytes())
            .declare("PID", "field task.pid")
            .declare("TGID", "field task.tgid")
            .declare("GONE", "field task.gone")
            .global("TEXT", b"\0\0\0\0\0\0\0\0just some text")
            .function("tp_btf/a", "direct", body(Instruction::address("PID", 0)))
            // OPTION takes 8 bytes with its alignment, PID 24.
            .function(
                "tp_btf/a",
                "through",
                body(Instruction::address("section .rodata", 32)),
            )
            .function("tp_btf/b", "caller", body(Instruction::call("helper")))
            .function(".text", "helper", body(Instruction::call_ahead(2)))
            .function(".text", "inner", body(Instruction::address("GONE", 0)))
            .empty("tp_btf/c", "bystander")
            .finish()
    }

    #[test]
    fn uses_are_found_directly_and_through_calls() {
        let bytes = object();
        let declarations = Declarations::find(&Object::parse(&bytes).unwrap()).unwrap();
        assert_eq!(declarations.iter().count(), 3);
        assert_eq!(used(&declarations, "direct"), ["PID"]);
        assert_eq!(used(&declarations, "through"), ["TGID"]);
        assert_eq!(used(&declarations, "caller"), ["GONE"]);
        assert!(used(&declarations, "bystander").is_empty());
        assert!(declarations.has_function("bystander") && !declarations.has_function("PID"));
    }

    #[test]
    fn answers_go_into_the_object_and_misses_to_the_programs() {
        let mut bytes = object();
        let original = bytes.clone();
        let declarations = Declarations::find(&Object::parse(&original).unwrap()).unwrap();
        let btf = kernel();
        let answers = declarations.answer(&Facts::running(&btf));
        assert_eq!(
            (answers.get("TGID"), answers.get("GONE")),
            (Some([4, 0]), None)
        );
        assert_eq!(answers.missing("direct").count(), 0);
        let missing: Vec<_> = answers
            .missing("caller")
            .map(|each| each.which.as_str())
            .collect();
        assert_eq!(missing, ["field task.gone"]);

        answers.write(&mut bytes);
        let globals = Object::parse(&bytes).unwrap().globals();
        let tgid = globals.iter().find(|global| global.name == "TGID").unwrap();
        let text = b"field task.tgid\0";
        assert_eq!(
            tgid.bytes,
            [&4_u32.to_ne_bytes()[..], &[0; 4], text].concat()
        );
        let option = globals
            .iter()
            .find(|global| global.name == "OPTION")
            .unwrap();
        assert_eq!(option.bytes, 7_u32.to_ne_bytes());
    }

    #[test]
    fn a_malformed_request_is_an_error_with_its_symbol() {
        let bytes = Builder::default().declare("BAD", "field task").finish();
        let error = Declarations::find(&Object::parse(&bytes).unwrap()).unwrap_err();
        assert!(
            error.to_string().starts_with("declaration BAD: "),
            "{error}"
        );
    }
}
