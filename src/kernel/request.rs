//! The requests by which a probe asks for facts about the running kernel.
//!
//! A request is one line of text in the object: a verb, and alternatives between ` | ` of
//! which the first that the kernel has is the answer.

use std::fmt;
use std::str::FromStr;

/// A parsed request; displays as its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whether a miss is an answer and not a reason to leave the program out.
    pub optional: bool,
    pub question: Question,
    text: String,
}

/// What is asked, with its alternatives in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Byte offset of a member.
    Field(Vec<Field>),
    /// Byte offset of the byte that holds a bit field, and its place in that byte.
    Bitfield(Vec<MemberPath>),
    /// Size of a member in bytes.
    Size(Vec<MemberPath>),
    /// Index of a tracepoint's argument.
    Argument(Vec<ArgumentOf>),
    /// Number of an enumerator.
    Enumerator(Vec<EnumeratorOf>),
    /// Byte offset of a field in the record of a classic tracepoint.
    Record(Vec<RecordField>),
    /// Whether the kernel, or a module of it, has any of these functions: nothing but that
    /// it has is an answer.
    Function(Vec<String>),
    /// Whether the kernel has any of these.
    Exists(Vec<Fact>),
}

/// `STRUCT.member.member`, or `STRUCT.member.member : SIZE` for what is read as so many bytes.
/// A size goes for the alternatives before it too, up to one that has its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub path: MemberPath,
    /// In bytes. A member of another size is none that the probe could read.
    pub size: Option<u32>,
}

/// `STRUCT.member.member`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPath {
    pub structure: String,
    pub members: Vec<String>,
}

/// `TRACEPOINT TYPE [nth]`: the nth of the tracepoint's arguments of that type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArgumentOf {
    pub tracepoint: String,
    /// The structure pointed to, or the name of a base type or typedef.
    pub type_name: String,
    pub nth: usize,
}

/// `ENUM.NAME`, or `NAME` alone where the enumeration has no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumeratorOf {
    pub enumeration: Option<String>,
    pub name: String,
}

/// `CATEGORY/EVENT.FIELD`, or `CATEGORY/EVENT.FIELD : SIZE`, as [`Field`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordField {
    pub category: String,
    pub event: String,
    pub field: String,
    pub size: Option<u32>,
}

/// What `exists` can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Member(MemberPath),
    Enumerator(EnumeratorOf),
    Type(String),
    Tracepoint(String),
    Argument(ArgumentOf),
}

/// A request that is not in the language above.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot understand the request \"{text}\": {why}")]
pub struct RequestError {
    text: String,
    why: String,
}

/// The words that a request can begin with.
const VERBS: [&str; 9] = [
    "field",
    "bitfield",
    "size",
    "argument",
    "enumerator",
    "record",
    "function",
    "exists",
    "optional",
];

impl Request {
    /// Whether `text` claims to be a request, well-formed or not.
    pub fn claims(text: &str) -> bool {
        text.split_once(' ')
            .is_some_and(|(verb, _)| VERBS.contains(&verb))
    }
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        parse(text).map_err(|why| RequestError {
            text: text.to_owned(),
            why,
        })
    }
}

fn parse(text: &str) -> Result<Request, String> {
    let (optional, rest) = match text.strip_prefix("optional ") {
        Some(rest) => (true, rest.trim_start()),
        None => (false, text),
    };
    let (verb, rest) = rest
        .split_once(' ')
        .ok_or("it has a verb and nothing else")?;
    let question = match verb {
        "field" => Question::Field(sized(rest, field, |it| &mut it.size)?),
        "record" => Question::Record(sized(rest, record, |it| &mut it.size)?),
        "function" if !optional => Question::Function(alternatives(rest, identifier)?),
        "bitfield" => Question::Bitfield(alternatives(rest, member)?),
        "argument" => Question::Argument(alternatives(rest, argument)?),
        "enumerator" => Question::Enumerator(alternatives(rest, enumerator)?),
        "size" if !optional => Question::Size(alternatives(rest, member)?),
        "exists" if !optional => Question::Exists(alternatives(rest, fact)?),
        "size" | "exists" | "function" => return Err(format!("\"{verb}\" cannot be optional")),
        _ => return Err(format!("there is no verb \"{verb}\"")),
    };
    Ok(Request {
        optional,
        question,
        text: text.to_owned(),
    })
}

fn alternatives<T>(text: &str, parse: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    text.split('|')
        .map(|alternative| parse(alternative.trim()))
        .collect()
}

/// Alternatives of which each takes the size of the next where it has none of its own.
fn sized<T>(
    text: &str,
    parse: fn(&str) -> Result<T, String>,
    size: fn(&mut T) -> &mut Option<u32>,
) -> Result<Vec<T>, String> {
    let mut all = alternatives(text, parse)?;
    let mut behind = None;
    for each in all.iter_mut().rev() {
        let own = size(each);
        *own = own.or(behind);
        behind = *own;
    }
    Ok(all)
}

fn field(text: &str) -> Result<Field, String> {
    let (path, size) = with_size(text)?;
    let path = member(path)?;
    Ok(Field { path, size })
}

fn record(text: &str) -> Result<RecordField, String> {
    let (path, size) = with_size(text)?;
    let parts = path
        .split_once('/')
        .and_then(|(category, rest)| Some((category, rest.split_once('.')?)));
    let (category, (event, field)) =
        parts.ok_or_else(|| format!("\"{path}\" is not CATEGORY/EVENT.FIELD"))?;
    Ok(RecordField {
        category: identifier(category)?,
        event: identifier(event)?,
        field: identifier(field)?,
        size,
    })
}

fn with_size(text: &str) -> Result<(&str, Option<u32>), String> {
    Ok(match text.split_once(':') {
        Some((path, size)) => (path.trim_end(), Some(bytes(size.trim_start())?)),
        None => (text, None),
    })
}

fn bytes(text: &str) -> Result<u32, String> {
    let size = text.parse().ok().filter(|&size| size > 0);
    size.ok_or_else(|| format!("\"{text}\" is not a size in bytes"))
}

fn fact(text: &str) -> Result<Fact, String> {
    Ok(match text.split_once(' ') {
        None => Fact::Member(member(text)?),
        Some(("enum", rest)) => Fact::Enumerator(enumerator(rest.trim())?),
        Some(("type", rest)) => Fact::Type(phrase(rest)?),
        Some(("tracepoint", rest)) => Fact::Tracepoint(identifier(rest.trim())?),
        Some(("argument", rest)) => Fact::Argument(argument(rest.trim())?),
        Some((word, _)) => return Err(format!("\"exists {word}\" is nothing that can be asked")),
    })
}

fn member(text: &str) -> Result<MemberPath, String> {
    let mut names = text.split('.').map(identifier);
    let structure = names.next().unwrap_or_else(|| identifier(""))?;
    let members = names.collect::<Result<Vec<_>, _>>()?;
    if members.is_empty() {
        return Err(format!("\"{text}\" names no member"));
    }
    Ok(MemberPath { structure, members })
}

fn enumerator(text: &str) -> Result<EnumeratorOf, String> {
    let (enumeration, name) = match text.split_once('.') {
        Some((enumeration, name)) => (Some(identifier(enumeration)?), name),
        None => (None, text),
    };
    Ok(EnumeratorOf {
        enumeration,
        name: identifier(name)?,
    })
}

fn argument(text: &str) -> Result<ArgumentOf, String> {
    let (tracepoint, rest) = text
        .split_once(' ')
        .ok_or_else(|| format!("\"{text}\" is not TRACEPOINT TYPE"))?;
    let (type_name, nth) = match rest.rsplit_once(' ').map(|(name, nth)| (name, nth.parse())) {
        Some((name, Ok(nth))) => (name, nth),
        _ => (rest, 0),
    };
    Ok(ArgumentOf {
        tracepoint: identifier(tracepoint)?,
        type_name: phrase(type_name)?,
        nth,
    })
}

/// A C type name: words, as in `unsigned int`.
fn phrase(text: &str) -> Result<String, String> {
    let words = text
        .split_whitespace()
        .map(identifier)
        .collect::<Result<Vec<_>, _>>()?;
    if words.is_empty() {
        return Err("a type name is missing".to_owned());
    }
    Ok(words.join(" "))
}

fn identifier(text: &str) -> Result<String, String> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok(text.to_owned())
    } else {
        Err(format!("\"{text}\" is not a C identifier"))
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn path(structure: &str, members: &[&str]) -> MemberPath {
        let members = members.iter().map(|&name| name.to_owned()).collect();
        MemberPath {
            structure: structure.to_owned(),
            members,
        }
    }

    fn fields(text: &str) -> Vec<(MemberPath, Option<u32>)> {
        let Question::Field(fields) = text.parse::<Request>().unwrap().question else {
            unreachable!()
        };
        let pair = |field: Field| (field.path, field.size);
        fields.into_iter().map(pair).collect()
    }

    #[test]
    fn alternatives_keep_their_order() {
        let request: Request = "field task_struct.__state | task_struct.state"
            .parse()
            .unwrap();
        assert!(!request.optional);
        assert_eq!(
            request.to_string(),
            "field task_struct.__state | task_struct.state"
        );
        assert_eq!(
            fields(&request.to_string()),
            [
                (path("task_struct", &["__state"]), None),
                (path("task_struct", &["state"]), None)
            ]
        );
    }

    #[test]
    fn a_size_goes_for_the_alternatives_before_it() {
        let sizes = |text| -> Vec<_> { fields(text).into_iter().map(|(_, size)| size).collect() };
        assert_eq!(
            fields("field request.cmd_flags : 4"),
            [(path("request", &["cmd_flags"]), Some(4))]
        );
        assert_eq!(sizes("field a.b | c.d : 4"), [Some(4), Some(4)]);
        assert_eq!(sizes("field a.b:4|c.d:8"), [Some(4), Some(8)]);
        assert_eq!(sizes("optional field a.b : 4 | c.d"), [Some(4), None]);
    }

    #[test]
    fn arguments_take_type_names_of_several_words_and_a_rank() {
        let request: Request = "optional argument tp unsigned int 2".parse().unwrap();
        assert!(request.optional);
        let Question::Argument(alternatives) = request.question else {
            unreachable!()
        };
        assert_eq!(
            alternatives,
            [ArgumentOf {
                tracepoint: "tp".to_owned(),
                type_name: "unsigned int".to_owned(),
                nth: 2
            }]
        );
    }

    #[test]
    fn exists_takes_every_kind_of_fact() {
        let text = "exists a.b.c | enum e.V | type t | tracepoint tp | argument tp request";
        let request: Request = text.parse().unwrap();
        let Question::Exists(facts) = request.question else {
            unreachable!()
        };
        assert_eq!(facts.len(), 5);
        assert_eq!(facts[0], Fact::Member(path("a", &["b", "c"])));
        assert_eq!(facts[2], Fact::Type("t".to_owned()));
        assert_eq!(facts[3], Fact::Tracepoint("tp".to_owned()));
    }

    #[test]
    fn what_is_not_a_request_says_why() {
        for (text, why) in [
            ("field", "verb and nothing else"),
            ("field a", "names no member"),
            ("field a..b", "not a C identifier"),
            ("field a.b |", "not a C identifier"),
            ("field a.b :", "\"\" is not a size in bytes"),
            ("field a.b : 0", "\"0\" is not a size in bytes"),
            ("field a.b : u32", "\"u32\" is not a size in bytes"),
            ("field a.b : 4 : 8", "\"4 : 8\" is not a size in bytes"),
            ("size a.b : 4", "not a C identifier"),
            ("offset a.b", "no verb"),
            ("optional exists a.b", "cannot be optional"),
            ("optional field", "verb and nothing else"),
            ("enumerator .REQ_OP_READ", "not a C identifier"),
            ("argument block_rq_complete", "not TRACEPOINT TYPE"),
            ("exists function f", "nothing that can be asked"),
            ("record dma_fence_init.driver", "not CATEGORY/EVENT.FIELD"),
            (
                "record dma_fence/dma_fence_init",
                "not CATEGORY/EVENT.FIELD",
            ),
            ("record ../x.driver", "not a C identifier"),
            ("function nvidia.open", "not a C identifier"),
            ("optional function f", "cannot be optional"),
        ] {
            let error = text.parse::<Request>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(error.contains(text), "{error}");
        }
    }

    #[test]
    fn only_text_with_a_verb_claims_to_be_a_request() {
        assert!(Request::claims("field task_struct.pid"));
        assert!(Request::claims("optional nonsense"));
        assert!(!Request::claims("fields of gold"));
        assert!(!Request::claims("field"));
    }
}
