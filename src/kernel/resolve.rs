//! Answers to requests, from a kernel's BTF.

use super::btf::{Btf, Kind, PathError, Place, Type};
use super::request::{ArgumentOf, EnumeratorOf, Fact, Field, MemberPath, Question, Request};

/// A fact that this kernel does not have, or not in a form that a probe can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this kernel cannot answer \"{which}\": {why}")]
pub struct Missing {
    /// The request.
    pub which: String,
    /// What was found lacking, for each alternative.
    pub why: String,
}

/// What is wrong with an alternative, or with each of several.
struct Obstacle {
    why: String,
    /// It is there, in another form: nothing that `optional` excuses.
    present: bool,
}

impl From<String> for Obstacle {
    fn from(why: String) -> Self {
        let present = false;
        Self { why, present }
    }
}

/// Answers `request`: the two words that the probe reads back.
pub fn resolve(request: &Request, btf: &Btf) -> Result<[u32; 2], Missing> {
    let answer = match &request.question {
        Question::Field(fields) => {
            first(fields, |each| field(btf, each)).map(|offset| [offset, request.optional.into()])
        }
        Question::Bitfield(paths) => first(paths, |path| bitfield(btf, path)),
        Question::Size(paths) => first(paths, |path| size(btf, path)).map(|size| [size, 0]),
        Question::Argument(arguments) => first(arguments, |argument| index(btf, argument))
            .map(|index| [index, request.optional.into()]),
        Question::Enumerator(names) => {
            first(names, |name| number(btf, name)).map(|value| [value, request.optional.into()])
        }
        Question::Exists(facts) => Ok([facts.iter().any(|fact| holds(btf, fact)).into(), 0]),
    };
    match answer {
        Err(Obstacle { present: false, .. }) if request.optional => Ok([0, 0]),
        Err(Obstacle { why, .. }) => Err(Missing {
            which: request.to_string(),
            why,
        }),
        Ok(answer) => Ok(answer),
    }
}

/// The first alternative that has an answer; else what was wrong with each.
fn first<A, T, E: Into<Obstacle>>(
    alternatives: &[A],
    answer: impl Fn(&A) -> Result<T, E>,
) -> Result<T, Obstacle> {
    let mut misses: Vec<String> = Vec::new();
    let mut present = false;
    for alternative in alternatives {
        match answer(alternative).map_err(Into::into) {
            Ok(answer) => return Ok(answer),
            Err(obstacle) => {
                present |= obstacle.present;
                if !misses.contains(&obstacle.why) {
                    misses.push(obstacle.why);
                }
            }
        }
    }
    let why = misses.join(", ");
    Err(Obstacle { why, present })
}

fn place(btf: &Btf, path: &MemberPath) -> Result<Place, PathError> {
    let members: Vec<&str> = path.members.iter().map(String::as_str).collect();
    btf.member(&path.structure, &members)
}

fn field(btf: &Btf, field: &Field) -> Result<u32, Obstacle> {
    let Field { path, size } = field;
    let place = place(btf, path).map_err(|error| error.to_string())?;
    let offset = place
        .byte_offset()
        .ok_or_else(|| format!("{} is a bit field", spell(path)))?;
    let Some(expected) = *size else {
        return Ok(narrow(offset)?);
    };
    let found = btf
        .size_of(place.type_id)
        .map_err(|error| error.to_string())?;
    if found == u64::from(expected) {
        return Ok(narrow(offset)?);
    }
    Err(Obstacle {
        why: format!("{} has size {found}, not {expected}", spell(path)),
        present: true,
    })
}

fn bitfield(btf: &Btf, path: &MemberPath) -> Result<[u32; 2], String> {
    let place = place(btf, path).map_err(|error| error.to_string())?;
    let width = match place.bit_width {
        Some(width) => u64::from(width),
        None => btf
            .size_of(place.type_id)
            .map_err(|error| error.to_string())?
            .saturating_mul(8),
    };
    let bit = place.bit_offset % 8;
    if width == 0 || bit + width > 8 {
        return Err(format!("{} does not lie within one byte", spell(path)));
    }
    // Bit numbers count from the byte's other end on big-endian machines.
    let shift = if cfg!(target_endian = "big") {
        8 - bit - width
    } else {
        bit
    };
    Ok([narrow(place.bit_offset / 8)?, narrow(shift | width << 8)?])
}

fn size(btf: &Btf, path: &MemberPath) -> Result<u32, String> {
    let place = place(btf, path).map_err(|error| error.to_string())?;
    if place.bit_width.is_some() {
        return Err(format!("{} is a bit field", spell(path)));
    }
    narrow(
        btf.size_of(place.type_id)
            .map_err(|error| error.to_string())?,
    )
}

fn number(btf: &Btf, name: &EnumeratorOf) -> Result<u32, String> {
    let value = btf
        .enumerator(name.enumeration.as_deref(), &name.name)
        .map_err(|error| error.to_string())?;
    // An enumerator of more than 32 bits keeps its low ones.
    value
        .and_then(|value| u32::try_from(value & u64::from(u32::MAX)).ok())
        .ok_or_else(|| match &name.enumeration {
            Some(enumeration) => format!("no enumerator {enumeration}.{}", name.name),
            None => format!("no enumerator {} in a nameless enumeration", name.name),
        })
}

/// Index of an argument as programs count: without the leading `void *__data`.
fn index(btf: &Btf, argument: &ArgumentOf) -> Result<u32, String> {
    let ArgumentOf {
        tracepoint,
        type_name,
        nth,
    } = argument;
    let prototype = btf
        .tracepoint(tracepoint)
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("no tracepoint {tracepoint}"))?;
    (0..)
        .zip(prototype.parameters().skip(1))
        .filter(|&(_, parameter)| is_called(btf, parameter, type_name))
        .nth(*nth)
        .map(|(index, _)| index)
        .ok_or_else(|| format!("tracepoint {tracepoint} has no such argument {type_name}"))
}

/// Whether a parameter is of type `name`, or a pointer to structure `name`.
fn is_called(btf: &Btf, parameter: u32, name: &str) -> bool {
    let Ok(Some(parameter)) = btf.unqualified(parameter) else {
        return false;
    };
    if parameter.kind != Kind::Ptr {
        return has_alias(btf, parameter, name);
    }
    let Ok(Some(target)) = btf.unaliased(parameter.referenced().unwrap_or(0)) else {
        return false;
    };
    let composite = target.is_composite() || target.kind == Kind::Fwd;
    let pointee = btf
        .unqualified(parameter.referenced().unwrap_or(0))
        .ok()
        .flatten();
    composite && pointee.is_some_and(|pointee| has_alias(btf, pointee, name))
}

/// Whether the type, or one that it is a typedef of, has the name. The chain is known to end:
/// the caller, or the check here, has followed it.
fn has_alias(btf: &Btf, start: Type<'_>, name: &str) -> bool {
    if btf.unaliased(start.id).is_err() {
        return false;
    }
    let mut alias = Some(start);
    while let Some(found) = alias {
        if btf.name(&found) == name {
            return true;
        }
        if found.kind != Kind::Typedef {
            return false;
        }
        alias = btf
            .unqualified(found.referenced().unwrap_or(0))
            .ok()
            .flatten();
    }
    false
}

fn holds(btf: &Btf, fact: &Fact) -> bool {
    match fact {
        Fact::Member(path) => place(btf, path).is_ok(),
        Fact::Enumerator(name) => number(btf, name).is_ok(),
        Fact::Type(name) => btf.has_type(name),
        Fact::Tracepoint(name) => btf.tracepoint(name).is_ok_and(|found| found.is_some()),
        Fact::Argument(argument) => index(btf, argument).is_ok(),
    }
}

fn narrow(value: u64) -> Result<u32, String> {
    u32::try_from(value).map_err(|_| format!("{value} does not fit 32 bits"))
}

fn spell(path: &MemberPath) -> String {
    format!("{}.{}", path.structure, path.members.join("."))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kernel::btf::build::Builder;

    /// A kernel with a structure, an enumeration and a tracepoint
    /// `done(void *, struct request *, struct request *const, status_t)`.
    fn kernel() -> Btf {
        let mut btf = Builder::default();
        let byte = btf.int("unsigned char", 1, 0, 8);
        let word = btf.int("unsigned int", 4, 0, 32);
        let status = btf.typedef("status_t", byte);
        let flags = [
            ("low", word, 0, 3),
            ("wide", word, 3, 6),
            ("next", word, 16, 1),
        ];
        let flags = btf.packed_struct("flags", 4, &flags);
        let members = [
            ("state", byte, 0, 0),
            ("flags", flags, 32, 0),
            ("count", word, 64, 0),
        ];
        let request = btf.packed_struct("request", 12, &members);
        let pointer = btf.ptr(request);
        let fixed = btf.konst(pointer);
        let void = btf.ptr(0);
        let prototype = btf.prototype(&[void, pointer, fixed, status]);
        let hook = btf.ptr(prototype);
        btf.typedef("btf_trace_done", hook);
        btf.enumeration("op", &[("OP_READ", 0), ("OP_WRITE", 7)]);
        btf.enumeration("", &[("NAMELESS", 9)]);
        Btf::parse(btf.finish()).unwrap()
    }

    fn ask(text: &str) -> Result<[u32; 2], Missing> {
        resolve(&text.parse().unwrap(), &kernel())
    }

    #[test]
    fn found() {
        for (text, answer) in [
            ("field request.count", [8, 0]),
            (
                "field request.missing | request.flags | request.count",
                [4, 0],
            ),
            ("optional field request.count", [8, 1]),
            ("field request.count : 4", [8, 0]),
            ("optional field request.missing | request.state : 1", [0, 1]),
            ("field request.count : 8 | request.flags : 4", [4, 0]),
            ("bitfield request.flags.low", [4, 3 << 8]),
            ("bitfield request.flags.next", [6, 1 << 8]),
            ("bitfield request.state", [0, 8 << 8]),
            ("size request.flags", [4, 0]),
            ("argument done request", [0, 0]),
            ("argument done request 1", [1, 0]),
            ("argument done status_t", [2, 0]),
            ("argument done unsigned char", [2, 0]),
            ("optional argument done request 1", [1, 1]),
            ("enumerator nop.X | op.OP_WRITE", [7, 0]),
            ("optional enumerator op.OP_WRITE", [7, 1]),
            ("enumerator op.NAMELESS | NAMELESS", [9, 0]),
            ("exists enum NAMELESS", [1, 0]),
            ("exists request.flags.low", [1, 0]),
            ("exists enum op.OP_READ", [1, 0]),
            ("exists type flags", [1, 0]),
            ("exists tracepoint done", [1, 0]),
            ("exists argument done status_t", [1, 0]),
        ] {
            assert_eq!(ask(text), Ok(answer), "{text}");
        }
    }

    #[test]
    fn absent() {
        for text in [
            "optional field request.missing",
            "optional field request.missing : 4",
            "optional bitfield request.flags.wide",
            "optional argument done request 2",
            "optional enumerator op.OP_TRIM",
            "exists request.missing",
            "exists enum op.OP_TRIM",
            "exists type missing",
            "exists tracepoint missing",
            "exists argument done int",
        ] {
            assert_eq!(ask(text), Ok([0, 0]), "{text}");
        }
    }

    #[test]
    fn missing_says_what_and_why() {
        for (text, why) in [
            ("field request.missing", "no member missing in request"),
            (
                "field request.flags.missing",
                "no member missing in request.flags",
            ),
            (
                "field request.state.missing",
                "request.state is not a structure",
            ),
            ("field rq.clock", "no structure or union rq"),
            ("field request.flags.low", "is a bit field"),
            ("field request.count : 8", "request.count has size 4, not 8"),
            (
                "field request.state | request.missing : 2",
                "request.state has size 1, not 2, no member missing in request",
            ),
            (
                "optional field request.state : 4",
                "request.state has size 1, not 4",
            ),
            (
                "bitfield request.flags.wide",
                "does not lie within one byte",
            ),
            ("bitfield request.count", "does not lie within one byte"),
            ("argument done request 2", "no such argument request"),
            ("argument start request", "no tracepoint start"),
            ("enumerator op.OP_TRIM", "no enumerator op.OP_TRIM"),
            (
                "enumerator OP_READ",
                "no enumerator OP_READ in a nameless enumeration",
            ),
        ] {
            let missing = ask(text).unwrap_err();
            assert!(missing.to_string().contains(why), "{text}: {missing}");
            assert!(missing.to_string().contains(text), "{missing}");
        }
    }
}
