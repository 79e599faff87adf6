use std::collections::BTreeMap;
use std::time::SystemTime;

use geophone::introspect::Families;
use geophone::push::PushCounters;
use geophone::snapshot::Value;

/// What was counted of an endpoint, by metric without its prefix, and by outcome or reason.
pub fn counted(counters: &PushCounters, endpoint: &str) -> BTreeMap<String, f64> {
    of(endpoint, |families| counters.introspect(families))
}

/// As [`counted`], of what someone puts in.
pub fn of(endpoint: &str, introspect: impl FnOnce(&mut Families)) -> BTreeMap<String, f64> {
    let mut families = Families::new(SystemTime::now());
    introspect(&mut families);
    let mut counted = BTreeMap::new();
    for family in families.finish() {
        let name = family.descriptor.name.trim_start_matches("geophone_otlp_");
        for series in family
            .series
            .iter()
            .filter(|series| *series.labels[0] == *endpoint)
        {
            let value = match &series.value {
                Value::Counter(total) => total.as_f64(),
                Value::Gauge(value) => *value,
                other => panic!("{name}: {other:?}"),
            };
            let key = match series.labels.get(1) {
                Some(label) => format!("{name} {label}"),
                None => name.to_owned(),
            };
            counted.insert(key, value);
        }
    }
    counted
}
