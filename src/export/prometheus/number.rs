//! Numbers as Prometheus prints them.

use std::io::Write;

/// Appends an integer.
pub(super) fn push_integer(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a float in the shortest form that reads back as the same float, with an exponent
/// below 1e-4 and from 1e6 on: Go's `strconv.FormatFloat(value, 'g', -1, 64)`, which is how
/// Prometheus writes samples and `le` labels.
pub(super) fn push_float(out: &mut Vec<u8>, value: f64) {
    if !value.is_finite() {
        out.extend_from_slice(match value {
            f64::INFINITY => b"+Inf",
            f64::NEG_INFINITY => b"-Inf",
            _ => b"NaN",
        });
        return;
    }
    // Sign, 17 digits, point, `e-308`.
    let mut buffer = [0_u8; 32];
    let mut rest = &mut buffer[..];
    let fits = write!(rest, "{value:e}").is_ok();
    let used = 32 - rest.len();
    let shortest = buffer
        .get(..used)
        .and_then(|text| std::str::from_utf8(text).ok());
    let Some((mantissa, exponent)) = shortest.filter(|_| fits).and_then(|s| s.split_once('e'))
    else {
        // Unreachable by the length above; a longer but valid number all the same.
        out.extend_from_slice(value.to_string().as_bytes());
        return;
    };
    let exponent = exponent.parse::<i32>().unwrap_or(0);
    let (sign, mantissa) = mantissa
        .strip_prefix('-')
        .map_or(("", mantissa), |digits| ("-", digits));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    out.extend_from_slice(sign.as_bytes());
    match exponent {
        -4..=-1 => {
            out.extend_from_slice(b"0.");
            push_zeros(out, exponent.unsigned_abs() as usize - 1);
            out.extend_from_slice(whole.as_bytes());
            out.extend_from_slice(fraction.as_bytes());
        }
        0..=5 => {
            let digits = exponent.unsigned_abs() as usize;
            out.extend_from_slice(whole.as_bytes());
            if let Some((before, after)) = fraction.split_at_checked(digits) {
                out.extend_from_slice(before.as_bytes());
                if !after.is_empty() {
                    out.push(b'.');
                    out.extend_from_slice(after.as_bytes());
                }
            } else {
                out.extend_from_slice(fraction.as_bytes());
                push_zeros(out, digits - fraction.len());
            }
        }
        _ => {
            out.extend_from_slice(mantissa.as_bytes());
            out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
            if exponent.unsigned_abs() < 10 {
                out.push(b'0');
            }
            push_integer(out, u64::from(exponent.unsigned_abs()));
        }
    }
}

/// Appends a float as OpenMetrics wants the edges of buckets: never looking like an integer.
pub(super) fn push_canonical(out: &mut Vec<u8>, value: f64) {
    let start = out.len();
    push_float(out, value);
    let looks_whole = out
        .get(start..)
        .is_some_and(|t| t.iter().all(|b| b.is_ascii_digit() || *b == b'-'));
    if looks_whole {
        out.extend_from_slice(b".0");
    }
}

fn push_zeros(out: &mut Vec<u8>, count: usize) {
    out.resize(out.len() + count, b'0');
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        push_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn canonical(value: f64) -> String {
        let mut out = Vec::new();
        push_canonical(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    /// Expected texts are what Go 1.22 prints for these values.
    #[test]
    fn floats_are_printed_as_go_prints_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (10.0, "10"),
            (123_456.0, "123456"),
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (1_048_576.0, "1.048576e+06"),
            (1234.567, "1234.567"),
            (0.0001, "0.0001"),
            (0.000_123_45, "0.00012345"),
            (0.00001, "1e-05"),
            (2f64.powi(-20), "9.5367431640625e-07"),
            (2f64.powi(-14), "6.103515625e-05"),
            (2f64.powi(-10), "0.0009765625"),
            (1e100, "1e+100"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn edges_never_look_whole_in_openmetrics() {
        for (value, text) in [
            (0.0, "0.0"),
            (16.0, "16.0"),
            (0.5, "0.5"),
            (1e6, "1e+06"),
            (2f64.powi(-20), "9.5367431640625e-07"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(canonical(value), text);
        }
    }

    proptest! {
        #[test]
        fn floats_read_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(float(value).parse::<f64>().unwrap().to_bits(), bits);
            prop_assert_eq!(canonical(value).parse::<f64>().unwrap().to_bits(), bits);
        }
    }
}
