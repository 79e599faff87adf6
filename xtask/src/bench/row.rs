//! A line of the tables: what was measured, and what it may be.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// In what a figure is given.
#[derive(Clone, Copy)]
pub enum Unit {
    Milliseconds,
    Mebibytes,
    /// Multiples of an empty program.
    Times,
}

impl Display for Unit {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Milliseconds => "ms",
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
    budget: Option<f64>,
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
        self.budget = budget.into();
        self
    }

    pub fn what(&self) -> &str {
        &self.what
    }

    /// What is not a number is over any budget.
    pub fn is_over(&self) -> bool {
        self.budget
            .is_some_and(|budget| self.measured.is_nan() || self.measured > budget)
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
            Some(budget) => write!(formatter, " | {budget} {unit} |"),
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
    }

    #[test]
    fn a_row_is_a_line_of_markdown() {
        let row = Row::time("start", Duration::from_micros(1250)).budget(300.0);
        assert_eq!(row.to_string(), "| start | 1.25 ms | 300 ms |");
        let row = Row::memory("maps", 1_572_864.0).detail("two CPUs");
        assert_eq!(row.to_string(), "| maps | 1.50 MiB (two CPUs) | |");
    }
}
