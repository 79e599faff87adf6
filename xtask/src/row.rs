//! A line of the tables: what was measured, and what it may be.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// In what a figure is given.
#[derive(Clone, Copy)]
pub enum Unit {
    Milliseconds,
    Nanoseconds,
    Mebibytes,
    /// Multiples of something else, such as an empty program.
    Times,
}

impl Display for Unit {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Milliseconds => "ms",
            Self::Nanoseconds => "ns",
            Self::Mebibytes => "MiB",
            Self::Times => "x",
        })
    }
}

pub struct Row {
    what: String,
    measured: f64,
    unit: Unit,
    detail: String,
    budget: Option<Budget>,
}

/// What a figure may be, in the row's unit.
#[derive(Clone, Copy)]
enum Budget {
    AtMost(f64),
    AtLeast(f64),
}

impl Row {
    pub fn new(what: impl Into<String>, measured: f64, unit: Unit) -> Self {
        Self {
            what: what.into(),
            measured,
            unit,
            detail: String::new(),
            budget: None,
        }
    }

    pub fn time(what: impl Into<String>, measured: Duration) -> Self {
        Self::new(what, measured.as_secs_f64() * 1e3, Unit::Milliseconds)
    }

    pub fn memory(what: impl Into<String>, bytes: f64) -> Self {
        Self::new(what, bytes / f64::from(1 << 20), Unit::Mebibytes)
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// The most that it may be, in the row's unit.
    pub fn budget(mut self, budget: impl Into<Option<f64>>) -> Self {
        self.budget = budget.into().map(Budget::AtMost);
        self
    }

    /// The least that it may be, in the row's unit.
    pub fn at_least(mut self, budget: f64) -> Self {
        self.budget = Some(Budget::AtLeast(budget));
        self
    }

    pub fn what(&self) -> &str {
        &self.what
    }

    /// Whether it is not what it may be, as what is not a number never is.
    pub fn is_over(&self) -> bool {
        let within = match self.budget {
            None => true,
            Some(Budget::AtMost(most)) => self.measured <= most,
            Some(Budget::AtLeast(least)) => self.measured >= least,
        };
        !within
    }
}

impl Display for Row {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let unit = self.unit;
        write!(formatter, "| {} | {:.2} {unit}", self.what, self.measured)?;
        if !self.detail.is_empty() {
            write!(formatter, " ({})", self.detail)?;
        }
        match self.budget {
            Some(Budget::AtMost(most)) => write!(formatter, " | {most} {unit} |"),
            Some(Budget::AtLeast(least)) => write!(formatter, " | at least {least} {unit} |"),
            None => write!(formatter, " | |"),
        }
    }
}

pub fn print(title: &str, rows: &[Row]) {
    println!("\n| {title} | measured | budget |\n| --- | --- | --- |");
    for row in rows {
        println!("{row}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_over_its_budget_when_it_is_more_or_none() {
        let of = |measured| Row::new("cost", measured, Unit::Times).budget(4.0);
        assert!(!of(4.0).is_over());
        assert!(of(4.01).is_over());
        assert!(of(f64::NAN).is_over());
        assert!(!Row::new("cost", 9.0, Unit::Times).is_over());
        let gain = |measured| Row::new("gain", measured, Unit::Times).at_least(8.0);
        assert!(!gain(8.0).is_over());
        assert!(gain(7.9).is_over());
        assert!(gain(f64::NAN).is_over());
    }

    #[test]
    fn a_row_is_a_line_of_markdown() {
        let row = Row::time("start", Duration::from_micros(1250)).budget(300.0);
        assert_eq!(row.to_string(), "| start | 1.25 ms | 300 ms |");
        let row = Row::memory("maps", 1_572_864.0).detail("two CPUs");
        assert_eq!(row.to_string(), "| maps | 1.50 MiB (two CPUs) | |");
        let row = Row::new("gain", 30.0, Unit::Times).at_least(8.0);
        assert_eq!(row.to_string(), "| gain | 30.00 x | at least 8 x |");
    }
}
