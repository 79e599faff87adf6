//! Answers to requests: mostly from a kernel's BTF.

use std::io;

use super::btf::{Btf, Kind, PathError, Place, Type};
use super::facts::{Facts, Texts};
use super::record::field as recorded;
use super::request::{
    ArgumentOf, EnumeratorOf, Fact, Field, MemberPath, Question, RecordField, Request,
};
use super::tracefs;

/// A fact that this kernel does not have, or not in a form that a probe can use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this kernel cannot answer \"{which}\": {why}")]
pub struct Missing {
    /// The request.
    pub which: String,
    /// What was found lacking, for each alternative.
    pub why: String,
    /// That could not be looked up: who has more rights may find it.
    pub unknown: bool,
}

/// All that is missing, in one line: what is missing for the same reason said once. None if
/// nothing is.
pub fn explain<'a>(missing: impl Iterator<Item = &'a Missing>) -> Option<String> {
    let mut reasons: Vec<(&Missing, usize)> = Vec::new();
    for each in missing {
        match reasons.iter_mut().find(|(it, _)| it.why == each.why) {
            Some((_, more)) => *more += 1,
            None => reasons.push((each, 0)),
        }
    }
    let lines = reasons.into_iter().map(|(missing, more)| match more {
        0 => missing.to_string(),
        more => {
            let Missing { which, why, .. } = missing;
            format!("this kernel cannot answer \"{which}\" and {more} more: {why}")
        }
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

/// What is wrong with an alternative, or with each of several.
struct Obstacle {
    why: String,
    kind: Lacking,
}

/// In the order in which one of them prevails among alternatives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lacking {
    Absent,
    /// It could not be looked up.
    Unknown,
    /// It is there, in another form.
    OtherForm,
}

impl From<String> for Obstacle {
    fn from(why: String) -> Self {
        let kind = Lacking::Absent;
        Self { why, kind }
    }
}

/// Answers `request`: the two words that the probe reads back.
pub fn resolve(request: &Request, facts: &Facts<'_>) -> Result<[u32; 2], Missing> {
    let Facts { btf, texts } = *facts;
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
        Question::Record(fields) => first(fields, |each| record(texts, each))
            .map(|offset| [offset, request.optional.into()]),
        Question::Function(names) => first(names, |name| function(texts, name)).map(|()| [1, 0]),
        Question::Exists(facts) => Ok([facts.iter().any(|fact| holds(btf, fact)).into(), 0]),
    };
    match answer {
        // What is there in another form, or may be there, is nothing that `optional` excuses.
        Err(Obstacle {
            kind: Lacking::Absent,
            ..
        }) if request.optional => Ok([0, 0]),
        Err(Obstacle { why, kind }) => Err(Missing {
            which: request.to_string(),
            why,
            unknown: kind == Lacking::Unknown,
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
    let mut kind = Lacking::Absent;
    for alternative in alternatives {
        match answer(alternative).map_err(Into::into) {
            Ok(answer) => return Ok(answer),
            Err(obstacle) => {
                kind = kind.max(obstacle.kind);
                if !misses.contains(&obstacle.why) {
                    misses.push(obstacle.why);
                }
            }
        }
    }
    let why = misses.join(", ");
    Err(Obstacle { why, kind })
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
    Err(other_size(&spell(path), found, expected))
}

fn other_size(what: &str, found: u64, expected: u32) -> Obstacle {
    Obstacle {
        why: format!("{what} has size {found}, not {expected}"),
        kind: Lacking::OtherForm,
    }
}

fn record(texts: &dyn Texts, asked: &RecordField) -> Result<u32, Obstacle> {
    let RecordField {
        category,
        event,
        field,
        size,
    } = asked;
    let tracepoint = format!("{category}/{event}");
    let format = texts
        .format(category, event)
        .map_err(|error| unread(&error, &tracepoint))?;
    let found = recorded(&format, field)
        .ok_or_else(|| format!("no field {field} in the record of {tracepoint}"))?;
    match *size {
        Some(expected) if found.size != expected => {
            let what = format!("{tracepoint}.{field}");
            Err(other_size(&what, found.size.into(), expected))
        }
        _ => Ok(found.offset),
    }
}

fn unread(error: &io::Error, tracepoint: &str) -> Obstacle {
    match error.kind() {
        io::ErrorKind::NotFound => format!("no tracepoint {tracepoint}").into(),
        _ => Obstacle {
            why: tracefs::unreadable(error),
            kind: Lacking::Unknown,
        },
    }
}

fn function(texts: &dyn Texts, name: &str) -> Result<(), Obstacle> {
    match texts.has_function(name) {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("no function {name}").into()),
        Err(error) => Err(Obstacle {
            why: format!("cannot read /proc/kallsyms: {error}"),
            kind: Lacking::Unknown,
        }),
    }
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

    /// A kernel with a tracepoint `gpu/job`, another that may not be read, and a function.
    struct Told;

    impl Texts for Told {
        fn format(&self, category: &str, event: &str) -> io::Result<String> {
            let field = "field:__data_loc char[] ring;\toffset:24;\tsize:4;\tsigned:0;\n";
            match (category, event) {
                ("gpu", "job") => Ok(field.to_owned()),
                ("gpu", "secret") => Err(io::ErrorKind::PermissionDenied.into()),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        }

        fn has_function(&self, name: &str) -> io::Result<bool> {
            Ok(name == "open")
        }
    }

    fn ask(text: &str) -> Result<[u32; 2], Missing> {
        let (btf, texts) = (&kernel(), &Told);
        resolve(&text.parse().unwrap(), &Facts { btf, texts })
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
            ("record gpu/job.ring", [24, 0]),
            ("record gpu/task.ring | gpu/job.ring : 4", [24, 0]),
            ("optional record gpu/job.ring : 4", [24, 1]),
            ("function shut | open", [1, 0]),
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
            "optional record gpu/job.device : 4",
            "optional record gpu/task.ring",
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
    fn what_is_missing_for_the_same_reason_is_said_once() {
        let missing = ["record gpu/a.x", "field rq.clock", "record gpu/a.y"];
        let missing = missing.map(|text| ask(text).unwrap_err());
        assert_eq!(
            explain(missing.iter()).unwrap(),
            "this kernel cannot answer \"record gpu/a.x\" and 1 more: no tracepoint gpu/a; \
             this kernel cannot answer \"field rq.clock\": no structure or union rq"
        );
        assert_eq!(explain([].iter()), None);
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
            ("record gpu/task.ring", "no tracepoint gpu/task"),
            (
                "record gpu/job.device",
                "no field device in the record of gpu/job",
            ),
            (
                "optional record gpu/job.ring : 8",
                "gpu/job.ring has size 4, not 8",
            ),
            ("optional record gpu/secret.ring", "tracefs cannot be read"),
            ("function shut", "no function shut"),
            (
                "enumerator OP_READ",
                "no enumerator OP_READ in a nameless enumeration",
            ),
        ] {
            let missing = ask(text).unwrap_err();
            assert!(missing.to_string().contains(why), "{text}: {missing}");
            assert!(missing.to_string().contains(text), "{missing}");
            assert_eq!(missing.unknown, text.contains("secret"), "{text}");
        }
    }
}
