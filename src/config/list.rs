use figment::value::Value as Merged;

use super::wording::written;
use super::{Form, ListenAddress, overlap};
use crate::document::{Node, Origin, Problem, Problems, Value};

impl Form {
    /// A list as figment merges it, or what is wrong with it, each item's mistake at the item.
    pub(super) fn check_list(&self, items: &[Node], list: &Origin) -> Result<Merged, Vec<Problem>> {
        let problems = Problems::default();
        let mut texts: Vec<&str> = Vec::with_capacity(items.len());
        let mut addresses: Vec<Listed<'_>> = Vec::new();
        for item in items {
            let Value::String(text) = &item.value else {
                let (expected, found) = (self.expected(false), item.value.describe());
                problems.add(
                    &item.origin,
                    format!("must be {expected}, found in it {found}"),
                );
                continue;
            };
            if texts.contains(&text.as_str()) {
                problems.add(&item.origin, format!("holds {text:?} twice"));
                continue;
            }
            texts.push(text);
            if *self != Self::Addresses {
                if text.is_empty() {
                    problems.add(&item.origin, "holds an empty path; remove it");
                }
                continue;
            }
            match text.parse() {
                Ok(address) => addresses.push(Listed {
                    text,
                    origin: &item.origin,
                    address,
                }),
                Err(why) => problems.add(&item.origin, not_an_address(text, &why, &item.origin)),
            }
        }
        if items.is_empty() && *self == Self::Addresses {
            problems.add(list, "must hold at least one address");
        }
        check_overlaps(&addresses, &problems);
        if problems.is_empty() {
            Ok(texts.into())
        } else {
            Err(problems.into_sorted())
        }
    }
}

fn not_an_address(text: &str, why: &str, origin: &Origin) -> String {
    let [host, any, ipv6] =
        ["host:port", ":port", "[ipv6]:port"].map(|form| written(form, origin.is_text()));
    format!(
        "holds {text:?}, but {why}; write {host}, {any} or {ipv6}, the host an IP address or localhost"
    )
}

/// An address as it was written.
struct Listed<'a> {
    text: &'a str,
    origin: &'a Origin,
    address: ListenAddress,
}

/// Notes every address that an earlier one leaves no room for.
fn check_overlaps(listed: &[Listed<'_>], problems: &Problems) {
    let all: Vec<&ListenAddress> = listed.iter().map(|one| &one.address).collect();
    for (at, one) in listed.iter().enumerate() {
        let found = listed.iter().take(at).find_map(|earlier| {
            let socket = overlap::shared(&earlier.address, &one.address, &all)?;
            Some((earlier.text, socket))
        });
        if let Some((earlier, socket)) = found {
            let text = one.text;
            problems.add(
                one.origin,
                format!(
                    "holds {earlier:?} and {text:?}, which both take {socket}; keep one of them"
                ),
            );
        }
    }
}
