//! The lines on the console by which the guest tells what came out.

use std::fmt;

use anyhow::Result;

const MARK: &str = "GEOPHONE-SMOKE";

/// The check whose detail is where the programs attach, in JSON.
pub const ATTACHMENTS: &str = "attachments";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub outcome: Outcome,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Fail,
}

impl Check {
    pub fn new(name: &str, result: Result<String>) -> Self {
        let (outcome, detail) = match result {
            Ok(detail) => (Outcome::Ok, detail),
            Err(error) => (Outcome::Fail, format!("{error:#}")),
        };
        // One check, one line.
        Self {
            name: name.to_owned(),
            outcome,
            detail: detail.replace('\n', " / "),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARK} {} {} {}", self.name, self.outcome, self.detail)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Fail => "FAIL",
        })
    }
}

/// The checks in the text of a console, which has other lines too.
pub fn parse(console: &str) -> Vec<Check> {
    let check = |line: &str| {
        let (_, line) = line.split_once(MARK)?;
        let mut words = line.trim().splitn(3, ' ');
        let name = words.next()?.to_owned();
        let outcome = match words.next()? {
            "ok" => Outcome::Ok,
            _ => Outcome::Fail,
        };
        Some(Check {
            name,
            outcome,
            detail: words.next().unwrap_or_default().to_owned(),
        })
    };
    console.lines().filter_map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let checks = [
            Check::new("good", Ok("3 against 3".to_owned())),
            Check::new("bad", Err(anyhow::anyhow!("one\ntwo"))),
            Check::new("terse", Ok(String::new())),
        ];
        let console = checks.map(|check| format!("[    1.0] noise\r\nnoise {check}\r\n"));
        let read = parse(&console.concat());
        assert_eq!(read.len(), 3);
        assert_eq!(read[0].detail, "3 against 3");
        assert_eq!(
            (read[1].outcome, read[1].detail.as_str()),
            (Outcome::Fail, "one / two")
        );
        assert_eq!(
            (read[2].outcome, read[2].detail.as_str()),
            (Outcome::Ok, "")
        );
    }
}
