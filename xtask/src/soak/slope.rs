//! How fast something grows.

/// What was measured when, in seconds.
#[derive(Default)]
pub struct Series(Vec<(f64, f64)>);

/// A straight line through a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    pub per_second: f64,
    /// The middle of what was measured.
    pub mean: f64,
    /// From the first to the last measurement, along the line, as a share of the mean.
    pub growth: f64,
}

impl Series {
    pub fn push(&mut self, seconds: f64, value: f64) {
        self.0.push((seconds, value));
    }

    /// The line with the least squares through what was measured after `seconds`; none where that
    /// are fewer than two.
    pub fn slope_after(&self, seconds: f64) -> Option<Slope> {
        let late: Vec<_> = self.0.iter().filter(|(at, _)| *at >= seconds).collect();
        let ((first, _), (last, _)) = (late.first()?, late.last()?);
        let count = late.len() as f64;
        let middle = late.iter().map(|(at, _)| at).sum::<f64>() / count;
        let mean = late.iter().map(|(_, value)| value).sum::<f64>() / count;
        let width: f64 = late.iter().map(|(at, _)| (at - middle).powi(2)).sum();
        let both: f64 = late
            .iter()
            .map(|(at, value)| (at - middle) * (value - mean))
            .sum();
        let per_second = (width > 0.0).then(|| both / width)?;
        Some(Slope {
            per_second,
            mean,
            growth: per_second * (last - first) / mean,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_own_slope() {
        let mut series = Series::default();
        series.push(0.0, 900.0);
        for second in 1..=11 {
            series.push(f64::from(second), 100.0 + 2.0 * f64::from(second));
        }
        let slope = series.slope_after(1.0).unwrap();
        assert!((slope.per_second - 2.0).abs() < 1e-9, "{slope:?}");
        assert!((slope.mean - 112.0).abs() < 1e-9, "{slope:?}");
        assert!((slope.growth - 20.0 / 112.0).abs() < 1e-9, "{slope:?}");
    }

    #[test]
    fn one_point_has_none() {
        let mut series = Series::default();
        series.push(3.0, 5.0);
        assert_eq!(series.slope_after(0.0), None);
    }
}
