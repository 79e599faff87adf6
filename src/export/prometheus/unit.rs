use crate::snapshot::{Descriptor, Kind};

/// The unit to declare: formats that know units accept one only if the name ends with it.
/// Counters are judged by what stands before `_total`.
pub(super) fn declared_unit(descriptor: &Descriptor) -> Option<&'static str> {
    let unit = descriptor.unit.as_str();
    let name = match descriptor.kind {
        Kind::Counter => descriptor
            .name
            .strip_suffix("_total")
            .unwrap_or(&descriptor.name),
        Kind::Gauge | Kind::Histogram => &descriptor.name,
        Kind::Info => return None,
    };
    let stem = name.strip_suffix(unit)?.strip_suffix('_')?;
    (!unit.is_empty() && !stem.is_empty()).then_some(unit)
}
