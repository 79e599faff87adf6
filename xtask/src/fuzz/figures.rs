/// Of the rows of [`Figures`].
pub const HEADING: &str = "\
| target | seconds | runs | runs/s | coverage | features | corpus | peak MiB |
|---|--:|--:|--:|--:|--:|--:|--:|";

/// What a run came to, as libFuzzer tells it.
#[derive(Debug, PartialEq, Eq)]
pub struct Figures {
    seconds: u64,
    pub runs: u64,
    /// Places in the code that were reached.
    coverage: u64,
    /// The same, told apart by how often and with which values compared.
    features: u64,
    /// Inputs that are kept, because each reaches what no other does.
    corpus: u64,
    /// Of memory, in MiB.
    peak: u64,
}

impl Figures {
    /// Reads them from the output of a run that came to its end.
    pub fn read(output: &str) -> Option<Self> {
        // Done 4096 runs in 61 second(s)
        let done = output.lines().rfind(|line| line.starts_with("Done "))?;
        let mut numbers = done.split(' ').filter_map(|word| word.parse().ok());
        // #4096  DONE   cov: 120 ft: 340 corp: 56/12Kb lim: 4096 exec/s: 67 rss: 120Mb
        let last = output.lines().rfind(|line| line.contains(" cov: "))?;
        let after = |key: &str| {
            let (_, rest) = last.split_once(key)?;
            let end = rest.find(|digit: char| !digit.is_ascii_digit());
            rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
        };
        Some(Self {
            runs: numbers.next()?,
            seconds: numbers.next()?,
            coverage: after(" cov: ")?,
            features: after(" ft: ")?,
            corpus: after(" corp: ")?,
            peak: after(" rss: ")?,
        })
    }

    /// A row of the table.
    pub fn row(&self, target: &str) -> String {
        let rate = self.runs / self.seconds.max(1);
        let Self {
            seconds,
            runs,
            coverage,
            features,
            corpus,
            peak,
        } = self;
        format!(
            "| {target} | {seconds} | {runs} | {rate} | {coverage} | {features} | {corpus} | {peak} |"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_end() {
        let output = "\
#2\tINITED cov: 9 ft: 9 corp: 1/1b exec/s: 0 rss: 41Mb
#61\tNEW    cov: 10 ft: 12 corp: 2/5b lim: 4 exec/s: 0 rss: 44Mb L: 4/4 MS: 1 CopyPart-
#4096\tDONE   cov: 120 ft: 340 corp: 56/12Kb lim: 4096 exec/s: 67 rss: 120Mb
Done 4096 runs in 61 second(s)
";
        let figures = Figures::read(output);
        let row = figures.map(|it| it.row("btf")).unwrap_or_default();
        assert_eq!(row, "| btf | 61 | 4096 | 67 | 120 | 340 | 56 | 120 |");
        assert_eq!(Figures::read("==1== ERROR: libFuzzer: timeout\n"), None);
    }
}
