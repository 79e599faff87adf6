//! Declarations of kernel facts in an object, and the programs that need each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::btf::Btf;
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

    /// Asks the kernel that `btf` describes.
    pub fn answer(&self, btf: &Btf) -> Answers<'_> {
        let answers = self
            .list
            .iter()
            .map(|each| resolve(&each.request, btf))
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
